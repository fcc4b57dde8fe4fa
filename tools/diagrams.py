"""Draw the pictures that explain, and put them into their notebooks.

    python -m tools.diagrams                draw docs/figures/*.svg, refresh the notebooks' pictures
    python -m tools.diagrams --only-draw    draw alone

A picture is an attachment of its markdown cell, so that it goes where the notebook goes. JupyterLab
shows no attachment that is an SVG, so there it is a PNG; docs/figures has the SVG, for the slides
and pages of a teacher. The same code gives the same bytes: no date, and text as outlines, since a
font that is missing would move it. Running the tool again changes nothing.
"""

import argparse
import base64
import collections
import io
import math
import pathlib

import matplotlib
import nbformat
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyBboxPatch, Polygon, Rectangle

from helpers import plots, rerun
from tools import execute

FIGURES = pathlib.Path(__file__).parents[1] / "docs" / "figures"
BLUE, RED, GREEN = (plots.COLOURS[name] for name in ("blue", "vermillion", "green"))
INK, SOFT = "#1A1A1A", "#595959"  # text; what is fixed, or in the background
PALE = {BLUE: "#E3F0F8", RED: "#FCEADD", GREEN: "#DFF3EC", SOFT: "#F0F0F0"}
STYLE = {
    "font.family": "DejaVu Sans",  # matplotlib brings it
    "svg.fonttype": "path",
    "svg.hashsalt": "keras-tuner-course",
    "hatch.linewidth": 1.2,
}
DPI = 135  # of the PNG


class Sheet:
    """A white sheet with the few things that the diagrams are made of; a unit is 0.88 inches."""

    def __init__(self, width, height, title):
        self.figure = Figure(figsize=(0.88 * width, 0.88 * height), facecolor="white")
        self.ax = self.figure.add_axes((0, 0, 1, 1))
        self.ax.set(xlim=(0, width), ylim=(0, height))
        self.ax.axis("off")
        self.text(0.3, height - 0.4, title, size=16, weight="bold", ha="left")

    def text(self, x, y, text, size=12, colour=INK, ha="center", **options):
        """Text around a point; ``ha`` is its horizontal alignment."""
        options = {"va": "center", "linespacing": 1.35} | options
        self.ax.text(x, y, text, fontsize=size, color=colour, ha=ha, **options)

    def box(self, x, y, width, height, colour, dashed=False, fill=True, line=2):
        """A box with round corners; (x, y) is its lower left corner."""
        style = "round,pad=0,rounding_size=0.1"
        face = PALE[colour] if fill else "none"
        options = {"facecolor": face, "edgecolor": colour, "linewidth": line}
        options["linestyle"] = (0, (4, 3)) if dashed else "-"
        self.ax.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=style, **options))

    def arrow(self, start, end, colour=INK, style="-", both=False, line=2):
        """A straight arrow between two points; the heads are drawn apart, never dashed."""
        (x, y), length = start, math.dist(start, end)
        across, up = ((b - a) / length for a, b in zip(start, end, strict=True))
        first, last = 0.1 * both, length - 0.1  # the line ends inside the heads
        places = [(x + across * at, y + up * at) for at in (first, last)]
        stroke = {"color": colour, "linestyle": style, "linewidth": line}
        self.ax.plot(*zip(*places, strict=True), **stroke)
        wide, long = 0.045 + 0.015 * line, 0.13 + 0.02 * line
        for (tip_x, tip_y), sign in [(end, 1), (start, -1)][: 1 + both]:
            back_x, back_y = tip_x - sign * across * long, tip_y - sign * up * long
            corners = [(back_x - up * wide, back_y + across * wide), (tip_x, tip_y)]
            corners += [(back_x + up * wide, back_y - across * wide)]
            self.ax.add_patch(Polygon(corners, facecolor=colour, edgecolor="none", zorder=3))

    def step(self, x, y, number):
        """A number in a black disc."""
        self.ax.add_patch(Ellipse((x, y), 0.34, 0.34, facecolor=INK, edgecolor="none", zorder=4))
        self.text(x, y - 0.01, str(number), size=12, colour="white", weight="bold", zorder=5)

    def cuboid(self, x, y, depth, side, colour, dashed=False):
        """A stack of square maps: ``depth`` to the right, ``side`` high; (x, y) is lower left."""
        slant = 0.3 * side
        right, top = x + depth, y + side
        far, above = right + slant, top + slant
        outline = [(x, y), (right, y), (far, y + slant), (far, above), (x + slant, above), (x, top)]
        style = {"edgecolor": colour, "linewidth": 1.8, "joinstyle": "round"}
        style |= {"linestyle": (0, (3, 2)) if dashed else "-", "zorder": 2 if dashed else 3}
        face = "none" if dashed else PALE[colour]
        self.ax.add_patch(Polygon(outline, facecolor=face, **style))
        style["facecolor"] = "none"
        edges = [(x, top), (right, top), (far, above), (right, top), (right, y)]
        self.ax.add_patch(Polygon(edges, closed=False, **style))

    def slider(self, x, y, width, low, high, steps):
        """A range of values as a line with ticks between its ends and a knob on it."""
        self.ax.plot([x, x + width], [y, y], "-", color=INK, linewidth=2, solid_capstyle="round")
        for tick in range(steps):
            at = x + width * tick / (steps - 1)
            self.ax.plot([at, at], [y - 0.05, y + 0.05], "-", color=INK, linewidth=1)
        knob = {"facecolor": RED, "edgecolor": INK, "linewidth": 1.5, "zorder": 5}
        self.ax.add_patch(Ellipse((x + 0.4 * width, y), 0.2, 0.2, **knob))
        self.text(x - 0.1, y, str(low), ha="right", weight="bold")
        self.text(x + width + 0.1, y, str(high), ha="left", weight="bold")


