"""A mistake before the first trial: the error's type, what was wrong in it, and nothing written."""

import shutil
import sys
import types

import numpy as np
import pytest

keras = pytest.importorskip("keras")
kt = pytest.importorskip("keras_tuner")

from helpers import preflight, search  # noqa: E402

X = np.random.default_rng(0).random((16, 4), dtype="float32")
Y = np.eye(3, dtype="float32")[np.arange(16) % 3]


def build(hp):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Int("units", 2, 4))])
    model.add(keras.layers.Dense(3, activation="softmax"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def build_nothing(hp):
    build(hp)


def built():
    return build(kt.HyperParameters())


NAN = np.where(X > 0.9, np.nan, X)
MADE = {  # changes of the tuner's arguments: (error, words in its message)
    "no seed": ({"seed": None}, TypeError, "seed"),
    "a text as seed": ({"seed": "1"}, TypeError, "seed='1'"),
    "objective without direction": ({"objective": "val_loss"}, TypeError, "kt.Objective"),
    "one of two without direction": (
        {"objective": [kt.Objective("loss", "min"), "val_f1_score"]},
        TypeError,
        "val_f1_score",
    ),
    "a model instead of build": ({"hypermodel": built}, TypeError, "hypermodel"),
    "build returns nothing": ({"hypermodel": build_nothing}, TypeError, "return model"),
}
CALLED = {  # changes of search()'s arguments
    "lengths differ": ({"y": Y[:9]}, ValueError, "9"),
    "another shape": ({"x": X[:, :3]}, ValueError, "shape"),
    "another number of classes": ({"y": Y[:, :2]}, ValueError, "shape"),
    "no validation data": ({"validation_data": None}, ValueError, "validation_data"),
    "NaN in x": ({"x": NAN}, ValueError, f"{np.isnan(NAN).sum()} values"),
}


def call(folder, **changes):
    """A right call of the careful class, with changes."""
    given = {"hypermodel": build, "objective": kt.Objective("val_loss", "min"), "seed": 1}
    given |= {"directory": str(folder / "log"), "project_name": "p", "max_trials": 2} | changes
    return search.careful(kt.RandomSearch)(**given)


def written(folder):
    """Files in a folder, but for the lock's."""
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize("name", MADE)
def test_a_wrong_argument_of_the_tuner(name, tmp_path):
    changes, error, words = MADE[name]
    if name == "a model instead of build":
        changes = {"hypermodel": built()}
    with pytest.raises(error, match=words):
        call(tmp_path, **changes)
    assert written(tmp_path) == []


@pytest.mark.parametrize("name", CALLED)
def test_a_wrong_argument_of_search(name, tmp_path):
    changes, error, words = CALLED[name]
    fit = {"x": X, "y": Y, "validation_data": (X, Y)} | changes
    with pytest.raises(error, match=words):
        call(tmp_path).search(**fit)
    assert written(tmp_path) == []


def test_an_objective_that_is_not_measured_is_refused_with_those_that_are(tmp_path):
    tuner = call(tmp_path, objective=kt.Objective("val_acuracy", "max"))
    with pytest.raises(ValueError, match="val_acuracy.*val_accuracy"):
        tuner.search(X, Y, validation_data=(X, Y))
    assert written(tmp_path) == []


def test_a_space_with_an_end_that_cannot_be_built_is_searched_with_a_note(tmp_path, capsys):
    def fragile(hp):
        if hp.Int("units", 2, 4) == 4:
            raise ValueError("4 is too many")
        return build(hp)

    (tmp_path / "log").mkdir()
    preflight.search(call(tmp_path, hypermodel=fragile), (X, Y), {"validation_data": (X, Y)})
    assert "4 is too many" in capsys.readouterr().out


def test_a_full_disk_and_a_missing_tensorboard_are_said_first(tmp_path, monkeypatch):
    tuner = call(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=100))
        with pytest.raises(OSError, match="MB of checkpoints"):
            tuner.search(X, Y, validation_data=(X, Y))
    assert written(tmp_path) == []
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match="tensorboard"):
        call(tmp_path)


def test_the_batch_changes_nothing_that_trials_see(tmp_path):
    """A generator is left alone, and own training that fit does not start is not run."""
    drawn = []

    def generator():
        while True:
            drawn.append(1)
            yield X, Y

    (tmp_path / "log").mkdir()
    preflight.search(call(tmp_path), (generator(),), {"steps_per_epoch": 1})
    assert drawn == []
