"""The project directory of a search: whole files, a lock, a fingerprint, and nothing deleted.

A project directory is ``directory/project_name``, as KerasTuner has it. Damaged files and replaced
searches are moved aside, never removed.
"""

import contextlib
import errno
import functools
import hashlib
import json
import os
import pathlib
import re
import socket
import tempfile

import numpy as np

FINGERPRINT = "fingerprint.json"
HISTORY = "history.json"  # the metrics of every epoch, beside a trial.json
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
NOT_FITTED = ("TensorBoard", "CSVLogger", "ModelCheckpoint", "ProgbarLogger", "BackupAndRestore")
_locked = {}  # lock path -> the owner in this process


class ProjectInUse(RuntimeError):
    """Another process, or another tuner of this process, searches in the project directory."""


class Mismatch(ValueError):
    """The project directory holds trials of another search."""


# ---------------------------------------------------------------- whole files


@contextlib.contextmanager
def replacing(path, mode=0o600):
    """A binary file that takes the place of ``path`` when the block ends well, and not otherwise.

    A kill or a full disk leaves the old contents or the new, whole.

    Args:
        path: the file to write or replace.
        mode: its permissions.
    """
    path = pathlib.Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        pathlib.Path(temporary).unlink(missing_ok=True)
        raise


def write_text(path, text, mode=0o600):
    """Write a text file as UTF-8, whole or not at all; see ``replacing``."""
    with replacing(path, mode) as file:
        file.write(text.encode())


def write_json(path, value):
    """Write ``value`` as JSON; a kill or a full disk leaves the old file or the new, whole."""
    write_text(path, json.dumps(value))


def read_json(path):
    """The contents of a JSON file, or None when it is missing or damaged."""
    try:
        return json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError):
        return None


