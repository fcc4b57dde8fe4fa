"""Reading searches: tables, importance, how many trials are enough. No test here trains a model."""

import csv
import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from helpers import insight, results


def item(kind, name, conditions=(), **config):
    """A hyperparameter definition as trial.json holds it."""
    parents = [
        {"class_name": "Parent", "config": {"name": parent, "values": values}}
        for parent, values in conditions
    ]
    return {"class_name": kind, "config": {"name": name, "conditions": parents, **config}}


def units(name="units", low=4, high=40, step=4, sampling="linear", conditions=()):
    return item(
        "Int",
        name,
        conditions,
        min_value=low,
        max_value=high,
        step=step,
        sampling=sampling,
    )


def write_trial(
    project, trial_id, values, score, *, space, status="COMPLETED", message=None, histories=()
):
    folder = project / f"trial_{trial_id}"
    folder.mkdir(parents=True)
    record = {
        "trial_id": trial_id,
        "hyperparameters": {"space": space, "values": values},
        "metrics": {"metrics": {}},
        "score": score,
        "best_step": 1 if score is not None else None,
        "status": status,
        "message": message,
    }
    (folder / "trial.json").write_text(json.dumps(record))
    if histories:
        executions = [{"loss": losses, "val_loss": losses} for losses in histories]
        (folder / "history.json").write_text(json.dumps({"executions": executions, "seconds": 2.5}))


@pytest.fixture
def project(tmp_path):
    """Four trials: two complete, one failed, one still running; one conditional hyperparameter."""
    space = [units(), item("Boolean", "deep"), units("more", conditions=[("deep", [True])])]
    path = tmp_path / "a_search"
    write_trial(
        path, "00", {"units": 8, "deep": False}, 0.5, space=space, histories=[[0.7, 0.5, 0.6]]
    )
    write_trial(
        path,
        "01",
        {"units": 16, "deep": True, "more": 12},
        0.3,
        space=space,
        histories=[[0.4, 0.3], [0.5, 0.2]],
    )
    message = "Traceback:\n  File x\nkeras.errors.ValueError: units too many\n\n"
    write_trial(
        path,
        "02",
        {"units": 40, "deep": False},
        None,
        space=space,
        status="FAILED",
        message=message,
    )
    write_trial(path, "03", {"units": 4, "deep": False}, None, space=space, status="RUNNING")
    return path


def searched(scores, space, values, direction=None):
    """A trials table straight from lists, as trials_table would return it."""
    table = pd.DataFrame(
        {
            "trial": [f"{index:02d}" for index in range(len(scores))],
            "status": "COMPLETED",
            "score": scores,
            "best_epoch": 1,
            **values,
            "epochs": 1,
            "seconds": 1.0,
            "message": "",
        }
    )
    table.attrs["space"] = {one["config"]["name"]: one for one in space}
    return table


def test_the_table_has_one_row_a_trial_and_one_column_a_hyperparameter(project):
    table = results.trials_table(project)
    assert list(table) == [
        "trial",
        "status",
        "score",
        "best_epoch",
        "units",
        "deep",
        "more",
        "epochs",
        "seconds",
        "message",
    ]
    assert table["trial"].tolist() == ["00", "01", "02", "03"]
    assert table["status"].tolist() == ["COMPLETED", "COMPLETED", "FAILED", "RUNNING"]
    assert table["best_epoch"].tolist()[:2] == [2, 2]


def test_an_inactive_hyperparameter_is_nan_and_not_a_value(project):
    more = results.trials_table(project)["more"]
    assert math.isnan(more[0]) and more[1] == 12


def test_epochs_count_all_executions_and_are_nan_without_a_history(project):
    epochs = results.trials_table(project)["epochs"]
    assert epochs.tolist()[:2] == [3, 4] and epochs[2:].isna().all()


