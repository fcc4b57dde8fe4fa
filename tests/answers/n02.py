"""Plausible wrong answers to the exercises of notebook 02, each with a hint of its own."""

import math


def more(ask_rate, ask_norm, use=True, normalize=None):
    """A build function that asks in these ways, and uses what it got, or not."""

    def build(hp):
        import keras
        from keras import layers

        model = keras.Sequential([keras.Input(shape=(4, 4, 1)), layers.Rescaling(1 / 255)])
        model.add(layers.Flatten())
        model.add(layers.Dense(hp.Int("units", 16, 64, step=16), activation="relu"))
        norm = ask_norm(hp)
        if norm if normalize is None else normalize:
            model.add(layers.BatchNormalization())
        model.add(layers.Dense(3, activation="softmax"))
        rate = ask_rate(hp)
        optimizer = keras.optimizers.Adam(rate) if use else "adam"
        model.compile(optimizer=optimizer, loss="categorical_crossentropy")
        return model

    return build


def log_rate(hp):
    return hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")


def norm(hp):
    return hp.Boolean("batch_norm")


def normalized_at_the_end(hp):
    import keras
    from keras import layers

    model = more(log_rate, norm, normalize=False)(hp)
    if hp.get("batch_norm"):
        changed = keras.Sequential([*model.layers, layers.BatchNormalization()])
        changed.compile(model.optimizer, "categorical_crossentropy")
        return changed
    return model


def units(names, scope=None, skip=True):
    """An ask_units with these names, scopes and, with skip, an if."""

    def ask(hp):
        count = hp.Int("layers", 1, 4)
        found = []
        for i in range(1, 5):
            if skip is True and i > count:
                break
            if scope:
                with hp.conditional_scope("layers", scope(i)):
                    if i <= count or not skip:
                        found.append(hp.Int(names(i), 16, 64, step=16))
            else:
                found.append(hp.Int(names(i), 16, 64, step=16))
        return found

    return ask


def stepless(p):
    return type(p).__name__ == "Float" and p.step is None


def count(ends=1, total=math.prod, floats=stepless, size=math.inf):
    def configurations(hp):
        return total(
            [
                size if floats(p) else len(list(p.values)) - (1 - ends) * hasattr(p, "step")
                for p in hp.space
            ]
        )

    return configurations


WRONG = {
    "02-rate": [
        more(lambda hp: hp.Float("learning_rate", 1e-4, 1e-2), norm),
        more(log_rate, norm, use=False),
        more(log_rate, lambda hp: hp.Boolean("units")),
        more(lambda hp: hp.Choice("learning_rate", [1e-4, 1e-3, 1e-2]), norm),
        more(lambda hp: hp.Float("learning_rate", 1e-4, 1e-1, sampling="log"), norm),
        more(log_rate, norm, normalize=True),
        more(log_rate, norm, normalize=False),
        lambda hp: more(log_rate, norm)(hp) and None,
        normalized_at_the_end,
    ],
    "02-size": [
        lambda hp: math.prod(len(list(p.values)) for p in hp.space),
        count(ends=0),
        count(total=sum),
        lambda hp: len(hp.space),
        count(floats=lambda p: type(p).__name__ == "Float"),
        count(size=1),
    ],
    "02-depth": [
        units(lambda i: f"units_{i}"),
        units(lambda i: f"units_{i}", lambda i: [i]),
        units(lambda i: f"units_{i}", lambda i: list(range(i, 5)), skip=False),
        units(lambda i: "units"),
        lambda hp: units(lambda i: f"units_{i}", lambda i: list(range(i, 5)))(hp)[:3],
    ],
}
