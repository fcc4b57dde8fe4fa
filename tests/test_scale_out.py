"""The launcher's parts that start nothing: refusals, options, roles, verdicts."""

import json
import os
import pathlib
from importlib.util import find_spec

import pytest

from helpers import scale_out, state
from helpers.scale_out import Exit

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture
def job(tmp_path):
    (tmp_path / "job.py").write_text("x = 1\n")
    return tmp_path / "job.py"


@pytest.fixture
def launched(monkeypatch):
    """The chief and workers of a launch that starts no process."""
    seen = []
    monkeypatch.setattr(scale_out, "_loop", lambda ms, *_: (Exit.COMPLETE, seen.extend(ms)))
    return seen


@pytest.mark.parametrize(
    "given",
    [["--workers", "0"], ["-p", "overwrite", "True"], ["overwrite=True"]]
    + [["overwrite: bool = True  # empty the folder"]],
)
@pytest.mark.parametrize("kind", [".py", ".ipynb"])
def test_a_wrong_call_and_a_job_that_overwrites_change_nothing(tmp_path, capsys, given, kind):
    options, code = (given, "x = 1") if len(given) > 1 else ([], given[0])
    job = tmp_path / f"job{kind}"
    cell = {"cell_type": "code", "source": ["x = 1\n", code]}
    job.write_text(json.dumps({"cells": [cell]}) if kind == ".ipynb" else code)
    with pytest.raises(SystemExit) as ended:
        scale_out.main([str(job), "--directory", str(tmp_path / "log"), *options])
    said = capsys.readouterr().err
    assert ended.value.code == Exit.WRONG_CALL and ("workers" in said) == ("--workers" in given)
    assert [path.name for path in tmp_path.iterdir()] == [job.name]


def test_a_missing_job_and_a_second_launcher_are_refused(job, launched, tmp_path):
    with pytest.raises(FileNotFoundError):
        scale_out.run(tmp_path / "nothing.py", directory=tmp_path)
    with state.lock(tmp_path / "p_scale_out"), pytest.raises(state.ProjectInUse):
        scale_out.run(job, directory=tmp_path, project_name="p")
    assert not launched


def test_every_process_gets_its_role_its_threads_and_loopback(job, launched, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    scale_out.run(job, workers=3, directory=tmp_path, parameters={"learning_rate": 0.1})
    names = ["chief", "worker0", "worker1", "worker2"]
    assert [member.env["KERASTUNER_TUNER_ID"] for member in launched] == names
    assert {member.env["TF_NUM_INTRAOP_THREADS"] for member in launched} == {"2"}
    assert {member.env["KERASTUNER_ORACLE_IP"] for member in launched} == {"127.0.0.1"}
    assert len({member.env["KERASTUNER_ORACLE_PORT"] for member in launched}) == 1
    assert "--learning-rate=0.1" in launched[1].command


def test_what_the_launcher_knows_of_kerastuners_inside_is_still_there():
    folder = pathlib.Path(find_spec("keras_tuner").origin).parent / "src"
    chief = (folder / "distribute" / "oracle_chief.py").read_text()
    assert "while not exit_chief(oracle):" in chief
    assert scale_out.TOO_MANY_FAILURES in (folder / "engine" / "oracle.py").read_text()


def write_trial(project, trial_id, status):
    folder = project / f"trial_{trial_id}"
    folder.mkdir(parents=True, exist_ok=True)
    record = {"trial_id": trial_id, "status": status}
    (folder / "trial.json").write_text(json.dumps(record))


def test_the_verdict_follows_the_trials(tmp_path):
    assert scale_out._verdict(tmp_path, [])[0] == Exit.GAVE_UP, "no trial at all"
    write_trial(tmp_path, "0", "COMPLETED")
    for status, code in [("RUNNING", 4), ("FAILED", 3), ("INVALID", 3), ("COMPLETED", 0)]:
        write_trial(tmp_path, "1", status)
        assert scale_out._verdict(tmp_path, [])[0] == code
    (tmp_path / "trial_1" / "trial.json").write_text('{"trial_id": "1", "stat')
    assert scale_out._verdict(tmp_path, [])[0] == Exit.COMPLETE


def test_a_serial_project_is_opened_to_a_chief_and_back(job, launched, tmp_path):
    project = tmp_path / "p"
    project.mkdir()
    (project / "oracle.json").write_text("{}")
    (project / "chief.json").write_text("kept")
    scale_out.run(job, directory=tmp_path, project_name="p")
    assert (project / "chief.json").read_text() == "kept"
    assert (project / "tuner0.json").read_text() == "{}"


def test_fresh_moves_the_old_project_and_its_logs_aside(job, launched, tmp_path):
    write_trial(tmp_path / "p", "7", "COMPLETED")
    (tmp_path / "p_scale_out").mkdir()
    (tmp_path / "p_scale_out" / "chief.log").write_text("old")
    scale_out.run(job, directory=tmp_path, project_name="p", fresh=True)
    assert not (tmp_path / "p").exists() and not any((tmp_path / "p_scale_out").iterdir())
    kept = ["chief.log", "trial_7"]
    assert sorted(path.name for path in tmp_path.glob("p*.old*/*")) == kept


def test_the_last_error_is_the_cause_and_not_what_passed_it_on():
    log = (
        "\x1b[31mValueError\x1b[39m: units must be positive\n"
        "grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:\n"
        "papermill.exceptions.PapermillExecutionError: \n"
    )
    assert scale_out.last_error(log) == "ValueError: units must be positive"
    assert scale_out.last_error("Epoch 1\n") is None


def test_the_document_has_every_exit_code():
    text = (ROOT / "docs" / "scale_out.md").read_text()
    assert all(f"\n| {int(code)} |" in text for code in Exit)
