"""Exercises: a wrong answer gets the hint for its mistake, a start is no answer, progress is kept.

That each solution passes, and that each start runs and is "not answered yet", is checked by nbval:
both stand in notebooks.
"""

import importlib
import pathlib
import re

import nbformat
import pytest

from helpers import checks, exercises, rerun

ROOT = pathlib.Path(__file__).parent.parent
WRONG = {}
for path in sorted((ROOT / "tests" / "answers").glob("n[0-9][0-9].py")):
    WRONG |= importlib.import_module(f"answers.{path.stem}").WRONG
NUMBERED = [name for name in rerun.available() if name[0].isdigit()]


def test_every_exercise_has_wrong_answers_and_every_notebook_two_exercises():
    named = [name for name in exercises.known() if name in WRONG]
    assert sorted(WRONG) == named
    for name in NUMBERED:
        assert len([one for one in named if one[:2] == name[:2]]) >= 2, name


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_answer_gets_a_hint_of_its_own(name):
    hints = []
    for answer in WRONG[name]:
        with pytest.raises(exercises.Hint) as caught:
            exercises.known()[name](answer)
        assert caught.type is exercises.Hint, caught.value  # NoMatch names no mistake
        hints.append(str(caught.value))
    assert len(set(hints)) == len(hints) >= 3


@pytest.mark.parametrize("name", NUMBERED)
def test_every_check_stands_in_its_notebook_unanswered_and_is_solved_in_the_solutions(name):
    notebook = nbformat.read(rerun.available()[name], as_version=4)
    source = "\n".join(cell.source for cell in notebook.cells)
    printed = "\n".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    asked = re.findall(r"checks\.check\(\"(.+?)\"", source)
    assert sorted(asked) == [one for one in exercises.known() if one[:2] == name[:2]]
    assert re.findall(r"^(\S+): not answered yet$", printed, re.M) == asked
    solutions = nbformat.read(ROOT / "notebooks" / "solutions" / f"{name}.ipynb", as_version=4)
    solved = re.findall(r"checks\.check\(\"(.+?)\"", "\n".join(c.source for c in solutions.cells))
    assert set(solved) >= set(asked)


@pytest.mark.parametrize("path", sorted((ROOT / "helpers" / "exercises").glob("n*.py")))
def test_a_file_of_checks_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 80


@pytest.fixture
def progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.txt"))
    monkeypatch.delenv("REQUIRE_SOLVED", raising=False)


def test_what_has_passed_is_kept_and_shown(progress, capsys):
    checks.check("03-epochs", 100)
    assert exercises.passed() == set()
    checks.check("03-epochs", 300)
    checks.check("03-epochs", 300)
    assert exercises.progress_file().read_text().split() == ["03-epochs"]
    capsys.readouterr()
    exercises.progress()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(NUMBERED)
    assert "1 of" in lines[3] and "03-epochs" not in lines[3]
    assert "00-cost" in lines[0]


def stops(a, b, sd):
    raise KeyError("no such thing")


@pytest.mark.parametrize(
    "answer, words",
    [(None, []), (lambda a, b, sd: None, []), (stops, ["KeyError", "no such thing"])],
)
def test_a_start_is_no_answer_and_an_error_is_named(answer, words, progress, capsys):
    checks.check("01-luck", answer)
    said = capsys.readouterr().out
    assert ("not answered yet" in said) == (not words) and all(word in said for word in words)


def test_a_forgotten_return_is_named(progress, capsys):
    def luck_alone(a, b, sd):
        abs(a - b)
        limit = 2.77 * sd  # noqa: F841

    checks.check("01-luck", luck_alone)
    assert "return" in capsys.readouterr().out


def test_the_solutions_must_be_right_and_count_for_nobody(progress, monkeypatch):
    monkeypatch.setenv("REQUIRE_SOLVED", "1")
    checks.check("03-epochs", 300)
    assert exercises.passed() == set()
    for answer in (None, 299):
        with pytest.raises(checks.ShortError):
            checks.check("03-epochs", answer)


def test_a_notebook_goes_back_to_its_start_and_yours_is_kept(tmp_path, monkeypatch, capsys):
    import subprocess

    folder = tmp_path / "notebooks"
    folder.mkdir()
    path = folder / "03_random_search.ipynb"
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(rerun, "NOTEBOOKS", folder)
    monkeypatch.setattr(rerun.available, "__defaults__", (folder,))
    path.write_text("mine")
    with pytest.raises(checks.ShortError, match="03_random_search"):
        exercises.restart("03")  # no git here
    assert path.read_text() == "mine"
    path.write_text("as it came")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(git + command, check=True)
    for count in (1, 2):
        path.write_text(f"mine {count}")
        exercises.restart("03")
        assert path.read_text() == "as it came"
    assert sorted(p.read_text() for p in (folder / "mine").iterdir()) == ["mine 1", "mine 2"]
