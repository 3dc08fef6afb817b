"""Clusters in pictures: their effects, and how well an unseen one is recognised."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from fairmedl_lite.plots.figure import MARKERS, PALETTE, Figure, together


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
    for (name, table), color, marker in zip(tables.items(), colors, MARKERS, strict=False):
        look = {"color": color, "marker": marker, "label": name}
        sns.lineplot(x=table["probability"], y=table["accuracy"], ax=axes, **look)
    axes.set(xlabel="probability of the likeliest cluster", ylabel="share that is right")
    words = [
        f"{name}: "
        + ", ".join(f"{row.probability:.2f} gives {row.accuracy:.2f}" for row in table.itertuples())
        for name, table in tables.items()
    ]
    text = "Share of rows whose likeliest cluster is the true one, by its probability."
    data = together(tables)
    return Figure(figure, f"{text} On the diagonal they are equal. {'. '.join(words)}.", data)
