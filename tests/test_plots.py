"""Figures: what they show, and that each has a description. No picture is compared."""

import base64
import re

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers import evaluate, insight, plots, results


@pytest.fixture
def table():
    """Twelve trials over a number, a log-sampled number that is inactive once, and a choice."""
    rng = np.random.default_rng(0)
    made = pd.DataFrame(
        {
            "trial": [f"{index:02d}" for index in range(12)],
            "status": "COMPLETED",
            "score": np.linspace(0.5, 0.3, 12),
            "best_epoch": 1,
            "units": np.arange(4, 52, 4),
            "rate": [np.nan, *10 ** rng.uniform(-4, -1, 11)],
            "kind": ["adam", "sgd"] * 6,
            "epochs": 1,
            "seconds": 1.0,
            "message": "",
        }
    )
    made.attrs["space"] = {
        "rate": {"class_name": "Float", "config": {"name": "rate", "sampling": "log"}}
    }
    return made


@pytest.fixture
def shown(monkeypatch):
    """What show() hands to the notebook."""
    pieces = []
    monkeypatch.setattr("IPython.display.display", lambda piece: pieces.append(piece.data))
    return pieces


def test_a_figure_is_shown_as_a_picture_with_its_description(shown):
    figure, ax = plots.figure()
    ax.plot([1, 2])
    plots.show(figure, alt='Loss "falls" & rises')
    assert 'alt="Loss &quot;falls&quot; &amp; rises"' in shown[0]
    picture = re.search(r'src="data:image/png;base64,([^"]+)"', shown[0]).group(1)
    assert base64.b64decode(picture).startswith(b"\x89PNG")


def test_a_figure_of_pyplot_is_closed_so_that_it_is_not_shown_twice(shown):
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    plots.show(pyplot.figure(), alt="empty")
    assert pyplot.get_fignums() == before and len(shown) == 1


@pytest.mark.parametrize("alt", ["", "  ", None])
def test_a_figure_without_a_description_is_refused(shown, alt):
    with pytest.raises(ValueError, match="no description"):
        plots.show(plots.figure()[0], alt=alt)
    assert not shown


def test_something_that_is_no_figure_is_refused(shown):
    with pytest.raises(TypeError, match="matplotlib figure"):
        plots.show([1, 2], alt="numbers")


def test_learning_curves_name_the_best_epoch():
    ax = plots.learning_curves({"loss": [1, 0.8, 0.5], "val_loss": [1, 0.7, 0.9]})
    assert ax.get_title(loc="left") == "Validation loss is best at epoch 2 of 3: 0.700"
    up = plots.learning_curves(
        {"accuracy": [0.1, 0.2], "val_accuracy": [0.3, 0.2]}, metric="accuracy"
    )
    assert "best at epoch 1 of 2" in up.get_title(loc="left")


def test_learning_curves_refuse_an_unknown_metric():
    with pytest.raises(ValueError, match="no metric 'auc'; it has loss"):
        plots.learning_curves({"loss": [1]}, metric="auc")


def test_the_image_grid_names_each_class_and_each_mistake():
    images = np.zeros((3, 8, 8, 3), "uint8")
    figure = plots.image_grid(images, [0, 1, 0], ["cat", "dog"], columns=2, predicted=[0, 0, 0])
    titles = [ax.get_title(loc="center") for ax in figure.axes]
    assert titles == ["cat", "dog\n(said: cat)", "cat", ""]


def test_the_spread_over_seeds_is_in_the_title():
    ax = plots.seed_spread([0.80, 0.83, 0.81], seeds=[1, 2, 3])
    assert "3 seeds" in ax.get_title(loc="left") and "0.030" in ax.get_title(loc="left")
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3"]


def test_best_so_far_names_the_best_trial(table):
    curve = results.best_so_far(table)
    ax = plots.best_so_far({"live": curve})
    assert ax.get_title(loc="left") == "live: best 0.300 in trial 12 of 12"
    assert isinstance(plots.best_so_far(curve, ax), Axes)


def test_the_curves_of_the_best_trials_name_the_best_epoch_of_the_first():
    runs = [("3", 1), ("3", 2), ("7", 1)]
    rows = [(trial, run, epoch, 2 / epoch) for trial, run in runs for epoch in (1, 2)]
    history = pd.DataFrame(rows, columns=["trial", "execution", "epoch", "val_loss"])
    history["loss"] = history["val_loss"] / 2
    ax = plots.trial_curves(history, ["3", "7", "gone"], start={"7": 3})
    assert ax.get_title(loc="left") == "Trial 3 is best at epoch 2 of 2"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["trial 3", "trial 7"]
    dotted = [line for line in ax.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dotted] == [[1, 2], [1, 2], [4, 5]]
    assert sum(line.get_linestyle() == "--" for line in ax.lines) == 3
    up = plots.trial_curves(history, ["3"], direction="max")
    assert up.get_title(loc="left") == "Trial 3 is best at epoch 1 of 2"


