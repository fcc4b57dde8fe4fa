"""What is looked at before the first trial; a mistake gives one message, and nothing was written.

Every check here is a chance to refuse something right, so there are twelve: the seed; the direction
of the objective; a model instead of build; build that returns nothing; tensorboard; one real batch
through the path that a trial takes, which finds lengths, shapes and labels that do not fit, on the
largest model and, where that cannot be built or trained (a note only), on the one with default
values; the objective among its metrics, and so validation data for a val_ objective; NaN in x that
the model does not take; the disk; and in ``fingerprint`` that the folder holds the same search.
"""

import errno
import inspect
import math
import numbers
import shutil

import numpy as np

from helpers import fingerprint, state

ONE_STEP = {"epochs": 1, "steps_per_epoch": 1, "validation_steps": 1, "validation_freq": 1}
SPARE_BYTES = 50_000  # state files, and what HDF5 adds to the weights


# ---------------------------------------------------------------- the tuner's arguments


def arguments(tuner_class, args, kwargs):
    """The arguments of a tuner's constructor by name."""
    found = {}
    parameters = inspect.signature(tuner_class).parameters
    for name, value in inspect.signature(tuner_class).bind(*args, **kwargs).arguments.items():
        found |= value if parameters[name].kind is inspect.Parameter.VAR_KEYWORD else {name: value}
    return found


def trains_itself(tuner_class):
    """Whether a tuner class trains in its own ``run_trial``, not in KerasTuner's."""
    import keras_tuner as kt

    owner = next(base for base in tuner_class.__mro__ if "run_trial" in vars(base))
    return not (issubclass(tuner_class, kt.Tuner) and owner.__module__.startswith("keras_tuner."))


def constructor(tuner_class, given):
    """Check the arguments of a tuner; returns a digest of the model with default values, or None.

    Raises:
        TypeError, ValueError: seed, objective or build is missing or of the wrong kind.
        ModuleNotFoundError: tensorboard is missing.
    """
    import keras
    import keras_tuner as kt

    seed = given.get("seed")
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral):
        raise TypeError(
            f"seed={seed!r}: give a whole number, as in seed=1; the same seed gives the same "
            "trials again."
        )
    objectives = given.get("objective")
    for one in objectives if isinstance(objectives, list) else [objectives]:
        if isinstance(one, str):
            raise TypeError(
                f"objective={one!r} leaves the direction to a guess, which is wrong for some "
                f'metrics: write kt.Objective({one!r}, "min") or kt.Objective({one!r}, "max").'
            )
    if keras.backend.backend() == "tensorflow":
        import tensorboard  # noqa: F401  KerasTuner imports it in every trial (Keras #22376)
    build = given.get("hypermodel")
    if isinstance(build, keras.Model):
        raise TypeError(
            f"hypermodel is the model {build.name!r}, not a function that builds one: pass build "
            "itself, without ()."
        )
    if build is None or trains_itself(tuner_class):
        return None
    hp = given["hyperparameters"].copy() if given.get("hyperparameters") else kt.HyperParameters()
    if isinstance(build, kt.HyperModel):
        build.declare_hyperparameters(hp)
    model = build.build(hp) if isinstance(build, kt.HyperModel) else build(hp)
    if model is None:
        raise TypeError("build(hp) returned None: does it end with `return model`?")
    return fingerprint.model_digest(model)


# ---------------------------------------------------------------- search()'s arguments


class _Stepped(BaseException):
    """Ends a fit after its first step, with what its History holds."""


class _NotTrained(Exception):
    """Keras could not take the first step."""


def _one_step(model, eagerly):
    """Let the model's ``fit`` take one step, whoever calls it, and end there."""
    fit = model.fit

    def stepped(*args, **kwargs):
        model.run_eagerly = eagerly
        try:
            given = inspect.signature(fit).bind(*args, **kwargs).arguments
            found = fit(**(given | ONE_STEP | {"verbose": 0, "callbacks": None}))
        except Exception as error:
            raise _NotTrained(error) from error
        raise _Stepped(found.history)

    model.fit = stepped


