"""What notebook 08 says about KerasTuner, tested with the notebook's own code on tiny data."""

import json
import pathlib
import time
import types

import keras
import keras_tuner as kt
import numpy as np
import pytest
from lesson import ACCURACY, LOSS, cells, defined, fixed, searched, tiny_data, tuner_of

from helpers import results, search, state

CELLS = cells("08_guide_the_search")
DEFINE = ("rare", "rare-recalls", "rare-class", "wrong-class", "wrong-search", "stop-rule")
DEFINE += ("stop-class", "replay", "deadline", "known-first", "folds-class")
KNOWN = [{"a": 0.5, "b": 2}, {"a": 0.25, "b": 5}]


@pytest.fixture(scope="module")
def shown():
    """The names that the notebook's cells define, with nothing searched and nothing trained."""
    data = tiny_data()
    fit = {"validation_data": (data.x_val, data.y_val), "verbose": 0}
    modules = {"json": json, "pathlib": pathlib, "LOSS": LOSS, "on_validation": fit}
    return defined(CELLS, *DEFINE, **modules)


# Class weights


def test_the_objective_may_be_a_metric_that_only_the_own_fit_returns(shown, tmp_path):
    objective = kt.Objective("mean_recall", "max")
    tuner = tuner_of(kt.GridSearch, shown.Weighted(), tmp_path, objective, max_trials=2)
    tuner.search(shown.x_thin, shown.y_thin, epochs=1, verbose=0)
    history = results.history_table(tuner)
    assert history["mean_recall"].tolist() == results.trials_table(tuner)["score"].tolist()
    assert {"rare_recall", "other_recall"} <= set(history)


# Trials that go wrong


def test_three_of_four_trials_fail_by_the_loss_and_the_search_goes_on(shown):
    table = shown.troubled(LOSS)
    assert table["status"].tolist() == ["FAILED", "FAILED", "COMPLETED", "FAILED"]
    messages = results.failed(table)["message"].tolist()
    assert "Oversized model" in messages[0] and "do not go together" in messages[1]
    assert "NaN" in messages[2]


def test_a_diverged_trial_completes_when_the_accuracy_is_the_objective(shown):
    table = shown.troubled(ACCURACY).set_index("trouble")
    assert table.loc["diverges", "status"] == "COMPLETED"
    assert 0 <= table.loc["diverges", "score"] <= 1


def test_two_failures_in_a_row_stop_a_search_with_a_limit_of_two(shown):
    with pytest.raises(RuntimeError):
        shown.troubled(LOSS, limit=2)


class Later(kt.HyperModel):
    """Its loss is NaN from the second epoch on; half of its models are refused."""

    def __init__(self, refused):
        self.refused = refused

    def build(self, hp):
        if hp.Int("units", 1, 2) == self.refused:
            raise kt.errors.FailedTrialError("refused")
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    def fit(self, hp, model, **kwargs):
        history = keras.callbacks.History()
        history.history = {"val_loss": [1.0, float("nan")]}
        return history


def test_a_late_divergence_completes_and_refused_defaults_end_plain_keras_tuner(tmp_path):
    given = {"objective": LOSS, "directory": tmp_path, "max_trials": 2}
    tuner = kt.GridSearch(Later(2), **given, project_name="later")
    tuner.search(verbose=0)
    table = results.trials_table(tuner).set_index("units")
    assert table["status"].to_dict() == {1: "COMPLETED", 2: "FAILED"}
    assert table.loc[1, "score"] == 1.0
    with pytest.raises(kt.errors.FailedTrialError):
        kt.GridSearch(Later(1), **given, project_name="default")


# Stop trials that have lost


class Curves(kt.HyperModel):
    """A hypermodel that trains nothing: its losses fall by a formula, at most ``epochs`` times."""

    interrupted = ()  # the trial and the epoch in which a KeyboardInterrupt comes

    def build(self, hp):
        hp.Float("level", 0.0, 1.0)
        hp.Float("start", 0.0, 3.0)
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    def fit(self, hp, model, callbacks, epochs=6, **kwargs):
        history = keras.callbacks.History()
        history.history = {"val_loss": [], "val_accuracy": []}
        report = next(one for one in callbacks if type(one).__name__ == "TunerCallback")
        report.set_model(model)
        model.stop_training = False
        for epoch, loss in enumerate(curve(hp.values, epochs)):
            if (report.trial.trial_id, epoch) == self.interrupted:
                raise KeyboardInterrupt
            logs = {"val_loss": loss, "val_accuracy": 1 - loss}
            for name, value in logs.items():
                history.history[name].append(value)
            report.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        return history


def curve(values, epochs=6):
    """The losses of one configuration."""
    return values["level"] + values["start"] / np.arange(1, epochs + 1)


