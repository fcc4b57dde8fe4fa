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
CYCLE = ("blue", "orange", "green", "vermillion", "purple", "sky", "black")


def style():
    """Set the course's colours, font sizes and lines for all figures that follow."""
    import matplotlib

    matplotlib.rcParams.update(
        {
            "axes.prop_cycle": matplotlib.cycler(color=[COLOURS[name] for name in CYCLE]),
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


def image(figure, *, alt):
    """A figure as an HTML image that holds its own picture and description; the figure is closed.

    Args:
        figure: a matplotlib figure, or an axes of it.
        alt: what the figure shows, in a sentence, for readers who cannot see it.

    Returns:
        An ``<img>`` element as text.

    Raises:
        ValueError: ``alt`` is empty.
    """
    from matplotlib import pyplot

    if not isinstance(alt, str) or not alt.strip():
        raise ValueError("This figure has no description: say in alt= what it shows.")
    figure, buffer = figure.figure, io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight", metadata={"Software": None})
    pyplot.close(figure)
    picture = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<img alt="{html.escape(alt.strip(), quote=True)}" '
        f'style="max-width: 100%; width: {100 * figure.get_figwidth():.0f}px" '
        f'src="data:image/png;base64,{picture}">'
    )


def show(figure, *, alt):
    """Display a figure in the notebook with its description, and close it; see ``image``."""
    from IPython.display import HTML, display

    display(HTML(image(figure, alt=alt)))


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


def trial_curves(history, trials, ax=None, *, metric="val_loss", direction="min", start=None):
    """Draw a metric against the epoch for a few trials, the training metric dashed beside it.

    Args:
        history: what ``results.history_table`` returns.
        trials: ids of the trials to draw, the best first.
        ax: axes to draw on; None makes a new figure.
        metric: the metric, drawn as a line with dots; without ``val_``, if there, dashed.
        direction: "min" when a lower value is better, else "max".
        start: dictionary from a trial's id to the epochs it goes on from (Hyperband); None is 0.

    Returns:
        The axes; several executions of a trial have the same colour. A star marks the best epoch of
        each trial, and the title names that of the first.
    """
    ax = _axes(ax)
    trained = metric.removeprefix("val_")
    found = []
    for trial, key in zip(trials, CYCLE, strict=False):
        own = history[(history["trial"] == trial) & history[metric].notna()]
        own = own.assign(epoch=own["epoch"] + (start or {}).get(trial, 0)).reset_index(drop=True)
        if own.empty:
            continue
        for _number, run in own.groupby("execution"):
            ax.plot(run["epoch"], run[metric], "o-", color=COLOURS[key], markersize=4)
            if trained != metric and trained in run:
                ax.plot(run["epoch"], run[trained], "--", color=COLOURS[key], linewidth=1)
        best = own.loc[own[metric].idxmin() if direction == "min" else own[metric].idxmax()]
        _star(ax, best["epoch"], best[metric], key, f"trial {trial}")
        found.append(f"Trial {trial} is best at epoch {best['epoch']} of {own['epoch'].max()}")
    ax.set(xlabel="epoch", ylabel=metric, title=found[0] if found else "No epoch was recorded")
    ax.locator_params(axis="x", integer=True)
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
    colour = COLOURS["blue"] if found.trusted else "#C8C8C8"
    ax.barh(labels, table["importance"], xerr=table["spread"], color=colour, capsize=4)
    ax.axvline(0, color=COLOURS["black"], linewidth=1)
    title, top = "Not to be trusted: do not read the bars", found.table.iloc[0]
    if found.trusted:
        title = f"{_literal(top['hyperparameter'])} comes first in {top['first']:.0%} of resamples"
    title += f"\n(surrogate: R2 = {found.r2:.2f}, {found.trials} trials)"
    ax.set(title=title, xlabel="R2 lost when the values are shuffled (line: spread of resamples)")
    return ax


def by_epochs(searches, *, direction="min", score="validation loss"):
    """Draw the best score against the training epochs spent, one axes a search, with a band.

    Args:
        searches: dictionary from a name to a list of ``results.best_by_epochs`` tables, one a seed.
        direction: "min" when a lower score is better, else "max".
        score: what the score is.

    Returns:
        The figure. The line is the mean of the seeds, the band goes from the lowest to the highest;
        the means of the other searches are grey. The score axis shows what is reached in the second
        half of the budget, so the first steps of a curve may lie outside.
    """
    import pandas as pd

    bands = {}
    for name, curves in searches.items():
        seeds = pd.concat([one.groupby("epochs")["best"].last() for one in curves], axis=1)
        seeds = seeds.reindex(range(1, seeds.index.max() + 1)).ffill().dropna()
        bands[name] = seeds.agg(["mean", "min", "max"], axis=1)
    ends = {name: f"{band['mean'].iloc[-1]:.3f}" for name, band in bands.items()}
    columns = 3 if len(bands) > 4 else min(2, len(bands))
    lines = -(-len(bands) // columns)
    size = {"width": 3.2 * columns + 1, "height": 2.8 * lines + 0.8}
    made, axes = figure(lines, columns, **size, sharex=True, sharey=True, squeeze=False)
    for ax in axes.flat[len(bands) :]:
        ax.axis("off")
    for ax, key, (name, band) in zip(axes.flat, 3 * CYCLE, bands.items(), strict=False):
        for other in bands.values():
            ax.step(other.index, other["mean"], where="post", color="#C8C8C8", linewidth=1)
        low, mean, high = band["min"], band["mean"], band["max"]
        ax.step(band.index, mean, where="post", color=COLOURS[key])
        ax.fill_between(band.index, low, high, step="post", color=COLOURS[key], alpha=0.25)
        ax.set_title(f"{name}: {ends[name]}")
        ax.tick_params(labelbottom=True)
    late = pd.concat([band[len(band) // 2 :] for band in bands.values()]).to_numpy()
    margin = 0.08 * np.ptp(late) or 0.1
    axes[0, 0].set_ylim(late.min() - margin, late.max() + margin)
    axes[0, 0].locator_params(axis="x", integer=True)
    made.supxlabel("training epochs spent (line: mean, band: lowest to highest seed)")
    made.supylabel(f"best {score}")
    best = (min if direction == "min" else max)(ends.values(), key=float)
    first = " and ".join(name for name, end in ends.items() if end == best)
    made.suptitle(f"Best mean at the end: {first}, {best}", x=0.01, ha="left")
    return made


def bracket(table, history, ax=None, *, metric="val_loss"):
    """Draw the sharpest bracket of a Hyperband search: who was trained on, and who was dropped.

    Args:
        table: what ``results.trials_table`` returns for a Hyperband search.
        history: what ``results.history_table`` returns for it, with the column of the metric.
        ax: axes to draw on; None makes a new figure.
        metric: name of the metric.

    Returns:
        The axes; a line is one configuration, its colour says how many rounds it survived.
    """
    import pandas as pd

    rows = table[table["tuner/bracket"] == table["tuner/bracket"].max()]
    rounds = rows[rows["status"] == "COMPLETED"].groupby(["tuner/round", "tuner/epochs"])
    ax, paths = _axes(ax), {}
    for ((_, epochs), part), key in zip(rounds, ("grey", *CYCLE), strict=False):
        ax.plot([], [], color=COLOURS[key], label=f"{len(part)} reach epoch {int(epochs)}")
        for row in part.to_dict("records"):
            values = history.loc[history["trial"] == row["trial"], metric].to_numpy()
            epoch = np.arange(1, len(values) + 1) + row["tuner/initial_epoch"]
            path = [paths.get(row.get("tuner/trial_id")), pd.Series(values, epoch)]
            paths[row["trial"]] = pd.concat(path)
            ax.plot(paths[row["trial"]], "o-", color=COLOURS[key], markersize=4)
    sizes = rounds.size()
    title = f"{sizes.iloc[0]} configurations start, {sizes.iloc[-1]} get all {int(epochs)} epochs"
    score = _literal(metric.replace("val_", "validation "))
    ax.set(xlabel="epochs of this configuration", ylabel=score, title=title)
    ax.locator_params(axis="x", integer=True)
    ax.legend()
    return ax
