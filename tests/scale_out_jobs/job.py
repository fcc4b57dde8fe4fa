"""The job of the launcher's tests: a formula instead of training, or a small training.

The formula needs KerasTuner alone, so the tests also show that the launcher needs no more.
"""

import argparse
import os
import pathlib
import time

import keras_tuner as kt
import numpy as np

from helpers import scale_out, search


class Formula(kt.RandomSearch):
    """RandomSearch whose trial is a formula of its hyperparameter."""

    def run_trial(self, trial, folder, fail):
        x = trial.hyperparameters.get("x")
        with open(pathlib.Path(folder, "runs.txt"), "a") as file:
            file.write(f"{trial.trial_id} {self.tuner_id} {os.getpid()}\n")
        time.sleep(float(os.environ["FORMULA_SECONDS"]))
        if trial.trial_id in fail.split(","):
            raise ValueError(f"the formula has no value at x = {x}")
        return (x - 3) ** 2


def build(hp):
    """A small classifier with dropout, so that random numbers matter."""
    import keras
    from keras import layers

    units = hp.Int("units", min_value=4, max_value=64)
    model = keras.Sequential([layers.Flatten(), layers.Dense(units), layers.Dropout(0.25)])
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model


def run(directory, project_name, max_trials=6, fail="", train=0):
    """Take this process's part in the search; returns its role and the tuner."""
    role = scale_out.prepare()
    arguments = {"directory": directory, "project_name": project_name, "max_trials": max_trials}
    if train:
        objective = kt.Objective("val_loss", "min")
        tuner = search.careful(kt.RandomSearch)(build, objective=objective, seed=1, **arguments)
        x = np.random.default_rng(1).random((96, 8, 8), dtype="float32")
        y = (x.mean(axis=(1, 2)) > 0.5).astype("float32")
        validation = (x[64:], y[64:])
        tuner.search(x[:64], y[:64], validation_data=validation, epochs=2, batch_size=16, verbose=0)
    else:
        objective = kt.Objective("default_objective", "min")
        space = kt.HyperParameters()
        space.Int("x", min_value=0, max_value=1000)
        tuner = Formula(objective=objective, hyperparameters=space, seed=1, **arguments)
        tuner.oracle.verbose = 0
        tuner.search(directory, fail)
    return role, tuner


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory")
    parser.add_argument("--project-name")
    parser.add_argument("--max-trials", type=int, default=6)
    parser.add_argument("--train", type=int, default=0)
    options = parser.parse_args()
    role, tuner = run(**vars(options))
    if role != "worker":
        best = tuner.oracle.get_best_trials(1)[0]
        pathlib.Path(options.directory, "best.txt").write_text(f"{role} {best.trial_id}")
