"""Rows in clusters: how often a test that ignores them fires."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from fairmedl_lite.course.explore.explorer import Explorer, _finish, _lines, shows

CLUSTERS = 30
ROWS = [2, 5, 10, 20, 50, 100]
EFFECTS = {"cluster": 0.3, "row": 0.1}  # in standard deviations of the outcome and the covariate
AWARE = {"cluster": "cluster means", "row": "rows within clusters"}


@shows
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
        "icc": ("Intra-class correlation", (0.0, 0.9, 0.05)),
        "rows": ("Rows of a cluster", (2, 100, 1)),
    }
    positions = [("cluster", 0.2, 20), ("cluster", 0.05, 50), ("row", 0.5, 20)]
    stops = {"icc": (0.0, 0.05, 0.2, 0.5), "rows": ROWS}
    return Explorer(controls, _draw_clusters, positions, stops)


def _draw_clusters(covariate, icc, rows):
    effects, tests = (0, EFFECTS[covariate]), ("all rows", AWARE[covariate])
    sizes = sorted({*ROWS, rows})
    shares = {
        (test, effect): [100 * rate(covariate, size, icc, effect) for size in sizes]
        for test, rate in zip(tests, (_naive, _aware), strict=True)
        for effect in effects
    }
    figure, panels = plt.subplots(1, 2, figsize=(5.2, 2.6))
    for panel, effect, label in zip(panels, effects, ("false alarms", "power"), strict=True):
        _lines(panel, {test: (sizes, shares[test, effect]) for test in tests}, at=rows)
        panel.set(xlabel="rows of a cluster", ylabel=f"{label} (%)", ylim=(0, 105), xscale="log")
        panel.set_xticks(ROWS, ROWS)
        panel.minorticks_off()
    here = {key: values[sizes.index(rows)] for key, values in shares.items()}
    design = 1 + (rows - 1) * icc
    words = (
        f"{CLUSTERS} clusters of {rows} rows, intra-class correlation {icc:g}: design effect "
        f"{design:.1f}, so for a mean {CLUSTERS * rows:,} rows are worth "
        f"{CLUSTERS * rows / design:,.0f}; "
    )
    words += "; ".join(
        f"test over {test}: false alarms {here[test, 0]:.0f} %, "
        f"power {here[test, effects[1]]:.0f} %"
        for test in tests
    )
    if here["all rows", 0] > 10:
        words += ". A test that so often fires without an effect has no power worth the name"
    named = {
        f"{'power' if effect else 'false alarms'} (%), {test}": values
        for (test, effect), values in shares.items()
    }
    return _finish(figure, f"{words}.", pd.DataFrame({"rows": sizes, **named}))


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
