"""Figures by seaborn, each with a text that says what is to be seen."""

import base64
import io
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from PIL import Image

PALETTE = "colorblind"
STYLES = {"both": ("-", "full"), "FE": ("--", "none"), "ME": (":", "left")}  # line and marker


class Figure:
    """A figure that a notebook shows as an image with a text alternative.

    Args:
        figure: A Matplotlib figure; it is closed once drawn.
        alt: One or more sentences: what is to be seen, with the numbers behind it.
        data: DataFrame behind the figure, or `None`. It is kept as `.data`, and its first 100
            rows stand folded below the image.

    Raises:
        ValueError: If `alt` is not at least a short sentence, or `data` is no DataFrame.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> Figure(plt.figure(), "An empty figure, to be drawn in.")
        Figure('An empty figure, to be drawn in.')
    """

    def __init__(self, figure, alt: str, data: pd.DataFrame | None = None):
        if len(alt.strip()) < 20:
            raise ValueError(f"alt must be a sentence on what is to be seen. Received: {alt!r}.")
        if not (data is None or isinstance(data, pd.DataFrame)):
            raise ValueError(f"data must be a DataFrame. Received: {type(data).__name__}.")
        self.alt, self.data = alt, data
        self._image = base64.b64encode(_small_png(figure)).decode()
        plt.close(figure)

    def save(self, path: str | Path) -> None:
        """Write the image to a PNG file; its text stands in `alt`."""
        Path(path).write_bytes(base64.b64decode(self._image))

    def __repr__(self):
        return f"Figure({self.alt!r})"

    def _repr_html_(self):
        source = f"data:image/png;base64,{self._image}"
        image = f'<img alt="{escape(self.alt)}" src="{source}" style="max-width: 100%">'
        return image + ("" if self.data is None else _folded_table(self.data))


def _small_png(figure):
    """The image with 256 colours: a third of the size, for a notebook that is kept in git."""
    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", dpi=110, bbox_inches="tight")
    image = Image.open(whole).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(small, format="png", optimize=True)
    return small.getvalue()


def _folded_table(data):
    """HTML of a table that unfolds: its named index as columns, numbers to four digits."""
    rows = data if isinstance(data.index, pd.RangeIndex) else data.reset_index()
    rows = rows.rename_axis(columns=None)  # or pandas adds a header row of empty cells
    table = rows.head(100).to_html(index=False, float_format="{:.4g}".format, border=0)
    shown = f", the first 100 of {len(data)} rows" if len(data) > 100 else ""
    return f"<details><summary>Data behind the figure{shown}</summary>{table}</details>"


def _together(tables):
    """One table of those of several models."""
    return pd.concat(
        [table.assign(model=name) for name, table in tables.items()], ignore_index=True
    )


def plot_group_rates(reports: dict, *, metric="tpr", label="share of positives found") -> Figure:
    """Rates of each group, one marker for each model, one panel for each attribute.

    Args:
        reports: Dictionary of model name to what `group_report` returned.
        metric: `"tpr"`, `"fpr"` or `"positive_rate"`.
        label: What the rate is, in words.

    Returns:
        A `Figure`, whose alternative text names each model's widest gap and lists every rate.

    Example:
        >>> sex, y, score = pd.DataFrame({"sex": ["f", "f", "m"]}), [1, 1, 1], [0.9, 0.1, 0.9]
        >>> report = group_report(y, score, sensitive_features=sex, threshold=0.5)
        >>> plot_group_rates({"NNet": report}).alt
        '... NNet: the widest gap is that of sex, from f 0.50 to m 1.00. ...'
    """
    tables = {name: report[report["metric"] == metric] for name, report in reports.items()}
    attributes = list(next(iter(tables.values()))["attribute"].unique())
    figure, panels = plt.subplots(1, len(attributes), figsize=(11, 2.8), squeeze=False)
    colors = sns.color_palette(PALETTE, len(tables))
    for panel, attribute in zip(panels[0], attributes, strict=True):
        for (name, table), color, marker in zip(tables.items(), colors, "osD^vP", strict=False):
            rows, look = table[table["attribute"] == attribute], {"color": color, "marker": marker}
            sns.scatterplot(x=rows["rate"], y=rows["group"], ax=panel, label=name, **look)
        panel.set(title=attribute.replace("_", " "), xlabel=label, ylabel="", xlim=(0, 1))
        if panel.get_legend():  # there is none where no group has a rate
            panel.get_legend().remove()
    figure.tight_layout()
    names = panels[0][0].get_legend_handles_labels()
    figure.legend(*names, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=len(tables))
    return Figure(figure, _rates_in_words(tables, label), _together(tables))


