"""Models of a random effect of the group: what is likeliest at each of its standard deviations."""

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import expit, logsumexp
from scipy.stats import chi2, norm

from fairmedl_lite.metrics.spread import sampling_variance

DROP = chi2.ppf(0.95, df=1) / 2  # of the log likelihood, at the ends of the 95 % interval
LARGEST = 10.0  # sd tried, in logits; of a continuous metric in sds of the groups' values
STEPS = np.linspace(0, 8, 65)  # of the sds tried: LARGEST * sinh(step) / sinh(8)
FINE = np.linspace(0, STEPS[-1], 4001)
NORMAL_95 = norm.ppf(0.975)
# The trapezoid rule in t with z = sinh(t): close together at the mode, and far into a long tail.
TURNS = np.linspace(-3, 3, 32)
NODES = np.sinh(TURNS)
LOG_WEIGHTS = np.log(np.cosh(TURNS) * (TURNS[1] - TURNS[0])) + norm.logpdf(0)
NEWTON_STEPS = 12  # at most: both functions climbed are concave, and start near their top
CLOSE = 1e-6  # a step that ends the climb
LEAST = 1e-10  # of precision: without a hit a coefficient would have no limit


def sds_of(model, steps=STEPS):
    """The sds tried."""
    return LARGEST * model.scale * np.sinh(steps) / np.sinh(STEPS[-1])


def likeliest_sd(model, likelihood=None):
    """The sd of the largest profile likelihood, and the ends of its interval."""
    likelihood = model.profile(sds_of(model))[1] if likelihood is None else likelihood
    curve = CubicSpline(STEPS, likelihood, bc_type=("clamped", "not-a-knot"))
    tops = [*STEPS[[0, -1]], *curve.derivative().roots(extrapolate=False)]
    top = max(tops, key=curve)
    ends = curve.solve(curve(top) - DROP, extrapolate=False)
    low, high = max(ends[ends < top], default=0.0), min(ends[ends > top], default=np.inf)
    return tuple(sds_of(model, np.array([top, low, high])))


class Posterior:
    """What is known of a model at flat priors of its sd and its coefficients, on a grid of sds.

    The likelihood of an sd is the profile one, times what integrating the coefficients out by
    Laplace's method makes of it: as that of REML it counts what the coefficients took.

    Args:
        model: A `RandomLogits` or a `RandomValues`.

    Attributes:
        sds: The sds tried, of shape `(sds,)`.
        means: The likeliest means at each, `(sds, groups)`.
        likelihood: The profile log likelihood, `(sds,)`.
        chances: Posterior probability of each sd, `(sds,)`.
    """

    def __init__(self, model):
        self.model, self.sds = model, sds_of(model)
        self.means, self.likelihood = model.profile(self.sds)
        self.information = model.slopes(self.means, self.sds)[0]
        gram = model.design.T @ (self.information[:, :, None] * model.design)
        gram = gram + np.eye(gram.shape[1]) / (LARGEST * model.scale) ** 2  # or one has no limit
        self.covariance = np.linalg.inv(gram)  # (sds, coefficients, coefficients)
        density = CubicSpline(STEPS, self.likelihood - np.linalg.slogdet(gram)[1] / 2)(FINE)
        density = np.exp(density - density.max()) * np.cosh(FINE)  # flat in the sd, not its step
        self._density, self._place = density / density.sum(), np.rint(FINE / STEPS[1]).astype(int)
        self.chances = np.bincount(self._place, self._density)

    def draw(self, draws, seed):
        """Draws of the sd `(draws,)` and of the groups' means `(draws, groups)`."""
        random = np.random.default_rng(seed)
        chosen = random.choice(len(FINE), draws, p=self._density)
        place = self._place[chosen]
        root = np.linalg.cholesky(self.covariance)[place]
        noise = random.normal(size=(*root.shape[:2], 1))
        means = self.means[place] + (root @ noise)[:, :, 0] @ self.model.design.T
        return sds_of(self.model, FINE[chosen]), means

    def effects(self):
        """Of each group the mean, the rate or value, and mean and sd of its effect: `(groups,)`."""
        rate, effect, spread = self.model.effects(self.means, self.sds)
        design = self.model.design
        of_means = np.einsum("gp,spq,gq->sg", design, self.covariance, design)
        # An effect takes in this share of what its mean misses.
        share = self.sds[:, None] ** 2 * self.information
        square = self.chances @ (effect**2 + spread**2 + share**2 * of_means)
        mean, rate, effect = (self.chances @ part for part in (self.means, rate, effect))
        return mean, rate, effect, np.sqrt(square - effect**2)


