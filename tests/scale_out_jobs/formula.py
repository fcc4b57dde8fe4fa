"""A job with a formula instead of training: a trial takes 50 ms and its result is known.

It uses KerasTuner alone for the search, so the tests also show that the launcher needs no more.
"""

import argparse
import os
import pathlib
import signal
import time

import keras_tuner as kt

from helpers import scale_out


class Formula(kt.RandomSearch):
    """RandomSearch whose trial is a formula of its hyperparameter."""

    def run_trial(self, trial, options, verbose=0):
        """Wait, fail where told to, note the run, and return the value to minimise."""
        x = trial.hyperparameters.get("x")
        runs = pathlib.Path(options.directory, "runs.txt")
        with open(runs, "a") as file:
            file.write(f"{trial.trial_id} {self.tuner_id} {os.getpid()}\n")
        while options.meet and f" {options.meet} " not in runs.read_text():
            time.sleep(0.05)
        time.sleep(options.seconds)
        if trial.trial_id == options.die:
            os.kill(os.getpid(), signal.SIGKILL)
        if trial.trial_id in options.fail.split(","):
            raise ValueError(f"the formula has no value at x = {x}")
        return (x - 3) ** 2


def build(hp):
    """Declare the one hyperparameter; no model is built."""
    hp.Int("x", min_value=0, max_value=1000)


def main():
    """Run the part of the search that belongs to this process's role."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory")
    parser.add_argument("--project-name")
    parser.add_argument("--max-trials", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--fail", default="", help="trials that raise an error")
    parser.add_argument("--die", default="", help="trial that kills its process")
    parser.add_argument("--meet", default="", help="a trial waits until this worker has begun one")
    options = parser.parse_args()
    scale_out.prepare()
    tuner = Formula(
        build,
        objective=kt.Objective("default_objective", "min"),
        max_trials=options.max_trials,
        seed=1,
        directory=options.directory,
        project_name=options.project_name,
    )
    tuner.search(options, verbose=0)
    if scale_out.is_worker():
        return
    best = tuner.oracle.get_best_trials(1)[0]
    pathlib.Path(options.directory, "best.txt").write_text(f"{best.trial_id} {best.score}")


if __name__ == "__main__":
    main()
