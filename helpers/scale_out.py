"""One search in several processes or on several hosts: KerasTuner's own chief and workers.

    python -m helpers.scale_out JOB --workers 2

JOB is a notebook (run by papermill) or a Python script. Every process runs the same file; its role
comes from KerasTuner's environment variables. ``docs/scale_out.md`` has the commands for several
hosts, Slurm and Kubernetes.
"""

import argparse
import contextlib
import dataclasses
import enum
import errno
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import types
import uuid

from helpers import search
from helpers.state import read_json, role

ROOT = pathlib.Path(__file__).resolve().parents[1]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
MARK = "SCALE_OUT_MEMBER"  # environment variable that every process of a launch carries
POLL = 0.1  # seconds between two looks at the processes and the project directory
START_UP = 60  # seconds that a process may need to import TensorFlow
GRACE = 30  # seconds that a chief with nothing left to do may go on serving
WILDCARDS = ("0.0.0.0", "::", "[::]")
# KerasTuner's words when max_consecutive_failed_trials is reached; the chief hangs after it.
TOO_MANY_FAILURES = "Number of consecutive failures exceeded the limit"


class Exit(enum.IntEnum):
    """Exit codes of ``python -m helpers.scale_out``."""

    COMPLETE = 0  # every trial has ended well and the oracle has no more
    WRONG_CALL = 2  # nothing was started
    TRIALS_FAILED = 3  # the search is complete, but some trials failed
    STOPPED_BY_FAILURES = 4  # KerasTuner stopped after too many failed trials in a row
    WORKER_GAVE_UP = 5  # a worker died more often than --restarts allows
    CHIEF_GAVE_UP = 6  # the same for the chief; with --join: the chief cannot be reached
    TIMEOUT = 7  # --timeout was reached
    PORT_IN_USE = 8  # another process listens on the port
    INTERRUPTED = 130  # Ctrl-C or SIGTERM


class ScaleOutError(ValueError):
    """A launch that was refused before anything was started; ``code`` is the exit code."""

    def __init__(self, message, code=Exit.WRONG_CALL):
        super().__init__(message)
        self.code = code


# ---------------------------------------------------------------- inside the job


def is_worker():
    """Whether this process is a worker; results are read on the chief only."""
    return role() == "worker"


def is_serial():
    """Whether this process searches alone: a notebook opened in class, a plain script."""
    return role() == "serial"


def prepare(threads=0):
    """Make this process ready for its role; call it before the first model is built.

    A chief notices the end of the search at once (KerasTuner's looks every 20 seconds), and a chief
    or worker ends when the process that started it ends (Linux).

    Args:
        threads: how many threads TensorFlow may use in a serial run. The chief and the workers get
            their share from the launcher. The same number gives the same bits; 0 changes nothing.

    Returns:
        The role, see ``role``.
    """
    if is_serial() and threads:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if not is_serial():
        _die_with_parent()
    if role() == "chief":
        _shorten_chief_poll()
    return role()


def _shorten_chief_poll():
    """Let the chief look for its end every POLL seconds. Private: nothing public exists for it."""
    from keras_tuner.src.distribute import oracle_chief

    oracle_chief.time = types.SimpleNamespace(sleep=lambda s: time.sleep(min(s, POLL)))


def _die_with_parent():
    """Ask Linux to kill this process when its parent has gone, however that happened."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


def _become():
    """Entry of every child: bind its life to the launcher's, then turn into the real command."""
    launcher, *command = sys.argv[1:]
    _die_with_parent()
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    if os.getppid() == int(launcher):  # else the launcher went before prctl took effect
        os.execv(command[0], command)


# ---------------------------------------------------------------- the project directory


def _better(trial, best):
    return best is None or (trial["score"] < best["score"]) == (trial["direction"] == "min")


