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


def show(figure, *, alt, width=None):
    """Display a figure in the notebook with its description, and close it.

    Args:
        figure: a matplotlib figure, or an axes of it.
        alt: what the figure shows, in a sentence, for readers who cannot see it.
        width: largest width on the page in pixels; None takes the figure's own.

    Raises:
        ValueError: ``alt`` is empty.
    """
    import matplotlib.figure
    from IPython.display import HTML, display

    if not isinstance(figure, matplotlib.figure.FigureBase):
        figure = getattr(figure, "figure", None)
    if figure is None:
        raise TypeError(
            "show needs a matplotlib figure or axes, for example plots.show(ax, alt=…)."
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
    display(
        HTML(
            f'<img alt="{html.escape(alt.strip(), quote=True)}" '
            f'style="max-width: 100%; width: {width}px" '
            f'src="data:image/png;base64,{picture}">'
        )
    )


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
