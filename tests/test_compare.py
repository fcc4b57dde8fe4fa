"""Several searches compared: budgets in epochs, ranks, paired differences, figures, the record."""

import json

import keras
import keras_tuner as kt
import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
import pytest

from helpers import evaluate, models, plots, results, search
from tools import record_tuners

SCORES = {
    "a": [0.30, 0.32, 0.31, 0.30],
    "b": [0.40, 0.41, 0.39, 0.42],
    "c": [0.5, 0.55, 0.52, 0.51],
}


def trials(scores, epochs, status=None):
    """A trials table with these scores and epochs."""
    return pd.DataFrame(
        {
            "trial": [f"{index:02d}" for index in range(len(scores))],
            "status": status or ["COMPLETED"] * len(scores),
            "score": scores,
            "best_epoch": 1.0,
            "units": range(len(scores)),
            "epochs": epochs,
            "seconds": 2.0,
            "message": "",
        }
    )


def dry(tuner_class, folder, **options):
    """A search of this class that scores by a formula; finished."""

    class Dry(tuner_class):
        def run_trial(self, trial, *args, **kwargs):
            values = trial.hyperparameters.values
            epochs = values.get("tuner/epochs", 3) - values.get("tuner/initial_epoch", 0)
            history = keras.callbacks.History()
            history.history = {"val_loss": [values["x"] ** 2 + 0.1] * epochs}
            return history

    space = kt.HyperParameters()
    space.Float("x", -1.0, 1.0)
    tuner = search.careful(Dry)(
        objective=kt.Objective("val_loss", "min"),
        seed=1,
        hyperparameters=space,
        directory=str(folder),
        project_name=tuner_class.__name__,
        **options,
    )
    tuner.search(verbose=0)
    return tuner


# ---------------------------------------------------------------- results


def test_the_costs_of_a_real_search_are_recorded(tmp_path):
    tuner = dry(kt.BayesianOptimization, tmp_path, max_trials=4, num_initial_points=2)
    costs = results.costs(tuner)
    assert costs["trial"].tolist() == ["0", "1", "2", "3"]
    assert (costs[list(results.COSTS)] >= 0).all(axis=None)
    # A proposal of the Gaussian process takes longer than a random one, by orders of magnitude.
    assert costs["proposal_seconds"][2:].min() > costs["proposal_seconds"][:2].max()


def test_tuners_and_projects_on_disk_are_compared(tmp_path):
    tuner = dry(kt.RandomSearch, tmp_path, max_trials=4)
    project = dry(kt.Hyperband, tmp_path, max_epochs=4, factor=3).project_dir
    table = results.compare({"random": tuner, "hyperband": project}).set_index("search")
    assert table["epochs"].to_dict() == {"random": 12, "hyperband": 26}
    assert results.hyperparameters(results.trials_table(project)) == ["x"]


# ---------------------------------------------------------------- figures


def test_curves_by_epochs_have_an_axes_a_search_and_say_who_ends_best():
    curves = {
        name: [results.best_by_epochs(trials([s + shift, s], [2, 2])) for shift in (0.1, 0.2)]
        for name, s in {"one": 0.5, "two": 0.3, "three": 0.4}.items()
    }
    figure = plots.by_epochs(curves)
    assert figure.get_suptitle().startswith("two ends with the best mean, 0.300")
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "one: 0.500",
        "two: 0.300",
        "three: 0.400",
    ]
    assert figure.axes[0].get_xlabel() == "training epochs spent"
    tie = plots.by_epochs({"one": curves["two"], "two": curves["two"]})
    assert tie.get_suptitle().startswith("one and two end with the best mean")


def test_the_picture_of_ranks_says_who_is_behind_only_if_intervals_part():
    clear = plots.ranks(evaluate.mean_ranks(SCORES))
    assert clear.get_title(loc="left") == "a has the best mean rank; only b and c clearly behind"
    mixed = plots.ranks(evaluate.mean_ranks({"a": [1, 2, 1], "b": [2, 1, 2]}))
    assert mixed.get_title(loc="left") == "a has the best mean rank; no clear order"


