"""Rates and errors by group, and how far the groups lie apart: of classes and of numbers."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fairmedl_lite.metrics.groups import group_means
from fairmedl_lite.metrics.performance import check_pair, check_scores, decide
from fairmedl_lite.metrics.spread import spread_report


def group_report(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    sensitive_features: pd.DataFrame | pd.Series,
    threshold: float,
    clusters: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """Rates of each group: one row per attribute, metric and group.

    Args:
        y_true: 0/1 array of shape `(rows,)`.
        y_score: Array of shape `(rows,)`.
        sensitive_features: DataFrame of shape `(rows, attributes)`, or Series.
        threshold: Float. A score at or above it counts as positive.
        clusters: Labels of shape `(rows,)`: rows of one cluster are not independent, and the
            clusters are a sample of clusters. A DataFrame of several cluster variables is
            accounted for in each (Cameron, Gelbach and Miller 2011). `None` changes nothing.
        sample_weight: Array of shape `(rows,)`, zero or more, of any scale.

    Returns:
        DataFrame with `attribute`, `metric` (`tpr`, `fpr`, `positive_rate`), `group`, `rate`
        (missing where the group has no case) and `cases`, the rows the rate is taken over; of
        weighted ones how many of equal weight would know as much: (sum w)^2 / sum w^2.
        With clusters also
        - `se`, the standard error by the jackknife. With R_c the rate without cluster c it is the
          root of (n - 1) / n times the sum of (R_c - R)^2 over the group's n `clusters`;
        - `rate_low` and `rate_high`, the 95 % interval: on the scale of the logit, by a t
          distribution of `df` degrees of freedom (Bell and McCaffrey 2002);
        - `design_effect`: the variance over what it would be of independent rows;
        - `design_effect_between`: the same of what tells the group from the others, without what
          shared clusters move all of them by (the quasi-variances of Firth and de Menezes 2004).
        A group that lies in one cluster has none of these, for nothing tells what it varies by;
        nor has one whose cases, or whose clusters' rates, are all alike, but it gets the others'
        mean of the last.
        Without clusters, the report's `attrs["note"]` says that rows are taken as independent.

    Raises:
        ValueError: If lengths differ, a value is missing, or y has other values than 0 and 1.

    Example:
        >>> y, score = [1, 1, 0, 0, 1, 1, 0, 0], [0.9, 0.2, 0.1, 0.1, 0.9, 0.8, 0.6, 0.1]
        >>> sex = pd.DataFrame({"sex": ["f", "f", "f", "f", "m", "m", "m", "m"]})
        >>> group_report(y, score, sensitive_features=sex, threshold=0.5)
          attribute         metric group  rate  cases
        0       sex            tpr     f  0.50      2
        1       sex            tpr     m  1.00      2
        2       sex            fpr     f  0.00      2
        3       sex            fpr     m  0.50      2
        4       sex  positive_rate     f  0.25      4
        5       sex  positive_rate     m  0.75      4
    """
    rows = {"sensitive_features": sensitive_features, "sample_weight": sample_weight}
    rows["clusters"] = clusters
    report = group_means(rate_values(y_true, y_score, threshold, **rows), **rows)
    return report.drop(columns="se") if clusters is None else report


def rate_values(y_true, y_score, threshold, **rows):
    """What the rates are the means of: dictionary of metric to array, missing where no case."""
    y_true, y_score = check_scores(y_true, y_score, **rows)
    predicted = decide(y_score, threshold).astype(float)
    return {
        "tpr": np.where(y_true == 1, predicted, np.nan),
        "fpr": np.where(y_true == 0, predicted, np.nan),
        "positive_rate": predicted,
    }


def fairness_report(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    sensitive_features: pd.DataFrame | pd.Series,
    threshold: float,
    clusters: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """How far the groups of each attribute lie apart: one row per attribute and metric.

    The spread of the TPR and the FPR measures equalized odds, that of the positive rate
    demographic parity. All are 0 at best. A rate counts if its group has 20 cases.

    Args:
        y_true: As in `group_report`, and so are all arguments.
        y_score: Scores.
        sensitive_features: The groups.
        threshold: Where a score counts as positive.
        clusters: The rows' clusters.
        sample_weight: The rows' weights.

    Returns:
        DataFrame with `attribute`, `metric` and
        - `sd`: the population standard deviation of the groups' rates;
        - `noise_floor`: what sampling alone would give, the root of the mean of p(1 - p) / n
          over the groups, at their pooled rate p; with clusters each term times the group's
          `design_effect_between`, and missing where a group lies in one cluster;
        - `sd_noise_removed`: sqrt(max(0, sd^2 - noise_floor^2));
        - `largest_difference`, and `worst_group` with its `worst_rate`: the lowest TPR or
          positive rate, the highest FPR;
        - `groups`: how many count, and `left_out`: cases of each group that does not.
        With fewer than two groups that count, the numbers are missing.

    Raises:
        ValueError: As `group_report`.

    Example:
        >>> y, score = [1, 1, 0, 0, 1, 1, 0, 0], [0.9, 0.2, 0.1, 0.1, 0.9, 0.8, 0.6, 0.1]
        >>> sex = pd.DataFrame({"sex": ["f", "f", "f", "f", "m", "m", "m", "m"] * 10})
        >>> report = fairness_report(y * 10, score * 10, sensitive_features=sex, threshold=0.5)
        >>> report[["metric", "sd", "largest_difference", "worst_group", "worst_rate"]]
                  metric    sd  largest_difference worst_group  worst_rate
        0            tpr  0.25                 0.5           f        0.50
        1            fpr  0.25                 0.5           m        0.50
        2  positive_rate  0.25                 0.5           f        0.25
    """
    options = {"sensitive_features": sensitive_features, "sample_weight": sample_weight}
    options["clusters"] = clusters
    return spread_report(group_report(y_true, y_score, threshold=threshold, **options))


def regression_group_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sensitive_features: pd.DataFrame | pd.Series,
    clusters: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """Error, prediction and residual of each group: one row per attribute, metric and group.

    The MSE is the paper's; it also differs between groups whose outcomes are unlike in noise,
    which no model can mend. The mean residual does not: it is 0 for a model that is right on
    average in the group, however noisy the group is (the balanced residuals of Calders, Karim,
    Kamiran, Ali and Zhang, ICDM 2013). Above 0 the group is predicted too low.

    Args:
        y_true: Float array of shape `(rows,)`.
        y_pred: Float array of shape `(rows,)`, in the units of `y_true`.
        sensitive_features: As in `group_report`.
        clusters: As in `group_report`.
        sample_weight: As in `group_report`.

    Returns:
        DataFrame with `attribute`, `metric` (`mse`, `mean_prediction`, `mean_residual`: of
        `y_true - y_pred`), `group`, `rate` (the metric's value; the name is that of
        `group_report`), `se` (its standard error; missing for a single row) and `cases`. With
        clusters also the columns of `group_report`, the interval on the metric's own scale.

    Raises:
        ValueError: If lengths differ, or a value is missing or infinite.

    Example:
        >>> sex = pd.DataFrame({"sex": ["f", "f", "m", "m"]})
        >>> report = regression_group_report([1, 3, 5, 7], [2, 2, 5, 5], sensitive_features=sex)
        >>> report.pivot(index="group", columns="metric", values="rate")
        metric  mean_prediction  mean_residual  mse
        group
        f                   2.0            0.0  1.0
        m                   5.0            1.0  2.0
    """
    rows = {"sensitive_features": sensitive_features, "sample_weight": sample_weight}
    rows["clusters"] = clusters
    return group_means(number_values(y_true, y_pred, **rows), **rows)


def number_values(y_true, y_pred, **rows):
    """What the regression's figures are the means of: dictionary of metric to array."""
    y_true, y_pred = check_pair(y_true, y_pred, **rows)
    residual = y_true - y_pred
    return {"mse": residual**2, "mean_prediction": y_pred, "mean_residual": residual}


