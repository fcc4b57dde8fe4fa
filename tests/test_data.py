"""The data module: the shipped data, own data, splits, and one clear error for each mistake."""

import functools
import gzip
import pathlib
import pickle
import socket
import struct
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest
from PIL import Image

from helpers import checks, data
from tools import make_small

SMALL_SPLIT_SHA256 = "f74ca76b15e416733b9a57b38c679173e5e7c88cb2d4e5421449ed466a668f60"
ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Every test of this file fails at once when it tries to reach another machine."""

    def refuse(*_, **__):
        raise OSError("the network is off in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def pictures(n, shape=(8, 8), seed=0):
    """Random uint8 images, no two of them the same."""
    x = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    x.reshape(n, -1)[:, 0], x.reshape(n, -1)[:, 1] = np.arange(n) % 256, 255
    return x


def labels_of(counts):
    """Integer labels with these counts of class 0, 1, ... in a mixed order."""
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


@pytest.fixture
def save(tmp_path):
    """Save arrays to an .npz and return its path."""

    def write(**arrays):
        np.savez(tmp_path / "mine.npz", **arrays)
        return tmp_path / "mine.npz"

    return write


def save_images(folder, classes, size=(8, 8), count=5, mode="L", ending=".png"):
    """Write ``count`` random images for each class below ``folder``; return the folder."""
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        channels = () if mode == "L" else (len(mode),)
        for i, pixels in enumerate(pictures(count, (*size, *channels), seed=number)):
            Image.fromarray(pixels, mode).save(folder / name / f"{i}{ending}")
    return folder


def save_idx(folder, counts=(6, 6), test_counts=(2, 2)):
    """Write the four gzipped IDX files of a small dataset; return the folder."""
    folder.mkdir(exist_ok=True)
    arrays = []
    for part in (counts, test_counts):
        arrays += [pictures(sum(part)), labels_of(part).astype(np.uint8)]
    for name, array in zip(data.IDX_FILES, arrays, strict=True):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        with gzip.open(folder / name, "wb") as file:
            file.write(header + array.tobytes())
    return folder


def rows(x):
    """The images as a set, to compare or intersect."""
    return {image.tobytes() for image in x}


def refused(*words, call=data.load_data, **arguments):
    """The call must raise one short DataError that holds all these words; return its message."""
    with pytest.raises(data.DataError) as caught:
        call(**arguments)
    message = str(caught.value)
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"
    assert "\n" not in message
    assert len(message) < 700
    return message


# What is shipped


def test_the_shipped_data_are_those_of_the_recorded_search():
    small = data.load_data("fashion_mnist_small", seed=1)
    assert small.digest == SMALL_SPLIT_SHA256
    assert small.x_train.shape == (8000, 28, 28, 1)
    assert small.x_val.shape == (2000, 28, 28, 1)
    assert small.x_train.dtype == np.uint8
    assert small.y_train.dtype == np.float32
    assert (small.image_shape, small.num_classes) == ((28, 28, 1), 10)
    assert small.class_names == data.CLASS_NAMES
    assert small.y_val.sum(axis=0).tolist() == [200] * 10


def test_the_default_is_the_shipped_dataset():
    assert data.load_data().digest == SMALL_SPLIT_SHA256


def test_damaged_shipped_data_are_refused(monkeypatch, tmp_path):
    for name, contents in {"cut.npz": data.SMALL.read_bytes()[:100_000], "no.npz": None}.items():
        if contents:
            (tmp_path / name).write_bytes(contents)
        monkeypatch.setattr(data, "SMALL", tmp_path / name)
        refused("missing or damaged", "git checkout")


def test_shipped_data_with_one_other_pixel_are_refused(monkeypatch, tmp_path):
    with np.load(data.SMALL) as file:
        arrays = dict(file)
    arrays["x_train"][0, 0, 0] ^= 1
    np.savez(tmp_path / "other.npz", **arrays)
    monkeypatch.setattr(data, "SMALL", tmp_path / "other.npz")
    refused("missing or damaged")


def test_importing_the_data_module_imports_nothing_heavy():
    code = (
        "import sys, helpers.data; "
        "print([m for m in ('tensorflow', 'keras', 'PIL', 'pandas') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


# The split


def test_a_split_is_stratified_and_disjoint_and_complete():
    labels = labels_of([100, 50, 10])
    train, validation = data.split_indices(labels, validation_fraction=0.2)
    assert np.bincount(labels[train]).tolist() == [80, 40, 8]
    assert np.bincount(labels[validation]).tolist() == [20, 10, 2]
    assert sorted([*train, *validation]) == list(range(160))


def test_a_split_is_the_same_for_the_same_seed_and_another_for_another():
    labels = labels_of([50, 50])
    first, again, other = (data.split_indices(labels, seed=seed) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert set(first[1]) != set(other[1])


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.9])
def test_smaller_splits_are_subsets_and_never_mix_training_with_validation(fraction):
    labels = labels_of([57, 31, 12])
    splits = [
        [set(side.tolist()) for side in data.split_indices(labels, n, fraction)]
        for n in range(6, 101)
    ]
    for smaller, larger in zip(splits, splits[1:], strict=False):
        assert smaller[0] <= larger[0] and smaller[1] <= larger[1]
    trained = set.union(*(train for train, _ in splits))
    validated = set.union(*(validation for _, validation in splits))
    assert not trained & validated


def test_images_limits_training_and_validation_together():
    small = data.load_data(images=1500)
    assert (len(small.x_train), len(small.x_val)) == (1200, 300)
    assert small.y_train.sum(axis=0).tolist() == [120] * 10


def test_validation_fraction_is_the_share_of_the_validation_images():
    small = data.load_data(images=1000, validation_fraction=0.4)
    assert (len(small.x_train), len(small.x_val)) == (600, 400)


# The test images


def test_the_test_images_of_the_shipped_data_are_fashion_mnists_own():
    small = data.load_data(images=100)
    test = data.load_test(small)
    with np.load(data.SMALL) as file:
        assert (test.x[..., 0] == file["x_test"]).all()
        assert (test.y.argmax(axis=1) == file["y_test"]).all()
    assert test.y.dtype == np.float32
    x, y = test
    assert x is test.x and y is test.y


def test_fewer_test_images_are_a_stratified_subset():
    small = data.load_data(images=100)
    some, more = data.load_test(small, images=100), data.load_test(small, images=500)
    assert some.y.sum(axis=0).tolist() == [10] * 10
    assert rows(some.x) < rows(more.x)
    assert some.digest == data.load_test(small, images=100).digest


@pytest.mark.parametrize("images", [0, 12, 40])
def test_own_data_without_a_test_part_give_a_fifth_that_never_overlaps(save, images):
    x, y = pictures(100), labels_of([50, 30, 20])
    path = save(x=x, y=y)
    for seed in (1, 2):
        mine = data.load_data(path, images=images, seed=seed)
        test = data.load_test(mine)
        assert test.y.sum(axis=0).tolist() == [10, 6, 4]
        parts = [rows(mine.x_train), rows(mine.x_val), rows(test.x)]
        assert len(set.union(*parts)) == sum(map(len, parts)) == (images or 80) + 20


def test_the_test_images_depend_on_the_seed_only(save):
    path = save(x=pictures(60), y=labels_of([30, 30]))
    first = data.load_test(data.load_data(path, seed=1))
    fewer = data.load_test(data.load_data(path, seed=1, images=10, validation_fraction=0.5))
    other = data.load_test(data.load_data(path, seed=2))
    assert first.digest == fewer.digest != other.digest


def test_load_data_keeps_no_test_images(save):
    mine = data.load_data(save(x=pictures(60), y=labels_of([30, 30])))
    arrays = [name for name, value in vars(mine).items() if isinstance(value, np.ndarray)]
    assert arrays == ["x_train", "y_train", "x_val", "y_val"]
    assert len(mine.x_train) + len(mine.x_val) == 48


def test_the_test_images_are_found_again_from_another_folder(save, monkeypatch, tmp_path):
    path = save(x=pictures(60), y=labels_of([30, 30]))
    monkeypatch.chdir(path.parent)
    mine = data.load_data("mine.npz")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert mine.name == "mine.npz"
    assert len(data.load_test(mine).x) == 12


def test_files_that_changed_after_load_data_are_refused(save):
    mine = data.load_data(save(x=pictures(60), y=labels_of([30, 30])))
    save(x=pictures(60)[::-1], y=labels_of([30, 30]))
    refused("has changed", "load_data again", call=data.load_test, data=mine)


def test_load_test_wants_what_load_data_returned():
    refused("load_data", "str", call=data.load_test, data="fashion_mnist_small")
    made = data.ImageData("own", *np.zeros((4, 1)), class_names=("a", "b"))
    refused("without an origin", call=data.load_test, data=made)


def test_impossible_numbers_of_test_images_are_refused():
    small = data.load_data(images=100)
    refused("2,000", "0 for all", call=data.load_test, data=small, images=2001)
    refused("at least 10", call=data.load_test, data=small, images=9)
    refused("-1", call=data.load_test, data=small, images=-1)


# Arguments


@pytest.mark.parametrize("images", [-1, True, 1.5, "1500", None, float("nan")])
def test_images_must_be_a_whole_number(images):
    refused("images must be 0 (all)", repr(images), images=images)


def test_too_many_and_too_few_images_are_refused_with_the_limits():
    refused("10,001", "only 10,000", "0 for all", images=10_001)
    refused("19", "at least 20", images=19)
    assert len(data.load_data(images=20).x_val) == 10
    assert data.load_data(images=10_000).digest == SMALL_SPLIT_SHA256


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 20, "0.2", None, True, float("nan")])
def test_validation_fraction_must_be_between_0_and_1(fraction):
    refused("validation_fraction", repr(fraction), "0.2", validation_fraction=fraction)


@pytest.mark.parametrize("seed", [-1, 4_000_001, 1.0, True, None, "1"])
def test_seed_must_be_a_whole_number_that_trial_seeds_can_grow_from(seed):
    refused("seed", repr(seed), "0 to 4,000,000", seed=seed)


def test_numbers_from_numpy_are_numbers():
    small = data.load_data(images=np.int64(1500), seed=np.int32(1))
    assert small.digest == data.load_data(images=1500, seed=1).digest


@pytest.mark.parametrize("near", ["fashion_mnist_smal", "Fashion-MNIST-small", "fashion_small"])
def test_an_unknown_name_is_answered_with_the_nearest_right_one(near):
    refused(repr(near), "Did you mean 'fashion_mnist_small'?", dataset=near)


def test_a_name_like_no_other_is_answered_with_what_is_possible():
    message = refused("'zebra'", "'fashion_mnist'", ".npz", "folder of images", dataset="zebra")
    assert "Did you mean" not in message


@pytest.mark.parametrize("path", ["photos/cats", "mine.npz", "~/nowhere"])
def test_a_missing_path_is_named_in_full(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    full = str(pathlib.Path(path).expanduser().absolute())
    refused("no file or folder", full, dataset=path)


@pytest.mark.parametrize("dataset", [None, 3, "", "  "])
def test_dataset_must_be_a_text(dataset):
    refused("dataset must be a name or a path", dataset=dataset)


def test_data_errors_are_one_line_in_a_notebook():
    assert issubclass(data.DataError, checks.ShortError)
    assert issubclass(data.DataError, ValueError)


# Fashion-MNIST in full, and folders of IDX files


def test_fashion_mnist_is_read_from_debians_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "DEBIAN_FOLDER", save_idx(tmp_path / "debian"))
    full = data.load_data("fashion_mnist")
    assert len(full.x_train) + len(full.x_val) == 12
    assert len(data.load_test(full).x) == 4


def test_fashion_mnist_is_read_from_keras_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    save_idx(tmp_path / "datasets" / "fashion-mnist", counts=(5, 6))
    full = data.load_data("fashion_mnist")
    assert len(full.x_train) + len(full.x_val) == 11


def test_fashion_mnist_offline_names_both_ways_and_leaves_no_half_file(monkeypatch, tmp_path):
    from keras.datasets import fashion_mnist

    # Keras read KERAS_HOME when it was imported, so its loader is given the folder here.
    names = fashion_mnist.load_data.__globals__
    get_file = functools.partial(names["get_file"], cache_dir=str(tmp_path))
    monkeypatch.setitem(names, "get_file", get_file)
    monkeypatch.setattr(data, "DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    cache = tmp_path / "datasets" / "fashion-mnist"
    refused(
        "the network is off",
        "with the network on",
        str(cache),
        "dataset-fashion-mnist",
        *data.IDX_FILES,
        "'fashion_mnist_small' needs neither",
        dataset="fashion_mnist",
    )
    assert cache.is_dir()  # Keras got as far as the download
    assert not list(cache.iterdir())


def fake_keras(monkeypatch, tmp_path, load):
    """Put a stand-in for Keras' loader in place, so that TensorFlow need not be imported."""
    loader = types.SimpleNamespace(load_data=load)
    keras = types.SimpleNamespace(datasets=types.SimpleNamespace(fashion_mnist=loader))
    monkeypatch.setitem(sys.modules, "keras", keras)
    monkeypatch.setattr(data, "DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))


def test_a_download_has_a_time_limit_which_does_not_stay(monkeypatch, tmp_path):
    def load():
        seen.append(socket.getdefaulttimeout())
        return (pictures(30), np.arange(30) % 10), (pictures(10), np.arange(10))

    seen = []
    fake_keras(monkeypatch, tmp_path, load)
    full = data.load_data("fashion_mnist")
    assert seen == [data.DOWNLOAD_TIMEOUT]
    assert socket.getdefaulttimeout() is None
    assert full.class_names == data.CLASS_NAMES


def test_a_half_file_in_keras_cache_is_named_and_not_used(monkeypatch, tmp_path):
    fake_keras(monkeypatch, tmp_path, lambda: pytest.fail("Keras must not read it"))
    folder = tmp_path / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    save_idx(folder)
    half = folder / data.IDX_FILES[0]
    half.write_bytes(half.read_bytes()[:60])
    refused(str(half), "delete it", dataset="fashion_mnist")
    (folder / data.IDX_FILES[1]).unlink()
    refused(str(half), "delete it", dataset="fashion_mnist")


def test_a_folder_of_idx_files_is_read_with_its_own_test_images(tmp_path):
    mine = data.load_data(save_idx(tmp_path / "digits", (6, 7, 8), (2, 3, 4)))
    assert mine.class_names == ("0", "1", "2")
    assert mine.image_shape == (8, 8, 1)
    assert data.load_test(mine).y.sum(axis=0).tolist() == [2, 3, 4]


def test_a_missing_idx_file_is_named(tmp_path):
    folder = save_idx(tmp_path / "digits")
    (folder / data.IDX_FILES[3]).unlink()
    refused("lacks t10k-labels-idx1-ubyte.gz", dataset=folder)


@pytest.mark.parametrize(
    "contents",
    [
        b"plain",
        gzip.compress(b""),
        gzip.compress(b"\x00\x00\x0d\x01\x00\x00\x00\x00"),
        gzip.compress(b"\x00\x00\x08\x03\x00\x00\x00\x05"),
        gzip.compress(b"\x00\x00\x08\x01\x00\x00\x00\x05abc"),
    ],
    ids=["not gzip", "empty", "floats", "short header", "too few bytes"],
)
def test_a_damaged_idx_file_is_named(tmp_path, contents):
    folder = save_idx(tmp_path / "digits")
    (folder / data.IDX_FILES[1]).write_bytes(contents)
    refused(data.IDX_FILES[1], "missing or damaged", dataset=folder)


# An own .npz


def test_an_npz_with_x_and_y_is_read(save):
    x, y = pictures(40), labels_of([20, 20])
    mine = data.load_data(save(x=x, y=y, ids=np.arange(40)))
    assert mine.class_names == ("0", "1")
    assert mine.image_shape == (8, 8, 1)
    known = {image.tobytes(): label for image, label in zip(x, y, strict=True)}
    for image, label in zip(mine.x_train, mine.y_train.argmax(axis=1), strict=True):
        assert known[image.tobytes()] == label


def test_an_npz_with_a_test_part_keeps_it(save):
    x_test = pictures(4, seed=9)
    path = save(
        x_train=pictures(40), y_train=labels_of([20, 20]), x_test=x_test, y_test=[0, 1, 1, 0]
    )
    mine = data.load_data(path)
    assert len(mine.x_train) + len(mine.x_val) == 40
    test = data.load_test(mine)
    assert (test.x[..., 0] == x_test).all()
    assert test.y.argmax(axis=1).tolist() == [0, 1, 1, 0]


def test_an_npz_with_x_train_alone_gives_up_a_fifth_for_the_test(save):
    mine = data.load_data(save(x_train=pictures(40), y_train=labels_of([20, 20])))
    assert len(data.load_test(mine).x) == 8


def test_colour_and_any_size_are_read(save):
    mine = data.load_data(save(x=pictures(12, (5, 9, 3)), y=labels_of([4, 4, 4])))
    assert (mine.image_shape, mine.num_classes) == ((5, 9, 3), 3)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([7, 3, 7, 3, 3, 7], ("3", "7")),
        ([1.0, 0.0, 1.0, 0.0, 0.0, 1.0], ("0", "1")),
        ([True, False, True, False, False, True], ("0", "1")),
        (["dog", "cat", "dog", "cat", "cat", "dog"], ("cat", "dog")),
        ([b"dog", b"cat", b"dog", b"cat", b"cat", b"dog"], ("cat", "dog")),
        ([[1], [0], [1], [0], [0], [1]], ("0", "1")),
        ([[0, 1], [1, 0], [0, 1], [1, 0], [1, 0], [0, 1]], ("0", "1")),
    ],
    ids=["integers", "floats", "bools", "texts", "bytes", "column", "one-hot"],
)
def test_labels_may_come_in_many_forms(save, labels, names):
    x = pictures(6)
    mine = data.load_data(save(x=x, y=np.array(labels)))
    assert mine.class_names == names
    second = rows(x[[0, 2, 5]])
    for images, y in ((mine.x_train, mine.y_train), (mine.x_val, mine.y_val)):
        for image, label in zip(images, y.argmax(axis=1), strict=True):
            assert (image.tobytes() in second) == (label == 1)


