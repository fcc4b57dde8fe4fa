"""Run the course's notebooks with other parameters, and leave executed notebooks and HTML pages.

    python -m helpers.rerun                                 all notebooks, lesson budget
    python -m helpers.rerun 03 04 -p max_trials 20          two notebooks, one parameter changed
    python -m helpers.rerun --budget full.yml               the full budget
    python -m helpers.rerun --resume runs/NAME              go on with a run that was stopped
    python -m helpers.rerun --list                          parameters, types, defaults, ranges
    python -m helpers.rerun --in-place                      re-execute and save the notebooks

Every run gets a folder of its own; an existing one is never written to except by --resume.
"""

import argparse
import ast
import contextlib
import copy
import datetime
import difflib
import html
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import threading
import time

import nbformat
import yaml

from helpers import checks, state

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
OUTPUT_PREFIX = "course_output_"  # tests/sanitize.cfg knows this name too
STAND_IN = "YOUR_FOLDER"  # what saved notebooks and the sanitised output say instead of that folder
RECORD = "run.json"
KEPT_METADATA = ("tags", "slideshow")
TYPES = {kind.__name__: kind for kind in (int, float, str, bool, list)}
TYPES |= {f"list[{kind.__name__}]": list[kind] for kind in (int, float, str)}


class RerunError(ValueError):
    """A mistake in what the command was asked to do; nothing has been run."""


class CellFailed(Exception):
    """A cell failed; the message names notebook, cell and error."""


# What there is: notebooks and their parameters


def available(folder=NOTEBOOKS):
    """The course's notebooks, in order, name to path."""
    return {path.stem: path for path in sorted(pathlib.Path(folder).glob("[0-9]*.ipynb"))}


def select(names, folder=NOTEBOOKS):
    """Paths of the notebooks asked for by number ("03"), name or path; all when none is named."""
    known = available(folder)
    if not names:
        return list(known.values())
    chosen = []
    for name in names:
        stem = name.removesuffix(".ipynb")
        matches = [p for stem_, p in known.items() if stem in (stem_, stem_.split("_")[0])]
        if not matches and pathlib.Path(name).suffix == ".ipynb" and pathlib.Path(name).is_file():
            matches = [pathlib.Path(name).resolve()]
        if not matches:
            near = difflib.get_close_matches(stem, known, n=1, cutoff=0.4)
            guess = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
            raise RerunError(f"There is no notebook {name!r}; {guess}")
        chosen += matches
    return list(dict.fromkeys(chosen))


def inspect(notebook):
    """The parameters of a notebook (object or path) as papermill sees them.

    Returns:
        name to (type, default, help, rule): the type is None when papermill sees none, the default
        is Python source, the rule is what the notebook gives to ``checks.parameters``, else None.
    """
    import papermill

    if isinstance(notebook, (str, pathlib.Path)):
        notebook = nbformat.read(notebook, as_version=4)
    notebook = copy.deepcopy(notebook)
    with _quiet_papermill():
        found = papermill.inspect_notebook(notebook)
    rules = allowed_values(notebook)
    return {
        name: (
            TYPES.get(one["inferred_type_name"].replace(" ", "")),
            one["default"],
            one["help"],
            rules.get(name),
        )
        for name, one in found.items()
    }


def allowed_values(notebook):
    """The rules in a notebook's ``checks.parameters(...)`` call, name to rule; {} without one."""
    for cell in notebook.cells:
        if cell.cell_type != "code" or "checks.parameters(" not in cell.source:
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "checks.parameters":
                return {k.arg: _rule(k.value) for k in node.keywords if k.arg}
    return {}


def _rule(node):
    text = ast.unparse(node)
    try:
        return TYPES[text] if text in TYPES else ast.literal_eval(node)
    except ValueError:  # computed in the notebook, and checked there
        return None


@contextlib.contextmanager
def _quiet_papermill():
    import logging

    logger = logging.getLogger("papermill")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


# What was asked for: values from the command line and from a budget file


def join_pairs(arguments):
    """Turn ``-p name value`` into ``-p name=value``, so that argparse takes one word after -p."""
    words, joined = list(arguments), []
    while words:
        word = words.pop(0)
        if word in ("-p", "--parameters") and words:
            pair = words.pop(0)
            if "=" not in pair and words:
                pair = f"{pair}={words.pop(0)}"
            joined += [word, pair]
        else:
            joined.append(word)
    return joined


