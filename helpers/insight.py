"""What a table of trials says: what mattered, how large its space is, which can be told apart."""

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
            (in how many trials). Importance and spread are NaN where that is fewer than 5.
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
    """Hyperparameters as numbers, one column each, without those that never vary where active.

    An inactive value becomes one drawn from the trials in which it is active. A code of its own
    would let a surrogate read the parent from its children, and the parent would look unimportant.

    Source: filling inactive values in before a forest sees them: Hutter, Hoos, Leyton-Brown (2014),
    "An efficient approach for assessing hyperparameter importance", ICML (they take defaults).
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    encoded = {}
    for name in hyperparameters(table):
        values = table[name].astype(object)
        active = values.dropna()
        if active.nunique() > 1:
            values[values.isna()] = rng.choice(active.to_numpy(), values.isna().sum())
            values = values.infer_objects()
            numeric = pd.api.types.is_numeric_dtype(values)
            encoded[name] = values if numeric else pd.factorize(values)[0]
    return pd.DataFrame(encoded, index=table.index, dtype=float)


def importance(table, *, seed=1, repeats=20, folds=5):
    """Importance of each hyperparameter, from a random forest fitted to the completed trials.

    The forest predicts the score from the hyperparameters. Its R2 and the importance both come from
    trials that it was not fitted on (cross-validation). The importance of a hyperparameter is what
    R2 loses when its values are shuffled among the trials in which it is active, ``repeats`` times
    a fold. So one that is active in few trials can explain little of the whole.

    Returns:
        An ``Importance``, most important hyperparameter first.

    Raises:
        ValueError: fewer than 5 completed trials, no hyperparameter that varies, equal scores.

    Source: Breiman (2001), "Random forests", Machine Learning 45; a forest as surrogate of a
    search: Hutter, Hoos, Leyton-Brown (2014), see ``encode``.
    """
    import pandas as pd
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold

    rows = completed(table, need=5)
    rows = rows[np.isfinite(rows["score"])]
    encoded = encode(rows)
    active = rows[encoded.columns].notna()
    counts = active.sum()
    names = [name for name in encoded if counts[name] >= RARE_TRIALS]
    x, score = encoded[names].to_numpy(), rows["score"].to_numpy()
    total = float(np.sum((score - score.mean()) ** 2))
    if not names or total == 0:
        raise ValueError("Importance needs a hyperparameter that varies and scores that differ.")
    rng = np.random.default_rng(seed)
    error, lost = 0.0, np.zeros((repeats, len(names)))
    for train, held_out in KFold(min(folds, len(rows)), shuffle=True, random_state=seed).split(x):
        forest = RandomForestRegressor(100, random_state=seed).fit(x[train], score[train])
        squared = np.sum((forest.predict(x[held_out]) - score[held_out]) ** 2)
        error += squared
        for column, name in enumerate(names):
            where = np.flatnonzero(active[name].iloc[held_out])
            shuffled = np.tile(x[held_out], (repeats, 1, 1))
            for copy in shuffled:
                copy[where, column] = copy[rng.permutation(where), column]
            predicted = forest.predict(shuffled.reshape(-1, len(names))).reshape(repeats, -1)
            lost[:, column] += np.sum((predicted - score[held_out]) ** 2, axis=1) - squared
    lost = pd.DataFrame(lost / total, columns=names)
    found = pd.DataFrame({"importance": lost.mean(), "spread": lost.std(ddof=0), "active": counts})
    found = found.sort_values("importance", ascending=False).rename_axis("hyperparameter")
    return Importance(found.reset_index(), 1 - error / total, len(rows))


def space_size(space):
    """How many different configurations a search space has; ``math.inf`` with a stepless Float.

    Args:
        space: a tuner, or a ``keras_tuner.HyperParameters`` that the build function has filled. A
            conditional hyperparameter counts where it is active.
    """
    space = space.oracle.get_space() if hasattr(space, "oracle") else space
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
        table: what ``results.trials_table`` returns.
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
