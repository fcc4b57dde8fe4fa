"""How much a process grows with every trial of a search.

    python -m tools.memory [--trials 100]

Prints the resident memory after 10 trials and at the end, and the growth between, in MB a trial.
Keras and TensorFlow keep something of every model that was traced, with plain KerasTuner and with
the search layer alike. Measured with the layer, 100 trials of one epoch of a dense model on 8 x 8
images, TensorFlow 2.21 on Linux: 826 MB after 10 trials, 1249 MB after 100, 4.7 MB a trial. A
search of 50 trials need not care; one of 1,000 would take about 5 GB more. The way round it is a
new process: stop the search and run the same script again, it goes on where it was, with the same
numbers.
"""

import argparse
import contextlib
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np

from helpers import search


def build(hp):
    """A dense model from a space that is large enough for hundreds of trials."""
    import keras

    hp.Float("unused", 0.0, 1.0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(hp.Int("units", 8, 64), activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def resident():
    """Resident memory of this process in MB (Linux), else its peak so far."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096 / 1e6
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1e6 if sys.platform == "darwin" else 1e3)


def main():
    """Search and print."""
    import keras_tuner as kt

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--plain", action="store_true", help="KerasTuner without the search layer")
    options = parser.parse_args()
    found = []

    class Measured(kt.RandomSearch):
        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            found.append(resident())

    rng = np.random.default_rng(0)
    x = rng.random((256, 8, 8, 1), dtype="float32")
    y = np.eye(3, dtype="float32")[rng.integers(0, 3, 256)]
    tuner_class = Measured if options.plain else search.careful(Measured)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        tuner = tuner_class(
            build,
            objective=kt.Objective("val_loss", "min"),
            max_trials=options.trials,
            seed=1,
            directory=folder,
            project_name="memory",
        )
        tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0)
    start = min(9, len(found) - 1)
    growth = (found[-1] - found[start]) / max(1, len(found) - 1 - start)
    print(
        f"{found[start]:.0f} MB after {start + 1} trials, {found[-1]:.0f} MB after {len(found)}: "
        f"{growth:.1f} MB a trial"
    )


if __name__ == "__main__":
    main()
