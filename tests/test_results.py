"""Reading searches, plain, careful and damaged ones."""

import json
import math

import pandas as pd
import pytest

from helpers import data, results, state


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
    write_trial(path, "02", {"units": 40}, None, status="FAILED", message="ValueError: too many")
    write_trial(path, "03", {"units": 4}, None, status="RUNNING")
    return path


def table_of(scores, epochs, status="COMPLETED"):
    trials = [f"{i:02d}" for i in range(len(scores))]
    known = {"trial": trials, "status": status, "score": scores, "epochs": epochs, "seconds": 2.0}
    return pd.DataFrame(known | {"message": ""})


def test_the_table_has_one_row_a_trial_and_one_column_a_hyperparameter(project):
    table = results.trials_table(project)
    assert results.hyperparameters(table) == list(results.space(project)) == ["units", "more"]
    assert table["trial"].tolist() == ["00", "01", "02", "03"]
    assert table["best_epoch"].tolist()[:2] == [2, 2] and table["score"][2:].isna().all()
    assert table["more"].isna().tolist() == [True, False, True, True]  # inactive, no value
    assert table["epochs"].tolist()[:2] == [3, 4] and table["epochs"][2:].isna().all()
    rows = results.failed(table)
    assert rows["status"].tolist() == ["FAILED", "RUNNING"] and rows["units"].tolist() == [40, 4]
    assert "too many" in rows["message"][0] and not rows["message"][1]
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
    assert "no memory" in table["message"][1] and table["message"][2] == state.reason(None)
    assert results.costs(tuner).drop(columns="trial").isna().all(axis=None)
    with pytest.raises(FileNotFoundError, match="careful"):
        results.history_table(tuner)
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match=folder.name):
            results.trials_table(folder)


@pytest.mark.parametrize("text", ["[1, 2]", '{"status": "COM', None])
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


def test_the_history_is_one_row_an_epoch_and_a_metric_may_be_missing(project):
    history = results.history_table(project)
    assert history["epoch"].tolist() == [1, 2, 3, 1, 2, 1, 2]
    assert history["execution"].tolist() == [1, 1, 1, 1, 1, 2, 2]
    text = '{"executions": [{"loss": [3.0, 2.0], "val_loss": [1.0]}]}'
    (project / "trial_00" / "history.json").write_text(text)
    assert results.history_table(project)["val_loss"].isna().tolist()[:2] == [False, True]


def test_equal_scores_keep_their_order_and_best_so_far_its_best_over_a_failed_trial(project):
    equal = table_of([0.2, 0.1, 0.2, 0.1], 1)
    assert results.ranked(equal)["trial"].tolist() == ["01", "03", "00", "02"]
    assert results.ranked(equal, "max")["trial"].tolist() == ["00", "02", "01", "03"]
    curve = results.best_so_far(results.trials_table(project))
    assert curve["best"].tolist() == [0.5, 0.3, 0.3, 0.3] and math.isnan(curve["score"][2])
    assert results.best_so_far(equal, direction="max")["best"].tolist() == [0.2] * 4


def test_without_a_completed_trial_there_is_no_best():
    bad = table_of([math.nan], 1, "FAILED")
    for call in (results.ranked, results.best_so_far):
        with pytest.raises(ValueError, match="0 of 1"):
            call(bad)


def test_the_small_search_is_named_by_its_settings_and_run_once(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_OUTPUT", str(tmp_path))
    images = data.load_data(images=200)
    budget = {"max_trials": 1, "executions_per_trial": 1, "seed": 1, "epochs": 1, "batch_size": 32}
    first, again = (results.small_search(images, **budget) for _ in range(2))
    assert results.trials_table(first).equals(results.trials_table(again))  # and so its seconds
    for name, value in {"trials": 1, "epochs": 1, "seed": 1, "data": images.digest[:6]}.items():
        assert f"-{name}{value}" in first.project_name