def convert(value, kind):
    """A value in its declared type where it can be read as one; otherwise the value unchanged.

    "True" and "true" are booleans, "7" is a whole number, "[1, 2]" a list; for a text parameter a
    word stays as it was written.
    """
    if kind is not str and isinstance(value, str):
        text = value.strip()
        for number in (int, float) if kind is float else (int,) if kind is int else ():
            with contextlib.suppress(ValueError):
                return number(text)
        if kind is bool and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind is None or text.startswith("["):
            with contextlib.suppress(yaml.YAMLError):
                return yaml.safe_load(text)
    return value


def read_budget(path, names):
    """Read a budget file: (shared values, values of each notebook).

    Args:
        path: a YAML file with a section ``shared`` and sections named like notebooks.
        names: the names of all notebooks.
    """
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        budget = yaml.safe_load(text) or {}
    except OSError as error:
        raise RerunError(f"The budget {path} cannot be read: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise RerunError(f"The budget {path} is not valid YAML: {error}") from None
    if not isinstance(budget, dict):
        raise RerunError(f"The budget {path} must hold sections, `shared:` and notebook names.")
    for section, values in budget.items():
        if section != "shared" and section not in names:
            near = difflib.get_close_matches(str(section), ["shared", *names], n=1, cutoff=0.4)
            guess = f"did you mean {near[0]}?" if near else f"allowed: shared, {', '.join(names)}."
            raise RerunError(f"The budget {path} has a section {section!r}; {guess}")
        if values is not None and not isinstance(values, dict):
            raise RerunError(f"Section {section!r} of {path} must hold lines like `epochs: 10`.")
    shared = budget.pop("shared", None) or {}
    return shared, {name: values or {} for name, values in budget.items()}


def _unknown(name, notebooks):
    every = sorted({known for parameters in notebooks.values() for known in parameters})
    near = difflib.get_close_matches(name, every, n=1, cutoff=0.5)
    if not near:
        lines = [f"  {notebook}: {', '.join(known)}" for notebook, known in notebooks.items()]
        return f"No notebook has a parameter {name!r}. There are:\n" + "\n".join(lines)
    owners = [notebook for notebook, known in notebooks.items() if near[0] in known]
    where = ", ".join(owners)
    return f"No notebook here has a parameter {name!r}; did you mean {near[0]} (in {where})?"


def resolve(selected, every, pairs=(), shared=None, sections=None):
    """The parameters that each selected notebook is given.

    Args:
        selected: names of the notebooks to run.
        every: all notebooks, selected ones included: name to ``inspect``'s answer.
        pairs: (name, value) from the command line; each must be known to a selected notebook.
        shared: values for all notebooks that have the parameter; known to any notebook.
        sections: values for one notebook, name to values; all known to it.

    Raises:
        RerunError: an unknown name, a wrong type or a value out of range; all are listed.
    """
    shared, sections = shared or {}, sections or {}
    chosen = {name: every[name] for name in selected}
    wrong = [_unknown(n, chosen) for n, _ in pairs if not any(n in k for k in chosen.values())]
    wrong += [_unknown(n, every) for n in shared if not any(n in k for k in every.values())]
    for notebook, values in sections.items():
        wrong += [
            f"In {notebook}: {checks.unknown(n, every[notebook])}"
            for n in values
            if n not in every[notebook]
        ]
    resolved = {}
    for notebook, known in chosen.items():
        values = {**shared, **sections.get(notebook, {}), **dict(pairs)}
        values = {name: value for name, value in values.items() if name in known}
        for name, value in values.items():
            kind, _, _, rule = known[name]
            values[name] = convert(value, kind)
            if kind or rule:
                sentence = checks.problem(name, values[name], rule or kind, kind)
                wrong += [sentence] if sentence else []
        resolved[notebook] = values
    if wrong:
        raise RerunError("\n".join(dict.fromkeys(wrong)))
    return resolved


# Running one notebook


class Progress:
    """One line about where the run is: rewritten on a terminal, printed now and then elsewhere."""

    def __init__(self, label, total, stream=None, pause=30):
        self.label, self.total, self.pause = label, total, pause
        self.stream = stream or sys.stdout
        self.terminal = self.stream.isatty()
        self.start = time.monotonic()
        self.text, self.printed = "", -pause
        self.stopped = threading.Event()

    def __enter__(self):
        if self.terminal:
            threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.stopped.set()
        if self.terminal:
            self.stream.write("\r\x1b[K")

    @property
    def elapsed(self):
        """Time since the start, as minutes:seconds."""
        seconds = int(time.monotonic() - self.start)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def cell(self, number, source):
        """Say that cell ``number`` starts."""
        self.text = f"cell {number} of {self.total}: {first_line(source)}"
        if self.terminal:
            self._draw()
        elif time.monotonic() - self.start >= self.printed + self.pause:
            self.printed = time.monotonic() - self.start
            print(f"{self.label}  {self.elapsed}  {self.text}", file=self.stream, flush=True)

    def _draw(self):
        line = f"{self.label}  {self.elapsed}  {self.text}"
        width = shutil.get_terminal_size().columns - 1
        self.stream.write(f"\r\x1b[K{line[:width]}")
        self.stream.flush()

    def _tick(self):
        while not self.stopped.wait(1):
            self._draw()


def first_line(source, longest=70):
    """The first line of a cell that is code, for messages; cut when it is long."""
    lines = [line.strip() for line in source.splitlines()]
    line = next((line for line in lines if line and line[0] != "#"), "(no code)")
    return line if len(line) <= longest else line[: longest - 3] + "..."


def with_parameters(path, parameters):
    """Read a notebook and add papermill's injected cell; without parameters only read it."""
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    notebook = load_notebook_node(str(path))
    if parameters:
        notebook = parameterize_notebook(notebook, parameters)
    notebook.metadata.pop("papermill")
    return notebook


def kernel_manager():
    """A manager that starts this very Python, whatever kernels the user has installed."""
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class ThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name):
            return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())

    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython())


