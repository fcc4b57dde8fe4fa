"""The checks that a reader meets: parameters, set-up, self-check questions."""

import json
import subprocess
import sys

import nbformat
import papermill
import pytest

from helpers import checks, rerun

PARAMETERS = """\
images: int = 1500  # how many, 0 means all
epochs: int = 2  # passes
rate: float = 0.1  # learning rate
dataset: str = "small"  # which one
overwrite: bool = False  # start again
units: list[int] = [8, 16]  # sizes"""
CHECK = """\
from helpers import checks

checks.parameters(images=(200, None), epochs=(1, 500), rate=(0, 1), dataset=("small", "full"),
                  overwrite=bool, units=(4, 216))"""
RULES = {
    "images": (200, None),
    "epochs": (1, 500),
    "rate": (0, 1),
    "dataset": ("small", "full"),
    "overwrite": bool,
    "units": (4, 216),
}


@pytest.fixture
def notebook(tmp_path):
    """A notebook with parameters, their check, and a cell that shows that it was reached."""
    cells = [
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}, id="parameters"),
        nbformat.v4.new_code_cell(CHECK, id="check"),
        nbformat.v4.new_code_cell("print(images, epochs, rate, units)", id="reached"),
    ]
    path = tmp_path / "notebook.ipynb"
    rerun.write_notebook(path, rerun.clean(nbformat.v4.new_notebook(cells=cells)))
    return path


@pytest.mark.parametrize(
    "name, value, rule, kind",
    [
        ("epochs", 1, (1, 500), int),
        ("epochs", 500, (1, 500), int),
        ("epochs", 10**9, (1, None), int),
        ("shift", -5, (None, 0), int),
        ("images", 0, (200, None), int),
        ("rate", 1, (0, 1), float),
        ("rate", 0.5, (0.0, 1.0), None),
        ("dataset", "full", ("small", "full"), str),
        ("dataset", "my/images", str, str),
        ("overwrite", True, bool, bool),
        ("units", [4, 216], (4, 216), list[int]),
        ("units", [4], list[int], None),
    ],
)
def test_allowed_values_pass(name, value, rule, kind):
    assert checks.problem(name, value, rule, kind) is None


@pytest.mark.parametrize(
    "name, value, rule, kind, sentence",
    [
        ("epochs", 0, (1, 500), int, "epochs must be a whole number from 1 to 500, but is 0."),
        ("epochs", 501, (1, 500), int, "epochs must be a whole number from 1 to 500, but is 501."),
        ("epochs", "many", (1, 500), int, "must be a whole number from 1 to 500, but is 'many'."),
        ("epochs", 2.0, (1, 500), int, "must be a whole number from 1 to 500, but is 2.0."),
        ("epochs", True, (1, 500), int, "must be a whole number from 1 to 500, but is True."),
        ("epochs", 0, (1, None), int, "must be a whole number of at least 1, but is 0."),
        ("images", 5, (200, None), int, "must be 0 (all) or a whole number of at least 200"),
        ("rate", float("nan"), (0, 1), float, "rate must be a number from 0 to 1, but is nan."),
        ("dataset", "larg", ("small", "full"), str, "one of 'small', 'full', but is 'larg'."),
        ("dataset", 3, str, str, "dataset must be a text, but is 3."),
        ("overwrite", 1, bool, bool, "overwrite must be True or False, but is 1."),
        ("overwrite", "true", bool, bool, "papermill's -p wants a capital letter: True or False"),
        ("units", [4, 300], (4, 216), list[int], "a list, each entry a whole number from 4 to 216"),
        ("units", [4, "x"], list[int], None, "a list, each entry a whole number, but is [4, 'x']."),
    ],
)
def test_other_values_are_refused_in_one_sentence(name, value, rule, kind, sentence):
    assert sentence in checks.problem(name, value, rule, kind)


def test_an_unknown_injected_name_gets_the_nearest_known_one():
    cells = ["epochs: int = 2", "# Parameters\nepoch = 3\n", "checks.parameters()"]
    found = checks.problems({"epochs": 2}, checks.injected_names(cells), {"epochs": (1, 9)})
    assert found == ["epoch is not a parameter of this notebook; did you mean epochs?"]


def test_an_unknown_name_that_resembles_none_gets_the_list():
    assert "there are epochs, images." in checks.unknown("zzz", {"images", "epochs"})


def test_a_renamed_parameter_is_missed():
    found = checks.problems({"epoch": 2}, [], {"epochs": (1, 9)})
    assert found == ["epochs has no value: run the cell with the parameters first."]


def test_without_annotations_the_rules_give_the_types():
    assert checks.problems({"epochs": "2", "rate": 0.5}, [], {"epochs": (1, 9), "rate": (0.0, 1.0)})
    assert not checks.problems({"epochs": 2, "rate": 1}, [], {"epochs": (1, 9), "rate": (0.0, 1.0)})


