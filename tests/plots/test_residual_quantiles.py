"""Residuals as the model expects them lie in the band; others do not."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from fairmedl_lite import plot_residual_quantiles
from fairmedl_lite.plots import residuals


def outside(figure):
    return int(re.search(r"(\d+) of \d+ lie outside", figure.alt)[1])


def draws_of(clusters=20, rows=10, draws=400, seed=0):
    """Outcomes of rows that go along within their cluster."""
    random = np.random.default_rng(seed)
    effects = np.repeat(random.normal(size=(draws, clusters)), rows, axis=1)
    return effects + random.normal(size=(draws, clusters * rows))


def test_by_hand():
    draws = np.tile([[-1.0, 2.0], [1.0, 4.0]], (10, 1))  # means 0 and 3, residuals -1 or 1
    figure = plot_residual_quantiles([0.5, 5.0], draws, level=0.5)
    assert figure.data["expected"].tolist() == [0, 0]
    assert figure.data["observed"].tolist() == [0.5, 2.0]
    assert figure.alt == (
        "Sorted residuals against those the model expects. 1 of 2 lie outside the band that holds "
        "50 % of 20 draws at each point. Residuals: lowest 0.50, expected 0.00 (-1.00 to 1.00); "
        "middle 0.50, expected 0.00 (-1.00 to 1.00); highest 2.00, expected 0.00 (-1.00 to 1.00)."
    )


def test_the_band_holds_what_the_model_draws_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(residuals, "_draw", lambda *_: plt.figure(figsize=(0.1, 0.1)))
    draws, later = draws_of(), draws_of(draws=60, seed=1)
    shares = [outside(plot_residual_quantiles(y, draws)) / len(y) for y in later]
    # Sixty means of points that go along: their standard error is about 0.02.
    assert abs(np.mean(shares) - 0.05) < 0.06


def test_of_independent_normal_rows_it_is_the_textbook_plot():
    random = np.random.default_rng(0)
    table = plot_residual_quantiles(
        random.normal(size=99), random.normal(size=(4000, 99)), level=0.9
    ).data
    textbook = stats.norm.ppf(np.arange(1, 100) / 100)
    np.testing.assert_allclose(table["expected"][10:-10], textbook[10:-10], atol=0.03)


def test_heavy_tails_and_a_wrong_scale_leave_the_band():
    draws = np.random.default_rng(0).normal(size=(400, 300))
    heavy = np.random.default_rng(1).standard_t(2, size=300)
    assert outside(plot_residual_quantiles(heavy, draws)) > 30
    assert outside(plot_residual_quantiles(2 * draws[0], draws)) > 200


@pytest.mark.parametrize("shape", [(400, 9), (19, 10), (10,)])
def test_draws_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"draws must have the shape .* Received: \("):
        plot_residual_quantiles(np.zeros(10), np.zeros(shape))


def test_missing_numbers_are_refused():
    with pytest.raises(ValueError, match="y and draws must be finite"):
        plot_residual_quantiles([np.nan], np.zeros((20, 1)))