def test_the_failed_trials_are_listed_with_the_last_line_of_their_reason(project):
    rows = results.failed(results.trials_table(project))
    assert rows["trial"].tolist() == ["02", "03"]
    assert rows["message"].tolist() == ["ValueError: units too many", ""]


def test_a_failure_without_a_reason_is_a_score_that_is_no_number(project):
    table = results.trials_table(project)
    table.loc[table["trial"] == "02", "message"] = ""
    assert results.failed(table)["message"].tolist() == ["The score is not a number (NaN).", ""]
    assert table["message"].tolist() == [""] * 4  # the table itself stays as it was


def test_a_damaged_trial_file_is_named_and_the_others_are_kept(project):
    (project / "trial_01" / "trial.json").write_text("")
    table = results.trials_table(project)
    assert table["status"].tolist()[1] == "UNREADABLE"
    assert table["message"].tolist()[1] == "trial_01/trial.json is missing or damaged"
    assert table["score"].tolist()[0] == 0.5


def test_trials_are_sorted_by_number_when_the_ids_grow_longer(tmp_path):
    for trial_id in ("100", "02", "10"):
        write_trial(tmp_path, trial_id, {"units": 4}, 0.1, space=[units()])
    assert results.trials_table(tmp_path)["trial"].tolist() == ["02", "10", "100"]


def test_a_hyperparameter_called_like_a_column_of_the_table_does_not_replace_it(tmp_path):
    write_trial(tmp_path, "0", {"epochs": 7}, 0.25, space=[units("epochs")], histories=[[0.25]])
    table = results.trials_table(tmp_path)
    assert table["epochs"][0] == 1 and table["hp:epochs"][0] == 7
    assert results.hyperparameters(table) == ["hp:epochs"]


def test_a_tuner_is_read_like_its_directory(project):
    tuner = type("Tuner", (), {"project_dir": str(project)})()
    pd.testing.assert_frame_equal(results.trials_table(tuner), results.trials_table(project))


def test_the_history_is_one_row_an_epoch_of_each_execution(project):
    history = results.history_table(project)
    assert list(history) == ["trial", "execution", "epoch", "loss", "val_loss"]
    assert len(history) == 7
    last = history.iloc[-1]
    assert (last["trial"], last["execution"], last["epoch"], last["val_loss"]) == ("01", 2, 2, 0.2)


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_has_every_trial_and_reads_back_exactly(project, tmp_path):
    path = results.to_csv(project, tmp_path / "new" / "trials.csv")
    rows, table = read_csv(path), results.trials_table(project)
    assert list(rows[0]) == list(table)
    assert [row["trial"] for row in rows] == ["00", "01", "02", "03"]
    assert [row["status"] for row in rows] == ["COMPLETED", "COMPLETED", "FAILED", "RUNNING"]
    assert [row["score"] for row in rows] == ["0.5", "0.3", "", ""]
    assert rows[2]["message"] == "ValueError: units too many"
    # Whole numbers stay whole beside empty cells, and what is inactive is an empty cell.
    assert [row["more"] for row in rows] == ["", "12", "", ""]
    assert [row["epochs"] for row in rows] == ["3", "4", "", ""]
    assert rows[0]["deep"] == "False" and rows[0]["best_epoch"] == "2"


def test_every_float_in_the_csv_is_the_one_of_the_search(tmp_path):
    values = np.random.default_rng(0).random(20) * 10.0 ** np.arange(-10, 10)
    space = [item("Float", "rate", min_value=0, max_value=1e12, step=None, sampling="linear")]
    table = searched(values[::-1], space, {"rate": values})
    rows = read_csv(results.to_csv(table, tmp_path / "t.csv"))
    assert [float(row["rate"]) for row in rows] == values.tolist()
    assert [float(row["score"]) for row in rows] == values[::-1].tolist()


