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


def ends(interval):
    return interval.low, interval.high


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
def test_the_interval_of_a_mean_is_students(n, level):
    values = np.random.default_rng(n).normal(0.8, 0.1, n)
    mean = sum(values) / n
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    half = students_t(0.5 + level / 2, n - 1) * deviation / math.sqrt(n)
    found = evaluate.confidence_interval(values, level)
    assert (found.mean, *ends(found)) == pytest.approx((mean, mean - half, mean + half), **EXACT)
    assert (found.n, found.level) == (n, level)


@pytest.mark.parametrize("n", [2, 4, 10, 30])
def test_both_intervals_are_those_of_scipys_tests(n):
    from scipy import stats

    first, second = np.random.default_rng(n).normal(size=(2, n))
    alone = stats.ttest_1samp(first, 0).confidence_interval(0.9)
    assert ends(evaluate.confidence_interval(first, 0.9)) == pytest.approx(alone, **EXACT)
    paired = stats.ttest_rel(first, second).confidence_interval(0.9)
    assert ends(evaluate.paired_difference(first, second, 0.9)) == pytest.approx(paired, **EXACT)


@pytest.mark.filterwarnings("error")
def test_equal_values_have_an_interval_of_no_width_and_no_warning():
    assert ends(evaluate.confidence_interval([0.5, 0.5, 0.5])) == (0.5, 0.5)
    assert "cannot be told apart" in evaluate.verdict(evaluate.paired_difference([1, 2], [1, 2]))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    intervals = [evaluate.confidence_interval(rng.normal(size=3)) for _ in range(2000)]
    assert 0.93 < np.mean([one.low <= 0 <= one.high for one in intervals]) < 0.97


@pytest.mark.parametrize("values", [[0.8], [0.8, math.nan], [0.8, math.inf], ["good", "bad"]])
def test_values_without_an_interval_are_refused(values):
    with pytest.raises(ValueError):
        evaluate.confidence_interval(values)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_no_share_is_refused(level):
    for call in (
        lambda: evaluate.confidence_interval([1, 2], level),
        lambda: evaluate.accuracy_interval(1, 2, level),
        lambda: evaluate.paired_table({"a": [1, 2], "b": [1, 3]}, "a", level=level),
    ):
        with pytest.raises(ValueError, match="level"):
            call()


@pytest.mark.parametrize(("correct", "n"), [(81, 263), (0, 20), (20, 20), (1, 1), (900, 1000)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_of_an_accuracy_is_wilsons(correct, n, level):
    z = statistics.NormalDist().inv_cdf(0.5 + level / 2)
    share = correct / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    found = evaluate.accuracy_interval(correct, n, level)
    assert (found.mean, *ends(found)) == pytest.approx(
        (share, centre - half, centre + half), **EXACT
    )
    assert 0 <= found.low < found.high <= 1


@pytest.mark.parametrize(("correct", "n"), [(0.85, 100), (101, 100), (-1, 5), (0, 0)])
def test_an_accuracy_where_a_count_belongs_is_refused(correct, n):
    with pytest.raises((TypeError, ValueError)):
        evaluate.accuracy_interval(correct, n)


def test_pairing_removes_what_both_models_share():
    shared = np.array([0.1, 0.5, 0.9])
    paired = evaluate.paired_difference(shared + [0.01, 0.02, 0.03], shared)
    assert paired.mean == pytest.approx(0.02) and paired.n == 3
    half = students_t(0.975, 2) * 0.01 / math.sqrt(3)
    assert ends(paired) == pytest.approx((0.02 - half, 0.02 + half), **EXACT)


@pytest.mark.parametrize("second", [[1, 2], [1]])
def test_pairs_that_are_not_pairs_are_refused(second):
    with pytest.raises(ValueError):
        evaluate.paired_difference([1, 2, 3], second)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.03, "better"),
        (-0.03, -0.01, "worse"),
        (-0.01, 0.03, "cannot be told apart"),
        (0.0, 0.02, "cannot be told apart"),
    ],
)
def test_the_verdict_follows_from_where_the_interval_lies(low, high, word):
    difference = evaluate.Interval((low + high) / 2, low, high, 4, 0.95)
    sentence = evaluate.verdict(difference, "cat", "dog", score="speed")
    for part in (word, "cat", "dog", "speed", "4 seeds", "95%", f"{low:+.3f}", f"{high:+.3f}"):
        assert part in sentence
    assert f"{abs(difference.mean):.3f}" in sentence


