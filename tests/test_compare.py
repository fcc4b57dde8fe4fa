"""Notebook 06: its functions, the record that it reads, and what it says of it."""

import itertools
import json
import math
import pathlib
import tempfile

import keras
import keras_tuner as kt
import matplotlib

matplotlib.use("Agg")

import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from helpers import evaluate, models, plots, results, search
from tools import record_tuners

NOTEBOOK = pathlib.Path(__file__).parents[1] / "notebooks" / "06_compare_tuners.ipynb"
CELLS = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
SEEDS = record_tuners.SETTINGS["seeds"]


def run(*cells, **given):
    """Execute some cells of the notebook; returns their names, and the figures in ``shown``."""
    names = {"kt": kt, "np": np, "pd": pd, "stats": stats, "optimize": optimize, "seed": 2}
    names |= {"tempfile": tempfile, "plots": plots, "results": results, "search": search}
    names |= {"shown": [], "print": lambda *parts: names["shown"].append(parts)} | given
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "show", lambda figure, alt: names["shown"].append(figure))
        for cell in cells:
            exec(CELLS[cell], names)
    return names


@pytest.fixture(scope="module")
def record():
    """What the cells that judge the record leave behind."""
    return run("record-read", "record-own", "judge-scores", "judge-luck", "judge-ranks", "gains")


# The functions of the notebook


def test_the_picture_of_bayesian_optimization_is_keras_tuners_and_can_be_made_twice():
    names = run("ways-dry", line=np.linspace(0, 1, 201), seed=4_000_000)
    for _ in range(2):
        names = run("bayes-run", "bayes-plot", **names)
        lowest = names["line"][names["low"].argmin()]
        assert names["chosen"] == pytest.approx(lowest, abs=0.02)


def test_a_curve_by_epochs_counts_failed_trials_and_keeps_the_best():
    table = pd.DataFrame({"epochs": [2, math.nan, 3, 1], "score": [0.5, math.nan, 0.7, 0.4]})
    curve = run("race-best")["best_by_epochs"](table)
    assert list(curve.items()) == [(2, 0.5), (2, 0.5), (5, 0.5), (6, 0.4)]


def test_gains_are_paired_positive_where_better_and_share_the_level():
    noise = np.random.default_rng(1).normal(0, 0.001, size=(5, 4))
    scores = pd.DataFrame(noise + [0.5, 0.4, 0.6, 0.5], columns=["base", "good", "bad", "same"])
    gains = run("gains", own=scores.rename(columns={"base": "RandomSearch"}))["gains"]
    table = gains(scores, "base")
    assert table["verdict"].tolist() == ["better", "worse", "not told apart"]
    alone = evaluate.paired_difference(scores["base"], scores["good"], 1 - 0.05 / 3)
    expected = [alone.mean, alone.low, alone.high]
    assert table.loc["good", ["gain", "low", "high"]].tolist() == pytest.approx(expected, abs=6e-4)


def test_the_critical_difference_is_demsars():
    losses = pd.DataFrame([[1, 2, 3, 4, 5.0]] * 5, columns=list("abcde"))
    found = run("judge-ranks", judged=losses)
    assert found["critical"] == pytest.approx(2.728, abs=1e-3)  # Demsar (2006), table 5: k = 5
    assert list(found["behind"]) == ["d", "e"]


def test_friedmans_shuffled_probability_is_that_of_all_orders():
    scores = np.random.default_rng(3).normal(size=(3, 4))
    judged = pd.DataFrame(scores, columns=["a", "b", "c", "GridSearch"])
    line = run("judge-any", judged=judged)["shown"][1][0]
    ranks = stats.rankdata(scores[:, :3], axis=1)
    every = [  # all 6 x 6 orders of the second and third seed against the first
        np.var(ranks[0] + ranks[1][list(a)] + ranks[2][list(b)]).round(9)
        for a, b in itertools.product(itertools.permutations(range(3)), repeat=2)
    ]
    exact = np.mean(np.array(every) >= np.var(ranks.sum(axis=0)).round(9))
    assert f"{exact:.4f} by shuffling" in line


def test_the_detectable_gain_is_found_in_80_percent(record):
    detectable = run("judge-power", **record)["detectable"]
    rng = np.random.default_rng(1)
    for n in (5, 10):
        gains = rng.normal(detectable(0.02, n), 0.02, size=(20_000, n))
        found = stats.ttest_1samp(gains, 0, axis=1).pvalue < 0.05 / 4
        assert found.mean() == pytest.approx(0.8, abs=0.01)


# The record


def test_the_record_is_whole_and_has_one_budget(record):
    trials, epochs, judged = record["trials"], record["epochs"], record["judgments"]
    settings = json.loads((results.RECORDED_TUNERS / "settings.json").read_text())
    assert settings == record_tuners.SETTINGS
    assert (trials["status"] == "COMPLETED").all()
    runs = trials.groupby(["search", "seed"])
    assert set(runs.groups) == set(itertools.product(record_tuners.NAMES, SEEDS))
    assert (runs["epochs"].sum() == 120).all()
    for (name, _), size in runs.size().items():
        assert size == (30 if name == "Hyperband" else 12)
    lowest = epochs.groupby(["search", "seed", "trial"])["val_loss"].min()
    scores = trials.set_index(["search", "seed", "trial"])["score"]
    assert np.allclose(lowest.loc[scores.index], scores, atol=1e-5)
    assert (judged.groupby(["search", "seed"])["training"].nunique() == 5).all()
    assert (judged["images"] == 8000).all() and len(judged) == 125