def test_choices_of_whole_numbers_stay_whole_where_some_are_inactive(tmp_path):
    space = [item("Choice", "batch", values=[16, 32]), item("Choice", "x", values=[1.0, 2.5])]
    table = searched([1.0, 2.0], space, {"batch": [16, math.nan], "x": [1.0, math.nan]})
    rows = read_csv(results.to_csv(table, tmp_path / "t.csv"))
    assert [row["batch"] for row in rows] == ["16", ""] and rows[0]["x"] == "1.0"


def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe_and_numbers_do_not(tmp_path):
    texts = ["=1+1", "+a", "-b", "@c", "\td", "\re", 'plain, with = and "quotes"\n', "ä"]
    table = searched([-1.0] * 8, [], {"=cmd": texts, "low": [-5] * 8})
    rows = read_csv(results.to_csv(table, tmp_path / "t.csv"))
    assert [row["'=cmd"] for row in rows] == [f"'{text}" for text in texts[:6]] + texts[6:]
    assert rows[0]["low"] == "-5" and rows[0]["score"] == "-1.0"


def test_a_csv_file_that_is_there_is_replaced_only_when_told(project, tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="choose another name .* or overwrite=True"):
        results.to_csv(project, path)
    assert path.read_text() == "precious"
    results.to_csv(project, path, overwrite=True)
    assert len(read_csv(path)) == 4 and list(tmp_path.glob(".trials*")) == []


def test_a_metric_that_was_not_measured_in_every_epoch_is_filled_with_nan(tmp_path):
    write_trial(tmp_path, "0", {"units": 4}, 0.1, space=[units()])
    executions = [{"loss": [3.0, 2.0], "val_loss": [1.0]}]
    (tmp_path / "trial_0" / "history.json").write_text(json.dumps({"executions": executions}))
    history = results.history_table(tmp_path)
    assert history["loss"].tolist() == [3, 2] and history["val_loss"].isna().tolist() == [0, 1]


def test_a_file_that_is_called_like_a_trial_is_none(tmp_path):
    (tmp_path / "trial_notes.txt").write_text("mine")
    with pytest.raises(FileNotFoundError, match="holds no trial_"):
        results.trials_table(tmp_path)
    write_trial(tmp_path, "0", {"units": 4}, 0.1, space=[units()])
    (tmp_path / "trial_0" / "history.json").write_text("[1, 2]")
    assert results.trials_table(tmp_path)["trial"].tolist() == ["0"]


def test_a_search_without_histories_says_what_keeps_them(tmp_path):
    write_trial(tmp_path, "0", {"units": 4}, 0.1, space=[units()])
    with pytest.raises(FileNotFoundError, match="helpers.search.careful keeps every epoch"):
        results.history_table(tmp_path)


def test_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere: run the search first"):
        results.trials_table(tmp_path / "nowhere")


def test_a_folder_without_trials_is_a_clear_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no trial_"):
        results.trials_table(tmp_path)


def test_a_search_without_a_completed_trial_says_what_there_is(tmp_path):
    write_trial(tmp_path, "0", {"units": 4}, None, space=[units()], status="RUNNING")
    with pytest.raises(ValueError, match=r"has 0 \(1 RUNNING\): let it finish"):
        results.best_so_far(results.trials_table(tmp_path))


def test_best_so_far_keeps_the_best_over_a_failed_trial(project):
    curve = results.best_so_far(results.trials_table(project))
    assert curve["best"].tolist() == [0.5, 0.3, 0.3, 0.3]
    assert np.isnan(curve["score"][2])
    upward = results.best_so_far(results.trials_table(project), direction="max")
    assert upward["best"].tolist() == [0.5, 0.5, 0.5, 0.5]


def test_a_direction_that_is_neither_min_nor_max_is_refused(project):
    with pytest.raises(ValueError, match="direction is 'up'"):
        results.best_so_far(results.trials_table(project), direction="up")


