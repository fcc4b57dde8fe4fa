"""A job that really trains: a Dense model on 64 random 8x8 images, the course's careful tuner."""

import argparse

import numpy as np


def build(hp):
    """Build and compile a small Dense classifier with dropout, so that random numbers matter."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input(shape=(8, 8)),
            layers.Flatten(),
            layers.Dense(hp.Int("units", min_value=4, max_value=64), activation="relu"),
            layers.Dropout(0.25),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def main():
    """Run the part of the search that belongs to this process's role."""
    import keras_tuner as kt

    from helpers import scale_out, search

    parser = argparse.ArgumentParser()
    parser.add_argument("--directory")
    parser.add_argument("--project-name")
    parser.add_argument("--max-trials", type=int, default=5)
    options = parser.parse_args()
    scale_out.prepare()
    random = np.random.default_rng(1)
    x = random.random((96, 8, 8), dtype="float32")
    y = np.eye(2, dtype="float32")[(x.mean(axis=(1, 2)) > 0.5).astype(int)]
    tuner = search.careful(kt.RandomSearch)(
        build,
        objective=kt.Objective("val_loss", "min"),
        max_trials=options.max_trials,
        seed=1,
        directory=options.directory,
        project_name=options.project_name,
    )
    tuner.search(
        x[:64], y[:64], validation_data=(x[64:], y[64:]), epochs=2, batch_size=16, verbose=0
    )


if __name__ == "__main__":
    main()
