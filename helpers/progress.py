"""Progress of a search: a bar in a notebook, a line a trial in a terminal or a log file.

In a notebook the bar with the best score and the time left is updated in place, and put back to
its first, timeless form at the end: a stored notebook stays the same from run to run.
"""

import html
import sys
import time


def in_notebook():
    """Whether the code runs in a Jupyter kernel."""
    try:
        return get_ipython().__class__.__name__ == "ZMQInteractiveShell"  # noqa: F821
    except NameError:
        return False


def duration(seconds):
    """A rounded time in words."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


class Progress:
    """Shows how far one call of search() is.

    Args:
        tuner: a careful tuner.
        wanted: "auto", True or False, as given to the tuner.
        verbose: as given to search(), None where it was left out; 0 silences "auto".
        estimate: {"bytes", "seconds"} from the checks before the search, or None.
    """

    def __init__(self, tuner, wanted, verbose, estimate):
        silent = wanted is False or (wanted == "auto" and verbose == 0)
        self.tuner = tuner
        self.total = tuner.oracle.max_trials
        self.start = self.last = time.monotonic()
        self.ran = 0
        self.title = f"Search in {tuner._shown}: {self.total or 'all'} trials"
        self.display = None
        if silent or (self.total and tuner._left() <= 0):
            self.kind = "silent"
        elif in_notebook():
            self.kind = "notebook"
            self._open_display()
        else:
            tty = sys.stdout is not None and sys.stdout.isatty()
            self.kind = "terminal" if tty else "lines"
            print(self.title + (self._estimated(estimate) if tty else "") + ".")

    def _estimated(self, estimate):
        if not estimate or not estimate["seconds"]:
            return ""
        left = max(0, (self.total or 0) - len(self.tuner._ended()))
        text = f", about {estimate['bytes'] / 1e6:,.0f} MB of checkpoints"
        return text + (f", {duration(estimate['seconds'] * left)} at most" if left else "")

    def trial(self, trial):
        """Say that a trial has ended."""
        self.ran += 1
        if self.kind == "silent":
            return
        done = len(self.tuner._ended())
        name = self.tuner.oracle.objective.name
        text = f"{done} of {self.total}" if self.total else f"{done} done"
        score = "failed" if trial.score is None or trial.status != "COMPLETED" else ""
        text += f": trial {trial.trial_id} {score or f'{name} {trial.score:.4f}'}"
        best = self.tuner._completed(1)
        if best:
            text += f", best {best[0].score:.4f} (trial {best[0].trial_id})"
        if self.kind == "lines":
            print(text)
            return
        left = (self.total or done) - done
        seconds = (time.monotonic() - self.start) / self.ran * left
        text += f", {duration(seconds)} left" if left else ""
        if self.kind == "terminal":
            print(text)
        else:
            self._update(done, text)

    def close(self):
        """Put a notebook's bar back to its first form."""
        if self.display is not None:
            self.display.update(self._html(0, self.title))

    def _open_display(self):
        from IPython.display import display

        self.display = display(self._html(0, self.title), display_id=True)

    def _update(self, done, text):
        self.display.update(self._html(done, text))

    def _html(self, done, text):
        from IPython.display import HTML

        bar = ""
        if done:
            bar = f'<progress value="{done}" max="{self.total or done}"></progress> '
        return HTML(f"<div>{bar}{html.escape(text)}</div>")
