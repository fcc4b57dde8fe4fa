"""Figures of the course, in matplotlib: data and an optional axes in, the axes out.

No function shows anything itself: ``show(figure, alt=...)`` does, with a description for readers
who cannot see the picture. The colours are those of Okabe and Ito (2008), "Color Universal Design",
which people with the common forms of colour blindness can tell apart.
"""

import base64
import html
import io

import numpy as np

COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "black": "#000000",
    "grey": "#8C8C8C",
}
# The first five have a contrast of 3 and more to white, which WCAG asks of lines and marks.
CYCLE = ("blue", "vermillion", "green", "purple", "black", "orange", "sky")
# A second sign beside the colour, for who cannot tell colours apart.
DASHES = ("-", "--", "-.", ":", (0, (8, 2)), (0, (4, 1, 1, 1, 1, 1)), (0, (1, 3)))


def style():
    """Set the course's colours, font sizes and lines for all figures that follow."""
    import matplotlib

    colours = [COLOURS[name] for name in CYCLE]
    matplotlib.rcParams.update(
        {
            "axes.prop_cycle": matplotlib.cycler(color=colours, linestyle=DASHES),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#E3E3E3",
            "font.size": 11,
            "legend.frameon": False,
            "lines.linewidth": 2,
        }
    )


def figure(rows=1, columns=1, *, width=8.0, height=4.5, **options):
    """Make a figure with the course's style that no notebook shows by itself.

    Args:
        rows, columns: how many axes below and beside each other.
        width, height: size of the whole figure in inches.
        options: more arguments of ``matplotlib.figure.Figure.subplots``.

    Returns:
        (figure, axes), as ``matplotlib.pyplot.subplots`` gives them.
    """
    from matplotlib.figure import Figure

    style()
    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots(rows, columns, **options)


def _axes(ax, width=8.0, height=4.5):
    return ax if ax is not None else figure(width=width, height=height)[1]


def show(figure, *, alt):
    """Display a figure in the notebook as an HTML image that holds its description, and close it.

    Args:
        figure: a matplotlib figure, or an axes of it.
        alt: what the figure shows, in a sentence, for readers who cannot see it.

    Raises:
        ValueError: ``alt`` is empty.
    """
    from IPython.display import HTML, display
    from matplotlib import pyplot

    if not isinstance(alt, str) or not alt.strip():
        raise ValueError("This figure has no description: say in alt= what it shows.")
    figure, buffer = figure.figure, io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight", metadata={"Software": None})
    pyplot.close(figure)
    picture = base64.b64encode(buffer.getvalue()).decode()
    width = f"max-width: 100%; width: {100 * figure.get_figwidth():.0f}px"
    source = f"data:image/png;base64,{picture}"
    display(HTML(f'<img alt="{html.escape(alt.strip())}" style="{width}" src="{source}">'))


def _star(ax, x, y, colour, label=None):
    ax.plot(x, y, "*", color=COLOURS[colour], markersize=15, label=label, zorder=3)


def best_so_far(curves, ax=None, *, score="validation loss"):
    """Draw the best score after each trial, with the single trials as dots.

    Args:
        curves: what ``results.best_so_far`` returns, or a dictionary from a name to such a table.
        ax: axes to draw on; None makes a new figure.
        score: what the score is.

    Returns:
        The axes. A star marks the best trial of each search, and the title names it.
    """
    curves = curves if isinstance(curves, dict) else {"": curves}
    ax = _axes(ax)
    found = []
    for (name, table), key in zip(curves.items(), CYCLE, strict=False):
        first = int(table["score"].eq(table["best"].iloc[-1]).argmax())
        trial, best = table["trials"].iloc[first], table["best"].iloc[-1]
        ax.plot(table["trials"], table["score"], "o", color=COLOURS[key], alpha=0.35, markersize=5)
        ax.step(table["trials"], table["best"], where="post", color=COLOURS[key], label=name)
        _star(ax, trial, best, key)
        prefix = f"{name}: " if name else ""
        found.append(f"{prefix}best {best:.3f} in trial {trial} of {len(table)}")
    ax.set(xlabel="trials so far", ylabel=score, title="; ".join(found))
    ax.locator_params(axis="x", integer=True)
    if any(curves):
        ax.legend()
    return ax


