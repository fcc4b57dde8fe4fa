"""Plausible wrong answers to the exercises of notebook 09, each with a hint of its own."""

import numpy as np


def slices(x, y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y))


def change(dataset, augment):
    return dataset.map(lambda images, labels: (augment(images), labels))


def apart(x, y, augment, size):
    order = np.random.default_rng(1).permutation(len(x))
    return change(slices(x[order], y).cache().shuffle(len(x)).batch(size), augment)


def thawing(thawed):
    """An answer that thaws the layers that a function of all layers and the count picks."""

    def thaw(body, count):
        for layer in thawed(body.layers, count):
            layer.trainable = True
        return body

    return thaw


def learned(layers):
    """The layers that count: with weights, no batch normalization."""
    return [one for one in layers if one.weights and "normalization" not in one.name]


def forgetful(body, count):
    thawing(lambda layers, count: learned(layers)[len(learned(layers)) - count :])(body, count)


def whole(body, count):
    body.trainable = True
    return body


def rows(series, width, ends=0):
    starts = range(len(series) - width)
    x = np.array([series[i + ends : i + ends + width] for i in starts])
    return x, series[width:]


def cut(x, y, last):
    return x[:-last], y[:-last], x[-last:], y[-last:]


def rolled(series, width, last):
    x = np.column_stack([np.roll(series, width - i) for i in range(width)])
    return cut(x, series, last)


def at_random(series, width, last):
    x, y = rows(series, width)
    order = np.random.default_rng(1).permutation(len(y))
    return cut(x[order], y[order], last)


def each_part(series, width, last):
    return *rows(series[:-last], width), *rows(series[-last:], width)


def short(series, width, last):
    x, y = rows(series, width)
    return cut(x[1:], y[1:], last)


def newest_first(series, width, last):
    x, y = rows(series, width)
    return cut(x[:, ::-1], y, last)


WRONG = {
    "09-pipeline": [
        lambda x, y, augment, size: slices(x, y).shuffle(len(x)).batch(size),
        lambda x, y, augment, size: change(slices(x, y).cache().shuffle(len(x)), augment).batch(
            size
        ),
        lambda x, y, augment, size: change(
            slices(x, y).shuffle(len(x)).batch(size), augment
        ).cache(),
        lambda x, y, augment, size: change(
            slices(x, y).cache().batch(size).shuffle(len(x)), augment
        ),
        lambda x, y, augment, size: change(slices(x, y).cache().shuffle(size).batch(size), augment),
        lambda x, y, augment, size: change(
            slices(x, y).shuffle(len(x)).cache().batch(size), augment
        ),
        lambda x, y, augment, size: change(slices(x, y).cache().batch(size), augment),
        lambda x, y, augment, size: change(slices(x, y).shuffle(len(x)).batch(32), augment),
        lambda x, y, augment, size: change(
            slices(x, y).shuffle(len(x)).batch(size, drop_remainder=True), augment
        ),
        lambda x, y, augment, size: change(
            slices(x, y).cache().shuffle(len(x)).repeat().batch(size), augment
        ),
        lambda x, y, augment, size: (augment(x), y),
        lambda x, y, augment, size: slices(x, y).shuffle(len(x)).batch(size).map(augment),
        apart,
    ],
    "09-thaw": [
        thawing(lambda layers, count: [one for one in layers if one.trainable_weights][-count:]),
        thawing(lambda layers, count: learned(layers)[-count:]),
        thawing(lambda layers, count: learned(layers)[:count]),
        thawing(lambda layers, count: learned(layers[len(layers) - count :])),
        thawing(lambda layers, count: [one for one in layers if one.weights][5 - count :]),
        thawing(lambda layers, count: learned([x for x in layers if x.weights][5 - count :])),
        whole,
        forgetful,
    ],
    "09-windows": [
        lambda series, width, last: cut(*rows(series, width, 1), last),
        rolled,
        at_random,
        each_part,
        short,
        newest_first,
    ],
}