def execute(notebook, output, cwd, progress, after_cell=None, like_nbval=False, timeout=None):
    """Execute a notebook in place (the object), cell by cell, in a fresh kernel.

    Args:
        notebook: the notebook; its outputs and counts are replaced.
        output: folder that relative project directories are put under; also gets kernel.log.
        cwd: working folder of the kernel.
        progress: a ``Progress``.
        after_cell: called with no arguments after each code cell, failed ones included.
        like_nbval: give the kernel what it gets under nbval: ipykernel then stores what Python
            prints and not what C++ code or child processes write.
        timeout: seconds that one cell may take; None = no limit.

    Raises:
        CellFailed: a cell raised, ran out of time or lost its kernel.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "COURSE_OUTPUT": str(output), "PYTHONPATH": path}
    environment.pop("PYTEST_CURRENT_TEST", None)
    if like_nbval:
        environment["PYTEST_CURRENT_TEST"] = "helpers.rerun"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        km=kernel_manager(),
        timeout=timeout,
        startup_timeout=120,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(cwd)}},
    )
    client.reset_execution_trackers()
    count = 0
    with (
        open(pathlib.Path(output) / "kernel.log", "a") as log,
        client.setup_kernel(cleanup_kc=True, env=environment, stderr=log),
    ):
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            count += 1
            progress.cell(count, cell.source)
            try:
                client.execute_cell(cell, index)
                continue
            except CellExecutionError as error:
                what = f"{error.ename}: {error.evalue}"
            except CellTimeoutError:
                what = f"it ran longer than {timeout} seconds and was stopped"
            except DeadKernelError:
                what = "its Python process ended, most often because memory ran out"
            finally:
                if after_cell:
                    after_cell()
            raise CellFailed(f"cell {count}, `{first_line(cell.source)}`: {what}")


# Running several into a folder of their own


def write_text(path, text):
    """Write a text file whole or not at all."""
    state.write_text(path, text, mode=0o644)


def write_notebook(path, notebook):
    """Write a notebook in nbformat's stable form, whole or not at all."""
    write_text(path, nbformat.writes(notebook).rstrip("\n") + "\n")


def write_page(path, notebook, title):
    """Write a notebook as one HTML page that needs no network: no scripts, pictures inside."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(embed_images=True)
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title}})
    body = re.sub(r"<script\b.*?</script>", "", body, flags=re.DOTALL)
    body = re.sub(r'href="(\d\d_\w+)\.ipynb', r'href="\1.html', body)
    write_text(path, body)


def write_index(output, record):
    """Write index.html: one line a notebook with its state, time and parameters."""
    rows = []
    for name, one in record["notebooks"].items():
        given = ", ".join(f"{key} = {value!r}" for key, value in one["parameters"].items())
        link = f'<a href="{name}.html">{name}</a>' if one["state"] != "waiting" else name
        minutes = f"{one['seconds'] / 60:.1f} min" if one["seconds"] else ""
        cells = (link, one["state"], minutes, html.escape(given or "as committed"))
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th scope='col'>{h}</th>" for h in ("Notebook", "State", "Time", "Parameters"))
    write_text(
        output / "index.html",
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Course run</title>"
        "<style>body{font:16px sans-serif;margin:2em}"
        "td,th{padding:.3em 1em;text-align:left}</style>"
        f"<h1>Course run of {record['started']}</h1>"
        f"<table><tr>{head}</tr>{''.join(rows)}</table></html>\n",
    )


def save(output, record):
    """Write the run's record and its index page."""
    write_text(output / RECORD, json.dumps(record, indent=1) + "\n")
    write_index(output, record)


