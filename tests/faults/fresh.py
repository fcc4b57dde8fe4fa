"""Small searches and every number that they produced, in this process or in one of its own.

    python tests/faults/fresh.py FOLDER

draws random numbers, searches, is interrupted, goes on, and prints the numbers as one JSON object.
"""

import hashlib
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from projects import programs

from helpers import search

OWN = {
    "RandomSearch": {"max_trials": 2, "executions_per_trial": 2},
    "Hyperband": {"max_epochs": 2, "factor": 2},
    "BayesianOptimization": {"max_trials": 4, "num_initial_points": 2},
}


def records(folder):
    """{file: contents} of trial.json and history.json without times, digests of the weights."""
    found = {}
    for path in sorted(folder.glob("trial_*/*")):
        name = f"{path.parent.name}/{path.name}"
        if path.name == "trial.json":
            found[name] = json.loads(path.read_text())
        elif path.name == "history.json":
            found[name] = json.loads(path.read_text())["executions"]
        elif path.suffix == ".h5":
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def run(folder, stop_in=None):
    """Search, or end as by Ctrl-C in the middle of the trial ``stop_in``; the records."""
    import keras_tuner as kt
    import tensorflow as tf

    x, y = programs.data()
    found = {}
    for kind, own in OWN.items():

        class Stopping(search.careful(getattr(kt, kind))):
            def on_epoch_end(self, trial, *args, **kwargs):
                if trial.trial_id == stop_in:
                    raise KeyboardInterrupt
                super().on_epoch_end(trial, *args, **kwargs)

        tf.config.run_functions_eagerly(kind != "RandomSearch")  # tracing is what takes time
        call = {"objective": kt.Objective("val_loss", "min"), "seed": 0, "progress": False}
        call |= {"directory": str(folder), "project_name": kind} | own
        try:
            tuner = Stopping(programs.build, **call)
            tuner.search(x, y, validation_data=(x, y), epochs=2, batch_size=16)
        except KeyboardInterrupt:
            continue
        found[kind] = records(pathlib.Path(folder) / kind)
    tf.config.run_functions_eagerly(False)
    return found


if __name__ == "__main__":
    import keras

    keras.random.normal((3,))
    np.random.random(5)
    run(sys.argv[1], stop_in="1")
    print("RECORDS", json.dumps(run(sys.argv[1])))