def test_seeds_share_no_more_configurations_than_chance(record):
    names = list(record_tuners.GRID)
    trials = record["trials"]
    random = {
        "RandomSearch": trials,
        "Hyperband": trials[trials["tuner/round"] == 0],
        "BayesianOptimization": trials[trials["trial"].isin(["00", "01", "02", "03", "04"])],
    }
    for name, part in random.items():
        part = part[part["search"] == name]
        equal = part.merge(part, on=names).query("seed_x < seed_y")
        sizes = part.groupby("seed").size()
        pairs = (sizes.sum() ** 2 - (sizes**2).sum()) // 2
        assert len(equal) <= stats.binom.ppf(0.999, pairs, 1 / 12_150), name


@pytest.mark.parametrize("seed", SEEDS)
def test_the_judges_images_are_met_by_no_search_of_the_seed(seed):
    images = record_tuners.load(seed)
    x, y = record_tuners.held_out(images)
    used = {image.tobytes() for image in (*images.x_train, *images.x_val)}
    assert len(x) == len(y) == 8000 and len(images.x_train) == len(images.x_val) == 1000
    assert not any(image.tobytes() in used for image in x)


def test_what_notebook_06_says_of_the_record_holds(record):
    trials, own, judged = record["trials"], record["own"], record["judged"]
    # GridSearch as it comes is far behind, Hyperband starts high and falls with its promotions.
    rest = [name for name in own if name != "GridSearch"]
    assert (own["GridSearch"] > own[rest].max(axis=1) + 0.1).all()
    assert (judged.rank(axis=1)["GridSearch"] == 5).all()
    curve = run("race-best")["best_by_epochs"]
    for seed in own.index:
        at = {name: curve(part) for name, part in trials[trials["seed"] == seed].groupby("search")}
        assert at["Hyperband"].loc[:24].min() > at["RandomSearch"].loc[:20].min()
        assert at["Hyperband"].loc[:40].min() < at["Hyperband"].loc[:24].min() - 0.1
    # The two that draw the same first trials get the same scores.
    scores = trials.pivot(index="seed", columns=["search", "trial"], values="score")
    random, bayes = scores["RandomSearch"], scores["BayesianOptimization"]
    assert (random.iloc[:, :5] == bayes.iloc[:, :5]).all(axis=None)
    assert (random.iloc[:, 5] != bayes.iloc[:, 5]).all()
    # One search that is last under every seed is enough for a small number.
    assert stats.friedmanchisquare(*judged.T.to_numpy()).pvalue < 0.05
    # Ten seeds find half the gain that five find, and to halve it again takes about 30.
    find = run("judge-power", **record)["detectable"]
    assert 4 * find(1, 30) == pytest.approx(2 * find(1, 10), rel=0.1)
    assert 2 * find(1, 10) == pytest.approx(find(1, 5), rel=0.1)
    # Hyperband looks at 22 configurations in 30 trials.
    hyperband = trials[trials["search"] == "Hyperband"].groupby("seed")[[*record_tuners.GRID]]
    assert hyperband.apply(lambda one: len(one.drop_duplicates())).max() == 22
    # The Gaussian process takes seconds, the others milliseconds; the cut-off grid is the cheapest.
    thought = trials.groupby("search")["proposal_seconds"]
    assert thought.max().idxmax() == "BayesianOptimization" and thought.max().max() > 1
    assert thought.median().drop("BayesianOptimization").max() < 0.1
    assert trials.groupby("search")["cpu_seconds"].sum().idxmin() == "GridSearch"


# The recorder


def tiny(image_shape=(28, 28, 1), num_classes=10):
    """A hypermodel that trains in no time."""

    def build(hp):
        hidden = keras.layers.Dense(hp.Int("units", 2, 8), activation="relu")
        head = keras.layers.Dense(num_classes, activation="softmax")
        model = keras.Sequential([keras.Input(image_shape), keras.layers.Flatten(), hidden, head])
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        return model

    return build


def test_the_recorder_runs_resumes_judges_and_ships(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_OUTPUT", str(tmp_path))
    monkeypatch.setattr(models, "hypermodel", tiny)
    monkeypatch.setattr(record_tuners, "GRID", {"units": (2, 8, 3)})
    small = {"images": 100, "max_epochs": 3, "max_trials": 2, "num_initial_points": 1}
    small = record_tuners.SETTINGS | small | {"seeds": [1, 2], "judge_trainings": 2}
    record_tuners.run("log", [1], small)
    before = results.trials_table(tmp_path / "log" / "tuners_0_1")
    record_tuners.run("log", [1], small)
    assert results.trials_table(tmp_path / "log" / "tuners_0_1").equals(before)
    shipped = tmp_path / "shipped"
    record_tuners.ship("log", shipped, small)
    assert not shipped.exists()  # a record of more seeds is not replaced by less
    record_tuners.ship("log", shipped, small, partly=True)
    trials, judged = (pd.read_csv(shipped / f"{name}.csv") for name in ("trials", "judged"))
    assert trials["search"].nunique() == 5 and trials["proposal_seconds"].notna().all()
    kept = trials[trials["search"] == "RandomSearch"]
    assert kept["score"].tolist() == before["score"].tolist()
    assert len(judged) == 10 and judged["accuracy"].between(0, 1).all()
    assert (judged.groupby("search")["loss"].nunique() == 2).all()  # two trainings, two seeds
    settings = json.loads((shipped / "settings.json").read_text())
    assert settings["seeds"] == [1] and settings["images"] == 100