def regression_fairness_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sensitive_features: pd.DataFrame | pd.Series,
    clusters: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """How far the groups of each attribute lie apart: one row per attribute and metric.

    In the paper the spread of the MSE is equalized odds, that of the mean prediction demographic
    parity. Beside them stands the spread of the mean residual. All are 0 at best.

    Args:
        y_true: As in `regression_group_report`, and so are all arguments.
        y_pred: Predictions.
        sensitive_features: The groups.
        clusters: The rows' clusters.
        sample_weight: The rows' weights.

    Returns:
        DataFrame with the columns of `fairness_report`. `noise_floor` is the root of the mean
        squared standard error of the groups, with clusters of that between groups. The worst
        group has the highest MSE, the lowest mean prediction, or the mean residual farthest from
        0. A group counts if it has 20 rows.

    Raises:
        ValueError: As `regression_group_report`.

    Example:
        >>> y, predicted = [1, 3, 5, 7] * 10, [2, 2, 5, 5] * 10
        >>> sex = pd.DataFrame({"sex": ["f", "f", "m", "m"] * 10})
        >>> report = regression_fairness_report(y, predicted, sensitive_features=sex)
        >>> report[["metric", "sd", "worst_group", "worst_rate"]]
                    metric   sd worst_group  worst_rate
        0              mse  0.5           m         2.0
        1  mean_prediction  1.5           f         2.0
        2    mean_residual  0.5           m         1.0
    """
    options = {"sensitive_features": sensitive_features, "sample_weight": sample_weight}
    options["clusters"] = clusters
    return spread_report(regression_group_report(y_true, y_pred, **options))
