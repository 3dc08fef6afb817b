"""What a reader must know of a fit before believing its numbers."""

import numpy as np
import pandas as pd

from fairmedl_lite.linear.exact import has_exact_fit
from fairmedl_lite.summaries.tables import coefficient_map

NO_VARIANCE = 2e-3  # standard deviation of an effect, over that of the residual
PERFECT = 0.9999  # correlation
FAR, SURE = 8.0, 1.0  # logits between the ends of a column, and standard errors from zero
ALIKE = {"bernoulli": 3.0, "gaussian": 1e3}  # sd of the clusters, over that of the residual
AT_MAXIMUM, FLAT = "the likelihood is at its maximum.", "the loss no longer fell."
STILL_FELL = "the loss still fell. Pass epochs= for more, or look for columns of a few rows."
OVERFITTED = (
    "rows that were held back are predicted ever worse. Pass fewer hidden units or epochs, or "
    "hidden=()."
)


def verdict(estimator, x, converged, overfits=False):
    """What holds of a fit: dictionary of a word to a sentence that says what to do.

    Args:
        estimator: One that has its summaries.
        x: Array of shape `(rows, columns)`, encoded: the training rows.
        converged: Whether the likelihood is at its maximum, or the loss was flat.
        overfits: Whether the loss of rows that were held back rose.
    """
    exact = has_exact_fit(estimator)
    found = {
        "converged": converged and (AT_MAXIMUM if exact else FLAT) or None,
        "not converged": None if converged else STILL_FELL,
        "overfitted": OVERFITTED if overfits else None,
        "singular": _singular(estimator),
        "separated": _separated(estimator, x),
        "aliased": _aliased(estimator),
    }
    return {word: text for word, text in found.items() if text is not None}


def _singular(estimator):
    found, residual = [], estimator.outcome_.residual_variance() ** 0.5
    for variable, covariance in _prior_covariances(estimator):
        sds = np.sqrt(np.diag(covariance))
        none = covariance.index[sds < NO_VARIANCE * residual]
        found += [f"no variance of the {name} over {variable!r}" for name in none]
        correlation = covariance.to_numpy() / np.outer(sds, sds) - np.eye(len(sds))
        if np.abs(correlation).max() > PERFECT:
            found.append(f"effects of {variable!r} that are perfectly correlated")
    return f"{', '.join(found)}. Leave these effects out." if found else None


def _prior_covariances(estimator):
    """For each cluster variable the covariance of its effects on columns of unit variance."""
    covariances = getattr(estimator, "effect_covariances_", {})
    layers = estimator.model_.random_effects
    for layer, (variable, covariance) in zip(layers, covariances.items(), strict=True):
        root = estimator.outcome_.scale * np.asarray(layer.prior_scale_tril(), "float64")
        if len(root) == len(covariance):
            names = covariance.index
            covariance = pd.DataFrame(root @ root.T, index=names, columns=names)
        yield variable, covariance


def _separated(estimator, x):
    """Terms and clusters that tell the outcome without fail, and so have no finite effect."""
    residual = estimator.outcome_.residual_variance() ** 0.5
    most = ALIKE[estimator.outcome_.family] * residual
    found = [
        f"the outcome hardly varies within {variable!r}"
        for variable, covariance in getattr(estimator, "effect_covariances_", {}).items()
        if covariance.iloc[0, 0] > most**2
    ]
    if not estimator.hidden and estimator.outcome_.family == "bernoulli":
        table = estimator.fixed_effects_
        column = np.flatnonzero(coefficient_map(estimator.encoder_)[2])[1:] - 1
        reach = np.ptp(x, axis=0) * np.abs(np.asarray(estimator.model_.fixed_head.kernel)[:, 0])
        far = (reach[column] > FAR) & (table["z"].abs().to_numpy()[1:] < SURE)
        found += [f"{term} tells it without fail" for term in table["term"][1:][far].iloc[:5]]
    if not found:
        return None
    return f"{', '.join(found)}. Its estimate has no end: leave it out, or pool groups."


def _aliased(estimator):
    table = getattr(estimator, "fixed_effects_", pd.DataFrame({"term": [], "estimate": []}))
    terms = table["term"][table["estimate"].isna()].tolist()
    if not terms:
        return None
    return f"{', '.join(terms)} (made up by the terms before; no estimate). Leave one of them out."
