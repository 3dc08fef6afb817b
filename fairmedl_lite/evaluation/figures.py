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


def measure(rows, score, decisions):
    """All figures of one kind of prediction on some rows.

    Args:
        rows: A `ClusteredData`.
        score: Array of shape `(rows,)`: the probability of the positive class, or the predicted
            number.
        decisions: Dictionary of a threshold's name to a 0/1 array of shape `(rows,)`; empty for
            a regression.

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
        If the rows have weights, so have all but the disparities.
    """
    figures = _of_scores(rows, score)
    for threshold, decision in decisions.items():
        found = _of_decisions(rows, decision)
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
    figures = []
    for attribute, swap in rows.swaps.items():
        groups, options = rows.sensitive[attribute], {"clusters": rows.clusters, **predict}
        report = attribute_swap(
            model, rows.x, swap.column, swap.values, groups=groups, linked=swap.linked, **options
        )
        figures.append(Measured("attribute_swap", report["change"], attribute=attribute))
    return figures


def _of_scores(rows, score):
    if rows.task == "classification":
        return [Measured("auroc", roc_auc_score(rows.y, score, sample_weight=rows.weights))]
    options = {"sample_weight": rows.weights}
    report = regression_report(rows.y, score, **options)
    rates = regression_group_report(rows.y, score, sensitive_features=rows.sensitive, **options)
    return [Measured(*figure) for figure in report.items()] + _of_groups(rates)


def _of_decisions(rows, decision):
    decision = np.asarray(decision, dtype="float64")
    options = {"threshold": 0.5, "sample_weight": rows.weights}
    report = performance_report(rows.y, decision, **options).drop("auroc")
    report["positive_rate"] = np.average(decision, weights=rows.weights)
    rates = group_report(rows.y, decision, sensitive_features=rows.sensitive, **options)
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
    table = disparity_split(
        {"": score},
        clusters=rows.first_clusters,
        sensitive_features=compared,
        positive_rate=rows.y.mean() if rows.task == "classification" else None,
    )
    return [
        Measured(f"disparity_{name}", row[name], attribute=row["attribute"], group=row["group"])
        for row in table.to_dict("records")
        for name in DISPARITIES
    ]
