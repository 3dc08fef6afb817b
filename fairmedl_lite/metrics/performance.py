"""How well a prediction does over all rows, and the threshold that makes it a decision."""

import warnings

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    mean_squared_error,
    r2_score,
    roc_auc_score,
    roc_curve,
)

from fairmedl_lite import checks, tables
from fairmedl_lite.metrics.groups import relative_weights


def performance_report(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    threshold: float,
    sample_weight: ArrayLike | None = None,
) -> pd.Series:
    """AUROC, accuracy and balanced accuracy.

    Args:
        y_true: 0/1 array of shape `(rows,)`.
        y_score: Array of shape `(rows,)`. Scores, larger for the positive class.
        threshold: Float. A score at or above it counts as positive.
        sample_weight: Array of shape `(rows,)`, zero or more.

    Returns:
        Series with `auroc`, `accuracy` and `balanced_accuracy`: the mean of the true positive
        and the true negative rate. Each lies in [0, 1], and 1 is best. With rows of one class
        alone, the other absent or of no weight, the first and the last are missing.

    Example:
        >>> performance_report([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], threshold=0.5).to_dict()
        {'auroc': 0.75, 'accuracy': 0.5, 'balanced_accuracy': 0.5}
    """
    weights = {"sample_weight": relative_weights(sample_weight)}
    y_true, y_score = check_scores(y_true, y_score, sample_weight=sample_weight)
    predicted = decide(y_score, threshold)
    report = {"auroc": np.nan, "accuracy": accuracy_score(y_true, predicted, **weights)}
    report["balanced_accuracy"] = np.nan
    if len(np.unique(_weighing(y_true, sample_weight))) == 2:
        report["auroc"] = roc_auc_score(y_true, y_score, **weights)
        report["balanced_accuracy"] = balanced_accuracy_score(y_true, predicted, **weights)
    return pd.Series(report)


def _weighing(values, sample_weight):
    """The values of rows that weigh more than zero."""
    return values if sample_weight is None else values[np.asarray(sample_weight) > 0]


def youden_threshold(
    y_true: ArrayLike, y_score: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """The threshold with the largest TPR - FPR (Youden 1950). Choose it on validation rows.

    Args:
        y_true: 0/1 array of shape `(rows,)`.
        y_score: Array of shape `(rows,)`.
        sample_weight: Array of shape `(rows,)`, zero or more.

    Returns:
        Float, one of the scores.

    Raises:
        ValueError: If rows of one class only have weight, or the scores cannot be judged.

    Example:
        >>> youden_threshold([0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.9])
        0.4
    """
    weights = {"sample_weight": relative_weights(sample_weight)}
    y_true, y_score = check_scores(y_true, y_score, sample_weight=sample_weight)
    classes = np.unique(_weighing(y_true, sample_weight))
    if len(classes) < 2:
        raise ValueError(
            f"y_true must have both classes. Received: only {classes[0]}, of the rows that weigh "
            "more than zero. Take more validation rows."
        )
    fpr, tpr, thresholds = roc_curve(y_true, y_score, drop_intermediate=False, **weights)
    return float(thresholds[1:][np.argmax((tpr - fpr)[1:])])


def regression_report(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> pd.Series:
    """Mean squared error and R squared.

    Args:
        y_true: Float array of shape `(rows,)`.
        y_pred: Float array of shape `(rows,)`, in the units of `y_true`.
        sample_weight: Array of shape `(rows,)`, zero or more.

    Returns:
        Series with `mse` (in squared units, 0 is best) and `r2` (1 is best; missing if `y_true`
        does not vary over the rows that have weight).

    Raises:
        ValueError: If lengths differ, or a value is missing or infinite.

    Example:
        >>> regression_report([0, 0, 4, 4], [1, 1, 3, 3]).to_dict()  # y has a variance of 4
        {'mse': 1.0, 'r2': 0.75}
    """
    weights = {"sample_weight": relative_weights(sample_weight)}
    y_true, y_pred = check_pair(y_true, y_pred, sample_weight=sample_weight)
    varies = np.ptp(_weighing(y_true, sample_weight)) > 0
    r2 = r2_score(y_true, y_pred, **weights) if varies else np.nan
    return pd.Series({"mse": mean_squared_error(y_true, y_pred, **weights), "r2": r2})


def check_scores(y_true: ArrayLike, y_score: ArrayLike, **parts) -> tuple[np.ndarray, np.ndarray]:
    """Return a 0/1 outcome as integers and finite scores, or raise.

    Args:
        y_true: Array of shape `(rows,)`.
        y_score: Array of shape `(rows,)`.
        **parts: What else has these rows, in this order.
    """
    tables.check_rows(y_true=y_true, y_score=y_score, **parts)
    y_true, y_score = np.asarray(y_true), checks.check_values(y_score, "y_score")
    if y_true.ndim != 1 or not np.isin(y_true, (0, 1)).all():
        raise ValueError(
            f"y_true must hold 0 and 1. Received: {np.ravel(y_true)[:5].tolist()}, "
            f"shape {y_true.shape}. "
            "Compare it with the positive class first."
        )
    return y_true.astype(int), y_score


def decide(y_score, threshold):
    """Return whether each score reaches the threshold, or raise if there is none.

    Args:
        y_score: Array of shape `(rows,)`.
        threshold: Float.

    Warns:
        UserWarning: If all decisions on unlike scores are alike: no group then differs.
    """
    if np.isnan(threshold):
        raise ValueError("threshold must be a number. Received: nan. See youden_threshold.")
    decisions = y_score >= threshold
    if np.ptp(y_score) and len(set(decisions)) == 1:
        word = "positive" if decisions.all() else "negative"
        warnings.warn(
            f"At the threshold {threshold:g} all {len(decisions)} decisions are {word}: all groups "
            f"seem alike. Scores lie from {y_score.min():.3g} to {y_score.max():.3g}.",
            stacklevel=3,
        )
    return decisions


def check_pair(y_true: ArrayLike, y_pred: ArrayLike, **parts) -> tuple[np.ndarray, np.ndarray]:
    """Return a continuous outcome and its prediction as finite numbers, or raise.

    Args:
        y_true: Array of shape `(rows,)`.
        y_pred: Array of shape `(rows,)`.
        **parts: What else has these rows, in this order.
    """
    tables.check_rows(y_true=y_true, y_pred=y_pred, **parts)
    return checks.check_values(y_true, "y_true"), checks.check_values(y_pred, "y_pred")