def disk_is_full(error):
    """Whether an exception, or one that it was raised from, says that nothing can be written."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            return True
        if any(text in str(error) for text in ("No space left on device", "Disk quota exceeded")):
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


def remove_leftovers(folder):
    """Remove the temporary files that a kill left; call it with the lock held."""
    for pattern in (".*.json.*", "trial_*/.*.json.*"):
        for path in pathlib.Path(folder).glob(pattern):
            path.unlink(missing_ok=True)


# ---------------------------------------------------------------- moved aside


def _free_name(folder, stem):
    number = 1
    while (folder / f"{stem}-{number}").exists():
        number += 1
    return folder / f"{stem}-{number}"


def move_aside(folder):
    """Rename a project directory that is not empty to ``<name>.old-N`` and return the new path."""
    folder = pathlib.Path(folder)
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    target = _free_name(folder.parent, f"{folder.name}.old")
    folder.rename(target)
    return target


class Repair:
    """What a repair set aside (into ``damaged-N`` of the project directory) and says about it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.notes = []
        self._shelf = None

    def set_aside(self, path):
        """Move a file or folder of the project into ``damaged-N`` and return its new place."""
        path = pathlib.Path(path)
        if self._shelf is None:
            self._shelf = _free_name(self.folder, "damaged")
        target = self._shelf / path.relative_to(self.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
        return target.relative_to(self.folder).as_posix()


# ---------------------------------------------------------------- the lock


def _take(file):
    """Lock an open file for this process; OSError when another process holds it."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_path(folder):
    """The lock file of a project: beside the directory, so that the directory can be renamed."""
    folder = pathlib.Path(folder)
    return folder.parent / f".{folder.name}.lock"


def _in_use(folder, holder):
    return ProjectInUse(
        f"{shown(folder)} is in use by {holder}. Wait until that search has ended, stop it, or "
        "give this one another project_name."
    )


def _open_locked(path, folder):
    while True:
        file = open(path, "a+")  # noqa: SIM115 (open as long as the lock is held)
        try:
            _take(file)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise _in_use(folder, holder) from None
            return None  # a file system without locks
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        file.close()  # its owner removed it in between: try again with a new one


@contextlib.contextmanager
def lock(folder, owner=None):
    """Hold the lock of a project directory; the system frees it when the process dies.

    Args:
        folder: the project directory; it need not exist.
        owner: the tuner that takes it: a second tuner of the same process is refused too.

    Raises:
        ProjectInUse: at once, with the pid of the process that holds it.
    """
    path = lock_path(folder)
    if _locked.get(str(path), owner) is not owner:
        raise _in_use(folder, f"another tuner of this process (pid {os.getpid()})")
    if str(path) in _locked:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _open_locked(path, folder)
    if file is None:
        yield
        return
    _locked[str(path)] = owner
    try:
        file.truncate(0)
        with contextlib.suppress(OSError):  # a full disk: the lock holds without its text
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
        yield
    finally:
        del _locked[str(path)]
        if os.name == "posix":
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            file.close()
        with contextlib.suppress(OSError):
            if os.name != "posix":
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def lock_if_used(folder, owner=None):
    """The lock for a reader: taken where a lock file exists; a plain look writes nothing."""
    if lock_path(folder).exists():
        with lock(folder, owner):
            yield
    else:
        yield


# ---------------------------------------------------------------- the fingerprint


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
        name = type(callback).__name__
        if name in NOT_FITTED:
            continue
        settings = {
            key: value
            for key, value in sorted(vars(callback).items())
            if not key.startswith("_") and isinstance(value, (bool, int, float, str))
        }
        found.append(f"{name} {json.dumps(settings)}" if settings else name)
    return found


def describe_fit(fit):
    """The fingerprint of search()'s arguments: arrays by digest, callbacks by their settings."""
    kept = {name: value for name, value in fit.items() if name not in ("verbose", "callbacks")}
    described = {name: describe(value) for name, value in kept.items()}
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
    import importlib.metadata

    import keras
    import keras_tuner

    found = {"keras": keras.__version__, "keras_tuner": keras_tuner.__version__}
    for name in ("tensorflow", "tensorflow-cpu"):
        if keras.backend.backend() == "tensorflow" and "tensorflow" not in found:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found["tensorflow"] = importlib.metadata.version(name)
    return found


def _flat(value, prefix=""):
    if isinstance(value, dict) and value:
        return {
            k: v for key, item in value.items() for k, v in _flat(item, f"{prefix}{key}.").items()
        }
    return {prefix.rstrip("."): value}


def differences(stored, present):
    """What differs between two fingerprints, one line each; parts that one side lacks count."""
    stored, present = _flat(stored), _flat(present)
    lines = []
    for name in dict.fromkeys([*stored, *present]):
        before, now = stored.get(name, "absent"), present.get(name, "absent")
        if before != now:
            lines.append(f"{name}: {before!r} in the directory, {now!r} now")
    return lines


def refuse(folder, lines):
    """The error for a project directory with trials of another search."""
    listed = "\n".join(f"  - {line}" for line in lines)
    return Mismatch(
        f"{shown(folder)} holds trials of another search. What differs:\n{listed}\n"
        "Three ways on: give another project_name; pass overwrite=True (the old trials are moved "
        "aside, not deleted); or, if the old trials are still right for you, pass "
        "accept_mismatch=True."
    )


# ---------------------------------------------------------------- the oracle

ENDED = ("COMPLETED", "FAILED")
KEY = "careful"
PRIVATE = {
    "Oracle._save_trial": "writes trial.json in place, before oracle.json",
    "Oracle._project_dir": "the folder of oracle.json; there is no public property",
    "Oracle._get_trial_dir": "the folder of a trial.json",
    "Oracle._get_oracle_fname": "the path of oracle.json",
    "Oracle._retry_queue": "trials to run (again) when a search goes on",
    "Oracle._run_times": "how often a trial has run, for its retries",
    "Oracle._record_values": "keeps a configuration from being proposed again",
    "Oracle._compute_values_hash": "tells whether two configurations are the same",
    "Oracle._duplicate": "where a repeated proposal can be counted",
    "BayesianOptimizationOracle._random_state": "is not saved: a resumed search would differ",
    "GridSearchOracle._ordered_ids": "is not saved: a resumed grid would lose its place",
    "GridSearchOracle._populate_next": "is not saved either",
    "GridSearchOracle._compare": "the order of the grid",
}


class CarefulOracle:
    """Mixed in front of an oracle class by ``make_careful``; it has no constructor of its own."""

    # ------------------------------------------------ saving

    def get_state(self):
        """KerasTuner's state, without trials in flight that have ended, with all trial records."""
        state = super().get_state()
        state["ongoing_trials"] = {
            tuner_id: trial_id
            for tuner_id, trial_id in state["ongoing_trials"].items()
            if self.trials[trial_id].status not in ENDED and trial_id not in state["retry_queue"]
        }
        state["tried_so_far"] = sorted(state["tried_so_far"])
        state[KEY] = {
            "trials": {trial_id: trial.get_state() for trial_id, trial in self.trials.items()},
            "collisions": self.collisions,
        }
        if hasattr(self, "_random_state"):
            name, keys, *rest = self._random_state.get_state()
            state[KEY]["random_state"] = [name, keys.tolist(), *rest]
        return state

    def set_state(self, state):
        """Restore what ``get_state`` returned, or what a plain oracle saved."""
        super().set_state(state)
        own = state.get(KEY, {})
        self.collisions = own.get("collisions", 0)
        if "random_state" in own:
            self._random_state.set_state(tuple(own["random_state"]))

    def save(self):
        """Commit: oracle.json as a whole, then the trial.json files that have changed."""
        text = json.dumps(self.get_state())
        if text != self.written:
            write_text(self._get_oracle_fname(), text)
            self.written = text
        for trial_id in list(self.unsaved):
            path = pathlib.Path(self._get_trial_dir(trial_id)) / "trial.json"
            write_json(path, self.trials[trial_id].get_state())
            self.unsaved.discard(trial_id)

    def _save_trial(self, trial):
        self.unsaved.add(trial.trial_id)  # written by save(), after oracle.json

    def _duplicate(self, values):
        repeated = super()._duplicate(values)
        self.collisions += repeated
        return repeated

    def create_trial(self, tuner_id):
        """As KerasTuner's; a trial that runs again starts without its earlier metrics."""
        known = tuner_id in self.ongoing_trials
        trial = super().create_trial(tuner_id)
        if trial.status == "RUNNING" and not known:
            _forget_run(trial)
        return trial

    # ------------------------------------------------ loading

    def reload(self):
        """Load the project, repairing what is damaged; ``notes`` says what was done."""
        self.repair = repair = Repair(self._project_dir)
        path = repair.folder / "oracle.json"
        state = read_json(path)
        whole = isinstance(state, dict) and set(super().get_state()) <= set(state)
        records = state.get(KEY, {}).get("trials") if whole else None
        if records is not None:
            self._compare_files(records, repair)
            self._restore(state, records)
        else:
            self._reload_from_files(state if whole else None, repair)
        self._check_weights(repair)
        self.written = path.read_text() if path.exists() else None
        if repair.notes or self.unsaved:  # a kill can come between oracle.json and a trial.json
            self.save()

    def _compare_files(self, records, repair):
        """Find trial.json files that are damaged, gone or older than the records."""
        for trial_id, record in records.items():
            path = repair.folder / f"trial_{trial_id}" / "trial.json"
            found = read_json(path)
            if json.dumps(found) == json.dumps(record):
                continue
            self.unsaved.add(trial_id)
            if path.exists() and not _is_record(found):
                place = repair.set_aside(path)
                repair.notes.append(
                    f"trial.json of trial {trial_id} was damaged: it is now {place}, and the "
                    "trial's record was written again from oracle.json."
                )
            elif not path.exists() and record["status"] in ENDED:
                repair.notes.append(
                    f"The record of trial {trial_id} was missing and was written again from "
                    "oracle.json; its weights and epochs may be gone."
                )
        for trial_id, record in _read_records(repair.folder).items():
            if trial_id not in records and _is_record(record) and record["status"] in ENDED:
                place = repair.set_aside(repair.folder / f"trial_{trial_id}")
                repair.notes.append(
                    f"trial_{trial_id} does not belong to this search: it is now {place}."
                )

    def _reload_from_files(self, state, repair):
        """Load a project of plain KerasTuner, or one whose oracle.json is damaged."""
        found = _read_records(repair.folder)
        records = {i: r for i, r in found.items() if _is_record(r)}
        damaged = [i for i in found if i not in records]
        if state and not damaged and set(state["start_order"]) <= set(records):
            self._restore(state, {i: records[i] for i in state["start_order"]})
            return
        for trial_id in damaged:
            path = repair.folder / f"trial_{trial_id}" / "trial.json"
            place = f"is now {repair.set_aside(path)}" if path.exists() else "is missing"
            repair.notes.append(
                f"trial.json of trial {trial_id} was damaged and {place}; the trial will run again."
            )
        missing = sorted(set(state["start_order"]) - set(found)) if state else []
        for trial_id in missing:
            repair.notes.append(f"The folder of trial {trial_id} is gone; it will run again.")
        path = repair.folder / "oracle.json"
        lost = [int(i) for i in damaged + missing]
        exact = self._replay(records, max([int(i) for i in records] + lost, default=-1), repair)
        place = f"is now {repair.set_aside(path)}" if path.exists() else "was missing"
        repair.notes.append(
            f"oracle.json {'did not fit the trials' if state else 'could not be read'} and "
            f"{place}; it was worked out again from {len(records)} readable trials"
            + ("." if exact else "; later proposals may differ from an uninterrupted search.")
        )

    def _restore(self, state, records):
        """Set the oracle's state; trials in flight are queued to run again, ended ones never."""
        self.trials = {trial_id: _trial(record) for trial_id, record in records.items()}
        for trial_id in state["start_order"]:
            ended = self.trials[trial_id].status in ENDED
            if ended and trial_id not in state["end_order"]:
                state["end_order"].append(trial_id)
                state["run_times"][trial_id] = max(1, state["run_times"].get(trial_id, 0))
        self.set_state(state | {"ongoing_trials": {}})
        self._queue_unfinished()
        self._restore_grid()

    def _queue_unfinished(self):
        self.ongoing_trials = {}
        waiting = [i for i in self.start_order if self.trials[i].status not in ENDED]
        for trial_id in waiting:
            _forget_run(self.trials[trial_id])
        self._retry_queue = waiting[::-1]  # KerasTuner takes the last one first

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

    def _replay(self, records, last, repair):
        """Work the state out again: propose every trial in order and put its record in its place.

        Returns:
            Whether every proposal was the one that the record holds.
        """
        numbers = {int(trial_id): trial_id for trial_id in records}
        width = len(next(iter(records), str(self.max_trials)))
        exact = True
        for number in range(last + 1):
            trial_id = numbers.get(number, f"{number:0{width}d}")
            values = self._propose_again(trial_id)
            if trial_id in records:
                trial = _trial(records[trial_id])
                known = trial.hyperparameters.values
                exact &= values is not None and (
                    self._compute_values_hash(values) == self._compute_values_hash(known)
                )
            elif values is None:
                raise self._beyond_repair(repair)
            else:
                trial = _new_trial(self.hyperparameters.copy(), values, trial_id)
                self.unsaved.add(trial_id)
            self.trials[trial_id] = trial
            self.start_order.append(trial_id)
            self._record_values(trial)
            if trial.status in ENDED:
                self.update_space(trial.hyperparameters)
                self.end_order.append(trial_id)
                self._run_times[trial_id] = 1
        if not exact and hasattr(self, "hyperband_iterations"):
            raise self._beyond_repair(repair)
        self._queue_unfinished()
        self._restore_grid()
        return exact

    def _propose_again(self, trial_id):
        self._restore_grid()
        try:
            return self.populate_space(trial_id).get("values")
        except Exception:  # a proposal that needs a lost trial's score
            return None

    def _beyond_repair(self, repair):
        return ValueError(
            f"{shown(repair.folder)} is damaged so that this search cannot go on. Nothing "
            "was deleted: helpers.results.trials_table reads the trials that are left. Start again "
            "with another project_name, or with overwrite=True, which moves the old folder aside."
        )

    def _check_weights(self, repair):
        """Set aside the checkpoint and history files of finished trials that cannot be read."""
        import h5py

        for trial_id in self.end_order:
            folder = repair.folder / f"trial_{trial_id}"
            weights = folder / "checkpoint.weights.h5"
            try:
                if weights.exists():
                    h5py.File(weights, "r").close()
            except OSError:
                repair.notes.append(
                    f"The weights of trial {trial_id} were damaged and are now "
                    f"{repair.set_aside(weights)}; its score and hyperparameters are kept."
                )
            history = folder / HISTORY
            if history.exists() and read_json(history) is None:
                repair.notes.append(
                    f"history.json of trial {trial_id} was damaged and is now "
                    f"{repair.set_aside(history)}; its score is kept."
                )


def _is_record(record):
    keys = ("trial_id", "hyperparameters", "metrics", "score", "best_step", "status", "message")
    return isinstance(record, dict) and set(keys) <= set(record)


def _read_records(folder):
    """{trial id: record, None where it is damaged or missing}, in the order of the ids."""
    found = {}
    for path in sorted(folder.glob("trial_*")):
        name = path.name.removeprefix("trial_")
        if path.is_dir() and name.isdigit():
            found[name] = read_json(path / "trial.json")
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def _trial(record):
    from keras_tuner.engine.trial import Trial

    return Trial.from_state(json.loads(json.dumps(record)))  # from_state changes its argument


def _new_trial(hyperparameters, values, trial_id):
    from keras_tuner.engine.trial import Trial

    hyperparameters.values = values
    return Trial(hyperparameters=hyperparameters, trial_id=trial_id, status="RUNNING")


def _forget_run(trial):
    """Take the results of an earlier, unfinished run off a trial."""
    trial.metrics = type(trial.metrics)()
    trial.score, trial.best_step, trial.message = None, 0, None
    trial.status = "RUNNING"


def plain_differences(folder, space, oracle):
    """What can be compared with a project that has no fingerprint: seed, space and objective."""
    import keras_tuner as kt

    state = read_json(pathlib.Path(folder) / "oracle.json")
    if not isinstance(state, dict) or not {"hyperparameters", "seed"} <= set(state):
        return []  # damaged: reload() repairs it
    stored = kt.HyperParameters.from_config(state["hyperparameters"]).space
    before, now = describe_space(stored), describe_space(space)
    lines = differences({"space": {n: before.get(n) for n in now}}, {"space": now})
    if state["seed"] != oracle.seed:
        lines.append(f"seed: {state['seed']} in the directory, {oracle.seed} now")
    objective = oracle.objective
    for name, direction in getattr(
        objective, "name_to_direction", {objective.name: objective.direction}
    ).items():
        lines += _metric_differences(folder, name, direction)
    return lines


def _metric_differences(folder, name, direction):
    for record in _read_records(pathlib.Path(folder)).values():
        if _is_record(record) and record["status"] == "COMPLETED":
            metrics = record["metrics"]["metrics"]
            found = metrics.get(name, {}).get("direction", "absent")
            return [f"objective: {name} {found} in the directory, {direction} now"] * (
                found != direction
            )
    return []


def repetitions(oracle):
    """Sentences on configurations tried twice and on proposals that had to be drawn again."""
    lines, groups = [], {}
    if not hasattr(oracle, "hyperband_iterations"):  # Hyperband repeats configurations on purpose
        for trial in oracle.trials.values():
            key = json.dumps(trial.hyperparameters.values, sort_keys=True)
            groups.setdefault(key, []).append(trial.trial_id)
    for ids in groups.values():
        if len(ids) > 1:
            lines.append(f"Trials {', '.join(ids)} have the same configuration.")
    if oracle.collisions:
        times = "once" if oracle.collisions == 1 else f"{oracle.collisions} times"
        lines.append(f"A proposal repeated an earlier configuration and was drawn again: {times}.")
    return lines


@functools.cache
def _careful_class(oracle_class):
    return type(f"Careful{oracle_class.__name__}", (CarefulOracle, oracle_class), {})


def make_careful(oracle):
    """Give an oracle that has just been made the careful behaviour, and return it."""
    oracle.__class__ = _careful_class(type(oracle))
    oracle.collisions = 0
    oracle.written = None  # the text of oracle.json as this object last wrote it
    oracle.unsaved = set()
    oracle.repair = None
    return oracle


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
