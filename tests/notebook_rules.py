"""The rules for every notebook of the course.

Each rule is a function of a notebook and its path that returns what is wrong, one sentence each.
tests/test_notebooks.py runs all of RULES on every notebook, and on broken ones.
"""

import ast
import re
import statistics

import nbformat

from helpers import checks, rerun

RULES = []
SECTIONS = (
    "## What you will do",
    "## What you will learn",
    "## What you need",
    "## Check yourself",
    "## What next",
)
LONGEST_CELL = 15
LONGEST_MODEL = 25  # a function that builds a model is one idea and stays in one piece
LARGEST_FILE = 1_500_000
PARAMETER_LINE = re.compile(r"\w+: [a-z]+(\[[a-z]+\])? = [^=#]+  # [^=]+")
MACHINE_PATH = re.compile(
    r"(?<![\w.:/<~])/(?:home|root|tmp|Users|var|usr|opt|mnt|private|work|content|srv)/\w"
    r"|[A-Z]:\\+\w|site-packages"
)
TIME = re.compile(
    r"\d ?(?:s|ms|us|µs|sec|secs|seconds|min|minutes)\b|\d(?:s|ms|us)/\w+"
    r"|\b20\d\d-\d\d-\d\d\b|\b\d?\d:\d\d:\d\d\b|\b0x[0-9a-f]{6,}\b"
)
KNOWN_TAGS = {"parameters", "nbval-ignore-output", "remove_cell"}
QUIET = ("fit", "search", "evaluate", "predict")


def rule(function):
    """Register a rule."""
    RULES.append(function)
    return function


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
        values = [output.get("text", ""), *output.get("data", {}).values()]
        for value in values:
            yield re.sub(r"data:image/[^\"']+", "", value) if isinstance(value, str) else str(value)


def sections(notebook):
    """Text of each level-two section, by its heading line."""
    parts = re.split(r"^(## .*)$", markdown(notebook), flags=re.MULTILINE)
    return {heading.strip(): body for heading, body in zip(parts[1::2], parts[2::2], strict=True)}


@rule
def has_the_frame(notebook, path):
    """Title with the file's number and a sentence, then the five sections, in this order."""
    first = notebook.cells[0]
    title = re.compile(rf"# {path.stem[:2]} · \S.*\n\n?\S.*[.:?]", flags=re.DOTALL)
    if first.cell_type != "markdown" or not title.match(first.source):
        yield f"the first cell must be `# {path.stem[:2]} · Title` and a sentence with the goal"
    headings = re.findall(r"^## .*$", markdown(notebook), flags=re.MULTILINE)
    found = [heading.strip() for heading in headings if heading.strip() in SECTIONS]
    if tuple(found) != SECTIONS:
        yield f"the sections must be {', '.join(SECTIONS)}, once each and in this order"
    elif [heading.strip() for heading in headings[:3] + headings[-2:]] != list(SECTIONS):
        yield "the first three and the last two sections must be those of the frame"
    else:
        yield from _frame_contents(sections(notebook), path)


def _frame_contents(section, path):
    if not re.search(r"^[-*] ", section["## What you will learn"], flags=re.MULTILINE):
        yield "`What you will learn` must be a list"
    need = section["## What you need"]
    if "minutes to read" not in need or "to run" not in need:
        yield "`What you need` must say how many minutes to read and how long it takes to run"
    if "<details>" not in section["## Check yourself"]:
        yield "`Check yourself` must hold answers in <details>"
    following = [name for name in rerun.available(path.parent) if name > path.stem]
    if following and f"({following[0]}.ipynb)" not in section["## What next"]:
        yield f"`What next` must link to {following[0]}.ipynb"


@rule
def has_a_parameters_cell(notebook, path):
    """The first code cell alone has the tag; each line is `name: type = value  # help`."""
    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if tagged != code_cells(notebook)[:1]:
        yield "the first code cell, and no other, must have the tag `parameters`"
        return
    for line in tagged[0].source.splitlines():
        if not PARAMETER_LINE.fullmatch(line):
            yield f"a parameter must be written `name: type = value  # help`, not `{line}`"
            continue
        kind, value = re.match(r"\w+: (\S+) = (.*?)  #", line).groups()
        if not checks.has_kind(ast.literal_eval(value), rerun.TYPES[kind]):
            yield f"the value does not have the type: `{line}`"


@rule
def papermill_sees_every_parameter(notebook, path):
    """papermill's inspection finds each parameter with a type and a help text."""
    written = re.findall(r"^(\w+)\s*[:=]", code_cells(notebook)[0].source, flags=re.MULTILINE)
    seen = rerun.inspect(notebook)
    if list(seen) != written:
        yield f"papermill sees the parameters {list(seen)}, not {written}"
    for name, (kind, _, help_text, _) in seen.items():
        if kind is None or not help_text:
            yield f"papermill sees no type or no help for {name}"


