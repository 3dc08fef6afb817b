"""Groups of rows: their intersections, and the mean of any value in each."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fairmedl_lite import checks, tables
from fairmedl_lite.metrics.clustered import add_clusters

JOINT = " / "
COLUMNS = ("attribute", "metric", "group", "rate", "cases")
INDEPENDENT = "Rows are taken as independent. Of rows that come in clusters, pass clusters=."


def intersections(
    sensitive_features: pd.DataFrame, attributes: Sequence[str] | None = None
) -> pd.Series:
    """Name the intersectional group of each row, such as "Black / Female".

    The reports take it as `sensitive_features`. Small groups stay: the report of their spread
    names those with too few cases, and `random_effect_spread` leaves none out.

    Args:
        sensitive_features: DataFrame of shape `(rows, attributes)`.
        attributes: Names of two or more of its columns. `None` takes all.

    Returns:
        Series of strings of shape `(rows,)`, named such as "race / sex".

    Raises:
        ValueError: If there are fewer than two attributes, one is absent, a value is missing, or
            two groups would get the same name.

    Example:
        >>> people = pd.DataFrame({"race": ["Black", "White"], "sex": ["Female", "Male"]})
        >>> intersections(people).tolist()
        ['Black / Female', 'White / Male']
    """
    table = pd.DataFrame(sensitive_features)
    names = list(table) if attributes is None else list(attributes)
    if len(set(names)) < 2 or not set(names) <= set(table):
        raise ValueError(
            "attributes must name two or more columns of sensitive_features. "
            f"Received: {names}, of the columns {list(table)}. Pass all attributes in a DataFrame."
        )
    parts = {name: tables.check_labels(table[name], f"attribute {name!r}") for name in names}
    parts = pd.DataFrame(parts).set_axis(table.index)
    labels = parts.astype(str).agg(JOINT.join, axis=1).rename(JOINT.join(map(str, names)))
    groups = len(parts.drop_duplicates())
    if labels.nunique() < groups:
        raise ValueError(
            f"Groups must differ in name once joined by {JOINT!r}. Received: {labels.nunique()} "
            f"names for {groups} groups. Rename those that hold it."
        )
    return labels


def relative_weights(sample_weight):
    """Weights with a mean of 1, for figures of which their scale is no part; `None` stays."""
    if sample_weight is None:
        return None
    weights = checks.as_weights(sample_weight)
    size = np.abs(weights[np.isfinite(weights)]).sum() / len(weights)
    return checks.check_weights(weights / max(size, np.finfo(float).tiny))


def group_means(values, sensitive_features, sample_weight=None, clusters=None):
    """Mean of each value in each group: one row per attribute, metric and group.

    Args:
        values: Dictionary of metric to float array of shape `(rows,)`, missing where a row is no
            case of the metric.
        sensitive_features: DataFrame of shape `(rows, attributes)`, or Series.
        sample_weight: Array of shape `(rows,)`, or `None`.
        clusters: Labels of shape `(rows,)`, DataFrame of shape `(rows, variables)`, or `None`.

    Returns:
        DataFrame with `attribute`, `metric`, `group`, `rate` (the mean; missing where the group
        has no case), `se` (its standard error; missing under two cases) and `cases`: how many,
        or of weighted ones the number of equal weights that would know as much (Kish 1965). With
        clusters the columns that `add_clusters` adds; without, a note in its `attrs`.

    Raises:
        ValueError: If a group or a weight is missing.
    """
    values, parts = pd.DataFrame(values), []
    means = _means if sample_weight is None else _weighted_means
    for attribute, groups in tables.check_attributes(sensitive_features).items():
        columns = means(values, groups, sample_weight)
        part = pd.DataFrame({name: column.unstack() for name, column in columns.items()})
        part = part.rename_axis(["metric", "group"]).reset_index()
        if clusters is not None:
            weights = relative_weights(sample_weight)
            part = add_clusters(part, values, groups, clusters, weights)
        part.insert(0, "attribute", attribute)
        parts.append(part)
    report = pd.concat(parts, ignore_index=True)
    report.attrs["note"] = INDEPENDENT if clusters is None else ""
    return report


def _means(values, groups, _):
    grouped = values.groupby(groups)
    return {"rate": grouped.mean(), "se": grouped.sem(), "cases": grouped.count()}


def _weighted_means(values, groups, sample_weight):
    weights = values.notna().mul(relative_weights(sample_weight), axis=0)
    weights = weights.where(weights > 0)
    total, squares = (part.groupby(groups).sum() for part in (weights, weights**2))
    rate = (weights * values).groupby(groups).sum() / total
    apart = values - rate.reindex(groups.to_numpy()).set_axis(values.index)
    size = values.abs().groupby(groups).transform("max")
    apart = weights * apart.where(apart.abs() > checks.FINEST * size, 0)
    cases = weights.groupby(groups).count()
    more = (cases / (cases - 1)).where(cases > 1)
    se = (more * (apart**2).groupby(groups).sum()) ** 0.5 / total
    return {"rate": rate, "se": se, "cases": (total**2 / squares).fillna(0).round(6)}


def by_metric(report):
    """The parts of a report of one model: pairs of (attribute, metric) and its rows.

    Args:
        report: What `group_report` or `regression_group_report` returned.

    Raises:
        ValueError: If it is no such report, or a group occurs twice, as where reports of several
            models were joined.
    """
    lacking = [name for name in COLUMNS if name not in report]
    if lacking or report.empty:
        raise ValueError(
            "A report must have rows, and what group_report returns. Received: "
            f"{len(report)} rows, without {lacking}. Pass what it returned, or some of its rows."
        )
    twice = report.duplicated(["attribute", "metric", "group"]).sum()
    if twice:
        raise ValueError(
            "A report must have one row for each attribute, metric and group. Received: "
            f"{twice} that repeat one. Pass the report of one model and one set of rows at a time."
        )
    return report.groupby(["attribute", "metric"], sort=False)
