"""The search layer: KerasTuner's own tuners, so that a search loses, mixes up and hides nothing.

``careful(kt.RandomSearch)`` gives a subclass that is used like the original, for every tuner class
and for your own subclasses. It adds a seed for each trial, state files that survive a kill or a
full disk, a fingerprint and a lock in the project directory, one real batch before the first trial,
a line of progress, a word on each failure when it happens, and the history of every epoch. What
plain KerasTuner runs, it runs, with the same proposals. Plain KerasTuner is untouched.
"""

import contextlib
import functools
import gc
import os
import pathlib
import time
import zlib

import numpy as np

from helpers import fingerprint, preflight, state
from helpers.evaluate import sign_of
from helpers.progress import Line
from helpers.state import HISTORY, write_json

SEED_FOR_ZERO = 2**31 - 1  # KerasTuner takes seed=0 for "no seed": its oracle gets this instead
NOT_SCORED = (  # arguments that say nothing about a score, or stand elsewhere in the fingerprint
    *("hypermodel", "oracle", "objective", "seed", "directory", "project_name", "overwrite"),
    *("max_trials", "hyperparameters", "max_consecutive_failed_trials", "tuner_id"),
)


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


def named(stem, **settings):
    """A folder name that says which search is in it: ``random_search-trials10-epochs2-seed1``.

    Args:
        stem: what the name starts with.
        **settings: everything that the scores depend on. ``data=data.digest`` is cut to 6 digits;
            it stands for the data set, the number of images and their split.
    """
    settings = {k: v[:6] if k == "data" else v for k, v in settings.items()}
    return "-".join([stem, *(f"{name}{value}" for name, value in settings.items())])


def trial_seed(seed, trial_id):
    """The random seed of one trial: a function of the search's seed and the trial id alone."""
    number = int(trial_id) if trial_id.isdigit() else zlib.crc32(trial_id.encode())
    return (1000 * seed + number) % 2**32


