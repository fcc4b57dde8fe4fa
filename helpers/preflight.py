"""Checks before the first trial: each mistake gives one message, and nothing on disk has changed.

``constructor`` looks at a tuner's arguments, ``fit`` at the arguments of ``search``.
"""

import difflib
import errno
import hashlib
import importlib.util
import inspect
import json
import math
import numbers
import os
import pathlib
import re
import shutil
import time

import numpy as np

from helpers import state

SEED_LIMIT = 4_000_000
FIT_ORDER = ("x", "y", "batch_size", "epochs", "verbose", "callbacks")
OUR_OPTIONS = ("progress", "keep_checkpoints", "accept_mismatch", "check")
LONGEST_FILE = "trial_0000/checkpoint.weights.h5"
SPARE_BYTES = 50_000  # state files, and what HDF5 adds to the weights
SECONDS_A_TRIAL = 1.5  # building and tracing a small model; measured, see tools/bench.py


# ---------------------------------------------------------------- small checks


def whole_number(name, value, low, high=None):
    """Return ``value`` as an int between low and high, or raise an error that names it."""
    allowed = f"a whole number from {low}" + (f" to {high:,}" if high else " up")
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}={value!r} is a {type(value).__name__}: give {allowed}.")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name}={value!r} is out of range: give {allowed}.")
    return int(value)


def _flag(name, value):
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r} is a {type(value).__name__}: give True or False.")


def _nearest(word, words):
    near = difflib.get_close_matches(str(word), list(words), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def _values(hp_values):
    return ", ".join(f"{name}={value}" for name, value in hp_values.items())


def _last_line(error):
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0].rstrip('.')}" if text else type(error).__name__


# ---------------------------------------------------------------- the tuner's arguments


def parameters(tuner_class):
    """Names that the constructors of a tuner class and its bases accept."""
    names = {}
    for base in tuner_class.__mro__:
        if "__init__" in vars(base) and base is not object:
            for name, parameter in inspect.signature(base.__init__).parameters.items():
                if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                    names.setdefault(name)
    return [n for n in names if n not in ("self", "oracle", "logger")]


def constructor(tuner_class, args, kwargs):
    """Check the arguments of a careful tuner and return them by name.

    Args:
        tuner_class: KerasTuner's class, or a subclass of it.
        args, kwargs: as given; ``seed`` among kwargs.

    Returns:
        {name: value}, complete enough for ``tuner_class(**arguments)``.
    """
    allowed = parameters(tuner_class)
    unknown = [name for name in kwargs if name not in allowed]
    if unknown:
        raise TypeError(
            f"{tuner_class.__name__} has no argument {unknown[0]!r}."
            f"{_nearest(unknown[0], [*allowed, *OUR_OPTIONS])} "
            f"It takes {', '.join(sorted([*allowed, *OUR_OPTIONS]))}."
        )
    order = [n for n in inspect.signature(tuner_class).parameters if n != "kwargs"]
    if len(args) > len(order):
        raise TypeError(
            f"{tuner_class.__name__} got {len(args)} arguments without a name and takes at most "
            f"{len(order)}: name them, as in directory='log'."
        )
    given = dict(zip(order, args, strict=False))
    twice = sorted(set(given) & set(kwargs))
    if twice:
        raise TypeError(f"{twice[0]} is given twice, by place and by name: give it once.")
    given |= kwargs
    _check_seed(given.get("seed"))
    _check_objective(given.get("objective"))
    _check_numbers(tuner_class, given)
    _check_place(given)
    _check_packages(tuner_class)
    if not has_own_run_trial(tuner_class):
        _check_hypermodel(given.get("hypermodel"))
    return given


def options(progress, keep_checkpoints, accept_mismatch, check):
    """Check the arguments that a careful tuner has beside those of KerasTuner."""
    if not (isinstance(progress, bool) or progress == "auto"):
        raise ValueError(f"progress={progress!r}: give 'auto', True or False.")
    if keep_checkpoints is not None:
        whole_number("keep_checkpoints", keep_checkpoints, 1)
    _flag("accept_mismatch", accept_mismatch)
    _flag("check", check)


