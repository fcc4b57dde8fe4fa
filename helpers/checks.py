"""Checks that a reader meets: the set-up, the parameters of a notebook, the self-check questions.

Each mistake gives one short message that says what was found, what is allowed and what to do.
"""

import contextlib
import difflib
import importlib.metadata
import math
import numbers
import pathlib
import platform
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).parent.parent
WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "True or False"}


class ShortError(ValueError):
    """An error that a notebook shows as one line, without a traceback."""

    def _render_traceback_(self):
        # IPython calls this method, when an exception has it, instead of formatting a traceback.
        return [f"{type(self).__name__}: {self}"]


class ParameterError(ShortError):
    """A parameter of a notebook is unknown, has the wrong type or is outside its range."""


class EnvironmentProblem(ShortError):
    """Something that the course needs is missing or has a wrong version."""


def nearest(word, words):
    """`` Did you mean 'x'?`` with the one of ``words`` that resembles ``word`` most, or ``""``."""
    plain = {str(known).lower().replace("-", "_"): known for known in words}
    near = difflib.get_close_matches(str(word).lower().replace("-", "_"), plain, n=1, cutoff=0.5)
    return f" Did you mean {plain[near[0]]!r}?" if near else ""


# Parameters


def problem(name, value, rule, kind):
    """Say in one sentence what is wrong with a parameter's value; None when it is fine.

    Args:
        name: the parameter's name.
        value: its value. A bool is no number, a whole number is also a float, nan is neither.
        rule: what ``parameters`` takes for it.
        kind: its type, int, float, str, bool or another one.
    """
    what = WORDS.get(kind, f"a {kind.__name__}")
    if kind in (int, float):
        number = numbers.Integral if kind is int else numbers.Real
        allowed = isinstance(value, number) and not isinstance(value, bool) and math.isfinite(value)
    else:
        allowed = isinstance(value, getattr(kind, "__origin__", kind))
    if isinstance(rule, tuple) and isinstance(rule[0], str):
        what, allowed = "one of " + ", ".join(map(repr, rule)), value in rule
    elif isinstance(rule, tuple):
        low, high = rule
        what += f" of at least {low:,}" if high is None else f" from {low:,} to {high:,}"
        allowed = allowed and low <= value <= (math.inf if high is None else high)
    return None if allowed else f"{name} must be {what}, but is {value!r}."


def unknown(name, known):
    """Say in one sentence that there is no parameter ``name``, with the nearest known one."""
    guess = nearest(name, known) or f" There are {', '.join(sorted(known))}."
    return f"{name!r} is not a parameter of this notebook.{guess}"


def parameters(**allowed):
    """Check the values in a notebook's parameters cell; call it in the cell after it.

    Args:
        **allowed: one rule a parameter: (low, high), both inclusive, high None = no limit; a tuple
            of texts = the choices; or a type (str, bool, int, float) alone.

    Raises:
        ParameterError: a value of a wrong type or out of range, or a name that papermill was given
            and the notebook does not have. It is shown as one line.
    """
    namespace = sys._getframe(1).f_globals
    kinds = namespace.get("__annotations__", {})
    cells = [cell for cell in namespace.get("In", []) if cell.startswith("# Parameters\n")]
    injected = re.findall(r"^(\w+) = ", cells[-1] if cells else "", flags=re.MULTILINE)
    wrong = [unknown(name, allowed) for name in injected if name not in allowed]
    for name, rule in allowed.items():
        if name in namespace:
            kind = kinds.get(name, float if isinstance(rule, tuple) else rule)
            wrong.append(problem(name, namespace[name], rule, kind))
        else:
            wrong.append(f"{name} has no value: run the cell with the parameters first.")
    if any(wrong):
        raise ParameterError(" ".join(filter(None, wrong)))


# Set-up


def installed(name):
    """The installed version of a package, or None; a GPU or CPU build of TensorFlow counts."""
    for candidate in (name, name.removesuffix("-cpu"), f"{name}-cpu"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(candidate)
    return None


def environment():
    """Check the set-up: Python, every package the course needs with its version, and free disk.

    What is printed is the same on every machine where all is well, so that nbval can compare it.
    What is needed stands in pyproject.toml, so that check and installation cannot disagree.

    Raises:
        EnvironmentProblem: something is missing or has a wrong version; the message says which.
    """
    import tomllib

    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = sorted(map(Requirement, project["dependencies"]), key=lambda one: one.name.lower())
    python = Requirement("Python" + project["requires-python"])
    rows = []
    for one in [python, *needed]:
        if one.marker is None or one.marker.evaluate():
            found = platform.python_version() if one is python else installed(one.name)
            fine = found is not None and one.specifier.contains(found, prereleases=True)
            rows.append((one.name.removesuffix("-cpu"), str(one.specifier), found, fine))
    free = shutil.disk_usage(ROOT).free
    rows.append(("free disk", ">=0.5 GB", f"{free / 1e9:.1f} GB", free >= 5e8))
    for what, need, _, fine in rows:
        if need or not fine:
            print(f"{what:<18} {need:<16} {'fine' if fine else 'PROBLEM'}")
    wrong = [f"{what} is {found or 'missing'}" for what, _, found, fine in rows if not fine]
    if wrong:
        raise EnvironmentProblem(
            f"{', '.join(wrong)}. Run `make lab` again, or `pip install -r requirements.lock` in "
            "an environment with Python 3.11 to 3.13; half a gigabyte of disk must be free."
        )
    print(f"{'other packages':<18} {'':<16} fine")
    print("All checks passed.")


# Exercises


def check(name, answer=None):
    """Say whether an answer to a question or an exercise is right; a wrong one gets a hint.

    Args:
        name: of a question in helpers/files/questions.json, or of an exercise: the notebook's
            number and the function in helpers/exercises.
        answer: the reader's answer, a number or whatever the exercise asks for, mostly a function;
            None means not answered yet.

    Raises:
        ShortError: there is no such check; or the answer is wrong and the environment variable
            REQUIRE_SOLVED is 1, as in the notebooks with the solutions.
    """
    from helpers import exercises  # which needs this module

    exercises.check(name, answer)
