"""Rates of groups in one picture: where each group stood, and where it went."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from fairmedl_lite.plots.figure import MARKERS, PALETTE, TEXT, Figure, together

KEYS = ["attribute", "group"]


def plot_group_rates(reports: dict, *, metric="tpr", label="share of positives found") -> Figure:
    """Rates of each group: an arrow from the first of two models to the second.

    A panel for each attribute, one below the other; their common axis fits the rates. A single
    model has dots, three or more have a marker each, a little apart.

    Args:
        reports: Dictionary of model name to what `group_report` returned.
        metric: `"tpr"`, `"fpr"` or `"positive_rate"`.
        label: What the rate is, in words.

    Returns:
        A `Figure`, whose alternative text names each model's widest gap and lists every rate, and
        of two models how many groups rise and fall.

    Example:
        >>> sex, y, score = pd.DataFrame({"sex": ["f", "f", "m"]}), [1, 1, 1], [0.9, 0.1, 0.9]
        >>> report = group_report(y, score, sensitive_features=sex, threshold=0.5)
        >>> plot_group_rates({"NNet": report}).alt
        '... NNet: the widest gap is that of sex, from f 0.50 to m 1.00. ...'
    """
    tables = {name: report[report["metric"] == metric] for name, report in reports.items()}
    rates = pd.concat(
        {name: table.set_index(KEYS)["rate"] for name, table in tables.items()}, axis=1, sort=False
    )
    sizes = rates.groupby("attribute", sort=False).size()
    height = 0.3 * len(rates) + 0.55 * len(sizes) + 0.4
    figure, panels = plt.subplots(
        len(sizes), figsize=(5, height), sharex=True, squeeze=False, height_ratios=sizes + 0.4
    )
    draw = _draw_arrows if len(tables) == 2 else _draw_markers
    for panel, attribute in zip(panels[:, 0], sizes.index, strict=True):
        draw(panel, rates.loc[attribute])
        panel.set_title(attribute.replace("_", " "), loc="left", fontsize=TEXT + 1)
        panel.set(ylim=(sizes[attribute] - 0.4, -0.6))  # the first group on top
        panel.set_yticks(range(sizes[attribute]), rates.loc[attribute].index, fontsize=TEXT)
        panel.tick_params(axis="x", labelsize=TEXT)
        panel.grid(axis="x", color="0.9")
        panel.set_axisbelow(True)
    panels[-1, 0].set_xlabel(label, fontsize=TEXT)
    figure.tight_layout()
    handles = _arrow_names(rates) if len(tables) == 2 else panels[0, 0].lines[: len(tables)]
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "fontsize": TEXT}
    columns = 1 if len("".join(tables)) > 30 or len(tables) == 2 else len(tables)
    figure.legend(handles=handles, ncols=columns, **place)
    return Figure(figure, _in_words(tables, rates, label), together(tables))


def _looks():
    """For a rise and for a fall: the arrow's head, its colour, and the word."""
    colors = sns.color_palette(PALETTE)
    return {True: (">", colors[0], "higher"), False: ("<", colors[3], "lower")}


def _draw_arrows(panel, rates):
    """A line from a ring, the first model, to a head that points to where the rate went."""
    for row, (start, end) in enumerate(rates.to_numpy()):
        head, color, _ = _looks()[bool(end >= start)]
        panel.hlines(row, start, end, color=color, linewidth=2)
        panel.plot(start, row, "o", color=color, fillstyle="none", markersize=7)
        panel.plot(end, row, head, color=color, markersize=8)


def _arrow_names(rates):
    first, second = rates.columns
    ring = {"color": "0.3", "linestyle": "none", "fillstyle": "none"}
    heads = [
        Line2D([], [], color=color, marker=head, linestyle="none", label=f"{second}, {word}")
        for head, color, word in _looks().values()
    ]
    return [Line2D([], [], marker="o", label=first, **ring), *heads]


def _draw_markers(panel, rates):
    """A marker for each model, those of one group a little apart."""
    count = len(rates.columns)
    colors = sns.color_palette(PALETTE, count)
    for number, (name, color) in enumerate(zip(rates, colors, strict=True)):
        rows = [row + 0.2 * (number - (count - 1) / 2) for row in range(len(rates))]
        marker = MARKERS[number % len(MARKERS)]
        panel.plot(rates[name], rows, marker, color=color, label=name, markersize=6)


def _in_words(tables, rates, label):
    if len(tables) == 2:
        return _arrows_in_words(tables, rates, label)
    parts = []
    for name, table in tables.items():
        listed = [
            f"{attribute}: " + ", ".join(f"{row.group} {row.rate:.2f}" for row in rows.itertuples())
            for attribute, rows in table.groupby("attribute", sort=False)
        ]
        parts.append(f"{name}: {_widest_gap(table)} All by {'; by '.join(listed)}.")
    return f"Points show the {label} for each group. " + " ".join(parts).replace("_", " ")


def _arrows_in_words(tables, rates, label):
    first, second = tables
    changes = (rates[second] - rates[first]).dropna().round(3)
    gaps = [f"{name}: {_widest_gap(table)}" for name, table in tables.items()]
    listed = [
        f"{attribute}: "
        + ", ".join(f"{group} {start:.2f} to {end:.2f}" for (_, group), start, end in rows)
        for attribute, rows in (
            (name, part[[first, second]].itertuples(name=None))
            for name, part in rates.groupby("attribute", sort=False)
        )
    ]
    return (
        f"Arrows show the {label} for each group, from {first} to {second}. Of {len(changes)} "
        f"groups {(changes > 0).sum()} rise and {(changes < 0).sum()} fall. "
        f"{' '.join(gaps)} All by {'; by '.join(listed)}."
    ).replace("_", " ")


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