def has_own_run_trial(tuner_class):
    """Whether somebody's subclass replaces KerasTuner's training by its own ``run_trial``."""
    ours = ("keras_tuner", "helpers.search")
    return any(
        "run_trial" in vars(base) and not base.__module__.startswith(ours)
        for base in tuner_class.__mro__
    )


def has_own_fit(hypermodel):
    """Whether a HyperModel trains in its own ``fit``."""
    import keras_tuner as kt

    return type(hypermodel).fit is not kt.HyperModel.fit


def _check_seed(seed):
    if seed is None:
        raise TypeError(
            f"seed is missing: give a whole number from 0 to {SEED_LIMIT:,}, as in seed=1; the "
            "same seed gives the same trials again."
        )
    whole_number("seed", seed, 0, SEED_LIMIT)


def _check_objective(objective):
    import keras_tuner as kt

    example = 'kt.Objective("val_loss", "min")'
    for one in objective if isinstance(objective, list) and objective else [objective]:
        if isinstance(one, str):
            raise TypeError(
                f"objective={one!r} leaves the direction to a guess, which is wrong for some "
                f'metrics: write kt.Objective({one!r}, "min") or kt.Objective({one!r}, "max").'
            )
        if not isinstance(one, kt.Objective):
            raise TypeError(f"objective={one!r}: give a kt.Objective, as in {example}.")
        if one.direction not in ("min", "max"):
            raise ValueError(
                f"objective {one.name!r} has direction {one.direction!r}: give 'min' or 'max', as "
                f"in {example}."
            )


def _check_numbers(tuner_class, given):
    import keras_tuner as kt

    wanted = {
        "max_trials": (1, None),
        "executions_per_trial": (1, None),
        "max_retries_per_trial": (0, None),
        "max_consecutive_failed_trials": (1, None),
        "max_epochs": (1, None),
        "factor": (2, None),
        "hyperband_iterations": (1, None),
        "num_initial_points": (1, None),
        "max_model_size": (1, None),
    }
    for name, (low, high) in wanted.items():
        may_be_none = name in ("num_initial_points", "max_model_size") or (
            name == "max_trials" and issubclass(tuner_class, kt.GridSearch)
        )
        if name in given and not (given[name] is None and may_be_none):
            given[name] = whole_number(name, given[name], low, high)
    for name in ("alpha", "beta"):
        value = given.get(name, 1.0)
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not value > 0:
            raise ValueError(f"{name}={value!r}: give a number above 0.")
    for name in ("overwrite", "allow_new_entries", "tune_new_entries"):
        _flag(name, given.get(name, False))
    space = given.get("hyperparameters")
    if space is not None and not isinstance(space, kt.HyperParameters):
        raise TypeError(f"hyperparameters={space!r}: give a kt.HyperParameters object.")
    for name in ("allow_new_entries", "tune_new_entries"):
        if given.get(name, True) is False and not space:
            raise ValueError(
                f"{name}=False needs the space: pass hyperparameters=, a kt.HyperParameters object."
            )


def _check_place(given):
    directory, name = given.get("directory"), given.get("project_name")
    if not isinstance(directory, (str, os.PathLike)) or not str(directory):
        raise TypeError(
            f"directory={directory!r}: give the folder for all searches, as in directory='log'."
        )
    if not isinstance(name, str) or not name:
        raise TypeError(
            f"project_name={name!r}: give the name of this search's folder, as in "
            "project_name='random_search'."
        )
    if name in (".", "..") or re.search(r'[/\\:*?"<>|\x00]', name):
        raise ValueError(
            f"project_name={name!r} is no folder name: use letters, digits, '-', '_' and '.'; a "
            "folder above it goes into directory."
        )
    path = pathlib.Path(directory).absolute() / name
    longest = len(os.fsencode(path)) + len(LONGEST_FILE) + 1
    limit = 259 if os.name == "nt" else 4095
    too_long = [part for part in path.parts if len(os.fsencode(part)) > 240]
    if too_long or longest > limit:
        raise ValueError(
            f"The path of the search is too long ({longest} characters with its files, or a name "
            f"of more than 240, starting {str(too_long[0] if too_long else path)[:40]!r}): give a "
            "shorter directory or project_name."
        )
    _check_writable(path)


