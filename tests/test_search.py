"""The search layer: same numbers as KerasTuner, nothing lost, mixed or hidden."""

import functools
import itertools
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
keras = pytest.importorskip("keras")
kt = pytest.importorskip("keras_tuner")

from faults import fresh  # noqa: E402
from projects import programs  # noqa: E402

from helpers import fingerprint as fingerprint_module  # noqa: E402
from helpers import preflight, results, search, state  # noqa: E402

X, Y = programs.data()
FIT = {"validation_data": (X, Y), "epochs": 1, "batch_size": 32}
LOSS = kt.Objective("val_loss", "min")


def space(hp):
    hp.Int("x", 0, 3)
    hp.Choice("kind", ["a", "b"])


def fine(hp):
    space(hp)
    hp.Float("y", 0.0, 1.0)  # shows in its digits whether the random state was kept


KINDS = {
    "RandomSearch": {"max_trials": 6},
    "GridSearch": {"max_trials": 6},
    "Hyperband": {"max_epochs": 3, "factor": 3},
    "BayesianOptimization": {"max_trials": 4, "num_initial_points": 2, "hypermodel": fine},
}


def formula(kind, ran=None, instead=None):
    """A tuner class whose trial is a formula; ``instead``: what a trial raises or gives."""

    class Formula(getattr(kt, kind)):
        def run_trial(self, trial):
            number = int(trial.trial_id)
            if ran is not None:
                ran.append(number)
            loss = trial.hyperparameters.values["x"] + float(np.random.random())
            loss = (instead or {}).get(number, loss)
            if isinstance(loss, BaseException):
                raise loss
            return {"val_loss": loss}

    Formula.__name__ = kind
    return Formula


def interrupt(folder, kind, number, *more, ran=None):
    """Run a search that Ctrl-C ends in the middle of a trial."""
    with pytest.raises(KeyboardInterrupt):
        make(folder, formula(kind, ran, {number: KeyboardInterrupt()}), *more).search()


def make(folder, tuner_class="RandomSearch", careful=True, **changes):
    """A tuner of the formula, or of the small model with ``tuner_class=kt...``."""
    if isinstance(tuner_class, str):
        tuner_class = formula(tuner_class)
    kind = next(name for name in KINDS if issubclass(tuner_class, getattr(kt, name)))
    call = {"objective": LOSS, "seed": 1, "directory": str(folder), "project_name": "p"}
    call |= {"hypermodel": programs.build if tuner_class is getattr(kt, kind) else space}
    call |= {"progress": False} if careful else {}
    return (search.careful(tuner_class) if careful else tuner_class)(**call | KINDS[kind] | changes)


def records(folder, project="p"):
    paths = sorted(folder.glob(f"{project}/trial_*/trial.json"))
    return {path.parent.name: path.read_text() for path in paths}


def statuses(folder):
    return [json.loads(text)["status"] for text in records(folder).values()]


