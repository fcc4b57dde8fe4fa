"""What a table of trials says: what mattered, how many trials are enough, which can be told apart.

Most functions take what ``results.trials_table`` returns.
"""

import dataclasses
import math

import numpy as np

from helpers.evaluate import share, sign_of
from helpers.results import completed, hyperparameters, ranked

TRUSTED_TRIALS = 20
TRUSTED_R2 = 0.3
RARE_TRIALS = 5  # a hyperparameter that is active less often is not judged


@dataclasses.dataclass(frozen=True)
class Importance:
    """How much each hyperparameter matters, and how far that can be trusted.

    Attributes:
        table: a ``pandas.DataFrame`` with the columns hyperparameter, importance (how much of R2 is
            lost when its values are shuffled), spread (standard deviation over shuffles) and active
            (in how many of the trials the hyperparameter was active). Importance and spread are
            NaN where it was active in fewer than 5: too few to say.
        r2: the surrogate's R2 on trials that it has not seen (1 perfect, 0 as good as the mean).
        trials: how many completed trials it learned from.
    """

    table: object
    r2: float
    trials: int

    @property
    def trusted(self):
        """False when the surrogate is too poor, or has too few trials, to read the bars."""
        return self.r2 > TRUSTED_R2 and self.trials >= TRUSTED_TRIALS

    @property
    def sentence(self):
        """What the surrogate's score means for the reader."""
        score = f"R2 = {self.r2:.2f} on unseen trials, from {self.trials} trials"
        if self.trusted:
            return f"The bars can be read: {score}."
        why = "the surrogate predicts no score worth explaining"
        if self.trials < TRUSTED_TRIALS:
            why = f"fewer than {TRUSTED_TRIALS} trials say too little"
        return f"Do not read the bars: {score}; {why}."


