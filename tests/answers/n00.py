"""Plausible wrong answers to the exercises of notebook 00, each with a hint of its own."""

import numpy as np


def cut_anew(path, pictures, labels):
    n, colours, height, width = pictures.shape
    np.savez(path, x=(255 * pictures.reshape(n, height, width, colours)).astype("uint8"), y=labels)


def saving(change):
    return lambda path, pictures, labels: np.savez(
        path, x=change(np.moveaxis(pictures, 1, 3)), y=labels
    )


WRONG = {
    "00-guess": [
        lambda y_train, y_val: y_val.sum(axis=0).max() / len(y_val),
        lambda y_train, y_val: y_train.sum(axis=0).max() / len(y_train),
        lambda y_train, y_val: 1 / y_val.shape[1],
        lambda y_train, y_val: y_val.sum(axis=0)[y_train.sum(axis=0).argmax()],
        lambda y_train, y_val: (y_val.argmax(axis=1) == y_train.sum(axis=1).argmax()).mean(),
    ],
    "00-budget": [
        lambda trials, epochs, executions, images, val_share: trials * epochs * executions * images,
        lambda trials, epochs, executions, images, val_share: (
            trials * epochs * int(images * (1 - val_share))
        ),
        lambda trials, epochs, executions, images, val_share: (
            trials * epochs * executions * images * (1 + val_share)
        ),
        lambda trials, epochs, executions, images, val_share: (
            trials * epochs * executions * images * val_share
        ),
    ],
    "00-own-images": [
        cut_anew,
        saving(lambda x: x.astype("uint8")),
        saving(lambda x: (255 * np.moveaxis(x, 3, 1)).astype("uint8")),
        saving(lambda x: 255 * x.swapaxes(1, 2)),
        lambda path, pictures, labels: np.savez(path, 255 * np.moveaxis(pictures, 1, 3), labels),
        lambda path, pictures, labels: np.save(path, 255 * np.moveaxis(pictures, 1, 3)),
        lambda path, pictures, labels: np.savez(
            path, x=(255 * np.moveaxis(pictures, 1, 3)).round(), y=sorted(labels)
        ),
        lambda path, pictures, labels: np.savez(path, x=np.moveaxis(pictures, 1, 3), y=labels),
    ],
}