def _rates_in_words(tables, label):
    parts = []
    for name, table in tables.items():
        rates = [
            f"{attribute}: " + ", ".join(f"{row.group} {row.rate:.2f}" for row in rows.itertuples())
            for attribute, rows in table.groupby("attribute", sort=False)
        ]
        parts.append(f"{name}: {_widest_gap(table)} All by {'; by '.join(rates)}.")
    return f"Points show the {label} for each group. " + " ".join(parts).replace("_", " ")


def _widest_gap(table):
    """The attribute whose groups lie furthest apart, in a sentence."""
    rated = table.dropna(subset="rate").sort_values("rate").groupby("attribute")
    if not len(rated):
        return "no group has a rate."
    gaps = rated["rate"].last() - rated["rate"].first()
    rows = rated.get_group(gaps.idxmax())
    low, high = rows.iloc[0], rows.iloc[-1]
    return (
        f"the widest gap is that of {gaps.idxmax()}, "
        f"from {low['group']} {low['rate']:.2f} to {high['group']} {high['rate']:.2f}."
    )


def plot_cluster_effects(effects: pd.DataFrame, *, label="random effect (log odds)") -> Figure:
    """The effect of each cluster with its interval, sorted.

    Args:
        effects: What `FairMEDLClassifier.cluster_effects` returned.
        label: What the effect is, with its unit.

    Returns:
        A `Figure`, whose alternative text lists every effect.

    Example:
        >>> effects = {"cluster": ["a", "b"], "mean": [0.5, -0.5], "low": [0, -1], "high": [1, 0]}
        >>> plot_cluster_effects(pd.DataFrame(effects)).alt
        'Effects of the clusters, from low to high, with intervals: b -0.50 (-1.00 to 0.00), ...'
    """
    effects = effects.sort_values("mean", ignore_index=True)
    figure, axes = plt.subplots(figsize=(7, 0.32 * len(effects) + 1))
    color = sns.color_palette(PALETTE)[0]
    axes.hlines(effects["cluster"], effects["low"], effects["high"], color=color)
    sns.scatterplot(x=effects["mean"], y=effects["cluster"], ax=axes, color=color)
    axes.axvline(0, color="grey", linewidth=1)
    axes.set(xlabel=label, ylabel="")
    words = ", ".join(
        f"{row.cluster} {row.mean:.2f} ({row.low:.2f} to {row.high:.2f})"
        for row in effects.itertuples()
    )
    text = f"Effects of the clusters, from low to high, with intervals: {words}."
    return Figure(figure, text, effects)


def plot_membership_calibration(tables: dict) -> Figure:
    """How often the likeliest cluster is the true one, against the probability it was given.

    Args:
        tables: Dictionary of name to what `membership_calibration` returned.

    Returns:
        A `Figure`, whose alternative text lists every point.

    Example:
        >>> table = pd.DataFrame({"probability": [0.6, 0.9], "accuracy": [0.5, 1.0]})
        >>> plot_membership_calibration({"cluster predictor": table}).alt
        'Share of rows ... cluster predictor: 0.60 gives 0.50, 0.90 gives 1.00.'
    """
    figure, axes = plt.subplots(figsize=(4.5, 4))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    colors = sns.color_palette(PALETTE, len(tables))
    for (name, table), color, marker in zip(tables.items(), colors, "osD^vP", strict=False):
        look = {"color": color, "marker": marker, "label": name}
        sns.lineplot(x=table["probability"], y=table["accuracy"], ax=axes, **look)
    axes.set(xlabel="probability of the likeliest cluster", ylabel="share that is right")
    words = [
        f"{name}: "
        + ", ".join(f"{row.probability:.2f} gives {row.accuracy:.2f}" for row in table.itertuples())
        for name, table in tables.items()
    ]
    text = "Share of rows whose likeliest cluster is the true one, by its probability."
    data = _together(tables)
    return Figure(figure, f"{text} On the diagonal they are equal. {'. '.join(words)}.", data)


