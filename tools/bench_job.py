"""One search of the benchmark, in a process of its own; ``tools.bench`` starts it and reads FOLDER.

    python -m tools.bench_job --way plain --folder FOLDER --project-name NAME

``plain`` is the script that most tutorials teach, ``course`` the course's search; ``formula-plain``
and ``formula`` are the same two with a formula in the place of the training, and ``reading`` reads
what ``formula`` left as tables.
"""

import argparse
import json
import math
import os
import pathlib
import sys
import time

from helpers import data, models, scale_out, search

EPOCHS = 10  # of a formula


def clock(folder):
    """A callback that tells where the time goes."""
    import keras

    class Clock(keras.callbacks.Callback):
        """Writes a line for each epoch: its end, its loss, and the seconds inside the steps."""

        def __init__(self, folder):
            super().__init__()
            self.folder = str(folder)

        def on_train_begin(self, logs=None):
            self.begin, self.number = time.time(), 0
            self.traced = set()

        def on_epoch_begin(self, epoch, logs=None):
            self.seconds = {"train": 0.0, "test": 0.0, "first": 0.0}

        def started(self):
            self.step = time.perf_counter()

        def ended(self, kind):
            seconds = time.perf_counter() - self.step
            first = kind not in self.traced  # this step traced the function, and says nothing more
            self.traced.add(kind)
            self.seconds["first" if first else kind] += seconds

        def on_train_batch_begin(self, batch, logs=None):
            self.started()

        def on_train_batch_end(self, batch, logs=None):
            self.ended("train")

        def on_test_batch_begin(self, batch, logs=None):
            self.started()

        def on_test_batch_end(self, batch, logs=None):
            self.ended("test")

        def on_epoch_end(self, epoch, logs=None):
            line = {"begin": self.begin, "end": time.time(), "loss": logs["val_loss"]}
            with open(pathlib.Path(self.folder, f"{os.getpid()}.clock"), "a") as file:
                file.write(json.dumps(line | self.seconds) + "\n")

    return Clock(folder)


def plain(options, images, build, callback):
    """The search that most tutorials teach."""
    import keras_tuner as kt

    tuner = kt.RandomSearch(
        build,
        objective="val_loss",
        max_trials=options.trials,
        seed=options.seed,
        directory=options.folder,
        project_name=options.project_name,
    )
    tuner.search(
        images.x_train,
        images.y_train,
        epochs=options.epochs,
        validation_data=(images.x_val, images.y_val),
        callbacks=[callback],
        verbose=0,
    )


def course(options, images, build, callback):
    """The course's search, with what it may do differently as options."""
    import keras
    import keras_tuner as kt

    def rate(epoch):
        fallen = math.cos(math.pi * epoch / options.epochs) if options.cosine else 1
        return options.learning_rate * (1 + fallen) / 2

    class Course(kt.HyperModel):
        def build(self, hp):
            model = build(hp)
            model.steps_per_execution = options.steps_per_execution
            return model

        def fit(self, hp, model, x, y, **kwargs):
            if options.trace_once:  # notebook 08
                model.optimizer.build(model.trainable_variables)
                model.compute_metrics(x[:1], y[:1], model(x[:1]))
                model.reset_metrics()
            return super().fit(hp, model, x, y, **kwargs)

    callbacks = [callback]
    if options.learning_rate:
        callbacks.append(keras.callbacks.LearningRateScheduler(rate))
    tuner = search.careful(getattr(kt, options.tuner))(
        Course(),
        objective=kt.Objective("val_loss", "min"),
        max_trials=options.trials,
        seed=options.seed,
        stop_lost=json.loads(options.stop_lost),
        directory=options.folder,
        project_name=options.project_name,
    )
    tuner.search(
        images.x_train,
        images.y_train,
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation_data=(images.x_val, images.y_val),
        callbacks=callbacks,
        verbose=0,
    )


def resident():
    """Resident memory of this process in MB."""
    import psutil

    return psutil.Process().memory_info().rss / 1e6


def bookkeeping(options, careful):
    """Trials whose training is a formula: when each ended, and the memory then."""
    import keras
    import keras_tuner as kt

    ended = []

    class Formula(kt.RandomSearch):
        def run_trial(self, trial, **kwargs):
            model, history = keras.Model(), keras.callbacks.History()
            best = sum(trial.hyperparameters.get(f"x{i}") ** 2 for i in range(3))
            history.history = {name: [] for name in ("loss", "val_loss")}
            for epoch in range(EPOCHS):
                value = {name: best + math.exp(-epoch) for name in history.history}
                for name, values in history.history.items():
                    values.append(value[name])
                self.on_epoch_end(trial, model, epoch, value)
            return history

        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            ended.append((time.perf_counter() - start, time.process_time(), resident()))

    def build(hp):
        for i in range(3):
            hp.Float(f"x{i}", -1.0, 1.0)
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    tuner = (search.careful(Formula) if careful else Formula)(
        build,
        objective=kt.Objective("val_loss", "min"),
        max_trials=options.trials,
        seed=options.seed,
        directory=options.folder,
        project_name=options.project_name,
        **({"stop_lost": (1, 3)} if careful else {}),
    )
    start = time.perf_counter()
    tuner.search(verbose=0)
    return {"ended": ended}


def reading(options):
    """Seconds to read the finished project as two tables."""
    import pandas  # noqa: F401  its import is another thing

    from helpers import results

    project, start = pathlib.Path(options.folder, options.project_name), time.perf_counter()
    results.trials_table(project)
    middle = time.perf_counter()
    results.history_table(project)
    return {"trials": middle - start, "histories": time.perf_counter() - middle}


def main():
    """Take this process's part."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--way", required=True)
    parser.add_argument("--folder", "--directory", required=True)
    parser.add_argument("--project-name", required=True)
    for name, default in {
        "images": 1000,
        "trials": 4,
        "epochs": 2,
        "seed": 1,
        "batch_size": 32,
        "learning_rate": 0.0,
        "cosine": 0,
        "steps_per_execution": 1,
        "trace_once": 0,
        "stop_lost": "[]",
        "tuner": "RandomSearch",
    }.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    options = parser.parse_args()
    way, _, is_plain = options.way.partition("-")
    if way in ("formula", "reading"):
        found = reading(options) if way == "reading" else bookkeeping(options, not is_plain)
        pathlib.Path(options.folder, f"{options.way}.json").write_text(json.dumps(found))
        return
    scale_out.prepare()
    images = data.load_data(images=options.images, seed=options.seed)
    build = models.hypermodel(images.image_shape, images.num_classes)
    {"plain": plain, "course": course}[way](options, images, build, clock(options.folder))


if __name__ == "__main__":
    sys.exit(main())
