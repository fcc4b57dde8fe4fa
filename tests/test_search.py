"""The search layer: same numbers as KerasTuner, nothing lost, mixed or hidden."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FAULTS = ROOT / "tests" / "faults"
kt = pytest.importorskip("keras_tuner")

from helpers import fingerprint as fingerprint_module  # noqa: E402
from helpers import preflight, results, search, state  # noqa: E402

sys.path.insert(0, str(ROOT / "tests" / "projects"))
import programs  # noqa: E402

KINDS = {
    "RandomSearch": {"max_trials": 6},
    "GridSearch": {"max_trials": 6},
    "Hyperband": {"max_epochs": 3, "factor": 3},
    "BayesianOptimization": {"max_trials": 4, "num_initial_points": 3},
}
X = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
Y = np.eye(3, dtype="float32")[np.arange(32) % 3]
FIT = {"validation_data": (X, Y), "epochs": 1, "batch_size": 16}


def space(hp):
    hp.Int("x", 0, 3)
    hp.Choice("kind", ["a", "b"])


def build(hp):
    import keras

    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(hp.Int("units", 4, 16), activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


class Stop(KeyboardInterrupt):
    """Ctrl-C in the middle of a trial."""


def formula(kind, ran=None, stop_in=None, fail=(), nan=()):
    """A tuner class whose trial is a formula and is noted in ``ran``."""

    class Formula(getattr(kt, kind)):
        def run_trial(self, trial):
            number = int(trial.trial_id)
            if ran is not None:
                ran.append(number)
            if number == stop_in:
                raise Stop
            if number in fail:
                raise ValueError(f"no value for trial {number}")
            values = trial.hyperparameters.values
            loss = float("nan") if number in nan else values["x"] + float(np.random.random())
            return {"val_loss": loss}

    Formula.__name__ = kind
    return Formula


def make(folder, tuner_class="RandomSearch", **changes):
    """A careful tuner of the formula, or of the small model with ``tuner_class=kt...``."""
    if isinstance(tuner_class, str):
        tuner_class = formula(tuner_class)
    kind = next(name for name in KINDS if issubclass(tuner_class, getattr(kt, name)))
    real = not preflight.trains_itself(tuner_class)
    call = {"objective": kt.Objective("val_loss", "min"), "seed": 1, "progress": False}
    call |= {"directory": str(folder), "project_name": "p"} | KINDS[kind] | changes
    return search.careful(tuner_class)(call.pop("hypermodel", build if real else space), **call)


def records(folder):
    """{trial: text of trial.json}."""
    return {p.parent.name: p.read_text() for p in sorted(folder.glob("p/trial_*/trial.json"))}


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch):
    """fsync matters when the power goes, which no test here does, and takes most of their time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def reference(kind, tmp_path_factory):
    """(folder, records) of an uninterrupted search of this kind."""
    folder = tmp_path_factory.mktemp("reference")
    make(folder, kind).search()
    return folder, records(folder)


# ---------------------------------------------------------------- reproducible


def test_a_trial_gives_the_numbers_of_plain_kerastuner_seeded_per_trial(tmp_path):
    import keras

    class Seeded(kt.RandomSearch):
        def run_trial(self, trial, *args, **kwargs):
            keras.utils.set_random_seed(1000 * 7 + int(trial.trial_id))
            return super().run_trial(trial, *args, **kwargs)

    call = {"objective": kt.Objective("val_loss", "min"), "max_trials": 2, "seed": 7}
    call |= {"executions_per_trial": 2, "directory": str(tmp_path)}
    plain = Seeded(build, project_name="plain", **call)
    plain.search(X, Y, verbose=0, **FIT)
    ours = search.careful(kt.RandomSearch)(build, project_name="p", **call)
    ours.search(X, Y, verbose=0, **FIT)
    assert [t.get_state() for t in plain.oracle.trials.values()] == [
        t.get_state() for t in ours.oracle.trials.values()
    ]
    history = json.loads((tmp_path / "p" / "trial_0" / "history.json").read_text())
    first, second = history["executions"]
    assert first["val_loss"] != second["val_loss"], "executions must start from other weights"
    assert {"loss", "val_loss", "accuracy", "val_accuracy"} == set(first)


