"""A result on Fashion-MNIST's 60,000 training images: search, finalists, refit, test (two hours).

    make result
    python -m tools.result --steps search finalists refit baseline

Stop it at any time and start it again. Finished units are records in ``helpers/files/full_result``
and are not made again; the trial or training that was interrupted starts again. Models stay in the
working folder. The steps:

1. search: random search over the space of notebook 07 on a part of the images; lost trials are
   stopped at epoch 5, since earlier rungs lose good learning rates (notebook 08).
2. finalists: the best trials by validation loss, trained on five sixths of all images. The winner
   has the lowest validation loss after the last epoch.
3. refit: the winner on all training images, under each seed.
4. baseline: the model of notebook 01, equally long on the same images, under the same seeds.
5. test: opens the test set once for all models of steps 3 and 4. The result holds the time, the
   commit and the SHA-256 of all records of steps 1 to 4; a later change of a record is an error.

The budget. A multiplication and an addition are 2 FLOP, training costs 3 times the forward pass,
and one thread does about 30 GFLOP/s. The largest model of the space (24, 48 and 96 filters, 128
units) needs 8.7 MFLOP forward, 0.9 ms of training an image; the baseline 2.6 MFLOP, 0.3 ms.

- search: 30 trials of 8,000 images, about 11 to epoch 10 and 19 to epoch 5, 5 MFLOP in the mean: 14
  minutes, and 6 to start the trials
- finalists, 3 x 12 epochs x 50,000 images: at most 27 minutes
- refit, 3 x 12 epochs x 60,000 images: at most 32 minutes; baseline, the same images: 10 minutes

Unlike 07: at most 24, 48 and 96 filters of 3 x 3, for the cost; no single block, since 24 filters
with 128 units would already have 0.6 million parameters; a dense layer; pooling before
normalization, which then works on a quarter of the values; Adam only and no tanh, to have fewer
hyperparameters; a learning rate that falls to zero as a cosine.
"""

import argparse
import dataclasses
import datetime
import hashlib
import os
import pathlib
import platform
import subprocess
import time

import numpy as np

from helpers import data, evaluate, models, results, search, state
from tools import record

TARGET = data.FILES / "full_result"
STEPS = ("search", "finalists", "refit", "baseline", "test")
SETTINGS = {
    "dataset": "fashion_mnist",
    "split_seed": 1000,
    "search": {
        "images": 10_000,
        "validation_fraction": 0.2,
        "max_trials": 30,
        "epochs": 10,
        "stop_lost": [5],
        "seed": 1000,
        "max_model_size": 500_000,
    },
    "finalists": 3,
    "finalists_seed": 1000,
    "validation_fraction": 1 / 6,
    "epochs": 12,  # of finalists, refits and baseline
    "seeds": [1000, 2000, 3000],  # of refits and baseline
    "baseline_batch_size": 64,
    "threads": 1,
}