def _check_writable(path):
    """Refuse a place where the project directory can neither be made nor written."""
    existing = path
    while not os.path.lexists(existing):
        existing = existing.parent
    if not existing.is_dir():
        raise NotADirectoryError(
            f"{state.shown(existing)} is a file, so {path.name!r} cannot be a folder there: give "
            "another directory."
        )


def _check_packages(tuner_class):
    import keras
    import keras_tuner as kt

    needed = ["h5py"]
    if keras.backend.backend() == "tensorflow":
        needed.append("tensorboard")
    if issubclass(tuner_class, kt.BayesianOptimization):
        needed += ["scipy", "sklearn"]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        names = " ".join("scikit-learn" if name == "sklearn" else name for name in missing)
        raise ModuleNotFoundError(
            f"KerasTuner needs {names} for this search, in every trial: install it with "
            f"python -m pip install {names}, then restart."
        )


def _check_hypermodel(hypermodel):
    import keras_tuner as kt

    if hypermodel is None:
        raise TypeError("The build function is missing: give build as the first argument.")
    if not callable(hypermodel) and not isinstance(hypermodel, kt.HyperModel):
        hint = " You called it: pass build itself, without ()." if _is_model(hypermodel) else ""
        raise TypeError(
            f"The first argument is a {type(hypermodel).__name__}: give the build function or a "
            f"kt.HyperModel.{hint}"
        )
    if isinstance(hypermodel, type):
        raise TypeError(
            f"The first argument is the class {hypermodel.__name__}: give an object of it, "
            f"{hypermodel.__name__}()."
        )
    if _is_model(hypermodel):
        raise TypeError(
            f"The first argument is the model {hypermodel.name!r}, not a function that builds one: "
            "pass build itself, without ()."
        )


def _is_model(value):
    import keras

    return isinstance(value, keras.Model)


# ---------------------------------------------------------------- building


def build(hypermodel, hp, where, compiled_by_tuner=False):
    """Build and check the model of ``hp``; ``where`` says which configuration it is.

    Returns:
        The model, or None when build refuses the configuration by a FailedTrialError.
    """
    import keras_tuner as kt

    try:
        model = hypermodel.build(hp) if hasattr(hypermodel, "build") else hypermodel(hp)
    except kt.errors.FailedTrialError:
        return None
    except Exception as error:
        raise ValueError(
            f"build(hp) fails {where} ({_values(hp.values)}): {_last_line(error)}. Correct build, "
            "or raise keras_tuner.errors.FailedTrialError there to skip such configurations."
        ) from error
    check_model(model, compiled_by_tuner)
    return model


def first_build(hypermodel, space=None, compiled_by_tuner=False):
    """Build with the default values; returns a digest of the model's layers, loss and optimizer."""
    import keras_tuner as kt

    hp = space.copy() if space else kt.HyperParameters()
    if hasattr(hypermodel, "declare_hyperparameters"):
        hypermodel.declare_hyperparameters(hp)
    model = build(hypermodel, hp, "with its default values", compiled_by_tuner)
    if not hp.space:
        raise ValueError(
            "build(hp) asks for no hyperparameter, so there is nothing to search: use hp, as in "
            'hp.Int("units", 8, 64).'
        )
    return model_digest(model)


def model_digest(model):
    """16 hexadecimal digits that change with a model's layers, loss, metrics or optimizer.

    Keras numbers the names of layers through a session: numbers at the end of names do not count.
    None for a model that Keras cannot describe.
    """
    if model is None:
        return None
    try:
        config = {"model": model.get_config(), "compile": model.get_compile_config()}
        text = json.dumps(config, default=str, sort_keys=True)
    except Exception:  # a custom layer without get_config
        return None
    text = re.sub(r"0x[0-9a-f]+", "", re.sub(r'_\d+"', '"', text))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_model(model, compiled_by_tuner=False):
    """Refuse what is not a compiled Keras model."""
    if not _is_model(model):
        hint = " Does it end with `return model`?" if model is None else ""
        raise TypeError(f"build(hp) returned {_short(model)}: return a compiled Keras model.{hint}")
    if not (model.compiled or compiled_by_tuner):
        raise ValueError(
            f"build(hp) returned the model {model.name!r} uncompiled: call model.compile("
            "optimizer, loss, metrics) before `return model`."
        )


