"""One search in several processes of one machine: KerasTuner's own chief and workers.

    python -m helpers.scale_out JOB --workers 2

JOB is a notebook (run by papermill) or a script. Every process runs the same file and has its role
from KerasTuner's environment variables. For several hosts see ``docs/scale_out.md``.
"""

import argparse
import collections
import contextlib
import enum
import json
import os
import pathlib
import re
import signal
import socket
import sys
import time

import psutil
import yaml

from helpers import checks, search, state

THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
RESTARTS = 3  # how often the chief and each worker is started again under its id
PAUSE = 3  # seconds before the first restart; a worker ends faster when it is told to
# KerasTuner's words after max_consecutive_failed_trials; its chief hangs then (keras-tuner #915).
TOO_MANY_FAILURES = "Number of consecutive failures exceeded the limit"
# How a launch ended: an Exit, one sentence, the number of processes that died, KerasTuner's project
# directory, and the folder beside it with one log a process and the executed notebooks.
Outcome = collections.namedtuple("Outcome", "code reason deaths project logs")


class Exit(enum.IntEnum):
    """Exit codes of ``python -m helpers.scale_out``."""

    COMPLETE = 0  # every trial completed and the oracle has no more
    WRONG_CALL = 2  # nothing was started
    TRIALS_FAILED = 3  # the search is complete, but some trials failed
    GAVE_UP = 4  # a process died again and again, or too many trials in a row failed
    TIMED_OUT = 5  # the same command goes on
    INTERRUPTED = 130  # Ctrl-C or SIGTERM; the same command goes on


def prepare(threads=0):
    """Make this process ready for its role; call it before the first model is built.

    A chief or worker ends when the process that started it ends (Linux), and a chief notices the
    end of the search at once.

    Args:
        threads: how many threads TensorFlow may use in a serial run; a chief and workers get their
            share from the launcher. The same number gives the same bits; 0 changes nothing.

    Returns:
        "chief", "worker" or "serial". Results are read on the chief or in a serial process.
    """
    if state.role() != "serial":
        _die_with_parent()
    elif threads:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if state.role() == "chief":
        _notice_the_end()
    return state.role()


def _notice_the_end():
    """Let KerasTuner's chief see the end: it looks every 20 seconds only (keras-tuner #645)."""
    from keras_tuner.src.distribute import oracle_chief

    def wait_for_end(oracle, has_ended=oracle_chief.exit_chief):
        time.sleep(0.2)  # the last worker still receives its answer
        while not has_ended(oracle):
            time.sleep(0.2)
        return True

    oracle_chief.exit_chief = wait_for_end


def _die_with_parent():
    """Ask Linux to kill this process when its parent has gone, however that happened."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


def _become():
    """Entry of every child: bind its life to the launcher's, then turn into its command."""
    launcher, *command = sys.argv[1:]
    _die_with_parent()
    if os.getppid() == int(launcher):  # else the launcher went before prctl took effect
        os.execv(command[0], command)


