"""Every notebook keeps every rule, and every rule can fail."""

import pathlib
import re

import nbformat
import notebook_rules as rules
import pytest

from helpers import rerun

ROOT = pathlib.Path(__file__).parent.parent
NOTEBOOKS = list(rerun.available().values())
PIXEL = "data:image/png;base64,iVBORw0KGgo="
FIRST = "02_broken.ipynb"


def names(values):
    """Readable ids for parametrized tests."""
    return [getattr(value, "__name__", None) or value.stem for value in values]


def test_there_are_notebooks_00_to_05():
    numbers = [path.stem[:2] for path in NOTEBOOKS]
    assert numbers[:6] == ["00", "01", "02", "03", "04", "05"]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("rule", rules.RULES, ids=names(rules.RULES))
@pytest.mark.parametrize("path", NOTEBOOKS, ids=names(NOTEBOOKS))
def test_the_notebook_keeps_the_rule(path, rule):
    found = list(rule(nbformat.read(path, as_version=4), path))
    assert not found, f"{path.name}: " + "; ".join(found)


def test_readme_maps_exactly_the_notebooks():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("|")]
    listed = re.findall(r"\(notebooks/(\w+)\.ipynb\)", "\n".join(rows))
    assert listed == [path.stem for path in NOTEBOOKS]


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


def shown(**data):
    """A display output; underscores in names stand for the slash of the type."""
    data = {kind.replace("_", "/"): value for kind, value in data.items()}
    return nbformat.v4.new_output("display_data", data=data)


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
            [printed("3000\nsmall\n"), shown(text_html=f'<img alt="a grey square" src="{PIXEL}">')],
        ),
        text("It is twice as many. See [the check](#Check-yourself).", "read-count"),
        code("model.fit(images, verbose=0)\nprint(1)", 4, "fit", [printed("1\n")]),
        text(
            "## Check yourself\n\n<details><summary>Why is it so?</summary>Because.</details>\n\n"
            "## What next\n\nThe [next notebook](03_next.ipynb) goes on with this.",
            "next",
        ),
    ]
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


@pytest.fixture
def folder(tmp_path):
    """A folder with the good notebook and the one that it links to."""
    rerun.write_notebook(tmp_path / FIRST, good_notebook())
    rerun.write_notebook(tmp_path / "03_next.ipynb", good_notebook())
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


def output(*outputs):
    """A change of the outputs of the counting cell."""

    def change(notebook):
        cell(notebook, "count").outputs = list(outputs)

    return change


def assign(cell_id, name, value):
    """A change of an attribute of a cell, or of the notebook's metadata."""

    def change(notebook):
        target = cell(notebook, cell_id) if cell_id else notebook.metadata
        target[name] = value

    return change


def drop(cell_id):
    """A notebook without this cell."""

    def change(notebook):
        notebook.cells.remove(cell(notebook, cell_id))

    return change


def ignore_all(notebook):
    """No outputs are compared any more."""
    for one in rules.code_cells(notebook)[2:]:
        one.metadata = {"tags": ["nbval-ignore-output"]}