def _literal(text):
    """Text that matplotlib draws as it is: a dollar sign starts no formula."""
    return str(text).replace("$", r"\$")


def _value(value):
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return f"{value:g}" if number else _literal(value)


def _named(name, active, trials):
    """A hyperparameter's label; says in how many trials it was active when not in all."""
    return _literal(name) + (f"\n(active in {active} of {trials})" if active < trials else "")


def slices(table, space=None, *, direction="min", score="validation loss"):
    """Draw the score against each hyperparameter, with a moving median and the best trial.

    Args:
        table: what ``results.trials_table`` returns.
        space: what ``results.space`` returns; it gives logarithmic axes and the order of choices.
        direction: "min" when a lower score is better, else "max".
        score: what the score is.

    Returns:
        The figure; one axes a hyperparameter that varies. Its title has the best trial's values.

    Raises:
        ValueError: no hyperparameter varies.
    """
    from helpers import results

    rows = results.ranked(table, direction)
    names = [name for name in results.hyperparameters(rows) if rows[name].nunique() > 1]
    if not names:
        raise ValueError("No hyperparameter varies between the trials: there is nothing to draw.")
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    size = {"width": max(5.0, 3.4 * columns), "height": 3.5 * lines}
    made, axes = figure(lines, columns, **size, sharey=True, squeeze=False)
    for ax in axes.flat[len(names) :]:
        ax.axis("off")
    for ax, name in zip(axes.flat, names, strict=False):
        _slice(ax, rows[name], rows["score"], (space or {}).get(name, {}).get("config", {}))
    for ax in axes[:, 0]:
        ax.set_ylabel(score)
    axes[0, 0].legend()
    best = rows[names].iloc[0].dropna()
    values = ", ".join(f"{_literal(name)} = {_value(value)}" for name, value in best.items())
    made.suptitle(f"Best of {len(rows)} trials: {values}", x=0.01, ha="left")
    return made


def _slice(ax, values, scores, config):
    """One hyperparameter of ``slices``; the first value is the best trial's."""
    import pandas as pd
    from pandas.api import types

    ax.set_xlabel(_named(values.name, values.count(), len(values)))
    numeric = types.is_numeric_dtype(values) and not types.is_bool_dtype(values)
    if not numeric:
        choices = pd.Categorical(values, config.get("values"))
        values = pd.Series(choices.codes, values.index).where(choices.codes >= 0)
        ax.set_xticks(range(len(choices.categories)), map(_value, choices.categories), rotation=30)
    elif config.get("sampling") == "log":
        ax.set_xscale("log")
    elif values.dropna().mod(1).eq(0).all():
        ax.locator_params(axis="x", integer=True)
    ax.plot(values, scores, "o", color=COLOURS["blue"], alpha=0.55, markersize=6)
    if numeric and values.count() >= 6:
        order = values.dropna().sort_values(kind="stable").index
        x, y = (one[order].rolling(max(5, len(order) // 3)).median() for one in (values, scores))
        ax.plot(x, y, color=COLOURS["black"], label="moving median")
    _star(ax, values[:1], scores[:1], "vermillion", "best")


def importance(found, ax=None):
    """Draw how much each hyperparameter matters, with the surrogate's R2 in the title.

    Args:
        found: what ``insight.importance`` returns.
        ax: axes to draw on; None makes a new figure.

    Returns:
        The axes; the bars are grey when the surrogate is not to be trusted.
    """
    table = found.table.iloc[::-1]
    counts = zip(table["hyperparameter"], table["active"], strict=True)
    labels = [_named(name, count, found.trials) for name, count in counts]
    ax = _axes(ax, height=1.7 + 0.55 * len(table))
    colour = COLOURS["blue" if found.trusted else "grey"]
    ax.barh(labels, table["importance"], xerr=table["spread"], color=colour, capsize=4)
    ax.axvline(0, color=COLOURS["black"], linewidth=1)
    title, top = "Not to be trusted: do not read the bars", found.table.iloc[0]
    if found.trusted:
        title = f"{_literal(top['hyperparameter'])} comes first in {top['first']:.0%} of resamples"
    title += f"\n(surrogate: R2 = {found.r2:.2f}, {found.trials} trials)"
    ax.set(title=title, xlabel="R2 lost when the values are shuffled (line: spread of resamples)")
    return ax
