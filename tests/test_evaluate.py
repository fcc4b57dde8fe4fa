"""Intervals and comparisons, against formulas worked out without the package's own code."""

import math
import statistics

import numpy as np
import pytest

from helpers import evaluate

EXACT = {"rel": 1e-12, "abs": 1e-12}


def students_t(p, df):
    """The quantile of Student's distribution, which has a closed form for 1, 2 and 4 degrees."""
    if df == 1:
        return math.tan(math.pi * (p - 0.5))
    if df == 2:
        return (2 * p - 1) / math.sqrt(2 * p * (1 - p))
    a = math.sqrt(4 * p * (1 - p))
    return 2 * math.sqrt(math.cos(math.acos(a) / 3) / a - 1)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.995])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_interval_of_a_mean_and_of_pairs_is_students(n, level):
    first, second = np.random.default_rng(n).normal(0.8, 0.1, (2, n))
    values = first - second
    mean = sum(values) / n
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    half = students_t(0.5 + level / 2, n - 1) * deviation / math.sqrt(n)
    alone = evaluate.confidence_interval(values, level)
    for found in (alone, evaluate.paired_difference(first, second, level)):
        expected = (mean, mean - half, mean + half, n, level)
        assert (found.mean, found.low, found.high, found.n, found.level) == pytest.approx(
            expected, **EXACT
        )


@pytest.mark.parametrize(("correct", "n"), [(81, 263), (0, 20), (20, 20), (1, 1), (900, 1000)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_of_an_accuracy_is_wilsons(correct, n, level):
    z = statistics.NormalDist().inv_cdf(0.5 + level / 2)
    share = correct / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    found = evaluate.accuracy_interval(correct, n, level)
    assert found.mean == share and 0 <= found.low < found.high <= 1
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half), **EXACT)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_equal_values_have_an_interval_of_no_width_and_no_warning():
    found = evaluate.confidence_interval([0.5, 0.5, 0.5])
    assert (found.low, found.high) == (0.5, 0.5)
    assert "equal values" in str(found)
    assert "equal values" not in str(evaluate.confidence_interval([0.5, 0.5, 0.6]))


WRONG = [
    *[(evaluate.confidence_interval, bad) for bad in ([0.8], [0.8, math.nan], [0.8, math.inf])],
    *[(evaluate.accuracy_interval, *bad) for bad in ((0.85, 100), (101, 100), (-1, 5), (0, 0))],
    *[(evaluate.paired_difference, [1, 2, 3], bad) for bad in ([1, 2], [1], [1, 2, math.nan])],
]


@pytest.mark.parametrize(("function", "given"), [(one, given) for one, *given in WRONG])
def test_what_has_no_interval_is_refused(function, given):
    with pytest.raises((TypeError, ValueError)):
        function(*given)


def test_a_level_that_is_no_share_and_an_unknown_direction_are_named():
    for level in (0, 1, 95):
        with pytest.raises(ValueError, match="level"):
            evaluate.confidence_interval([1, 2], level)
        with pytest.raises(ValueError, match="level"):
            evaluate.accuracy_interval(1, 2, level)
    with pytest.raises(ValueError, match="down"):
        evaluate.sign_of("down")


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        *[(0.01, 0.03, "better"), (-0.03, -0.01, "worse"), (-0.01, 0.03, "apart")],
        *[(0, 0.02, "apart"), (0.02, 0.02, "no width"), (0.0, 0.0, "no width")],
    ],
)
def test_the_verdict_follows_from_where_the_interval_lies(low, high, word):
    difference = evaluate.Interval((low + high) / 2, low, high, 4, 0.95)
    sentence = evaluate.verdict(difference, "cat", "dog", score="speed")
    for part in (word, "cat", "dog", "speed", "4 seeds", "95%", f"{low:+.3f}", f"{high:+.3f}"):
        assert part in sentence
