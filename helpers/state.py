"""What a search keeps on disk: whole files, a lock, and an oracle that resumes.

A project directory is ``directory/project_name``, as KerasTuner has it. ``oracle.json`` is its one
commit point: it is replaced as a whole and holds every trial's record too, and each ``trial.json``
is a copy written after it. So a kill at any moment leaves the state before a step or after it,
never between. Nothing is deleted: what has to make room is moved aside.

KerasTuner has no public hook for some of this. Every private name that is used stands in PRIVATE
with its reason; ``tests/test_search.py`` fails when KerasTuner changes one.
"""

import contextlib
import errno
import functools
import json
import os
import pathlib
import re

FINGERPRINT = "fingerprint.json"
HISTORY = "history.json"  # the metrics of every epoch, beside a trial.json
ENDED = ("COMPLETED", "FAILED")
KEY = "careful"  # our part of oracle.json
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
IN_USE = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
PRIVATE = {
    "Oracle._save_trial": "writes trial.json in place, before oracle.json (keras-tuner #835)",
    "Oracle._project_dir": "the folder of oracle.json; there is no public property",
    "Oracle._get_oracle_fname": "the path of oracle.json",
    "Oracle._get_trial_dir": "the folder of a trial.json",
    "Oracle._retry_queue": "trials to run (again) when a search goes on (keras-tuner #366)",
    "BayesianOptimizationOracle._random_state": "is not saved: a resumed search would differ",
    "GridSearchOracle._ordered_ids": "is not saved: a resumed grid loses its place (#1055)",
    "GridSearchOracle._populate_next": "is not saved either (#1055)",
    "GridSearchOracle._compare": "the order of the grid",
    "Tuner._build_hypermodel": "builds as a trial does, with strategy and compile arguments",
}


class ProjectInUse(RuntimeError):
    """Another process, or another tuner of this process, searches in the project directory."""


class Mismatch(ValueError):
    """The project directory holds trials of another search."""


class Damaged(ValueError):
    """The project directory cannot be continued; its trials can still be read as a table."""


# ---------------------------------------------------------------- whole files, names, places


@contextlib.contextmanager
def replacing(path):
    """A binary file that takes the place of ``path`` when the block ends well, and not otherwise.

    A kill or a full disk leaves the old contents or the new, whole.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.new")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path, text):
    """Write a text file as UTF-8, whole or not at all; see ``replacing``."""
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path, value):
    """Write ``value`` as JSON, whole or not at all; see ``replacing``."""
    write_text(path, json.dumps(value))


def read_json(path):
    """The contents of a JSON file, or None when it is missing or damaged."""
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def disk_is_full(error):
    """Whether an exception, or one that it was raised from, says that nothing can be written."""
    while error is not None:
        full = isinstance(error, OSError) and error.errno in NO_SPACE
        if full or "No space left on device" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def shown(path):
    """The last two parts of a path: messages and notebooks show no machine's path."""
    return "/".join(pathlib.Path(path).parts[-2:])


def role():
    """ "chief", "worker" or "serial", from KerasTuner's environment variables."""
    if "KERASTUNER_ORACLE_IP" not in os.environ:
        return "serial"
    return "chief" if "chief" in os.environ.get("KERASTUNER_TUNER_ID", "") else "worker"


def reason(message):
    """Why a trial failed, in one line: the last one of its message, which is a traceback."""
    lines = [line.strip() for line in (message or "").splitlines() if line.strip()]
    line = lines[-1] if lines else "Its score is not a number (NaN)."
    return re.sub(r"^(\w+\.)+(?=\w+:)", "", line)[:300]  # an exception's name without its module


def free_name(path):
    """``path``, or where that exists the first free of best-2.keras, best-3.keras, and so on."""
    path = free = pathlib.Path(path)
    number = 1
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def move_aside(folder):
    """Rename a folder that is not empty to ``<name>.old``, ``<name>-2.old``; returns the path."""
    folder = pathlib.Path(folder)
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    return folder.rename(free_name(folder.with_name(f"{folder.name}.old")))


@contextlib.contextmanager
def lock(folder):
    """Hold the lock of a project directory; the system frees it when the process dies.

    The file that is locked lies beside the directory, which can so be renamed, and stays.

    Raises:
        ProjectInUse: at once, when another process or tuner holds it.
    """
    folder = pathlib.Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f".{folder.name}.lock", "a") as file:
        try:
            if os.name == "nt":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in IN_USE:  # else a file system without locks
                raise ProjectInUse(
                    f"{shown(folder)} is in use by another search. Wait until it has ended, stop "
                    "it, or give this one another project_name."
                ) from None
        yield


# ---------------------------------------------------------------- the oracle


