"""nbval, called as CI calls it, fails what it must fail and passes what may differ.

One run of pytest in a child process on one notebook, a case a cell; each test looks at one cell.
"""

import os
import pathlib
import re
import subprocess
import sys
import tomllib

import nbformat
import pytest

from tools import execute

ROOT = pathlib.Path(__file__).parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
OPTIONS = SETTINGS["ini_options"]["addopts"]
CELL_TIMEOUT = 3  # seconds
PICTURE = "data:image/png;base64,"
FOLDER_CODE = "import os\nprint('in', os.environ['COURSE_OUTPUT'] + '/log/search')"


def stream(text):
    """A stored output of print."""
    return [nbformat.v4.new_output("stream", name="stdout", text=text + "\n")]


def printed(text, stored):
    """A cell that prints one text while another is stored."""
    return f"print({text!r})", stream(stored)


def page(html, stored):
    """A cell that shows one piece of HTML while another is stored."""
    source = f"from IPython.display import HTML, display\ndisplay(HTML({html!r}))"
    data = {"text/html": stored, "text/plain": "<IPython.core.display.HTML object>"}
    return source, [nbformat.v4.new_output("display_data", data=data)]


# Source and stored outputs; what passes, then what fails. The last one makes nbval give up.
PASSING = {
    "equal outputs": printed("3000 images", "3000 images"),
    "timings": printed("19/19 8ms/step, 00h 00m 12s", "19/19 31ms/step, 01h 40m 07s"),
    "temporary folders": (
        "import tempfile\nprint('in', tempfile.mkdtemp())",
        stream("in /tmp/tmpq1w2e3r4"),
    ),
    "the output folder": (FOLDER_CODE, stream(f"in {execute.STAND_IN}/log/search")),
    "pictures inside HTML": page(f'<img src="{PICTURE}AAAA">', f'<img src="{PICTURE}BBBB">'),
}
FAILING = {
    "a changed number": printed("3000 images", "3001 images"),
    "a changed number in a table": page("<td>0.81</td>", "<td>0.82</td>"),
    "an output that is gone": ("x = 1", stream("1")),
    "an output that is new": ("print(1)", []),
    "a line on stderr": ("import sys\nprint('careful', file=sys.stderr)", []),
    "an error": ("1 / 0", []),
    "a score beside a timing": printed("8ms/step loss: 0.31", "8ms/step loss: 0.32"),
    "a name behind the output folder": (FOLDER_CODE, stream(f"in {execute.STAND_IN}/log/another")),
    "the description of a picture": page(
        f'<img alt="a cat" src="{PICTURE}AAAA">', f'<img alt="a dog" src="{PICTURE}AAAA">'
    ),
    "outputs without an execution count": printed("1", "1"),
    "a cell that hangs": ("import time\ntime.sleep(3600)", []),
}
CASES = PASSING | FAILING


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(text of the run, outcome of each case)."""
    folder = tmp_path_factory.mktemp("teeth")
    cells = []
    for number, (name, (source, outputs)) in enumerate(CASES.items()):
        count = None if "without an execution count" in name else number + 1
        cells.append(
            nbformat.v4.new_code_cell(
                source, outputs=outputs, execution_count=count, id=f"case-{number}"
            )
        )
    execute.write_notebook(folder / "cases.ipynb", nbformat.v4.new_notebook(cells=cells))
    options = [one for one in OPTIONS if "sanitize-with" not in one and "cell-timeout" not in one]
    options += [f"--nbval-sanitize-with={ROOT / 'tests' / 'sanitize.cfg'}", "-rA", "--color=no"]
    options += [f"--nbval-cell-timeout={CELL_TIMEOUT}", "--rootdir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
    )
    text = done.stdout + done.stderr
    found = re.findall(r"^(PASSED|FAILED|ERROR) .*::Cell (\d+)", text, flags=re.MULTILINE)
    return text, {list(CASES)[int(number)]: outcome for outcome, number in found}


@pytest.mark.parametrize("name", PASSING)
def test_nbval_passes(name, run):
    text, outcomes = run
    assert outcomes.get(name) == "PASSED", text


@pytest.mark.parametrize("name", FAILING)
def test_nbval_fails(name, run):
    text, outcomes = run
    assert outcomes.get(name) == "FAILED", text


def test_ci_compares_all_outputs_of_all_notebooks_with_a_time_limit(run):
    assert f"Timeout of {CELL_TIMEOUT} seconds exceeded" in run[0]
    assert "--nbval" in OPTIONS and "--nbval-sanitize-with=tests/sanitize.cfg" in OPTIONS
    assert f"--nbval-cell-timeout={execute.CELL_TIMEOUT}" in OPTIONS
    assert "notebooks" in SETTINGS["ini_options"]["testpaths"]


def test_kernels_get_an_output_folder_that_the_sanitizing_file_knows():
    folder = pathlib.Path(os.environ["COURSE_OUTPUT"])
    assert folder.is_dir() and folder.name.startswith(execute.OUTPUT_PREFIX)


def test_every_pair_of_the_sanitizing_file_is_read():
    from nbval.plugin import get_sanitize_patterns

    text = (ROOT / "tests" / "sanitize.cfg").read_text(encoding="utf-8")
    pairs = get_sanitize_patterns(text)
    assert len(pairs) == len(re.findall(r"^\[", text, flags=re.MULTILINE)) > 0
    assert all(replacement.strip() for _, replacement in pairs)
