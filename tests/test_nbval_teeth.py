"""nbval, called as CI calls it, fails what it must fail and passes what may differ.

One run of pytest in a child process on one notebook, a case a cell.
"""

import pathlib
import re
import subprocess
import sys
import tomllib

import nbformat

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
    "timings": printed("19/19 8ms/step, 00h 00m 12s", "19/19 31ms/step, 01h 40m 07s"),
    "progress": printed("1 of 2 trials, 0:01 spent", "2 of 2 trials, best 0.5, 0:03 spent"),
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
    "a score beside a timing": printed("8ms/step loss: 0.31", "8ms/step loss: 0.32"),
    "a name behind the output folder": (FOLDER_CODE, stream(f"in {execute.STAND_IN}/log/another")),
    "the description of a picture": page(
        f'<img alt="a cat" src="{PICTURE}AAAA">', f'<img alt="a dog" src="{PICTURE}AAAA">'
    ),
    "a cell that hangs": ("import time\ntime.sleep(3600)", []),
}


def test_nbval_passes_what_may_differ_and_fails_the_rest(tmp_path):
    cases = [*PASSING.values(), *FAILING.values()]
    cells = [
        nbformat.v4.new_code_cell(
            source, outputs=outputs, execution_count=number + 1, id=f"case-{number}"
        )
        for number, (source, outputs) in enumerate(cases)
    ]
    execute.write_notebook(tmp_path / "cases.ipynb", nbformat.v4.new_notebook(cells=cells))
    options = [one for one in OPTIONS if "sanitize-with" not in one and "cell-timeout" not in one]
    options += [f"--nbval-sanitize-with={ROOT / 'tests' / 'sanitize.cfg'}", "-rA", "--color=no"]
    options += [f"--nbval-cell-timeout={CELL_TIMEOUT}", "--rootdir", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(tmp_path)]
    text = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    found = re.findall(r"^(PASSED|FAILED|ERROR) .*::Cell (\d+)", text, flags=re.MULTILINE)
    outcomes = {[*PASSING, *FAILING][int(number)]: outcome for outcome, number in found}
    assert outcomes == dict.fromkeys(PASSING, "PASSED") | dict.fromkeys(FAILING, "FAILED"), text
    assert f"Timeout of {CELL_TIMEOUT} seconds exceeded" in text


def test_all_outputs_of_all_notebooks_are_compared_with_a_time_limit():
    assert "--nbval" in OPTIONS and "--nbval-sanitize-with=tests/sanitize.cfg" in OPTIONS
    assert f"--nbval-cell-timeout={execute.CELL_TIMEOUT}" in OPTIONS
    assert "notebooks" in SETTINGS["ini_options"]["testpaths"]
