"""What a table says: importance, how many trials are enough, ties. No test here trains a model."""

import math

import numpy as np
import pandas as pd
import pytest

from helpers import insight, results


def searched(scores, **values):
    """A trials table straight from lists, as trials_table would return it."""
    known = {"trial": [f"{i:02d}" for i in range(len(scores))], "status": "COMPLETED"}
    return pd.DataFrame(known | {"score": scores} | values)


def mixed(trials=60):
    """The score depends on rate and kind, and not on width nor on depth, which half has."""
    rng = np.random.default_rng(0)
    rate, width = 10.0 ** rng.uniform(-4, -1, trials), rng.integers(4, 64, trials)
    kind = rng.choice(["adam", "sgd"], trials)
    depth = np.where(rng.random(trials) < 0.5, rng.integers(1, 5, trials), math.nan)
    score = (np.log10(rate) + 2.5) ** 2 + 0.3 * (kind == "sgd")
    return searched(score, rate=rate, width=width, kind=kind, depth=depth, constant=3)


def layered(score, trials=60):
    """One to three layers, each with its own units; the score is a function of (layers, units)."""
    rng = np.random.default_rng(0)
    layers = rng.integers(1, 4, trials)
    units = [np.where(layers > i, 8.0 * rng.integers(1, 9, trials), math.nan) for i in range(3)]
    noise = 0.01 * rng.normal(size=trials)
    values = {"layers": layers} | {f"u{i}": units[i] for i in range(3)}
    return searched(score(layers, units) + noise, **values)


def shares(table, **options):
    return insight.importance(table, **options).table.set_index("hyperparameter")["importance"]


# ---------------------------------------------------------------- importance


def test_importance_of_the_recorded_search_is_what_notebook_04_reads():
    table = results.trials_table(results.recorded())
    share = shares(table)
    assert share.index[0] == "L3_Dense_num" and share.iloc[0] > 0.8
    assert (share.iloc[1:] < 0.3).all() and (share > 0).all()
    pd.testing.assert_series_equal(share, shares(table))  # the same seed, the same numbers


def test_importance_finds_what_the_score_was_made_of():
    found = insight.importance(mixed())
    share = found.table.set_index("hyperparameter")["importance"]
    assert list(share.index[:2]) == ["rate", "kind"] and set(share.index[2:]) == {"depth", "width"}
    assert share["rate"] > 0.5 and abs(share["width"]) < 0.1 and abs(share["depth"]) < 0.1
    assert found.r2 > 0.8 and found.trusted and "not" not in found.sentence.lower()


def test_importance_of_noise_or_of_few_trials_is_flagged():
    noise = insight.importance(mixed().assign(score=np.random.default_rng(1).normal(size=60)))
    assert noise.r2 <= insight.TRUSTED_R2 and f"{noise.r2:.2f}" in noise.sentence
    few = insight.Importance(None, 0.99, insight.TRUSTED_TRIALS - 1)
    for found in (noise, few):
        assert not found.trusted and "not" in found.sentence


@pytest.mark.parametrize(
    "table", [mixed(4), mixed(10).assign(score=1.0), searched(range(10), constant=[1] * 10)]
)
def test_importance_refuses_what_it_cannot_explain(table):
    with pytest.raises(ValueError):
        insight.importance(table)


def test_encoding_splits_choices_and_leaves_out_what_never_varies():
    encoded = insight.encode(mixed().assign(flag=[True, False] * 30))
    columns = {name: values.shape[1] for name, values in encoded.items()}
    assert columns == {"rate": 1, "width": 1, "kind": 2, "depth": 1, "flag": 1}


def test_whether_a_hyperparameter_was_active_cannot_be_read_from_its_encoding():
    table = mixed()
    active = table["depth"].notna().to_numpy()
    depth = insight.encode(table)["depth"][:, 0]
    assert depth[active].tolist() == table["depth"][active].tolist()
    assert set(depth[~active]) <= set(depth[active]) and len(set(depth[~active])) > 1
    table["kind"] = table["kind"].where(active)
    assert (insight.encode(table)["kind"].sum(axis=1) == 1).all()
    table["depth"] = np.where(active, 3.0, math.nan)  # the same wherever it is active
    assert "depth" not in insight.encode(table)


def test_a_parent_and_its_children_keep_what_is_their_own():
    share = shares(layered(lambda layers, units: 1.0 * layers), repeats=5)
    # Shuffled values of a lone cause lose about twice the variance; 0.6 if the children tell.
    assert share["layers"] > 1.5 and abs(share[["u0", "u1", "u2"]]).max() < 0.05
    table = layered(lambda layers, units: np.where(layers == 2, units[1] / 32, 1.0))
    share = shares(table, repeats=5)
    assert share["u1"] > 0.4 and share["layers"] > 0.2
    assert abs(share[["u0", "u2"]]).max() < 0.1


def test_a_rare_hyperparameter_is_not_judged_and_an_infinite_score_is_left_out():
    table = layered(lambda layers, units: 1.0 * layers)
    table["rare"] = np.where(np.arange(len(table)) < 4, table["score"], math.nan)
    table.loc[5, "score"] = math.inf
    found = insight.importance(table, repeats=2)
    rows = found.table.set_index("hyperparameter")
    assert rows["active"].to_dict() == table.drop(index=5)[list(rows.index)].count().to_dict()
    assert rows.index[-1] == "rare" and rows["importance"].isna().sum() == 1
    assert found.trials == 59


