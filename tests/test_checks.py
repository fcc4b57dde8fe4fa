"""The checks that a reader meets: parameters, set-up, self-check questions."""

import json
import shutil
import types

import nbformat
import papermill
import pytest

from helpers import checks, exercises, rerun

CELLS = [
    "epochs: int = 2\nrate: float = 0.1",
    "from helpers import checks\nchecks.parameters(epochs=(1, 500), rate=(0, 1))",
    "print(epochs, rate)",
]


@pytest.mark.parametrize(
    "rule, kind, allowed, refused",
    [
        ((1, 500), int, [1, 500], [0, 501, "many", 2.0, True, None]),
        ((1, None), int, [1, 10**9], [0, -1]),
        ((0, 1), float, [0, 0.5, 1], [float("nan"), -0.1, 1.5, "1"]),
        ((0.0, 1.0), float, [0, 0.5], [2, float("inf")]),
        (("small", "full"), str, ["full"], ["larg", 3]),
        (str, str, ["my/images", ""], [3, None]),
        (bool, bool, [True, False], [1, "true"]),
    ],
)
def test_a_rule_allows_some_values_and_refuses_others(rule, kind, allowed, refused):
    assert [checks.problem("name", value, rule, kind) for value in allowed] == [None] * len(allowed)
    for value in refused:
        sentence = checks.problem("name", value, rule, kind)
        assert sentence.startswith("name ") and repr(value) in sentence


@pytest.mark.parametrize(
    "lines, words",
    [
        ("epochs = 10", ["epochs", "1 to 9", "10"]),
        ("epoch = 2", ["epochs", "no value"]),
        ("epochs = 2; In = ['# Parameters\\nepoch = 3\\n']", ["'epoch'"]),
    ],
)
def test_parameters_are_checked_where_they_were_set(lines, words):
    with pytest.raises(checks.ParameterError) as caught:
        exec(f"{lines}\nchecks.parameters(epochs=(1, 9))", {"checks": checks})
    assert all(word in str(caught.value) for word in words)


def test_papermill_stops_at_wrong_values_and_unknown_names_with_one_line(tmp_path):
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    path, output = tmp_path / "notebook.ipynb", tmp_path / "out.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    papermill.execute_notebook(path, output, {"rate": 1}, progress_bar=False)
    assert nbformat.read(output, as_version=4).cells[-1].outputs[0].text == "2 1\n"
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(path, output, {"epochs": "many", "epoch": 3}, progress_bar=False)
    assert caught.value.ename == "ParameterError"
    assert "'epoch'" in caught.value.evalue and "'many'" in caught.value.evalue
    cells = nbformat.read(output, as_version=4).cells
    assert not cells[-1].outputs
    assert cells[-2].outputs[0].traceback == [f"ParameterError: {caught.value.evalue}"]


def test_what_is_missing_or_wrong_is_named_with_its_fix(monkeypatch):
    monkeypatch.setattr(checks, "installed", {"keras-tuner": "0.0.1"}.get)
    monkeypatch.setattr(checks.platform, "python_version", lambda: "3.14.0")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=1e6))
    with pytest.raises(checks.EnvironmentProblem) as caught:
        checks.environment()
    for found in ("keras-tuner is 0.0.1", "scipy is missing", "Python is 3.14.0", "disk", "make"):
        assert found in str(caught.value)


@pytest.mark.parametrize(
    "name, answers, reply",
    [
        ("number", [None], "not answered yet"),
        ("number", [0.5, 0.505, "0.5"], "right"),
        ("number", [0.52, "a half", [0.5]], "half"),
        ("text", [" Val_Loss ", "val_loss"], "right"),
        ("text", ["loss", 3], "which split"),
    ],
)
def test_an_answer_is_judged(tmp_path, capsys, monkeypatch, name, answers, reply):
    number = {"answer": 0.5, "tolerance": 0.01, "hint": "half"}
    questions = {"number": number, "text": {"answer": "val_loss", "hint": "which split"}}
    (tmp_path / "questions.json").write_text(json.dumps(questions))
    monkeypatch.setattr(exercises, "QUESTIONS", tmp_path / "questions.json")
    monkeypatch.delenv("REQUIRE_SOLVED", raising=False)
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.txt"))
    for answer in answers:
        checks.check(name, answer)
        assert capsys.readouterr().out.endswith(f": {reply}\n")
    monkeypatch.setenv("REQUIRE_SOLVED", "1")  # the solutions' test
    if reply != "right":
        with pytest.raises(checks.ShortError, match=name):
            checks.check(name, answers[0])
    with pytest.raises(checks.ShortError, match="numbr"):
        checks.check("numbr", 0.5)


def test_every_shipped_question_accepts_its_answer_and_is_asked_in_a_notebook(capsys, monkeypatch):
    monkeypatch.setenv("REQUIRE_SOLVED", "1")
    questions = json.loads(exercises.QUESTIONS.read_text(encoding="utf-8"))
    asked = "".join(path.read_text(encoding="utf-8") for path in rerun.available().values())
    for name, question in questions.items():
        assert question["hint"]
        checks.check(name, question["answer"])
        assert capsys.readouterr().out == f"{name}: right\n"
        assert f'checks.check(\\"{name}\\"' in asked