def _short(value):
    text = repr(value)
    return text if len(text) < 60 else f"a {type(value).__name__}"


def both_ends(space, grid=False):
    """The values of the smallest and the largest configuration: {name: value} each.

    Args:
        space: list of KerasTuner hyperparameters.
        grid: take GridSearch's values, which can differ in type from those of other tuners.
    """
    ends = {}, {}
    for hp in space:
        low, high = hp.prob_to_value(0.0), hp.prob_to_value(np.nextafter(1.0, 0.0))
        if grid:
            values = list(hp.values)
            low, high = values[0], values[-1]
        ends[0][hp.name], ends[1][hp.name] = low, high
    return ends


def space_size(space):
    """How many configurations a space has; infinite with a continuous one, None with conditions."""
    if any(hp.conditions for hp in space):
        return None
    sizes = []
    for hp in space:
        kind = type(hp).__name__
        if kind == "Float" and hp.step is None:
            return math.inf
        if kind == "Int" and hp.step is None:
            sizes.append(hp.max_value - hp.min_value + 1)
        else:
            sizes.append(len(set(hp.values)))
    return math.prod(sizes)


# ---------------------------------------------------------------- search()'s arguments


def named(args, kwargs):
    """search()'s arguments by name; a place without a name counts as Keras' fit has it."""
    names = [*FIT_ORDER, *(f"argument {i + 1}" for i in range(len(FIT_ORDER), len(args)))]
    return dict(zip(names, args, strict=False)) | kwargs


def fit(tuner, arguments):
    """Check what search() will train on: data, objective, both ends of the space, one batch.

    Args:
        tuner: a careful tuner.
        arguments: search()'s arguments by name.

    Returns:
        {"bytes": of one trial's checkpoint on average, "largest": of the largest model's,
        "seconds": upper estimate for one trial}.
    """
    own_fit = has_own_fit(tuner.hypermodel)
    batch = arguments.get("batch_size") or 32
    _check_fit_numbers(arguments, own_fit)
    if not own_fit or "x" in arguments:
        _check_data(arguments)
    _check_validation(tuner.oracle.objective, arguments, own_fit)
    sizes, seconds = [], 0.0
    for end, values in zip(("smallest", "largest"), _ends(tuner), strict=True):
        hp = tuner.oracle.get_space()
        hp.values |= values
        hp.ensure_active_values()
        where = f"at the {end} end of the space"
        model = build(tuner.hypermodel, hp, where, bool(tuner.loss))
        if model is None or _is_oversized(tuner, model):
            continue
        _override(tuner, model)
        if end == "largest":
            seconds = _try_batch(tuner, model, arguments, batch, own_fit, hp)
        sizes.append(_checkpoint_bytes(model))
    epochs = arguments.get("epochs") or 1
    x = arguments.get("x")
    steps = math.ceil(len(x) / batch) if hasattr(x, "shape") else 1
    executions = tuner.executions_per_trial
    return {
        "bytes": int(np.mean(sizes)) if sizes else 0,
        "largest": max(sizes, default=0),
        "seconds": executions * (SECONDS_A_TRIAL + seconds * steps * epochs),
    }


def _ends(tuner):
    import keras_tuner as kt

    return both_ends(tuner.oracle.get_space().space, grid=isinstance(tuner, kt.GridSearch))


def _is_oversized(tuner, model):
    """Whether the tuner will skip this model for its ``max_model_size`` (trainable parameters)."""
    limit = tuner.max_model_size
    return bool(limit and model.built) and (
        sum(math.prod(weight.shape) for weight in model.trainable_weights) > limit
    )


def _override(tuner, model):
    if tuner.optimizer or tuner.loss or tuner.metrics:
        model.compile(
            optimizer=tuner.optimizer or model.optimizer,
            loss=tuner.loss or model.loss,
            metrics=tuner.metrics or None,
        )


