"""One line of progress of a search; KerasTuner's own display clears the cell that it writes to."""

import sys
import time


class Line:
    """One line of progress: in place in a notebook and a terminal, one a trial in a log file.

    A notebook stores its last state.
    """

    def __init__(self, tuner):
        self.tuner, self.running, self.ran = tuner, None, 0
        self.start = self.shown = time.monotonic()
        self.silent = tuner.progress is False or tuner.missing() <= 0
        self.in_place = sys.stdout is not None and sys.stdout.isatty()
        self.display = None

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
        if self.silent or (trial is self.running and not last and now - self.shown < 1):
            return
        self.running, self.shown = trial, now
        if in_notebook():
            self._display({"text/plain": self.text()})
        elif self.in_place:
            print(f"\r\x1b[K{self.text()}", end="\n" if last else "", flush=True)
        elif last or trial is None:
            print(self.text(), flush=True)

    def _display(self, data):
        from IPython.display import display, update_display

        if self.display is None:
            self.display = display(data, raw=True, display_id=True)
        else:
            update_display(data, raw=True, display_id=self.display.display_id)

    def end(self, trial):
        """Count a trial that has ended."""
        self.ran += 1
        if self.in_place and trial.status == "FAILED" and not in_notebook():
            print("\r\x1b[K", end="")
        self.show()

    def close(self):
        """Show the last state."""
        if self.in_place or in_notebook():
            self.show(last=True)


def clock(seconds):
    """A time as minutes:seconds, or hours:minutes:seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def in_notebook():
    """Whether the code runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
