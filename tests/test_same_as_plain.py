"""What plain KerasTuner runs to its end, the layer runs, with the same proposals and statuses.

Each program is a function of ``wrap`` and a folder: ``wrap(kt.RandomSearch)`` is the plain class,
seeded for each trial as the layer does, or the careful one. The list is README's claim in full.
"""

import gc
import os

import numpy as np
import pytest

from helpers import search

keras = pytest.importorskip("keras")
kt = pytest.importorskip("keras_tuner")
tf = pytest.importorskip("tensorflow")
layers = keras.layers
SEED = 5
LOSS = kt.Objective("val_loss", "min")
RNG = np.random.default_rng(0)
X = RNG.random((24, 6), dtype="float32")
LABELS = RNG.integers(0, 3, 24)
Y = np.eye(3, dtype="float32")[LABELS]
VALIDATION = {"validation_data": (X[16:], Y[16:])}


@pytest.fixture(scope="module", autouse=True)
def quick():
    """KerasTuner collects garbage twice a trial: only what is new."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def compiled(model, loss="categorical_crossentropy", **own):
    """Compile without tracing, which is what takes time."""
    model.compile("adam", loss, metrics=["accuracy"], run_eagerly=True, **own)
    return model


def dense(hp, loss="categorical_crossentropy", ready=True, **own):
    """6 numbers to 3 classes."""
    model = keras.Sequential([keras.Input((6,)), layers.Dense(hp.Int("units", 2, 9))])
    model.add(layers.Dense(3, activation="softmax"))
    return compiled(model, loss, **own) if ready else model


def tuner(wrap, folder, build=dense, kind=kt.RandomSearch, max_trials=3, **own):
    """A tuner of the plain or the careful class."""
    own = {"objective": LOSS, "max_trials": max_trials, "seed": SEED} | own
    if kind is kt.Hyperband:
        del own["max_trials"]
    return wrap(kind)(build, directory=str(folder), project_name="p", **own)


def run(wrap, folder, *args, build=dense, search_with=None, **own):
    """Make a tuner and search; the usual data where no others are given."""
    made = tuner(wrap, folder, build, **own)
    made.search(*(args or (X[:16], Y[:16])), **(VALIDATION if search_with is None else search_with))
    return made


class OwnFit(kt.HyperModel):
    """Trains in its own way; ``returned`` says what it gives back."""

    def __init__(self, returned="history"):
        super().__init__()
        self.returned = returned

    def build(self, hp):
        return dense(hp, ready=False)

    def fit(self, hp, model, x, y, validation_data=None, callbacks=None):
        compiled(model)
        batch = hp.Choice("batch", [4, 8])
        found = model.fit(
            x, y, batch, validation_data=validation_data, callbacks=callbacks, verbose=0
        )
        score = found.history["val_loss"][-1]
        return {"history": found, "float": score, "dict": {"val_loss": score}}[self.returned]


class Loop(kt.HyperModel):
    """A training loop by hand, which fails on fewer than all images."""

    calls = 0

    def build(self, hp):
        return dense(hp, ready=False)

    def fit(self, hp, model, x, y, **kwargs):
        Loop.calls += 1
        assert len(x) == 16
        return float(np.mean((model(x).numpy() - y) ** 2)) + hp.Float("shift", 0, 1)


class Formula(kt.RandomSearch):
    """No model at all."""

    returned = staticmethod(float)

    def run_trial(self, trial, *args, **kwargs):
        return self.returned(trial.hyperparameters.Float("x", -1, 1) ** 2)


class Listed(Formula):
    returned = staticmethod(lambda value: [{"val_loss": value}, {"val_loss": value + 1}])


class Batch(kt.RandomSearch):
    """Tunes an argument of fit, as KerasTuner's users do."""

    def run_trial(self, trial, *args, **kwargs):
        kwargs["batch_size"] = trial.hyperparameters.Int("batch_size", 4, 8)
        return super().run_trial(trial, *args, **kwargs)


class Reported(kt.RandomSearch):
    """Reports to the oracle itself and returns nothing."""

    def run_trial(self, trial, *args, **kwargs):
        value = trial.hyperparameters.Float("x", -1, 1)
        self.oracle.update_trial(trial.trial_id, {"val_loss": value**2})


