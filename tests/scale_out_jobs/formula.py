"""A job with a formula instead of training: a trial takes 50 ms and its result is known.

It uses KerasTuner alone for the search, so the tests also show that the launcher needs no more.
"""

import argparse
import os
import pathlib
import time

import keras_tuner as kt

from helpers import scale_out


class Formula(kt.RandomSearch):
    """RandomSearch whose trial is a formula of its hyperparameter."""

    def run_trial(self, trial, folder, seconds, fail):
        """Note the run, wait, fail where told to, and return the value to minimise."""
        x = trial.hyperparameters.get("x")
        with open(pathlib.Path(folder, "runs.txt"), "a") as file:
            file.write(f"{trial.trial_id} {self.tuner_id} {os.getpid()}\n")
        time.sleep(seconds)
        if trial.trial_id in fail.split(","):
            raise ValueError(f"the formula has no value at x = {x}")
        return (x - 3) ** 2


def search(directory, project_name, max_trials=6, seconds=0.05, fail=""):
    """Take this process's part in the search; returns its role and the tuner."""
    role = scale_out.prepare()
    tuner = Formula(
        lambda hp: hp.Int("x", min_value=0, max_value=1000) and None,
        objective=kt.Objective("default_objective", "min"),
        max_trials=max_trials,
        seed=1,
        directory=directory,
        project_name=project_name,
    )
    tuner.oracle.verbose = 0
    tuner.search(directory, seconds, fail)
    return role, tuner


def main():
    """Search, and write the best trial down where results are read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory")
    parser.add_argument("--project-name")
    parser.add_argument("--max-trials", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=os.environ.get("FORMULA_SECONDS", 0.05))
    parser.add_argument("--fail", default="", help="trials that raise an error")
    options = parser.parse_args()
    role, tuner = search(**vars(options))
    if role != "worker":
        best = tuner.oracle.get_best_trials(1)[0]
        pathlib.Path(options.directory, "best.txt").write_text(f"{role} {best.trial_id}")


if __name__ == "__main__":
    main()
