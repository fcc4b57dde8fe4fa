"""Run the course's notebooks with other parameters, and leave executed notebooks and HTML pages.

    python -m helpers.rerun                                 all notebooks, lesson budget
    python -m helpers.rerun 03 04 -p max_trials 20          two notebooks, one parameter changed
    python -m helpers.rerun --budget full.yml               the full budget
    python -m helpers.rerun --resume runs/NAME              go on with a run that was stopped

papermill does the work. This adds what it leaves out: several notebooks in order, unknown names and
wrong values refused before the first of them starts (papermill only warns of an unknown name:
nteract/papermill #818), pages, and going on. ``papermill --help-notebook NOTEBOOK`` lists what a
notebook takes. Every run gets a folder of its own; an existing one is only written to by --resume.
"""

import argparse
import os
import pathlib
import sys
import time

import nbformat
import papermill
import yaml
from nbclient.exceptions import DeadKernelError

from helpers import checks, pages

NOTEBOOKS = pathlib.Path(__file__).resolve().parent.parent / "notebooks"


def available(folder=NOTEBOOKS):
    """The course's notebooks in order, the report last: name to path."""
    found = [*sorted(folder.glob("[0-9]*.ipynb")), *folder.glob("report.ipynb")]
    return {path.stem: path for path in found}


def select(names):
    """The notebooks asked for by number ("03") or name, in the course's order; none = all."""
    known, chosen = available(), set()
    for name in names or known:
        stem = pathlib.Path(name).stem
        found = {key for key in known if stem in (key, key.split("_")[0])}
        if not found:
            raise checks.ShortError(f"There is no notebook {name!r}.{checks.nearest(stem, known)}")
        chosen |= found
    return {name: path for name, path in known.items() if name in chosen}


def read_budget(path):
    """A budget file: "shared", or the name of a notebook, to a dictionary of values."""
    budget = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8")) or {}
    if not isinstance(budget, dict) or not all(isinstance(v, dict) for v in budget.values()):
        raise checks.ShortError(f"{path} must hold sections, `shared:` and names of notebooks.")
    shared = {"shared": budget.pop("shared", {})}
    numbered = {f"{key:0>2}": values for key, values in budget.items()}  # YAML takes 03 for 3
    return shared | {name: one for key, one in numbered.items() for name in select([key])}


def refusal(path, values):
    """What a notebook's own check, in its second code cell, says of values; "" when it is fine."""
    cells = [one for one in nbformat.read(path, as_version=4).cells if one.cell_type == "code"]
    namespace = {}
    try:
        if len(cells) > 1 and "checks.parameters(" in cells[1].source:
            exec(cells[0].source, namespace)
            exec(cells[1].source, namespace | values)
    except checks.ParameterError as error:
        return f"{path.stem}: {error}"
    return ""


def resolve(notebooks, pairs=(), budget=None):
    """The values that each notebook is given; every mistake is found before anything runs.

    Args:
        notebooks: those to run, name to path.
        pairs: (name, text) of values for each of them that has the parameter; the text is read as
            YAML, as papermill's -y does, unless the parameter is a text.
        budget: what ``read_budget`` returns: "shared" goes to every notebook that has the
            parameter; a notebook's own section wins over it, and a pair over both.

    Raises:
        ShortError: unknown names, and values that a notebook's own check refuses; all are listed.
    """
    pairs, budget = dict(pairs), budget or {}
    known = {name: papermill.inspect_notebook(path) for name, path in available().items()}
    asked = [(values, known if key == "shared" else [key]) for key, values in budget.items()]
    wrong, resolved = [], {}
    for values, where in [(pairs, notebooks), *asked]:
        names = {name for notebook in where for name in known[notebook]}
        wrong += [checks.unknown(name, names) for name in values if name not in names]
    for notebook, path in notebooks.items():
        types = {name: one["inferred_type_name"] for name, one in known[notebook].items()}
        typed = {n: v if types.get(n) == "str" else yaml.safe_load(v) for n, v in pairs.items()}
        values = budget.get("shared", {}) | budget.get(notebook, {}) | typed
        resolved[path] = {name: value for name, value in values.items() if name in types}
        wrong.append(refusal(path, resolved[path]))
    if any(wrong):
        raise checks.ShortError("\n".join(dict.fromkeys(filter(None, wrong))))
    return resolved


