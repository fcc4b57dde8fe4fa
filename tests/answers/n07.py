"""Plausible wrong answers to the exercises of notebook 07, each with a hint of its own."""

import math

KINDS = ["relu", "elu", "tanh"]


def block(filters, activation):
    from keras import layers

    return [layers.Conv2D(filters or 8, 3), layers.Activation(activation), layers.MaxPooling2D(2)]


def blocks(activation):
    """Blocks whose activation is asked for by a function of hp, block number and scope."""

    def build(hp):
        count, found = hp.Int("conv_layers", 1, 3), []
        for i in (1, 2, 3):
            with hp.conditional_scope("conv_layers", list(range(i, 4))):
                filters = hp.Int(f"filters_{i}", 8, 32, step=8)
            chosen = activation(hp, i, count)
            found += block(filters, chosen) if i <= count else []
        return found

    return build


def right(hp, i, count):
    with hp.conditional_scope("conv_layers", list(range(i, 4))):
        return hp.Choice(f"activation_{i}", KINDS)


def plain_loop(hp):
    count = hp.Int("conv_layers", 1, 3)
    asked = [hp.Choice(f"activation_{i}", KINDS) for i in range(1, count + 1)]
    return [layer for one in asked for layer in block(8, one)]


def always_three(hp):
    hp.Int("conv_layers", 1, 3)
    return [layer for i in (1, 2, 3) for layer in block(8, right(hp, i, 3))]


def one_scope(hp, i, count):
    with hp.conditional_scope("conv_layers", [i]):
        return hp.Choice(f"activation_{i}", KINDS)


def unused(hp, i, count):
    right(hp, i, count)
    return "relu"


def stepped(hp):
    hp.Int("batch_size", 16, 64, step=16)


def listed(hp):
    hp.Choice("batch_size", [16, 32, 64])


def model(build=listed, ask=True, size=True, rest=True, returns=lambda model, history: history):
    """A hypermodel with a choice of mistakes."""

    class Batched:
        def build(self, hp):
            build(hp)

        def fit(self, hp, model, x, y, **kwargs):
            asked = hp.Choice("batch_size", [16, 32, 64]) if ask else 32
            given = {"batch_size": asked} if size else {}
            rest_of_it = kwargs if rest else {"epochs": kwargs["epochs"]}
            return returns(model, model.fit(x, y, **given, **rest_of_it))

    return Batched


def rate(pick=max, size=lambda a, b: math.log2(a / b), best_only=False, first=False):
    def find(points):
        smallest = points[0] if first else min(points)
        others = [one for one in points if one != smallest]
        if best_only:
            others = [max(others, key=lambda one: one[1])]
        return pick((a - smallest[1]) / size(n, smallest[0]) for n, a in others)

    return find


WRONG = {
    "07-activations": [
        blocks(lambda hp, i, count: hp.Choice("activation", KINDS)),
        blocks(lambda hp, i, count: hp.Choice(f"activation_{i}", KINDS)),
        plain_loop,
        blocks(one_scope),
        blocks(unused),
        always_three,
    ],
    "07-fit": [
        model(rest=False),
        model(build=lambda hp: None),
        model(build=stepped),
        model(size=False),
        model(ask=False),
        model(returns=lambda model, history: model),
        model(returns=lambda model, history: None),
    ],
    "07-rate": [
        rate(size=lambda a, b: a - b),
        rate(size=lambda a, b: math.log(a / b)),
        rate(size=lambda a, b: a / b),
        rate(best_only=True),
        rate(first=True),
        rate(pick=min),
    ],
}
