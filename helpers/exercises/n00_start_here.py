"""The exercises of notebook 00."""

import os
import tempfile

from helpers.exercises import NotAnswered, compare, expect


def guess(answer):
    """``guess(y_train, y_val)``: accuracy when the commonest class of training is always named."""
    import numpy as np

    cases = [(np.eye(4)[[1, 3, 1, 2, 0, 1, 1, 2]], np.eye(4)[[0, 2, 3, 2, 1, 2, 3, 3, 2, 1]])]
    wrong = {
        "You chose the class by the validation images. The model has met the training images only, "
        "so these decide which class it names.": lambda t, v: v.mean(axis=0).max(),
        "That is how common the class is in training. You chose the class there; judge it on the "
        "other images.": lambda t, v: t.mean(axis=0).max(),
        "One divided by the number of classes is right only where all classes are equally common. "
        "Count them.": lambda t, v: 1 / t.shape[1],
        "That is a number of images. An accuracy is a share of all validation images, from 0 to "
        "1.": lambda t, v: v[:, t.sum(axis=0).argmax()].sum(),
        "A row holds a single 1, so sums along rows (axis=1) are all equal and say nothing. Add up "
        "over the images: axis=0.": lambda t, v: v[:, 0].mean(),
    }
    compare(answer, lambda t, v: float(v[:, t.sum(axis=0).argmax()].mean()), cases, wrong)
    return "the class is chosen on one part of the data and judged on the other."


def budget(answer):
    """``budget(trials, epochs, executions, images, val_share)``: images trained on, rounded."""
    cases = [(10, 2, 1, 1500, 0.2), (50, 10, 3, 10000, 0.25), (7, 4, 2, 3000, 0.4)]
    wrong = {
        "These are all images, but what goes to validation trains nothing. How many are left when "
        "the share val_share goes there?": lambda t, e, x, n, v: t * e * x * n,
        "Every configuration is trained as often as executions says: two of them cost twice as "
        "much.": lambda t, e, x, n, v: t * e * n * (1 - v),
        "Validation images do not come on top of images, they are taken out of them. What is left "
        "to train on?": lambda t, e, x, n, v: t * e * x * n * (1 + v),
        "Those are the others. What trains?": lambda t, e, x, n, v: t * e * x * n * v,
    }
    compare(answer, lambda t, e, x, n, v: t * e * x * n * (1 - v), cases, wrong, tolerance=0.002)
    return "everything multiplies, and only training images count."


def own_images(answer):
    """``save_images(path, pictures, labels)``: an .npz file that load_data reads."""
    import numpy as np

    pictures = np.random.default_rng(3).integers(0, 256, (6, 3, 5, 4)) / 255
    pictures[0, 0, 0, 0], labels = 1, ["cup", "bag", "cup", "tie", "bag", "tie"]
    with tempfile.TemporaryDirectory() as folder:
        answer(os.path.join(folder, "mine.npz"), pictures.copy(), np.array(labels))
        if not (files := os.listdir(folder)):
            raise NotAnswered
        expect(files == ["mine.npz"], f"It wrote {files}, not mine.npz: use np.savez and path.")
        with np.load(os.path.join(folder, "mine.npz")) as file:
            found = dict(file)
    expect({"x", "y"} <= {*found}, f"The file holds {[*found]}. Name the arrays: x=… and y=….")
    x, right = found["x"] * (255.0 if found["x"].max() <= 1 else 1), np.moveaxis(pictures, 1, 3)
    wrong = {
        "The colours still come first.": pictures,
        "Height and width have changed places.": pictures.swapaxes(1, 3),
        "reshape cuts the same row of numbers anew: colours go to other pixels.": pictures.reshape(
            right.shape
        ),
        "Whole numbers from 0 to 1 are 0 or 1: nearly all is black. Multiply by 255 before you "
        "convert.": np.floor(right),
    }

    def near(one):
        return x.shape == one.shape and abs(x - 255 * one).max() < 1.1

    for hint, one in wrong.items():
        expect(not near(one), hint)
    expect(near(right), f"The shape is {x.shape}. Print one pixel of both, with its colours.")
    whole = found["x"].max() > 1 and not (found["x"] % 1).any()
    expect(whole, "Every colour is in its place, but not as a whole number from 0 to 255.")
    expect(list(found["y"]) == labels, "y must hold the texts, in the order of the pictures.")
    return "load_data reads it, with every colour in its place."