def importance_case(trials=60, noise=0.0):
    rng = np.random.default_rng(0)
    rate, width = 10.0 ** rng.uniform(-4, -1, trials), rng.integers(4, 64, trials)
    kind = rng.choice(["adam", "sgd"], trials)
    depth = np.where(rng.random(trials) < 0.5, rng.integers(1, 5, trials), math.nan)
    score = (np.log10(rate) + 2.5) ** 2 + 0.3 * (kind == "sgd") + noise * rng.normal(size=trials)
    space = [
        item("Float", "rate", min_value=1e-4, max_value=0.1, step=None, sampling="log"),
        units("width"),
        item("Choice", "kind", values=["adam", "sgd"], ordered=False),
        units("depth"),
    ]
    values = {"rate": rate, "width": width, "kind": kind, "depth": depth, "constant": 3}
    return searched(score, space, values)


def test_importance_finds_what_the_score_was_made_of():
    found = insight.importance(importance_case())
    order = found.table["hyperparameter"].tolist()
    share = found.table.set_index("hyperparameter")["importance"]
    assert order[:2] == ["rate", "kind"] and sorted(order[2:]) == ["depth", "width"]
    assert share["rate"] > 0.5 and abs(share["width"]) < 0.1 and abs(share["depth"]) < 0.1
    assert found.r2 > 0.8 and found.trusted and found.sentence.startswith("The bars can be read")


def test_importance_of_pure_noise_is_flagged():
    table = importance_case()
    table["score"] = np.random.default_rng(1).normal(size=len(table))
    found = insight.importance(table)
    assert found.r2 <= results.TRUSTED_R2 and not found.trusted
    assert found.sentence.startswith("Do not read the bars")


def test_importance_from_few_trials_is_flagged_however_well_it_fits():
    found = insight.importance(importance_case(trials=15))
    assert not found.trusted and "fewer than 20 trials" in found.sentence


def test_importance_is_the_same_for_the_same_seed():
    first, second = (insight.importance(importance_case(25), repeats=3) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, second.table)


def test_importance_refuses_what_it_cannot_explain():
    with pytest.raises(ValueError, match="at least 5 completed"):
        insight.importance(importance_case(4))
    table = importance_case(10)
    table["score"] = 1.0
    with pytest.raises(ValueError, match="all scores are equal"):
        insight.importance(table)


def test_encoding_takes_logs_splits_choices_and_leaves_out_what_never_varies():
    encoded = insight.encode(importance_case())
    assert "constant" not in encoded
    assert encoded["rate"].max() < 0
    assert encoded["kind"].shape[1] == 2


def test_whether_a_hyperparameter_was_active_cannot_be_read_from_its_encoding():
    table = importance_case()
    active = table["depth"].notna().to_numpy()
    depth = insight.encode(table)["depth"][:, 0]
    assert depth[active].tolist() == table["depth"][active].tolist()
    assert set(depth[~active]) <= set(depth[active]) and len(set(depth[~active])) > 1
    table["kind"] = table["kind"].where(active)
    assert (insight.encode(table)["kind"].sum(axis=1) == 1).all()
    table["depth"] = np.where(active, 3.0, math.nan)  # the same wherever it is active
    assert "depth" not in insight.encode(table)


def layered(score, trials=60):
    """One to three layers, each with its own units; the score is a function of (layers, units)."""
    rng = np.random.default_rng(0)
    layers = rng.integers(1, 4, trials)
    units = [np.where(layers > i, 8.0 * rng.integers(1, 9, trials), math.nan) for i in range(3)]
    values = {"layers": layers} | {f"u{i}": units[i] for i in range(3)}
    return searched(score(layers, units) + 0.01 * rng.normal(size=trials), [], values)


def test_a_parent_keeps_its_importance_although_its_children_are_inactive_without_it():
    found = insight.importance(layered(lambda layers, units: 1.0 * layers), repeats=5)
    share = found.table.set_index("hyperparameter")["importance"]
    # Shuffled values of a lone cause lose about twice the variance; 0.6 if the children tell.
    assert share["layers"] > 1.5
    assert abs(share[["u0", "u1", "u2"]]).max() < 0.05


