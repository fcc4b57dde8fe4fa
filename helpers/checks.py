"""Checks that a reader meets: the set-up, the parameters of a notebook, the self-check questions.

Each mistake gives one short message that says what was found, what is allowed and what to do.
"""

import difflib
import importlib.metadata
import json
import math
import os
import pathlib
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).parent.parent
QUESTIONS = pathlib.Path(__file__).parent / "files" / "questions.json"
ZERO_MEANS_ALL = ("images",)
KINDS = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "True or False",
    list: "a list",
}


class ShortError(ValueError):
    """An error that a notebook shows as one line, without a traceback."""

    def _render_traceback_(self):
        # IPython calls this method, when an exception has it, instead of formatting a traceback.
        return [f"{type(self).__name__}: {self}"]


class ParameterError(ShortError):
    """A parameter of a notebook is unknown, has the wrong type or is outside its range."""


class EnvironmentProblem(ShortError):
    """Something that the course needs is missing or has a wrong version."""


# Parameters


def has_kind(value, kind):
    """Whether ``value`` is of ``kind`` (int, float, str, bool, list or list[...]).

    A bool is not a number, a whole number is also a float, and nan and infinity are no numbers.
    """
    inner = getattr(kind, "__args__", None)
    if inner:
        return isinstance(value, kind.__origin__) and all(has_kind(v, inner[0]) for v in value)
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, (int, float)) and math.isfinite(value)
    return isinstance(value, kind)


def kind_of(rule):
    """The type that a rule of ``parameters`` stands for: itself, str for choices, or a range's."""
    if isinstance(rule, type) or hasattr(rule, "__args__"):
        return rule
    if rule and all(isinstance(choice, str) for choice in rule):
        return str
    return float if any(isinstance(limit, float) for limit in rule) else int


def describe(name, rule, kind=None):
    """What a rule of ``parameters`` allows, in words."""
    kind = kind or kind_of(rule)
    if kind_of(rule) is str and not isinstance(rule, type):
        return "one of " + ", ".join(repr(choice) for choice in rule)
    inner = getattr(kind, "__args__", None)
    what = f"a list, each entry {KINDS.get(inner[0])}" if inner else KINDS.get(kind, kind.__name__)
    if isinstance(rule, type) or hasattr(rule, "__args__"):
        return what
    low, high = rule
    if name in ZERO_MEANS_ALL:
        what = f"0 (all) or {what}"
    if low is None or high is None:
        end = (
            ""
            if low is high
            else f" of at least {low:,}"
            if high is None
            else f" of at most {high:,}"
        )
        return what + end
    return f"{what} from {low:,} to {high:,}"


def _allows(name, rule, value):
    if isinstance(rule, type) or hasattr(rule, "__args__"):
        return True
    if kind_of(rule) is str:
        return value in rule
    if isinstance(value, (list, tuple)):
        return all(_allows(name, rule, entry) for entry in value)
    if name in ZERO_MEANS_ALL and value == 0:
        return True
    low, high = rule
    return (low is None or value >= low) and (high is None or value <= high)


def problem(name, value, rule, kind=None):
    """Say in one sentence what is wrong with a parameter's value; None when it is fine.

    Args:
        name: the parameter's name.
        value: its value.
        rule: what ``parameters`` takes for it.
        kind: its declared type; default: the type that the rule stands for.
    """
    kind = kind or kind_of(rule)
    if has_kind(value, kind) and _allows(name, rule, value):
        return None
    hint = ""
    if kind is bool and str(value).lower() in ("true", "false"):
        hint = " (papermill's -p wants a capital letter: True or False)"
    found = value if isinstance(value, bool) else repr(value)
    return f"{name} must be {describe(name, rule, kind)}, but is {found}{hint}."


def nearest(word, words):
    """ " Did you mean 'x'?" with the nearest of some words, or "" when none is near."""
    near = difflib.get_close_matches(str(word), words, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def unknown(name, known):
    """Say in one sentence that there is no parameter ``name``, with the nearest known one."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}."
    return f"{name} is not a parameter of this notebook; {guess}"


def injected_names(cells):
    """Names that papermill's injected cell sets, in order; ``cells`` are the sources run so far."""
    injected = [source for source in cells if source.startswith("# Parameters\n")]
    return re.findall(r"^(\w+) = ", injected[-1], flags=re.MULTILINE) if injected else []


def problems(namespace, injected, allowed):
    """What is wrong with the parameters in a namespace, one sentence each.

    Args:
        namespace: names and values; ``__annotations__`` in it gives the declared types.
        injected: names that papermill set.
        allowed: what ``parameters`` takes, name to rule.
    """
    kinds = namespace.get("__annotations__", {})
    found = [unknown(name, allowed) for name in injected if name not in allowed]
    for name, rule in allowed.items():
        if name in namespace:
            kind = kinds.get(name)
            kind = None if isinstance(kind, str) else kind
            found.append(problem(name, namespace[name], rule, kind))
        else:
            found.append(f"{name} has no value: run the cell with the parameters first.")
    return [sentence for sentence in found if sentence]


def parameters(**allowed):
    """Check the values in a notebook's parameters cell; call it in the cell after it.

    Args:
        **allowed: one rule a parameter: (low, high), both inclusive, None = no limit; a tuple of
            texts = the choices; or a type (str, bool, int, float, list[int]) alone. For ``images``
            0 means all and is always allowed.

    Raises:
        ParameterError: a value of a wrong type or out of range, or a name that papermill was given
            and the notebook does not have. It is shown as one line.
    """
    from IPython import get_ipython

    shell = get_ipython()
    namespace = shell.user_ns if shell else sys._getframe(1).f_globals
    found = problems(namespace, injected_names(namespace.get("In", [])), allowed)
    if found:
        raise ParameterError(" ".join(found))


# Set-up


def requirements():
    """What the course needs: (range of Python versions, list of ``packaging`` requirements).

    Source: pyproject.toml, so that the check and the installation cannot disagree.
    """
    import tomllib

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [Requirement(line) for line in project["dependencies"]]
    needed = [one for one in needed if one.marker is None or one.marker.evaluate()]
    return SpecifierSet(project["requires-python"]), needed


def installed(name):
    """The installed version of a package, or None; a GPU or CPU build of TensorFlow counts."""
    names = ("tensorflow", "tensorflow-cpu") if name.startswith("tensorflow") else (name,)
    for candidate in names:
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def locked():
    """Versions in requirements.lock for this machine, name to version; empty without that file."""
    from packaging.requirements import Requirement

    path = ROOT / "requirements.lock"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = re.findall(r"^[A-Za-z0-9][^\\#\n]*==[^\\#\n]*", text, flags=re.MULTILINE)
    pins = [Requirement(line.strip()) for line in lines]
    pins = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}


