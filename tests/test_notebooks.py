"""Every notebook keeps every rule, and every rule can fail."""

import pathlib
import re

import nbformat
import notebook_rules as rules
import pytest

from helpers import rerun
from tools import execute

ROOT = pathlib.Path(__file__).parent.parent
NOTEBOOKS = rerun.available()
PIXEL = "data:image/png;base64,iVBORw0KGgo="
FIRST = "02_broken.ipynb"
IGNORED = {"tags": ["nbval-ignore-output"]}


def names(values):
    """Readable ids for parametrized tests."""
    return [getattr(value, "__name__", value) for value in values]


@pytest.mark.parametrize("rule", rules.RULES, ids=names(rules.RULES))
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_keeps_the_rule(name, rule):
    if name[0].isdigit() or rule in rules.EVERYWHERE:
        path = NOTEBOOKS[name]
        found = list(rule(nbformat.read(path, as_version=4), path))
        assert not found, f"{name}: " + "; ".join(found)


def test_lessons_are_numbered_from_00_and_readme_maps_them_all():
    lessons = [name for name in NOTEBOOKS if name[0].isdigit()]
    assert [name[:2] for name in lessons] == [f"{number:02}" for number in range(len(lessons))]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("|")]
    listed = re.findall(r"\(notebooks/(\d\w+)\.ipynb\)", "\n".join(rows))
    assert listed == lessons


def text(source, cell_id):
    """A markdown cell."""
    return nbformat.v4.new_markdown_cell(source, id=cell_id)


def code(source, count, cell_id, outputs=(), tags=()):
    """A code cell that was run."""
    metadata = {"tags": list(tags)} if tags else {}
    return nbformat.v4.new_code_cell(
        source, execution_count=count, id=cell_id, outputs=list(outputs), metadata=metadata
    )


def printed(value, name="stdout"):
    """A stream output."""
    return nbformat.v4.new_output("stream", name=name, text=value)


def shown(kind, value):
    """A display output."""
    return nbformat.v4.new_output("display_data", data={kind: value})


def good_notebook():
    """A small notebook that keeps every rule."""
    cells = [
        text("# 02 · A title\n\nOne sentence with the goal.", "title"),
        text(
            "## What you will do\n\nYou do this and that.\n\n"
            "## What you will learn\n\n- one thing\n\n"
            "## What you need\n\nAbout 20 minutes to read, 5 seconds to run.",
            "frame",
        ),
        text("These are the parameters of it.", "why-parameters"),
        code(
            'images: int = 1500  # how many, 0 means all\ndataset: str = "small"  # which one',
            1,
            "parameters",
            tags=["parameters"],
        ),
        code(
            "from helpers import checks\n\nchecks.parameters(images=(0, None), dataset=str)",
            2,
            "check-parameters",
        ),
        text("Now count, since counting is instructive.", "why-count"),
        code(
            "total = images * 2\n\nprint(total)\nprint(dataset)",
            3,
            "count",
            [
                printed("3000\nsmall\n"),
                shown("text/html", f'<img alt="a grey square" src="{PIXEL}">'),
            ],
        ),
        text("It is twice as many. See [the check](#Check-yourself).", "read-count"),
        code("model.fit(images, verbose=0)\nprint(1)", 4, "fit", [printed("1\n")]),
        text(
            "## Check yourself\n\n<details><summary>Why is it so?</summary>Because.</details>\n\n"
            "## What next\n\nThe [next notebook](03_next.ipynb) goes on with this.",
            "next",
        ),
    ]
    return execute.clean(nbformat.v4.new_notebook(cells=cells))


@pytest.fixture
def folder(tmp_path):
    """A folder with the good notebook and the one that it links to."""
    execute.write_notebook(tmp_path / FIRST, good_notebook())
    execute.write_notebook(tmp_path / "03_next.ipynb", good_notebook())
    return tmp_path


def cell(notebook, cell_id):
    """The cell with this id."""
    return next(one for one in notebook.cells if one.id == cell_id)


def edit(cell_id, old, new):
    """A change of a cell's source."""

    def change(notebook):
        one = cell(notebook, cell_id)
        assert old in one.source
        one.source = one.source.replace(old, new)

    return change


def change(cell_id, **values):
    """A change of attributes of a cell."""
    return lambda notebook: cell(notebook, cell_id).update(nbformat.from_dict(values))


