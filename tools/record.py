"""Run the course's full search and ship its records: 50 trials of 10 epochs, about 75 minutes.

    python -m tools.record
    python -m tools.record --readme

Stop it at any time and start it again: it goes on with the trial that was interrupted. The trial
records and the history of every epoch go to ``helpers/files/recorded_search`` when the last trial
is finished; checkpoints stay in the working folder. ``--readme`` runs nothing: it writes what the
records say into README.md, and the picture there.
"""

import argparse
import json
import pathlib
import shutil

from helpers import data, models, plots, results, search
from tools import put_between

RECORDED = data.FILES / "recorded_search"
README = pathlib.Path(__file__).parents[1] / "README.md"
PICTURE = README.parent / "docs" / "recorded_search.png"
MARKERS = ("<!-- recorded -->", "<!-- /recorded -->")
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
        directory=str(search.log_dir(directory)),
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


def summary(folder=RECORDED):
    """What README says about the recorded search, computed from its files, in one paragraph."""
    table = results.trials_table(folder)
    settings = json.loads((pathlib.Path(folder) / "settings.json").read_text())
    done = results.ranked(table)
    best, curve = done.iloc[0], results.best_so_far(table)["best"].tolist()
    history = results.history_table(folder).set_index(["trial", "epoch"])
    accuracy = history.loc[(best.trial, best.best_epoch), "val_accuracy"]
    values = [int(best[name]) for name in results.hyperparameters(table)]
    return (
        f"The picture shows the recorded search: {len(done)} trials of {settings['epochs']} epochs "
        f"on the shipped images. Its best trial, with {values[0]} and {values[1]} filters and "
        f"{values[2]} units, reached a validation loss of {best.score:.3f} (accuracy "
        f"{accuracy:.3f}); the median trial reached {done.score.median():.3f} and the "
        f"worst {done.score.max():.3f}. After 10 trials the best loss was {curve[9]:.3f}."
    )


def write_readme(readme=README, picture=PICTURE, folder=RECORDED):
    """Put the summary between README's markers, and draw the picture."""
    put_between(readme, MARKERS, summary(folder))
    axes = plots.best_so_far(results.best_so_far(results.trials_table(folder)))
    picture.parent.mkdir(exist_ok=True)
    axes.figure.savefig(picture, dpi=120, metadata={"Software": None})


def main(arguments=None):
    """Run, then ship; or write README's part about the records."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--directory", default="log", help="working folder (default: log)")
    parser.add_argument("--readme", action="store_true", help="only write README's part")
    options = parser.parse_args(arguments)
    if options.readme:
        return write_readme()
    tuner = run(options.directory, SETTINGS)
    images = data.load_data(SETTINGS["dataset"], seed=SETTINGS["seed"])
    ship(tuner.project_dir, SETTINGS | {"data_digest": images.digest}, RECORDED)
    print(f"{RECORDED} now holds {SETTINGS['max_trials']} trials.")


if __name__ == "__main__":
    main()