def two_in(hp):
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    both = layers.Dense(hp.Int("units", 2, 9))(layers.concatenate([a, b]))
    p = layers.Dense(3, activation="softmax", name="p")(both)
    return keras.Model([a, b], [p, layers.Dense(1, name="q")(both)])


def two_compiled(hp):
    model = two_in(hp)
    losses = {"p": "categorical_crossentropy", "q": "mse"}
    model.compile("adam", losses, metrics={"q": ["mae"]}, run_eagerly=True)
    return model


def two_by_place(hp):
    model = two_in(hp)
    model.compile("adam", ["categorical_crossentropy", "mse"], run_eagerly=True)
    return model


A, B, P, Q = X[:16], X[:16] * 2, Y[:16], X[:16, :1]


@keras.saving.register_keras_serializable("course")
class Subclassed(keras.Model):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.first, self.last = layers.Dense(units), layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.last(self.first(x))


class OwnStep(keras.Sequential):
    """A training step and a test step whose metrics have names of their own."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        self.optimizer.apply(
            tape.gradient(loss, self.trainable_variables), self.trainable_variables
        )
        return {"own": loss}

    def test_step(self, data):
        x, y = data
        return {"tested": tf.reduce_mean((self(x) - y) ** 2)}


def own_step(hp):
    model = OwnStep([keras.Input((6,)), layers.Dense(hp.Int("units", 2, 9)), layers.Dense(3)])
    model.compile("adam", run_eagerly=True)
    return model


class Sequence(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[8 * index : 8 * index + 8], Y[8 * index : 8 * index + 8]


class Score(keras.callbacks.Callback):
    """Adds the objective to the logs, as users do for a metric of their own."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_own"] = 1.0 / (1 + self.model.count_params())


class Ends(kt.oracles.RandomSearchOracle):
    """An oracle of one's own: known values first."""

    def populate_space(self, trial_id):
        if int(trial_id) == 0:
            return {"status": "RUNNING", "values": {"units": 9}}
        return super().populate_space(trial_id)


def generator():
    while True:
        yield X[:8], Y[:8]


def sometimes(hp):
    if hp.Int("units", 2, 9) > 6:
        raise kt.errors.FailedTrialError("too many")
    return dense(hp)


def fails_large(hp):
    """The largest models cannot train, and the default one can."""
    model = keras.Sequential([keras.Input((6,)), layers.Dense(hp.Int("units", 2, 9))])
    model.add(layers.Dense(3 if hp.get("units") < 8 else 4, activation="softmax"))
    return compiled(model)


def nan_proof(hp):
    model = keras.Sequential([keras.Input((6,)), layers.Lambda(lambda x: tf.where(x > 0, x, 0.0))])
    model.add(layers.Dense(hp.Int("units", 2, 9)))
    model.add(layers.Dense(3, activation="softmax"))
    return compiled(model)


def constant(hp):
    return compiled(keras.Sequential([keras.Input((6,)), layers.Dense(3, activation="softmax")]))


def texts(hp):
    words = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")
    model = keras.Sequential([keras.Input((1,), dtype="string"), words])
    model.add(layers.Dense(hp.Int("units", 2, 9)))
    model.add(layers.Dense(3, activation="softmax"))
    return compiled(model)


def space():
    hp = kt.HyperParameters()
    hp.Int("units", 3, 5)
    return hp


def dataset(*parts):
    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0]).batch(8)


def extended(wrap, folder):
    run(wrap, folder, max_trials=2)
    return run(wrap, folder, max_trials=4)


def overwritten(wrap, folder):
    run(wrap, folder, max_trials=2)
    return run(wrap, folder, max_trials=2, overwrite=True)


def twice(wrap, folder):
    made = run(wrap, folder, max_trials=2)
    made.search(X[:16], Y[:16], **VALIDATION)
    return made


def own_oracle(wrap, folder):
    oracle = Ends(objective=LOSS, max_trials=3, seed=SEED)
    made = wrap(kt.Tuner)(oracle=oracle, hypermodel=dense, directory=folder, project_name="p")
    made.search(X[:16], Y[:16], **VALIDATION)
    return made


