"""Several searches compared: real ones, their figures, and the record of notebook 06."""

import json
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

from helpers import data, evaluate, models, plots, results, search
from tools import record_tuners

NOTEBOOK = pathlib.Path(__file__).parents[1] / "notebooks" / "06_compare_tuners.ipynb"


def dry(tuner_class, folder, **options):
    """A finished search of this class that scores by a formula."""

    class Dry(tuner_class):
        def run_trial(self, trial, *args, **kwargs):
            values = trial.hyperparameters.values
            epochs = values.get("tuner/epochs", 3) - values.get("tuner/initial_epoch", 0)
            history = keras.callbacks.History()
            history.history = {"val_loss": [values["x"] ** 2 + 0.1] * epochs}
            return history

    space = kt.HyperParameters()
    space.Float("x", -1.0, 1.0)
    options |= {"hyperparameters": space, "project_name": tuner_class.__name__}
    objective = kt.Objective("val_loss", "min")
    tuner = search.careful(Dry)(objective=objective, seed=1, directory=str(folder), **options)
    tuner.search(verbose=0)
    return tuner


def test_the_costs_of_a_real_search_are_recorded(tmp_path):
    tuner = dry(kt.BayesianOptimization, tmp_path, max_trials=4, num_initial_points=2)
    costs = results.costs(tuner)
    assert costs["trial"].tolist() == ["0", "1", "2", "3"]
    assert (costs[list(results.COSTS)] >= 0).all(axis=None)
    # A proposal of the Gaussian process takes longer than a random one, by orders of magnitude.
    assert costs["proposal_seconds"][2:].min() > costs["proposal_seconds"][:2].max()


def test_searches_on_disk_are_compared_and_a_bracket_shows_its_promotions(tmp_path):
    random = dry(kt.RandomSearch, tmp_path, max_trials=4)
    tuner = dry(kt.Hyperband, tmp_path, max_epochs=9, factor=3)
    table = results.trials_table(tuner)
    compared = results.compare({"random": random, "hyperband": tuner.project_dir})
    epochs = compared.set_index("search")["epochs"].to_dict()
    assert epochs == {"random": 12, "hyperband": table["epochs"].sum()}
    sizes = table[table["tuner/bracket"] == 2].groupby("tuner/round").size().tolist()
    ax = plots.bracket(table, results.history_table(tuner))
    lines = [line for line in ax.lines if line.get_marker() == "o"]
    colours = [line.get_color() for line in lines]
    assert sizes == [9, 3, 1] == [colours.count(one) for one in dict.fromkeys(colours)]
    assert list(lines[-1].get_xdata()) == list(range(1, 10))


def test_curves_by_epochs_have_an_axes_a_search_and_name_all_that_end_best():
    ends = {"one": 0.5, "two": 0.3, "three": 0.4, "four": 0.3}
    made = {
        name: [pd.DataFrame({"epochs": [2, 4], "best": [end + shift, end]}) for shift in (0.1, 0.2)]
        for name, end in ends.items()
    }
    title = plots.by_epochs(made).get_suptitle()
    assert "two and four" in title and "0.300" in title and "three" not in title
    figure = plots.by_epochs(made, direction="max")
    assert [ax.get_title(loc="left").split(":")[0] for ax in figure.axes] == list(ends)
    assert "one" in figure.get_suptitle()
    mean = figure.axes[0].lines[-1]
    assert mean.get_xdata().tolist() == [2, 3, 4]
    assert mean.get_ydata() == pytest.approx([0.65, 0.65, 0.5])


def test_the_proposal_in_the_picture_of_notebook_06_is_keras_tuners():
    cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    names = {"kt": kt, "np": np, "plots": plots, "results": results, "search": search}
    names |= {"tempfile": tempfile, "objective": kt.Objective("val_loss", "min")}
    names |= {"seed": 2, "line": np.linspace(0, 1, 201)}
    for cell in ("ways-dry", "bayes-run", "bayes-plot"):
        exec(cells[cell], names)
    assert names["chosen"] == pytest.approx(names["line"][names["low"].argmin()], abs=0.02)


# The recorded comparison


@pytest.fixture(scope="module")
def record():
    return results.recorded_tuners()


def test_the_record_is_whole_and_has_one_budget(record):
    shipped, seeds = record.settings, record.settings["seeds"]
    assert shipped == record_tuners.SETTINGS | {"seeds": seeds}
    assert len(record.runs) == 5 and len(seeds) >= 3 and len(record.judged) == 5 * len(seeds)
    for name, tables in record.runs.items():
        for seed, table in zip(seeds, tables, strict=True):
            assert (table["status"] == "COMPLETED").all() and table["epochs"].sum() == 120
            assert len(table) == (30 if name == "Hyperband" else 12)
            mine = record.epochs[
                (record.epochs["search"] == name) & (record.epochs["seed"] == seed)
            ]
            lowest = mine.groupby("trial")["val_loss"].min()
            assert np.allclose(lowest.loc[table["trial"]], table["score"], atol=1e-5)


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
    record_tuners.ship("log", tmp_path / "shipped", small)
    assert not (tmp_path / "shipped").exists()  # a record of more seeds is not replaced by less
    record_tuners.ship("log", tmp_path / "shipped", small, partly=True)
    shipped = results.recorded_tuners(tmp_path / "shipped")
    assert shipped.settings["seeds"] == [1] and len(shipped.runs) == 5
    kept = shipped.runs["RandomSearch"][0]
    assert kept["score"].tolist() == before["score"].tolist()
    assert kept["proposal_seconds"].notna().all()
    assert len(shipped.judged) == 10 and shipped.judged["accuracy"].between(0, 1).all()
    assert json.loads((tmp_path / "shipped" / "settings.json").read_text())["images"] == 100


def test_the_judges_images_are_met_by_no_search():
    settings = record_tuners.SETTINGS
    names = ("dataset", "images", "validation_fraction")
    given = {name: settings[name] for name in names} | {"seed": settings["data_seed"]}
    images = data.load_data(**given)
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
    assert all(-0.02 < rise[name] < 0 for name in four) and max(rise, key=rise.get) == "GridSearch"
    assert max(rise[name] for name in four) - min(rise[name] for name in four) < 0.01
    both = (record.runs[name] for name in ("RandomSearch", "BayesianOptimization"))
    for random, bayes in zip(*both, strict=True):
        assert random["score"][:5].tolist() == bayes["score"][:5].tolist()
        assert random["score"][5] != bayes["score"][5]
    assert evaluate.any_difference(judged) < 0.01
    assert evaluate.any_difference({name: judged[name] for name in four}) > 0.05
    ranks = evaluate.mean_ranks(judged).set_index("name")
    assert ranks.loc["GridSearch", "rank"] == 5 and ranks.index[0] == "BayesianOptimization"
    tables = [evaluate.paired_table(scores, "RandomSearch") for scores in (own, judged)]
    by_own, by_judge = (table.set_index("name")["verdict"].to_dict() for table in tables)
    grids = {"GridSearch": "worse", "GridSearch, 12 points": "better"}
    apart = {"Hyperband": "cannot be told apart"}
    assert by_own == grids | apart | {"BayesianOptimization": "better"}
    assert by_judge == grids | apart | {"BayesianOptimization": "cannot be told apart"}
    ahead = np.array(judged["BayesianOptimization"]) < judged["RandomSearch"]
    assert ahead.sum() == 4
