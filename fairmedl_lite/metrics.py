"""Performance, rates by group and their spread, thresholds, attribute swap."""

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, count, selection_rate
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    roc_auc_score,
    roc_curve,
)

from fairmedl_lite import inputs

MIN_CASES = 20  # of a class, for a group's rate to count (design.md's definition)
METRICS = {"tpr": 1, "fpr": 0, "positive_rate": None}  # the outcome that a rate is taken over


def classification_report(y_true, y_score, *, threshold):
    """AUROC, accuracy and balanced accuracy.

    Args:
        y_true: 0/1 array of shape `(rows,)`.
        y_score: Array of shape `(rows,)`. Scores, larger for the positive class.
        threshold: Float. A score at or above it counts as positive.

    Returns:
        Series with `auroc`, `accuracy` and `balanced_accuracy`: the mean of the true positive
        and the true negative rate. Each lies in [0, 1], and 1 is best.
    """
    y_true, y_score = _check_scores(y_true, y_score)
    predicted = y_score >= threshold
    return pd.Series(
        {
            "auroc": roc_auc_score(y_true, y_score),
            "accuracy": accuracy_score(y_true, predicted),
            "balanced_accuracy": balanced_accuracy_score(y_true, predicted),
        }
    )


def youden_threshold(y_true, y_score):
    """The threshold with the largest TPR - FPR (Youden 1950). Choose it on validation rows.

    Args:
        y_true: 0/1 array of shape `(rows,)`.
        y_score: Array of shape `(rows,)`.

    Returns:
        Float, one of the scores.
    """
    fpr, tpr, thresholds = roc_curve(*_check_scores(y_true, y_score), drop_intermediate=False)
    return float(thresholds[1:][np.argmax((tpr - fpr)[1:])])


def group_report(y_true, y_score, *, sensitive_features, threshold):
    """Rates of each group: one row per attribute, metric and group.

    Args:
        y_true: 0/1 array of shape `(rows,)`.
        y_score: Array of shape `(rows,)`.
        sensitive_features: DataFrame of shape `(rows, attributes)`, or Series.
        threshold: Float. A score at or above it counts as positive.

    Returns:
        DataFrame with `attribute`, `metric` (`tpr`, `fpr`, `positive_rate`), `group`, `rate`
        (missing where the group has no case) and `cases`, the rows the rate is taken over.

    Raises:
        ValueError: If lengths differ, a value is missing, or y has other values than 0 and 1.
    """
    y_true, y_score = _check_scores(y_true, y_score)
    table = pd.DataFrame(sensitive_features).reset_index(drop=True)
    inputs.check_rows(y_true=y_true, sensitive_features=table)
    predicted = (y_score >= threshold).astype(int)
    rows = []
    for attribute in table:
        groups = inputs.check_labels(table[attribute], f"sensitive attribute {attribute!r}")
        for metric, outcome in METRICS.items():
            cases = slice(None) if outcome is None else y_true == outcome
            rates = _rates(y_true[cases], predicted[cases], groups[cases])
            rates = rates.reindex(np.unique(groups)).fillna({"cases": 0})
            rows.append(rates.reset_index(names="group").assign(attribute=attribute, metric=metric))
    report = pd.concat(rows, ignore_index=True).astype({"cases": int})
    return report[["attribute", "metric", "group", "rate", "cases"]]


def fairness_report(y_true, y_score, *, sensitive_features, threshold):
    """How far the groups of each attribute lie apart: one row per attribute and metric.

    The spread of the TPR and the FPR measures equalized odds, that of the positive rate
    demographic parity. All are 0 at best. A rate counts if its group has 20 cases.

    Args:
        y_true: 0/1 array of shape `(rows,)`.
        y_score: Array of shape `(rows,)`.
        sensitive_features: DataFrame of shape `(rows, attributes)`, or Series.
        threshold: Float. A score at or above it counts as positive.

    Returns:
        DataFrame with `attribute`, `metric` and
        - `sd`: the population standard deviation of the groups' rates;
        - `noise_floor`: what sampling alone would give, the root of the mean of p(1 - p) / n
          over the groups, at their pooled rate p;
        - `sd_noise_removed`: sqrt(max(0, sd^2 - noise_floor^2));
        - `largest_difference`, and `worst_group` with its `worst_rate`: the lowest TPR or
          positive rate, the highest FPR;
        - `groups`: how many count, and `left_out`: cases of each group that does not.
        With fewer than two groups that count, the numbers are missing.

    Raises:
        ValueError: As `group_report`.
    """
    rates = group_report(
        y_true, y_score, sensitive_features=sensitive_features, threshold=threshold
    )
    rows = [
        {"attribute": attribute, "metric": metric, **_spread(metric, part)}
        for (attribute, metric), part in rates.groupby(["attribute", "metric"], sort=False)
    ]
    return pd.DataFrame(rows)


