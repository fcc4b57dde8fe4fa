"""Plausible wrong answers to the exercises of notebook 01, each with a hint of its own."""

import numpy as np
from scipy import stats

from helpers.evaluate import confidence_interval


def by_interval(low, high):
    return "first" if high < 0 else "second" if low > 0 else "neither"


def by_overlap(first, second):
    one, other = confidence_interval(first), confidence_interval(second)
    return by_interval(one.low - other.high, one.high - other.low)


def by_the_normal_distribution(first, second):
    difference = np.subtract(first, second)
    half = 1.96 * stats.sem(difference)
    return by_interval(difference.mean() - half, difference.mean() + half)


def turned_round(first, second):
    interval = confidence_interval(np.subtract(second, first))
    return by_interval(interval.low, interval.high)


WRONG = {
    "01-best": [
        lambda history: (len(history["val_loss"]), history["val_loss"][-1]),
        lambda history: (np.argmin(history["val_loss"]), min(history["val_loss"])),
        lambda history: (np.argmin(history["loss"]) + 1, min(history["loss"])),
        lambda history: (np.argmax(history["val_loss"]) + 1, max(history["val_loss"])),
        lambda history: min(history["val_loss"]),
        lambda history: (min(history["val_loss"]), np.argmin(history["val_loss"]) + 1),
    ],
    "01-luck": [
        lambda a, b, sd: abs(a - b) < sd,
        lambda a, b, sd: abs(a - b) < 1.96 * sd,
        lambda a, b, sd: abs(a - b) < 2 * 1.96 * sd,
        lambda a, b, sd: (a - b) < 2.772 * sd,
        lambda a, b, sd: (b - a) < 2.772 * sd,
        lambda a, b, sd: abs(a - b) > 2.772 * sd,
    ],
    "01-better": [
        lambda first, second: "first" if first[0] < second[0] else "second",
        lambda first, second: "first" if np.mean(first) < np.mean(second) else "second",
        lambda first, second: "first" if min(first) < min(second) else "second",
        by_overlap,
        lambda first, second: by_interval(min(first) - max(second), max(first) - min(second)),
        by_the_normal_distribution,
        turned_round,
    ],
}
