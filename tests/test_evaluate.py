"""Intervals and comparisons, against formulas worked out without the package's own code."""

import math
import statistics

import numpy as np
import pytest

from helpers import evaluate

EXACT = {"rel": 1e-12, "abs": 1e-12}
SCORES = {  # three names under four seeds; the first always best, the last always worst
    "a": [0.30, 0.32, 0.31, 0.30],
    "b": [0.40, 0.41, 0.39, 0.42],
    "c": [0.50, 0.55, 0.52, 0.51],
}


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


@pytest.mark.parametrize("names", ["abc", "abcde"])
def test_the_probability_is_that_of_friedmans_formula(names):
    scores = np.random.default_rng(len(names)).normal(size=(len(names), 6))
    k, n = scores.shape
    sums = (scores.argsort(axis=0).argsort(axis=0) + 1).sum(axis=1)
    half = (12 / (n * k * (k + 1)) * np.sum(sums**2) - 3 * n * (k + 1)) / 2
    tail = math.exp(-half) * {3: 1, 5: 1 + half}[k]  # of chi-squared with 2 and with 4 degrees
    found = evaluate.any_difference(dict(zip(names, scores, strict=True)))
    assert found == pytest.approx(tail, **EXACT)


@pytest.mark.filterwarnings("error")
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


@pytest.mark.parametrize("second", [[1, 2], [1], [1, 2, math.nan]])
def test_scores_that_are_not_paired_are_refused(second):
    for function in (evaluate.mean_ranks, evaluate.any_difference):
        with pytest.raises(ValueError):
            function({"a": [1, 2, 3], "b": second, "c": [3, 2, 1]})


def test_a_level_that_is_no_share_and_an_unknown_direction_are_named():
    for level in (0, 1, 95):
        with pytest.raises(ValueError, match="level"):
            evaluate.confidence_interval([1, 2], level)
        with pytest.raises(ValueError, match="level"):
            evaluate.accuracy_interval(1, 2, level)
    with pytest.raises(ValueError, match="down"):
        evaluate.mean_ranks(SCORES, direction="down")


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


def test_ranks_are_taken_within_every_seed_and_equal_scores_share_one():
    table = evaluate.mean_ranks(SCORES)
    assert table["name"].tolist() == ["a", "b", "c"]
    assert table["rank"].tolist() == [1, 2, 3] and table["first"].tolist() == [4, 0, 0]
    assert evaluate.mean_ranks(SCORES, direction="max")["name"].tolist() == ["c", "b", "a"]
    table = evaluate.mean_ranks({"a": [1, 1, 2], "b": [1, 2, 1], "c": [3, 3, 3]})
    assert table["rank"].tolist() == pytest.approx([1.5, 1.5, 3])
    assert (table["low"] >= 1).all() and (table["high"] <= 3).all()
    assert table["first"].sum() == 4  # the tie of the first seed counts for both


def test_paired_gains_are_positive_where_better_and_share_the_level():
    table = evaluate.paired_table(SCORES, "b", level=0.9).set_index("name")
    assert table["verdict"].to_dict() == {"a": "better", "c": "worse"}
    alone = evaluate.paired_difference(SCORES["b"], SCORES["a"], 0.95)  # one of two at 0.9
    expected = (alone.mean, alone.low, alone.high)
    assert tuple(table.loc["a", ["gain", "low", "high"]]) == pytest.approx(expected)
    turned = evaluate.paired_table(SCORES, "b", direction="max").set_index("name")
    assert turned["verdict"].to_dict() == {"a": "worse", "c": "better"}
    with pytest.raises(KeyError, match="z"):
        evaluate.paired_table(SCORES, "z")