class Project:
    """What KerasTuner's files say about a running search, read again only where they changed."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.trials = {}  # trial id -> {"status", "score", "direction", "changed"}
        self.ongoing = {}  # worker id -> trial id, trials that run now
        self._seen = {}

    def _changed(self, path):
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:
            return None
        if self._seen.get(path) == stamp:
            return None
        value = read_json(path)
        if value is not None:
            self._seen[path] = stamp
        return value

    def update(self):
        """Read what is new and return self."""
        for path in sorted(self.path.glob("trial_*/trial.json")):
            state = self._changed(path)
            if state:
                self.trials[state["trial_id"]] = {
                    "status": state["status"],
                    "score": state["score"],
                    "direction": _direction(state),
                    "changed": path.stat().st_mtime,
                }
        oracle = self._changed(self.path / "oracle.json")
        if oracle:
            self._oracle_ongoing = oracle["ongoing_trials"]
        running = self.ids("RUNNING")
        pairs = getattr(self, "_oracle_ongoing", {}).items()
        self.ongoing = {worker: trial for worker, trial in pairs if trial in running}
        return self

    def ids(self, *statuses):
        """Sorted trial ids with one of these statuses."""
        return sorted(t for t, trial in self.trials.items() if trial["status"] in statuses)

    def best(self):
        """(trial id, score) of the best completed trial, or None."""
        best = None
        for trial_id in self.ids("COMPLETED"):
            trial = self.trials[trial_id] | {"id": trial_id}
            if _better(trial, best):
                best = trial
        return best and (best["id"], best["score"])


def _direction(state):
    """The direction of the metric that gave the score (trial.json does not name the objective)."""
    for metric in state["metrics"]["metrics"].values():
        values = [sum(o["value"]) / len(o["value"]) for o in metric["observations"]]
        if state["score"] in values:
            return metric["direction"]
    return "min"


def logs_of(project):
    """The folder beside the project with logs, executed notebooks and the record of events."""
    project = pathlib.Path(project)
    return project.with_name(f"{project.name}_scale_out")


def timeline(project):
    """Which worker ran which trial, and when, from the launcher's record of events.

    Args:
        project: project directory of a search that ``run`` has made.

    Returns:
        List of dicts with worker, trial, start and end (seconds since the launch), and status:
        "COMPLETED", "FAILED", or "LOST" for the part of a trial that ended with its worker.
    """
    path = logs_of(project) / "events.jsonl"
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: only helpers.scale_out writes it.")
    rows, current = [], {}
    for event in map(json.loads, path.read_text().splitlines()):
        who, what, when = event["who"], event["what"], event["seconds"]
        if what == "launch":
            current = {}
        elif what == "trial":
            current[who] = (event["trial"], when)
        elif what == "died" and who in current:
            trial, start = current[who]
            rows.append(_row(who, trial, start, when, "LOST"))
        elif what == "started" and who in current:
            current[who] = (current[who][0], when)
        elif what in ("COMPLETED", "FAILED") and who in current:
            trial, start = current.pop(who)
            history = read_json(pathlib.Path(project) / f"trial_{trial}" / search.HISTORY) or {}
            start = max(start, when - history.get("seconds", when - start))
            rows.append(_row(who, trial, start, when, what))
    return rows


def _row(worker, trial, start, end, status):
    return {"worker": worker, "trial": trial, "start": start, "end": end, "status": status}


def plot_timeline(rows, ax=None):
    """Draw one bar a trial, one line a worker; hatched where a worker died during the trial.

    Args:
        rows: what ``timeline`` returns.
        ax: axes to draw on; new ones by default.

    Returns:
        The axes.
    """
    from helpers import plots

    ax = plots.figure(height=2.8)[1] if ax is None else ax
    workers = sorted({row["worker"] for row in rows})
    colours = {"COMPLETED": plots.COLOURS["sky"], "FAILED": plots.COLOURS["vermillion"]}
    for row in rows:
        line, width = workers.index(row["worker"]), row["end"] - row["start"]
        lost = row["status"] == "LOST"
        ax.barh(
            line,
            width,
            left=row["start"],
            color=colours.get(row["status"], "white"),
            edgecolor="black",
            hatch="///" if lost else None,
        )
        if lost:  # often a narrow bar, so the label stands beside it
            ax.text(row["end"], line, f" {row['trial']} lost", va="center", fontsize=10)
        else:
            middle = row["start"] + width / 2
            ax.text(middle, line, row["trial"], ha="center", va="center", fontsize=10)
    ax.set_yticks(range(len(workers)), workers)
    ax.invert_yaxis()
    ax.set_xlim(left=0)
    ax.set_xlabel("seconds since the launch")
    return ax


# ---------------------------------------------------------------- processes


def processes(mark):
    """Running processes of a launch, children's children too.

    Args:
        mark: the ``token`` of an ``Outcome``, or a member's mark.

    Returns:
        List of ``psutil.Process``.
    """
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            own = process.environ().get(MARK)
            if own and own.startswith(mark) and process.pid != os.getpid():
                found.append(process)
    return found


def _end_marked(mark, patience=3.0):
    """End all processes with this mark: ask first, kill what is left after ``patience`` seconds."""
    import psutil

    try:
        found = processes(mark)
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        psutil.wait_procs(found, timeout=patience)
    finally:  # also when a second Ctrl-C cuts the patience short
        for process in processes(mark):
            with contextlib.suppress(psutil.Error):
                process.kill()


class Member:
    """The chief or a worker: one process at a time, started again under the same id."""

    def __init__(self, name, command, env, folder, token):
        self.name = name
        self.mark = f"{token}/{name}/"
        self.command = [sys.executable, "-c", "from helpers.scale_out import _become; _become()"]
        self.command += [str(os.getpid()), *command]
        self.env = env | {MARK: self.mark}
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.deaths = 0  # in a row, without a finished trial in between
        self.restart_at = None
        self.state = "new"

    def start(self):
        """Start the process; its output is appended to the log."""
        with open(self.log, "ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen(
                self.command,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the launcher alone, which ends them all
            )
        self.started_at = time.monotonic()
        self.state = "running"

    def output(self):
        """What the process has written since its last start, without colour codes."""
        with open(self.log, "rb") as log:
            log.seek(self.log_start)
            return re.sub(r"\x1b\[[\d;]*m", "", log.read().decode(errors="replace"))

    def end(self, patience=3.0):
        """End the process and all that it started."""
        _end_marked(self.mark, patience)
        if self.state == "running":
            self.process.wait()

    def kill(self):
        """Kill the process and all that it started, as an out-of-memory killer would."""
        _end_marked(self.mark, patience=0)


def last_error(text):
    """The last line of a log that names an error, leaving out those that only pass one on."""
    lines = re.findall(r"^\s*([\w.]*(?:Error|Exception): .+)$", text, re.M)
    lines = [line for line in lines if not re.search(r"RpcError|PapermillExecutionError", line)]
    return lines[-1].strip() if lines else "no error message"


def _how(code):
    """Say how a process ended."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


