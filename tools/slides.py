"""The lessons as slides: which cells stand on which slide, and pages that need no network.

    python -m tools.slides pack              pack the cells of every lesson into slides
    python -m tools.slides pack --split 02   first split the prose of notebook 02 where a slide ends
    python -m tools.slides write             build/slides/: one HTML page a lesson

Packing measures every cell in Chromium on a screen of 1280 x 720, with answers unfolded, and writes
the metadata `slideshow` that JupyterLab's RISE and `write` read. A heading begins a slide; no cell
is left out, because RISE does not run what it skips. Where each cell is as high as before, packing
again changes nothing. notebooks/rise.css holds all sizes, of both kinds of slides.

The pages show one slide at a time with forty lines of script instead of reveal.js, and formulas as
MathML instead of MathJax: nothing to vendor, nothing to fetch, and a printer gets one slide a page.
"""

import argparse
import copy
import html
import itertools
import pathlib
import re
import shutil
import sys

import nbformat
from pygments.formatters import HtmlFormatter

from helpers import checks, pages, rerun, state
from tools import execute

BUILD = rerun.NOTEBOOKS.parent / "build" / "slides"
STYLE = rerun.NOTEBOOKS / "rise.css"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]
OPTIONS += ["--disable-sync", "--no-first-run"]
SCREEN = {"width": 1280, "height": 720}
GAP = 14  # rise.css: below every cell
ROOM = 720 - 28 - 26 - GAP  # what rise.css leaves of the screen's height for cells
SLACK = 10  # pixels kept free, since fonts differ a little between machines
SMALL_WORDS = set(re.findall(r"\w+", "a an and at by does for how in is of on or that the to what"))
SETTINGS = {  # of RISE; the theme is one that asks for no font from outside
    "theme": "white",
    "width": "100%",
    "height": "100%",
    "margin": 0,
    "center": False,
    "transition": "none",
    "slideNumber": "c/t",
    "controls": False,
    "show_buttons_on_startup": False,
}
# Sections nested as RISE nests them, so that one style sheet serves both.
CELL = """{% extends 'lab/base.html.j2' %}
{% block any_cell scoped %}{{ cell.metadata.opens }}{{ super() }}{{ cell.metadata.closes }}
{%- endblock any_cell %}"""
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{style}</style></head>
<body class="reveal"><main class="slides"><section>{body}</section></main>
<nav><button aria-label="Previous slide">&#8249;</button> <output></output>
<button aria-label="Next slide">&#8250;</button></nav>
<script>{script}</script></body></html>
"""
EXTRA = """
body { margin: 0; }
[hidden] { display: none !important; }
nav { position: fixed; right: calc(14 * var(--u)); bottom: calc(6 * var(--u)); color: #595959;
  font: calc(15 * var(--u)) / 1.2 "Liberation Sans", Arial, Helvetica, sans-serif; }
nav button { border: 0; background: none; color: inherit; font-size: 1.6em; cursor: pointer; }
@media print {
  @page { size: 1280px 720px; margin: 0; }
  :root { --u: 1px; }
  nav { display: none; }
  .reveal .slides, .reveal .slides > section { position: static; height: auto !important; }
  .reveal .slides section section { position: relative; display: flex !important;
    height: 720px !important; break-after: page; overflow: hidden; }
}
"""
MEASURE = """
.reveal .slides, .reveal .slides section, .reveal .slides section section {
  position: static !important; height: auto !important; display: block !important; }
