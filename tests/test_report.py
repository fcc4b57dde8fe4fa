"""The report of a search, for kinds of searches other than the recorded one that nbval compares.

No test trains a model. The cells run in this process; the command, with its kernel, runs once.
"""

import html
import json
import math
import re

import IPython.display
import nbformat
import pytest

from helpers import checks, plots, report, rerun

CODE = [cell.source for cell in nbformat.read(report.NOTEBOOK, 4).cells if cell.cell_type == "code"]
HOSTILE = "<b>a & \"b\" 'c' $x$</b>"
UNITS = {"min_value": 8, "max_value": 64, "step": 8, "sampling": "linear"}


def text_of(page):
    return html.unescape(re.sub(r"<style.*?</style>|<[^>]*>", "", page, flags=re.DOTALL))


class Page:
    """A page as a browser shows it, and the rows of its tables."""

    def __init__(self, page):
        self.text, self.tags = text_of(page), set(re.findall(r"<(\w+)", page))
        rows = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
        self.rows = [[text_of(one) for one in re.findall(r"<t[dh].*?</t[dh]>", r)] for r in rows]


@pytest.fixture
def shown(monkeypatch):
    """A function that runs the notebook's cells on a project and returns the page."""

    def run(folder, beside=(), direction="", draw=False):
        made = []
        monkeypatch.setattr(IPython.display, "display", lambda one: made.append(one.data))
        if not draw:
            monkeypatch.setattr(plots, "show", lambda figure, alt: None)
        names = {"project": str(folder), "direction": direction, "beside": list(map(str, beside))}
        for source in CODE[1:]:  # the first has the parameters
            exec(source, names)
        return Page("\n".join(made))

    return run


def item(kind, name, conditions=(), **config):
    return {"class_name": kind, "config": {"name": name, "conditions": conditions, **config}}


SPACE = [item("Int", "units", **UNITS), item("Choice", "kind", values=["adam", "sgd"])]
SPACE += [item("Int", "more", [{"config": {"name": "kind", "values": ["sgd"]}}], **UNITS)]


def trial(folder, number, values, score, *, space=SPACE, status="COMPLETED", message=None, **more):
    """Write one trial; ``curves`` are the val_loss of its executions, ``name`` the metric."""
    home = folder / f"trial_{number:02d}"
    home.mkdir(parents=True)
    found = {"loss": ("min", 9.5), more.get("name", "val_loss"): (more.get("direction"), score)}
    metrics = {
        name: {"direction": way or "min", "observations": [{"value": [value], "step": 1}]}
        for name, (way, value) in found.items()
    }
    record = {"trial_id": f"{number:02d}", "score": score, "status": status, "message": message}
    record |= {"hyperparameters": {"space": space, "values": values}, "best_step": 1}
    record["metrics"] = {"metrics": {} if score is None else metrics}
    (home / "trial.json").write_text(json.dumps(record))
    if more.get("curves"):
        executions = [{"loss": curve, "val_loss": curve} for curve in more["curves"]]
        (home / "history.json").write_text(json.dumps({"executions": executions, "seconds": 2.0}))


def formula(folder, trials=4, *, curves=True, **more):
    for number in range(trials):
        values = {"units": 8 * (number + 1), "kind": ["adam", "sgd"][number % 2]}
        score = 0.5 - 0.01 * number
        own = [[score + 0.2, score, score + 0.1]] if curves else None
        trial(folder, number, values, score, curves=own, **more)
    if curves:
        objective = 'Objective(name="val_loss", direction="min")'
        fit = {"x": "uint8 (1200, 28, 28, 1) sha256 01234567", "epochs": 3, "batch_size": 64}
        fingerprint = {"tuner": "RandomSearch", "objective": objective, "seed": 7, "fit": fit}
        (folder / "fingerprint.json").write_text(json.dumps(fingerprint))
    return folder


def test_trials_without_a_score_come_last_and_are_listed_by_reason(tmp_path, shown):
    folder = formula(tmp_path / "search", 3)
    gone, message = {"units": 8, "kind": "sgd"}, "Traceback\nValueError: too <small>: /home/ann/x/y"
    for number in (3, 4):
        trial(folder, number, gone, None, status="FAILED", message=message)
    trial(folder, 5, gone, None, status="RUNNING")
    trial(folder, 6, gone, math.inf)
    (folder / "trial_07").mkdir()
    (folder / "trial_07" / "trial.json").write_text('{"trial_id": "07", "sco')
    (folder / "trial_02" / "history.json").write_text("[")
    (folder / "oracle.json").write_text("")
    page = shown(folder)
    listed = [row[1] for row in page.rows if re.fullmatch("0[0-7]", row[1])]
    assert listed == ["02", "01", "00", "03", "04", "05", "06", "07"]
    assert ["2", "failed", "ValueError: too <small>: …/y", "03, 04"] in page.rows
    assert "not finished" in page.text.split("\n")[0]
    assert ["more", "8 to 64 in steps of 8", "only when kind is sgd"] in [r[:3] for r in page.rows]


def test_searches_with_nothing_to_rank_or_compare_are_reported(tmp_path, shown):
    for number in range(3):
        trial(tmp_path / "lost", number, {"units": 8}, None, status="FAILED", message="E: no")
    assert ["3", "failed", "E: no", "00, 01, 02"] in shown(tmp_path / "lost").rows
    trial(tmp_path / "one", 0, {"units": 8}, 0.5, space=[])
    assert "median" not in shown(tmp_path / "one").text
    trial(tmp_path / "flat", 0, {"units": 8}, 0.5, curves=[[math.nan]], name="default_objective")
    assert "a score of 0.5000" in shown(tmp_path / "flat").text


