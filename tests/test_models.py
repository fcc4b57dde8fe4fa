"""The models in the notebooks and the models in helpers are the same, layer by layer."""

import types

import pytest

from helpers import models
from tools.simulate import from_cell

SHAPE = types.SimpleNamespace(image_shape=(28, 28, 1), num_classes=10)


def taught(notebook, cell_id):
    """What a notebook's cell defines, when Keras and the shape of the data are there."""
    import keras

    return from_cell(notebook, cell_id, keras=keras, layers=keras.layers, data=SHAPE)


def described(model):
    """What makes two models the same: layers and compile settings, automatic names left out."""
    layers = [
        (type(layer).__name__, {k: v for k, v in layer.get_config().items() if k != "name"})
        for layer in model.layers
    ]
    compiled = model.get_compile_config()
    compiled["optimizer"]["config"].pop("name")
    return layers, model.input_shape, model.output_shape, compiled


def test_the_baseline_of_notebook_01_is_the_helpers_baseline():
    model = taught("01", "model-build").build_baseline()
    assert described(model) == described(models.build_baseline())


@pytest.mark.parametrize("values", [{}, {"L1_Conv2D_Filters": 64, "L3_Dense_num": 216}])
def test_the_hypermodel_of_notebook_02_is_the_helpers_hypermodel(values):
    import keras_tuner as kt

    found = []
    for build in (taught("02", "build").build, models.hypermodel()):
        hp = kt.HyperParameters()
        build(hp)
        hp.values.update(values)
        found.append((described(build(hp)), hp.get_config()))
    assert found[0] == found[1]


def test_05_changes_only_the_dropout_between_the_baseline_and_its_values_in_the_hypermodel():
    import keras_tuner as kt

    hp = kt.HyperParameters()
    hp.values = from_cell("05", "final-arms", build_baseline=None, build_tuned=None).by_hand
    layers, *rest = described(models.hypermodel()(hp))
    baseline, *others = described(models.build_baseline())
    (differing,) = [pair for pair in zip(layers, baseline, strict=True) if pair[0] != pair[1]]
    assert [name for name, _ in differing] == ["Dropout", "Dropout"]
    assert [config["rate"] for _, config in differing] == [0.25, 0.5]
    assert rest == others


def test_the_models_take_other_shapes_and_class_counts():
    import keras_tuner as kt

    assert models.build_baseline((16, 20, 3), 4).output_shape == (None, 4)
    build = models.hypermodel((16, 20, 3), 4)
    assert build(kt.HyperParameters()).input_shape == (None, 16, 20, 3)
