"""Reading searches, plain, careful and damaged ones. Only the last test here trains a model."""

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from helpers import evaluate, results, state


def write_trial(project, trial, values, score, *, status="COMPLETED", message=None, losses=()):
    """A trial as KerasTuner writes it; with losses, one list an execution, as careful does."""
    folder = project / f"trial_{trial}"
    folder.mkdir(parents=True)
    space = [{"class_name": "Int", "config": {"name": name, "conditions": []}} for name in values]
    record = {"trial_id": trial, "status": status, "score": score, "message": message}
    record["best_step"] = None if score is None else 1
    record["hyperparameters"] = {"space": space, "values": values}
    (folder / "trial.json").write_text(json.dumps(record))
    if losses:
        executions = [{"loss": one, "val_loss": one} for one in losses]
        history = {"executions": executions, "seconds": 2.5, "cpu_seconds": 4.0}
        (folder / "history.json").write_text(json.dumps(history))


@pytest.fixture
def project(tmp_path):
    """Four trials: two complete, one failed, one still running; one conditional hyperparameter."""
    path = tmp_path / "a_search"
    write_trial(path, "00", {"units": 8}, 0.5, losses=[[0.7, 0.5, 0.6]])
    write_trial(path, "01", {"units": 16, "more": 12}, 0.3, losses=[[0.4, 0.3], [0.5, 0.2]])
    message = "Traceback:\n  File x\nkeras.errors.ValueError: units too many\n\n"
    write_trial(path, "02", {"units": 40}, None, status="FAILED", message=message)
    write_trial(path, "03", {"units": 4}, None, status="RUNNING")
    return path


def table_of(scores, epochs, status="COMPLETED"):
    """A trials table straight from lists."""
    trials = [f"{i:02d}" for i in range(len(scores))]
    known = {"trial": trials, "status": status, "score": scores, "epochs": epochs, "seconds": 2.0}
    return pd.DataFrame(known | {"message": ""})


def test_the_table_has_one_row_a_trial_and_one_column_a_hyperparameter(project):
    table = results.trials_table(project)
    assert list(table) == [*results.LEADING, "units", "more", *results.TRAILING]
    assert results.hyperparameters(table) == list(results.space(project)) == ["units", "more"]
    assert table["trial"].tolist() == ["00", "01", "02", "03"]
    assert table["best_epoch"].tolist()[:2] == [2, 2] and table["score"][2:].isna().all()
    assert table["more"].isna().tolist() == [True, False, True, True]  # inactive, no value
    assert table["epochs"].tolist()[:2] == [3, 4] and table["epochs"][2:].isna().all()
    rows = results.failed(table)
    assert rows["status"].tolist() == ["FAILED", "RUNNING"] and rows["units"].tolist() == [40, 4]
    assert rows["message"][0].endswith("ValueError: units too many") and not rows["message"][1]
    costs = results.costs(project)
    assert costs.iloc[1, :4].tolist() == ["01", 4, 2.5, 4.0] and costs.iloc[3, 1:].isna().all()


def test_a_project_of_plain_keras_tuner_is_read_and_has_no_epochs(tmp_path):
    import keras_tuner as kt

    class Formula(kt.RandomSearch):
        def run_trial(self, trial, **fit):
            x = trial.hyperparameters.Float("x", -1, 1)
            if trial.trial_id == "1":
                raise kt.errors.FailedTrialError("no memory")
            return math.nan if trial.trial_id == "2" else x

    tuner = Formula(max_trials=4, seed=1, directory=tmp_path, project_name="plain")
    tuner.search(verbose=0)
    table = results.trials_table(tuner)
    assert table["status"].tolist() == ["COMPLETED", "FAILED", "FAILED", "COMPLETED"]
    assert results.completed(table)["score"].equals(results.completed(table)["x"])
    assert "no memory" in table["message"][1] and table["message"][2] == state.reason(None)
    assert results.costs(tuner).drop(columns="trial").isna().all(axis=None)
    with pytest.raises(FileNotFoundError, match="careful"):
        results.history_table(tuner)
    pd.testing.assert_frame_equal(table, results.trials_table(tmp_path / "plain"))


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"status": "COM', None])
@pytest.mark.parametrize("name", ["trial.json", "history.json"])
def test_a_damaged_file_costs_its_own_trial_only(project, name, text):
    path = project / "trial_01" / name
    path.unlink() if text is None else path.write_text(text)
    table = results.trials_table(project)
    assert table["trial"].tolist() == ["00", "01", "02", "03"] and table["score"][0] == 0.5
    if name == "trial.json":
        assert table["status"][1] == "UNREADABLE" and "trial_01" in table["message"][1]
    else:
        assert table["score"][1] == 0.3 and math.isnan(table["epochs"][1])
        assert set(results.history_table(project)["trial"]) == {"00"}


def test_long_ids_are_sorted_by_number_and_no_column_is_replaced_by_a_hyperparameter(tmp_path):
    for trial in ("100", "02", "99"):
        write_trial(tmp_path, trial, {"epochs": 8}, 0.25, losses=[[0.25]])
    table = results.trials_table(tmp_path)
    assert table["trial"].tolist() == ["02", "99", "100"]
    assert table["epochs"][0] == 1 and table["hp:epochs"][0] == 8
    assert results.hyperparameters(table) == list(results.space(tmp_path)) == ["hp:epochs"]


