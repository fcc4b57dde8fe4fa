"""What notebook 05 finds under ten seeds far apart, so that the board of a class holds no surprise.

    nice python -m tools.verdicts           each seed takes as long as notebook 05
    python -m tools.verdicts --write        run nothing, write TEACHING.md's table again

Each seed has a search and final trainings of its own, at the lesson budget. Stop it and start it
again as you like: seeds that docs/verdicts.csv holds are not run again. Remove that file when
notebook 05 has changed.
"""

import argparse
import json
import os
import pathlib
import tempfile

import nbformat
import pandas as pd

from helpers import rerun, state
from tools import put_between

ROOT = pathlib.Path(__file__).parents[1]
CSV = ROOT / "docs" / "verdicts.csv"
TEACHING = ROOT / "TEACHING.md"
MARKERS = ("<!-- verdicts -->", "<!-- /verdicts -->")
SEEDS = range(1000, 10_001, 1000)
LAST = "test-ends"  # the cell of notebook 05 after which there is nothing more to know
ASK = """
print(json.dumps([
    {"seed": seed, "step": step, "difference": gain.mean, "low": gain.low, "high": gain.high,
     "low_both": ends[step]["both"][0], "high_both": ends[step]["both"][1]}
    for step, gain in gains.items()]))
"""


def found(seed, **values):
    """The four steps of notebook 05 under one seed, one dictionary each."""
    path = rerun.available()["05_retrain_best_model"]
    notebook = nbformat.read(path, as_version=4)
    end = [cell.id for cell in notebook.cells].index(LAST)
    notebook.cells[end + 1 :] = [nbformat.v4.new_code_cell(ASK)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["COURSE_OUTPUT"] = folder
        part = pathlib.Path(folder, "part.ipynb")
        nbformat.write(notebook, part)
        executed = rerun.execute(part, None, {"seed": seed} | values, cwd=path.parent)
    return json.loads(executed.cells[-1].outputs[0].text)


def read(path=CSV):
    """The table so far; empty when there is none."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame({"seed": []})


def run(seeds=SEEDS, path=CSV, **values):
    """Run the seeds that the table lacks, and add each when it is done."""
    for seed in seeds:
        table = read(path)
        if seed not in set(table["seed"]):
            print(f"seed {seed}", flush=True)
            table = pd.concat([table, pd.DataFrame(found(seed, **values))])
            table = table.sort_values("seed", kind="stable").astype({"seed": int})
            state.write_text(path, table.to_csv(index=False, float_format="%.5f"))


def verdict(low, high):
    """The word for an interval of a difference in accuracy."""
    return "better" if low > 0 else "worse" if high < 0 else "open"


def written(table):
    """The table as Markdown, one row per seed, and what all of them say."""
    steps = list(dict.fromkeys(table["step"]))
    lines = ["| seed | " + " | ".join(steps) + " |", "|---" * (len(steps) + 1) + "|"]
    for seed, rows in table.groupby("seed"):
        words = map(verdict, rows["low"], rows["high"])
        numbers = zip(rows["difference"], rows["low"], rows["high"], strict=True)
        cells = [
            f"{word} {mean:+.3f} ({low:+.3f} to {high:+.3f})"
            for word, (mean, low, high) in zip(words, numbers, strict=True)
        ]
        lines.append(f"| {seed} | " + " | ".join(cells) + " |")
    words = table.assign(
        seeds=list(map(verdict, table["low"], table["high"])),
        both=list(map(verdict, table["low_both"], table["high_both"])),
    )
    for name, kind in (("seeds", "of these images"), ("both", "of other images too")):
        counts = words.groupby("step")[name].value_counts().unstack(fill_value=0)
        cells = [", ".join(f"{n} {word}" for word, n in counts.loc[s].items() if n) for s in steps]
        lines.append(f"| **in all**, {kind} | " + " | ".join(cells) + " |")
    means = table.groupby("step")["difference"].agg(["mean", "min", "max"]).loc[steps]
    cells = [f"{one.mean:+.3f} ({one.min:+.3f} to {one.max:+.3f})" for one in means.itertuples()]
    lines.append("| **mean** (least to most) | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(teaching=TEACHING, path=CSV):
    """Put the table between TEACHING.md's markers."""
    table = written(read(path))
    put_between(teaching, MARKERS, table)


def main(arguments=None):
    """Run what is missing, then write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="only write TEACHING.md's table")
    if not parser.parse_args(arguments).write:
        run()
    write()


if __name__ == "__main__":
    main()