def test_class_names_are_positions_for_numbers_and_an_order_for_texts(save):
    x, y = pictures(6), np.array([0, 1, 0, 1, 1, 0])
    numbered = data.load_data(save(x=x, y=y, class_names=["zebra", "ant"]))
    named = data.load_data(save(x=x, y=np.array(["zebra", "ant"])[y], class_names=["zebra", "ant"]))
    assert numbered.class_names == named.class_names == ("zebra", "ant")
    assert numbered.digest == named.digest


def test_pixel_values_from_0_to_1_are_multiplied_by_255(save):
    x, y = pictures(12), labels_of([6, 6])
    whole = data.load_data(save(x=x, y=y))
    scaled = data.load_data(save(x=x / 255, y=y))
    assert scaled.x_train.dtype == np.float32
    assert np.allclose(scaled.x_train, whole.x_train, atol=1e-3)
    same = data.load_data(save(x=x.astype("float64"), y=y))
    assert same.x_train.dtype == np.float32
    assert (same.x_train == whole.x_train).all()
    mask = data.load_data(save(x=x > 127, y=y))
    assert mask.x_train.dtype == np.uint8
    assert set(np.unique(mask.x_train)) == {0, 255}
    assert (data.load_data(save(x=x.astype("int64"), y=y)).x_train.dtype) == np.uint8


