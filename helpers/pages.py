"""Notebooks as HTML pages that need no network: pictures inside, formulas as MathML, no script."""

import re

from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters import markdown_mistune

from helpers import state


class Markdown(markdown_mistune.IPythonRenderer):
    """Markdown of notebooks, with formulas as MathML."""

    def inline_math(self, body):
        return _formula(body)

    def block_math(self, body):
        return _formula(body, display="block")


def _formula(latex, display="inline"):
    made = convert(latex, display=display)
    return re.sub(r"(<mi>(?:ln|log)</mi>)(?=<mi>)", r'\1<mspace width="0.17em"/>', made)


class Exporter(HTMLExporter):
    """nbconvert's, with those formulas, and links from page to page.

    Its ``embed_images`` is left out, since it unfolds what ``details`` folds.
    """

    def markdown2html(self, context, source):
        renderer = Markdown(
            escape=False,
            attachments=context["cell"].get("attachments", {}),
            anchor_link_text=self.anchor_link_text,
        )
        made = markdown_mistune.MarkdownWithMath(renderer=renderer).render(source)
        return re.sub(r'href="(\w+)\.ipynb', r'href="\1.html', made)

    markdown2html.jinja_pass_arg = HTMLExporter.markdown2html.jinja_pass_arg


def write(path, notebook, title=None, **options):
    """Write a notebook as an HTML page.

    Args:
        path: the file to write.
        notebook: the notebook, executed.
        title: title of the page; None: the file's name.
        **options: those of nbconvert's HTMLExporter.
    """
    name = {"metadata": {"name": title or path.stem}}
    page, _ = Exporter(**options).from_notebook_node(notebook, name)
    state.write_text(path, re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL))
