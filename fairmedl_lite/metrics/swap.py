"""What a prediction changes by when a person's group does: attribute swap, true counterfactual."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fairmedl_lite import checks, tables
from fairmedl_lite.metrics.clustered import ClusteredMeans, check_clusters
from fairmedl_lite.metrics.groups import relative_weights


def attribute_swap(
    model,
    X: pd.DataFrame,
    column: str,
    values: dict | Sequence,
    *,
    groups: pd.Series | None = None,
    linked: dict | None = None,
    sample_weight: ArrayLike | None = None,
    **predict,
) -> pd.Series:
    """Mean absolute change of the prediction when an attribute is swapped and x is held.

    It is the paper's "counterfactual fairness", called what it is: what would follow from
    another value of the attribute is not changed with it (`counterfactual_change` does). 0 is
    best; a model that does not read the column scores 0 trivially.

    Args:
        model: A fitted estimator: with `predict_proba`, whose column 1 is taken, or `predict`.
        X: DataFrame of shape `(rows, columns)`.
        column: The column to change.
        values: Dictionary of group to the value it stands for; a list if both are the same.
        groups: Series of shape `(rows,)`: the group of each row. Needed where `column` does not
            hold the groups themselves, such as an age.
        linked: Dictionary of group to `{column: {old: new}}`: what the attribute determines.
        sample_weight: Array of shape `(rows,)`, zero or more: the mean over rows is weighted.
        **predict: Passed to `predict_proba` or `predict`, such as `clusters=`.

    Returns:
        Series with `change`, the mean over rows and over the other groups, in probability or in
        the units of y; `rows`; `reads_column`: False where no prediction changed at all; and,
        where `clusters` are given, `se` and `df` of the change, as in `group_report`.

    Raises:
        ValueError: If the column is absent, a row's group is not among `values`, there are fewer
            than two values, or the model does not give one finite number for each row.

    Example:
        >>> from types import SimpleNamespace
        >>> x = pd.DataFrame({"sex": ["f", "m"], "school": [10, 12]})
        >>> model = SimpleNamespace(predict=lambda x: 2 * x["school"] + 3 * (x["sex"] == "m"))
        >>> attribute_swap(model, x, "sex", ["f", "m"])["change"].item()
        3.0
    """
    values = values if isinstance(values, dict) else {value: value for value in values}
    if column not in X:
        raise ValueError(
            f"column must be one of X's. Received: {column!r}, not among {list(X)}. "
            "A model without the attribute scores 0 trivially."
        )

    def swapped(group):
        return set_group(X, column, values[group], (linked or {}).get(group, {}))

    groups = X[column] if groups is None else groups
    change = _change(model, X, groups, values, swapped, predict)
    reads = bool(change.any())
    mean = _mean(X, change, predict.get("clusters"), sample_weight)
    return pd.Series({"change": mean.pop("change"), "rows": len(X), "reads_column": reads, **mean})


def counterfactual_change(
    model,
    X: pd.DataFrame,
    counterfactuals: dict,
    *,
    groups: pd.Series,
    sample_weight: ArrayLike | None = None,
    **predict,
) -> pd.Series:
    """Mean absolute change of the prediction between each row and its counterfactuals.

    Counterfactual fairness (Kusner, Loftus, Russell and Silva 2017) asks that it be 0. Only a
    causal model, such as a simulation's, can give the counterfactuals: what the person's x would
    have been in another group.

    Args:
        model: As in `attribute_swap`.
        X: DataFrame of shape `(rows, columns)`.
        counterfactuals: Dictionary of group to DataFrame of the rows of X, in that group.
        groups: Series of shape `(rows,)`: the group of each row.
        sample_weight: As in `attribute_swap`.
        **predict: As in `attribute_swap`.

    Returns:
        Series with `change`, averaged as in `attribute_swap`, `rows`, and, where `clusters` are
        given, `se` and `df`.

    Raises:
        ValueError: If a table has other rows or columns than X, or as `attribute_swap`.

    Example:
        >>> from types import SimpleNamespace
        >>> x = pd.DataFrame({"sex": ["f", "m"], "school": [10, 12]})
        >>> worlds = {"f": x.assign(sex="f", school=10), "m": x.assign(sex="m", school=12)}
        >>> model = SimpleNamespace(predict=lambda x: 2 * x["school"])  # it reads no sex
        >>> counterfactual_change(model, x, worlds, groups=x["sex"])["change"].item()
        4.0
    """
    for group, table in counterfactuals.items():
        if not (table.index.equals(X.index) and set(table) == set(X)):
            raise ValueError(
                "Each counterfactual must have the index and the columns of X. Received: "
                f"{table.shape} for {group!r}, X has {X.shape}. Take the same rows of each."
            )
    change = _change(model, X, groups, counterfactuals, counterfactuals.get, predict)
    mean = _mean(X, change, predict.get("clusters"), sample_weight)
    return pd.Series({"change": mean.pop("change"), "rows": len(X), **mean})


def _mean(X, change, clusters, sample_weight):
    """The mean change, and what it varies by where clusters are known."""
    tables.check_rows(X=X, clusters=clusters, sample_weight=sample_weight)
    weights = relative_weights(sample_weight)
    mean = {"change": np.average(change, weights=weights)}
    if clusters is None:
        return mean
    rows = np.zeros(len(change), dtype=int)
    means = ClusteredMeans(change, rows, check_clusters(clusters), weights)
    return mean | dict(zip(("se", "df"), means.contrast(np.ones(1)), strict=True))


def _change(model, X, groups, names, in_group, predict):
    """Mean absolute change of each row over the groups it is not in."""
    tables.check_rows(X=X, groups=groups)
    groups = np.asarray(groups)
    _check_names(groups, names)
    worlds = [X, *map(in_group, names)]  # predicted in one call: each has its own overhead
    repeated = {name: _repeated(value, len(X), len(worlds)) for name, value in predict.items()}
    before, *after = np.split(_predict(model, pd.concat(worlds), repeated), len(worlds))
    changes = zip(names, after, strict=True)
    total = sum(np.where(groups == group, 0.0, np.abs(score - before)) for group, score in changes)
    return total / (len(names) - 1)


def _repeated(value, rows, times):
    """What says something of each row, as often; any other option as it is."""
    if isinstance(value, str) or value is None or np.ndim(value) == 0 or len(value) != rows:
        return value
    if isinstance(value, pd.Series | pd.DataFrame):
        return pd.concat([value] * times)
    return np.concatenate([np.asarray(value)] * times)


def _check_names(groups, names):
    strange = sorted(set(pd.unique(groups)) - set(names), key=str)
    if strange or len(names) < 2:
        raise ValueError(
            f"values must give two or more groups, and that of every row. Received: {len(names)} "
            f"values; rows have {strange[:5]} besides. Name the rows' groups with groups=."
        )


def _predict(model, X, predict):
    if hasattr(model, "predict_proba"):
        return checks.check_values(model.predict_proba(X, **predict)[:, 1], "predict_proba")
    return checks.check_values(model.predict(X, **predict), "predict")


def set_group(X, column, value, linked):
    """The rows with a column set to one value, and with it what `{column: {old: new}}` links."""
    swapped = X.copy()
    swapped[column] = value
    for other, change in linked.items():
        swapped[other] = swapped[other].replace(change)
    return swapped