def test_a_child_that_matters_only_under_one_value_of_its_parent_is_found():
    def score(layers, units):
        return np.where(layers == 2, units[1] / 32, 1.0)

    found = insight.importance(layered(score), repeats=5)
    share = found.table.set_index("hyperparameter")["importance"]
    assert share["u1"] > 0.4 and share["layers"] > 0.2
    assert abs(share[["u0", "u2"]]).max() < 0.1


def test_importance_counts_where_a_hyperparameter_was_active_and_judges_no_rare_one():
    table = layered(lambda layers, units: 1.0 * layers)
    table["rare"] = np.where(np.arange(len(table)) < 4, table["score"], math.nan)
    rows = insight.importance(table, repeats=3).table.set_index("hyperparameter")
    assert rows["active"].to_dict() == {
        "layers": 60,
        "u0": 60,
        "u1": int((table["layers"] >= 2).sum()),
        "u2": int((table["layers"] == 3).sum()),
        "rare": 4,
    }
    assert math.isnan(rows["importance"]["rare"]) and rows["importance"].notna().sum() == 4


def test_an_infinite_score_is_left_out_of_the_importance():
    table = layered(lambda layers, units: 1.0 * layers)
    table.loc[0, "score"] = math.inf
    assert insight.importance(table, repeats=2).trials == 59


def test_the_probability_of_a_top_trial_is_that_of_independent_draws():
    assert insight.top_fraction_probability(1, 0.05) == pytest.approx(0.05)
    assert insight.top_fraction_probability(59, 0.05) == pytest.approx(0.9515, abs=1e-4)
    assert insight.trials_needed(0.95, 0.05) == 59


def test_shuffled_trials_meet_a_top_trial_as_often_as_counting_says():
    table = searched(np.arange(20.0), [units()], {"units": np.arange(20)})
    curve = insight.top_fraction_curve(table, 0.1, draws=4000)
    exact = [1 - math.comb(18, n) / math.comb(20, n) for n in range(1, 21)]
    assert curve["resampled"].tolist() == pytest.approx(exact, abs=0.03)
    assert curve["theory"][4] == pytest.approx(1 - 0.9**5)
    assert curve["best"].iloc[-1] == 0 and curve["low"].iloc[0] < curve["high"].iloc[0]
    upward = insight.top_fraction_curve(table, 0.1, direction="max", draws=100)
    assert upward["best"].iloc[-1] == 19


def test_a_fraction_given_in_per_cent_is_refused():
    with pytest.raises(ValueError, match="fraction is 5; it must lie between 0 and 1"):
        insight.top_fraction_probability(10, 5)


def test_the_course_space_has_12150_configurations():
    space = [units("L1", 8, 64), units("L2", 8, 64), units("L3", 4, 216)]
    assert insight.space_size(space) == 12_150


def test_a_conditional_hyperparameter_counts_only_where_it_is_active():
    space = [
        item("Int", "layers", min_value=1, max_value=3, step=1, sampling="linear"),
        units("u0", 4, 8, conditions=[("layers", [1, 2, 3])]),
        units("u1", 4, 8, conditions=[("layers", [2, 3])]),
        units("u2", 4, 8, conditions=[("layers", [3])]),
    ]
    assert insight.space_size(space) == 2 + 4 + 8


def test_steps_choices_logs_and_continuous_floats_are_counted():
    tenths = item("Float", "f", min_value=0.1, max_value=0.5, step=0.1, sampling="linear")
    assert insight.space_size([tenths]) == 5
    assert insight.space_size([units(low=1, high=1000, step=10, sampling="log")]) == 4
    choices = [item("Choice", "c", values=["a", "b", "c"]), item("Boolean", "b")]
    assert insight.space_size([*choices, item("Fixed", "x", value=1)]) == 6
    free = item("Float", "f", min_value=0.0, max_value=1.0, step=None, sampling="linear")
    assert insight.space_size([free, *choices]) == math.inf


