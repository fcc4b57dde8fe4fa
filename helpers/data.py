"""Image data for the course: one call for the training and validation split, another for the test.

Images keep their pixel values (0 to 255): rescaling is a layer of the model. Labels are one-hot.
"""

import dataclasses
import gzip
import hashlib
import pathlib

import numpy as np

FILES = pathlib.Path(__file__).parent / "files"
SMALL = FILES / "fashion_mnist_small.npz"
SMALL_SHA256 = "17ed228a1cd16a66595c37306c1e37b77558dcd57ff9271727a919e5b3dc4464"
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataclasses.dataclass(frozen=True, eq=False)
class ImageData:
    """A training and a validation split; the test images are a separate call, ``load_test``.

    Attributes:
        name: the dataset argument that it was loaded from.
        x_train, x_val: images, shape (n, height, width, channels), pixel values 0 to 255.
        y_train, y_val: one-hot labels, float32, shape (n, number of classes).
        class_names: one name a class, in the order of the label columns.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    class_names: tuple

    @property
    def image_shape(self):
        """(height, width, channels) of one image."""
        return self.x_train.shape[1:]

    @property
    def num_classes(self):
        """Number of classes."""
        return len(self.class_names)

    @property
    def digest(self):
        """SHA-256 over the four arrays, to tell whether two runs saw the same data."""
        return digest(self.x_train, self.y_train, self.x_val, self.y_val)


def digest(*arrays):
    """SHA-256 (hexadecimal) over the dtype, shape and bytes of the arrays, in order."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def one_hot(labels, num_classes):
    """Integer labels, shape (n,), to one-hot float32, shape (n, num_classes)."""
    return np.eye(num_classes, dtype="float32")[labels]


def split_indices(labels, images=0, validation_fraction=0.2, seed=1):
    """Stratified training and validation indices, the same for the same seed.

    In each class validation is taken from the front of one shuffled order and training from its
    back, so a smaller ``images`` gives subsets of what a larger one gives, and no image of a small
    training set is ever in a larger run's validation set.

    Args:
        labels: integer labels, shape (n,).
        images: how many images to use, training plus validation; 0 means all.
        validation_fraction: share of each class that goes to validation.
        seed: seed of the shuffle.

    Returns:
        (training indices, validation indices), each sorted.
    """
    rng = np.random.default_rng(seed)
    share = min(1.0, images / len(labels)) if images else 1.0
    train, validation = [], []
    for label in np.unique(labels):
        order = rng.permutation(np.flatnonzero(labels == label))
        keep = max(2, round(len(order) * share))
        held_out = min(keep - 1, max(1, round(keep * validation_fraction)))
        validation.append(order[:held_out])
        train.append(order[len(order) - (keep - held_out) :])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(validation))


def read_idx(path):
    """Read one gzipped IDX file (the format of MNIST and Fashion-MNIST) into a uint8 array."""
    raw = gzip.open(path).read()
    shape = np.frombuffer(raw, ">u4", count=raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def _small():
    with np.load(SMALL) as file:
        arrays = {name: file[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    if digest(*arrays.values()) != SMALL_SHA256:
        raise ValueError(f"{SMALL} is damaged: its contents differ from those that were shipped.")
    return arrays


def load_data(dataset="fashion_mnist_small", *, images=0, validation_fraction=0.2, seed=1):
    """Load a dataset and split it into training and validation images.

    Args:
        dataset: "fashion_mnist_small".
        images: how many images to use, training plus validation; 0 means all.
        validation_fraction: share of each class that goes to validation.
        seed: seed of the split.

    Returns:
        An ``ImageData``.
    """
    arrays = _small()
    x, labels = arrays["x_train"][..., None], arrays["y_train"]
    train, validation = split_indices(labels, images, validation_fraction, seed)
    y = one_hot(labels, len(CLASS_NAMES))
    return ImageData(dataset, x[train], y[train], x[validation], y[validation], CLASS_NAMES)
