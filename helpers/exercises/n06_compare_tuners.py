"""The exercises of notebook 06."""

import math
from functools import partial

import numpy as np
from scipy.special import stdtrit  # quantiles of Student's t

from helpers.exercises import compare, doubles, expect

LONG = [(20, 3), (20, 4), (50, 3), (7, 2), (100, 4), (243, 3)]  # log(243, 3) is 4.9999…
GAINS = np.array([0.0124, -0.0076, 0.0057, -0.0124, 0.0019])  # mean 0, standard deviation 0.01
MEANS = [(1, 4), (1.2, 4), (1.5, 4), (1.65, 4), (1.8, 4), (2.4, 4), (-2.4, 4), (-1.5, 1)]
CLOSE = [(1.13, 1), (2.19, 10)]  # tell n degrees of freedom from a sum divided by n


def _epochs(
    longest, factor, part=slice(9), again=False, up=math.ceil, ends=math.ceil, anew=1, near=1e-9
):
    log, total, before = math.log(longest, factor), 0, 0
    for s in range(int(log + near) + 1)[part]:
        before = 0 if anew else before
        for r in range(s, -1, -1):
            until = up(longest / factor**r)
            total += up(ends(1 + log) / (s + 1) * factor**r) * (until - before)
            before = 0 if again else until
    return total


def hyperband(answer):
    mistakes = {
        "That is the formula. It leaves out the rounding.": lambda m, f: m * math.log(m, f) ** 2,
        "That is the formula, rounded. Count.": lambda m, f: round(m * math.log(m, f) ** 2),
        "A promoted trial goes on: its first epochs are paid.": partial(_epochs, again=True),
        "That is one bracket, the sharpest.": partial(_epochs, part=slice(-1, None)),
        "Bracket 0, all to the end, is missing.": partial(_epochs, part=slice(1, None)),
        "KerasTuner rounds up, trials and epochs.": partial(_epochs, up=int),
        "E is rounded up as well.": partial(_epochs, ends=float),
        "A new bracket has new trials, which begin at epoch 0.": partial(_epochs, anew=False),
        "math.log(243, 3) is 4.9999…, and int makes it 4.": partial(_epochs, near=0),
    }
    compare(answer, _epochs, LONG, mistakes)
    return "all brackets, each epoch once."


def fair(answer):
    for budget, longest, runs in ((30, 4, 3), (48, 5, 2)):
        returned, given, more = doubles.search(answer, budget, longest, runs)
        case = f"Budget {budget}, {longest} epochs, {runs} executions:"
        early = any("Early" in type(one).__name__ for one in more.get("callbacks") or ())
        expect(not early, "Early stopping gives epochs back, to one search more than to another.")
        many, trials = given["executions_per_trial"], given["max_trials"]
        expect(more["epochs"] == longest, f"{case} search trains for {more['epochs']} epochs.")
        expect(many == runs, f"{case} each trial is trained {many} times. Who must be told?")
        expect(trials == int(trials), f"{case} {trials} trials? Only whole ones can be trained.")
        paid = f"{case} {trials} x {runs} x {longest} = {trials * runs * longest} epochs."
        expect(trials <= budget / runs / longest, f"{paid} That is over the budget.")
        expect(trials > budget / runs / longest - 1, f"{paid} Another one would have fitted.")
        expect(returned, "fair_search returns no tuner, so nobody can ask for its results.")
    return "as many trials as the budget pays for, every execution counted."


def _verdict(gains, compared, sides=2, ddof=1, root=0.5, sign=1, df=-1):
    chance, n, mean = 1 - 0.05 / sides / compared, len(gains), sign * gains.mean()
    half = stdtrit(n + df, chance) * gains.std(ddof=ddof) / n**root
    return "better" if mean > half else "worse" if mean < -half else "not told apart"


def verdict(answer):
    mistakes = {
        "Each of several intervals may miss in 5 % of the races.": lambda g, n: _verdict(g, 1),
        "A mean of n gains goes astray by sd / √n.": partial(_verdict, root=0),
        "The sd is estimated from few seeds: Student's t.": partial(_verdict, df=1e6),
        "An interval has two ends, each with half of the 5 %.": partial(_verdict, sides=1),
        "The sd of a sample: divide by n - 1.": partial(_verdict, ddof=0),
        "The mean uses up one degree of freedom.": partial(_verdict, df=0),
        "A gain is positive where the tuner beats random search.": partial(_verdict, sign=-1),
    }
    compare(answer, _verdict, [(GAINS + 0.01 * mean, n) for mean, n in MEANS + CLOSE], mistakes)
    return "each interval gets its share of the 5 %."