@rule
def checks_its_parameters(notebook, path):
    """The second code cell gives `checks.parameters` a rule for each; the committed values pass."""
    code = code_cells(notebook)
    if len(code) < 2 or "checks.parameters(" not in code[1].source:
        yield "the second code cell must call checks.parameters(...)"
        return
    rules = rerun.allowed_values(notebook)
    for name, (kind, default, _, allowed) in rerun.inspect(notebook).items():
        if name not in rules:
            yield f"checks.parameters has no rule for {name}"
        elif allowed is not None:
            wrong = checks.problem(name, ast.literal_eval(default), allowed, kind)
            if wrong:
                yield f"the committed value is refused: {wrong}"
            if kind is not None and not same_kind(kind, checks.kind_of(allowed)):
                yield f"{name} is declared {kind.__name__}, but its rule is for another type"
        rules.pop(name, None)
    for name in rules:
        yield f"checks.parameters has a rule for {name}, which is no parameter"


def same_kind(declared, kind):
    """Whether a rule of one type fits a parameter of another; a list is judged by its entries."""
    inner = getattr(declared, "__args__", (declared,))[0]
    return kind in (declared, inner) or (declared is float and kind is int)


@rule
def has_the_plain_kernel(notebook, path):
    """Kernel python3, and nothing else in the notebook's metadata."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    if dict(notebook.metadata.get("kernelspec", {})) != kernel:
        yield "the kernel must be python3, `Python 3`, python: run `make execute`"
    if notebook.metadata.get("language_info") != {"name": "python"} or len(notebook.metadata) != 2:
        yield "the metadata must be the kernel and the language's name: run `make execute`"


@rule
def is_valid_and_stable(notebook, path):
    """nbformat 4.5, valid, unique ids that say something, and exactly nbformat's own layout."""
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        yield f"nbformat must be 4.5, not {notebook.nbformat}.{notebook.nbformat_minor}"
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids or len(set(ids)) != len(ids):
        yield "every cell needs an id of its own"
    else:
        try:
            nbformat.validate(notebook)
        except nbformat.ValidationError as error:
            yield f"not valid: {error.message}"
    if path.exists() and path.read_text(encoding="utf-8") != nbformat.writes(notebook) + "\n":
        yield "the file is not in nbformat's stable layout: run `make execute`"


@rule
def has_clean_cells(notebook, path):
    """Cell metadata hold known tags and nothing else."""
    for number, cell in enumerate(notebook.cells):
        extra = set(cell.metadata) - {"tags", "slideshow"}
        tags = set(cell.metadata.get("tags", [])) - KNOWN_TAGS
        if extra or tags:
            yield f"cell {number} has metadata or tags that do not belong: {sorted(extra | tags)}"