def test_slices_draw_each_hyperparameter_and_mark_the_best(table):
    figure = plots.slices(table)
    labels = [ax.get_xlabel() for ax in figure.axes[:3]]
    assert labels == ["units", "rate\n(active in 11 of 12)", "kind"]
    assert figure.axes[1].get_xscale() == "log"
    assert [t.get_text() for t in figure.axes[2].get_xticklabels()] == ["adam", "sgd"]
    assert "units = 48" in figure.get_suptitle()


def test_the_title_of_slices_names_no_value_that_is_inactive(table):
    table.loc[11, "rate"] = np.nan
    table["width"] = np.linspace(0.1234567, 0.2, 12)[::-1]
    title = plots.slices(table).get_suptitle()
    assert "rate" not in title and "nan" not in title and "width = 0.1235" in title


def test_a_dollar_sign_in_a_name_is_drawn_and_not_read_as_a_formula(table):
    table = table.rename(columns={"kind": r"$\wrong$", "units": "u$"}).copy()
    for figure in (plots.slices(table), plots.parallel_coordinates(table).figure):
        assert plots.image(figure, alt="names with dollar signs").startswith("<img alt=")


def test_slices_of_trials_that_do_not_differ_are_refused(table):
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.slices(table.head(1))


def test_parallel_coordinates_put_the_best_trials_on_top(table):
    ax = plots.parallel_coordinates(table, best=3)
    lines = [line for line in ax.lines if len(line.get_ydata()) == 4]
    bold = [line for line in lines if line.get_color() == plots.COLOURS["vermillion"]]
    assert len(lines) == 12 and len(bold) == 3
    assert max(line.get_ydata()[-1] for line in bold) == 1
    assert min(line.get_ydata()[-1] for line in bold) > 0.8
    gaps = [line for line in lines if np.isnan(line.get_ydata()).any()]
    assert len(gaps) == 1 and gaps[0].get_marker() == "o"
    assert all(line.get_marker() == "None" for line in lines if line not in gaps)


def test_importance_shows_its_r2_and_goes_grey_when_it_is_poor():
    bars = pd.DataFrame({"hyperparameter": ["a", "b"], "importance": [0.5, 0.1], "spread": [0, 0]})
    good = plots.importance(insight.Importance(bars, 0.71, 50))
    poor = plots.importance(insight.Importance(bars, 0.12, 50))
    assert good.get_title(loc="left").startswith("a matters most\n(surrogate: R2 = 0.71, 50")
    assert "do not read" in poor.get_title(loc="left") and "R2 = 0.12" in poor.get_title(loc="left")
    assert good.patches[0].get_facecolor() != poor.patches[0].get_facecolor()


def test_importance_says_where_a_hyperparameter_was_not_always_active():
    bars = pd.DataFrame(
        {
            "hyperparameter": ["layers", "more"],
            "importance": [0.5, np.nan],
            "spread": [0, np.nan],
            "active": [50, 3],
        }
    )
    ax = plots.importance(insight.Importance(bars, 0.71, 50))
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == ["more\n(active in 3 of 50)", "layers"]


def test_top_fraction_and_expected_best_state_what_they_show(table):
    curve = insight.top_fraction_curve(table, 0.05, draws=50)
    assert "takes 59 trials" in plots.top_fraction(curve).get_title(loc="left")
    assert "% of the gain" in plots.expected_best(curve).get_title(loc="left")


def test_the_comparison_says_which_way_it_fell():
    base = [0.80, 0.81, 0.80]
    better = plots.comparison({"baseline": base, "tuned model": [0.85, 0.86, 0.85]})
    unclear = plots.comparison({"baseline": base, "tuned model": [0.79, 0.83, 0.80]})
    assert better.get_suptitle() == "The tuned model is better by 0.050"
    assert "cannot be told apart over 3 seeds" in unclear.get_suptitle()
    wide = evaluate.paired_difference([0.85, 0.86, 0.85], base, level=0.5)
    assert "50%" in plots.comparison({"a": base, "b": base}, wide).axes[1].get_title(loc="left")


def test_figures_are_plain_figures_that_no_notebook_shows_by_itself(table):
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    made = [plots.best_so_far(results.best_so_far(table)).figure, plots.slices(table)]
    assert all(isinstance(figure, Figure) for figure in made)
    assert pyplot.get_fignums() == before