class CarefulMixin:
    """Mixed in front of a KerasTuner tuner class by ``careful``.

    Args:
        seed: whole number; needed, except with an ``oracle``, whose seed counts. The same seed
            gives the same trials, bit for bit.
        progress: False shows no line of progress.
        accept_mismatch: True goes on with trials that were made under other settings.
        check: False sends no batch through a trial's path before the first trial.
        stop_lost: epochs, as (1, 3), after which a trial ends that is not in the best third of all
            that got there (Li and others 2020, "A System for Massively Parallel Hyperparameter
            Tuning", MLSys); not for Hyperband. It is COMPLETED, with the best epoch that it had.
        The other arguments are those of the KerasTuner class.
    """

    def __init__(
        self, *args, progress=True, accept_mismatch=False, check=True, stop_lost=(), **kwargs
    ):
        given = preflight.arguments(self.tuner_class, args, kwargs)
        own_seed = given.get("seed", getattr(given.get("oracle"), "seed", None))
        self.model_digest = preflight.constructor(self.tuner_class, given | {"seed": own_seed})
        self.progress, self.accept_mismatch, self.check = progress, accept_mismatch, check
        self.stop_lost = tuple(stop_lost)
        self._runs = {}  # the executions of ended trials by folder, read once
        self._largest = 0  # bytes of the largest model's checkpoint, as far as known
        self._constructed = False
        if "seed" in given:
            given["seed"] = own_seed or SEED_FOR_ZERO
        overwrite = given.pop("overwrite", False)
        super().__init__(**given)
        self._constructed = True
        self.seed = own_seed  # some KerasTuner classes set it to what their oracle got
        if state.role() == "worker":  # the chief owns the directory
            return
        state.make_careful(self.oracle)
        not_scored = {k: v for k, v in given.items() if k not in NOT_SCORED}
        not_scored |= {"stop_lost": self.stop_lost} if stop_lost else {}
        self._identity = fingerprint.of_tuner(self, not_scored)
        self._open(overwrite)

    # ------------------------------------------------ the project directory

    @property
    def project_dir(self):
        """The folder of this search, made when it is missing.

        KerasTuner's constructor would reload what is there, before its trials are known to fit:
        to it the folder looks new, and ``_open`` loads it afterwards, compared and locked.
        """
        if not self._constructed:
            return os.path.join(str(self.directory), self.project_name, "new")
        self.project_path.mkdir(parents=True, exist_ok=True)
        return str(self.project_path)

    @property
    def project_path(self):
        """The folder of this search, not made."""
        return pathlib.Path(self.directory) / self.project_name

    def _open(self, overwrite):
        """Load the trials that are in the project directory, or move them aside."""
        folder = self.project_path
        if not (folder / "oracle.json").exists() and not any(folder.glob("trial_*/trial.json")):
            return
        with state.lock(folder):
            if overwrite:
                moved = state.move_aside(folder)
                print(f"Moved the earlier search {state.shown(folder)} to {moved.name}.")
                return
            if (folder / state.FINGERPRINT).exists():  # plain KerasTuner's has none
                fingerprint.compare(folder, self._identity, self.accept_mismatch)
            self.reload()

    def reload(self):
        """Load the trials of the project directory; says how many."""
        self.oracle.reload()
        if done := len(self._ended()):
            wanted = self.oracle.max_trials or "all"
            print(f"{done} of {wanted} trials are already finished in {self._shown}.")

    def save(self):
        """Save the oracle, and the empty tuner file by which KerasTuner knows a project."""
        if state.role() != "worker":
            self.oracle.save()
        path = pathlib.Path(self.project_dir) / f"{self.tuner_id}.json"
        if not path.exists():
            write_json(path, self.get_state())

    @property
    def _shown(self):
        return state.shown(self.project_path)

    def _ended(self):
        return [t for t in self.oracle.trials.values() if t.status in state.ENDED]

    def missing(self):
        """How many trials are still to run, as far as that is known."""
        return (self.oracle.max_trials or len(self.oracle.trials) + 1) - len(self._ended())

    # ------------------------------------------------ searching

    def search(self, *fit_args, **fit_kwargs):
        """Search as KerasTuner does; arguments are those of ``model.fit``.

        Raises:
            ValueError, OSError: a mistake found before the first trial; nothing was written.
            Mismatch: the directory holds trials of another search.
            ProjectInUse: another process searches there.
            FatalRuntimeError: the disk is full; free space and call search() again.
        """
        if len(fit_args) < 5 and not self._trains_itself():
            fit_kwargs = {"verbose": 0} | fit_kwargs
        if state.role() == "worker":
            self._line = Line(self)
            super().search(*fit_args, **fit_kwargs)
            return
        with state.lock(self.project_path):
            if self.missing() > 0:
                present = self._identity | {"fit": fingerprint.describe_fit(fit_args, fit_kwargs)}
                fingerprint.compare(self.project_path, present, self.accept_mismatch)
                if self.check:
                    self._largest = preflight.search(self, fit_args, fit_kwargs)
            self._check_unchanged()
            if self.missing() > 0:
                write_json(pathlib.Path(self.project_dir) / state.FINGERPRINT, present)
            self._line = Line(self)
            try:
                super().search(*fit_args, **fit_kwargs)
            finally:
                self._line.close()
        if self.oracle.max_trials and self.missing() > 0 and not self.oracle.ongoing_trials:
            print(
                f"The search ended after {len(self._ended())} of {self.oracle.max_trials} trials: "
                "the oracle has no more (it found nothing untried, or was told to stop)."
            )

    def _check_unchanged(self):
        """Refuse to write over what another tuner wrote since this one was made."""
        path = self.project_path / "oracle.json"
        if (path.read_text(encoding="utf-8") if path.exists() else None) != self.oracle.written:
            raise state.ProjectInUse(
                f"{self._shown} has changed since this tuner was made: make the tuner again, then "
                "call search()."
            )

    def _trains_itself(self):
        """Whether somebody's own run_trial or HyperModel.fit trains, which may not take verbose."""
        import keras_tuner as kt

        if preflight.trains_itself(self.tuner_class):
            return True
        return type(self.hypermodel).fit is not kt.HyperModel.fit

    def on_search_begin(self):
        """Move everything imported so far out of the garbage collector's sight (#395)."""
        gc.collect()
        gc.freeze()
        super().on_search_begin()
        self._asked = time.perf_counter()

    def on_trial_begin(self, trial):
        """Measure how long the oracle took to propose this trial."""
        super().on_trial_begin(trial)
        self._proposal = time.perf_counter() - self._asked
        self._line.show(trial)

    def run_trial(self, trial, *args, **kwargs):
        """Seed, train and keep the history of every execution in ``trial_<id>/history.json``."""
        import keras
        import keras_tuner as kt

        folder = pathlib.Path(self.get_trial_dir(trial.trial_id))
        history = {
            "worker": os.environ.get("KERASTUNER_TUNER_ID", "serial"),
            "started": round(time.time(), 3),
        }
        start, cpu = time.perf_counter(), time.process_time()
        try:
            preflight.check_room(folder, 1.5 * self._largest)
            keras.utils.set_random_seed(trial_seed(self.seed, trial.trial_id))
            results = super().run_trial(trial, *args, **kwargs)
            history |= {
                "executions": executions(results),
                "seconds": round(time.perf_counter() - start, 3),
                "cpu_seconds": round(time.process_time() - cpu, 3),
                "proposal_seconds": round(self._proposal, 3),
            }
            write_json(folder / HISTORY, history)
            self._runs[folder.name] = history["executions"]
        except Exception as error:
            if state.disk_is_full(error):  # not the trial's fault: it runs again later
                raise kt.errors.FatalRuntimeError(
                    f"The disk is full. The finished trials are kept in {self._shown}: free space, "
                    "then call search() again, it goes on with the trial that was interrupted."
                ) from error
            raise
        return results

    def on_epoch_end(self, trial, model, epoch, logs=None):
        """Show the progress, and end a trial that has lost."""
        super().on_epoch_end(trial, model, epoch, logs)
        if epoch + 1 in self.stop_lost and self._has_lost(trial, epoch, logs):
            model.stop_training = True
        self._line.show(trial)

    def _has_lost(self, trial, epoch, logs):
        """Whether more than a third of the trials that got here were better; histories say it."""
        goal, own = self.oracle.objective, f"trial_{trial.trial_id}"
        for name in set(os.listdir(self.project_path)) - set(self._runs):
            if history := state.read_json(self.project_path / name / HISTORY):
                self._runs[name] = history.get("executions", [])
        runs = [run for name, found in self._runs.items() if name != own for run in found]
        there = [run[goal.name][epoch] for run in runs if len(run.get(goal.name, ())) > epoch]
        values = sign_of(goal.direction) * np.array([logs[goal.name], *there], dtype=float)
        own, *others = np.nan_to_num(values, nan=np.inf)
        return sum(other < own for other in others) >= max(1, len(values) // 3)

    def on_trial_end(self, trial):
        """Record the trial, and say why it failed."""
        super().on_trial_end(trial)
        if state.role() == "serial":
            trial = self.oracle.trials[trial.trial_id]
            self._line.end(trial)
        if trial.status not in ("COMPLETED", "RUNNING"):
            print(f"Trial {trial.trial_id} failed: {state.reason(trial.message)}")
        self._asked = time.perf_counter()


def executions(results):
    """What ``run_trial`` returned, as one {metric: [value of each epoch]} a training."""
    found = []
    for result in results if isinstance(results, list) else [results]:
        metrics = getattr(result, "history", result)
        metrics = metrics if isinstance(metrics, dict) else {"score": metrics}
        with contextlib.suppress(TypeError, ValueError):  # whatever KerasTuner takes is fine
            found.append({name: _floats(values) for name, values in metrics.items()})
    return found


def _floats(values):
    return [float(value) for value in (values if isinstance(values, list) else [values])]


@functools.cache
def careful(tuner_class):
    """Return ``tuner_class`` with ``CarefulMixin`` in front; the same class for the same argument.

    Args:
        tuner_class: kt.RandomSearch, kt.GridSearch, kt.Hyperband, kt.BayesianOptimization,
            kt.SklearnTuner, kt.Tuner, or your own subclass of one.
    """
    name = f"Careful{tuner_class.__name__}"
    return type(name, (CarefulMixin, tuner_class), {"tuner_class": tuner_class})
