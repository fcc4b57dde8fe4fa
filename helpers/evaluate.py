"""Judge models honestly: intervals, paired comparisons, the sentence that follows, a model card."""

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean (or share) with its confidence interval.

    Attributes:
        mean: the estimate.
        low, high: ends of the interval, in the unit of the estimate.
        n: how many values it comes from.
        level: confidence level, between 0 and 1.
    """

    mean: float
    low: float
    high: float
    n: int
    level: float

    def __str__(self):
        return (
            f"{self.mean:.3f} ({self.level:.0%} interval {self.low:.3f} to {self.high:.3f}, "
            f"n = {self.n})"
        )


def _level(level):
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise ValueError(f"level is {level!r}; it must lie between 0 and 1, for example 0.95.")
    return float(level)


def _values(values, name="values"):
    try:
        array = np.asarray(list(values), dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a list of numbers, not {values!r}.") from None
    if array.ndim != 1:
        raise ValueError(f"{name} must be one list of numbers, not shape {array.shape}.")
    if not np.all(np.isfinite(array)):
        raise ValueError(
            f"{name} holds a NaN or infinite value: leave failed runs out, and say so."
        )
    return array


def confidence_interval(values, level=0.95):
    """Interval of the mean of a few values, by Student's t distribution.

    Args:
        values: one number a seed (at least two), taken as independent draws.
        level: confidence level, between 0 and 1.

    Returns:
        An ``Interval``.

    Raises:
        ValueError: fewer than two values, or a value that is not finite.

    Source: Student (1908), "The probable error of a mean", Biometrika 6.
    """
    from scipy import stats

    level, array = _level(level), _values(values)
    if len(array) < 2:
        raise ValueError(
            f"An interval needs at least two values and got {len(array)}: train under more seeds."
        )
    mean = float(array.mean())
    half = float(stats.t.ppf(0.5 + level / 2, len(array) - 1) * array.std(ddof=1))
    half /= math.sqrt(len(array))
    return Interval(mean, mean - half, mean + half, len(array), level)
