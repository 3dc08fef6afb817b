"""What a fitted mixed model says: effects of clusters, variance components, coefficients."""

import math

import numpy as np
import pandas as pd

from fairmedl_lite.linear.henderson import Factor, Products, stacked
from fairmedl_lite.model.running import with_ones

INTERCEPT = "intercept"
AVERAGE = "average"  # effect of slopes on hidden units, which mean nothing one by one
ALIASED = 1e-9  # of a column's sum of squares, left by the columns before it
LATENT_VARIANCE = math.pi**2 / 3  # of the logistic distribution behind a 0/1 outcome


def coefficient_map(encoder):
    """How the coefficients of encoded columns become those of the data's own columns.

    A number's coefficient is that of one unit; a category's is its difference from the first
    category, which the intercept takes in.

    Returns:
        Names of the terms, `intercept` first; array of shape `(terms, 1 + encoded columns)` that
        maps intercept and coefficients; and a mask of the encoded columns (with the intercept)
        that stay when the first categories are left out.
    """
    names, matrix = effect_map(encoder, range(len(encoder.feature_names)))
    keep = np.ones(len(names), bool)
    for _, learned, place in encoder.places():
        if learned["kind"] == "category":
            first = 1 + place.start
            matrix[0] += matrix[first]
            matrix[first + 1 : 1 + place.stop] -= matrix[first]
            keep[first] = False
    return [name for name, kept in zip(names, keep, strict=True) if kept], matrix[keep], keep


def effect_map(encoder, columns):
    """How a cluster's effects on encoded columns become effects on the data's own columns.

    Names of the effects, `intercept` first, and array of shape `(effects, effects)`.
    """
    matrix = np.eye(1 + len(encoder.feature_names))
    for _, learned, place in encoder.places():
        if learned["kind"] == "number":
            column = 1 + place.start
            matrix[[0, column], column] = -learned["mean"], 1.0
            matrix[:, column] /= learned["scale"]
    shown = [0, *(1 + column for column in columns)]
    names = [INTERCEPT, *encoder.feature_names]
    return [names[column] for column in shown], matrix[np.ix_(shown, shown)]


def posterior_table(layer, matrix, names, labels, rows):
    """Posterior mean and standard deviation of each effect of each cluster that has rows.

    What is shown are combinations of the layer's effects: a matrix `(effects shown, effects)`, or
    one such for each cluster. `rows` says how many rows each cluster of the layer has.
    """
    clusters = np.flatnonzero(rows).astype("int32")
    labels, rows = (np.asarray(part)[clusters] for part in (labels, rows))
    mean, root = (np.asarray(part, "float64") for part in layer.posterior(clusters))
    mean = (matrix @ mean[:, :, None])[:, :, 0]  # (clusters, effects shown)
    sd = np.linalg.norm(matrix @ root, axis=-1)
    return pd.DataFrame(
        {
            "cluster": np.repeat(np.asarray(labels), len(names)),
            "effect": names * len(labels),
            "mean": mean.ravel(),
            "sd": sd.ravel(),
            "n": np.repeat(rows, len(names)),
        }
    )


def variance_table(covariances, variances, residual):
    """Standard deviations, correlations with the intercept, and shares of variance.

    Of each cluster variable the covariance of its effects, and the variance they give a row on
    average; and the residual variance, which the last row shows.
    """
    total = float(np.sum(variances)) + residual
    rows = []
    for (variable, covariance), variance in zip(covariances.items(), variances, strict=True):
        sds = np.sqrt(np.diag(covariance))
        for number, effect in enumerate(covariance):
            with_intercept = covariance.iloc[0, number] / (sds[0] * sds[number])
            correlation = with_intercept if number else np.nan
            rows.append((variable, effect, sds[number], correlation, variance / total))
    rows.append(("residual", "", math.sqrt(residual), np.nan, residual / total))
    return pd.DataFrame(rows, columns=["variable", "effect", "sd", "correlation", "share"])


def identified(encoder, x, weights):
    """Which columns of (1, x) stand in a linear model: each but those that others make up.

    The first category of each column is left out, and what is a combination of columns before it.

    Args:
        encoder: A fitted `TableEncoder`.
        x: Array of shape `(rows, columns)`, encoded.
        weights: Array of shape `(rows,)`.
    """
    design = with_ones(x).astype("float64")
    left = design.T @ (weights[:, None] * design)
    size, kept = left.diagonal().copy(), []
    for column in np.flatnonzero(coefficient_map(encoder)[2]):
        if left[column, column] > ALIASED * size[column]:
            kept.append(int(column))
            left -= np.outer(left[:, column], left[column]) / left[column, column]
    return kept


def coefficient_covariance(design, precision, effects):
    """Covariance of the coefficients of a mixed model, given its variance components.

    The inverse of X' V^-1 X, from Henderson's mixed model equations: exact for a Gaussian
    outcome; for another family at the working weights.

    Args:
        design: Array of shape `(rows, coefficients)`, of full rank.
        precision: Array of shape `(rows,)`. One over the residual variance.
        effects: List of `Effects`, scaled by the root of the prior's covariance.
    """
    ones = [np.eye(part.width) for part in effects]
    cross = stacked([part.products(precision, design) for part in effects])
    gram = design.T @ (precision[:, None] * design)
    left = gram - cross.T @ Factor(Products(effects, precision), ones).solve(cross)
    return np.linalg.inv(left)


def coefficient_table(names, estimate, covariance):
    """Coefficients with standard errors, as DataFrame with `term`, `estimate`, `se`, `z`."""
    se = np.sqrt(np.diag(covariance))
    return pd.DataFrame({"term": names, "estimate": estimate, "se": se, "z": estimate / se})


def write(title, clusters, variances, coefficients, notes):
    """The text of a summary: a title, how many clusters each variable has, two tables, notes.

    There are no variances without random effects, and no coefficients of a network.
    """
    parts = [title]
    if variances is not None:
        counts = ", ".join(f"{count:,} of {name!r}" for name, count in clusters.items())
        parts += [f"Random effects (clusters: {counts})", _text(variances)]
    if coefficients is not None:
        parts += ["Fixed effects", _text(coefficients)]
    return "\n\n".join([*parts, *notes])


def _text(table):
    return table.to_string(index=False, float_format="{:.4g}".format, na_rep="")
