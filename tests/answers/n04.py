"""Plausible wrong answers to the exercises of notebook 04, each with a hint of its own."""

import numpy as np

from helpers import insight


def _ranked_first(scores):
    return scores.dropna().sort_values().cummin().tolist()


def _as_a_loop_with_zero(scores):
    best, found = np.inf, []
    for score in scores:
        best = min(best, 0 if np.isnan(score) else score)
        found.append(best)
    return found


def _tied(limit=None, sign=None, tied=None, rows=None):
    """A ``tied`` with one of its steps made in another way."""

    def ids(table, noise, direction):
        done = rows(table) if rows else table[table["status"] == "COMPLETED"]
        number = (1 if direction == "min" else -1) if sign is None else sign
        difference = number * done["score"] - (number * done["score"]).min()
        most = limit(noise, done) if limit else insight.luck(noise, len(done))
        return done["trial"][tied(difference, most) if tied else difference <= most].tolist()

    return ids


def _no_sign(table, noise, direction):
    done = table[table["status"] == "COMPLETED"]
    best = done["score"].min() if direction == "min" else done["score"].max()
    return list(done["trial"][done["score"] - best <= insight.luck(noise, len(done))])


def _nan_is_tied(table, noise, direction):
    sign = 1 if direction == "min" else -1
    difference = sign * table["score"] - (sign * table["score"]).min()
    limit = insight.luck(noise, int(table["score"].notna().sum()))
    return table["trial"][~(difference > limit)]


WRONG = {
    "04-best-so-far": [
        lambda scores: sorted(scores.fillna(9))[:1] * len(scores),
        _ranked_first,
        _as_a_loop_with_zero,
        lambda scores: scores.cummax().ffill(),
        lambda scores: scores.dropna().cummin().to_numpy(),
        lambda scores: np.minimum.accumulate(scores.to_numpy()),
        lambda scores: scores.cummin(),
        lambda scores: scores.min(),
    ],
    "04-tied": [
        _tied(limit=lambda noise, done: 2.7718 * noise),
        _tied(limit=lambda noise, done: 1.96 * noise),
        _tied(limit=lambda noise, done: noise),
        _tied(rows=lambda table: table),
        _tied(sign=1),
        _no_sign,
        _nan_is_tied,
        _tied(tied=lambda difference, most: (difference > 0) & (difference <= most)),
    ],
}
