"""The rerun command, on small stand-in notebooks and, for names and budgets, on the real ones."""

import datetime
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest
import yaml

from helpers import rerun

ROOT = pathlib.Path(__file__).parent.parent
PARAMETERS = """\
epochs: int = 2  # passes
rate: float = 0.1  # learning rate
dataset: str = "small"  # which one
overwrite: bool = False  # start again"""
CHECK = """\
from helpers import checks

checks.parameters(epochs=(1, 500), rate=(0, 1), dataset=str, overwrite=bool)"""
WRITE = """\
import os

with open(os.path.join(os.environ["COURSE_OUTPUT"], "trace.txt"), "a") as file:
    file.write(f"{epochs} {rate} {dataset} {overwrite} ")"""


def make(path, *sources, parameters=PARAMETERS, check=CHECK):
    """Write a stand-in notebook with parameters, their check and more cells."""
    cells = [
        nbformat.v4.new_markdown_cell(f"# {path.stem}, see [next](02_second.ipynb)", id="title"),
        nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}, id="parameters"),
        nbformat.v4.new_code_cell(check, id="check"),
    ]
    for number, source in enumerate(sources):
        cells.append(nbformat.v4.new_code_cell(source, id=f"cell-{number}"))
    rerun.write_notebook(path, rerun.clean(nbformat.v4.new_notebook(cells=cells)))


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder with two stand-in notebooks, taken for the course."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    make(folder / "01_first.ipynb", WRITE, "print('done')")
    make(
        folder / "02_second.ipynb",
        "print(repeats)",
        parameters="epochs: int = 2  # passes\nrepeats: int = 3  # seeds",
        check="from helpers import checks\n\nchecks.parameters(epochs=(1, 9), repeats=(2, 9))",
    )
    monkeypatch.setattr(rerun, "available", lambda _=None: real_available(folder))
    return folder


real_available = rerun.available


def every(folder):
    """What is known of the notebooks of a folder."""
    return {name: rerun.inspect(path) for name, path in real_available(folder).items()}


def test_notebooks_are_chosen_by_number_name_and_path(course, tmp_path):
    first, second = course / "01_first.ipynb", course / "02_second.ipynb"
    other = tmp_path / "mine.ipynb"
    make(other)
    assert rerun.select([]) == [first, second]
    assert rerun.select(["02", "01_first", "02_second.ipynb"]) == [second, first]
    assert rerun.select([str(other)]) == [other]


@pytest.mark.parametrize("name", ["02_secnd", "02_secnd.ipynb"])
def test_an_unknown_notebook_gets_the_nearest(course, name):
    with pytest.raises(rerun.RerunError, match="did you mean 02_second?"):
        rerun.select([name])


def test_pairs_may_be_two_words_or_one():
    joined = rerun.join_pairs(["03", "-p", "a", "1", "-p", "b=2", "--parameters", "c", "x=y", "04"])
    options = rerun.parser().parse_intermixed_args(joined)
    assert options.notebooks == ["03", "04"]
    assert options.parameters == ["a=1", "b=2", "c=x=y"]


def test_values_are_read_by_their_declared_type():
    assert rerun.convert("7", int) == 7 and rerun.convert("many", int) == "many"
    assert rerun.convert("1e-4", float) == 1e-4 and rerun.convert("3", float) == 3
    assert rerun.convert("true", bool) is True and rerun.convert("False", bool) is False
    assert rerun.convert("007", str) == "007" and rerun.convert("true", str) == "true"
    assert rerun.convert("[4, 8]", list[int]) == [4, 8]
    assert rerun.convert("7", None) == 7


def test_a_parameter_goes_to_the_notebooks_that_have_it(course):
    known = every(course)
    resolved = rerun.resolve(list(known), known, [("rate", "0.5"), ("epochs", "3")])
    assert resolved == {"01_first": {"rate": 0.5, "epochs": 3}, "02_second": {"epochs": 3}}


def test_the_command_line_wins_over_a_section_and_a_section_over_shared(course):
    known = every(course)
    shared, sections = {"epochs": 4, "repeats": 4}, {"02_second": {"epochs": 5, "repeats": 5}}
    resolved = rerun.resolve(list(known), known, [("repeats", "6")], shared, sections)
    assert resolved == {"01_first": {"epochs": 4}, "02_second": {"epochs": 5, "repeats": 6}}


