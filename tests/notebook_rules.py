"""The rules for every notebook: functions of a notebook and its path that say what is wrong.

tests/test_notebooks.py runs RULES on every lesson, EVERYWHERE on the report, SOLUTIONS on those
with the solutions, and each rule on notebooks that break it.
"""

import ast
import copy
import itertools
import re

import nbformat
import papermill

from helpers import checks, plots, rerun
from tools import execute, slides

SECTIONS = [f"## {name}" for name in ("What you will do", "What you will learn", "What you need")]
SECTIONS += ["## Check yourself", "## What next"]
LONGEST_CELL = 15
LONGEST_MODEL = 17  # a function that builds a model is one idea and stays in one piece
LARGEST_FILE = 1_500_000
MACHINE_PATH = re.compile(
    r"(?<![\w.:/<~])/(?:home|root|tmp|Users|var|usr|opt|mnt|private|work|content|srv)/\w"
    r"|[A-Z]:\\+\w|site-packages"
)
KNOWN_TAGS = {"parameters", "nbval-ignore-output", "remove_cell"}
WRITES = ("annotate", "text", "set_title", "suptitle", "set_xlabel", "set_ylabel")
LEAST_CONTRAST = 4.5  # of text against white, WCAG 2.2, 1.4.3; lines and marks need 3 (1.4.11)
QUIET = ("fit", "search", "evaluate", "predict")


def code_cells(notebook):
    """The code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    """Every output of every code cell, in order."""
    return [one for cell in code_cells(notebook) for one in cell.outputs]


def tags(cell):
    return cell.metadata.get("tags", [])


def prose(notebook):
    """All markdown as one text, fenced code taken out."""
    return "\n\n".join(prose_of(c) for c in notebook.cells if c.cell_type == "markdown")


def prose_of(cell):
    return re.sub(r"^ *```.*?^ *```", "", cell.source, flags=re.DOTALL | re.MULTILINE)


def texts(found):
    """Every text in outputs, pictures inside HTML taken out."""
    for output in found:
        for value in [output.get("text", ""), *output.get("data", {}).values()]:
            yield re.sub(r"data:image/[^\"']+", "", str(value))


def has_the_frame(notebook, path):
    """Title with the file's number, the five sections in order, minutes, and the next notebook."""
    if not notebook.cells[0].source.startswith(f"# {path.stem[:2]} · "):
        yield f"the first cell must begin with `# {path.stem[:2]} · Title`"
    parts = re.split(r"^(## .*?) *$", prose(notebook), flags=re.MULTILINE)
    headings, bodies = parts[1::2], parts[2::2]
    if headings[:3] + headings[-2:] != SECTIONS:
        yield f"the first three and the last two sections must be {', '.join(SECTIONS)}"
        return
    if "minutes to read" not in bodies[2]:
        yield "`What you need` must hold the minutes to read"
    later = [name for name in rerun.available(path.parent) if path.stem < name < "a"]
    if later and f"({later[0]}.ipynb)" not in bodies[-1]:
        yield f"`What next` must link to {later[0]}"


def has_checked_parameters(notebook, path):
    """The first code cell has them, as papermill reads them; the second checks all, and passes."""
    code = [cell.source for cell in code_cells(notebook)[:2]]
    if [cell.source for cell in notebook.cells if "parameters" in tags(cell)] != code[:1]:
        yield "the first code cell, and no other, must have the tag `parameters`"
        return
    seen = papermill.inspect_notebook(copy.deepcopy(notebook))
    full = [n for n, one in seen.items() if one["inferred_type_name"] != "None" and one["help"]]
    if len(full) != len(code[0].splitlines()):
        yield f"each line must be `name: type = value  # help`; papermill sees only {full}"
    given = re.findall(r"(\w+)=", code[1].partition("checks.parameters(")[2])
    if sorted(given) != sorted(full):
        yield f"the second code cell must call checks.parameters with {full}, not {given}"
        return
    try:
        exec("\n".join(code), {})
    except checks.ParameterError as error:
        yield f"the committed values are refused: {error}"