def fresh(folder, *options, env=None):
    """Start tests/faults/fresh.py in a process of its own."""
    command = [sys.executable, str(FAULTS / "fresh.py"), str(folder), *options]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (env or {}),
    )


def printed(process):
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err[-3000:]
    return json.loads(out.rsplit("RECORDS", 1)[1])


def test_fresh_processes_other_draws_a_resume_and_a_worker_give_the_same_bits(tmp_path):
    straight = fresh(tmp_path / "straight")
    printed(fresh(tmp_path / "resumed", "--stop-after", "1"))
    expected = printed(straight)
    resumed = fresh(tmp_path / "resumed", "--draws")
    assert printed(resumed) == expected
    weights = [name for found in expected.values() for name in found if name.endswith(".h5")]
    assert set(expected) == {"RandomSearch", "Hyperband", "BayesianOptimization"}
    assert len(weights) >= 11
    with project_port() as address:
        kinds = ("--kinds", "RandomSearch")
        chief = fresh(tmp_path / "shared", *kinds, env=address | {"KERASTUNER_TUNER_ID": "chief"})
        worker = fresh(tmp_path / "shared", *kinds, env=address | {"KERASTUNER_TUNER_ID": "w0"})
        printed(worker)
        shared = printed(chief)["RandomSearch"]
    assert without_space(shared) == without_space(expected["RandomSearch"])


def without_space(found):
    """Records without the order in which the space is listed, which gRPC changes."""
    kept = dict(found)
    for name in found:
        if name.endswith("trial.json"):
            record = json.loads(found[name])
            record["hyperparameters"] = record["hyperparameters"]["values"]
            kept[name] = record
    return kept


class project_port:
    """Environment variables with a free port for a chief."""

    def __enter__(self):
        import socket

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        return {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port)}

    def __exit__(self, *error):
        pass


def test_seed_zero_is_a_seed(tmp_path):
    for name in ("a", "b"):
        make(tmp_path / name, seed=0).search()
    assert records(tmp_path / "a") == records(tmp_path / "b") != {}
    tuner = make(tmp_path / "a", seed=0)
    assert tuner.seed == 0
    fingerprint = json.loads((tmp_path / "a" / "p" / "fingerprint.json").read_text())
    assert fingerprint["seed"] == 0


def test_the_trial_seed_depends_on_seed_and_trial_id_alone():
    assert search.trial_seed(3, "04") == 3004
    assert search.trial_seed(0, "0012") == 12


# ---------------------------------------------------------------- nothing lost


