"""What a table of trials says: what mattered, how many trials are enough, which can be told apart.

Every function takes what ``results.trials_table`` returns.
"""

import dataclasses
import math

import numpy as np

from helpers.evaluate import sign_of
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
        if self.trials < TRUSTED_TRIALS:
            return (
                f"Do not read the bars: {score}; fewer than {TRUSTED_TRIALS} trials say too little."
            )
        if not self.trusted:
            return (
                f"Do not read the bars: {score}; the surrogate predicts no score worth explaining."
            )
        return f"The bars can be read: {score}."


def encode(table, *, seed=1):
    """Hyperparameters as numbers, for a surrogate model.

    Numbers, numeric choices and Booleans become one column, log-sampled ones their logarithm (a
    forest does not care, other models do), other choices one column a value. An inactive value
    becomes one drawn from the trials in which it is active: its column then says nothing about
    whether it was active, which only the column of its parent may say. A code of its own for
    "inactive" would let a surrogate read the parent from its children, and the parent would look
    unimportant.

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

    space = table.attrs.get("space", {})
    rng = np.random.default_rng(seed)
    encoded = {}
    for name in hyperparameters(table):
        values = table[name].astype(object)
        config = space.get(name, {}).get("config", {})
        active = values.dropna()
        if active.nunique() < 2:
            continue
        inactive = values.isna().to_numpy()
        if inactive.any():
            values[inactive] = rng.choice(active.to_numpy(), inactive.sum())
        if all(isinstance(value, (bool, int, float, np.number, np.bool_)) for value in active):
            numbers = pd.to_numeric(values).astype(float)
            if config.get("sampling") == "log" and (numbers > 0).all():
                numbers = np.log(numbers)
            encoded[name] = numbers.to_numpy()[:, None]
        else:
            encoded[name] = pd.get_dummies(values).to_numpy(dtype=float)
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
    counts = {name: int(rows[name].notna().sum()) for name in encoded}
    rare = [name for name in encoded if counts[name] < RARE_TRIALS]
    encoded = {name: columns for name, columns in encoded.items() if name not in rare}
    score = rows["score"].to_numpy()
    total = float(np.sum((score - score.mean()) ** 2))
    if not encoded or total == 0 or len(rows) < 5:
        raise ValueError(
            "Nothing to explain: no hyperparameter varies in enough trials, or all scores are "
            "equal or infinite. Importance needs 5 trials that differ."
        )
    names = list(encoded)
    x = np.hstack([encoded[name] for name in names])
    groups = np.repeat(names, [encoded[name].shape[1] for name in names])
    rng = np.random.default_rng(seed)
    error = 0.0
    lost = {name: np.zeros(repeats) for name in names}
    for train, held_out in KFold(min(folds, len(rows)), shuffle=True, random_state=seed).split(x):
        forest = RandomForestRegressor(100, random_state=seed).fit(x[train], score[train])
        squared = np.sum((forest.predict(x[held_out]) - score[held_out]) ** 2)
        error += squared
        for name in names:
            active = np.flatnonzero(rows[name].iloc[held_out].notna())
            shuffled = np.tile(x[held_out], (repeats, 1, 1))
            for copy in shuffled:
                copy[np.ix_(active, groups == name)] = copy[
                    np.ix_(rng.permutation(active), groups == name)
                ]
            predicted = forest.predict(shuffled.reshape(-1, x.shape[1])).reshape(repeats, -1)
            lost[name] += np.sum((predicted - score[held_out]) ** 2, axis=1) - squared
    found = pd.DataFrame(
        {
            "hyperparameter": names + rare,
            "importance": [lost[name].mean() / total for name in names] + [math.nan] * len(rare),
            "spread": [lost[name].std() / total for name in names] + [math.nan] * len(rare),
            "active": [counts[name] for name in names + rare],
        }
    ).sort_values("importance", ascending=False, ignore_index=True)
    return Importance(found, 1 - error / total, len(rows))


def _fraction(fraction):
    if isinstance(fraction, bool) or not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction!r}; it must lie between 0 and 1: 0.05 is 5 %.")
    return float(fraction)


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
    return 1 - (1 - _fraction(fraction)) ** np.asarray(trials)


def trials_needed(probability=0.95, fraction=0.05):
    """The smallest number of random trials that reaches the best fraction with a probability."""
    probability = _fraction(probability)
    return math.ceil(math.log(1 - probability) / math.log(1 - _fraction(fraction)))


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
    good = max(1, round(_fraction(fraction) * len(scores)))
    threshold = np.sort(scores)[good - 1]
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(scores, (draws, 1)), axis=1)
    best = np.minimum.accumulate(orders, axis=1)
    trials = np.arange(1, len(scores) + 1)
    ends = sign * np.quantile(best, [0.05, 0.95], axis=0)
    return pd.DataFrame(
        {
            "trials": trials,
            "theory": top_fraction_probability(trials, good / len(scores))
            if good < len(scores)
            else np.ones(len(scores)),
            "resampled": np.mean(best <= threshold, axis=0),
            "best": sign * best.mean(axis=0),
            "low": ends.min(axis=0),
            "high": ends.max(axis=0),
        }
    )


def _choices(config, kind):
    """How many values a hyperparameter can take, and the values when they can be listed."""
    if kind == "Fixed":
        return [config["value"]]
    if kind == "Boolean":
        return [False, True]
    if kind == "Choice":
        return list(config["values"])
    low, high, step = config["min_value"], config["max_value"], config.get("step")
    log = config.get("sampling") in ("log", "reverse_log")
    if kind == "Int" and not (log and step):
        return list(range(low, high + 1, int(step or 1)))
    if not step:
        return None
    if log:
        return [low * step**k for k in range(int(math.log(high / low, step) + 1e-8) + 1)]
    return [low + step * k for k in range(int((high - low) / step + 1e-8) + 1)]


def space_size(hp):
    """How many different configurations a search space has.

    Args:
        hp: a ``keras_tuner.HyperParameters`` that the build function has filled, a tuner, or a list
            of definitions as in trial.json. A conditional hyperparameter counts where it is active.

    Returns:
        An int, or ``math.inf`` when a Float without a step is among them.
    """
    oracle = getattr(hp, "oracle", None)
    hp = hp if oracle is None else oracle.get_space()
    space = hp if isinstance(hp, (list, tuple)) else hp.get_config()["space"]
    parents = {
        condition["config"]["name"] for item in space for condition in item["config"]["conditions"]
    }

    def count(index, chosen):
        if index == len(space):
            return 1
        config = space[index]["config"]
        for condition in config["conditions"]:
            parent = condition["config"]
            if chosen.get(parent["name"]) not in parent["values"]:
                return count(index + 1, chosen)
        values = _choices(config, space[index]["class_name"])
        if values is None:
            return math.inf
        if config["name"] in parents:
            return sum(count(index + 1, chosen | {config["name"]: value}) for value in values)
        return len(values) * count(index + 1, chosen)

    return count(0, {})


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

    if isinstance(noise, bool) or not np.isfinite(noise) or noise < 0:
        raise ValueError(f"noise is {noise!r}; it is a standard deviation: 0 or more.")
    if runs is not None and runs < 2:
        raise ValueError(f"runs is {runs}; a standard deviation needs at least 2 seeds.")
    rows = ranked(table, direction)
    tail = 0.5 + _fraction(level) / 2
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
        The completed trials, cheapest first, with the new column pareto (a Boolean).

    Raises:
        ValueError: the table has no such column, or a completed trial has no cost.
    """
    if cost not in table:
        raise ValueError(
            f"The table has no column {cost!r}: add it, as in table[{cost!r}] = [...], one number "
            "a trial."
        )
    rows = completed(table)
    if rows[cost].isna().any():
        names = ", ".join(rows.loc[rows[cost].isna(), "trial"])
        raise ValueError(f"The column {cost!r} is empty for the completed trials {names}.")
    rows = rows.assign(_loss=sign_of(direction) * rows["score"])
    rows = rows.sort_values([cost, "_loss"], kind="stable").reset_index(drop=True)
    points = rows[[cost, "_loss"]].to_numpy(float)
    beaten = [
        bool(np.any((points <= one).all(axis=1) & (points < one).any(axis=1))) for one in points
    ]
    return rows.drop(columns="_loss").assign(pareto=np.logical_not(beaten))