def model():
    """Notebook 02: the hypermodel layer by layer, what is tuned and what is not."""
    sheet = Sheet(11, 6.35, "Three sizes of the model are tuned; everything else stays as it is")
    bottom, middle = 2.4, 3.3
    tuned = (2.3, "L1_Conv2D_Filters", 8, 64, 15), (6.0, "L2_Conv2D_Filters", 8, 64, 15)
    sheet.box(0.25, 4.45, 10.5, 1.25, RED)
    sheet.text(0.42, 5.49, "tuned: build asks hp", weight="bold", ha="left")
    for x, name, low, high, count in (*tuned, (9.15, "L3_Dense_num", 4, 216, 54)):
        sheet.text(x, 5.21, name, size=13, family="DejaVu Sans Mono", weight="bold")
        sheet.slider(x - 0.75, 4.92, 1.5, low, high, 15)
        sheet.text(x, 4.63, f"step 4: {count} values")
        sheet.arrow((x, 4.45), (x, 4.24), RED)
    for x, side in ((2.3, 1.4), (4.2, 0.8), (6.0, 0.8), (7.65, 0.45)):
        left, low = x - (0.85 + 0.3 * side) / 2, middle - 0.65 * side
        sheet.cuboid(left, low, 0.85, side, RED, dashed=True)
        sheet.cuboid(left, low, 0.85 / 8, side, RED)
    sheet.cuboid(0.6, middle - 0.91, 0.04, 1.4, SOFT)
    column = {"edgecolor": RED, "linewidth": 1.8}
    place = (9.03, bottom)
    sheet.ax.add_patch(Rectangle(place, 0.24, 1.8, **column, fill=False, linestyle=(0, (3, 2))))
    sheet.ax.add_patch(Rectangle(place, 0.24, 0.07, **column, facecolor=PALE[RED]))
    for row in range(10):
        place = (10.2, middle - 0.55 + 0.11 * row)
        sheet.ax.add_patch(Rectangle(place, 0.24, 0.11, edgecolor=SOFT, facecolor=PALE[SOFT]))
    for x, length in ((1.2, 0.3), (3.1, 0.45), (4.85, 0.5), (6.65, 0.4), (8.3, 0.6), (9.4, 0.7)):
        sheet.arrow((x, middle), (x + length, middle), SOFT)
    sheet.text(8.6, middle + 0.16, "Flatten", size=11)
    sheet.text(10.75, 4.2, "solid: smallest\ndashed: largest", size=11, colour=SOFT, ha="right")
    sheet.box(0.25, 0.25, 10.5, 1.15, SOFT)
    fixed = "fixed: the same in every trial, as are the optimizer (Adam) and the loss"
    sheet.text(0.42, 1.2, fixed, weight="bold", ha="left")
    for x, name, shape, settings in (
        (0.85, "image", "28 x 28 x 1", "scaled by\n1/255"),
        (2.3, "Conv2D", "28 x 28 x L1", "5 x 5 kernel,\nReLU"),
        (4.2, "MaxPooling2D", "14 x 14 x L1", "pool 2,\nDropout 0.25"),
        (6.0, "Conv2D", "14 x 14 x L2", "5 x 5 kernel,\nReLU"),
        (7.65, "MaxPooling2D", "7 x 7 x L2", "pool 2,\nDropout 0.25"),
        (9.15, "Dense", "L3 units", "ReLU,\nDropout 0.25"),
        (10.3, "Dense", "10 classes", "softmax\n"),
    ):
        sheet.text(x, 2.02, name, weight="bold", va="baseline")
        sheet.text(x, 1.7, shape, va="baseline")
        sheet.text(x, 0.93, settings, va="top")
    return sheet.figure


