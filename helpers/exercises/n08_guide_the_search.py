"""The exercises of notebook 08."""

import contextlib
from functools import partial

import numpy as np

from helpers.exercises import Hint, NotAnswered, compare, doubles, expect

NAN, EARLIER = np.nan, [0.5, 0.6, 0.9]
PLAIN = [(0.7, EARLIER, 3), (0.55, EARLIER, 3), (0.65, EARLIER, 3), (0.9, [0.5, 0.6], 3)]
CLOSE = [(0.57, [0.5, 0.6], 2), (0.53, [0.5, 0.6], 2), (0.6, EARLIER, 3)]  # even, equal
GAP = [0.5, NAN, 0.6]
LOST = [(NAN, EARLIER, 3), (0.7, GAP, 3), (0.58, GAP, 2), (0.3, [0.5, NAN], 2)]
FULL = {"filters": 16, "activation": "tanh", "rate": 0.003, "flip": True}
PART, DEFAULTS = {"filters": 32, "flip": False}, {"activation": "relu", "rate": 1e-4}
IMPOSSIBLE = [{"filters": 128}, {"filters": 20}, {"activation": "elu"}, {"rate": 0.5}]


def _behind(value, earlier, wait, middle=np.median, better=np.less, mine=np.inf, theirs=np.inf):
    limit = middle(np.nan_to_num(earlier, nan=theirs))
    return len(earlier) >= wait and bool(better(limit, np.nan_to_num(value, nan=mine)))


def median(answer):
    plain = {
        "Low is good: here the better half stops.": partial(_behind, better=np.greater),
        "With fewer than wait earlier trials none stops.": lambda v, e, wait: _behind(v, e, 0),
        "wait earlier trials are enough.": lambda v, e, wait: _behind(v, e, wait + 1),
        "Equal to the median is not worse.": partial(_behind, better=np.less_equal),
        "Of 2 earlier ones the median is their mean; the running one is none of them.": (
            partial(_behind, middle=lambda values: sorted(values)[len(values) // 2])
        ),
        "Of 2 earlier ones the median is their mean, not the lower.": (
            partial(_behind, middle=lambda values: sorted(values)[(len(values) - 1) // 2])
        ),
        "That compares with the best of them.": partial(_behind, middle=np.min),
        "That is the mean, which one bad trial moves far.": partial(_behind, middle=np.mean),
    }
    compare(answer, _behind, PLAIN + CLOSE, plain)
    lost = {
        "No comparison with NaN is true, so a NaN never stops.": partial(_behind, mine=NAN),
        "One earlier NaN makes the median NaN.": partial(_behind, mine=NAN, theirs=NAN),
        "That makes a NaN 0, the best loss of all.": partial(_behind, mine=0, theirs=0),
        "A NaN is bad: yours never stops, and earlier ones are left out.": (
            partial(_behind, middle=np.nanmedian, mine=NAN, theirs=NAN)
        ),
        "A NaN is bad, not absent.": partial(_behind, middle=np.nanmedian, theirs=NAN),
    }
    compare(answer, _behind, LOST, lost)
    return "with and without NaN."


def known(answer):
    expect(isinstance(answer, type), "Hand over the class, without brackets behind it.")
    try:
        first, second, *rest = doubles.proposed(answer, [FULL, PART], (1, 4)) or [None] * 2
    except ValueError as error:
        raise Hint(f"{FULL} and {PART} are in the space, and are refused: {error}") from error
    if first is None:
        raise NotAnswered
    expect(first == FULL, f"The first known values are {FULL}. Trial 0 has {first}.")
    expect(second != FULL, "Resumed, the search starts with trial 0 again. What is forgotten?")
    expect(second.keys() >= FULL.keys(), f"Trial 1 has {second}. The rest is filled at random.")
    expect(second.get("flip") is not True, "flip is known, and False. Is that a missing value?")
    expect(second == PART | DEFAULTS, f"{PART} and the defaults {DEFAULTS} make no {second}.")
    expect(all(one not in (first, second) for one in rest), "Later trials are drawn, not known.")
    for values in IMPOSSIBLE:
        with contextlib.suppress(ValueError):
            raise Hint(
                f"{values} is impossible. Tried: {doubles.proposed(answer, [FULL | values], [1])}"
            )
    return "complete, in range, and right after a break."
