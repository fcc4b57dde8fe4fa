"""Kill searches with SIGKILL at random moments, resume them, and compare with uninterrupted ones.

    python tests/faults/kills.py --kills 200 --seed 1          training replaced by a formula
    python tests/faults/kills.py --kills 4 --seed 1 --real     a small model is trained

Every search runs in a forked child of this process, which has imported everything and run no
TensorFlow operation. Prints one JSON object with the counts; exits with 1 when anything was lost.
"""

import argparse
import gc
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import keras_tuner as kt
import numpy as np

from helpers import search

KINDS = ("RandomSearch", "GridSearch", "Hyperband", "BayesianOptimization")
SHARES = {"RandomSearch": 0.32, "GridSearch": 0.32, "Hyperband": 0.3, "BayesianOptimization": 0.06}
OWN = {
    "RandomSearch": {"max_trials": 12},
    "GridSearch": {"max_trials": 12},
    "Hyperband": {"max_epochs": 4, "factor": 2},
    "BayesianOptimization": {"max_trials": 6, "num_initial_points": 4},
}


def space(hp):
    """Two hyperparameters, one of them conditional; no model is built."""
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
            append(runs, f"start {trial.trial_id}")
            time.sleep(0.002)
            noise = float(np.random.random())
            loss = values["x"] * 0.1 + values.get("y", 0.5) + noise
            append(runs, f"end {trial.trial_id}")
            return {"val_loss": loss, "noise": noise}

    Formula.__name__ = tuner_class.__name__
    return Formula


def build(hp):
    """A dense model for 8 x 8 images."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(hp.Int("units", 4, 32, step=4), activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def append(path, line):
    """Add a line in one write, so that it is whole whenever a kill comes."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def tuner_for(kind, folder, real):
    """The careful tuner of this fault test in ``folder``."""
    tuner_class = getattr(kt, kind)
    tuner_class = tuner_class if real else with_formula(tuner_class)
    own = {"max_trials": 4} if real else OWN[kind]
    return search.careful(tuner_class)(
        build if real else space,
        objective=kt.Objective("val_loss", "min"),
        progress=False,
        seed=3,
        directory=str(folder),
        project_name="search",
        **own,
    )


def run_search(kind, folder, real):
    """Run or resume the search to its end; the body of a child."""
    tuner = tuner_for(kind, folder, real)
    if real:
        rng = np.random.default_rng(0)
        x = rng.random((64, 8, 8, 1), dtype="float32")
        y = np.eye(3, dtype="float32")[rng.integers(0, 3, 64)]
        tuner.search(x, y, validation_data=(x, y), epochs=2, batch_size=16, verbose=0)
    else:
        tuner.search(folder / "runs.txt")


def child(kind, folder, real):
    """Fork a child that runs the search; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        with open(folder / "output.txt", "a") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
            run_search(kind, folder, real)
        code = 0
    except BaseException:
        (folder / "error.txt").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def trial_files(folder):
    """{trial id: text of trial.json}, of the search's real project directory."""
    found = {}
    for path in folder.glob("search/trial_*/trial.json"):
        found[path.parent.name.removeprefix("trial_")] = path.read_text()
    return found


def completed(folder):
    """The trial.json texts of the trials that the disk calls finished."""
    texts = trial_files(folder)
    return {i: t for i, t in texts.items() if json.loads(t)["status"] in ("COMPLETED", "FAILED")}


def started(folder):
    """Ids of the trials that were started, in order, with repetitions."""
    path = folder / "runs.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.split()[1] for line in lines if line.startswith("start")]


class Count(dict):
    """Counts that add up."""

    def add(self, name, number=1):
        """Add to one count."""
        self[name] = self.get(name, 0) + number


def uninterrupted(kind, folder, real):
    """(trial files, seconds) of a search that nobody kills."""
    start = time.monotonic()
    if os.waitpid(child(kind, folder, real), 0)[1]:
        sys.exit((folder / "error.txt").read_text())
    return trial_files(folder), time.monotonic() - start


def chain(kind, root, reference, seconds, rng, real, count, budget):
    """One search, killed and resumed until it ends or the budget of kills is used up."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=root))
    count.add("searches")
    kept = {}
    while True:
        before = len(started(folder))
        pid = child(kind, folder, real)
        kill = count.get("kills", 0) < budget
        if kill:
            time.sleep(rng.uniform(0, 0.7 * seconds))
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        died = os.WIFSIGNALED(status)
        count.add("kills", int(died))
        if not died and os.waitstatus_to_exitcode(status) != 0:
            count.add("failed_resumes")
            print((folder / "error.txt").read_text(), file=sys.stderr)
            return
        again = set(started(folder)[before:]) & set(kept)
        count.add("completed_run_again", len(again))
        now = completed(folder)
        count.add("lost", sum(now.get(trial_id) != text for trial_id, text in kept.items()))
        kept = now
        if not died:
            break
        count.add("resumes")
    count.add("wrong_tables", int(trial_files(folder) != reference))
    count.add("beyond_max_trials", int(len(trial_files(folder)) > len(reference)))


def main():
    """Run until the number of kills is reached; print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", action="store_true", help="train a small model in every trial")
    parser.add_argument("--folder", help="where to search; a memory disk is faster")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    gc.collect()
    gc.freeze()
    total = Count()
    kinds = KINDS[:1] if options.real else KINDS
    for kind in kinds:
        budget = options.kills if options.real else max(1, round(options.kills * SHARES[kind]))
        count = Count()
        with tempfile.TemporaryDirectory(dir=options.folder) as root:
            folder = pathlib.Path(tempfile.mkdtemp(dir=root))
            reference, seconds = uninterrupted(kind, folder, options.real)
            while count.get("kills", 0) < budget:
                chain(kind, root, reference, seconds, rng, options.real, count, budget)
        print(f"{kind}: {len(reference)} trials in {seconds:.2f} s; {dict(count)}", file=sys.stderr)
        for name, number in count.items():
            total.add(name, number)
    print(json.dumps(total))
    bad = ("failed_resumes", "completed_run_again", "lost", "wrong_tables", "beyond_max_trials")
    sys.exit(int(any(total.get(name, 0) for name in bad)))


if __name__ == "__main__":
    main()