def encode(table, *, seed=1):
    """Hyperparameters as numbers, for a forest as surrogate model.

    Numbers, numeric choices and Booleans become one column, other choices one column a value. An
    inactive value becomes one drawn from the trials in which it is active: its column then says
    nothing about whether it was active, which only the column of its parent may say. A code of its
    own for "inactive" would let a surrogate read the parent from its children, and the parent would
    look unimportant.

    Args:
        table: what ``trials_table`` returns.
        seed: seed of the draws.

    Returns:
        A dictionary from the hyperparameter to an array of shape (trials, columns). A
        hyperparameter that never varies where it is active is left out.

    Source: filling inactive values in before a forest sees them: Hutter, Hoos, Leyton-Brown (2014),
    "An efficient approach for assessing hyperparameter importance", ICML (they take defaults).
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    encoded = {}
    for name in hyperparameters(table):
        values = table[name].astype(object)
        active = values.dropna()
        if active.nunique() < 2:
            continue
        inactive = values.isna()
        values[inactive] = rng.choice(active.to_numpy(), inactive.sum())
        values = values.infer_objects()
        numeric = pd.api.types.is_numeric_dtype(values)
        columns = values.to_frame() if numeric else pd.get_dummies(values)
        encoded[name] = columns.to_numpy(dtype=float)
    return encoded


def importance(table, *, seed=1, repeats=20, folds=5):
    """Importance of each hyperparameter, from a random forest fitted to the completed trials.

    The forest predicts the score from the hyperparameters. Its R2 and the importance both come from
    trials that it was not fitted on (cross-validation). The importance of a hyperparameter is what
    R2 loses when its values are shuffled among the trials in which it is active. So one that is
    active in few trials can explain little of the whole, however much it matters there.

    Args:
        table: what ``trials_table`` returns, with at least 5 trials with a finite score.
        seed: seed of the folds, the forest and the shuffles.
        repeats: shuffles a fold.
        folds: number of folds of the cross-validation.

    Returns:
        An ``Importance``, most important hyperparameter first.

    Raises:
        ValueError: fewer than 5 completed trials, no hyperparameter that varies, equal scores.

    Source: Breiman (2001), "Random forests", Machine Learning 45; the idea of a forest as surrogate
    of a search: Hutter, Hoos, Leyton-Brown (2014), "An efficient approach for assessing
    hyperparameter importance", ICML.
    """
    import pandas as pd
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold

    rows = completed(table, need=5)
    rows = rows[np.isfinite(rows["score"])]
    encoded = encode(rows)
    active = rows[list(encoded)].notna()
    counts = active.sum()
    names = [name for name in encoded if counts[name] >= RARE_TRIALS]
    score = rows["score"].to_numpy()
    total = float(np.sum((score - score.mean()) ** 2))
    if not names or total == 0 or len(rows) < 5:
        raise ValueError("Importance needs a hyperparameter that varies and 5 scores that differ.")
    x = np.hstack([encoded[name] for name in names])
    groups = np.repeat(names, [encoded[name].shape[1] for name in names])
    rng = np.random.default_rng(seed)
    error, lost = 0.0, {name: np.zeros(repeats) for name in names}
    for train, held_out in KFold(min(folds, len(rows)), shuffle=True, random_state=seed).split(x):
        forest = RandomForestRegressor(100, random_state=seed).fit(x[train], score[train])
        squared = np.sum((forest.predict(x[held_out]) - score[held_out]) ** 2)
        error += squared
        for name in names:
            own = np.flatnonzero(groups == name)
            where = np.flatnonzero(active[name].iloc[held_out])
            shuffled = np.tile(x[held_out], (repeats, 1, 1))
            for copy in shuffled:
                copy[np.ix_(where, own)] = copy[np.ix_(rng.permutation(where), own)]
            predicted = forest.predict(shuffled.reshape(-1, x.shape[1])).reshape(repeats, -1)
            lost[name] += np.sum((predicted - score[held_out]) ** 2, axis=1) - squared
    lost = pd.DataFrame(lost) / total
    found = pd.DataFrame({"importance": lost.mean(), "spread": lost.std(ddof=0), "active": counts})
    found = found.sort_values("importance", ascending=False).rename_axis("hyperparameter")
    return Importance(found.reset_index(), 1 - error / total, len(rows))


def top_fraction_probability(trials, fraction=0.05):
    """Probability that the best of ``trials`` random trials is among the best ``fraction`` of all.

    Each random trial misses the best fraction q of the space with probability 1 - q, whatever the
    space looks like, so the probability is 1 - (1 - q) ** trials.

    Args:
        trials: number of trials, or an array of numbers.
        fraction: the share q of the space that counts as good, between 0 and 1.

    Returns:
        A probability, or an array of them.

    Source: random search: Bergstra, Bengio (2012), "Random search for hyper-parameter
    optimization", JMLR 13.
    """
    return 1 - (1 - share("fraction", fraction)) ** np.asarray(trials)


def trials_needed(probability=0.95, fraction=0.05):
    """The smallest number of random trials that reaches the best fraction with a probability."""
    missed = 1 - share("probability", probability)
    return math.ceil(math.log(missed) / math.log(1 - share("fraction", fraction)))


def top_fraction_curve(table, fraction=0.05, *, direction="min", draws=2000, seed=1):
    """How good a random search of 1, 2, … trials is, by shuffling the order of recorded trials.

    Args:
        table: what ``trials_table`` returns; its completed trials are one random sample.
        fraction: the share of trials that counts as good; at least one trial does.
        direction: "min" when a lower score is better, else "max".
        draws: how many random orders.
        seed: seed of the orders.

    Returns:
        A ``pandas.DataFrame`` with the columns trials, theory (1 - (1 - q) ** trials with q = good
        trials / all trials), resampled (share of orders that have met a good trial), best (mean
        of the best score so far), low and high (its 5th and 95th percentile).
    """
    import pandas as pd

    sign = sign_of(direction)
    scores = sign * completed(table, need=2)["score"].to_numpy()
    good = max(1, round(share("fraction", fraction) * len(scores)))
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(scores, (draws, 1)), axis=1)
    best = np.minimum.accumulate(orders, axis=1)
    low, high = np.sort(sign * np.quantile(best, [0.05, 0.95], axis=0), axis=0)
    curve = pd.DataFrame({"trials": np.arange(1, len(scores) + 1)})
    return curve.assign(
        theory=1 - (1 - good / len(scores)) ** curve["trials"],
        resampled=np.mean(best <= np.sort(scores)[good - 1], axis=0),
        best=sign * best.mean(axis=0),
        low=low,
        high=high,
    )


def space_size(space):
    """How many different configurations a search space has.

    Args:
        space: a ``keras_tuner.HyperParameters`` that the build function has filled, a tuner, what
            ``results.space`` returns, or a list of such definitions. A conditional hyperparameter
            counts where it is active.

    Returns:
        An int, or ``math.inf`` when a Float without a step is among them.
    """
    import keras_tuner as kt

    oracle = getattr(space, "oracle", None)
    space = oracle.get_space() if oracle else space
    if not isinstance(space, kt.HyperParameters):
        space = list(space.values()) if isinstance(space, dict) else space
        space = kt.HyperParameters.from_config({"space": space, "values": {}})
    parents = {condition.name for one in space.space for condition in one.conditions}

    def count(rest, chosen):
        if not rest:
            return 1
        one, *rest = rest
        if not all(condition.is_active(chosen) for condition in one.conditions):
            return count(rest, chosen)
        if getattr(one, "step", 1) is not None:
            values = list(one.values)
        elif isinstance(one.min_value, float):
            return math.inf
        else:  # an Int drawn from a logarithmic scale
            values = range(one.min_value, one.max_value + 1)
        if one.name in parents:
            return sum(count(rest, chosen | {one.name: value}) for value in values)
        return len(values) * count(rest, chosen)

    return count(space.space, {})


def told_apart(table, noise, *, runs=None, level=0.95, direction="min"):
    """Which trials can be told apart from the best one, given the noise between seeds.

    Two single runs of equally good models differ by noise times the square root of 2, so a trial is
    told apart when it is further from the best than the quantile of that. The best was chosen
    because it looked best, which makes the test too ready to tell apart rather than too slow.

    Args:
        table: what ``trials_table`` returns.
        noise: standard deviation of the score of one model between seeds, in the score's unit.
        runs: how many seeds the noise was measured with (Student's t); None takes it as known.
        level: confidence level, between 0 and 1.
        direction: "min" when a lower score is better, else "max".

    Returns:
        The completed trials, best first, with the new columns difference (to the best, 0 or more)
        and told_apart (a Boolean). ``attrs["limit"]`` is the smallest difference told apart.
    """
    from scipy import stats

    if not noise >= 0 or (runs is not None and runs < 2):
        raise ValueError(f"noise is {noise!r} of {runs} runs: a standard deviation needs 2 or more")
    rows = ranked(table, direction)
    tail = 0.5 + share("level", level) / 2
    quantile = stats.norm.ppf(tail) if runs is None else stats.t.ppf(tail, runs - 1)
    limit = float(quantile * math.sqrt(2) * noise)
    rows["difference"] = sign_of(direction) * (rows["score"] - rows["score"].iloc[0])
    rows["told_apart"] = rows["difference"] > limit
    rows.attrs["limit"] = limit
    return rows


def pareto(table, cost="parameters", *, direction="min"):
    """Mark the trials that no other trial beats in score and cost at once.

    A trial is beaten (dominated) by one that is at least as good in both and better in one; those
    that nobody beats are the Pareto front.

    Args:
        table: what ``trials_table`` returns, with one more column, the cost (less is better).
        cost: name of that column, for example the number of parameters.
        direction: "min" when a lower score is better, else "max".

    Returns:
        The completed trials that have a cost, cheapest first, with the new column pareto (a
        Boolean).
    """
    rows = completed(table).dropna(subset=cost)
    points = np.column_stack([rows[cost], sign_of(direction) * rows["score"]]).astype(float)
    order = np.lexsort(points.T[::-1])
    rows, points = rows.iloc[order].reset_index(drop=True), points[order]
    beaten = [np.any((points <= one).all(axis=1) & (points < one).any(axis=1)) for one in points]
    return rows.assign(pareto=np.logical_not(beaten))
