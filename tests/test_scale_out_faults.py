"""Real processes: chiefs and workers killed, failing, interrupted, compared with one process alone.

Where KerasTuner has no part in what is proven, the job only sleeps or dies, without TensorFlow.
The Slurm script and the Kubernetes Job are run as docs/scale_out.md has them.
"""

import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sys
import time

import jupyter_client
import nbformat
import psutil
import pytest
import yaml

from helpers import scale_out
from helpers.scale_out import Exit

ROOT = pathlib.Path(__file__).resolve().parents[1]
JOBS = ROOT / "tests" / "scale_out_jobs"
QUICK = "from helpers import scale_out as s; s.PAUSE = 0.3; raise SystemExit(s.main())"
LAUNCHER = [sys.executable, "-c", QUICK]  # the command, with short pauses before a restart
PATIENCE = 400  # seconds until a test gives up; nothing is asserted about time
PARAMETERS = 'directory = "log"\nproject_name = "p"\nfail = ""'
NOTE = """\
import os, signal, time
name = os.environ["KERASTUNER_TUNER_ID"]
with open(os.environ["SCALE_OUT_TEST"] + "/runs.txt", "a") as file:
    file.write(f"- {name} {os.getpid()}\\n")
"""
SLEEP = NOTE + "time.sleep(1000)"
WORKER_DIES = NOTE + "os.kill(os.getpid(), signal.SIGKILL) if name != 'chief' else time.sleep(1000)"
STOPPED = NOTE + f"if name != 'chief':\n    raise OSError('{scale_out.TOO_MANY_FAILURES}')\n"
CHIEF_FAILS = NOTE + "if name == 'chief':\n    time.sleep(2)\n    raise OSError('x')"


def marked(folder):
    """Processes that were started for a test and still run."""
    processes = psutil.process_iter(["environ"])
    return [p for p in processes if (p.info["environ"] or {}).get("SCALE_OUT_TEST") == str(folder)]


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a process in tmp_path; when the test ends, nothing may be left of it."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(JOBS)]))
    monkeypatch.setenv("FORMULA_SECONDS", "0.5")
    monkeypatch.setattr(scale_out, "PAUSE", 0.3)
    monkeypatch.setenv("SCALE_OUT_TEST", str(tmp_path))

    def start(*command, **env):
        env = os.environ | {name: str(value) for name, value in env.items()}
        command = list(map(str, command))
        return psutil.Popen(command, env=env, cwd=tmp_path, start_new_session=True)

    yield start
    alive = psutil.wait_procs(marked(tmp_path), timeout=15)[1]
    for process in alive:
        process.kill()
    assert not alive, f"processes left behind: {alive}"


def script(folder, code):
    (folder / "sleeper.py").write_text(code)
    return folder / "sleeper.py"


def notebook(folder, **cells):
    made = [nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})]
    made += [nbformat.v4.new_code_cell(source, id=name) for name, source in cells.items()]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel})
    nbformat.write(book, folder / "job.ipynb")
    return folder / "job.ipynb"


def wait_for(ready):
    limit = time.monotonic() + PATIENCE
    while not (value := ready()):
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.05)
    return value


def runs(folder):
    """(trial, worker, pid) of every trial that was begun."""
    path = folder / "runs.txt"
    return list(map(str.split, path.read_text().splitlines())) if path.exists() else []


def trials(project):
    states = [json.loads(path.read_text()) for path in project.glob("trial_*/trial.json")]
    return {state["trial_id"]: state for state in states}


def check_restarted(folder, project, trial, worker):
    """All trials ended, one ran twice under one worker id, and the chief read the results."""
    again = [run for run in runs(folder) if run[0] == trial]
    assert [run[1] for run in again[:2]] == [worker, worker] and again[0][2] != again[1][2]
    assert (folder / "best.txt").read_text().split()[0] == "chief"
    assert [one["status"] for one in trials(project).values()] == ["COMPLETED"] * 6


def test_killed_worker_and_killed_chief_are_restarted_and_nothing_finished_is_lost(start, tmp_path):
    options = ["--workers", 1, "--directory", tmp_path, "--project-name", "p"]
    launcher = start(*LAUNCHER, JOBS / "job.py", *options)
    trial, worker, pid = wait_for(lambda: runs(tmp_path))[0]
    os.kill(int(pid), signal.SIGKILL)
    wait_for(lambda: len(runs(tmp_path)) > 2)
    before = {t: s["score"] for t, s in trials(tmp_path / "p").items() if s["score"] is not None}
    for process in launcher.children():
        if process.environ()["KERASTUNER_TUNER_ID"] == "chief":
            process.kill()
    assert launcher.wait(PATIENCE) == Exit.COMPLETE
    after = trials(tmp_path / "p")
    assert before and {trial: after[trial]["score"] for trial in before} == before
    check_restarted(tmp_path, tmp_path / "p", trial, worker)