def test_repeated_trainings_say_how_many_cannot_be_told_apart(tmp_path, shown):
    for number, score in enumerate([0.30, 0.31, 0.50]):
        curves = [[score + 0.3, score + change] for change in (-0.01, 0.01)]
        trial(tmp_path / "twice", number, {"units": 8 * (number + 1)}, score, curves=curves)
    answer = shown(tmp_path / "twice").text.split("\n")[0]
    assert "1 other trial cannot be told apart" in answer and "at epoch 2 of 2" in answer


def test_hyperband_trials_of_different_length_are_not_compared(tmp_path, shown):
    for number in range(9):
        more = number >= 6
        values = {"units": 8 + 8 * (number % 6), "tuner/epochs": 9 if more else 3}
        values["tuner/initial_epoch"] = 3 if more else 0
        score = 0.5 - 0.01 * number if number else 0.425  # a short one is second
        curves = [[0.9, score, 0.9] * (2 if more else 1)]
        trial(tmp_path / "bands", number, values, score, curves=curves)
    (tmp_path / "bands" / "oracle.json").write_text('{"hyperband_iterations": 1, "max_epochs": 9}')
    page = shown(tmp_path / "bands")
    answer = page.text.split("\n")[0]
    assert "Hyperband" in answer and "at epoch 5 of 9" in answer and "the 3 trials" in answer
    assert "0.4300 and 0.4400" in answer, "not the short one"
    assert "6 trials with 3 epochs" in page.text


def test_names_and_messages_are_text_and_far_off_scores_out_of_sight(tmp_path, shown):
    folder = tmp_path / "a <i>search</i> & more"
    space = [item("Int", HOSTILE, **UNITS), item("Choice", "x_$_y", values=[HOSTILE, "</td>"])]
    for number in range(12):
        values = {HOSTILE: 8 + 8 * (number % 5), "x_$_y": [HOSTILE, "</td>"][number % 2]}
        trial(folder, number, values, 0.5 + 0.01 * number if number < 11 else 1e9, space=space)
    trial(folder, 30, {HOSTILE: 8}, None, space=space, status="FAILED", message=HOSTILE)
    page = shown(folder, draw=True)
    assert not {"b", "i"} & page.tags
    assert page.text.count(HOSTILE) >= 12 and "Out of sight" in page.text


def test_other_searches_are_in_one_table_if_they_compare(tmp_path, shown):
    first, second = formula(tmp_path / "first"), formula(tmp_path / "second", 3)
    up = formula(tmp_path / "up", curves=False, name="val_auc", direction="max")
    page = shown(first, beside=[second, up])
    rows = {row[0]: row[2] for row in page.rows if row[0] in ("first", "second", "up")}
    assert rows == {"first": "4", "second": "3"}
    assert "says that all used the same data" not in page.text
    fingerprint = second / "fingerprint.json"
    fingerprint.write_text(fingerprint.read_text().replace("1200", "60"))
    assert "says that all used the same data" in shown(first, beside=[second]).text


def test_the_objective_is_read_from_the_scores_and_its_direction_never_guessed(tmp_path, shown):
    up = formula(tmp_path / "up", curves=False, name="val_auc", direction="max")
    assert "The best is trial 00" in shown(up).text
    with pytest.raises(checks.ShortError, match="direction='min'"):
        shown(up, direction="min")
    for path in up.glob("*/trial.json"):
        path.write_text(re.sub(r'"value": \[0.*?\]', '"value": [9]', path.read_text()))
    with pytest.raises(checks.ShortError, match="direction"):
        shown(up)
    assert "The best is trial 00" in shown(up, direction="max").text


def run(*arguments):
    try:
        return report.main([str(argument) for argument in arguments]) or 0
    except SystemExit as ended:
        return ended.code


def test_the_page_holds_everything_and_fetches_nothing(tmp_path):
    folder = formula(tmp_path / "search")
    before = sorted(folder.rglob("*"))
    assert run(folder, "--csv", tmp_path / "t.csv", "--title", HOSTILE) == 0
    text = (tmp_path / "search-report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert HOSTILE in page.text and not {"b", "script", "link", "iframe"} & page.tags
    assert not re.search(r"https?:|@import|url\(", text), "nothing is fetched"
    sources = re.findall(r'src="([^"]*)"', text)
    assert len(sources) == 2 and all(one.startswith("data:image/png") for one in sources)
    assert "import " not in page.text and "python -m" not in page.text, "no code, no introduction"
    assert str(tmp_path) not in text and "nan" not in page.text
    anchors = set(re.findall(r'href="#?([^"]*)"', text))
    assert anchors and anchors <= set(re.findall(r'id="([^"]*)"', text))
    assert ["Seed", "7"] in page.rows and ["Batch size", "64"] in page.rows
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 5
    assert sorted(folder.rglob("*")) == before, "nothing is written into the search"


def test_nothing_is_overwritten_and_a_wrong_call_ends_with_2(tmp_path, capsys, monkeypatch):
    ended = {"papermill": {"end_time": "2030-01-01T00:00"}}
    monkeypatch.setattr(rerun, "execute", lambda *_, **__: nbformat.v4.new_notebook(metadata=ended))
    folder, page, new = formula(tmp_path / "search"), tmp_path / "mine.html", tmp_path / "new.html"
    page.write_text("precious")
    for arguments in (["-o", page], ["-o", new, "--csv", page], ["-o", page / "x.html"]):
        assert run(folder, *arguments) == 2
        assert "mine.html" in capsys.readouterr().err
    assert page.read_text() == "precious" and not new.exists()
    for wrong in (tmp_path / "nowhere", folder / "trial_00"):
        assert run(wrong) == 2 and wrong.name in capsys.readouterr().err
    assert run(folder, "-o", page, "--overwrite") == 0 and "2030-01-01" in page.read_text()
