"""A whole search as one HTML page, for a reader who never opens a notebook.

    python -m helpers.report log/random_search
    python -m helpers.report log/hyperband --beside log/random_search log/bayes
    python -m helpers.report log/random_search -o week12.html --csv week12.csv --title "Week 12"

DIR is the project directory of any KerasTuner search, directory/project_name. The page is what
notebooks/report.ipynb shows, without the code: change it there. It goes beside DIR as
PROJECT-report.html, holds its pictures, has no script, needs no network and prints well.
"""

import argparse
import datetime
import html
import pathlib
import string
import sys

from helpers import rerun, results, state

FRAME = pathlib.Path(__file__).parent / "files" / "report.html"
NOTEBOOK = rerun.NOTEBOOKS / "report.ipynb"
HIDDEN = {"TagRemovePreprocessor": {"enabled": True, "remove_cell_tags": ["remove_cell"]}}


def page(folder, title=None, beside=(), direction=None):
    """Run the notebook on a search; the page as HTML text.

    Args:
        folder: the project directory, absolute.
        title: title of the page; None names the project.
        beside: project directories of other searches, absolute.
        direction: "min" or "max", where the search does not record it.
    """
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    given = {"project": str(folder), "beside": [*map(str, beside)], "direction": direction or ""}
    notebook = rerun.execute(NOTEBOOK, values=given)
    shown = {"exclude_input": True, "exclude_output_prompt": True, "anchor_link_text": ""}
    exporter = HTMLExporter(Config(HIDDEN), template_name="basic", **shown)
    body, _resources = exporter.from_notebook_node(notebook)
    title = html.escape(title or f"Report on the search {folder.name}")
    filled = {"title": title, "date": f"{datetime.date.today():%d %B %Y}", "body": body}
    return string.Template(FRAME.read_text(encoding="utf-8")).substitute(filled)


def main(arguments=None):
    """Run the command; returns the exit code: 0, or 2 when something is wrong with the call."""
    parser = argparse.ArgumentParser("python -m helpers.report", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("directory", metavar="DIR", help="the project directory, directory/project_name")
    add("-o", "--output", metavar="FILE", help="the page; default PROJECT-report.html beside DIR")
    add("--csv", metavar="FILE", help="write all trials as a table for a spreadsheet too")
    add("--title", help="title of the page; default names the project")
    add("--direction", help="min or max: which is better, where the search does not record it")
    add("--beside", nargs="+", default=[], metavar="DIR", help="other searches to compare it with")
    add("--overwrite", action="store_true", help="replace files that are there")
    options = parser.parse_args(arguments)
    try:
        paths = [pathlib.Path(one).absolute() for one in (options.directory, *options.beside)]
        folder, *beside = map(results.project_directory, paths)
        results.objective(folder, options.direction)
        files = [pathlib.Path(options.output or f"{folder}-report.html")]
        files += [pathlib.Path(options.csv)] if options.csv else []
        for file in files:
            if file.exists() and not options.overwrite:
                raise FileExistsError(f"{file} exists: choose another name, or add --overwrite.")
        state.write_text(files[0], page(folder, options.title, beside, options.direction))
        if options.csv:
            table = results.trials_table(folder).convert_dtypes()
            state.write_text(files[1], table.to_csv(index=False))
    except (OSError, ValueError) as error:
        print(f"helpers.report: {error}", file=sys.stderr)
        return 2
    print(f"Wrote {' and '.join(map(str, files))}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
