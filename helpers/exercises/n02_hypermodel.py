"""The exercises of notebook 02."""

import math

from helpers.exercises import NotAnswered, compare, expect


def _filled(function, **values):
    """What a function of hp returns, and the hyperparameters that it asked for, by name."""
    import keras_tuner as kt

    hp = kt.HyperParameters()
    hp.values.update(values)
    return function(hp), {one.name: one for one in hp.space}


def rate(answer):
    """``build_more(hp)``: a small model with a learning rate and batch normalization."""
    model, asked = _filled(answer)
    expect(hasattr(model, "optimizer"), "Return the compiled model.")
    if [*asked] == ["units"] and len(model.layers) == 4:
        raise NotAnswered
    missing = sorted({"learning_rate", "batch_norm"} - {*asked})
    expect(not missing, f"hp is asked for {[*asked]}; {missing} is missing. A name is one value.")
    one = asked["learning_rate"]
    expect(hasattr(one, "sampling"), "A Choice has a few rates, hp.Float all those in between.")
    expect(one.sampling == "log", "Linear: nine draws in ten are above 0.001. Rates go by factors.")
    fine = (one.min_value, one.max_value, one.step) == (1e-4, 1e-2, None)
    expect(fine, "The ends are to be 0.0001 and 0.01, without a step between them.")
    for norm in (True, False):
        model, _ = _filled(answer, learning_rate=0.003, batch_norm=norm)
        used = float(model.optimizer.learning_rate)
        expect(abs(used - 0.003) < 1e-6, f"hp says 0.003, and the optimizer uses {used:g}.")
        kinds = [type(layer).__name__ for layer in model.layers]
        order = "".join(kind[0] for kind in kinds if kind in ("Dense", "BatchNormalization"))
        expect(("B" in order) == norm, f"With batch_norm {norm} the layers are {kinds}.")
        expect(order in ("DD", "DBD"), f"Layers: {kinds}. Whose outputs are to be normalized?")
    return "both are asked for, and both reach the model."


def size(answer):
    """``configurations(hp)``: how many there are, infinite with a Float that has no step."""
    cases = ["hp.Int('filters', 8, 32, step=8), hp.Boolean('norm')"]
    cases += ["hp.Choice('act', ['relu', 'elu', 'tanh']), hp.Int('blocks', 1, 3), hp.Fixed('d', 2)"]
    cases += ["hp.Float('dropout', 0.0, 0.5, step=0.25), hp.Boolean('norm')"]
    cases += ["hp.Int('units', 8, 30, step=4), hp.Float('rate', 1e-4, 1e-2, sampling='log')"]

    def said(*numbers):  # what is given in the four cases
        return lambda case: numbers[cases.index(case)]

    count = lambda case: _filled(lambda hp: (eval(case, {"hp": hp}), answer(hp)))[0][1]  # noqa: E731
    wrong = {
        "A Float without a step never ends; p.values shows ten draws of it.": said(8, 9, 6, 60),
        "Both ends of a range are values: 8 to 32 in steps of 8 has four.": said(6, 6, 4, math.inf),
        "One of each: the numbers of values multiply.": said(6, 7, 5, math.inf),
        "Those are the hyperparameters. How many values has each?": said(2, 3, 2, 2),
        "A Float with a step has a list of values, as an Int has.": said(8, 9, math.inf, math.inf),
        "You leave a Float without a step out. How many values has it?": said(8, 9, 6, 6),
    }
    compare(count, said(8, 9, 6, math.inf), [(case,) for case in cases], wrong)
    return "both ends, a product, and no end where there is no step."


def depth(answer):
    """``ask_units(hp)``: the sizes of 1 to 4 dense layers, each asked where it exists."""
    sizes, asked = _filled(answer, layers=4)
    if sizes is None:
        raise NotAnswered
    names = [f"units_{i}" for i in (1, 2, 3, 4)]
    expect({"layers", *names} == {*asked}, f"With layers=4 hp is asked for {[*asked]}: name them.")
    for n, i in [(n, i) for n in (1, 2, 3, 4) for i in (1, 2, 3, 4)]:
        active = all(one.is_active({"layers": n}) for one in asked[names[i - 1]].conditions)
        case = f"With layers={n} there is {'a' if i <= n else 'no'} layer {i}, and units_{i} is"
        expect(active or i > n, f"{case} not active, so hp gives None. Which counts need it?")
        expect(i <= n or not active, f"{case} varied all the same: its scope must say when.")
    for n, (sizes, _) in enumerate((_filled(answer, layers=n) for n in (1, 2, 3, 4)), start=1):
        expect(None not in sizes, f"{sizes} with layers={n}: an if has to leave the None out.")
        expect(len(sizes) == n, f"{sizes} with layers={n}: one size a layer.")
    return "every layer has a size, and no size is without its layer."
