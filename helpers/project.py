"""The project directory of a search: whole files, a lock, a fingerprint, and nothing deleted.

A project directory is ``directory/project_name``, as KerasTuner has it. Damaged files and replaced
searches are moved aside, never removed.
"""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
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
