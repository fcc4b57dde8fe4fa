"""Plausible wrong answers to the exercises of notebook 05, each with a hint of its own."""

import numpy as np
from PIL import Image
from scipy import stats


def _ends(difference, half):
    return difference.mean() - half, difference.mean() + half


def _by_t(quantile=0.975, degrees=-1, ddof=1, root=0.5, sign=1):
    def interval(first, second):
        difference, n = sign * (first - second), len(first)
        t = stats.t.ppf(quantile, n + degrees)
        return _ends(difference, t * difference.std(ddof=ddof) / n**root)

    return interval


def _normal(first, second):
    return _ends(first - second, 1.96 * (first - second).std(ddof=1) / np.sqrt(len(first)))


def _two_groups(first, second):
    error = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / len(first))
    return _ends(first - second, stats.t.ppf(0.975, 2 * len(first) - 2) * error)


def _classify(
    batch=True,
    convert=True,
    scale=1,
    swap=False,
    scramble=False,
    sort=False,
    names=True,
    chance=max,
    only=None,
    key=lambda path: path.name,
):
    """A ``classify`` with one of its steps made in another way."""

    def classify(model, labels, folder):
        _, height, width, channels = model.input_shape
        labels, found = sorted(labels) if sort else labels, {}
        for path in sorted(folder.glob("*.png"))[:only]:
            image = Image.open(path)
            if convert:
                image = image.convert("L" if channels == 1 else "RGB")
            size = (height, width) if swap or scramble else (width, height)
            pixels = np.atleast_3d(np.asarray(image.resize(size), "float32")) / scale
            if scramble:
                pixels = pixels.reshape(height, width, channels)
            chances = np.ravel(model.predict(pixels[None] if batch else pixels, verbose=0))
            number = int(chances.argmax())
            found[key(path)] = labels[number] if names else number, chance(chances)
        return found

    return classify


WRONG = {
    "05-interval": [
        _two_groups,
        _normal,
        _by_t(quantile=0.95),
        _by_t(degrees=0),
        _by_t(ddof=0),
        _by_t(root=0),
        _by_t(sign=-1),
        _by_t(ddof=0, root=0),
        _by_t(ddof=0, quantile=0.95),
    ],
    "05-classify": [
        _classify(batch=False),
        _classify(convert=False),
        _classify(scale=255),
        _classify(swap=True),
        _classify(scramble=True),
        _classify(sort=True),
        _classify(names=False),
        _classify(chance=sum),
        _classify(only=1),
        _classify(key=str),
        _classify(key=lambda path: path.stem),
    ],
}