def no_names(wrap, folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        made = wrap(kt.RandomSearch)(dense, LOSS, 2, SEED)
        made.search(X[:16], Y[:16], 8, 1, 0, None, 0.25)
    finally:
        os.chdir(before)
    return made


def sklearn(wrap, folder):
    from sklearn import linear_model

    oracle = kt.oracles.RandomSearchOracle(kt.Objective("score", "max"), max_trials=3, seed=SEED)
    made = wrap(kt.SklearnTuner)(
        oracle,
        lambda hp: linear_model.Ridge(alpha=hp.Float("alpha", 0.1, 10)),
        directory=str(folder),
        project_name="p",
    )
    made.search(X, X[:, 0])
    return made


SPLIT = {"validation_split": 0.25}
PROGRAMS = {
    "arrays": run,
    "own fit, not compiled in build": lambda w, f: run(w, f, build=OwnFit()),
    "own fit returns a float, no objective": lambda w, f: run(
        w, f, build=OwnFit("float"), objective=None
    ),
    "own fit returns a dictionary": lambda w, f: run(w, f, build=OwnFit("dict")),
    "own training loop": lambda w, f: run(w, f, build=Loop(), objective=None),
    "run_trial returns a float, no objective": lambda w, f: run(
        w, f, build=None, kind=Formula, objective=None, search_with={}
    ),
    "run_trial returns a list of dictionaries": lambda w, f: run(w, f, build=None, kind=Listed),
    "run_trial reports to the oracle": lambda w, f: run(w, f, build=None, kind=Reported),
    "run_trial with an argument of fit": lambda w, f: run(w, f, kind=Batch),
    "lists of inputs and outputs": lambda w, f: run(
        w, f, [A, B], [P, Q], build=two_by_place, search_with=SPLIT
    ),
    "tuples of inputs and outputs": lambda w, f: run(
        w, f, (A, B), (P, Q), build=two_by_place, search_with=SPLIT
    ),
    "dictionaries of inputs and outputs, two losses": lambda w, f: run(
        w,
        f,
        {"a": A, "b": B},
        {"p": P, "q": Q},
        build=two_compiled,
        objective=kt.Objective("val_q_mae", "min"),
        search_with=SPLIT,
    ),
    "tf.data of tuples": lambda w, f: run(
        w,
        f,
        dataset(X[:16], Y[:16]),
        search_with={"validation_data": dataset(X[16:], Y[16:])},
    ),
    "tf.data of dictionaries": lambda w, f: run(
        w,
        f,
        dataset({"a": A, "b": B}, {"p": P, "q": Q}),
        build=two_compiled,
        search_with={"validation_data": dataset({"a": A, "b": B}, {"p": P, "q": Q})},
    ),
    "a generator": lambda w, f: run(
        w, f, generator(), search_with=VALIDATION | {"steps_per_epoch": 2}
    ),
    "a PyDataset": lambda w, f: run(w, f, Sequence()),
    "validation_split": lambda w, f: run(w, f, search_with=SPLIT),
    "sparse labels": lambda w, f: run(
        w,
        f,
        X,
        LABELS,
        build=lambda hp: dense(hp, "sparse_categorical_crossentropy"),
        search_with=SPLIT,
    ),
    "sample weights": lambda w, f: run(
        w, f, search_with=VALIDATION | {"sample_weight": np.ones(16)}
    ),
    "class weights": lambda w, f: run(
        w, f, search_with=VALIDATION | {"class_weight": {0: 1.0, 1: 2.0, 2: 1.0}}
    ),
    "a subclassed model": lambda w, f: run(
        w, f, build=lambda hp: compiled(Subclassed(hp.Int("units", 2, 9)))
    ),
    "own train_step and test_step": lambda w, f: run(
        w, f, build=own_step, objective=kt.Objective("val_tested", "min")
    ),
    "two objectives": lambda w, f: run(w, f, objective=[LOSS, kt.Objective("val_accuracy", "max")]),
    "an objective from a callback": lambda w, f: run(
        w,
        f,
        objective=kt.Objective("val_own", "max"),
        search_with=VALIDATION | {"callbacks": [Score()]},
    ),
    "an objective of the training": lambda w, f: run(
        w, f, objective=kt.Objective("loss", "min"), search_with={}
    ),
    "hyperparameters=": lambda w, f: run(w, f, hyperparameters=space()),
    "hyperparameters=, nothing new tuned": lambda w, f: run(
        w, f, hyperparameters=space(), tune_new_entries=False
    ),
    "hyperparameters=, nothing new allowed": lambda w, f: run(
        w, f, hyperparameters=space(), allow_new_entries=False
    ),
    "max_model_size": lambda w, f: run(w, f, max_model_size=60, max_consecutive_failed_trials=9),
    "executions_per_trial": lambda w, f: run(w, f, max_trials=2, executions_per_trial=2),
    "compile arguments of the tuner": lambda w, f: run(
        w,
        f,
        build=lambda hp: dense(hp, ready=False),
        loss="categorical_crossentropy",
        optimizer="sgd",
        metrics=["accuracy"],
        max_trials=1,
    ),
    "callbacks": lambda w, f: run(
        w,
        f,
        search_with=VALIDATION
        | {
            "epochs": 3,
            "callbacks": [
                keras.callbacks.EarlyStopping(patience=1),
                keras.callbacks.TensorBoard(str(f / "board"), write_graph=False),
            ],
        },
    ),
    "trials that fail": lambda w, f: run(
        w, f, build=sometimes, max_trials=6, max_consecutive_failed_trials=9
    ),
    "retries": lambda w, f: run(w, f, build=fails_large, max_trials=6, max_retries_per_trial=1),
    "a largest model that cannot train": lambda w, f: run(
        w, f, build=fails_large, max_trials=6, max_consecutive_failed_trials=9
    ),
    "NaN that the model takes": lambda w, f: run(
        w, f, np.where(X[:16] > 0.9, np.nan, X[:16]), Y[:16], build=nan_proof
    ),
    "a search that is extended": extended,
    "a search that is overwritten": overwritten,
    "search called twice": twice,
    "Hyperband, two iterations": lambda w, f: run(
        w, f, kind=kt.Hyperband, max_epochs=2, hyperband_iterations=2
    ),
    "BayesianOptimization": lambda w, f: run(
        w, f, kind=kt.BayesianOptimization, num_initial_points=2, max_trials=4
    ),
    "GridSearch": lambda w, f: run(w, f, kind=kt.GridSearch, max_trials=4),
    "own oracle with kt.Tuner": own_oracle,
    "SklearnTuner": sklearn,
    "no names, no places": no_names,
    "distribution_strategy": lambda w, f: run(
        w, f, distribution_strategy=tf.distribute.MirroredStrategy(["CPU:0"]), max_trials=1
    ),
    "float16 data": lambda w, f: run(w, f, X[:16].astype("float16"), Y[:16]),
    "texts as data": lambda w, f: run(
        w,
        f,
        tf.constant([["a"], ["b"]] * 8),
        Y[:16],
        build=texts,
        search_with={"validation_data": (tf.constant([["a"], ["b"]] * 4), Y[16:])},
    ),
    "no hyperparameter": lambda w, f: run(w, f, build=constant),
}


def plain(tuner_class):
    """The plain class, its trials seeded as the layer seeds them."""

    class Seeded(tuner_class):
        def run_trial(self, trial, *args, **kwargs):
            keras.utils.set_random_seed(search.trial_seed(SEED, trial.trial_id))
            return super().run_trial(trial, *args, **kwargs)

    return Seeded


def told(made):
    """What a search proposed and how it ended, trial by trial."""
    trials = sorted(made.oracle.trials.items())
    return [(i, t.hyperparameters.values, t.status, t.score) for i, t in trials]


@pytest.mark.parametrize("name", PROGRAMS)
def test_runs_as_plain_kerastuner_does(name, tmp_path):
    found = []
    for wrap in (plain, search.careful):
        folder = tmp_path / wrap.__name__
        folder.mkdir()
        Loop.calls = 0
        found.append(told(PROGRAMS[name](wrap, folder)))
        found[-1] += [Loop.calls]
    assert len(found[0]) > 1
    np.testing.assert_equal(found[1], found[0])