def hypermodel(image_shape, num_classes, images, epochs):
    """The space of the search.

    Args:
        image_shape, num_classes: as in ``helpers.models.build_baseline``.
        images, epochs: how much a training sees; the learning rate reaches zero at its end.

    Returns:
        A ``keras_tuner.HyperModel``.
    """
    import keras
    import keras_tuner as kt
    import tensorflow as tf
    from keras import layers

    def training_choices(hp):
        return hp.Choice("batch_size", [64, 128]), hp.Choice(
            "augment", ["none", "flip", "flip and shift"]
        )

    def block(hp, filters):
        average = hp.Choice("pooling", ["max", "average"]) == "average"
        yield layers.Conv2D(filters, 3, padding="same")
        yield layers.AveragePooling2D(2) if average else layers.MaxPooling2D(2)
        if hp.Boolean("batch_norm"):
            yield layers.BatchNormalization()
        yield layers.Activation(hp.Choice("activation", ["relu", "elu"]))

    def blocks(hp):
        count, made = hp.Int("conv_layers", 2, 3), []
        for i, choices in enumerate(([16, 24], [32, 48], [64, 96]), start=1):
            with hp.conditional_scope("conv_layers", [n for n in (2, 3) if n >= i]):
                filters = hp.Choice(f"filters_{i}", choices)
            if i <= count:
                made += block(hp, filters)
        return made

    class ImageModel(kt.HyperModel):
        def build(self, hp):
            batch_size, _ = training_choices(hp)
            dropout = hp.Float("dropout", 0.0, 0.5, step=0.1)
            model = keras.Sequential([keras.Input(image_shape), layers.Rescaling(1 / 255)])
            for layer in (*blocks(hp), layers.Flatten(), layers.Dropout(dropout)):
                model.add(layer)
            if units := hp.Choice("units", [0, 64, 128]):
                model.add(layers.Dense(units, activation="relu"))
                model.add(layers.Dropout(dropout))
            model.add(layers.Dense(num_classes, activation="softmax"))
            rate = hp.Float("learning_rate", 3e-4, 3e-2, sampling="log")
            rate = keras.optimizers.schedules.CosineDecay(rate, epochs * -(-images // batch_size))
            adam = keras.optimizers.Adam(rate)
            model.compile(adam, "categorical_crossentropy", metrics=["accuracy"])
            return model

        def fit(self, hp, model, x, y, **kwargs):
            batch_size, augment = training_choices(hp)
            batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(batch_size)
            if augment != "none":
                change = keras.Sequential([layers.RandomFlip("horizontal")])
                if augment == "flip and shift":  # by up to 2 of 28 pixels
                    change.add(layers.RandomTranslation(0.07, 0.07, fill_mode="constant"))
                batches = batches.map(lambda x, y: (change(x, training=True), y))
            history = model.fit(batches.prefetch(2), shuffle=False, **kwargs)
            if np.isnan(history.history["val_loss" if "validation_data" in kwargs else "loss"][-1]):
                raise kt.errors.FailedTrialError("the loss is NaN")
            return history

    return ImageModel()


class Result:
    """The steps, with their working folder, their folder of records and their settings."""

    def __init__(self, directory="log", target=TARGET, settings=SETTINGS):
        self.folder = search.log_dir(directory) / "full_result"
        self.target = pathlib.Path(target)
        self.settings = settings

    def images(self, **part):
        """Training and validation images; ``part`` is what ``data.load_data`` takes."""
        return data.load_data(self.settings["dataset"], seed=self.settings["split_seed"], **part)

    def all_images(self):
        """All training images: those of the finalists' training and validation together."""
        own = self.images(validation_fraction=self.settings["validation_fraction"])
        pairs = ((own.x_train, own.x_val), (own.y_train, own.y_val))
        return own, *(np.concatenate(pair) for pair in pairs)

    def unit(self, name, about, make):
        """The record of a unit of work: read when it is finished, else made and written."""
        path = self.target / f"{name}.json"
        if (found := state.read_json(path)) is None:
            print(f"{datetime.datetime.now():%H:%M} {name}", flush=True)
            start, cpu = time.perf_counter(), time.process_time()
            found = about | make()
            found["seconds"] = round(time.perf_counter() - start, 1)
            found["cpu_seconds"] = round(time.process_time() - cpu, 1)
            state.write_json(path, found | {"finished": now(), "machine": machine(self.settings)})
        elif wrong := [key for key in about if found.get(key) != about[key]]:
            raise SystemExit(f"{path} was made with another {wrong[0]}: use another --target.")
        return found

    def search(self):
        """Step 1; the records of its trials go to the folder ``search``."""
        import keras_tuner as kt

        own = dict(self.settings["search"])
        images = self.images(images=own["images"], validation_fraction=own["validation_fraction"])
        about = {"settings": own, "data_digest": images.digest}

        def make():
            tuner = search.careful(kt.RandomSearch)(
                hypermodel(
                    images.image_shape, images.num_classes, len(images.x_train), own["epochs"]
                ),
                objective=kt.Objective("val_loss", "min"),
                directory=str(self.folder),
                project_name="search",
                **{name: own[name] for name in ("max_trials", "stop_lost", "seed")},
                max_model_size=own["max_model_size"],
                max_consecutive_failed_trials=own["max_trials"],
            )
            validation = (images.x_val, images.y_val)
            tuner.search(
                images.x_train,
                images.y_train,
                validation_data=validation,
                epochs=own["epochs"],
                verbose=0,
            )
            record.ship(tuner.project_dir, own, self.target / "search")
            return {"trial_seconds": round(float(results.costs(tuner)["seconds"].sum()), 1)}

        return self.unit("search", about, make)

    def train(self, values, x, y, seed, **fit):
        """Train one set of hyperparameters; the model, its size and every epoch."""
        import keras
        import keras_tuner as kt

        epochs = self.settings["epochs"]
        keras.utils.set_random_seed(seed)
        if values is None:
            model = models.build_baseline(x.shape[1:], y.shape[1])
            batch_size = self.settings["baseline_batch_size"]
            history = model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=2, **fit)
        else:
            hp = kt.HyperParameters()
            hp.values = dict(values)
            own = hypermodel(x.shape[1:], y.shape[1], len(x), epochs)
            model = own.build(hp)
            history = own.fit(hp, model, x, y, epochs=epochs, verbose=2, **fit)
        curves = {name: np.round(curve, 6).tolist() for name, curve in history.history.items()}
        return model, {"parameters": model.count_params(), "history": curves}

    def finalists(self):
        """Step 2; the records, the winner first."""
        images = self.images(validation_fraction=self.settings["validation_fraction"])
        fit = {"validation_data": (images.x_val, images.y_val)}
        trials = results.ranked(results.trials_table(self.target / "search"))["trial"]
        seed, made = self.settings["finalists_seed"], []
        for trial in trials[: self.settings["finalists"]]:
            path = self.target / "search" / f"trial_{trial}" / "trial.json"
            values = state.read_json(path)["hyperparameters"]["values"]
            about = {"trial": trial, "hyperparameters": values, "seed": seed}
            about |= {"epochs": self.settings["epochs"], "data_digest": images.digest}

            def make(values=values):
                return self.train(values, images.x_train, images.y_train, seed, **fit)[1]

            made.append(self.unit(f"finalist_{trial}", about, make))
        return sorted(made, key=lambda one: one["history"]["val_loss"][-1])

    def final(self, name, values, **about):
        """Train on all images under every seed, and keep the models."""
        _, x, y = self.all_images()
        about |= {"epochs": self.settings["epochs"], "data_digest": data.digest(x, y)}
        for seed in self.settings["seeds"]:

            def make(seed=seed):
                model, found = self.train(values, x, y, seed)
                path = self.folder / f"{name}_{seed}.keras"
                path.parent.mkdir(parents=True, exist_ok=True)
                model.save(path)
                return found | {"model_sha256": sha256(path)}

            self.unit(f"{name}_{seed}", about | {"hyperparameters": values, "seed": seed}, make)

    def refit(self):
        """Step 3."""
        winner = self.finalists()[0]
        self.final("refit", winner["hyperparameters"], trial=winner["trial"])

    def baseline(self):
        """Step 4."""
        self.final("baseline", None, batch_size=self.settings["baseline_batch_size"])

    def test(self):
        """Step 5; what it found, whenever that was."""
        path = self.target / "test.json"
        found = state.read_json(path) or {}
        digest = sha256(*(one for one in self.target.rglob("*.*") if one != path))
        if found.get("records_sha256", digest) != digest:
            raise SystemExit(f"{self.target} was changed after the test set was opened.")
        if "verdict" in found:
            print(f"The test set was opened {found['opened']} and is not opened again.")
            return found
        names = {kind: [f"{kind}_{s}" for s in self.settings["seeds"]] for kind in STEPS[2:4]}
        for name in sum(names.values(), []):
            trained = state.read_json(self.target / f"{name}.json")
            weights = self.folder / f"{name}.keras"
            if trained is None or not weights.exists():
                raise SystemExit(f"{name} has no record or no model: the test set stays closed.")
            if sha256(weights) != trained["model_sha256"]:
                raise SystemExit(f"{weights} is not what was trained: the test set stays closed.")
        if not found:
            found = {"opened": now(), "records_sha256": digest} | committed(self.target)
            state.write_json(path, found)  # before anything is read
        own, *_ = self.all_images()
        images = data.load_test(own)
        found |= {"images": len(images.x), "models": {}}
        for name in sum(names.values(), []):
            found["models"][name] = self.score(name, images)
        tuned, base = ([found["models"][n]["accuracy"] for n in names[kind]] for kind in names)
        for kind, values in (("refit", tuned), ("baseline", base)):
            found[f"{kind}_mean"] = dataclasses.asdict(evaluate.confidence_interval(values))
        difference = evaluate.paired_difference(tuned, base)
        found |= {"difference": dataclasses.asdict(difference)}
        found |= {"verdict": evaluate.verdict(difference)}
        state.write_json(path, found)
        return found

    def score(self, name, images):
        """Test one model."""
        import keras

        model = keras.models.load_model(self.folder / f"{name}.keras", compile=False)
        right = model.predict(images.x, batch_size=256, verbose=0).argmax(axis=1)
        correct = int((right == images.y.argmax(axis=1)).sum())
        interval = dataclasses.asdict(evaluate.accuracy_interval(correct, len(images.x)))
        return {"correct": correct, "accuracy": interval["mean"], "over_images": interval}


def sha256(*paths):
    """SHA-256 over names and contents of files, in order of their paths."""
    found = hashlib.sha256()
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{path.parent.name}/{path.name} {content}\n".encode())
    return found.hexdigest()


def now():
    """The time, in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def machine(settings):
    """What the seconds depend on."""
    import tensorflow as tf

    found = {"cores": os.cpu_count(), "processor": platform.machine()}
    return found | {"threads": settings["threads"], "tensorflow": tf.__version__}


def committed(folder):
    """The commit, and what in the folder of records and in this tool it does not have yet."""

    def git(*words):
        here = pathlib.Path(__file__).parent
        done = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True)
        return done.stdout.split("\n")[:-1] if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    return {
        "commit": commit and commit[0],
        "not_committed": git("status", "--porcelain", "--", str(folder), __file__),
    }


def main(arguments=None):
    """Run the steps."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--directory", default="log", help="working folder (default: log)")
    parser.add_argument("--target", default=TARGET, help="folder of the records")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, metavar="STEP")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(SETTINGS["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(1)
    result = Result(options.directory, options.target)
    opened = (result.target / "test.json").exists()  # then all that is left is to show the result
    for step in STEPS[:-1]:
        if step in options.steps and not opened:
            getattr(result, step)()
    if opened or "test" in options.steps:
        found = result.test()
        for name, one in found["models"].items():
            print(f"{name}: {one['correct']} of {found['images']} right, {one['accuracy']:.4f}")
        print(found["verdict"])


if __name__ == "__main__":
    main()
