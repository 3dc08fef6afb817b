"""The exact fit of a linear mixed model: its likelihood's maximum, set as FairMEDL's weights."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, minimize

from fairmedl_lite.linear.bernoulli import BernoulliBound
from fairmedl_lite.linear.gaussian import GaussianLikelihood
from fairmedl_lite.linear.henderson import Effects
from fairmedl_lite.model.running import slope_features, with_ones

LEAST = 1e-4  # of Lambda's diagonal: an effect of that size has no variance
FLAT = 1e-4  # nats a cluster: the slope at a maximum


class ExactFit(NamedTuple):
    """What an exact fit found, beside the model's weights."""

    log_likelihood: float
    converged: bool
    values: list  # of the log likelihood, on the way


def has_exact_fit(settings):
    """Whether a model of these settings has an exact fit."""
    stepwise = ("epochs", "batch_size", "learning_rate")
    by_steps = any(getattr(settings, name) is not None for name in stepwise)
    return not (by_steps or settings.hidden or settings.fairness or settings.fixed_loss)


def fit_exactly(model, x, ids, outcome, weights, kept, reml=False):
    """Set a linear model's weights to the maximum of its likelihood.

    Args:
        model: A built `FairMEDL` without hidden layers and adversaries.
        x: Array of shape `(rows, columns)`.
        ids: For each cluster variable the number of each row's cluster: `(rows,)`.
        outcome: Array of shape `(rows,)`.
        weights: Array of shape `(rows,)`. A weight of 2 counts as two rows.
        kept: Integers, the columns of (1, x) that are identified. Others get a coefficient of 0.
        reml: Whether to maximise the restricted likelihood.
    """
    effects = effects_of(model, x, ids)
    order = sorted(range(len(effects)), key=lambda number: -effects[number].size)
    design = np.ascontiguousarray(with_ones(x)[:, kept], "float64")
    arguments = design, outcome.astype("float64"), [effects[number] for number in order], weights
    gaussian = model.settings["family"] == "gaussian"
    likelihood = GaussianLikelihood(*arguments, reml) if gaussian else BernoulliBound(*arguments)
    search = Search(likelihood)
    fit, converged = search.run()
    coefficients = np.zeros(1 + x.shape[1])
    coefficients[kept] = fit.coefficients
    model.fixed_head.set_weights([coefficients[1:, None], coefficients[:1]])
    model.family.set_noise(fit.residual)
    if model.random_effects:
        for number, *posterior in zip(order, fit.roots, *fit.posterior(), strict=True):
            model.random_effects[number].set_posterior(*posterior)
    return ExactFit(fit.value, converged, search.values)


def effects_of(model, x, ids, scaled=False):
    """The effects of each cluster variable on the rows, of unit variance if `scaled`."""
    found = []
    parts = zip(ids, slope_features(model, x), model.random_effects, strict=False)
    for part, features, layer in parts:
        effects = Effects(part, with_ones(features), layer.num_clusters, layer.correlated)
        root = np.asarray(layer.prior_scale_tril(), "float64")
        found.append(effects.scaled(root) if scaled else effects)
    return found or [Effects.none(len(x))]


class Search:
    """The search for Lambda, uphill.

    With the effects u fixed, Lambda enters through their prior alone. So the slope is
    Lambda^-T (sum of E[v v'] - clusters I), whatever the outcome.

    Args:
        likelihood: A `GaussianLikelihood` or a `BernoulliBound`.
    """

    def __init__(self, likelihood):
        self.likelihood, self.effects = likelihood, likelihood.effects
        self.free = [
            np.tril_indices(part.width) if part.correlated else np.diag_indices(part.width)
            for part in self.effects
        ]
        self.clusters = sum(part.clusters for part in self.effects)
        self.values = []

    def run(self):
        """The fit at the best Lambda, and whether it is a maximum."""
        start = self._flat([np.eye(part.width) for part in self.effects])
        if not start.size:
            return self.likelihood.at(self._roots(start)), True
        lowest = np.where(start > 0, LEAST, -np.inf)
        bounds = Bounds(lowest, self.likelihood.largest)
        options = {"ftol": 1e-13, "gtol": 2e-5, "maxiter": 500}
        how = {"method": "L-BFGS-B", "bounds": bounds, "options": options}
        best = minimize(self._loss, start, jac=True, **how)
        blocked = np.where(best.jac > 0, best.x <= lowest, best.x >= self.likelihood.largest)
        slope = np.where(blocked, 0, best.jac)
        entries, fit = self.latest
        fit = fit if np.array_equal(entries, best.x) else self.likelihood.at(self._roots(best.x))
        return fit, bool(np.abs(slope).max() < FLAT)

    def _loss(self, entries):
        roots = self._roots(entries)
        fit = self.likelihood.at(roots)
        slopes = [
            np.linalg.solve(root.T, moment - part.clusters * np.eye(part.width))
            for root, moment, part in zip(roots, fit.moments(), self.effects, strict=True)
        ]
        self.values.append(fit.value)
        self.latest = entries.copy(), fit
        return -fit.value / self.clusters, -self._flat(slopes) / self.clusters

    def _flat(self, matrices):
        return np.concatenate([part[free] for part, free in zip(matrices, self.free, strict=True)])

    def _roots(self, entries):
        ends = np.cumsum([len(free[0]) for free in self.free])[:-1]
        roots = [np.zeros((part.width, part.width)) for part in self.effects]
        for root, free, values in zip(roots, self.free, np.split(entries, ends), strict=True):
            root[free] = values
        return roots
