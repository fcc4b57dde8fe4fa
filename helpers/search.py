"""The search layer: KerasTuner's own tuners, made reproducible, with the history of every epoch kept.

``careful(kt.RandomSearch)`` gives a subclass that is used exactly like the original. It builds on
KerasTuner's public hooks (``run_trial``, ``on_search_begin``, ``on_trial_end``) only.
"""

import functools
import gc
import json
import os
import pathlib
import tempfile
import time

HISTORY = "history.json"


def log_dir(directory):
    """The absolute folder in which searches keep their records.

    Args:
        directory: an absolute path stays as it is; a relative one is taken from the folder that the
            environment variable COURSE_OUTPUT names, else from the repository's root.

    Returns:
        A ``pathlib.Path``; the folder is not created.
    """
    root = os.environ.get("COURSE_OUTPUT") or pathlib.Path(__file__).resolve().parent.parent
    return pathlib.Path(root).resolve() / directory


def write_json(path, value):
    """Write ``value`` as JSON so that a kill or a full disk leaves the old file or the new, whole."""
    path = pathlib.Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        pathlib.Path(temporary).unlink(missing_ok=True)
        raise


def trial_seed(seed, trial_id):
    """The random seed of one trial: a function of the search's seed and the trial id alone."""
    return 1000 * seed + int(trial_id)


class CarefulMixin:
    """Adds per-trial seeding and the history of every epoch to a KerasTuner tuner class."""

    def __init__(self, *args, seed, **kwargs):
        self.seed = seed
        super().__init__(*args, seed=seed, **kwargs)

    def on_search_begin(self):
        """Move everything imported so far out of the garbage collector's sight."""
        gc.collect()
        gc.freeze()
        super().on_search_begin()

    def run_trial(self, trial, *args, **kwargs):
        """Seed, train and keep the history of every execution in ``trial_<id>/history.json``."""
        import keras

        keras.utils.set_random_seed(trial_seed(self.seed, trial.trial_id))
        start = time.perf_counter()
        histories = super().run_trial(trial, *args, **kwargs)
        seconds = time.perf_counter() - start
        executions = [
            {name: [float(value) for value in values] for name, values in h.history.items()}
            for h in histories
        ]
        write_json(
            pathlib.Path(self.get_trial_dir(trial.trial_id)) / HISTORY,
            {"executions": executions, "seconds": round(seconds, 3)},
        )
        return histories


@functools.cache
def careful(tuner_class):
    """Return ``tuner_class`` with ``CarefulMixin`` in front; the same class for the same argument."""
    return type(f"Careful{tuner_class.__name__}", (CarefulMixin, tuner_class), {})