def prepare(resolved, wanted=None):
    """Make the folder of a new run, put the notebooks with their values there, and return it.

    Args:
        resolved: path to values, as ``resolve`` returns them.
        wanted: the folder, which must not hold anything; default: runs/<time>.
    """
    wanted = wanted or NOTEBOOKS.parent / "runs" / time.strftime("%Y-%m-%d_%H%M%S")
    output = pathlib.Path(wanted).resolve()
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise checks.ShortError(f"{output} exists and is not empty; to go on: --resume {output}")
    output.mkdir(parents=True, exist_ok=True)
    for path, values in resolved.items():
        papermill.execute_notebook(path, output / path.name, values, prepare_only=True)
    return output


def execute(path, target=None, values=None, **options):
    """papermill's execute_notebook in a kernel of this Python.

    ipykernel stores what C++ code and child processes write, such as TensorFlow's log, but not
    under pytest and so not under nbval. The variable by which it knows is set here too, so that
    every way to run a notebook stores the same.
    """
    os.environ["PYTEST_CURRENT_TEST"] = "helpers.rerun"
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # not another kernel of the user's
    quiet = ["--IPKernelApp.log_level=CRITICAL"]  # ipython/ipykernel #1515
    options |= {"kernel_name": "python3", "extra_arguments": quiet, "coalesce_streams": True}
    options["progress_bar"] = sys.stderr.isatty()
    return papermill.execute_notebook(path, target, values, **options)


def run(output):
    """Run, or go on with, the notebooks that ``prepare`` put into a folder.

    A page is written when its notebook has ended well, and those with a page are not run again.
    (What papermill stores does not tell: after a dead kernel or Ctrl-C there is an end time and no
    exception.)
    """
    os.environ["COURSE_OUTPUT"] = str(output)
    todo = [one for one in output.glob("*.ipynb") if not one.with_suffix(".html").exists()]
    for target in sorted(todo):
        print(f"{target.stem}: starts", flush=True)
        begun = nbformat.read(target, as_version=4).metadata.papermill
        values = dict(begun.parameters)
        if "start_time" in begun and "overwrite" in values:
            values["overwrite"] = False  # the search that was begun goes on
        notebook = execute(begun.input_path, target, values)
        pages.write(target.with_suffix(".html"), notebook)
        print(f"{target.stem}: done in {notebook.metadata.papermill.duration:.0f} s", flush=True)


def main(arguments=None):
    """Run the command; returns or exits with 0, 1 (a cell failed), 2 (a mistake), 130 (stopped)."""
    command = argparse.ArgumentParser("python -m helpers.rerun", description=__doc__.split("\n")[0])
    add = command.add_argument
    add("notebooks", nargs="*", help="a number or a name; none = all, in order")
    add("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="repeatable")
    add("--budget", metavar="FILE", help="YAML file with parameters, like full.yml")
    add("--output", metavar="FOLDER", help="new folder for the results; default runs/<time>")
    add("--resume", metavar="FOLDER", help="go on with a stopped run, as it was asked for")
    options = command.parse_intermixed_args(arguments)
    try:
        if options.resume and (options.notebooks or options.p or options.budget or options.output):
            raise checks.ShortError("--resume takes notebooks and parameters from its run.")
        if options.resume:
            output = pathlib.Path(options.resume).resolve(strict=True)
        else:
            budget = read_budget(options.budget) if options.budget else {}
            output = prepare(resolve(select(options.notebooks), options.p, budget), options.output)
    except (checks.ShortError, OSError, yaml.YAMLError) as error:
        command.error(str(error))
    try:
        run(output)
        print(f"Results: {output}")
        return 0
    except (papermill.PapermillExecutionError, DeadKernelError, KeyboardInterrupt) as error:
        print(f"Stopped: {str(error) or 'by Ctrl-C'}")
        print(f"To go on: python -m helpers.rerun --resume {output}")
        return 130 if isinstance(error, KeyboardInterrupt) else 1


if __name__ == "__main__":
    sys.exit(main())