def test_training_and_test_images_are_multiplied_alike(save):
    x, y = pictures(12), labels_of([6, 6])
    dark = data.load_data(save(x_train=x, y_train=y, x_test=np.minimum(x, 1), y_test=y))
    assert data.load_test(dark).x.max() == 1


def npz_case(**changes):
    """Arrays of a good small .npz with some of them changed; None takes one out."""
    arrays = {"x": pictures(12), "y": labels_of([6, 6]), **changes}
    return {name: array for name, array in arrays.items() if array is not None}


def with_value(value, dtype="float32", shape=(8, 8)):
    x = pictures(12, shape).astype(dtype)
    x[3, 0, 0] = value
    return x


GOOD_TEST = {"x_train": pictures(12), "y_train": labels_of([6, 6]), "x": None, "y": None}
NPZ_MISTAKES = {
    "no y": (npz_case(y=None), ["arrays x", "x_train and y_train"]),
    "other names": (npz_case(x=None, images=pictures(12)), ["arrays y, images", "x and y"]),
    "both kinds": (npz_case(x_train=pictures(12), y_train=labels_of([6, 6])), ["both kinds"]),
    "test images only": (npz_case(**GOOD_TEST, x_test=pictures(4)), ["x_test and y_test"]),
    "test beside x": (npz_case(x_test=pictures(4), y_test=labels_of([2, 2])), ["x_train"]),
    "flat images": (npz_case(x=pictures(12, (64,))), ["(12, 64)", "height, width"]),
    "five dimensions": (npz_case(x=pictures(12, (2, 8, 8, 3))), ["(12, 2, 8, 8, 3)"]),
    "channels first": (npz_case(x=pictures(12, (3, 8, 8))), ["8 channels in the last"]),
    "transparency": (npz_case(x=pictures(12, (8, 8, 4))), ["4 channels", "transparency"]),
    "tiny images": (npz_case(x=pictures(12, (3, 8))), ["3 x 8", "at least 4 x 4"]),
    "no images": (npz_case(x=np.zeros((0, 8, 8)), y=np.zeros(0, int)), ["holds no images"]),
    "lengths differ": (npz_case(x=pictures(11)), ["11 images", "12 labels"]),
    "no labels": (npz_case(y=np.zeros(0)), ["12 images", "0 labels"]),
    "object images": (npz_case(x=np.array([None] * 12)), ["x holds Python objects", "never"]),
    "object labels": (npz_case(y=np.array(["a", None] * 6)), ["y holds Python objects"]),
    "complex images": (npz_case(x=with_value(1j, "complex64")), ["dtype complex64", "uint8"]),
    "text images": (npz_case(x=pictures(12).astype(str)), ["dtype <U"]),
    "NaN pixels": (npz_case(x=with_value(np.nan)), ["NaN or infinite", "1 of 12 images"]),
    "infinite pixels": (npz_case(x=with_value(np.inf)), ["NaN or infinite"]),
    "values above 255": (npz_case(x=with_value(65535, "uint16")), ["to 65535", "0 to 255"]),
    "negative values": (npz_case(x=with_value(-1.5)), ["from -1.5", "standardisation"]),
    "negative labels": (npz_case(y=labels_of([6, 6]) - 1), ["negative labels", "-1"]),
    "halves": (npz_case(y=labels_of([6, 6]) / 2), ["not whole numbers", "0.5"]),
    "NaN labels": (npz_case(y=np.array([0, np.nan] * 6)), ["6 labels", "nan"]),
    "complex labels": (npz_case(y=np.array([0, 1j] * 6)), ["dtype complex128"]),
    "soft one-hot": (npz_case(y=np.full((12, 2), 0.5)), ["not one-hot"]),
    "two ones": (npz_case(y=np.ones((12, 2))), ["not one-hot"]),
    "NaN one-hot": (npz_case(y=np.full((12, 2), np.nan)), ["not one-hot"]),
    "text one-hot": (npz_case(y=np.full((12, 2), "1")), ["not one-hot"]),
    "labels in 3D": (npz_case(y=np.zeros((12, 2, 2))), ["(12, 2, 2)", "one-hot"]),
    "beyond class names": (
        npz_case(y=labels_of([4, 4, 4]), class_names=["a", "b"]),
        ["label 2", "2 classes", "class_names"],
    ),
    "text not in names": (
        npz_case(y=np.array(["a", "c"] * 6), class_names=["a", "b"]),
        ["label 'c'"],
    ),
    "names without images": (npz_case(class_names=["a", "b", "c"]), ["'c'", "too few images: 0"]),
    "same names": (npz_case(class_names=["a", "a"]), ["different texts"]),
    "numbers as names": (npz_case(class_names=[1, 2]), ["different texts"]),
    "names and columns": (
        npz_case(y=np.eye(2)[labels_of([6, 6])], class_names=["a", "b", "c"]),
        ["3 names", "2 columns"],
    ),
    "single class": (npz_case(y=np.zeros(12, int)), ["single class", "'0'", "at least 2"]),
    "small class": (
        npz_case(y=labels_of([10, 2])),
        ["Class '1'", "too few images: 2", "at least 3"],
    ),
    "small class beside test": (
        npz_case(**{**GOOD_TEST, "y_train": labels_of([11, 1])}, x_test=pictures(4),
                 y_test=labels_of([2, 2])),
        ["Class '1'", "too few training images: 1", "at least 2"],
    ),
    "class missing in test": (
        npz_case(**GOOD_TEST, x_test=pictures(4), y_test=np.zeros(4, int)),
        ["Class '1'", "too few test images: 0"],
    ),
    "class only in test": (
        npz_case(**GOOD_TEST, x_test=pictures(4), y_test=np.array([0, 1, 5, 1])),
        ["y_test", "label 5", "2 classes"],
    ),
    "texts in test": (
        npz_case(**GOOD_TEST, x_test=pictures(4), y_test=np.array(["0", "1", "0", "1"])),
        ["y_test", "holds texts", "0, 1"],
    ),
    "other size in test": (
        npz_case(**GOOD_TEST, x_test=pictures(4, (9, 8)), y_test=labels_of([2, 2])),
        ["(9, 8, 1)", "(8, 8, 1)"],
    ),
    "lengths differ in test": (
        npz_case(**GOOD_TEST, x_test=pictures(4), y_test=np.array([0, 1])),
        ["x_test", "4 images", "2 labels"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NPZ_MISTAKES)
def test_a_mistake_in_an_npz_is_one_clear_error(save, case):
    arrays, words = NPZ_MISTAKES[case]
    refused(*words, "mine.npz", dataset=save(**arrays))


def test_the_small_npz_that_the_mistakes_start_from_is_good(save):
    assert len(data.load_data(save(**npz_case())).x_train) == 8


@pytest.mark.parametrize("length", [0, 10, 500, -10], ids=["empty", "10", "500", "without tail"])
def test_a_truncated_npz_is_refused(save, length):
    path = save(**npz_case())
    path.write_bytes(path.read_bytes()[:length])
    refused("mine.npz", "cannot be read", "save or copy it again", dataset=path)


def test_a_flipped_byte_in_an_npz_is_found(save):
    path = save(**npz_case())
    raw = bytearray(path.read_bytes())
    raw[300] ^= 255
    path.write_bytes(raw)
    refused("mine.npz", "cannot be read", "CRC", dataset=path)


def test_an_npz_whose_arrays_are_no_arrays_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.npz", "w") as file:
        file.writestr("x.npy", b"\x93NUMPY\x01\x00 nonsense")
        file.writestr("y.npy", b"nothing")
    refused("mine.npz", "damaged", dataset=tmp_path / "mine.npz")


def test_an_npz_with_pickled_code_never_runs_it(tmp_path):
    class Bomb:
        def __reduce__(self):
            return pathlib.Path.touch, (tmp_path / "exploded",)

    np.savez(tmp_path / "mine.npz", x=np.array([Bomb()] * 12), y=labels_of([6, 6]))
    refused("never loaded", dataset=tmp_path / "mine.npz")
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Bomb()))
    refused("cannot be read", dataset=tmp_path / "bare.npz")
    with zipfile.ZipFile(tmp_path / "inside.npz", "w") as file:
        file.writestr("x.npy", pickle.dumps(Bomb()))
        file.writestr("y.npy", pickle.dumps(Bomb()))
    refused("inside.npz", "x is damaged", dataset=tmp_path / "inside.npz")
    assert not (tmp_path / "exploded").exists()


