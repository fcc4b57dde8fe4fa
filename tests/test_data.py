"""The data module: the shipped data, own data, splits, and one clear error for each mistake."""

import gzip
import pathlib
import pickle
import shutil
import struct
import sys
import types

import numpy as np
import pytest
from PIL import Image

from helpers import data
from tools import make_small


def pictures(n, shape=(8, 8), seed=0):
    """Random uint8 images, no two of them the same."""
    x = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    x.reshape(n, -1)[:, 0], x.reshape(n, -1)[:, 1] = np.arange(n) % 256, 255
    return x


def labels_of(counts):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


@pytest.fixture
def save(tmp_path):
    path = tmp_path / "mine.npz"
    return lambda **arrays: np.savez(path, **arrays) or path


def save_images(folder, classes, size=(8, 8), count=5, mode="L"):
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        channels = () if mode == "L" else (len(mode),)
        for i, pixels in enumerate(pictures(count, (*size, *channels), seed=number)):
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def save_idx(folder, counts=(3,) * 10, test_counts=(2,) * 10):
    folder.mkdir()
    arrays = []
    for part in (counts, test_counts):
        arrays += [pictures(sum(part)), labels_of(part).astype(np.uint8)]
    for name, array in zip(data.IDX_FILES, arrays, strict=True):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / name).write_bytes(gzip.compress(header + array.tobytes()))
    return folder


def rows(x):
    return {image.tobytes() for image in x}


def refused(*words, call=data.load_data, **arguments):
    with pytest.raises(data.DataError) as caught:
        call(**arguments)
    assert [word for word in words if word not in str(caught.value)] == []


def test_the_splits_are_those_that_searches_were_made_with(save):
    for arguments, expected in [
        ({}, "f74ca76b15e41673"),
        ({"images": 1500, "seed": 7}, "2fb4185a2bb8d91c"),
        ({"images": 999, "validation_fraction": 0.5, "seed": 4_000_000}, "f7cd675960a0f0f4"),
    ]:
        small = data.load_data("fashion_mnist_small", **arguments)
        assert small.digest[:16] == expected
        assert data.digest(*data.load_test(small))[:16] == "f35889540cf5abb5"
    mine = data.load_data(save(x=pictures(97), y=labels_of([57, 31, 3, 6])), images=40, seed=5)
    assert mine.digest[:16] == "62e9cd0c33e3bb7e"
    assert data.digest(*data.load_test(mine))[:16] == "fe64bff127b02fdf"


@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.9])
def test_smaller_splits_are_subsets_and_never_mix_training_with_validation(fraction):
    labels = labels_of([57, 31, 12])
    splits = [list(map(set, data.split_indices(labels, n, fraction))) for n in range(6, 101)]
    for smaller, larger in zip(splits, splits[1:], strict=False):
        assert smaller[0] <= larger[0] and smaller[1] <= larger[1]
    assert not splits[-1][0] & splits[-1][1]
    assert [set(labels[list(side)]) for side in splits[0]] == [{0, 1, 2}] * 2
    shares = [round(n * fraction) for n in (57, 31, 12)]
    assert np.bincount(labels[list(splits[-1][1])]).tolist() == shares


@pytest.mark.parametrize("images", [0, 12, 40])
def test_a_fifth_becomes_the_test_that_never_overlaps(save, images, monkeypatch, tmp_path):
    save(x=pictures(100), y=labels_of([50, 30, 20]))
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2):
        mine = data.load_data("mine.npz", images=images, seed=seed)
        test = data.load_test(mine)
        assert test.y.sum(axis=0).tolist() == [10, 6, 4]
        parts = [rows(mine.x_train), rows(mine.x_val), rows(test.x)]
        assert len(set.union(*parts)) == sum(map(len, parts)) == (images or 80) + 20
    save(x=pictures(100)[::-1], y=labels_of([50, 30, 20]))
    monkeypatch.chdir("/")
    refused("mine.npz", "load_data", call=data.load_test, data=mine)


