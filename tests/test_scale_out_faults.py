"""Real chiefs and workers, and what happens when they are killed, cut off or interrupted.

Each launch imports TensorFlow once a process; trials are a formula, except where bits are compared.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from helpers import scale_out

ROOT = pathlib.Path(__file__).resolve().parents[1]
JOBS = ROOT / "tests" / "scale_out_jobs"
PATIENCE = 400  # seconds until a test gives up; nothing is asserted about time
posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


class Launcher:
    """The command line in a process of its own, in a folder of its own."""

    def __init__(self, folder, job, *options, prefix=(), **parameters):
        self.folder = pathlib.Path(folder)
        command = [*prefix, sys.executable, "-m", "helpers.scale_out", str(JOBS / job)]
        command += ["--directory", str(folder), "--project-name", "p", *options]
        for name, value in parameters.items():
            command += ["-p", name, str(value)]
        self.process = subprocess.Popen(
            command,
            env=os.environ | {"PYTHONPATH": str(ROOT), "SCALE_OUT_TEST": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait(self):
        """Wait for the end; return (exit code, output)."""
        output = self.process.communicate(timeout=PATIENCE)[0]
        return self.process.returncode, output

    def wait_until(self, ready):
        """Wait until ``ready()`` is true while the launcher runs, and return its value."""
        limit = time.monotonic() + PATIENCE
        while not (value := ready()):
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < limit, "waited too long"
            time.sleep(0.05)
        return value

    def runs(self, worker=""):
        """(trial, worker, pid) of every trial that was begun, by workers with this name."""
        path = self.folder / "runs.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        return [run for run in map(str.split, lines) if run[1].startswith(worker)]

    def trials(self):
        """Trial id to trial.json's contents."""
        return read_trials(self.folder / "p")


def read_trials(project):
    """Trial id to trial.json's contents."""
    states = [json.loads(path.read_text()) for path in project.glob("trial_*/trial.json")]
    return {state["trial_id"]: state for state in states}