def new_folder(wanted, now):
    """The folder of a new run: the one wanted, which must not hold anything, or runs/<time>."""
    output = pathlib.Path(wanted or ROOT / "runs" / f"{now:%Y-%m-%d_%H%M%S}").resolve()
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise RerunError(
            f"{output} exists already and nothing in it is overwritten; choose another --output, "
            f"or go on with that run: --resume {output}."
        )
    output.mkdir(parents=True, exist_ok=True)
    return output


def load_run(folder):
    """(folder, record) of a run to go on with; its searches go on and are never begun anew."""
    output = pathlib.Path(folder).resolve()
    try:
        record = json.loads((output / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RerunError(f"{output} is not a folder of a run: it has no {RECORD}.") from None
    for one in record["notebooks"].values():
        if not pathlib.Path(one["path"]).exists():
            raise RerunError(f"The run needs {one['path']}, which does not exist any more.")
        if one["parameters"].get("overwrite") and one["state"] not in ("finished", "waiting"):
            one["parameters"]["overwrite"] = False
    return output, record


def run(output, record, timeout=None, stream=None):
    """Run what is not finished of a record; the record is kept up to date on disk.

    Raises:
        CellFailed: a cell failed; the notebooks after it are not run.
        KeyboardInterrupt: as pressed; the record says which notebook was stopped.
    """
    entries = record["notebooks"]
    save(output, record)
    for number, (name, one) in enumerate(entries.items(), start=1):
        label = f"[{number}/{len(entries)}] {name}"
        if one["state"] == "finished":
            print(f"{label}  finished before", file=stream)
            continue
        notebook = with_parameters(one["path"], one["parameters"])
        total = sum(cell.cell_type == "code" for cell in notebook.cells)
        target = output / f"{name}.ipynb"
        start = time.monotonic()
        one["state"] = "stopped"
        save(output, record)
        try:
            with Progress(label, total, stream) as progress:
                execute(
                    notebook,
                    output,
                    os.getcwd(),
                    progress,
                    after_cell=lambda nb=notebook, to=target: write_notebook(to, nb),
                    timeout=timeout,
                )
            one["state"] = "finished"
            print(f"{label}  done in {progress.elapsed}", file=stream, flush=True)
        except CellFailed as error:
            one["state"] = "failed"
            raise CellFailed(f"{name}, {error}") from None
        finally:
            one["seconds"] = round(time.monotonic() - start, 1)
            write_notebook(target, notebook)
            write_page(output / f"{name}.html", notebook, name)
            save(output, record)


# Saving the committed notebooks


def clean(notebook, folder=None):
    """Keep what belongs into git: sources, outputs, counts, ids, tags and the kernel's name.

    Args:
        notebook: changed in place.
        folder: the temporary output folder; where it shows in outputs, a stand-in is stored.
    """
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in KEPT_METADATA if cell.metadata.get(key)}
        cell.metadata = nbformat.from_dict(kept)
        for output in cell.get("outputs", []) if folder else []:
            if "text" in output:
                output.text = output.text.replace(str(folder), STAND_IN)
            for mime, value in output.get("data", {}).items():
                if isinstance(value, str):
                    output.data[mime] = value.replace(str(folder), STAND_IN)
    return notebook


def noise(notebook):
    """What no committed notebook may store: (cell number, what) of the first case, or None."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        for output in cell.outputs:
            if output.output_type == "error":
                return number, f"{output.ename}: {output.evalue}"
            if output.get("name") == "stderr":
                return number, f"it writes to stderr: {output.text.strip().splitlines()[0]}"
    return None


def run_in_place(paths, folder=NOTEBOOKS, timeout=300, stream=None):
    """Re-execute notebooks with their committed parameters and save them clean.

    The earlier notebooks of the course are executed too, without saving, so that a later one finds
    what they leave behind, as it does under nbval. A notebook that fails, or writes to stderr, is
    left as it was.
    """
    paths = list(paths)
    last = max(path.stem for path in paths)
    course = [path for name, path in available(folder).items() if name <= last]
    course += [path for path in paths if path not in course]
    with tempfile.TemporaryDirectory(prefix=OUTPUT_PREFIX, ignore_cleanup_errors=True) as output:
        for number, path in enumerate(course, start=1):
            label = f"[{number}/{len(course)}] {path.stem}"
            notebook = nbformat.read(path, as_version=4)
            total = sum(cell.cell_type == "code" for cell in notebook.cells)
            with Progress(label, total, stream) as progress:
                try:
                    execute(notebook, output, path.parent, progress, None, True, timeout)
                except CellFailed as error:
                    raise CellFailed(f"{path.stem}, {error}; the file is unchanged") from None
            found = noise(notebook)
            if found:
                where = f"{path.stem}, cell {found[0]}"
                raise CellFailed(f"{where}: {found[1]}; the file is unchanged")
            if path in paths:
                write_notebook(path, clean(notebook, output))
            done = "saved" if path in paths else "executed, not saved"
            print(f"{label}  {done} after {progress.elapsed}", file=stream, flush=True)


# The command


def listing(paths):
    """The text of --list: every parameter with its type, default, help and what is allowed."""
    lines = []
    for path in paths:
        lines.append(path.stem)
        for name, (kind, default, text, rule) in inspect(path).items():
            kind_name = next((n for n, known in TYPES.items() if known == kind), "any type")
            lines.append(f"  {name}: {kind_name} = {default}  # {text}")
            if rule is not None and not isinstance(rule, type):
                lines.append(f"      {checks.describe(name, rule, kind)}")
    return "\n".join(lines)


def parser():
    """The command line's parser."""
    command = argparse.ArgumentParser(
        prog="python -m helpers.rerun",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add("notebooks", nargs="*", help="a number, a name or a path; none = all, in order")
    add(
        "-p",
        "--parameters",
        action="append",
        default=[],
        metavar="NAME VALUE",
        help="set a parameter in every notebook here that has it; also NAME=VALUE; repeatable",
    )
    add("--budget", metavar="FILE", help="YAML file with parameters, like full.yml")
    add("--output", metavar="FOLDER", help="new folder for the results; default runs/<time>")
    add(
        "--resume",
        metavar="FOLDER",
        help="go on with a stopped run: notebooks and parameters "
        "are those of the run, finished notebooks are kept, searches go on",
    )
    add("--in-place", action="store_true", help="re-execute and save the committed notebooks")
    add("--list", action="store_true", help="show the notebooks and their parameters, run nothing")
    add(
        "--timeout", type=int, metavar="SECONDS", help="longest time for one cell; default no limit"
    )
    return command


def prepare(options, now):
    """(folder, record) of the run that the options ask for.

    Raises:
        RerunError: something in the options is wrong; nothing was run or written.
    """
    if options.resume:
        if options.notebooks or options.parameters or options.budget or options.output:
            raise RerunError("--resume takes notebooks and parameters from the run; give it alone.")
        return load_run(options.resume)
    paths = select(options.notebooks)
    pairs = [pair.partition("=") for pair in options.parameters]
    for name, equals, _ in pairs:
        if not equals:
            raise RerunError(f"-p {name} needs a value: -p {name} VALUE.")
    names = [path.stem for path in paths]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise RerunError(f"Two notebooks have the name {twice.pop()}; run them one at a time.")
    every = {path.stem: inspect(path) for path in [*available().values(), *paths]}
    shared, sections = read_budget(options.budget, every) if options.budget else ({}, {})
    pairs = [(name, value) for name, _, value in pairs]
    resolved = resolve(names, every, pairs, shared, sections)
    record = {
        "started": f"{now:%Y-%m-%d %H:%M}",
        "notebooks": {
            path.stem: {
                "path": str(path),
                "parameters": resolved[path.stem],
                "state": "waiting",
                "seconds": None,
            }
            for path in paths
        },
    }
    return new_folder(options.output, now), record


def main(arguments=None):
    """Run the command; returns the exit code: 0 fine, 1 a cell failed, 2 a mistake, 130 stopped."""
    words = join_pairs(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_intermixed_args(words)
    output = None
    try:
        if options.list:
            print(listing(select(options.notebooks)))
        elif options.in_place:
            if options.parameters or options.budget or options.output or options.resume:
                raise RerunError("--in-place saves the committed parameters; it takes no others.")
            run_in_place(select(options.notebooks), timeout=options.timeout or 300)
        else:
            output, record = prepare(options, datetime.datetime.now())
            run(output, record, options.timeout)
            print(f"Results: {output / 'index.html'}")
    except RerunError as error:
        print(error, file=sys.stderr)
        return 2
    except CellFailed as error:
        print(f"FAILED in {error}", file=sys.stderr)
        _say_how_to_go_on(output)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        _say_how_to_go_on(output)
        return 130
    return 0


def _say_how_to_go_on(output):
    if output:
        print(f"What is done is in {output}. To go on with it:", file=sys.stderr)
        print(f"    python -m helpers.rerun --resume {output}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
