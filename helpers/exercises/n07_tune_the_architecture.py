"""The exercises of notebook 07."""

import math
import tempfile
from functools import partial

from helpers.exercises import NotAnswered, compare, doubles, expect

NAMES, KINDS = ["activation_1", "activation_2", "activation_3"], ["relu", "elu", "tanh"]
TRIALS = [[(160, 0.8), (40, 0.74), (80, 0.79), (640, 0.81)], [(30, 0.7), (5, 0.5), (99, 0.95)]]


def activations(answer):
    import keras_tuner as kt

    hp = doubles.trial(conv_layers=3, **dict(zip(NAMES, KINDS, strict=True)))
    blocks = answer(hp)
    if blocks is None and not hp.space:
        raise NotAnswered
    with tempfile.TemporaryDirectory() as folder:
        known = kt.RandomSearch(answer, "val_loss", directory=folder).oracle.get_space().space
    ever = {one.name for one in [*known, *hp.space]}
    expect("activation" not in ever, "activation is one name: the blocks that ask for it share it.")
    late = set(NAMES) - {one.name for one in known}
    expect(ever.issuperset(NAMES), f"The space has no {late}. It has {sorted(ever)}.")
    expect(not late, f"Unknown before the first trial: {sorted(late)}. What do they start with?")
    for count in (1, 2, 3):
        hp = doubles.trial(conv_layers=count)
        there = {one.name for one in known if one.name in NAMES and hp.is_active(one)}
        case = f"conv_layers = {count} has {sorted(there)} of the names"
        expect(len(there) <= count, f"{case}: who uses the last?")
        expect(len(there) == count, f"{case}: which are the blocks?")
        expect(count == 3 or len(answer(hp)) < len(blocks), f"{case}, and as many layers as 3.")
    said = [getattr(one, "activation", type(one)).__name__.lower() for one in blocks]
    used = [one for one in said if one in KINDS]
    expect(used == KINDS, f"The trial says {KINDS}, its blocks have {used}.")
    return "three names, known from the start, and only where there is a block."


def fit(answer):
    hp, model = doubles.trial(batch_size=64), doubles.Trained()
    maker = answer() if isinstance(answer, type) else answer
    maker.build(hp)
    declared = {one.name: sorted(one.values) for one in hp.space}  # before fit
    sent = {"validation_data": "images", "epochs": 7, "callbacks": ["one"], "verbose": 0}
    result = maker.fit(hp, model, [0] * 99, [1] * 99, **sent)
    if result is None and not model.calls:
        raise NotAnswered
    expect(model.calls, "fit must call model.fit.")
    expect("batch_size" in declared, "At the start KerasTuner sees build alone: ask there as well.")
    expect(declared["batch_size"] == [16, 32, 64], f"It draws from {declared['batch_size']}.")
    args, given = model.calls[0]
    lost = [name for name in sent if given.get(name) != sent[name]]
    expect(not lost, f"search was given {', '.join(lost)}, and model.fit is not.")
    sizes = [given.get("batch_size"), *args[2:]]
    expect(64 in sizes, f"The trial has the batch size 64, and model.fit gets {sizes[0]}.")
    expect(result is not model, "That is the model. Where does KerasTuner read the score?")
    expect(result is not None, "fit returns nothing, so KerasTuner finds no score.")
    return "declared in build, used in fit, all else handed on."


def _rate(points, size=lambda big, small: math.log2(big / small), pick=max, order=sorted):
    (small, least), *others = order(points)
    return pick((accuracy - least) / size(big, small) for big, accuracy in others)


def rate(answer):
    mistakes = {
        "Count halvings, not parameters: log2.": partial(_rate, size=lambda b, s: b - s),
        "The smallest need not stand first in the list.": partial(_rate, order=list),
        "That is not log2.": partial(_rate, size=lambda b, s: math.log(b / s)),
        "A ratio of 4 is two halvings, not 4.": partial(_rate, size=lambda b, s: b / s),
        "It beats the most accurate alone.": lambda p: _rate([min(p), max(p, key=lambda t: t[1])]),
        "It beats one of the others. It must beat all.": partial(_rate, pick=min),
    }
    compare(answer, _rate, [(one,) for one in TRIALS], mistakes, 6e-4)
    return "the smallest one wins against each of the others, and at no lower rate."
