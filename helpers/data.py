"""Image data for the course: one call for the training and validation split, another for the test.

    data = load_data("fashion_mnist_small", images=1500, seed=1)
    test = load_test(data)

``dataset`` may be

- ``"fashion_mnist_small"``: 10,000 training and 2,000 test images, shipped with the course;
- ``"fashion_mnist"``: all 60,000 and 10,000, from the folder where Debian's package
  dataset-fashion-mnist puts them, or from Keras' cache, or downloaded once by Keras;
- a path of a folder with the four gzipped IDX files of MNIST, Fashion-MNIST or their relatives;
- a path of an .npz file with ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and
  ``y_test``; other arrays in it are ignored;
- a path of a folder of images, one sub-folder a class, perhaps with ``train`` and ``test``, and no
  other, above the class folders. ``"photos@64x48"`` resizes every image to height 64, width 48.
  Files whose names do not end as pictures do are left out, and one of them is named.

Images keep their pixel values (0 to 255): rescaling is a layer of the model. Labels are one-hot.
Images in an .npz have the shape (n, height, width) or (n, height, width, channels), 1 or 3
channels. Pixel values from 0 to 1 are multiplied by 255; anything else has to be 0 to 255. Whole
numbers become uint8, others float32. Its labels are whole numbers, texts or one-hot rows. The
classes are the sorted labels that occur: texts give them names.

Where the data bring no test images, a fifth of each class is set aside for the test, by the seed,
before anything else is split.
"""

import contextlib
import gzip
import hashlib
import pathlib
import re
from collections import namedtuple

import numpy as np

from helpers import checks

FILES = pathlib.Path(__file__).parent / "files"
SMALL = FILES / "fashion_mnist_small.npz"
CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
               "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")  # fmt: skip
PLACES = {
    "fashion_mnist_small": SMALL,
    "fashion_mnist": pathlib.Path("/usr/share/datasets/fashion-mnist"),  # Debian's package
}
IDX_FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
             "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")  # fmt: skip
LARGEST_FOLDER = 4e9  # bytes of pixels
LEFT_BEHIND = (".", "__macosx", "thumbs.db", "desktop.ini")  # hidden, or by an operating system
ALLOWED = (
    "An .npz file holds x: images, (n, height, width) or (n, height, width, 1 or 3), as numbers "
    "from 0 to 255 or 0 to 1; and y: whole numbers from 0, texts or one-hot rows, two classes or "
    "more. dataset='photos@64x48' resizes the images of the folder photos to height 64, width 48. "
    "help('helpers.data') says more."
)


class DataError(checks.ShortError):
    """The data, or what was asked of them, cannot be used; the message says what to do."""


class ImageData(
    namedtuple("ImageData", "name x_train y_train x_val y_val class_names origin", module=__name__)
):
    """A training and a validation split; the test images are a separate call, ``load_test``.

    Attributes:
        name: the dataset argument that it was loaded from.
        x_train, x_val: images, shape (n, height, width, channels), pixel values 0 to 255.
        y_train, y_val: one-hot labels, float32, shape (n, number of classes).
        class_names: one name a class, in the order of the label columns.
        origin: what ``load_test`` needs: the dataset's name or absolute path, the (height, width)
            that images were resized to or None, the seed, and the digest of all that was read.
    """

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