def plot_frontier(
    frontier: pd.DataFrame, *, metric="tpr_sd_noise_removed", label="change of the SD of TPR (%)"
) -> Figure:
    """What fairness costs: one panel for each attribute, one line for each form of debiasing.

    Each point is a fairness weight. Downwards is fairer, to the left costs less. What lies far
    beyond the dearest point of the cheapest form, or above, is cut off; the text lists it all.

    Args:
        frontier: DataFrame of `form`, `place` (`both`, `FE` or `ME`), `weight` and what `paired`
            returned for each setting, against the same model without debiasing. It has the
            metric, and `auroc` or `mse`, at one threshold.
        metric: Whose change in per cent is shown.
        label: What that is, in words.

    Returns:
        A `Figure`, whose alternative text names the lowest points and lists all.

    Raises:
        ValueError: If no row has a change of the metric.

    Example:
        >>> rows = [("auroc", "", -0.01, 0.0), ("tpr_sd_noise_removed", "sex", -0.05, -50.0)]
        >>> table = pd.DataFrame(rows, columns=["metric", "attribute", "difference", "percent"])
        >>> table = table.assign(form="adversary", place="both", weight=1.0, low=-0.02, high=0.0)
        >>> plot_frontier(table.assign(percent_low=-60.0, percent_high=-40.0)).alt
        '... The lowest points: sex -50 at 0.010 (adversary on both, weight 1). ...'
    """
    points, loss = _frontier_points(frontier, metric)
    if not len(points):
        raise ValueError(
            f"frontier must have rows of the metric {metric!r} with a change in per cent. "
            f"Received: rows of {sorted(frontier['metric'].unique())}."
        )
    attributes = list(points["attribute"].unique())
    figure, panels = plt.subplots(1, len(attributes), figsize=(12, 3.4), sharey=True, squeeze=False)
    forms = list(points["form"].unique())
    looks = dict(zip(forms, zip(sns.color_palette(PALETTE), "osD^vP", strict=False), strict=False))
    for panel, attribute in zip(panels[0], attributes, strict=True):
        shown = points[points["attribute"] == attribute]
        for (form, place), line in shown.groupby(["form", "place"], sort=False):
            _draw_line(panel, line, *looks[form], *STYLES[place], f"{form} on {place}")
        panel.axhline(0, color="grey", linewidth=1)
        panel.set(title=attribute.replace("_", " "), xlabel=loss, xlim=_loss_limits(points))
        panel.locator_params(axis="x", nbins=5)
    panels[0][0].set(ylabel=label, ylim=(min(points["percent"].min(), 0) - 10, 30))
    figure.tight_layout()
    names = panels[0][0].get_legend_handles_labels()
    figure.legend(*names, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=len(forms))
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


def _draw_line(panel, line, color, marker, style, fill, name):
    for end, low, high in (("h", "loss_low", "loss_high"), ("v", "percent_low", "percent_high")):
        at, draw = ("percent", panel.hlines) if end == "h" else ("loss", panel.vlines)
        draw(line[at], line[low], line[high], color=color, linewidth=0.6, alpha=0.6)
    look = {"color": color, "marker": marker, "linestyle": style, "fillstyle": fill}
    panel.plot(line["loss"], line["percent"], label=name, markersize=5, **look)


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
