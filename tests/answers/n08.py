"""Plausible wrong answers to the exercises of notebook 08, each with a hint of its own."""

import keras_tuner as kt
import numpy as np


def clean(values):
    return np.nan_to_num(values, nan=np.inf)


def behind(middle=np.median, sign=1, waits=True, mine=clean, theirs=clean, wait_more=0):
    def stop(value, earlier, wait):
        if waits and len(earlier) < wait + wait_more:
            return False
        return sign * mine(value) > sign * middle(theirs(earlier))

    return stop


def asis(values):
    return np.asarray(values, dtype=float)


def zeros(values):
    return np.nan_to_num(values)


def no_worse(value, earlier, wait):
    return len(earlier) >= wait and clean(value) >= np.median(clean(earlier))


def among_them(value, earlier, wait):
    return len(earlier) >= wait and clean(value) > np.median(clean([value, *earlier]))


def lower(values):
    return sorted(values)[(len(values) - 1) // 2]


def possible(one, value):
    if isinstance(one, kt.engine.hyperparameters.Float):
        return one.min_value <= value <= one.max_value
    return value in one.values


class Right(kt.oracles.RandomSearchOracle):
    def __init__(self, known=(), **kwargs):
        super().__init__(**kwargs)
        self.known, self.count = list(known), 0

    def number(self, trial_id):
        return int(trial_id)

    def fill(self, one):
        return one.default

    def check(self, one, value):
        if not possible(one, value):
            raise ValueError(f"{one.name} cannot be {value}")

    def complete(self, known):
        values = {one.name: known.get(one.name, self.fill(one)) for one in self.get_space().space}
        for one in self.get_space().space:
            self.check(one, values[one.name])
        return values

    def populate_space(self, trial_id):
        number = self.number(trial_id)
        if number < len(self.known):
            return {"status": "RUNNING", "values": self.complete(self.known[number])}
        return super().populate_space(trial_id)


class Truthy(Right):
    def complete(self, known):
        return super().complete({name: one for name, one in known.items() if one})


class Counter(Right):
    def number(self, trial_id):
        self.count += 1
        return self.count - 1


class Gaps(Right):
    def complete(self, known):
        super().complete(known)
        return dict(known)


class Drawn(Right):
    def fill(self, one):
        return one.random_sample(1)


class Anything(Right):
    def check(self, one, value):
        pass


class Ends(Right):
    def check(self, one, value):
        if hasattr(one, "max_value") and not one.min_value <= value <= one.max_value:
            raise ValueError(one.name)


class Samples(Right):
    def check(self, one, value):
        if value not in one.values:
            raise ValueError(one.name)


class Forever(Right):
    def number(self, trial_id):
        return min(int(trial_id), len(self.known) - 1)


WRONG = {
    "08-median": [
        behind(sign=-1),
        behind(waits=False),
        behind(middle=np.min),
        behind(middle=np.mean),
        behind(mine=asis),
        behind(mine=asis, theirs=asis),
        behind(middle=np.nanmedian, theirs=asis),
        behind(middle=np.nanmedian, mine=asis, theirs=asis),
        behind(mine=zeros, theirs=zeros),
        behind(middle=lower),
        behind(wait_more=1),
        no_worse,
        among_them,
    ],
    "08-known": [Truthy, Counter, Gaps, Drawn, Anything, Ends, Samples, Forever],
}
