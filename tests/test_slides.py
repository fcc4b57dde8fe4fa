"""Slides: cells packed into slides, pages without network, and what is said without Chromium."""

import random
import re
import shutil

import nbformat
import pytest

from helpers import rerun
from tools import slides

TEXT = nbformat.v4.new_markdown_cell
CODE = nbformat.v4.new_code_cell


def starts(*kinds_and_heights):
    """Where slides begin for cells given as ("h" heading, "p" prose or "c" code, pixels)."""
    made = {"h": lambda: TEXT("## Heading"), "p": lambda: TEXT("Text"), "c": lambda: CODE("1")}
    cells = [made[kind]() for kind, _ in kinds_and_heights]
    return slides.packed(cells, [high for _, high in kinds_and_heights])


def test_a_heading_begins_a_slide_and_code_stays_with_the_sentence_before_it():
    assert starts(("h", 90), ("h", 90), ("p", 90), ("h", 90), ("c", 90)) == (0, 3)
    assert starts(("h", 90), ("c", 400), ("p", 60), ("c", 300), ("p", 60)) == (0, 2)
    assert starts(("h", 90), ("c", 500), ("p", 200), ("c", 300)) == (0, 2)
    assert starts(("h", 90), ("c", 640), ("p", 300)) == (0, 1, 2)


def test_no_slide_is_higher_than_the_screen_unless_one_cell_is():
    rng = random.Random(1)
    for _ in range(50):
        cells = [(rng.choice("hpcc"), rng.randrange(30, 700)) for _ in range(40)]
        begin = starts(*cells)
        for first, last in zip(begin, [*begin[1:], len(cells)], strict=True):
            used = sum(high + slides.GAP for _, high in cells[first:last]) - slides.GAP
            assert used <= slides.ROOM or last == first + 1


def test_blocks_keep_answers_lists_and_code_whole_and_lose_nothing():
    answer = "<details><summary>Why?</summary>\n\nBecause.\n\nReally.\n</details>"
    code = "```python\na = 1\n\nb = 2\n```"
    pieces = [f"## Heading\n\n{answer}", "Text.\n\n- one\n\n- two", code, "Last."]
    assert slides.blocks("\n\n".join(pieces)) == pieces
    for path in rerun.available().values():
        for cell in nbformat.read(path, as_version=4).cells:
            if slides.is_prose(cell):
                joined = "".join("".join(slides.blocks(cell.source)).split())
                assert joined == "".join(cell.source.split()), cell.id


@pytest.fixture
def notebook():
    """Two slides: a formula and a folded answer; a picture that the cell itself holds."""
    first = TEXT(
        "# Title\n\n$\\sqrt 2$\n\n<details><summary>Why?</summary>\n\nBecause.\n</details>"
    )
    second = TEXT("## Next\n\n![a red dot](attachment:dot.png) [02](02_hypermodel.ipynb)")
    second["attachments"] = {"dot.png": {"image/png": "iVBORw0KGgo="}}
    for cell in (first, second):
        cell.metadata["slideshow"] = {"slide_type": "slide"}
    return nbformat.v4.new_notebook(cells=[first, second, CODE("1 + 1")])


def test_a_page_asks_for_nothing_and_keeps_answers_folded(notebook):
    page = slides.page(notebook, "A & B")
    assert page.count("<section>") == page.count("</section>") == 3  # two, and the one around
    assert "<title>A &amp; B</title>" in page and "<msqrt><mn>2</mn></msqrt>" in page
    assert re.search(r"<details>.*Because.*</details>", page, flags=re.DOTALL)
    assert 'alt="a red dot"' in page and "data:image/png;base64,iVBORw0KGgo=" in page
    assert 'href="02_hypermodel.html' in page
    asked = re.findall(r"<link\b|<script\s[^>]*src|@import|url\(|src=\"(?!data:)", page)
    assert not asked


def test_without_chromium_packing_says_so_and_changes_nothing(monkeypatch, capsys):
    path = rerun.available()["02_hypermodel"]
    before = path.read_bytes()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert slides.main(["pack", "02"]) == 1
    assert "Chromium" in capsys.readouterr().err and path.read_bytes() == before


def test_pages_are_written_for_lessons_only(tmp_path):
    assert slides.main(["write", "02", "report", "--output", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["02_hypermodel.html"]