def fitted(design, precision, pull):
    """Weighted least squares for each sd: X (X' P X)^-1 X' pull, of shape `(sds, groups)`.

    Args:
        design: X, array of shape `(groups, coefficients)`.
        precision: P, array of shape `(sds, groups)`.
        pull: Array of shape `(sds, groups)`.
    """
    gram = design.T @ (precision[:, :, None] * design)
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None]
    gram = gram + LEAST * size * np.eye(design.shape[1])
    return (np.linalg.solve(gram, (pull @ design)[:, :, None]) * design.T).sum(axis=1)


class RandomLogits:
    """Positives of each group are binomial, with a logit of `mean + sd z` and standard normal z.

    z is integrated out by adaptive quadrature, centred and scaled at its mode for each group
    (Pinheiro and Bates 1995).

    Args:
        report: Rows of one attribute and metric of what `group_report` returned.
        design: What the mean is linear in, array of shape `(groups, coefficients)`. `None` is one
            mean for all.
    """

    scale = 1.0

    def __init__(self, report, design=None):
        self.cases = report["cases"].to_numpy("float64")
        rate = report["rate"].fillna(0).to_numpy("float64")
        if "design_effect_between" in report:
            effect = report["design_effect_between"].to_numpy()
            self.cases = np.where(effect > 0, self.cases / effect, 0.0)
            self.hits = rate * self.cases
        else:
            self.hits = np.round(rate * self.cases, 6)  # of weighted cases no whole number
        self.groups = int(np.sum(self.cases > 0))
        self.design = np.ones((len(report), 1)) if design is None else design
        some = 0 < self.hits.sum() < self.cases.sum()
        some = some and self.cases.max() > 1  # of single cases any sd is as likely
        self.known = self.groups > self.design.shape[1] and some
        # The logit of a group by itself, and its variance; a half more keeps both finite.
        more, less = self.hits + 0.5, self.cases - self.hits + 0.5
        self.logit, self.variance = np.log(more / less), 1 / more + 1 / less

    def profile(self, sds):
        """For each sd the likeliest means `(sds, groups)`, and the log likelihood there."""
        precision = 1 / (self.variance + sds[:, None] ** 2)
        means = fitted(self.design, precision, precision * self.logit)
        for _ in range(NEWTON_STEPS):
            step = fitted(self.design, *self.slopes(means, sds))
            longest = np.abs(step).max(axis=1, keepdims=True)
            means = means + step * np.minimum(1, (1 + sds[:, None]) / np.maximum(longest, CLOSE))
            if longest.max() < CLOSE:
                break
        return means, self._posterior(means, sds)[2].sum(axis=1)

    def rates(self, mean, sd):
        """Posterior mean of each group's rate, and the ends of its 95 % interval."""
        rate, effect, spread = (part[0] for part in self.effects(*self._of_groups(mean, sd)))
        low, high = mean + effect - NORMAL_95 * spread, mean + effect + NORMAL_95 * spread
        return rate, expit(low), expit(high)

    def effects(self, means, sds):
        """Posterior mean of each group's rate, and mean and sd of its effect on the logit.

        Each of shape `(sds, groups)`, as `means`.
        """
        logits, weights, _ = self._posterior(means, sds)
        centre = (weights * logits).sum(axis=-1)
        spread = np.sqrt((weights * (logits - centre[..., None]) ** 2).sum(axis=-1))
        return (weights * expit(logits)).sum(axis=-1), centre - means, spread

    def typical(self, mean, sd):
        """The rate of a group whose effect is zero, and the sd of all groups' rates."""
        z = np.linspace(-8, 8, 2001)
        rate, weights = expit(mean + sd * z), norm.pdf(z) / norm.pdf(z).sum()
        return expit(mean), np.sqrt(weights @ (rate - weights @ rate) ** 2)

    def slopes(self, means, sds):
        """What each group knows of its mean, and how the log likelihood rises with it."""
        logits, weights, _ = self._posterior(means, sds)
        rate = expit(logits)
        surplus = self.hits[:, None] - self.cases[:, None] * rate
        score = (weights * surplus).sum(axis=-1)
        known = (weights * rate * (1 - rate)).sum(axis=-1) * self.cases
        lost = (weights * surplus**2).sum(axis=-1) - score**2
        return known - lost, score

    def _of_groups(self, mean, sd):
        """One mean and one sd in the shapes `(sds, groups)` and `(sds,)`."""
        return np.full((1, len(self.cases)), mean), np.array([sd])

    def _posterior(self, means, sds):
        """Nodes of each group's logit, their posterior weights, and its log likelihood.

        Shapes `(sds, groups, nodes)` twice, and `(sds, groups)`, as that of `means`.
        """
        sds = sds[:, None]
        mode, width = self._mode(means, sds)
        z = mode[..., None] + width[..., None] * NODES
        logits = means[..., None] + sds[..., None] * z
        density = self.hits[:, None] * logits - self.cases[:, None] * np.logaddexp(0, logits)
        density = density - z**2 / 2 + LOG_WEIGHTS + np.log(width)[..., None]
        total = logsumexp(density, axis=-1)
        return logits, np.exp(density - total[..., None]), total

    def _mode(self, means, sds):
        """The likeliest z of each group, and the width of its density there."""
        z = sds * (self.logit - means) / (sds**2 + self.variance)
        for _ in range(NEWTON_STEPS):
            rate = expit(means + sds * z)
            curvature = 1 + sds**2 * self.cases * rate * (1 - rate)
            step = (sds * (self.hits - self.cases * rate) - z) / curvature
            z = z + np.clip(step, -1, 1)
            if np.abs(step).max() < CLOSE:
                break
        return z, 1 / np.sqrt(curvature)