# ---------------------------------------------------------------- how many trials


def test_the_probability_of_a_top_trial_is_that_of_independent_draws():
    assert insight.top_fraction_probability(1, 0.05) == pytest.approx(0.05)
    assert insight.top_fraction_probability(59, 0.05) == pytest.approx(0.9515, abs=1e-4)
    assert insight.trials_needed(0.95, 0.05) == 59
    with pytest.raises(ValueError, match="fraction"):
        insight.top_fraction_probability(10, 5)


def test_shuffled_trials_meet_a_top_trial_as_often_as_counting_says():
    table = searched(np.arange(20.0))
    curve = insight.top_fraction_curve(table, 0.1, draws=4000)
    exact = [1 - math.comb(18, n) / math.comb(20, n) for n in range(1, 21)]
    assert curve["resampled"].tolist() == pytest.approx(exact, abs=0.03)
    assert curve["theory"][4] == pytest.approx(1 - 0.9**5)
    assert curve["best"].iloc[-1] == 0 and curve["low"].iloc[0] < curve["high"].iloc[0]
    upward = insight.top_fraction_curve(table, 0.1, direction="max", draws=100)
    assert upward["best"].iloc[-1] == 19 and (upward["low"] <= upward["high"]).all()


# ---------------------------------------------------------------- size of a space


def item(kind, name, conditions=(), **config):
    """A hyperparameter definition as trial.json holds it."""
    parents = [
        {"class_name": "Parent", "config": {"name": parent, "values": values}}
        for parent, values in conditions
    ]
    return {"class_name": kind, "config": {"name": name, "conditions": parents, **config}}


def number(kind, name, low, high, step, sampling="linear", conditions=()):
    limits = {"min_value": low, "max_value": high, "step": step, "sampling": sampling}
    return item(kind, name, conditions, **limits)


LETTERS = item("Choice", "letter", values=["a", "b", "c"])


@pytest.mark.parametrize(
    ("space", "size"),
    [
        ([number("Int", "x", 1, 1000, 10, "log")], 4),
        ([number("Int", "x", 1, 1000, None, "log")], 1000),
        ([number("Float", "x", 1.0, 2.0, 0.25)], 5),
        ([LETTERS, item("Boolean", "b"), item("Fixed", "x", value=1)], 6),
        ([number("Float", "x", 0.0, 1.0, None), LETTERS], math.inf),
        ([], 1),
        (
            [
                number("Int", "layers", 1, 3, 1),
                number("Int", "u0", 4, 8, 4, conditions=[("layers", [1, 2, 3])]),
                number("Int", "u1", 4, 8, 4, conditions=[("layers", [2, 3])]),
                number("Int", "u2", 4, 8, 4, conditions=[("layers", [3])]),
            ],
            2 + 4 + 8,
        ),
    ],
)
def test_every_configuration_is_counted_once(space, size):
    assert insight.space_size(space) == size


def test_the_size_of_a_space_is_that_of_a_full_grid_search(tmp_path):
    import keras_tuner as kt

    hp = kt.HyperParameters()
    for name in ("first", "second"):
        if hp.Boolean(name):
            with hp.conditional_scope(name, [True]):
                hp.Float(f"{name}_rate", 0.0, 0.3, step=0.1)
    hp.values |= {"first": True, "second": True}

    class Formula(kt.GridSearch):
        def run_trial(self, trial, **fit):
            return 0.0

    tuner = Formula(hyperparameters=hp, directory=tmp_path, project_name="grid")
    tuner.search(verbose=0)
    assert insight.space_size(hp) == insight.space_size(tuner) == len(tuner.oracle.trials)
    space = results.space(results.recorded())
    assert insight.space_size(space) == insight.space_size(space) == 12_150


# ---------------------------------------------------------------- ties and fronts


def test_trials_nearer_than_the_noise_are_not_told_apart():
    table = searched([0.30, 0.31, 0.50])
    rows = insight.told_apart(table, 0.02)
    assert rows["told_apart"].tolist() == [False, False, True]
    assert rows.attrs["limit"] == pytest.approx(1.959964 * math.sqrt(2) * 0.02, rel=1e-6)
    wider = insight.told_apart(table, 0.02, runs=3)
    assert wider.attrs["limit"] == pytest.approx(4.302653 * math.sqrt(2) * 0.02, rel=1e-6)
    upward = insight.told_apart(table, 0.02, direction="max")
    assert upward["trial"].tolist() == ["02", "01", "00"]
    assert upward["told_apart"].tolist() == [False, True, True]


@pytest.mark.parametrize(("noise", "runs"), [(-1, None), (math.nan, None), (0.1, 1)])
def test_a_noise_that_is_no_standard_deviation_is_refused(noise, runs):
    with pytest.raises(ValueError, match="noise"):
        insight.told_apart(searched([0.3, 0.4]), noise, runs=runs)


def test_the_pareto_front_leaves_out_what_has_no_score_or_no_cost():
    table = searched([0.7, 0.6, 0.9, math.nan, 0.8], loss=[1, 2, 3, 4, 5])
    table["parameters"] = [100, 200, math.nan, 50, 300]
    table.loc[3, "status"] = "FAILED"
    front = insight.pareto(table, direction="max")
    assert front["trial"].tolist() == ["00", "01", "04"]
    assert front["pareto"].tolist() == [True, False, True]
    assert front["loss"].tolist() == [1, 2, 5]
    with pytest.raises(KeyError, match="megabytes"):
        insight.pareto(table, "megabytes")
