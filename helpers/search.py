"""The search layer: KerasTuner's own tuners, so that a search loses, mixes up and hides nothing.

``careful(kt.RandomSearch)`` gives a subclass that is used like the original, for all four tuners
and for your own subclasses. It adds seeds per trial, state files that survive a kill or a full
disk, a fingerprint and a lock in the project directory, checks before the first trial, progress,
a word on everything that went wrong, and the history of every epoch. Plain KerasTuner is untouched.
"""

import contextlib
import errno
import functools
import gc
import os
import pathlib
import time

from helpers import preflight, state
from helpers.progress import Progress
from helpers.state import HISTORY, write_json

__all__ = ["HISTORY", "CarefulMixin", "careful", "log_dir", "named", "trial_seed", "write_json"]

SEED_FOR_ZERO = 2**31 - 1  # KerasTuner takes seed=0 for "no seed": its oracle gets this instead
TOO_MANY_FAILURES = "Number of consecutive failures"


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
    return 1000 * seed + int(trial_id)


class CarefulMixin:
    """Mixed in front of a KerasTuner tuner class by ``careful``.

    Args:
        seed: whole number from 0; needed. The same seed gives the same trials, bit for bit.
        progress: "auto" shows progress unless search() gets verbose=0; True always; False never.
        keep_checkpoints: keep the weights of the best so many trials only; None keeps all.
        accept_mismatch: True goes on with trials that were made under other settings.
        check: False skips the checks of data, build function and disk before the first trial.
        The other arguments are those of the KerasTuner class, most of them by name.
    """

    def __init__(
        self,
        *args,
        seed=None,
        progress="auto",
        keep_checkpoints=None,
        accept_mismatch=False,
        check=True,
        **kwargs,
    ):
        preflight.options(progress, keep_checkpoints, accept_mismatch, check)
        given = preflight.constructor(self.tuner_class, args, kwargs | {"seed": seed})
        self._given = given
        self.keep_checkpoints = keep_checkpoints
        self.accept_mismatch = accept_mismatch
        self.check = check
        self.progress = progress
        self._fit_verbose = None
        self._asked = self._proposal = 0.0  # when the oracle was asked, and how long it took
        self._largest = 0  # bytes of the largest model's weights, as far as known
        self.model_digest = self._first_build(given)
        self._loading = True  # see project_dir
        super().__init__(**(given | {"seed": seed or SEED_FOR_ZERO, "overwrite": False}))
        self._loading = False
        self.seed = seed  # some KerasTuner classes set it to what their oracle got
        if state.role() != "worker":  # the chief owns the directory
            self.initial_space = self.oracle.get_space().space
            self._open(given.get("overwrite", False))

    def _first_build(self, given):
        """Build with the default values, so that a mistake in build gives one message."""
        if preflight.has_own_run_trial(self.tuner_class) or given.get("hypermodel") is None:
            return None
        return preflight.first_build(
            given["hypermodel"], given.get("hyperparameters"), bool(given.get("loss"))
        )

    # ------------------------------------------------ the project directory

    @property
    def oracle(self):
        """KerasTuner's oracle, made careful on its way in."""
        return self._oracle

    @oracle.setter
    def oracle(self, value):
        import keras_tuner as kt

        self._oracle = state.make_careful(value) if isinstance(value, kt.Oracle) else value

    @property
    def project_dir(self):
        """The folder of this search, made when it is missing.

        During KerasTuner's constructor it names a folder that is not there, so that the constructor
        writes, deletes and reloads nothing: ``_open`` does that afterwards, checked and locked.
        """
        path = os.path.join(str(self.directory), self.project_name)
        if self._loading:
            return os.path.join(path, "not-open-yet")
        os.makedirs(path, exist_ok=True)
        return path

    @property
    def project_path(self):
        """The folder of this search, not made."""
        return pathlib.Path(self.directory) / self.project_name

    def _open(self, overwrite):
        """Load the trials that are in the project directory, or move them aside."""
        folder = self.project_path
        with state.lock_if_used(folder, self):
            if overwrite:
                moved = state.move_aside(folder)
                if moved:
                    print(f"Moved the earlier search {state.shown(folder)} to {moved.name}.")
            elif _holds_search(folder):
                self._verify(self._identity())
                self.reload()

    def reload(self):
        """Load the trials of the project directory; says how many, and what had to be repaired."""
        self.oracle.reload()
        notes = self.oracle.repair.notes
        for note in notes:
            print(note)
        done = len(self._ended())
        wanted = self.oracle.max_trials or "all"
        if done:
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

    def _identity(self):
        """The part of the fingerprint that is known before search()."""
        not_scored = {"hypermodel", "objective", "seed", "directory", "project_name", "overwrite"}
        not_scored |= {"max_trials", "hyperparameters", "max_consecutive_failed_trials", "tuner_id"}
        arguments = {k: v for k, v in self._given.items() if k not in not_scored}
        return {
            "tuner": self.tuner_class.__name__,
            "objective": str(self.oracle.objective),
            "seed": int(self.seed),
            "space": state.describe_space(self.initial_space),
            "model (layers, loss, optimizer)": self.model_digest,
            "arguments": state.describe(
                {"executions_per_trial": self.executions_per_trial} | arguments
            ),
            "versions": state.versions(),
        }

    def _verify(self, present):
        """Refuse a directory whose trials were made under other settings than ``present``."""
        folder = self.project_path
        if self.accept_mismatch or not any(folder.glob("trial_*")):
            return
        stored = state.read_json(folder / state.FINGERPRINT)
        if isinstance(stored, dict):
            lines = state.differences({k: stored.get(k) for k in present}, present)
        else:
            lines = state.plain_differences(folder, self.initial_space, self.oracle)
            if "fit" in present and not lines and self._left():
                lines = ["fingerprint: none in the directory, so its data cannot be compared"]
        if lines:
            raise state.refuse(folder, lines)

    def _left(self):
        """How many trials are still to run, as far as that is known."""
        if self.oracle.max_trials is None:
            return 1
        return self.oracle.max_trials - len(self._ended())

    # ------------------------------------------------ searching

    def search(self, *fit_args, **fit_kwargs):
        """Search as KerasTuner does; arguments are those of ``model.fit``.

        Raises:
            ValueError, TypeError: a mistake found before the first trial; nothing was written.
            Mismatch: the directory holds trials of another search.
            ProjectInUse: another process searches there.
            OSError: the disk is full; free space and call search() again.
            RuntimeError: too many trials failed in a row.
        """
        if state.role() == "worker":
            self._search(fit_args, fit_kwargs)
            return
        verbose = fit_kwargs.get("verbose")
        fit = preflight.named(fit_args, fit_kwargs)
        estimate = self._check_before(fit)
        folder = self.project_path
        with state.lock(folder, self):
            self._check_unchanged()
            fingerprint = self._identity() | {"fit": state.describe_fit(fit)}
            self._verify(fingerprint)
            with self._explained():
                folder.mkdir(parents=True, exist_ok=True)
                state.remove_leftovers(folder)
                write_json(folder / state.FINGERPRINT, fingerprint)
                self._show = Progress(self, self.progress, verbose, estimate)
                try:
                    self._search(fit_args, fit_kwargs)
                finally:
                    self._show.close()
        for line in self.problems():
            print(line)

    def _search(self, fit_args, fit_kwargs):
        """Call KerasTuner's search with its own display off; ``verbose`` is for the trainings."""
        self._fit_verbose = fit_kwargs.get("verbose")
        if "verbose" in fit_kwargs:
            fit_kwargs = fit_kwargs | {"verbose": 0}
        if state.role() != "worker":
            self.oracle.verbose = 0
        super().search(*fit_args, **fit_kwargs)

    def _check_before(self, fit):
        """Run the checks of data, build function and disk; returns their estimate."""
        if not (self.check and self._left() > 0):
            return None
        own = preflight.has_own_run_trial(type(self)) or self.hypermodel is None
        estimate = {"bytes": 0, "seconds": None} if own else preflight.fit(self, fit)
        self._largest = estimate.get("largest", 0)
        left = min(self._left(), self.keep_checkpoints or self._left())
        estimate["bytes"] *= left
        preflight.check_disk(
            self.project_path,
            estimate["bytes"],
            "free space, use another directory, or pass keep_checkpoints=1 to keep the best only.",
        )
        return estimate

    def _check_unchanged(self):
        """Refuse to write over what another tuner wrote since this one was made."""
        path = self.project_path / "oracle.json"
        text = path.read_text() if path.exists() else None
        if text != self.oracle.written:
            raise state.ProjectInUse(
                f"{self._shown} has changed since this tuner was made: make the tuner again, then "
                "call search()."
            )

    @contextlib.contextmanager
    def _explained(self):
        """Turn a full disk and a row of failures into one message each."""
        try:
            yield
        except Exception as error:
            done = f"{len(self._ended())} finished trials are kept in {self._shown}"
            if state.disk_is_full(error):
                raise OSError(
                    errno.ENOSPC,
                    f"The disk is full or cannot be written. {done}; free space, then call "
                    "search() again: it goes on with the trial that was interrupted",
                ) from error
            if isinstance(error, RuntimeError) and TOO_MANY_FAILURES in str(error):
                failed = [t for t in self._ended() if t.status == "FAILED"]
                limit = self.oracle.max_consecutive_failed_trials
                reason = f" {reason_of(failed[-1])}" if failed else ""
                raise RuntimeError(
                    f"The last {limit} trials failed, so the search stopped.{reason} Correct build "
                    f"or the data and start again with another project_name ({done})."
                ) from error
            raise

    def on_search_begin(self):
        """Move everything imported so far out of the garbage collector's sight."""
        gc.collect()
        gc.freeze()
        super().on_search_begin()
        self._asked = time.perf_counter()

    def on_trial_begin(self, trial):
        """Measure how long the oracle took to propose this trial."""
        super().on_trial_begin(trial)
        self._proposal = time.perf_counter() - self._asked

    def run_trial(self, trial, *args, **kwargs):
        """Seed, train and keep the history of every execution in ``trial_<id>/history.json``."""
        import keras_tuner as kt

        if self._fit_verbose is not None:
            kwargs["verbose"] = self._fit_verbose
        elif not self._own_training():
            kwargs["verbose"] = 0
        started, start, cpu = time.time(), time.perf_counter(), time.process_time()
        try:
            preflight.check_room(self.project_dir, self._largest)
            self._restore_weights(trial, *args, **kwargs)
            results = self._seeded_run(trial, *args, **kwargs)
            seconds = time.perf_counter() - start
            history = {
                "executions": executions(results),
                "seconds": round(seconds, 3),
                "cpu_seconds": round(time.process_time() - cpu, 3),
                "proposal_seconds": round(self._proposal, 3),
                "worker": os.environ.get("KERASTUNER_TUNER_ID", "serial"),
                "started": round(started, 3),
            }
            write_json(pathlib.Path(self.get_trial_dir(trial.trial_id)) / HISTORY, history)
        except Exception as error:
            if state.disk_is_full(error):  # not the trial's fault: it runs again later
                raise kt.errors.FatalRuntimeError("the disk is full") from error
            raise
        return results

    def _seeded_run(self, trial, *args, **kwargs):
        import keras

        keras.utils.set_random_seed(trial_seed(self.seed, trial.trial_id))
        return super().run_trial(trial, *args, **kwargs)

    def _restore_weights(self, trial, *args, **kwargs):
        """Train a trial again whose weights this one goes on from, where they are gone."""
        if preflight.has_own_run_trial(type(self)):
            return
        for trial_id in reversed(self._lineage(trial)[1:]):
            if not self._weights(trial_id).exists():
                self._seeded_run(self.oracle.get_trial(trial_id), *args, **kwargs)

    def _own_training(self):
        """Whether the user's own run_trial or HyperModel.fit trains, which may not take verbose."""
        return preflight.has_own_run_trial(type(self)) or preflight.has_own_fit(self.hypermodel)

    def on_trial_end(self, trial):
        """Record the trial, drop weights that need not be kept, and show the progress."""
        super().on_trial_end(trial)
        if state.role() == "serial":
            if not hasattr(self.oracle, "hyperband_iterations"):  # Hyperband goes on from weights
                self._drop_weights()
            self._show.trial(self.oracle.trials[trial.trial_id])
        self._asked = time.perf_counter()

    def on_search_end(self):
        """Drop the weights that need not be kept."""
        super().on_search_end()
        if state.role() == "serial":
            self._drop_weights()

    def _drop_weights(self):
        """Keep the checkpoints of the best ``keep_checkpoints`` trials only."""
        if self.keep_checkpoints is None:
            return
        best = {
            trial_id
            for trial in self._completed(self.keep_checkpoints)
            for trial_id in self._lineage(trial)
        }
        for trial in self._ended():
            if trial.trial_id not in best:
                self._weights(trial.trial_id).unlink(missing_ok=True)

    def _weights(self, trial_id):
        return self.project_path / f"trial_{trial_id}" / "checkpoint.weights.h5"

    def _lineage(self, trial):
        """Ids of a trial and of those that it went on from: a Hyperband model needs all of them."""
        ids = [trial.trial_id]
        while parent := trial.hyperparameters.values.get("tuner/trial_id"):
            ids.append(parent)
            trial = self.oracle.get_trial(parent)
        return ids

    # ------------------------------------------------ results

    def _completed(self, number):
        return [t for t in self.oracle.get_best_trials(number) if t.status == "COMPLETED"]

    def get_best_hyperparameters(self, num_trials=1):
        """As KerasTuner's, but never those of a failed trial.

        Raises:
            ValueError: no trial has finished well.
        """
        return [trial.hyperparameters for trial in self._best(num_trials)]

    def get_best_models(self, num_models=1):
        """As KerasTuner's, but never that of a failed trial; built and loaded from checkpoints."""
        return [self.load_model(trial) for trial in self._best(num_models)]

    def _best(self, number):
        preflight.whole_number("the number of trials", number, 1)
        best = self._completed(number)
        if not best:
            raise ValueError(
                f"No trial of {self._shown} has finished well, so there is no best one: call "
                "search() first, or see tuner.problems() for the reasons of failures."
            )
        return best

    def load_model(self, trial):
        """As KerasTuner's, with a clear error where the weights are gone."""
        gone = [i for i in self._lineage(trial) if not self._weights(i).exists()]
        if gone:
            raise FileNotFoundError(
                f"The weights of trial {gone[0]} are not in {self._shown} (only the best are kept, "
                "or the file was damaged or deleted): build the model from "
                "get_best_hyperparameters() and train it."
            )
        return super().load_model(trial)

    def problems(self):
        """What a reader of the results must know: one sentence each, an empty list if nothing."""
        if state.role() == "worker":
            return []
        trials = list(self.oracle.trials.values())
        failed = [t for t in trials if t.status == "FAILED"]
        lines = [f"Trial {t.trial_id} failed. {reason_of(t)}" for t in failed]
        lines += state.repetitions(self.oracle)
        limit = self.oracle.max_trials
        if limit and len(trials) < limit and not hasattr(self.oracle, "hyperband_iterations"):
            lines.append(
                f"The search ended after {len(trials)} of {limit} trials: no configuration was "
                "found that had not been tried."
            )
        return lines


