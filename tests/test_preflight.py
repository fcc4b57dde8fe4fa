"""A mistake before the first trial: the error's type, what was wrong in it, and nothing written."""

import re
import shutil
import sys
import types

import numpy as np
import pytest

keras = pytest.importorskip("keras")
kt = pytest.importorskip("keras_tuner")

from projects import programs  # noqa: E402

from helpers import preflight, search  # noqa: E402

X, Y = programs.data()
NAN = np.where(X > 0.9, np.nan, X)
VALUES = f"{np.isnan(NAN).sum()} values"
UNKNOWN = kt.Objective("val_acuracy", "max")
BUILT = "a model"  # made in the test, not when the file is read
MADE = {  # changes of the tuner's arguments: (error, words in its message)
    "no seed": ({"seed": None}, TypeError, "seed"),
    "a text as seed": ({"seed": "1"}, TypeError, "seed='1'"),
    "objective without direction": ({"objective": "val_loss"}, TypeError, "kt.Objective"),
    "one of two without direction": ({"objective": [UNKNOWN, "val_f1"]}, TypeError, "val_f1"),
    "a model instead of build": ({"hypermodel": BUILT}, TypeError, "hypermodel"),
    "build returns nothing": ({"hypermodel": lambda hp: None}, TypeError, "return model"),
}
CALLED = {  # changes of search()'s arguments, or of the tuner's
    "lengths differ": ({"y": Y[:9]}, ValueError, "9"),
    "another shape": ({"x": X[:, :3]}, ValueError, "shape"),
    "another number of classes": ({"y": Y[:, :2]}, ValueError, "shape"),
    "no validation data": ({"validation_data": None}, ValueError, "validation_data"),
    "NaN in x": ({"x": NAN}, ValueError, VALUES),
    "not measured": ({"objective": UNKNOWN}, ValueError, "val_acuracy.*val_accuracy"),
    "a full disk": ({"free": 100}, OSError, "MB of checkpoints"),
}


def call(folder, **changes):
    """A right call of the careful class, with changes."""
    given = {"hypermodel": programs.build, "objective": kt.Objective("val_loss", "min"), "seed": 1}
    given |= {"directory": str(folder / "log"), "project_name": "p", "max_trials": 2} | changes
    return search.careful(kt.RandomSearch)(**given)


def written(folder):
    """Files in a folder, but for the lock's."""
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize("name", MADE)
def test_a_wrong_argument_of_the_tuner(name, tmp_path):
    changes, error, words = MADE[name]
    if changes.get("hypermodel") is BUILT:
        changes = {"hypermodel": programs.build(kt.HyperParameters())}
    with pytest.raises(error, match=re.escape(words)):
        call(tmp_path, **changes)
    assert written(tmp_path) == []


@pytest.mark.parametrize("name", CALLED)
def test_a_wrong_argument_of_search(name, tmp_path, monkeypatch, eager):
    changes, error, words = CALLED[name]
    fit = {"x": X, "y": Y, "validation_data": (X, Y)} | changes
    own = {"objective": fit.pop("objective")} if "objective" in fit else {}
    if free := fit.pop("free", None):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=free))
    with pytest.raises(error, match=words):
        call(tmp_path, **own).search(**fit)
    assert written(tmp_path) == []


def test_a_space_with_an_end_that_cannot_be_built_is_searched_with_a_note(tmp_path, capsys, eager):
    def fragile(hp):
        if hp.Int("units", 4, 32) == 32:
            raise ValueError("32 is too many")
        return programs.build(hp)

    (tmp_path / "log").mkdir()
    preflight.search(call(tmp_path, hypermodel=fragile), (X, Y), {"validation_data": (X, Y)})
    assert "32 is too many" in capsys.readouterr().out


def test_a_missing_tensorboard_is_said_first(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match="tensorboard"):
        call(tmp_path)


def test_a_generator_is_left_alone_by_the_first_batch(tmp_path):
    drawn = []

    def generator():
        while True:
            drawn.append(1)
            yield X, Y

    (tmp_path / "log").mkdir()
    preflight.search(call(tmp_path), (generator(),), {"steps_per_epoch": 1})
    assert drawn == []
