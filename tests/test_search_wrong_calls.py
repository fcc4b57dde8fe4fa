"""Wrong calls of a careful tuner: one message, with the value and the way out, nothing written.

    pytest tests/test_search_wrong_calls.py -s -k table      prints the table

Each row of CASES: name, what is changed in a right call, words that the message must hold. The
first of them is the wrong value, the last one belongs to the way out.
"""

import contextlib
import io
import os

import numpy as np
import pytest

MISSING = object()


@pytest.fixture(scope="module")
def kt():
    return pytest.importorskip("keras_tuner")


def compiled(units_hp, outputs=3, shape=(8, 8, 1), loss="categorical_crossentropy"):
    import keras

    model = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Flatten(),
            keras.layers.Dense(units_hp, activation="relu"),
            keras.layers.Dense(outputs, activation="softmax"),
        ]
    )
    if loss:
        model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model


def build(hp):
    return compiled(hp.Int("units", 4, 8))


def build_nothing(hp):
    compiled(hp.Int("units", 4, 8))


def build_uncompiled(hp):
    return compiled(hp.Int("units", 4, 8), loss=None)


def build_without_hp(hp):
    return compiled(8)


def build_number(hp):
    return hp.Int("units", 4, 8)


def build_wrong_name(hp):
    return compiled(hp.Int("units", 4, 8) + hp.get("unit"))


def build_range(hp):
    return compiled(hp.Int("units", 8, 4))


def build_large_fails(hp):
    if hp.Int("units", 4, 8) > 6:
        raise ValueError("no room for 8 units")
    return compiled(4)


def build_late_nothing(hp):
    model = compiled(4)
    return None if hp.Int("units", 4, 8) == 8 else model


def build_four_outputs(hp):
    return compiled(hp.Int("units", 4, 8), outputs=4)


def build_sparse(hp):
    return compiled(hp.Int("units", 4, 8), loss="sparse_categorical_crossentropy")


def build_wrong_shape(hp):
    return compiled(hp.Int("units", 4, 8), shape=(6, 6, 1))


X = np.random.default_rng(0).random((24, 8, 8, 1), dtype="float32")
LABELS = np.arange(24) % 3
Y = np.eye(3, dtype="float32")[LABELS]
NAN = X.copy()
NAN[5] = np.nan


def objective(name="val_loss", direction="min"):
    import keras_tuner

    return keras_tuner.Objective(name, direction)


