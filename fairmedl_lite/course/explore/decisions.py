"""One threshold for all, or each group's own: who is helped, and who pays."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from fairmedl_lite.course.explore.explorer import LOOKS, Explorer, _finish, shows
from fairmedl_lite.metrics.performance import check_scores
from fairmedl_lite.metrics.rates import group_report
from fairmedl_lite.metrics.spread import MIN_CASES, spread_report

RULES = {
    "one for all groups": "",
    "each group's own, for equal positive rates": "positive_rate",
    "each group's own, for equal true positive rates": "tpr",
}
RATES = {"tpr": "TPR", "fpr": "FPR", "positive_rate": "positive rate"}


@shows
def thresholds(y, score, sensitive):
    """One threshold for all, or each group's own, against the groups' rates.

    Args:
        y: 0/1 array of shape `(rows,)`.
        score: Array of shape `(rows,)`: probabilities.
        sensitive: Series, or DataFrame of shape `(rows, attributes)`. Of each attribute, groups
            with 20 rows of each class are shown.

    Raises:
        ValueError: If a score lies outside [0, 1], or as `group_report`.
    """
    y, score = check_scores(y, score)
    if not ((0 <= score) & (score <= 1)).all():
        raise ValueError(
            f"score must lie in [0, 1]. Received: {score.min():g} to {score.max():g}. "
            "Pass probabilities."
        )
    table = pd.DataFrame(sensitive).reset_index(drop=True)
    controls = {
        "attribute": ("Attribute", {str(name): name for name in table}),
        "rule": ("Thresholds", RULES),
        "threshold": ("Threshold for all, or whose rate is met", (0.0, 1.0, 0.05)),
    }
    positions = [(table.columns[0], rule, 0.5) for rule in RULES.values()]
    stops = {"threshold": (0.1, 0.3, 0.5, 0.7, 0.9)}
    draw = partial(_draw_thresholds, y, score, table)
    return Explorer(controls, draw, positions, stops, (pd.Series(y), pd.Series(score), table))


def _draw_thresholds(y, score, table, attribute, rule, threshold):
    own = _own_thresholds(y, score, table[attribute], rule, threshold)
    decision = score >= table[attribute].map(own).to_numpy()
    report = group_report(y, decision, sensitive_features=table[[attribute]], threshold=1)
    spread = spread_report(report).set_index("metric")["sd"]
    rates = report.pivot(index="group", columns="metric", values="rate")[list(RATES)]
    rates = rates[report.groupby("group")["cases"].min() >= MIN_CASES]
    figure, axes = plt.subplots(figsize=(5.2, 0.4 * len(rates) + 1.2))
    places = [f"{group} (from {own[group]:.2f})" for group in rates.index]
    for (metric, name), (color, marker, _) in zip(RATES.items(), LOOKS, strict=False):
        axes.plot(rates[metric], places, marker, color=color, label=name)
    axes.set(xlabel="rate", xlim=(-0.03, 1.03))
    axes.margins(y=0.2)
    listed = [
        f"{group}, from {own[group]:.2f}: "
        + ", ".join(f"{name} {row[metric]:.2f}" for metric, name in RATES.items())
        for group, row in rates.iterrows()
    ]
    apart = ", ".join(f"{name} {spread[metric]:.3f}" for metric, name in RATES.items())
    how = next(words for words, value in RULES.items() if value == rule)
    return _finish(
        figure,
        f"{attribute}, threshold {threshold:.2f}, {how}: accuracy {(decision == y).mean():.3f}; "
        f"SD over groups: {apart}. {'; '.join(listed)}.",
        rates,
    )


def _own_thresholds(y, score, groups, rule, threshold):
    """The threshold of each group: where its rate is that of all rows at the threshold."""
    counted = y == 1 if rule == "tpr" else np.ones(len(y), bool)
    share = (score[counted] >= threshold).mean()
    own = dict.fromkeys(groups.unique(), threshold)
    for group in own if rule and share else ():
        of_group = score[counted & (groups == group).to_numpy()]
        if len(of_group):
            own[group] = np.quantile(of_group, 1 - share, method="higher")
    return own
