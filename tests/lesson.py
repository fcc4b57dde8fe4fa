"""A lesson's own code on tiny data: its cells, what they define, and small searches."""

import pathlib
import re
import types

import keras
import keras_tuner as kt
import nbformat
import numpy as np

from helpers import results, search

NOTEBOOKS = pathlib.Path(__file__).parents[1] / "notebooks"
LOSS, ACCURACY = kt.Objective("val_loss", "min"), kt.Objective("val_accuracy", "max")


def cells(name):
    """The sources of a notebook's cells by id."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    return {cell.id: cell.source for cell in notebook.cells}


def defined(sources, *ids, **given):
    """The names that these cells define; what they run after their definitions is left out."""
    names = {"keras": keras, "kt": kt, "layers": keras.layers, "np": np, "results": results}
    names |= {"search": search, "data": tiny_data(), "seed": 1} | given
    for cell in ids:
        exec(re.split(r"\n\n?(?:for |dry_run|results\.|recorded)", sources[cell])[0], names)
    return types.SimpleNamespace(**names)


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


def fixed(**values):
    """A space in which these names have one value each."""
    space = kt.HyperParameters()
    for name, value in values.items():
        space.Fixed(name, value)
    return space