# ---------------------------------------------------------------- the launcher


@dataclasses.dataclass
class Outcome:
    """How a launch ended.

    Attributes:
        code: an ``Exit``; 0 only if every trial has ended well and the search is complete.
        reason: one sentence.
        seconds: wall-clock seconds from the first process's start to the last one's end.
        project: KerasTuner's project directory.
        logs: folder with one log a process, the executed notebooks and the record of events.
        token: name of this launch, by which ``processes`` finds what it has started.
    """

    code: Exit
    reason: str
    seconds: float
    project: pathlib.Path
    logs: pathlib.Path
    token: str


class _Done(Exception):
    """Leaves the launcher's loop with an exit code and a reason."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Launch:
    """The launcher's loop over its members; ``run`` is the way to use it."""

    def __init__(self, options, project, show):
        self.options = options
        self.project = Project(project)
        self.logs = logs_of(project)
        self.show = show
        self.token = uuid.uuid4().hex
        self.chief = None
        self.workers = []
        self.running_since = {}  # worker id -> (trial id, time)
        self.idle_since = None
        self.chief_seen = time.monotonic()

    def event(self, who, what, **more):
        """Append to the record of events."""
        seconds = more.pop("seconds", time.time() - self.start_time)
        line = {"seconds": round(seconds, 2), "who": who, "what": what} | more
        joined = self.options.join and f"_{self.options.name}"  # the chief's host has the whole
        with open(self.logs / f"events{joined}.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")

    # -- members

    def member(self, name, address):
        """A member with its command and environment, not yet started."""
        o = self.options
        ip, port = address
        threads = 1 if name == "chief" else o.threads
        env = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        env |= {
            "KERASTUNER_TUNER_ID": name,
            "KERASTUNER_ORACLE_IP": ip,
            "KERASTUNER_ORACLE_PORT": str(port),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            "PYTHONUNBUFFERED": "1",
        }
        command = _command(o.job, o.parameters, self.logs / f"{name}.ipynb")
        return Member(name, command, env, self.logs, self.token)

    def begin(self, member):
        """Start or restart a member."""
        member.start()
        self.event(member.name, "started")

    def died(self, member, code):
        """Note a death and plan the restart under the same id, or give up."""
        member.end(patience=0)  # what a dead process may have left: a notebook's kernel
        member.deaths += 1
        self.event(member.name, "died", how=_how(code))
        if member.deaths > self.options.restarts:
            member.state = "gave up"
            member.reason = f"{member.name} ended {member.deaths} times in a row ({_how(code)}; "
            member.reason += f"{last_error(member.output())})"
        else:
            member.state = "waiting"
            member.restart_at = time.monotonic() + min(60, 2.0 ** (member.deaths - 1))

    def check(self, member):
        """Follow one member's process."""
        if member.state == "waiting" and time.monotonic() >= member.restart_at:
            if member is self.chief and self.workers_done():
                member.state = "gave up"
                error = last_error(member.output())
                member.reason = f"the search is over, but the chief failed after it ({error})"
            else:
                self.begin(member)
        elif member.state == "running" and member.process.poll() is not None:
            code = member.process.returncode
            if code == 0:
                member.state = "done"
                self.event(member.name, "ended")
            elif member is not self.chief and TOO_MANY_FAILURES in member.output():
                reason = f"too many trials in a row failed. The last error: {self.last_failure()}"
                raise _Done(Exit.STOPPED_BY_FAILURES, reason)
            elif member is self.chief and "Failed to bind to address" in member.output():
                raise _Done(Exit.PORT_IN_USE, "the chief could not listen: the port is in use")
            else:
                self.died(member, code)

    def last_failure(self):
        """The newest error in the workers' logs."""
        logs = sorted((w.log.stat().st_mtime, w) for w in self.workers if w.log.exists())
        errors = [last_error(worker.output()) for _, worker in logs]
        return next((e for e in reversed(errors) if e != "no error message"), "no error message")

    def all_trials_ended(self):
        """Whether max_trials trials have ended, as far as that parameter is known."""
        total = self.options.parameters.get("max_trials")
        return bool(total) and len(self.project.ids("COMPLETED", "FAILED")) >= total

    def workers_done(self):
        """Whether there are workers here and all have ended well."""
        return bool(self.workers) and all(w.state == "done" for w in self.workers)

    # -- the project directory

    def watch(self):
        """Read the project directory; record trials that began and ended."""
        project = self.project.update()
        for worker, (trial, _) in list(self.running_since.items()):
            state = project.trials[trial]
            if state["status"] != "RUNNING":
                seconds = state["changed"] - self.start_time
                self.event(worker, state["status"], trial=trial, seconds=seconds)
                del self.running_since[worker]
                for member in [self.chief, *self.workers]:
                    if member and member.name in (worker, "chief"):
                        member.deaths = 0
        for worker, trial in project.ongoing.items():
            if worker not in self.running_since:
                self.running_since[worker] = (trial, time.monotonic())
                self.event(worker, "trial", trial=trial)

    def line(self):
        """One line of progress for all processes."""
        done = len(self.project.ids("COMPLETED"))
        failed = len(self.project.ids("FAILED", "INVALID"))
        total = self.options.parameters.get("max_trials")
        text = f"{done + failed}{f' of {total}' if total else ''} trials ended"
        text += f", {len(self.project.ongoing)} running, {failed} failed"
        if self.project.best():
            text += ", best {1:.4g} (trial {0})".format(*self.project.best())
        absent = [m for m in [self.chief, *self.workers] if m and m.state in ("waiting", "gave up")]
        return text + "".join(f", {member.name} is {member.state}" for member in absent)

    # -- the loop

    def check_trial_time(self):
        """Give a trial that runs too long back: restart its worker, or stand in for a lost one."""
        for worker, (_, since) in self.running_since.items():
            mine = [member for member in self.workers if member.name == worker]
            if mine and mine[0].state == "running":  # a restarted worker imports TensorFlow first
                since = max(since, mine[0].started_at + START_UP)
            if time.monotonic() - since < self.options.trial_timeout:
                continue
            if mine and mine[0].state == "running":
                mine[0].end()
                self.died(mine[0], mine[0].process.returncode)
            elif not mine and self.chief:
                stand_in = self.member(worker, self.worker_address)
                self.workers.append(stand_in)
                self.event(worker, "died", how="no sign of life; its trial runs here now")
                self.begin(stand_in)

    def check_rehearsal(self):
        """Kill the worker that the rehearsal names, once, in the middle of its first trial."""
        for member in self.workers:
            _, since = self.running_since.get(member.name, (None, time.monotonic()))
            named = self.options.rehearse in (member.name, "any")
            if named and time.monotonic() - since > 0.5:
                self.options.rehearse = ""
                member.kill()

    def check_end(self):
        """Leave the loop when there is nothing left to wait for."""
        if self.chief and self.chief.state == "done":
            self.wait_for_workers()
            raise _Done(*self.verdict())
        if self.chief and self.chief.state == "gave up":
            raise _Done(Exit.CHIEF_GAVE_UP, self.chief.reason)
        gave_up = [w for w in self.workers if w.state == "gave up"]
        busy = [w for w in self.workers if w.state not in ("done", "gave up")]
        if busy or not (self.workers or self.all_trials_ended()):
            self.idle_since = None
            return
        if gave_up:
            raise _Done(Exit.WORKER_GAVE_UP, gave_up[0].reason)
        if not self.chief:
            raise _Done(Exit.COMPLETE, "all workers here have ended: the chief has no more trials")
        if self.project.ongoing or not _listens(self.worker_address):
            self.idle_since = None  # trials on other hosts, or the chief reads its results
            return
        self.idle_since = self.idle_since or time.monotonic()
        if time.monotonic() - self.idle_since > GRACE:
            raise _Done(*self.verdict())

    def check_chief(self):
        """With --join: notice that the chief on the other host has gone."""
        if time.monotonic() - self.chief_seen < 2:
            return
        if _listens(self.worker_address):
            self.chief_seen = time.monotonic()
        elif (read_json(self.logs / "outcome.json") or {}).get("ended", 0) > self.start_time:
            raise _Done(Exit.COMPLETE, "the chief has ended the search")
        elif time.monotonic() - self.chief_seen > self.options.chief_lost:
            reason = f"the chief at {self.options.join} cannot be reached any more"
            raise _Done(Exit.CHIEF_GAVE_UP, reason)

    def wait_for_workers(self, patience=10.0):
        """Give workers that were told to stop the time to end by themselves."""
        limit = time.monotonic() + patience
        for worker in self.workers:
            while worker.state == "running" and time.monotonic() < limit:
                if worker.process.poll() is not None:
                    break
                time.sleep(POLL)

    def verdict(self):
        """Exit code and sentence of a search that has come to its end."""
        self.watch()
        failed = self.project.ids("FAILED", "INVALID")
        completed, left = self.project.ids("COMPLETED"), self.project.ids("RUNNING")
        if left:
            return Exit.CHIEF_GAVE_UP, f"the chief ended while trials {', '.join(left)} ran"
        if not completed and not failed:
            return Exit.CHIEF_GAVE_UP, "the job ended without a trial; see chief.log"
        if failed:
            text = f"{len(completed)} trials completed, {len(failed)} failed: {', '.join(failed)}"
            return Exit.TRIALS_FAILED, f"{text}. The last error: {self.last_failure()}"
        return Exit.COMPLETE, f"all {len(completed)} trials completed"

    def loop(self):
        """Run until a reason to stop comes up; return (exit code, reason)."""
        limit = time.monotonic() + self.options.timeout
        for member in [self.chief, *self.workers]:
            if member:
                self.begin(member)
        try:
            while True:
                self.watch()
                for member in [self.chief, *self.workers]:
                    if member:
                        self.check(member)
                self.check_end()
                self.check_trial_time()
                self.check_rehearsal()
                if not self.chief:
                    self.check_chief()
                if time.monotonic() > limit:
                    reason = f"the time of {self.options.timeout:g} seconds is over"
                    raise _Done(Exit.TIMEOUT, f"{reason}; the same command goes on from here")
                self.show(self.line())
                time.sleep(POLL)
        except _Done as done:
            return done.code, done.reason
        finally:
            _end_marked(self.token)
            for member in [self.chief, *self.workers]:
                if member and member.state != "new":
                    member.process.wait()
            self.watch()
            self.show(self.line())

    def launch(self, address, worker_address):
        """Make the members, run the loop, write the outcome down."""
        o = self.options
        self.worker_address = worker_address
        self.start_time = time.time()
        self.event("launcher", "launch", seconds=0, at=self.start_time)
        if not o.join:
            self.chief = self.member("chief", address)
        self.workers = [self.member(f"{o.name}{i}", worker_address) for i in range(o.workers)]
        code, reason = self.loop()
        seconds = time.time() - self.start_time
        if not o.join:
            outcome = {"code": int(code), "reason": reason, "ended": time.time()}
            search.write_json(self.logs / "outcome.json", outcome)
            _open_to(self.project.path, "tuner0")
        return Outcome(code, reason, seconds, self.project.path, self.logs, self.token)