def _checkpoint_bytes(model):
    """Bytes of the weights and of the optimizer's variables, which a checkpoint holds too."""
    if getattr(model, "optimizer", None) is not None and model.built:
        model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *getattr(model.optimizer, "variables", [])]
    return sum(math.prod(v.shape) * 4 for v in {id(v): v for v in variables}.values())


def _check_fit_numbers(arguments, own_fit):
    for name in ("epochs", "batch_size", "steps_per_epoch", "validation_steps"):
        if arguments.get(name) is not None:
            whole_number(name, arguments[name], 1)
    if not own_fit and "x" not in arguments:
        raise TypeError(
            "search() got no training data: give x and y, as in search(x_train, y_train, "
            "validation_data=(x_val, y_val), epochs=2)."
        )
    callbacks = arguments.get("callbacks")
    if callbacks is not None and not isinstance(callbacks, (list, tuple)):
        raise TypeError(
            f"callbacks={_short(callbacks)}: give a list, as in callbacks=[EarlyStopping()]."
        )


def _is_array(value):
    return hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "__array__")


def _check_pair(names, x, y):
    for name, value in zip(names, (x, y), strict=True):
        if isinstance(value, list):
            raise TypeError(
                f"{name} is a list of {len(value)}: give a NumPy array, np.array({name})."
            )
        if not _is_array(value):
            continue
        array = np.asarray(value)
        if array.ndim == 0 or len(array) == 0:
            raise ValueError(f"{name} has shape {array.shape}, so no examples: see how it is made.")
        if array.dtype.kind not in "buif":
            raise TypeError(
                f"{name} has dtype {array.dtype}, which a model cannot train on: convert it to "
                "numbers, for instance x.astype('float32')."
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = int(np.count_nonzero(~np.isfinite(array)))
            raise ValueError(
                f"{name} holds {bad} values that are NaN or infinite: remove or replace them, "
                "every loss would be NaN."
            )
    if _is_array(x) and _is_array(y) and len(x) != len(y):
        raise ValueError(
            f"{names[0]} has {len(x)} examples and {names[1]} has {len(y)}: they must be as many."
        )
    if _is_array(x) and y is None:
        raise TypeError(f"{names[1]} is missing: give the labels of {names[0]} beside it.")


def _check_data(arguments):
    x, y = arguments.get("x"), arguments.get("y")
    _check_pair(("x", "y"), x, y)
    held_out = arguments.get("validation_data")
    if isinstance(held_out, np.ndarray) or (
        isinstance(held_out, (tuple, list)) and len(held_out) not in (2, 3)
    ):
        raise TypeError("validation_data must be a pair: validation_data=(x_val, y_val).")
    if isinstance(held_out, (tuple, list)):
        _check_pair(("x_val", "y_val"), *held_out[:2])
        for name, train, val in (("x", x, held_out[0]), ("y", y, held_out[1])):
            if _is_array(train) and _is_array(val) and train.shape[1:] != val.shape[1:]:
                raise ValueError(
                    f"One example of {name} has shape {train.shape[1:]} in training and "
                    f"{val.shape[1:]} in validation: prepare both the same way."
                )
    split = arguments.get("validation_split")
    if split is not None and not (isinstance(split, numbers.Real) and 0 <= split < 1):
        raise ValueError(f"validation_split={split!r}: give a share between 0 and 1, such as 0.2.")


def _names(objective):
    return list(getattr(objective, "name_to_direction", {objective.name: None}))


def _check_validation(objective, arguments, own_fit):
    wanted = [name for name in _names(objective) if name.startswith("val_")]
    given = arguments.get("validation_data") is not None or arguments.get("validation_split")
    if wanted and not given and not own_fit:
        raise ValueError(
            f"The objective {wanted[0]!r} is measured on validation data and search() got none: "
            "give validation_data=(x_val, y_val), taken from the training data, not the test set."
        )


def _first_batch(arguments, batch):
    x, y = arguments.get("x"), arguments.get("y")
    if _is_array(x) and _is_array(y):
        return np.asarray(x[:batch]), np.asarray(y[:batch])
    if hasattr(x, "element_spec") and isinstance(x.element_spec, tuple):
        return next(iter(x.take(1)))[:2]
    return None


def _check_shapes(model, x, y):
    """Compare one batch with the input and output of a model of one input and one output."""
    try:
        takes, gives = tuple(model.input_shape), tuple(model.output_shape)
    except (AttributeError, TypeError, ValueError):
        return  # several inputs or outputs, or not built yet
    shape = tuple(x.shape)
    wanted = takes[1:]
    fits = len(wanted) == len(shape) - 1 and all(
        w in (None, s) for w, s in zip(wanted, shape[1:], strict=False)
    )
    if not fits and not (len(shape) == len(wanted) and wanted[-1] == 1):
        raise ValueError(
            f"One example of x has shape {shape[1:]} and the model takes {wanted}: make build's "
            "input shape that of the data."
        )
    loss = model.loss if isinstance(model.loss, str) else type(model.loss).__name__
    units = gives[-1]
    if re.fullmatch(r"sparse_?categorical_?crossentropy", loss, re.IGNORECASE):
        _check_labels(np.asarray(y), units)
    elif re.fullmatch(r"categorical_?crossentropy", loss, re.IGNORECASE):
        columns = y.shape[-1] if len(y.shape) > 1 else 1
        if columns != units:
            raise ValueError(
                f"y has {columns} column{'s' * (columns != 1)} and the model's last layer {units} "
                f"units: give one-hot labels with {units} columns, or let build use the number of "
                "classes."
            )


def _check_labels(labels, units):
    wrong = labels[(labels < 0) | (labels >= units)]
    if wrong.size:
        raise ValueError(
            f"The label {wrong.flat[0]} is out of range: the model's last layer has {units} units, "
            f"so labels go from 0 to {units - 1}. Renumber them, or let build use the number of "
            "classes."
        )


def _try_batch(tuner, model, arguments, batch, own_fit, hp):
    """Train the largest model on one batch; seconds that a second batch takes, 0 where unknown."""
    import keras

    sample = _first_batch(arguments, batch)
    if sample is None:
        return 0.0
    x, y = sample
    if not own_fit:
        _check_shapes(model, x, y)
        if _is_array(arguments.get("y")) and "sparse" in str(model.loss):
            _check_labels(np.asarray(arguments["y"]), model.output_shape[-1])
    model.run_eagerly = True  # no tracing: the check takes a fraction of a second
    try:
        keras.utils.set_random_seed(0)
        found = model.train_on_batch(x, y, return_dict=True)
        start = time.perf_counter()
        model.train_on_batch(x, y)
        seconds = time.perf_counter() - start
    except Exception as error:
        if own_fit:
            return 0.0  # its fit may prepare the data first
        raise ValueError(
            f"The largest model ({_values(hp.values)}) cannot train on one batch of {len(x)}: "
            f"{_last_line(error)}. Correct build or the data; if memory ran out, use a smaller "
            "batch_size or a smaller space."
        ) from error
    if not own_fit:
        known = [*found, *(f"val_{name}" for name in found)]
        for name in _names(tuner.oracle.objective):
            if name not in known and not arguments.get("callbacks"):
                raise ValueError(
                    f"The objective {name!r} is not among the metrics of the compiled model: "
                    f"{', '.join(known)}.{_nearest(name, known)}"
                )
    return seconds


# ---------------------------------------------------------------- disk


def check_room(folder, largest):
    """Refuse to start a trial on a disk without room for its weights.

    HDF5 can end the whole process when the disk fills up while it writes: better to stop before.
    """
    free = shutil.disk_usage(folder).free
    if free < 1.5 * largest + SPARE_BYTES:
        raise OSError(errno.ENOSPC, "No space left on device")


def check_disk(folder, needed, options):
    """Refuse a search whose checkpoints will not fit on the disk.

    Args:
        folder: the project directory, which need not exist.
        needed: bytes.
        options: what the message adds about making it smaller.
    """
    place = pathlib.Path(folder)
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        raise PermissionError(
            f"{state.shown(folder)} cannot be written: give a directory of your own, or have its "
            "permissions changed."
        )
    free = shutil.disk_usage(place).free
    if needed > free:
        raise OSError(
            f"The checkpoints of this search need about {needed / 1e6:,.0f} MB and the disk of "
            f"{state.shown(folder)} has {free / 1e6:,.0f} MB free: {options}"
        )
    return free
