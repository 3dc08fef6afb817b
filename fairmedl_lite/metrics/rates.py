"""Rates and errors by group, and how far the groups lie apart: of classes and of numbers."""

import numpy as np

from fairmedl_lite.metrics.groups import group_means
from fairmedl_lite.metrics.performance import check_pair, check_scores, decide
from fairmedl_lite.metrics.spread import spread_report


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
    y_true, y_score = check_scores(y_true, y_score)
    predicted = decide(y_score, threshold).astype(float)
    values = {
        "tpr": np.where(y_true == 1, predicted, np.nan),
        "fpr": np.where(y_true == 0, predicted, np.nan),
        "positive_rate": predicted,
    }
    return group_means(values, sensitive_features).drop(columns="se")


def fairness_report(y_true, y_score, *, sensitive_features, threshold):
    """How far the groups of each attribute lie apart: one row per attribute and metric.

    The spread of the TPR and the FPR measures equalized odds, that of the positive rate
    demographic parity. All are 0 at best. A rate counts if its group has 20 cases.

    Args:
        y_true: As in `group_report`, and so are all arguments.
        y_score: Scores.
        sensitive_features: The groups.
        threshold: Where a score counts as positive.

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
    return spread_report(
        group_report(y_true, y_score, sensitive_features=sensitive_features, threshold=threshold)
    )


def regression_group_report(y_true, y_pred, *, sensitive_features):
    """Error, prediction and residual of each group: one row per attribute, metric and group.

    The MSE is the paper's; it also differs between groups whose outcomes are unlike in noise,
    which no model can mend. The mean residual does not: it is 0 for a model that is right on
    average in the group, however noisy the group is (the balanced residuals of Calders, Karim,
    Kamiran, Ali and Zhang, ICDM 2013). Above 0 the group is predicted too low.

    Args:
        y_true: Float array of shape `(rows,)`.
        y_pred: Float array of shape `(rows,)`, in the units of `y_true`.
        sensitive_features: As in `group_report`.

    Returns:
        DataFrame with `attribute`, `metric` (`mse`, `mean_prediction`, `mean_residual`: of
        `y_true - y_pred`), `group`, `rate` (the metric's value; the name is that of
        `group_report`), `se` (its standard error; missing for a single row) and `cases`.

    Raises:
        ValueError: If lengths differ, or a value is missing or infinite.
    """
    y_true, y_pred = check_pair(y_true, y_pred)
    residual = y_true - y_pred
    values = {"mse": residual**2, "mean_prediction": y_pred, "mean_residual": residual}
    return group_means(values, sensitive_features)


def regression_fairness_report(y_true, y_pred, *, sensitive_features):
    """How far the groups of each attribute lie apart: one row per attribute and metric.

    In the paper the spread of the MSE is equalized odds, that of the mean prediction demographic
    parity. Beside them stands the spread of the mean residual. All are 0 at best.

    Args:
        y_true: As in `regression_group_report`, and so are all arguments.
        y_pred: Predictions.
        sensitive_features: The groups.

    Returns:
        DataFrame with the columns of `fairness_report`. `noise_floor` is the root of the mean
        squared standard error of the groups. The worst group has the highest MSE, the lowest mean
        prediction, or the mean residual farthest from 0. A group counts if it has 20 rows.

    Raises:
        ValueError: As `regression_group_report`.
    """
    return spread_report(
        regression_group_report(y_true, y_pred, sensitive_features=sensitive_features)
    )