def test_other_files_are_refused_with_the_way_to_make_an_npz(tmp_path):
    np.save(tmp_path / "mine.npy", pictures(12))
    refused("mine.npy", "savez_compressed", dataset=tmp_path / "mine.npy")


# An own folder of images


def test_a_folder_of_images_is_read(tmp_path):
    folder = save_images(tmp_path / "photos", ["dog", "cat"], size=(6, 9), count=10)
    mine = data.load_data(folder)
    assert mine.class_names == ("cat", "dog")
    assert mine.image_shape == (6, 9, 1)
    assert len(data.load_test(mine).x) == 4
    cats = {np.asarray(Image.open(path)).tobytes() for path in (folder / "cat").iterdir()}
    for image, label in zip(mine.x_train, mine.y_train.argmax(axis=1), strict=True):
        assert (image.tobytes() in cats) == (label == 0)


def test_a_path_may_start_at_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    save_images(tmp_path / "photos", ["a", "b"])
    assert data.load_data("~/photos").num_classes == 2


@pytest.mark.parametrize("ending", [".png", ".jpg", ".bmp", ".gif", ".tif", ".webp"])
def test_many_formats_are_read(tmp_path, ending):
    folder = save_images(tmp_path / "photos", ["a", "b"], mode="RGB", ending=ending)
    assert data.load_data(folder).image_shape == (8, 8, 3)


