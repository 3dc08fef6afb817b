"""Performance of a classifier, thresholds, rates by group and their spread."""

import numpy as np
import pandas as pd
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    roc_auc_score,
    roc_curve,
)

from fairmedl_lite import checks
from fairmedl_lite.groups import group_means
from fairmedl_lite.spread import spread_report


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
    y_true, y_score = check_scores(y_true, y_score)
    predicted = _decide(y_score, threshold)
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

    Raises:
        ValueError: If `y_true` has one class only, or the scores cannot be judged.
    """
    y_true, y_score = check_scores(y_true, y_score)
    if len(np.unique(y_true)) < 2:
        raise ValueError(
            f"y_true must have both classes. Received: only {y_true[0]}. Take more validation rows."
        )
    fpr, tpr, thresholds = roc_curve(y_true, y_score, drop_intermediate=False)
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
    y_true, y_score = check_scores(y_true, y_score)
    predicted = _decide(y_score, threshold).astype(float)
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
    return spread_report(
        group_report(y_true, y_score, sensitive_features=sensitive_features, threshold=threshold)
    )


def check_scores(y_true, y_score):
    """Return a 0/1 outcome as integers and finite scores, or raise.

    Args:
        y_true: Array of shape `(rows,)`.
        y_score: Array of shape `(rows,)`.
    """
    checks.check_rows(y_true=y_true, y_score=y_score)
    y_true, y_score = np.asarray(y_true), checks.check_values(y_score, "y_score")
    if y_true.ndim != 1 or not np.isin(y_true, (0, 1)).all():
        raise ValueError(
            f"y_true must hold 0 and 1. Received: {np.ravel(y_true)[:5].tolist()}, "
            f"shape {y_true.shape}. "
            "Compare it with the positive class first."
        )
    return y_true.astype(int), y_score


def _decide(y_score, threshold):
    if np.isnan(threshold):
        raise ValueError("threshold must be a number. Received: nan. See youden_threshold.")
    return y_score >= threshold
