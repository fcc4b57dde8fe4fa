"""What plain KerasTuner runs to its end, the layer runs, with the same trials to the last number.

Each program runs with the plain class, whose trials are seeded as the layer seeds them, and with
the careful one: same ids, values, statuses, scores and metrics. The list is README's claim in full.
"""

import contextlib
import functools
import gc
import json

import numpy as np
import pytest

from helpers import search

keras = pytest.importorskip("keras")
kt = pytest.importorskip("keras_tuner")
tf = pytest.importorskip("tensorflow")
layers = keras.layers
SEED = 5
RNG = np.random.default_rng(0)
ALL = RNG.random((24, 6), dtype="float32")
LABELS = RNG.integers(0, 3, 24)
CLASSES = np.eye(3, dtype="float32")[LABELS]
X, Y, X_VAL, Y_VAL = ALL[:16], CLASSES[:16], ALL[16:], CLASSES[16:]
VAL = {"validation_data": (X_VAL, Y_VAL)}
SPLIT = {"validation_split": 0.25}
TESTED = kt.Objective("val_tested", "min")
LOSS, ACCURACY = kt.Objective("val_loss", "min"), kt.Objective("val_accuracy", "max")
A, B, P, Q = X, X * 2, Y, X[:, :1]
BY_NAME = {"a": A, "b": B}, {"p": P, "q": Q}
COMPILE = {"loss": "categorical_crossentropy", "optimizer": "sgd", "metrics": ["accuracy"]}
SPACE = kt.HyperParameters()
SPACE.Int("units", 3, 5)
SPARSE = "sparse_categorical_crossentropy"
ANY = {"max_consecutive_failed_trials": 9, "max_trials": 6}


def compiled(model, loss="categorical_crossentropy", **own):
    """Compile without tracing, which is what takes time."""
    model.compile("sgd", loss, **{"metrics": ["accuracy"], "run_eagerly": True} | own)
    return model


def stack(hp, *first, classes=3):
    end = [layers.Dense(hp.Int("units", 2, 9)), layers.Dense(classes, activation="softmax")]
    return keras.Sequential([*(first or [keras.Input((6,))]), *end])


def dense(hp, **own):
    return compiled(stack(hp), **own)


def nan_proof(hp):
    zeros = layers.Lambda(lambda x: tf.where(x > 0, x, 0.0))
    return compiled(stack(hp, keras.Input((6,)), zeros))


def of_texts(hp):
    words = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")
    return compiled(stack(hp, keras.Input((1,), dtype="string"), words))


def fails_large(hp):
    return compiled(stack(hp, classes=3 if hp.Int("units", 2, 9) < 8 else 4))


def sometimes(hp):
    if hp.Int("units", 2, 9) > 6:
        raise kt.errors.FailedTrialError("too many")
    return dense(hp)


def two(hp, loss, metrics=None):
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    both = layers.Dense(hp.Int("units", 2, 9))(layers.concatenate([a, b]))
    p = layers.Dense(3, activation="softmax", name="p")(both)
    model = keras.Model([a, b], [p, layers.Dense(1, name="q")(both)])
    return compiled(model, loss, metrics=metrics)


BY_PLACE = functools.partial(two, loss=["categorical_crossentropy", "mse"])
BY_NAMES = functools.partial(
    two, loss={"p": "categorical_crossentropy", "q": "mse"}, metrics={"q": ["mae"]}
)


@keras.saving.register_keras_serializable("course")
class Subclassed(keras.Model):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.first, self.last = layers.Dense(units), layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.last(self.first(x))


class OwnStep(keras.Sequential):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        gradient = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradient, self.trainable_variables)
        return {"own": loss}

    def test_step(self, data):
        x, y = data
        return {"tested": tf.reduce_mean((self(x) - y) ** 2)}


def own_step(hp):
    model = OwnStep([keras.Input((6,)), layers.Dense(hp.Int("units", 2, 9)), layers.Dense(3)])
    return compiled(model, None, metrics=None)


class OwnFit(kt.HyperModel):
    def __init__(self, give):
        super().__init__()
        self.give = give

    def build(self, hp):
        return stack(hp)

    def fit(self, hp, model, x, y, **fit):
        found = compiled(model).fit(x, y, hp.Choice("batch", [4, 8]), verbose=0, **fit)
        return self.give(found)


def last(found):
    return found.history["val_loss"][-1]


class Loop(kt.HyperModel):
    """A training loop by hand; counts its calls, and fails on fewer than all images."""

    calls = 0

    def build(self, hp):
        return stack(hp)

    def fit(self, hp, model, x, y, **kwargs):
        Loop.calls += 1
        assert len(x) == 16
        return float(np.mean((model(x).numpy() - y) ** 2)) + hp.Float("shift", 0, 1)