class CarefulOracle:
    """Mixed in front of an oracle class by ``make_careful``; it has no constructor of its own."""

    verbose = property(lambda self: 0, lambda self, value: None, doc="0: see progress.")

    def get_state(self):
        """KerasTuner's state, without trials in flight that have ended; save() adds the records."""
        state = super().get_state()
        state["ongoing_trials"] = {
            tuner_id: trial_id
            for tuner_id, trial_id in state["ongoing_trials"].items()
            if self.trials[trial_id].status not in ENDED and trial_id not in state["retry_queue"]
        }
        state["tried_so_far"] = sorted(state["tried_so_far"])
        if hasattr(self, "_random_state"):
            name, keys, *rest = self._random_state.get_state()
            state[KEY] = {"random_state": [name, keys.tolist(), *rest]}
        state[KEY] = state.get(KEY, {}) | {"trials": {}}
        return state

    def set_state(self, state):
        """Restore what ``get_state`` returned, or what a plain oracle saved."""
        super().set_state(state)
        if "random_state" in state.get(KEY, {}):
            self._random_state.set_state(tuple(state[KEY]["random_state"]))

    def save(self):
        """Commit: oracle.json as a whole, then the trial.json files that have changed."""
        for i, trial in self.trials.items():
            if i not in self.records or i in self.unsaved or trial.status not in ENDED:
                self.records[i] = json.dumps(trial.get_state())
        trials = ", ".join(f'"{i}": {self.records[i]}' for i in self.trials)
        text = json.dumps(self.get_state()).removesuffix("}}}") + trials + "}}}"
        if text != self.written:
            write_text(self._get_oracle_fname(), text)
            self.written = text
        for trial_id in list(self.unsaved):
            path = pathlib.Path(self._get_trial_dir(trial_id)) / "trial.json"
            write_text(path, self.records[trial_id])
            self.unsaved.discard(trial_id)

    def _save_trial(self, trial):
        self.unsaved.add(trial.trial_id)  # written by save(), after oracle.json

    def create_trial(self, tuner_id):
        """As KerasTuner's; a trial that runs again starts without its earlier metrics."""
        known = tuner_id in self.ongoing_trials
        trial = super().create_trial(tuner_id)
        if trial.status == "RUNNING" and not known:
            _forget_run(trial)
        return trial

    def get_best_trials(self, num_trials=1):
        """As KerasTuner's, but never padded with failed trials."""
        return [t for t in super().get_best_trials(num_trials) if t.status == "COMPLETED"]

    def reload(self):
        """Load the project; trials that had not ended run again, ended ones never.

        Raises:
            Damaged: oracle.json, or a trial of a plain KerasTuner project, cannot be read.
        """
        folder = pathlib.Path(self._project_dir)
        state = read_json(folder / "oracle.json")
        files = {
            path.parent.name[6:]: read_json(path) for path in folder.glob("trial_*/trial.json")
        }
        if not isinstance(state, dict) or not set(super().get_state()) <= set(state):
            raise _damaged(folder, "oracle.json is damaged or missing")
        records = state.get(KEY, {}).get("trials", {i: files.get(i) for i in state["start_order"]})
        lost = [i for i, record in records.items() if record is None]
        extra = [i for i, r in files.items() if i not in records and r and r["status"] in ENDED]
        if lost or extra:
            raise _damaged(folder, f"trials {', '.join(lost + extra)} do not fit oracle.json")
        self.records, self.trials = {}, {i: _trial(record) for i, record in records.items()}
        for trial_id, trial in self.trials.items():
            if trial.status in ENDED and trial_id not in state["end_order"]:
                state["end_order"].append(trial_id)
                state["run_times"][trial_id] = max(1, state["run_times"].get(trial_id, 0))
        self.set_state(state | {"ongoing_trials": {}})
        self.ongoing_trials = {}
        waiting = [i for i in self.start_order if self.trials[i].status not in ENDED]
        for trial_id in waiting:
            _forget_run(self.trials[trial_id])
        self._retry_queue = waiting[::-1]  # KerasTuner takes the last one first
        self._restore_grid()
        self.written = (folder / "oracle.json").read_text(encoding="utf-8")
        self.unsaved = {i for i, record in records.items() if files.get(i) != record}
        if self.unsaved:  # a kill can come between oracle.json and a trial.json
            self.save()

    def _restore_grid(self):
        """Put the trials of a grid search in the grid's order again."""
        if not hasattr(self, "_ordered_ids"):
            return
        values = {i: self.trials[i].hyperparameters.values for i in self.start_order}
        order = functools.cmp_to_key(lambda a, b: self._compare(values[a], values[b]))
        self._ordered_ids = type(self._ordered_ids)()
        for trial_id in sorted(self.start_order, key=order):
            self._ordered_ids.insert(trial_id)
        self._populate_next = list(self.start_order)


def _damaged(folder, what):
    return Damaged(
        f"{shown(folder)} cannot be continued: {what}. Nothing was changed: "
        "helpers.results.trials_table reads the trials that are left. Start again with another "
        "project_name, or with overwrite=True, which moves the old folder aside."
    )


def _trial(record):
    from keras_tuner.engine.trial import Trial

    return Trial.from_state(json.loads(json.dumps(record)))  # from_state changes its argument


def _forget_run(trial):
    """Take the results of an earlier, unfinished run off a trial."""
    trial.metrics = type(trial.metrics)()
    trial.score, trial.best_step, trial.message, trial.status = None, 0, None, "RUNNING"


@functools.cache
def _careful_class(oracle_class):
    return type(f"Careful{oracle_class.__name__}", (CarefulOracle, oracle_class), {})


def make_careful(oracle):
    """Give an oracle that has just been made the careful behaviour, and return it."""
    oracle.verbose = 0  # KerasTuner's display clears the cell that it writes to
    oracle.__class__ = _careful_class(type(oracle))
    # The text of oracle.json as last written, ids whose trial.json is not, and records as JSON:
    # those of ended trials are made once, so that a thousand trials cost no more each than ten.
    oracle.written, oracle.unsaved, oracle.records = None, set(), {}
    return oracle
