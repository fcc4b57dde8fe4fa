"""Figures: what they draw and mark, and that each has a description. No picture is compared."""

import base64
import re

import matplotlib

matplotlib.use("Agg")

import notebook_rules
import numpy as np
import pandas as pd
import pytest

from helpers import insight, plots, results

SPACE = {
    "rate": {"class_name": "Float", "config": {"name": "rate", "sampling": "log"}},
    "kind": {"class_name": "Choice", "config": {"name": "kind", "values": ["sgd", "adam"]}},
}


@pytest.fixture
def table():
    """Twelve trials over a number, a log-sampled number that is inactive once, and choices."""
    columns = {"trial": [f"{index:02d}" for index in range(12)], "status": "COMPLETED"}
    columns |= {"score": np.linspace(0.5, 0.3, 12), "best_epoch": 1, "epochs": 1}
    columns |= {"units": np.arange(4, 52, 4), "rate": [np.nan, *np.geomspace(1e-4, 0.1, 11)]}
    return pd.DataFrame(columns | {"kind": ["adam", "sgd"] * 6, "flip": [True, False, None] * 4})


def stars(ax):
    return [(*line.get_xdata(), *line.get_ydata()) for line in ax.lines if line.get_marker() == "*"]


def test_a_figure_is_shown_as_a_picture_with_its_description_or_refused(monkeypatch):
    shown, (figure, _) = [], plots.figure()
    monkeypatch.setattr("IPython.display.display", lambda piece: shown.append(piece.data))
    plots.show(figure, alt='Loss "falls" & rises')
    assert 'alt="Loss &quot;falls&quot; &amp; rises"' in shown[0]
    picture = re.search(r'src="data:image/png;base64,([^"]+)"', shown[0]).group(1)
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    for alt in ("", "  ", None):
        with pytest.raises(ValueError, match="alt"):
            plots.show(figure, alt=alt)
    assert len(shown) == 1


def test_the_best_trial_so_far_has_a_star_and_stands_in_the_title(table):
    table.loc[5, ["status", "score"]] = "FAILED", np.nan
    ax = plots.best_so_far({"live": results.best_so_far(table)})
    assert stars(ax) == [(12, pytest.approx(0.3))]
    assert re.findall(r"\d+\.?\d*", ax.get_title(loc="left")) == ["0.300", "12", "12"]
    up = plots.best_so_far(results.best_so_far(table, "max"), ax)
    assert up is ax and stars(ax)[1:] == [(1, 0.5)]


def test_slices_draw_what_varies_and_mark_the_best(table):
    units, rate, kind, flip = plots.slices(table, SPACE).axes[:4]
    assert stars(units) == [(48, pytest.approx(0.3))] and stars(kind)[0][0] == 0
    assert rate.get_xscale() == "log" and "11 of 12" in rate.get_xlabel()
    assert [text.get_text() for text in kind.get_xticklabels()] == ["sgd", "adam"]
    assert [text.get_text() for text in flip.get_xticklabels()] == ["False", "True"]


def test_the_title_of_slices_names_the_best_values_that_are_active(table):
    table.loc[11, "rate"] = np.nan
    title = plots.slices(table.rename(columns={"kind": r"$\wrong$"})).get_suptitle()
    assert "rate" not in title and "nan" not in title
    assert "units = 48" in title and r"\$\wrong\$ = sgd" in title  # drawn, not read as a formula


def test_importance_shows_its_r2_and_goes_grey_when_it_is_poor():
    bars = {"hyperparameter": ["a", "b"], "importance": [0.5, np.nan], "spread": [0, np.nan]}
    bars = pd.DataFrame(bars | {"first": [1, 0], "active": [50, 3]})
    good, poor = (plots.importance(insight.Importance(bars, r2, 50)) for r2 in (0.71, 0.12))
    assert "0.71" in good.get_title(loc="left") and "0.12" in poor.get_title(loc="left")
    assert good.patches[0].get_facecolor() != poor.patches[0].get_facecolor()
    few, always = (text.get_text() for text in good.get_yticklabels())
    assert "3 of 50" in few and always == "a"


def test_the_first_lines_of_a_figure_and_every_bar_stand_out_from_white():
    assert notebook_rules.contrast("#000000") == pytest.approx(21)
    assert notebook_rules.contrast("#FFFFFF") == pytest.approx(1)
    used = [*plots.CYCLE[:5], "grey"]
    assert not {name for name in used if notebook_rules.contrast(plots.COLOURS[name]) < 3}
