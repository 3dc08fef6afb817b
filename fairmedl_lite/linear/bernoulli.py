"""The exact fit of a linear mixed model of a 0/1 outcome: the maximum of the model's own bound.

The bound is E[log p(y | v)] - KL(q(v) || p(v)), with a Gaussian q that is full within a cluster.
At a given Lambda two equations are solved in turn: coefficients and means take a step of
Newton's, and the covariance of a cluster's effects is the inverse of I + Lambda' Z' E[w] Z Lambda
(Opper and Archambeau 2009). Expectations are over the spread of each row's logit.
"""

from functools import cache

import numpy as np
from scipy.special import expit, log_expit

from fairmedl_lite.linear.henderson import Factor, Products, Solution, split, stacked

MOST_NODES = 32
STEPS, TOLERANCE = 50, 1e-8
STALE = 0.05  # of the rows' weights: Newton's matrix is kept until they have moved by more
DAMPING = 1e-6  # of a step, a row: what tells the outcome without fail would never stop
SHORTEST = 0.1  # of a step, as a share of Newton's
LONGEST = 4.0  # how far a step may move a row's logit


class BernoulliBound:
    """The bound of the log likelihood as a function of Lambda, from where it ended last.

    Args:
        x: Array of shape `(rows, coefficients)`, of full rank.
        y: Array of shape `(rows,)`, zeros and ones.
        effects: List of `Effects`, that with the most clusters first.
        weights: Array of shape `(rows,)`. A weight of 2 counts as two rows.
        known: Mean and variance of what else each row's logit has.
    """

    largest = 30.0  # of Lambda's entries: more logits change no probability

    def __init__(self, x, y, effects, weights, known=(0.0, 0.0)):
        self.x, self.y, self.effects, self.weights, self.known = x, y, effects, weights, known
        self.coefficients = np.zeros(x.shape[1])
        self.means = [np.zeros((part.clusters, part.width)) for part in effects]
        self.covariances = [np.tile(np.eye(part.width), (part.clusters, 1, 1)) for part in effects]

    def at(self, roots):
        """The best fit at a Lambda of each cluster variable."""
        scaled = [part.scaled(root) for part, root in zip(self.effects, roots, strict=True)]
        length, distance, self.kept = 1.0, np.inf, None
        for _ in range(STEPS):
            before, distance = distance, self._step(scaled, length)
            if distance < TOLERANCE * len(self.y):
                break
            if distance > before:  # the two equations throw each other to and fro
                length = max(length / 2, SHORTEST)
        return BernoulliFit(self, roots, scaled)

    def logit(self, scaled):
        """Mean and standard deviation of each row's logit: `(rows,)` each."""
        mean = self.x @ self.coefficients + self.known[0]
        variance = np.zeros(len(mean)) + self.known[1]
        for part, own, covariance in zip(scaled, self.means, self.covariances, strict=True):
            mean += part.of_rows(own)
            variance += part.variance(covariance)
        return mean, np.sqrt(variance)

    def _step(self, scaled, length):
        """A step of both equations. Returns how far it still was from their solution, in nats."""
        probability, slope = expected_sigmoid(*self.logit(scaled))
        pull, weights = self.weights * (self.y - probability), self.weights * slope
        if self.kept is None or np.abs(weights - self.kept[0]).sum() > STALE * weights.sum():
            self.kept = weights, *self._curvature(scaled, weights)
        kept, factor, cross, gram = self.kept
        x_pull, effects_pull = self.x.T @ pull, self._effects_pull(scaled, pull)
        sides = np.column_stack([cross, effects_pull]), np.column_stack([gram, x_pull])
        solution = Solution(factor, *sides)
        self._move(scaled, solution, length)
        gain = x_pull @ solution.coefficients + effects_pull @ solution.effects
        own = factor.own if kept is weights else _inverses(scaled, weights)
        changes = [new - old for new, old in zip(own, self.covariances, strict=True)]
        both = zip(self.covariances, changes, strict=True)
        self.covariances = [old + length * change for old, change in both]
        return gain + sum(np.square(change).sum() for change in changes)

    def _curvature(self, scaled, weights):
        """Newton's matrix: that of the effects, factored, their products with x, and that of x."""
        factor = Factor(Products(scaled, weights), [np.eye(part.width) for part in scaled])
        cross = stacked([part.products(weights, self.x) for part in scaled])
        gram = self.x.T @ (weights[:, None] * self.x)
        return factor, cross, gram + DAMPING * len(weights) * np.eye(len(gram))

    def _effects_pull(self, scaled, pull):
        """How the bound rises with each mean: the rows' pull, less that of the prior."""
        ones = np.ones_like(pull)
        pulls = [part.products(ones, pull[:, None])[:, :, 0] for part in scaled]
        both = zip(pulls, self.means, strict=True)
        return np.concatenate([(own - mean).ravel() for own, mean in both])

    def _move(self, scaled, solution, length):
        effects = split(solution.effects, scaled)
        moved = self.x @ solution.coefficients
        moved += sum(part.of_rows(step) for part, step in zip(scaled, effects, strict=True))
        length = min(length, LONGEST / max(np.abs(moved).max(), 1e-300))
        self.coefficients = self.coefficients + length * solution.coefficients
        self.means = [m + length * step for m, step in zip(self.means, effects, strict=True)]


