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
- a path of a folder of images, one sub-folder a class, perhaps with ``train`` and ``test`` above
  the class folders. ``"photos@64x48"`` resizes every image to height 64, width 48.

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
import dataclasses
import difflib
import gzip
import hashlib
import numbers
import os
import pathlib
import re
import socket
import zipfile
import zlib

import numpy as np

from helpers import checks

FILES = pathlib.Path(__file__).parent / "files"
SMALL = FILES / "fashion_mnist_small.npz"
SMALL_SHA256 = "17ed228a1cd16a66595c37306c1e37b77558dcd57ff9271727a919e5b3dc4464"
FULL_SHA256 = "51bad0352284eacba9865b8317af0b9281dae4f52f7f667217f2ee65f7069790"
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
NAMES = ("fashion_mnist_small", "fashion_mnist")
DEBIAN_FOLDER = pathlib.Path("/usr/share/datasets/fashion-mnist")
IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
GREY_MODES = ("1", "L", "LA", "La")
EIGHT_BIT_MODES = (*GREY_MODES, "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
TEST_FRACTION = 0.2
LARGEST_SEED = 4_000_000  # trial seeds are 1000 * seed + trial and have to fit into 32 bits
SMALLEST_SIDE = 4  # pixels: the course's models halve the image twice
LARGEST_FOLDER = 4_000_000_000  # bytes of pixels
DOWNLOAD_TIMEOUT = 20  # seconds without an answer


class DataError(checks.ShortError):
    """The data, or what was asked of them, cannot be used; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where an ``ImageData`` came from, so that ``load_test`` finds the test images that fit.

    Attributes:
        dataset: a dataset's name, or an absolute path.
        image_size: (height, width) that the images were resized to, or None.
        seed: seed of the split.
        digest: SHA-256 over everything that was read, test images included.
    """

    dataset: str
    image_size: tuple | None
    seed: int
    digest: str


@dataclasses.dataclass(frozen=True, eq=False)
class ImageData:
    """A training and a validation split; the test images are a separate call, ``load_test``.

    Attributes:
        name: the dataset argument that it was loaded from.
        x_train, x_val: images, shape (n, height, width, channels), pixel values 0 to 255.
        y_train, y_val: one-hot labels, float32, shape (n, number of classes).
        class_names: one name a class, in the order of the label columns.
        origin: what ``load_test`` needs; None when it was not made by ``load_data``.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    class_names: tuple
    origin: Origin | None = None

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


@dataclasses.dataclass(frozen=True, eq=False)
class TestData:
    """The test images; ``x_test, y_test = load_test(data)`` works too.

    Attributes:
        x: images, shape (n, height, width, channels), pixel values 0 to 255.
        y: one-hot labels, float32, shape (n, number of classes).
    """

    __test__ = False  # its name does not make it a test for pytest

    x: np.ndarray
    y: np.ndarray

    def __iter__(self):
        return iter((self.x, self.y))

    @property
    def digest(self):
        """SHA-256 over both arrays."""
        return digest(self.x, self.y)


@dataclasses.dataclass(frozen=True, eq=False)
class _Parts:
    """Everything that was read: images, integer labels and, where there are any, the same of the
    test part."""

    x: np.ndarray
    labels: np.ndarray
    x_test: np.ndarray | None
    labels_test: np.ndarray | None
    class_names: tuple


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


def load_data(
    dataset="fashion_mnist_small", *, images=0, validation_fraction=0.2, seed=1, image_size=None
):
    """Load a dataset and split it into training and validation images.

    Args:
        dataset: a name or a path; the module's docstring lists what is possible.
        images: how many images to use, training plus validation; 0 means all. Each class gives the
            same share of its images, rounded.
        validation_fraction: share of each class that goes to validation, between 0 and 1.
        seed: seed of the split, 0 to 4,000,000.
        image_size: for a folder of images: (height, width) in pixels that each is resized to; the
            same as ``@HEIGHTxWIDTH`` after the path, and stronger. None: as they are.

    Returns:
        An ``ImageData``.

    Raises:
        DataError: an argument or the data cannot be used; it says which and what to do.
    """
    _check_number("images", images)
    _check_number("seed", seed, LARGEST_SEED)
    if not checks.has_kind(validation_fraction, float) or not 0 < validation_fraction < 1:
        raise DataError(
            f"validation_fraction must be a number between 0 and 1, both excluded, but is "
            f"{validation_fraction!r}; 0.2 keeps a fifth for validation."
        )
    source, image_size = _source(dataset, image_size)
    parts = _read(source, image_size, seed)
    _check_amount(images, len(parts.labels), 2, parts.class_names, "for training and validation")
    train, validation = split_indices(parts.labels, images, validation_fraction, seed)
    y = one_hot(parts.labels, len(parts.class_names))
    return ImageData(
        name=str(dataset),
        x_train=parts.x[train],
        y_train=y[train],
        x_val=parts.x[validation],
        y_val=y[validation],
        class_names=parts.class_names,
        origin=Origin(source, image_size, int(seed), _digest(parts)),
    )


def load_test(data, images=0):
    """Load the test images that belong to a training and validation split.

    They never overlap with it. Use them once, at the end: a choice that was made with them makes
    their result too good.

    Args:
        data: what ``load_data`` returned.
        images: how many test images to use; 0 means all. Each class gives its share, rounded, and
            at least one; a smaller number gives a subset of what a larger one gives.

    Returns:
        A ``TestData``.

    Raises:
        DataError: ``images`` is not possible, or the files have changed since ``load_data``.
    """
    _check_number("images", images)
    origin = getattr(data, "origin", None)
    if origin is None:
        raise DataError(
            f"load_test needs what load_data returned, but got {type(data).__name__}"
            f"{' without an origin' if isinstance(data, ImageData) else ''}: call load_data first."
        )
    parts = _read(origin.dataset, origin.image_size, origin.seed)
    if _digest(parts) != origin.digest:
        raise DataError(
            f"{origin.dataset} has changed since load_data read it, so its test images may be among"
            " the training images by now: call load_data again."
        )
    _check_amount(images, len(parts.labels_test), 1, parts.class_names, "for the test")
    rng = np.random.default_rng(origin.seed)
    share = images / len(parts.labels_test) if images else 1.0
    keep = []
    for label in range(len(parts.class_names)):
        order = rng.permutation(np.flatnonzero(parts.labels_test == label))
        keep.append(order[: max(1, round(len(order) * share))])
    keep = np.sort(np.concatenate(keep))
    y = one_hot(parts.labels_test[keep], len(parts.class_names))
    return TestData(parts.x_test[keep], y)


def read_idx(path):
    """Read one gzipped IDX file (the format of MNIST and Fashion-MNIST) into a uint8 array.

    Raises:
        DataError: the file is missing, damaged, or no IDX file of bytes.
    """
    try:
        with gzip.open(path) as file:
            raw = file.read()
        if raw[:3] != b"\x00\x00\x08":
            raise ValueError("it does not start like an IDX file of bytes")
        shape = np.frombuffer(raw, ">u4", count=raw[3], offset=4)
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise DataError(
            f"{path} is missing or damaged ({error}): put an intact copy there, or delete it."
        ) from None


# Arguments


def _check_number(name, value, most=None):
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if whole and value >= 0 and (most is None or value <= most):
        return
    if name == "images":
        raise DataError(f"images must be 0 (all) or a positive whole number, but is {value!r}.")
    raise DataError(f"{name} must be a whole number from 0 to {most:,}, but is {value!r}.")


def _check_amount(images, available, each, class_names, purpose):
    """``images`` must be 0, or between ``each`` images a class and what is available."""
    fewest = each * len(class_names)
    if not images or fewest <= images <= available:
        return
    if images > available:
        raise DataError(
            f"images is {images:,}, but there are only {available:,} images {purpose}: use a "
            "smaller number, or 0 for all."
        )
    raise DataError(
        f"images is {images:,}, too few {purpose}: {len(class_names)} classes need at least "
        f"{fewest:,}, {each} a class; 0 means all {available:,}."
    )


def _check_size(image_size):
    """Return (height, width) as a tuple of int, or None."""
    if image_size is None:
        return None
    good = isinstance(image_size, (tuple, list)) and len(image_size) == 2
    if not good or not all(
        checks.has_kind(side, int) and SMALLEST_SIDE <= side <= 4096 for side in image_size
    ):
        raise DataError(
            f"image_size must be (height, width), each a whole number from {SMALLEST_SIDE} to 4096 "
            f"pixels, but is {image_size!r}."
        )
    return tuple(image_size)


def _source(dataset, image_size):
    """Return (a dataset's name or an absolute path, image size) of what the user asked for."""
    if not isinstance(dataset, (str, os.PathLike)) or not str(dataset).strip():
        raise DataError(f"dataset must be a name or a path, but is {dataset!r}. {_allowed()}")
    text, size = os.fspath(dataset), _check_size(image_size)
    if text in NAMES:
        if size:
            raise DataError(f"image_size is for a folder of images and cannot be used with {text}.")
        return text, None
    path = pathlib.Path(text).expanduser()
    resized = re.fullmatch(r"(.+)@(\d+)x(\d+)", text)
    if resized and not path.exists():
        path = pathlib.Path(resized[1]).expanduser()
        size = size or _check_size((int(resized[2]), int(resized[3])))
    path = path.absolute()
    if path.exists():
        return str(path), size
    if os.sep in text or "/" in text or path.suffix or text.startswith("~"):
        raise DataError(f"There is no file or folder {path}. {_allowed()}")
    near = difflib.get_close_matches(text.lower().replace("-", "_"), NAMES, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise DataError(
        f"There is no dataset {text!r}, and no file or folder of that name here. {hint}{_allowed()}"
    )


def _allowed():
    names = " or ".join(repr(name) for name in NAMES)
    return f"Give {names}, or the path of an .npz file or of a folder of images."


# Reading


def _read(source, image_size, seed):
    """Read a dataset; without a test part of its own, set a fifth of each class aside by seed."""
    path = pathlib.Path(source)
    if source in NAMES:
        parts = _small() if source == "fashion_mnist_small" else _full()
    elif path.is_dir() and not any((path / name).exists() for name in IDX_FILES):
        parts = _image_folder(path, image_size)
    elif image_size:
        raise DataError(
            f"image_size is for a folder of images, but {path} holds arrays: resize them before "
            "they are saved."
        )
    elif path.is_dir():
        parts = _idx_folder(path)
    else:
        parts = _npz(path)
    _check_counts(parts, path.name)
    if parts.x_test is None:
        rest, test = split_indices(
            parts.labels, validation_fraction=TEST_FRACTION, seed=[int(seed), 1]
        )
        x, labels = parts.x, parts.labels
        parts = _Parts(x[rest], labels[rest], x[test], labels[test], parts.class_names)
    return parts


def _digest(parts):
    return digest(parts.x, parts.labels, parts.x_test, parts.labels_test)


def _check_counts(parts, where):
    """Every class needs images on each side of every split."""
    if len(parts.class_names) < 2:
        raise DataError(
            f"{where} has a single class, {parts.class_names[0]!r}: classification needs at least "
            "2."
        )
    if parts.labels_test is None:
        sides = [(parts.labels, 3, "images", "to train, validate and test")]
    else:
        sides = [
            (parts.labels, 2, "training images", "to train and validate"),
            (parts.labels_test, 1, "test images", "to test"),
        ]
    for labels, fewest, what, purpose in sides:
        counts = np.bincount(labels, minlength=len(parts.class_names))
        for name, count in zip(parts.class_names, counts, strict=True):
            if count < fewest:
                raise DataError(
                    f"Class {name!r} of {where} has too few {what}: {count} instead of at least "
                    f"{fewest} {purpose}. Add images, or leave the class out."
                )


def _small():
    try:
        with np.load(SMALL, allow_pickle=False) as file:
            arrays = [file[name] for name in ("x_train", "y_train", "x_test", "y_test")]
        intact = digest(*arrays) == SMALL_SHA256
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        intact = False
    if not intact:
        raise DataError(
            f"{SMALL} is missing or damaged: get it back from the repository, for example with "
            f"`git checkout -- helpers/files/{SMALL.name}`."
        )
    x, labels, x_test, labels_test = arrays
    return _Parts(x[..., None], labels, x_test[..., None], labels_test, CLASS_NAMES)


def _full():
    """Fashion-MNIST from Debian's folder, else from Keras' cache, else downloaded by Keras."""
    home = pathlib.Path(os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras")
    cache = home / "datasets" / "fashion-mnist"
    for folder in (DEBIAN_FOLDER, cache):
        if all((folder / name).exists() for name in IDX_FILES):
            return _idx_folder(folder)
    for name in IDX_FILES:  # Keras would take a damaged file as it is
        if (cache / name).exists():
            read_idx(cache / name)
    import keras

    try:
        with _network_timeout(DOWNLOAD_TIMEOUT):
            (x, y), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
    except Exception as error:  # Keras raises plain Exception when a download fails
        raise DataError(
            f"Fashion-MNIST is neither on this machine nor could it be downloaded ({error}). "
            f"Either run load_data('fashion_mnist') once with the network on, which keeps the "
            f"files in {cache}; or put the four files {', '.join(IDX_FILES)} into a folder "
            f"(Debian: package dataset-fashion-mnist) and give its path as dataset. "
            f"'fashion_mnist_small' needs neither."
        ) from None
    return _from_arrays(x, y, x_test, y_test, CLASS_NAMES, "Fashion-MNIST")


@contextlib.contextmanager
def _network_timeout(seconds):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _idx_folder(folder):
    missing = [name for name in IDX_FILES if not (folder / name).exists()]
    if missing:
        raise DataError(f"{folder} lacks {', '.join(missing)}: all four IDX files are needed.")
    arrays = [read_idx(folder / name) for name in IDX_FILES]
    names = CLASS_NAMES if digest(*arrays) == FULL_SHA256 else None
    return _from_arrays(*arrays, names, str(folder))


def _npz(path):
    if path.suffix.lower() != ".npz":
        raise DataError(
            f"{path} is no .npz file: save the arrays with numpy.savez_compressed('mine.npz', x=..."
            ", y=...), or give a folder of images."
        )
    try:
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is cut short or no .npz file at all")
        with np.load(path, allow_pickle=False) as file:
            names = _npz_names(file.files, path)
            arrays = {name: _npz_array(file, name, path) for name in names}
    except (OSError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}): save or copy it again.") from None
    x, y, x_test, y_test = (arrays.get(name) for name in (*names[:2], "x_test", "y_test"))
    return _from_arrays(x, y, x_test, y_test, arrays.get("class_names"), path.name, names[:2])


def _npz_names(found, path):
    """The arrays to read: images and labels first, then test images, test labels, class names."""
    plain, parted = ("x", "y"), ("x_train", "y_train")
    whole = [pair for pair in (plain, parted) if set(pair) <= set(found)]
    test = [name for name in ("x_test", "y_test") if name in found]
    if len(whole) != 1 or len(test) == 1 or (test and whole[0] == plain):
        raise DataError(
            f"{path} holds the arrays {', '.join(found) or '(none)'}, but it needs x and y, or "
            "x_train and y_train, perhaps with x_test and y_test beside these: save it again with "
            "such names, not both kinds."
        )
    return [*whole[0], *test, *(name for name in ("class_names",) if name in found)]


def _npz_array(file, name, path):
    try:
        array = file[name]
        if not isinstance(array, np.ndarray):  # numpy hands out other entries as bytes
            raise ValueError("not an array")
        return array
    except ValueError as error:
        if "allow_pickle" in str(error):
            reason = (
                f"{name} holds Python objects, which could run code and are never loaded: save it "
                "as numbers (or texts, for labels and class names), all images of one size."
            )
        else:
            reason = f"{name} is damaged ({error}): save it again."
        raise DataError(f"{path}: {reason}") from None


# Arrays to images and labels


def _from_arrays(x, y, x_test, y_test, class_names, where, names=("x_train", "y_train")):
    """Check images, labels and class names and bring them into one form."""
    x_name, y_name = (f"{name} of {where}" for name in names)
    images = [_images(x, x_name)]
    values, width = _label_values(y, y_name)
    classes, class_names = _classes(values, width, class_names, where)
    labels = [_positions(values, classes, y_name)]
    _check_lengths(images[0], labels[0], x_name, y_name)
    if x_test is not None:
        x_name, y_name = f"x_test of {where}", f"y_test of {where}"
        images.append(_images(x_test, x_name))
        labels.append(_positions(_label_values(y_test, y_name)[0], classes, y_name))
        _check_lengths(images[1], labels[1], x_name, y_name)
        if images[1].shape[1:] != images[0].shape[1:]:
            raise DataError(
                f"Test images of {where} are of shape {images[1].shape[1:]}, the others of "
                f"{images[0].shape[1:]} (height, width, channels): give both the same."
            )
    images = _to_255(images, where)
    x_test, labels_test = (images[1], labels[1]) if x_test is not None else (None, None)
    return _Parts(images[0], labels[0], x_test, labels_test, class_names)


def _check_lengths(x, labels, x_name, y_name):
    if len(x) != len(labels):
        raise DataError(
            f"{x_name} has {len(x):,} images, but {y_name} has {len(labels):,} labels: each image "
            "needs one label."
        )


def _images(x, name):
    """Check dtype, shape and values of an array of images; return it with a channel axis."""
    if x.dtype.kind not in "buif":
        raise DataError(
            f"{name} has the dtype {x.dtype}: images must be whole or decimal numbers, best uint8."
        )
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4:
        raise DataError(
            f"{name} has the shape {x.shape}: images must have 3 dimensions (n, height, width) or "
            "4 (n, height, width, channels)."
        )
    if x.shape[3] not in (1, 3):
        raise DataError(
            f"{name} has the shape {x.shape}, so {x.shape[3]} channels in the last place: there "
            "must be 1 (grey) or 3 (red, green, blue), without transparency."
        )
    if not len(x):
        raise DataError(f"{name} holds no images.")
    if min(x.shape[1:3]) < SMALLEST_SIDE:
        raise DataError(
            f"{name} has images of {x.shape[1]} x {x.shape[2]} pixels: the course's models need at "
            f"least {SMALLEST_SIDE} x {SMALLEST_SIDE}."
        )
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).reshape(len(x), -1).any(axis=1).sum())
        raise DataError(
            f"{name} holds NaN or infinite pixel values in {bad:,} of {len(x):,} images: repair "
            "these images or leave them out."
        )
    return x


def _to_255(arrays, where):
    """Pixel values 0 to 255: those in 0 to 1 are multiplied; whole numbers to uint8, else float32.

    One factor holds for training and test images.
    """
    low, high = min(x.min() for x in arrays), max(x.max() for x in arrays)
    if low < 0 or high > 255:
        raise DataError(
            f"Pixel values of {where} go from {low:g} to {high:g}: they must be within 0 to 255, or"
            " within 0 to 1; undo any standardisation, the models rescale by themselves."
        )
    factor = 255 if high <= 1 else 1
    kinds = ["float32" if x.dtype.kind == "f" else "uint8" for x in arrays]
    return [
        x.astype(kind, copy=False) * factor if factor > 1 else x.astype(kind, copy=False)
        for x, kind in zip(arrays, kinds, strict=True)
    ]


def _label_values(y, name):
    """Labels as (1-D array of whole numbers or texts, number of one-hot columns or None)."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2:
        numeric = y.dtype.kind in "buif"
        if not numeric or not np.isin(y, (0, 1)).all() or not (y.sum(axis=1) == 1).all():
            raise DataError(
                f"{name} has the shape {y.shape} but is not one-hot: every row needs one 1, "
                "otherwise 0; or give one label an image, shape (n,)."
            )
        return y.argmax(axis=1), y.shape[1]
    if y.ndim != 1:
        raise DataError(
            f"{name} has the shape {y.shape}: labels must have the shape (n,), or one-hot rows."
        )
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "replace")
    if y.dtype.kind == "U":
        return y, None
    if y.dtype.kind not in "buif":
        raise DataError(f"{name} has the dtype {y.dtype}: labels must be whole numbers or texts.")
    if y.dtype.kind == "f" and not (np.isfinite(y).all() and (y == np.round(y)).all()):
        wrong = y[~np.isfinite(y) | (y != np.round(y))]
        raise DataError(
            f"{name} holds {len(wrong):,} labels that are not whole numbers, such as {wrong[0]:g}: "
            "labels are whole numbers or texts."
        )
    if len(y) and y.min() < 0:
        raise DataError(
            f"{name} holds negative labels, such as {y.min():g}: labels start at 0; leave out "
            "images without a class."
        )
    return y.astype(np.int64), None


def _classes(values, width, class_names, where):
    """Return (label values, class names), both in the order of the label columns."""
    if class_names is None:
        classes = np.unique(values) if width is None else np.arange(width)
        return classes, tuple(str(value) for value in classes.tolist())
    names = np.asarray(class_names)
    if names.dtype.kind == "S":
        names = np.char.decode(names, "utf-8", "replace")
    if names.ndim != 1 or names.dtype.kind != "U" or len(set(names.tolist())) != len(names):
        raise DataError(f"class_names of {where} must be a list of different texts, one a class.")
    if width not in (None, len(names)):
        raise DataError(
            f"class_names of {where} has {len(names)} names, but the one-hot labels have {width} "
            "columns: give one name a column."
        )
    return (names if values.dtype.kind == "U" else np.arange(len(names))), tuple(names.tolist())


def _positions(values, classes, name):
    """Position of every label among the classes, as integers."""
    if len(values) and values.dtype.kind != classes.dtype.kind:
        raise DataError(
            f"{name} holds {'texts' if values.dtype.kind == 'U' else 'numbers'}, but the classes "
            f"are {', '.join(map(repr, classes[:5].tolist()))}: label both parts in the same way."
        )
    unknown = values[~np.isin(values, classes)]
    if len(unknown):
        raise DataError(
            f"{name} holds the label {unknown[:1].tolist()[0]!r}, which is none of the "
            f"{len(classes)} classes (from {classes[:1].tolist()[0]!r} to "
            f"{classes[-1:].tolist()[0]!r}): correct it, or add the class to class_names and to "
            "the training images."
        )
    order = np.argsort(classes)
    return order[np.searchsorted(classes, values, sorter=order)]


# Folders of images


def _image_folder(folder, image_size):
    """Read folder/class/image or folder/{train,test}/class/image."""
    train, test = _class_folders(folder), None
    if "train" in train and _class_folders(train["train"]):
        if set(train) - {"train", "test"}:
            raise DataError(
                f"{folder} has a folder train, so beside it there may only be test, but there is "
                f"{', '.join(sorted(set(train) - {'train', 'test'}))}: move its images into train; "
                "the validation images are split off by the seed."
            )
        test = _class_folders(folder / "test") if "test" in train else None
        train = _class_folders(folder / "train")
    if not train:
        raise DataError(
            f"{folder} has no sub-folders: put the images of each class into a sub-folder that "
            "bears its name."
        )
    if test is not None and set(test) != set(train):
        raise DataError(
            f"train and test of {folder} have different classes: "
            f"{', '.join(sorted(set(test) ^ set(train)))} is in one of them only."
        )
    class_names = tuple(train)
    files, labels = _files(train, class_names)
    test_files, labels_test = _files(test, class_names) if test is not None else ([], None)
    x = _pixels([*files, *test_files], folder, image_size)
    x_test = x[len(files) :] if test is not None else None
    return _Parts(x[: len(files)], labels, x_test, labels_test, class_names)


def _hidden(path):
    return path.name.startswith((".", "__MACOSX")) or path.name.lower() in (
        "thumbs.db",
        "desktop.ini",
    )


def _class_folders(folder):
    """Sub-folders of a folder by name, sorted; hidden ones and files that are no images do not
    count."""
    entries = sorted(path for path in folder.iterdir() if not _hidden(path))
    folders = {path.name: path for path in entries if path.is_dir()}
    loose = [path for path in entries if path.suffix.lower() in IMAGE_ENDINGS and path.is_file()]
    if folders and loose:
        raise DataError(
            f"{loose[0]} lies beside the class folders: move it into the folder of its class."
        )
    return folders


def _files(folders, class_names):
    """Return (image files, integer labels) of the class folders."""
    files, labels = [], []
    for label, name in enumerate(class_names):
        found = sorted(path for path in folders[name].iterdir() if not _hidden(path))
        for path in found:
            if path.is_dir():
                raise DataError(
                    f"{path} is a folder inside a class folder: images must lie directly in it "
                    "(folders above the class folders are named train and test)."
                )
        files += found
        labels += [label] * len(found)
    return files, np.array(labels, dtype=np.int64)


def _pixels(files, folder, image_size):
    """Decode images into one uint8 array, shape (n, height, width, 1 or 3)."""
    sizes, modes = {}, set()
    for path in files:
        with _open(path) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # orientation: on its side
            width, height = image.size[::-1] if turned else image.size
            sizes.setdefault((height, width), []).append(path)
            modes.add(image.mode)
            if image.mode not in EIGHT_BIT_MODES:
                raise DataError(
                    f"{path} has the pixel format {image.mode}, not 8 bits a channel: save it as "
                    "8-bit grey or RGB."
                )
    if not image_size and len(sizes) > 1:
        common, other = sorted(sizes, key=lambda size: -len(sizes[size]))[:2]
        raise DataError(
            f"The images of {folder} have {len(sizes)} sizes: {sizes[common][0].name} is "
            f"{common[0]} x {common[1]} (height x width), {sizes[other][0].name} {other[0]} x "
            f"{other[1]}. To have all resized, write the size after the path: "
            f"dataset='{folder.name}@{common[0]}x{common[1]}'."
        )
    height, width = image_size or next(iter(sizes), (SMALLEST_SIDE, SMALLEST_SIDE))
    channels = 1 if modes <= set(GREY_MODES) else 3
    if (
        min(height, width) < SMALLEST_SIDE
        or len(files) * height * width * channels > LARGEST_FOLDER
    ):
        raise DataError(
            f"{folder} has {len(files):,} images of {height} x {width} pixels, and the course can "
            f"use at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels and at most "
            f"{LARGEST_FOLDER:,} bytes: have them resized, for example with "
            f"dataset='{folder.name}@64x64'."
        )
    x = np.empty((len(files), height, width, channels), dtype=np.uint8)
    for row, path in zip(x, files, strict=True):
        with _open(path) as image:
            row[...] = _decode(image, channels, (width, height)).reshape(row.shape)
    return x


def _decode(image, channels, size):
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image)


@contextlib.contextmanager
def _open(path):
    """Open an image; whatever goes wrong while it is read names the file."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            yield image
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise errors of many kinds
        raise DataError(
            f"{path} cannot be read as an image ({error}): repair it or take it out of the folder."
        ) from None