def is_stored_clean(notebook, path):
    """Valid nbformat 4.5 in its stable layout, unique ids, no metadata but tags, not too large."""
    ids = [cell.get("id") for cell in notebook.cells]
    if len(set(ids)) != len(ids):
        yield "every cell needs an id of its own"
        return
    if execute.clean(copy.deepcopy(notebook)) != notebook:
        yield "there are metadata that `make execute` removes"
    if {tag for cell in notebook.cells for tag in tags(cell)} - KNOWN_TAGS:
        yield f"only these tags are known: {KNOWN_TAGS}"
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        yield f"not valid: {error.message}"
    text = nbformat.writes(notebook) + "\n"
    if path.read_text(encoding="utf-8") != text:
        yield "the file is not in nbformat's stable layout: run `make execute`"
    if len(text.encode()) > LARGEST_FILE:
        yield f"the notebook is larger than {LARGEST_FILE / 1e6} MB"


def comes_from_a_clean_run(notebook, path):
    """Counts are 1, 2, 3 ... (without one nbval compares nothing), no errors, nothing on stderr."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts must be 1 to {len(counts)}, not {counts}: run `make execute`"
    for output in outputs(notebook):
        if output.output_type == "error" or output.get("name") == "stderr":
            yield f"an error or a line on stderr is stored: {output}"


def names_no_machine(notebook, path):
    """No source and no output names a folder of the machine that it was run on."""
    for cell in notebook.cells:
        for text in [cell.source, *texts(cell.get("outputs", []))]:
            if match := MACHINE_PATH.search(text):
                yield f"cell {cell.id} names a folder of a machine: {match.group()!r}"


def compares_most_outputs(notebook, path):
    """At most half of the cells with outputs are left out of the comparison, by tag only."""
    code = [cell for cell in code_cells(notebook) if cell.outputs]
    if sum("nbval-ignore-output" in tags(cell) for cell in code) > len(code) / 2:
        yield "more than half of the cells with outputs are not compared"
    if any(re.search(r"^\s*#+\s*(NBVAL|PYTEST)_", c.source, flags=re.MULTILINE) for c in code):
        yield "mark cells for nbval by tags, not by comments"


def describes_its_figures(notebook, path):
    """Every figure is an <img> with a text for those who do not see it, in outputs and prose."""
    text = prose(notebook)
    described = re.findall(r"!\[(.*?)\]\(", text)
    for tag in re.findall(r"<img\b[^>]*>", "\n".join([text, *texts(outputs(notebook))])):
        described += re.findall(r"\balt=\"(.*?)\"", tag) or [""]
    if any(len(alt.split()) < 3 for alt in described):
        yield "a figure has no description, or one of less than three words"
    if any(kind.startswith("image/") for one in outputs(notebook) for kind in one.get("data", {})):
        yield "a figure is stored bare: use plots.show(figure, alt=...)"


def has_headings_in_order(notebook, path):
    """One title, and below it no level is left out: that is how a screen reader finds its way."""
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose(notebook), flags=re.MULTILINE)]
    if levels[:1] != [1] or levels.count(1) > 1:
        yield "the first heading, and no other, must be the title `# ...`"
    if any(below > above + 1 for above, below in itertools.pairwise(levels)):
        yield f"a heading leaves out a level: {levels}"


def contrast(colour):
    """The contrast ratio of a colour "#RRGGBB" against white, as WCAG defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 1.05 / (sum(map(float.__mul__, (0.2126, 0.7152, 0.0722), linear)) + 0.05)


def writes_in_dark_colours(notebook, path):
    """Text in a figure has a colour that can be read on white."""
    dark = {name for name, value in plots.COLOURS.items() if contrast(value) >= LEAST_CONTRAST}
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in WRITES:
                for given in (k.value for k in node.keywords if k.arg in ("color", "c")):
                    names = [n.value for n in ast.walk(given) if isinstance(n, ast.Constant)]
                    if not names or not dark.issuperset(names):
                        yield f"cell {cell.id} writes in {ast.unparse(given)}: use one of {dark}"


