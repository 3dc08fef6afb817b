"""Residuals in one picture: are they as the model expects them?"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from numpy.typing import ArrayLike

from fairmedl_lite.plots.figure import PALETTE, TEXT, Figure

SHOWN = 200  # points; the text counts all


def plot_residual_quantiles(
    y: ArrayLike, draws: ArrayLike, *, level: float = 0.95, label: str = "residual"
) -> Figure:
    """Quantile-quantile plot of residuals, against outcomes that the model itself has drawn.

    A residual is the outcome less the mean of its row's draws. The residuals are sorted, and so are
    those of every draw as if it were the data: their mean is what the model expects, and their
    quantiles are the band. No shape is taken for granted, and rows of one cluster may go along.
    The band holds at each point; over all points some lie outside by chance.

    Args:
        y: Array-like of shape `(rows,)`. The outcomes, of rows that were not trained on.
        draws: Array-like of shape `(draws, rows)`. Outcomes drawn from the model, with their
            residual: for `FairMEDLRegressor` its `posterior_draws` plus normal numbers times
            its `residual_sd_`.
        level: Float in (0, 1). The share of the draws that lies in the band at each point.
        label: What the residual is, with its unit.

    Returns:
        A `Figure`, whose alternative text tells how many points lie outside the band, and where the
        lowest, the middle and the highest residual lie.

    Raises:
        ValueError: If the draws are not 20 or more of each row, or a number is not finite.

    Example:
        >>> random = np.random.default_rng(0)
        >>> draws = random.normal(size=(500, 100))
        >>> plot_residual_quantiles(random.normal(size=100), draws).alt
        '... 3 of 100 lie outside the band that holds 95 % of 500 draws ...'
    """
    y, draws = np.asarray(y, "float64"), np.asarray(draws, "float64")
    _check(y, draws)
    centre = draws.mean(axis=0)
    simulated = np.sort(draws - centre, axis=1)
    low, high = np.quantile(simulated, [(1 - level) / 2, (1 + level) / 2], axis=0)
    columns = {"expected": simulated.mean(axis=0), "observed": np.sort(y - centre)}
    table = pd.DataFrame(columns | {"low": low, "high": high})
    figure = _draw(table.iloc[np.linspace(0, len(y) - 1, min(SHOWN, len(y))).astype(int)], label)
    return Figure(figure, _in_words(table, level, len(draws)), table)


def _check(y, draws):
    if draws.ndim != 2 or len(draws) < 20 or draws.shape[1:] != y.shape:
        raise ValueError(
            "draws must have the shape (draws, rows), with 20 draws or more and the rows of y. "
            f"Received: {draws.shape} for y of {y.shape}."
        )
    if not (np.isfinite(y).all() and np.isfinite(draws).all()):
        raise ValueError("y and draws must be finite. Received: missing or infinite numbers.")


def _draw(points, label):
    figure, axes = plt.subplots(figsize=(5, 4.2))
    colors = sns.color_palette(PALETTE)
    at = points["expected"]
    axes.fill_between(at, points["low"], points["high"], color="0.85", label="expected, band")
    axes.plot(at, at, color="0.4", linewidth=1, label="expected")
    inside = points["observed"].between(points["low"], points["high"])
    for kept, marker, color, name in (
        (inside, "o", colors[0], "inside"),
        (~inside, "x", colors[3], "outside"),
    ):
        look = {"color": color, "markersize": 5, "label": f"observed, {name}"}
        axes.plot(at[kept], points["observed"][kept], marker, **look)
    axes.set_xlabel(f"{label}, as the model expects", fontsize=TEXT)
    axes.set_ylabel(f"{label}, observed", fontsize=TEXT)
    axes.tick_params(labelsize=TEXT)
    figure.tight_layout()
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "fontsize": TEXT}
    figure.legend(ncols=2, **place)
    return figure


def _in_words(table, level, draws):
    outside = (~table["observed"].between(table["low"], table["high"])).sum()
    places = {"lowest": 0, "middle": (len(table) - 1) // 2, "highest": len(table) - 1}
    words = [
        f"{name} {row.observed:.2f}, expected {row.expected:.2f} ({row.low:.2f} to {row.high:.2f})"
        for name, row in ((name, table.iloc[number]) for name, number in places.items())
    ]
    return (
        f"Sorted residuals against those the model expects. {outside} of {len(table)} lie outside "
        f"the band that holds {100 * level:g} % of {draws} draws at each point. "
        f"Residuals: {'; '.join(words)}."
    )
