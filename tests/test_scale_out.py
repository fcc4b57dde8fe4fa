"""The launcher's parts that need no chief: refusals, roles, reading a project, the timeline."""

import inspect
import json
import socket

import pytest

from helpers import scale_out

SCRIPT = "import keras_tuner\n"


@pytest.fixture
def job(tmp_path):
    """A script that exists; nothing in these tests runs it."""
    path = tmp_path / "job.py"
    path.write_text(SCRIPT)
    return path


def write(path, value):
    """Write JSON, making the folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def write_trial(project, trial_id, status, score=None, direction="min"):
    """A trial.json as KerasTuner writes it, with what the launcher reads."""
    observed = [{"value": [score], "step": 0}] if score is not None else []
    metrics = {"other": {"direction": "min", "observations": [{"value": [77.0], "step": 0}]}}
    metrics["objective"] = {"direction": direction, "observations": observed}
    state = {
        "trial_id": trial_id,
        "status": status,
        "score": score,
        "metrics": {"metrics": metrics},
    }
    write(project / f"trial_{trial_id}" / "trial.json", state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": -1}, "--workers -1: give 1 or more"),
        ({"workers": 0, "join": "127.0.0.1:9"}, "--workers 0: give 1 or more"),
        ({"name": "mischief"}, "not the word 'chief'"),
        ({"name": "a/b"}, "use letters, digits"),
        ({"rehearse": "worker2"}, "is not one of the workers"),
        ({"restarts": -1}, "cannot be negative"),
        ({"timeout": 0}, "--timeout takes a positive number"),
        ({"trial_timeout": -5}, "--trial-timeout takes a positive number"),
        ({"join": "8000"}, "give HOST:PORT"),
        ({"join": "127.0.0.1:x"}, "give HOST:PORT"),
        ({"bind": "203.0.113.7"}, "takes an address of this machine"),
        ({"parameters": {"overwrite": True}}, "sets overwrite=True"),
    ],
)
def test_a_wrong_call_is_refused_and_changes_nothing(job, tmp_path, options, message):
    with pytest.raises(scale_out.ScaleOutError, match=message):
        scale_out.run(job, directory=tmp_path / "log", **options)
    assert not list(tmp_path.glob("log/*/*"))


@pytest.mark.parametrize("code", ["overwrite=True", "overwrite: bool = True", "overwrite = True"])
@pytest.mark.parametrize("kind", [".py", ".ipynb"])
def test_a_job_that_overwrites_is_refused(tmp_path, code, kind):
    job = tmp_path / f"job{kind}"
    cell = {"cell_type": "code", "source": [f"x = 1\n{code}\n"]}
    job.write_text(json.dumps({"cells": [cell]}) if kind == ".ipynb" else f"x = 1\n{code}\n")
    with pytest.raises(scale_out.ScaleOutError, match="delete the others' finished trials"):
        scale_out.run(job, directory=tmp_path)


def test_a_missing_job_and_a_job_of_another_kind_are_refused(tmp_path):
    (tmp_path / "job.txt").write_text("")
    for name in ("nothing.py", "job.txt"):
        with pytest.raises(scale_out.ScaleOutError, match="not an existing notebook"):
            scale_out.run(tmp_path / name, directory=tmp_path)


def test_an_unknown_notebook_parameter_is_refused_with_the_known_ones(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    cell = nbformat.v4.new_code_cell('directory: str = "log"  # where')
    cell.metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(notebook, tmp_path / "job.ipynb")
    with pytest.raises(scale_out.ScaleOutError, match="no parameter 'project_name'.*directory"):
        scale_out.run(tmp_path / "job.ipynb", directory=tmp_path)


def test_a_port_in_use_has_its_own_exit_code_and_starts_nothing(job, tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        code = scale_out.main([str(job), "--directory", str(tmp_path / "log"), "--port", port])
    assert code == scale_out.Exit.PORT_IN_USE == 8
    assert f"Port {port} of 127.0.0.1 is in use" in capsys.readouterr().err
    assert not (tmp_path / "log").exists()


def test_joining_a_chief_that_is_not_there_ends_with_its_own_code(job, tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    arguments = ["--join", f"127.0.0.1:{port}", "--chief-lost", "0.5", "--directory", str(tmp_path)]
    assert scale_out.main([str(job), *arguments]) == scale_out.Exit.CHIEF_GAVE_UP
    assert "Start the chief first" in capsys.readouterr().err


def test_a_second_launcher_on_the_same_project_is_refused(tmp_path):
    pytest.importorskip("fcntl")
    refused = pytest.raises(scale_out.ScaleOutError, match="Another launcher is at work")
    with scale_out._only_launcher(tmp_path), refused, scale_out._only_launcher(tmp_path):
        pass
    with scale_out._only_launcher(tmp_path):
        pass


def test_the_role_comes_from_kerastuners_environment_variables(monkeypatch):
    monkeypatch.delenv("KERASTUNER_ORACLE_IP", raising=False)
    assert scale_out.role() == "serial" and scale_out.is_serial() and not scale_out.is_worker()
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker0")
    assert scale_out.role() == "worker" and scale_out.is_worker()
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    assert scale_out.role() == "chief" and not scale_out.is_worker()


def test_a_serial_process_takes_its_threads_from_prepare(monkeypatch):
    monkeypatch.delenv("KERASTUNER_ORACLE_IP", raising=False)
    for name in scale_out.THREAD_VARIABLES:
        monkeypatch.setenv(name, "7")
    assert scale_out.prepare() == "serial"
    assert scale_out.os.environ["TF_NUM_INTRAOP_THREADS"] == "7"
    scale_out.prepare(threads=1)
    assert {scale_out.os.environ[name] for name in scale_out.THREAD_VARIABLES} == {"1"}


def test_what_is_replaced_in_kerastuners_chief_is_still_there():
    from keras_tuner.src.distribute import oracle_chief
    from keras_tuner.src.engine import oracle

    source = inspect.getsource(oracle_chief.start_server)
    assert inspect.ismodule(oracle_chief.time) and source.count("time.sleep(") == 2
    assert source.count("time.") == 2, "only sleep is used: the replacement has nothing else"
    assert scale_out.TOO_MANY_FAILURES in inspect.getsource(oracle.Oracle)


def test_the_project_is_read_as_far_as_it_is_written(tmp_path):
    project = scale_out.Project(tmp_path)
    assert project.update().trials == {} and project.best() is None
    write_trial(tmp_path, "0", "COMPLETED", 0.5)
    write_trial(tmp_path, "1", "RUNNING")
    write(tmp_path / "oracle.json", {"ongoing_trials": {"worker0": "0", "worker1": "1"}})
    assert project.update().ongoing == {"worker1": "1"}, "trial 0 has ended already"
    (tmp_path / "trial_2").mkdir()
    (tmp_path / "trial_2" / "trial.json").write_text('{"trial_id": "2", "stat')
    write_trial(tmp_path, "1", "COMPLETED", 0.25)
    assert project.update().best() == ("1", 0.25)
    assert project.ids("COMPLETED") == ["0", "1"] and project.ids("RUNNING") == []


def test_the_best_trial_follows_the_objectives_direction(tmp_path):
    write_trial(tmp_path, "0", "COMPLETED", 0.8, direction="max")
    write_trial(tmp_path, "1", "COMPLETED", 0.9, direction="max")
    write_trial(tmp_path, "2", "FAILED", 0.99, direction="max")
    assert scale_out.Project(tmp_path).update().best() == ("1", 0.9)


def test_the_timeline_shows_lost_and_repeated_work(tmp_path):
    project = tmp_path / "p"
    events = [
        (0.0, "launcher", "launch", None),
        (5.0, "worker0", "trial", "0"),
        (5.5, "worker1", "trial", "1"),
        (6.0, "worker1", "died", None),
        (7.0, "worker0", "COMPLETED", "0"),
        (7.0, "worker1", "started", None),
        (15.0, "worker1", "FAILED", "1"),
    ]
    lines = [
        {"seconds": s, "who": who, "what": what, "trial": trial} for s, who, what, trial in events
    ]
    write(project / "trial_1" / "history.json", {"executions": [], "seconds": 2.0})
    folder = scale_out.logs_of(project)
    folder.mkdir()
    (folder / "events.jsonl").write_text("\n".join(map(json.dumps, lines)))
    rows = [tuple(row.values()) for row in scale_out.timeline(project)]
    assert rows == [
        ("worker1", "1", 5.5, 6.0, "LOST"),
        ("worker0", "0", 5.0, 7.0, "COMPLETED"),
        ("worker1", "1", 13.0, 15.0, "FAILED"),
    ]
    axes = scale_out.plot_timeline(scale_out.timeline(project))
    assert len(axes.patches) == 3


def test_a_timeline_without_a_record_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="only helpers.scale_out writes it"):
        scale_out.timeline(tmp_path / "p")


def test_moving_aside_keeps_every_old_project(tmp_path):
    project = tmp_path / "p"
    assert scale_out._move_aside(project) is None
    for number in (1, 2):
        write_trial(project, str(number), "COMPLETED", 0.5)
        scale_out.logs_of(project).mkdir()
        assert scale_out._move_aside(project) == tmp_path / f"p.old{number}"
    assert (tmp_path / "p.old1" / "trial_1").is_dir() and (tmp_path / "p.old2" / "trial_2").is_dir()
    assert (tmp_path / "p.old1_scale_out").is_dir() and not project.exists()


def test_a_serial_project_is_opened_to_a_chief_and_back(tmp_path):
    scale_out._open_to(tmp_path, "chief")
    assert not (tmp_path / "chief.json").exists(), "there is no search yet"
    write(tmp_path / "oracle.json", {})
    write(tmp_path / "chief.json", {"kept": 1})
    scale_out._open_to(tmp_path, "chief")
    scale_out._open_to(tmp_path, "tuner0")
    assert json.loads((tmp_path / "chief.json").read_text()) == {"kept": 1}
    assert json.loads((tmp_path / "tuner0.json").read_text()) == {}


def test_the_last_error_is_the_cause_and_not_what_passed_it_on():
    log = (
        "Traceback (most recent call last):\n  File ...\nValueError: units must be positive\n"
        "grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:\n"
        "papermill.exceptions.PapermillExecutionError: \n"
    )
    assert scale_out.last_error(log) == "ValueError: units must be positive"
    assert scale_out.last_error("Epoch 1\n") == "no error message"


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("True", True), ("None", None), ("abc", "abc"), ("[1, 2]", [1, 2])],
)
def test_command_line_values_become_what_they_look_like(text, value):
    assert scale_out._value(text) == value


def test_help_names_every_exit_code_and_says_that_nothing_is_authenticated():
    text = scale_out._parser().format_help()
    for code in scale_out.Exit:
        assert f"\n  {int(code)} " in text
    assert "no authentication" in text


def test_each_worker_gets_its_share_of_the_cores(job, tmp_path, monkeypatch):
    seen = []

    class Recorder(scale_out.Launch):
        def loop(self):
            seen.extend([self.chief, *self.workers])
            return scale_out.Exit.COMPLETE, ""

    monkeypatch.setattr(scale_out, "Launch", Recorder)
    monkeypatch.setattr(scale_out, "_cores", lambda: 8)
    scale_out.run(job, workers=3, directory=tmp_path, parameters={"learning_rate": 0.1})
    assert [member.name for member in seen] == ["chief", "worker0", "worker1", "worker2"]
    assert [member.env["TF_NUM_INTRAOP_THREADS"] for member in seen] == ["1", "2", "2", "2"]
    assert {member.env["KERASTUNER_ORACLE_IP"] for member in seen} == {"127.0.0.1"}
    assert len({member.env["KERASTUNER_ORACLE_PORT"] for member in seen}) == 1
    assert seen[1].command[-2:] == ["--learning-rate", "0.1"]