def test_a_number_out_of_range_is_refused():
    for images in (-1, "1500"):
        refused("images", repr(images), images=images)
    for fraction in (0, 1, 20):
        refused("validation_fraction", repr(fraction), validation_fraction=fraction)


def test_what_is_no_dataset_is_answered_with_what_is_possible(save, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(x=GOOD, y=Y)
    near = {"fashion_mnist_smal": "'fashion_mnist_small'?", "mein.npz": "'mine.npz'?"}
    refused("@64x48", dataset="photos@64*48")
    for dataset in (*near, "photos/cats", "~/nowhere", None, ""):
        said = [repr(str(dataset)), "'fashion_mnist'", ".npz", "folder of images"]
        refused(*said, near.get(dataset, ""), dataset=dataset)


def test_fashion_mnist_is_read_by_keras_or_from_debians_folder(monkeypatch, tmp_path):
    parts = [((pictures(30), np.arange(30) % 10), (pictures(10), np.arange(10)))]
    loader = types.SimpleNamespace(load_data=parts.pop)
    keras = types.SimpleNamespace(datasets=types.SimpleNamespace(fashion_mnist=loader))
    monkeypatch.setitem(sys.modules, "keras", keras)
    monkeypatch.setitem(data.PLACES, "fashion_mnist", tmp_path / "none")
    assert data.load_data("fashion_mnist").y_train.shape == (20, 10)
    refused("empty list", *data.IDX_FILES, dataset="fashion_mnist")  # as if there were no network
    monkeypatch.setitem(data.PLACES, "fashion_mnist", save_idx(tmp_path / "debian"))
    full = data.load_data("fashion_mnist")
    assert len(data.load_test(full).x) == 20 and full.class_names[0] == "T-shirt/top"


def test_a_folder_of_idx_files_is_read_and_a_missing_or_damaged_file_is_named(tmp_path):
    folder = save_idx(tmp_path / "digits", (6, 7, 8), (2, 3, 4))
    mine = data.load_data(folder)
    assert (mine.class_names, mine.image_shape) == (("0", "1", "2"), (8, 8, 1))
    assert data.load_test(mine).y.sum(axis=0).tolist() == [2, 3, 4]
    refused("digits", dataset=f"{folder}@8x8")
    file = folder / data.IDX_FILES[1]
    for contents in (b"plain", gzip.compress(b""), file.read_bytes()[:-9]):
        file.write_bytes(contents)
        refused(str(file), dataset=folder)
    file.unlink()
    refused(str(file), dataset=folder)


def test_an_npz_is_read_with_and_without_a_test_part(save):
    x, y = pictures(40, (5, 9, 3)), labels_of([20, 20])
    mine = data.load_data(save(x=x, y=y, ids=np.arange(40)))
    assert (mine.class_names, mine.image_shape) == (("0", "1"), (5, 9, 3))
    mine = data.load_data(save(x_train=x, y_train=y, x_test=x[:4] // 2, y_test=[0, 1, 1, 0]))
    assert len(mine.x_train) + len(mine.x_val) == 40
    test = data.load_test(mine)
    assert (test.x == x[:4] // 2).all() and test.y.argmax(axis=1).tolist() == [0, 1, 1, 0]
    assert len(data.load_test(data.load_data(save(x_train=x, y_train=y))).x) == 8


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([7.0, 3.0, 7.0, 3.0, 3.0, 7.0], ("3", "7")),
        (["dog", "cät", "dog", "cät", "cät", "dog"], ("cät", "dog")),
        ([[1], [0], [1], [0], [0], [1]], ("0", "1")),
        ([[0, 1], [1, 0], [0, 1], [1, 0], [1, 0], [0, 1]], ("0", "1")),
    ],
)
def test_labels_may_come_in_many_forms(save, labels, names):
    x = pictures(6)
    mine = data.load_data(save(x=x, y=np.array(labels)))
    assert mine.class_names == names
    second = rows(x[[0, 2, 5]])
    for images, y in ((mine.x_train, mine.y_train), (mine.x_val, mine.y_val)):
        assert [image.tobytes() in second for image in images] == y[:, 1].tolist()


def test_pixel_values_from_0_to_1_are_multiplied_by_255(save):
    x, y = pictures(12), labels_of([6, 6])
    whole = data.load_data(save(x=x, y=y)).x_train
    for pixels, dtype in [(x / 255, np.float32), (x.astype("int64"), np.uint8)]:
        found = data.load_data(save(x=pixels, y=y)).x_train
        assert found.dtype == dtype and np.allclose(found, whole, atol=1e-3)


GOOD, Y = pictures(12), labels_of([6, 6])
PARTED = {"x": None, "y": None, "x_train": GOOD, "y_train": Y, "x_test": GOOD, "y_test": Y}
NPZ_MISTAKES = {
    "no y": ({"y": None}, ["y"]),
    "flat images": ({"x": pictures(12, (64,))}, ["(12, 64)"]),
    "lengths differ": ({"x": GOOD[:11]}, ["11", "12"]),
    "NaN pixels": ({"x": np.where(GOOD > 200, np.nan, GOOD)}, ["nan"]),
    "values above 255": ({"x": GOOD * np.uint16(257)}, ["image 0", "65535"]),
    "negative labels": ({"y": Y - 1}, ["-1"]),
    "NaN label": ({"y": np.array([np.nan, *Y[1:]])}, ["nan"]),
    "several labels": ({"y": np.ones((12, 2), int)}, ["(12, 2)"]),
    "single class": ({"y": Y * 0}, ["[0]"]),
    "small class": ({"y": labels_of([10, 2])}, ["class '1'", "2"]),
    "class missing in test": (PARTED | {"y_test": Y * 0}, ["class '1'", "0 images to test"]),
    "class only in test": (PARTED | {"y_test": labels_of([5, 5, 2])}, ["class '2'", "0 images"]),
}


@pytest.mark.parametrize("case", NPZ_MISTAKES)
def test_a_mistake_in_an_npz_is_one_clear_error(save, case):
    changes, words = NPZ_MISTAKES[case]
    arrays = {"x": GOOD, "y": Y, **changes}
    path = save(**{name: array for name, array in arrays.items() if array is not None})
    refused("mine.npz", *words, dataset=path)


def test_a_damaged_npz_is_refused_and_pickled_code_never_runs(save, tmp_path):
    class Bomb:
        def __reduce__(self):
            return pathlib.Path.touch, (tmp_path / "exploded",)

    path = save(x=GOOD, y=Y)
    refused("@8x8", dataset=f"{path}@8x8")
    for contents in (b"", path.read_bytes()[:500], b"no .npz", pickle.dumps(Bomb())):
        path.write_bytes(contents)
        refused("mine.npz", dataset=path)
    refused("mine.npz", dataset=save(x=np.array([Bomb()] * 12), y=Y))
    assert not (tmp_path / "exploded").exists()


def test_a_folder_of_grey_images_is_read_and_one_in_colour_makes_all_so(tmp_path, monkeypatch):
    folder = save_images(tmp_path / "photos", ["train", "cat"], size=(6, 9), count=10)
    monkeypatch.setenv("HOME", str(tmp_path))
    mine = data.load_data("~/photos")
    assert (mine.class_names, mine.image_shape) == (("cat", "train"), (6, 9, 1))
    assert len(data.load_test(mine).x) == 4
    cats = rows(np.asarray(Image.open(path)) for path in (folder / "cat").iterdir())
    assert [one.tobytes() in cats for one in mine.x_train] == mine.y_train[:, 0].tolist()
    Image.new("RGB", (9, 6), (255, 0, 0)).save(folder / "cat" / "red.png")
    assert data.load_data(folder).image_shape == (6, 9, 3)


@pytest.mark.filterwarnings("error::UserWarning")  # Pillow's, of transparency
def test_transparency_becomes_colour_without_a_warning_and_photos_are_turned_upright(tmp_path):
    folder = save_images(tmp_path / "photos", ["a"], mode="RGBA", size=(8, 6))
    save_images(folder, ["b"], mode="RGB", size=(8, 6))
    palette = Image.open(folder / "b" / "1.png").convert("P")
    palette.save(folder / "b" / "1.png", transparency=bytes(range(256)))
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = pictures(1, (6, 8, 3), seed=7)[0]
    Image.fromarray(lying).save(folder / "a" / "turned.png", exif=exif)
    mine = data.load_data(folder)
    assert mine.image_shape == (8, 6, 3)
    upright = np.rot90(lying, -1)  # orientation 6: turn it clockwise
    assert upright.tobytes() in rows([*mine.x_train, *mine.x_val, *data.load_test(mine).x])


def test_train_and_test_folders_are_kept_apart(tmp_path):
    folder = tmp_path / "photos"
    save_images(folder / "train", ["a", "b"], count=6)
    assert len(data.load_test(data.load_data(folder)).x) == 2
    save_images(folder / "test", ["a", "b"], count=3)
    mine = data.load_data(folder)
    assert len(mine.x_train) + len(mine.x_val) == 12
    read = [np.asarray(Image.open(path)) for path in folder.glob("test/*/*")]
    assert rows(data.load_test(mine).x) == rows(read)
    save_images(folder / "test", ["c"])
    refused("'c'", dataset=folder)
    save_images(folder / "val", ["a", "b"])
    refused("'val'", dataset=folder)


def test_hidden_files_are_ignored(tmp_path):
    folder = save_images(tmp_path / ".hidden" / "photos", ["a", "b"])
    before = data.load_data(folder).digest
    (folder / "__MACOSX").mkdir()
    for name in ("a/.DS_Store", "a/Thumbs.db", "a/desktop.ini", "__MACOSX/0.png", "README.txt"):
        (folder / name).write_text("not an image")
    assert data.load_data(folder).digest == before


def test_files_of_other_kinds_are_left_out_and_named(tmp_path, capsys):
    folder = save_images(tmp_path / "photos", ["a", "b"])
    before = data.load_data(folder).digest
    assert not capsys.readouterr().out
    (folder / "a" / "notes.txt").write_text("which camera")
    (folder / "b" / "0.png.xmp").write_text("where")
    assert data.load_data(folder).digest == before
    assert "notes.txt" in (said := capsys.readouterr().out) and "2" in said


def test_images_of_different_sizes_too_many_or_damaged_are_named(tmp_path, monkeypatch):
    photos = save_images(tmp_path / "photos", ["a", "b"], mode="RGB", size=(40, 40))
    Image.new("RGB", (20, 10)).save(photos / "a" / "wide.png")
    refused("wide.png", "(10, 20)", "(40, 40)", "@", dataset=photos)
    mine = data.load_data(f"{photos}@6x5")
    assert mine.image_shape == data.load_test(mine).x.shape[1:] == (6, 5, 3)
    damaged = photos / "a" / "wide.png"
    damaged.write_bytes((photos / "b" / "1.png").read_bytes()[:1000])
    refused(str(damaged), dataset=photos)
    Image.fromarray(np.full((40, 40), 60_000, np.uint16)).save(damaged)
    refused("wide.png", "I;16", dataset=photos)
    damaged.unlink()
    monkeypatch.setattr(data, "LARGEST_FOLDER", 10 * 40 * 40 * 3 - 1)
    refused("10 images", "@", dataset=photos)
    shutil.rmtree(photos / "b")
    refused("1 classes", "'a'", dataset=photos)
    refused("no images", dataset=photos / "a")


def test_the_shipped_file_is_the_one_that_make_small_writes():
    with np.load(data.SMALL) as file:
        arrays = [file[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    assert data.digest(*arrays) == make_small.SHA256