@pytest.mark.parametrize(
    "pairs, message",
    [
        ([("epoch", "3")], "'epoch'; did you mean epochs (in 01_first, 02_second)?"),
        ([("repeat", "3")], "'repeat'; did you mean repeats (in 02_second)?"),
        (
            [("zzz", "3")],
            "01_first: epochs, rate, dataset, overwrite\n  02_second: epochs, repeats",
        ),
        ([("epochs", "many")], "epochs must be a whole number from 1 to 500, but is 'many'."),
        ([("epochs", "400")], "epochs must be a whole number from 1 to 9, but is 400."),
        ([("overwrite", "yes")], "overwrite must be True or False, but is 'yes'."),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_runs(course, pairs, message):
    known = every(course)
    with pytest.raises(rerun.RerunError, match=re.escape(message)):
        rerun.resolve(list(known), known, pairs)


@pytest.mark.parametrize(
    "text, message",
    [
        ("shared:\n  epoch: 3", "did you mean epochs"),
        ("02_second:\n  rate: 3", "In 02_second: rate is not a parameter"),
        ("02_secnd:\n  epochs: 3", "did you mean 02_second?"),
        ("shared:\n  epochs: many", "epochs must be a whole number"),
        ("shared: 3", "must hold lines like `epochs: 10`"),
        ("- 3", "must hold sections"),
        ("shared: [", "not valid YAML"),
    ],
)
def test_a_wrong_budget_is_refused_before_anything_runs(course, tmp_path, text, message):
    budget = tmp_path / "budget.yml"
    budget.write_text(text)
    with pytest.raises(rerun.RerunError, match=re.escape(message)):
        known = every(course)
        rerun.resolve(list(known), known, (), *rerun.read_budget(budget, known))


def test_a_missing_budget_is_named():
    with pytest.raises(rerun.RerunError, match="no.yml cannot be read"):
        rerun.read_budget("no.yml", [])


def test_the_full_budget_fits_the_course_and_is_the_one_of_the_recorded_search():
    from tools import record

    path = ROOT / "full.yml"
    known = every(rerun.NOTEBOOKS)
    resolved = rerun.resolve(list(known), known, (), *rerun.read_budget(path, known))
    assert resolved["03_random_search"]["max_trials"] == record.SETTINGS["max_trials"] == 50
    assert resolved["03_random_search"]["epochs"] == record.SETTINGS["epochs"] == 10
    assert yaml.safe_load(path.read_text())["shared"]["dataset"] == record.SETTINGS["dataset"]


def test_an_existing_folder_is_refused_and_left_alone(course, tmp_path, capsys):
    kept = tmp_path / "out" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("precious")
    assert rerun.main(["01", "--output", str(kept.parent)]) == 2
    assert "nothing in it is overwritten" in capsys.readouterr().err
    assert kept.read_text() == "precious" and len(list(kept.parent.iterdir())) == 1


def test_runs_get_folders_of_their_own_that_git_ignores(tmp_path, monkeypatch):
    monkeypatch.setattr(rerun, "ROOT", tmp_path)
    folder = rerun.new_folder(None, datetime.datetime(2026, 1, 31, 12, 30, 59))
    assert folder == tmp_path / "runs" / "2026-01-31_123059"
    assert "/runs/" in (ROOT / ".gitignore").read_text().splitlines()


def test_a_run_leaves_notebooks_pages_and_an_index(course, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = (course / "01_first.ipynb").read_bytes()
    output = tmp_path / "out"
    words = ["-p", "epochs", "3", "-p", "dataset", "007", "--output", str(output)]
    assert rerun.main(words) == 0
    assert (output / "trace.txt").read_text() == "3 0.1 007 False "
    assert json.loads((output / "run.json").read_text())["notebooks"]["02_second"]["state"] == (
        "finished"
    )
    index = (output / "index.html").read_text()
    page = (output / "01_first.html").read_text()
    assert 'href="01_first.html"' in index and "epochs = 3" in index
    assert 'href="02_second.html"' in page and "done" in page
    assert "<script" not in page and not re.search(r"<(img|link)[^>]*https?://", page)
    printed = capsys.readouterr().out
    assert re.search(r"\[1/2\] 01_first  \d:\d\d  cell 1 of 5: epochs: int = 2", printed)
    assert "[2/2] 02_second  done in" in printed
    assert (course / "01_first.ipynb").read_bytes() == before
    # Going on with a run that is finished runs nothing again.
    assert rerun.main(["--resume", str(output)]) == 0
    assert (output / "trace.txt").read_text() == "3 0.1 007 False "


def test_a_failing_cell_is_named_and_the_run_can_go_on(course, tmp_path, capsys):
    make(course / "02_second.ipynb", WRITE, "# why\nprint(open('missing').read())")
    make(course / "03_third.ipynb", WRITE)
    output = tmp_path / "out"
    assert rerun.main(["-p", "overwrite", "true", "--output", str(output)]) == 1
    error = capsys.readouterr().err
    assert (
        "FAILED in 02_second, cell 5, `print(open('missing').read())`: FileNotFoundError" in error
    )
    assert f"--resume {output}" in error
    states = {
        name: one["state"]
        for name, one in json.loads((output / "run.json").read_text())["notebooks"].items()
    }
    assert states == {"01_first": "finished", "02_second": "failed", "03_third": "waiting"}
    executed = nbformat.read(output / "02_second.ipynb", as_version=4)
    assert executed.cells[-1].outputs[-1].ename == "FileNotFoundError"
    assert "FileNotFoundError" in (output / "02_second.html").read_text()
    # Once the cause is mended, the run goes on; a search that was begun is not begun anew.
    make(course / "02_second.ipynb", WRITE)
    (output / "trace.txt").unlink()
    assert rerun.main(["--resume", str(output)]) == 0
    assert (output / "trace.txt").read_text() == "2 0.1 small False 2 0.1 small True "


def test_resume_takes_nothing_else_and_needs_a_run(tmp_path, capsys):
    assert rerun.main(["03", "--resume", str(tmp_path)]) == 2
    assert rerun.main(["--resume", str(tmp_path)]) == 2
    assert "give it alone" in (errors := capsys.readouterr().err) and "not a folder of a" in errors


def test_a_dead_kernel_and_a_slow_cell_are_named(tmp_path):
    for source, timeout, message in (
        ("import os\nos._exit(1)", None, "its Python process ended"),
        ("import time\ntime.sleep(600)", 1, "ran longer than 1 seconds"),
    ):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        with pytest.raises(rerun.CellFailed, match=message):
            rerun.execute(
                notebook, tmp_path, tmp_path, rerun.Progress("x", 1, io.StringIO()), timeout=timeout
            )


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to whole consoles only")
def test_ctrl_c_ends_with_130_and_says_how_to_go_on(tmp_path):
    path = tmp_path / "slow.ipynb"
    ready = tmp_path / "ready"
    make(path, f"open({str(ready)!r}, 'w')\nimport time\ntime.sleep(600)")
    output = tmp_path / "out"
    command = [sys.executable, "-m", "helpers.rerun", str(path), "--output", str(output)]
    child = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Tests that a shell started in the background ignore it, and so would the child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not ready.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=120)
    assert child.returncode == 130, error
    assert f"--resume {output}" in error and "Traceback" not in error
    assert json.loads((output / "run.json").read_text())["notebooks"]["slow"]["state"] == "stopped"
    assert nbformat.read(output / "slow.ipynb", as_version=4).cells[1].execution_count == 1


def test_the_list_shows_types_defaults_help_and_ranges(course, capsys):
    assert rerun.main(["--list"]) == 0
    printed = capsys.readouterr().out
    assert "epochs: int = 2  # passes\n      a whole number from 1 to 500" in printed
    assert "02_second\n" in printed and "repeats: int = 3  # seeds" in printed


def test_in_place_saves_clean_notebooks_that_nbval_accepts(course, tmp_path, capsys):
    first, second = course / "01_first.ipynb", course / "02_second.ipynb"
    make(
        second,
        "import os\n\nprint(os.environ['COURSE_OUTPUT'], epochs)",
        "print(open(os.environ['COURSE_OUTPUT'] + '/trace.txt').read())",
        "code = os.system('echo from a child process; echo noise >&2')",
    )
    notebook = nbformat.read(second, as_version=4)
    notebook.metadata["papermill"] = {"duration": 3}
    notebook.cells[1].metadata["execution"] = {"iopub.status.busy": "now"}
    rerun.write_notebook(second, notebook)
    before = first.read_bytes()
    rerun.run_in_place([second])
    # The first was executed, for what it leaves behind, and not saved.
    assert first.read_bytes() == before
    saved = nbformat.read(second, as_version=4)
    assert set(saved.metadata) == {"kernelspec", "language_info"}
    assert [dict(cell.metadata) for cell in saved.cells[:3]] == [{}, {"tags": ["parameters"]}, {}]
    assert [c.id for c in saved.cells] == [c.id for c in notebook.cells]
    assert [c.execution_count for c in saved.cells[1:]] == [1, 2, 3, 4, 5]
    assert saved.cells[3].outputs[0].text == f"{rerun.STAND_IN} 2\n"
    assert saved.cells[4].outputs[0].text == "2 0.1 small False \n"
    assert saved.cells[5].outputs == []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "-c", os.devnull]
        + [f"--nbval-sanitize-with={ROOT / 'tests' / 'sanitize.cfg'}", "--confcutdir", str(course)]
        + ["-p", "no:cacheprovider", "--rootdir", str(course), str(second)],
        capture_output=True,
        text=True,
        env=environment_of_nbval(tmp_path),
    )
    assert done.returncode == 0, done.stdout


