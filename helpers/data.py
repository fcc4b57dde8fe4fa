"""Image data for the course: one call for the training and validation split, another for the test.

    data = load_data("fashion_mnist_small", images=1500, seed=1)
    test = load_test(data)

``dataset`` may be

- ``"fashion_mnist_small"``: 10,000 training and 2,000 test images, shipped with the course;
- ``"fashion_mnist"``: all 60,000 and 10,000, from the folder where Debian's package
  dataset-fashion-mnist puts them, or from Keras' cache, or downloaded once by Keras;
- a path of a folder with the four gzipped IDX files of MNIST, Fashion-MNIST or their relatives;
- a path of an .npz file with ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and
  ``y_test``, and perhaps ``class_names``; other arrays in it are ignored;
- a path of a folder of images, one sub-folder a class, perhaps with ``train`` and ``test``, and no
  other, above the class folders. ``"photos@64x48"`` resizes every image to height 64, width 48.

Images keep their pixel values (0 to 255): rescaling is a layer of the model. Labels are one-hot.
Images in an .npz have the shape (n, height, width) or (n, height, width, channels), 1 or 3
channels. Pixel values from 0 to 1 are multiplied by 255; anything else has to be 0 to 255. Whole
numbers become uint8, others float32. Its labels are whole numbers, texts or one-hot rows. Without
``class_names`` the classes are the sorted values that occur; with ``class_names`` whole numbers are
positions in it, and texts are its entries.

Where the data bring no test images, a fifth of each class is set aside for the test, by the seed,
before anything else is split.
"""

import contextlib
import gzip
import hashlib
import os
import pathlib
import re
from collections import namedtuple
from dataclasses import dataclass

import numpy as np

from helpers import checks

FILES = pathlib.Path(__file__).parent / "files"
SMALL = FILES / "fashion_mnist_small.npz"
CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
               "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")  # fmt: skip
NAMES = ("fashion_mnist_small", "fashion_mnist")
DEBIAN_FOLDER = pathlib.Path("/usr/share/datasets/fashion-mnist")
IDX_FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
             "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")  # fmt: skip
LARGEST_FOLDER = 4e9  # bytes of pixels
ALLOWED = (
    "An .npz file holds x and y: images as numbers from 0 to 255 or 0 to 1, (n, height, width) or "
    "(n, height, width, 1 or 3), and labels as whole numbers from 0, texts or one-hot rows, of two "
    "classes or more. dataset='photos@64x48' resizes a folder's. help('helpers.data') says more."
)


class DataError(checks.ShortError):
    """The data, or what was asked of them, cannot be used; the message says what to do."""


@dataclass(frozen=True, eq=False)
class ImageData:
    """A training and a validation split; the test images are a separate call, ``load_test``.

    Attributes:
        name: the dataset argument that it was loaded from.
        x_train, x_val: images, shape (n, height, width, channels), pixel values 0 to 255.
        y_train, y_val: one-hot labels, float32, shape (n, number of classes).
        class_names: one name a class, in the order of the label columns.
        origin: what ``load_test`` needs: the dataset's name or absolute path, the (height, width)
            that images were resized to or None, the seed, and the digest of all that was read.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    class_names: tuple
    origin: tuple

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


class TestData(namedtuple("TestData", "x y")):
    """The test images, as ``test.x`` and ``test.y`` or ``x_test, y_test = load_test(data)``.

    Attributes:
        x: images, shape (n, height, width, channels), pixel values 0 to 255.
        y: one-hot labels, float32, shape (n, number of classes).
    """


def digest(*arrays):
    """SHA-256 (hexadecimal) over the dtype, shape and bytes of the arrays, in order."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return sha.hexdigest()


