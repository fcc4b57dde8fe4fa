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
    """Set the course's colours and font sizes for all figures that follow."""
    import matplotlib

    matplotlib.rcParams.update(
        {
            "axes.prop_cycle": matplotlib.cycler(color=[COLOURS[name] for name in CYCLE]),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 13,
            "axes.titlelocation": "left",
            "axes.labelsize": 12,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#E3E3E3",
            "xtick.labelsize": 11,
            "ytick.labelsize": 11,
            "legend.fontsize": 11,
            "legend.frameon": False,
            "lines.linewidth": 2,
            "figure.figsize": (8, 4.5),
            "figure.titlesize": 14,
            "figure.dpi": 100,
            "image.cmap": "cividis",
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


def image(figure, *, alt, width=None):
    """A figure as an HTML image that holds its own picture and description; the figure is closed.

    Args:
        figure: a matplotlib figure, or an axes of it.
        alt: what the figure shows, in a sentence, for readers who cannot see it.
        width: largest width on the page in pixels; None takes the figure's own.

    Returns:
        An ``<img>`` element as text.

    Raises:
        ValueError: ``alt`` is empty.
    """
    import matplotlib.figure

    if not isinstance(figure, matplotlib.figure.FigureBase):
        figure = getattr(figure, "figure", None)
    if figure is None:
        raise TypeError(
            "This needs a matplotlib figure or axes, for example plots.show(ax, alt=…)."
        )
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(
            "This figure has no description: say in alt= what it shows, in one sentence."
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight", metadata={"Software": None})
    width = width or round(100 * figure.get_figwidth())
    picture = base64.b64encode(buffer.getvalue()).decode()
    _close(figure)
    return (
        f'<img alt="{html.escape(alt.strip(), quote=True)}" '
        f'style="max-width: 100%; width: {width}px" '
        f'src="data:image/png;base64,{picture}">'
    )


def show(figure, *, alt, width=None):
    """Display a figure in the notebook with its description, and close it; see ``image``."""
    from IPython.display import HTML, display

    display(HTML(image(figure, alt=alt, width=width)))


def _close(figure):
    """Close the figure, also one that was made with ``pyplot``."""
    import sys

    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)


def learning_curves(history, ax=None, *, metric="loss", title=None):
    """Draw a metric on training and validation data against the epoch.

    Args:
        history: what ``fit`` returns, or its ``.history``: lists with one value an epoch.
        ax: axes to draw on; None makes a new figure.
        metric: name of the metric, without ``val_``.
        title: the finding; None computes it (the best validation epoch).

    Returns:
        The axes.
    """
    values = getattr(history, "history", history)
    if metric not in values:
        raise ValueError(
            f"The history has no metric {metric!r}; it has {', '.join(sorted(values))}."
        )
    ax = _axes(ax)
    epochs = np.arange(1, len(values[metric]) + 1)
    ax.plot(epochs, values[metric], "o-", color=COLOURS["blue"], label="training", markersize=5)
    held_out = values.get(f"val_{metric}")
    if held_out is not None:
        ax.plot(epochs, held_out, "s-", color=COLOURS["orange"], label="validation", markersize=5)
        best = int(np.nanargmin(held_out) if "loss" in metric else np.nanargmax(held_out))
        ax.plot(epochs[best], held_out[best], "*", color=COLOURS["black"], markersize=13, zorder=3)
        if title is None:
            title = (
                f"Validation {metric} is best at epoch {best + 1} of {len(epochs)}: "
                f"{held_out[best]:.3f}"
            )
    ax.set(xlabel="epoch", ylabel=metric, title=title or f"{metric} on the training data")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend()
    return ax


def image_grid(images, labels, class_names, *, columns=5, predicted=None, title=None):
    """Draw images in a grid, each under the name of its class.

    Args:
        images: shape (n, height, width, channels) or (n, height, width), pixel values 0 to 255.
        labels: class indices, shape (n,), or one-hot, shape (n, number of classes).
        class_names: one name a class.
        columns: images in a row.
        predicted: predicted classes like ``labels``; a wrong one is named in a second line.
        title: title of the figure.

    Returns:
        The figure.
    """
    images, labels = np.asarray(images), _indices(labels)
    rows = -(-len(images) // columns)
    made, axes = figure(
        rows,
        columns,
        width=1.7 * columns,
        height=(2.3 if predicted is not None else 2.0) * rows,
        squeeze=False,
    )
    predicted = None if predicted is None else _indices(predicted)
    for index, ax in enumerate(axes.flat):
        ax.axis("off")
        if index >= len(images):
            continue
        picture = images[index].astype("float32") / 255
        ax.imshow(np.squeeze(picture), cmap="gray", vmin=0, vmax=1)
        name, colour = class_names[labels[index]], COLOURS["black"]
        if predicted is not None and predicted[index] != labels[index]:
            name += f"\n(said: {class_names[predicted[index]]})"
            colour = COLOURS["vermillion"]
        ax.set_title(name, fontsize=11, loc="center", color=colour)
    if title:
        made.suptitle(title, x=0.01, ha="left")
    return made


def _indices(labels):
    labels = np.asarray(labels)
    return labels.argmax(axis=1) if labels.ndim == 2 else labels.astype(int)


def seed_spread(
    scores, ax=None, *, label="validation accuracy", seeds=None, level=0.95, title=None
):
    """Draw the scores of one model under several seeds, with their mean and its interval.

    Args:
        scores: one score a seed, or a dictionary from a model's name to its scores.
        ax: axes to draw on; None makes a new figure.
        label: what the score is.
        seeds: the seeds, written beside the dots; None writes nothing.
        level: confidence level of the interval of the mean.
        title: the finding; None computes it (the range of the scores).

    Returns:
        The axes.
    """
    from helpers import evaluate

    groups = scores if isinstance(scores, dict) else {"": scores}
    ax = _axes(ax, height=1.6 + 1.1 * len(groups))
    for row, (_name, values) in enumerate(groups.items()):
        values = np.asarray(values, dtype=float)
        colour = COLOURS[CYCLE[row % len(CYCLE)]]
        ax.plot(values, np.full(len(values), row), "o", color=colour, markersize=9, alpha=0.8)
        if seeds is not None:
            for value, seed in zip(values, seeds, strict=True):
                ax.annotate(
                    f"{seed}",
                    (value, row),
                    (0, -18),
                    textcoords="offset points",
                    ha="center",
                    fontsize=10,
                )
        if len(values) > 1:
            interval = evaluate.confidence_interval(values, level)
            ax.errorbar(
                interval.mean,
                row + 0.25,
                fmt="D",
                color=COLOURS["black"],
                capsize=5,
                xerr=[[interval.mean - interval.low], [interval.high - interval.mean]],
            )
    ax.set_yticks(range(len(groups)), list(groups))
    ax.set_ylim(-0.5, len(groups) - 0.5)
    ax.invert_yaxis() if len(groups) > 1 else None
    if title is None:
        everything = [np.asarray(values, dtype=float) for values in groups.values()]
        widest = max(np.ptp(values) for values in everything)
        runs = max(len(values) for values in everything)
        title = f"{runs} seeds, nothing else changed: the {label} varies by {widest:.3f}"
    ax.set(xlabel=f"{label} (diamond: mean, {level:.0%} interval)", title=title)
    return ax


def best_so_far(curves, ax=None, *, score="validation loss", title=None):
    """Draw the best score after each trial, with the single trials as dots.

    Args:
        curves: what ``results.best_so_far`` returns, or a dictionary from a name to such a table.
        ax: axes to draw on; None makes a new figure.
        score: what the score is.
        title: the finding; None computes it (the trial with the best score of each search).

    Returns:
        The axes.
    """
    curves = curves if isinstance(curves, dict) else {"": curves}
    ax = _axes(ax)
    found = []
    for (name, table), key in zip(curves.items(), CYCLE, strict=False):
        colour = COLOURS[key]
        ax.plot(table["trials"], table["score"], "o", color=colour, alpha=0.35, markersize=5)
        ax.step(table["trials"], table["best"], where="post", color=colour, label=name or None)
        last = table["best"].iloc[-1]
        first = int((table["best"] == last).to_numpy().argmax())
        ax.plot(table["trials"].iloc[first], last, "*", color=colour, markersize=14, zorder=3)
        prefix = f"{name}: " if name else ""
        found.append(f"{prefix}best {last:.3f} in trial {first + 1} of {len(table)}")
    ax.set(xlabel="trials so far", ylabel=score, title=title or "; ".join(found))
    ax.xaxis.get_major_locator().set_params(integer=True)
    if any(curves):
        ax.legend()
    return ax


def trial_curves(
    history, trials, ax=None, *, metric="val_loss", direction="min", start=None, title=None
):
    """Draw a metric against the epoch for a few trials, the training metric dashed beside it.

    Args:
        history: what ``results.history_table`` returns.
        trials: ids of the trials to draw, the best first.
        ax: axes to draw on; None makes a new figure.
        metric: the metric, drawn as a line with dots; without ``val_``, if there, dashed.
        direction: "min" when a lower value is better, else "max"; the best epochs get a star.
        start: dictionary from a trial's id to the epochs it goes on from (Hyperband); None is 0.
        title: the finding; None computes it (the best epoch of the first trial).

    Returns:
        The axes; several executions of a trial have the same colour.
    """
    from helpers import evaluate

    sign = evaluate.sign_of(direction)
    ax = _axes(ax)
    trained = metric.removeprefix("val_")
    finding = ""
    for trial, key in zip(trials, CYCLE, strict=False):
        own = history[history["trial"] == trial]
        best = None
        for number, run in own.groupby("execution"):
            run = run[run[metric].notna()]
            x = run["epoch"] + (start or {}).get(trial, 0)
            label = f"trial {trial}" if number == own["execution"].iloc[0] else None
            ax.plot(x, run[metric], "o-", color=COLOURS[key], label=label, markersize=4)
            if trained != metric and trained in run:
                ax.plot(x, run[trained], "--", color=COLOURS[key], linewidth=1, alpha=0.7)
            if len(run):
                place = int(np.argmin(sign * run[metric].to_numpy()))
                here = (sign * run[metric].iloc[place], x.iloc[place], x.iloc[-1])
                best = min(best or here, here)
        if best is None:
            continue
        ax.plot(best[1], sign * best[0], "*", color=COLOURS[key], markersize=14, zorder=3)
        finding = finding or f"Trial {trial} is best at epoch {best[1]} of {best[2]}"
    ax.set(xlabel="epoch", ylabel=plain(metric), title=finding if title is None else title)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend()
    return ax


def _positions(values, config):
    """Numbers to draw a hyperparameter at, and its tick labels when it is not a number."""
    active = values.dropna()
    if all(
        isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))
        for value in active
    ):
        return values.astype(float).to_numpy(), None
    labels = [value for value in config.get("values", []) if value in set(active)]
    labels += sorted(set(active) - set(labels), key=str)
    return values.map({label: index for index, label in enumerate(labels)}).to_numpy(float), labels


def plain(text):
    """Text that matplotlib draws as it is: a dollar sign starts no formula."""
    return str(text).replace("$", r"\$")


def _value(value):
    if isinstance(value, (float, np.floating)):
        plain_digits = float(value).is_integer() or abs(value) >= 1e4
        value = f"{value:.0f}" if plain_digits and abs(value) < 1e7 else f"{value:.4g}"
    return plain(value)


def _logarithmic(config):
    return config.get("sampling") == "log"


def _named(name, active, trials):
    """A hyperparameter's label; says in how many trials it was active when not in all."""
    return plain(name) + (f"\n(active in {active} of {trials})" if active < trials else "")


def _trend(x, y):
    """A moving median over a third of the points, for the eye."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    width = max(5, len(x) // 3)
    middle = [
        (np.mean(x[start : start + width]), np.median(y[start : start + width]))
        for start in range(0, len(x) - width + 1)
    ]
    return np.array(middle).T if len(middle) > 1 else None


def slices(table, *, direction="min", score="validation loss", names=None, title=None):
    """Draw the score against each hyperparameter, with a moving median and the best trial.

    Args:
        table: what ``results.trials_table`` returns.
        direction: "min" when a lower score is better, else "max".
        score: what the score is.
        names: hyperparameters to draw; None draws all that vary.
        title: title of the figure; None computes it (the values of the best trial).

    Returns:
        The figure; one axes a hyperparameter.
    """
    from helpers import results

    rows = results.ranked(table, direction)
    names = names or [
        name for name in results.hyperparameters(rows) if rows[name].nunique(dropna=True) > 1
    ]
    if not names:
        raise ValueError("No hyperparameter varies between the trials: there is nothing to draw.")
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    made, axes = figure(
        lines,
        columns,
        width=max(5.0, 3.4 * columns),
        height=3.5 * lines,
        sharey=True,
        squeeze=False,
    )
    space = table.attrs.get("space", {})
    for ax, name in zip(axes.flat, names, strict=False):
        config = space.get(name, {}).get("config", {})
        x, labels = _positions(rows[name], config)
        y = rows["score"].to_numpy()
        shown = np.isfinite(x)
        ax.plot(x[shown], y[shown], "o", color=COLOURS["blue"], alpha=0.55, markersize=6)
        if labels is None and shown.sum() >= 6:
            trend = _trend(x[shown], y[shown])
            if trend is not None:
                ax.plot(*trend, color=COLOURS["black"], label="moving median")
        if shown[0]:
            ax.plot(
                x[0], y[0], "*", color=COLOURS["vermillion"], markersize=16, label="best", zorder=3
            )
        if labels is not None:
            ax.set_xticks(range(len(labels)), [_value(label) for label in labels])
            if sum(len(str(label)) for label in labels) > 18:
                ax.tick_params(axis="x", labelrotation=30)
        elif _logarithmic(config):
            ax.set_xscale("log")
        elif np.all(x[shown] == np.round(x[shown])):
            ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel(_named(name, int(shown.sum()), len(rows)))
    for ax in list(axes.flat)[len(names) :]:
        ax.axis("off")
    for ax in axes[:, 0]:
        ax.set_ylabel(score)
    axes.flat[0].legend(loc="best")
    best = ", ".join(
        f"{plain(name)} = {_value(rows[name].iloc[0])}"
        for name in names
        if rows[name].notna().iloc[0]
    )
    made.suptitle(title or f"Best of {len(rows)} trials: {best}", x=0.01, ha="left", fontsize=12)
    return made


def parallel_coordinates(
    table, ax=None, *, best=5, direction="min", score="validation loss", title=None
):
    """Draw each trial as a line across its hyperparameters and its score, the best highlighted.

    Args:
        table: what ``results.trials_table`` returns.
        ax: axes to draw on; None makes a new figure.
        best: how many of the best trials to highlight.
        direction: "min" when a lower score is better, else "max".
        score: what the score is.
        title: the finding; None computes it (on which hyperparameter the best agree most).

    Returns:
        The axes. The best score is at the top; a line has a gap where a hyperparameter is inactive.
    """
    from helpers import results

    rows = results.ranked(table, direction)
    names = [name for name in results.hyperparameters(rows) if rows[name].nunique(dropna=True) > 1]
    space = table.attrs.get("space", {})
    best = min(best, len(rows))
    ax = _axes(ax, width=9.0, height=5.0)
    heights, spans = [], {}
    for position, name in enumerate([*names, score]):
        if position < len(names):
            config = space.get(name, {}).get("config", {})
            x, labels = _positions(rows[name], config)
            if _logarithmic(config):
                low, high = np.log(np.nanmin(x)), np.log(np.nanmax(x))
                scaled = (np.log(x) - low) / max(high - low, 1e-12)
            else:
                scaled = (x - np.nanmin(x)) / max(np.nanmax(x) - np.nanmin(x), 1e-12)
            spans[name] = np.ptp(scaled[:best]) if np.all(np.isfinite(scaled[:best])) else 1.0
            ends = (labels[0], labels[-1]) if labels else (np.nanmin(x), np.nanmax(x))
            ends = [_value(end) for end in ends]
        else:
            y = rows["score"].to_numpy()
            scaled = (y - y.min()) / max(np.ptp(y), 1e-12)
            ends = [f"{y.min():.3f}", f"{y.max():.3f}"]
            if direction == "min":
                scaled, ends = 1 - scaled, ends[::-1]
        heights.append(scaled)
        ax.axvline(position, color=COLOURS["grey"], linewidth=1)
        for height, text, side in ((0, ends[0], "top"), (1, ends[1], "bottom")):
            ax.text(position, height + (0.02 if height else -0.02), text, ha="center", va=side)
    heights = np.array(heights)
    for index in reversed(range(len(rows))):
        highlighted = index < best
        ax.plot(
            heights[:, index],
            color=COLOURS["vermillion"] if highlighted else COLOURS["sky"],
            alpha=1.0 if highlighted else 0.35,
            linewidth=2.5 if highlighted else 1.2,
            zorder=3 if highlighted else 2,
            # A value between two gaps has no line of its own: a dot keeps it in sight.
            marker="o" if np.isnan(heights[:, index]).any() else None,
            markersize=5 if highlighted else 3,
        )
    if title is None and spans:
        agreed = plain(min(spans, key=spans.get))
        title = f"The best {best} of {len(rows)} trials agree most on {agreed}"
    labels = [_named(name, int(rows[name].notna().sum()), len(rows)) for name in names]
    ax.set_xticks(range(len(names) + 1), [*labels, plain(score)])
    ax.set(yticks=[], ylim=(-0.1, 1.1), xlim=(-0.3, len(names) + 0.3), title=title)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.grid(False)
    return ax


def importance(found, ax=None, *, title=None):
    """Draw how much each hyperparameter matters, with the surrogate's R2 in the title.

    Args:
        found: what ``insight.importance`` returns.
        ax: axes to draw on; None makes a new figure.
        title: the finding; None computes it. R2 is always shown.

    Returns:
        The axes; the bars are grey when the surrogate is not to be trusted.
    """
    table = found.table.iloc[::-1]
    active = table["active"] if "active" in table else [found.trials] * len(table)
    labels = [
        _named(name, count, found.trials)
        for name, count in zip(table["hyperparameter"], active, strict=True)
    ]
    ax = _axes(ax, height=1.7 + 0.55 * len(table))
    ax.barh(
        labels,
        table["importance"],
        xerr=table["spread"],
        color=COLOURS["blue"] if found.trusted else "#C8C8C8",
        ecolor=COLOURS["black"],
        capsize=4,
    )
    ax.axvline(0, color=COLOURS["black"], linewidth=1)
    if title is None:
        top = plain(found.table["hyperparameter"].iloc[0])
        title = (
            f"{top} matters most" if found.trusted else "Not to be trusted: do not read the bars"
        )
    ax.set(
        title=f"{title}\n(surrogate: R2 = {found.r2:.2f}, {found.trials} trials)",
        xlabel="R2 lost when the values are shuffled",
    )
    return ax


def top_fraction(curve, ax=None, *, fraction=0.05, title=None):
    """Draw the probability that a random search has met a top trial, theory and resampled.

    Args:
        curve: what ``insight.top_fraction_curve`` returns.
        ax: axes to draw on; None makes a new figure.
        fraction: the share that counts as top.
        title: the finding; None computes it (trials for 95 % by theory).

    Returns:
        The axes.
    """
    from helpers import insight

    ax = _axes(ax)
    needed = insight.trials_needed(0.95, fraction)
    trials = np.arange(1, max(int(curve["trials"].max()), round(1.2 * needed)) + 1)
    ax.plot(
        trials,
        insight.top_fraction_probability(trials, fraction),
        color=COLOURS["black"],
        label=f"theory: 1 - (1 - {fraction:g})$^n$",
    )
    ax.plot(
        curve["trials"],
        curve["resampled"],
        ".",
        color=COLOURS["orange"],
        label=f"the {len(curve)} recorded trials, in shuffled order",
    )
    ax.axhline(0.95, color=COLOURS["grey"], linewidth=1, linestyle="--")
    ax.plot(needed, insight.top_fraction_probability(needed, fraction), "D", color=COLOURS["blue"])
    ax.set(
        xlabel="random trials n",
        ylabel=f"probability of a top {fraction:.0%} trial",
        ylim=(0, 1.03),
        title=title or f"A top {fraction:.0%} trial with 95% probability takes {needed} trials",
    )
    ax.legend(loc="lower right")
    return ax


def expected_best(curve, ax=None, *, score="validation loss", title=None):
    """Draw which best score random searches of 1, 2, … trials end with.

    Args:
        curve: what ``insight.top_fraction_curve`` returns.
        ax: axes to draw on; None makes a new figure.
        score: what the score is.
        title: the finding; None computes it (the gain of the second half of the trials).

    Returns:
        The axes: the mean and the range of nine searches in ten.
    """
    ax = _axes(ax)
    ax.fill_between(
        curve["trials"],
        curve["low"],
        curve["high"],
        color=COLOURS["sky"],
        alpha=0.35,
        linewidth=0,
        label="nine searches in ten",
    )
    ax.plot(curve["trials"], curve["best"], color=COLOURS["blue"], label="mean of all orders")
    if title is None:
        half = len(curve) // 2
        start, middle, end = (curve["best"].iloc[i] for i in (0, max(half - 1, 0), -1))
        share = abs(end - middle) / abs(end - start) if end != start else 0.0
        title = f"The last {len(curve) - half} of {len(curve)} trials bring {share:.0%} of the gain"
    ax.set(xlabel="random trials", ylabel=f"best {score}", title=title)
    ax.legend()
    return ax


def comparison(scores, difference=None, *, score="test accuracy", level=0.95, title=None):
    """Draw models over the same seeds, paired by lines, beside the difference and its interval.

    Args:
        scores: a dictionary with two entries: name of the model to one score a seed.
        difference: what ``evaluate.paired_difference(second, first)`` returns; None computes it.
        score: what the score is.
        level: confidence level when the difference is computed here.
        title: the finding; None computes it.

    Returns:
        The figure with two axes.
    """
    from helpers import evaluate

    (first, a), (second, b) = scores.items()
    difference = difference or evaluate.paired_difference(b, a, level)
    made, (left, right) = figure(1, 2, width=9.0, height=4.4, width_ratios=(2, 1))
    for x, y in zip(a, b, strict=True):
        left.plot([0, 1], [x, y], "-", color=COLOURS["grey"], linewidth=1, zorder=1)
    for place, values, key in ((0, a, "blue"), (1, b, "orange")):
        interval = evaluate.confidence_interval(values, level)
        left.plot(np.full(len(values), place), values, "o", color=COLOURS[key], markersize=9)
        aside = place + (-0.15 if place == 0 else 0.15)
        half = [[interval.mean - interval.low], [interval.high - interval.mean]]
        left.errorbar(aside, interval.mean, yerr=half, fmt="D", color="black", capsize=5)
    left.set_xticks([0, 1], [first, second])
    left.set(xlim=(-0.4, 1.4), ylabel=score, title=f"{len(a)} seeds, the same for both")
    half = [[difference.mean - difference.low], [difference.high - difference.mean]]
    right.errorbar(0, difference.mean, yerr=half, fmt="D", color="black", capsize=6)
    right.axhline(0, color=COLOURS["vermillion"], linewidth=1.5)
    right.set_xticks([0], [f"{second} minus {first}"])
    right.set(xlim=(-1, 1), title=f"difference, {difference.level:.0%} interval")
    if title is None:
        if difference.low > 0 or difference.high < 0:
            word = "better" if difference.low > 0 else "worse"
            title = f"The {second} is {word} by {abs(difference.mean):.3f}"
        else:
            title = f"{second} and {first} cannot be told apart over {difference.n} seeds"
            title = title[0].upper() + title[1:]
    made.suptitle(title, x=0.01, ha="left")
    return made


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
