"""Run the recorded comparison of notebook 06: five searches at 120 epochs each, under five seeds.

    python -m tools.record_tuners
    python -m tools.record_tuners --seeds 1000 3000
    python -m tools.record_tuners --ship

About two and a half hours of one core. Every search uses one thread, so that two of these commands
with other seeds run side by side and the numbers do not depend on the cores. Stop it at any time
and start it again: it goes on with the trial that was interrupted. A seed is that of the split too,
and the seeds are far apart, since KerasTuner counts its draws up from the seed. Each search ends
with a judgement: train its best hyperparameters five times more, under new seeds, and score them on
images that this seed's searches have not seen. When all seeds are finished, the tables go to
``helpers/files/recorded_tuners`` as CSV files; ``--ship`` runs nothing and takes what is finished.

``first_race.csv`` there is not made here. It keeps what notebook 06 compares with: of the record
that was committed first (252fbb7: seeds 1 to 5, one split, one training per winner) the lowest
score of each search and seed in trials.csv ("own"), and its loss in judged.csv ("judged").
"""

import argparse
import json
import os
import pathlib

import numpy as np

from helpers import data, models, results, search, state

RECORDED = results.RECORDED_TUNERS
JUDGED = "judged.json"
SETTINGS = {
    "dataset": "fashion_mnist_small",
    "images": 2000,
    "validation_fraction": 0.5,
    "objective": ["val_loss", "min"],
    "max_epochs": 10,
    "factor": 3,
    "max_trials": 12,
    "num_initial_points": 5,
    "batch_size": 64,
    "seeds": [1000, 2000, 3000, 4000, 5000],
    "judge_trainings": 5,
    "threads": 1,
}
NAMES = (
    "RandomSearch",
    "GridSearch",
    "GridSearch, 12 points",
    "Hyperband",
    "BayesianOptimization",
)
GRID = {
    "L1_Conv2D_Filters": (20, 52, 32),
    "L2_Conv2D_Filters": (20, 52, 32),
    "L3_Dense_num": (40, 176, 68),
}


def spread_grid():
    """A space of 2 x 2 x 3 = 12 points spread over the course's space, for GridSearch."""
    import keras_tuner as kt

    hp = kt.HyperParameters()
    for name, (low, high, step) in GRID.items():
        hp.Int(name, min_value=low, max_value=high, step=step)
    return hp


def make_tuners(images, seed, directory, settings=SETTINGS):
    """The five searches under one seed, by name; nothing is run.

    Args:
        images: what ``helpers.data.load_data`` returns.
        seed: the seed of all five.
        directory: their working folder.
        settings: a dictionary like ``SETTINGS``.

    Returns:
        A dictionary from a name to a function without arguments that opens the tuner.
    """
    import keras_tuner as kt

    common = {
        "hypermodel": models.hypermodel(images.image_shape, images.num_classes),
        "objective": kt.Objective(*settings["objective"]),
        "seed": seed,
        "directory": str(search.log_dir(directory)),
    }
    trials = {"max_trials": settings["max_trials"]}
    first = {"num_initial_points": settings["num_initial_points"]}
    epochs = {"max_epochs": settings["max_epochs"], "factor": settings["factor"]}
    kinds = [
        (kt.RandomSearch, trials),
        (kt.GridSearch, trials),
        (kt.GridSearch, trials | {"hyperparameters": spread_grid()}),
        (kt.Hyperband, epochs),
        (kt.BayesianOptimization, trials | first),
    ]
    return {
        name: lambda number=number, kind=kind, own=own: search.careful(kind)(
            project_name=f"tuners_{number}_{seed}", **common, **own
        )
        for number, (name, (kind, own)) in enumerate(zip(NAMES, kinds, strict=True))
    }


def load(seed, settings=SETTINGS):
    """The images of the searches under one seed, which is the seed of the split too."""
    names = ("dataset", "images", "validation_fraction")
    return data.load_data(**{name: settings[name] for name in names}, seed=seed)


def held_out(images, settings=SETTINGS):
    """Images (x, y) of the training files that neither train nor validate in ``images``."""
    every = data.load_data(settings["dataset"])
    x = np.concatenate([every.x_train, every.x_val])
    y = np.concatenate([every.y_train, every.y_val])
    used = {image.tobytes() for image in (*images.x_train, *images.x_val)}
    new = np.array([image.tobytes() not in used for image in x])
    return x[new], y[new]


