"""What an experiment writes down of one prediction: performance, and what differs by group."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from fairmedl_lite.metrics.disparity import disparity_split
from fairmedl_lite.metrics.performance import performance_report, regression_report
from fairmedl_lite.metrics.random_effect import random_effect_spread
from fairmedl_lite.metrics.rates import group_report, regression_group_report
from fairmedl_lite.metrics.spread import MIN_CASES, spread_report
from fairmedl_lite.metrics.swap import attribute_swap

SPREADS = {"sd": "sd", "sd_noise_removed": "sd_noise_removed", "worst": "worst_rate"}
RANDOM = {"sd_random_effect": "sd_rate"}
DISPARITIES = ("within", "between", "total")


class Measured(NamedTuple):
    """One figure of a prediction. What does not apply to it is empty.

    Args:
        metric: String.
        value: Float.
        threshold: String. The threshold that decisions were taken at.
        attribute: String. The sensitive attribute whose groups are compared.
        group: Its group, if the figure is one group's.
    """

    metric: str
    value: float
    threshold: str = ""
    attribute: str = ""
    group: str = ""


def measure(rows, score, decisions, independent="rows"):
    """All figures of one kind of prediction on some rows.

    Args:
        rows: A `ClusteredData`.
        score: Array of shape `(rows,)`: the probability of the positive class, or the predicted
            number.
        decisions: Dictionary of a threshold's name to a 0/1 array of shape `(rows,)`; empty for
            a regression.
        independent: `"rows"`; or `"clusters"`, and what is noise between groups, and taken off, is
            what the jackknife over clusters finds, as in `group_report`.

    Returns:
        List of `Measured`:
        - `auroc`, and at each threshold `accuracy`, `balanced_accuracy`, `positive_rate`; for a
          regression `mse` and `r2`;
        - of each group with 20 cases, at each threshold, `tpr`, `fpr` and `positive_rate`; for a
          regression `mse`, `mean_prediction` and `mean_residual`;
        - of these, for each attribute, `..._sd`, `..._sd_noise_removed` and `..._worst`, as in
          `fairness_report`, and `..._sd_random_effect`, the `sd_rate` of `random_effect_spread`;
        - `disparity_within`, `disparity_between`, `disparity_total` of each group, as in
          `disparity_split`, at the rows' own positive rate.
        If the rows have weights, so have all.
    """
    clusters = rows.clusters if independent == "clusters" else None
    figures = _of_scores(rows, score, clusters)
    for threshold, decision in decisions.items():
        found = _of_decisions(rows, decision, clusters)
        figures += [figure._replace(threshold=threshold) for figure in found]
    return figures + _disparities(rows, score)


def measure_swaps(model, rows, *, most, seed, **predict):
    """The attribute swap of each attribute that the data say how to swap.

    Args:
        model: A fitted model.
        rows: A `ClusteredData`.
        most: Integer. Of more rows, so many are drawn.
        seed: Integer. Seeds the draw.
        **predict: Passed to the model's prediction.

    Returns:
        List of `Measured`, as in `measure`.
    """
    if len(rows) > most:
        rows = rows.take(np.random.default_rng(seed).choice(len(rows), most, replace=False))
    figures, weights = [], rows.weights
    for attribute, swap in rows.swaps.items():
        options = {"clusters": rows.clusters, "sample_weight": weights, **predict}
        options |= {"groups": rows.sensitive[attribute], "linked": swap.linked}
        report = attribute_swap(model, rows.x, swap.column, swap.values, **options)
        figures.append(Measured("attribute_swap", report["change"], attribute=attribute))
    return figures


def _of_scores(rows, score, clusters):
    if rows.task == "classification":
        return [Measured("auroc", roc_auc_score(rows.y, score, sample_weight=rows.weights))]
    options = {"sample_weight": rows.weights}
    report = regression_report(rows.y, score, **options)
    options |= {"sensitive_features": rows.sensitive, "clusters": clusters}
    rates = regression_group_report(rows.y, score, **options)
    return [Measured(*figure) for figure in report.items()] + _of_groups(rates)


def _of_decisions(rows, decision, clusters):
    decision = np.asarray(decision, dtype="float64")
    options = {"threshold": 0.5, "sample_weight": rows.weights}
    report = performance_report(rows.y, decision, **options).drop("auroc")
    report["positive_rate"] = np.average(decision, weights=rows.weights)
    options |= {"sensitive_features": rows.sensitive, "clusters": clusters}
    rates = group_report(rows.y, decision, **options)
    return [Measured(*figure) for figure in report.items()] + _of_groups(rates)


def _of_groups(rates):
    counted = rates[rates["cases"] >= MIN_CASES]
    figures = [
        Measured(row.metric, row.rate, attribute=row.attribute, group=row.group)
        for row in counted.itertuples()
    ]
    for table, names in ((spread_report(rates), SPREADS), (random_effect_spread(rates), RANDOM)):
        for row in table.to_dict("records"):
            figures += [
                Measured(f"{row['metric']}_{name}", row[column], attribute=row["attribute"])
                for name, column in names.items()
            ]
    return figures


def _disparities(rows, score):
    compared = rows.sensitive.loc[:, rows.sensitive.nunique() > 1]
    rate = np.average(rows.y, weights=rows.weights)
    table = disparity_split(
        {"": score},
        clusters=rows.first_clusters,
        sensitive_features=compared,
        positive_rate=rate if rows.task == "classification" else None,
        sample_weight=rows.weights,
    )
    return [
        Measured(f"disparity_{name}", row[name], attribute=row["attribute"], group=row["group"])
        for row in table.to_dict("records")
        for name in DISPARITIES
    ]