def test_one_colour_image_makes_all_colour(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b"])
    Image.new("RGB", (8, 8), (255, 0, 0)).save(folder / "a" / "red.png")
    mine = data.load_data(folder)
    assert mine.image_shape == (8, 8, 3)
    grey = [image for image in mine.x_train if (image == image[..., :1]).all()]
    assert len(grey) >= len(mine.x_train) - 1


def test_transparency_and_palettes_become_colour(tmp_path):
    folder = save_images(tmp_path / "photos", ["a"], mode="RGBA")
    save_images(folder, ["b"], mode="RGB")
    for path in (folder / "b").iterdir():
        Image.open(path).convert("P").save(path, transparency=0)
    assert data.load_data(folder).image_shape == (8, 8, 3)


def test_photos_are_turned_upright(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b"], size=(8, 6))
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = pictures(1, (6, 8), seed=7)[0]
    Image.fromarray(lying).save(folder / "a" / "turned.png", exif=exif)
    mine = data.load_data(folder)
    assert mine.image_shape == (8, 6, 1)
    upright = np.rot90(lying, -1)  # orientation 6: turn it clockwise
    assert upright.tobytes() in rows([*mine.x_train, *mine.x_val, *data.load_test(mine).x])


def test_train_and_test_folders_are_kept_apart(tmp_path):
    save_images(tmp_path / "photos" / "train", ["a", "b"], count=6)
    save_images(tmp_path / "photos" / "test", ["a", "b"], count=2)
    mine = data.load_data(tmp_path / "photos")
    assert len(mine.x_train) + len(mine.x_val) == 12
    test = {np.asarray(Image.open(p)).tobytes() for p in tmp_path.glob("photos/test/*/*")}
    assert rows(data.load_test(mine).x) == test


def test_a_train_folder_alone_gives_up_a_fifth_for_the_test(tmp_path):
    save_images(tmp_path / "photos" / "train", ["a", "b"])
    assert len(data.load_test(data.load_data(tmp_path / "photos")).x) == 2


def test_a_class_may_be_called_train(tmp_path):
    folder = save_images(tmp_path / "vehicles", ["train", "plane"])
    assert data.load_data(folder).class_names == ("plane", "train")


def test_hidden_files_are_ignored(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b"])
    before = data.load_data(folder).digest
    (folder / ".cache").mkdir()
    (folder / "__MACOSX").mkdir()
    (folder / "README.txt").write_text("not an image")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._0.png"):
        (folder / "a" / name).write_text("not an image")
    assert data.load_data(folder).digest == before


def test_mixed_sizes_are_refused_with_the_way_to_resize(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b"])
    Image.new("L", (20, 10)).save(folder / "a" / "wide.png")
    message = refused("2 sizes", "wide.png 10 x 20", "dataset='photos@8x8'", dataset=folder)
    assert "8 x 8" in message


def test_images_are_resized_by_argument_or_after_the_path(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b"], mode="RGB")
    Image.new("RGB", (20, 10)).save(folder / "a" / "wide.png")
    written = data.load_data(f"{folder}@6x5")
    given = data.load_data(folder, image_size=(6, 5))
    stronger = data.load_data(f"{folder}@9x9", image_size=[6, 5])
    assert written.image_shape == (6, 5, 3)
    assert written.digest == given.digest == stronger.digest
    assert written.name == f"{folder}@6x5"
    assert data.load_test(written).x.shape[1:] == (6, 5, 3)


def test_a_folder_whose_name_looks_like_a_size_is_found(tmp_path):
    folder = save_images(tmp_path / "photos@6x6", ["a", "b"])
    assert data.load_data(folder).image_shape == (8, 8, 1)


@pytest.mark.parametrize("size", [8, (8,), (8, 3), (8, 5000), (8.0, 8), "8x8", (True, 8)])
def test_a_wrong_image_size_is_refused(tmp_path, size):
    folder = save_images(tmp_path / "photos", ["a", "b"])
    refused("image_size", "(height, width)", repr(size), dataset=folder, image_size=size)


def test_image_size_is_for_folders_of_images_only(save, tmp_path):
    refused("fashion_mnist_small", dataset="fashion_mnist_small", image_size=(8, 8))
    refused("mine.npz", "resize", dataset=save(**npz_case()), image_size=(8, 8))
    refused("digits", "resize", dataset=save_idx(tmp_path / "digits"), image_size=(8, 8))


def test_an_unreadable_image_is_named(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b"], mode="RGB", size=(40, 40))
    good = (folder / "b" / "1.png").read_bytes()
    for contents in (b"", b"no image", good[:20], good[: len(good) // 2]):
        (folder / "b" / "1.png").write_bytes(contents)
        refused(str(folder / "b" / "1.png"), "cannot be read", dataset=folder)


def test_a_file_that_is_no_image_is_named(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b"])
    (folder / "a" / "labels.csv").write_text("a,b")
    refused("labels.csv", "take it out", dataset=folder)


def test_images_of_16_bits_are_refused(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b"])
    Image.fromarray(np.full((8, 8), 60_000, np.uint16)).save(folder / "a" / "deep.png")
    refused("deep.png", "I;16", "8-bit", dataset=folder)


def test_a_folder_without_sub_folders_is_refused(tmp_path):
    save_images(tmp_path, ["photos"])
    refused("photos", "no sub-folders", "each class", dataset=tmp_path / "photos")
    (tmp_path / "empty").mkdir()
    refused("empty", "no sub-folders", dataset=tmp_path / "empty")


def test_an_image_beside_the_class_folders_is_named(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b"])
    Image.new("L", (8, 8)).save(folder / "lost.JPG", "jpeg")
    refused("lost.JPG", "folder of its class", dataset=folder)


def test_a_folder_inside_a_class_folder_is_named(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b", "b/more"])
    refused(str(folder / "b" / "more"), "inside a class folder", dataset=folder)


def test_classes_with_too_few_images_are_named_with_their_count(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b"])
    (folder / "c").mkdir()
    refused("Class 'c' of photos has too few images: 0", "at least 3", dataset=folder)
    refused("single class", dataset=save_images(tmp_path / "one", ["a"]))
    (tmp_path / "none" / "a").mkdir(parents=True)
    (tmp_path / "none" / "b").mkdir()
    refused("Class 'a' of none has too few images: 0", dataset=tmp_path / "none")


def test_folders_beside_train_and_test_are_named(tmp_path):
    for part in ("train", "test", "val"):
        save_images(tmp_path / "photos" / part, ["a", "b"])
    refused("val", "into train", dataset=tmp_path / "photos")


def test_classes_that_differ_between_train_and_test_are_named(tmp_path):
    save_images(tmp_path / "photos" / "train", ["a", "b"])
    save_images(tmp_path / "photos" / "test", ["a", "c"])
    refused("different classes", "b, c", dataset=tmp_path / "photos")


def test_images_too_large_for_the_memory_are_refused(tmp_path, monkeypatch):
    folder = save_images(tmp_path / "photos", ["a", "b"], mode="RGB")
    monkeypatch.setattr(data, "LARGEST_FOLDER", 10 * 8 * 8 * 3 - 1)
    refused("10 images of 8 x 8", "@64x64", dataset=folder)
    assert data.load_data(f"{folder}@7x8").image_shape == (7, 8, 3)


def test_images_smaller_than_the_models_need_are_refused(tmp_path):
    folder = save_images(tmp_path / "photos", ["a", "b"], size=(3, 8))
    refused("3 x 8", "at least 4 x 4", dataset=folder)


# The script that made the shipped file


def test_make_small_makes_the_shipped_file_again(tmp_path, capsys):
    if not all((data.DEBIAN_FOLDER / name).exists() for name in data.IDX_FILES):
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    output = tmp_path / "new" / "small.npz"
    assert make_small.main([str(data.DEBIAN_FOLDER), "--output", str(output)]) == 0
    assert data.SMALL_SHA256 in capsys.readouterr().out
    with np.load(output) as made, np.load(data.SMALL) as shipped:
        assert made.files == shipped.files
        assert data.digest(*made.values()) == data.digest(*shipped.values()) == data.SMALL_SHA256
    assert [path.name for path in output.parent.iterdir()] == ["small.npz"]


def test_make_small_never_overwrites(tmp_path, capsys):
    before = data.SMALL.read_bytes()
    assert make_small.main([str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert data.SMALL.read_bytes() == before


def test_make_small_writes_nothing_from_other_files(tmp_path, capsys):
    output = tmp_path / "small.npz"
    folder = save_idx(tmp_path / "digits")
    assert make_small.main([str(folder), "--output", str(output)]) == 1
    assert "not those of Fashion-MNIST" in capsys.readouterr().err
    (folder / data.IDX_FILES[2]).unlink()
    assert make_small.main([str(folder), "--output", str(output)]) == 1
    assert data.IDX_FILES[2] in capsys.readouterr().err
    assert not output.exists()


def test_make_small_leaves_nothing_behind_when_writing_fails(tmp_path, monkeypatch):
    def fail(file, **_):
        file.write(b"half")
        raise OSError("no space left")

    folder = save_idx(tmp_path / "digits")
    small = [
        make_small.first_per_class(*arrays, 1000)
        for arrays in ((pictures(12), labels_of([6, 6])), (pictures(4), labels_of([2, 2])))
    ]
    own = data.digest(*(a.astype(np.uint8) for pair in small for a in pair))
    monkeypatch.setattr(data, "SMALL_SHA256", own)
    monkeypatch.setattr(np, "savez_compressed", fail)
    output = tmp_path / "out" / "small.npz"
    with pytest.raises(OSError, match="no space left"):
        make_small.make(folder, output)
    assert not list(output.parent.iterdir())
