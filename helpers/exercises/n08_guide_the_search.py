"""The exercises of notebook 08."""

import contextlib
import tempfile
from functools import partial

import numpy as np

from helpers.exercises import Hint, NotAnswered, compare, expect

NAN, EARLIER = np.nan, [0.5, 0.6, 0.9]
PLAIN = [(0.7, EARLIER, 3), (0.55, EARLIER, 3), (0.65, EARLIER, 3), (0.9, [0.5, 0.6], 3)]
LOST = [(NAN, EARLIER, 3), (0.7, [0.5, NAN, 0.6], 3), (0.58, [0.5, NAN, 0.6], 2)]
FULL = {"filters": 16, "activation": "tanh", "rate": 0.003}
PART, DEFAULTS = {"filters": 32}, {"activation": "relu", "rate": 1e-4}
IMPOSSIBLE = [{"filters": 128}, {"filters": 20}, {"activation": "elu"}, {"rate": 0.5}]


def _behind(value, earlier, wait, middle=np.median, better=np.less, mine=np.inf, theirs=np.inf):
    limit = middle(np.nan_to_num(earlier, nan=theirs))
    return len(earlier) >= wait and bool(better(limit, np.nan_to_num(value, nan=mine)))


def median(answer):
    plain = {
        "Low is good: here the better half stops.": partial(_behind, better=np.greater),
        "With fewer than wait earlier trials none stops.": lambda v, e, wait: _behind(v, e, 0),
        "That compares with the best of them.": partial(_behind, middle=np.min),
        "That is the mean, which one bad trial moves far.": partial(_behind, middle=np.mean),
    }
    compare(answer, _behind, PLAIN, plain)
    lost = {
        "No comparison with NaN is true, so a NaN never stops.": partial(_behind, mine=NAN),
        "One earlier NaN makes the median NaN.": partial(_behind, mine=NAN, theirs=NAN),
        "A NaN is bad, not absent.": partial(_behind, middle=np.nanmedian, theirs=NAN),
    }
    compare(answer, _behind, LOST, lost)
    return "with and without NaN."


def _proposed(oracle, known, trials):
    """What an oracle gives for each trial of a search that is stopped and resumed."""
    import keras_tuner as kt

    space, given = kt.HyperParameters(), []
    space.Int("filters", 8, 64, step=8)
    space.Choice("activation", ["relu", "tanh"])
    space.Float("rate", 1e-4, 1e-1, sampling="log")

    class Recorded(oracle):
        def populate_space(self, trial_id):
            found = super().populate_space(trial_id) or {"status": "STOPPED"}
            given.append(dict(found.get("values") or {}))  # before KerasTuner fills gaps
            return found

    tuner = type("Computed", (kt.Tuner,), {"run_trial": lambda *trial, **given: 1.0})
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        for limit in trials:
            own = {"max_trials": limit, "objective": "val_loss", "hyperparameters": space}
            tuner(Recorded(known=known, **own, seed=3), directory=folder).search(verbose=0)
    return [one for one in given if one]


def known(answer):
    expect(isinstance(answer, type), "Hand over the class, without brackets behind it.")
    try:
        first, second, *rest = _proposed(answer, [FULL, PART], (1, 4)) or [None] * 2
    except ValueError as error:
        raise Hint(f"{FULL} and {PART} are in the space, and are refused: {error}") from error
    if first is None:
        raise NotAnswered
    expect(first == FULL, f"The first known values are {FULL}. Trial 0 has {first}.")
    expect(second != FULL, "Resumed, the search starts with trial 0 again. What is forgotten?")
    expect(second.keys() >= FULL.keys(), f"Trial 1 has {second}. The rest is filled at random.")
    expect(second == PART | DEFAULTS, f"{PART} and the defaults {DEFAULTS} make no {second}.")
    expect(all(one not in (first, second) for one in rest), "Later trials are drawn, not known.")
    for values in IMPOSSIBLE:
        with contextlib.suppress(ValueError):
            raise Hint(f"{values} is impossible. Tried: {_proposed(answer, [FULL | values], [1])}")
    return "complete, in range, and right after a break."
