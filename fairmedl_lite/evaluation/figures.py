"""What an experiment writes down of one prediction: performance, and what differs by group."""

import numpy as np
from sklearn.metrics import roc_auc_score

from fairmedl_lite.metrics.disparity import disparity_split
from fairmedl_lite.metrics.performance import performance_report, regression_report
from fairmedl_lite.metrics.random_effect import random_effect_spread
from fairmedl_lite.metrics.rates import group_report, regression_group_report
from fairmedl_lite.metrics.spread import MIN_CASES, spread_report
from fairmedl_lite.metrics.swap import attribute_swap

COLUMNS = ("threshold", "metric", "attribute", "group", "value")
SPREADS = {"sd": "sd", "sd_noise_removed": "sd_noise_removed", "worst": "worst_rate"}
RANDOM = {"sd_random_effect": "sd_rate"}
DISPARITIES = ("within", "between", "total")


def measure(rows, score, decisions):
    """All figures of one kind of prediction on some rows.

    Args:
        rows: A `ClusteredData`.
        score: Array of shape `(rows,)`: the probability of the positive class, or the predicted
            number.
        decisions: Dictionary of a threshold's name to a 0/1 array of shape `(rows,)`; empty for
            a regression.

    Returns:
        List of tuples `(threshold, metric, attribute, group, value)`, with `""` for what does not
        apply:
        - `auroc`, and at each threshold `accuracy`, `balanced_accuracy`, `positive_rate`; for a
          regression `mse` and `r2`;
        - of each group with 20 cases, at each threshold, `tpr`, `fpr` and `positive_rate`; for a
          regression `mse`, `mean_prediction` and `mean_residual`;
        - of these, for each attribute, `..._sd`, `..._sd_noise_removed` and `..._worst`, as in
          `fairness_report`, and `..._sd_random_effect`, the `sd_rate` of `random_effect_spread`;
        - `disparity_within`, `disparity_between`, `disparity_total` of each group, as in
          `disparity_split`, at the rows' own positive rate.
    """
    figures = _of_scores(rows, score)
    for threshold, decision in decisions.items():
        figures += [(threshold, *figure) for figure in _of_decisions(rows, decision)]
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
        List of tuples as in `measure`.
    """
    if len(rows) > most:
        rows = rows.take(np.random.default_rng(seed).choice(len(rows), most, replace=False))
    figures = []
    for attribute, swap in rows.swaps.items():
        groups, options = rows.sensitive[attribute], {"clusters": rows.clusters, **predict}
        report = attribute_swap(
            model, rows.x, swap.column, swap.values, groups=groups, linked=swap.linked, **options
        )
        figures.append(("", "attribute_swap", attribute, "", report["change"]))
    return figures


def _of_scores(rows, score):
    if rows.task == "classification":
        return [("", "auroc", "", "", roc_auc_score(rows.y, score))]
    report = regression_report(rows.y, score)
    rates = regression_group_report(rows.y, score, sensitive_features=rows.sensitive)
    overall = [(name, "", "", value) for name, value in report.items()]
    return [("", *figure) for figure in overall + _of_groups(rates)]


def _of_decisions(rows, decision):
    decision = np.asarray(decision, dtype="float64")
    report = performance_report(rows.y, decision, threshold=0.5).drop("auroc")
    report["positive_rate"] = decision.mean()
    rates = group_report(rows.y, decision, sensitive_features=rows.sensitive, threshold=0.5)
    return [(name, "", "", value) for name, value in report.items()] + _of_groups(rates)


def _of_groups(rates):
    counted = rates[rates["cases"] >= MIN_CASES]
    figures = [(row.metric, row.attribute, row.group, row.rate) for row in counted.itertuples()]
    for table, names in ((spread_report(rates), SPREADS), (random_effect_spread(rates), RANDOM)):
        for row in table.to_dict("records"):
            key = row["metric"], row["attribute"]
            figures += [(f"{key[0]}_{name}", key[1], "", row[names[name]]) for name in names]
    return figures


def _disparities(rows, score):
    compared = rows.sensitive.loc[:, rows.sensitive.nunique() > 1]
    table = disparity_split(
        {"": score},
        clusters=rows.clusters,
        sensitive_features=compared,
        positive_rate=rows.y.mean() if rows.task == "classification" else None,
    )
    return [
        ("", f"disparity_{name}", row["attribute"], row["group"], row[name])
        for row in table.to_dict("records")
        for name in DISPARITIES
    ]
