"""Along the study's frontier: what fairness costs."""

from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from fairmedl_lite.course.explore.explorer import Explorer, _finish, _lines, shows

SETTING = ["form", "weight"]
FORMS = ["adversary", "correlation", "equalized_odds"]  # more lines could not be told apart


@shows
def fairness_weight(path="../results/study_adult_frontier.csv"):
    """Along the study's frontier: AUROC against the groups' spread, for each form of debiasing.

    Args:
        path: The table that the study wrote, seen from the notebook's folder.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if not Path(path).exists():
        raise FileNotFoundError(
            f"path must lead to the study's frontier. Received: {path!r}. Start the notebook in "
            "its own folder, or pass the path of results/study_adult_frontier.csv."
        )
    frontier = pd.read_csv(path).query("place == 'both' and form in @FORMS")
    frontier = frontier[~frontier["threshold"].isin(["equal_rate", "averaged"])]
    spread = frontier.query("metric == 'tpr_sd_noise_removed'")
    points = spread.merge(frontier.query("metric == 'auroc'"), on=SETTING, suffixes=("", "_auroc"))
    points = points.sort_values(SETTING)
    most = points.groupby(["form", "attribute"]).size().max()
    controls = {
        "form": ("Form of debiasing", {name: name for name in points["form"].unique()}),
        "step": ("Weight, from the weakest, 1, to the strongest", (1, int(most), 1)),
        "attribute": ("Attribute", {name: name for name in points["attribute"].unique()}),
    }
    positions = [("adversary", 4, "age"), ("equalized_odds", 4, "age"), ("correlation", 4, "age")]
    stops = {"step": [step for step in (1, 2, 4, 8) if step <= most]}
    return Explorer(controls, partial(_draw_weight, points), positions, stops)


def _draw_weight(points, form, step, attribute):
    points = points[points["attribute"] == attribute]
    of_form = points[points["form"] == form]
    row = of_form.iloc[min(step, len(of_form)) - 1]
    lines = {name: (-p["difference_auroc"], p["model"]) for name, p in points.groupby("form")}
    figure, axes = plt.subplots(figsize=(5.2, 3.4))
    _lines(axes, lines)
    ends = _ends(row, "difference_auroc", "low_auroc", "high_auroc")[::-1]
    look = {"color": "black", "fillstyle": "none", "markersize": 13, "capsize": 4, "zorder": 10}
    at = -row["difference_auroc"], row["model"]
    spread = _ends(row, "difference", "low", "high")
    axes.errorbar(*at, xerr=ends, yerr=spread, fmt="o", **look)
    axes.axhline(row["baseline"], color="grey", linewidth=1, linestyle=":")
    axes.set(xlabel="loss of AUROC", ylabel="SD of TPR", title=attribute)
    top = row["model"] + spread[1][0]
    axes.set_ylim(0, 1.1 * max(row["baseline"], points["model"].max(), top))
    return _finish(
        figure,
        f"{form}, weight {row['weight']:g}, on validation rows of Adult: AUROC "
        f"{row['model_auroc']:.3f}, {-row['difference_auroc']:.3f} less than without debiasing "
        f"({-row['high_auroc']:.3f} to {-row['low_auroc']:.3f}). The SD of the TPR over groups of "
        f"{attribute}, noise removed, is {row['model']:.3f} in place of {row['baseline']:.3f}; "
        f"the change is {row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f}).",
        points[[*SETTING, "model_auroc", "model"]].set_axis(
            [*SETTING, "AUROC", "SD of TPR"], axis=1
        ),
    )


def _ends(row, middle, low, high):
    """How far an interval reaches below and above, as Matplotlib takes it: `(2, 1)`."""
    return [[row[middle] - row[low]], [row[high] - row[middle]]]
