"""Judge models honestly: intervals, paired comparisons and the sentence that follows.

A ``level`` is a confidence level between 0 and 1. What cannot be judged is a ``ValueError``: a
missing or infinite score, unequal numbers of seeds, too few of them.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean (or share) of n values with its confidence interval from low to high."""

    mean: float
    low: float
    high: float
    n: int
    level: float

    def __str__(self):
        ends = f"{self.level:.0%} interval {self.low:.3f} to {self.high:.3f}"
        equal = "; equal values say nothing about their spread" if self.low == self.high else ""
        return f"{self.mean:.3f} ({ends}, n = {self.n}{equal})"


def share(name, value):
    """A share between 0 and 1, both left out; ValueError for anything else, as 95 for 95 %."""
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value!r}; it must lie between 0 and 1: 0.05 is 5 %.")
    return value


def sign_of(direction):
    """1 for "min", -1 for "max": the factor by which a lower score becomes the better one."""
    signs = {"min": 1, "max": -1}
    if direction not in signs:
        raise ValueError(f'direction is {direction!r}; it is "min" (a loss) or "max".')
    return signs[direction]


def _paired(*scores):
    """Scores as an array (models, seeds); ValueError when one is missing, NaN or infinite."""
    table = np.array([list(one) for one in scores], dtype=float)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError("Scores must be finite numbers: leave failed runs out, and say so.")
    return table


def confidence_interval(values, level=0.95):
    """``Interval`` of the mean of two or more independent values, by Student's t distribution.

    Source: Student (1908), "The probable error of a mean", Biometrika 6.
    """
    from scipy import stats

    (values,) = _paired(values)
    if len(values) < 2:
        raise ValueError("An interval needs at least two values: train under more seeds.")
    # Not ttest_1samp: it warns where all values are equal, as ranks are that never change.
    half = stats.t.ppf(0.5 + share("level", level) / 2, len(values) - 1) * stats.sem(values)
    mean = values.mean()
    return Interval(float(mean), float(mean - half), float(mean + half), len(values), level)


def accuracy_interval(correct, n, level=0.95):
    """``Interval`` of an accuracy, ``correct`` of n images (whole numbers), by Wilson's method.

    It covers the luck of which images are in the test set, not the luck of the training seed.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22.
    """
    from scipy import stats

    found = stats.binomtest(correct, n).proportion_ci(share("level", level), "wilson")
    return Interval(correct / n, float(found.low), float(found.high), n, level)


def paired_difference(first, second, level=0.95):
    """``Interval`` of the mean of first minus second, pair by pair (paired t interval).

    Source: Student (1908), "The probable error of a mean", Biometrika 6, whose example is paired.
    """
    return confidence_interval(np.subtract(*_paired(first, second)), level)


def verdict(difference, first="tuned model", second="baseline", *, score="test accuracy"):
    """The sentence that follows from a paired difference, whichever way it falls.

    Args:
        difference: the ``Interval`` of first minus second; higher is better.
        first, second, score: names of the two models and of what was measured.
    """
    low, high = difference.low, difference.high
    word = "cannot be told apart from"
    tail = "it covers 0. That does not show that they are equal; more seeds narrow it"
    if np.isclose(low, high, rtol=0, atol=1e-12):
        tail = "it has no width: equal differences say nothing about their spread"
    elif low > 0 or high < 0:
        side, word = ("above", "is better than") if low > 0 else ("below", "is worse than")
        tail = f"it lies wholly {side} 0"
    return (
        f"Over {difference.n} seeds the {first} {word} the {second}: the mean difference in "
        f"{score} is {difference.mean:+.3f}. Its {difference.level:.0%} interval is {low:+.3f} to "
        f"{high:+.3f}, and {tail}."
    )