def test_ranks_are_taken_within_every_seed():
    table = evaluate.mean_ranks(SCORES)
    assert table["name"].tolist() == ["a", "b", "c"]
    assert table["rank"].tolist() == [1, 2, 3] and table["first"].tolist() == [4, 0, 0]
    assert evaluate.mean_ranks(SCORES, direction="max")["name"].tolist() == ["c", "b", "a"]


def test_equal_scores_share_a_rank_and_intervals_stay_inside():
    table = evaluate.mean_ranks({"a": [1, 1, 2], "b": [1, 2, 1], "c": [3, 3, 3]})
    assert table["rank"].tolist() == pytest.approx([1.5, 1.5, 3])
    assert (table["low"] >= 1).all() and (table["high"] <= 3).all()
    assert table["first"].sum() == 4  # the tie of the first seed counts for both


@pytest.mark.parametrize("names", ["abc", "abcde"])
def test_the_probability_is_that_of_friedmans_formula(names):
    scores = np.random.default_rng(len(names)).normal(size=(len(names), 6))
    k, n = scores.shape
    sums = (scores.argsort(axis=0).argsort(axis=0) + 1).sum(axis=1)
    half = (12 / (n * k * (k + 1)) * np.sum(sums**2) - 3 * n * (k + 1)) / 2
    tail = math.exp(-half) * {3: 1, 5: 1 + half}[k]  # of chi-squared with 2 and with 4 degrees
    found = evaluate.any_difference(dict(zip(names, scores, strict=True)))
    assert found == pytest.approx(tail, **EXACT)
    assert evaluate.any_difference(SCORES) == pytest.approx(math.exp(-4))


def test_paired_gains_are_positive_where_a_name_is_better():
    table = evaluate.paired_table(SCORES, "b").set_index("name")
    assert table.loc["a", "gain"] == pytest.approx(0.0975)
    assert table["verdict"].to_dict() == {"a": "better", "c": "worse"}
    turned = evaluate.paired_table(SCORES, "b", direction="max").set_index("name")
    assert turned["verdict"].to_dict() == {"a": "worse", "c": "better"}


def test_several_comparisons_share_the_level_and_hold_together():
    together = evaluate.paired_table(SCORES, "b", level=0.9).iloc[0]
    alone = evaluate.paired_difference(SCORES["b"], SCORES["a"], 0.95)
    assert (together.low, together.high) == pytest.approx(ends(alone))
    rng = np.random.default_rng(2)
    missed = 0
    for _ in range(400):  # all five are equal, so every gain is 0 in truth
        scores = dict(zip("abcde", rng.normal(size=(5, 5)), strict=True))
        found = evaluate.paired_table(scores, "a")["verdict"]
        missed += bool((found != "cannot be told apart").any())
    assert missed / 400 < 0.08


@pytest.mark.parametrize("scores", [{"a": [1, 2], "b": [1]}, {"a": [1, math.nan], "b": [1, 2]}])
def test_scores_that_are_not_paired_are_refused(scores):
    for call in (evaluate.mean_ranks, evaluate.any_difference):
        with pytest.raises(ValueError):
            call(scores)


def test_a_wrong_name_or_direction_is_refused():
    with pytest.raises(KeyError, match="z"):
        evaluate.paired_table(SCORES, "z")
    with pytest.raises(ValueError, match="down"):
        evaluate.mean_ranks(SCORES, direction="down")


def test_the_best_epoch_counts_from_1_and_knows_the_direction():
    history = {"val_loss": [0.9, 0.4, 0.4, 0.6], "val_accuracy": [0.1, 0.2, math.nan, 0.8]}
    assert evaluate.best_epoch(history) == 2
    assert evaluate.best_epoch(history, "val_accuracy") == 4
    assert evaluate.best_epoch([3, 1, 2], direction="max") == 1
    assert evaluate.best_epoch(type("History", (), {"history": history})()) == 2


def test_a_history_without_a_best_epoch_is_refused():
    with pytest.raises(KeyError, match="val_loss"):
        evaluate.best_epoch({"loss": [1.0]})
    with pytest.raises(ValueError):
        evaluate.best_epoch([math.nan, math.nan])
