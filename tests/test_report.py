"""The HTML report of a search, for all kinds of project directories. No test trains a model."""

import base64
import html
import html.parser
import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest

from helpers import insight, plots, report, results

VOID = ("meta", "img", "br")
HOSTILE = "<b>a & \"b\" 'c' $x$</b>"


@pytest.fixture
def pictures():
    """Asked for by the tests whose figures are drawn; in the others a pixel stands for them."""


@pytest.fixture(autouse=True)
def quick(request, monkeypatch):
    pixel = base64.b64encode(b"\x89PNG").decode()

    def image(figure, *, alt, width=None):
        return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{pixel}">'

    if "pictures" not in request.fixturenames:
        monkeypatch.setattr(plots, "image", image)


class Reader(html.parser.HTMLParser):
    """A page as a browser sees it: its text, images, attributes, and what is not closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.images, self.values, self.rows = [], set(), [], [], []
        self.text, self.cells, self.problems = "", None, []
        self.feed(page)
        self.problems += self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.values += attributes
        if tag == "img":
            self.images.append(dict(attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.problems.append(f"</{tag}>")

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def item(kind, name, conditions=(), **config):
    parents = [
        {"class_name": "Parent", "config": {"name": parent, "values": values}}
        for parent, values in conditions
    ]
    return {"class_name": kind, "config": {"name": name, "conditions": parents, **config}}


def whole(name, low=8, high=64, conditions=(), step=8):
    config = {"min_value": low, "max_value": high, "step": step, "sampling": "linear"}
    return item("Int", name, conditions, **config)


SPACE = [whole("units"), item("Choice", "kind", values=["adam", "sgd"])]


def trial(folder, number, values, score, *, space=SPACE, status="COMPLETED", message=None, **more):
    """Write one trial; ``curves`` are the val_loss of its executions, ``name`` the metric."""
    name, direction = more.get("name", "val_loss"), more.get("direction", "min")
    home = folder / f"trial_{number:02d}"
    home.mkdir(parents=True)
    metrics = {"loss": {"direction": "min", "observations": [{"value": [9.5], "step": 1}]}}
    metrics[name] = {"direction": direction, "observations": [{"value": [score], "step": 1}]}
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
        times = {"seconds": 2.0, "cpu_seconds": 3.0, "proposal_seconds": 0.25}
        (home / "history.json").write_text(json.dumps({"executions": executions, **times}))


def formula(folder, trials=4, *, curves=True, space=SPACE, **more):
    """A search whose score depends on the units; one in two trials takes sgd."""
    rng = np.random.default_rng(0)
    for number in range(trials):
        units = int(8 * rng.integers(1, 9))
        score = 0.3 + 0.002 * abs(units - 48) + 0.01 * rng.random()
        values = {"units": units, "kind": ["adam", "sgd"][number % 2]}
        own = [[score + 0.2, score, score + 0.1]] if curves else None
        trial(folder, number, values, score, space=space, curves=own, **more)
    return folder


def recorded(folder, **more):
    """A fingerprint as helpers.search writes it."""
    fingerprint = {
        "tuner": "RandomSearch",
        "objective": 'Objective(name="val_loss", direction="min")',
        "seed": 7,
        "arguments": {"executions_per_trial": 1},
        "versions": {"keras": "3.15.1"},
        "fit": {
            "x": "uint8 (1200, 28, 28, 1) sha256 0123456789abcdef",
            "epochs": 3,
            "batch_size": 64,
            "callbacks": [
                'EarlyStopping {"monitor": "val_loss", "patience": 3, "wait": 0}',
                "Mine",
            ],
        },
    }
    (folder / "fingerprint.json").write_text(json.dumps(fingerprint | more))
    return folder


def read(folder, **options):
    """The page of a search, read, after the checks that hold for every page."""
    page = report.page(folder, **options)
    reader = Reader(page)
    assert not reader.problems, "every element is closed"
    assert not {"script", "link", "iframe", "object"} & reader.tags
    assert not re.search(r"https?:|@import|url\(", page), "nothing is fetched"
    assert not [name for name, _ in reader.values if name.startswith("on")]
    for image in reader.images:
        assert len(image["alt"]) > 20
        kind, picture = image["src"].split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert str(folder.parent) not in page
    assert "nan" not in re.sub(r"[Ff]inan|NaN", "", reader.text)
    return reader


def answer(reader):
    return reader.text.split("report of", 1)[1].split("What was searched", 1)[0]


def run(*arguments):
    return report.main([str(argument) for argument in arguments])


# ---------------------------------------------------------------- what the report says


def test_the_answer_names_the_best_trial_its_score_its_epoch_and_the_median(tmp_path):
    folder = recorded(formula(tmp_path / "search", 4))
    table = results.trials_table(folder)
    best = results.ranked(table).iloc[0]
    said = answer(read(folder))
    assert "The search search by RandomSearch started 4 trials" in said
    assert f"The best is trial {best['trial']}, with units = {best['units']}" in said
    assert f"validation loss of {best['score']:.4f} at epoch 2 of 3" in said
    assert f"which reached {table['score'].median():.4f}" in said
    assert "lower is better" in said and "cannot show whether the best is truly better" in said


def test_every_trial_is_in_the_table_best_first_and_failed_ones_last_with_their_reason(tmp_path):
    folder = formula(tmp_path / "search", 3)
    lost = {"units": 8, "kind": "sgd"}
    message = "Traceback\nValueError: too <small>\n"
    trial(folder, 3, lost, None, status="FAILED", message=message)
    trial(folder, 4, lost, None, status="FAILED", curves=[[math.nan, math.nan]])
    trial(folder, 5, lost, None, status="RUNNING")
    reader = read(folder)
    start = next(i for i, row in enumerate(reader.rows) if row[:2] == ["rank", "trial"])
    rows = reader.rows[start + 1 : start + 10]
    ranked = results.ranked(results.trials_table(folder))
    reasons = [row.pop() for row in rows if row[0] == ""]
    rows = [row for row in rows if row[0]]
    assert [row[1] for row in rows] == [*ranked["trial"], "03", "04", "05"]
    assert [row[0] for row in rows] == ["1", "2", "3", "–", "–", "–"]
    assert [row[2] for row in rows[3:]] == ["failed", "failed", "not finished"]
    assert rows[0][2] == f"{ranked['score'][0]:.4f}"
    assert reasons[0] == "ValueError: too <small>"
    assert "not a number (NaN)" in reasons[1] and "was running" in reasons[2]
    assert "3 ended with a score, 2 failed, 1 not finished" in answer(reader)
    assert "not finished: a later trial may still be better" in answer(reader)


def test_the_search_is_described_from_its_fingerprint(tmp_path):
    reader = read(recorded(formula(tmp_path / "search")))
    facts = {row[0]: row[1] for row in reader.rows if len(row) == 2}
    assert facts["Tuner"].startswith("RandomSearch, which draws")
    assert facts["Objective"].startswith("val_loss (validation loss), lower is better; as recorded")
    assert facts["Seed"] == "7" and facts["Epochs"] == "at most 3 a training"
    digest = "1,200 examples of shape 28 x 28 x 1 (uint8, digest 0123456789abcdef)"
    assert facts["Callbacks"] == "EarlyStopping (monitor val_loss, patience 3); Mine"
    assert facts["Training inputs"] == digest and facts["Versions"] == "keras 3.15.1"
    assert ["units", "8 to 64 in steps of 8", "even", "always"] in [r[:4] for r in reader.rows]
    assert "The space has 16 configurations" in reader.text


def test_the_cost_is_added_up_where_it_was_recorded(tmp_path):
    reader = read(formula(tmp_path / "search", 8))
    rows = {row[0]: row[1:] for row in reader.rows}
    assert rows["Epochs trained"] == ["24", "3", "3", "8"]
    assert rows["Processor time, all cores (seconds)"] == ["24", "3", "3", "8"]
    assert rows["Time to propose a trial (seconds)"] == ["2", "0.25", "0.25", "8"]
    plain = read(formula(tmp_path / "plain", 8, curves=False))
    assert "Not recorded: epochs trained, time, processor time, all cores" in plain.text


def test_a_plain_search_is_judged_by_the_metric_that_equals_its_scores(tmp_path):
    folder = formula(tmp_path / "up", curves=False, name="val_auc", direction="max")
    reader = read(folder)
    best = results.ranked(results.trials_table(folder), "max").iloc[0]
    assert f"The best is trial {best['trial']}" in answer(reader)
    assert "higher is better" in answer(reader)
    assert "found by comparison: in every trial the score equals this metric" in reader.text
    assert "plain KerasTuner keeps one number a trial" in reader.text
    assert "Data and package versions are not recorded" in reader.text


def test_a_direction_that_is_recorded_nowhere_is_asked_for_and_never_guessed(tmp_path, capsys):
    folder = formula(tmp_path / "search", curves=False)
    for path in folder.glob("*/trial.json"):
        record = json.loads(path.read_text())
        record["metrics"]["metrics"] = {"val_loss": record["metrics"]["metrics"]["loss"]}
        path.write_text(json.dumps(record))
    assert run(folder) == 2
    said = capsys.readouterr().err
    assert "--direction min" in said and said.count("\n") == 1
    upward = read(folder, direction="max")
    assert "higher is better" in answer(upward) and "as given with --direction" in upward.text


def test_a_direction_that_contradicts_the_search_is_refused(tmp_path, capsys):
    folder = recorded(formula(tmp_path / "search"))
    assert run(folder, "--direction", "max") == 2
    assert "contradicts the search: its objective is val_loss" in capsys.readouterr().err
    with pytest.raises(report.ReportError, match="direction is 'up'"):
        report.page(folder, direction="up")


def test_repeated_trainings_show_how_many_trials_cannot_be_told_apart(tmp_path):
    folder = tmp_path / "twice"
    for number, score in enumerate([0.30, 0.31, 0.50]):
        curves = [[score + 0.3, score - 0.01], [score + 0.3, score + 0.01]]
        trial(folder, number, {"units": 8 * (number + 1)}, score, curves=curves)
    search = report.read(folder)
    spread, runs = report.between_trainings(search)
    assert spread == pytest.approx(0.01) and runs == 4  # standard deviation of a mean of two
    said = answer(read(folder))
    assert "1 other trial cannot be told apart from it" in said
    assert "on average at epoch 2 (mean of 2 trainings)" in said


# ---------------------------------------------------------------- odd searches


def test_hyperband_trials_of_different_length_are_not_read_as_equal(tmp_path, pictures):
    folder = tmp_path / "bands"
    for number in range(9):
        long = number >= 6
        values = {
            "units": 8 + 8 * (number % 6),
            "tuner/epochs": 9 if long else 3,
            "tuner/initial_epoch": 3 if long else 0,
            "tuner/bracket": 1,
            "tuner/round": int(long),
        }
        if long:
            values["tuner/trial_id"] = f"{number - 6:02d}"
        score = 0.5 - 0.01 * number if number else 0.425  # a short one is second
        trial(folder, number, values, score, curves=[[0.9, score, 0.9] * (2 if long else 1)])
    state = {"hyperband_iterations": 1, "max_epochs": 9, "factor": 3, "seed": 5}
    (folder / "oracle.json").write_text(json.dumps(state))
    reader = read(folder)
    said = answer(reader)
    assert "by Hyperband" in said and "not equal" in said
    assert "at epoch 5 of 9" in said and "the median of the 3 trials with as many epochs" in said
    assert "The next best of equal length reached 0.4300 and 0.4400" in said
    assert "shows the 6 trials with 3 epochs only" in reader.text
    assert "one in 3 goes on" in reader.text
    place = next(i for i, row in enumerate(reader.rows) if row[:2] == ["rank", "trial"])
    header, first = reader.rows[place : place + 2]
    assert first[1] == "08" and first[header.index("best epoch")] == "5"
    assert "epochs allowed" in header and "bracket" in header


def test_a_conditional_space_says_when_a_hyperparameter_is_active(tmp_path, pictures):
    folder = tmp_path / "layers"
    space = [whole("layers", 1, 2, step=1), whole("more", conditions=[("layers", [2])])]
    for number in range(24):
        values = {"layers": 1 + number % 2} | ({"more": 8 + 8 * (number % 7)} if number % 2 else {})
        trial(folder, number, values, 0.9 - 0.1 * values["layers"] + 0.001 * number, space=space)
    reader = read(folder)
    assert ["more", "8 to 64 in steps of 8", "even", "only when layers is 2"] in [
        row[:4] for row in reader.rows
    ]
    assert "The space has 9 configurations; 15 were tried" not in reader.text
    assert "The space has 9 configurations; 8 were tried" in reader.text
    assert "Importance of each hyperparameter as bars" in reader.images[-1]["alt"]


def test_importance_is_left_out_with_a_reason_when_there_are_too_few_trials(tmp_path):
    few = read(formula(tmp_path / "few", 5))
    assert "Left out: fewer than 20 trials say too little about importance" in few.text
    assert not [image for image in few.images if "Importance" in image["alt"]]
    many = read(formula(tmp_path / "many", 24))
    found = insight.importance(results.trials_table(tmp_path / "many"))
    assert found.sentence in many.text


def test_hostile_names_values_messages_and_titles_are_escaped(tmp_path, pictures):
    folder = tmp_path / "a <search> & more"
    space = [whole(HOSTILE), item("Choice", "x_$_y", values=[HOSTILE, "</td>"])]
    for number in range(12):
        values = {HOSTILE: 8 + 8 * (number % 5), "x_$_y": [HOSTILE, "</td>"][number % 2]}
        trial(folder, number, values, 0.5 + 0.01 * number, space=space, name="val_<i>loss</i>")
    values = {HOSTILE: 8, "x_$_y": "</td>"}
    trial(folder, 30, values, None, space=space, status="FAILED", message=f"{HOSTILE} \x00\x1b[0m")
    reader = read(folder, title=HOSTILE)
    assert not {"b", "i", "search"} & reader.tags
    assert reader.text.count(HOSTILE) >= 12
    assert f"with {HOSTILE} = 8, x_$_y = {HOSTILE}" in answer(reader)
    assert "\x00" not in reader.text and "\x1b" not in reader.text


def test_folders_of_the_machine_are_cut_off_the_messages(tmp_path):
    folder = formula(tmp_path / "search")
    message = "OSError: no '/home/anna/data/x.npz', C:\\Users\\anna\\x.h5 or ~/y/z.txt, 1/2 done"
    trial(folder, 20, {}, None, status="FAILED", message=message)
    reader = read(folder)
    assert "anna" not in reader.text
    assert "OSError: no '…/x.npz', …/x.h5 or …/z.txt, 1/2 done" in reader.text


def test_a_search_in_which_all_trials_failed_needs_no_direction(tmp_path):
    for number in range(3):
        trial(tmp_path / "search", number, {"units": 8}, None, status="FAILED", message="E: no")
    reader = read(tmp_path / "search")
    assert "No trial has ended with a score" in answer(reader) and not reader.images
    assert ["3", "failed", "E: no", "00, 01, 02"] in reader.rows


def test_a_search_of_one_trial_compares_it_with_nothing(tmp_path):
    trial(tmp_path / "search", 0, {"units": 8, "kind": "sgd"}, 0.5)
    said = answer(read(tmp_path / "search"))
    assert "started 1 trial," in said and "nothing to compare it with" in said
    assert "median" not in said


def test_nan_and_infinite_scores_are_no_scores(tmp_path):
    folder = formula(tmp_path / "search", 4)
    trial(folder, 6, {"units": 8, "kind": "sgd"}, math.inf)
    trial(folder, 7, {"units": 8, "kind": "sgd"}, math.nan)
    reader = read(folder)
    assert "4 ended with a score, 2 without a score" in answer(reader)
    assert ["2", "no finite score", reader.rows[-1][2], "06, 07"] == reader.rows[-1]


def test_a_damaged_trial_is_listed_and_the_report_is_made(tmp_path):
    folder = formula(tmp_path / "search", 4)
    (folder / "trial_02" / "trial.json").write_text('{"trial_id": "02", "sco')
    (folder / "trial_03" / "history.json").write_text("[")
    (folder / "oracle.json").write_text("")
    (folder / "fingerprint.json").write_text("[]")
    reader = read(folder)
    assert "3 ended with a score, 1 damaged" in answer(reader)
    assert "trial_02/trial.json is missing or damaged" in reader.text


def test_trials_that_return_one_number_have_no_best_epoch_and_no_curve(tmp_path):
    folder = tmp_path / "search"
    for number in range(3):
        score = 0.1 * number
        trial(folder, number, {"units": 8 + 8 * number}, score, name="default_objective")
        path = folder / f"trial_{number:02d}" / "trial.json"
        path.write_text(path.read_text().replace('"best_step": 1', '"best_step": 0'))
    reader = read(folder)
    assert "reached a score of 0" in answer(reader) and "at epoch" not in answer(reader)
    assert "best epoch" not in [cell for row in reader.rows for cell in row]


def test_a_space_that_cannot_be_read_does_not_stop_the_report(tmp_path):
    trial(tmp_path / "search", 0, {"units": 8}, 0.5, space=[])
    assert "The search space cannot be read" in read(tmp_path / "search").text
    odd = [{"class_name": "Mine", "config": {"name": "units", "conditions": []}}]
    trial(tmp_path / "other", 0, {"units": 8}, 0.5, space=odd)
    assert "size of the space cannot be told" in read(tmp_path / "other").text


def test_a_trial_far_off_does_not_flatten_the_figures(tmp_path, pictures):
    folder = formula(tmp_path / "search", 8)
    trial(folder, 8, {"units": 8, "kind": "sgd"}, 1e9, curves=[[1e9, 1e9]])
    reader = read(folder)
    assert reader.text.count("1 trial far off the others left out of sight") == 2
    limits, outside = report._window([-1.0, -1.1, -1.2, -1.3, -1e6], "max")
    assert outside == 1 and -5 < limits[0] < -1.3 and -1 < limits[1] < 0


def test_hundreds_of_trials_are_all_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "_importance", lambda rows: (None, "Left out in this test."))
    reader = read(formula(tmp_path / "search", 300, curves=False))
    assert [row[1] for row in reader.rows if row[0] == "300"][0] in {f"{i:02d}" for i in range(300)}


@pytest.mark.skipif(not any(results.RECORDED.glob("trial_*")), reason="not in this copy")
def test_the_recorded_search_is_reported_as_the_course_states_it(pictures):
    reader = read(results.recorded())
    assert "validation loss of 0.3230 at epoch 9 of 10" in answer(reader)
    assert "which reached 0.366" in answer(reader) and len(reader.images) == 5


@pytest.mark.parametrize("curves", [[[]], [[math.nan, math.nan, math.nan]]])
def test_histories_that_say_nothing_draw_no_curve(tmp_path, curves):
    for number in range(2):
        trial(tmp_path / "search", number, {"units": 8 + 8 * number}, 0.5, curves=curves)
    assert "The best trials, epoch by epoch" in read(tmp_path / "search").text


# ---------------------------------------------------------------- several searches


def test_searches_beside_it_are_in_one_table_with_its_limits(tmp_path, capsys):
    first = recorded(formula(tmp_path / "first"))
    second = recorded(formula(tmp_path / "second", 3), tuner="GridSearch")
    reader = read(first, beside=[second])
    best = [results.ranked(results.trials_table(one))["score"][0] for one in (first, second)]
    rows = [row[:4] for row in reader.rows if row[0] in ("first", "second")]
    assert ["first", "RandomSearch", f"{best[0]:.4f}", "4"] in rows
    assert ["second", "GridSearch", f"{best[1]:.4f}", "3"] in rows
    assert "one run under one seed" in reader.text and "not all use the same" not in reader.text
    recorded(second, fit={"x": "uint8 (9, 2) sha256 ffff"})
    assert "did not all use the same data" in read(first, beside=[second]).text
    assert run(first, "--beside", second) == 0
    assert "Beside other searches" not in read(first).text
    up = formula(tmp_path / "up", name="val_auc", direction="max")
    assert run(first, "-o", tmp_path / "x.html", "--beside", up) == 2
    assert "judged by val_auc (max) and first by val_loss (min)" in capsys.readouterr().err
    assert run(first, "-o", tmp_path / "x.html", "--beside", second, second) == 2
    failed = tmp_path / "failed"
    trial(failed, 0, {}, None, status="FAILED")
    assert run(first, "-o", tmp_path / "x.html", "--beside", failed) == 2
    assert "failed has no trial with a score" in capsys.readouterr().err


# ---------------------------------------------------------------- files and the command


def test_the_report_and_the_table_are_written_beside_the_search(tmp_path, capsys):
    folder = formula(tmp_path / "search")
    before = sorted(folder.rglob("*"))
    assert run(folder, "--csv", tmp_path / "out" / "t.csv", "--title", "Week 12") == 0
    made = tmp_path / "search-report.html"
    assert capsys.readouterr().out.startswith(f"Wrote {made} and ")
    assert "<title>Week 12</title>" in made.read_text(encoding="utf-8")
    assert len((tmp_path / "out" / "t.csv").read_text().splitlines()) == 5
    assert sorted(folder.rglob("*")) == before, "nothing is written into the search"


def test_nothing_is_overwritten_unless_it_is_allowed(tmp_path, capsys):
    folder = formula(tmp_path / "search")
    page, table = tmp_path / "mine.html", tmp_path / "mine.csv"
    page.write_text("precious")
    table.write_text("precious")
    assert run(folder, "-o", page) == 2
    assert "exists and is not overwritten" in capsys.readouterr().err
    assert run(folder, "-o", tmp_path / "new.html", "--csv", table) == 2
    assert page.read_text() == table.read_text() == "precious"
    assert not (tmp_path / "new.html").exists(), "a refused call writes nothing at all"
    assert run(folder, "-o", page, "--csv", table, "--overwrite") == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert table.read_text().startswith("trial,status,score")


def test_a_file_of_the_search_cannot_be_named_as_the_output(tmp_path, capsys):
    folder = recorded(formula(tmp_path / "search"))
    assert run(folder, "-o", folder / "fingerprint.json", "--overwrite") == 2
    assert "does not end in .html" in capsys.readouterr().err
    assert json.loads((folder / "fingerprint.json").read_text())["seed"] == 7
    assert run(folder, "-o", tmp_path / "a.html", "--csv", folder / "fingerprint.json") == 2
    assert "does not end in .csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path / "nowhere", "There is no folder"),
        (lambda path: formula(path / "a") / "trial_00" / "trial.json", "is a file: give the"),
        (lambda path: formula(path / "a") / "trial_00", "is the folder of one trial"),
        (lambda path: formula(path / "a").parent, "holds 1 search. Which one? a: give"),
        (lambda path: path, "holds no trial_… folder"),
    ],
)
def test_a_folder_that_is_no_search_is_one_line_and_exit_code_2(tmp_path, capsys, make, said):
    assert run(make(tmp_path)) == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("helpers.report: ") and error.count("\n") == 1


def test_a_folder_of_several_searches_is_asked_which_one(tmp_path, capsys):
    for name in ("grid", "random"):
        formula(tmp_path / name, 1)
    assert run(tmp_path) == 2
    assert "holds 2 searches. Which one? grid, random: give" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_one_line(tmp_path, capsys):
    folder = formula(tmp_path / "search", 1)
    (tmp_path / "blocked").write_text("a file, not a folder")
    assert run(folder, "-o", tmp_path / "blocked" / "a.html") == 2
    error = capsys.readouterr().err
    assert "blocked" in error and error.count("\n") == 1


def test_a_tuner_is_reported_like_its_directory(tmp_path):
    folder = formula(tmp_path / "search")
    tuner = type("Tuner", (), {"project_dir": str(folder)})()
    made = report.write(tuner, tmp_path / "deep" / "r.html")
    assert made == tmp_path / "deep" / "r.html"
    assert made.read_text(encoding="utf-8") == report.page(folder)


def test_the_command_needs_no_tensorflow(tmp_path):
    folder = formula(tmp_path / "search", 3)
    code = (
        "import sys; from helpers import report; assert report.main(sys.argv[1:]) == 0; "
        "assert not {'tensorflow', 'keras', 'keras_tuner'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code, str(folder)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
