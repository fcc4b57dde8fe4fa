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
            lost when its values are shuffled, mean over resamples), spread (standard deviation over
            resamples), first (share of resamples in which it is the largest) and active (in how
            many trials). Importance and spread are NaN where that is fewer than 5.
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
        """What the surrogate's score means for the reader, and how sure the first place is."""
        score = f"R2 = {self.r2:.2f} on unseen trials, from {self.trials} trials"
        if self.trusted:
            top = self.table.iloc[0]
            order = f"{top['hyperparameter']} comes first in {top['first']:.0%} of the resamples"
            return f"The bars can be read: {score}. {order}."
        why = "too few" if self.trials < TRUSTED_TRIALS else "too poor a surrogate"
        return f"Do not read the bars: {score}; that is {why}."


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


def importance(table, *, seed=1, resamples=50, shuffles=5):
    """Importance of each hyperparameter, from random forests fitted to the completed trials.

    A forest predicts the score from the hyperparameters. Each resample draws one trial less than
    there are, with replacement, fits a forest and asks it about the trials that were not drawn.
    From those come its R2 and the importance of a hyperparameter: what R2 loses when its values are
    shuffled. (Where it is inactive it has random values, so it can explain little of the whole when
    it is active in few trials.) The spread over resamples says what other trials would have said,
    a little too much of it, as a resample holds fewer different ones.

    Returns:
        An ``Importance``, most important hyperparameter first.

    Raises:
        ValueError: fewer than 5 completed trials, no hyperparameter that varies, equal scores.

    Source: Breiman (2001), "Random forests", Machine Learning 45; a forest as surrogate of a
    search: Hutter, Hoos, Leyton-Brown (2014), see ``encode``.
    """
    import pandas as pd
    from sklearn.ensemble import RandomForestRegressor

    rows = completed(table[np.isfinite(table["score"])], need=5)
    encoded = encode(rows)
    active = rows[encoded.columns].notna().sum()
    names = [name for name in encoded if active[name] >= RARE_TRIALS]
    x, score = encoded[names].to_numpy(), rows["score"].to_numpy()
    if not names or np.ptp(score) == 0:
        raise ValueError("Importance needs a hyperparameter that varies and scores that differ.")
    rng, errors = np.random.default_rng(seed), []
    for number in range(resamples):
        drawn = rng.integers(len(x), size=len(x) - 1)
        unseen = np.setdiff1d(np.arange(len(x)), drawn)
        forest = RandomForestRegressor(50, random_state=number).fit(x[drawn], score[drawn])
        asked = np.tile(x[unseen], (1 + len(names), shuffles, 1))  # the first one stays as it is
        for i in range(len(names)):
            asked[i + 1, :, i] = rng.permutation(asked[i + 1, :, i])
        predicted = forest.predict(asked.reshape(-1, len(names))).reshape(1 + len(names), -1)
        errors.append(np.mean((predicted - np.tile(score[unseen], shuffles)) ** 2, axis=1))
    errors = np.array(errors) / score.var()
    lost = pd.DataFrame(errors[:, 1:] - errors[:, :1], columns=names)
    first = lost.idxmax(axis=1).value_counts(normalize=True).reindex(active.index, fill_value=0.0)
    found = {"importance": lost.mean(), "spread": lost.std(), "first": first, "active": active}
    found = pd.DataFrame(found).sort_values("importance", ascending=False)
    r2 = float(1 - errors[:, 0].mean())
    return Importance(found.reset_index(names="hyperparameter"), r2, len(rows))


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


def luck(noise, models=2, *, runs=None, level=0.95):
    """The difference that luck alone explains between the best and the worst of equal models.

    Of so many equally good models, trained once each, the scores differ by more with a probability
    of 1 - level only: a quantile of the studentized range. For two models it is Student's t times
    the square root of 2. The noise is taken to be the same for all.

    Args:
        noise: standard deviation of the score of one model between seeds, in the score's unit.
        models: how many were trained; of a search, all its trials, as any could look best.
        runs: how many seeds the noise was measured with; None takes it as known. Of several models
            together, 1 more than their degrees of freedom.
        level: confidence level, between 0 and 1.

    Source: Tukey (1953), "The problem of multiple comparisons", in Collected Works VIII (1994).
    """
    from scipy import stats

    if not noise >= 0 or (runs is not None and runs < 2):
        raise ValueError(f"noise is {noise!r} of {runs} runs: a standard deviation needs 2 or more")
    freedom = runs - 1 if runs else math.inf
    return float(noise * stats.studentized_range.ppf(share("level", level), models, freedom))


def told_apart(table, noise, *, direction="min", **options):
    """Which trials can be told apart from the best one, given the noise between seeds.

    The best was chosen because it looked best. So a trial is told apart when it is further from it
    than ``luck`` explains among all trials of the table.

    Args:
        table: what ``results.trials_table`` returns.
        noise: see ``luck``.
        direction: "min" when a lower score is better, else "max".
        options: runs and level, see ``luck``.

    Returns:
        The completed trials, best first, with the new columns difference (to the best, 0 or more)
        and told_apart (a Boolean).
    """
    rows = ranked(table, direction)
    difference = sign_of(direction) * (rows["score"] - rows["score"].iloc[0])
    limit = luck(noise, max(2, len(rows)), **options)
    return rows.assign(difference=difference, told_apart=difference > limit)