def attribute_swap(model, X, column, values, *, groups=None, linked=None, **predict):
    """Mean absolute change of the prediction when an attribute is swapped and x is held.

    It is the paper's "counterfactual fairness", called what it is: what would follow from
    another value of the attribute is not changed with it. It lies in [0, 1], and 0 is best; a
    model that does not read the column scores 0 trivially.

    Args:
        model: A fitted `FairMEDLClassifier`, or any object with `predict_proba`.
        X: DataFrame of shape `(rows, columns)`.
        column: The column to change.
        values: Dictionary of group to the value it stands for; a list if both are the same.
        groups: Series of shape `(rows,)`: the group of each row. Needed where `column` does not
            hold the groups themselves, such as an age.
        linked: Dictionary of group to `{column: {old: new}}`: what the attribute determines.
        **predict: Passed to `predict_proba`, such as `clusters=`.

    Returns:
        Series with `change`, the mean over rows and over the other groups; `rows`; and
        `reads_column`: False where no prediction changed at all.

    Raises:
        ValueError: If the column is absent, a row's group is not among `values`, or there are
            fewer than two values.
    """
    values = values if isinstance(values, dict) else {value: value for value in values}
    if column not in X:
        raise ValueError(
            f"column must be one of X's. Received: {column!r}, not among {list(X)}. "
            "A model without the attribute scores 0 trivially."
        )
    groups = np.asarray(X[column] if groups is None else groups)
    inputs.check_rows(X=X, groups=groups)
    strange = sorted(set(pd.unique(groups)) - set(values), key=str)
    if strange or len(values) < 2:
        raise ValueError(
            f"values must give two or more groups, and that of every row. Received: {len(values)} "
            f"values; rows have {strange[:5]} besides. Name the rows' groups with groups=."
        )
    before = model.predict_proba(X, **predict)[:, 1]
    total = np.zeros(len(X))
    for group, value in values.items():
        swapped = _set_group(X, column, value, (linked or {}).get(group, {}))
        after = model.predict_proba(swapped, **predict)[:, 1]
        total += np.where(groups == group, 0.0, np.abs(after - before))
    change = total.mean() / (len(values) - 1)
    return pd.Series({"change": change, "rows": len(X), "reads_column": bool(total.any())})


def within_between(decision, *, clusters, is_first):
    """Split the difference in rate between two groups into within and between clusters.

    The decomposition of Kitagawa (1955), Oaxaca and Blinder: within is the difference in rate at
    the two groups' mean share of each cluster, between the difference in share at their mean
    rate. A cluster that holds one group only counts as having no difference within.

    Args:
        decision: 0/1 array of shape `(rows,)`.
        clusters: Series of shape `(rows,)`.
        is_first: Boolean array of shape `(rows,)`: whether a row is of the first group.

    Returns:
        Series with `within`, `between` and their sum `total`: the first group's rate minus the
        other's (exactly, if every cluster holds both groups).

    Raises:
        ValueError: If lengths differ, a cluster is missing, or only one group occurs.
    """
    inputs.check_rows(decision=decision, clusters=clusters, is_first=is_first)
    table = pd.DataFrame(
        {
            "decision": np.asarray(decision, dtype="float64"),
            "cluster": inputs.check_labels(clusters, "clusters"),
            "first": np.asarray(is_first, dtype=bool),
        }
    )
    if table["first"].nunique() < 2:
        raise ValueError("is_first must hold both groups. Received: only one of them.")
    grouped = table.groupby(["cluster", "first"])["decision"]
    rate, share = grouped.mean().unstack(), grouped.size().unstack(fill_value=0)
    rate = rate.T.fillna(rate.mean(axis=1)).T
    share = share / share.sum()
    within = (share.mean(axis=1) * (rate[True] - rate[False])).sum()
    between = ((share[True] - share[False]) * rate.mean(axis=1)).sum()
    return pd.Series({"within": within, "between": between, "total": within + between})


def _check_scores(y_true, y_score):
    y_true, y_score = np.asarray(y_true), np.asarray(y_score, dtype="float64")
    inputs.check_rows(y_true=y_true, y_score=y_score)
    if y_score.ndim != 1 or not np.isfinite(y_score).all():
        raise ValueError(
            "y_score must have one finite score for each row. "
            f"Received: shape {y_score.shape}, {np.sum(~np.isfinite(y_score))} not finite. "
            "From predict_proba take column 1."
        )
    if not np.isin(y_true, (0, 1)).all():
        raise ValueError(
            f"y_true must hold 0 and 1. Received: {pd.unique(y_true)[:5].tolist()}. "
            "Compare it with the positive class first."
        )
    return y_true.astype(int), y_score


def _rates(y_true, predicted, groups):
    """Rate and number of cases of each group: a frame with `rate` and `cases`."""
    if not len(groups):
        return pd.DataFrame({"rate": [], "cases": []})
    frame = MetricFrame(
        metrics={"rate": selection_rate, "cases": count},
        y_true=y_true,
        y_pred=predicted,
        sensitive_features=groups.rename("group"),
    )
    return frame.by_group


def _spread(metric, rates):
    counted = rates[rates["cases"] >= MIN_CASES]
    left_out = rates[rates["cases"] < MIN_CASES].set_index("group")["cases"].to_dict()
    if len(counted) < 2:
        numbers = dict.fromkeys(("sd", "noise_floor", "sd_noise_removed", "largest_difference"))
        worst = {"worst_group": None, "worst_rate": np.nan}
        numbers = dict.fromkeys(numbers, np.nan) | worst
        return numbers | {"groups": len(counted), "left_out": left_out}
    rate, cases = counted["rate"], counted["cases"]
    pooled = np.average(rate, weights=cases)
    sd, floor = rate.std(ddof=0), np.sqrt(np.mean(pooled * (1 - pooled) / cases))
    worst = counted.loc[rate.idxmax() if metric == "fpr" else rate.idxmin()]
    return {
        "sd": sd,
        "noise_floor": floor,
        "sd_noise_removed": np.sqrt(max(0.0, sd**2 - floor**2)),
        "largest_difference": rate.max() - rate.min(),
        "worst_group": worst["group"],
        "worst_rate": worst["rate"],
        "groups": len(counted),
        "left_out": left_out,
    }


def _set_group(X, column, value, linked):
    swapped = X.copy()
    swapped[column] = value
    for other, change in linked.items():
        swapped[other] = swapped[other].replace(change)
    return swapped