def test_the_coverage_counts_different_values_of_what_matters():
    grid = np.array([(x, y) for x in (0, 0.5, 1) for y in (0, 0.5, 1)])
    spread = np.random.default_rng(1).random((9, 2))
    figure = plots.coverage({"grid": grid, "random": spread}, lambda x: x)
    assert figure.get_suptitle().endswith("grid: 3 of 9, random: 9 of 9")
    assert len(figure.axes) == 4


def test_a_bracket_shows_its_promotions(tmp_path):
    tuner = dry(kt.Hyperband, tmp_path, max_epochs=9, factor=3)
    table, history = results.trials_table(tuner), results.history_table(tuner)
    ax = plots.bracket(table, history)
    rows = table[table["tuner/bracket"] == 2]
    sizes = rows.groupby("tuner/round").size().tolist()
    assert sizes == [9, 3, 1]
    assert ax.get_title(loc="left") == "9 configurations start, 1 get all 9 epochs"
    lines = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(lines) == sum(sizes)
    assert len({line.get_color() for line in lines}) == 3
    with pytest.raises(ValueError, match="no Hyperband search"):
        plots.bracket(trials([0.1], [1]), history)


def test_the_proposal_of_the_picture_is_keras_tuners(tmp_path):
    tuner = dry(kt.BayesianOptimization, tmp_path, max_trials=6, num_initial_points=3)
    chosen = results.trials_table(tuner)["x"].iloc[-1]
    line = np.linspace(0, 1, 401)  # the process sees values between 0 and 1
    mean, deviation = tuner.oracle.gpr.predict(line[:, None], return_std=True)
    lowest = 2 * line[np.argmin(mean - tuner.oracle.beta * deviation)] - 1
    assert chosen == pytest.approx(lowest, abs=0.02)
    ax = plots.proposal(line, mean, deviation, ([0.5], [0.2]), 0.25)
    assert ax.get_title(loc="left").endswith("0.25")


# ---------------------------------------------------------------- the recorded comparison


@pytest.fixture(scope="module")
def record():
    return results.recorded_tuners()


def test_the_record_holds_every_search_under_every_seed_at_the_same_budget(record):
    seeds = record.settings["seeds"]
    assert len(record.runs) == 5 and len(seeds) >= 3
    for name, tables in record.runs.items():
        assert len(tables) == len(seeds)
        for table in tables:
            assert (table["status"] == "COMPLETED").all()
            assert table["epochs"].sum() == 120, name
            assert len(table) == (30 if name == "Hyperband" else 12)
    assert len(record.judged) == 5 * len(seeds)


def test_the_recorded_scores_are_those_of_the_recorded_epochs(record):
    lowest = record.epochs.groupby(["search", "seed", "trial"])["val_loss"].min()
    for name, tables in record.runs.items():
        for seed, table in zip(record.settings["seeds"], tables, strict=True):
            assert np.allclose(lowest[name, seed][table["trial"]], table["score"], atol=1e-5)


def test_the_record_says_what_made_it(record):
    assert record.settings | {"seeds": 0} == record_tuners.SETTINGS | {"seeds": 0}


def test_a_copy_without_the_record_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        results.recorded_tuners(tmp_path)