.reveal .slides section section { padding-top: 0 !important; padding-bottom: 0 !important; }
.reveal img { max-height: 370px; }
"""
SCRIPT = """
const slides = [...document.querySelectorAll("section section")];
const [back, on] = document.querySelectorAll("nav button");
let now = -1;
function show(number) {
  number = Math.max(0, Math.min(slides.length - 1, number || 0));
  if (number === now) return;
  now = number;
  slides.forEach((slide, index) => (slide.hidden = index !== now));
  document.querySelector("nav output").value = `${now + 1} / ${slides.length}`;
  history.replaceState(null, "", `#${now + 1}`);
}
const keys = {
  ArrowRight: () => show(now + 1), ArrowDown: () => show(now + 1), PageDown: () => show(now + 1),
  ArrowLeft: () => show(now - 1), ArrowUp: () => show(now - 1), PageUp: () => show(now - 1),
  Home: () => show(0), End: () => show(slides.length - 1),
};
document.addEventListener("keydown", (event) => {
  const space = event.key === " " && !event.target.closest("summary, button");
  const act = space ? () => show(now + (event.shiftKey ? -1 : 1)) : keys[event.key];
  if (!act || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  act();
});
back.onclick = () => show(now - 1);
on.onclick = () => show(now + 1);
window.onhashchange = () => show(parseInt(location.hash.slice(1)) - 1);
show(parseInt(location.hash.slice(1)) - 1);
"""


class _Slides(pages.Exporter):
    """nbconvert's markup of cells alone, as JupyterLab has it too."""

    raw_template = CELL


def begins(cell):
    """Whether a cell begins a slide, as RISE reads its metadata."""
    return cell.metadata.get("slideshow", {}).get("slide_type") in ("slide", "subslide")


def page(notebook, title, extra=""):
    """A notebook's slides as one HTML page that needs nothing else."""
    notebook = copy.deepcopy(notebook)
    first = [begins(cell) or not index for index, cell in enumerate(notebook.cells)]
    for cell, opens, closes in zip(notebook.cells, first, [*first[1:], True], strict=True):
        cell.metadata["opens"] = "<section>" if opens else ""
        cell.metadata["closes"] = "</section>" if closes else ""
    given = {"exclude_input_prompt": True, "exclude_output_prompt": True, "anchor_link_text": ""}
    body, _ = _Slides(**given).from_notebook_node(notebook)
    style = STYLE.read_text(encoding="utf-8")
    style += HtmlFormatter(style="default").get_style_defs(".highlight") + EXTRA + extra
    title = html.escape(title)
    return PAGE.format(title=title, style=style, body=body, script="" if extra else SCRIPT)


def title_of(notebook):
    return notebook.cells[0].source.splitlines()[0].lstrip("# ")


def browser(playwright):
    """Start the Chromium of this machine.

    Raises:
        ShortError: there is none.
    """
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if not found:
        raise checks.ShortError(
            f"There is no Chromium on this machine (looked for {', '.join(CHROMIUM)}), and slides "
            "are measured in it. On Debian and Ubuntu: apt-get install chromium."
        )
    return playwright.chromium.launch(
        executable_path=found, args=OPTIONS, chromium_sandbox=False, headless=True
    )


def heights(notebook, window):
    """The height in pixels of every cell on a slide, with answers unfolded and figures small."""
    alone = copy.deepcopy(notebook)
    for cell in alone.cells:
        cell.metadata["slideshow"] = {"slide_type": "slide"}
    window.set_content(page(alone, "heights", MEASURE), wait_until="load")
    return window.evaluate(
        """() => {
          document.querySelectorAll("details").forEach((one) => (one.open = true));
          const cells = [...document.querySelectorAll(".jp-Cell")];
          return cells.map((cell) => Math.ceil(cell.getBoundingClientRect().height));
        }"""
    )


def is_prose(cell):
    return cell.cell_type == "markdown"


def is_heading(cell):
    return is_prose(cell) and cell.source.lstrip().startswith("#")


def packed(cells, high):
    """The indices of the cells that begin a slide: as few slides as possible, few pairs torn."""

    def cost(first, last):
        """What the slide of cells[first:last] costs; None when it is none."""
        total = sum(high[first:last]) + GAP * (last - first - 1)
        if last - first > 1 and total > ROOM - SLACK:
            return None
        if any(is_heading(cell) for cell in cells[max(first + 1, 2) : last]):
            return None  # only the title has a heading after it on its slide
        torn = 0 if is_heading(cells[first]) or first == 0 else 0.3
        if first and not is_prose(cells[first]) and is_prose(cells[first - 1]):
            torn = 0.7  # code without the sentence that says why
        return 1 + torn

    best = [(0, ())]
    for last in range(1, len(cells) + 1):
        ways = ((first, cost(first, last)) for first in range(last - 1, max(-1, last - 12), -1))
        best.append(
            min((best[first][0] + one, (*best[first][1], first)) for first, one in ways if one)
        )
    return best[-1][1]


def blocks(source):
    """Prose in pieces that may stand on slides of their own: paragraphs, tables, lists, answers."""
    pieces, inside = [], False
    for part in re.split(r"\n\s*\n", source.strip()):
        follows = pieces and (inside or re.fullmatch(r"#+ .*", pieces[-1]))
        follows = follows or (pieces and re.match(r"\s+\S|[-*] |\d+\. ", part))
        pieces[-1:] = [f"{pieces[-1]}\n\n{part}"] if follows else [*pieces[-1:], part]
        text = pieces[-1]
        inside = text.count("<details") > text.count("</details>") or text.count("```") % 2
    return pieces


def split(notebook, window):
    """Split prose before each heading inside it, and where it is higher than a slide."""
    parts = copy.deepcopy(notebook)
    parts.cells = [
        nbformat.v4.new_markdown_cell(block, attachments=cell.get("attachments", {}))
        for cell in notebook.cells
        for block in (blocks(cell.source) if is_prose(cell) else [""])
    ]
    high, ids = iter(heights(parts, window)), {cell.id for cell in notebook.cells}
    made = []
    for cell in notebook.cells:
        if not is_prose(cell):
            next(high)
            made.append(cell)
            continue
        each = [(block, next(high)) for block in blocks(cell.source)]
        whole = is_heading(cell) and sum(one + 12 for _, one in each) <= ROOM
        pieces, below = [], 0
        for block, one in each:
            new = block.startswith("#") and not whole
            if not pieces or new or below + one + 12 > ROOM - SLACK:
                pieces.append(block)
                below = one
            else:
                pieces[-1] += f"\n\n{block}"
                below += one + 12
        for piece in pieces:
            made.append(_part(cell, piece, ids, first=piece is pieces[0]))
    notebook.cells = made


def _part(cell, source, ids, first):
    """The cell itself with less text, or a new one with an id from its heading."""
    part = copy.deepcopy(cell)
    part.source = source
    if not first:
        words = re.findall(r"[a-z0-9]+", source.split("\n")[0].lower())
        words = [word for word in words if word not in SMALL_WORDS]
        stem = "-".join(words[:3]) if source.startswith("#") else f"{cell.id}-more"
        names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        part.id = next(name for name in names if name not in ids)
        ids.add(part.id)
    if part.get("attachments"):
        part.attachments = {k: v for k, v in cell.attachments.items() if f":{k}" in source}
        if not part.attachments:
            del part["attachments"]
    return part


def pack(path, window, splits=False):
    """Write the slides of a notebook into its metadata; returns the number of slides.

    Prints the cells that are higher than a slide.
    """
    notebook = nbformat.read(path, as_version=4)
    if splits:
        split(notebook, window)
    high = heights(notebook, window)
    starts = packed(notebook.cells, high)
    for index, cell in enumerate(notebook.cells):
        section = is_heading(cell) or index == 0
        kind = ("slide" if section else "subslide") if index in starts else "-"
        cell.metadata["slideshow"] = {"slide_type": kind}
        if high[index] > ROOM:
            what = "split it" if is_prose(cell) else "its output scrolls"
            print(f"{path.stem}: cell {cell.id} is {high[index]} of {ROOM} pixels high: {what}")
    notebook.metadata["rise"] = SETTINGS
    execute.write_notebook(path, notebook)
    return len(starts)


def main(arguments=None):
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.slides", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("action", choices=["pack", "write"])
    parser.add_argument("names", nargs="*", help="notebooks, by number or name; none: all lessons")
    parser.add_argument("--split", action="store_true", help="pack: split cells of prose first")
    parser.add_argument("--output", type=pathlib.Path, default=BUILD, help="write: the folder")
    given = parser.parse_intermixed_args(arguments)
    try:
        chosen = rerun.select(given.names)
        chosen = {name: path for name, path in chosen.items() if name[0].isdigit()}
        if given.action == "write":
            return write(chosen, given.output)
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            window = browser(playwright).new_page(viewport=SCREEN)
            for name, path in chosen.items():
                print(f"{name}: {pack(path, window, given.split)} slides", flush=True)
        return 0
    except checks.ShortError as error:
        print(error, file=sys.stderr)
        return 1


def write(chosen, folder):
    """Write the page of every chosen notebook; returns the exit code."""
    for name, path in chosen.items():
        notebook = nbformat.read(path, as_version=4)
        folder.mkdir(parents=True, exist_ok=True)
        state.write_text(folder / f"{name}.html", page(notebook, title_of(notebook)))
    print(f"{len(chosen)} pages in {folder}: open one in a browser; the keys are those of slides.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
