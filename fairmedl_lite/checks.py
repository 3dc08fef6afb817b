"""Checks of what may not come in: bad input never becomes a silent wrong number."""

import warnings

import numpy as np
import pandas as pd

SURVEY = 10  # mean weight above which it is hardly the number of rows that are alike


def check_rows(**parts):
    """Raise if there are no rows, or if parts differ in length; `None` is passed over."""
    lengths = {name: len(part) for name, part in parts.items() if part is not None}
    if 0 in lengths.values():
        raise ValueError(f"There must be at least one row. Received lengths: {lengths}.")
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"All parts must have one value for each row. Received lengths: {lengths}. "
            "Take them from the same rows of one DataFrame."
        )


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
    y = pd.Series(np.asarray(y))
    _check_known(y.isna() | (np.isinf(y) if pd.api.types.is_float_dtype(y) else False))
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
    y = pd.Series(np.asarray(y))
    if not is_number(y):
        raise ValueError(
            f"y must hold numbers. Received: {y.dtype}, such as {y.iloc[0]!r}. Convert it with "
            "pd.to_numeric, or use FairMEDLClassifier for two classes."
        )
    values = y.to_numpy("float64")
    _check_known(~np.isfinite(values))
    mean = np.average(values, weights=sample_weight)
    scale = np.average((values - mean) ** 2, weights=sample_weight) ** 0.5
    if not scale > 1e-12 * max(1.0, abs(mean)):
        raise ValueError(f"y must vary. Received: {values[0]!r} for all rows that have weight.")
    return values, float(mean), float(scale)


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


def check_labels(labels, name):
    """Return labels as a Series that has no missing value; the name is told in the error."""
    labels = pd.Series(np.asarray(labels), name=name)
    if labels.isna().any():
        raise ValueError(
            f"{name} must have no missing values. Received: {int(labels.isna().sum())} missing of "
            f"{len(labels)}. Drop these rows, or give them a label of their own."
        )
    return labels


def check_groups(sensitive_features):
    """Return the groups of each sensitive attribute, sorted, and the codes of the rows.

    Args:
        sensitive_features: DataFrame of shape `(rows, attributes)`, or Series.

    Returns:
        Dictionary of attribute to array of groups, and int32 array `(rows, attributes)`.

    Raises:
        ValueError: If an attribute has missing values or a single group.
    """
    table = pd.DataFrame(sensitive_features)
    groups, codes = {}, []
    for attribute in table:
        labels = check_labels(table[attribute], f"sensitive attribute {attribute!r}")
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
    return pd.api.types.is_numeric_dtype(column)