def environment_of_nbval(tmp_path):
    """The environment of a run of nbval, with an output folder named as conftest.py names it."""
    output = tmp_path / f"{rerun.OUTPUT_PREFIX}x1"
    output.mkdir()
    (output / "trace.txt").write_text("2 0.1 small False ")
    return {**os.environ, "COURSE_OUTPUT": str(output)}


@pytest.mark.parametrize(
    "source, message",
    [
        ("1 / 0", "02_second, cell 3, `1 / 0`: ZeroDivisionError: division by zero"),
        ("import sys\nprint('careful', file=sys.stderr)", "writes to stderr: careful"),
    ],
)
def test_in_place_leaves_a_failing_notebook_as_it_was(course, source, message):
    (course / "01_first.ipynb").unlink()
    path = course / "02_second.ipynb"
    make(path, source)
    before = path.read_bytes()
    with pytest.raises(rerun.CellFailed, match=re.escape(message)):
        rerun.run_in_place([path])
    assert path.read_bytes() == before


def test_in_place_takes_no_parameters(capsys):
    assert rerun.main(["--in-place", "-p", "epochs", "3"]) == 2
    assert "committed parameters" in capsys.readouterr().err


def test_progress_rewrites_one_line_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with rerun.Progress("[1/1] name", 2, stream) as progress:
        progress.cell(1, "# a comment\nx = 1")
        progress.cell(2, "y = 2")
    assert "\n" not in stream.getvalue()
    assert "cell 1 of 2: x = 1" in stream.getvalue() and "cell 2 of 2: y = 2" in stream.getvalue()


def test_a_cell_is_named_by_its_first_line_of_code():
    assert rerun.first_line("# why\n\n  x = 1\ny = 2") == "x = 1"
    assert rerun.first_line("# only prose") == "(no code)"
    assert rerun.first_line("x" * 100) == "x" * 67 + "..."


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "notebook.ipynb"
    path.write_text("old")

    def full_disk(*_):
        raise OSError("no space left")

    monkeypatch.setattr(rerun.os, "replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        rerun.write_text(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_plain_papermill_runs_the_search_notebook_from_any_folder(tmp_path, monkeypatch):
    path = rerun.available()["03_random_search"]
    monkeypatch.setenv("COURSE_OUTPUT", str(tmp_path / "output"))
    words = ["-p", "max_trials", "2", "-p", "epochs", "1", "-p", "images", "200"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", str(path), "out.ipynb", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list((tmp_path / "output").rglob("trial.json"))) >= 2
