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
    title = "Not to be trusted: do not read the bars"
    if found.trusted:
        title = f"{_literal(found.table['hyperparameter'].iloc[0])} matters most"
    title += f"\n(surrogate: R2 = {found.r2:.2f}, {found.trials} trials)"
    ax.set(title=title, xlabel="R2 lost when the values are shuffled")
    return ax


def _at_epochs(curves):
    """Best scores of several seeds at 1, 2, … epochs, shape (seeds, epochs); NaN before a score."""
    last = max(int(curve["epochs"].max()) for curve in curves)
    grid = np.arange(1, last + 1)
    rows = []
    for curve in curves:
        place = np.searchsorted(curve["epochs"].to_numpy(), grid, side="right") - 1
        rows.append(np.where(place >= 0, curve["best"].to_numpy()[place], np.nan))
    return grid, np.array(rows)


def by_epochs(searches, *, direction="min", score="validation loss", title=None):
    """Draw the best score against the training epochs spent, one axes a search, with a band.

    Args:
        searches: dictionary from a name to a list of ``results.best_by_epochs`` tables, one a seed.
        direction: "min" when a lower score is better, else "max".
        score: what the score is.
        title: the finding; None computes it (the best mean at the end).

    Returns:
        The figure. The line is the mean of the seeds, the band goes from the lowest to the highest;
        the means of the other searches are grey. The score axis shows what is reached in the second
        half of the budget, so the first steps of a curve may lie outside.
    """
    from helpers import evaluate

    sign = evaluate.sign_of(direction)
    found = {name: _at_epochs(curves) for name, curves in searches.items()}
    columns = 2 if len(found) == 4 else min(3, len(found))
    lines = -(-len(found) // columns)
    made, axes = figure(
        lines,
        columns,
        width={1: 6.0, 2: 9.0, 3: 10.5}[columns],
        height=3.1 * lines + 0.4,
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    means = {}
    for name, (grid, values) in found.items():
        known = np.all(np.isfinite(values), axis=0)
        means[name] = (grid[known], values[:, known].mean(axis=0))
    for ax, (name, key) in zip(axes.flat, zip(found, CYCLE * 3, strict=False), strict=False):
        grid, values = found[name]
        for other, curve in means.items():
            if other != name:
                ax.step(*curve, where="post", color="#C8C8C8", linewidth=1, zorder=1)
        known = np.all(np.isfinite(values), axis=0)
        low, high = values[:, known].min(axis=0), values[:, known].max(axis=0)
        ax.fill_between(
            grid[known], low, high, step="post", color=COLOURS[key], alpha=0.25, linewidth=0
        )
        ax.step(*means[name], where="post", color=COLOURS[key])
        ax.set_title(f"{name}: {means[name][1][-1]:.3f}", fontsize=12)
    half = [values[:, grid >= grid[-1] / 2] for grid, values in found.values()]
    shown = np.concatenate([part[np.isfinite(part)] for part in half])
    margin = 0.08 * (np.ptp(shown) or 1.0)
    axes[0, 0].set_ylim(shown.min() - margin, shown.max() + margin)
    for ax in list(axes.flat)[len(found) :]:
        ax.axis("off")
    for column in range(columns):
        rows = [row for row in range(lines) if row * columns + column < len(found)]
        bottom = axes[rows[-1], column]
        bottom.set_xlabel("training epochs spent")
        bottom.tick_params(labelbottom=True)
        bottom.xaxis.get_major_locator().set_params(integer=True)
    for ax in axes[:, 0]:
        ax.set_ylabel(f"best {score}")
    if title is None:
        ends = {name: curve[1][-1] for name, curve in means.items()}
        best = sign * min(sign * end for end in ends.values())
        first = [name for name, end in ends.items() if f"{end:.3f}" == f"{best:.3f}"]
        seeds = max(len(values) for _grid, values in found.values())
        title = (
            f"{' and '.join(first)} end{'s' if len(first) == 1 else ''} with the best mean, "
            f"{best:.3f} (band: lowest to highest of {seeds} seed{'s' if seeds > 1 else ''})"
        )
    made.suptitle(title, x=0.01, ha="left", fontsize=13)
    return made


def ranks(table, ax=None, *, title=None):
    """Draw mean ranks over seeds with their intervals, the best at the top.

    Args:
        table: what ``evaluate.mean_ranks`` returns.
        ax: axes to draw on; None makes a new figure.
        title: the finding; None computes it (whether the best and the next overlap).

    Returns:
        The axes.
    """
    ax = _axes(ax, height=1.6 + 0.5 * len(table))
    rows = np.arange(len(table))
    ax.errorbar(
        table["rank"],
        rows,
        xerr=[table["rank"] - table["low"], table["high"] - table["rank"]],
        fmt="D",
        color=COLOURS["blue"],
        capsize=5,
        markersize=8,
    )
    ax.set_yticks(rows, table["name"])
    ax.invert_yaxis()
    ax.set_xlim(0.7, len(table) + 0.3)
    ax.xaxis.get_major_locator().set_params(integer=True)
    if title is None:
        apart = list(table["name"][table["low"] > table["high"][0]])
        worse = f"only {' and '.join(apart)} clearly behind" if apart else "no clear order"
        title = f"{table['name'][0]} has the best mean rank; {worse}"
    ax.set(xlabel="mean rank, 1 is best (bar: interval)", title=title)
    return ax


def coverage(designs, response, *, names=("important", "unimportant"), title=None):
    """Draw which values of two hyperparameters each design tries, and what that shows of the score.

    Args:
        designs: dictionary from a name to an array of points, shape (trials, 2), in 0 to 1.
        response: function from the values of the first hyperparameter to the score.
        names: names of the two hyperparameters; only the first changes the score.
        title: the finding; None computes it (how many different values each design tries).

    Returns:
        The figure: the points below, what they show of the score above, one column a design.
    """
    made, axes = figure(
        2,
        len(designs),
        width=4.2 * len(designs),
        height=5.6,
        sharex=True,
        sharey="row",
        squeeze=False,
        height_ratios=(1, 1.5),
    )
    line = np.linspace(0, 1, 201)
    counts = []
    for (top, bottom), (name, points), key in zip(axes.T, designs.items(), CYCLE, strict=False):
        points = np.asarray(points, dtype=float)
        tried = np.unique(points[:, 0].round(6))
        counts.append(f"{name}: {len(tried)} of {len(points)}")
        top.plot(line, response(line), color=COLOURS["black"], linewidth=1.5)
        top.plot(tried, response(tried), "o", color=COLOURS[key], markersize=8)
        top.set_title(f"{name}: {len(tried)} values of the {names[0]} one", fontsize=12)
        bottom.vlines(tried, -0.05, 1.05, color=COLOURS[key], alpha=0.25, linewidth=1.2)
        bottom.plot(*points.T, "o", color=COLOURS[key], markersize=8)
        bottom.set(xlabel=names[0], ylim=(-0.05, 1.05), xlim=(-0.05, 1.05))
    axes[0, 0].set_ylabel("score")
    axes[1, 0].set_ylabel(names[1])
    made.suptitle(
        title or f"Different values of what matters: {', '.join(counts)}", x=0.01, ha="left"
    )
    return made


def bracket(table, history, ax=None, *, number=None, metric="val_loss", title=None):
    """Draw one bracket of a Hyperband search: who was trained on, and who was dropped.

    Args:
        table: what ``results.trials_table`` returns for a Hyperband search.
        history: what ``results.history_table`` returns for it, with the column of the metric.
        ax: axes to draw on; None makes a new figure.
        number: which bracket; None takes the one with the most rounds.
        metric: name of the metric.
        title: the finding; None computes it (how many start and how many are trained to the end).

    Returns:
        The axes; a line is one configuration, its colour says how many rounds it survived.

    Raises:
        ValueError: the table is not one of a Hyperband search.
    """
    if "tuner/bracket" not in table:
        raise ValueError("This is no Hyperband search: its table has no column tuner/bracket.")
    number = int(table["tuner/bracket"].max()) if number is None else number
    rows = table[(table["tuner/bracket"] == number) & (table["status"] == "COMPLETED")]
    rounds = sorted(int(value) for value in rows["tuner/round"].unique())
    parents = rows.set_index("trial").get("tuner/trial_id")
    survived = {
        trial: int(value) for trial, value in zip(rows["trial"], rows["tuner/round"], strict=True)
    }
    for trial in sorted(survived, key=survived.get, reverse=True):
        parent = None if parents is None else parents.get(trial)
        if isinstance(parent, str) and parent in survived:
            survived[parent] = max(survived[parent], survived[trial])
    ax = _axes(ax)
    colours = [COLOURS["grey"], COLOURS["sky"], COLOURS["blue"], COLOURS["vermillion"]]
    colours = [colours[0], *colours[-len(rounds) + 1 :]] if len(rounds) > 1 else colours[1:2]
    ends = {}
    for trial in rows.sort_values("tuner/round")["trial"]:
        row = rows[rows["trial"] == trial].iloc[0]
        values = history.loc[history["trial"] == trial, metric].to_numpy()
        x = int(row["tuner/initial_epoch"]) + np.arange(1, len(values) + 1)
        parent = None if parents is None else parents.get(trial)
        if isinstance(parent, str) and parent in ends:
            x, values = np.append(ends[parent][0], x), np.append(ends[parent][1], values)
        ends[trial] = (x[-1], values[-1])
        colour = colours[min(rounds.index(survived[trial]), len(colours) - 1)]
        ax.plot(x, values, "o-", color=colour, markersize=4, linewidth=1.8)
    counts = [int((rows["tuner/round"] == one).sum()) for one in rounds]
    for one, count in zip(rounds, counts, strict=True):
        start = int(rows.loc[rows["tuner/round"] == one, "tuner/initial_epoch"].iloc[0])
        word = "start" if one == rounds[0] else "go on"
        ax.axvline(start + 0.5, color=COLOURS["grey"], linewidth=1, linestyle="--")
        ax.annotate(
            f"{count} {word}",
            (start + 0.5, 1),
            (4, -4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
        )
    if title is None:
        last = int(rows["tuner/epochs"].max())
        title = f"{counts[0]} configurations start, {counts[-1]} get all {last} epochs"
    ax.set(
        xlabel="epochs of this configuration",
        ylabel=metric.replace("val_loss", "validation loss"),
        title=title,
    )
    ax.xaxis.get_major_locator().set_params(integer=True)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.08 * (high - low))  # room for the words at the top
    return ax


def proposal(x, mean, deviation, tried, chosen, ax=None, *, beta=2.6, truth=None, title=None):
    """Draw a Gaussian process over one hyperparameter, and the trial it proposes next.

    Args:
        x: values of the hyperparameter, shape (n,).
        mean, deviation: the process's mean and standard deviation of the score there, shape (n,).
        tried: (values, scores) of the trials so far.
        chosen: value of the proposed trial.
        ax: axes to draw on; None makes a new figure.
        beta: how many standard deviations the proposal rule subtracts (KerasTuner's beta).
        truth: the true scores, shape (n,), where they are known.
        title: the finding; None computes it.

    Returns:
        The axes: a lower score is better.
    """
    ax = _axes(ax)
    x, mean, deviation = (np.asarray(values, dtype=float) for values in (x, mean, deviation))
    bound = mean - beta * deviation
    ax.fill_between(x, bound, mean + beta * deviation, color=COLOURS["sky"], alpha=0.3, linewidth=0)
    if truth is not None:
        ax.plot(x, truth, "--", color=COLOURS["grey"], linewidth=1.5, label="the truth")
    ax.plot(x, mean, color=COLOURS["blue"], label="what the process expects")
    ax.plot(x, bound, color=COLOURS["orange"], label=f"expected - {beta:g} deviations")
    ax.plot(*tried, "o", color=COLOURS["black"], markersize=8, label="trials so far", zorder=3)
    ax.plot(
        chosen,
        np.interp(chosen, x, bound),
        "*",
        color=COLOURS["vermillion"],
        markersize=18,
        label="next trial",
        zorder=4,
    )
    ax.set(
        xlabel="hyperparameter",
        ylabel="score",
        title=title or f"The next trial is where the lower bound is lowest: {chosen:.2f}",
    )
    ax.legend(loc="best")
    return ax


def pareto(
    table, ax=None, *, cost="parameters", direction="min", score="validation loss", title=None
):
    """Draw the score against the cost, with the trials that no other beats in both joined by steps.

    The trials' ids are written beside them; of more than twenty trials, those on the front only.

    Args:
        table: what ``insight.pareto`` returns.
        ax: axes to draw on; None makes a new figure.
        cost: the column with the cost, drawn on a logarithmic axis.
        direction: "min" when a lower score is better, else "max".
        score: what the score is.
        title: the finding; None computes it (the front's size, its cheapest against its best).

    Returns:
        The axes.
    """
    from matplotlib import ticker

    ax = _axes(ax)
    front, others = table[table["pareto"]], table[~table["pareto"]]
    ax.plot(others[cost], others["score"], "o", color=COLOURS["grey"], label="beaten by another")
    ax.step(front[cost], front["score"], where="post", color=COLOURS["vermillion"], linewidth=1.5)
    ax.plot(
        front[cost],
        front["score"],
        "D",
        color=COLOURS["vermillion"],
        markersize=9,
        label="beaten by none (Pareto front)",
    )
    for _, row in (table if len(table) <= 20 else front).iterrows():
        ax.annotate(row["trial"], (row[cost], row["score"]), (7, 5), textcoords="offset points")
    if title is None:
        cheapest, best = front.iloc[0], front.iloc[-1]
        title = f"{len(front)} of {len(table)} trials are beaten by none in both"
        if len(front) > 1:
            times = best[cost] / cheapest[cost]
            gap = abs(best["score"] - cheapest["score"])
            title += f":\nfrom the cheapest to the best, {times:.1f} x the {cost} and {gap:.3f} in"
            title += f" {score}"
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:,.9g}")
    ax.xaxis.set_minor_formatter(ticker.NullFormatter())
    ax.margins(0.1)
    ax.set(xlabel=f"{cost} (logarithmic)", ylabel=score, title=title)
    ax.legend(loc="best")
    return ax
