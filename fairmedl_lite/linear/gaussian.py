"""The exact fit of a linear mixed model of a continuous outcome (Bates et al. 2015).

At a given Lambda, relative to the residual's standard deviation, coefficients, effects and
residual variance are solved for. Only Lambda is searched for.
"""

import math

import numpy as np

from fairmedl_lite.linear.henderson import Factor, Products, Solution, split, stacked

LEAST_REST = 1e-12  # of y' y, which rounding may take away


class GaussianLikelihood:
    """The profiled likelihood of y = X beta + Z Lambda v + residual, as a function of Lambda.

    Args:
        x: Array of shape `(rows, coefficients)`, of full rank.
        y: Array of shape `(rows,)`.
        effects: List of `Effects`, that with the most clusters first.
        weights: Array of shape `(rows,)`. A weight of 2 counts as two rows.
        reml: Whether to maximise the restricted likelihood (section 3.5).
    """

    largest = 1e4  # of Lambda's entries: an outcome that does not vary within clusters

    def __init__(self, x, y, effects, weights, reml=False):
        self.effects, self.reml = effects, reml
        table = np.column_stack([x, y])
        self.products = Products(effects, weights)
        self.cross = [part.products(weights, table) for part in effects]
        self.gram = table.T @ (weights[:, None] * table)
        self.rows = weights.sum() - (x.shape[1] if reml else 0)

    def at(self, roots):
        """The best fit at a relative Lambda of each cluster variable."""
        factor = Factor(self.products, roots)
        cross = stacked([root.T @ part for root, part in zip(roots, self.cross, strict=True)])
        return GaussianFit(self, roots, factor, Solution(factor, cross, self.gram))


class GaussianFit:
    """What is best at one Lambda, and how good it is.

    Attributes:
        value: Float. The log likelihood.
        coefficients: Array of shape `(coefficients,)`.
        residual: Float. The residual's standard deviation.
        roots: Lambda of each cluster variable, in the units of y.
    """

    def __init__(self, likelihood, roots, factor, solution):
        self.likelihood, self.factor, self.solution = likelihood, factor, solution
        rest = max(solution.rest, LEAST_REST * likelihood.gram[-1, -1])
        variance = rest / likelihood.rows
        self.coefficients = solution.coefficients
        self.residual = math.sqrt(variance)
        self.roots = [self.residual * root for root in roots]
        deviance = likelihood.rows * (1 + math.log(2 * math.pi * variance))
        self.value = -0.5 * (deviance + factor.log_determinant)
        if likelihood.reml:
            self.value -= np.log(solution.lower.diagonal()).sum()

    def posterior(self):
        """Means and covariances of v: lists of `(clusters, effects[, effects])`."""
        return self._means(), self.factor.blocks()

    def _means(self):
        return split(self.solution.effects / self.residual, self.likelihood.effects)

    def moments(self):
        """For each cluster variable the sum over its clusters of E[v v']: `(effects, effects)`."""
        found = [m.T @ m + v for m, v in zip(self._means(), self.factor.sums(), strict=True)]
        if self.likelihood.reml:  # there the coefficients are unknown too
            spread = split(self.solution.along @ self.solution.inverse.T, self.likelihood.effects)
            found = [m + np.einsum("jak,jbk->ab", s, s) for m, s in zip(found, spread, strict=True)]
        return found
