"""Every interval that a notebook prints covers the truth as often as it states.

``python -m tools.simulate`` does the same with many more experiments, and prints the shares.
"""

import pytest

from tools import simulate

REPEATS = 300


@pytest.mark.parametrize(("function", "settings", "lacking"), simulate.CASES)
def test_the_interval_covers_what_it_states(function, settings, lacking):
    share = simulate.coverage(function, settings, REPEATS)
    assert share >= simulate.least(lacking, REPEATS), (function.__name__, settings)


@pytest.mark.parametrize(("n", "expected"), [(2, 0.70), (3, 0.81), (5, 0.88)])
def test_a_limit_that_forgets_how_few_the_runs_are_is_noticed(n, expected, monkeypatch):
    monkeypatch.setattr(simulate, "luck", lambda losses: 2.77 * losses.std(ddof=1))
    share = simulate.coverage(simulate.two_runs, {"n": n}, 2000)
    assert share == pytest.approx(expected, abs=0.03)
    assert share < simulate.least(0, 2000)
