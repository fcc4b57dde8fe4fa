"""The exercises of notebook 05."""

import pathlib
import tempfile
from functools import partial

import numpy as np
from scipy.special import stdtrit  # quantiles of Student's t

from helpers.exercises import NotAnswered, compare, doubles, expect, same

PAIRS = [([0.76, 0.75, 0.78, 0.77], [0.74, 0.735, 0.75, 0.76]), ([0.7, 0.72], [0.74, 0.7])]
NAMES = ["zebra", "ape", "cat"]  # classes of dark, grey and light pictures
GREYS = {"1.png": ("RGBA", 204), "2.png": ("L", 25), "3.png": ("P", 102), "10.png": ("RGB", 51)}


def _ends(first, second, share=0.975, df=-1, ddof=1, root=0.5, times=None, sign=1):
    difference, n = sign * np.subtract(first, second), len(first)
    half = (times or stdtrit(n + df, share)) * difference.std(ddof=ddof) / n**root
    return [difference.mean() - half, difference.mean() + half]


def interval(answer):
    """``interval(first, second)``: low and high of the mean paired difference, Student's t."""
    from scipy.stats import ttest_ind

    def ask(*pair):
        found = answer(*map(np.array, pair))
        return found if found is None else np.ravel(found).tolist()

    wrong = {
        "Two groups? Subtract seed by seed.": lambda *p: [*ttest_ind(*p).confidence_interval()],
        "1.96 is for a spread that is known. This one is estimated.": partial(_ends, times=1.96),
        "5 % lie outside, half of them at each end.": partial(_ends, share=0.95),
        "The mean uses up one degree of freedom.": partial(_ends, df=0),
        "NumPy divides by n here: see ddof.": partial(_ends, ddof=0),
        "So far goes one difference; their mean varies less.": partial(_ends, root=0),
        "First minus second: a better first one is above 0.": partial(_ends, sign=-1),
        "See ddof; and a mean varies less than one difference.": partial(_ends, ddof=0, root=0),
        "See ddof; and half of the 5 % lie at each end.": partial(_ends, ddof=0, share=0.95),
    }
    compare(ask, _ends, PAIRS, wrong)
    return "the difference seed by seed, its own spread, and Student's t for few seeds."


def classify(answer):
    """``classify(model, names, folder)``: file name to (class name, probability)."""
    from PIL import Image

    for model in (doubles.Classifier(6, 4, 1), doubles.Classifier(5, 7, 3)):
        with tempfile.TemporaryDirectory() as folder:
            for width, (name, (mode, grey)) in zip((5, 7, 9, 11), GREYS.items(), strict=True):
                row = np.linspace(grey - 20, grey + 20, width).astype("uint8")  # a grey a column
                Image.fromarray(np.tile(row, (15, 1))).convert(mode).save(f"{folder}/{name}")
            if (found := answer(model, NAMES, pathlib.Path(folder))) is None:
                raise NotAnswered
        expect(found.keys() == GREYS.keys(), f"Files: {', '.join(GREYS)}. Keys: {[*found]}.")
        for name, (_, grey) in GREYS.items():
            kind, chance = found[name]
            chances = model.predict(np.full((1, *model.input_shape[1:]), grey))[0]
            number = chances.argmax()
            expect(kind != sorted(NAMES)[number], "The names were sorted; the outputs were not.")
            expect(kind == NAMES[number], f"{NAMES}: output {number} is largest, not {kind!r}.")
            expect(same(chance, chances[number], 0.01, 0), f"{chance} is not the largest output.")
    return "any size and mode, a batch, pixels as they are, and the names in the model's order."
