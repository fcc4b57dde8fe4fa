"""Run small searches in this process and print every number they produced, as one JSON object.

    python tests/faults/fresh.py FOLDER [--draws] [--stop-after 2] [--kinds RandomSearch,...]

The determinism tests run it in fresh processes. With KerasTuner's environment variables set it is
the chief or a worker of one search.
"""

import argparse
import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import numpy as np

from helpers import search, state

OWN = {
    "RandomSearch": {"max_trials": 2, "executions_per_trial": 2},
    "Hyperband": {"max_epochs": 2, "factor": 2},
    "BayesianOptimization": {"max_trials": 4, "num_initial_points": 3},
}


def build(hp):
    """A dense model for 8 x 8 images whose second layer is conditional."""
    import keras

    layers = keras.layers
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    depth = hp.Int("depth", 1, 2)
    for i in range(2):
        with hp.conditional_scope("depth", list(range(i + 1, 3))):
            if i < depth:
                model.add(layers.Dense(hp.Int(f"units_{i}", 4, 32), activation="relu"))
    model.add(layers.Dropout(hp.Float("rate", 0.0, 0.5)))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def records(folder):
    """{file: contents} of trial.json and history.json without times, digests of the weights."""
    import h5py

    found = {}
    for path in sorted(folder.glob("trial_*/*")):
        name = f"{path.parent.name}/{path.name}"
        if path.name == "trial.json":
            found[name] = path.read_text()
        elif path.name == "history.json":
            found[name] = json.loads(path.read_text())["executions"]
        elif path.suffix == ".h5":
            sha = hashlib.sha256()
            with h5py.File(path) as file:
                file.visititems(
                    lambda n, v, s=sha: s.update(v[()].tobytes() if hasattr(v, "dtype") else b"")
                )
            found[name] = sha.hexdigest()
    return found


def main():
    """Search, then print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--draws", action="store_true", help="draw random numbers first")
    parser.add_argument("--stop-after", type=int, default=0, help="interrupt in the trial after")
    parser.add_argument("--kinds", default="RandomSearch,Hyperband,BayesianOptimization")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    import keras
    import keras_tuner as kt

    if options.draws:
        keras.random.normal((3,))
        np.random.random(5)
    rng = np.random.default_rng(0)
    x = rng.random((48, 8, 8, 1), dtype="float32")
    y = np.eye(3, dtype="float32")[rng.integers(0, 3, 48)]
    found = {}
    for kind in options.kinds.split(","):
        tuner_class = search.careful(getattr(kt, kind))
        if options.stop_after:
            tuner_class = stopping(tuner_class, options.stop_after)
        tuner = tuner_class(
            build,
            objective=kt.Objective("val_loss", "min"),
            seed=options.seed,
            progress=False,
            directory=str(options.folder),
            project_name=kind,
            **OWN[kind],
        )
        try:
            tuner.search(x, y, validation_data=(x, y), epochs=2, batch_size=16, verbose=0)
        except KeyboardInterrupt:
            continue
        if state.role() != "worker":
            found[kind] = records(options.folder / kind)
    print("RECORDS", json.dumps(found))


def stopping(tuner_class, trials):
    """``tuner_class`` interrupted, as by Ctrl-C, in the middle of the trial after ``trials``."""

    class Stopping(tuner_class):
        def on_epoch_end(self, trial, model, epoch, logs=None):
            if int(trial.trial_id) == trials:
                raise KeyboardInterrupt
            super().on_epoch_end(trial, model, epoch, logs)

    return Stopping


if __name__ == "__main__":
    main()