TestData = namedtuple("TestData", "x y")  # images and one-hot labels, as those of ImageData


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
        images: how many images to use, training plus validation; 0, or more than there are, means
            all. Each class gives its share, rounded, and at least one image to either side.
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
        images, validation_fraction, seed: as in ``split_indices``.

    Returns:
        An ``ImageData``.

    Raises:
        DataError: an argument or the data cannot be used; it says which and what to do.
    """
    source, size = _source(dataset)
    x, labels, *test, names = _read(source, size, seed)
    wrong = checks.problem("validation_fraction", validation_fraction, (0.001, 0.999), float)
    wrong = wrong or checks.problem("images (0 means all)", images, (0, None), int)
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
    if text in PLACES:
        return text, None
    if text.strip() and path.exists():
        return str(path), None
    if resized and pathlib.Path(resized[1]).is_dir():
        return resized[1], (int(resized[2]), int(resized[3]))
    near = checks.nearest(path.name, [*PLACES, *(one.name for one in path.parent.glob("*"))])
    near += " After @ stand height and width, as in 'photos@64x48'." if "@" in text else ""
    raise DataError(
        f"There is no dataset {text!r} and no file or folder {path}.{near} Give "
        f"{' or '.join(map(repr, PLACES))}, or the path of an .npz file or a folder of images."
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
    """Return x, labels, x_test, labels_test and class names of a dataset."""
    path = PLACES.get(source, pathlib.Path(source))
    with _naming(source, ALLOWED):
        if path.suffix.lower() == ".npz":
            x, y, n = _npz(path)
        elif size is None and (path / IDX_FILES[0]).exists():
            x, y, n = _parts(*[read_idx(path / name) for name in IDX_FILES])
        elif source == "fashion_mnist":
            x, y, n = _download()
        else:
            x, y, n = _image_folder(path, size)
        x, (labels, names) = _images(x), _classes(y)
        rest, test = np.arange(n), np.arange(n, len(x))
        if n == len(x):  # a fifth of each class becomes the test
            rest, test = split_indices(labels, seed=[int(seed), 1])
        for what, part, need in (("train and validate", rest, 2), ("test", test, 1)):
            counts = np.bincount(labels[part], minlength=len(names))
            if counts.min() < need:
                few = f"class {names[counts.argmin()]!r} has {counts.min()} images to {what}"
                raise ValueError(f"{few}, but needs {need}: add some, or leave it out")
    names = CLASS_NAMES if source in PLACES else names
    return x[rest], labels[rest], x[test], labels[test], names


def _download():
    """All of Fashion-MNIST by Keras, from its cache or the network."""
    import keras

    with _naming("The download by Keras", f"Or give a folder that holds {', '.join(IDX_FILES)}."):
        return _parts(*sum(keras.datasets.fashion_mnist.load_data(), ()))


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
    with np.load(path, allow_pickle=False) as file:
        part = "_train" if "y_train" in file else ""
        names = [f"x{part}", f"y{part}", *(["x_test", "y_test"] if "x_test" in file else [])]
        return _parts(*[file[name] for name in names])


def _parts(x, y, x_test=(), y_test=()):
    """Return all images, the test images last, all labels, and how many come before the test."""
    for images, labels in ((x, y), (x_test, y_test)):
        if len(images) != len(labels):
            raise ValueError(f"{len(images):,} images have {len(labels):,} labels")
    if not len(x_test):
        return x, y, len(x)
    return np.concatenate([x, x_test]), np.concatenate([y, y_test]), len(x)


def _image_folder(path, size):
    """Read path/class/image or path/{train,test}/class/image; the folders are the classes."""
    top = "train/" if _inside(path, "train/*/*") else ""
    train, test = _pictures(path, f"{top}*/*"), _pictures(path, "test/*/*") if top else []
    if not train:
        raise ValueError("it is no .npz file and has no images in sub-folders, one a class")
    if top and (other := {one.name for one in _inside(path, "*/")} - {"train", "test"}):
        raise ValueError(f"beside the folder train there may only be test, not {sorted(other)}")
    files = [*train, *test]
    return _pixels(files, size), np.array([file.parent.name for file in files]), len(train)


def _inside(folder, pattern):
    """What matches, sorted, without what is hidden or left behind."""
    seen = [(one, one.relative_to(folder).parts) for one in sorted(folder.glob(pattern))]
    return [one for one, parts in seen if not any(p.lower().startswith(LEFT_BEHIND) for p in parts)]


def _pictures(folder, pattern):
    """The files that match, without those of other kinds, which are named."""
    from PIL import Image

    found, known = _inside(folder, pattern), {"", *Image.registered_extensions()}
    if left := [one for one in found if one.suffix.lower() not in known]:
        print(f"Left out, since no picture: {left[0]} (files of such kinds: {len(left)})")
    return [one for one in found if one.suffix.lower() in known]


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


# What is read, as images and labels


def _images(x):
    """Images as uint8 or float32 from 0 to 255, shape (n, height, width, channels)."""
    x = x[..., None] if x.ndim == 3 else x
    if x.ndim != 4 or x.shape[3] not in (1, 3) or x.dtype.kind not in "buif":
        raise ValueError(f"the images have the shape {x.shape} and dtype {x.dtype}")
    wrong = ~((x >= 0) & (x <= 255))
    if wrong.any():
        raise ValueError(f"image {np.nonzero(wrong)[0][0]} has a pixel value {x[wrong][0]}")
    x = x.astype("float32" if x.dtype.kind == "f" else "uint8", copy=False)
    return x * 255 if x.max(initial=0) <= 1 else x


def _classes(y):
    """Labels as numbers of classes, shape (n,), and the classes' names."""
    if y.ndim == 2 and y.shape[1] > 1 and (np.sort(y) == np.eye(y.shape[1])[-1]).all():
        y = y.argmax(axis=1)  # one-hot rows
    y = y.ravel() if y.size == len(y) else y
    wrong = y[:0] if y.dtype.kind == "U" else y[(y < 0) | (y % 1 != 0)]
    if y.ndim != 1 or wrong.size:
        raise ValueError(f"labels of shape {y.shape} hold {(wrong if wrong.size else y)[:1]}")
    y = y if y.dtype.kind == "U" else y.astype(np.int64)
    names, labels = np.unique(y, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"there are {len(names)} classes: {names}")
    return labels, tuple(map(str, names.tolist()))
