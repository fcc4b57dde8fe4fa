"""The exercises of notebook 04."""

from functools import partial

import numpy as np
import pandas as pd

from helpers.exercises import compare
from helpers.insight import luck

NAN = float("nan")
LOSSES = [(0.9, 0.7, NAN, 0.8, 0.5, NAN), (NAN, NAN, 0.6, 0.65, 0.4), (0.3, 0.5, NAN, 0.2, 0.25)]
SCORES = [
    (0.01, "min", 0.296, 0.41, NAN, 0.29, 0.3085, 0.315, 0.322, 0.329, 0.3332),
    (0.0134, "max", 0.88, 0.91, NAN, 0.90, 0.845, 0.892, 0.72, 0.8515),
]


def _compare(ask, answer, right, cases, wrong):
    wrong = {hint: partial(ask, mistake) for hint, mistake in wrong.items()}
    compare(partial(ask, answer), partial(ask, right), cases, wrong)


def _curve(function, *losses):  # before the first score NaN, None and infinite are all fine
    found = function(pd.Series(losses))
    values = np.ravel(np.array(found, dtype=float)).tolist()
    return found if found is None else [one if abs(one) < 9 else "none" for one in values]


def best_so_far(answer):
    """``best_so_far(scores)``: the lowest loss after each trial; failed trials are NaN."""
    wrong = {
        "Sorted, the curve has no steps. Keep the trials' order.": lambda s: [s.min()] * len(s),
        "One value for each trial, in the order of the trials.": lambda s: [s.min()] * s.count(),
        "That is the end of the curve; return all of it.": lambda s: s.min(),
        "A failed trial has no score. As 0 it is the best of all.": lambda s: s.fillna(0).cummin(),
        "A score is a loss here: the largest so far is the worst.": lambda s: s.cummax().ffill(),
        "A failed trial is a trial too, and needs a value.": lambda s: s.dropna().cummin(),
        "What comes after a failed trial must not be lost.": lambda s: s.cummin(skipna=False),
        "After a failed trial the best is what it was before.": lambda s: s.cummin(),
    }
    _compare(_curve, answer, lambda s: s.cummin().ffill(), LOSSES, wrong)
    return "one value a trial, also for failures, and also when the first ones fail."


def _ids(function, noise, direction, *scores):
    status = ["COMPLETED" if score == score else "FAILED" for score in scores]
    trial = [f"{number:02}" for number in range(len(scores))]
    table = pd.DataFrame({"trial": trial, "status": status, "score": scores})
    found = function(table, noise, direction)
    found = found["trial"] if hasattr(found, "columns") else found
    return found if found is None else sorted(map(str, found))


def _far(s):
    return s - s.min()


def _tied(noises=lambda s: luck(1, s.count()), behind=_far):
    def ids(table, noise, direction):
        s = table["score"] * {"min": 1, "max": -1}[direction]
        return table["trial"][behind(s) <= noise * noises(s)]

    return ids


def tied(answer):
    """``tied(table, noise, direction)``: ids of the trials that luck may have put behind."""
    wrong = {
        "That is for two trials. Any of these could have looked best.": _tied(lambda s: luck(1, 2)),
        "That is for one run beside a known value. Here all have luck.": _tied(lambda s: 1.96),
        "One run in three is further off than one standard deviation.": _tied(lambda s: 1),
        "A failed trial had no chance to look best.": _tied(lambda s: luck(1, len(s))),
        "With max the best is the largest.": _tied(behind=lambda s: abs(s) - abs(s).min()),
        "With max score - best is never above 0.": _tied(behind=lambda s: _far(s) * np.sign(s)),
        "A failed trial is among them: what is NaN > 1?": _tied(behind=lambda s: _far(s).fillna(0)),
        "The best trial belongs to them.": _tied(behind=lambda s: _far(s).replace(0, 9)),
    }
    _compare(_ids, answer, _tied(), SCORES, wrong)
    return "a loss or an accuracy, and a failed trial is neither tied nor counted."
