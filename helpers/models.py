"""The two models of notebooks 01 to 05: the hand-set baseline and the hypermodel.

Notebook 01 writes the baseline and notebook 02 the hypermodel where the learner can see them; later
notebooks import the same from here, and ``tests/test_models.py`` proves that both are the same.
"""


def _compiled(image_shape, num_classes, filters_1, filters_2, units, last_dropout):
    """The shape that both models share."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input(shape=image_shape),
            layers.Rescaling(1 / 255),
            layers.Conv2D(filters_1, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Conv2D(filters_2, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(units, activation="relu"),
            layers.Dropout(last_dropout),
            layers.Dense(num_classes, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def build_baseline(image_shape=(28, 28, 1), num_classes=10):
    """Build and compile the hand-set CNN of notebook 01.

    Args:
        image_shape: (height, width, channels) of one image, pixel values 0 to 255.
        num_classes: number of classes; labels are one-hot, shape (n, num_classes).

    Returns:
        A compiled ``keras.Sequential`` with output shape (n, num_classes).
    """
    return _compiled(image_shape, num_classes, 12, 16, 128, last_dropout=0.5)


def hypermodel(image_shape=(28, 28, 1), num_classes=10):
    """Return the course's ``build(hp)``: the baseline's shape with three hyperparameters.

    The space is L1_Conv2D_Filters and L2_Conv2D_Filters (8 to 64, step 4) and L3_Dense_num (4 to
    216, step 4): 15 x 15 x 54 = 12,150 configurations. The last dropout is 0.25 instead of the
    baseline's 0.5.

    Args:
        image_shape, num_classes: as in ``build_baseline``.

    Returns:
        A function that takes a ``keras_tuner.HyperParameters`` and returns a compiled model.
    """

    def build(hp):
        filters_1 = hp.Int("L1_Conv2D_Filters", min_value=8, max_value=64, step=4)
        filters_2 = hp.Int("L2_Conv2D_Filters", min_value=8, max_value=64, step=4)
        units = hp.Int("L3_Dense_num", min_value=4, max_value=216, step=4)
        return _compiled(image_shape, num_classes, filters_1, filters_2, units, last_dropout=0.25)

    return build