def executions(results):
    """What ``run_trial`` returned, as one {metric: [value of each epoch]} a training."""
    listed = results if isinstance(results, list) else [results]
    found = []
    for result in listed:
        metrics = getattr(result, "history", result)
        if not isinstance(metrics, dict):
            metrics = {"score": metrics}
        found.append({name: _floats(values) for name, values in metrics.items()})
    return found


def _floats(values):
    return [float(value) for value in (values if isinstance(values, list) else [values])]


def reason_of(trial):
    """The last line of a failed trial's error, without the traceback above it."""
    lines = [line.strip() for line in (trial.message or "").splitlines() if line.strip()]
    if not lines:
        return "Its score is not a number (NaN): see its history.json."
    return lines[-1][:300].rstrip(".") + "."


@functools.cache
def careful(tuner_class):
    """Return ``tuner_class`` with ``CarefulMixin`` in front; the same class for the same argument.

    Args:
        tuner_class: kt.RandomSearch, kt.GridSearch, kt.Hyperband, kt.BayesianOptimization, or your
            own subclass of one, with its own ``run_trial`` if you like.
    """
    import keras_tuner as kt

    if not (isinstance(tuner_class, type) and issubclass(tuner_class, kt.Tuner)):
        raise TypeError(
            f"careful() got {tuner_class!r}: give a tuner class without (), as in "
            "search.careful(kt.RandomSearch)(build, ...)."
        )
    name = f"Careful{tuner_class.__name__}"
    return type(name, (CarefulMixin, tuner_class), {"tuner_class": tuner_class})


def _holds_search(folder):
    return folder.is_dir() and (
        (folder / "oracle.json").exists() or any(folder.glob("trial_*/trial.json"))
    )
