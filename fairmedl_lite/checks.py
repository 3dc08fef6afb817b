"""Checks of what may not come in: bad input never becomes a silent wrong number."""

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
FINEST = 1e-12  # of their size: numbers that differ by less differ by rounding

SURVEY = 10  # mean weight above which it is hardly the number of rows that are alike


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
    return not plain or (other.is_unique and other.isin(index).all())


def check_choice(name, value, choices):
    """Raise if an option's value is none of the choices."""
    if not any(value is choice or value == choice for choice in choices):
        raise ValueError(f"{name} must be one of {list(choices)}. Received: {value!r}.")


def check_weights(sample_weight):
    """Return finite, non-negative weights. A weight of 2 counts as two rows.

    Args:
        sample_weight: Array-like of shape `(rows,)`, or `None`, which is passed on.

    Raises:
        ValueError: If a weight is negative, missing or infinite, or if all are zero.

    Warns:
        UserWarning: If their mean is so large that they look like a survey's.
    """
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype="float64")
    bad = ~np.isfinite(weights) | (weights < 0)
    if bad.any() or not weights.any():
        raise ValueError(
            "sample_weight must be finite, zero or more, and not all zero. "
            f"Received: {int(bad.sum())} weights that are negative, missing or infinite, "
            f"and a sum of {weights[~bad].sum()}."
        )
    if weights.mean() > SURVEY:
        warnings.warn(
            f"sample_weight has a mean of {weights.mean():.4g}, and each row counts as so many: "
            "standard errors become as small as if they had all been seen. Divide a survey's "
            "weights by their mean.",
            UserWarning,
            stacklevel=3,
        )
    return weights


def check_binary(y):
    """Return the two classes of an outcome and its 0/1 codes.

    Args:
        y: Array-like of shape `(rows,)`, numbers or strings.

    Returns:
        Sorted array of two classes, and a float array of shape `(rows,)`.

    Raises:
        ValueError: If values are missing or infinite, or there are not exactly two classes.
    """
    y = as_series(y, "y")
    _check_known(y.isna() | (np.isinf(y) if pd.api.types.is_float_dtype(y) else False))
    _check_kind(y, "y")
    classes = np.unique(y)
    if len(classes) != 2:
        raise ValueError(
            f"y must have exactly two classes. Received: {len(classes)}, {classes[:5].tolist()}. "
            "For one class there is nothing to learn; for more, compare one class with the rest."
        )
    return classes, (y == classes[1]).to_numpy("float32")


def check_number(y, sample_weight=None):
    """Return a continuous outcome as numbers, with its mean and standard deviation.

    Args:
        y: Array-like of shape `(rows,)`.
        sample_weight: Array of shape `(rows,)`, or `None`.

    Returns:
        Float array of shape `(rows,)`, its mean and its standard deviation.

    Raises:
        ValueError: If a value is no number, missing or infinite, or all are equal.
    """
    y = as_numbers(as_series(y, "y"))
    if not is_number(y):
        raise ValueError(
            f"y must hold numbers. Received: {y.dtype}, such as {y.iloc[0]!r}. Convert it with "
            "pd.to_numeric, or use FairMEDLClassifier for two classes."
        )
    values = y.to_numpy("float64")
    _check_known(~np.isfinite(values))
    mean, scale = standard(values, "y", sample_weight)
    if not scale:
        raise ValueError(f"y must vary. Received: {values[0]!r} for all rows that have weight.")
    return values, mean, scale


def standard(values, name, sample_weight=None):
    """Mean and standard deviation of numbers; the latter 0 if they differ by rounding alone."""
    size = 2.0 ** (np.frexp(np.abs(values).max())[1] - 1)  # a power of two divides exactly
    unit = values / size
    mean = np.average(unit, weights=sample_weight)
    scale = np.average((unit - mean) ** 2, weights=sample_weight) ** 0.5
    scale = float(size * scale) if scale > FINEST * abs(mean) else 0.0
    if scale and not 1e-100 < scale < 1e100:
        raise ValueError(
            f"{name} must have a standard deviation between 1e-100 and 1e100. Received: "
            f"{scale:.3g}. Give it in other units: divide it by {scale:.0e}."
        )
    return float(size * mean), scale


def _check_known(bad):
    if bad.any():
        raise ValueError(
            f"y must be known and finite. Received: {int(bad.sum())} missing or infinite of "
            f"{len(bad)} values. Drop these rows from every part first."
        )


def check_values(values, name) -> np.ndarray:
    """Return one finite number for each row, as a float array of shape `(rows,)`.

    Args:
        values: Array-like of shape `(rows,)`.
        name: What to call them in the error.

    Raises:
        ValueError: If it has more than one axis, or a value is no number, missing or infinite.
    """
    expected = f"{name} must have one finite number for each row."
    try:
        array = np.asarray(values, dtype="float64")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{expected} Received: {error}. Convert it with pd.to_numeric.") from error
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(
            f"{expected} Received: shape {array.shape}, {np.sum(~np.isfinite(array))} not finite. "
            "Leave out rows without one; from predict_proba take column 1."
        )
    return array


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
        _check_kind(labels, name)
    return labels


def _check_kind(labels, name):
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


def is_number(column):
    """Whether a Series holds numbers or booleans."""
    kinds = pd.api.types
    return kinds.is_numeric_dtype(column) and not kinds.is_complex_dtype(column)


def as_numbers(column):
    """A Series of objects that are all numbers, or missing, as floats; any other as it is."""
    if column.dtype == object and infer_dtype(column) in NUMBERS:
        return column.where(column.notna(), np.nan).astype("float64")
    return column
