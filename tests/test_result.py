"""The full result: the budget, a tiny run that is stopped again and again, and the closed test."""

import concurrent.futures
import contextlib
import json
import re
import time
import types

import keras_tuner as kt
import numpy as np
import pytest

from helpers import data, results
from tools import result

SHAPE = (28, 28, 1)
UNITS = ("search", "finalist_0", "finalist_1", "refit_1000", "refit_2000", "baseline_1000")
UNITS += ("baseline_2000",)


def settings_of(folder):
    """Tiny settings on 90 images of three classes, 30 of them for the test."""
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = (rng.integers(0, 160, (90, 8, 8)) + 40 * y[:, None, None]).astype("uint8")
    np.savez(folder / "d.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    tiny = {"images": 30, "max_trials": 2, "epochs": 2, "stop_lost": [1]}
    own = {"dataset": str(folder / "d.npz"), "search": result.SETTINGS["search"] | tiny}
    return result.SETTINGS | own | {"finalists": 2, "epochs": 2, "seeds": [1000, 2000]}


def run(made):
    """All steps in a row."""
    return [getattr(made, step)() for step in result.STEPS][-1]


def records(made):
    """The units' records by name, without what differs between two runs."""
    found = {path.stem: json.loads(path.read_text()) for path in made.target.glob("*.json")}
    luck = ("seconds", "cpu_seconds", "trial_seconds", "finished", "opened", "records_sha256")
    luck += ("commit", "not_committed", "model_sha256")
    return {n: {k: v for k, v in one.items() if k not in luck} for n, one in found.items()}


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A run without a stop, and how often it opened the test set, after which records."""
    folder, opened = tmp_path_factory.mktemp("once"), []
    made = result.Result(folder / "log", folder / "records", settings_of(folder))

    def load_test(images):
        opened.append({path.stem for path in made.target.glob("*.json")})
        return data.TestData(*real(images))

    with pytest.MonkeyPatch.context() as patch:
        real = data.load_test
        patch.setattr(data, "load_test", load_test)
        found = run(made)
    return types.SimpleNamespace(made=made, found=found, opened=opened)


@pytest.fixture
def closed(monkeypatch):
    """Nobody opens the test set."""

    def refuse(images):
        raise AssertionError("the test set was opened")

    monkeypatch.setattr(data, "load_test", refuse)


@pytest.fixture
def copied(once, tmp_path):
    """The same run, whose records may be changed; the models are shared."""
    target = tmp_path / "copied"
    for path in once.made.target.rglob("*.json"):
        copy = target / path.relative_to(once.made.target)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    copied = result.Result("unused", target, once.made.settings)
    copied.folder = once.made.folder
    return copied


def forward_flop(model):
    """Twice the multiplications of one image's way through convolutions and dense layers."""
    kernels = [layer for layer in model.layers if hasattr(layer, "kernel")]
    places = [int(np.prod(layer.output.shape[1:-1])) for layer in kernels]
    return sum(
        2 * int(np.prod(layer.kernel.shape)) * n for layer, n in zip(kernels, places, strict=True)
    )


def test_no_candidate_costs_more_than_the_budget_says():
    build, costs, sizes = result.hypermodel(SHAPE, 10, 100, 1).build, [], []
    largest = {"filters_1": 24, "filters_2": 48, "filters_3": 96, "units": 128, "batch_norm": True}
    for count in (2, 3):
        hp = kt.HyperParameters()
        hp.values = {"conv_layers": count} | largest
        model = build(hp)
        sizes.append(model.count_params())
        costs.append(forward_flop(model) / 1e6)
        for name, value in largest.items():  # nothing in the space is larger
            values = next(one for one in hp.space if one.name == name).values
            assert max(values) == value
    assert max(costs) == pytest.approx(8.7, abs=0.05)
    assert max(sizes) <= result.SETTINGS["search"]["max_model_size"] <= 500_000


def test_the_learning_rate_ends_at_zero():
    hp = kt.HyperParameters()
    hp.values = {"learning_rate": 0.01, "batch_size": 64}
    schedule = result.hypermodel(SHAPE, 10, 1000, 3).build(hp).optimizer._learning_rate
    rates = [float(schedule(step)) for step in (0, 24, 48)]  # 3 epochs of 16 batches
    assert rates == pytest.approx([0.01, 0.005, 0], abs=1e-6)


def test_two_processes_share_the_units(tmp_path):
    made = []

    def work(number):
        def make(name):
            made.append(name)
            time.sleep(0.2)
            return {"by": number}

        shared = result.Result(str(tmp_path / "log"), tmp_path)
        todo = [(name, {}, lambda name=name: make(name)) for name in "abcd"]
        return shared.units(todo)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, (1, 2))
    assert sorted(made) == list("abcd") and first == second
    assert {one["by"] for one in first} == {1, 2}