def _open_to(project, tuner):
    """Let a process with this tuner id go on with the project.

    KerasTuner reloads a project only where ``<tuner id>.json`` exists, and silently starts again
    from nothing where it does not: a serial search looks for tuner0.json, a chief for chief.json.
    """
    if (project / "oracle.json").exists() and not (project / f"{tuner}.json").exists():
        search.write_json(project / f"{tuner}.json", {})


def _command(job, parameters, output):
    """The command that runs a notebook by papermill, or a script with --name value arguments."""
    if job.suffix == ".ipynb":
        command = [sys.executable, "-m", "papermill", str(job), str(output)]
        command += ["--cwd", str(job.parent), "--no-progress-bar", "--log-output"]
        return [*command, "--parameters_yaml", json.dumps(parameters)]
    arguments = [(f"--{name.replace('_', '-')}", str(value)) for name, value in parameters.items()]
    return [sys.executable, str(job), *(part for pair in arguments for part in pair)]


def _listens(address):
    """Whether something accepts connections at (ip, port)."""
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=2):
        return True
    return False


def _claim(ip, port):
    """(ip, port) that the chief can listen on; port 0 means any free one."""
    try:
        with socket.create_server((ip, port)) as server:
            return ip, server.getsockname()[1]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ScaleOutError(
                f"Port {port} of {ip} is in use by another process. Choose another --port, or "
                "leave it out to get a free one.",
                Exit.PORT_IN_USE,
            ) from None
        raise ScaleOutError(
            f"The chief cannot listen on {ip}, port {port} ({error.strerror or error}). --bind "
            "takes an address of this machine; ports below 1024 need special rights."
        ) from None


