"""How often the intervals that the notebooks print cover the truth, beside what they state.

    python -m tools.simulate [experiments, 10000 unless told]

The rules that stand in cells of notebooks 01, 05 and 06 are run from there. About five minutes.
"""

import sys
import types

import nbformat
import numpy as np
import pandas as pd
from scipy import stats

from helpers import evaluate, rerun


def from_cell(notebook, cell_id, **names):
    """What one cell of a notebook defines, by name, when it finds ``names`` defined before it."""
    (path,) = [path for name, path in rerun.available().items() if name.startswith(notebook)]
    (source,) = [c.source for c in nbformat.read(path, as_version=4).cells if c.id == cell_id]
    exec(source, names)
    return types.SimpleNamespace(**names)


luck = from_cell("01", "noise-rule", np=np).luck
lucks = from_cell("05", "test-lucks", np=np, evaluate=evaluate).lucks
race = pd.DataFrame({"RandomSearch": [1.0, 2.0], "other": [2.0, 1.0]})
gains = from_cell("06", "gains", pd=pd, stats=stats, own=race).gains


def answers(rng, seeds, images):
    """Right or wrong of two equally good kinds of model: (kind, seed, image), 3 in 4 right."""
    ease = 1.6 + 2 * rng.normal(size=images) + 0.2 * rng.normal(size=(2, seeds, 1))
    return ease + rng.logistic(size=(2, seeds, images)) > 0


def wilson(rng, share, n):
    """The interval of one accuracy."""
    found = evaluate.accuracy_interval(int(rng.binomial(n, share)), n)
    return found.low <= share <= found.high


def mean(rng, n):
    """The interval of a mean over seeds, paired differences among them."""
    found = evaluate.paired_difference(*rng.normal(size=(2, n)))
    return found.low <= 0 <= found.high


def two_runs(rng, n):
    """Whether two new runs of one model differ by less than 01's rule says."""
    return abs(np.subtract(*rng.normal(size=2))) < luck(rng.normal(size=n))


def groups(rng, n):
    """Welch's interval, beside the paired one in 05; one spread is wider than the other."""
    first, second = rng.normal(size=(2, n)) * [[1], [2]]
    low, high = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    return low <= 0 <= high


def same_models(rng, seeds, images):
    """05's interval over images: what the same models are worth on all images there are."""
    everything = answers(rng, seeds, 5 * images)
    low, high = lucks(*everything[..., rng.integers(5 * images, size=images)])["images"]
    return low <= np.subtract(*everything.mean(axis=(1, 2))) <= high


def anew(rng, seeds, images):
    """05's interval over seeds and images: other seeds and other images."""
    low, high = lucks(*answers(rng, seeds, images))["both"]
    return low <= 0 <= high


def together(rng, names, n):
    """Whether all of 06's intervals against one search hold together."""
    table = gains(pd.DataFrame(rng.normal(size=(n, names))), against=0)
    return ((table["low"] <= 0) & (table["high"] >= 0)).all()


CASES = [  # what is simulated, and how much of its 95 % an approximation may lack
    *[(wilson, {"share": p, "n": n}, 0.01) for p, n in ((0.68, 300), (0.75, 2000), (0.95, 100))],
    *[(mean, {"n": n}, 0) for n in (2, 3, 5, 10)],
    *[(two_runs, {"n": n}, 0) for n in (2, 3, 5)],
    *[(groups, {"n": n}, 0.01) for n in (3, 5)],
    *[(same_models, {"seeds": 5, "images": n}, 0.01) for n in (100, 1000)],
    *[(anew, {"seeds": s, "images": n}, 0) for s in (2, 5) for n in (100, 1000)],
    (together, {"names": 5, "n": 5}, 0),
]


def coverage(function, settings, experiments, seed=1):
    """The share of simulated experiments in which the interval holds the truth."""
    rng = np.random.default_rng(seed)
    return float(np.mean([function(rng, **settings) for _ in range(experiments)]))


def least(lacking, experiments):
    """The least share that still agrees with 95 % (four standard errors)."""
    return 0.95 - lacking - 4 * np.sqrt(0.95 * 0.05 / experiments)


def main(experiments=10_000):
    """Print one line per case."""
    for function, settings, _ in CASES:
        text = ", ".join(f"{name} {value}" for name, value in settings.items())
        share = coverage(function, settings, experiments)
        print(f"{share:.3f} of 0.95  {function.__doc__} ({text})", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