# constructor: (name, {argument: value}, words of the message)
CONSTRUCTOR = [
    ("seed missing", {"seed": MISSING}, ["seed is missing", "seed=1"]),
    ("seed negative", {"seed": -1}, ["seed=-1", "0 to 4,000,000"]),
    ("seed too large", {"seed": 5_000_000}, ["seed=5000000", "0 to 4,000,000"]),
    ("seed a float", {"seed": 1.5}, ["seed=1.5", "whole number"]),
    ("seed a bool", {"seed": True}, ["seed=True", "whole number"]),
    ("seed a string", {"seed": "1"}, ["seed='1'", "whole number"]),
    ("objective a string", {"objective": "val_loss"}, ["'val_loss'", "kt.Objective"]),
    ("objective missing", {"objective": None}, ["objective=None", "kt.Objective"]),
    ("objective a number", {"objective": 3}, ["objective=3", "kt.Objective"]),
    ("objective an empty list", {"objective": []}, ["objective=[]", "kt.Objective"]),
    (
        "direction unknown",
        {"objective": lambda: objective("val_loss", "down")},
        ["'down'", "'min' or 'max'"],
    ),
    (
        "direction missing",
        {"objective": lambda: objective("val_loss", None)},
        ["None", "'min' or 'max'"],
    ),
    ("max_trials zero", {"max_trials": 0}, ["max_trials=0", "from 1 up"]),
    ("max_trials negative", {"max_trials": -3}, ["max_trials=-3", "from 1 up"]),
    ("max_trials a float", {"max_trials": 2.0}, ["max_trials=2.0", "whole number"]),
    ("max_trials None", {"max_trials": None}, ["max_trials=None", "whole number"]),
    ("executions zero", {"executions_per_trial": 0}, ["executions_per_trial=0", "from 1 up"]),
    ("executions a string", {"executions_per_trial": "2"}, ["'2'", "whole number"]),
    ("retries negative", {"max_retries_per_trial": -1}, ["max_retries_per_trial=-1", "from 0"]),
    ("failures zero", {"max_consecutive_failed_trials": 0}, ["failed_trials=0", "from 1 up"]),
    ("model size zero", {"max_model_size": 0}, ["max_model_size=0", "from 1 up"]),
    ("overwrite a string", {"overwrite": "no"}, ["overwrite='no'", "True or False"]),
    ("argument misspelt", {"max_trial": 3}, ["'max_trial'", "'max_trials'"]),
    ("argument unknown", {"colour": 3}, ["'colour'", "It takes"]),
    ("directory None", {"directory": None}, ["directory=None", "directory='log'"]),
    ("directory a number", {"directory": 5}, ["directory=5", "directory='log'"]),
    ("project_name empty", {"project_name": ""}, ["project_name=''", "project_name="]),
    ("project_name with slash", {"project_name": "a/b"}, ["'a/b'", "directory"]),
    ("project_name dots", {"project_name": ".."}, ["'..'", "directory"]),
    ("project_name too long", {"project_name": "n" * 300}, ["nnn", "shorter"]),
    ("path too long", {"directory": "/".join(["d" * 200] * 25)}, ["too long", "shorter"]),
    ("keep_checkpoints zero", {"keep_checkpoints": 0}, ["keep_checkpoints=0", "from 1 up"]),
    ("progress a word", {"progress": "bar"}, ["progress='bar'", "True or False"]),
    ("accept_mismatch a word", {"accept_mismatch": "yes"}, ["'yes'", "True or False"]),
    ("hyperparameters a dict", {"hyperparameters": {"units": 4}}, ["'units'", "HyperParameters"]),
    ("no new entries, no space", {"allow_new_entries": False}, ["allow_new_entries", "pass"]),
    ("build missing", {"hypermodel": None}, ["build function is missing", "first argument"]),
    ("build a string", {"hypermodel": "build"}, ["str", "kt.HyperModel"]),
    ("build was called", {"hypermodel": lambda: compiled(4)}, ["model", "without ()"]),
    ("build returns nothing", {"hypermodel": lambda: build_nothing}, ["None", "return model"]),
    ("build returns a number", {"hypermodel": lambda: build_number}, ["4", "Keras model"]),
    ("build uncompiled", {"hypermodel": lambda: build_uncompiled}, ["uncompiled", "model.compile"]),
    ("space empty", {"hypermodel": lambda: build_without_hp}, ["no hyperparameter", "hp.Int"]),
    ("build raises", {"hypermodel": lambda: build_wrong_name}, ["unit", "Correct build"]),
    (
        "range upside down",
        {"hypermodel": lambda: build_range},
        ["build(hp) fails", "Correct build"],
    ),
]

