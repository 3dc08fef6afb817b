"""Explorers: pick a setting, and see a figure and a sentence change."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from scipy import stats

from fairmedl_lite.explorer import Explorer
from fairmedl_lite.plots import PALETTE, Figure

LOOKS = list(zip(sns.color_palette(PALETTE), "osD^v", ("-", "--", "-.", ":", "-"), strict=False))
CLUSTERS = 30
ROWS = [2, 5, 10, 20, 50, 100]
EFFECTS = {"cluster": 0.3, "row": 0.1}  # in standard deviations of the outcome and the covariate
AWARE = {"cluster": "cluster means", "row": "rows within clusters"}


def clusters():
    """Rows in a cluster and intra-class correlation against false alarms and power.

    There are 30 clusters. The 5 % test over all rows stands beside the right one: over cluster
    means for a covariate that is the same for all rows of a cluster, within clusters for one that
    differs between rows. The power is that for an effect of 0.3 and of 0.1 standard deviations.
    The rates are computed, not simulated: from the distributions of the test statistics.
    """
    covariates = {"the same for all rows of a cluster": "cluster", "differs between rows": "row"}
    controls = {
        "covariate": ("The covariate", covariates),
        "icc": ("Intra-class correlation", [0.0, 0.05, 0.1, 0.2, 0.5, 0.8]),
        "rows": ("Rows of a cluster", ROWS),
    }
    positions = [("cluster", 0.2, 20), ("cluster", 0.05, 50), ("row", 0.5, 20)]
    Explorer(controls, _draw_clusters, [dict(zip(controls, p, strict=True)) for p in positions])


def _draw_clusters(covariate, icc, rows):
    effects, tests = (0, EFFECTS[covariate]), ("all rows", AWARE[covariate])
    shares = {
        (test, effect): [100 * rate(covariate, size, icc, effect) for size in ROWS]
        for test, rate in zip(tests, (_naive, _aware), strict=True)
        for effect in effects
    }
    figure, panels = plt.subplots(1, 2, figsize=(7.5, 2.6))
    for panel, effect, label in zip(panels, effects, ("false alarms", "power"), strict=True):
        _lines(panel, {test: (ROWS, shares[test, effect]) for test in tests}, at=rows)
        panel.set(xlabel="rows of a cluster", ylabel=f"{label} (%)", ylim=(0, 105), xscale="log")
        panel.set_xticks(ROWS, ROWS)
        panel.minorticks_off()
    said = {key: f"{values[ROWS.index(rows)]:.0f} %" for key, values in shares.items()}
    design = 1 + (rows - 1) * icc
    words = (
        f"{CLUSTERS} clusters of {rows} rows, intra-class correlation {icc:g}: design effect "
        f"{design:.1f}, so for a mean {CLUSTERS * rows:,} rows are worth "
        f"{CLUSTERS * rows / design:,.0f}; "
    )
    words += "; ".join(
        f"test over {test}: false alarms {said[test, 0]}, power {said[test, effects[1]]}"
        for test in tests
    )
    if shares["all rows", 0][ROWS.index(rows)] > 10:
        words += ". A test that so often fires without an effect has no power worth the name"
    return _finish(figure, f"{words}.")


def _naive(covariate, rows, icc, effect):
    """How often the 5 % test over all rows fires; the outcome's variance is 1."""
    total = CLUSTERS * rows
    if covariate == "row":
        return _two_sided(effect * np.sqrt(total), total - 2)
    design = 1 + (rows - 1) * icc
    middle = (np.arange(100) + 0.5) / 100  # the mean over equal shares of both sums of squares
    between = design * stats.chi2.ppf(middle, CLUSTERS - 2)
    within = (1 - icc) * stats.chi2.ppf(middle, CLUSTERS * (rows - 1))
    believed = np.sqrt((between[:, None] + within) / (total - 2) / design)
    limit, shift = stats.t.isf(0.025, total - 2) * believed, effect * np.sqrt(total / design)
    return (stats.norm.sf(limit - shift) + stats.norm.cdf(-limit - shift)).mean()


