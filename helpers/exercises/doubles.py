"""Stand-ins that the checks hand to a learner's function: they note what they are given."""

import contextlib
import tempfile
from types import SimpleNamespace

import numpy as np

from helpers.exercises import NotAnswered, expect


class Classifier:  # used as a Keras model; tells dark pictures from grey and light ones
    def __init__(self, *shape):
        self.input_shape = (None, *shape)

    def predict(self, x, **options):
        shape, wanted = np.shape(x), self.input_shape[1:]
        expect(len(shape) == 4, f"The model got the shape {shape}, without the axis of the batch.")
        expect(shape[3] == wanted[2], f"The model got {shape[3]} channels and takes {wanted[2]}.")
        expect(
            shape[1:3] == wanted[:2], f"{shape[1:3]}, not {wanted[:2]}: what is first in resize?"
        )
        expect(np.max(x) > 1, "The pixels were scaled, and the model scales them once more.")
        expect(np.ptp(x, axis=1).max() < 9, "Rows and columns are mixed up: look at resize again.")
        near = np.exp(-9 * (np.mean(x, axis=(1, 2, 3))[:, None] / 255 - [0.1, 0.45, 0.8]) ** 2)
        return near / near.sum(axis=1, keepdims=True)


def search(answer, *numbers):
    """What a learner's function hands to the tuner and to search, and whether it returns it."""
    given, more = {"max_trials": 10, "executions_per_trial": 1}, {"epochs": 1}
    names, images = ["hypermodel", "objective", "max_trials"], {"x": [0], "y": [1]}
    tuner = SimpleNamespace(search=lambda *a, **b: more.update(b, handed=[*a, *b.values()]))

    def kind(*first, **settings):
        given.update(zip(names, first, strict=False), made=True, **settings)
        return tuner

    returned = answer(kind, "model", *numbers, {"directory": "x"}, images)
    if "made" not in given:
        raise NotAnswered
    expect("directory" in given, "`settings` holds arguments: take it apart with **.")
    expect("handed" in more, "The tuner is made, and never told to search.")
    lost = [name for name, one in images.items() if one not in more["handed"]]
    expect(not lost, f"search gets no {', '.join(lost)}: `images` holds arguments as well.")
    return returned is tuner, given, more


def trial(**values):
    """The hyperparameters of a trial that has these values."""
    import keras_tuner as kt

    hp = kt.HyperParameters()
    hp.values = values
    return hp


class Trained:
    """Used as a Keras model, which notes how it is trained."""

    def __init__(self):
        self.calls, self.history = [], SimpleNamespace(history={"val_loss": [0.5]})

    def fit(self, *args, **given):
        self.calls.append((args, given))
        return self.history


def proposed(oracle, known, trials):
    """What an oracle gives for each trial of a search that is stopped and resumed."""
    import keras_tuner as kt

    space, given = kt.HyperParameters(), []
    space.Int("filters", 8, 64, step=8)
    space.Choice("activation", ["relu", "tanh"])
    space.Float("rate", 1e-4, 1e-1, sampling="log")
    space.Boolean("flip", default=True)

    class Recorded(oracle):
        def populate_space(self, trial_id):
            found = super().populate_space(trial_id) or {"status": "STOPPED"}
            given.append(dict(found.get("values") or {}))  # before KerasTuner fills gaps
            return found

    tuner = type("Computed", (kt.Tuner,), {"run_trial": lambda *trial, **given: 1.0})
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        for limit in trials:
            own = {"max_trials": limit, "objective": "val_loss", "hyperparameters": space}
            tuner(Recorded(known=[*map(dict, known)], **own, seed=3), directory=folder).search(
                verbose=0
            )
    return [one for one in given if one]


def frozen():
    """A frozen body: twice Dense, BatchNormalization and ReLU, then Dense and Dropout."""
    from keras import Input, Sequential, layers

    blocks = [[layers.Dense(2), layers.BatchNormalization(), layers.ReLU()] for _ in "12"]
    body = Sequential([Input((2,)), *sum(blocks, []), layers.Dense(2), layers.Dropout(0.5)])
    body.trainable = False
    return body