def whole(folder):
    return {path: path.read_bytes() for path in folder.rglob("*.json")}


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch):
    """fsync matters when the power goes, which no test here does, and takes most of their time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def expected(kind, tmp_path_factory):
    """The records of an uninterrupted search, in which KerasTuner writes no file in place."""
    folder = tmp_path_factory.mktemp("expected")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras_tuner.src.utils.save_json", lambda path, value: pytest.fail(path))
        make(folder, kind).search()
    return records(folder)


def test_a_fresh_process_after_other_draws_and_an_interruption_gives_the_same_bits(tmp_path):
    command = [sys.executable, fresh.__file__, str(tmp_path / "there")]
    env = os.environ | {"PYTHONHASHSEED": "7"}
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    here = fresh.run(tmp_path / "here")
    assert json.loads(other.communicate(timeout=400)[0].partition("RECORDS")[2]) == here
    assert set(here) == {"RandomSearch", "Hyperband", "BayesianOptimization"}
    assert sum(name.endswith(".h5") for found in here.values() for name in found) >= 11
    first, second = here["RandomSearch"]["trial_0/history.json"]
    assert first["val_loss"] != second["val_loss"], "executions must start from other weights"


def test_seed_zero_is_a_seed_and_a_trials_seed_depends_on_seed_and_id_alone(tmp_path):
    for name in ("a", "b"):
        make(tmp_path / name, seed=0).search()
    assert records(tmp_path / "a") == records(tmp_path / "b") != {}
    assert make(tmp_path / "a", seed=0).seed == 0
    assert search.trial_seed(3, "04") == 3004 and search.trial_seed(0, "0012") == 12


def test_a_file_is_written_beside_synchronised_and_only_then_renamed(tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    search.write_json(path, {"a": 1})
    done, replace = [], os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: done.append(path.read_text()))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("replace"), replace(a, b)))
    search.write_json(path, {"a": 2})
    assert done == ['{"a": 1}', "replace"] and path.read_text() == '{"a": 2}'


def test_a_search_interrupted_in_any_trial_equals_an_uninterrupted_one(kind, expected, tmp_path):
    for stop in range(len(expected)):
        folder, ran = tmp_path / str(stop), []
        interrupt(folder, kind, stop, ran=ran)
        make(folder, formula(kind, ran)).search()
        assert ran == [*range(stop + 1), *range(stop, len(expected))]
        assert records(folder) == expected


def test_trials_that_wait_run_in_their_order(tmp_path):
    oracle, ran = make(tmp_path).oracle, []
    for worker in ("a", "b", "c"):
        oracle.create_trial(worker)
    make(tmp_path, formula("RandomSearch", ran), accept_mismatch=True).search()
    assert ran == list(range(6))


def test_grid_search_goes_on_with_more_trials(tmp_path):
    make(tmp_path / "all", "GridSearch", max_trials=8).search()
    for limit in (3, 5, 8):
        make(tmp_path / "parts", "GridSearch", max_trials=limit).search()
    assert records(tmp_path / "parts") == records(tmp_path / "all")
    assert len(records(tmp_path / "all")) == 8


def test_a_project_of_plain_kerastuner_is_gone_on_with_after_accepting_it(tmp_path):
    interrupt(tmp_path, "GridSearch", 2, False)
    ran = []
    with pytest.raises(state.Mismatch, match="fingerprint"):
        make(tmp_path, formula("GridSearch", ran)).search()
    make(tmp_path, formula("GridSearch", ran), accept_mismatch=True).search()
    assert ran == [2, 3, 4, 5] and len(records(tmp_path)) == 6
    interrupt(tmp_path / "damaged", "GridSearch", 2, False)
    (tmp_path / "damaged" / "p" / "trial_0" / "trial.json").unlink()
    with pytest.raises(state.Damaged):
        make(tmp_path / "damaged", "GridSearch", accept_mismatch=True)


DAMAGES = {
    "truncated": lambda path: path.write_text(path.read_text()[:-1]),
    "gone": lambda path: path.unlink(),
}
REFUSED = DAMAGES | {
    "of another kind": lambda path: path.write_text("{}"),
    "beside a finished trial of another search": lambda path: shutil.copytree(
        path.with_name("trial_1"), path.with_name("trial_5")
    ),
}


def test_a_damaged_trial_is_repaired_and_the_search_finished(kind, expected, tmp_path):
    interrupt(tmp_path / "stopped", kind, 3)
    damages = itertools.product(("trial.json", "history.json", "../tuner0.json"), DAMAGES.values())
    for i, (name, damage) in enumerate([*damages, ("", shutil.rmtree)]):
        folder, ran = tmp_path / str(i), []
        shutil.copytree(tmp_path / "stopped", folder)
        damage(sorted(folder.glob("p/trial_*"))[1] / name)
        make(folder, formula(kind, ran)).search()
        assert ran == list(range(3, len(expected))), "no finished trial runs again"
        assert records(folder) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_damaged_oracle_is_refused_and_nothing_changed(name, tmp_path):
    make(tmp_path, max_trials=3).search()
    REFUSED[name](tmp_path / "p" / "oracle.json")
    before = whole(tmp_path)
    with pytest.raises(state.Damaged, match="overwrite=True"):
        make(tmp_path)
    assert whole(tmp_path) == before
    assert len(results.trials_table(tmp_path / "p")) >= 3


@pytest.mark.parametrize("kind", ["RandomSearch", "BayesianOptimization"])
def test_a_search_of_an_earlier_layout_goes_on_as_if_nothing_had_happened(kind, tmp_path, eager):
    """tests/projects holds searches of the version of September 2026, killed in trial 4 of 6."""
    own = {"num_initial_points": 2} if kind == "BayesianOptimization" else {}
    shutil.copytree(ROOT / "tests" / "projects" / kind, tmp_path / "old" / kind)
    path = tmp_path / "old" / kind / state.FINGERPRINT
    versions = {"versions": fingerprint_module.versions()}
    state.write_json(path, json.loads(path.read_text()) | versions)
    kept = {p: p.read_bytes() for p in path.parent.glob("trial_[0-3]/*.json")}
    tuner_class = search.careful(getattr(kt, kind))
    old, new = (programs.search(tuner_class, tmp_path / name, **own) for name in ("old", "new"))
    old, new = results.trials_table(old), results.trials_table(new)
    assert {p: p.read_bytes() for p in kept} == kept and len(kept) == 8
    assert old["units"].tolist() == new["units"].tolist()
    np.testing.assert_allclose(old["score"], new["score"], rtol=1e-4)


def test_a_search_goes_on_after_a_full_disk(kind, expected, tmp_path, monkeypatch):
    write, written = state.write_text, []

    def full(path, text):
        written.append(path)
        if len(written) == full.at:
            raise OSError(28, "No space left on device", str(path))
        write(path, text)

    monkeypatch.setattr(state, "write_text", full)
    for full.at in (1, 2, 3) if kind == "BayesianOptimization" else range(1, 12):
        folder, then = tmp_path / str(full.at), []
        written.clear()
        with pytest.raises((OSError, kt.errors.FatalRuntimeError)) as caught:
            make(folder, kind).search()
        assert state.disk_is_full(caught.value)
        ended = statuses(folder).count("COMPLETED")
        make(folder, formula(kind, then)).search()
        assert not set(range(ended)) & set(then)
        assert records(folder) == expected


def test_a_full_disk_in_a_trial_does_not_fail_it(tmp_path):
    full = OSError(28, "No space left")
    with pytest.raises(kt.errors.FatalRuntimeError):
        make(tmp_path, formula("RandomSearch", instead={1: full}), max_trials=2).search()
    assert statuses(tmp_path) == ["COMPLETED", "RUNNING"]
    make(tmp_path, max_trials=2).search()
    assert statuses(tmp_path) == ["COMPLETED"] * 2


CHANGES = {
    "seed: 1 there, 2 now": {"seed": 2},
    "objective": {"objective": kt.Objective("val_loss", "max")},
    "arguments.executions_per_trial": {"executions_per_trial": 2},
    "space.x": {"hypermodel": lambda hp: (hp.Int("x", 0, 9), hp.Choice("kind", ["a", "b"]))},
    "tuner: 'RandomSearch' there, 'GridSearch' now": {"tuner_class": "GridSearch"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_tuner_refuses_an_earlier_search(tmp_path, name):
    make(tmp_path).search()
    before = whole(tmp_path)
    with pytest.raises(state.Mismatch) as caught:
        make(tmp_path, **CHANGES[name])
    assert name in str(caught.value) and str(tmp_path) not in str(caught.value)
    make(tmp_path, accept_mismatch=True, **CHANGES[name])
    assert whole(tmp_path) == before


def test_a_changed_fit_model_data_or_version_is_refused(tmp_path, monkeypatch, eager):
    make(tmp_path, kt.RandomSearch, max_trials=1).search(X, Y, **FIT)
    other = X.copy()
    other[0, 0, 0] += 0.5
    stopping = keras.callbacks.EarlyStopping(patience=3)
    for x, changes, said in (
        (X, {"epochs": 2}, "fit.epochs"),
        (X, {"callbacks": [stopping]}, "fit.callbacks"),
        (other, {}, "fit.x"),
    ):
        with pytest.raises(state.Mismatch, match=said):
            make(tmp_path, kt.RandomSearch, max_trials=2).search(x, Y, **(FIT | changes))

    def other_build(hp):
        model = programs.build(hp)
        model.compile("sgd", "mse")
        return model

    with pytest.raises(state.Mismatch, match="optimizer"):
        make(tmp_path, kt.RandomSearch, max_trials=2, hypermodel=other_build)
    with monkeypatch.context() as patch, pytest.raises(state.Mismatch, match="versions.keras"):
        patch.setattr(fingerprint_module, "versions", lambda: {"keras": "2.0"})
        make(tmp_path, kt.RandomSearch, max_trials=2)
    make(tmp_path, kt.RandomSearch, max_trials=2).search(X, Y, **FIT, verbose=0)
    assert len(records(tmp_path)) == 2


def test_overwrite_moves_the_earlier_search_aside(tmp_path):
    make(tmp_path).search()
    before = records(tmp_path)
    tuner = make(tmp_path, overwrite=True, seed=5)
    assert tuner.remaining_trials == 6
    tuner.search()
    assert records(tmp_path, "p.old") == before != records(tmp_path)


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
    command = [sys.executable, "-c", HOLD, str(tmp_path / "p")]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert holder.stdout.readline() == b"held\n"
        overwrite = functools.partial(make, tmp_path, overwrite=True)
        for action in (tuner.search, functools.partial(make, tmp_path), overwrite):
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


def test_plain_kerastuner_in_the_same_process_is_untouched_and_reads_a_careful_project(tmp_path):
    make(tmp_path).search()
    assert len(make(tmp_path, careful=False).oracle.trials) == 6
    make(tmp_path, careful=False, project_name="plain").search()
    assert state.KEY not in json.loads((tmp_path / "plain" / "oracle.json").read_text())
    assert not (tmp_path / "plain" / state.FINGERPRINT).exists()


def test_progress_is_shown_whatever_verbose_says_and_how_much_is_done(tmp_path, capsys, eager):
    make(tmp_path, kt.RandomSearch, max_trials=2, progress=True).search(X, Y, **FIT, verbose=0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert re.match(r"2 of 2 trials, best val_loss \d\.\d+ \(trial \d\)", lines[1])
    make(tmp_path / "quiet", kt.RandomSearch, max_trials=1).search(X, Y, **FIT)
    assert capsys.readouterr().out == "", "Keras' and KerasTuner's bars are off"
    make(tmp_path / "quiet", kt.RandomSearch, max_trials=1)
    assert "1 of 1 trials" in capsys.readouterr().out


def test_a_failure_is_said_when_it_happens_and_an_early_end_at_the_end(tmp_path, capsys):
    how = {1: ValueError("no value"), 3: float("nan")}

    class Watched(formula("RandomSearch", instead=how)):
        def on_trial_begin(self, trial):
            super().on_trial_begin(trial)
            print(f"begin {trial.trial_id}")

    make(tmp_path / "a", Watched).search()
    said = capsys.readouterr().out
    assert "no value" in said[said.index("begin 1") : said.index("begin 2")]
    assert "NaN" in said[said.index("begin 3") : said.index("begin 4")]
    make(tmp_path / "b", max_trials=20).search()
    assert "8 of 20 trials" in capsys.readouterr().out


def test_failed_trials_are_never_the_best_and_three_in_a_row_stop_with_the_reason(tmp_path):
    how = {i: ValueError(f"no value for trial {i}") for i in (0, 2, 3, 4)}
    tuner = make(tmp_path, formula("RandomSearch", instead=how))
    with pytest.raises(RuntimeError, match="no value for trial 4"):
        tuner.search()
    assert len(tuner.get_best_hyperparameters(5)) == 1


def test_the_estimate_of_the_checkpoint_size_is_right(tmp_path, eager):
    one_size = kt.HyperParameters()
    one_size.Fixed("units", 400)
    tuner = make(tmp_path, kt.RandomSearch, max_trials=1, hyperparameters=one_size)
    estimate = preflight.search(tuner, (X, Y), FIT)
    tuner.search(X, Y, **FIT)
    size = (tmp_path / "p" / "trial_0" / "checkpoint.weights.h5").stat().st_size
    assert 0.7 * size < estimate < 1.1 * size


def test_every_private_name_that_is_used_is_there_and_declared(tmp_path):
    kinds = ("RandomSearch", "GridSearch", "BayesianOptimization")
    tuners = [make(tmp_path / kind, getattr(kt, kind), False) for kind in kinds]
    made = {type(tuner.oracle).__name__: dir(tuner.oracle) for tuner in tuners}
    made |= {"Oracle": made["RandomSearchOracle"], "Tuner": dir(tuners[0])}
    declared = [name.split(".") for name in state.PRIVATE]
    assert all(attribute in made[owner] for owner, attribute in declared)
    made.pop("Tuner")
    theirs = {name for names in made.values() for name in names if re.match(r"_[a-z]", name)}
    for path in (ROOT / "helpers").glob("*.py"):
        owner = r"(?:self|super\(\)|oracle)" if path.stem == "state" else "oracle"
        used = set(re.findall(rf"{owner}\.(_[a-z]\w+)", path.read_text(encoding="utf-8")))
        allowed = {attribute for _, attribute in declared} if path.stem == "state" else set()
        assert used & theirs <= allowed, path.name
