"""Real chiefs and workers of KerasTuner, killed, failing, and compared with one process alone.

Each process imports TensorFlow; trials are a formula, except where bits are compared. The Slurm
script and the Kubernetes Job are run as docs/scale_out.md has them.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sys
import time

import nbformat
import psutil
import pytest
import yaml

from helpers import scale_out
from helpers.scale_out import Exit

ROOT = pathlib.Path(__file__).resolve().parents[1]
JOBS = ROOT / "tests" / "scale_out_jobs"
PATIENCE = 400  # seconds until a test gives up; nothing is asserted about time
NOTEBOOK = {
    "parameters": 'directory = "log"\nproject_name = "p"\nmax_trials = 4\nfail = ""',
    "search": "import sys, formula\n"
    "role, tuner = formula.search(directory, project_name, max_trials, fail=fail)",
    "stop": "if role == 'worker':\n    sys.exit(0)",
    "results": "open(f'{directory}/best.txt', 'w').write(role)",
}


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a process group in tmp_path; afterwards it is ended and nothing may be left of it."""
    processes = []
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(JOBS)]))
    monkeypatch.setenv("FORMULA_SECONDS", "1")

    def start(*command, **env):
        env = os.environ | {name: str(value) for name, value in env.items()}
        command = list(map(str, command))
        processes.append(psutil.Popen(command, env=env, cwd=tmp_path, start_new_session=True))
        return processes[-1]

    yield start
    tree = [p for one in processes if one.is_running() for p in one.children(recursive=True)]
    for process in [*tree, *processes]:
        if process.is_running():
            process.kill()
    assert not psutil.wait_procs([*tree, *processes], timeout=15)[1] and not tree


def wait_for(ready):
    """Wait until ``ready()`` is true, and return its value."""
    limit = time.monotonic() + PATIENCE
    while not (value := ready()):
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.05)
    return value


def runs(folder, worker=""):
    """(trial, worker, pid) of every trial that was begun, by workers with this name."""
    path = folder / "runs.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [run for run in map(str.split, lines) if run[1].startswith(worker)]


def trials(project):
    """Trial id to trial.json's contents."""
    states = [json.loads(path.read_text()) for path in project.glob("trial_*/trial.json")]
    return {state["trial_id"]: state for state in states}


def statuses(project):
    """The status of every trial."""
    return [state["status"] for state in trials(project).values()]


def check_restarted(folder, trial, worker):
    """The trial ran twice under one worker id, in two processes, and the chief read the results."""
    again = [run for run in runs(folder) if run[0] == trial]
    assert [run[1] for run in again[:2]] == [worker, worker] and again[0][2] != again[1][2]
    assert (folder / "best.txt").read_text().split()[0] == "chief"


def test_killed_worker_and_killed_chief_are_restarted_and_nothing_finished_is_lost(start, tmp_path):
    command = [sys.executable, "-m", "helpers.scale_out", JOBS / "formula.py", "-p", "max_trials"]
    launcher = start(*command, 8, "--directory", tmp_path, "--project-name", "p")
    trial, worker, pid = wait_for(lambda: runs(tmp_path, "worker1"))[0]
    os.kill(int(pid), signal.SIGKILL)
    wait_for(lambda: len(runs(tmp_path, "worker1")) > 1)
    before = {t: s["score"] for t, s in trials(tmp_path / "p").items() if s["score"] is not None}
    for process in launcher.children():
        if process.environ()["KERASTUNER_TUNER_ID"] == "chief":
            process.kill()
    assert launcher.wait(PATIENCE) == Exit.COMPLETE
    after = trials(tmp_path / "p")
    assert before and {trial: after[trial]["score"] for trial in before} == before
    assert statuses(tmp_path / "p") == ["COMPLETED"] * 8
    check_restarted(tmp_path, trial, worker)


def test_three_failing_trials_in_a_row_end_the_search_with_the_reason(start, tmp_path):
    failing = {"max_trials": 9, "fail": "0,1,2,3,4,5", "seconds": 0.05}
    outcome = scale_out.run(JOBS / "formula.py", directory=tmp_path, parameters=failing)
    assert outcome.code == Exit.GAVE_UP
    assert "ValueError: the formula has no value at x" in outcome.reason


def test_a_notebook_as_the_job_reads_its_results_on_the_chief_and_a_failure_shows(start, tmp_path):
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in NOTEBOOK.items()]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, tmp_path / "job.ipynb")
    outcome = scale_out.run(
        tmp_path / "job.ipynb", workers=1, directory=tmp_path, parameters={"fail": "1"}
    )
    assert outcome.code == Exit.TRIALS_FAILED and "ValueError: the formula" in outcome.reason
    assert sorted(statuses(outcome.project)) == ["COMPLETED"] * 3 + ["FAILED"]
    assert (tmp_path / "best.txt").read_text() == "chief"
    counts = {}
    for name in ("chief", "worker0"):
        executed = nbformat.read(outcome.logs / f"{name}.ipynb", 4)
        counts[name] = {cell["id"]: cell.execution_count for cell in executed.cells}
    assert counts["worker0"]["search"] and counts["chief"]["results"]
    assert counts["worker0"]["results"] is None


