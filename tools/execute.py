"""Re-execute the course's notebooks with their committed parameters and save them clean.

    python -m tools.execute                 all of them
    python -m tools.execute 04 report       these two
    python -m tools.execute solutions       those with the solutions; solutions/04 is one of them

The notebooks before the last one named are executed too, without saving, so that it finds what they
leave behind, as it does under nbval. A notebook that fails, or writes to stderr, is left as it was.
"""

import json
import os
import sys
import tempfile

import nbformat
import papermill

from helpers import checks, rerun, state

OUTPUT_PREFIX = "course_output_"  # tests/sanitize.cfg knows this name too
STAND_IN = "YOUR_FOLDER"  # what saved notebooks and the sanitized output say instead of that folder
CELL_TIMEOUT = 600  # seconds, as in pyproject.toml
KEPT_METADATA = ("tags", "slideshow")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SLIDES = "rise"  # settings of live slides, which tools/slides.py writes beside them


def clean(notebook):
    """Keep what belongs into git: sources, outputs, counts, ids, tags, slides, kernel's name."""
    slides = {SLIDES: notebook.metadata[SLIDES]} if SLIDES in notebook.metadata else {}
    notebook.metadata = nbformat.from_dict(METADATA | slides)
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in KEPT_METADATA if cell.metadata.get(key)}
        cell.metadata = nbformat.from_dict(kept)
    return notebook


def write_notebook(path, notebook, folder=None):
    """Write a notebook in nbformat's stable form, with a stand-in for the name of a folder."""
    text = nbformat.writes(notebook).rstrip("\n") + "\n"
    if folder:
        text = text.replace(json.dumps(str(folder))[1:-1], STAND_IN)
    state.write_text(path, text)


def stderr(notebook):
    """The first line that a notebook stored from stderr, or None."""
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    lines = [one.text.strip() for one in outputs if one.get("name") == "stderr"]
    return lines[0].split("\n")[0] if lines else None


def select(names):
    """The notebooks to execute, name to path; those with the solutions are solutions/NAME."""
    solutions = rerun.available(rerun.NOTEBOOKS / "solutions")
    solutions = {f"solutions/{name}": path for name, path in solutions.items()}
    others = [name for name in names if not name.startswith("solutions")]
    chosen = rerun.select(others) if others or not names else {}
    starts = tuple(name for name in names or ["solutions"] if name not in others)
    return chosen | {name: path for name, path in solutions.items() if name.startswith(starts)}


def run(chosen):
    """Execute notebooks (name to path) and those before them, and save the chosen ones.

    Raises:
        PapermillExecutionError: a cell failed.
        ShortError: a notebook writes to stderr.
    """
    last = max((name for name in chosen if name[0].isdigit()), default="")
    course = {name: path for name, path in rerun.available().items() if name <= last}
    with tempfile.TemporaryDirectory(prefix=OUTPUT_PREFIX, ignore_cleanup_errors=True) as output:
        os.environ["COURSE_OUTPUT"] = output
        os.environ["COURSE_PROGRESS"] = os.path.join(output, "progress.txt")
        for name, path in (course | chosen).items():
            print(f"{name}: starts", flush=True)
            notebook = rerun.execute(path, cwd=path.parent, execution_timeout=CELL_TIMEOUT)
            if noise := stderr(notebook):
                raise checks.ShortError(f"it writes to stderr: {noise}")
            if name in chosen:
                write_notebook(path, clean(notebook), output)
            print(f"{name}: {'saved' if name in chosen else 'executed, not saved'}", flush=True)


def main(names):
    """Run the command; returns the exit code."""
    try:
        run(select(names))
        return 0
    except (checks.ShortError, papermill.PapermillExecutionError) as error:
        print(f"Stopped, the file is unchanged: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
