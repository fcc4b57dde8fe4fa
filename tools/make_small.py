"""Make the shipped subset from the full Fashion-MNIST files: the first N images of each class.

python -m tools.make_small FOLDER_OF_THE_FOUR_IDX_FILES [--output FILE]
"""

import argparse
import pathlib
import sys

import numpy as np

from helpers import data, state

SHA256 = "17ed228a1cd16a66595c37306c1e37b77558dcd57ff9271727a919e5b3dc4464"  # of the arrays
TRAINING_IMAGES = 1000  # of each class
TEST_IMAGES = 200


def first_per_class(images, labels, count):
    """The first ``count`` images of each class, in the order of the full file."""
    keep = np.sort(np.concatenate([np.flatnonzero(labels == c)[:count] for c in range(10)]))
    return images[keep], labels[keep]


def make(folder, output):
    """Write the subset to ``output``, whole or not at all, and return its digest.

    Args:
        folder: folder of the four gzipped IDX files.
        output: the .npz file to write; it must not exist.

    Raises:
        FileExistsError: ``output`` exists already.
        helpers.data.DataError: a file is missing or damaged, or is not Fashion-MNIST.
    """
    folder, output = pathlib.Path(folder), pathlib.Path(output)
    if output.exists():
        raise FileExistsError(f"{output} exists already: delete it, or give another --output.")
    x_train, y_train, x_test, y_test = (data.read_idx(folder / name) for name in data.IDX_FILES)
    x_train, y_train = first_per_class(x_train, y_train, TRAINING_IMAGES)
    x_test, y_test = first_per_class(x_test, y_test, TEST_IMAGES)
    digest = data.digest(x_train, y_train, x_test, y_test)
    if digest != SHA256:
        raise data.DataError(
            f"The files in {folder} are not those of Fashion-MNIST: their subset has the SHA-256 "
            f"{digest} instead of {SHA256}. Nothing was written."
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    with state.replacing(output) as file:
        np.savez_compressed(file, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return digest


def main(arguments=None):
    """Read the command line; return the exit code: 0, or 1 after one line on stderr."""
    parser = argparse.ArgumentParser(prog="tools.make_small", description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="folder of the four gzipped IDX files")
    parser.add_argument(
        "--output", default=data.SMALL, type=pathlib.Path, help="file to write (default: shipped)"
    )
    options = parser.parse_args(arguments)
    try:
        digest = make(options.folder, options.output)
    except (OSError, data.DataError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.output}: {options.output.stat().st_size:,} bytes")
    print(f"SHA-256 of the arrays: {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