def test_a_notebook_as_the_job_reads_its_results_on_the_chief_and_a_failure_shows(start, tmp_path):
    path = notebook(
        tmp_path,
        search="import sys, job\nrole, tuner = job.run(directory, project_name, 4, fail=fail)",
        stop="if role == 'worker':\n    sys.exit(0)",
        results="open(f'{directory}/best.txt', 'w').write(role)",
    )
    outcome = scale_out.run(path, workers=1, directory=tmp_path, parameters={"fail": "1"})
    assert outcome.code == Exit.TRIALS_FAILED and "ValueError: the formula" in outcome.reason
    ended = sorted(one["status"] for one in trials(outcome.project).values())
    assert ended == ["COMPLETED"] * 3 + ["FAILED"]
    assert (tmp_path / "best.txt").read_text() == "chief"
    executed = [nbformat.read(outcome.logs / f"{name}.ipynb", 4) for name in ("chief", "worker0")]
    counts = [[cell.execution_count for cell in one.cells[-3:]] for one in executed]
    assert all(counts[0]) and counts[1][0] and counts[1][2] is None


def test_a_search_begun_alone_and_ended_in_parallel_equals_a_serial_one(start, tmp_path):
    one_thread = dict.fromkeys(scale_out.THREAD_VARIABLES, 1)
    serial = "import job; [job.run(f, 'p', n, train=1) for f, n in (('alone', 4), ('both', 2))]"
    assert start(sys.executable, "-c", serial, **one_thread).wait(PATIENCE) == 0
    both = tmp_path / "both"
    more = {"project_name": "p", "parameters": {"train": 1, "max_trials": 4}}
    outcome = scale_out.run(JOBS / "job.py", threads=1, directory=both, **more)
    assert outcome.code == Exit.COMPLETE, outcome.reason
    serial, parallel = trials(tmp_path / "alone" / "p"), trials(both / "p")
    assert sorted(serial) == sorted(parallel) and len(serial) == 4
    workers = []
    for trial, alone in sorted(serial.items()):
        values = [one["hyperparameters"]["values"] for one in (alone, parallel[trial])]
        assert values[0] == values[1] and alone["metrics"] == parallel[trial]["metrics"]
        homes = [root / "p" / f"trial_{trial}" for root in (tmp_path / "alone", both)]
        weights = [(home / "checkpoint.weights.h5").read_bytes() for home in homes]
        histories = [json.loads((home / "history.json").read_text()) for home in homes]
        assert weights[0] == weights[1]
        assert histories[0]["executions"] == histories[1]["executions"]
        workers.append(histories[1]["worker"])
    assert workers[:2] == ["serial", "serial"] and set(workers[2:]) <= {"worker0", "worker1"}


@pytest.mark.parametrize(
    ("code", "deaths", "reason"),
    [
        (WORKER_DIES, 1 + scale_out.RESTARTS, "worker0"),
        (CHIEF_FAILS, 1, "OSError: x"),
        (STOPPED + "time.sleep(1000)", 1, scale_out.TOO_MANY_FAILURES),
    ],
)
def test_a_process_that_cannot_go_on_is_given_up(start, tmp_path, code, deaths, reason):
    outcome = scale_out.run(script(tmp_path, code), workers=1, directory=tmp_path)
    assert outcome.code == Exit.GAVE_UP and reason in outcome.reason
    by_process = collections.Counter(name for _, name, _ in runs(tmp_path))
    assert outcome.deaths == deaths == max(by_process.values())


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("how", "expected", "count"),
    [(signal.SIGINT, 130, 5), (signal.SIGTERM, 130, 3), (signal.SIGKILL, -9, 5), (None, 5, 3)],
)
def test_no_process_is_left_when_the_launcher_ends(start, tmp_path, how, expected, count):
    if how == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux tells children that their parent was killed")
    job = notebook(tmp_path, sleep=SLEEP) if count == 5 else script(tmp_path, SLEEP)
    options = ["--workers", 1, "--directory", tmp_path, "--timeout", 600 if how else 4]
    launcher = start(*LAUNCHER, job, *options)
    wait_for(lambda: len(runs(tmp_path)) == 2)
    assert len(marked(tmp_path)) >= count, "launcher, chief and worker; each papermill a kernel"
    if how:
        launcher.send_signal(how)
    assert launcher.wait(PATIENCE) == expected
    assert not psutil.wait_procs(marked(tmp_path), timeout=15)[1]


