"""Run the course's notebooks with other parameters, and leave executed notebooks and HTML pages.

    python -m helpers.rerun                                 all notebooks, lesson budget
    python -m helpers.rerun 03 04 -p max_trials 20          two notebooks, one parameter changed
    python -m helpers.rerun --budget full.yml               the full budget
    python -m helpers.rerun --resume runs/NAME              go on with a run that was stopped
    python -m helpers.rerun --list                          parameters, types, defaults, ranges

papermill does the work. This adds what it leaves out: several notebooks in order, unknown names and
wrong values refused before the first of them starts (papermill only warns of an unknown name:
nteract/papermill #818), pages, and going on. Every run gets a folder of its own; an existing one is
never written to except by --resume.
"""

import argparse
import os
import pathlib
import re
import sys
import time

import nbformat
import papermill
import yaml
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient.exceptions import DeadKernelError

from helpers import checks, state

NOTEBOOKS = pathlib.Path(__file__).resolve().parent.parent / "notebooks"


def available(folder=NOTEBOOKS):
    """The course's notebooks in order, the report last: name to path."""
    found = [*sorted(folder.glob("[0-9]*.ipynb")), *folder.glob("report.ipynb")]
    return {path.stem: path for path in found}


def select(names):
    """The notebooks asked for by number ("03") or name, in the course's order; none = all."""
    known, chosen = available(), set()
    for name in names or known:
        stem = name.removeprefix("notebooks/").removesuffix(".ipynb")
        found = {key for key in known if stem in (key, key.split("_")[0])}
        if not found:
            raise checks.ShortError(f"There is no notebook {name!r}.{checks.nearest(stem, known)}")
        chosen |= found
    return {name: path for name, path in known.items() if name in chosen}


def first_cells(path):
    """The sources of a notebook's parameters and of their check; [] when it has not both."""
    cells = [one for one in nbformat.read(path, as_version=4).cells if one.cell_type == "code"]
    checked = len(cells) > 1 and "checks.parameters(" in cells[1].source
    return [cell.source for cell in cells[:2]] if checked else []


def read_budget(path):
    """A budget file: the section ``shared``, and the other ones, notebook to name to value."""
    budget = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8")) or {}
    if not isinstance(budget, dict) or not all(isinstance(v, dict) for v in budget.values()):
        raise checks.ShortError(f"{path} must hold sections, `shared:` and names of notebooks.")
    shared = budget.pop("shared", {})
    return shared, {name: values for key, values in budget.items() for name in select([key])}


def resolve(notebooks, pairs=(), shared=None, sections=None):
    """The values that each notebook is given; every mistake is found before anything runs.

    Args:
        notebooks: those to run, name to path.
        pairs: (name, text) of values for each of them that has the parameter; the text is read as
            YAML, as papermill's -y does, unless the parameter is a text.
        shared: values for every notebook that has the parameter; a section wins over it.
        sections: values for one notebook, its name to values; a pair wins over it.

    Raises:
        ShortError: unknown names, and values that a notebook's own check refuses; all are listed.
    """
    shared, sections, pairs = shared or {}, sections or {}, dict(pairs)
    known = {name: papermill.inspect_notebook(path) for name, path in available().items()}
    asked = [(pairs, notebooks), (shared, known), *((v, [name]) for name, v in sections.items())]
    wrong = []
    for values, where in asked:
        names = {name for notebook in where for name in known[notebook]}
        wrong += [checks.unknown(name, names) for name in values if name not in names]
    resolved = {}
    for notebook, path in notebooks.items():
        types = {name: one["inferred_type_name"] for name, one in known[notebook].items()}
        typed = {n: v if types.get(n) == "str" else yaml.safe_load(v) for n, v in pairs.items()}
        values = {**shared, **sections.get(notebook, {}), **typed}
        resolved[path] = {name: value for name, value in values.items() if name in types}
        namespace = {}
        try:
            for source in first_cells(path):
                exec(source, namespace)
                namespace.update(resolved[path])
        except checks.ParameterError as error:
            wrong.append(f"{notebook}: {error}")
    if wrong:
        raise checks.ShortError("\n".join(dict.fromkeys(wrong)))
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


class ThisPython(AsyncKernelManager):
    """Kernels are this Python, whatever kernels the user has.

    What they write to their stderr, such as TensorFlow's log, goes to kernel.log of COURSE_OUTPUT,
    and nowhere without that.
    """

    async def start_kernel(self, **options):
        """Start the kernel."""
        self.kernel_spec_manager = KernelSpecManager(kernel_dirs=[])
        folder = os.environ.get("COURSE_OUTPUT")
        with open(os.path.join(folder, "kernel.log") if folder else os.devnull, "a") as log:
            return await self._async_start_kernel(stderr=log, **options)


def execute(path, target=None, values=None, **options):
    """papermill's execute_notebook in a kernel of this Python.

    ipykernel stores what C++ code and child processes write, such as TensorFlow's log, but not
    under pytest and so not under nbval. The variable by which it knows is set here too, so that
    every way to run a notebook stores the same.
    """
    os.environ["PYTEST_CURRENT_TEST"] = "helpers.rerun"
    options |= {"kernel_name": "python3", "kernel_manager_class": ThisPython}
    options |= {"start_timeout": 120, "coalesce_streams": True}
    options["progress_bar"] = sys.stderr.isatty()
    return papermill.execute_notebook(path, target, values, **options)


def write_page(path, notebook, **options):
    """Write a notebook as an HTML page that needs no network: no scripts, pictures inside it.

    Args:
        path: the file to write.
        notebook: the notebook, executed.
        **options: further ones of nbconvert's HTMLExporter.
    """
    from nbconvert import HTMLExporter

    title = {"metadata": {"name": path.stem}}
    page, _ = HTMLExporter(embed_images=True, **options).from_notebook_node(notebook, title)
    page = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    state.write_text(path, re.sub(r'href="(\w+)\.ipynb', r'href="\1.html', page))


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
        write_page(target.with_suffix(".html"), notebook)
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
    add("--list", action="store_true", help="show the notebooks' parameters and what is allowed")
    options = command.parse_intermixed_args(arguments)
    try:
        if options.list:
            for name, path in select(options.notebooks).items():
                print(name, *first_cells(path), "", sep="\n")
            return 0
        if options.resume and (options.notebooks or options.p or options.budget or options.output):
            raise checks.ShortError("--resume takes notebooks and parameters from its run.")
        if options.resume:
            output = pathlib.Path(options.resume).resolve(strict=True)
        else:
            budget = read_budget(options.budget) if options.budget else ()
            resolved = resolve(select(options.notebooks), options.p, *budget)
            output = prepare(resolved, options.output)
    except (checks.ShortError, OSError, yaml.YAMLError) as error:
        command.error(str(error))
    try:
        run(output)
        print(f"Results: {output}")
        return 0
    except (papermill.PapermillExecutionError, DeadKernelError, KeyboardInterrupt) as error:
        print(f"Stopped: {error}\nTo go on: python -m helpers.rerun --resume {output}")
        return 130 if isinstance(error, KeyboardInterrupt) else 1


if __name__ == "__main__":
    sys.exit(main())