def test_trials_nearer_than_the_noise_are_not_told_apart():
    table = searched([0.30, 0.31, 0.50], [units()], {"units": [4, 8, 12]})
    rows = insight.told_apart(table, 0.02)
    assert rows["told_apart"].tolist() == [False, False, True]
    assert rows.attrs["limit"] == pytest.approx(1.96 * math.sqrt(2) * 0.02, rel=1e-3)
    wider = insight.told_apart(table, 0.02, runs=3)
    assert wider.attrs["limit"] == pytest.approx(4.303 * math.sqrt(2) * 0.02, rel=1e-3)
    upward = insight.told_apart(table, 0.02, direction="max")
    assert upward["trial"].tolist() == ["02", "01", "00"]
    assert upward["told_apart"].tolist() == [False, True, True]


def test_a_noise_that_is_no_standard_deviation_is_refused():
    table = searched([0.3, 0.4], [units()], {"units": [4, 8]})
    with pytest.raises(ValueError, match="noise is -1"):
        insight.told_apart(table, -1)
    with pytest.raises(ValueError, match="at least 2 seeds"):
        insight.told_apart(table, 0.1, runs=1)


def test_short_paths_cuts_this_machines_folders_off(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_OUTPUT", str(tmp_path))
    with results.short_paths():
        print("Results in", tmp_path / "log" / "random_search")
        print("Reloading", results.RECORDED / "tuner0.json")
    shown = capsys.readouterr().out.replace("\\", "/")
    assert shown.splitlines() == [
        "Results in log/random_search",
        "Reloading helpers/files/recorded_search/tuner0.json",
    ]


def test_reading_a_folder_needs_no_tensorflow(project):
    code = (
        "import sys; from helpers import results; results.trials_table(sys.argv[1]); "
        "assert not {'tensorflow', 'keras', 'keras_tuner'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(project)], check=True)


@pytest.mark.skipif(
    not any(results.RECORDED.glob("trial_*")), reason="the recorded search is not in this copy"
)
def test_the_recorded_search_is_whole():
    table = results.trials_table(results.recorded())
    assert len(table) == 50 and (table["status"] == "COMPLETED").all()
    history = results.history_table(results.recorded())
    best = history.groupby("trial")["val_loss"].min()
    assert table.set_index("trial")["score"].to_dict() == pytest.approx(best.to_dict())


def test_a_copy_without_the_recorded_search_says_how_to_make_it(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RECORDED", tmp_path / "recorded_search")
    with pytest.raises(FileNotFoundError, match="python -m tools.record"):
        results.recorded()


def test_the_best_epoch_of_each_trial_brings_all_metrics_with_it(project):
    rows = results.best_epochs(project)
    assert rows["trial"].tolist() == ["00", "01"]
    assert rows["epoch"].tolist() == [2, 2] and rows["execution"].tolist() == [1, 2]
    assert rows["loss"].tolist() == [0.5, 0.2]
    assert results.best_epochs(project, direction="max")["val_loss"].tolist() == [0.7, 0.5]
    with pytest.raises(ValueError, match="no 'val_auc'; they have loss, val_loss"):
        results.best_epochs(project, "val_auc")


def test_the_small_search_is_run_once_and_opened_after_that(tmp_path, monkeypatch, capsys):
    from helpers import data

    monkeypatch.setenv("COURSE_OUTPUT", str(tmp_path))
    images = data.load_data(images=200)
    budget = {"max_trials": 1, "epochs": 1, "batch_size": 32, "seed": 1}
    first = results.small_search(images, **budget)
    assert "log/random_search lacks 1 trials; they are run now." in capsys.readouterr().out
    again = results.small_search(images, **budget)
    said = capsys.readouterr().out
    assert "1 of 1 trials are already finished" in said and "lacks" not in said
    assert results.trials_table(first).equals(results.trials_table(again))
    with pytest.raises(ValueError, match="trials of another search"):
        results.small_search(data.load_data(images=300), **budget)