def test_the_recorder_runs_resumes_judges_and_ships(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_OUTPUT", str(tmp_path))
    monkeypatch.setattr(models, "hypermodel", tiny)
    monkeypatch.setattr(record_tuners, "GRID", {"units": (2, 8, 3)})
    small = record_tuners.SETTINGS | {
        "images": 100,
        "max_epochs": 3,
        "max_trials": 2,
        "num_initial_points": 1,
        "held_out_fraction": 0.02,
        "seeds": [1, 2],
    }
    record_tuners.run("log", [1], small)
    before = results.trials_table(tmp_path / "log" / "tuners_0_1")
    record_tuners.run("log", [1], small)
    assert results.trials_table(tmp_path / "log" / "tuners_0_1").equals(before)
    record_tuners.ship("log", tmp_path / "shipped", small)
    assert not (tmp_path / "shipped").exists()  # a record of more seeds is not replaced by less
    record_tuners.ship("log", tmp_path / "shipped", small, partly=True)
    shipped = results.recorded_tuners(tmp_path / "shipped")
    assert shipped.settings["seeds"] == [1]
    assert len(shipped.runs) == 5
    kept = shipped.runs["RandomSearch"][0]
    assert kept["score"].tolist() == before["score"].tolist()
    assert kept["proposal_seconds"].notna().all()
    assert len(shipped.judged) == 5 and shipped.judged["accuracy"].between(0, 1).all()
    assert json.loads((tmp_path / "shipped" / "settings.json").read_text())["images"] == 100


def tiny(image_shape=(28, 28, 1), num_classes=10):
    """A hypermodel that trains in no time."""

    def build(hp):
        model = keras.Sequential(
            [
                keras.Input(shape=image_shape),
                keras.layers.Flatten(),
                keras.layers.Dense(hp.Int("units", 2, 8), activation="relu"),
                keras.layers.Dense(num_classes, activation="softmax"),
            ]
        )
        model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
        return model

    return build


def test_judges_images_are_met_by_no_search():
    from helpers import data

    settings = record_tuners.SETTINGS
    images = data.load_data(
        settings["dataset"],
        images=settings["images"],
        validation_fraction=settings["validation_fraction"],
        seed=settings["data_seed"],
    )
    x, y = record_tuners.held_out(images)
    used = {image.tobytes() for image in (*images.x_train, *images.x_val)}
    assert len(x) == len(y) == 2000
    assert not any(image.tobytes() in used for image in x)


def test_what_notebook_06_says_of_the_record_holds(record):
    own = {name: [one["score"].min() for one in tables] for name, tables in record.runs.items()}
    judged = {name: list(part["loss"]) for name, part in record.judged.groupby("search")}
    four = [name for name in judged if name != "GridSearch"]
    means = {name: np.mean(scores) for name, scores in own.items()}
    assert max(means[name] for name in four) - min(means[name] for name in four) < 0.025
    rise = {name: np.mean(judged[name]) - means[name] for name in judged}
    assert all(rise[name] < 0 for name in four) and max(rise, key=rise.get) == "GridSearch"
    looking = ("Hyperband", "BayesianOptimization")
    assert min(rise[name] for name in looking) > max(
        rise[name] for name in four if name not in looking
    )
    for random, bayes in zip(
        record.runs["RandomSearch"], record.runs["BayesianOptimization"], strict=True
    ):
        assert random["score"][:5].tolist() == bayes["score"][:5].tolist()
        assert random["score"][5] != bayes["score"][5]
    assert evaluate.any_difference(judged) < 0.01
    assert evaluate.any_difference({name: judged[name] for name in four}) > 0.05
    ranks = evaluate.mean_ranks(judged).set_index("name")
    assert ranks.loc["GridSearch", "rank"] == 5 and ranks.index[0] == "BayesianOptimization"
    by_own, by_judge = (
        evaluate.paired_table(scores, "RandomSearch").set_index("name")["verdict"].to_dict()
        for scores in (own, judged)
    )
    grids = {"GridSearch": "worse", "GridSearch, 12 points": "better"}
    apart = {"Hyperband": "cannot be told apart"}
    assert by_own == grids | apart | {"BayesianOptimization": "better"}
    assert by_judge == grids | apart | {"BayesianOptimization": "cannot be told apart"}
    ahead = np.array(judged["BayesianOptimization"]) < judged["RandomSearch"]
    assert ahead.sum() == 4
