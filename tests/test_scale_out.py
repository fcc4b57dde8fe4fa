"""The launcher's parts that need no KerasTuner: refusals, options, verdicts, processes' ends."""

import contextlib
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import jupyter_client
import nbformat
import psutil
import pytest

from helpers import scale_out, state

ROOT = pathlib.Path(__file__).resolve().parents[1]
PATIENCE = 120  # seconds until a test gives up; nothing is asserted about time
# A job that notes its role, threads and pid, then does what the test wants.
JOB = """\
import os, pathlib, signal, sys, time
names = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "TF_NUM_INTRAOP_THREADS")
with open({folder!r} + "/runs.txt", "a") as file:
    file.write(" ".join([os.environ[name] for name in names] + [str(os.getpid())]) + "\\n")
{then}
"""
SLEEP = "time.sleep(1000)"
DIE = "if 'worker' in os.environ['KERASTUNER_TUNER_ID']: os.kill(os.getpid(), signal.SIGKILL)\n"


@pytest.fixture
def script(tmp_path):
    """Write a job that ends, or does what is given, and return its path."""

    def write(then=""):
        path = tmp_path / "job.py"
        path.write_text(JOB.format(folder=str(tmp_path), then=then))
        return path

    return write


@pytest.fixture
def notebook(tmp_path):
    """A notebook that sleeps: each of its processes is papermill with a kernel."""
    cells = [nbformat.v4.new_code_cell('directory = "log"\nproject_name = "p"')]
    cells[0].metadata["tags"] = ["parameters"]
    cells.append(nbformat.v4.new_code_cell(JOB.format(folder=str(tmp_path), then=SLEEP)))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(book, tmp_path / "job.ipynb")
    return tmp_path / "job.ipynb"


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    """Mark all that a test starts, and fail when any of it still runs."""
    monkeypatch.setenv("SCALE_OUT_TEST", str(tmp_path))
    yield
    left = marked(tmp_path)
    _, alive = psutil.wait_procs(left, timeout=15)
    for process in alive:
        process.kill()
    assert not alive, f"processes left behind: {alive}"