def test_a_folder_without_trials_is_refused_and_one_with_them_needs_no_tensorflow(project):
    (project.parent / "trial_notes.txt").write_text("mine")
    for folder in (project.parent, project / "nowhere"):
        with pytest.raises(FileNotFoundError, match=folder.name):
            results.trials_table(folder)
    code = (
        "import sys; from helpers import results; results.trials_table(sys.argv[1]); "
        "assert not {'tensorflow', 'keras', 'keras_tuner'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(project)], check=True)


def test_the_history_is_one_row_an_epoch_and_the_best_one_brings_all_metrics_with_it(project):
    history = results.history_table(project)
    assert list(history) == ["trial", "execution", "epoch", "loss", "val_loss"]
    assert history["epoch"].tolist() == [1, 2, 3, 1, 2, 1, 2]
    assert history.iloc[-1].tolist() == ["01", 2, 2, 0.2, 0.2]
    # A metric that was not measured in every epoch is filled with NaN.
    executions = [{"loss": [3.0, 2.0], "val_loss": [1.0]}]
    (project / "trial_00" / "history.json").write_text(json.dumps({"executions": executions}))
    first = results.history_table(project).query("trial == '00'")
    assert first["loss"].tolist() == [3, 2] and first["val_loss"].isna().tolist() == [False, True]


def test_equal_scores_keep_their_order_and_best_so_far_its_best_over_a_failed_trial(project):
    equal = table_of([0.2, 0.1, 0.2, 0.1], 1)
    assert results.ranked(equal)["trial"].tolist() == ["01", "03", "00", "02"]
    assert results.ranked(equal, "max")["trial"].tolist() == ["00", "02", "01", "03"]
    table = results.trials_table(project)
    curve = results.best_so_far(table)
    assert list(curve) == ["trials", "trial", "score", "best"] and np.isnan(curve["score"][2])
    assert curve["best"].tolist() == [0.5, 0.3, 0.3, 0.3]
    assert results.best_so_far(table, direction="max")["best"].tolist() == [0.5] * 4
    with pytest.raises(ValueError, match="direction"):
        results.best_so_far(table, direction="up")


def test_searches_are_compared_in_one_table(project):
    good = [table_of([0.5, 0.7, 0.4], 2), table_of([0.3, 0.7, 0.4], 2)]
    table = results.compare({"slow": [table_of([0.9], 1)] * 2, "good": good, "one": project})
    assert table["search"].tolist() == ["one", "good", "slow"]
    one, first = table.iloc[0], table.iloc[1]
    assert (one.seeds, one.trials, one.failed, one.best) == (1, 4, 2, 0.3)
    assert table[["low", "high"]].isna().all(axis=1).tolist() == [True, False, False]
    assert (first.seeds, first.trials, first.failed, first.epochs, first.seconds) == (2, 3, 0, 6, 6)
    known = evaluate.confidence_interval([0.4, 0.3])
    found = (first.best, first.low, first.high)
    assert found == pytest.approx((known.mean, known.low, known.high))
    upward = results.compare({"a": table_of([0.4], 1), "b": table_of([0.6], 1)}, direction="max")
    assert upward["search"].tolist() == ["b", "a"]
    bad = table_of([math.nan], 1, "FAILED")
    for call in (results.ranked, results.best_so_far, lambda bad: results.compare({"b": bad})):
        with pytest.raises(ValueError, match="0 of 1"):
            call(bad)


def test_short_paths_cuts_this_machines_folders_off(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_OUTPUT", str(tmp_path))
    with results.short_paths():
        print("Results in", tmp_path / "log" / "random_search")
        print("Reloading", results.RECORDED / "tuner0.json")
    assert capsys.readouterr().out.replace("\\", "/").splitlines() == [
        "Results in log/random_search",
        "Reloading helpers/files/recorded_search/tuner0.json",
    ]


def test_the_small_search_is_named_by_its_settings_and_run_once(tmp_path, monkeypatch):
    from helpers import data

    monkeypatch.setenv("COURSE_OUTPUT", str(tmp_path))
    images = data.load_data(images=200)
    budget = {"max_trials": 1, "executions_per_trial": 1, "seed": 1, "epochs": 1, "batch_size": 32}
    first = results.small_search(images, **budget)
    again = results.small_search(images, **budget)
    assert results.trials_table(first).equals(results.trials_table(again))  # and so its seconds
    longer = results.small_search(images, **budget | {"epochs": 2})  # no Mismatch: another folder
    name = f"random_search-trials1-runs1-epochs{{}}-batch32-seed1-data{images.digest[:6]}"
    folders = {path.name for path in (tmp_path / "log").iterdir() if path.is_dir()}
    assert folders == {name.format(1), name.format(2)} and longer.project_name == name.format(2)
    with pytest.raises(state.Mismatch):
        results.small_search(images, **budget | {"seed": 2}, project_name=name.format(1))
