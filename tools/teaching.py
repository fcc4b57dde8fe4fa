"""Write the minutes of every section into TEACHING.md; what a teacher noted beside them stays.

    python -m tools.teaching

The minutes that a notebook states are shared out among its sections by their words and lines of
code; those of exercises and class boxes stand in their headings.
"""

import pathlib
import re

import nbformat
import numpy as np

from helpers import rerun, state

TEACHING = pathlib.Path(__file__).parents[1] / "TEACHING.md"
MARKERS = ("<!-- minutes -->", "<!-- /minutes -->")
START, END = "Start", "Check yourself"  # sections that hold all before, and all after
FRAME = ("What you will do", "What you will learn", "What you need", START)
STATED = re.compile(r"(\d+) minutes to read(?: and (\d+) for the exercises)?")
EXERCISE = re.compile(r"^### Exercise: .*\((\d+) minutes?\)", flags=re.MULTILINE)
CLASS = re.compile(r"\*\*In class\*\* \((\d+) minutes?\)")
LINE = 3  # a line of code takes as long as so many words


def stated(notebook):
    """The minutes to read and those for the exercises that a notebook states."""
    found = STATED.search("\n".join(cell.source for cell in notebook.cells))
    return int(found[1]), int(found[2] or 0)


def sections(notebook):
    """The sections in order: name to weight in reading, minutes of exercises and of class boxes."""
    found, name = {START: [0, 0, 0]}, START
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found[name][0] += LINE * len(cell.source.splitlines())
            continue
        found[name][0] += 1  # a cell alone is something to read
        for part in re.split(r"^(?=##+ )", cell.source, flags=re.MULTILINE):
            heading = re.match(r"## (.*)", part)
            if heading and heading[1] not in FRAME and name != END:
                name = heading[1].strip()
                found.setdefault(name, [0, 0, 0])
            exercise = EXERCISE.match(part)
            found[name][0] += 0 if exercise else len(part.split())
            found[name][1] += int(exercise[1]) if exercise else 0
            found[name][2] += sum(map(int, CLASS.findall(part)))
    return found


def shared_out(total, weights):
    """Whole minutes in proportion to weights; they add up to the total (largest remainders)."""
    exact = total * np.array(weights) / sum(weights)
    minutes = np.floor(exact).astype(int)
    minutes[np.argsort(minutes - exact, kind="stable")[: total - minutes.sum()]] += 1
    return minutes.tolist()


def rows(text):
    """The tables of TEACHING.md: (notebook's number, section) to its cells, in order."""
    found, number = {}, None
    for line in text.splitlines():
        if heading := re.match(r"### (\d\d) ", line):
            number = heading[1]
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if number and len(cells) == 5 and cells[1].isdigit():
            found[number, cells[0]] = cells[1:]
    return found


def table(notebook, number, kept):
    """The table of one notebook in Markdown."""
    parts, (read, exercises) = sections(notebook), stated(notebook)
    minutes = shared_out(read, [weight for weight, _, _ in parts.values()])
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
    lines = [f"### {title}: {read} minutes to read, {exercises} for exercises", ""]
    lines += [
        "| section | read | exercises | in class | stop, skip, say |",
        "|---|---|---|---|---|",
    ]
    for (name, (_, own, boxes)), reading in zip(parts.items(), minutes, strict=True):
        note = kept.get((number, name), [""])[-1]
        lines.append(f"| {name} | {reading} | {own or ''} | {boxes or ''} | {note} |")
    return "\n".join(lines)


def write(teaching=TEACHING, notebooks=None):
    """Write the tables between TEACHING.md's markers; returns notes that found no section."""
    text = teaching.read_text(encoding="utf-8")
    before, rest = text.split(MARKERS[0])
    middle, after = rest.split(MARKERS[1])
    kept, tables = rows(middle), []
    for name, path in (notebooks or rerun.available()).items():
        if name[:2].isdigit():
            tables.append(table(nbformat.read(path, as_version=4), name[:2], kept))
    state.write_text(teaching, "\n\n".join([before + MARKERS[0], *tables, MARKERS[1] + after]))
    now = rows("\n".join(tables))
    return {key: cells[-1] for key, cells in kept.items() if cells[-1] and key not in now}


def main():
    """Write, and print what must be placed again by hand."""
    for (number, section), note in write().items():
        print(f"{number} has no section {section!r} any more; its note was: {note}")


if __name__ == "__main__":
    main()
