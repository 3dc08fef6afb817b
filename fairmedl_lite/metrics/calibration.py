"""Whether a probability means the same in every group."""

from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fairmedl_lite import tables
from fairmedl_lite.metrics.clustered import check_clusters
from fairmedl_lite.metrics.groups import INDEPENDENT, group_means, relative_weights
from fairmedl_lite.metrics.performance import check_scores

CLUSTERED = ["se", "clusters", "df", "difference_low", "difference_high", "design_effect"]
FIGURES = ("mean_score", "observed_rate", "difference", "calibration_error", "noise_floor")


def group_calibration_report(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    sensitive_features: pd.DataFrame | pd.Series,
    bins: int = 10,
    clusters: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """How far probabilities lie from what is observed: one row per attribute and group.

    Args:
        y_true: 0/1 array of shape `(rows,)`.
        y_score: Array of shape `(rows,)`. Probabilities of the positive class.
        sensitive_features: DataFrame of shape `(rows, attributes)`, or Series.
        bins: Integer. Bins of equal width between 0 and 1, for the calibration error.
        clusters: As in `group_report`.
        sample_weight: As in `group_report`.

    Returns:
        DataFrame with `attribute`, `group` and
        - `mean_score`, `observed_rate`, and `difference`, the first minus the second: above 0 the
          group's probabilities are too high. 0 is best;
        - `calibration_error`: mean distance between the bins' mean score and observed rate,
          weighted by their rows (the expected calibration error of Naeini, Cooper and Hauskrecht
          2015). 0 is best;
        - `noise_floor`: about what it would be by sampling alone, were each score the row's true
          probability. Small groups have a higher one;
        - `cases`, the rows of the group, of weighted ones as in `group_report`. Of a group whose
          rows weigh nothing they are 0, and the figures are missing.
        With clusters also `se`, `clusters`, `df`, `difference_low` and `difference_high` (the 95 %
        interval) and `design_effect`, all of the difference and as in `group_report`. A bin's part
        of the noise floor is then larger by the root of Kish's 1 + (m - 1) icc, with m the
        rows that a row finds in its bin and its cluster, or in any of several, and icc the
        intra-cluster correlation that the group's design effect speaks of; it is missing where a
        group lies in one cluster.

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
    rows = {"sensitive_features": sensitive_features, "sample_weight": sample_weight}
    rows["clusters"] = clusters
    y_true, y_score = check_scores(y_true, y_score, **rows)
    _check_probabilities(y_score, bins)
    means = group_means({"difference": y_score - y_true}, **rows)
    # No index: a label may be True, which pandas takes for a mask.
    means = {(mean["attribute"], mean["group"]): mean for _, mean in means.iterrows()}
    number = np.minimum((bins * y_score).astype(int), bins - 1)
    values = pd.DataFrame({"score": y_score, "y": y_true, "bin": number})
    values["weight"] = 1.0 if sample_weight is None else relative_weights(sample_weight)
    signs, found = {}, []
    for number, (sign, codes) in enumerate([] if clusters is None else check_clusters(clusters)):
        name = f"clusters {number}"
        signs[name], values[name] = sign, codes
    for attribute, groups in tables.check_attributes(sensitive_features).items():
        for group, part in values.groupby(groups):
            figures = _calibration(part[part["weight"] > 0], means[attribute, group], signs)
            found.append({"attribute": attribute, "group": group, **figures})
    report = pd.DataFrame(found)
    report.attrs["note"] = INDEPENDENT if clusters is None else ""
    return report


def _calibration(rows, mean, signs):
    """The figures of one group, with its mean difference as `group_means` found it."""
    figures = dict.fromkeys(FIGURES, np.nan) if rows.empty else _figures(rows, mean, signs)
    figures["cases"] = mean["cases"]
    if signs:
        names = {"rate_low": "difference_low", "rate_high": "difference_high"}
        figures |= mean.rename(names)[CLUSTERED].to_dict()
    return figures


def _figures(rows, mean, signs):
    weight, score = rows["weight"], rows["score"]
    gap = weight * (score - rows["y"])
    variance = (weight**2 * score * (1 - score)).groupby(rows["bin"]).sum()
    if signs:
        variance = variance * _design_effects(rows, mean["design_effect"], signs)
    # The mean absolute value of a normal number is its standard deviation times this root.
    floor = np.sqrt(2 / np.pi) * np.sqrt(variance).sum(skipna=False) / weight.sum()
    return {
        "mean_score": np.average(score, weights=weight),
        "observed_rate": np.average(rows["y"], weights=weight),
        "difference": gap.sum() / weight.sum(),
        "calibration_error": gap.groupby(rows["bin"]).sum().abs().sum() / weight.sum(),
        "noise_floor": floor,
    }


def _design_effects(rows, design_effect, signs):
    """That of each bin, by Kish's formula and the group's intra-cluster correlation."""
    whole = _mates(rows, signs)
    correlation = (design_effect - 1) / (whole - 1) if whole > 1 else 0.0
    correlation = np.clip(correlation, 0, 1)
    bins = rows.groupby("bin")[[*signs, "weight"]]
    return 1 + correlation * (bins.apply(_mates, signs) - 1)


def _mates(rows, signs):
    """How many rows a row finds in its clusters, itself among them: Kish's m.

    Of several cluster variables it counts those that share any, by inclusion and exclusion.
    """
    weight = rows["weight"]
    pairs = [sign * (weight.groupby(rows[name]).sum() ** 2).sum() for name, sign in signs.items()]
    return sum(pairs) / (weight**2).sum()


def _check_probabilities(y_score, bins):
    if not isinstance(bins, Integral) or bins < 1:
        raise ValueError(f"bins must be an integer of 1 or more. Received: {bins!r}.")
    outside = (y_score < 0) | (y_score > 1)
    if outside.any():
        raise ValueError(
            f"y_score must be probabilities in [0, 1]. Received: {int(outside.sum())} outside, "
            f"such as {y_score[outside][0]:.3g}. Take predict_proba's column 1, not a logit."
        )