def parts():
    """Notebook 03: who asks whom in a search, and what is passed."""
    sheet = Sheet(11, 6.35, "The tuner does the work; its oracle proposes, and sees only scores")
    sheet.box(0.25, 0.3, 2.5, 5.3, SOFT)
    sheet.text(1.5, 5.32, "you give", size=14, weight="bold")
    sheet.box(0.4, 3.0, 2.2, 1.65, GREEN)
    sheet.text(1.5, 4.35, "hypermodel", size=14, weight="bold")
    sheet.text(1.5, 3.65, "build(hp) turns\nvalues into a\ncompiled model")
    sheet.box(0.4, 0.5, 2.2, 2.25, GREEN)
    sheet.text(1.5, 2.45, "data", size=14, weight="bold")
    sheet.text(1.5, 1.85, "training images,\nvalidation images")
    sheet.box(0.55, 0.65, 1.9, 0.72, SOFT, dashed=True)
    sheet.text(1.5, 1.0, "test images: shut\nuntil notebook 05", size=11)
    sheet.box(4.0, 0.3, 6.75, 5.3, BLUE)
    sheet.text(7.375, 5.32, "tuner", size=14, weight="bold")
    sheet.text(7.375, 4.98, "repeats 1 to 5 until max_trials is reached")
    sheet.box(4.2, 0.5, 2.4, 4.15, RED)
    sheet.text(5.4, 4.35, "trial 08", size=14, weight="bold")
    for y, name, value in (
        (3.75, "values", "L1 = 28, L2 = 52,\nL3 = 144"),
        (2.55, "model", "405,686 parameters"),
        (1.55, "score", "best val_loss of\nits epochs: 0.84"),
    ):
        sheet.text(5.4, y, name, weight="bold")
        sheet.text(5.4, y - 0.17, value, va="top")
    sheet.box(8.15, 0.5, 2.4, 4.15, RED)
    sheet.text(9.35, 4.35, "oracle", size=14, weight="bold")
    for x, column in zip(
        (8.56, 8.99, 9.37, 9.76, 10.24),
        ("trial 06 07 08", "L1 48 64 28", "L2 60 60 52", "L3 36 156 144", "loss 0.98 0.89 ?"),
        strict=True,
    ):
        sheet.text(x, 3.4, column.replace(" ", "\n"), size=11)
    sheet.text(9.35, 2.2, "draws at random,\nor looks at the scores:\nthere tuners differ")
    sheet.text(9.35, 1.0, "sees neither images\nnor models", weight="bold")
    for number, start, end, word in (
        (1, (6.6, 4.3), (8.15, 4.3), "what next?"),
        (2, (8.15, 3.5), (6.6, 3.5), "values"),
        (3, (4.2, 3.75), (2.6, 3.75), "hp"),
        ("", (2.6, 3.2), (4.2, 2.45), "model"),
        (4, (2.6, 1.55), (4.2, 1.55), "fit, validate"),
        (5, (6.6, 1.4), (8.15, 1.4), "score"),
    ):
        sheet.arrow(start, end)
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        sheet.text(middle[0], middle[1] + (0.17 if number else 0.3), word)
        if number:
            sheet.step(*start, number)
    return sheet.figure


