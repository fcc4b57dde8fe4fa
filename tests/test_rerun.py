"""The rerun command, on small stand-in notebooks and, for names and budgets, on the real ones."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import nbformat
import pytest

from helpers import checks, rerun
from tools import execute, record

ROOT = pathlib.Path(__file__).parent.parent
PARAMETERS = """\
epochs: int = 2
rate: float = 0.1
dataset: str = "small"
overwrite: bool = False"""
CHECK = """\
from helpers import checks
checks.parameters(epochs=(1, 500), rate=(0.0, 1.0), dataset=str, overwrite=bool)"""
SECOND = "epochs: int = 2\nrepeats: int = 3"
CHECK_SECOND = CHECK.split("(")[0] + "(epochs=(1, 9), repeats=(2, 9))"
TRACE = """\
import os
with open(os.environ["COURSE_OUTPUT"] + "/trace.txt", "a") as file:
    file.write(f"{epochs} {rate} {dataset!r} {overwrite}\\n")"""


def make(path, *sources, parameters=PARAMETERS, check=CHECK):
    cells = [
        nbformat.v4.new_markdown_cell("# Title, see [next](02_second.ipynb)"),
        nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *map(nbformat.v4.new_code_cell, [check, *sources]),
    ]
    execute.write_notebook(path, execute.clean(nbformat.v4.new_notebook(cells=cells)))


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder with two stand-in notebooks, taken for the course; what a run sets is undone."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    make(folder / "01_first.ipynb", TRACE, "print('done')")
    make(folder / "02_second.ipynb", "print(repeats)", parameters=SECOND, check=CHECK_SECOND)
    real = rerun.available
    monkeypatch.setattr(rerun, "available", lambda: real(folder))
    monkeypatch.setenv("COURSE_OUTPUT", os.environ["COURSE_OUTPUT"])
    return folder


def test_notebooks_are_chosen_by_number_or_name_and_come_in_order(course):
    for name in ("report", "Untitled", "00_a"):
        make(course / f"{name}.ipynb")
    assert list(rerun.select([])) == ["00_a", "01_first", "02_second", "report"]
    chosen = rerun.select(["02", "notebooks/01_first.ipynb", "02_second"])
    assert list(chosen) == ["01_first", "02_second"]


def test_values_are_read_by_type_and_go_to_the_notebooks_that_have_them(course, tmp_path):
    pairs = [("rate", "0.5"), ("epochs", "3"), ("dataset", "007"), ("overwrite", "true")]
    first, second = rerun.resolve(rerun.select([]), pairs).values()
    assert first == {"rate": 0.5, "epochs": 3, "dataset": "007", "overwrite": True}
    assert second == {"epochs": 3}
    (tmp_path / "b.yml").write_text("shared: {epochs: 4, repeats: 4}\n02: {epochs: 5, repeats: 5}")
    read = rerun.read_budget(tmp_path / "b.yml")
    first, second = rerun.resolve(rerun.select([]), [("repeats", "6")], read).values()
    assert first == {"epochs": 4} and second == {"epochs": 5, "repeats": 6}


@pytest.mark.parametrize(
    "words, named",
    [
        (["-p", "epoch", "3"], ["epochs"]),
        (["02", "-p", "rate", "0.5"], ["rate"]),
        (["-p", "epochs", "0", "-p", "x", "1"], ["'x'", "01_first: epochs", "02_second: epochs"]),
        (["-p", "overwrite", "7"], ["overwrite"]),
        (["--resume", "nowhere"], ["nowhere"]),
        (["--resume", ".", "-p", "epochs", "3"], ["--resume"]),
        (["--budget", "shared:\n  epoch: 3"], ["epochs"]),
        (["--budget", "02_secnd:\n  epochs: 3"], ["02_second"]),
        (["--budget", "shared: 3"], ["shared"]),
        (["--budget", "shared: ["], ["line 1"]),
    ],
)
def test_a_mistake_is_refused_before_anything_runs(course, monkeypatch, capsys, words, named):
    monkeypatch.chdir(course.parent)
    if ":" in words[-1]:
        pathlib.Path("budget.yml").write_text(words[-1])
        words = ["--budget", "budget.yml"]
    with pytest.raises(SystemExit) as stopped:
        rerun.main([*words, "--output", "out"] if "--resume" not in words else words)
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and all(word in said for word in named)
    assert not pathlib.Path("out").exists()


def test_the_full_budget_fits_the_course_and_is_the_one_of_the_recorded_search():
    resolved = rerun.resolve(rerun.select([]), (), rerun.read_budget(ROOT / "full.yml"))
    values = resolved[rerun.available()["03_random_search"]]
    for name in ("max_trials", "epochs", "dataset"):
        assert values[name] == record.SETTINGS[name]


def test_runs_have_folders_of_their_own_and_an_existing_one_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(rerun, "NOTEBOOKS", tmp_path / "notebooks")
    assert rerun.prepare({}).parent == tmp_path / "runs"
    kept = tmp_path / "runs" / "mine.txt"
    kept.write_text("precious")
    for wanted in (kept.parent, kept):
        with pytest.raises(checks.ShortError, match="--resume"):
            rerun.prepare({}, wanted)
    assert kept.read_text() == "precious"


@pytest.mark.slow
def test_a_run_leaves_notebooks_and_pages_and_is_not_run_again(course, tmp_path, monkeypatch):
    # A kernel of the user's that has the name python3 and cannot start.
    kernel = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({"argv": ["/nowhere"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    output = tmp_path / "out"
    words = ["-p", "epochs", "3", "-p", "dataset", "007", "--output", str(output)]
    for arguments in (words, ["--resume", str(output)]):
        assert rerun.main(arguments) == 0
        assert (output / "trace.txt").read_text() == "3 0.1 '007' False\n"
    page = (output / "01_first.html").read_text()
    assert 'href="02_second.html"' in page and (output / "02_second.html").exists()
    assert "<script" not in page and not re.search(r"<(img|link)[^>]*https?://", page)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["open('missing')", "import os\nos._exit(1)"])
def test_a_run_that_failed_goes_on(course, tmp_path, capsys, source):
    make(course / "02_second.ipynb", TRACE, source)
    make(course / "03_third.ipynb", TRACE)
    output = tmp_path / "out"
    assert rerun.main(["-p", "overwrite", "true", "--output", str(output)]) == 1
    assert f"--resume {output}" in capsys.readouterr().out
    assert [path.name for path in output.glob("*.html")] == ["01_first.html"]
    # Once the cause is mended it goes on; a search that was begun is not begun anew.
    make(course / "02_second.ipynb", TRACE)
    (output / "trace.txt").unlink()
    assert rerun.main(["--resume", str(output)]) == 0
    assert (output / "trace.txt").read_text() == "2 0.1 'small' False\n2 0.1 'small' True\n"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to whole consoles only")
def test_ctrl_c_ends_with_130_and_the_notebook_counts_as_unfinished(course, tmp_path, capsys):
    ready, output = tmp_path / "ready", tmp_path / "out"
    make(course / "01_first.ipynb", f"open({str(ready)!r}, 'w')\nimport time\ntime.sleep(600)")

    def press():
        while not ready.exists():
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    # Tests that a shell started in the background ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=press, daemon=True).start()
    assert rerun.main(["--output", str(output)]) == 130
    assert f"--resume {output}" in capsys.readouterr().out
    assert not list(output.glob("*.html"))


def papermill(notebook, folder, last=None, **values):
    """README's line for one notebook, up to its cell ``last``, from a folder of one's own."""
    whole = nbformat.read(rerun.available()[notebook], as_version=4)
    if last:
        del whole.cells[[cell.id for cell in whole.cells].index(last) + 1 :]
    nbformat.write(whole, folder / "in.ipynb")
    words = [word for name, value in values.items() for word in ("-p", name, str(value))]
    command = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_a_search_with_other_parameters_is_another_that_04_and_05_find(tmp_path, monkeypatch):
    def searches():
        files = (tmp_path / "copy" / "log").glob("random_search*/trial_*/trial.json")
        return {path: path.read_bytes() for path in files}

    monkeypatch.setenv("COURSE_OUTPUT", str(tmp_path / "copy"))
    one = {"images": 240, "max_trials": 2, "epochs": 1, "batch_size": 240}
    other = {"images": 300, "max_trials": 5, "epochs": 2, "batch_size": 300, "seed": 1000}
    papermill("03_random_search", tmp_path, **one)
    first = searches()
    papermill("03_random_search", tmp_path, "search", **other)
    both = searches()
    assert len(both) > len(first) > 0 and both == both | first
    papermill("04_search_results", tmp_path, "open-search", **other, repeats=2)
    papermill("05_retrain_best_model", tmp_path, "open-search", **one, repeats=2)
    assert searches() == both
