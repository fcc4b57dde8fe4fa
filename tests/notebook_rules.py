"""The rules for every notebook of the course.

Each rule is a function of a notebook and its path that returns what is wrong, one sentence each.
tests/test_notebooks.py runs RULES on every lesson, EVERYWHERE on the report, and each rule on
notebooks that break it.
"""

import ast
import copy
import pathlib
import re
import statistics

import nbformat
import papermill
from nbval.plugin import get_sanitize_patterns

from helpers import checks, rerun
from tools import execute

RULES = []
EVERYWHERE = []
SECTIONS = [
    "## What you will do",
    "## What you will learn",
    "## What you need",
    "## Check yourself",
    "## What next",
]
LONGEST_CELL = 15
LONGEST_MODEL = 25  # a function that builds a model is one idea and stays in one piece
LARGEST_FILE = 1_500_000
MACHINE_PATH = re.compile(
    r"(?<![\w.:/<~])/(?:home|root|tmp|Users|var|usr|opt|mnt|private|work|content|srv)/\w"
    r"|[A-Z]:\\+\w|site-packages"
)
TIME = re.compile(
    r"\d ?(?:s|ms|us|µs|sec|secs|seconds|min|minutes)\b|\d(?:s|ms|us)/\w+"
    r"|\b20\d\d-\d\d-\d\d\b|\b\d?\d:\d\d:\d\d\b|\b0x[0-9a-f]{6,}\b"
)
SANITISED = get_sanitize_patterns(
    pathlib.Path(__file__).with_name("sanitize.cfg").read_text(encoding="utf-8")
)
KNOWN_TAGS = {"parameters", "nbval-ignore-output", "remove_cell"}
QUIET = ("fit", "search", "evaluate", "predict")


def lesson(function):
    """Register a rule that lessons keep."""
    RULES.append(function)
    return function


def general(function):
    """Register a rule that every notebook keeps, the report too."""
    EVERYWHERE.append(function)
    return lesson(function)


def code_cells(notebook):
    """The code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def markdown(notebook):
    """All prose as one text, fenced code taken out."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)


def compared(cell):
    """Whether nbval compares the outputs of a code cell."""
    return "nbval-ignore-output" not in cell.metadata.get("tags", [])


def texts(cell):
    """Every text in the outputs of a code cell, pictures inside HTML taken out."""
    for output in cell.outputs:
        for value in [output.get("text", ""), *output.get("data", {}).values()]:
            yield re.sub(r"data:image/[^\"']+", "", str(value))


@lesson
def has_the_frame(notebook, path):
    """Title with the file's number and a sentence, then the five sections, in this order."""
    title = re.compile(rf"# {path.stem[:2]} · \S.*\n\n?\S.*[.:?]", flags=re.DOTALL)
    if not title.match(notebook.cells[0].source):
        yield f"the first cell must be `# {path.stem[:2]} · Title` and a sentence with the goal"
    parts = re.split(r"^(## .*?) *$", markdown(notebook), flags=re.MULTILINE)
    headings, bodies = parts[1::2], parts[2::2]
    if headings[:3] + headings[-2:] != SECTIONS:
        yield f"the first three and the last two sections must be {', '.join(SECTIONS)}"
        return
    later = [name for name in rerun.available(path.parent) if path.stem < name < "a"]
    for section, wanted in [
        (1, "\n- "),
        (2, "minutes to read"),
        (2, "to run"),
        (-2, "<details>"),
        (-1, f"({later[0]}.ipynb)" if later else ""),
    ]:
        if wanted not in bodies[section]:
            yield f"{headings[section]} must hold {wanted!r}"


@general
def has_checked_parameters(notebook, path):
    """The first code cell has them, as papermill reads them; the second checks all, and passes."""
    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    code = [cell.source for cell in code_cells(notebook)[:2]]
    if [cell.source for cell in tagged] != code[:1]:
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
    namespace = {}
    try:
        for source in code:
            exec(source, namespace)
    except checks.ParameterError as error:
        yield f"the committed values are refused: {error}"


@general
def is_stored_clean(notebook, path):
    """Valid nbformat 4.5 in its stable layout, unique ids, no metadata but tags, not too large."""
    ids = [cell.get("id") for cell in notebook.cells]
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5) or len(set(ids)) != len(ids):
        yield "nbformat must be 4.5, and every cell needs an id of its own"
        return
    if execute.clean(copy.deepcopy(notebook)) != notebook:
        yield "there are metadata that `make execute` removes"
    if {tag for c in notebook.cells for tag in c.metadata.get("tags", [])} - KNOWN_TAGS:
        yield f"only these tags are known: {KNOWN_TAGS}"
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        yield f"not valid: {error.message}"
    text = nbformat.writes(notebook) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        yield "the file is not in nbformat's stable layout: run `make execute`"
    if len(text.encode()) > LARGEST_FILE:
        yield f"the notebook is larger than {LARGEST_FILE / 1e6} MB"


