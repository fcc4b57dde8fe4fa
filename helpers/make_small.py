"""Make the shipped subset from the full Fashion-MNIST files: the first N images of each class.

    python -m helpers.make_small FOLDER_OF_THE_FOUR_IDX_FILES
"""

import pathlib
import sys

import numpy as np

from helpers import data


def first_per_class(images, labels, count):
    """The first ``count`` images of each class, in the order of the full file."""
    keep = np.sort(np.concatenate([np.flatnonzero(labels == c)[:count] for c in range(10)]))
    return images[keep], labels[keep]


def main(folder):
    """Write ``helpers/files/fashion_mnist_small.npz`` and print its digest."""
    folder = pathlib.Path(folder)
    full = {part: data.read_idx(folder / f"{part}-ubyte.gz") for part in (
        "train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")}
    x_train, y_train = first_per_class(full["train-images-idx3"], full["train-labels-idx1"], 1000)
    x_test, y_test = first_per_class(full["t10k-images-idx3"], full["t10k-labels-idx1"], 200)
    data.SMALL.parent.mkdir(exist_ok=True)
    np.savez_compressed(data.SMALL, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    print(f"{data.SMALL.stat().st_size:,} bytes")
    print(f"SHA-256 of the arrays: {data.digest(x_train, y_train, x_test, y_test)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