def left_behind(folder):
    """Processes that were started for a test and still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SCALE_OUT_TEST") == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.fixture
def launcher(tmp_path):
    """Make launchers; afterwards end what a failed test left and fail if anything was left."""
    made = []

    def make(job, *options, prefix=(), **parameters):
        made.append(Launcher(tmp_path, job, *options, prefix=prefix, **parameters))
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
    _, alive = psutil.wait_procs(left_behind(tmp_path), timeout=15)
    for process in alive:
        process.kill()
    assert not alive, f"processes left behind: {alive}"


@pytest.fixture
def notebook(tmp_path):
    """A job notebook: each of its processes is papermill with a kernel, two processes."""
    subprocess.run([sys.executable, JOBS / "notebook.py", tmp_path / "job.ipynb"], check=True)
    return tmp_path / "job.ipynb"


def free_port():
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def statuses(trials):
    """The set of statuses."""
    return {trial["status"] for trial in trials.values()}


def test_a_killed_worker_is_restarted_and_its_trial_runs_again(launcher):
    run = launcher("formula.py", max_trials=6, seconds=1)
    trial, worker, pid = run.wait_until(lambda: run.runs("worker1"))[0]
    os.kill(int(pid), signal.SIGKILL)
    code, output = run.wait()
    assert code == 0, output
    assert "all 6 trials completed" in output
    assert len(run.trials()) == 6 and statuses(run.trials()) == {"COMPLETED"}
    again = [one for one in run.runs() if one[0] == trial]
    assert [one[1] for one in again] == [worker, worker], "same trial, same worker id"
    assert again[0][2] != again[1][2], "another process"
    rows = scale_out.timeline(run.folder / "p")
    assert {(r["worker"], r["trial"]) for r in rows if r["status"] == "LOST"} == {(worker, trial)}
    assert sorted(r["trial"] for r in rows if r["status"] == "COMPLETED") == sorted(run.trials())


def test_a_killed_chief_is_restarted_and_nothing_finished_is_lost(launcher):
    run = launcher("formula.py", max_trials=10, seconds=0.5)
    run.wait_until(lambda: len(run.runs()) >= 4)
    before = {t: s["score"] for t, s in run.trials().items() if s["status"] == "COMPLETED"}
    assert before
    chief = next(
        p
        for p in left_behind(run.folder)
        if p.environ().get("KERASTUNER_TUNER_ID") == "chief" and p.is_running()
    )
    chief.kill()
    code, output = run.wait()
    assert code == 0, output
    after = run.trials()
    assert len(after) == 10 and statuses(after) == {"COMPLETED"}
    assert {trial: after[trial]["score"] for trial in before} == before
    assert (run.folder / "best.txt").read_text().split()[0] in after


def test_three_failing_trials_in_a_row_end_the_search_with_the_reason(launcher):
    run = launcher("formula.py", max_trials=9, fail="0,1,2,3,4,5")
    code, output = run.wait()
    assert code == scale_out.Exit.STOPPED_BY_FAILURES, output
    assert "ValueError: the formula has no value at x" in output


def test_one_failed_trial_shows_in_the_exit_code(launcher):
    run = launcher("formula.py", "--workers", "1", max_trials=3, fail="1")
    code, output = run.wait()
    assert code == scale_out.Exit.TRIALS_FAILED, output
    assert "2 trials completed, 1 failed: 1" in output and "ValueError: the formula" in output


def test_a_worker_that_dies_again_and_again_gives_up_and_says_so(launcher):
    run = launcher("formula.py", "--workers", "1", "--restarts", "1", max_trials=3, die="1")
    code, output = run.wait()
    assert code == scale_out.Exit.WORKER_GAVE_UP, output
    assert "worker0 ended 2 times in a row (killed by SIGKILL" in output
    assert run.trials()["0"]["status"] == "COMPLETED"


def test_the_time_limit_ends_everything_and_the_same_command_goes_on(launcher):
    options = ("--workers", "1")
    run = launcher("formula.py", *options, "--timeout", "30", max_trials=2, seconds=1000)
    code, output = run.wait()
    assert code == scale_out.Exit.TIMEOUT, output
    run = launcher("formula.py", *options, max_trials=2)
    code, output = run.wait()
    assert code == 0, output
    assert len(run.trials()) == 2


def test_a_late_worker_joins_a_running_search(launcher):
    port = str(free_port())
    run = launcher("formula.py", "--workers", "1", "--port", port, max_trials=4, meet="late0")
    run.wait_until(run.runs)
    options = ("--workers", "1", "--join", f"127.0.0.1:{port}", "--name", "late")
    late = launcher("formula.py", *options, max_trials=4)
    code, output = run.wait()
    assert code == 0, output
    assert late.wait()[0] == 0
    assert run.runs("late0") and run.runs("worker0")
    assert len(run.runs()) == len(run.trials()) == 4, "no trial ran twice"
    ran = [(row["worker"], row["trial"]) for row in scale_out.timeline(run.folder / "p")]
    assert ("late0" in dict(ran)) and len(set(ran)) == len(ran), "one record, by the chief's host"


def in_namespace(name):
    """The start of a command that runs in a network namespace."""
    return ("ip", "netns", "exec", name)


@pytest.fixture
def two_hosts():
    """Two network namespaces with a cable between them, as two hosts on one machine."""
    if sys.platform != "linux" or not shutil.which("ip") or os.geteuid() != 0:
        pytest.skip("network namespaces need Linux, root and the command ip (iproute2)")
    here, far = f"so{os.getpid()}a", f"so{os.getpid()}b"
    commands = [
        f"ip netns add {here}",
        f"ip netns add {far}",
        f"ip link add {here} netns {here} type veth peer name {far} netns {far}",
        f"ip -n {here} addr add 10.77.1.1/24 dev {here}",
        f"ip -n {far} addr add 10.77.1.2/24 dev {far}",
        *(f"ip -n {name} link set {device} up" for name in (here, far) for device in ("lo", name)),
    ]
    try:
        for command in commands:
            done = subprocess.run(command.split(), capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"no network namespaces here: {done.stderr.strip()}")
        yield here, far
    finally:
        for name in (here, far):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def test_the_trial_of_a_host_that_drops_off_is_run_by_the_others(launcher, two_hosts):
    here, far = two_hosts
    options = ("--workers", "1", "--bind", "10.77.1.1", "--port", "8123", "--trial-timeout", "10")
    run = launcher("formula.py", *options, prefix=in_namespace(here), max_trials=4, meet="far0")
    run.wait_until(run.runs)
    options = ("--workers", "1", "--join", "10.77.1.1:8123", "--name", "far")
    lost = launcher("formula.py", *options, prefix=in_namespace(far), max_trials=4, seconds=5)
    trial, _, pid = run.wait_until(lambda: run.runs("far0"))[0]
    subprocess.run(["ip", "-n", here, "link", "set", here, "down"], check=True)
    code, output = run.wait()
    assert code == 0, output
    assert len(run.trials()) == 4 and statuses(run.trials()) == {"COMPLETED"}
    pids = {one[2] for one in run.runs("far0") if one[0] == trial}
    assert len(pids) == 2 and pid in pids, "the trial ran again, in a stand-in with the same id"
    assert lost.wait()[0] in (0, scale_out.Exit.CHIEF_GAVE_UP)


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


def test_parallel_equals_serial_bit_for_bit(launcher, tmp_path):
    run = launcher("training.py", "--threads", "1", max_trials=5)
    code, output = run.wait()
    assert code == 0, output
    alone = tmp_path / "alone"
    environment = os.environ | dict.fromkeys(scale_out.THREAD_VARIABLES, "1")
    subprocess.run(
        [sys.executable, JOBS / "training.py", "--directory", alone, "--project-name", "p"],
        env=environment | {"PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    serial, parallel = read_trials(alone / "p"), run.trials()
    assert sorted(serial) == sorted(parallel) and len(serial) == 5
    for trial, state in serial.items():
        assert parallel[trial]["hyperparameters"]["values"] == state["hyperparameters"]["values"]
        assert parallel[trial]["metrics"] == state["metrics"]
        assert parallel[trial]["score"] == state["score"]
        one, two = (root / "p" / f"trial_{trial}" for root in (alone, tmp_path))
        histories = [json.loads((path / "history.json").read_text()) for path in (one, two)]
        assert histories[0]["executions"] == histories[1]["executions"]
        assert weights(one) == weights(two) and weights(one)
    assert (tmp_path / "p" / "tuner0.json").exists(), "a serial process can open the project"


def test_a_notebook_as_the_job_reads_its_results_on_the_chief_only(launcher, notebook):
    run = launcher(notebook, max_trials=4)
    code, output = run.wait()
    assert code == 0, output
    assert (run.folder / "best.txt").read_text().split()[0] == "chief"
    counts = {}
    for name in ("chief", "worker0", "worker1"):
        executed = json.loads((run.folder / "p_scale_out" / f"{name}.ipynb").read_text())
        counts[name] = {cell["id"]: cell.get("execution_count") for cell in executed["cells"]}
    assert counts["chief"]["results"] is not None
    assert counts["worker0"]["search"] is not None
    assert counts["worker0"]["results"] is counts["worker1"]["results"] is None
    assert len(run.runs()) == 4


@posix_only
@pytest.mark.parametrize(
    ("how", "expected", "job", "workers"),
    [
        (signal.SIGINT, 130, "notebook", 2),
        (signal.SIGTERM, 130, "formula.py", 1),
        (signal.SIGKILL, -signal.SIGKILL, "notebook", 1),
    ],
)
def test_no_process_is_left_when_the_launcher_is_ended(
    launcher, notebook, how, expected, job, workers
):
    if how == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux tells children that their parent was killed")
    file, processes = {"notebook": (notebook, 2), "formula.py": (job, 1)}[job]
    run = launcher(file, "--workers", str(workers), max_trials=3, seconds=1000)
    run.wait_until(lambda: len(run.runs()) == workers)
    assert len(left_behind(run.folder)) >= 1 + processes * (1 + workers)
    run.process.send_signal(how)
    assert run.wait()[0] == expected
    _, alive = psutil.wait_procs(left_behind(run.folder), timeout=15)
    assert not alive