def split_indices(labels, images=0, validation_fraction=0.2, seed=1):
    """Stratified training and validation indices, the same for the same seed.

    In each class validation is taken from the front of one shuffled order and training from its
    back, so a smaller ``images`` gives subsets of what a larger one gives, and no image of a small
    training set is ever in a larger run's validation set.

    Args:
        labels: integer labels, shape (n,).
        images: how many images to use, training plus validation; 0 means all. Each class gives its
            share, rounded, and at least one image to either side.
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


def load_data(dataset="fashion_mnist_small", *, images=0, validation_fraction=0.2, seed=1):
    """Load a dataset and split it into training and validation images.

    Args:
        dataset: a name or a path; the module's docstring lists what is possible.
        images: how many images to use, training plus validation; 0 means all. Each class gives the
            same share of its images, rounded.
        validation_fraction: share of each class that goes to validation, between 0 and 1.
        seed: seed of the split, a whole number from 0.

    Returns:
        An ``ImageData``.

    Raises:
        DataError: an argument or the data cannot be used; it says which and what to do.
    """
    source, size = _source(dataset)
    x, labels, *test, names = _read(source, size, seed)
    wrong = checks.problem("validation_fraction", validation_fraction, (0.001, 0.999))
    if images != 0:
        rule = (2 * len(names), len(labels))
        wrong = wrong or checks.problem("images (0 means all)", images, rule)
    if wrong:
        raise DataError(wrong)
    train, validation = split_indices(labels, images, validation_fraction, seed)
    y = np.eye(len(names), dtype="float32")[labels]
    origin = (source, size, int(seed), digest(x, labels, *test))
    return ImageData(str(dataset), x[train], y[train], x[validation], y[validation], names, origin)


def load_test(data):
    """Load the test images that belong to a training and validation split.

    They never overlap with it. Use them once, at the end: a choice that was made with them makes
    their result too good.

    Args:
        data: what ``load_data`` returned.

    Returns:
        A ``TestData``.

    Raises:
        DataError: the files have changed since ``load_data``.
    """
    *where, expected = data.origin
    *arrays, names = _read(*where)
    if digest(*arrays) != expected:
        raise DataError(f"{where[0]} has changed since load_data read it: call load_data again.")
    return TestData(arrays[2], np.eye(len(names), dtype="float32")[arrays[3]])


# Reading


def _source(dataset):
    """Return (a dataset's name or an absolute path, image size) of what the user asked for."""
    text = str(dataset)
    path = pathlib.Path(text).expanduser().absolute()
    resized = re.fullmatch(r"(.+)@(\d{1,4})x(\d{1,4})", str(path))
    if text in NAMES:
        return text, None
    if text.strip() and path.exists():
        return str(path), None
    if resized and pathlib.Path(resized[1]).is_dir():
        return resized[1], (int(resized[2]), int(resized[3]))
    near = checks.nearest(path.name, [*NAMES, *(one.name for one in path.parent.glob("*"))])
    raise DataError(
        f"There is no dataset {text!r} and no file or folder {path}.{near} Give {NAMES[0]!r}, "
        f"{NAMES[1]!r}, or the path of an .npz file or a folder of images."
    )


@contextlib.contextmanager
def _naming(what, allowed):
    """Whatever goes wrong inside gets the name of the file or dataset, and what to do."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # gzip, zipfile, Pillow and Keras raise errors of many kinds
        raise DataError(f"{what} cannot be used: {error}. {allowed}") from error


def _read(source, size, seed):
    """Return x, labels, x_test, labels_test and class names of a dataset.

    Without a test part of its own, a fifth of each class is set aside by the seed.
    """
    path = SMALL if source == "fashion_mnist_small" else pathlib.Path(source)
    with _naming(source, ALLOWED):
        if source == "fashion_mnist":
            found = _fashion_mnist()
        elif path.suffix.lower() == ".npz":
            found = _npz(path)
        elif size is None and any((path / name).exists() for name in IDX_FILES):
            found = _idx_folder(path)
        else:
            found = _image_folder(path, size)
        x, labels, n, names = _numbered(*found)
    names = CLASS_NAMES if source in NAMES else names
    if n < len(x):
        return x[:n], labels[:n], x[n:], labels[n:], names
    rest, test = split_indices(labels, seed=[int(seed), 1])
    return x[rest], labels[rest], x[test], labels[test], names


def _fashion_mnist():
    """From Debian's folder, else from Keras' cache, else downloaded by Keras."""
    home = pathlib.Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    for folder in (DEBIAN_FOLDER, home / "datasets" / "fashion-mnist"):
        if all((folder / name).exists() for name in IDX_FILES):
            return _idx_folder(folder)
    import keras

    with _naming("The download by Keras", f"Or give a folder that holds {', '.join(IDX_FILES)}."):
        (x, y), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
    return _arrays(x, y, x_test, y_test)


def _idx_folder(folder):
    return _arrays(*[read_idx(folder / name) for name in IDX_FILES])


def read_idx(path):
    """Read one gzipped IDX file (the format of MNIST and Fashion-MNIST) into a uint8 array.

    Raises:
        DataError: the file is missing, damaged, or no IDX file of bytes.
    """
    with _naming(path, "Put an intact copy there."), gzip.open(path) as file:
        raw = file.read()
        shape = np.frombuffer(raw, ">u4", count=raw[3], offset=4)
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def _npz(path):
    def read(name):
        array = np.asarray(file[name])
        return np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array

    with np.load(path, allow_pickle=False) as file:
        part = "_train" if "y_train" in file else ""
        names = [f"x{part}", f"y{part}", *(["x_test", "y_test"] if "x_test" in file else [])]
        class_names = read("class_names") if "class_names" in file else None
        return _arrays(*map(read, names), class_names=class_names)


def _image_folder(path, size):
    """Read path/class/image or path/{train,test}/class/image; the folders are the classes."""
    top = "train/" if _inside(path, "train/*/*") else ""
    train, test = _inside(path, f"{top}*/*"), _inside(path, "test/*/*") if top else []
    if not train:
        raise ValueError("it is no .npz file and has no images in sub-folders, one a class")
    if top and (other := {one.name for one in _inside(path, "*/")} - {"train", "test"}):
        raise ValueError(f"beside the folder train there may only be test, not {sorted(other)}")
    names = [one.name for one in _inside(path, f"{top}*") if one.is_dir()]
    labels = np.array([file.parent.name for file in (*train, *test)])
    return _pixels([*train, *test], size), labels, len(train), names


def _inside(folder, pattern):
    """What matches, sorted, without what is hidden and what systems leave behind."""
    left = (".", "__macosx", "thumbs.db", "desktop.ini")
    seen = [(one, one.relative_to(folder).parts) for one in sorted(folder.glob(pattern))]
    return [one for one, parts in seen if not any(p.lower().startswith(left) for p in parts)]


def _pixels(files, size):
    """Decode images into one uint8 array, shape (n, height, width, 1 or 3)."""
    images = []
    for file in files:
        images.append(_decode(file, size))
        first, found = images[0].shape[:2], images[-1].shape[:2]
        if found != first or images[-1].size * len(files) > LARGEST_FOLDER:
            sizes = f"{files[0].name} has {first} pixels (height, width), {file} {found}"
            raise ValueError(f"{sizes}, and there are {len(files):,} images")
    channels = max(image.shape[2] for image in images)
    return np.stack([np.broadcast_to(image, (*first, channels)) for image in images])


def _decode(file, size):
    """One image as uint8, shape (height, width, 1) when it is grey, else (height, width, 3)."""
    from PIL import Image, ImageOps

    with _naming(file, "Repair it or take it out of the folder."), Image.open(file) as image:
        if image.mode[0] in "IF":  # Pillow would clip these
            raise ValueError(f"{image.mode} is not 8 bits a channel")
        image = ImageOps.exif_transpose(image)
        image.info.pop("transparency", None)  # Pillow would warn
        image = image.convert("L" if image.mode in ("1", "L", "LA", "La") else "RGB")
        image = image.resize(size[::-1] if size else image.size, Image.Resampling.BILINEAR)
        return np.atleast_3d(np.asarray(image))


# Arrays to images and labels


def _arrays(x, y, x_test=None, y_test=None, class_names=None):
    """Check arrays; return images, test images last, their labels, how many come first, names."""
    parts = [(x, _labels(y))] + ([] if x_test is None else [(x_test, _labels(y_test))])
    for images, labels in parts:
        if len(images) != len(labels):
            raise ValueError(f"{len(images):,} images have {len(labels):,} labels")
    images, labels = (np.concatenate(both) for both in zip(*parts, strict=True))
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype.kind not in "buif":
        raise ValueError(f"the images have the shape {images.shape} and dtype {images.dtype}")
    wrong = ~((images >= 0) & (images <= 255))
    if wrong.any():
        raise ValueError(f"image {np.nonzero(wrong)[0][0]} has a pixel value {images[wrong][0]}")
    factor = 255 if images.max(initial=0) <= 1 else 1
    images = images.astype("float32" if images.dtype.kind == "f" else "uint8", copy=False)
    return images * factor if factor > 1 else images, labels, len(x), class_names


def _labels(y):
    """Labels as whole numbers or texts, shape (n,); one-hot rows become the number of the 1."""
    y = y.ravel() if y.size == len(y) else y
    if y.ndim == 2 and np.count_nonzero(y) == len(y) and ((y == 1).sum(axis=1) == 1).all():
        return y.argmax(axis=1)
    if y.ndim == 1 and y.dtype.kind == "U":
        return y
    wrong = y[~(np.isfinite(y) & (y >= 0) & (np.floor(y) == y))]
    if y.ndim != 1 or wrong.size:
        shown = wrong[:1] if wrong.size else y[:1]
        raise ValueError(f"labels of shape {y.shape} and dtype {y.dtype} hold {shown}")
    return y.astype(np.int64)


def _numbered(x, labels, n, class_names):
    """Turn labels into numbers of classes; each class needs images on each side of every split."""
    found = np.unique(labels).tolist()
    names = found if class_names is None else [str(name) for name in class_names]
    by_name = class_names is None or labels.dtype.kind == "U"
    number = {value: i for i, value in enumerate(names if by_name else range(len(names)))}
    if len(set(names)) < max(2, len(names)) or not number.keys() >= {*found}:
        raise ValueError(f"the classes are {names[:20]}, the labels {found[:20]}")
    labels = np.array([number[value] for value in labels.tolist()])
    sides = {"": labels[:n], "test ": labels[n:]} if n < len(x) else {"": labels}
    for what, side in sides.items():
        fewest = 1 if what else 4 - len(sides)  # one each to train, to validate and to test
        counts = np.bincount(side, minlength=len(names))
        if counts.min() < fewest:
            few = f"class {names[counts.argmin()]!r} has {counts.min()} {what}images"
            raise ValueError(f"{few}, but needs {fewest}: add some, or leave it out")
    return x, labels, n, tuple(map(str, names))