def judge(tuner, number, images, unseen, settings=SETTINGS):
    """Train the best hyperparameters again under the judge's seed ``number``, score new images."""
    import keras

    keras.utils.set_random_seed(search.trial_seed(tuner.seed, str(999 - number)))
    model = tuner.hypermodel.build(tuner.get_best_hyperparameters()[0])
    model.fit(
        images.x_train,
        images.y_train,
        epochs=settings["max_epochs"],
        batch_size=settings["batch_size"],
        verbose=0,
    )
    loss, accuracy = model.evaluate(*unseen, batch_size=256, verbose=0)
    return {"training": number, "loss": loss, "accuracy": accuracy, "images": len(unseen[0])}


def run(directory, seeds, settings=SETTINGS, only=None):
    """Run or resume the searches of these seeds (``only``: some, by name), and judge each."""
    import keras

    for seed in seeds:
        images = load(seed, settings)
        unseen = held_out(images, settings)
        for name, open_tuner in make_tuners(images, seed, directory, settings).items():
            if only and name not in only:
                continue
            tuner = open_tuner()
            tuner.search(
                images.x_train,
                images.y_train,
                validation_data=(images.x_val, images.y_val),
                epochs=settings["max_epochs"],
                batch_size=settings["batch_size"],
                verbose=0,
            )
            path = pathlib.Path(tuner.project_dir) / JUDGED
            judged = state.read_json(path) or []
            for number in range(len(judged), settings["judge_trainings"]):
                one = judge(tuner, number, images, unseen, settings)
                judged.append({"search": name, "seed": seed} | one)
                state.write_json(path, judged)
                keras.backend.clear_session(free_memory=True)
            print(f"seed {seed}, {name}: {[row['loss'] for row in judged]}", flush=True)


def gather(directory, settings=SETTINGS):
    """Trials, epochs and judgements of the seeds under which all is finished, as three tables."""
    import pandas as pd

    folder, trials, epochs, judged = search.log_dir(directory), [], [], []
    for seed in settings["seeds"]:
        places = sorted(folder.glob(f"tuners_?_{seed}"))
        read = [state.read_json(place / JUDGED) or [] for place in places]
        if [len(rows) for rows in read] != [settings["judge_trainings"]] * len(NAMES):
            continue
        judged += sum(read, [])
        for place, (one, *_) in zip(places, read, strict=True):
            extra = results.costs(place)[["trial", "cpu_seconds", "proposal_seconds"]]
            table = results.trials_table(place).merge(extra, on="trial")
            history = results.history_table(place)
            kept = history[["trial", "epoch", "val_loss", "val_accuracy"]].round(6)
            for part, parts in ((table, trials), (kept, epochs)):
                part.insert(0, "seed", seed)
                part.insert(0, "search", one["search"])
                parts.append(part)
    if not trials:
        raise SystemExit(f"{folder} holds no seed under which all searches are finished.")
    return pd.concat(trials), pd.concat(epochs), pd.DataFrame(judged)


def ship(directory, target=RECORDED, settings=SETTINGS, partly=False):
    """Write the tables of ``gather`` and the settings to ``target``.

    With ``partly`` what is finished replaces the record, else nothing does until all seeds are.
    """
    trials, epochs, judged = gather(directory, settings)
    missing = sorted(set(settings["seeds"]) - set(judged["seed"]))
    if missing and not partly:
        print(f"Nothing is shipped: seeds {missing} are not finished. --ship takes what is there.")
        return
    target.mkdir(parents=True, exist_ok=True)
    for name, table in (("trials", trials), ("epochs", epochs), ("judged", judged)):
        table.to_csv(target / f"{name}.csv", index=False, lineterminator="\n")
    done = settings | {"seeds": sorted(int(seed) for seed in set(judged["seed"]))}
    (target / "settings.json").write_text(json.dumps(done, indent=1) + "\n")
    print(f"{target} now holds {len(trials)} trials and {len(judged)} judgements.")


def main(arguments=None):
    """Run, then ship."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--directory", default="log", help="working folder (default: log)")
    parser.add_argument("--seeds", type=int, nargs="+", default=SETTINGS["seeds"], metavar="SEED")
    parser.add_argument("--only", choices=NAMES, nargs="+", metavar="SEARCH", help="by name")
    parser.add_argument("--ship", action="store_true", help="run nothing, ship what is finished")
    options = parser.parse_args(arguments)
    if not options.ship:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(SETTINGS["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(1)
        run(options.directory, options.seeds, only=options.only)
    ship(options.directory, partly=options.ship)


if __name__ == "__main__":
    main()
