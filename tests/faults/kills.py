"""Kill searches with SIGKILL at random moments, resume them, and compare with uninterrupted ones.

    python tests/faults/kills.py --kills 200     a formula for a training, and 3 kills of trainings
    python tests/faults/kills.py --disk FOLDER   trainings on a disk that fills up

Every search runs in a forked child of this process, which has imported everything and run no
TensorFlow operation. Prints one JSON object with the counts; exits with 1 when anything was lost.
"""

import argparse
import collections
import contextlib
import gc
import json
import multiprocessing
import pathlib
import random
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import keras_tuner as kt
import numpy as np
import tensorflow as tf
from projects import programs

from helpers import search, state

SHARES = {"RandomSearch": 0.32, "GridSearch": 0.32, "Hyperband": 0.3, "BayesianOptimization": 0.06}
OWN = {
    "RandomSearch": {"max_trials": 12},
    "GridSearch": {"max_trials": 12},
    "Hyperband": {"max_epochs": 4, "factor": 2},
    "BayesianOptimization": {"max_trials": 6, "num_initial_points": 4},
}
FULL = 28  # exit code of a child that found the disk full
BAD = ("failed_resumes", "completed_run_again", "lost", "wrong_tables", "beyond_max_trials")


def space(hp):
    kind = hp.Choice("kind", ["a", "b"])
    hp.Int("x", 0, 8, step=2)
    with hp.conditional_scope("kind", ["b"]):
        if kind == "b":
            hp.Float("y", 0.0, 1.0, step=0.25)


def with_formula(tuner_class):
    """``tuner_class`` whose trial takes 2 ms; its result depends on the values and the seed."""

    class Formula(tuner_class):
        def run_trial(self, trial, runs):
            values = trial.hyperparameters.values
            with open(runs, "ab", buffering=0) as file:  # one write: whole whenever a kill comes
                file.write(f"{trial.trial_id}\n".encode())
            time.sleep(0.002)
            noise = float(np.random.random())
            return {"val_loss": values["x"] * 0.1 + values.get("y", 0.5) + noise, "noise": noise}

    Formula.__name__ = tuner_class.__name__
    return Formula


def search_on(kind, folder, real):
    """Run or resume a search to its end; the body of a child."""
    try:
        if real:
            tf.config.run_functions_eagerly(True)  # tracing is what takes time
            programs.search(search.careful(getattr(kt, kind)), folder, max_trials=4)
            return
        call = {"objective": kt.Objective("val_loss", "min"), "progress": False, "seed": 3}
        call |= {"directory": str(folder), "project_name": kind} | OWN[kind]
        search.careful(with_formula(getattr(kt, kind)))(space, **call).search(folder / "runs.txt")
    except Exception as error:
        if state.disk_is_full(error):
            sys.exit(FULL)
        raise  # multiprocessing prints it and exits with 1


def run(*arguments, wait=None):
    """Search in a child, killed after ``wait`` seconds; its exit code, below 0 when killed."""
    process = multiprocessing.get_context("fork").Process(target=search_on, args=arguments)
    process.start()
    process.join(wait)
    if wait is not None:
        process.kill()
        process.join()
    return process.exitcode


def trial_files(folder):
    return {path.parent.name[6:]: path.read_text() for path in folder.glob("*/trial_*/trial.json")}


def started(folder):
    path = folder / "runs.txt"
    return path.read_text().split() if path.exists() else []


def uninterrupted(kind, folder, real):
    """(trial files, seconds) of a search that nobody kills."""
    begin = time.monotonic()
    assert run(kind, folder, real) == 0
    return trial_files(folder), time.monotonic() - begin


def chain(kind, root, reference, seconds, rng, real, count, budget):
    """One search, killed and resumed until it ends or the budget of kills is used up."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=root))
    kept, code = {}, -1
    count["searches"] += 1
    while code < 0:
        before = len(started(folder))
        wait = rng.uniform(0, 0.7 * seconds) if count["kills"] < budget else None
        code = run(kind, folder, real, wait=wait)
        if code > 0:
            count["failed_resumes"] += 1
            return
        count["completed_run_again"] += len(set(started(folder)[before:]) & set(kept))
        now = trial_files(folder)
        count["lost"] += sum(now.get(trial) != text for trial, text in kept.items())
        kept = {i: t for i, t in now.items() if json.loads(t)["status"] in ("COMPLETED", "FAILED")}
        count["kills"] += code < 0
        count["resumes"] += code < 0
    count["wrong_tables"] += now != reference
    count["beyond_max_trials"] += len(now) > len(reference)


def kill(options):
    """Kill until the number is reached; the counts."""
    rng = random.Random(1)
    total = collections.Counter(dict.fromkeys(("kills", "resumes", *BAD), 0))
    budgets = [(kind, False, round(options.kills * share)) for kind, share in SHARES.items()]
    for kind, real, budget in [*budgets, ("RandomSearch", True, 3)]:
        count = collections.Counter()
        with tempfile.TemporaryDirectory(dir=options.folder) as root:
            whole = pathlib.Path(tempfile.mkdtemp(dir=root))
            reference, seconds = uninterrupted(kind, whole, real)
            while count["kills"] < budget and not count["failed_resumes"]:
                chain(kind, root, reference, seconds, rng, real, count, budget)
        total.update(count)
    return total


def fill_up(disk):
    """Search on a disk that is full but for a little, free some, go on, to the end; the counts."""
    ballast, count = [], collections.Counter(full=0, crashed=0)
    with contextlib.suppress(OSError):
        while True:
            ballast.append(disk / f"ballast{len(ballast)}")
            ballast[-1].write_bytes(b"0" * 4096)
    code = FULL
    while code and ballast:
        for path in ballast[-20:]:
            path.unlink(missing_ok=True)
        del ballast[-20:]
        code = run("RandomSearch", disk, True)
        count["crashed"] += code < 0
        count["full"] += code == FULL
        count["failed_resumes"] += code > 0 and code != FULL
    with tempfile.TemporaryDirectory() as elsewhere:
        expected, _ = uninterrupted("RandomSearch", pathlib.Path(elsewhere), True)
    count["wrong_tables"] += trial_files(disk) != expected
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="of searches with a formula")
    parser.add_argument("--folder", help="where to search; a memory disk is faster")
    parser.add_argument("--disk", type=pathlib.Path, help="the root of a small disk to fill up")
    options = parser.parse_args()
    gc.collect()
    gc.freeze()
    count = fill_up(options.disk) if options.disk else kill(options)
    print(json.dumps(count))
    sys.exit(any(count[name] for name in (*BAD, "crashed")))


if __name__ == "__main__":
    main()