def formula(give):
    """A tuner class whose trial is a formula; ``give`` says what it gives back."""

    class Formula(kt.RandomSearch):
        def run_trial(self, trial, *args, **kwargs):
            return give(self, trial, trial.hyperparameters.Float("x", -1, 1) ** 2)

    return Formula


def report(tuner, trial, x):
    tuner.oracle.update_trial(trial.trial_id, {"val_loss": x})


class Batch(kt.RandomSearch):
    def run_trial(self, trial, *args, **kwargs):
        kwargs["batch_size"] = trial.hyperparameters.Int("batch_size", 4, 8)
        return super().run_trial(trial, *args, **kwargs)


class KnownFirst(kt.oracles.RandomSearchOracle):
    def populate_space(self, trial_id):
        if int(trial_id) == 0:
            return {"status": "RUNNING", "values": {"units": 9}}
        return super().populate_space(trial_id)


class Sequence(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[8 * index : 8 * index + 8], Y[8 * index : 8 * index + 8]


class Score(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["val_own"] = 1.0 / (1 + self.model.count_params())


def generator():
    while True:
        yield X[:8], Y[:8]


def dataset(*parts):
    return tf.data.Dataset.from_tensor_slices(parts).batch(8)


def run(wrap, folder, *data, fit=VAL, build=dense, kind=kt.RandomSearch, **own):
    call = {"directory": str(folder), "project_name": "p"}
    call |= {} if kind is kt.Hyperband else {"max_trials": 2}
    call |= {"objective": LOSS, "seed": SEED}
    call = {"hypermodel": build} | ({} if "oracle" in own else call) | own
    if "hyperparameters" in own:
        call["hyperparameters"] = SPACE.copy()  # an oracle adds to them
    tuner = wrap(kind)(**call)
    tuner.search(*(data or (X, Y)), **fit)
    return tuner


def twice(wrap, folder):
    tuner = run(wrap, folder)
    tuner.search(X, Y, **VAL)
    return tuner


def no_names(wrap, folder):
    with contextlib.chdir(folder):
        tuner = wrap(kt.RandomSearch)(dense, LOSS, 2, SEED)
        tuner.search(X, Y, 8, 1, 0, None, 0.25)
    return tuner


def own_oracle(wrap, folder):
    oracle = KnownFirst(objective=LOSS, max_trials=3, seed=SEED)
    return run(wrap, folder, kind=kt.Tuner, oracle=oracle, directory=str(folder))


def sklearn(wrap, folder):
    from sklearn import linear_model

    oracle = kt.oracles.RandomSearchOracle(kt.Objective("score", "max"), max_trials=3, seed=SEED)
    own = {"kind": kt.SklearnTuner, "oracle": oracle, "directory": str(folder), "fit": {}}
    own["build"] = lambda hp: linear_model.Ridge(alpha=hp.Float("alpha", 0.1, 10))
    return run(wrap, folder, ALL, ALL[:, 0], **own)


def callbacks(wrap, folder):
    board = keras.callbacks.TensorBoard(str(folder / "board"), write_graph=False)
    used = [keras.callbacks.EarlyStopping(patience=1), board]
    return run(wrap, folder, fit=VAL | {"epochs": 3, "callbacks": used})


def texts(wrap, folder):
    words = tf.constant([["a"], ["b"]] * 8)
    return run(wrap, folder, words, Y, build=of_texts, fit={"validation_data": (words[:8], Y_VAL)})


def use(*data, **own):
    return lambda wrap, folder: run(wrap, folder, *data, **own)


PROGRAMS = {
    "arrays": run,
    "own fit, not compiled in build": use(build=OwnFit(lambda found: found)),
    "own fit returns a float, no objective": use(build=OwnFit(last), objective=None),
    "own fit returns a dictionary": use(build=OwnFit(lambda found: {"val_loss": last(found)})),
    "own training loop": use(build=Loop(), objective=None),
    "run_trial returns a float, no objective": use(
        kind=formula(lambda tuner, trial, x: x), build=None, objective=None, fit={}
    ),
    "run_trial returns a list of dictionaries": use(
        kind=formula(lambda tuner, trial, x: [{"val_loss": x}, {"val_loss": x + 1}]), build=None
    ),
    "run_trial reports to the oracle": use(kind=formula(report), build=None),
    "run_trial with an argument of fit": use(kind=Batch),
    "lists of inputs and outputs": use([A, B], [P, Q], build=BY_PLACE, fit=SPLIT),
    "tuples of inputs and outputs": use((A, B), (P, Q), build=BY_PLACE, fit=SPLIT),
    "dictionaries of inputs and outputs, two losses": use(
        *BY_NAME, build=BY_NAMES, objective=kt.Objective("val_q_mae", "min"), fit=SPLIT
    ),
    "tf.data of tuples": lambda w, f: run(
        w, f, dataset(X, Y), fit={"validation_data": dataset(X_VAL, Y_VAL)}
    ),
    "tf.data of dictionaries": lambda w, f: run(
        w, f, dataset(*BY_NAME), build=BY_NAMES, fit={"validation_data": dataset(*BY_NAME)}
    ),
    "a generator": lambda w, f: run(w, f, generator(), fit=VAL | {"steps_per_epoch": 2}),
    "a PyDataset": use(Sequence()),
    "validation_split": use(fit=SPLIT),
    "sparse labels": use(ALL, LABELS, build=functools.partial(dense, loss=SPARSE), fit=SPLIT),
    "sample weights": use(fit=VAL | {"sample_weight": np.ones(16)}),
    "class weights": use(fit=VAL | {"class_weight": {0: 1.0, 1: 2.0, 2: 1.0}}),
    "a subclassed model": use(build=lambda hp: compiled(Subclassed(hp.Int("units", 2, 9)))),
    "own train_step and test_step": use(build=own_step, objective=TESTED),
    "two objectives": use(objective=[LOSS, ACCURACY]),
    "an objective from a callback": use(
        objective=kt.Objective("val_own", "max"), fit=VAL | {"callbacks": [Score()]}
    ),
    "an objective of the training": use(objective=kt.Objective("loss", "min"), fit={}),
    "hyperparameters=": use(hyperparameters=SPACE),
    "hyperparameters=, nothing new tuned": use(hyperparameters=SPACE, tune_new_entries=False),
    "hyperparameters=, nothing new allowed": use(hyperparameters=SPACE, allow_new_entries=False),
    "max_model_size": use(max_model_size=60, **ANY | {"max_trials": 3}),
    "executions_per_trial": use(executions_per_trial=2),
    "compile arguments of the tuner": use(build=stack, **COMPILE, max_trials=1),
    "callbacks": callbacks,
    "trials that fail": use(build=sometimes, **ANY),
    "retries": use(build=fails_large, max_trials=6, max_retries_per_trial=1),
    "a largest model that cannot train": use(build=fails_large, **ANY),
    "NaN that the model takes": use(np.where(X > 0.9, np.nan, X), Y, build=nan_proof),
    "a search that is extended": lambda w, f: run(w, f) and run(w, f, max_trials=4),
    "a search that is overwritten": lambda w, f: run(w, f) and run(w, f, overwrite=True),
    "search called twice": twice,
    "Hyperband, two iterations": use(kind=kt.Hyperband, max_epochs=2, hyperband_iterations=2),
    "BayesianOptimization": use(kind=kt.BayesianOptimization, num_initial_points=2, max_trials=4),
    "GridSearch": use(kind=kt.GridSearch, max_trials=4),
    "own oracle with kt.Tuner": own_oracle,
    "SklearnTuner": sklearn,
    "no names, no places": no_names,
    "distribution_strategy": lambda w, f: run(
        w, f, distribution_strategy=tf.distribute.MirroredStrategy(["CPU:0"]), max_trials=1
    ),
    "float16 data": use(X.astype("float16"), Y),
    "texts as data": texts,
    "no hyperparameter": use(build=lambda hp: dense(kt.HyperParameters())),
}


def plain(tuner_class):
    """The plain class, its trials seeded as the layer seeds them."""

    class Seeded(tuner_class):
        def run_trial(self, trial, *args, **kwargs):
            keras.utils.set_random_seed(1000 * SEED + int(trial.trial_id))
            return super().run_trial(trial, *args, **kwargs)

    return Seeded


def told(tuner):
    """All that a search keeps of its trials, but for the text of a failure."""
    return {i: trial.get_state() | {"message": None} for i, trial in tuner.oracle.trials.items()}


@pytest.mark.parametrize("name", PROGRAMS)
def test_runs_as_plain_kerastuner_does(name, tmp_path):
    gc.freeze()  # KerasTuner collects garbage twice a trial: only what is new
    found = []
    for wrap in (plain, search.careful):
        folder = tmp_path / wrap.__name__
        folder.mkdir()
        Loop.calls = 0
        found.append([told(PROGRAMS[name](wrap, folder)), Loop.calls])
    assert found[0][0]
    np.testing.assert_equal(found[1], found[0])
    for path in folder.glob("**/trial.json"):
        if json.loads(path.read_text())["status"] == "COMPLETED":
            assert (path.parent / search.HISTORY).exists()