def processes():
    """Notebook 10: who starts whom, and who talks to whom by what."""
    sheet = Sheet(11, 6.35, "The launcher starts them all; workers talk to the chief alone")
    sheet.box(0.25, 0.3, 2.75, 5.3, SOFT)
    sheet.text(1.625, 5.3, "notebook 10", size=14, weight="bold")
    sheet.text(1.625, 4.78, "open before you: one\nkernel, its role is serial")
    sheet.box(0.42, 0.5, 2.41, 3.85, GREEN)
    sheet.text(1.625, 4.02, "launcher", size=14, weight="bold")
    sheet.text(1.625, 3.65, "scale_out.run(…)", family="DejaVu Sans Mono")
    sheet.text(1.625, 2.75, "follows the search\nin oracle.json")
    sheet.text(1.625, 1.85, "restarts a process that\ndied, under its name")
    sheet.text(1.625, 0.95, "ends whatever\nis left")
    for y, name, does in (
        (4.4, "worker0", "papermill and a kernel run 10:\nbuilds and trains"),
        (2.35, "chief", "papermill and a kernel run 10:\nproposes, collects, trains nothing"),
        (0.3, "worker1", "papermill and a kernel run 10:\nbuilds and trains"),
    ):
        sheet.box(4.4, y, 3.4, 1.2, BLUE)
        sheet.text(6.1, y + 0.92, name, size=14, weight="bold")
        sheet.text(6.1, y + 0.4, does)
        sheet.arrow((2.83, 2.95 + 0.25 * (y - 2.35)), (4.4, y + 0.6), GREEN, line=3)
        files = "oracle.json,\ntrial.json" if name == "chief" else "weights,\nhistory"
        sheet.arrow((7.8, y + 0.45), (9.2, y + 0.45), RED, style=":")
        sheet.text(8.5, y + 0.78, files)
    sheet.text(3.62, 3.13, "starts", weight="bold")
    for y in (1.5, 3.55):
        sheet.arrow((4.8, y), (4.8, y + 0.85), style=(0, (4, 2)), both=True)
        talk = "asks for a trial, reports its score\n(gRPC, 127.0.0.1, a free port)"
        sheet.text(4.95, y + 0.43, talk, ha="left")
    sheet.box(9.2, 0.3, 1.55, 5.3, RED)
    sheet.text(9.975, 5.3, "folder", size=14, weight="bold")
    sheet.text(9.975, 4.93, "log/…", family="DejaVu Sans Mono")
    sheet.text(9.975, 3.9, "the search,\nfor whoever\nreads it later")
    sheet.text(9.975, 2.0, "beside it, of\neach process:\na log and\nthe notebook\nthat it ran")
    return sheet.figure


Picture = collections.namedtuple("Picture", "draw notebook after cell alt caption")
PICTURES = {
    "model": Picture(
        model,
        *("02_hypermodel", "name-read", "picture-model"),
        "The course's model from left to right: image, convolution, pooling, convolution, pooling, "
        "dense layer, output. Tuned are the filters of both convolutions, 8 to 64, and the units "
        "of the dense layer, 4 to 216, each in steps of 4. Kernels, pooling, dropout, optimizer "
        "and loss are fixed.",
        "Drawn solid is the smallest model of the space, and dashed the largest.",
    ),
    "parts": Picture(
        parts,
        *("03_random_search", "loop-story", "picture-parts"),
        "Who asks whom in a search. The tuner asks its oracle for a trial and gets values, gives "
        "them to the hypermodel and gets a model, fits it to the training images, scores it on the "
        "validation images, and reports the score to the oracle. The test images stay shut.",
        "The same loop with its parts. The values are those of the last trial but one below.",
    ),
    "processes": Picture(
        processes,
        *("10_scale_out", "launch-why", "picture-processes"),
        "The processes of this notebook. The launcher in your notebook starts a chief and two "
        "workers, each a papermill with a kernel. The workers ask the chief for trials and report "
        "scores, over a free port of 127.0.0.1. All three write into one folder.",
        "Solid arrows start a process, dashed ones are the network, and dotted ones are files.",
    ),
}


def draw(name, kind):
    """The bytes of a picture, as "svg" or "png"."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        PICTURES[name].draw().savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()


def attach(notebook, name):
    """Put a picture into a notebook, after its cell, or refresh the one that is there."""
    picture, cells = PICTURES[name], notebook.cells
    ids = [cell.id for cell in cells]
    if picture.cell not in ids:
        place = ids.index(picture.after) + 1
        cells.insert(place, nbformat.v4.new_markdown_cell(id=picture.cell))
        ids.insert(place, picture.cell)
    cell = cells[ids.index(picture.cell)]
    cell.source = f"![{picture.alt}](attachment:{name}.png)\n\n{picture.caption}"
    png = base64.b64encode(draw(name, "png")).decode()
    cell.attachments = nbformat.from_dict({f"{name}.png": {"image/png": png}})


def main(arguments=None):
    """Draw, then attach."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only-draw", action="store_true", help="leave the notebooks alone")
    options = parser.parse_args(arguments)
    FIGURES.mkdir(parents=True, exist_ok=True)
    for name, picture in PICTURES.items():
        (FIGURES / f"{name}.svg").write_bytes(draw(name, "svg"))
        if not options.only_draw:
            path = rerun.available()[picture.notebook]
            notebook = nbformat.read(path, as_version=4)
            attach(notebook, name)
            execute.write_notebook(path, notebook)


if __name__ == "__main__":
    main()