@rule
def is_executed_in_order(notebook, path):
    """Execution counts are 1, 2, 3 ...; nbval compares nothing in a cell without a count."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts must be 1 to {len(counts)}, not {counts}: run `make execute`"


@rule
def stores_no_errors_or_stderr(notebook, path):
    """No stored output is an error or was written to stderr."""
    found = rerun.noise(notebook)
    if found:
        yield f"code cell {found[0]}: {found[1]}"


@rule
def names_no_machine(notebook, path):
    """No source and no output names a folder of the machine that it was run on."""
    for number, cell in enumerate(notebook.cells):
        for text in [cell.source, *(texts(cell) if cell.cell_type == "code" else [])]:
            match = MACHINE_PATH.search(text)
            if match:
                yield f"cell {number} names a folder of a machine: {match.group()!r}"


@rule
def compares_no_times(notebook, path):
    """No compared output holds a duration, a date, a time of day or an address in memory."""
    for number, cell in enumerate(code_cells(notebook), start=1):
        for text in texts(cell) if compared(cell) else []:
            match = TIME.search(text)
            if match:
                yield f"code cell {number} compares something that changes: {match.group()!r}"


@rule
def compares_most_outputs(notebook, path):
    """At most half of the cells with outputs are left out of the comparison, by tag only."""
    code = code_cells(notebook)
    ignored = [cell for cell in code if cell.outputs and not compared(cell)]
    if len(ignored) > sum(bool(cell.outputs) for cell in code) / 2:
        yield f"{len(ignored)} cells with outputs are not compared: that is more than half"
    if any(re.search(r"^\s*#+\s*(NBVAL|PYTEST)_", c.source, flags=re.MULTILINE) for c in code):
        yield "mark cells for nbval by tags, not by comments"


@rule
def describes_its_figures(notebook, path):
    """Every figure is an <img> with a text for those who do not see it, in outputs and prose."""
    for number, cell in enumerate(code_cells(notebook), start=1):
        for output in cell.outputs:
            bare = [m for m in output.get("data", {}) if m.startswith("image/")]
            if bare:
                yield f"code cell {number} stores a bare {bare[0]}: use plots.show(figure, alt=...)"
        for text in texts(cell):
            yield from (f"code cell {number}: {problem}" for problem in _images(text))
    yield from (f"prose: {problem}" for problem in _images(markdown(notebook)))
    for alt in re.findall(r"!\[(.*?)\]\(", markdown(notebook)):
        if len(alt.split()) < 3:
            yield f"prose: a figure's description is too short: {alt!r}"


def _images(text):
    for tag in re.findall(r"<img\b[^>]*>", text):
        alt = re.search(r"\balt=(\"[^\"]*\"|'[^']*')", tag)
        if not alt or len(alt.group(1).strip("\"'").split()) < 3:
            yield "a figure has no description, or one of less than three words"


@rule
def has_links_that_resolve(notebook, path):
    """Links to files lead to files, links to headings lead to headings."""
    text = markdown(notebook)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(
        r"(?:href|src)=[\"']([^\"']+)", text
    )
    headings = re.findall(r"^#+ +(.*?) *$", text, flags=re.MULTILINE)
    anchors = {heading.replace(" ", "-") for heading in headings}
    for target in targets:
        if re.match(r"https?:|mailto:|data:", target):
            continue
        file, _, anchor = target.partition("#")
        if file and not (path.parent / file).exists():
            yield f"a link leads nowhere: {target}"
        if not file and anchor not in anchors:
            yield f"a link leads to no heading here: {target}"


@rule
def explains_every_cell(notebook, path):
    """Prose of at least four words stands before and after every code cell.

    The check of the parameters may follow the parameters directly.
    """
    kinds = [cell.cell_type for cell in notebook.cells]
    if kinds[0] != "markdown" or kinds[-1] != "markdown":
        yield "the first and the last cell must be prose"
    for number, (before, cell) in enumerate(zip(notebook.cells, notebook.cells[1:], strict=False)):
        if before.cell_type == cell.cell_type == "code":
            if "parameters" not in before.metadata.get("tags", []):
                yield f"no prose between cells {number} and {number + 1}"
        elif cell.cell_type == "markdown":
            prose = re.sub(r"^#.*$", "", cell.source, flags=re.MULTILINE)
            if len(prose.split()) < 4:
                yield f"cell {number + 1} has no sentence, only {cell.source!r}"


@rule
def has_short_cells(notebook, path):
    """At most 15 lines of code in a cell, 25 for a model, and 2 to 8 in the median."""
    lengths = [
        sum(
            bool(line.strip()) and not line.strip().startswith("#")
            for line in cell.source.split("\n")
        )
        for cell in code_cells(notebook)
    ]
    for number, (cell, length) in enumerate(zip(code_cells(notebook), lengths, strict=True), 1):
        longest = LONGEST_MODEL if cell.source.startswith("def build") else LONGEST_CELL
        if length > longest:
            yield f"code cell {number} has {length} lines of code, more than {longest}"
    if not 2 <= statistics.median(lengths) <= 8:
        yield f"the median cell has {statistics.median(lengths)} lines of code, not 2 to 8"


@rule
def keeps_the_test_set_shut(notebook, path):
    """Only notebook 05 and later ones touch the test images."""
    touches = any(re.search(r"load_test|x_test|y_test", c.source) for c in code_cells(notebook))
    if touches and path.stem < "05":
        yield "the test set must stay shut before notebook 05"


@rule
def is_plain_python(notebook, path):
    """No magics, no shell commands: nbval passes a cell with a mistyped magic."""
    for number, cell in enumerate(code_cells(notebook), start=1):
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"code cell {number} is not plain Python: {(error.text or '').strip()}"


@rule
def silences_nothing_by_semicolon(notebook, path):
    """No cell ends in a semicolon: nbval keeps no history, and without it the value is shown."""
    for number, cell in enumerate(code_cells(notebook), start=1):
        if cell.source.rstrip().endswith(";"):
            yield f"code cell {number} ends in a semicolon: assign the value to a name"


@rule
def trains_quietly(notebook, path):
    """fit, search, evaluate and predict get verbose=0: their bars would be stored and differ.

    scikit-learn's predict(..., return_std=True) has no such bar.
    """
    for number, cell in enumerate(code_cells(notebook), start=1):
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in QUIET:
                given = {k.arg: ast.unparse(k.value) for k in node.keywords}
                quiet = given.get("verbose") == "0" or "return_std" in given
                if not quiet and None not in given:
                    yield f"code cell {number}: {ast.unparse(node.func)} needs verbose=0"


@rule
def is_small(notebook, path):
    """The file has at most 1.5 MB."""
    size = len(nbformat.writes(notebook).encode())
    if size > LARGEST_FILE:
        yield f"the notebook has {size / 1e6:.1f} MB, more than {LARGEST_FILE / 1e6} MB"
