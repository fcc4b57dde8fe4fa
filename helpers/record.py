"""Run the course's full search and ship its records: 50 trials of 10 epochs, about 75 minutes.

    python -m helpers.record

Stop it at any time and start it again: it goes on with the trial that was interrupted. The trial
records and the history of every epoch go to ``helpers/files/recorded_search`` when the last trial
is finished; checkpoints stay in the working folder.
"""

import argparse
import json
import pathlib
import shutil

from helpers import data, models, search

RECORDED = data.FILES / "recorded_search"
SETTINGS = {
    "tuner": "RandomSearch",
    "dataset": "fashion_mnist_small",
    "objective": ["val_loss", "min"],
    "max_trials": 50,
    "executions_per_trial": 1,
    "epochs": 10,
    "batch_size": 64,
    "seed": 1,
}
KEPT = ("trial.json", search.HISTORY)


def run(directory, settings):
    """Run or resume the search in ``directory`` and return the tuner."""
    import keras_tuner as kt

    images = data.load_data(settings["dataset"], seed=settings["seed"])
    tuner = search.careful(kt.RandomSearch)(
        models.hypermodel(images.image_shape, images.num_classes),
        objective=kt.Objective(*settings["objective"]),
        max_trials=settings["max_trials"],
        executions_per_trial=settings["executions_per_trial"],
        seed=settings["seed"],
        directory=str(directory),
        project_name=RECORDED.name,
    )
    tuner.search(
        images.x_train,
        images.y_train,
        validation_data=(images.x_val, images.y_val),
        epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        verbose=0,
    )
    return tuner


def ship(project, settings, target):
    """Copy the small files of a finished project to ``target``, weights left out."""
    project, target = pathlib.Path(project), pathlib.Path(target)
    shutil.rmtree(target, ignore_errors=True)
    for trial in sorted(project.glob("trial_*")):
        (target / trial.name).mkdir(parents=True)
        for name in KEPT:
            shutil.copy(trial / name, target / trial.name / name)
    for name in ("oracle.json", "tuner0.json"):
        shutil.copy(project / name, target / name)
    (target / "settings.json").write_text(json.dumps(settings, indent=1) + "\n")


def main(arguments=None):
    """Run, then ship."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--directory", default="log", help="working folder (default: log)")
    options = parser.parse_args(arguments)
    tuner = run(options.directory, SETTINGS)
    images = data.load_data(SETTINGS["dataset"], seed=SETTINGS["seed"])
    ship(tuner.project_dir, SETTINGS | {"data_digest": images.digest}, RECORDED)
    print(f"{RECORDED} now holds {SETTINGS['max_trials']} trials.")


if __name__ == "__main__":
    main()
