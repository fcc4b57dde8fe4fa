"""The search layer: same numbers as KerasTuner, nothing lost, mixed or hidden."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FAULTS = ROOT / "tests" / "faults"
kt = pytest.importorskip("keras_tuner")

from helpers import preflight, search, state  # noqa: E402

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
    real = preflight.has_own_run_trial(tuner_class) is False
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
    tuner = make(tmp_path, formula("GridSearch", ran))
    with pytest.raises(state.Mismatch, match="fingerprint"):
        tuner.search()
    make(tmp_path, formula("GridSearch", ran), accept_mismatch=True).search()
    assert ran == [2, 3, 4, 5]
    assert len(records(tmp_path)) == 6


DAMAGE = {
    "oracle.json empty": lambda p: (p / "oracle.json").write_text(""),
    "oracle.json truncated": lambda p: cut(p / "oracle.json"),
    "oracle.json of another kind": lambda p: (p / "oracle.json").write_text("{}"),
    "oracle.json gone": lambda p: (p / "oracle.json").unlink(),
    "trial.json empty": lambda p: first(p, "trial.json").write_text(""),
    "trial.json truncated": lambda p: cut(first(p, "trial.json")),
    "trial.json gone": lambda p: first(p, "trial.json").unlink(),
    "trial folder gone": lambda p: remove(first(p, "trial.json").parent),
    "tuner0.json gone": lambda p: (p / "tuner0.json").unlink(),
    "tuner0.json empty": lambda p: (p / "tuner0.json").write_text(""),
    "history.json truncated": lambda p: cut(first(p, "history.json")),
    "several": lambda p: (cut(p / "oracle.json"), (p / "tuner0.json").unlink()),
}


def first(folder, name):
    return sorted(folder.glob(f"trial_*/{name}"))[1]


def cut(path):
    path.write_text(path.read_text()[: path.stat().st_size // 2])


def remove(folder):
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_project_is_repaired_said_so_and_finished(
    kind, name, reference, tmp_path, capsys
):
    expected = reference[1]
    with pytest.raises(Stop):
        make(tmp_path, formula(kind, stop_in=3)).search()
    DAMAGE[name](tmp_path / "p")
    capsys.readouterr()
    ran = []
    make(tmp_path, formula(kind, ran)).search()
    said = capsys.readouterr().out
    assert ran == list(range(3, len(expected))), "no finished trial runs again"
    assert records(tmp_path) == expected
    if "tuner0" not in name:
        assert "damaged" in said or "missing" in said or "could not be read" in said
        assert str(tmp_path) not in said
    if "empty" in name or "truncated" in name:
        kept = [p.relative_to(tmp_path / "p") for p in (tmp_path / "p").glob("damaged-1/**/*.json")]
        assert kept or "tuner0" in name, "the damaged file is kept"


def test_a_lost_trial_of_a_lost_oracle_runs_again_with_its_values(tmp_path):
    for kind in ("RandomSearch", "GridSearch"):
        make(tmp_path / kind, kind).search()
        expected = records(tmp_path / kind)
        (tmp_path / kind / "p" / "oracle.json").write_text("")
        cut(first(tmp_path / kind / "p", "trial.json"))
        ran = []
        make(tmp_path / kind, formula(kind, ran)).search()
        assert ran == [1]
        assert records(tmp_path / kind) == expected


def test_a_folder_that_is_not_of_this_search_is_set_aside(tmp_path, capsys):
    make(tmp_path, max_trials=3).search()
    stranger = tmp_path / "p" / "trial_5"
    stranger.mkdir()
    stranger.joinpath("trial.json").write_text((tmp_path / "p/trial_2/trial.json").read_text())
    make(tmp_path, max_trials=6).search()
    assert "trial_5 does not belong" in capsys.readouterr().out
    assert (tmp_path / "p/damaged-1/trial_5/trial.json").exists()


def test_damaged_weights_are_set_aside_and_the_score_kept(tmp_path, capsys):
    tuner = make(tmp_path, kt.RandomSearch, max_trials=1)
    tuner.search(X, Y, **FIT)
    weights = tmp_path / "p" / "trial_0" / "checkpoint.weights.h5"
    weights.write_bytes(weights.read_bytes()[:-2000])
    again = make(tmp_path, kt.RandomSearch, max_trials=1)
    assert "weights of trial 0 were damaged" in capsys.readouterr().out
    assert (tmp_path / "p/damaged-1/trial_0/checkpoint.weights.h5").exists()
    assert again.oracle.get_best_trials(1)[0].score == tuner.oracle.get_best_trials(1)[0].score
    with pytest.raises(FileNotFoundError, match="weights of trial 0.*get_best_hyperparameters"):
        again.get_best_models()


def test_a_hyperband_trial_whose_parent_lost_its_weights_trains_it_again(tmp_path):
    class Stopping(kt.Hyperband):
        def on_trial_begin(self, trial):
            super().on_trial_begin(trial)
            if trial.hyperparameters.values.get("tuner/trial_id"):
                raise Stop

    own = {"max_epochs": 2, "factor": 2}
    fit = {"validation_data": (X, Y), "batch_size": 16}
    make(tmp_path / "a", kt.Hyperband, **own).search(X, Y, **fit)
    stopping = search.careful(Stopping)
    stopping.tuner_class = kt.Hyperband
    with pytest.raises(Stop):
        make(tmp_path / "b", Stopping, **own).search(X, Y, **fit)
    for weights in tmp_path.glob("b/p/*/checkpoint.weights.h5"):
        weights.unlink()
    make(tmp_path / "b", kt.Hyperband, **own).search(X, Y, **fit)
    assert records(tmp_path / "a") == records(tmp_path / "b")


def test_a_full_disk_stops_with_one_message_and_the_search_goes_on_later(
    kind, reference, tmp_path, monkeypatch
):
    import errno

    whole, written = state.write_text, []

    def full(path, text):
        written.append(path)
        if len(written) in full.at:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        whole(path, text)

    monkeypatch.setattr(state, "write_text", full)
    for moment in (1, 2, 3) if kind == "BayesianOptimization" else range(1, 12):
        folder, full.at = tmp_path / str(moment), {moment}
        written.clear()
        ran = []
        with pytest.raises(OSError, match="disk is full.*free space") as caught:
            make(folder, formula(kind, ran)).search()
        assert caught.value.errno == errno.ENOSPC
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
    with pytest.raises(OSError, match="1 finished trials are kept"):
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
    ({"seed": 2}, "seed: 1 in the directory, 2 now"),
    ({"objective": kt.Objective("val_loss", "max")}, "objective"),
    ({"objective": kt.Objective("loss", "min")}, "objective"),
    ({"executions_per_trial": 2}, "arguments.executions_per_trial"),
    ({"hypermodel": other_space}, "space.x"),
    ({"tuner_class": "GridSearch"}, "tuner: 'RandomSearch' in the directory, 'GridSearch' now"),
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
        (X, {"epochs": 2}, "fit.epochs: 1 in the directory, 2 now"),
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
    monkeypatch.setattr(state, "versions", lambda: {"keras": "2.0"})
    with pytest.raises(state.Mismatch, match="versions.keras"):
        make(tmp_path)


def test_overwrite_moves_the_earlier_search_aside(tmp_path, capsys):
    make(tmp_path).search()
    before = records(tmp_path)
    tuner = make(tmp_path, overwrite=True, seed=5)
    assert tuner.remaining_trials == 6
    assert capsys.readouterr().out.endswith("/p to p.old-1.\n")
    tuner.search()
    (tmp_path / "p.old-1").rename(tmp_path / "keep")
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


def test_a_second_process_is_refused_with_the_pid_and_a_dead_one_is_not(tmp_path):
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
            with pytest.raises(state.ProjectInUse, match=f"process {holder.pid} on"):
                action()
    finally:
        holder.kill()
        holder.wait()
    tuner.search()
    assert len(records(tmp_path)) == 2
    assert not list(tmp_path.glob(".*lock"))


def test_a_second_tuner_of_the_same_process_cannot_overwrite_the_first(tmp_path):
    early = make(tmp_path)
    make(tmp_path).search()
    with pytest.raises(state.ProjectInUse, match="make the tuner again"):
        early.search()
    with (
        state.lock(tmp_path / "p", "another"),
        pytest.raises(state.ProjectInUse, match="another tuner"),
    ):
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


def test_progress_is_one_line_a_trial_without_times(tmp_path, capsys):
    make(tmp_path / "log", progress="auto", max_trials=2).search()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Search in log/p: 2 trials."
    assert lines[1].startswith("1 of 2: trial 0 val_loss ")
    assert len(lines) == 3


def test_verbose_0_prints_nothing_when_all_went_well(tmp_path, capsys):
    make(tmp_path, kt.RandomSearch, max_trials=1, progress="auto").search(X, Y, **FIT, verbose=0)
    assert capsys.readouterr().out == ""


def test_failures_repetitions_and_an_early_end_are_said(tmp_path, capsys):
    make(tmp_path / "a", formula("RandomSearch", fail=(1,), nan=(3,))).search()
    said = capsys.readouterr().out
    assert "Trial 1 failed. ValueError: no value for trial 1." in said
    assert "Trial 3 failed. Its score is not a number (NaN)" in said
    make(tmp_path / "b", max_trials=20).search()
    assert "ended after 8 of 20 trials" in capsys.readouterr().out
    make(tmp_path / "c", "BayesianOptimization", max_trials=9).search()
    assert "have the same configuration" in capsys.readouterr().out


def test_three_failures_in_a_row_stop_with_the_reason(tmp_path):
    tuner = make(tmp_path, formula("RandomSearch", fail=(1, 2, 3)))
    with pytest.raises(RuntimeError, match="last 3 trials failed.*no value for trial 3"):
        tuner.search()


def test_a_failed_trial_is_never_the_best(tmp_path):
    tuner = make(tmp_path, formula("RandomSearch", fail=(0,)), max_trials=2)
    with pytest.raises(ValueError, match="no best one"):
        tuner.get_best_hyperparameters()
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


def test_only_the_best_checkpoints_are_kept_on_request(tmp_path):
    tuner = make(tmp_path, kt.RandomSearch, max_trials=3, keep_checkpoints=1)
    tuner.search(X, Y, **FIT)
    best = tuner.oracle.get_best_trials(1)[0].trial_id
    kept = [p.parent.name for p in tmp_path.glob("p/*/checkpoint.weights.h5")]
    assert kept == [f"trial_{best}"]
    loss = tuner.get_best_models()[0].evaluate(X, Y, verbose=0)[0]
    assert loss == pytest.approx(tuner.oracle.get_best_trials(1)[0].score, rel=1e-4)


def test_the_estimate_of_the_checkpoint_size_is_right(tmp_path):
    tuner = make(tmp_path, kt.RandomSearch, max_trials=1, hypermodel=one_size)
    estimate = preflight.fit(tuner, {"x": X, "y": Y} | FIT)
    tuner.search(X, Y, **FIT)
    size = (tmp_path / "p" / "trial_0" / "checkpoint.weights.h5").stat().st_size
    assert 0.7 * size < estimate["bytes"] < 1.1 * size


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
def test_every_private_name_that_is_used_is_still_there(name):
    from keras_tuner import oracles as kt_oracles

    owner, attribute = name.split(".")
    made = {
        "Oracle": lambda: kt_oracles.RandomSearchOracle(kt.Objective("a", "min")),
        "GridSearchOracle": lambda: kt_oracles.GridSearchOracle(kt.Objective("a", "min")),
        "BayesianOptimizationOracle": lambda: kt_oracles.BayesianOptimizationOracle(
            kt.Objective("a", "min")
        ),
    }[owner]()
    made._set_project_dir("unused", "unused")
    assert attribute in dir(made)


def test_no_other_private_name_of_an_oracle_is_used():
    import re

    text = (ROOT / "helpers" / "state.py").read_text()
    oracle = kt.oracles.BayesianOptimizationOracle(kt.Objective("a", "min"))
    grid = kt.oracles.GridSearchOracle(kt.Objective("a", "min"))
    theirs = {n for n in dir(oracle) + dir(grid) if re.match(r"_[a-z]", n)}
    used = set(re.findall(r"(?:self|super\(\)|oracle)\.(_[a-z]\w+)", text)) & theirs
    assert used <= {name.split(".")[1] for name in state.PRIVATE}
    elsewhere = "".join(
        (ROOT / "helpers" / f"{name}.py").read_text()
        for name in ("search", "preflight", "project", "progress")
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
