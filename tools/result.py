"""A result on Fashion-MNIST's 60,000 training images: search, finalists, refit, test (45 minutes).

    make result
    python -m tools.result --steps search finalists refit baseline
    python -m tools.result --readme      card, README's part and picture anew, from the records

Stop it at any time and start it again. Finished units are records in ``helpers/files/full_result``
and are not made again; the trial or training that was interrupted starts again. Several processes
share the units: `make result` starts two, of one thread each. Models stay in the working folder.
The steps:

1. search: random search over a space like that of notebook 07 on a part of the images.
2. finalists: the best trials by validation loss, trained on five sixths of all images. The winner
   has the lowest validation loss after the last epoch.
3. refit: the winner on all training images, under each seed.
4. baseline: the model of notebook 01, equally long on the same images, under the same seeds.
5. test: opens the test set once for all models of steps 3 and 4. The result holds the time, the
   commit and the SHA-256 of all records of steps 1 to 4; a later change of a record is an error.

The budget. The largest model of the space (24, 48 and 96 filters, 128 units) needs 8.7 MFLOP for an
image forward, and three times that to train. One thread does 20 to 60 GFLOP/s, so that is at most
1.3 ms; the baseline needs 2.6 MFLOP. The search costs 18 x 16 x 12,800 = 3.7 million images, the
finalists 4.8, the refits 5.8 and the baselines another 5.8.

Unlike 07: at most 24, 48 and 96 filters of 3 x 3, for the cost; no single block, since 24 filters
with 128 units would already have 0.6 million parameters; a dense layer; max pooling before
normalization, which then works on a quarter of the values; Adam only and no tanh, to have fewer
hyperparameters; a learning rate that falls to zero as a cosine; flipped images in every trial.

Two searches before this one changed the space and the budget, by their validation scores alone; the
test set was closed. The first (records in ``pilot``) had the best trials with max pooling and rates
from 0.0008 to 0.007, and with a momentum of 0.99 the averages of the normalization came too late.
The second (``pilot_2``) stopped what had lost after 5 of 8 epochs. Four of its five worst trials
were those that shift the images: what augmentation brings comes late. Its winner was trained on for
8, 24 and 48 epochs: 0.920, 0.930 and 0.931 of the validation images, and with 48 epochs 0.942 of
the training images, flipped. It had begun to overfit. So this search trains twice as long on more
images, stops nobody and leaves no image as it is.
"""

import argparse
import contextlib
import dataclasses
import datetime
import hashlib
import os
import pathlib
import platform
import subprocess
import time

import numpy as np

from helpers import checks, data, evaluate, models, plots, results, search, state
from tools import put_between, record

TARGET = data.FILES / "full_result"
CARD = "card.md"  # beside the records
README, PICTURE = checks.ROOT / "README.md", checks.ROOT / "docs" / "full_result.png"
MARKERS = ("<!-- full result -->", "<!-- /full result -->")
STEPS = ("search", "finalists", "refit", "baseline", "test")
SETTINGS = {
    "dataset": "fashion_mnist",
    "split_seed": 1000,
    "search": {
        "images": 16_000,
        "validation_fraction": 0.2,
        "max_trials": 18,
        "epochs": 16,
        "stop_lost": [],
        "seed": 1000,
        "max_model_size": 500_000,
    },
    "finalists": 3,
    "finalists_seed": 1000,
    "validation_fraction": 1 / 6,
    "epochs": 32,  # of finalists, refits and baseline
    "seeds": [1000, 2000, 3000],  # of refits and baseline
    "baseline_batch_size": 64,
    "threads": 1,
}


