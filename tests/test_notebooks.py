"""Every notebook keeps every rule, and every rule can fail."""

import pathlib
import re

import nbformat
import notebook_rules as rules
import pytest

from helpers import rerun

ROOT = pathlib.Path(__file__).parent.parent
NOTEBOOKS = rerun.available()
GOOD = NOTEBOOKS["02_hypermodel"]  # the one that is broken below, in memory
SOLUTIONS = rerun.available(ROOT / "notebooks" / "solutions")
NAMES = [rule.__name__ for rule in rules.RULES]


@pytest.mark.parametrize("rule", rules.RULES, ids=NAMES)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_keeps_the_rule(name, rule):
    if name[0].isdigit() or rule in rules.EVERYWHERE:
        path = NOTEBOOKS[name]
        found = list(rule(nbformat.read(path, as_version=4), path))
        assert not found, f"{name}: " + "; ".join(found)


@pytest.mark.parametrize("rule", rules.SOLUTIONS, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solutions_keep_the_rule(name, rule):
    found = list(rule(nbformat.read(SOLUTIONS[name], as_version=4), SOLUTIONS[name]))
    assert not found, f"{name}: " + "; ".join(found)


def test_lessons_are_numbered_from_00_and_readme_maps_them_all_with_their_minutes():
    lessons = [name for name in NOTEBOOKS if name[0].isdigit()]
    assert [name[:2] for name in lessons] == [f"{number:02}" for number in range(len(lessons))]
    texts = [NOTEBOOKS[name].read_text(encoding="utf-8") for name in lessons]
    minutes = [re.search(r"(\d+) minutes to read and (\d+) for", text).groups() for text in texts]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = r"^\|.*\(notebooks/(\d\w+)\.ipynb\).*\| (\d+) \| (\d+) \| \d+ \|$"
    expected = [(name, *pair) for name, pair in zip(lessons, minutes, strict=True)]
    assert re.findall(row, readme, re.M) == expected


def cell(notebook, cell_id):
    """The cell with this id."""
    return next(one for one in notebook.cells if one.id == cell_id)


def change(cell_id="data-load", **values):
    """A change of attributes of a cell."""
    return lambda notebook: cell(notebook, cell_id).update(nbformat.from_dict(values))


def edit(cell_id, old, new):
    """A change of a cell's source."""

    def edited(notebook):
        one = cell(notebook, cell_id)
        assert old in one.source
        one.source = one.source.replace(old, new)

    return edited


def output(kind, **values):
    """A cell with this output alone."""
    return change(outputs=[nbformat.v4.new_output(kind, **values)])


def tagged(*tags):
    """A notebook whose code cells, but for the first two, have these tags."""
    found = {"tags": list(tags)}
    return lambda notebook: [c.metadata.update(found) for c in rules.code_cells(notebook)[2:]]


BROKEN = {
    rules.has_the_frame: [
        edit("frame-title", "# 02", "# 03"),
        edit("frame-do", "## What you need", "## You need"),
        lambda notebook: notebook.cells[-1].update(source="## What next\n\n[01](01.ipynb)"),
    ],
    rules.has_checked_parameters: [
        change("parameters", metadata={}),
        edit("parameters", "0 means all", "0 = all"),
        edit("param-check", "images=(0, None), ", ""),
        edit("param-check", "(0, None)", "(0, 1000)"),
    ],
    rules.is_stored_clean: [
        lambda notebook: notebook.metadata.update(papermill={}),
        change(id="frame-do"),
        change(surprise=1),
        tagged("nbval-skip"),
        edit("frame-title", "hypermodel", "hyper model"),
        output("stream", text="x" * rules.LARGEST_FILE),
    ],
    rules.comes_from_a_clean_run: [
        change(execution_count=None),
        output("stream", name="stderr", text="a warning\n"),
    ],
    rules.names_no_machine: [
        output("stream", text="Results in /tmp/tmpab12/log\n"),
        change(source='print(open("/home/me/data"))'),
    ],
    rules.compares_most_outputs: [
        tagged("nbval-ignore-output"),
        change(source="# NBVAL_IGNORE_OUTPUT\nprint(total)"),
    ],
    rules.describes_its_figures: [
        output("display_data", data={"image/png": "iVBORw0KGgo="}),
        output("display_data", data={"text/html": '<img src="data:image/png;base64,iVBOR=">'}),
        change("data-why", source="![](figure.png)"),
    ],
    rules.has_headings_in_order: [
        change("data-why", source="#### Deep"),
        change("data-why", source="# Another title"),
        edit("frame-title", "# ", "## "),
    ],
    rules.writes_in_dark_colours: [
        change(source='ax.text(0, 0, "a", color=plots.COLOURS["sky"])'),
        change(source='ax.annotate("a", (0, 0), c=colours[key])'),
    ],
    rules.has_slides: [
        change("data-why", metadata={}),
        change("data-why", metadata={"slideshow": {"slide_type": "skip"}}),
        change("data-why", source="## A heading", metadata={"slideshow": {"slide_type": "-"}}),
        change("data-why", source="Text.\n\n## A heading"),
        lambda notebook: notebook.metadata.pop("rise", None),
    ],
    rules.has_links_that_resolve: [
        lambda notebook: notebook.cells[-1].update(source="[next](09_missing.ipynb)"),
        change("data-why", source="[here](#Check-me)"),
        change("data-why", source="![three words here](attachment:missing.png)"),
    ],
    rules.explains_every_cell: [
        lambda notebook: notebook.cells.remove(cell(notebook, "data-why")),
    ],
    rules.has_short_cells: [change(source="print(1)\n" * 16)],
    rules.keeps_the_test_set_shut: [change(source="x, y = course_data.load_test(dataset)")],
    rules.is_plain_and_quiet: [
        change(source="%matplotlib inline"),
        change(source="print(1);"),
        edit("check-batch", ", verbose=0", ""),
    ],
}


@pytest.mark.parametrize("rule", rules.RULES, ids=NAMES)
def test_a_broken_notebook_fails_the_rule(rule):
    for number, break_it in enumerate(BROKEN[rule]):
        notebook = nbformat.read(GOOD, as_version=4)
        break_it(notebook)
        assert list(rule(notebook, GOOD)), number