# search(): (name, {constructor argument}, {search argument}, words of the message)
SEARCH = [
    ("no data", {}, {"x": MISSING, "y": MISSING}, ["no training data", "search(x_train"]),
    ("labels missing", {}, {"y": None}, ["y is missing", "give"]),
    ("no validation data", {}, {"validation_data": None}, ["'val_loss'", "validation_data="]),
    (
        "validation_data one array",
        {},
        {"validation_data": X},
        ["validation_data", "(x_val, y_val)"],
    ),
    ("validation_split too large", {}, {"validation_split": 1.5}, ["1.5", "0.2"]),
    ("epochs zero", {}, {"epochs": 0}, ["epochs=0", "from 1 up"]),
    ("epochs a string", {}, {"epochs": "2"}, ["epochs='2'", "whole number"]),
    ("batch_size zero", {}, {"batch_size": 0}, ["batch_size=0", "from 1 up"]),
    ("batch_size a float", {}, {"batch_size": 8.0}, ["batch_size=8.0", "whole number"]),
    ("callbacks not a list", {}, {"callbacks": "stop"}, ["'stop'", "list"]),
    ("NaN in x", {}, {"x": NAN}, ["64 values", "remove or replace"]),
    ("NaN in x_val", {}, {"validation_data": (NAN, Y)}, ["x_val holds 64", "remove or replace"]),
    ("x a list", {}, {"x": X.tolist()}, ["x is a list of 24", "np.array"]),
    ("x text", {}, {"x": np.full((24, 8, 8, 1), "a")}, ["<U1", "astype"]),
    ("x empty", {}, {"x": X[:0], "y": Y[:0]}, ["(0, 8, 8, 1)", "see how"]),
    ("lengths differ", {}, {"y": Y[:20]}, ["24", "20", "as many"]),
    ("validation lengths differ", {}, {"validation_data": (X, Y[:9])}, ["24", "9", "as many"]),
    ("validation shape", {}, {"validation_data": (X[:, :6], Y)}, ["(6, 8, 1)", "same way"]),
    (
        "image shape",
        {"hypermodel": lambda: build_wrong_shape},
        {},
        ["(8, 8, 1)", "(6, 6, 1)", "make"],
    ),
    (
        "labels not one-hot",
        {},
        {"y": LABELS, "validation_data": (X, LABELS)},
        ["1 column", "one-hot"],
    ),
    (
        "classes differ",
        {"hypermodel": lambda: build_four_outputs},
        {},
        ["3 columns", "4", "one-hot"],
    ),
    (
        "label out of range",
        {"hypermodel": lambda: build_sparse},
        {"y": LABELS + 1, "validation_data": (X, LABELS)},
        ["label 3", "0 to 2", "Renumber"],
    ),
    (
        "label negative",
        {"hypermodel": lambda: build_sparse},
        {"y": LABELS - 1, "validation_data": (X, LABELS)},
        ["label -1", "0 to 2", "Renumber"],
    ),
    (
        "objective misspelt",
        {"objective": lambda: objective("val_los")},
        {},
        ["'val_los'", "'val_loss'"],
    ),
    (
        "objective not a metric",
        {"objective": lambda: objective("val_f1", "max")},
        {},
        ["'val_f1'", "among the metrics"],
    ),
    (
        "build fails at the largest end",
        {"hypermodel": lambda: build_large_fails},
        {},
        ["largest end", "units=8", "no room for 8 units", "Correct build"],
    ),
    (
        "build returns nothing at the largest end",
        {"hypermodel": lambda: build_late_nothing},
        {},
        ["None", "return model"],
    ),
]


def make(kt, folder, changes, tuner="RandomSearch"):
    """A right constructor call with some arguments changed."""
    from helpers import search

    call = {
        "hypermodel": build,
        "objective": objective(),
        "max_trials": 2,
        "seed": 1,
        "directory": str(folder),
        "project_name": "p",
        "progress": False,
    }
    for name, value in changes.items():
        call[name] = value() if callable(value) and value.__name__ == "<lambda>" else value
    call = {name: value for name, value in call.items() if value is not MISSING}
    if len(str(call.get("directory"))) > 1000:
        call["directory"] = str(folder / call["directory"])
    return search.careful(getattr(kt, tuner))(**call)


def run(tuner, changes):
    """A right search() with some arguments changed."""
    call = {"x": X, "y": Y, "validation_data": (X, Y), "epochs": 1, "batch_size": 8} | changes
    tuner.search(**{name: value for name, value in call.items() if value is not MISSING})


def message_of(action):
    """The message of the error that a wrong call raises."""
    with pytest.raises((ValueError, TypeError, OSError, ImportError)) as caught:
        action()
    return str(caught.value)


def files(folder):
    """Every file and folder below, with its contents."""
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def check(message, words, folder, before):
    for word in words:
        assert word in message
    assert "Traceback" not in message
    assert len(message) < 1500
    assert message.count("\n") == 0, "one message, not a wall"
    assert files(folder) == before


@pytest.mark.parametrize(
    "changes, words", [c[1:] for c in CONSTRUCTOR], ids=[c[0] for c in CONSTRUCTOR]
)
def test_a_wrong_constructor_call_is_explained_and_writes_nothing(kt, tmp_path, changes, words):
    (tmp_path / "mine.txt").write_text("kept")
    before = files(tmp_path)
    check(message_of(lambda: make(kt, tmp_path, changes)), words, tmp_path, before)