@general
def comes_from_a_clean_run(notebook, path):
    """Counts are 1, 2, 3 ... (without one nbval compares nothing), no errors, nothing on stderr."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts must be 1 to {len(counts)}, not {counts}: run `make execute`"
    for output in [one for cell in code_cells(notebook) for one in cell.outputs]:
        if output.output_type == "error" or output.get("name") == "stderr":
            yield f"an error or a line on stderr is stored: {output}"


@general
def names_no_machine(notebook, path):
    """No source and no output names a folder of the machine that it was run on."""
    for cell in notebook.cells:
        for text in [cell.source, *(texts(cell) if cell.cell_type == "code" else [])]:
            if match := MACHINE_PATH.search(text):
                yield f"cell {cell.id} names a folder of a machine: {match.group()!r}"


@lesson
def compares_no_times(notebook, path):
    """No compared output holds a duration, a date, a time of day or an address in memory.

    What nbval sanitises, such as the line of a search, may.
    """
    for cell in filter(compared, code_cells(notebook)):
        for text in texts(cell):
            for regex, replacement in SANITISED:
                text = re.sub(regex, replacement, text)
            if match := TIME.search(text):
                yield f"cell {cell.id} compares something that changes: {match.group()!r}"


@lesson
def compares_most_outputs(notebook, path):
    """At most half of the cells with outputs are left out of the comparison, by tag only."""
    code = [cell for cell in code_cells(notebook) if cell.outputs]
    if sum(map(compared, code)) < len(code) / 2:
        yield "more than half of the cells with outputs are not compared"
    if any(re.search(r"^\s*#+\s*(NBVAL|PYTEST)_", c.source, flags=re.MULTILINE) for c in code):
        yield "mark cells for nbval by tags, not by comments"


@general
def describes_its_figures(notebook, path):
    """Every figure is an <img> with a text for those who do not see it, in outputs and prose."""
    prose = markdown(notebook)
    shown = [prose, *(text for cell in code_cells(notebook) for text in texts(cell))]
    described = re.findall(r"!\[(.*?)\]\(", prose)
    for tag in re.findall(r"<img\b[^>]*>", "\n".join(shown)):
        described += re.findall(r"\balt=\"(.*?)\"", tag) or [""]
    if any(len(alt.split()) < 3 for alt in described):
        yield "a figure has no description, or one of less than three words"
    outputs = [one for cell in code_cells(notebook) for one in cell.outputs]
    if any(kind.startswith("image/") for one in outputs for kind in one.get("data", {})):
        yield "a figure is stored bare: use plots.show(figure, alt=...)"


@general
def has_links_that_resolve(notebook, path):
    """Links to files lead to files, links to headings lead to headings."""
    text = markdown(notebook)
    anchors = {h.replace(" ", "-") for h in re.findall(r"^#+ +(.*?) *$", text, flags=re.MULTILINE)}
    for pair in re.findall(r"\]\(([^)\s]+)\)|(?:href|src)=[\"']([^\"']+)", text):
        target = "".join(pair)
        file, _, anchor = target.partition("#")
        found = (path.parent / file).exists() if file else anchor in anchors
        if not found and not re.match(r"https?:|mailto:|data:", target):
            yield f"a link leads nowhere: {target}"


@lesson
def explains_every_cell(notebook, path):
    """Prose of at least four words stands before and after every code cell.

    The check of the parameters may follow the parameters directly.
    """
    kinds = [cell.cell_type for cell in notebook.cells]
    if kinds[0] != "markdown" or kinds[-1] != "markdown":
        yield "the first and the last cell must be prose"
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if before.cell_type == cell.cell_type == "code":
            if "parameters" not in before.metadata.get("tags", []):
                yield f"no prose between cells {before.id} and {cell.id}"
        elif cell.cell_type == "markdown":
            prose = re.sub(r"^#.*$", "", cell.source, flags=re.MULTILINE)
            if len(prose.split()) < 4:
                yield f"cell {cell.id} has no sentence, only {cell.source!r}"


@lesson
def has_short_cells(notebook, path):
    """At most 15 lines of code in a cell, 25 for a model, and 2 to 8 in the median."""
    lengths = []
    for cell in code_cells(notebook):
        lines = [line.strip() for line in cell.source.splitlines()]
        lengths.append(sum(bool(line) and line[0] != "#" for line in lines))
        longest = LONGEST_MODEL if cell.source.startswith("def build") else LONGEST_CELL
        if lengths[-1] > longest:
            yield f"cell {cell.id} has {lengths[-1]} lines of code, more than {longest}"
    if not 2 <= statistics.median(lengths) <= 8:
        yield f"the median cell has {statistics.median(lengths)} lines of code, not 2 to 8"


@lesson
def keeps_the_test_set_shut(notebook, path):
    """Only notebook 05 and later ones touch the test images."""
    touches = any(re.search(r"load_test|x_test|y_test", c.source) for c in code_cells(notebook))
    if touches and path.stem < "05":
        yield "the test set must stay shut before notebook 05"


@general
def is_plain_and_quiet(notebook, path):
    """No magics (nbval passes a mistyped one), no semicolon at the end (under nbval the value is
    shown all the same), and verbose=0 wherever there is a progress bar, which would be stored.
    """
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
