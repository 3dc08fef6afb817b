"""Partial pooling: how far a cluster's mean is pulled to that of all."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from fairmedl_lite.course.explore.explorer import LOOKS, Explorer, _finish, _lines, shows


@shows
def shrinkage():
    """Rows in a cluster and the two spreads against the pull to the mean of all.

    The cluster's own mean lies 1 above the mean of all. Partial pooling believes the share
    sd_u^2 / (sd_u^2 + sd_e^2 / rows) of it, with a 95 % posterior interval.
    """
    controls = {
        "rows": ("Rows of the cluster", (1, 32, 1)),
        "between": ("Standard deviation between clusters", (0.1, 2.0, 0.1)),
        "within": ("Standard deviation within a cluster", (0.1, 2.0, 0.1)),
    }
    positions = [(1, 0.4, 0.4), (8, 0.4, 0.4), (8, 0.1, 0.8)]
    stops = {"rows": (1, 2, 4, 8, 16, 32), "between": (0.1, 0.4, 1.6), "within": (0.4, 0.8)}
    return Explorer(controls, _draw_shrinkage, positions, stops)


def _draw_shrinkage(rows, between, within):
    counts = np.arange(1, 33)
    weights = between**2 / (between**2 + within**2 / counts)
    weight = weights[rows - 1]
    answers = {
        "none": (1.0, 1.96 * within / np.sqrt(rows)),
        "partial": (weight, 1.96 * between * np.sqrt(1 - weight)),
        "complete": (0.0, 0.0),
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(5.2, 2.4))
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
        pd.DataFrame({"rows": counts, "weight": weights}),
    )