def _job_code(job):
    if job.suffix == ".ipynb":
        cells = (read_json(job) or {}).get("cells", [])
        return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    return job.read_text()


def _check_job(job, parameters):
    """Refuse a job that cannot be a chief and workers."""
    if job.suffix not in (".ipynb", ".py") or not job.is_file():
        raise ScaleOutError(f"The job {job} is not an existing notebook (.ipynb) or script (.py).")
    if re.search(r"\boverwrite\b(:\s*\w+)?\s*=\s*True", _job_code(job)) or parameters.get(
        "overwrite"
    ):
        raise ScaleOutError(
            f"The job {job.name} sets overwrite=True. Every process would empty the shared "
            "directory and delete the others' finished trials: set it to False. To start from "
            "nothing, give --fresh, which moves an old project aside."
        )
    if job.suffix == ".ipynb":
        import papermill

        known = papermill.inspect_notebook(str(job))
        for name in parameters:
            if name not in known:
                raise ScaleOutError(
                    f"The notebook {job.name} has no parameter {name!r}; it has "
                    f"{', '.join(known) or 'none'}. A job needs directory and project_name."
                )


def _check_options(o):
    if not 0 <= o.workers <= 1000 or (o.join and not o.workers):
        raise ScaleOutError(f"--workers {o.workers}: give 1 or more, or 0 for a chief alone.")
    if not re.fullmatch(r"[\w.-]+", o.name) or "chief" in o.name:
        raise ScaleOutError(
            f"--name {o.name!r}: use letters, digits, '-', '_' and '.', and not the word 'chief', "
            "by which KerasTuner knows the chief."
        )
    names = ["", "any", *(f"{o.name}{i}" for i in range(o.workers))]
    if o.rehearse not in names:
        raise ScaleOutError(f"--rehearse {o.rehearse!r} is not one of the workers of this launch.")
    for name in ("restarts", "port", "threads"):
        if getattr(o, name) < 0:
            raise ScaleOutError(f"--{name} {getattr(o, name)}: it cannot be negative.")
    for name in ("timeout", "trial_timeout", "chief_lost"):
        if not getattr(o, name) > 0:
            raise ScaleOutError(f"--{name.replace('_', '-')} takes a positive number of seconds.")