def stopping(shown, kind=kt.RandomSearch):
    """A tuner class of this kind that stops lost trials."""
    return type(f"Stopping{kind.__name__}", (shown.StopLost, kind), {})


WAYS = pytest.mark.parametrize("way", ["as in the notebook", "by the option"])


def stopping_tuner(shown, way, kind, *args, **given):
    """A tuner that stops lost trials in one of the two ways."""
    if way == "by the option":
        return tuner_of(kind, *args, stop_lost=(1, 3), **given)
    return tuner_of(stopping(shown, kind), *args, **given)


def test_a_trial_goes_on_if_it_is_among_the_best_of_those_that_reached_the_rung(shown):
    rng = np.random.default_rng(1)
    for _ in range(500):
        values = rng.integers(0, 8, rng.integers(1, 30)).astype(float)  # with ties
        values[rng.random(len(values)) < 0.1] = np.nan
        factor = int(rng.integers(2, 5))
        worst_first = sorted(np.nan_to_num(values, nan=np.inf), reverse=True)
        last_to_go_on = worst_first[-max(1, len(values) // factor)]
        own = np.nan_to_num(values[0], nan=np.inf)
        assert shown.lost(values[0], values[1:], factor) == (own > last_to_go_on)
    assert not shown.lost(np.nan, [], 3) and shown.lost(np.nan, [1.0], 3)


@pytest.mark.parametrize("kind", [kt.RandomSearch, kt.GridSearch, kt.BayesianOptimization])
@pytest.mark.parametrize("objective", [LOSS, ACCURACY], ids=["min", "max"])
@WAYS
def test_every_tuner_stops_the_trials_that_a_replay_stops(shown, tmp_path, kind, objective, way):
    tuner = stopping_tuner(shown, way, kind, Curves(), tmp_path, objective, max_trials=12)
    tuner.search(epochs=6, verbose=0)
    table = results.trials_table(tuner)
    curves = np.array([curve(values) for _, values in table.iterrows()])
    ends = shown.replay(curves, (1, 3), 3)
    assert table["epochs"].tolist() == ends.tolist()
    assert set(table["status"]) == {"COMPLETED"} and {1, 6} <= set(ends)
    best = [one[:end].min() for one, end in zip(curves, ends, strict=True)]
    scores = table["score"] if objective is LOSS else 1 - table["score"]
    assert scores.tolist() == pytest.approx(best)


@pytest.mark.parametrize("moment", ["in an epoch", "between history.json and oracle.json"])
@WAYS
def test_a_resumed_search_stops_the_same_trials(shown, tmp_path, monkeypatch, moment, way):
    given = {"max_trials": 12, "seed": 2}

    def make(*args, **more):
        return stopping_tuner(shown, way, kt.RandomSearch, *args, **given, **more)

    whole = make(Curves(), tmp_path, project_name="whole")
    whole.search(epochs=6, verbose=0)
    expected = results.trials_table(whole)[["level", "epochs", "score"]]
    assert expected["epochs"].tolist() == [6, 1, 1, 6, 1, 3, 1, 1, 1, 3, 1, 1]
    broken, hypermodel = tmp_path / "broken", Curves()
    tuner = make(hypermodel, broken)
    if moment == "in an epoch":
        hypermodel.interrupted = ("05", 1)
    else:
        end = tuner.oracle.end_trial

        def end_trial(trial):
            if trial.trial_id == "05":
                raise KeyboardInterrupt
            end(trial)

        monkeypatch.setattr(tuner.oracle, "end_trial", end_trial)
    with pytest.raises(KeyboardInterrupt):
        tuner.search(epochs=6, verbose=0)
    written = (tuner.project_path / "trial_05" / "history.json").exists()
    assert written is (moment != "in an epoch")
    resumed = make(Curves(), broken)
    resumed.search(epochs=6, verbose=0)
    assert results.trials_table(resumed)[["level", "epochs", "score"]].equals(expected)


def test_a_search_that_stops_trials_is_another_search(tmp_path):
    tuner_of(kt.RandomSearch, Curves(), tmp_path, stop_lost=(1, 3)).search(epochs=6, verbose=0)
    for other in ((), (1, 2)):
        with pytest.raises(state.Mismatch, match="stop_lost"):
            tuner_of(kt.RandomSearch, Curves(), tmp_path, stop_lost=other)


def test_a_rung_has_the_values_of_all_other_trials_that_reached_it(shown, tmp_path):
    for trial, runs in {"0": [[1, 2, 3]], "1": [[4], [5, 6]], "2": [[7, 8, 9]], "3": []}.items():
        (tmp_path / f"trial_{trial}").mkdir()
        history = {"executions": [{"val_loss": run} for run in runs]}
        (tmp_path / f"trial_{trial}" / "history.json").write_text(json.dumps(history))
    (tmp_path / "trial_4").mkdir()  # one that runs
    for own, epoch, expected in (("4", 0, [1, 4, 5, 7]), ("2", 1, [2, 6]), ("0", 2, [9])):
        assert sorted(shown.earlier_values(tmp_path, own, "val_loss", epoch)) == expected


def test_plain_keras_tuner_keeps_no_histories_and_stops_nothing(shown, tmp_path):
    given = {"objective": LOSS, "directory": tmp_path, "max_trials": 6, "seed": 1}
    tuner = stopping(shown)(Curves(), **given)
    tuner.search(epochs=6, verbose=0)
    steps = [trial.best_step for trial in tuner.oracle.trials.values()]
    assert steps == [5] * 6


def test_on_the_recorded_search_the_rule_saves_most_epochs_and_finds_the_best(shown):
    table = results.history_table(results.recorded())
    curves = table.pivot(index="trial", columns="epoch", values="val_loss").to_numpy()
    assert (shown.replay(curves, (), 3) == 10).all()
    orders = [np.random.default_rng(i).permutation(50) for i in range(100)]
    ends = np.array([shown.replay(curves[order], (1, 3), 3) for order in orders])
    assert 120 < ends.sum(axis=1).mean() < 150
    reached = [np.minimum.accumulate(curves[order], axis=1) for order in orders]
    best = [r[np.arange(50), e - 1].min() for r, e in zip(reached, ends, strict=True)]
    assert np.mean(best) < curves.min() + 0.001 and np.mean(best == curves.min()) > 0.9
    assert ((ends == 1) | (ends == 3) | (ends == 10)).all() and (ends[:, 0] == 10).all()


# A deadline


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; ``clock.now`` is its time."""
    clock = types.SimpleNamespace(now=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


def timed(shown, folder, clock, seconds, make):
    """A search with a deadline in which every trial takes one second."""
    oracle = shown.Deadline(seconds, objective=LOSS, max_trials=None, seed=3)

    class Timed(kt.Tuner):
        def run_trial(self, trial, **kwargs):
            clock.now += 1
            return {"val_loss": trial.hyperparameters.values["a"]}

    tuner = make(Timed)(oracle=oracle, hypermodel=two_numbers, directory=str(folder))
    tuner.search(verbose=0)
    return results.trials_table(tuner)


@pytest.mark.parametrize("make", [search.careful, lambda kind: kind], ids=["careful", "plain"])
def test_a_search_ends_at_its_deadline_and_goes_on_as_if_it_had_not(shown, tmp_path, clock, make):
    evening = timed(shown, tmp_path / "two", clock, 2.5, make)
    assert len(evening) == 3  # the trial that runs at the deadline is finished
    state_file = json.loads(next((tmp_path / "two").glob("*/oracle.json")).read_text())
    assert not state_file["ongoing_trials"] and len(state_file["end_order"]) == 3
    clock.now += 1000
    morning = timed(shown, tmp_path / "two", clock, 1.5, make)
    whole = timed(shown, tmp_path / "one", clock, 4.5, make)
    assert set(morning["status"]) == {"COMPLETED"}
    columns = ["trial", "a", "b", "score"]
    assert morning[columns].iloc[:3].equals(evening[columns])
    assert morning[columns].equals(whole[columns]) and len(whole) == 5


def test_an_interrupted_trial_runs_again_even_after_the_deadline(shown, tmp_path, clock):
    def make(kind):
        return search.careful(scored(kind, stop="0001"))

    with pytest.raises(KeyboardInterrupt):
        timed(shown, tmp_path, clock, 1000, make)
    late = timed(shown, tmp_path, clock, -1, search.careful)
    assert late["trial"].tolist() == ["0000", "0001"] and set(late["status"]) == {"COMPLETED"}


@pytest.mark.parametrize(("error", "runs"), [(ValueError, 3), (kt.errors.FailedTrialError, 1)])
def test_a_trial_is_tried_again_after_an_error_but_not_after_a_failed_trial_error(
    tmp_path, error, runs
):
    class Failing(kt.RandomSearch):
        def run_trial(self, trial, **kwargs):
            self.runs.append(trial.trial_id)
            raise error("on purpose")

    tuner = tuner_of(Failing, two_numbers, tmp_path, max_trials=1, max_retries_per_trial=2)
    tuner.runs = []
    tuner.search(verbose=0)
    assert tuner.runs == ["0"] * runs


# Known values, narrowed spaces, folds


def two_numbers(hp):
    """A space with defaults that a drawn value is never equal to."""
    hp.Float("a", 0.0, 1.0, default=0.123)
    hp.Choice("b", [1, 2, 3, 4, 5], default=4)


def scored(tuner_class, stop=None):
    """A tuner class with a formula in place of the training; interrupted in the trial ``stop``."""

    def run_trial(tuner, trial, **kwargs):
        if trial.trial_id == stop:
            raise KeyboardInterrupt
        return {"val_loss": abs(trial.hyperparameters.values["a"] - 0.3)}

    return type(tuner_class.__name__, (tuner_class,), {"run_trial": run_trial})


@pytest.mark.parametrize("kind", [kt.RandomSearch, kt.BayesianOptimization])
def test_a_search_does_not_start_from_the_defaults(tmp_path, kind):
    assert 0.123 not in searched(scored(kind), two_numbers, tmp_path, max_trials=3)["a"].tolist()


@pytest.mark.parametrize("base", ["RandomSearchOracle", "BayesianOptimizationOracle"])
def test_known_values_come_first_and_survive_an_interruption(shown, tmp_path, base):
    names = {"kt": kt, "StopLost": shown.StopLost}
    exec(CELLS["known-first"].replace("RandomSearchOracle", base), names)
    whole, broken = (scored(names["KnownFirstSearch"], stop) for stop in (None, "1"))
    arguments = {"known": KNOWN, "max_trials": 7}
    expected = searched(whole, two_numbers, tmp_path, project_name="whole", **arguments)
    with pytest.raises(KeyboardInterrupt):
        searched(broken, two_numbers, tmp_path, **arguments)
    resumed = searched(whole, two_numbers, tmp_path, **arguments)
    assert expected[["a", "b"]].iloc[:2].to_dict("records") == KNOWN
    assert resumed[["a", "b"]].equals(expected[["a", "b"]])
    assert resumed["a"].nunique() == 7
    with pytest.raises(state.Mismatch, match="known"):
        tuner_of(whole, two_numbers, tmp_path, known=KNOWN[:1])


def test_what_is_fixed_keeps_its_value_and_the_rest_is_tuned_unless_told_otherwise(tmp_path):
    seven = defined(cells("07_tune_the_architecture"), "loop-two", "loop-dry-run")
    given = (seven.Declare, seven.scoped_loop)
    table = searched(*given, tmp_path / "tuned", hyperparameters=fixed(conv_layers=2))
    assert set(table["conv_layers"]) == {2}
    assert table["filters_1"].nunique() > 1 and "filters_3" not in table.dropna(axis=1)
    outside = searched(*given, tmp_path / "outside", hyperparameters=fixed(filters_1=16))
    assert outside["filters_1"].nunique() > 1  # fixed outside its scope: searched after all
    options = {"hyperparameters": fixed(conv_layers=2), "tune_new_entries": False, "max_trials": 3}
    assert set(searched(*given, tmp_path / "default", **options)["filters_1"]) == {8}
    with pytest.raises(state.Mismatch, match="space"):  # a narrowed space under the old name
        tuner_of(*given, tmp_path / "tuned", hyperparameters=fixed(conv_layers=3))


class MeanOfHeldOut(kt.HyperModel):
    """A hypermodel that trains nothing: its accuracy is the mean of the held-out images."""

    def build(self, hp):
        two_numbers(hp)
        return "no model"

    def fit(self, hp, model, x, y, validation_data, callbacks, **kwargs):
        self.seen.append((sorted(x), sorted(validation_data[0])))
        callbacks[0].used = True
        return {"val_accuracy": float(np.mean(validation_data[0]))}


def test_k_folds_hold_out_every_image_once_and_the_score_is_their_mean(shown, tmp_path):
    hypermodel = MeanOfHeldOut()
    hypermodel.seen = []
    options = {"max_trials": 2, "known": KNOWN, "check": False}
    tuner = tuner_of(shown.KFoldSearch, hypermodel, tmp_path, ACCURACY, **options)
    x = np.arange(10.0)
    callback = types.SimpleNamespace(used=False)
    tuner.search(x, x, folds=3, callbacks=[callback], verbose=0)
    assert not callback.used  # every fold used a copy
    assert len(hypermodel.seen) == 6 and hypermodel.seen[:3] == hypermodel.seen[3:]
    assert sorted(sum((part for _, part in hypermodel.seen[:3]), [])) == x.tolist()
    assert all(not set(train) & set(part) for train, part in hypermodel.seen)
    means = [np.mean(part) for _, part in hypermodel.seen[:3]]
    assert results.trials_table(tuner)["score"].tolist() == pytest.approx([np.mean(means)] * 2)
    assert results.history_table(tuner).groupby("trial").size().tolist() == [3, 3]