def weights(trial_dir):
    """Every array of a checkpoint, by name."""
    import h5py

    found = {}
    with h5py.File(trial_dir / "checkpoint.weights.h5") as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def test_a_search_begun_alone_and_ended_in_parallel_equals_a_serial_one_bit_for_bit(
    start, tmp_path
):
    one_thread = dict.fromkeys(scale_out.THREAD_VARIABLES, 1)
    command = [sys.executable, JOBS / "training.py", "--project-name", "p", "--directory"]
    alone = start(*command, tmp_path / "alone", **one_thread)
    begun = start(*command, tmp_path / "both", "--max-trials", 2, **one_thread)
    assert alone.wait(PATIENCE) == begun.wait(PATIENCE) == 0
    both = tmp_path / "both"
    outcome = scale_out.run(JOBS / "training.py", threads=1, directory=both, project_name="p")
    assert outcome.code == Exit.COMPLETE, outcome.reason
    serial, parallel = trials(tmp_path / "alone" / "p"), trials(both / "p")
    assert sorted(serial) == sorted(parallel) and len(serial) == 5
    workers = []
    for trial, state in sorted(serial.items()):
        same = parallel[trial]
        assert same["hyperparameters"]["values"] == state["hyperparameters"]["values"]
        assert same["metrics"] == state["metrics"] and same["score"] == state["score"]
        one, two = (root / "p" / f"trial_{trial}" for root in (tmp_path / "alone", both))
        assert weights(one) == weights(two) and weights(one)
        histories = [json.loads((path / "history.json").read_text()) for path in (one, two)]
        assert histories[0]["executions"] == histories[1]["executions"]
        assert abs(histories[1]["started"] - time.time()) < PATIENCE
        workers.append(histories[1]["worker"])
    assert workers[:2] == ["serial", "serial"] and set(workers[2:]) <= {"worker0", "worker1"}


# ---------------------------------------------------------------- as docs/scale_out.md has them


def documented(language):
    """The first block of this language in the document."""
    text = (ROOT / "docs" / "scale_out.md").read_text()
    return re.search(rf"```{language}\n(.*?)```", text, re.S)[1]


@pytest.fixture
def job(tmp_path, monkeypatch):
    """job.py in the current folder, and the tests' Python as ``python``."""
    shutil.copy(JOBS / "formula.py", tmp_path / "job.py")
    folders = [tmp_path / "bin", pathlib.Path(sys.executable).parent, os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))


def free_port(start=20000):
    """The first port from ``start`` that is free now."""
    with socket.socket() as server:
        if server.connect_ex(("127.0.0.1", start)):
            return start
    return free_port(start + 1)


def test_the_slurm_script_restarts_a_killed_worker_and_ends(start, job, tmp_path):
    (tmp_path / "bin").mkdir()
    commands = {  # what Slurm would do, on one machine with three tasks
        "scontrol": "echo localhost",
        "srun": "while [[ $1 == --* ]]; do shift; done\n"
        'for i in 0 1 2; do SLURM_PROCID=$i "$@" & tasks+=($!); done\n'
        'for task in "${tasks[@]}"; do wait $task || exit 1; done',
    }
    for name, body in commands.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "cnn.sh").write_text(documented("bash"))
    (tmp_path / "log").mkdir()
    slurm = {"JOB_ID": free_port() - 20000, "CPUS_PER_TASK": 1, "SUBMIT_DIR": tmp_path}
    slurm |= {"JOB_NODELIST": "node[1-3]"}
    script = start("bash", "cnn.sh", **{f"SLURM_{name}": value for name, value in slurm.items()})
    trial, worker, pid = wait_for(lambda: runs(tmp_path / "log", "worker2"))[0]
    os.kill(int(pid), signal.SIGKILL)
    assert script.wait(PATIENCE) == 0
    assert statuses(tmp_path / "log" / "cnn") == ["COMPLETED"] * 6
    check_restarted(tmp_path / "log", trial, worker)


def test_the_kubernetes_job_goes_on_when_a_pod_is_started_again(start, job, tmp_path):
    service, indexed, _ = yaml.safe_load_all(documented("yaml"))
    pod = indexed["spec"]["template"]["spec"]
    container = pod["containers"][0]
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    assert env["CHIEF"] == f"{indexed['metadata']['name']}-0.{service['metadata']['name']}"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert env["KERASTUNER_ORACLE_PORT"] == str(service["spec"]["ports"][0]["port"])
    env |= {"CHIEF": "127.0.0.1", "CHIEF_LISTENS": "127.0.0.1"}
    env["KERASTUNER_ORACLE_PORT"] = free_port(8000)
    command = [part.replace("/shared", str(tmp_path)) for part in container["command"]]
    pods = [start(*command, JOB_COMPLETION_INDEX=index, **env) for index in range(3)]
    trial, worker, pid = wait_for(lambda: runs(tmp_path, "worker2"))[0]
    os.kill(int(pid), signal.SIGKILL)
    assert pods[2].wait(PATIENCE) == -signal.SIGKILL
    pods[2] = start(*command, JOB_COMPLETION_INDEX=2, **env)
    assert [pod.wait(PATIENCE) for pod in pods] == [0, 0, 0]
    assert statuses(tmp_path / "cnn") == ["COMPLETED"] * 6
    check_restarted(tmp_path, trial, worker)
