"""Intervals, comparisons and the model card, against values worked out elsewhere."""

import math

import numpy as np
import pytest

from helpers import evaluate


def test_the_interval_of_a_mean_is_students():
    # Mean 3, standard deviation sqrt(2.5), 4 degrees of freedom: t = 2.776.
    interval = evaluate.confidence_interval([1, 2, 3, 4, 5])
    half = 2.7764451 * math.sqrt(2.5 / 5)
    assert interval.mean == 3 and interval.n == 5
    assert (interval.low, interval.high) == pytest.approx((3 - half, 3 + half))


def test_a_higher_level_gives_a_wider_interval():
    narrow, wide = (evaluate.confidence_interval([1, 2, 3], level) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    intervals = [evaluate.confidence_interval(rng.normal(size=3)) for _ in range(2000)]
    covered = np.mean([one.low <= 0 <= one.high for one in intervals])
    assert 0.93 < covered < 0.97


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.8], "at least two values and got 1"),
        ([0.8, math.nan], "NaN or infinite"),
        ([[0.8], [0.9]], "one list of numbers"),
    ],
)
def test_values_without_an_interval_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        evaluate.confidence_interval(values)


def test_a_level_in_per_cent_is_refused():
    with pytest.raises(ValueError, match="level is 95; it must lie between 0 and 1"):
        evaluate.confidence_interval([1, 2], 95)


def test_text_instead_of_numbers_is_refused():
    with pytest.raises(TypeError, match="list of numbers"):
        evaluate.confidence_interval(["good", "bad"])


def test_the_interval_of_an_accuracy_is_wilsons():
    # 81 of 263 is the example of many textbooks: 0.2553 to 0.3662.
    interval = evaluate.accuracy_interval(81, 263)
    assert (interval.low, interval.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_wilsons_interval_stays_inside_0_to_1_at_the_ends():
    none, every = evaluate.accuracy_interval(0, 20), evaluate.accuracy_interval(20, 20)
    assert none.low == 0 and 0 < none.high < 0.2
    assert every.high == pytest.approx(1) and every.high <= 1 and 0.8 < every.low < 1


def test_an_accuracy_where_a_count_belongs_is_refused():
    with pytest.raises(ValueError, match="not an accuracy"):
        evaluate.accuracy_interval(0.85, 100)
    with pytest.raises(ValueError, match="not an accuracy"):
        evaluate.accuracy_interval(101, 100)
    with pytest.raises(ValueError, match="n is 0"):
        evaluate.accuracy_interval(0, 0)


def test_pairing_removes_what_both_models_share():
    shared = np.array([0.1, 0.5, 0.9])
    paired = evaluate.paired_difference(shared + [0.01, 0.02, 0.03], shared)
    assert paired.mean == pytest.approx(0.02) and paired.n == 3
    assert paired.high - paired.low == pytest.approx(2 * 4.302653 * 0.01 / math.sqrt(3))


def test_pairs_that_are_not_pairs_are_refused():
    with pytest.raises(ValueError, match="3 and 2 values"):
        evaluate.paired_difference([1, 2, 3], [1, 2])


def interval(low, high):
    return evaluate.Interval((low + high) / 2, low, high, 4, 0.95)


def test_the_verdict_follows_from_where_the_interval_lies():
    better, worse, unclear = (
        evaluate.verdict(interval(*ends)) for ends in ((0.01, 0.03), (-0.03, -0.01), (-0.01, 0.03))
    )
    assert "tuned model is better than the baseline by 0.020" in better and "above 0" in better
    assert "tuned model is worse than the baseline by 0.020" in worse and "below 0" in worse
    assert "cannot be told apart" in unclear and "covers 0" in unclear
    assert all(sentence.startswith("Over 4 seeds") for sentence in (better, worse, unclear))


def test_an_interval_that_ends_at_0_does_not_tell_apart():
    assert "cannot be told apart" in evaluate.verdict(interval(0.0, 0.02))


def test_the_best_epoch_counts_from_1_and_knows_the_direction():
    history = {"val_loss": [0.9, 0.4, 0.4, 0.6], "val_accuracy": [0.1, 0.2, math.nan, 0.8]}
    assert evaluate.best_epoch(history) == 2
    assert evaluate.best_epoch(history, "val_accuracy") == 4
    assert evaluate.best_epoch([3, 1, 2], direction="max") == 1
    assert evaluate.best_epoch(type("History", (), {"history": history})()) == 2


def test_a_history_without_validation_says_what_is_missing():
    with pytest.raises(ValueError, match="needs validation_data in fit"):
        evaluate.best_epoch({"loss": [1.0]})
    with pytest.raises(ValueError, match="diverged"):
        evaluate.best_epoch([math.nan, math.nan])


def test_picking_among_equal_models_looks_better_than_it_is():
    rng = np.random.default_rng(0)
    equal = evaluate.selection_optimism(rng.random((20, 1000)) < 0.9)
    assert equal["optimism"] > 0.01
    assert equal["reported"] - equal["honest"] == pytest.approx(equal["optimism"])
    clear = np.vstack([rng.random(1000) < 0.9, np.zeros((3, 1000))])
    assert abs(evaluate.selection_optimism(clear)["optimism"]) < 0.005


def test_optimism_needs_models_by_images():
    with pytest.raises(ValueError, match="needs \\(models, images\\)"):
        evaluate.selection_optimism([True, False])


CARD = {
    "name": "small CNN",
    "purpose": "a lesson",
    "data": {"source": "Fashion-MNIST", "licence": "MIT"},
    "space": "12,150 configurations",
    "budget": {"trials": 10},
    "seed": 0,
    "hyperparameters": {"L1_Conv2D_Filters": 64},
    "parameters": 123456,
    "scores": {"test accuracy": evaluate.accuracy_interval(900, 1000)},
    "verdict": "Better.",
    "limits": ["One data set.", "Three seeds."],
}


def test_the_model_card_has_every_part_with_its_interval_and_versions():
    text = evaluate.model_card(**CARD)
    assert text.startswith("# Model card: small CNN\n")
    for part in ("Data", "Search space", "Budget", "Seed", "Scores", "Limits", "Versions"):
        assert f"\n## {part}\n" in text
    assert "- test accuracy: 0.900 (95% interval 0.880 to 0.917, n = 1000)" in text
    assert "123,456" in text and "- KerasTuner: 1." in text and "- Three seeds." in text


def test_a_model_card_with_a_gap_is_refused():
    with pytest.raises(ValueError, match="nothing under: Limits"):
        evaluate.model_card(**CARD | {"limits": []})


def test_a_model_card_is_never_overwritten_without_being_asked(tmp_path):
    path = evaluate.write_model_card(tmp_path / "new" / "card.md", "first")
    with pytest.raises(FileExistsError, match="choose another name"):
        evaluate.write_model_card(path, "second")
    assert path.read_text() == "first"
    evaluate.write_model_card(path, "second", overwrite=True)
    assert path.read_text() == "second"


def test_a_free_path_is_numbered_until_nothing_is_there(tmp_path):
    wanted = tmp_path / "models" / "best.keras"
    for name in ("best.keras", "best-2.keras", "best-3.keras"):
        path = evaluate.free_path(wanted)
        assert path.name == name
        path.write_text("x")
    assert evaluate.free_path(wanted, overwrite=True) == wanted