BROKEN = {
    rules.has_the_frame: [
        edit("title", "# 02", "# 03"),
        edit("title", "\n\nOne sentence with the goal.", ""),
        edit("frame", "## What you need", "## You need"),
        edit("frame", "20 minutes to read", "not long"),
        edit("next", "<details>", ""),
        edit("next", "03_next", "01_next"),
    ],
    rules.has_checked_parameters: [
        change("parameters", metadata={}),
        change("count", metadata={"tags": ["parameters"]}),
        edit("parameters", "images: int", "images"),
        edit("parameters", "  # which one", ""),
        edit("parameters", "0 means all", "0 = all"),
        edit("parameters", "1500", '"1500"'),
        lambda notebook: notebook.cells.remove(cell(notebook, "check-parameters")),
        edit("check-parameters", "images=(0, None), ", ""),
        edit("check-parameters", "images=", "picture=1, images="),
        edit("check-parameters", "(0, None)", "(0, 1000)"),
    ],
    rules.is_stored_clean: [
        lambda notebook: notebook.metadata.update(papermill={}),
        lambda notebook: notebook.update(nbformat_minor=4),
        change("count", id="frame"),
        change("count", surprise=1),
        change("count", metadata={"execution": {"iopub.execute_input": "now"}}),
        change("count", metadata={"tags": ["nbval-skip"]}),
        edit("title", "sentence", "phrase"),
        change("count", outputs=[printed("x" * 1_600_000)]),
    ],
    rules.comes_from_a_clean_run: [
        change("count", execution_count=None),
        change("count", execution_count=7),
        change("count", outputs=[printed("a warning\n", "stderr")]),
        change("count", outputs=[nbformat.v4.new_output("error", ename="E", evalue="no")]),
    ],
    rules.names_no_machine: [
        change("count", outputs=[printed("Results in /tmp/tmpab12/log\n")]),
        change("count", outputs=[shown("text/plain", r"C:\Users\ada")]),
        edit("count", "print(total)", 'print(open("/home/me/data"))'),
    ],
    rules.compares_no_times: [
        change("count", outputs=[printed(text)])
        for text in ("in 12 s", "took 3.5s", "on 2026-01-31", "at 12:30:59", "<at 0x7f0012345678>")
    ],
    rules.compares_most_outputs: [
        lambda notebook: [c.metadata.update(IGNORED) for c in rules.code_cells(notebook)[2:]],
        edit("count", "print(total)", "# NBVAL_IGNORE_OUTPUT\nprint(total)"),
    ],
    rules.describes_its_figures: [
        change("count", outputs=[shown("image/png", "iVBORw0KGgo=")]),
        change("count", outputs=[shown("text/html", f'<img src="{PIXEL}">')]),
        change("count", outputs=[shown("text/html", f'<img alt="" src="{PIXEL}">')]),
        edit("read-count", "It is", "![](figure.png) It is"),
    ],
    rules.has_links_that_resolve: [
        edit("next", "03_next", "09_missing"),
        edit("read-count", "#Check-yourself", "#Check-me"),
        edit("read-count", "It is", '<a href="../missing.md">it</a> It is'),
    ],
    rules.explains_every_cell: [
        lambda notebook: notebook.cells.remove(cell(notebook, "why-count")),
        lambda notebook: notebook.cells.insert(0, notebook.cells[3]),
        lambda notebook: notebook.cells.pop(),
        edit("why-count", "Now count, since counting is instructive.", "## Counting everything up"),
    ],
    rules.has_short_cells: [
        edit("count", "print(total)", "print(total)\n" * 15),
        edit("count", "total = images * 2", "def build(hp):\n" + "    hp.Int()\n" * 25),
        lambda notebook: [one.update(source="x") for one in rules.code_cells(notebook)],
    ],
    rules.keeps_the_test_set_shut: [
        edit("count", "print(total)", "x, y = data.load_test(images)"),
    ],
    rules.is_plain_and_quiet: [
        edit("count", "print(total)", "%matplotlib inline"),
        edit("count", "print(total)", "!ls"),
        edit("fit", "print(1)", "print(1);"),
        edit("fit", ", verbose=0", ""),
        edit("fit", "verbose=0", "verbose=1"),
    ],
}
CASES = [
    pytest.param(rule, break_it, id=f"{rule.__name__}-{number}")
    for rule, changes in BROKEN.items()
    for number, break_it in enumerate(changes)
]


@pytest.mark.parametrize("rule", rules.RULES, ids=names(rules.RULES))
def test_a_good_notebook_passes_the_rule(rule, folder):
    path = folder / FIRST
    assert list(rule(nbformat.read(path, as_version=4), path)) == []


@pytest.mark.parametrize("rule, break_it", CASES)
def test_a_broken_notebook_fails_the_rule(rule, break_it, folder):
    notebook = good_notebook()
    break_it(notebook)
    assert list(rule(notebook, folder / FIRST))


def test_every_rule_has_a_notebook_that_breaks_it():
    assert set(BROKEN) == set(rules.RULES)


def test_what_is_allowed_is_not_refused():
    notebook = good_notebook()
    edit("count", "print(total)", "x, y = data.load_test(images)")(notebook)
    assert not list(rules.keeps_the_test_set_shut(notebook, pathlib.Path("05_retrain.ipynb")))
    change("count", outputs=[printed("19/19 8ms/step\n")])(notebook)  # what nbval sanitises
    assert not list(rules.compares_no_times(notebook, pathlib.Path(FIRST)))
    change("count", outputs=[printed("done in 12 s\n")], metadata=IGNORED)(notebook)
    assert not list(rules.compares_no_times(notebook, pathlib.Path(FIRST)))
