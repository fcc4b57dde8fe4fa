"""The recorded search and its reruns: complete, and README and notebook 04 say what they say."""

import contextlib
import io
import json
import pathlib
import re

import nbformat
import numpy as np
import pandas as pd
import pytest

from helpers import data, insight, results, search
from tools import record, record_reruns

NOTEBOOK = pathlib.Path(__file__).parents[1] / "notebooks" / "04_search_results.ipynb"


def test_the_record_is_complete_and_small():
    table = results.trials_table(record.RECORDED)
    settings = json.loads((record.RECORDED / "settings.json").read_text())
    assert len(table) == settings["max_trials"] == record.SETTINGS["max_trials"] == 50
    assert set(table.status) == {"COMPLETED"}
    assert set(table.epochs) == {settings["epochs"]} == {10}
    best = results.history_table(record.RECORDED).groupby("trial")["val_loss"].min()
    assert best.tolist() == table["score"].tolist()
    size = sum(path.stat().st_size for path in record.RECORDED.rglob("*") if path.is_file())
    assert size < 1_000_000
    assert not list(record.RECORDED.rglob("*.h5"))
    for path in record.RECORDED.rglob("*.json"):
        assert not re.search(r"/(work|home|root|tmp|Users)/", path.read_text()), path


def test_the_record_was_made_with_the_settings_and_the_data_of_the_course():
    settings = json.loads((record.RECORDED / "settings.json").read_text())
    digest = settings.pop("data_digest")
    assert settings == record.SETTINGS
    assert digest == data.load_data(settings["dataset"], seed=settings["seed"]).digest


def test_readme_is_rewritten_from_the_files_and_a_wrong_number_is_noticed(tmp_path):
    assert record.summary() in record.README.read_text(encoding="utf-8")
    readme = tmp_path / "README.md"
    text = record.README.read_text(encoding="utf-8")
    number = re.search(r"validation loss of (\d\.\d+)", record.summary())[1]
    readme.write_text(text.replace(number, "0.001"), encoding="utf-8")
    record.write_readme(readme, tmp_path / "docs" / "picture.png")
    assert readme.read_text(encoding="utf-8") == text
    assert (tmp_path / "docs" / "picture.png").stat().st_size > 10_000


def test_shipping_leaves_weights_behind(tmp_path):
    trial = tmp_path / "project" / "trial_0"
    trial.mkdir(parents=True)
    for name in ("trial.json", search.HISTORY, "checkpoint.weights.h5"):
        (trial / name).write_text("{}")
    for name in ("oracle.json", "tuner0.json"):
        (tmp_path / "project" / name).write_text("{}")
    record.ship(tmp_path / "project", {"seed": 1}, tmp_path / "shipped")
    shipped = tmp_path / "shipped"
    found = {path.relative_to(shipped).as_posix() for path in shipped.rglob("*.*")}
    trial = {f"trial_0/{name}" for name in ("trial.json", search.HISTORY)}
    assert found == {"oracle.json", "settings.json", "tuner0.json"} | trial


@pytest.fixture(scope="module")
def shown():
    """The names that the cells of notebook 04 about the records define, and what they print."""
    cells = {cell.id: cell for cell in nbformat.read(NOTEBOOK, 4).cells}
    folder = results.recorded()
    names = {"np": np, "insight": insight, "results": results, "folder": folder, "seed": 1}
    names["full"] = results.trials_table(folder)
    wanted = ("slice-number", "rerun-table", "rerun-noise", "noise-group", "enough-theory")
    for cell in (*wanted, "pick-draw", "pick-again", "enough-loss"):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(cells[cell].source.split("\nfigure, ax")[0], names)
        stored = "".join(one.get("text", "") for one in cells[cell].outputs)
        assert printed.getvalue() == stored, cell
    return names


def test_the_reruns_are_those_of_the_rule_with_the_same_seeds_for_all():
    table = pd.read_csv(record_reruns.RERUNS, dtype={"trial": str})
    rows = record_reruns.chosen(results.trials_table(record.RECORDED))
    assert list(table["trial"].drop_duplicates()) == list(rows["trial"])
    assert list(table["parameters"].drop_duplicates()) == list(rows["parameters"])
    (seeds,) = set(table.groupby("trial")["seed"].agg(tuple))  # the same ones for all
    assert seeds == record_reruns.SEEDS
    assert (table["val_loss"] <= table["last_val_loss"]).all()
    assert table["val_loss"].nunique() == len(table)  # no training is another one, or the search's
    assert not set(table["val_loss"]) & set(rows["score"].round(6))
    winner, *others = rows["parameters"].iloc[record_reruns.TOP - 1 :]
    assert rows["parameters"].iloc[0] / 2 >= others[0] > others[1] > others[2]


def test_notebook_04_says_of_the_reruns_what_they_say(shown):
    assert shown["margin"] == record_reruns.MARGIN and len(shown["small"]) == 3
    assert np.ptp(shown["correlation"]) < 2 * shown["error"].max()  # "in no proven order"
    assert shown["top"]["search"].mean() < shown["top"]["mean"].mean()  # scores too good
    assert 0 < shown["rows"]["told_apart"].sum() < 49  # "a group"
    assert 0 < shown["gain"] < shown["noise"]  # "less than the luck of one training"
    assert shown["picked"][58] < shown["picked_again"](34)  # "closes it faster"
    curse = shown["best_true"] - shown["best_seen"]
    assert abs(curse[0]) < 0.002 < curse[9] < curse[49]  # "grows with the number of trials"


def test_reruns_resume_and_ship_whole_seeds_only(tmp_path, monkeypatch):
    rows = pd.DataFrame({"trial": ["3", "1"], "parameters": [9, 5]})
    trained = []

    def train(row, names, images, seed, settings):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append((row["trial"], seed))
        values = [row["trial"], seed, row["parameters"], 1, 0.1, 0.2, 0.3, 0.4]
        return dict(zip(record_reruns.COLUMNS, values, strict=True))

    monkeypatch.setattr(record_reruns, "chosen", lambda table: rows)
    monkeypatch.setattr(record_reruns, "train", train)
    target = tmp_path / "reruns.csv"
    with pytest.raises(KeyboardInterrupt):
        record_reruns.run(tmp_path, (1000, 2000))
    record_reruns.ship(tmp_path, target=target)
    assert not target.exists()
    record_reruns.ship(tmp_path, partly=True, target=target)
    assert pd.read_csv(target)[["trial", "seed"]].to_numpy().tolist() == [[3, 1000], [1, 1000]]
    del trained[0]  # the next call trains one more
    record_reruns.run(tmp_path, (1000, 2000))
    assert trained == [("1", 1000), ("3", 2000), ("1", 2000)]
