"""Write a job notebook for the fault tests: a formula instead of training.

It is made when a test runs, since pytest executes every notebook that it finds in the tree.
"""

import sys

import nbformat

CELLS = {
    "parameters": """\
directory: str = "log"  # shared directory
project_name: str = "job"  # name of the project
max_trials: int = 4  # how many trials
seconds: float = 0.3  # seconds a trial""",
    "prepare": """\
import os
import pathlib
import sys
import time

import keras_tuner as kt

from helpers import scale_out

scale_out.prepare()""",
    "tuner": """\
class Formula(kt.RandomSearch):
    def run_trial(self, trial, **fit_arguments):
        with open(f"{directory}/runs.txt", "a") as file:
            file.write(f"{trial.trial_id} {self.tuner_id} {os.getpid()}\\n")
        time.sleep(seconds)
        return (trial.hyperparameters.get("x") - 3) ** 2""",
    "search": """\
tuner = Formula(
    lambda hp: hp.Int("x", 0, 1000) and None,
    objective=kt.Objective("default_objective", "min"),
    max_trials=max_trials,
    seed=1,
    directory=directory,
    project_name=project_name,
)
tuner.search(verbose=0)""",
    "stop": """\
if scale_out.is_worker():
    sys.exit(0)""",
    "results": """\
best = tuner.oracle.get_best_trials(1)[0]
pathlib.Path(directory, "best.txt").write_text(f"{scale_out.role()} {best.trial_id}")""",
}


def write(path):
    """Write the notebook to ``path`` and return the path."""
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in CELLS.items()]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, path)
    return path


if __name__ == "__main__":
    write(sys.argv[1])
