"""The benchmark: it measures what it says, resumes, and README shows what its record holds."""

import collections
import json
import re
import socket
import types

import pytest

from helpers import checks, search, state
from tools import bench

PATH = bench.DOCS / "bench.json"
RECORD = state.read_json(PATH)
measured_once = pytest.mark.skipif(RECORD is None, reason="make bench FULL=1 has never been run")
FIRST, *_, LAST = bench.STEPS


def line(end, loss, begin=0.0, **seconds):
    """One line of a clock."""
    return (
        {"begin": begin, "end": end, "loss": loss} | {"train": 0, "test": 0, "first": 0} | seconds
    )


def measured(begin, end, **others):
    """What ``bench.run`` returns of a search."""
    shares = {"train": 0.5 * (end - begin), "test": 1.0, "first": 2.0}
    curve = [[begin + 1, 0.9], [0.5 * (begin + end), 0.5]]
    found = {"wall": end + 1, "cpu": end, "others": 0.0, "begin": begin, "end": end}
    return found | shares | {"curve": curve, "reached": None} | others


def made_up(size):
    """All measurements of a size, without measuring: the course takes half the time."""
    found = {}
    for name in range(1, size["repeats"] + 1):
        for way, workers in bench.WAYS.items():
            end = {"plain": 110, "one process": 60, "two workers": 35}[way]
            found[f"trials/{name}/{way}"] = measured(10, end, train=20.0 * max(1, workers))
    for seed in size["seeds"]:
        found[f"quality/{seed}/plain"] = measured(10, 199)
        for step in bench.STEPS:
            found[f"quality/{seed}/{step}"] = measured(10, 60, reached=50)
        found[f"quality/{seed}/{LAST}"] = measured(10, 60)
    return {"found": found, "settings": size}


@measured_once
def test_readme_is_rewritten_from_the_record_and_a_wrong_number_is_noticed(tmp_path):
    text = bench.README.read_text(encoding="utf-8")
    assert bench.readme(RECORD) in text
    readme = tmp_path / "README.md"
    section = bench.readme(RECORD)
    number = re.search(r"\d\.\d+ \(", section)[0]
    readme.write_text(text.replace(section, section.replace(number, "9.99 (")), encoding="utf-8")
    assert bench.readme(RECORD) not in readme.read_text(encoding="utf-8")
    bench.write(RECORD, tmp_path / "docs", readme)
    assert readme.read_text(encoding="utf-8") == text
    assert (tmp_path / "docs" / "bench.png").stat().st_size > 10_000
    assert json.loads((tmp_path / "docs" / "bench.json").read_text()) == RECORD


@measured_once
def test_the_record_is_whole_small_and_names_no_machine():
    assert PATH.stat().st_size < 200_000
    assert {"cores", "memory", "processor", "python", "tensorflow"} <= set(RECORD["machine"])
    assert RECORD["settings"]["steps"] == json.loads(json.dumps(bench.STEPS))
    assert len(RECORD["settings"]["seeds"]) >= 2
    text = PATH.read_text(encoding="utf-8")
    assert socket.gethostname() not in text
    assert not re.search(r"/(work|home|root|tmp|Users)/", text)


def test_ratios_are_taken_within_a_repeat_and_zero_says_not_reached():
    shown = bench.numbers(made_up(bench.SMALL))
    assert shown["rate"]["one process"] == [2, 2, 2]
    assert shown["rate"]["two workers"] == [4, 4, 4]
    assert shown["train"]["plain"] == [0.2, 0.2, 0.2]
    assert shown["train"]["two workers"] == [0.8, 0.8, 0.8]  # of two processes' time
    assert shown["sooner"][FIRST] == [4, 4, 4]  # 200 s against 50 s
    assert shown["than its best"][FIRST][0] == pytest.approx(104.5 / 50)
    assert shown["sooner"][LAST] == [0, 0, 0]


def test_a_summary_of_the_clocks():
    lines = [line(103, 0.9, 101, first=1.5), line(104, 0.6, 101, train=1), line(109, 0.7, 105)]
    found = bench.summary(lines, 100, target=0.65)
    assert (found["begin"], found["end"], found["reached"]) == (1, 9, 4)
    assert (found["trainings"], found["epochs"]) == (2, 3)
    assert found["curve"] == [[3, 0.9], [4, 0.6]]
    assert (found["first"], found["train"], found["test"]) == (1.5, 1, 0)
    assert bench.summary(lines, 100, target=0.5)["reached"] is None