def setup_rows(python=None, free_bytes=None):
    """The set-up as rows (what, needed, found, fix); fix is "" when all is well.

    Args:
        python: version to judge, default: of this interpreter.
        free_bytes: free space to judge, default: of the disk that holds the course.
    """
    install = "run `make lab` again, or `pip install -r requirements.lock` in this environment"
    python_range, needed = requirements()
    python = python or ".".join(map(str, sys.version_info[:3]))
    fine = python_range.contains(python)
    rows = [("Python", str(python_range), python, "" if fine else "install Python 3.11 to 3.13")]
    for one in sorted(needed, key=lambda one: one.name.lower()):
        version = installed(one.name)
        fine = version is not None and one.specifier.contains(version, prereleases=True)
        name = "tensorflow" if one.name.startswith("tensorflow") else one.name
        rows.append((name, str(one.specifier), version or "missing", "" if fine else install))
    free = shutil.disk_usage(ROOT).free if free_bytes is None else free_bytes
    fix = "" if free >= 5e8 else "free some disk space: a search keeps the weights of its trials"
    return [*rows, ("free disk", ">=0.5 GB", f"{free / 1e9:.1f} GB", fix)]


def environment(versions=False):
    """Check the set-up: Python, every package the course needs with its version, and free disk.

    What is printed is the same on every machine where all is well, so that nbval can compare it.

    Args:
        versions: print every package, with its version here and where that is not the locked one.

    Raises:
        EnvironmentProblem: something is missing or has a wrong version; the message says which.
    """
    rows = setup_rows()
    pinned = locked()
    for what, needed, found, fix in rows:
        if not needed and not fix and not versions:
            continue
        line = f"{what:<18} {needed:<16} {'fine' if not fix else 'PROBLEM'}"
        if versions or fix:
            line += f"  {found}"
        if versions and pinned.get(what, found) != found:
            line += f" (the course was made with {pinned[what]})"
        print(line.rstrip())
    if versions:
        print(f"{'processor cores':<18} {'':<16} {os.cpu_count()}")
    elif not any(fix for *_, fix in rows):
        print(f"{'other packages':<18} {'':<16} fine")
    bad = [f"{what} is {found}: {fix}." for what, _, found, fix in rows if fix]
    if bad:
        raise EnvironmentProblem(" ".join(bad))
    print("All checks passed.")


# Self-check questions


def _same(answer, right, tolerance):
    if isinstance(right, (list, tuple)):
        return isinstance(answer, (list, tuple, set)) and sorted(map(str, answer)) == sorted(
            map(str, right)
        )
    if isinstance(right, bool) or isinstance(answer, bool):
        return answer is right
    if isinstance(right, str):
        return str(answer).strip().lower() == right.strip().lower()
    try:
        return math.isclose(float(answer), right, abs_tol=tolerance, rel_tol=1e-9)
    except (TypeError, ValueError):
        return False


def check(name, answer=None, questions=None):
    """Say whether an answer to a self-check question is right; a wrong one gets a hint.

    Args:
        name: the question's name in helpers/files/questions.json, where each question has
            an ``answer`` (a number, a text, True or False, or a list in any order), a ``hint``
            and, for numbers, a ``tolerance`` in the unit of the answer.
        answer: the reader's answer; None means not answered yet.
        questions: the questions as a dictionary instead of the file.

    Raises:
        ShortError: only when the environment variable REQUIRE_SOLVED is 1 (the solutions' test).
    """
    if questions is None:
        questions = json.loads(QUESTIONS.read_text(encoding="utf-8"))
    if name not in questions:
        raise ShortError(f"There is no question {name!r}; there are {', '.join(questions)}.")
    question = questions[name]
    right = answer is not None and _same(answer, question["answer"], question.get("tolerance", 0))
    wrong = "not answered yet" if answer is None else f"not right yet. Hint: {question['hint']}"
    print(f"{name}: {'right' if right else wrong}")
    if not right and os.environ.get("REQUIRE_SOLVED") == "1":
        raise ShortError(f"{name}: {wrong}")
