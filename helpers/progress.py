"""One line of progress of a search; KerasTuner's own display clears the cell that it writes to."""

import datetime
import sys
import time

from helpers import state


class Line:
    """One line of progress: in place in a notebook and a terminal, one a trial in a log file.

    A notebook stores its last state.
    """

    def __init__(self, tuner):
        self.tuner, self.running, self.ran, self.displayed = tuner, None, 0, False
        self.start = self.shown = time.monotonic()
        silent = state.role() == "worker" or not tuner.progress or tuner.missing() <= 0
        self.where = "nowhere" if silent else _where()

    def text(self):
        """Trials done, the best score, the trial that runs, time spent and time left."""
        oracle = self.tuner.oracle
        done, total = len(self.tuner._ended()), oracle.max_trials
        spent = time.monotonic() - self.start
        parts = [f"{done} of {total} trials" if total else f"{done} trials"]
        if best := oracle.get_best_trials(1):
            score = f"{oracle.objective.name} {best[0].score:.4f}"
            parts.append(f"best {score} (trial {best[0].trial_id})")
        if self.running:
            parts.append(f"trial {self.running.trial_id} is running")
        parts.append(f"{clock(spent)} spent")
        if total and self.ran and self.running:
            parts.append(f"about {clock(spent / self.ran * (total - done))} left")
        return ", ".join(parts)

    def show(self, trial=None, last=False):
        """Show the line; at most once a second while a trial runs."""
        now = time.monotonic()
        if trial is self.running and not last and now - self.shown < 1:
            return
        self.running, self.shown = trial, now
        if self.where == "notebook":
            from IPython.display import display

            shown = {"raw": True, "display_id": f"search {id(self)}", "update": self.displayed}
            display({"text/plain": self.text()}, **shown)
            self.displayed = True
        elif self.where == "terminal":
            print(f"\r\x1b[K{self.text()}", end="\n" if last else "", flush=True)
        elif self.where == "log" and trial is None:
            print(self.text(), flush=True)

    def end(self, trial):
        """Count a trial that has ended."""
        self.ran += 1
        if self.where == "terminal" and trial.status == "FAILED":
            print("\r\x1b[K", end="")
        self.show()

    def close(self):
        """Show the last state."""
        if self.where != "log":
            self.show(last=True)


def _where():
    """Whether lines go to a "notebook", a "terminal" or a "log" file."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        return "notebook"
    return "terminal" if sys.stdout is not None and sys.stdout.isatty() else "log"


def clock(seconds):
    """A time as hours:minutes:seconds, without hours where there are none."""
    return str(datetime.timedelta(seconds=round(seconds))).removeprefix("0:")
