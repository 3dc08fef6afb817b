"""The outcome of a model: how it is learned and drawn, and what its noise is."""

import math

import numpy as np
from scipy.special import expit

from fairmedl_lite import checks
from fairmedl_lite.linear.bernoulli import average_over_normal, expected_log_likelihood
from fairmedl_lite.summaries.tables import LATENT_VARIANCE
from fairmedl_lite.tables import as_series


class Binary:
    """An outcome of two classes, the positive one last, predicted on the logit scale."""

    family, centre, scale = "bernoulli", 0.0, 1.0

    def __init__(self, classes, base_rate=0.5):
        self.classes, self.base_rate = classes, base_rate

    @classmethod
    def learn(cls, y, sample_weight):
        """What is learned of `y`, and the outcome as zeros and ones: `(rows,)`."""
        classes, outcome = checks.check_binary(y)
        base_rate = float(np.average(outcome, weights=sample_weight))
        if not 0 < base_rate < 1:
            raise ValueError(
                "Both classes of y must have rows that weigh more than zero. "
                "Received: a sample_weight of 0 for every row of one class."
            )
        return cls(classes, base_rate), outcome

    def read(self, y):
        """The outcome of other rows, perhaps of one class, as zeros and ones: `(rows,)`."""
        y = as_series(y, "y")
        unknown = ~y.isin(self.classes)
        if unknown.any():
            raise ValueError(
                f"y must hold the classes of fit, {self.classes.tolist()}. Received: "
                f"{int(unknown.sum())} others, such as {y[unknown].tolist()[0]!r}. Leave them out."
            )
        return (y == self.classes[1]).to_numpy("float64")

    def get_config(self):
        """What was learned, as a model file holds it."""
        return {"classes_": self.classes}

    @classmethod
    def from_config(cls, config):
        """Rebuild what was learned."""
        return cls(np.array(config["classes_"]))

    def set_noise(self, scale):
        """Nothing is to be set: the classes' noise follows from their probability."""

    def probability(self, link, scale):
        """Probability of the positive class, averaged over a normal spread of the logit."""
        if not scale.any():
            return _sigmoid(link)
        average = average_over_normal(expit, link.astype("float64"), scale)
        return np.minimum(average, 1.0)  # rounding may add a digit to a weight

    def draws(self, link, seed):
        """What an interval is of: the probability of the positive class. `(draws, rows)`."""
        return _sigmoid(link)

    def residual_variance(self):
        """Variance of the latent logistic scale."""
        return LATENT_VARIANCE

    def precision(self, link):
        """The working weight of each row, one over its variance on the link scale: `(rows,)`."""
        return _sigmoid(link) * _sigmoid(-link)

    def expected_log_likelihood(self, outcome, link, scale):
        """Mean of each row's log likelihood over the posterior of its effects: `(rows,)`."""
        return expected_log_likelihood(outcome, link.astype("float64"), scale)


class Continuous:
    """A continuous outcome with Gaussian noise, standardised for the fit."""

    family, base_rate = "gaussian", 0.5

    def __init__(self, centre, scale):
        self.centre, self.scale, self.noise = centre, scale, 1.0

    @classmethod
    def learn(cls, y, sample_weight):
        """What is learned of `y`, and the standardised outcome: `(rows,)`."""
        values, centre, scale = checks.check_number(y, sample_weight)
        return cls(centre, scale), ((values - centre) / scale).astype("float32")

    def read(self, y):
        """The standardised outcome of other rows: `(rows,)`."""
        return (checks.check_values(y, "y") - self.centre) / self.scale

    def get_config(self):
        """What was learned, as a model file holds it."""
        return {"outcome_mean_": self.centre, "outcome_scale_": self.scale}

    @classmethod
    def from_config(cls, config):
        """Rebuild what was learned."""
        return cls(config["outcome_mean_"], config["outcome_scale_"])

    def set_noise(self, scale):
        """Take over the residual scale that the model has learned, of the standardised y."""
        self.noise = scale

    @property
    def residual_sd(self):
        """Standard deviation of the residual, in the units of y."""
        return self.scale * self.noise

    def draws(self, link, seed):
        """What an interval is of: the standardised y, its residual too. `(draws, rows)`."""
        noise = np.random.default_rng([seed, 1]).normal(size=link.shape)
        return link + self.noise * noise

    def residual_variance(self):
        """Variance of the residual, in squared units of y."""
        return self.residual_sd**2

    def precision(self, link):
        """One over the residual variance of the standardised y: `(rows,)`."""
        return np.full(len(link), self.noise**-2)

    def expected_log_likelihood(self, outcome, link, scale):
        """Mean of each row's log likelihood over the posterior of its effects: `(rows,)`."""
        error = np.square(outcome - link, dtype="float64") + scale**2
        return -0.5 * (error / self.noise**2 + math.log(2 * math.pi * self.residual_variance()))


def _sigmoid(logit):
    return expit(logit.astype("float64"))
