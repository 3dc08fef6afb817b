"""Checks of what may not come in: bad input never becomes a silent wrong number."""

import warnings

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from fairmedl_lite.tables import NUMBERS, as_series, check_kind

FINEST = 1e-12  # of their size: numbers that differ by less differ by rounding
SURVEY = 10  # mean weight above which it is hardly the number of rows that are alike


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
    weights = as_weights(sample_weight)
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


def as_weights(sample_weight):
    """Weights as a float array of shape `(rows,)`, missing ones as NaN, or raise."""
    try:
        return np.asarray(sample_weight, dtype="float64")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"sample_weight must hold numbers. Received: {error}. Convert it with pd.to_numeric."
        ) from error


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
    check_kind(y, "y")
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
    scale = 0.0 if scale <= FINEST * abs(mean) else float(size * scale)
    if scale and not 1e-100 < scale < 1e100:
        raise ValueError(
            f"{name} must have a standard deviation between 1e-100 and 1e100. Received: "
            f"{scale:.3g}. Give it in other units."
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


def is_number(column):
    """Whether a Series holds numbers or booleans."""
    kinds = pd.api.types
    return kinds.is_numeric_dtype(column) and not kinds.is_complex_dtype(column)


def as_numbers(column):
    """A Series of objects that are all numbers, or missing, as floats; any other as it is."""
    if column.dtype == object and infer_dtype(column) in NUMBERS:
        return column.where(column.notna(), np.nan).astype("float64")
    return column
