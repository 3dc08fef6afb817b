"""New clusters that bring a few labelled rows: their effects are learned, all else stays."""

from copy import copy
from typing import Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from fairmedl_lite import checks, tables
from fairmedl_lite.linear.bernoulli import BernoulliBound
from fairmedl_lite.linear.henderson import Effects, Factor, Products, split, stacked
from fairmedl_lite.model.running import (
    outputs,
    posterior_variance,
    slope_features,
    with_ones,
)


class Adapting:
    """The part of an estimator that learns the effects of new clusters."""

    def adapt(self, X, y, *, clusters, sample_weight=None) -> Self:
        """Learn the random effects of new clusters from a few labelled rows of theirs.

        Network, variances and residual stay as they were fitted, and so do the effects of all
        known clusters. Given these, the effects of the new ones get their posterior: in closed
        form for a continuous outcome, by Newton's steps for a 0/1 outcome. With few rows they
        stay near zero, as the fitted variances say; with many they follow the rows.

        The new clusters are known from then on: to `predict`, its intervals and draws,
        `cluster_effects`, `random_effects_`, `summary` and `save`. A cluster predictor still
        names the clusters of the fit alone. With `within_between` a new cluster's means are
        those of the rows given here.

        Args:
            X: DataFrame of shape `(rows, columns)`, with the columns of `fit`.
            y: Series of shape `(rows,)`, as in `fit`; it may hold one class alone.
            clusters: As in `fit`. Of several cluster variables one at least must be new in each
                row; a cluster that is known keeps its effect.
            sample_weight: Array of shape `(rows,)`, as in `fit`.

        Returns:
            A fitted copy; this estimator is not changed.

        Raises:
            ValueError: If the model has no random effects, a row is of known clusters alone, or
                the data cannot be used.
        """
        check_is_fitted(self, "model_")
        if not self.model_.random_effects:
            raise ValueError(
                "adapt needs random effects. Received: a model without. Fit with random_effects=..."
            )
        if clusters is None:
            raise ValueError(
                "adapt learns clusters by their labels. Received: clusters=None. Pass clusters=..."
            )
        tables.check_rows(X=X, y=y, clusters=clusters, sample_weight=sample_weight)
        weights = checks.check_weights(sample_weight)
        weights = np.ones(len(X)) if weights is None else weights
        x, known = self.rows_.read(X, clusters)
        _refuse_known(known)
        adapted = copy(self)
        adapted.rows_ = self.rows_.extended(X, clusters)
        ids = adapted.rows_.index.number(clusters, len(x))
        posteriors = _posteriors(self, x, known, ids, self.outcome_.read(y), weights)
        adapted.model_ = _extended(self.model_, posteriors)
        adapted._add_effects(x, known, ids)
        return adapted

    def _add_effects(self, x, known, ids):
        """Add the new clusters to `random_effects_`, and a word about them to the verdict."""
        found = [self.random_effects_]
        for number, part in enumerate(ids):
            new = known[number] < 0
            if new.any():
                names, matrix, _ = self._shown_effects(number, x[new], part[new], np.zeros(1))
                found.append(self._posterior_table(number, matrix, names, part[new]))
        self.random_effects_ = pd.concat(found, ignore_index=True)
        added = sum(self.model_.settings["added_clusters"])
        who, they = ("1 cluster", "It") if added == 1 else (f"{added} clusters", "They")
        text = f"{who} came after the fit. {they} changed nothing else."
        self.verdict_ = self.verdict_ | {"adapted": text}


def _refuse_known(ids):
    known = np.min(ids, axis=0) >= 0
    if known.any():
        raise ValueError(
            "adapt learns new clusters: each row must have one. Received: "
            f"{int(known.sum())} rows of known clusters alone. Leave them out, or fit again with "
            "all rows to learn from them."
        )


def _posteriors(estimator, x, known, ids, y, weights):
    """Means and covariances of v of the new clusters, by number of the cluster variable."""
    model = estimator.model_
    effects = _new_effects(model, x, known, ids)
    parts = list(effects.values())
    link = outputs(model, x, known)["mixed"].astype("float64")
    if estimator.outcome_.family == "gaussian":
        found = _gaussian(parts, y - link, weights * estimator.outcome_.precision(link))
    else:
        spread = posterior_variance(model, x, *known)
        nothing = np.zeros((len(x), 1))  # the coefficients are known
        bound = BernoulliBound(nothing, y, parts, weights, (link, spread))
        found = bound.at([np.eye(part.width) for part in parts]).posterior()
    return dict(zip(effects, zip(*found, strict=True), strict=True))


def _new_effects(model, x, known, ids):
    """The new clusters' effects of unit variance, that variable with the most effects first."""
    effects = {}
    for number, features in enumerate(slope_features(model, x)):
        new, layer = known[number] < 0, model.random_effects[number]
        if new.any():
            own = np.where(new, ids[number] - layer.posterior_mean.shape[0], 0)
            design = np.where(new[:, None], with_ones(features), 0.0)
            part = Effects(own, design, own.max() + 1, layer.correlated)
            effects[number] = part.scaled(np.asarray(layer.prior_scale_tril(), "float64"))
    return dict(sorted(effects.items(), key=lambda item: -item[1].size))


def _gaussian(effects, rest, precision):
    """The posterior of effects of unit variance, given what the rows leave for them to explain."""
    factor = Factor(Products(effects, precision), [np.eye(part.width) for part in effects])
    pull = stacked([part.products(precision, rest[:, None]) for part in effects])
    return split(factor.solve(pull)[:, 0], effects), factor.blocks()


def _extended(model, posteriors):
    """The model with the new clusters' posteriors after those of its own clusters."""
    layers = model.random_effects
    counts = [len(posteriors[n][0]) if n in posteriors else 0 for n in range(len(layers))]
    added = tuple(layer.added + count for layer, count in zip(layers, counts, strict=True))
    extended = type(model).from_config(model.get_config() | {"added_clusters": added})
    extended.build(model.built_shape)
    for one, other in zip(_frozen(model), _frozen(extended), strict=True):
        other.assign(one)
    for number, (own, layer) in enumerate(zip(layers, extended.random_effects, strict=True)):
        width = own.posterior_mean.shape[1]
        none = np.zeros((0, width)), np.zeros((0, width, width))
        layer.adopt(own, *posteriors.get(number, none))
    return extended


def _frozen(model):
    """All weights but those of the random effects."""
    theirs = {id(weight) for layer in model.random_effects for weight in layer.weights}
    return [weight for weight in model.weights if id(weight) not in theirs]
