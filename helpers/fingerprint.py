"""What trials were made with, in words and digests, so that a project holds those of one search.

The texts are stored in ``fingerprint.json``: a change of one makes every earlier project differ.
"""

import hashlib
import json
import re

import numpy as np

from helpers import checks, state

NOT_FITTED = ("TensorBoard", "CSVLogger", "ModelCheckpoint", "ProgbarLogger", "BackupAndRestore")
FIT_ORDER = ("x", "y", "batch_size", "epochs", "verbose", "callbacks")


def model_digest(model):
    """16 hexadecimal digits that change with a model's layers, loss, metrics or optimizer.

    Keras numbers the names of layers through a session: numbers at the end of names do not count.
    None for a model that Keras cannot describe.
    """
    try:
        config = {"model": model.get_config(), "compile": model.get_compile_config()}
        text = json.dumps(config, default=str, sort_keys=True)
    except Exception:  # a custom layer without get_config
        return None
    text = re.sub(r"0x[0-9a-f]+", "", re.sub(r'_\d+"', '"', text))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest(array):
    """Dtype, shape and the first 16 digits of the SHA-256 of an array's bytes, as one string."""
    array = np.ascontiguousarray(array)
    sha = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    flat = array.reshape(-1)
    sha.update(repr(flat.tolist()).encode() if array.dtype.hasobject else flat.view(np.uint8))
    return f"{array.dtype} {array.shape} sha256 {sha.hexdigest()[:16]}"


def describe(value):
    """A JSON value that changes when ``value`` does, as far as that can be told."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    if hasattr(value, "element_spec"):  # tf.data: the elements cannot be compared cheaply
        return f"{type(value).__name__} {value.element_spec}"
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        return digest(array) if array.size else f"{array.dtype} {array.shape}"
    return type(value).__name__


def describe_callbacks(callbacks):
    """Class and settings of the callbacks that can change a score; loggers are left out."""
    found = []
    for callback in callbacks or []:
        settings = {
            key: value
            for key, value in sorted(vars(callback).items())
            if not key.startswith("_") and isinstance(value, (bool, int, float, str))
        }
        name = type(callback).__name__
        if name not in NOT_FITTED:
            found.append(f"{name} {json.dumps(settings)}" if settings else name)
    return found


def of_tuner(tuner, arguments):
    """The fingerprint of a careful tuner; ``arguments`` are those of its constructor that score."""
    executions = getattr(tuner, "executions_per_trial", 1)
    return {
        "tuner": tuner.tuner_class.__name__,
        "objective": str(tuner.oracle.objective),
        "seed": int(tuner.seed),
        "space": describe_space(tuner.oracle.get_space().space),
        "model (layers, loss, optimizer)": tuner.model_digest,
        "arguments": describe({"executions_per_trial": executions} | arguments),
        "versions": versions(),
    }


def describe_fit(args, kwargs):
    """The fingerprint of search()'s arguments: arrays by digest, callbacks by their settings."""
    names = [*FIT_ORDER, *(f"argument {i + 1}" for i in range(len(FIT_ORDER), len(args)))]
    fit = dict(zip(names, args, strict=False)) | kwargs
    described = {k: describe(v) for k, v in fit.items() if k not in ("verbose", "callbacks")}
    described["callbacks"] = describe_callbacks(fit.get("callbacks"))
    return {name: value for name, value in described.items() if value not in (None, [])}


def describe_space(space):
    """{name: settings} of a list of hyperparameters, settings as one readable string."""
    described = {}
    for hp in space:
        config = {k: v for k, v in hp.get_config().items() if k != "name" and v not in (None, [])}
        text = f"{type(hp).__name__} {json.dumps(config, default=str)}"
        described[hp.name] = " | ".join(filter(None, [described.get(hp.name), text]))
    return described


def versions():
    """Versions of the packages that a score depends on."""
    import keras
    import keras_tuner

    found = {"keras": keras.__version__, "keras_tuner": keras_tuner.__version__}
    backend = keras.backend.backend()
    return found | {backend: checks.installed(backend)}


def _flat(value, prefix=""):
    if isinstance(value, dict) and value:
        return {
            k: v for key, item in value.items() for k, v in _flat(item, f"{prefix}{key}.").items()
        }
    return {prefix.rstrip("."): value}


def compare(folder, present, accept=False):
    """Refuse a project directory whose fingerprint differs from ``present`` in what that has.

    Not with ``accept``, nor where there are no trials.

    Raises:
        helpers.state.Mismatch: with a line for every difference, and the three ways on.
    """
    if accept or not any(folder.glob("trial_*/trial.json")):
        return
    stored = state.read_json(folder / state.FINGERPRINT)
    before = _flat({k: stored.get(k) for k in present}) if isinstance(stored, dict) else {}
    now = _flat(present)
    lines = [
        f"  - {name}: {before.get(name, 'absent')!r} there, {now.get(name, 'absent')!r} now"
        for name in dict.fromkeys([*before, *now])
        if before.get(name, "absent") != now.get(name, "absent")
    ]
    if not before:
        lines = ["  - fingerprint: none there, so seed, space and data cannot be compared"]
    if lines:
        raise state.Mismatch(
            f"{state.shown(folder)} holds trials of another search. What differs:\n"
            + "\n".join(lines)
            + "\nThree ways on: give another project_name; pass overwrite=True (the old trials are "
            "moved aside, not deleted); or, if the old trials are still right for you, pass "
            "accept_mismatch=True."
        )