def test_papermill_runs_with_new_values_from_any_folder(notebook, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    words = ["-p", "images", "400", "-p", "rate", "1", "-y", "{units: [4, 8]}"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", str(notebook), "out.ipynb", *words],
        cwd=elsewhere,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(elsewhere / "out.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text == "400 2 1 [4, 8]\n"


def test_the_papermill_command_stops_at_a_wrong_value_with_one_sentence(notebook, tmp_path):
    words = ["-p", "epochs", "many", "-p", "epoch", "3"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", str(notebook), str(tmp_path / "out.ipynb"), *words],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert done.stderr.rstrip().endswith(
        "ParameterError: epoch is not a parameter of this notebook; did you mean epochs? "
        "epochs must be a whole number from 1 to 500, but is 'many'."
    )
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert not executed.cells[-1].outputs


def test_papermills_api_gets_the_same_error(notebook, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(
            notebook, tmp_path / "out.ipynb", {"images": 50}, progress_bar=False
        )
    assert caught.value.ename == "ParameterError"
    assert "images must be 0 (all) or a whole number of at least 200" in caught.value.evalue


def test_an_edited_parameters_cell_stops_the_notebook_with_one_line(notebook, tmp_path):
    edited = nbformat.read(notebook, as_version=4)
    edited.cells[0].source = edited.cells[0].source.replace("epochs: int = 2", "epochs: int = -2")
    with pytest.raises(rerun.CellFailed, match="epochs must be a whole number from 1 to 500"):
        rerun.execute(edited, tmp_path, tmp_path, rerun.Progress("edited", 3))
    sentence = "epochs must be a whole number from 1 to 500, but is -2."
    assert edited.cells[1].outputs[0].traceback == [f"ParameterError: {sentence}"]


def test_the_set_up_check_passes_here_and_prints_nothing_that_depends_on_the_machine(capsys):
    checks.environment()
    printed = capsys.readouterr().out
    assert printed.endswith("fine\nAll checks passed.\n")
    assert all(found not in printed for _, needed, found, _ in checks.setup_rows() if not needed)
    assert f"{checks.installed('tensorboard')} " not in printed and "tensorboard" in printed


def test_the_set_up_check_covers_what_a_search_needs():
    names = {what for what, *_ in checks.setup_rows()}
    assert {"Python", "tensorflow", "tensorboard", "scipy", "scikit-learn", "free disk"} <= names


def test_the_set_up_check_shows_versions_when_asked(capsys):
    checks.environment(versions=True)
    printed = capsys.readouterr().out
    assert checks.installed("keras-tuner") in printed and "processor cores" in printed


def test_a_missing_package_is_named_with_its_fix(monkeypatch, capsys):
    installed = checks.installed
    monkeypatch.setattr(
        checks, "installed", lambda name: None if name == "tensorboard" else installed(name)
    )
    with pytest.raises(checks.EnvironmentProblem, match="tensorboard is missing: run `make lab`"):
        checks.environment()
    assert "PROBLEM" in capsys.readouterr().out


def test_a_wrong_version_is_named(monkeypatch):
    monkeypatch.setattr(checks, "installed", lambda name: "0.0.1")
    with pytest.raises(checks.EnvironmentProblem, match="keras-tuner is 0.0.1"):
        checks.environment()


def test_an_unsupported_python_and_a_full_disk_are_problems():
    fixes = {what: fix for what, _, _, fix in checks.setup_rows(python="3.14.0", free_bytes=1e6)}
    assert "3.11 to 3.13" in fixes["Python"] and "disk space" in fixes["free disk"]
    assert not checks.setup_rows(python="3.13.1")[0][-1]


def test_the_locked_versions_are_read():
    assert checks.locked()["keras-tuner"] == "1.4.8"


QUESTIONS = {
    "number": {"answer": 0.5, "tolerance": 0.01, "hint": "half"},
    "text": {"answer": "val_loss", "hint": "which split"},
    "flag": {"answer": True, "hint": "think again"},
    "several": {"answer": ["a", "b"], "hint": "two of them"},
}


@pytest.mark.parametrize(
    "name, answer, reply",
    [
        ("number", None, "not answered yet"),
        ("number", 0.505, "right"),
        ("number", 0.52, "not right yet. Hint: half"),
        ("number", "a half", "not right yet. Hint: half"),
        ("text", " Val_Loss ", "right"),
        ("text", "loss", "not right yet. Hint: which split"),
        ("flag", True, "right"),
        ("flag", "True", "not right yet. Hint: think again"),
        ("flag", 1, "not right yet. Hint: think again"),
        ("several", ["b", "a"], "right"),
        ("several", ["a"], "not right yet. Hint: two of them"),
    ],
)
def test_an_answer_is_judged_without_raising(name, answer, reply, capsys, monkeypatch):
    monkeypatch.delenv("REQUIRE_SOLVED", raising=False)
    checks.check(name, answer, QUESTIONS)
    assert capsys.readouterr().out == f"{name}: {reply}\n"


def test_solutions_must_be_right(monkeypatch):
    monkeypatch.setenv("REQUIRE_SOLVED", "1")
    checks.check("flag", True, QUESTIONS)
    for answer in (None, False):
        with pytest.raises(checks.ShortError, match="flag"):
            checks.check("flag", answer, QUESTIONS)


def test_an_unknown_question_is_an_error():
    with pytest.raises(checks.ShortError, match="no question 'numbr'"):
        checks.check("numbr", 1, QUESTIONS)


def test_every_shipped_question_accepts_its_answer_and_is_asked_in_a_notebook(capsys):
    questions = json.loads(checks.QUESTIONS.read_text(encoding="utf-8"))
    asked = "".join(path.read_text(encoding="utf-8") for path in rerun.available().values())
    for name, question in questions.items():
        assert question["hint"]
        checks.check(name, question["answer"])
        assert capsys.readouterr().out == f"{name}: right\n"
        assert f'checks.check(\\"{name}\\"' in asked
