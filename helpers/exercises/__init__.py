"""The exercises' checks: what ``checks.check(name, answer)`` asks, says and remembers.

The functions in the module of a notebook are its exercises: ``luck`` in ``n01_baseline_cnn`` is
"01-luck". Such a function tries the learner's object on inputs that the learner has not seen. It
returns one sentence that says what is right, and raises Hint with the hint for the very mistake, or
NotAnswered when the start is untouched.

    python -m helpers.exercises               which checks have passed
    python -m helpers.exercises restart 03    notebook 03 as it came; yours goes to notebooks/mine/
"""

import ast
import importlib
import inspect
import json
import math
import os
import pathlib
import subprocess
import textwrap

from helpers import checks, state

HERE = pathlib.Path(__file__).parent
QUESTIONS = HERE.parent / "files" / "questions.json"
PASSED = "progress.txt"  # beside README, one name a line


class Hint(Exception):
    """The answer is wrong in a known way; the text is the hint for it."""


class NoMatch(Hint):
    """The answer is wrong in no known way; the text shows one input and both results."""


class NotAnswered(Exception):
    """The start of the exercise is untouched."""


def expect(holds, hint):
    """Raise ``Hint(hint)`` unless ``holds``."""
    if not holds:
        raise Hint(hint)


def same(one, other, absolute=1e-6, relative=1e-6):
    """Whether two results are equal: numbers within tolerances, sequences item by item, texts."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(same(*pair, absolute, relative) for pair in pairs)
    try:
        return math.isclose(float(one), float(other), rel_tol=relative, abs_tol=absolute)
    except (TypeError, ValueError):  # a text, or no number for a number
        return str(one).strip().lower() == str(other).strip().lower()


def compare(answer, right, cases, wrong, tolerance=1e-6):
    """Try a learner's function on cases beside the right one and the usual wrong ones.

    Args:
        answer: the learner's function.
        right: a function that is right.
        cases: tuples of arguments.
        wrong: a dictionary, hint to a function that makes the mistake. The first that gives what
            the learner's gives in every case names the mistake.
        tolerance: absolute and relative, for numbers.

    Raises:
        NotAnswered: every result is None or an ellipsis.
        Hint, NoMatch: a result is wrong.
    """
    given = [answer(*case) for case in cases]
    if all(one is None or one is ... for one in given):
        raise NotAnswered
    wanted = [right(*case) for case in cases]
    pairs = zip(cases, given, wanted, strict=True)
    first = next((three for three in pairs if not same(*three[1:], tolerance, tolerance)), None)
    if first is None:
        return
    for hint, mistake in wrong.items():
        if all(
            same(mistake(*case), one, tolerance, tolerance)
            for case, one in zip(cases, given, strict=True)
        ):
            raise Hint(hint)
    shown = ", ".join(map(repr, first[0]))
    raise NoMatch(f"for {shown} it gives {first[1]!r}; {first[2]!r} is right. Work it out by hand.")


def _number(question, answer):
    """The check of a question in questions.json, whose answer is a number or a text."""
    right = same(answer, question["answer"], question.get("tolerance", 0), 1e-9)
    expect(right, f"Hint: {question['hint']}")


def known():
    """Every check, name to function, in the course's order."""
    found = {}
    for name, question in json.loads(QUESTIONS.read_text(encoding="utf-8")).items():
        found[name] = lambda answer, question=question: _number(question, answer)
    for path in HERE.glob("n[0-9][0-9]_*.py"):
        module = importlib.import_module(f"{__name__}.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                found[f"{path.stem[1:3]}-{name.replace('_', '-')}"] = function
    return dict(sorted(found.items()))


def check(name, answer=None):
    """Say whether an answer is right; see ``checks.check``."""
    all_checks = known()
    if name not in all_checks:
        raise checks.ShortError(f"There is no check {name!r}.{checks.nearest(name, all_checks)}")
    must_be_right = os.environ.get("REQUIRE_SOLVED") == "1"
    try:
        if answer is None or answer is ...:
            raise NotAnswered
        right = all_checks[name](answer)
        print(f"{name}: right{': ' * bool(right)}{right or ''}")
        if not must_be_right:
            remember(name)
        return
    except NotAnswered:
        said = "not answered yet"
        if _returns_nothing(answer):
            said = "not right yet. Your function returns nothing: is a `return` missing?"
    except Hint as hint:
        said = f"not right yet. {hint}"
    except Exception as error:
        said = f"not right yet. Your code stops with {type(error).__name__}: {error}"
    print(f"{name}: {said}")
    if must_be_right:
        raise checks.ShortError(f"{name}: {said}")


def _returns_nothing(answer):
    """Whether an answer is a function with code in it, and no ``return`` with a value."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(answer)))
    except (OSError, TypeError, SyntaxError):  # no function, or its source is not known
        return False
    code = [one for one in getattr(tree.body[0], "body", []) if not isinstance(one, ast.Expr)]
    returns = (one for one in ast.walk(tree) if isinstance(one, ast.Return) and one.value)
    return isinstance(tree.body[0], ast.FunctionDef) and bool(code) and not any(returns)


def progress_file():
    """Where passed checks are noted, or what the variable COURSE_PROGRESS names instead."""
    return pathlib.Path(os.environ.get("COURSE_PROGRESS") or checks.ROOT / PASSED)


def passed():
    """The names of the checks that have passed here, as a set."""
    path = progress_file()
    return set(path.read_text(encoding="utf-8").split()) if path.exists() else set()


def remember(name):
    """Note that a check has passed. A line is added: two notebooks at once lose nothing."""
    if name not in passed():
        with open(progress_file(), "a", encoding="utf-8") as file:
            file.write(f"{name}\n")


def progress():
    """Print for every notebook how many of its checks have passed, and which are open."""
    done = passed()
    groups = {}
    for name in known():
        groups.setdefault(name[:2], []).append(name)
    for number, names in groups.items():
        left = [name for name in names if name not in done]
        line = f"{number}: {len(names) - len(left)} of {len(names)} passed"
        print(line + (f", open: {', '.join(left)}" if left else ""))


def restart(number):
    """Bring a notebook back as it came with the course; yours is kept in notebooks/mine/.

    Raises:
        ShortError: there is no such notebook, or git does not know it (the course came without it).
    """
    from helpers import rerun

    (path,) = rerun.select([f"{number:0>2}"]).values()
    place = path.relative_to(checks.ROOT).as_posix()
    show = ["git", "-C", str(checks.ROOT), "show", f"HEAD:{place}"]
    try:
        text = subprocess.run(show, check=True, capture_output=True).stdout.decode("utf-8")
    except (OSError, subprocess.CalledProcessError) as error:
        raise checks.ShortError(
            f"git has no copy of {place}. Nothing was changed; download the file again."
        ) from error
    if text == path.read_text(encoding="utf-8"):
        return print(f"{place} is as it came.")
    mine = state.free_name(path.parent / "mine" / path.name)
    mine.parent.mkdir(exist_ok=True)
    path.rename(mine)
    state.write_text(path, text)
    print(f"{place} is as it came; yours is now {mine.relative_to(checks.ROOT).as_posix()}.")
    print("Is it open in JupyterLab? File, Reload Notebook from Disk.")
