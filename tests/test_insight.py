"""What a table says: importance, the size of a space, ties. No test here trains a model."""

import math

import keras_tuner as kt
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


def test_importance_of_the_recorded_search_is_what_notebook_04_reads():
    table = results.trials_table(results.recorded())
    found = insight.importance(table, resamples=20)
    rows = found.table.set_index("hyperparameter")
    assert rows.index[0] == "L3_Dense_num" and rows["first"].iloc[0] > 0.6
    assert f"{rows['first'].iloc[0]:.0%}" in found.sentence and "L3_Dense_num" in found.sentence
    assert rows["first"].sum() == pytest.approx(1) and (rows["importance"] > 0).all()
    pd.testing.assert_frame_equal(found.table, insight.importance(table, resamples=20).table)
    better = (results.ranked(table).head(round(share * 50)) for share in (0.9, 0.5))
    worse = [insight.importance(rows, resamples=20) for rows in better]
    assert found.r2 > worse[0].r2 > 0 > worse[1].r2 and not worse[1].trusted
    assert worse[0].table["first"].max() < rows["first"].max()


def test_the_spread_of_an_importance_covers_what_other_trials_would_say():
    def other(seed):
        rng = np.random.default_rng(seed)
        a, b = rng.integers(0, 16, (2, 30))
        return searched(0.1 * (a + b) + rng.normal(0, 0.3, 30), a=a, b=b)

    found = [insight.importance(other(seed), resamples=8).table for seed in range(10)]
    found = pd.concat(found).set_index("hyperparameter").loc["a"]
    assert 0.8 < found["spread"].mean() / found["importance"].std() < 3
    assert 0.2 < found["first"].mean() < 0.8  # two equal causes: nobody is safely first


def test_importance_finds_what_the_score_was_made_of():
    found = insight.importance(mixed())
    share = found.table.set_index("hyperparameter")["importance"]
    assert list(share.index[:2]) == ["rate", "kind"] and set(share.index[2:]) == {"depth", "width"}
    assert share["rate"] > 0.5 and abs(share["width"]) < 0.1 and abs(share["depth"]) < 0.1
    assert found.r2 > 0.8 and found.trusted


def test_importance_of_noise_or_of_few_trials_is_flagged_and_of_nothing_refused():
    noise = insight.importance(mixed().assign(score=np.random.default_rng(1).normal(size=60)))
    few = insight.Importance(None, 0.99, insight.TRUSTED_TRIALS - 1)
    for found in (noise, few):
        assert not found.trusted and f"{found.r2:.2f}" in found.sentence
    flat, constant = mixed(10).assign(score=1.0), searched(range(10), constant=[1] * 10)
    for table in (mixed(4), flat, constant):
        with pytest.raises(ValueError):
            insight.importance(table)


def test_whether_a_hyperparameter_was_active_cannot_be_read_from_its_encoding():
    table = mixed().assign(flag=[True, False] * 30)
    active = table["depth"].notna()
    table["kind"] = table["kind"].where(active)
    encoded = insight.encode(table)
    assert list(encoded) == ["rate", "width", "kind", "depth", "flag"]  # not what never varies
    assert encoded["depth"][active].tolist() == table["depth"][active].tolist()
    for name in ("kind", "depth"):
        drawn = set(encoded[name][~active])
        assert drawn <= set(encoded[name][active]) and len(drawn) > 1
    table["depth"] = np.where(active, 3.0, math.nan)  # the same wherever it is active
    assert "depth" not in insight.encode(table)


def test_a_parent_and_its_children_keep_what_is_their_own():
    share = shares(layered(lambda layers, units: 1.0 * layers), resamples=20)
    # Shuffled values of a lone cause lose about twice the variance; 0.6 if the children tell.
    assert share["layers"] > 1.5 and abs(share[["u0", "u1", "u2"]]).max() < 0.05
    table = layered(lambda layers, units: np.where(layers == 2, units[1] / 32, 1.0))
    share = shares(table, resamples=20)
    assert share["u1"] > 0.4 and share["layers"] > 0.2
    assert abs(share[["u0", "u2"]]).max() < 0.1


