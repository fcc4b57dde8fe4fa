"""What notebook 07 says about KerasTuner, tested with the notebook's own code on tiny data."""

import keras
import keras_tuner as kt
import numpy as np
import pandas as pd
import pytest
from lesson import ACCURACY, cells, defined, fixed, tiny_data, tuner_of

from helpers import results

CELLS = cells("07_tune_the_architecture")
DEFINE = ("loop-two", "loop-dry-run", "block", "blocks", "optimizer", "batches", "build", "class")


@pytest.fixture(scope="module")
def shown():
    """The names that the notebook's cells define, with nothing searched and nothing trained."""
    return defined(CELLS, *DEFINE, "late", "size-rates")


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


def test_the_image_model_fails_a_trial_whose_loss_is_nan_under_any_objective(shown, tmp_path):
    space = fixed(learning_rate=1e30, optimizer="sgd", conv_layers=1, augment=False)
    table = results.trials_table(trained(shown, tmp_path, max_trials=1, hyperparameters=space))
    assert "FailedTrialError" in results.failed(table)["message"][0]


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