class BernoulliFit:
    """What is best at one Lambda, and how good it is. Attributes as in `GaussianFit`."""

    residual = None

    def __init__(self, bound, roots, scaled):
        self.roots, self.coefficients = roots, bound.coefficients
        self._posterior = bound.means, bound.covariances
        mean, scale = bound.logit(scaled)
        expected = expected_log_likelihood(bound.y, mean, scale)
        self.value = float(bound.weights @ expected) - sum(map(_divergence, *self._posterior))

    def posterior(self):
        """Means and covariances of v: lists of `(clusters, effects[, effects])`."""
        return self._posterior

    def moments(self):
        """For each cluster variable the sum over its clusters of E[v v']: `(effects, effects)`."""
        return [m.T @ m + v.sum(axis=0) for m, v in zip(*self._posterior, strict=True)]


def _inverses(effects, weights):
    """Of I + Z' W Z, a block a cluster: `(clusters, effects, effects)` each."""
    return [np.linalg.inv(np.eye(p.width) + p.products(weights, p.design)) for p in effects]


def _divergence(mean, covariance):
    """KL(q(v) || N(0, I)), summed over the clusters, in nats."""
    spread = np.trace(covariance, axis1=1, axis2=2) - np.linalg.slogdet(covariance)[1]
    return 0.5 * (np.square(mean).sum() + spread.sum() - mean.size)


def expected_sigmoid(mean, scale):
    """Mean of the sigmoid and of its slope over N(mean, scale^2): `(rows,)` each."""
    nodes = _nodes(scale)
    mean, scale = mean.astype("float32"), scale.astype("float32")  # twice as fast
    probability, slope = np.zeros_like(mean), np.zeros_like(mean)
    for node, weight in nodes:
        value = expit(mean + node * scale)
        probability += weight * value
        slope += weight * value * (1 - value)
    return probability, slope


def expected_log_likelihood(y, mean, scale):
    """Mean of each row's log likelihood over N(mean, scale^2): `(rows,)`."""
    return average_over_normal(log_expit, np.where(y == 1, mean, -mean), scale)


def average_over_normal(function, mean, scale):
    """Mean of function(e) over e ~ N(mean, scale^2): `(rows,)`."""
    return sum(weight * function(mean + node * scale) for node, weight in _nodes(scale))


def _nodes(scale):
    """Nodes and weights of a Gauss-Hermite sum, more where logits spread more: exact to 1e-6."""
    widest = scale.max()
    nodes, weights = _hermite(min(MOST_NODES, 4 + int(2 * widest + 4 * widest**2)))
    return list(zip(nodes.tolist(), weights.tolist(), strict=True))


@cache
def _hermite(count):
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return nodes, weights / weights.sum()
