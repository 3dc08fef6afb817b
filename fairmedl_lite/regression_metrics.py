"""What `metrics` reports of a classifier, for a continuous outcome."""

import numpy as np
import pandas as pd
from sklearn.metrics import mean_squared_error, r2_score

from fairmedl_lite import checks
from fairmedl_lite.groups import group_means
from fairmedl_lite.spread import spread_report


def regression_report(y_true, y_pred):
    """Mean squared error and R squared.

    Args:
        y_true: Float array of shape `(rows,)`.
        y_pred: Float array of shape `(rows,)`, in the units of `y_true`.

    Returns:
        Series with `mse` (in squared units, 0 is best) and `r2` (1 is best; missing if `y_true`
        does not vary).

    Raises:
        ValueError: If lengths differ, or a value is missing or infinite.
    """
    y_true, y_pred = _check_pair(y_true, y_pred)
    r2 = r2_score(y_true, y_pred) if np.ptp(y_true) > 0 else np.nan
    return pd.Series({"mse": mean_squared_error(y_true, y_pred), "r2": r2})


def regression_group_report(y_true, y_pred, *, sensitive_features):
    """Error, prediction and residual of each group: one row per attribute, metric and group.

    The MSE is the paper's; it also differs between groups whose outcomes are unlike in noise,
    which no model can mend. The mean residual does not: it is 0 for a model that is right on
    average in the group, however noisy the group is (the balanced residuals of Calders, Karim,
    Kamiran, Ali and Zhang, ICDM 2013). Above 0 the group is predicted too low.

    Args:
        y_true: Float array of shape `(rows,)`.
        y_pred: Float array of shape `(rows,)`, in the units of `y_true`.
        sensitive_features: DataFrame of shape `(rows, attributes)`, or Series.

    Returns:
        DataFrame with `attribute`, `metric` (`mse`, `mean_prediction`, `mean_residual`: of
        `y_true - y_pred`), `group`, `rate` (the metric's value; the name is that of
        `group_report`), `se` (its standard error; missing for a single row) and `cases`.

    Raises:
        ValueError: If lengths differ, or a value is missing or infinite.
    """
    y_true, y_pred = _check_pair(y_true, y_pred)
    residual = y_true - y_pred
    values = {"mse": residual**2, "mean_prediction": y_pred, "mean_residual": residual}
    return group_means(values, sensitive_features)


def regression_fairness_report(y_true, y_pred, *, sensitive_features):
    """How far the groups of each attribute lie apart: one row per attribute and metric.

    In the paper the spread of the MSE is equalized odds, that of the mean prediction demographic
    parity. Beside them stands the spread of the mean residual. All are 0 at best.

    Args:
        y_true: As in `regression_group_report`.
        y_pred: As in `regression_group_report`.
        sensitive_features: As in `regression_group_report`.

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


def _check_pair(y_true, y_pred):
    checks.check_rows(y_true=y_true, y_pred=y_pred)
    return checks.check_values(y_true, "y_true"), checks.check_values(y_pred, "y_pred")