def hypermodel(image_shape, num_classes, images, epochs):
    """The space of the search, for a training that sees so many images so many times."""
    import keras
    import keras_tuner as kt
    import tensorflow as tf
    from keras import layers

    def training_choices(hp):
        sizes, ways = [64, 128], ["flip", "flip and shift"]
        return hp.Choice("batch_size", sizes), hp.Choice("augment", ways)

    def block(hp, filters):
        yield layers.Conv2D(filters, 3, padding="same")
        yield layers.MaxPooling2D(2)
        if hp.Boolean("batch_norm"):
            yield layers.BatchNormalization(momentum=0.9)
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
            rate = hp.Float("learning_rate", 1e-3, 1e-2, sampling="log")
            rate = keras.optimizers.schedules.CosineDecay(rate, epochs * -(-images // batch_size))
            adam = keras.optimizers.Adam(rate)
            model.compile(adam, "categorical_crossentropy", metrics=["accuracy"])
            return model

        def fit(self, hp, model, x, y, **kwargs):
            batch_size, augment = training_choices(hp)
            batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(batch_size)
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

    def images(self, part):
        """The training and validation images of ``part`` of the settings."""
        wanted = {name: part[name] for name in ("images", "validation_fraction") if name in part}
        where = {"dataset": self.settings["dataset"], "seed": self.settings["split_seed"]}
        return data.load_data(**where, **wanted)

    def units(self, todo):
        """The records of units, (name, about, make) each; what another process makes is awaited."""
        for name, about, make in todo:
            with contextlib.suppress(state.ProjectInUse), state.lock(self.folder / f"unit_{name}"):
                self.unit(name, about, make)
        while True:
            try:
                for name, _, _ in todo:
                    with state.lock(self.folder / f"unit_{name}"):
                        pass
                return [self.unit(*one) for one in todo]
            except state.ProjectInUse:
                time.sleep(1)

    def unit(self, name, about, make):
        """The record of a unit of work: read when it is finished, else made and written."""
        path = self.target / f"{name}.json"
        if (found := state.read_json(path)) is None:
            print(f"{now()} {name}", flush=True)
            start, cpu = time.perf_counter(), time.process_time()
            found = about | make()
            found["seconds"] = round(time.perf_counter() - start, 1)
            found["cpu_seconds"] = round(time.process_time() - cpu, 1)
            state.write_json(path, found | {"finished": now(), "machine": self.machine()})
        elif wrong := [key for key in about if found.get(key) != about[key]]:
            raise SystemExit(f"{path} was made with another {wrong[0]}: use another --target.")
        return found

    def machine(self):
        """What the seconds depend on."""
        import tensorflow as tf

        found = {"cores": os.cpu_count(), "processor": platform.machine()}
        return found | {"threads": self.settings["threads"], "tensorflow": tf.__version__}

    def search(self):
        """Step 1; the records of its trials go to the folder ``search``."""
        import keras_tuner as kt

        own = self.settings["search"]
        images = self.images(own)
        size = (images.image_shape, images.num_classes, len(images.x_train), own["epochs"])

        def make():
            tuner = search.careful(kt.RandomSearch)(
                hypermodel(*size),
                objective=kt.Objective("val_loss", "min"),
                directory=str(self.folder),
                project_name="search",
                max_consecutive_failed_trials=own["max_trials"],
                **{k: own[k] for k in ("max_trials", "stop_lost", "seed", "max_model_size")},
            )
            fit = {"validation_data": (images.x_val, images.y_val), "epochs": own["epochs"]}
            tuner.search(images.x_train, images.y_train, **fit, verbose=0)
            record.ship(tuner.project_dir, own, self.target / "search")
            return {"trial_seconds": round(float(results.costs(tuner)["seconds"].sum()), 1)}

        about = {"settings": own, "data_digest": images.digest}
        return self.units([("search", about, make)])[0]

    def train(self, about, x, y, **fit):
        """Train a set of hyperparameters, or the baseline: the model, its size, every epoch."""
        import keras
        import keras_tuner as kt

        keras.utils.set_random_seed(about["seed"])
        fit |= {"epochs": about["epochs"], "verbose": 2}
        if about["hyperparameters"] is None:
            model = models.build_baseline(x.shape[1:], y.shape[1])
            history = model.fit(x, y, batch_size=about["batch_size"], **fit)
        else:
            hp = kt.HyperParameters()
            hp.values = dict(about["hyperparameters"])
            own = hypermodel(x.shape[1:], y.shape[1], len(x), about["epochs"])
            model = own.build(hp)
            history = own.fit(hp, model, x, y, **fit)
        curves = {name: np.round(curve, 6).tolist() for name, curve in history.history.items()}
        return model, {"parameters": model.count_params(), "history": curves}

    def finalists(self):
        """Step 2; the records, the winner first."""
        images, todo = self.images(self.settings), []
        validation = (images.x_val, images.y_val)
        about = {"epochs": self.settings["epochs"], "seed": self.settings["finalists_seed"]}
        about["data_digest"] = images.digest
        for trial in results.ranked(results.trials_table(self.target / "search"))["trial"]:
            path = self.target / "search" / f"trial_{trial}" / "trial.json"
            values = state.read_json(path)["hyperparameters"]["values"]
            own = about | {"trial": trial, "hyperparameters": values}

            def make(own=own):
                _, found = self.train(
                    own, images.x_train, images.y_train, validation_data=validation
                )
                return found

            todo.append((f"finalist_{trial}", own, make))
        made = self.units(todo[: self.settings["finalists"]])
        return winner_first(made)

    def final(self, name, **about):
        """Train on all training images under every seed, and keep the models."""
        images = self.images(self.settings)
        x = np.concatenate([images.x_train, images.x_val])
        y = np.concatenate([images.y_train, images.y_val])
        about |= {"epochs": self.settings["epochs"], "data_digest": data.digest(x, y)}
        todo = []
        for seed in self.settings["seeds"]:

            def make(own=about | {"seed": seed}, path=self.folder / f"{name}_{seed}.keras"):
                model, found = self.train(own, x, y)
                path.parent.mkdir(parents=True, exist_ok=True)
                model.save(path)
                return found | {"model_sha256": sha256(path)}

            todo.append((f"{name}_{seed}", about | {"seed": seed}, make))
        self.units(todo)

    def refit(self):
        """Step 3."""
        winner = self.finalists()[0]
        self.final("refit", trial=winner["trial"], hyperparameters=winner["hyperparameters"])

    def baseline(self):
        """Step 4."""
        size = self.settings["baseline_batch_size"]
        self.final("baseline", hyperparameters=None, batch_size=size)

    def test(self):
        """Step 5; what it found, whenever that was."""
        path = self.target / "test.json"
        found = state.read_json(path) or {}
        digest = sha256(*(one for one in self.target.rglob("*.json") if one != path))
        if found.get("records_sha256", digest) != digest:
            raise SystemExit(f"{self.target} was changed after the test set was opened.")
        if "verdict" in found:
            print(f"The test set was opened {found['opened']} and is not opened again.")
            return found
        names = {k: [f"{k}_{seed}" for seed in self.settings["seeds"]] for k in STEPS[2:4]}
        for name in sum(names.values(), []):
            trained = state.read_json(self.target / f"{name}.json") or {}
            model = self.folder / f"{name}.keras"
            if not model.exists() or sha256(model) != trained.get("model_sha256"):
                raise SystemExit(f"{model} is not what was trained: the test set stays closed.")
        if not found:
            found = {"opened": now(), "records_sha256": digest} | committed(self.target)
            state.write_json(path, found)  # before anything is read
        import keras

        images = data.load_test(self.images(self.settings))
        found |= {"images": len(images.x), "models": {}}
        for name in sum(names.values(), []):
            model = keras.models.load_model(self.folder / f"{name}.keras", compile=False)
            said = model.predict(images.x, batch_size=256, verbose=0).argmax(axis=1)
            correct = int((said == images.y.argmax(axis=1)).sum())
            interval = dataclasses.asdict(evaluate.accuracy_interval(correct, len(said)))
            found["models"][name] = {"correct": correct, "over_images": interval}
        scores = {
            kind: [found["models"][name]["over_images"]["mean"] for name in names[kind]]
            for kind in names
        }
        for kind, values in scores.items():
            found[kind] = dataclasses.asdict(evaluate.confidence_interval(values))
        difference = evaluate.paired_difference(*scores.values())
        found["difference"] = dataclasses.asdict(difference)
        found["verdict"] = evaluate.verdict(difference)
        state.write_json(path, found)
        return found


def winner_first(finalists):
    """Records of finalists by their validation loss after the last epoch."""
    return sorted(finalists, key=lambda one: one["history"]["val_loss"][-1])


def sha256(*paths):
    """SHA-256 over names and contents of files, in order of their paths."""
    found = hashlib.sha256()
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{path.name} {content}\n".encode())
    return found.hexdigest()


def now():
    """The time, in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def committed(folder):
    """The commit, and what it does not hold yet of the folder of records and of this tool."""

    def git(*words):
        command = ["git", "-C", str(pathlib.Path(__file__).parent), *words]
        try:
            return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).split(
                "\n"
            )
        except (OSError, subprocess.CalledProcessError):  # no git, or no repository
            return [None]

    changed = git("status", "--porcelain", "--", str(folder), __file__)
    return {"commit": git("rev-parse", "HEAD")[0], "not_committed": [c for c in changed if c]}


# ---------------------------------------------------------------- what the records say


def shipped(target=TARGET):
    """The records of a finished result, by name."""
    return {path.stem: state.read_json(path) for path in sorted(target.glob("*.json"))}


def finalists(records):
    """The finalists' records, the winner first."""
    return winner_first(one for name, one in records.items() if name.startswith("finalist_"))


def table(records):
    """The test accuracy of winner, baseline and difference, as rows of Markdown."""
    found = records["test"]
    rows = ["| model | parameters | test accuracy, mean | 95 % interval over seeds |"]
    rows += ["|---|---|---|---|"]
    for model, kind in (("tuned", "refit"), ("baseline, equally long", "baseline")):
        size = next(one["parameters"] for name, one in records.items() if name.startswith(kind))
        rows.append(f"| {model} | {size:,} | {_interval(found[kind])} |")
    rows.append(f"| difference, seed by seed | | {_interval(found['difference'], '+')} |")
    return "\n".join(rows)


def _interval(found, sign=""):
    return f"{found['mean']:{sign}.4f} | {found['low']:{sign}.4f} to {found['high']:{sign}.4f}"


def hours(records):
    """Processor hours of the search and of all trainings."""
    return sum(one.get("cpu_seconds", 0) for one in records.values()) / 3600


def readme(records):
    """README's part: what came of it, in a paragraph and a table."""
    own, winner = records["search"]["settings"], finalists(records)[0]
    seeds = records["test"]["refit"]["n"]
    return (
        f"On all of Fashion-MNIST: `make result` searched {own['max_trials']} trials on "
        f"{own['images']:,} images, trained the best {len(finalists(records))} for "
        f"{winner['epochs']} epochs on five sixths of the 60,000 training images, and the winner "
        f"and the baseline of notebook 01 equally long on all of them, under {seeds} seeds. That "
        f"took {hours(records):.1f} processor hours, not counting two earlier searches that "
        "changed the space and the budget by their validation scores. The test set was opened "
        "once, afterwards. "
        f"{records['test']['verdict']}\n\n{table(records)}\n\n"
        "![Validation accuracy of the finalists against the epoch]"
        "(docs/full_result.png)\n\n"
        f"All about it is on the [model card](helpers/files/full_result/{CARD}); notebook 05 ends "
        "with this result beside published ones."
    )


def card(records):
    """The model card, in Markdown."""
    found, best = records["test"], finalists(records)
    winner, own, machine = best[0], records["search"]["settings"], records["search"]["machine"]
    values = ", ".join(
        f"{name} = {value:.3g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in winner["hyperparameters"].items()
    )
    lines = [
        "# Model card: tuned CNN for Fashion-MNIST",
        "",
        table(records),
        "",
        found["verdict"],
        "",
        "## Model",
        "",
        f"- Values: {values}; as trial {winner['trial']} of the search had them",
        f"- Training: {winner['epochs']} epochs of all 60,000 training images, Adam with a rate "
        "that falls to zero as a cosine",
        "- Input: grey images of 28 x 28 pixels, 0 to 255; output: ten probabilities",
        f"- Made with: TensorFlow {machine['tensorflow']}, one thread a training",
        "- Purpose: a lesson in tuning; not for use on other images without a test on them",
        "",
        "## How it was chosen",
        "",
        f"- Search: {own['max_trials']} random trials of at most {own['epochs']} epochs on "
        f"{own['images']:,} images, a fifth of them for validation",
        f"- Finalists: the best {len(best)}, for {winner['epochs']} epochs on five sixths of the "
        "training images",
        "",
        "| trial | parameters | last validation loss | last validation accuracy |",
        "|---|---|---|---|",
    ]
    for one in best:
        last = {name: curve[-1] for name, curve in one["history"].items()}
        lines.append(
            f"| {one['trial']} | {one['parameters']:,} | {last['val_loss']:.4f} "
            f"| {last['val_accuracy']:.4f} |"
        )
    lines += [
        "",
        f"- Cost: {hours(records):.1f} processor hours for search, finalists, refits, baselines; "
        "not counted are the two searches before, whose records are in `pilot` and `pilot_2`",
        "",
        "## Test",
        "",
        f"- {found['images']:,} images, opened once: {found['opened']}, at commit "
        f"`{found['commit'][:12]}`, when the records had the SHA-256 "
        f"`{found['records_sha256'][:16]}…`",
        "",
        "| model | right | accuracy | 95 % interval over images |",
        "|---|---|---|---|",
    ]
    for name, one in found["models"].items():
        lines.append(f"| {name} | {one['correct']:,} | {_interval(one['over_images'])} |")
    lines += [
        "",
        "## Limits",
        "",
        "- One search, one winner and one test set: the interval over seeds holds the luck of the "
        "final trainings alone.",
        "- The baseline is a small network of the course, not a strong rival.",
        "",
        "Repeat it with `make result`; `python -m tools.result --target FOLDER` writes to a folder "
        "of your own.",
    ]
    return "\n".join(lines) + "\n"


def draw(records, path):
    """The finalists' validation accuracy against the epoch."""
    figure, ax = plots.figure(height=3.6)
    best = finalists(records)
    for one in best:
        curve = one["history"]["val_accuracy"]
        label = f"trial {one['trial']}, {one['parameters']:,} parameters"
        ax.plot(range(1, len(curve) + 1), curve, label=label)
    last = [one["history"]["val_accuracy"][-1] for one in best]
    ax.set(
        xlabel="epoch",
        ylabel="validation accuracy",
        ylim=(min(last) - 0.05, None),
        title=f"The finalists end within {max(last) - min(last):.3f} of each other; by the loss, "
        f"trial {best[0]['trial']} wins",
    )
    ax.legend()
    figure.savefig(path, dpi=120, metadata={"Software": None})


def write(target=TARGET, text_file=README, picture=PICTURE):
    """Write the card beside the records, README's part and the picture."""
    records = shipped(target)
    state.write_text(target / CARD, card(records))
    put_between(text_file, MARKERS, readme(records))
    draw(records, picture)


def main(arguments=None):
    """Run the steps."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--directory", default="log", help="working folder (default: log)")
    parser.add_argument("--target", default=TARGET, help="folder of the records")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, metavar="STEP")
    parser.add_argument("--readme", action="store_true", help="only write what the records say")
    options = parser.parse_args(arguments)
    if options.readme:
        return write()
    result = Result(options.directory, options.target)
    opened = (result.target / "test.json").exists()  # then all that is left is to show the result
    if not opened:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(SETTINGS["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(1)
    for step in STEPS[:-1]:
        if step in options.steps and not opened:
            getattr(result, step)()
    if opened or "test" in options.steps:
        found = result.test()
        for name, one in found["models"].items():
            print(
                f"{name}: {one['correct']} of {found['images']} right, "
                f"{one['over_images']['mean']:.4f}"
            )
        print(found["verdict"])


if __name__ == "__main__":
    main()
