"""What notebook 07 says about KerasTuner, tested with the notebook's own code on tiny data."""

import pathlib
import tempfile
import types

import keras
import keras_tuner as kt
import nbformat
import numpy as np
import pandas as pd
import pytest

from helpers import results, search, state

NOTEBOOK = pathlib.Path(__file__).parents[1] / "notebooks" / "07_tune_the_architecture.ipynb"
CELLS = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
DEFINE = ("loop-two", "loop-dry-run", "block", "blocks", "optimizer", "batches", "build", "class")
DEFINE += (
    "rare",
    "rare-recalls",
    "rare-class",
    "wrong-class",
    "wrong-search",
    "known-oracle",
    "known-tuner",
    "folds-class",
)
LOSS, ACCURACY = kt.Objective("val_loss", "min"), kt.Objective("val_accuracy", "max")
KNOWN = [{"a": 0.5, "b": 2}, {"a": 0.25, "b": 5}]


def tiny_data():
    """Thirty training and twelve validation images of 8 x 8 pixels in three classes."""
    rng = np.random.default_rng(0)
    labels = np.eye(3, dtype="float32")
    return types.SimpleNamespace(
        image_shape=(8, 8, 1),
        num_classes=3,
        class_names=("a", "b", "c"),
        x_train=rng.integers(0, 256, (30, 8, 8, 1), dtype="uint8"),
        y_train=labels[np.arange(30) % 3],
        x_val=rng.integers(0, 256, (12, 8, 8, 1), dtype="uint8"),
        y_val=labels[np.arange(12) % 3],
    )


@pytest.fixture(scope="module")
def shown():
    """The names that the notebook's cells define, with nothing searched and nothing trained."""
    names = {"keras": keras, "kt": kt, "layers": keras.layers, "np": np, "results": results}
    names |= {"search": search, "data": tiny_data(), "batch_size": 16, "seed": 1}
    names |= {"tempfile": tempfile}
    for cell in DEFINE:
        exec(CELLS[cell], names)
    for cell in ("rare-weights", "size-rates"):
        exec(CELLS[cell].split("\nfor ")[0], names)
    exec(CELLS["late"].split("\ndry_run")[0], names)
    return types.SimpleNamespace(**names)


def tuner_of(tuner_class, hypermodel, folder, objective=LOSS, **arguments):
    """A careful tuner in a temporary folder."""
    arguments = {"max_trials": 8, "seed": 1, "project_name": "p"} | arguments
    arguments |= {"objective": objective, "directory": str(folder), "progress": False}
    return search.careful(tuner_class)(hypermodel, **arguments)


def searched(*args, **kwargs):
    """The trials of such a tuner after a search that trains nothing."""
    tuner = tuner_of(*args, **kwargs)
    tuner.search(verbose=0)
    return results.trials_table(tuner)


def trained(shown, folder, *callbacks, **arguments):
    """A tuner that has searched over the image model on the tiny data."""
    tuner = tuner_of(kt.RandomSearch, shown.ImageModel(), folder, ACCURACY, **arguments)
    data = tiny_data()
    arguments = {"validation_data": (data.x_val, data.y_val), "callbacks": list(callbacks)}
    tuner.search(data.x_train, data.y_train, **arguments, epochs=3, verbose=0)
    return tuner


def known_names(tuner):
    """The hyperparameters that KerasTuner knows."""
    return [hp.name for hp in tuner.oracle.get_space().space]


def fixed(**values):
    """A space in which these names have one value each."""
    space = kt.HyperParameters()
    for name, value in values.items():
        space.Fixed(name, value)
    return space


def in_use(row):
    """The filters that a trial's model has, phantoms left out."""
    return tuple(row[f"filters_{i}"] for i in range(1, int(row["conv_layers"]) + 1))


# How many layers


@pytest.mark.parametrize("seed", range(1, 4))
def test_in_a_plain_loop_a_new_layer_starts_with_its_default(shown, tmp_path, seed):
    tuner = tuner_of(shown.Declare, shown.plain_loop, tmp_path, seed=seed, max_trials=12)
    assert known_names(tuner) == ["conv_layers", "filters_1"]
    tuner.search(verbose=0)
    table = results.trials_table(tuner)
    assert [table[name].dropna().iloc[0] for name in ("filters_2", "filters_3")] == [8, 8]
    assert ((table["conv_layers"] == 1) & (table["filters_2"] > 0)).any()  # a phantom
    if seed == 1:
        assert {in_use(table.iloc[i]) for i in (1, 3, 5)} == {(8,)}


@pytest.mark.parametrize("seed", range(1, 4))
def test_with_scopes_all_names_are_known_and_no_model_comes_twice(shown, tmp_path, seed):
    tuner = tuner_of(shown.Declare, shown.scoped_loop, tmp_path, seed=seed, max_trials=12)
    assert known_names(tuner) == ["conv_layers", "filters_1", "filters_2", "filters_3"]
    tuner.search(verbose=0)
    table = results.trials_table(tuner)
    assert len({in_use(row) for _, row in table.iterrows()}) == len(table) == 12
    active = table[["filters_1", "filters_2", "filters_3"]].notna().sum(axis=1)
    assert active.tolist() == table["conv_layers"].tolist()