BROKEN = {
    rules.has_the_frame: [
        edit("title", "# 02", "# 03"),
        edit("title", "\n\nOne sentence with the goal.", ""),
        edit("frame", "## What you need", "## You need"),
        edit("frame", "- one thing", "one thing"),
        edit("frame", "20 minutes to read", "not long"),
        edit("next", "<details>", ""),
        edit("next", "03_next", "01_next"),
        edit("next", "## What next", "## An extra\n\n## What next"),
        edit("next", "## What next", "## What you need\n\n## What next"),
    ],
    rules.has_a_parameters_cell: [
        assign("parameters", "metadata", {}),
        assign("count", "metadata", {"tags": ["parameters"]}),
        edit("parameters", "images: int", "images"),
        edit("parameters", "  # which one", ""),
        edit("parameters", "0 means all", "0 = all"),
        edit("parameters", "1500", '"1500"'),
    ],
    rules.papermill_sees_every_parameter: [
        edit("parameters", "0 means all", "0 = all"),
        edit("parameters", "images: int", "images"),
        edit("parameters", "  # which one", ""),
    ],
    rules.checks_its_parameters: [
        drop("check-parameters"),
        edit("check-parameters", "images=(0, None), ", ""),
        edit("check-parameters", "images=", "picture=1, images="),
        edit("check-parameters", "(0, None)", "(0, 1000)"),
        edit("check-parameters", "dataset=str", "dataset=bool"),
    ],
    rules.has_the_plain_kernel: [
        assign(None, "kernelspec", {"display_name": "mine", "language": "python", "name": "mine"}),
        assign(None, "papermill", {}),
    ],
    rules.is_valid_and_stable: [
        lambda notebook: notebook.update(nbformat_minor=4),
        assign("count", "id", "frame"),
        assign("count", "surprise", 1),
        edit("title", "sentence", "phrase"),
    ],
    rules.has_clean_cells: [
        assign("count", "metadata", {"execution": {"iopub.execute_input": "now"}}),
        assign("count", "metadata", {"tags": ["nbval-skip"]}),
        assign("count", "metadata", {"tags": ["nbval-ignore-outputs"]}),
    ],
    rules.is_executed_in_order: [
        assign("count", "execution_count", None),
        assign("count", "execution_count", 7),
    ],
    rules.stores_no_errors_or_stderr: [
        output(printed("a warning\n", "stderr")),
        output(nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])),
    ],
    rules.names_no_machine: [
        output(printed("Results in /tmp/tmpab12/log\n")),
        output(printed("Results in /home/ada/course/log\n")),
        output(shown(text_plain=r"C:\Users\ada")),
        edit("count", "print(total)", 'print(open("/home/me/data"))'),
    ],
    rules.compares_no_times: [
        output(printed("done in 12 s\n")),
        output(printed("19/19 - 0s - 8ms/step\n")),
        output(printed("Epoch took 3.5s\n")),
        output(printed("on 2026-01-31\n")),
        output(printed("at 12:30:59\n")),
        output(shown(text_plain="<object at 0x7f0012345678>")),
    ],
    rules.compares_most_outputs: [
        ignore_all,
        edit("count", "print(total)", "# NBVAL_IGNORE_OUTPUT\nprint(total)"),
    ],
    rules.describes_its_figures: [
        output(shown(image_png="iVBORw0KGgo=", text_plain="<Figure>")),
        output(shown(text_html=f'<img src="{PIXEL}">')),
        output(shown(text_html=f'<img alt="" src="{PIXEL}">')),
        edit("read-count", "It is", '<img src="figure.png"> It is'),
        edit("read-count", "It is", "![](figure.png) It is"),
    ],
    rules.has_links_that_resolve: [
        edit("next", "03_next", "09_missing"),
        edit("read-count", "#Check-yourself", "#Check-me"),
        edit("read-count", "It is", '<a href="../missing.md">it</a> It is'),
    ],
    rules.explains_every_cell: [
        drop("why-count"),
        drop("read-count"),
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
    rules.is_plain_python: [
        edit("count", "print(total)", "%matplotlib inline"),
        edit("count", "print(total)", "!ls"),
    ],
    rules.silences_nothing_by_semicolon: [
        edit("fit", "print(1)", "print(1);"),
    ],
    rules.trains_quietly: [
        edit("fit", ", verbose=0", ""),
        edit("fit", "verbose=0", "verbose=1"),
    ],
    rules.is_small: [output(printed("x" * 1_600_000))],
}
CASES = [
    pytest.param(rule, change, id=f"{rule.__name__}-{number}")
    for rule, changes in BROKEN.items()
    for number, change in enumerate(changes)
]


@pytest.mark.parametrize("rule", rules.RULES, ids=names(rules.RULES))
def test_a_good_notebook_passes_the_rule(rule, folder):
    path = folder / FIRST
    assert list(rule(nbformat.read(path, as_version=4), path)) == []


@pytest.mark.parametrize("rule, change", CASES)
def test_a_broken_notebook_fails_the_rule(rule, change, folder):
    notebook = good_notebook()
    change(notebook)
    assert list(rule(notebook, folder / FIRST))


def test_every_rule_has_a_notebook_that_breaks_it():
    assert set(BROKEN) == set(rules.RULES)


def test_notebook_05_may_open_the_test_set(tmp_path):
    notebook = good_notebook()
    edit("count", "print(total)", "x, y = data.load_test(images)")(notebook)
    assert list(rules.keeps_the_test_set_shut(notebook, tmp_path / "05_retrain.ipynb")) == []


def test_what_is_tagged_may_hold_times():
    notebook = good_notebook()
    output(printed("done in 12 s\n"))(notebook)
    cell(notebook, "count").metadata = {"tags": ["nbval-ignore-output"]}
    assert list(rules.compares_no_times(notebook, pathlib.Path(FIRST))) == []