def test_a_file_is_written_beside_synchronised_and_only_then_renamed(tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    search.write_json(path, {"a": 1})
    done = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: done.append(("fsync", path.read_text())))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("replace"), replace(a, b)))
    search.write_json(path, {"a": 2})
    assert done == [("fsync", '{"a": 1}'), "replace"]
    assert path.read_text() == '{"a": 2}'
    monkeypatch.setattr(os, "replace", lambda a, b: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        search.write_json(path, {"a": 3})
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_a_search_interrupted_in_any_trial_goes_on_as_if_nothing_had_happened(
    kind, reference, tmp_path
):
    expected = reference[1]
    for stop in range(len(expected)):
        folder, ran = tmp_path / str(stop), []
        with pytest.raises(Stop):
            make(folder, formula(kind, ran, stop_in=stop)).search()
        make(folder, formula(kind, ran)).search()
        assert ran == [*range(stop + 1), *range(stop, len(expected))]
        assert records(folder) == expected


def test_grid_search_goes_on_with_more_trials(tmp_path):
    make(tmp_path / "all", "GridSearch", max_trials=8).search()
    for limit in (3, 5, 8):
        make(tmp_path / "parts", "GridSearch", max_trials=limit).search()
    values = [
        json.loads(r)["hyperparameters"]["values"] for r in records(tmp_path / "all").values()
    ]
    assert len({json.dumps(v) for v in values}) == 8
    assert records(tmp_path / "parts") == records(tmp_path / "all")


def test_a_project_of_plain_kerastuner_is_gone_on_with_after_accepting_it(tmp_path):
    call = {"objective": kt.Objective("val_loss", "min"), "seed": 1, "directory": str(tmp_path)}
    plain = formula("GridSearch", stop_in=2)(space, project_name="p", max_trials=6, **call)
    with pytest.raises(Stop):
        plain.search()
    ran = []
    with pytest.raises(state.Mismatch, match="fingerprint"):
        make(tmp_path, formula("GridSearch", ran)).search()
    make(tmp_path, formula("GridSearch", ran), accept_mismatch=True).search()
    assert ran == [2, 3, 4, 5]
    assert len(records(tmp_path)) == 6


def cut(path):
    path.write_text(path.read_text()[: path.stat().st_size // 2])


REPAIRED = {
    "trial.json empty": lambda trial: (trial / "trial.json").write_text(""),
    "trial.json truncated": lambda trial: cut(trial / "trial.json"),
    "trial.json gone": lambda trial: (trial / "trial.json").unlink(),
    "trial folder gone": lambda trial: shutil.rmtree(trial),
    "tuner0.json gone": lambda trial: (trial.parent / "tuner0.json").unlink(),
    "tuner0.json empty": lambda trial: (trial.parent / "tuner0.json").write_text(""),
    "history.json truncated": lambda trial: cut(trial / "history.json"),
}
REFUSED = {
    "oracle.json empty": lambda p: (p / "oracle.json").write_text(""),
    "oracle.json truncated": lambda p: cut(p / "oracle.json"),
    "oracle.json of another kind": lambda p: (p / "oracle.json").write_text("{}"),
    "oracle.json gone": lambda p: (p / "oracle.json").unlink(),
    "a finished trial of another search": lambda p: shutil.copytree(p / "trial_1", p / "trial_5"),
}


@pytest.mark.parametrize("name", REPAIRED)
def test_a_damaged_trial_is_repaired_and_the_search_finished(kind, name, reference, tmp_path):
    with pytest.raises(Stop):
        make(tmp_path, formula(kind, stop_in=3)).search()
    REPAIRED[name](sorted(tmp_path.glob("p/trial_*"))[1])
    ran = []
    make(tmp_path, formula(kind, ran)).search()
    assert ran == list(range(3, len(reference[1]))), "no finished trial runs again"
    assert records(tmp_path) == reference[1]


@pytest.mark.parametrize("name", REFUSED)
def test_a_damaged_oracle_is_refused_and_nothing_changed(name, tmp_path):
    make(tmp_path, max_trials=3).search()
    REFUSED[name](tmp_path / "p")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    with pytest.raises(state.Damaged, match="overwrite=True"):
        make(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before
    assert len(results.trials_table(tmp_path / "p")) >= 3
    make(tmp_path, overwrite=True).search()
    assert (tmp_path / "p.old").is_dir()


@pytest.mark.parametrize("kind", ["RandomSearch", "BayesianOptimization"])
def test_a_search_of_an_earlier_layout_goes_on_as_if_nothing_had_happened(kind, tmp_path):
    """tests/projects holds searches of the version of September 2026, killed in trial 4 of 6."""
    own = {"num_initial_points": 2} if kind == "BayesianOptimization" else {}
    shutil.copytree(ROOT / "tests" / "projects" / kind, tmp_path / "old" / kind)
    path = tmp_path / "old" / kind / state.FINGERPRINT
    fingerprint = json.loads(path.read_text())
    state.write_json(path, fingerprint | {"versions": fingerprint_module.versions()})
    kept = {p: p.read_bytes() for p in path.parent.glob("trial_[0-3]/*.json")}
    found = results.trials_table(programs.search(search.careful, kind, tmp_path / "old", **own))
    assert {p: p.read_bytes() for p in kept} == kept and len(kept) == 8
    expected = results.trials_table(programs.search(search.careful, kind, tmp_path / "new", **own))
    assert found["units"].tolist() == expected["units"].tolist()
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-4)


def test_a_full_disk_stops_the_search_and_the_search_goes_on_later(
    kind, reference, tmp_path, monkeypatch
):
    whole, written = state.write_text, []

    def full(path, text):
        written.append(path)
        if len(written) in full.at:
            raise OSError(28, "No space left on device", str(path))
        whole(path, text)

    monkeypatch.setattr(state, "write_text", full)
    for moment in (1, 2, 3) if kind == "BayesianOptimization" else range(1, 12):
        folder, full.at = tmp_path / str(moment), {moment}
        written.clear()
        ran = []
        with pytest.raises((OSError, kt.errors.FatalRuntimeError)) as caught:
            make(folder, formula(kind, ran)).search()
        assert state.disk_is_full(caught.value)
        full.at = set()
        ended = [i for i, r in records(folder).items() if json.loads(r)["status"] == "COMPLETED"]
        before = len(ran)
        make(folder, formula(kind, ran)).search()
        assert not {int(i.removeprefix("trial_")) for i in ended} & set(ran[before:])
        assert records(folder) == reference[1]


def test_a_full_disk_while_weights_are_saved_does_not_fail_the_trial(tmp_path):
    def full():
        raise OSError(28, "No space left on device")

    class Full(kt.RandomSearch):
        room = True

        def on_epoch_end(self, trial, model, epoch, logs=None):
            if trial.trial_id == "1" and not Full.room:
                full()

    Full.room = False
    tuner = make(tmp_path, Full, max_trials=2)
    with pytest.raises(kt.errors.FatalRuntimeError, match="call search.. again"):
        tuner.search(X, Y, **FIT)
    Full.room = True
    tuner.search(X, Y, **FIT)
    assert [t.status for t in tuner.oracle.trials.values()] == ["COMPLETED"] * 2


# ---------------------------------------------------------------- nothing mixed


def other_build(hp):
    model = build(hp)
    model.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def other_space(hp):
    hp.Int("x", 0, 9)
    hp.Choice("kind", ["a", "b"])


CHANGES = [
    ({"seed": 2}, "seed: 1 there, 2 now"),
    ({"objective": kt.Objective("val_loss", "max")}, "objective"),
    ({"objective": kt.Objective("loss", "min")}, "objective"),
    ({"executions_per_trial": 2}, "arguments.executions_per_trial"),
    ({"hypermodel": other_space}, "space.x"),
    ({"tuner_class": "GridSearch"}, "tuner: 'RandomSearch' there, 'GridSearch' now"),
]


@pytest.mark.parametrize("changes, said", CHANGES, ids=[said[:20] for _, said in CHANGES])
def test_a_changed_tuner_refuses_an_earlier_search(tmp_path, changes, said):
    make(tmp_path).search()
    before = records(tmp_path)
    with pytest.raises(state.Mismatch, match="Three ways on") as caught:
        make(tmp_path, **changes)
    assert said in str(caught.value)
    for way in ("project_name", "overwrite=True", "accept_mismatch=True"):
        assert way in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    make(tmp_path, accept_mismatch=True, **changes)
    assert records(tmp_path) == before


def test_a_changed_fit_or_model_or_data_refuses_an_earlier_search(tmp_path):
    import keras

    make(tmp_path, kt.RandomSearch, max_trials=1).search(X, Y, **FIT)
    other = X.copy()
    other[0, 0, 0] += 0.5
    stopping = keras.callbacks.EarlyStopping(patience=3)
    for x, changes, said in (
        (X, {"epochs": 2}, "fit.epochs: 1 there, 2 now"),
        (X, {"batch_size": 8}, "fit.batch_size"),
        (X, {"callbacks": [stopping]}, "fit.callbacks"),
        (other, {}, "fit.x"),
    ):
        tuner = make(tmp_path, kt.RandomSearch, max_trials=2)
        with pytest.raises(state.Mismatch) as caught:
            tuner.search(x, Y, **(FIT | changes))
        assert said in str(caught.value)
    with pytest.raises(state.Mismatch, match="layers, loss, optimizer"):
        make(tmp_path, kt.RandomSearch, max_trials=2, hypermodel=other_build)
    make(tmp_path, kt.RandomSearch, max_trials=2).search(X, Y, **FIT, verbose=0)
    assert len(records(tmp_path)) == 2


def test_other_versions_refuse_an_earlier_search(tmp_path, monkeypatch):
    make(tmp_path).search()
    monkeypatch.setattr(fingerprint_module, "versions", lambda: {"keras": "2.0"})
    with pytest.raises(state.Mismatch, match="versions.keras"):
        make(tmp_path)


def test_overwrite_moves_the_earlier_search_aside(tmp_path, capsys):
    make(tmp_path).search()
    before = records(tmp_path)
    tuner = make(tmp_path, overwrite=True, seed=5)
    assert tuner.remaining_trials == 6
    assert "p.old" in capsys.readouterr().out
    tuner.search()
    (tmp_path / "p.old").rename(tmp_path / "keep")
    (tmp_path / "p").rename(tmp_path / "new")
    (tmp_path / "keep").rename(tmp_path / "p")
    assert records(tmp_path) == before


HOLD = """
import sys, time
from helpers import state
with state.lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_a_dead_one_is_not(tmp_path):
    make(tmp_path, max_trials=1).search()
    tuner = make(tmp_path, max_trials=2)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "p")], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        for action in (
            tuner.search,
            lambda: make(tmp_path),
            lambda: make(tmp_path, overwrite=True),
        ):
            with pytest.raises(state.ProjectInUse):
                action()
    finally:
        holder.kill()
        holder.wait()
    tuner.search()
    assert len(records(tmp_path)) == 2


def test_a_second_tuner_of_the_same_process_cannot_overwrite_the_first(tmp_path):
    early = make(tmp_path)
    make(tmp_path).search()
    with pytest.raises(state.ProjectInUse):
        early.search()
    with state.lock(tmp_path / "p"), pytest.raises(state.ProjectInUse):
        make(tmp_path).search()


def test_plain_kerastuner_in_the_same_process_is_untouched(tmp_path):
    from keras_tuner.src import utils

    before = utils.save_json
    make(tmp_path).search()
    assert utils.save_json is before
    plain = formula("RandomSearch")(
        space, objective="val_loss", max_trials=1, directory=str(tmp_path), project_name="plain"
    )
    plain.search()
    assert type(plain.oracle).__name__ == "RandomSearchOracle"
    assert "careful" not in json.loads((tmp_path / "plain" / "oracle.json").read_text())
    assert not (tmp_path / "plain" / "fingerprint.json").exists()


def test_plain_kerastuner_reads_a_careful_project(tmp_path):
    make(tmp_path).search()
    plain = formula("RandomSearch")(
        space, objective="val_loss", max_trials=6, directory=str(tmp_path), project_name="p"
    )
    assert len(plain.oracle.trials) == 6


# ---------------------------------------------------------------- nothing hidden


def test_a_finished_search_says_so_without_a_path_of_the_machine(tmp_path, capsys):
    make(tmp_path / "log").search()
    capsys.readouterr()
    make(tmp_path / "log")
    assert capsys.readouterr().out == "6 of 6 trials are already finished in log/p.\n"


def test_progress_is_shown_whatever_verbose_says_and_its_last_state_has_all(tmp_path, capsys):
    make(tmp_path, kt.RandomSearch, max_trials=2, progress=True).search(X, Y, **FIT, verbose=0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(
        r"2 of 2 trials, best val_loss \d\.\d{4} \(trial \d\), \d:\d\d spent", lines[1]
    )
    make(tmp_path / "quiet", kt.RandomSearch, max_trials=1).search(X, Y, **FIT)
    assert capsys.readouterr().out == "", "Keras' and KerasTuner's bars are off"


def test_a_failure_is_said_when_it_happens_and_an_early_end_at_the_end(tmp_path, capsys):
    class Watched(formula("RandomSearch", fail=(1,), nan=(3,))):
        def on_trial_begin(self, trial):
            super().on_trial_begin(trial)
            print(f"begin {trial.trial_id}")

    Watched.__name__ = "RandomSearch"
    make(tmp_path / "a", Watched).search()
    said = capsys.readouterr().out
    assert "no value for trial 1" in said[said.index("begin 1") : said.index("begin 2")]
    assert "NaN" in said[said.index("begin 3") : said.index("begin 4")]
    make(tmp_path / "b", max_trials=20).search()
    assert "8 of 20 trials" in capsys.readouterr().out


def test_three_failures_in_a_row_stop_with_the_reason(tmp_path):
    tuner = make(tmp_path, formula("RandomSearch", fail=(1, 2, 3)))
    with pytest.raises(RuntimeError, match="no value for trial 3"):
        tuner.search()


def test_a_failed_trial_is_never_the_best(tmp_path):
    tuner = make(tmp_path, formula("RandomSearch", fail=(0,)), max_trials=2)
    assert tuner.get_best_hyperparameters() == []
    tuner.search()
    assert len(tuner.get_best_hyperparameters(5)) == 1


def test_a_trial_is_retried_as_often_as_asked_and_its_retry_counts(tmp_path):
    ran = []

    class Once(formula("RandomSearch", ran)):
        def run_trial(self, trial):
            result = super().run_trial(trial)
            return {"val_loss": float("nan")} if ran.count(1) == 1 and ran[-1] == 1 else result

    make(tmp_path, Once, max_retries_per_trial=1, max_trials=3).search()
    assert ran == [0, 1, 1, 2]
    statuses = [json.loads(r)["status"] for r in records(tmp_path).values()]
    assert statuses == ["COMPLETED"] * 3


# ---------------------------------------------------------------- no waste


def test_the_collector_is_relieved_before_the_search(tmp_path):
    import gc

    gc.unfreeze()
    make(tmp_path, max_trials=1).search()
    assert gc.get_freeze_count() > 10_000


def test_the_estimate_of_the_checkpoint_size_is_right(tmp_path):
    tuner = make(tmp_path, kt.RandomSearch, max_trials=1, hypermodel=one_size)
    estimate = preflight.search(tuner, (X, Y), FIT)
    tuner.search(X, Y, **FIT)
    size = (tmp_path / "p" / "trial_0" / "checkpoint.weights.h5").stat().st_size
    assert 0.7 * size < estimate < 1.1 * size


def one_size(hp):
    import keras

    hp.Choice("unused", ["a", "b"])
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(400)]
    )
    model.add(keras.layers.Dense(3, activation="softmax"))
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    return model


# ---------------------------------------------------------------- private names


@pytest.mark.parametrize("name", state.PRIVATE)
def test_every_private_name_that_is_used_is_still_there(name, tmp_path):
    from keras_tuner import oracles as kt_oracles

    owner, attribute = name.split(".")
    made = {
        "Oracle": lambda: kt_oracles.RandomSearchOracle(kt.Objective("a", "min")),
        "GridSearchOracle": lambda: kt_oracles.GridSearchOracle(kt.Objective("a", "min")),
        "BayesianOptimizationOracle": lambda: kt_oracles.BayesianOptimizationOracle(
            kt.Objective("a", "min")
        ),
        "Tuner": lambda: kt.RandomSearch(space, kt.Objective("a", "min"), directory=str(tmp_path)),
    }[owner]()
    if owner != "Tuner":
        made._set_project_dir("unused", "unused")
    assert attribute in dir(made)


def test_no_other_private_name_of_an_oracle_is_used():
    text = (ROOT / "helpers" / "state.py").read_text()
    oracle = kt.oracles.BayesianOptimizationOracle(kt.Objective("a", "min"))
    grid = kt.oracles.GridSearchOracle(kt.Objective("a", "min"))
    theirs = {n for n in dir(oracle) + dir(grid) if re.match(r"_[a-z]", n)}
    used = set(re.findall(r"(?:self|super\(\)|oracle)\.(_[a-z]\w+)", text)) & theirs
    assert used <= {name.split(".")[1] for name in state.PRIVATE}
    elsewhere = "".join(
        (ROOT / "helpers" / f"{name}.py").read_text()
        for name in ("search", "preflight", "fingerprint", "progress")
    )
    assert not set(re.findall(r"oracle\.(_[a-z]\w+)", elsewhere)) & theirs


def test_kerastuner_writes_its_state_through_the_methods_that_are_replaced(tmp_path, monkeypatch):
    from keras_tuner.src import utils

    def forbidden(path, value):
        raise AssertionError(f"{path} was written in place")

    monkeypatch.setattr(utils, "save_json", forbidden)
    for kind in KINDS:
        make(tmp_path / kind, kind).search()
        assert records(tmp_path / kind)