def _join_address(join, patience):
    """(host, port) of a chief elsewhere, once it can be reached."""
    host, _, port = join.rpartition(":")
    if not host or not port.isdigit():
        raise ScaleOutError(f"--join {join!r}: give HOST:PORT of the chief, as in 10.0.0.1:8000.")
    limit = time.monotonic() + patience
    while not _listens((host, int(port))):
        if time.monotonic() > limit:
            raise ScaleOutError(
                f"No chief answers at {join} after {patience:g} seconds. Start the chief first; it "
                "must listen on an address that this host can reach (--bind).",
                Exit.CHIEF_GAVE_UP,
            )
        time.sleep(0.5)
    return host, int(port)


@contextlib.contextmanager
def _only_launcher(logs):
    """Keep a second launcher out of the same project; the lock ends with its process."""
    with open(logs / "launcher.lock", "a") as file:
        with contextlib.suppress(ImportError):  # Windows has no fcntl
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ScaleOutError(
                    f"Another launcher is at work on {logs.name.removesuffix('_scale_out')}. Wait "
                    "for it, add workers to it with --join, or take another --project-name."
                ) from None
        yield


def _move_aside(project):
    """Rename an old project and its logs; nothing is deleted. Returns the new path or None."""
    if not project.exists():
        return None
    number = 1
    while (aside := project.with_name(f"{project.name}.old{number}")).exists():
        number += 1
    project.rename(aside)
    if logs_of(project).exists():
        shutil.move(logs_of(project), logs_of(aside))
    return aside


