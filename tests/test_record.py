"""The recorded search: its files are complete, and README states what they say."""

import json
import re

from helpers import data, results, search
from tools import record


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