class Member:
    """The chief or a worker: one process at a time, started again under the same id."""

    def __init__(self, name, command, env, logs):
        self.name, self.log = name, logs / f"{name}.log"
        self.env = env | {"KERASTUNER_TUNER_ID": name, "KERASTUNER_ORACLE_IP": "127.0.0.1"}
        become = [sys.executable, "-c", "from helpers.scale_out import _become; _become()"]
        self.command = [*become, str(os.getpid()), *command] if os.name == "posix" else command
        self.state = "waiting"  # then "running", "done", "gave up", or "stopped" by failures
        self.start_at = self.deaths = 0

    def follow(self):
        """Start the process when it is due, and see whether it has ended."""
        if self.state == "waiting" and time.monotonic() >= self.start_at:
            with open(self.log, "ab") as log:
                self.log_start = log.tell()
                self.process = psutil.Popen(  # in its own session: Ctrl-C is the launcher's alone
                    self.command, env=self.env, stdout=log, stderr=log, start_new_session=True
                )
            self.state = "running"
        elif self.state == "running" and (code := self.process.poll()) is not None:
            self.state = self.died(code) if code else "done"

    def died(self, code):
        """Plan the restart or give up: returns the state."""
        self.deaths += 1
        text = self.log.read_bytes()[self.log_start :].decode(errors="replace")
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self.how = f"{self.name} ended ({how}; {last_error(text) or f'see {self.log.name}'})"
        if TOO_MANY_FAILURES in text:
            return "stopped"
        print(self.how, flush=True)
        self.start_at = time.monotonic() + PAUSE * self.deaths
        return "gave up" if self.deaths > RESTARTS else "waiting"

    def kill(self):
        """Kill the process and all that it started, as an out-of-memory killer would."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.process.suspend()  # so that it starts nothing more
            for process in [self.process, *self.process.children(recursive=True)]:
                process.kill()
        self.process.wait()


def last_error(text):
    """The last line of a log that names an error and does not only pass one on; or None."""
    text = re.sub(r"\x1b\[[\d;]*m", "", text)  # colours
    error = r"^\s*((?!.*(?:RpcError|PapermillExecution))[\w.]*(?:Error|Exception): .+)$"
    return next(reversed(re.findall(error, text, re.M)), None)


def _loop(members, project, timeout, rehearse):
    """Follow the processes until there is a reason to stop: returns an exit code and a sentence."""
    (chief, *workers), oracle, said = members, {}, None
    limit = time.monotonic() + timeout
    while time.monotonic() < limit:
        oracle = state.read_json(project / "oracle.json") or oracle
        for member in members:
            member.follow()
            if member.state == "stopped":
                return Exit.GAVE_UP, f"too many trials in a row failed: {member.how}"
        busy = [worker for worker in workers if worker.name in oracle.get("ongoing_trials", {})]
        if rehearse and busy:
            busy[0].kill()
            rehearse = False
        if (ended := len(set(oracle.get("end_order", [])))) != said:
            said, alive = ended, sum(worker.state == "running" for worker in workers)
            print(f"{ended} trials ended, {alive} workers alive", flush=True)
        if chief.state == "done":  # workers that were told to stop end by themselves
            psutil.wait_procs([w.process for w in workers if w.state == "running"], timeout=10)
            return _verdict(project, [worker.log for worker in workers])
        gone = [member for member in members if member.state == "gave up"]
        over = all(worker.state in ("done", "gave up") for worker in workers)
        if chief in gone or over and (gone or chief.state == "waiting"):
            return Exit.GAVE_UP, (gone or members)[0].how  # no worker would stop a new chief
        time.sleep(0.2)
    return Exit.TIMED_OUT, f"the time of {timeout:g} s is over; the same command goes on"


def _verdict(project, logs):
    """Exit code and sentence of a search whose chief has ended well."""
    files = sorted(project.glob("trial_*/trial.json"))
    trials = list(filter(None, map(state.read_json, files)))
    failed = [t["trial_id"] for t in trials if t["status"] in ("FAILED", "INVALID")]
    if not trials or any(trial["status"] == "RUNNING" for trial in trials):
        return Exit.GAVE_UP, "the chief ended before the trials did, see chief.log"
    if failed:  # a worker tells the chief that a trial failed, and not why
        errors = [last_error(log.read_text(errors="replace")) for log in logs]
        why = "; ".join(filter(None, errors))
        return Exit.TRIALS_FAILED, f"failed: trials {', '.join(failed)} ({why})"
    return Exit.COMPLETE, f"all {len(trials)} trials completed"


def _open_to(project, tuner):
    """Let a process with this tuner id go on with the project.

    KerasTuner reloads a project only where ``<tuner id>.json`` exists, and silently starts again
    from nothing where it does not: a serial search looks for tuner0.json, a chief for chief.json
    (keras-tuner #976).
    """
    if (project / "oracle.json").exists() and not (project / f"{tuner}.json").exists():
        state.write_json(project / f"{tuner}.json", {})


def _command(job, parameters, logs, name):
    """The command that runs a notebook by papermill, or a script with --name value arguments."""
    if job.suffix == ".ipynb":
        command = [sys.executable, "-u", "-m", "papermill", str(job), str(logs / f"{name}.ipynb")]
        command += ["--parameters_yaml", json.dumps(parameters), "--cwd", str(job.parent)]
        return [*command, "--no-progress-bar", "--log-output"]
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in parameters.items()]
    return [sys.executable, "-u", str(job), *arguments]


def run(
    job,
    *,
    workers=2,
    directory="log",
    project_name="scale_out",
    parameters=None,
    threads=0,
    timeout=86400.0,
    fresh=False,
    rehearse=False,
):
    """Run one search as a chief and workers, each a process with the same job, and wait for it.

    KerasTuner's protocol has no authentication: the chief listens on loopback only, where every
    user of this machine can reach it.

    Args:
        job: notebook (.ipynb) with the parameters directory and project_name, or script (.py)
        workers: how many worker processes
        directory: KerasTuner's directory
        project_name: KerasTuner's project name
        parameters: further parameters of the job
        threads: threads of a worker; 0 means the cores divided by the workers
        timeout: seconds for the whole launch
        fresh: move an old project of this name aside first
        rehearse: kill the first worker that has a trial, once, to see what happens

    Returns:
        An ``Outcome``.

    Raises:
        ShortError, ProjectInUse, FileNotFoundError: refused; nothing was started.
        KeyboardInterrupt: after all processes have been ended.
    """
    job = pathlib.Path(job).resolve()
    project = search.log_dir(directory).resolve() / project_name
    logs = project.with_name(f"{project_name}_scale_out")
    parameters = dict(parameters or {}, directory=str(project.parent), project_name=project_name)
    if workers < 1:
        raise checks.ShortError(f"workers={workers}: give 1 or more.")
    overwrites = re.search(r"(?<!`)\boverwrite(: bool)?\s*=\s*True", job.read_text())
    if overwrites or parameters.get("overwrite"):
        raise checks.ShortError(f"{job.name} sets overwrite=True: give --fresh instead.")
    with socket.create_server(("127.0.0.1", 0)) as server:  # a port that nobody uses
        env = os.environ | {"KERASTUNER_ORACLE_PORT": str(server.getsockname()[1])}
    env |= dict.fromkeys(THREAD_VARIABLES, str(threads or max(1, os.cpu_count() // workers)))
    names = ["chief", *(f"worker{number}" for number in range(workers))]
    members = [Member(name, _command(job, parameters, logs, name), env, logs) for name in names]
    with state.lock(logs):  # keeps a second launcher out
        if fresh:
            with state.lock(project):  # a serial search may be at work
                state.move_aside(project)
            state.move_aside(logs)
        logs.mkdir(parents=True, exist_ok=True)
        _open_to(project, "chief")
        try:
            code, reason = _loop(members, project, timeout, rehearse)
        finally:
            for member in members:
                if member.state == "running":
                    member.kill()
            _open_to(project, "tuner0")
    return Outcome(code, reason, sum(m.deaths for m in members), project, logs)


def main(arguments=None):
    """Run the command line, which has the arguments and defaults of ``run``; its exit code."""
    parser = argparse.ArgumentParser(
        description=run.__doc__.partition("    Returns:")[0],
        epilog="exit codes: " + ", ".join(f"{int(code)} {code.name}" for code in Exit),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("job")
    parser.add_argument("-p", "--parameters", nargs=2, type=yaml.safe_load, action="append")
    for name, default in run.__kwdefaults__.items():
        kind = {"action": "store_true"} if default is False else {"type": type(default)}
        if default is not None:
            parser.add_argument(f"--{name.replace('_', '-')}", default=default, **kind)
    options = vars(parser.parse_args(arguments))
    options["parameters"] = dict(options["parameters"] or [])
    for ending in (signal.SIGTERM, signal.SIGINT):  # a shell starts jobs in the background without
        signal.signal(ending, signal.default_int_handler)
    try:
        outcome = run(**options)
    except (checks.ShortError, state.ProjectInUse, FileNotFoundError) as error:
        parser.exit(Exit.WRONG_CALL, f"scale_out: {error}\n")
    except KeyboardInterrupt:
        parser.exit(Exit.INTERRUPTED, "scale_out: interrupted; all processes have been ended\n")
    print(f"{outcome.reason} (exit code {int(outcome.code)})\nLogs: {outcome.logs}")
    return int(outcome.code)


if __name__ == "__main__":
    sys.exit(main())
