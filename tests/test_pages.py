"""Pages: what is folded stays folded, formulas are drawn, and nothing is fetched."""

import re

import nbformat

from helpers import pages

TEXT = """A root, $\\sqrt{p}$, and [the next](03_random_search.ipynb).

![dot](attachment:dot.png)

<details><summary>Question?</summary>

The *answer*.
</details>"""


def test_a_page_folds_answers_draws_formulas_and_fetches_nothing(tmp_path):
    cell = nbformat.v4.new_markdown_cell(TEXT, attachments={"dot.png": {"image/png": "AAAA"}})
    pages.write(tmp_path / "p.html", nbformat.v4.new_notebook(cells=[cell]), "Title <1>")
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    folded = re.search(r"<details>(.*?)</details>", text, flags=re.DOTALL)[1]
    assert "<em>answer</em>" in folded
    assert "<msqrt>" in text and "$" not in text.split("<body")[1]
    assert "data:image/png;base64,AAAA" in text and 'href="03_random_search.html' in text
    assert "<script" not in text and not re.search(r'(src|href)="https?:', text)
    assert "<title>Title &lt;1&gt;</title>" in text