@pytest.mark.slow
def test_a_run_makes_a_record_of_every_unit_and_opens_the_test_set_once_at_the_end(once):
    assert once.opened == [{*UNITS, "test"}]  # the opening is on record before it happens
    made = records(once.made)
    assert set(made) == {*UNITS, "test"}
    first, second = made["finalist_0"], made["finalist_1"]
    last = [one["history"]["val_loss"][-1] for one in (first, second)]
    winner = (first, second)[int(np.argmin(last))]
    for seed in (1000, 2000):
        assert made[f"refit_{seed}"]["hyperparameters"] == winner["hyperparameters"]
        assert "val_loss" not in made[f"refit_{seed}"]["history"]
        assert len(made[f"baseline_{seed}"]["history"]["loss"]) == once.made.settings["epochs"]
    table = results.trials_table(once.made.target / "search")
    assert sorted(table["epochs"]) in ([1, 2], [2, 2])
    scores = [once.found["models"][name]["correct"] / 30 for name in UNITS[3:]]
    assert once.found["difference"]["mean"] == pytest.approx(
        np.mean(scores[:2]) - np.mean(scores[2:])
    )
    assert once.found["opened"] >= max(
        json.loads((once.made.target / f"{name}.json").read_text())["finished"] for name in UNITS
    )


@pytest.mark.slow
def test_a_run_that_is_stopped_in_every_step_goes_on_and_ends_the_same(
    once, tmp_path, monkeypatch, closed
):
    made = result.Result(tmp_path / "log", tmp_path / "records", once.made.settings)
    train, begun, kept = result.Result.train, [], {}

    def stops_at_first(self, about, x, y, **fit):
        begun.append((about.get("trial"), about["seed"], about["hyperparameters"] is None, len(x)))
        if begun.count(begun[-1]) == 1:
            raise KeyboardInterrupt
        return train(self, about, x, y, **fit)

    real = result.hypermodel
    calls = []

    def stops_in_second_trial(*size):
        own = real(*size)
        fit = own.fit

        def stopping(hp, model, *args, **kwargs):
            calls.append(kwargs.get("callbacks"))
            if len(list(made.folder.glob("search/trial_*/history.json"))) == 1:
                raise KeyboardInterrupt
            return fit(hp, model, *args, **kwargs)

        own.fit = stopping
        return own

    monkeypatch.setattr(result, "hypermodel", stops_in_second_trial)
    with pytest.raises(KeyboardInterrupt):
        made.search()
    assert not list(made.target.glob("*.json"))
    first = (made.folder / "search" / "trial_0" / "history.json").read_bytes()
    monkeypatch.setattr(result, "hypermodel", real)
    monkeypatch.setattr(result.Result, "train", stops_at_first)
    for _ in range(len(UNITS)):
        with contextlib.suppress(KeyboardInterrupt):
            for step in result.STEPS[:-1]:
                getattr(made, step)()
        for name, content in kept.items():
            assert (made.target / name).read_bytes() == content
        kept = {path.name: path.read_bytes() for path in made.target.glob("*.json")}
    assert (made.target / "search" / "trial_0" / "history.json").read_bytes() == first
    assert len(begun) == 2 * len(set(begun)) == 2 * 6
    expected = records(once.made)
    del expected["test"]
    assert records(made) == expected


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["refit_2000", "baseline_1000"])
def test_the_test_set_stays_closed_while_a_model_is_missing(copied, closed, missing):
    for name in (missing, "test"):
        (copied.target / f"{name}.json").unlink()
    with pytest.raises(SystemExit, match=missing):
        copied.test()
    assert not (copied.target / "test.json").exists()


@pytest.mark.slow
def test_the_test_set_stays_closed_to_a_model_that_was_exchanged(copied, closed, tmp_path):
    (copied.target / "test.json").unlink()
    models = copied.folder
    copied.folder = tmp_path
    for path in models.glob("*.keras"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "refit_1000.keras").write_bytes((models / "refit_2000.keras").read_bytes())
    with pytest.raises(SystemExit, match="refit_1000"):
        copied.test()
    assert not (copied.target / "test.json").exists()