def _aware(covariate, rows, icc, effect):
    """How often the 5 % test over cluster means, or within clusters, fires."""
    if covariate == "cluster":
        shift = effect * np.sqrt(CLUSTERS * rows / (1 + (rows - 1) * icc))
        return _two_sided(shift, CLUSTERS - 2)
    free = CLUSTERS * (rows - 1)
    return _two_sided(effect * np.sqrt(free / (1 - icc)), free - 1)


def _two_sided(shift, free):
    limit = stats.t.isf(0.025, free)
    return stats.nct.sf(limit, free, shift) + stats.nct.cdf(-limit, free, shift)


def shrinkage():
    """Rows in a cluster and the two spreads against the pull to the mean of all.

    The cluster's own mean lies 1 above the mean of all. Partial pooling believes the share
    sd_u^2 / (sd_u^2 + sd_e^2 / rows) of it, with a 95 % posterior interval.
    """
    controls = {
        "rows": ("Rows of the cluster", [1, 2, 4, 8, 16, 32]),
        "between": ("Standard deviation between clusters", [0.1, 0.2, 0.4, 0.8]),
        "within": ("Standard deviation within a cluster", [0.2, 0.4, 0.8, 1.6]),
    }
    positions = [(1, 0.4, 0.4), (8, 0.4, 0.4), (8, 0.1, 0.8)]
    Explorer(controls, _draw_shrinkage, [dict(zip(controls, p, strict=True)) for p in positions])


def _draw_shrinkage(rows, between, within):
    counts = np.arange(1, 33)
    weights = between**2 / (between**2 + within**2 / counts)
    weight = weights[rows - 1]
    answers = {
        "none": (1.0, 1.96 * within / np.sqrt(rows)),
        "partial": (weight, 1.96 * between * np.sqrt(1 - weight)),
        "complete": (0.0, 0.0),
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.4))
    _lines(left, {"": (counts, weights)}, at=rows, markers=False)
    left.set(xlabel="rows of the cluster", ylabel="weight of its own mean", ylim=(0, 1.05))
    for (name, (answer, half)), (color, marker, _) in zip(answers.items(), LOOKS, strict=False):
        right.errorbar(answer, name, xerr=half, color=color, marker=marker, capsize=3)
    right.invert_yaxis()
    right.set(xlabel="above the mean of all", ylabel="pooling", xlim=(-1.2, 3.2))
    low, high = (weight + side * answers["partial"][1] for side in (-1, 1))
    return _finish(
        figure,
        f"A cluster of {rows} {'row' if rows == 1 else 'rows'}, whose mean lies 1.00 above the "
        f"mean of all; standard deviation {between:g} between clusters and {within:g} within. No "
        f"pooling answers 1.00, give or take {answers['none'][1]:.2f}; complete pooling 0.00; "
        f"partial pooling {weight:.2f}, between {low:.2f} and {high:.2f}.",
    )


def gradient_reversal():
    """Strength of the reversal against the predictor's and the adversary's losses."""


def fairness_weight(path="../results/study_adult_frontier.csv"):
    """Along the committed frontier: AUROC against the spread, for each form of debiasing."""


def thresholds(y, score, sensitive):
    """The threshold, or each group's own, against the groups' rates."""


def swap():
    """Attribute swap against the true counterfactual on simulated hiring."""


def _lines(axes, lines, at=None, markers=True):
    """Lines that differ in colour, marker and dashes, and a grey one at the position picked."""
    for (name, (x, y)), (color, marker, style) in zip(lines.items(), LOOKS, strict=False):
        look = {"color": color, "linestyle": style, "marker": marker if markers else ""}
        axes.plot(x, y, label=name, markersize=5, **look)
    if at is not None:
        axes.axvline(at, color="grey", linewidth=1)


def _finish(figure, words):
    """Put the legend of the first panel below all, and make the figure one with its sentence."""
    figure.tight_layout()
    handles, names = figure.axes[0].get_legend_handles_labels()
    if any(names):
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": len(names)}
        figure.legend(handles, names, **place)
    return Figure(figure, words)