def test_an_interrupted_kernel_leaves_no_process(start, tmp_path):
    manager, client = jupyter_client.manager.start_new_kernel()
    try:
        job = script(tmp_path, SLEEP)
        code = f"scale_out.run({str(job)!r}, workers=1, directory={str(tmp_path)!r})"
        client.execute(f"from helpers import scale_out\n{code}")
        pids = wait_for(lambda: len(runs(tmp_path)) == 2 and [run[2] for run in runs(tmp_path)])
        manager.interrupt_kernel()
        while (reply := client.get_shell_msg(timeout=PATIENCE))["msg_type"] != "execute_reply":
            pass  # a late answer to the question whether the kernel is ready
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        assert not any(psutil.pid_exists(int(pid)) for pid in pids)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def documented(language):
    """The first block of this language in the document."""
    text = (ROOT / "docs" / "scale_out.md").read_text()
    return re.search(rf"```{language}\n(.*?)```", text, re.S)[1]


@pytest.fixture
def job(tmp_path, monkeypatch):
    """job.py in the current folder, and the tests' Python as ``python``."""
    shutil.copy(JOBS / "job.py", tmp_path / "job.py")
    folders = [tmp_path / "bin", pathlib.Path(sys.executable).parent, os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))


def free_port():
    """A port that is free now, of those from which the Slurm script chooses by the job's number."""
    for port in range(20000, 40000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def test_the_slurm_script_restarts_a_killed_worker_and_ends(start, job, tmp_path):
    (tmp_path / "bin").mkdir()
    srun = """while [[ $1 == --* ]]; do shift; done
for i in 0 1; do SLURM_PROCID=$i "$@" & tasks+=($!); done
for task in "${tasks[@]}"; do wait $task || exit 1; done"""
    # What Slurm would do, on one machine with two tasks.
    for name, body in {"scontrol": "echo localhost", "srun": srun}.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "cnn.sh").write_text(documented("bash").replace("sleep 5", "sleep 1"))
    (tmp_path / "log").mkdir()
    slurm = {"JOB_ID": free_port() - 20000, "CPUS_PER_TASK": 1, "SUBMIT_DIR": tmp_path}
    slurm["JOB_NODELIST"] = "node[1-2]"
    script = start("bash", "cnn.sh", **{f"SLURM_{name}": value for name, value in slurm.items()})
    trial, worker, pid = wait_for(lambda: runs(tmp_path / "log"))[0]
    os.kill(int(pid), signal.SIGKILL)
    assert script.wait(PATIENCE) == 0
    check_restarted(tmp_path / "log", tmp_path / "log" / "cnn", trial, worker)


def test_the_kubernetes_job_goes_on_when_a_pod_is_started_again(start, job, tmp_path):
    service, indexed, _ = yaml.safe_load_all(documented("yaml"))
    pod = indexed["spec"]["template"]["spec"]
    container = pod["containers"][0]
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    assert env["CHIEF"] == f"{indexed['metadata']['name']}-0.{service['metadata']['name']}"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert env["KERASTUNER_ORACLE_PORT"] == str(service["spec"]["ports"][0]["port"])
    env |= {"CHIEF": "127.0.0.1", "CHIEF_LISTENS": "127.0.0.1"}
    env["KERASTUNER_ORACLE_PORT"] = free_port()
    command = [part.replace("/shared", str(tmp_path)) for part in container["command"]]
    chief, killed = (start(*command, JOB_COMPLETION_INDEX=index, **env) for index in (0, 1))
    trial, worker, pid = wait_for(lambda: runs(tmp_path))[0]
    os.kill(int(pid), signal.SIGKILL)
    assert killed.wait(PATIENCE) == -signal.SIGKILL
    again = start(*command, JOB_COMPLETION_INDEX=1, **env)
    assert (chief.wait(PATIENCE), again.wait(PATIENCE)) == (0, 0)
    check_restarted(tmp_path, tmp_path / "cnn", trial, worker)