def marked(folder):
    """Processes that were started for a test and still run."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("SCALE_OUT_TEST") == str(folder):
                found.append(process)
    return [process for process in found if process.pid != os.getpid()]


def runs(folder):
    """The lines that the jobs have written, split."""
    path = folder / "runs.txt"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def wait_until(ready):
    """Wait until ``ready()`` is true."""
    limit = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.05)


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize("options", [{"workers": 0}, {"parameters": {"overwrite": True}}])
def test_a_wrong_call_is_refused_and_changes_nothing(script, tmp_path, options):
    with pytest.raises(scale_out.ScaleOutError, match="workers|overwrite"):
        scale_out.run(script(), directory=tmp_path / "log", **options)
    assert not (tmp_path / "log").exists()


def test_a_job_that_is_not_there_is_a_wrong_call(tmp_path, capsys):
    code = scale_out.main([str(tmp_path / "nothing.py"), "--directory", str(tmp_path / "log")])
    assert code == scale_out.Exit.WRONG_CALL and "nothing.py" in capsys.readouterr().err
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("code", ["overwrite=True", "overwrite: bool = True", "overwrite = True"])
@pytest.mark.parametrize("kind", [".py", ".ipynb"])
def test_a_job_that_overwrites_is_refused(tmp_path, code, kind):
    job = tmp_path / f"job{kind}"
    cell = {"cell_type": "code", "source": ["x = 1\n", f"{code}\n"]}
    job.write_text(json.dumps({"cells": [cell]}) if kind == ".ipynb" else f"x = 1\n{code}\n")
    with pytest.raises(scale_out.ScaleOutError, match="overwrite"):
        scale_out.run(job, directory=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [job.name]


def test_a_second_launcher_on_the_same_project_is_refused(script, tmp_path):
    with state.lock(tmp_path / "p_scale_out", "first"), pytest.raises(state.ProjectInUse):
        scale_out.run(script(), directory=tmp_path, project_name="p")
    assert not runs(tmp_path)


# ---------------------------------------------------------------- options and roles


def test_the_command_line_has_the_arguments_and_defaults_of_run(monkeypatch):
    seen = []

    def run(job, **options):
        seen.append(options)
        return scale_out.Outcome(scale_out.Exit.COMPLETE, "", 0, None, None)

    run.__doc__, run.__kwdefaults__ = scale_out.run.__doc__, scale_out.run.__kwdefaults__
    monkeypatch.setattr(scale_out, "run", run)
    handler = signal.getsignal(signal.SIGTERM)
    given = ["--project-name", "q", "--timeout", "5", "--fresh", "-p", "lr", "1e-3", "-p", "x", "a"]
    try:
        assert scale_out.main(["job.py"]) == scale_out.main(["job.py", *given]) == 0
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert seen[0] == run.__kwdefaults__ | {"parameters": {}}
    changed = {"project_name": "q", "timeout": 5.0, "fresh": True}
    assert seen[1] == seen[0] | changed | {"parameters": {"lr": 0.001, "x": "a"}}


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("True", True), ("None", None), ("[1, 2]", [1, 2])]
    + [(text, text) for text in ("abc", "0,1", "007", "a/b.npz")],
)
def test_command_line_values_become_what_they_look_like(text, value):
    assert scale_out._value(text) == value


def test_every_process_gets_its_role_its_threads_and_loopback(script, tmp_path, capfd):
    outcome = scale_out.run(script(), workers=3, threads=2, directory=tmp_path, project_name="p")
    found = sorted(line[:3] for line in runs(tmp_path))
    names = ["chief", "worker0", "worker1", "worker2"]
    assert found == [[name, "127.0.0.1", "2"] for name in names]
    assert outcome.code == scale_out.Exit.GAVE_UP, "no trial was run"
    assert sorted(path.name for path in outcome.logs.iterdir()) == [f"{n}.log" for n in names]


def test_a_serial_process_takes_its_threads_from_prepare(monkeypatch):
    monkeypatch.delenv("KERASTUNER_ORACLE_IP", raising=False)
    for name in scale_out.THREAD_VARIABLES:
        monkeypatch.setenv(name, "7")
    assert scale_out.prepare() == "serial" and os.environ["OMP_NUM_THREADS"] == "7"
    scale_out.prepare(threads=1)
    assert {os.environ[name] for name in scale_out.THREAD_VARIABLES} == {"1"}


def test_what_is_replaced_in_kerastuners_chief_is_still_there():
    keras_tuner = pathlib.Path(importlib.util.find_spec("keras_tuner").origin).parent / "src"
    chief = (keras_tuner / "distribute" / "oracle_chief.py").read_text()
    assert "while not exit_chief(oracle):" in chief
    assert scale_out.TOO_MANY_FAILURES in (keras_tuner / "engine" / "oracle.py").read_text()


# ---------------------------------------------------------------- what the files say


def write_trial(project, trial_id, status, score=None):
    """A trial.json with what the launcher reads."""
    folder = project / f"trial_{trial_id}"
    folder.mkdir(parents=True, exist_ok=True)
    record = {"trial_id": trial_id, "status": status, "score": score}
    (folder / "trial.json").write_text(json.dumps(record))


def test_the_verdict_follows_the_trials(tmp_path):
    codes = []
    for status in ("RUNNING", "FAILED", "COMPLETED"):
        write_trial(tmp_path, "0", "COMPLETED", 0.5)
        write_trial(tmp_path, "1", status, 0.25)
        codes.append(scale_out._verdict(tmp_path, [])[0].name)
    assert codes == ["GAVE_UP", "TRIALS_FAILED", "COMPLETE"]
    (tmp_path / "trial_2").mkdir()
    (tmp_path / "trial_2" / "trial.json").write_text('{"trial_id": "2", "stat')
    assert scale_out._verdict(tmp_path, [])[0] == scale_out.Exit.COMPLETE


def test_the_best_score_follows_the_objectives_direction(tmp_path):
    for number, score in enumerate([0.8, 0.9, 0.7]):
        write_trial(tmp_path, str(number), "COMPLETED", score)
    assert scale_out._best(tmp_path) == "", "plain KerasTuner writes no direction down"
    for direction, best in [("min", "0.7"), ("max", "0.9")]:
        objective = f'Objective(name="val_loss", direction="{direction}")'
        (tmp_path / state.FINGERPRINT).write_text(json.dumps({"objective": objective}))
        assert best in scale_out._best(tmp_path)


def test_a_serial_project_is_opened_to_a_chief_and_back(tmp_path):
    scale_out._open_to(tmp_path, "chief")
    assert not (tmp_path / "chief.json").exists(), "there is no search yet"
    (tmp_path / "oracle.json").write_text("{}")
    (tmp_path / "chief.json").write_text('{"kept": 1}')
    scale_out._open_to(tmp_path, "chief")
    scale_out._open_to(tmp_path, "tuner0")
    assert json.loads((tmp_path / "chief.json").read_text()) == {"kept": 1}
    assert json.loads((tmp_path / "tuner0.json").read_text()) == {}


def test_fresh_moves_the_old_project_and_its_logs_aside(script, tmp_path):
    write_trial(tmp_path / "p", "7", "COMPLETED", 0.5)
    (tmp_path / "p_scale_out").mkdir()
    (tmp_path / "p_scale_out" / "chief.log").write_text("old")
    scale_out.run(script(), workers=1, directory=tmp_path, project_name="p", fresh=True)
    assert not (tmp_path / "p" / "trial_7").exists()
    assert [path.name for path in tmp_path.glob("p.old*/*")] == ["trial_7"]
    assert [path.read_text() for path in tmp_path.glob("p_scale_out.old*/chief.log")] == ["old"]


def test_the_last_error_is_the_cause_and_not_what_passed_it_on(tmp_path):
    member = scale_out.Member("worker0", [], {}, tmp_path)
    member.log_start = 0
    member.log.write_text(
        "Traceback (most recent call last):\n  File ...\n"
        "\x1b[31mValueError\x1b[39m: units must be positive\n"
        "grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:\n"
        "papermill.exceptions.PapermillExecutionError: \n"
    )
    assert member.last_error() == "ValueError: units must be positive"
    member.log.write_text("Epoch 1\n")
    assert "worker0.log" in member.last_error()


def test_the_document_has_every_exit_code():
    text = (ROOT / "docs" / "scale_out.md").read_text()
    for code in scale_out.Exit:
        assert f"\n| {int(code)} |" in text


# ---------------------------------------------------------------- how processes end


def test_a_worker_that_dies_again_and_again_is_given_up(script, tmp_path, monkeypatch):
    monkeypatch.setattr(scale_out, "PAUSE", 0.1)
    outcome = scale_out.run(script(DIE + SLEEP), workers=1, directory=tmp_path)
    assert outcome.code == scale_out.Exit.GAVE_UP and "worker0" in outcome.reason
    names = [line[0] for line in runs(tmp_path)]
    assert names.count("worker0") == outcome.deaths == 1 + scale_out.RESTARTS
    assert names.count("chief") == 1


def test_a_chief_that_dies_when_its_workers_have_ended_is_given_up(script, tmp_path):
    then = "if 'chief' in os.environ['KERASTUNER_TUNER_ID']: time.sleep(2); raise OSError('x')"
    outcome = scale_out.run(script(then), workers=1, directory=tmp_path)
    assert outcome.code == scale_out.Exit.GAVE_UP and "OSError: x" in outcome.reason
    assert len(runs(tmp_path)) == 2


def test_the_time_limit_ends_everything(notebook, tmp_path):
    outcome = scale_out.run(notebook, workers=1, directory=tmp_path, timeout=3)
    assert outcome.code == scale_out.Exit.TIMED_OUT


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("how", "expected"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_no_process_is_left_when_the_launcher_is_ended(notebook, tmp_path, how, expected):
    if how == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux tells children that their parent was killed")
    command = [sys.executable, "-m", "helpers.scale_out", notebook, "--workers", "1"]
    launcher = subprocess.Popen([*command, "--directory", tmp_path], start_new_session=True)
    wait_until(lambda: len(runs(tmp_path)) == 2)
    assert len(marked(tmp_path)) >= 5, "the launcher, two papermills, two kernels"
    launcher.send_signal(how)
    assert launcher.wait(PATIENCE) == expected
    _, alive = psutil.wait_procs(marked(tmp_path), timeout=15)
    assert not alive


def test_an_interrupted_kernel_leaves_no_process(script, tmp_path):
    job = script(SLEEP)
    manager, client = jupyter_client.manager.start_new_kernel()
    try:
        code = f"scale_out.run({str(job)!r}, workers=1, directory={str(tmp_path)!r})"
        message = client.execute(f"from helpers import scale_out\n{code}")
        wait_until(lambda: len(runs(tmp_path)) == 2)
        manager.interrupt_kernel()
        assert client.get_shell_msg(timeout=PATIENCE)["content"]["ename"] == "KeyboardInterrupt"
        assert message and not [p for line in runs(tmp_path) for p in pids(line[3])]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def pids(pid):
    """[pid] when a process with this pid runs."""
    return [pid] if psutil.pid_exists(int(pid)) else []
