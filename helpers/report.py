"""A whole search as one HTML page, for a reader who never opens a notebook.

    python -m helpers.report log/random_search
    python -m helpers.report log/hyperband --beside log/random_search log/bayes
    python -m helpers.report log/random_search -o week12.html --csv week12.csv --title "Week 12"

DIR is the project directory of any KerasTuner search, directory/project_name. The page is what
notebooks/report.ipynb shows, without the code: change it there. It goes beside DIR as
PROJECT-report.html, holds its pictures, has no script, needs no network and prints well.
"""

import argparse
import pathlib
import sys

import papermill

from helpers import pages, rerun, results, state

FRAME = pathlib.Path(__file__).parent / "files" / "report.html"
NOTEBOOK = rerun.NOTEBOOKS / "report.ipynb"
LOOK = {"template_name": "basic", "template_file": str(FRAME), "exclude_input": True}
LOOK |= {"exclude_output_prompt": True, "anchor_link_text": ""}


def main(arguments=None):
    """Run the command; it ends with exit code 2 when something is wrong with the call."""
    parser = argparse.ArgumentParser("python -m helpers.report", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("directory", metavar="DIR", help="the project directory, directory/project_name")
    add("-o", "--output", metavar="FILE", help="the page; default PROJECT-report.html beside DIR")
    add("--csv", metavar="FILE", help="write all trials as a table for a spreadsheet too")
    add("--title", help="title of the page; default names the project")
    add("--direction", choices=("min", "max"), help="which is better, where no file says it")
    add("--beside", nargs="+", default=[], metavar="DIR", help="other searches to compare it with")
    add("--overwrite", action="store_true", help="replace files that are there")
    options = parser.parse_args(arguments)
    searches = [str(pathlib.Path(one).absolute()) for one in (options.directory, *options.beside)]
    given = {"project": searches[0], "beside": searches[1:], "direction": options.direction or ""}
    page = pathlib.Path(options.output or f"{searches[0]}-report.html")
    title = options.title or f"Report on the search {pathlib.Path(searches[0]).name}"
    try:
        table = results.trials_table(searches[0]).convert_dtypes().to_csv(index=False)
        for file in filter(None, (page, options.csv)):
            if pathlib.Path(file).exists() and not options.overwrite:
                raise FileExistsError(f"{file} exists: choose another name, or add --overwrite.")
        notebook = rerun.execute(NOTEBOOK, values=given)
        notebook.cells = [c for c in notebook.cells if "remove_cell" not in c.metadata.tags]
        pages.write(page, notebook, title, **LOOK)
        if options.csv:
            state.write_text(options.csv, table)
    except (OSError, papermill.PapermillExecutionError) as error:
        if getattr(error, "ename", "ShortError") not in ("ShortError", "FileNotFoundError"):
            raise  # a cell of the notebook is wrong, not the call
        parser.exit(2, f"helpers.report: {getattr(error, 'evalue', error)}\n")
    print(f"Wrote {' and '.join(map(str, filter(None, (page, options.csv))))}.")


if __name__ == "__main__":
    sys.exit(main())