def _display():
    """A function that shows one line of progress: in place where that works, else when new."""
    try:
        shell = get_ipython()  # noqa: F821  # exists in notebooks only
        in_notebook = hasattr(shell, "kernel")
    except NameError:
        in_notebook = False
    last = [None]
    if in_notebook:
        from IPython.display import Pretty, display

        handle = display(Pretty("starting"), display_id=True)

    def show(line):
        if line == last[0]:
            return
        if in_notebook:
            handle.update(Pretty(line))
        elif sys.stderr.isatty():
            print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)
        elif line.split(",")[0] != (last[0] or "").split(",")[0]:
            print(line, file=sys.stderr, flush=True)
        last[0] = line

    return show


def run(
    job,
    *,
    workers=2,
    directory="log",
    project_name="scale_out",
    parameters=None,
    threads=0,
    bind="127.0.0.1",
    port=0,
    join="",
    name="",
    restarts=3,
    timeout=86400.0,
    trial_timeout=3600.0,
    chief_lost=60.0,
    fresh=False,
    rehearse="",
    show=None,
):
    """Run one search as a chief and workers, each a process with the same job, and wait for it.

    KerasTuner's protocol has no authentication and no encryption: whoever reaches the port can read
    and change the search. Bind to loopback or to a network that you trust.

    Args:
        job: notebook with the parameters directory and project_name, or script that takes
            --directory and --project-name. It must read its role from the environment.
        workers: how many workers run here; 0 for a chief alone.
        directory: KerasTuner's directory, shared by all hosts; see ``search.log_dir``.
        project_name: KerasTuner's project name.
        parameters: further parameters of the job, a dict.
        threads: threads of a worker; 0 means this machine's cores divided by the workers.
        bind: address that the chief listens on.
        port: port of the chief; 0 means a free one.
        join: "host:port" of a chief elsewhere: only workers run here.
        name: start of the worker ids; "worker", or this host's name with ``join``.
        restarts: how often in a row a process that died is started again.
        timeout: seconds for the whole launch.
        trial_timeout: seconds for one trial; then its worker counts as lost, and is restarted, or,
            when it was on another host, replaced here under the same id.
        chief_lost: with ``join``, seconds without the chief until the workers end.
        fresh: move an old project of this name aside first.
        rehearse: a worker to kill once in the middle of its first trial, to see what happens;
            "any" takes the first that has one.
        show: function that shows one line of progress.

    Returns:
        An ``Outcome``.

    Raises:
        ScaleOutError: the call is wrong or the port is in use; nothing was started.
        KeyboardInterrupt: after all processes have been ended.
    """
    project = search.log_dir(directory).resolve() / project_name
    places = {"directory": str(project.parent), "project_name": project_name}
    host = re.sub(r"[^\w.-]", "-", socket.gethostname())
    options = types.SimpleNamespace(
        job=pathlib.Path(job).resolve(),
        parameters=places | (parameters or {}),
        workers=workers,
        threads=threads or max(1, _cores() // max(1, workers)),
        name=name or (f"{host}-" if join else "worker"),
        join=join,
        restarts=restarts,
        port=port,
        timeout=timeout,
        trial_timeout=trial_timeout,
        chief_lost=chief_lost,
        rehearse=rehearse,
    )
    _check_options(options)
    _check_job(options.job, options.parameters)
    logs = logs_of(project)
    if join:
        logs.mkdir(parents=True, exist_ok=True)
        address = _join_address(join, chief_lost)
        return Launch(options, project, show or _display()).launch(address, address)
    address = _claim(bind, port)
    project.parent.mkdir(parents=True, exist_ok=True)
    logs.mkdir(exist_ok=True)
    with _only_launcher(logs):
        if fresh and (aside := _move_aside(project)):
            print(f"The old project was moved to {aside.name}.")
            logs.mkdir()
        _open_to(project, "chief")
        worker_address = ("127.0.0.1" if bind in WILDCARDS else bind), address[1]
        return Launch(options, project, show or _display()).launch(address, worker_address)


def _cores():
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# ---------------------------------------------------------------- the command line


def _value(text):
    """A command-line value as a number, True, False, None or a string."""
    words = {"True": True, "False": False, "None": None}
    if text in words:
        return words[text]
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return text


EPILOG = """exit codes:
  0    every trial completed and the search is complete
  2    wrong call, nothing was started
  3    the search is complete, but some trials failed
  4    KerasTuner stopped after too many failed trials in a row
  5    a worker died more often than --restarts allows
  6    the chief did, or cannot be reached (--join)
  7    --timeout was reached; the same command goes on
  8    the port is in use
  130  interrupted; the same command goes on

KerasTuner's protocol has no authentication and no encryption: use loopback (the default) or a
network that you trust, never the internet."""


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m helpers.scale_out",
        description="Run one KerasTuner search as a chief and several workers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("job", help="notebook (.ipynb) or script (.py); all processes run the same file")
    add("--workers", type=int, default=2, help="workers on this machine (2); 0: a chief alone")
    add("--directory", default="log", help="KerasTuner's directory, shared by all hosts (log)")
    add("--project-name", default="scale_out", help="KerasTuner's project name (scale_out)")
    add("-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    add("--threads", type=int, default=0, help="threads of a worker (cores / workers)")
    add("--bind", default="127.0.0.1", help="address that the chief listens on (127.0.0.1)")
    add("--port", type=int, default=0, help="port of the chief (a free one)")
    add("--join", default="", metavar="HOST:PORT", help="only workers, for a chief elsewhere")
    add("--name", default="", help="start of the worker ids (worker; with --join the host's name)")
    add("--restarts", type=int, default=3, help="restarts in a row of a dead process (3)")
    add("--timeout", type=float, default=86400.0, help="seconds for the whole launch (86400)")
    add("--trial-timeout", type=float, default=3600.0, help="seconds for one trial (3600)")
    add("--chief-lost", type=float, default=60.0, help="seconds to wait for a lost chief (60)")
    add("--fresh", action="store_true", help="move an old project of this name aside first")
    add(
        "--rehearse", default="", metavar="WORKER", help="kill this worker (or any) once, mid-trial"
    )
    return parser


def main(arguments=None):
    """Run the command line and return its exit code."""
    options = vars(_parser().parse_args(arguments))
    options["parameters"] = {k: _value(v) for k, v in options.pop("parameter")}
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        outcome = run(**options)
    except ScaleOutError as error:
        print(f"scale_out: {error}", file=sys.stderr)
        return int(error.code)
    except KeyboardInterrupt:
        print("\nscale_out: interrupted; all processes have been ended.", file=sys.stderr)
        return int(Exit.INTERRUPTED)
    print(
        f"\nscale_out: {outcome.reason} ({outcome.seconds:.0f} s; exit code {int(outcome.code)})."
    )
    print(f"Project: {outcome.project}\nLogs: {outcome.logs}")
    return int(outcome.code)


if __name__ == "__main__":
    sys.exit(main())