def has_slides(notebook, path):
    """Every cell stands on a slide, none is skipped (RISE would not run it), headings begin one."""
    made = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in notebook.cells]
    if not set(made) <= {"slide", "subslide", "-"} or notebook.metadata.get("rise") is None:
        yield "cells without a slide: run `python -m tools.slides pack`"
        return
    if notebook.metadata["rise"] != slides.SETTINGS:
        yield "other settings of live slides: run `python -m tools.slides pack`"
    for index, cell in enumerate(notebook.cells):
        heads = slides.is_prose(cell) and re.search(r"^#+ ", prose_of(cell), flags=re.MULTILINE)
        if heads and index > 1 and made[index] != "slide":
            yield f"the heading in cell {cell.id} begins no slide: `python -m tools.slides pack`"
        elif heads and not slides.is_heading(cell):
            yield f"a heading stands inside cell {cell.id}: `python -m tools.slides pack --split`"


def has_links_that_resolve(notebook, path):
    """Links to files lead to files, links to headings lead to headings."""
    text = prose(notebook)
    anchors = {h.replace(" ", "-") for h in re.findall(r"^#+ +(.*?) *$", text, flags=re.MULTILINE)}
    attached = {f"attachment:{name}" for c in notebook.cells for name in c.get("attachments", {})}
    for pair in re.findall(r"\]\(([^)\s]+)\)|(?:href|src)=[\"']([^\"']+)", text):
        target = "".join(pair)
        file, _, anchor = target.partition("#")
        found = (path.parent / file).exists() if file else anchor in anchors
        known = found or target in attached
        if not known and not re.match(r"https?:|mailto:|data:", target):
            yield f"a link leads nowhere: {target}"


def explains_every_cell(notebook, path):
    """Prose stands before and after every code cell; the check may follow the parameters."""
    if {notebook.cells[0].cell_type, notebook.cells[-1].cell_type} != {"markdown"}:
        yield "the first and the last cell must be prose"
    for before, cell in itertools.pairwise(notebook.cells):
        if before.cell_type == cell.cell_type == "code" and "parameters" not in tags(before):
            yield f"no prose between cells {before.id} and {cell.id}"


def has_short_cells(notebook, path):
    """Lines of code in a cell are few."""
    for cell in code_cells(notebook):
        lines = len(re.findall(r"^\s*[^\s#]", cell.source, flags=re.MULTILINE))
        longest = LONGEST_MODEL if cell.source.startswith("def build") else LONGEST_CELL
        if lines > longest:
            yield f"cell {cell.id} has {lines} lines of code, more than {longest}"


def keeps_the_test_set_shut(notebook, path):
    """Only notebook 05 and later ones touch the test images."""
    touches = any(re.search(r"load_test|x_test|y_test", c.source) for c in code_cells(notebook))
    if touches and path.stem < "05":
        yield "the test set must stay shut before notebook 05"


def is_plain_and_quiet(notebook, path):
    """No magics, no semicolon at the end, and verbose=0 wherever a progress bar would be stored."""
    for cell in code_cells(notebook):
        if re.search(r"^\s*[%!]|;\s*\Z", cell.source, flags=re.MULTILINE):
            yield f"cell {cell.id} has a magic, or ends in a semicolon"
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in QUIET:
                given = {k.arg: ast.unparse(k.value) for k in node.keywords}
                # scikit-learn's predict(..., return_std=True) has no bar; **options may hold it.
                if given.get("verbose") != "0" and not given.keys() & {"return_std", None}:
                    yield f"cell {cell.id}: {ast.unparse(node.func)} needs verbose=0"


# For the solutions too, which have neither parameters nor a lesson's frame.
SOLUTIONS = [is_stored_clean, comes_from_a_clean_run, names_no_machine, describes_its_figures]
SOLUTIONS += [has_links_that_resolve, is_plain_and_quiet, has_headings_in_order]
SOLUTIONS += [writes_in_dark_colours, explains_every_cell, has_short_cells]
EVERYWHERE = [has_checked_parameters, *SOLUTIONS[:8]]
RULES = [has_checked_parameters, *SOLUTIONS, has_the_frame, compares_most_outputs]
RULES += [keeps_the_test_set_shut, has_slides]
