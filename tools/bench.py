"""What the search layer costs and saves, as ratios within one run, so that any machine can compare.

    python -m tools.bench [--trials 6] [--repeats 3]

Four ways to train the same small models: a plain Keras loop, plain KerasTuner, KerasTuner with the
layer but without gc.freeze, and the layer. Each repeat runs all four, in turn, in this process;
CPU seconds a trial are compared with those of plain KerasTuner in the same repeat.
"""

import argparse
import contextlib
import gc
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np

from helpers import search

EPOCHS = 3


def data():
    """256 images of 8 x 8 pixels in 3 classes, and one-hot labels."""
    rng = np.random.default_rng(0)
    x = rng.random((256, 8, 8, 1), dtype="float32")
    return x, np.eye(3, dtype="float32")[rng.integers(0, 3, 256)]


def build(hp):
    """A dense model of 8 to 64 units."""
    import keras

    return compiled(hp.Int("units", 8, 64), keras)


def build_wide(hp):
    """The same model from a space that is large enough for hundreds of trials."""
    import keras

    hp.Float("unused", 0.0, 1.0)
    return compiled(hp.Int("units", 8, 64), keras)


def compiled(units, keras):
    """The model of ``build`` with a given number of units."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def plain_loop(trials, x, y):
    """Train models one after another with Keras alone."""
    import keras

    for trial in range(trials):
        keras.utils.set_random_seed(trial)
        model = compiled(8 + 8 * (trial % 8), keras)
        model.fit(x, y, validation_data=(x, y), epochs=EPOCHS, verbose=0)


def tuned(tuner_class, trials, x, y, **own):
    """Search with a tuner class."""
    import keras_tuner as kt

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        tuner = tuner_class(
            build,
            objective=kt.Objective("val_loss", "min"),
            max_trials=trials,
            seed=1,
            directory=folder,
            project_name="bench",
            **own,
        )
        tuner.search(x, y, validation_data=(x, y), epochs=EPOCHS, verbose=0)


def unfrozen(tuner_class):
    """The careful class with KerasTuner's own ``on_search_begin``, which freezes nothing."""
    careful = search.careful(tuner_class)
    return type("Unfrozen", (careful,), {"on_search_begin": lambda self: None})


def ways():
    """{name: function of (trials, x, y)}."""
    import keras_tuner as kt

    return {
        "plain Keras loop": plain_loop,
        "plain KerasTuner": lambda *a: tuned(kt.RandomSearch, *a),
        "careful, without gc.freeze": lambda *a: tuned(unfrozen(kt.RandomSearch), *a),
        "careful": lambda *a: tuned(search.careful(kt.RandomSearch), *a),
    }


def main():
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    x, y = data()
    functions = ways()
    plain_loop(1, x, y)  # the first training pays for imports
    seconds = {name: [] for name in functions}
    for _ in range(options.repeats):
        for name, function in functions.items():
            gc.unfreeze()
            start = time.process_time()
            function(options.trials, x, y)
            seconds[name].append((time.process_time() - start) / options.trials)
    base = seconds["plain KerasTuner"]
    print(f"{options.trials} trials of {EPOCHS} epochs, {options.repeats} repeats, CPU seconds")
    print(f"{'':28} s a trial   ratio to plain KerasTuner (lowest to highest)")
    for name, values in seconds.items():
        ratios = [a / b for a, b in zip(values, base, strict=True)]
        print(
            f"{name:28} {statistics.median(values):9.2f}   {statistics.median(ratios):5.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