def test_a_rare_hyperparameter_is_not_judged_and_an_infinite_score_is_left_out():
    table = layered(lambda layers, units: 1.0 * layers)
    table["rare"] = np.where(np.arange(len(table)) < 4, table["score"], math.nan)
    table.loc[5, "score"] = math.inf
    found = insight.importance(table, resamples=3)
    rows = found.table.set_index("hyperparameter")
    assert rows["active"].to_dict() == table.drop(index=5)[list(rows.index)].count().to_dict()
    assert rows.index[-1] == "rare" and rows["importance"].isna().sum() == 1
    assert found.trials == 59


SPACES = [
    (lambda hp: hp.Int("x", 1, 1000, step=10, sampling="log"), 4),
    (lambda hp: hp.Int("x", 1, 1000, sampling="log"), 1000),
    (lambda hp: (hp.Float("x", 1.0, 2.0, step=0.25), hp.Boolean("flag"), hp.Fixed("one", 1)), 10),
    (lambda hp: (hp.Choice("letter", ["a", "b", "c"]), hp.Float("x", 0.0, 1.0)), math.inf),
    (lambda hp: None, 1),
]


@pytest.mark.parametrize(("declare", "size"), SPACES)
def test_every_configuration_is_counted_once(declare, size):
    hp = kt.HyperParameters()
    declare(hp)
    assert insight.space_size(hp) == size


def test_the_size_of_a_space_is_that_of_a_full_grid_search(tmp_path):
    hp = kt.HyperParameters()
    hp.Int("layers", 1, 3)
    for i in range(3):
        with hp.conditional_scope("layers", list(range(i + 1, 4))):
            hp.Float(f"rate{i}", 0.0, 0.1, step=0.1)

    class Formula(kt.GridSearch):
        def run_trial(self, trial, **fit):
            return 0.0

    tuner = Formula(hyperparameters=hp, directory=tmp_path, project_name="grid")
    tuner.search(verbose=0)
    assert insight.space_size(hp) == insight.space_size(tuner) == len(tuner.oracle.trials) == 14


def test_trials_nearer_than_the_noise_are_not_told_apart():
    table = searched([0.30, 0.31, 0.50])
    rows = insight.told_apart(table, 0.02)
    assert rows["told_apart"].tolist() == [False, False, True] and not rows.attrs
    assert rows["difference"].tolist() == pytest.approx([0, 0.01, 0.2])
    assert not insight.told_apart(table, 0.02, runs=2)["told_apart"].any()
    upward = insight.told_apart(table, 0.02, direction="max")
    assert upward["trial"].tolist() == ["02", "01", "00"]
    assert upward["told_apart"].tolist() == [False, True, True]
    assert insight.told_apart(table.head(1), 0.02)["told_apart"].tolist() == [False]
    for noise, runs in ((-1, None), (math.nan, None), (0.1, 1)):
        with pytest.raises(ValueError, match="noise"):
            insight.told_apart(table, noise, runs=runs)


def test_the_luck_of_two_is_students_t_and_that_of_many_is_larger():
    assert insight.luck(0.02) == pytest.approx(1.959964 * math.sqrt(2) * 0.02, rel=1e-4)
    assert insight.luck(0.02, runs=3) == pytest.approx(4.302653 * math.sqrt(2) * 0.02, rel=1e-4)
    assert insight.luck(1, 10) == pytest.approx(4.474, abs=0.001)  # tables of the studentized range
    assert insight.luck(1, 50) == pytest.approx(5.646, abs=0.001)


@pytest.mark.parametrize(("models", "runs"), [(2, None), (10, None), (10, 3), (50, 33)])
def test_equal_models_are_told_apart_in_one_search_of_twenty(models, runs):
    rng = np.random.default_rng(1)
    ranges = np.ptp(rng.normal(size=(20_000, models)), axis=1)
    noise = 1 if runs is None else np.sqrt(rng.chisquare(runs - 1, 20_000) / (runs - 1))
    assert np.mean(ranges > noise * insight.luck(1, models, runs=runs)) == pytest.approx(
        0.05, abs=0.006
    )
    if (models, runs) == (10, None):  # the rule for two, applied to the best of ten, as 04 says
        assert np.mean(ranges > insight.luck(1)) == pytest.approx(0.63, abs=0.01)
