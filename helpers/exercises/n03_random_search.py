"""The exercises of notebook 03."""

import types

import numpy as np

from helpers.exercises import Hint, NotAnswered, expect, same


def macro_f1(answer):
    """``compile_for_f1(model)``: compile with macro F1 as "macro_f1" and return the objective."""
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Softmax()])
    if (goal := answer(model)) is None and not model.compiled:
        raise NotAnswered
    truth, said = np.eye(3)[[0, 0, 0, 0, 1, 2]], 9 * np.eye(3)[[0, 0, 0, 1, 1, 0]]
    found = model.test_on_batch(said, truth, return_dict=True)
    f1 = next((name for name in found if "f1" in name.lower()), None)
    expect(f1, f"fit will report {', '.join(found)}: F1 is not among the metrics.")
    expect(np.size(found[f1]) == 1, "The metric gives one number a class. What averages them?")
    expect(not same(found[f1], 4 / 6), "Taken over images instead of classes, F1 is just accuracy.")
    expect(same(found[f1], 0.472222), "Every class must count the same, however few its images.")
    expect(f1 == "macro_f1", f"fit reports the metric as {f1!r}; it was to be called macro_f1.")
    expect(goal, "The model is compiled; now return the objective as well.")
    expect(not isinstance(goal, str), "From a text KerasTuner would have to guess the direction.")
    expect(goal.name not in found, f"{goal.name!r} is measured on the training images.")
    expect(goal.name == "val_macro_f1", f"fit reports no {goal.name!r}. How is the metric called?")
    expect(goal.direction == "max", f'1 is a perfect F1; "{goal.direction}" looks for the worst.')
    return "one number, the mean over the classes, on validation images, and larger is better."


def extend(answer):
    """``extended(settings, more)``: the arguments with which a search goes on."""
    old = dict(objective="", max_trials=20, seed=3, directory="a", project_name="b", overwrite=True)
    given = answer(dict(old), 5)
    if given is None:
        raise NotAnswered
    fine = isinstance(given, dict) and old.keys() - {"overwrite"} <= given.keys()
    expect(fine, "Return a dictionary with all arguments, those that stay as they are as well.")
    place = f"{given['directory']}/{given['project_name']}"
    expect(place == "a/b", f"{place} is another folder: a search that starts from zero.")
    expect(not given.get("overwrite"), "The 20 finished trials are deleted. By which argument?")
    hint = f"20 trials are there, 5 are to come, and max_trials is {given['max_trials']}: "
    expect(given["max_trials"] == 25, hint + "it counts those that are finished, too.")
    return "the same folder, nothing deleted, and only the new trials are trained."


class _Draws:  # a tuner whose scores are random numbers, and whose epochs use up more of them
    def run_trial(self, trial, images, *, epochs):
        return np.random.random(epochs)[0]


def seeded(answer):
    """``seeded(tuner_class, seed)``: a subclass that seeds each trial by its number."""

    def scores(seed=3000, kernels=(["00", "01", "02"],), epochs=1):
        for names in kernels:
            np.random.seed()
            if (kind := answer(_Draws, seed)) is None:
                raise NotAnswered
            expect(isinstance(kind, type), "Return the class: `return` and the name, no brackets.")
            tuner = kind()
            for name in names:
                yield tuner.run_trial(types.SimpleNamespace(trial_id=name), "images", epochs=epochs)

    try:
        whole, longer, again = [*scores()], [*scores(epochs=3)], [*scores()]
    except TypeError as error:
        raise Hint(f"trial_id is a text, and search may hand more arguments on: {error}") from error
    expect(None not in whole, "The trials have no score: run_trial must return it.")
    expect(len({*whole}) > 1, "All trials get the same random numbers: they share their luck.")
    expect(whole == again, f"Searched twice, trial 0 scores {whole[0]:.3f}, then {again[0]:.3f}.")
    expect(whole == longer, "Trial 2 scores otherwise when trial 1 takes longer. Seed when?")
    resumed = [*scores(kernels=(["00", "01"], ["02"]))]
    expect(whole == resumed, "Trial 2 scores otherwise in a new kernel. What is the same in both?")
    hint = "Some of the first 1,000 trials of seeds 3000 and 3001 have the same random numbers."
    first, second = ({*scores(seed, ([f"{i:03}" for i in range(1000)],))} for seed in (3000, 3001))
    expect(len(first | second) == 2000, hint)
    return "each trial has a seed of its own, the same after a stop, and in no other search."
