"""The difference of every two groups, with an interval that knows the clusters they share."""

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fairmedl_lite import tables
from fairmedl_lite.metrics.clustered import ClusteredMeans, check_clusters, interval_of_mean
from fairmedl_lite.metrics.groups import relative_weights
from fairmedl_lite.metrics.rates import number_values, rate_values

COLUMNS = ("attribute", "metric", "group", "other", "difference", "se", "df", "low", "high")


def group_differences(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    sensitive_features: pd.DataFrame | pd.Series,
    threshold: float | None,
    clusters: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """How far every two groups lie apart: one row per attribute, metric and pair of groups.

    The standard error of a difference is not the two groups' own put together: groups that share
    clusters go up and down with them. It is that of the jackknife, which leaves out one cluster
    after the other, with the degrees of freedom of Bell and McCaffrey (2002).

    Args:
        y_true: As in `group_report`.
        y_score: Scores, or predicted numbers.
        sensitive_features: As in `group_report`.
        threshold: Where a score counts as positive. `None` compares the figures of
            `regression_group_report`.
        clusters: As in `group_report`; `None` takes rows as independent.
        sample_weight: As in `group_report`.

    Returns:
        DataFrame with `attribute`, `metric`, `group`, `other`, `difference` (the first's rate
        minus the other's), `se`, `df`, `low` and `high`: its 95 % interval. One pair of many that
        lies apart says less than its interval does: see `holm`. All but the difference are
        missing where a group lies in one cluster. An attribute of one group has no row.

    Raises:
        ValueError: As `group_report`.

    Example:
        >>> sex = pd.Series(["f", "f", "f", "m", "m", "m"], name="sex")
        >>> ward = ["a", "b", "c", "a", "b", "c"]
        >>> options = {"sensitive_features": sex, "clusters": ward, "threshold": None}
        >>> table = group_differences([1, 2, 3, 2, 3, 4], [1, 2, 3, 1, 2, 3], **options)
        >>> table.loc[table["metric"] == "mean_residual", ["difference", "se"]]  # alike everywhere
           difference  se
        2        -1.0 NaN
    """
    rows = {"sensitive_features": sensitive_features, "sample_weight": sample_weight}
    rows["clusters"] = clusters
    threshold = () if threshold is None else (threshold,)
    values = (rate_values if threshold else number_values)(y_true, y_score, *threshold, **rows)
    variables = check_clusters(np.arange(len(y_true)) if clusters is None else clusters)
    weights, found = relative_weights(sample_weight), []
    for attribute, labels in tables.check_attributes(sensitive_features).items():
        codes, groups = pd.factorize(labels, sort=True)
        for metric, value in values.items():
            means = ClusteredMeans(value, codes, variables, weights)
            place = {"attribute": attribute, "metric": metric}
            found += [place | pair for pair in _pairs(means, groups)]
    return pd.DataFrame(found, columns=COLUMNS)


def _pairs(means, groups):
    unit = np.eye(len(groups))
    for one, other in combinations(range(len(groups)), 2):
        se, freedom = means.contrast(unit[one] - unit[other])
        difference = means.mean[one] - means.mean[other]
        low, high = interval_of_mean(difference, se, freedom, is_share=False)
        names = {"group": groups[one], "other": groups[other], "difference": difference}
        yield names | {"se": se, "df": freedom, "low": low, "high": high}
