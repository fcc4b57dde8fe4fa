"""Plausible wrong answers to the exercises of notebook 03, each with a hint of its own."""


def _for_f1(goal="val_macro_f1", direction="max", **metric):
    """An answer that compiles with F1Score(**metric) and returns an objective."""

    def compile_for_f1(model):
        import keras
        import keras_tuner as kt

        f1 = keras.metrics.F1Score(**{"average": "macro", "name": "macro_f1"} | metric)
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy", f1])
        return kt.Objective(goal, direction) if direction else goal

    return compile_for_f1


def _only_accuracy(model):
    import keras_tuner as kt

    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return kt.Objective("val_macro_f1", "max")


def _no_objective(model):
    _for_f1()(model)


def _with(before=None, inside=None, returns=True):
    """A ``seeded`` that seeds by one of two functions: of the seed, or also of the trial."""

    def seeded(tuner_class, seed):
        import keras

        class Seeded(tuner_class):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.count = 0
                if before:
                    keras.utils.set_random_seed(before(seed))

            def run_trial(self, trial, *args, **kwargs):
                if inside:
                    keras.utils.set_random_seed(inside(seed, int(trial.trial_id), self.count))
                self.count += 1
                score = super().run_trial(trial, *args, **kwargs)
                return score if returns else None

        return Seeded

    return seeded


def _nothing_handed_on(tuner_class, seed):
    class Seeded(tuner_class):
        def run_trial(self, trial):
            return super().run_trial(trial)

    return Seeded


WRONG = {
    "03-macro-f1": [
        _for_f1(average=None),
        _for_f1(direction=None),
        _for_f1("macro_f1"),
        _for_f1("val_f1_score"),
        _for_f1("val_f1_score", name="f1_score"),
        _for_f1(direction="min"),
        _for_f1(average="micro"),
        _for_f1(average="weighted"),
        _only_accuracy,
        _no_objective,
    ],
    "03-extend": [
        lambda settings, more: settings | {"max_trials": more, "overwrite": False},
        lambda settings, more: settings | {"max_trials": settings["max_trials"] + more},
        lambda settings, more: settings | {"max_trials": 25, "project_name": "mine_2"},
        lambda settings, more: {"max_trials": settings["max_trials"] + more},
    ],
    "03-seeded": [
        _with(before=lambda seed: seed),
        _with(),
        _with(inside=lambda seed, trial, count: seed),
        _with(inside=lambda seed, trial, count: 1000 * seed + count),
        _with(inside=lambda seed, trial, count: seed + trial),
        _with(inside=lambda seed, trial, count: 1000 * seed + trial, returns=False),
        _nothing_handed_on,
        lambda tuner_class, seed: _with(inside=lambda *three: 1)(tuner_class, seed)(),
    ],
}
