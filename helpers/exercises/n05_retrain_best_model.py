"""The exercises of notebook 05."""

import pathlib
import tempfile

import numpy as np

from helpers.exercises import NotAnswered, compare, expect, same

PAIRS = [([0.76, 0.75, 0.78, 0.77], [0.74, 0.735, 0.75, 0.76]), ([0.7, 0.72], [0.74, 0.7])]
NAMES = ["zebra", "ape", "cat"]  # classes of dark, grey and light pictures
GREYS = {"1.png": ("RGBA", 204), "2.png": ("L", 25), "3.png": ("P", 102), "10.png": ("RGB", 51)}


def interval(answer):
    """``interval(first, second)``: low and high of the mean paired difference, Student's t."""
    from scipy import stats

    def by(times=lambda n: stats.t.ppf(0.975, n - 1), spread=stats.sem, sign=1):
        def ends(first, second):
            half = times(len(first)) * spread(np.subtract(first, second))
            return (sign * np.mean(np.subtract(first, second)) + [-half, half]).tolist()

        return ends

    def ask(*pair):
        found = answer(*map(np.array, pair))
        return found if found is None else np.ravel(found).tolist()

    apart = "Those are two independent groups. Subtract seed by seed first."
    wrong = {
        apart: lambda *pair: [*stats.ttest_ind(*pair).confidence_interval()],
        "1.96 is for a spread that is known. This one is estimated.": by(lambda n: 1.96),
        "5 % lie outside, half of them at each end.": by(lambda n: stats.t.ppf(0.95, n - 1)),
        "The mean uses up one degree of freedom.": by(lambda n: stats.t.ppf(0.975, n)),
        "NumPy divides by n here: see ddof.": by(spread=lambda d: d.std() / len(d) ** 0.5),
        "So far goes one difference; their mean varies less.": by(spread=lambda d: d.std(ddof=1)),
        "First minus second: a better first one is above 0.": by(sign=-1),
    }
    compare(ask, by(), PAIRS, wrong)
    return "the difference seed by seed, its own spread, and Student's t for few seeds."


class _Model:  # used as a Keras model; tells dark pictures from grey and light ones
    def __init__(self, *shape):
        self.input_shape = (None, *shape)

    def predict(self, x, **options):
        shape, wanted = np.shape(x), self.input_shape[1:]
        expect(len(shape) == 4, f"The model got the shape {shape}, without the axis of the batch.")
        expect(shape[3] == wanted[2], f"The model got {shape[3]} channels and takes {wanted[2]}.")
        size = f"The model got {shape[1:3]} and takes {wanted[:2]}, height and width."
        expect(shape[1:3] == wanted[:2], size + " Which of them comes first in resize?")
        expect(np.max(x) > 1, "The pixels were scaled, and the model scales them once more.")
        near = np.exp(-9 * (np.mean(x, axis=(1, 2, 3))[:, None] / 255 - [0.1, 0.45, 0.8]) ** 2)
        return near / near.sum(axis=1, keepdims=True)


def classify(answer):
    """``classify(model, names, folder)``: file name to (class name, probability)."""
    from PIL import Image

    for model in (_Model(6, 4, 1), _Model(5, 7, 3)):
        with tempfile.TemporaryDirectory() as folder:
            for width, (name, (mode, grey)) in enumerate(GREYS.items(), start=5):
                image = Image.new("RGB", (width, 15), (grey, grey, grey)).convert(mode)
                image.save(pathlib.Path(folder, name))
            if (found := answer(model, NAMES, pathlib.Path(folder))) is None:
                raise NotAnswered
        found = {pathlib.Path(name).name: one for name, one in dict(found).items()}
        expect(found.keys() == GREYS.keys(), f"Of 4 pictures you return {', '.join(found)}.")
        for name, (_, grey) in GREYS.items():
            kind, chance = found[name]
            chances = model.predict(np.full((1, *model.input_shape[1:]), grey))[0]
            number = chances.argmax()
            expect(kind in NAMES, f"{kind!r} is none of the names {NAMES}.")
            expect(kind != sorted(NAMES)[number], "The names were sorted; the outputs were not.")
            expect(kind == NAMES[number], f"Output {number} is the largest, and you say {kind!r}.")
            expect(same(chance, chances[number], 0.01, 0), f"{chance} is not the largest output.")
    return "any size and mode, a batch, pixels as they are, and the names in the model's order."