def test_the_image_model_declares_everything_before_the_first_trial(shown, tmp_path):
    tuner = tuner_of(kt.RandomSearch, shown.ImageModel(), tmp_path, max_trials=1)
    names = known_names(tuner)
    assert {"batch_size", "augment", "filters_2", "filters_3", "learning_rate"} <= set(names)
    assert len(names) == len(set(names)) == 13
    scoped = {hp.name for hp in tuner.oracle.get_space().space if hp.conditions}
    assert scoped == {"filters_1", "filters_2", "filters_3"}
    hp = kt.HyperParameters()
    hp.values = {"conv_layers": 2}
    kinds = [type(layer).__name__ for layer in shown.build_model(hp).layers]
    assert kinds.count("Conv2D") == 2


# Training choices


def test_what_only_fit_asks_for_has_its_default_in_the_first_trial(shown, tmp_path):
    tuner = tuner_of(kt.RandomSearch, shown.Late(), tmp_path)
    assert known_names(tuner) == ["units"]
    tuner.search(verbose=0)
    sizes = results.trials_table(tuner)["batch_size"]
    assert sizes[0] == 16 and sizes.nunique() > 1


def test_augmentation_changes_images_and_no_label(shown):
    x, y = tiny_data().x_train, tiny_data().y_train
    for augment in (False, True):
        made = list(shown.batches(x, y, 16, augment))
        images, labels = (np.concatenate([np.asarray(one[i]) for one in made]) for i in (0, 1))
        assert len(images) == len(x)
        same = sorted(images.sum(axis=(1, 2, 3))) == sorted(x.astype(float).sum(axis=(1, 2, 3)))
        assert same is not augment
        assert labels.sum(axis=0).tolist() == y.sum(axis=0).tolist()


def test_an_augmented_trial_is_repeatable_and_keeps_weights_and_callbacks(shown, tmp_path):
    stopper = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, min_delta=1000)
    first, again = (
        trained(shown, tmp_path / name, stopper, max_trials=1, hyperparameters=fixed(augment=True))
        for name in ("first", "again")
    )
    history = results.history_table(first)
    assert len(history) == 2  # stopped in the second of three epochs
    assert stopper.stopped_epoch == 0  # by a copy of this object
    pd.testing.assert_frame_equal(history, results.history_table(again), check_exact=True)
    assert first.get_best_models()


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


def test_the_image_model_fails_a_trial_whose_loss_is_nan_under_any_objective(shown, tmp_path):
    space = fixed(learning_rate=1e30, optimizer="sgd", conv_layers=1, augment=False)
    table = results.trials_table(trained(shown, tmp_path, max_trials=1, hyperparameters=space))
    assert "FailedTrialError" in results.failed(table)["message"][0]


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
def test_known_values_come_first_and_survive_an_interruption(tmp_path, base):
    names = {"kt": kt}
    exec(CELLS["known-oracle"].replace("RandomSearchOracle", base), names)
    exec(CELLS["known-tuner"], names)
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


def test_what_is_fixed_keeps_its_value_and_the_rest_is_tuned_unless_told_otherwise(shown, tmp_path):
    given = (shown.Declare, shown.scoped_loop)
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


# Accuracy against size


def front_of(scores, parameters):
    """What the notebook's cell marks among trials of these scores and sizes."""
    ids = [str(i) for i in range(len(scores))]
    made = {"trial": ids, "status": "COMPLETED", "score": scores, "parameters": parameters}
    names = {"results": results, "table": pd.DataFrame(made)}
    exec(CELLS["size-front"], names)
    return names["marked"]


def test_a_trial_in_a_dent_of_the_front_wins_at_no_rate(shown):
    front = front_of([0.70, 0.71, 0.80], [100, 200, 400])
    assert front["pareto"].all()
    rates = np.linspace(0, 1, 1001)
    won = {shown.cost(front["score"], front["parameters"], rate).idxmin() for rate in rates}
    assert won == {0, 2}


def test_the_pareto_front_is_what_no_trial_beats_in_both():
    found = front_of([0.7, 0.8, 0.6, 0.8, 0.9, 0.7], [100, 200, 150, 300, 400, 100])
    assert found["parameters"].is_monotonic_increasing
    assert sorted(found.loc[found["pareto"], "trial"]) == ["0", "1", "4", "5"]


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1])
def test_the_winner_of_the_weighted_cost_lies_on_the_front(shown, rate):
    assert shown.cost(0.8, 40_000, rate) == pytest.approx(shown.cost(0.8 - rate, 20_000, rate))
    rng = np.random.default_rng(3)
    for _ in range(50):
        front = front_of(rng.random(8).round(1), rng.integers(10, 1000, 8))
        costs = shown.cost(front["score"], front["parameters"], rate)
        assert front.loc[costs.idxmin(), "pareto"]