def _step(tuner, hp, args, kwargs):
    """One batch through a trial's path: (model, names of the metrics or None where not called).

    Without tracing first, which is quick, and when that fails as the trial would.
    """
    hp.ensure_active_values()
    for eagerly in (True, False):
        model = tuner._build_hypermodel(hp)
        _one_step(model, eagerly)
        try:
            tuner.hypermodel.fit(hp, model, *args, **kwargs)
        except _Stepped as done:
            return model, list(done.args[0])
        except _NotTrained:
            if not eagerly:
                raise
        except Exception:  # somebody's own fit, before it called the model's
            break
    return model, None


def _spaces(tuner):
    """Search spaces with the values of the largest model, and with the default values."""
    largest, default = tuner.oracle.get_space(), tuner.oracle.get_space()
    for hp in largest.space:
        values = list(hp.values) if hasattr(tuner.oracle, "_ordered_ids") else None
        largest.values[hp.name] = values[-1] if values else hp.prob_to_value(np.nextafter(1.0, 0.0))
    return {"largest": largest, "default": default}


def search(tuner, args, kwargs):
    """Take one batch through the path of a trial; returns the bytes of the largest checkpoint.

    Not where a tuner trains in its own way, where a HyperModel's own ``fit`` does not call
    another's, and not for an iterator, whose first batch would be gone.

    Raises:
        ValueError: no model can be trained, the objective is not measured, or NaN in x.
        OSError: the checkpoints do not fit on the disk.
    """
    import keras_tuner as kt

    fit = dict(zip(fingerprint.FIT_ORDER, args, strict=False)) | kwargs
    if trains_itself(tuner.tuner_class) or hasattr(fit.get("x"), "__next__"):
        return 0
    if "fit" not in type(tuner.hypermodel).fit.__code__.co_names:
        return 0
    for which, hp in _spaces(tuner).items():
        try:
            model, metrics = _step(tuner, hp, args, kwargs)
        except _NotTrained as error:
            if which == "default":
                raise ValueError(
                    "No trial can train: Keras cannot take one batch through the model with "
                    f"default values. Correct build or the data. Keras says:\n{error}"
                ) from error
            print(f"Note: the largest model of the space cannot train ({state.reason(str(error))})")
        except Exception as error:
            print(f"Note: build(hp) fails at the {which} end: {state.reason(repr(error))}")
        else:
            break
    else:
        return 0
    own_fit = type(tuner.hypermodel).fit is not kt.HyperModel.fit  # may return other metrics
    if metrics is not None and not own_fit and not fit.get("callbacks"):
        _check_objective(tuner.oracle.objective, metrics)
    _check_nan(model, fit.get("x"))
    variables = [*model.variables, *getattr(getattr(model, "optimizer", 0), "variables", [])]
    size = sum(math.prod(v.shape) * 4 for v in {id(v): v for v in variables}.values())
    check_room(tuner.project_path.parent, tuner.missing() * size)
    return size


def _check_objective(objective, metrics):
    for name in getattr(objective, "name_to_direction", [objective.name]):
        if name not in (*metrics, "default_objective"):
            raise ValueError(
                f"The objective {name!r} is not measured: a trial gives {', '.join(metrics)}. "
                "A val_ metric needs validation_data, and every metric its name in compile."
            )


def _check_nan(model, x):
    if isinstance(x, np.ndarray) and x.dtype.kind == "f" and np.isnan(x).any():
        rows = x[np.isnan(x).reshape(len(x), -1).any(axis=1)][:32]
        if not np.isfinite(model.predict_on_batch(rows)).all():
            raise ValueError(
                f"x holds {np.isnan(x).sum()} values that are NaN, and so are the model's outputs: "
                "remove or replace them."
            )


def check_room(folder, needed):
    """Refuse to fill the disk of ``folder`` with ``needed`` bytes of checkpoints.

    HDF5 can end the whole process when the disk fills up while it writes: better to stop before.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise OSError(
            errno.ENOSPC,
            f"No space left on device for {needed / 1e6:,.0f} MB of checkpoints; free space",
        )
