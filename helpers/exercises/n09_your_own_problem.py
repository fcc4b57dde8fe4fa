"""The exercises of notebook 09."""

import numpy as np

from helpers.exercises import NotAnswered, doubles, expect


def pipeline(answer):
    """``augmented(x, y, augment, batch_size)``: a dataset of training images that change."""
    import tensorflow as tf

    drawn, ranks, place = tf.random.Generator.from_seed(1), [], np.arange(203)

    def augment(images, *labels, training=None):
        ranks.append(9 if labels else len(images.shape))
        changed = images + drawn.uniform(tf.shape(images), 0.1, 0.4)
        return (changed, *labels) if labels else changed

    made = answer(place.reshape(-1, 1, 1, 1).astype("float32"), 10 * place, augment, 8)
    if made is None or made is ...:
        raise NotAnswered
    expect(isinstance(made, tf.data.Dataset), f"Return a dataset, not a {type(made).__name__}.")
    expect(9 not in ranks, "`map` hands on images and labels, but `augment` takes images alone.")
    expect(3 not in ranks, "`augment` takes a batch, and gets one image: look at the order.")
    first, second = (list(made.take(203).as_numpy_iterator()) for _ in range(2))
    images, labels = (np.concatenate([np.ravel(b[i]) for b in first]) for i in (0, 1))
    later, order = np.concatenate([np.ravel(b[0]) for b in second]), np.floor(images)
    expect(len(order) == 203, f"There are 203 images, and {len(order)} come in an epoch. Why?")
    expect(np.size(first[0][0]) == 8, "batch_size was 8, and the first batch has another size.")
    expect(all(labels == 10 * order), "Images and labels no longer belong together.")
    expect(any(images > order), "The images come unchanged: the result of `augment` is missing.")
    expect(set(images) != set(later), "Both epochs show the same changes: which step keeps them?")
    neighbours, early = np.mean(np.diff(order) == 1), int(max(order[:100] - place[:100]))
    expect(neighbours < 1, "The images come in their old order: nothing is shuffled.")
    expect(neighbours < 0.5, "Whole batches are shuffled, so the same images always meet.")
    expect(early > 100, f"No image comes over {early} places early. How many can `shuffle` hold?")
    expect(any(order != np.floor(later)), "Both epochs have the same order: drawn once, then kept.")
    return "every image once an epoch, in another order and with other changes each time."


def thaw(answer):
    """``thaw(body, count)``: the last ``count`` layers learn; batch normalization never does."""
    got = []
    for count in range(4):
        body = doubles.frozen()
        made = answer(body, count)
        got.append([i for i, layer in enumerate(body.layers) if layer.trainable_weights])
    if made is None and not any(got):
        raise NotAnswered
    expect(any(got), "No layer can learn, for any count. A frozen one has no trainable_weights.")
    expect(made is body, "The layers learn, but thaw does not return `body`.")
    expect(len(got[1]) < 3, "Whatever the count, the whole body learns. Freeze the rest again.")
    expect(not got[0], "With count 0 some layers learn. What is a slice that begins at -0?")
    expect(0 not in got[1], "With count 1 it is the first layer that learns, not the last.")
    expect(got[1], "With count 1 no layer learns. Is the last layer of the body one with weights?")
    expect(not {1, 4} & {*sum(got, [])}, "Batch normalization learns; it is to stay as it was.")
    expect(got[2] == [3, 6], "Count 2 thaws one layer: does batch normalization count for you?")
    expect(got[3] == [0, 3, 6], f"With count 3 the layers number {got[3]} learn.")
    return "layers without weights, batch normalization and a count of 0."


def windows(answer):
    """``windows(series, width, last)``: the ``width`` days before each day, split by time."""
    made = answer(np.arange(24.0), 4, 6)  # so each value is its day
    if made is None or made is ...:
        raise NotAnswered
    x, y, x_check, y_check = map(np.asarray, made)
    expect(len(x) == np.size(y), "The order is x_fit, y_fit, x_check, y_check.")
    pairs = zip([*x, *x_check], [*np.ravel(y), *np.ravel(y_check)], strict=True)
    ago = [[float(day - one) for one in np.ravel(row)] for row, day in pairs]
    expect(0 not in sum(ago, []), "A row holds the very value that it is to predict.")
    expect(min(sum(ago, [])) > 0, "A row holds a later day, or none. What is before the first?")
    expect(len(y_check) == 6, f"{len(y_check)} of the last 6 days are used. What is known then?")
    expect(min(y_check) > max(y), "Days of training come after days of validation.")
    expect(len(ago) == 20, f"20 of 24 days have 4 days before them, and you have {len(ago)} rows.")
    expect(ago[0] == [4, 3, 2, 1], f"With width 4 a row looks back {ago[0]} days: oldest first.")
    return "no row knows its own day or a later one, and validation is what comes last."
