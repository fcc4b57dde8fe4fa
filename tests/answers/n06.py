"""Plausible wrong answers to the exercises of notebook 06, each with a hint of its own."""

import math

import numpy as np
from scipy import stats


def brackets(longest, factor, skip=0, paid=True, up=math.ceil, ends=math.ceil, end=None):
    total, ends, brackets = 0, ends(1 + math.log(longest, factor)), []
    while longest / factor ** len(brackets) >= 1:
        brackets.append(len(brackets))
    for s in brackets[skip:end]:
        rounds = [(up(ends / (s + 1) * factor**r), up(longest / factor**r)) for r in range(s + 1)]
        for r, (trials, until) in enumerate(rounds):
            resumed = rounds[r + 1][1] if paid and r < s else 0
            total += trials * (until - resumed)
    return total


def sharpest(longest, factor):
    return brackets(longest, factor, skip=-1)


def never_reset(longest, factor):
    total, before, s = 0, 0, 0
    while longest / factor**s >= 1:
        for r in range(s, -1, -1):
            trials = math.ceil(math.ceil(1 + math.log(longest, factor)) / (s + 1) * factor**r)
            until = math.ceil(longest / factor**r)
            total, before = total + trials * (until - before), until
        s += 1
    return total


def unreturned(*case):
    fair()(*case)


def unsearched(kind, hypermodel, budget, max_epochs, executions, settings, images):
    return kind(hypermodel, "val_loss", budget // max_epochs // executions, **settings)


def whole_settings(kind, hypermodel, budget, max_epochs, executions, settings, images):
    tuner = kind(hypermodel, "val_loss", budget // max_epochs // executions, settings=settings)
    tuner.search(**images, epochs=max_epochs)
    return tuner


def whole_images(kind, hypermodel, budget, max_epochs, executions, settings, images):
    tuner = kind(hypermodel, "val_loss", budget // max_epochs // executions, **settings)
    tuner.search(images, epochs=max_epochs)
    return tuner


def fair(trials=lambda b, e, n: b // (e * n), told=True, epochs=lambda e, n: e, callbacks=()):
    def search(kind, hypermodel, budget, max_epochs, executions, settings, images):
        runs = {"executions_per_trial": executions} if told else {}
        limit = trials(budget, max_epochs, executions)
        tuner = kind(hypermodel, objective="val_loss", max_trials=limit, **runs, **settings)
        length = epochs(max_epochs, executions)
        tuner.search(**images, epochs=length, callbacks=list(callbacks), verbose=0)
        return tuner

    return search


class EarlyStopping:
    pass


def verdict(quantile, root=True, ddof=1, sign=1):
    def judge(gains, compared):
        n, mean = len(gains), sign * np.mean(gains)
        half = quantile(n, compared) * np.std(gains, ddof=ddof) / (n**0.5 if root else 1)
        return "not told apart" if abs(mean) <= half else "better" if mean > 0 else "worse"

    return judge


def bonferroni(n, k):
    return stats.t.ppf(1 - 0.025 / k, n - 1)


WRONG = {
    "06-hyperband": [
        lambda longest, factor: longest * math.log(longest, factor) ** 2,
        lambda longest, factor: round(longest * math.log(longest, factor) ** 2),
        lambda longest, factor: brackets(longest, factor, paid=False),
        sharpest,
        lambda longest, factor: brackets(longest, factor, skip=1),
        lambda longest, factor: brackets(longest, factor, up=math.floor),
        lambda longest, factor: brackets(longest, factor, ends=float),
        lambda longest, factor: brackets(longest, factor, end=int(math.log(longest, factor)) + 1),
        never_reset,
    ],
    "06-fair": [
        fair(trials=lambda b, e, n: b // e),
        fair(told=False),
        fair(callbacks=[EarlyStopping()]),
        fair(trials=lambda b, e, n: math.ceil(b / (e * n))),
        fair(trials=lambda b, e, n: b // (e * n) - 1),
        fair(epochs=lambda e, n: e // n),
        fair(trials=lambda b, e, n: b),
        fair(trials=lambda b, e, n: b / (e * n)),
        fair(trials=lambda b, e, n: round(b / (e * n))),
        unreturned,
        unsearched,
        whole_settings,
        whole_images,
    ],
    "06-verdict": [
        verdict(lambda n, k: stats.t.ppf(0.975, n - 1)),
        verdict(bonferroni, root=False),
        verdict(lambda n, k: stats.norm.ppf(1 - 0.025 / k)),
        verdict(lambda n, k: stats.t.ppf(1 - 0.05 / k, n - 1)),
        verdict(bonferroni, ddof=0),
        verdict(bonferroni, sign=-1),
        verdict(lambda n, k: stats.t.ppf(1 - 0.025 / k, n)),
    ],
}
