"""Train the best and some small trials of the recorded search again, under new seeds.

    python -m tools.record_reruns
    python -m tools.record_reruns --seeds 1000 2000
    python -m tools.record_reruns --ship

About an hour of one core. Data, epochs and batches are those of the search. A training uses one
thread, so that two of these commands with other seeds run side by side. Stop it at any time and
start it again: what is finished stays. The table goes to ``reruns.csv`` beside the search when all
is finished; ``--ship`` runs nothing and takes what is there.

Who is trained again, and what is a success, was written here before the first training: the five
best trials, to measure the noise and the winner's curse; and for each share of ``SIZES`` the best
trial that has at most this share of the winner's parameters. Such a small one is accepted when it
is shown to be less than ``MARGIN`` worse than the winner in validation accuracy. A smaller one is
judged only if the larger one was accepted, which keeps the error of all at the level of one.
"""

import argparse
import json
import os

from helpers import data, models, results, search, state
from tools import record

RERUNS = record.RECORDED / "reruns.csv"
TOP = 5
SIZES = (1 / 2, 1 / 4, 1 / 8)
MARGIN = 0.01
SEEDS = (1000, 2000, 3000, 4000, 5000)
COLUMNS = ("trial", "seed", "parameters", "best_epoch")
COLUMNS += ("val_loss", "val_accuracy", "last_val_loss", "last_val_accuracy")


def build(values):
    """The search's model with these values, compiled."""
    import keras_tuner as kt

    hp = kt.HyperParameters()
    hp.values = dict(values)
    return models.hypermodel()(hp)


def chosen(table):
    """The rows of a trials table that are trained again, by the rule above, with parameters."""
    rows = results.ranked(table)
    names = results.hyperparameters(rows)
    values = [{name: int(row[name]) for name in names} for _, row in rows.iterrows()]
    rows["parameters"] = [build(one).count_params() for one in values]
    limits = [share * rows["parameters"].iloc[0] for share in SIZES]
    small = [rows.index[rows["parameters"] <= limit][0] for limit in limits]
    return rows.loc[list(dict.fromkeys([*rows.index[:TOP], *small]))]


def train(row, names, images, seed, settings):
    """Train one trial again: what it scored by the search's rule, and after the last epoch."""
    import keras

    keras.utils.set_random_seed(search.trial_seed(seed, row["trial"]))
    validation = (images.x_val, images.y_val)
    fit = {"epochs": settings["epochs"], "batch_size": settings["batch_size"], "verbose": 0}
    model = build({name: int(row[name]) for name in names})
    history = model.fit(images.x_train, images.y_train, validation_data=validation, **fit).history
    losses, accuracies = history["val_loss"], history["val_accuracy"]
    best = losses.index(min(losses))
    ends = (losses[best], accuracies[best], losses[-1], accuracies[-1])
    found = (row["trial"], seed, int(row["parameters"]), best + 1, *ends)
    return dict(zip(COLUMNS, found, strict=True))


def run(directory, seeds):
    """Train all chosen trials under these seeds, one file a training; finished ones stay."""
    import keras

    settings = state.read_json(record.RECORDED / "settings.json")
    images = data.load_data(settings["dataset"], seed=settings["seed"])
    table = results.trials_table(record.RECORDED)
    names = results.hyperparameters(table)
    for seed in seeds:
        for _, row in chosen(table).iterrows():
            path = search.log_dir(directory) / "reruns" / f"{seed}_{row['trial']}.json"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                found = train(row, names, images, seed, settings)
                state.write_json(path, found)
                print(json.dumps(found), flush=True)
                keras.backend.clear_session(free_memory=True)


def ship(directory, partly=False, target=RERUNS):
    """Write the table, best trial first: all seeds, or ``partly`` those that are finished."""
    import pandas as pd

    order = list(chosen(results.trials_table(record.RECORDED))["trial"])
    files = (search.log_dir(directory) / "reruns").glob("*.json")
    rows = pd.DataFrame(map(state.read_json, files), columns=COLUMNS)
    whole = rows.groupby("seed")["trial"].transform("size") == len(order)
    done = sorted(set(rows.loc[whole, "seed"]))
    if not done or (set(SEEDS) - set(done) and not partly):
        print(f"Nothing is shipped: of the seeds {SEEDS}, {done} are finished.")
        return
    rows = rows[whole].sort_values("seed").set_index("trial").loc[order].reset_index()
    rows.round(6).to_csv(target, index=False, lineterminator="\n")
    print(f"{target} now holds {len(rows)} trainings.")


def main(arguments=None):
    """Run, then ship."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--directory", default="log", help="working folder (default: log)")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, metavar="SEED")
    parser.add_argument("--ship", action="store_true", help="run nothing, ship what is finished")
    options = parser.parse_args(arguments)
    if not options.ship:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        run(options.directory, options.seeds)
    ship(options.directory, partly=options.ship)


if __name__ == "__main__":
    main()