@pytest.mark.parametrize(
    "changes, given, words", [c[1:] for c in SEARCH], ids=[c[0] for c in SEARCH]
)
def test_a_wrong_search_call_is_explained_and_writes_nothing(kt, tmp_path, changes, given, words):
    tuner = make(kt, tmp_path, changes)
    before = files(tmp_path)
    check(message_of(lambda: run(tuner, given)), words, tmp_path, before)


@pytest.mark.parametrize(
    "tuner, changes, words",
    [
        ("Hyperband", {"max_trials": MISSING, "factor": 1}, ["factor=1", "from 2 up"]),
        ("Hyperband", {"max_trials": MISSING, "max_epochs": 0}, ["max_epochs=0", "from 1 up"]),
        ("Hyperband", {"max_trials": 3}, ["'max_trials'", "max_epochs"]),
        ("BayesianOptimization", {"beta": -1}, ["beta=-1", "above 0"]),
        ("BayesianOptimization", {"alpha": "low"}, ["alpha='low'", "above 0"]),
        ("BayesianOptimization", {"num_initial_points": 0}, ["num_initial_points=0", "from 1"]),
        ("GridSearch", {"max_trials": 0}, ["max_trials=0", "from 1 up"]),
    ],
)
def test_a_wrong_argument_of_another_tuner_is_explained(kt, tmp_path, tuner, changes, words):
    check(message_of(lambda: make(kt, tmp_path, changes, tuner)), words, tmp_path, {})


def test_a_file_in_the_place_of_a_folder_is_named(kt, tmp_path):
    (tmp_path / "log").write_text("a file")
    before = files(tmp_path)
    message = message_of(lambda: make(kt, tmp_path / "log", {}))
    check(message, ["log", "is a file", "another directory"], tmp_path, before)


def test_an_unwritable_directory_is_named(kt, tmp_path, monkeypatch):
    tuner = make(kt, tmp_path, {})
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    message = message_of(lambda: run(tuner, {}))
    check(message, ["/p cannot be written", "directory of your own"], tmp_path, {})


def test_a_disk_too_small_for_the_checkpoints_is_named(kt, tmp_path, monkeypatch):
    import collections
    import shutil

    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1))
    tuner = make(kt, tmp_path, {})
    check(message_of(lambda: run(tuner, {})), ["MB free", "keep_checkpoints=1"], tmp_path, {})


@pytest.mark.parametrize("package", ["tensorboard", "scipy", "sklearn"])
def test_a_missing_package_is_named(kt, tmp_path, monkeypatch, package):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find(name)
    )
    message = message_of(lambda: make(kt, tmp_path, {}, "BayesianOptimization"))
    name = "scikit-learn" if package == "sklearn" else package
    check(message, [name, "pip install"], tmp_path, {})


@pytest.mark.parametrize("value", ["RandomSearch", None, 3, dict])
def test_careful_takes_a_tuner_class_only(value):
    from helpers import search

    message = message_of(lambda: search.careful(value))
    assert repr(value) in message
    assert "kt.RandomSearch" in message


def test_a_right_call_passes_every_check(kt, tmp_path):
    run(make(kt, tmp_path, {}), {})
    assert (tmp_path / "p" / "trial_1" / "trial.json").exists()


def test_the_table_of_wrong_calls_can_be_printed(kt, tmp_path, capsys):
    rows = [
        (name, message_of(lambda c=changes: make(kt, tmp_path, c)))
        for name, changes, _ in CONSTRUCTOR
    ]
    for name, changes, given, _ in SEARCH:
        with contextlib.redirect_stdout(io.StringIO()):
            rows.append(
                (name, message_of(lambda c=changes, g=given: run(make(kt, tmp_path, c), g)))
            )
    with capsys.disabled():
        if os.environ.get("PRINT_TABLE"):
            print("\n".join(f"| {name} | {message} |" for name, message in rows))
    assert len(rows) >= 70
    assert len({name for name, _ in rows}) == len(rows)
