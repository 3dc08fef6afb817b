"""What fairness costs, in one picture."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from fairmedl_lite.plots.figure import MARKERS, PALETTE, TEXT, Figure

DASHES = ("-", "--", ":")


def plot_frontier(
    frontier: pd.DataFrame,
    *,
    metric="tpr_sd_noise_removed",
    label="change of the SD of TPR (%)",
    place="both",
) -> Figure:
    """What fairness costs: one panel for each attribute, one line for each form of debiasing.

    Each point is a fairness weight, with the interval of its change. Downwards is fairer, to the
    left costs less. What lies far beyond the dearest point of the cheapest form, or above, is cut
    off; the text lists it all.

    Args:
        frontier: DataFrame of `form`, `place` (`both`, `FE` or `ME`), `weight` and what `paired`
            returned for each setting, against the same model without debiasing. It has the
            metric, and `auroc` or `mse`, at one threshold.
        metric: Whose change in per cent is shown.
        label: What that is, in words.
        place: Which predictions were debiased: `"both"`, `"FE"` or `"ME"`.

    Returns:
        A `Figure`, whose alternative text names the lowest points and lists all.

    Raises:
        ValueError: If no row of the place has a change of the metric.

    Example:
        >>> rows = [("auroc", "", -0.01, 0.0), ("tpr_sd_noise_removed", "sex", -0.05, -50.0)]
        >>> table = pd.DataFrame(rows, columns=["metric", "attribute", "difference", "percent"])
        >>> table = table.assign(form="adversary", place="both", weight=1.0, low=-0.02, high=0.0)
        >>> plot_frontier(table.assign(percent_low=-60.0, percent_high=-40.0)).alt
        '... The lowest points: sex -50 at 0.010 (adversary on both, weight 1). ...'
    """
    points, loss = _frontier_points(frontier[frontier["place"] == place], metric)
    if not len(points):
        raise ValueError(
            f"frontier must have rows of the metric {metric!r} with a change in per cent, and of "
            f"the place {place!r}. Received: rows of {sorted(frontier['metric'].unique())} and of "
            f"{sorted(frontier['place'].unique())}."
        )
    attributes, forms = list(points["attribute"].unique()), list(points["form"].unique())
    figure, panels = plt.subplots(
        len(attributes), figsize=(5, 2.3 * len(attributes)), sharex=True, sharey=True, squeeze=False
    )
    looks = dict(
        zip(forms, zip(sns.color_palette(PALETTE), MARKERS, DASHES * 2, strict=False), strict=False)
    )
    for panel, attribute in zip(panels[:, 0], attributes, strict=True):
        shown = points[points["attribute"] == attribute]
        for form, line in shown.groupby("form", sort=False):
            _draw_line(panel, line, *looks[form], form.replace("_", " "))
        panel.axhline(0, color="grey", linewidth=1)
        panel.set_title(attribute.replace("_", " "), loc="left", fontsize=TEXT + 1)
        panel.tick_params(labelsize=TEXT)
    lowest = points[["percent", "percent_low"]].min().min()
    panels[0, 0].set(ylim=(max(min(lowest, 0), -120) - 10, 30), xlim=_loss_limits(points))
    panels[-1, 0].set_xlabel(loss, fontsize=TEXT)
    figure.supylabel(label, fontsize=TEXT)
    figure.tight_layout()
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "fontsize": TEXT}
    figure.legend(*panels[0, 0].get_legend_handles_labels(), ncols=len(forms), **place)
    ends = [f"{name}{end}" for name in ("loss", "percent") for end in ("", "_low", "_high")]
    data = points[["attribute", "form", "place", "weight", *ends]].reset_index(drop=True)
    return Figure(figure, _frontier_in_words(points, loss, label), data)


def _frontier_points(frontier, metric):
    """Each setting's loss and change with their intervals, and what the loss is."""
    keys = ["form", "place", "weight"]
    whole = frontier["attribute"].fillna("") == ""  # not the MSE of a group
    overall = frontier[frontier["metric"].isin(("auroc", "mse")) & whole].set_index(keys)
    if (overall["metric"] == "mse").all():
        name, loss = "rise of the MSE (%)", overall[["percent", "percent_low", "percent_high"]]
    else:
        name, loss = "loss of AUROC", -overall[["difference", "high", "low"]]
    loss = loss.set_axis(["loss", "loss_low", "loss_high"], axis=1)
    points = frontier[frontier["metric"] == metric].dropna(subset="percent").join(loss, on=keys)
    return points.sort_values(keys, kind="stable"), name


def _loss_limits(points):
    """From no loss to half as much again as the form loses that loses least at its largest."""
    dearest = 1.5 * points.groupby("form")["loss"].max().min()
    return (-0.05 * dearest, dearest) if dearest > 0 else (None, None)


def _draw_line(panel, line, color, marker, style, name):
    """Points with the interval of their change; that of the loss stands in the table."""
    ends = [line["percent"] - line["percent_low"], line["percent_high"] - line["percent"]]
    look = {"color": color, "marker": marker, "linestyle": style, "markersize": 6, "capsize": 3}
    at = line["loss"], line["percent"]
    bars = panel.errorbar(*at, yerr=ends, elinewidth=1, label=name, zorder=3, **look)
    for bar in bars[2]:
        bar.set_linestyle(style)


def _frontier_in_words(points, loss, label):
    lowest = points.loc[points.groupby("attribute", sort=False)["percent"].idxmin()]
    best = [
        f"{row.attribute} {row.percent:.0f} at {row.loss:.3f} "
        f"({row.form} on {row.place}, weight {row.weight:g})"
        for row in lowest.itertuples()
    ]
    lines = [
        f"{form} on {place}, weight {weight:g}: {loss} {rows['loss'].iloc[0]:.3f}; "
        + ", ".join(f"{row.attribute} {row.percent:.0f}" for row in rows.itertuples())
        for (form, place, weight), rows in points.groupby(["form", "place", "weight"], sort=False)
    ]
    start = f"Lines show the {label} against the {loss}, by form of debiasing and its weight."
    return f"{start} The lowest points: {', '.join(best)}. All points: {'. '.join(lines)}."