@pytest.mark.slow
def test_a_second_call_trains_nothing_opens_nothing_and_shows_the_same(
    once, copied, closed, monkeypatch, capsys
):
    monkeypatch.setattr(data, "load_data", None)
    before = (copied.target / "test.json").read_bytes()
    result.main(["--target", str(copied.target)])
    said = capsys.readouterr().out
    assert "not opened again" in said and once.found["opened"] in said
    assert once.found["verdict"] in said
    assert (copied.target / "test.json").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "where", ["finalist_0.json", "refit_1000.json", "search/trial_1/trial.json"]
)
@pytest.mark.parametrize("how", ["changed", "removed"])
def test_a_record_that_is_changed_after_the_opening_is_noticed(copied, closed, where, how):
    path = copied.target / where
    if how == "removed":
        path.unlink()
    else:
        path.write_text(path.read_text().replace("0", "1", 1))
    with pytest.raises(SystemExit, match="changed after"):
        result.main(["--target", str(copied.target)])


@pytest.mark.slow
def test_an_opening_that_was_cut_off_is_finished_unless_a_record_was_changed(once, copied):
    path = copied.target / "test.json"
    begun = {name: once.found[name] for name in ("opened", "records_sha256")}
    path.write_text(json.dumps(begun | {"opened": "earlier"}))
    assert copied.test()["models"] == once.found["models"]
    assert json.loads(path.read_text())["opened"] == "earlier"
    path.write_text(json.dumps(begun))
    (copied.target / "finalist_9.json").write_text("{}")
    with pytest.raises(SystemExit, match="changed after"):
        copied.test()


@pytest.mark.slow
def test_records_of_other_settings_are_refused(copied):
    copied.settings = copied.settings | {"epochs": 3}
    with pytest.raises(SystemExit, match="epochs"):
        copied.finalists()


def test_the_records_so_far_are_those_of_the_settings_and_small():
    assert (
        json.loads((result.TARGET / "search.json").read_text())["settings"]
        == (result.SETTINGS["search"])
    )
    table = results.ranked(results.trials_table(result.TARGET / "search"))
    assert len(table) == result.SETTINGS["search"]["max_trials"]
    best = set(table["trial"][: result.SETTINGS["finalists"]])
    for path in result.TARGET.glob("finalist_*.json"):
        one = json.loads(path.read_text())
        assert one["trial"] in best
        assert len(one["history"]["val_loss"]) == one["epochs"] == result.SETTINGS["epochs"]
    files = [path for path in result.TARGET.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    for path in files:  # the card is a text too
        assert not re.search(r"/(work|home|root|tmp|Users)/", path.read_text()), path


@pytest.mark.skipif(
    not (result.TARGET / "test.json").exists(), reason="the test set has not been opened yet"
)
def test_the_shipped_result_is_whole_and_fits_the_tool(closed):
    settings, found = result.SETTINGS, result.Result().test()  # refuses what was changed
    records = {p.stem: json.loads(p.read_text()) for p in result.TARGET.glob("*.json")}
    assert found["not_committed"] == [] and len(found["commit"]) == 40
    table = results.ranked(results.trials_table(result.TARGET / "search"))
    finalists = [one for name, one in records.items() if name.startswith("finalist_")]
    assert {one["trial"] for one in finalists} == set(table["trial"][: settings["finalists"]])
    winner = min(finalists, key=lambda one: one["history"]["val_loss"][-1])
    for seed in settings["seeds"]:
        refit, baseline = records[f"refit_{seed}"], records[f"baseline_{seed}"]
        assert refit["hyperparameters"] == winner["hyperparameters"]
        assert refit["data_digest"] == baseline["data_digest"]
        assert refit["parameters"] <= settings["search"]["max_model_size"]
        for one in (refit, baseline):
            assert len(one["history"]["loss"]) == one["epochs"] == settings["epochs"]
            assert one["finished"] < found["opened"]
    text = result.README.read_text(encoding="utf-8")
    assert text.split(result.MARKERS[0])[1].split(result.MARKERS[1])[0].strip() == (
        result.readme(records)
    )
    assert (result.TARGET / result.CARD).read_text(encoding="utf-8") == result.card(records)
    right = {name: one["correct"] for name, one in found["models"].items()}
    for kind in ("refit", "baseline"):
        scores = [right[f"{kind}_{seed}"] / found["images"] for seed in settings["seeds"]]
        assert found[kind]["mean"] == pytest.approx(np.mean(scores))
