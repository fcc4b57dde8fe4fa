"""The report of a search, for all kinds of project directories. No test trains a model.

The cells run in this process; the command, which starts a kernel, runs once. nbval compares the
page of the recorded search as a whole; here are the other kinds.
"""

import html.parser
import json
import math
import re

import IPython.display
import nbformat
import numpy as np
import pytest

from helpers import checks, insight, plots, report, rerun, results

CODE = [cell.source for cell in nbformat.read(report.NOTEBOOK, 4).cells if cell.cell_type == "code"]
HOSTILE = "<b>a & \"b\" 'c' $x$</b>"
UNITS = {"min_value": 8, "max_value": 64, "step": 8, "sampling": "linear"}


class Page(html.parser.HTMLParser):
    """A page as a browser sees it: text, tags, their attributes, rows of the tables."""

    def __init__(self, page):
        super().__init__()
        self.text, self.tags, self.attributes, self.rows, self.inside = "", set(), [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        self.tags.add(tag)
        self.attributes += attributes
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.inside != "style":
            self.text += data
        if self.inside in ("td", "th"):
            self.rows[-1][-1] += data.strip()

    def all(self, wanted):
        """The values of an attribute in all tags."""
        return [value for name, value in self.attributes if name == wanted]


@pytest.fixture
def drawn(monkeypatch):
    """A function that runs the notebook's cells on a project and reads what they display."""

    def run(folder, beside=(), direction=""):
        made = []
        monkeypatch.setattr(IPython.display, "display", lambda one: made.append(one.data))
        namespace = {"project": str(folder), "direction": direction}
        namespace["beside"] = [str(one) for one in beside]
        for source in CODE[1:]:  # the first has the parameters
            exec(source, namespace)
        assert "<pre" not in "".join(made)
        return Page("\n".join(made))

    return run


@pytest.fixture
def shown(drawn, monkeypatch):
    """As ``drawn``, with figures drawn, but not as pixels."""

    def show(figure, *, alt):
        IPython.display.display(IPython.display.HTML(f'<img alt="{alt}">'))

    monkeypatch.setattr(plots, "show", show)
    return drawn


def item(kind, name, conditions=(), **config):
    parents = [{"config": {"name": parent, "values": values}} for parent, values in conditions]
    return {"class_name": kind, "config": {"name": name, "conditions": parents, **config}}


SPACE = [item("Int", "units", **UNITS), item("Choice", "kind", values=["adam", "sgd"])]


def trial(folder, number, values, score, *, space=SPACE, status="COMPLETED", message=None, **more):
    """Write one trial; ``curves`` are the val_loss of its executions, ``name`` the metric."""
    home = folder / f"trial_{number:02d}"
    home.mkdir(parents=True)
    metrics = {"loss": {"direction": "min", "observations": [{"value": [9.5], "step": 1}]}}
    metrics[more.get("name", "val_loss")] = {
        "direction": more.get("direction", "min"),
        "observations": [{"value": [score], "step": 1}],
    }
    record = {
        "trial_id": f"{number:02d}",
        "hyperparameters": {"space": space, "values": values},
        "metrics": {"metrics": {} if score is None else metrics},
        "score": score,
        "best_step": 1 if score is not None else 0,
        "status": status,
        "message": message,
    }
    (home / "trial.json").write_text(json.dumps(record))
    if more.get("curves"):
        executions = [{"loss": curve, "val_loss": curve} for curve in more["curves"]]
        (home / "history.json").write_text(json.dumps({"executions": executions, "seconds": 2.0}))


def formula(folder, trials=4, *, curves=True, **more):
    """A search whose score depends on the units; one in two trials takes sgd."""
    rng = np.random.default_rng(0)
    for number in range(trials):
        units = int(8 * rng.integers(1, 9))
        score = 0.3 + 0.002 * abs(units - 48) + 0.01 * rng.random()
        values = {"units": units, "kind": ["adam", "sgd"][number % 2]}
        own = [[score + 0.2, score, score + 0.1]] if curves else None
        trial(folder, number, values, score, curves=own, **more)
    return folder


def recorded(folder, **more):
    """A fingerprint as helpers.search writes it."""
    fit = {"x": "uint8 (1200, 28, 28, 1) sha256 0123456789abcdef", "epochs": 3, "batch_size": 64}
    objective = 'Objective(name="val_loss", direction="min")'
    fingerprint = {"tuner": "RandomSearch", "objective": objective, "seed": 7, "fit": fit}
    (folder / "fingerprint.json").write_text(json.dumps(fingerprint | more))
    return folder


def best_of(folder, direction="min"):
    return results.ranked(results.trials_table(folder), direction).iloc[0]


# ---------------------------------------------------------------- what the cells say


def test_trials_without_a_score_come_last_and_are_listed_by_reason(tmp_path, shown):
    folder = formula(tmp_path / "search", 3)
    gone, message = {"units": 8, "kind": "sgd"}, "Traceback\nValueError: too <small>: /home/ann/x/y"
    for number in (3, 4):
        trial(folder, number, gone, None, status="FAILED", message=message)
    trial(folder, 5, gone, None, status="RUNNING")
    trial(folder, 6, gone, math.inf)
    trial(folder, 7, gone, 0.1)
    (folder / "trial_07" / "trial.json").write_text('{"trial_id": "07", "sco')
    (folder / "trial_02" / "history.json").write_text("[")
    (folder / "oracle.json").write_text("")
    page = shown(folder)
    start = next(i for i, row in enumerate(page.rows) if row[:2] == ["#", "trial"])
    rows = page.rows[start + 1 : start + 9]
    ranked = results.ranked(results.trials_table(folder))["trial"][:3]
    assert [row[1] for row in rows] == [*ranked, "03", "04", "05", "06", "07"]
    assert [row[0] for row in rows] == ["1", "2", "3"] + 5 * ["–"]
    assert ["2", "failed", "ValueError: too <small>: …/y", "03, 04"] in page.rows
    assert {row[3] for row in page.rows[start + 9 :]} >= {"05", "06", "07"}
    assert "not finished" in page.text.split("\n")[0]


def test_searches_with_nothing_to_rank_or_compare_are_reported(tmp_path, shown):
    for number in range(3):
        trial(tmp_path / "lost", number, {"units": 8}, None, status="FAILED", message="E: no")
    page = shown(tmp_path / "lost")
    assert ["3", "failed", "E: no", "00, 01, 02"] in page.rows and not page.all("alt")
    trial(tmp_path / "one", 0, {"units": 8}, 0.5, space=[])
    assert "median" not in shown(tmp_path / "one").text
    trial(tmp_path / "flat", 0, {"units": 8}, 0.5, curves=[[math.nan]], name="default_objective")
    assert "a score of 0.5000" in shown(tmp_path / "flat").text


def test_repeated_trainings_say_how_many_cannot_be_told_apart(tmp_path, shown):
    for number, score in enumerate([0.30, 0.31, 0.50]):
        curves = [[score + 0.3, score - 0.01], [score + 0.3, score + 0.01]]
        trial(tmp_path / "twice", number, {"units": 8 * (number + 1)}, score, curves=curves)
    answer = shown(tmp_path / "twice").text.split("\n")[0]
    assert "1 other trial cannot be told apart" in answer and "at epoch 2 of 2" in answer


def test_hyperband_trials_of_different_length_are_not_compared(tmp_path, shown):
    for number in range(9):
        more = number >= 6
        values = {"units": 8 + 8 * (number % 6), "tuner/epochs": 9 if more else 3}
        values |= {"tuner/initial_epoch": 3 if more else 0, "tuner/bracket": 1}
        score = 0.5 - 0.01 * number if number else 0.425  # a short one is second
        curves = [[0.9, score, 0.9] * (2 if more else 1)]
        trial(tmp_path / "bands", number, values, score, curves=curves)
    (tmp_path / "bands" / "oracle.json").write_text('{"hyperband_iterations": 1, "max_epochs": 9}')
    page = shown(tmp_path / "bands")
    answer = page.text.split("\n")[0]
    assert "Hyperband" in answer and "at epoch 5 of 9" in answer and "the 3 trials" in answer
    assert "0.4300 and 0.4400" in answer, "not the short one"
    assert "6 trials with 3 epochs" in page.text


def test_conditional_hyperparameters_and_importance(tmp_path, shown):
    space = [item("Int", "layers", min_value=1, max_value=2, step=1)]
    space += [item("Int", "more", [("layers", [2])], **UNITS)]
    for number in range(24):
        values = {"layers": 1 + number % 2} | ({"more": 8 + 8 * (number % 7)} if number % 2 else {})
        score = 0.9 - 0.1 * values["layers"] + 0.001 * number
        trial(tmp_path / "layers", number, values, score, space=space)
    page = shown(tmp_path / "layers")
    assert ["more", "8 to 64 in steps of 8", "only when layers is 2"] in [r[:3] for r in page.rows]
    assert insight.importance(results.trials_table(tmp_path / "layers")).sentence in page.text
    few = shown(formula(tmp_path / "few", 6))
    assert not [alt for alt in few.all("alt") if "Importance" in alt]
    assert f"fewer than {insight.TRUSTED_TRIALS}" in few.text


def test_names_and_messages_are_text_and_far_off_scores_out_of_sight(tmp_path, drawn):
    folder = tmp_path / "a <i>search</i> & more"
    space = [item("Int", HOSTILE, **UNITS), item("Choice", "x_$_y", values=[HOSTILE, "</td>"])]
    for number in range(12):
        values = {HOSTILE: 8 + 8 * (number % 5), "x_$_y": [HOSTILE, "</td>"][number % 2]}
        trial(folder, number, values, 0.5 + 0.01 * number if number < 11 else 1e9, space=space)
    trial(folder, 30, {HOSTILE: 8}, None, space=space, status="FAILED", message=HOSTILE)
    page = drawn(folder)
    assert not {"b", "i", "script"} & page.tags
    assert page.text.count(HOSTILE) >= 12 and "Out of sight" in page.text


def test_other_searches_are_in_one_table_if_they_compare(tmp_path, shown):
    first = recorded(formula(tmp_path / "first"))
    second = recorded(formula(tmp_path / "second", 3), fit={"x": "uint8 (9, 2) sha256 ffff"})
    up = formula(tmp_path / "up", name="val_auc", direction="max")
    page = shown(first, beside=[second, up])
    rows = {row[0]: row[1:3] for row in page.rows if row[0] in ("first", "second", "up")}
    assert rows == {
        "first": [f"{best_of(first)['score']:#.4g}", "4"],
        "second": [f"{best_of(second)['score']:#.4g}", "3"],
    }
    assert "says that all used the same data" in page.text and re.search("Left out.* up", page.text)
    with pytest.raises(FileNotFoundError):
        shown(first, beside=[tmp_path / "nowhere"])


def test_the_objective_is_the_metric_that_equals_the_scores_and_its_direction_never_guessed(
    tmp_path, shown
):
    up = formula(tmp_path / "up", curves=False, name="val_auc", direction="max")
    page = shown(up)
    assert f"The best is trial {best_of(up, 'max')['trial']}" in page.text
    assert any(row[0] == "Objective" and "val_auc" in row[1] for row in page.rows)
    with pytest.raises(checks.ShortError, match="direction='min'"):
        shown(up, direction="min")
    for path in up.glob("*/trial.json"):
        record = json.loads(path.read_text())
        del record["metrics"]["metrics"]["val_auc"]
        path.write_text(json.dumps(record))
    with pytest.raises(checks.ShortError, match="direction"):
        shown(up)
    page = shown(up, direction="max")
    assert f"The best is trial {best_of(up, 'max')['trial']}" in page.text
    with pytest.raises(checks.ParameterError, match="direction"):
        shown(up, direction="up")


def test_the_curves_have_a_star_at_the_best_epoch_of_each_trial(tmp_path, shown, monkeypatch):
    axes = []
    monkeypatch.setattr(plots, "show", lambda figure, **_: axes.append(figure))
    curves = [[0.9, 0.4, 0.6], [0.9, 0.8, 0.5]]
    trial(tmp_path / "search", 0, {"units": 8}, 0.45, curves=curves)
    trial(tmp_path / "search", 1, {"units": 8, "tuner/initial_epoch": 3}, 0.5, curves=[[0.9, 0.5]])
    shown(tmp_path / "search")
    lines = axes[1].lines
    stars = [(*line.get_xdata(), *line.get_ydata()) for line in lines if line.get_marker() == "*"]
    assert stars == [(2, 0.4), (5, 0.5)]
    assert re.findall(r"\d+", axes[1].get_title(loc="left")) == ["00", "2", "3"]
    assert sum(line.get_linestyle() == "--" for line in lines) == 3


# ---------------------------------------------------------------- the command


def run(*arguments):
    """The exit code of the command."""
    try:
        return report.main([str(argument) for argument in arguments]) or 0
    except SystemExit as ended:
        return ended.code


@pytest.fixture
def no_kernel(monkeypatch):
    """Notebooks are not executed."""
    notebook = nbformat.v4.new_notebook(metadata={"papermill": {"end_time": "2030-01-01T00:00"}})
    monkeypatch.setattr(rerun, "execute", lambda *_, **__: notebook)


def test_the_page_holds_everything_and_fetches_nothing(tmp_path, capfd):
    folder = recorded(formula(tmp_path / "search"))
    before = sorted(folder.rglob("*"))
    assert run(folder, "--csv", tmp_path / "t.csv", "--title", HOSTILE) == 0
    made = tmp_path / "search-report.html"
    said = capfd.readouterr()
    assert str(made) in said.out and said.err == ""
    text = made.read_text(encoding="utf-8")
    page = Page(text)
    assert HOSTILE in page.text and not {"b", "script", "link", "iframe", "object"} & page.tags
    assert not re.search(r"https?:|@import|url\(", text), "nothing is fetched"
    sources = page.all("src")
    assert len(sources) == 2 and all(one.startswith("data:image/png") for one in sources)
    assert "import " not in page.text and "python -m" not in page.text, "no code, no introduction"
    assert str(tmp_path) not in text and "nan" not in page.text
    assert f"trial {best_of(folder)['trial']}, with" in page.text
    anchors = {one.removeprefix("#") for one in page.all("href")}
    assert anchors and anchors <= {*page.all("id")}
    facts = {row[0]: row[1] for row in page.rows if len(row) == 2}
    assert (facts["Seed"], facts["Batch size"], facts["Tuner"]) == ("7", "64", "RandomSearch")
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 5
    assert sorted(folder.rglob("*")) == before, "nothing is written into the search"


def test_nothing_is_overwritten_unless_it_is_allowed(tmp_path, no_kernel):
    folder, page = formula(tmp_path / "search"), tmp_path / "mine.html"
    page.write_text("precious")
    for arguments in (["-o", page], ["-o", tmp_path / "new.html", "--csv", page]):
        assert run(folder, *arguments) == 2
    assert page.read_text() == "precious" and not (tmp_path / "new.html").exists()
    assert run(folder, "-o", page, "--overwrite") == 0 and "2030-01-01" in page.read_text()


@pytest.mark.parametrize(
    "arguments",
    [["nowhere"], ["all/a/trial_00"], ["all/a", "--direction", "up"]]
    + [["all/a", "-o", "all/a/trial_00/trial.json/x.html"]],
)
def test_a_wrong_call_ends_with_2(tmp_path, capsys, monkeypatch, no_kernel, arguments):
    formula(tmp_path / "all" / "a", 1)
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert arguments[-1].split("/")[-1] in error and "Traceback" not in error
