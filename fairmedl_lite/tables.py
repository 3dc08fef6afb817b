"""Checks of tables: rows that belong together, names and labels that a model can keep."""

import warnings
from itertools import combinations
from numbers import Real

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype
from scipy.sparse import issparse

ONE_AXIS = ("y", "sample_weight", "y_true", "y_score", "y_pred", "decision", "is_first")
NUMBERS = ("integer", "floating", "mixed-integer-float", "boolean", "decimal")
LABELS = (*NUMBERS[:-1], "string")  # what a model file can hold


def check_rows(**parts):
    """Raise unless each part has one value for each row, of one or more; `None` is passed over.

    Rows are paired by position: indexes must be equal, or all but one say nothing (0, 1, 2, ...).
    """
    parts = {name: part for name, part in parts.items() if part is not None}
    for name, part in parts.items():
        axes = 1 if name in ONE_AXIS else 2
        if issparse(part) or not 0 < getattr(part, "ndim", not np.isscalar(part)) <= axes:
            raise ValueError(
                f"{name} must be dense, of {axes} axes at most. Received: {type(part).__name__} of "
                f"shape {np.shape(part)}. Pass one column, or a sparse matrix's .toarray()."
            )
    lengths = {name: len(part) for name, part in parts.items()}
    if 0 in lengths.values():
        raise ValueError(
            f"There must be at least one row. Received lengths: {lengths}. Filter out fewer."
        )
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"All parts must have one value for each row. Received lengths: {lengths}. "
            "Take them from the same rows of one DataFrame."
        )
    _check_order({name: part.index for name, part in parts.items() if hasattr(part, "iloc")})


def _check_order(indexes):
    """Raise if two parts name their rows, and not alike."""
    for (name, index), (other, its) in combinations(indexes.items(), 2):
        if not index.equals(its) and _is_named(index, its) and _is_named(its, index):
            raise ValueError(
                f"{name} and {other} must have one index: rows are paired by position. Received: "
                f"{index[:3].tolist()} ... and {its[:3].tolist()} .... Align them by .loc, or "
                "drop both indexes by .reset_index(drop=True) if the order is right."
            )


def _is_named(index, other):
    """Whether an index says which rows these are: one of positions may, if another is its like."""
    plain = index.equals(pd.RangeIndex(len(index)))
    return not plain or (other.nlevels == 1 and other.is_unique and other.isin(index).all())


def as_series(values, name):
    """One value for each row, as a Series with a new index; a list keeps its missing values."""
    if not isinstance(values, list | tuple):
        values = np.asarray(values)
        if values.ndim != 1:
            raise ValueError(f"{name} must have one axis. Received: {values.shape}. Pass a column.")
    return pd.Series(values, name=name)


def check_labels(labels, name, stored=False):
    """Return labels as a Series, none missing; `stored` ones are all strings, or all numbers."""
    labels = as_series(labels, name)
    if labels.isna().any():
        raise ValueError(
            f"{name} must have no missing values. Received: {int(labels.isna().sum())} missing of "
            f"{len(labels)}. Drop these rows, or give them a label of their own."
        )
    if stored:
        check_kind(labels, name)
    return labels


def check_kind(labels, name):
    """Raise unless labels are of one kind that a model file can hold."""
    kind = infer_dtype(labels)
    if kind not in LABELS:
        raise ValueError(
            f"{name} must hold strings or numbers, and not both. Received: {kind} values, such as "
            f"{labels.iloc[0]!r}. Convert them with .astype(str)."
        )


def check_columns(table, name):
    """Raise unless a DataFrame has columns, of different names that a model file can hold."""
    names = table.columns.tolist()
    kept = all(isinstance(each, str | Real) for each in names)
    if not names or len(set(names)) < len(names) or not kept:
        raise ValueError(
            f"{name} must have columns of different names. Received: {names[:5]}. Names are "
            "strings or numbers; join those of a MultiIndex: .columns.map('_'.join)."
        )


def check_attributes(sensitive_features, stored=False):
    """Return each sensitive attribute's labels; warn of one that seems to be continuous."""
    table = pd.DataFrame(sensitive_features)
    check_columns(table, "sensitive_features")
    found = {}
    for attribute in table:
        name = f"sensitive attribute {attribute!r}"
        labels = found[attribute] = check_labels(table[attribute], name, stored)
        groups = labels.nunique()
        if groups > 20 and len(labels) < 3 * groups:
            warnings.warn(
                f"{name} has {groups} groups in {len(labels)} rows: too few of each to compare. "
                "Cut a number into bands: pd.cut(..., labels=[...]).",
                stacklevel=4,
            )
    return found


def check_groups(sensitive_features, stored=False):
    """Return the groups of each sensitive attribute, sorted, and the codes of the rows.

    Args:
        sensitive_features: DataFrame of shape `(rows, attributes)`, or Series.
        stored: As in `check_labels`.

    Returns:
        Dictionary of attribute to array of groups, and int32 array `(rows, attributes)`.

    Raises:
        ValueError: If a label is missing or an attribute has a single group.
    """
    groups, codes = {}, []
    for attribute, labels in check_attributes(sensitive_features, stored).items():
        code, found = pd.factorize(labels, sort=True)
        groups[attribute] = np.asarray(found)
        codes.append(code.astype("int32"))
        if len(groups[attribute]) < 2:
            raise ValueError(
                f"Sensitive attribute {attribute!r} must have at least two groups. Received: "
                f"only {groups[attribute].tolist()}. Leave it out: nothing can be compared."
            )
    return groups, np.stack(codes, axis=1)
