"""Figures by seaborn, each with a text that says what is to be seen."""

import base64
import io

import matplotlib.pyplot as plt
import seaborn as sns

PALETTE = "colorblind"


class Figure:
    """A figure that a notebook shows as an image with a text alternative.

    Args:
        figure: A Matplotlib figure; it is closed once drawn.
        alt: One or more sentences: what is to be seen, with the numbers behind it.

    Raises:
        ValueError: If `alt` is not at least a short sentence.
    """

    def __init__(self, figure, alt):
        if len(alt.strip()) < 20:
            raise ValueError(f"alt must be a sentence on what is to be seen. Received: {alt!r}.")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
        plt.close(figure)
        self.alt = alt
        self._image = base64.b64encode(buffer.getvalue()).decode()

    def _repr_html_(self):
        alt = self.alt.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
        return f'<img alt="{alt}" src="data:image/png;base64,{self._image}">'


def plot_group_rates(reports, *, metric="tpr", label="share of positives found"):
    """Rates of each group, one marker for each model, one panel for each attribute.

    Args:
        reports: Dictionary of model name to what `group_report` returned.
        metric: `"tpr"`, `"fpr"` or `"positive_rate"`.
        label: What the rate is, in words.

    Returns:
        A `Figure`, whose alternative text lists every rate.
    """
    tables = {name: report[report["metric"] == metric] for name, report in reports.items()}
    attributes = list(next(iter(tables.values()))["attribute"].unique())
    figure, panels = plt.subplots(1, len(attributes), figsize=(11, 2.8), squeeze=False)
    colors = sns.color_palette(PALETTE, len(tables))
    for panel, attribute in zip(panels[0], attributes, strict=True):
        for (name, table), color, marker in zip(tables.items(), colors, "osD^vP", strict=False):
            rows = table[table["attribute"] == attribute]
            sns.scatterplot(
                x=rows["rate"], y=rows["group"], ax=panel, color=color, marker=marker, label=name
            )
        panel.set(title=attribute.replace("_", " "), xlabel=label, ylabel="", xlim=(0, 1))
        panel.get_legend().remove()
    figure.tight_layout()
    names = panels[0][0].get_legend_handles_labels()
    figure.legend(*names, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=len(tables))
    return Figure(figure, _rates_in_words(tables, label))


def _rates_in_words(tables, label):
    parts = []
    for name, table in tables.items():
        rates = ", ".join(f"{row.group} {row.rate:.2f}" for row in table.itertuples())
        parts.append(f"{name}: {rates}.")
    return f"Points show the {label} for each group. " + " ".join(parts)


def plot_cluster_effects(effects, *, label="random effect (log odds)"):
    """The effect of each cluster with its interval, sorted.

    Args:
        effects: What `FairMEDLClassifier.cluster_effects` returned.
        label: What the effect is, with its unit.

    Returns:
        A `Figure`, whose alternative text lists every effect.
    """
    effects = effects.sort_values("mean")
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
    return Figure(figure, f"Effects of the clusters, from low to high, with intervals: {words}.")


def plot_calibration(tables):
    """How often the likeliest cluster is the true one, against the probability it was given.

    Args:
        tables: Dictionary of name to what `calibration_table` returned.

    Returns:
        A `Figure`, whose alternative text lists every point.
    """
    figure, axes = plt.subplots(figsize=(4.5, 4))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    colors = sns.color_palette(PALETTE, len(tables))
    for (name, table), color, marker in zip(tables.items(), colors, "osD^vP", strict=False):
        sns.lineplot(
            x=table["probability"],
            y=table["accuracy"],
            ax=axes,
            color=color,
            marker=marker,
            label=name,
        )
    axes.set(xlabel="probability of the likeliest cluster", ylabel="share that is right")
    words = [
        f"{name}: "
        + ", ".join(f"{row.probability:.2f} gives {row.accuracy:.2f}" for row in table.itertuples())
        for name, table in tables.items()
    ]
    text = "Share of rows whose likeliest cluster is the true one, by its probability."
    return Figure(figure, f"{text} On the diagonal they are equal. {'. '.join(words)}.")
