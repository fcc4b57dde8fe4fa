"""Judge models honestly: intervals, paired comparisons, the sentence that follows, a model card."""

import contextlib
import dataclasses
import math
import pathlib

import numpy as np


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean (or share) with its confidence interval.

    Attributes:
        mean: the estimate.
        low, high: ends of the interval, in the unit of the estimate.
        n: how many values it comes from.
        level: confidence level, between 0 and 1.
    """

    mean: float
    low: float
    high: float
    n: int
    level: float

    def __str__(self):
        return (
            f"{self.mean:.3f} ({self.level:.0%} interval {self.low:.3f} to {self.high:.3f}, "
            f"n = {self.n})"
        )


def _level(level):
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise ValueError(f"level is {level!r}; it must lie between 0 and 1, for example 0.95.")
    return float(level)


def _values(values, name="values"):
    try:
        array = np.asarray(list(values), dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a list of numbers, not {values!r}.") from None
    if array.ndim != 1:
        raise ValueError(f"{name} must be one list of numbers, not shape {array.shape}.")
    if not np.all(np.isfinite(array)):
        raise ValueError(
            f"{name} holds a NaN or infinite value: leave failed runs out, and say so."
        )
    return array


def confidence_interval(values, level=0.95):
    """Interval of the mean of a few values, by Student's t distribution.

    Args:
        values: one number a seed (at least two), taken as independent draws.
        level: confidence level, between 0 and 1.

    Returns:
        An ``Interval``.

    Raises:
        ValueError: fewer than two values, or a value that is not finite.

    Source: Student (1908), "The probable error of a mean", Biometrika 6.
    """
    from scipy import stats

    level, array = _level(level), _values(values)
    if len(array) < 2:
        raise ValueError(
            f"An interval needs at least two values and got {len(array)}: train under more seeds."
        )
    mean = float(array.mean())
    half = float(stats.t.ppf(0.5 + level / 2, len(array) - 1) * array.std(ddof=1))
    half /= math.sqrt(len(array))
    return Interval(mean, mean - half, mean + half, len(array), level)


def accuracy_interval(correct, n, level=0.95):
    """Interval of an accuracy that was measured once on n test images, by Wilson's method.

    It covers the luck of which images are in the test set, not the luck of the training seed.

    Args:
        correct: how many images were classified rightly.
        n: how many images there were.
        level: confidence level, between 0 and 1.

    Returns:
        An ``Interval``, always inside 0 to 1.

    Raises:
        ValueError: n is not positive, or correct is not between 0 and n.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22.
    """
    from scipy import stats

    level = _level(level)
    if int(n) != n or n < 1:
        raise ValueError(f"n is {n!r}; it is the number of test images, 1 or more.")
    if int(correct) != correct or not 0 <= correct <= n:
        raise ValueError(
            f"correct is {correct!r}; it is a whole number of images between 0 and n = {n}, "
            "not an accuracy."
        )
    n, correct = int(n), int(correct)
    share, z2 = correct / n, float(stats.norm.ppf(0.5 + level / 2)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * share * (1 - share) / n + (z2 / (2 * n)) ** 2) / (1 + z2 / n)
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half), n, level)


def paired_difference(first, second, level=0.95):
    """Mean of first minus second, pair by pair, with its interval (paired t interval).

    Args:
        first, second: one score a seed, the same seeds in the same order.
        level: confidence level, between 0 and 1.

    Returns:
        An ``Interval`` whose n is the number of pairs.

    Raises:
        ValueError: different lengths, or fewer than two pairs.

    Source: Student (1908), "The probable error of a mean", Biometrika 6, whose example is paired.
    """
    first, second = _values(first, "first"), _values(second, "second")
    if len(first) != len(second):
        raise ValueError(
            f"A pair needs both scores: the lists have {len(first)} and {len(second)} values. "
            "Train both models under the same seeds."
        )
    return confidence_interval(first - second, level)


def verdict(difference, first="tuned model", second="baseline", *, score="test accuracy"):
    """The sentence that follows from a paired difference, whichever way it falls.

    Args:
        difference: the ``Interval`` of first minus second; higher is better.
        first, second: names of the two models.
        score: what was measured.

    Returns:
        A sentence that names the difference, its interval and the number of seeds.
    """
    size = (
        f"{abs(difference.mean):.3f}"
        if difference.low > 0 or difference.high < 0
        else f"{difference.mean:+.3f}"
    )
    ends = f"{difference.level:.0%} interval {difference.low:+.3f} to {difference.high:+.3f}"
    seeds = f"Over {difference.n} seeds"
    if difference.low > 0 or difference.high < 0:
        side, word = ("above", "better") if difference.low > 0 else ("below", "worse")
        return (
            f"{seeds} the {first} is {word} than the {second} by {size} in {score} ({ends}): "
            f"the interval lies wholly {side} 0."
        )
    return (
        f"{seeds} the {first} and the {second} cannot be told apart: the mean difference in "
        f"{score} is {size} ({ends}), and the interval covers 0. That does not show that they are "
        "equal; more seeds narrow the interval."
    )


def _score_table(scores):
    """Scores as an array (models, seeds), checked to be paired."""
    if not isinstance(scores, dict) or len(scores) < 2:
        raise ValueError("scores must be {name: [one score a seed, ...]} with two names or more.")
    lists = [_values(values, name) for name, values in scores.items()]
    lengths = {name: len(values) for name, values in zip(scores, lists, strict=True)}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"Every name needs a score under the same seeds, and the numbers differ: {lengths}."
        )
    return np.array(lists)


def sign_of(direction):
    """1 for "min", -1 for "max": the factor by which a lower score becomes the better one."""
    if direction not in ("min", "max"):
        raise ValueError(
            f'direction is {direction!r}; it is "min" (a loss) or "max" (an accuracy).'
        )
    return 1 if direction == "min" else -1


def mean_ranks(scores, *, direction="min", level=0.95):
    """Rank of each model or search within every seed, 1 for the best, and its mean over the seeds.

    Args:
        scores: dictionary from a name to one score a seed, the same seeds in the same order.
        direction: "min" when a lower score is better, else "max".
        level: confidence level of the t interval of the mean rank, cut at 1 and at the number of
            names. Ranks are few and whole, so with a handful of seeds it is a rough one.

    Returns:
        A ``pandas.DataFrame``, best mean rank first, with the columns name, rank, low, high (NaN
        with one seed) and first (in how many seeds it was the best). Equal scores share their rank.

    Raises:
        ValueError: fewer than two names, or unequal numbers of seeds.
    """
    import pandas as pd
    from scipy import stats

    table = _score_table(scores)
    ranks = stats.rankdata(sign_of(direction) * table, axis=0)
    rows = []
    for name, values in zip(scores, ranks, strict=True):
        found = confidence_interval(values, level) if len(values) > 1 else None
        rows.append(
            {
                "name": name,
                "rank": values.mean(),
                "low": max(1.0, found.low) if found else math.nan,
                "high": min(float(len(table)), found.high) if found else math.nan,
                "first": int((values == ranks.min(axis=0)).sum()),
            }
        )
    return pd.DataFrame(rows).sort_values("rank", kind="stable", ignore_index=True)


def any_difference(scores, *, direction="min"):
    """Probability of ranks as unequal as these if all names were equally good (Friedman's test).

    Args:
        scores: as for ``mean_ranks``, with three names or more.
        direction: "min" when a lower score is better, else "max".

    Returns:
        The p value, by the chi-squared approximation, which is rough below ten seeds.

    Source: Friedman (1937), "The use of ranks to avoid the assumption of normality", Journal of the
    American Statistical Association 32; its use for algorithms: Demsar (2006), JMLR 7.
    """
    from scipy import stats

    table = sign_of(direction) * _score_table(scores)
    if len(table) < 3 or table.shape[1] < 2:
        raise ValueError(
            f"This needs three names or more under two seeds or more and got {table.shape}: "
            "paired_difference compares two."
        )
    return float(stats.friedmanchisquare(*table).pvalue)


def paired_table(scores, against, *, direction="min", level=0.95):
    """Every name against one of them, paired by seed, with intervals that hold all together.

    With k comparisons each interval has the level 1 - (1 - level) / k (Bonferroni), so that the
    chance that one of them misses is at most 1 - level.

    Args:
        scores: as for ``mean_ranks``, under two seeds or more.
        against: the name that the others are compared with.
        direction: "min" when a lower score is better, else "max".
        level: confidence level of all the intervals together.

    Returns:
        A ``pandas.DataFrame`` with the columns name, gain (mean over the seeds, positive where the
        name is better than ``against``), low, high and verdict ("better", "worse" or "cannot be
        told apart").

    Raises:
        ValueError: ``against`` is not one of the names; one seed only.

    Source: Dunn (1961), "Multiple comparisons among means", Journal of the American Statistical
    Association 56.
    """
    import pandas as pd

    table = sign_of(direction) * _score_table(scores)
    names = list(scores)
    if against not in names:
        raise ValueError(f"against is {against!r}; it must be one of {', '.join(names)}.")
    each = 1 - (1 - _level(level)) / (len(names) - 1)
    rows = []
    for index, name in enumerate(names):
        if name == against:
            continue
        found = paired_difference(table[names.index(against)], table[index], each)
        word = "better" if found.low > 0 else "worse" if found.high < 0 else "cannot be told apart"
        rows.append(
            {
                "name": name,
                "gain": found.mean,
                "low": found.low,
                "high": found.high,
                "verdict": word,
            }
        )
    return pd.DataFrame(rows)


def best_epoch(history, metric="val_loss", direction=None):
    """The epoch at which a metric was best, counted from 1.

    Args:
        history: what ``fit`` returns, its ``.history``, or a list of one value an epoch.
        metric: name of the metric.
        direction: "min" or "max"; None takes "min" for a name with "loss" or "error" in it.

    Returns:
        The number of the best epoch; the first of several equally good ones.
    """
    values = getattr(history, "history", history)
    if isinstance(values, dict):
        if metric not in values:
            raise ValueError(
                f"The history has no {metric!r}; it has {', '.join(sorted(values))}. "
                "A val_ metric needs validation_data in fit."
            )
        values = values[metric]
    values = np.asarray(values, dtype=float)
    if direction is None:
        direction = "min" if "loss" in metric or "error" in metric else "max"
    sign = sign_of(direction)
    if not np.any(np.isfinite(values)):
        raise ValueError(f"{metric} is NaN in every epoch: this training diverged.")
    return int(np.nanargmin(sign * values)) + 1


def selection_optimism(correct, *, splits=500, seed=1):
    """What picking the best of several models on the test set adds to its reported accuracy.

    Half of the images, drawn at random, pick the best model. Its accuracy on that same half is what
    a report that tuned on the test set would state; its accuracy on the other half is the honest
    one. The mean difference over many random halves is the optimism.

    Args:
        correct: Booleans of shape (models, images): which image each model classified rightly.
        splits: how many random halves.
        seed: seed of the halves.

    Returns:
        A dictionary: reported and honest (mean accuracies) and optimism (their difference).

    Source: the selection bias is described by Cawley, Talbot (2010), "On over-fitting in model
    selection and subsequent selection bias in performance evaluation", JMLR 11.
    """
    correct = np.asarray(correct, dtype=float)
    if correct.ndim != 2 or correct.shape[0] < 2 or correct.shape[1] < 2:
        raise ValueError(
            f"correct has shape {correct.shape}; it needs (models, images), at least 2 of each."
        )
    rng = np.random.default_rng(seed)
    half = correct.shape[1] // 2
    reported, honest = np.zeros(splits), np.zeros(splits)
    for split in range(splits):
        order = rng.permutation(correct.shape[1])
        seen, unseen = correct[:, order[:half]], correct[:, order[half:]]
        picked = int(np.argmax(seen.mean(axis=1)))
        reported[split], honest[split] = seen[picked].mean(), unseen[picked].mean()
    return {
        "reported": float(reported.mean()),
        "honest": float(honest.mean()),
        "optimism": float((reported - honest).mean()),
    }


def versions():
    """Versions of Python and of the packages that decide a result, as a dictionary."""
    import importlib.metadata
    import platform

    found = {"Python": platform.python_version()}
    for name, packages in {
        "TensorFlow": ("tensorflow", "tensorflow-cpu"),
        "Keras": ("keras",),
        "KerasTuner": ("keras-tuner",),
        "NumPy": ("numpy",),
    }.items():
        for package in packages:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found.setdefault(name, importlib.metadata.version(package))
    return found


def _bullets(value):
    if isinstance(value, dict):
        return "\n".join(f"- {name}: {item}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return "\n".join(f"- {item}" for item in value)
    return str(value)


def model_card(
    *,
    name,
    purpose,
    data,
    space,
    budget,
    seed,
    hyperparameters,
    parameters,
    scores,
    verdict,
    limits,
):
    """A short model card in Markdown.

    Args:
        name: name of the model, the title.
        purpose: what it is for, and what not.
        data: dictionary or text: source, licence, numbers of images, digest.
        space: the search space.
        budget: the search's and the refit's budget.
        seed: the seed or seeds.
        hyperparameters: the chosen values, a dictionary.
        parameters: number of trainable parameters of the model.
        scores: dictionary from what was measured to an ``Interval``, number or text.
        verdict: the sentence of ``verdict``.
        limits: list of what is not known or must not be concluded.

    Returns:
        Markdown text; every dictionary or list becomes bullets.

    Raises:
        ValueError: a part is empty: a card with gaps is not a card.

    Source: Mitchell and others (2019), "Model cards for model reporting", FAT* '19.
    """
    parts = {
        "Purpose": purpose,
        "Data": data,
        "Search space": space,
        "Budget": budget,
        "Seed": seed,
        "Chosen hyperparameters": hyperparameters,
        "Trainable parameters": f"{parameters:,}" if isinstance(parameters, int) else parameters,
        "Scores": scores,
        "Comparison": verdict,
        "Limits": limits,
        "Versions": versions(),
    }
    empty = [title for title, value in parts.items() if value is None or value in ("", {}, [], ())]
    if not str(name).strip() or empty:
        raise ValueError(f"The model card has nothing under: {', '.join(empty) or 'name'}.")
    sections = [f"## {title}\n\n{_bullets(value)}" for title, value in parts.items()]
    return "\n\n".join([f"# Model card: {name}", *sections]) + "\n"


def free_path(path, *, overwrite=False):
    """A path at which nothing is lost: the path itself, or the first free numbered one.

    Args:
        path: the wanted path, for example models/best.keras.
        overwrite: True returns the path as it is.

    Returns:
        A ``pathlib.Path``: best.keras, or when that exists best-2.keras, best-3.keras, …; the
        folder above it is made.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted, number = path, 1
    while path.exists() and not overwrite:
        number += 1
        path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return path


def write_model_card(path, text, *, overwrite=False):
    """Write a model card.

    Args:
        path: where to, for example models/best.md.
        text: what ``model_card`` returns.
        overwrite: True replaces a file that is there.

    Returns:
        The path, a ``pathlib.Path``.

    Raises:
        FileExistsError: the file exists and overwrite is False.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(path, "w" if overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise FileExistsError(
            f"{path} exists: choose another name (evaluate.free_path finds one), or overwrite=True."
        ) from None
    return path