WRITES = """
import json, pathlib, sys, time
path = pathlib.Path(sys.argv[1], "1.clock")
for loss in (0.9, 0.5, 0.1):
    now = time.time()
    seconds = {"train": 0.1, "test": 0.1, "first": 0.1}
    with open(path, "a") as file:
        file.write(json.dumps({"begin": now, "end": now, "loss": loss} | seconds) + "\\n")
    time.sleep(float(sys.argv[2]) if loss == 0.5 else 0)
"""


def test_a_search_is_stopped_when_the_loss_is_reached_and_not_before(tmp_path):
    found = bench.run(["-c", WRITES, str(tmp_path), "60"], tmp_path, target=0.6)
    assert [loss for _, loss in found["curve"]] == [0.9, 0.5]
    assert 0 < found["reached"] <= found["wall"] < 50
    other = tmp_path / "other"
    other.mkdir()
    found = bench.run(["-c", WRITES, str(other), "60"], other, target=0.2, limit=2)
    assert found["reached"] is None and found["wall"] < 50


def test_a_command_that_fails_is_no_measurement(tmp_path):
    with pytest.raises(checks.ShortError, match="no such thing"):
        bench.run(["-c", "raise OSError('no such thing')"], tmp_path)


def test_a_measurement_is_kept_and_made_again_under_other_settings(tmp_path):
    made = []

    def function(folder):
        assert folder.is_dir() and not list(folder.iterdir())
        made.append(folder)
        return len(made)

    for settings, expected in (({"a": 0.1}, 1), ({"a": 0.1}, 1), ({"a": 0.2}, 2)):
        assert bench.Kept(tmp_path / "measured.json", settings).get("x", function) == expected
    assert not made[0].exists()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["plain", "one process", "two workers"])
def test_each_way_trains_the_same_trials_and_says_where_the_time_went(tmp_path, way):
    settings = {"images": 100, "trials": 2, "epochs": 2, "seed": 1000}
    kind = "plain" if way == "plain" else "course"
    found = bench.searched(tmp_path, kind, bench.WAYS[way], **settings)
    assert (found["trainings"], found["epochs"]) == (2, 4)
    assert 0 < found["begin"] < found["end"] < found["wall"]
    assert found["first"] > 0 < found["train"]
    inside = found["train"] + found["test"] + found["first"]
    assert inside < max(1, bench.WAYS[way]) * bench.seconds(found)
    trials = (tmp_path / "search").glob("trial_*/trial.json")
    values = [state.read_json(path)["hyperparameters"]["values"] for path in sorted(trials)]
    assert [one["L3_Dense_num"] for one in values] == [116, 108]


@pytest.mark.slow
def test_the_bookkeeping_is_measured_and_its_histories_are_read_once(tmp_path, monkeypatch):
    found = bench.growth(tmp_path, "formula", 12)
    assert 0 < found["cpu_ms"]["10"] < 10_000 and list(found["wall_ms"]) == ["10"]
    assert found["reading"]["trials"] > 0 < found["reading"]["histories"]
    assert len(list((tmp_path / "search").glob(f"trial_*/{search.HISTORY}"))) == 12


@pytest.mark.slow
def test_a_trial_reads_and_writes_no_more_when_there_are_many(tmp_path, monkeypatch):
    import keras_tuner as kt
    from keras_tuner.engine.trial import Trial

    class Formula(kt.RandomSearch):
        def run_trial(self, trial):
            logs = {"val_loss": trial.hyperparameters.get("x") ** 2}
            self.on_epoch_end(trial, types.SimpleNamespace(), 0, logs)
            return logs

    calls = collections.Counter()

    def counted(name, function):
        def counting(*args):
            calls[name] += 1
            return function(*args)

        return counting

    monkeypatch.setattr(state, "read_json", counted("read", state.read_json))
    monkeypatch.setattr(Trial, "get_state", counted("record", Trial.get_state))
    each = {}
    for trials in (5, 50):
        calls.clear()
        hp = kt.HyperParameters()
        hp.Float("x", -1.0, 1.0)
        tuner = search.careful(Formula)(
            objective=kt.Objective("val_loss", "min"),
            hyperparameters=hp,
            max_trials=trials,
            seed=1,
            stop_lost=(1,),
            directory=str(tmp_path),
            project_name=str(trials),
            progress=False,
        )
        tuner.search()
        each[trials] = {name: number / trials for name, number in calls.items()}
    assert each[50]["read"] <= each[5]["read"] + 1 and each[50]["record"] <= each[5]["record"] + 1
    project = tmp_path / "50"
    records = state.read_json(project / "oracle.json")[state.KEY]["trials"]
    files = {f.parent.name[6:]: state.read_json(f) for f in project.glob("trial_*/trial.json")}
    assert records == files and list(records) == sorted(records) and len(records) == 50