class RandomValues:
    """The value of each group is `mean + sd z` and noise of its known standard error.

    Args:
        report: Rows of one attribute and metric of what `regression_group_report` returned.
        design: As in `RandomLogits`.
    """

    def __init__(self, report, design=None):
        self.value, self.se = report["rate"].to_numpy(), sampling_variance(report).to_numpy() ** 0.5
        self.seen = np.isfinite(self.se)
        self.groups = int(self.seen.sum())
        self.design = np.ones((len(report), 1)) if design is None else design
        some = bool((self.se[self.seen] > 0).all())
        self.known = self.groups > self.design.shape[1] and some

    @property
    def scale(self):
        """How large an sd may be: of the size of the values' own."""
        return np.std(self.value[self.seen]) + np.mean(self.se[self.seen])

    def profile(self, sds):
        """For each sd the likeliest means `(sds, groups)`, and the log likelihood there."""
        precision = self._precision(sds)
        known = np.where(self.seen, self.value, 0)
        means = fitted(self.design, precision, precision * known)
        density = norm.logpdf(known, means, 1 / np.sqrt(np.where(self.seen, precision, 1)))
        return means, np.where(self.seen, density, 0).sum(axis=1)

    def slopes(self, means, sds):
        """What each group knows of its mean, and how the log likelihood rises with it."""
        precision = self._precision(sds)
        return precision, precision * np.where(self.seen, self.value - means, 0)

    def rates(self, mean, sd):
        """Posterior mean of each group's value, and the ends of its 95 % interval."""
        means = np.full((1, len(self.seen)), mean)
        centre, _, spread = (part[0] for part in self.effects(means, np.array([sd])))
        return centre, centre - NORMAL_95 * spread, centre + NORMAL_95 * spread

    def effects(self, means, sds):
        """Posterior mean of each group's value, and mean and sd of its effect."""
        share = sds[:, None] ** 2 * self._precision(sds)
        effect = share * np.where(self.seen, self.value - means, 0.0)
        return means + effect, effect, sds[:, None] * np.sqrt(1 - share)

    def typical(self, mean, sd):
        """The value of a group whose effect is zero, and the sd of all groups' values."""
        return mean, sd

    def _precision(self, sds):
        return np.where(self.seen, 1 / (self.se**2 + sds[:, None] ** 2), 0)
