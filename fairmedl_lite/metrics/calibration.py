"""Whether a probability means the same in every group."""

from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fairmedl_lite import tables
from fairmedl_lite.metrics.groups import relative_weights
from fairmedl_lite.metrics.performance import check_scores


def group_calibration_report(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    sensitive_features: pd.DataFrame | pd.Series,
    bins: int = 10,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """How far probabilities lie from what is observed: one row per attribute and group.

    Args:
        y_true: 0/1 array of shape `(rows,)`.
        y_score: Array of shape `(rows,)`. Probabilities of the positive class.
        sensitive_features: DataFrame of shape `(rows, attributes)`, or Series.
        bins: Integer. Bins of equal width between 0 and 1, for the calibration error.
        sample_weight: As in `group_report`. All figures are then weighted.

    Returns:
        DataFrame with `attribute`, `group` and
        - `mean_score`, `observed_rate`, and `difference`, the first minus the second: above 0 the
          group's probabilities are too high. 0 is best;
        - `calibration_error`: mean distance between the bins' mean score and observed rate,
          weighted by their rows (the expected calibration error of Naeini, Cooper and Hauskrecht
          2015). 0 is best;
        - `noise_floor`: about what it would be by sampling alone, were each score the row's true
          probability. Small groups have a higher one;
        - `cases`, the rows of the group, of weighted ones as in `group_report`.

    Raises:
        ValueError: If lengths differ, a value is missing, y has other values than 0 and 1, a score
            lies outside [0, 1], or bins is not an integer of 1 or more.

    Example:
        >>> y, score = [1, 0, 1, 0], [0.5, 0.5, 0.9, 0.9]
        >>> sex = pd.DataFrame({"sex": ["f", "f", "m", "m"]})
        >>> report = group_calibration_report(y, score, sensitive_features=sex)
        >>> report[["group", "mean_score", "observed_rate", "difference", "calibration_error"]]
          group  mean_score  observed_rate  difference  calibration_error
        0     f         0.5            0.5         0.0                0.0
        1     m         0.9            0.5         0.4                0.4
    """
    parts = {"sensitive_features": sensitive_features, "sample_weight": sample_weight}
    y_true, y_score = check_scores(y_true, y_score, **parts)
    _check_probabilities(y_score, bins)
    number = np.minimum((bins * y_score).astype(int), bins - 1)
    weights = np.ones(len(y_true)) if sample_weight is None else relative_weights(sample_weight)
    values = pd.DataFrame({"score": y_score, "y": y_true, "bin": number, "weight": weights})
    values = values[weights > 0]
    rows = []
    for attribute, groups in tables.check_attributes(sensitive_features).items():
        for group, part in values.groupby(groups.loc[values.index]):
            rows.append({"attribute": attribute, "group": group, **_calibration(part)})
    table = pd.DataFrame(rows)
    return table if sample_weight is not None else table.astype({"cases": int})


def _calibration(rows):
    score, weight = rows["score"], rows["weight"] / rows["weight"].sum()
    gap = weight * (score - rows["y"])
    variance = (weight**2 * score * (1 - score)).groupby(rows["bin"]).sum()
    return {
        "mean_score": weight @ score,
        "observed_rate": weight @ rows["y"],
        "difference": gap.sum(),
        "calibration_error": gap.groupby(rows["bin"]).sum().abs().sum(),
        # The mean absolute value of a normal number is its standard deviation times this root.
        "noise_floor": np.sqrt(2 / np.pi) * np.sqrt(variance).sum(),
        "cases": np.round(1 / np.sum(weight**2), 6),
    }


def _check_probabilities(y_score, bins):
    if not isinstance(bins, Integral) or bins < 1:
        raise ValueError(f"bins must be an integer of 1 or more. Received: {bins!r}.")
    outside = (y_score < 0) | (y_score > 1)
    if outside.any():
        raise ValueError(
            f"y_score must be probabilities in [0, 1]. Received: {int(outside.sum())} outside, "
            f"such as {y_score[outside][0]:.3g}. Take predict_proba's column 1, not a logit."
        )
