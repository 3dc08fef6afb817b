"""How far groups lie apart, by a random effect of the group: no floor, and no group dropped."""

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline
from scipy.special import expit, logsumexp
from scipy.stats import chi2, norm

from fairmedl_lite.metrics.groups import by_metric
from fairmedl_lite.metrics.spread import are_shares, sampling_variance

DROP = chi2.ppf(0.95, df=1) / 2  # of the log likelihood, at the ends of the 95 % interval
LARGEST = 10.0  # sd tried, in logits; of a continuous metric in sds of the groups' values
STEPS = np.linspace(0, 8, 65)  # of the sds tried: LARGEST * sinh(step) / sinh(8)
NORMAL_95 = norm.ppf(0.975)
# The trapezoid rule in t with z = sinh(t): close together at the mode, and far into a long tail.
TURNS = np.linspace(-3, 3, 32)
NODES = np.sinh(TURNS)
LOG_WEIGHTS = np.log(np.cosh(TURNS) * (TURNS[1] - TURNS[0])) + norm.logpdf(0)
NEWTON_STEPS = 12  # at most: both functions climbed are concave, and start near their top
CLOSE = 1e-6  # a step that ends the climb


def random_effect_spread(report: pd.DataFrame) -> pd.DataFrame:
    """Standard deviation of a random effect of the group: one row per attribute and metric.

    It is the mixed model turned on the evaluation. The positives of a group are binomial, and its
    logit is `mean + sd z` with a standard normal z; the value of a continuous metric is
    `mean + sd z` plus noise of its standard error. The sd is fitted by maximum likelihood. Noise
    does not add to it, and a small group counts for what it knows, so that none is left out.

    The groups are taken as a sample of groups, and few of them know little of the sd: look at its
    interval. Maximum likelihood is then too small as well, by about sqrt(1 - 1/groups), and the
    95 % interval holds the truth too seldom: of two to four groups about 80 % of the time, where
    noise is about as large. With two groups, such as the sexes, the sd is half their distance once
    noise is taken off, as the SD is.

    Of a report that was given the clusters, a group counts for as many independent cases as would
    tell it from the other groups as well: `cases / design_effect_between`. A group that lies in one
    cluster is then left out, for nothing tells what it varies by.

    Args:
        report: What `group_report` or `regression_group_report` returned.

    Returns:
        DataFrame with `attribute`, `metric` and
        - `sd`, with `low` and `high`, its 95 % interval by profile likelihood: in logits, or in
          the metric's units. A `high` of infinity: no sd tried (up to 10 logits) is too large;
        - `sd_rate`: the sd of the groups' true rates, in the units of the rates;
        - `typical_rate`: that of a group whose effect is zero;
        - `groups`: those with a case (of a continuous metric: with two).
        The numbers are missing with fewer than two such groups, where no case or every case is
        positive, and where the values of a continuous metric do not vary within a group: such data
        do not know the sd.

    Raises:
        ValueError: If a group occurs twice, as where reports of several models were joined.

    Example:
        >>> rates = pd.DataFrame({"group": ["cook", "nurse", "smith"], "rate": [0.5, 0.9, 1.0]})
        >>> rates = rates.assign(attribute="job", metric="tpr", cases=[20, 20, 3])
        >>> random_effect_spread(rates)[["sd", "low", "high", "sd_rate", "groups"]].round(2)
             sd   low  high  sd_rate  groups
        0  1.07  0.02   5.4     0.17       3
        >>> random_effect_spread(rates.assign(rate=0.5, cases=20))["sd"].item()  # equal rates
        0.0
    """
    rows = []
    for (attribute, metric), part in by_metric(report):
        model, fit = _fit(part)
        fit = {name: fit[name] for name in ("sd", "low", "high", "sd_rate", "typical_rate")}
        rows.append({"attribute": attribute, "metric": metric, **fit, "groups": model.groups})
    spread = pd.DataFrame(rows)
    spread.attrs |= report.attrs
    return spread


def random_effect_rates(report: pd.DataFrame) -> pd.DataFrame:
    """Rates of each group, drawn towards those of the others as far as its cases are few.

    Args:
        report: What `group_report` or `regression_group_report` returned.

    Returns:
        The report with `shrunken`, the posterior mean of the group's rate by the model of
        `random_effect_spread`, and its 95 % interval from `low` to `high`. The interval takes the
        model's mean and sd as known, and so is too narrow where groups are few; at an sd of 0 all
        groups have one rate. A group without a case gets what a new group would. All three are
        missing where the sd is.

    Raises:
        ValueError: As `random_effect_spread`.

    Example:
        >>> rates = pd.DataFrame({"group": ["cook", "nurse", "smith"], "rate": [0.5, 0.9, 1.0]})
        >>> rates = rates.assign(attribute="job", metric="tpr", cases=[20, 20, 3])
        >>> random_effect_rates(rates)[["group", "rate", "cases", "shrunken"]].round(2)
           group  rate  cases  shrunken
        0   cook   0.5     20      0.55
        1  nurse   0.9     20      0.87
        2  smith   1.0      3      0.84
    """
    parts = []
    for _, part in by_metric(report):
        model, fit = _fit(part)
        rates = model.rates(fit["mean"], fit["sd"]) if model.known else [np.nan] * 3
        parts.append(part.assign(**dict(zip(("shrunken", "low", "high"), rates, strict=True))))
    return pd.concat(parts)


def _fit(report):
    """The model of one attribute and metric, and its numbers at the largest likelihood."""
    model = RandomLogits(report) if are_shares(report) else RandomValues(report)
    names = ("sd", "low", "high", "mean", "typical_rate", "sd_rate")
    if not model.known:
        return model, dict.fromkeys(names, np.nan)
    sd, low, high = _likeliest_sd(model)
    mean = model.profile(np.array([sd]))[0][0]
    return model, dict(zip(names, (sd, low, high, mean, *model.typical(mean, sd)), strict=True))


def _likeliest_sd(model):
    """The sd of the largest profile likelihood, and the ends of its interval."""
    unit = LARGEST * model.scale / np.sinh(STEPS[-1])
    _, likelihood = model.profile(unit * np.sinh(STEPS))
    curve = CubicSpline(STEPS, likelihood, bc_type=("clamped", "not-a-knot"))
    tops = [*STEPS[[0, -1]], *curve.derivative().roots(extrapolate=False)]
    top = max(tops, key=curve)
    ends = curve.solve(curve(top) - DROP, extrapolate=False)
    low, high = max(ends[ends < top], default=0.0), min(ends[ends > top], default=np.inf)
    return tuple(unit * np.sinh([top, low, high]))


class RandomLogits:
    """Positives of each group are binomial, with a logit of `mean + sd z` and standard normal z.

    z is integrated out by adaptive quadrature, centred and scaled at its mode for each group
    (Pinheiro and Bates 1995).

    Args:
        report: Rows of one attribute and metric of what `group_report` returned.
    """

    scale = 1.0

    def __init__(self, report):
        self.cases = report["cases"].to_numpy("float64")
        rate = report["rate"].fillna(0).to_numpy("float64")
        if "design_effect_between" in report:
            effect = report["design_effect_between"].to_numpy()
            self.cases = np.where(effect > 0, self.cases / effect, 0.0)
            self.hits = rate * self.cases
        else:
            self.hits = np.round(rate * self.cases)
        self.groups = int(np.sum(self.cases > 0))
        self.known = self.groups > 1 and 0 < self.hits.sum() < self.cases.sum()
        # The logit of a group by itself, and its variance; a half more keeps both finite.
        more, less = self.hits + 0.5, self.cases - self.hits + 0.5
        self.logit, self.variance = np.log(more / less), 1 / more + 1 / less

    def profile(self, sds):
        """For each sd of shape `(sds,)` the likeliest mean, and the log likelihood there."""
        precision = 1 / (self.variance + sds[:, None] ** 2)
        means = (precision * self.logit).sum(axis=1) / precision.sum(axis=1)
        for _ in range(NEWTON_STEPS):
            step = self._step(means, sds)
            means = means + np.clip(step, -1 - sds, 1 + sds)
            if np.abs(step).max() < CLOSE:
                break
        return means, self._posterior(means, sds)[2].sum(axis=1)

    def rates(self, mean, sd):
        """Posterior mean of each group's rate, and the ends of its 95 % interval."""
        logits, weights, _ = (part[0] for part in self._posterior(np.array([mean]), np.array([sd])))
        centre = (weights * logits).sum(axis=-1)
        spread = np.sqrt((weights * (logits - centre[:, None]) ** 2).sum(axis=-1))
        low, high = centre - NORMAL_95 * spread, centre + NORMAL_95 * spread
        return (weights * expit(logits)).sum(axis=-1), expit(low), expit(high)

    def typical(self, mean, sd):
        """The rate of a group whose effect is zero, and the sd of all groups' rates."""
        z = np.linspace(-8, 8, 2001)
        rate, weights = expit(mean + sd * z), norm.pdf(z) / norm.pdf(z).sum()
        return expit(mean), np.sqrt(weights @ (rate - weights @ rate) ** 2)

    def _step(self, means, sds):
        """Newton's step of the mean, towards the top of the log likelihood."""
        logits, weights, _ = self._posterior(means, sds)
        rate = expit(logits)
        surplus = self.hits[:, None] - self.cases[:, None] * rate
        score = (weights * surplus).sum(axis=-1)
        known = (weights * rate * (1 - rate)).sum(axis=-1) * self.cases
        lost = (weights * surplus**2).sum(axis=-1) - score**2
        return score.sum(axis=1) / (known - lost).sum(axis=1)

    def _posterior(self, means, sds):
        """Nodes of each group's logit, their posterior weights, and its log likelihood.

        Shapes `(sds, groups, nodes)` twice, and `(sds, groups)`.
        """
        means, sds = means[:, None], sds[:, None]
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
    """

    def __init__(self, report):
        self.value, self.se = report["rate"].to_numpy(), sampling_variance(report).to_numpy() ** 0.5
        self.seen = np.isfinite(self.se)
        self.groups = int(self.seen.sum())
        self.known = self.groups > 1 and bool((self.se[self.seen] > 0).all())

    @property
    def scale(self):
        """How large an sd may be: of the size of the values' own."""
        return np.std(self.value[self.seen]) + np.mean(self.se[self.seen])

    def profile(self, sds):
        """For each sd of shape `(sds,)` the likeliest mean, and the log likelihood there."""
        value, variance = self.value[self.seen], self.se[self.seen] ** 2 + sds[:, None] ** 2
        means = (value / variance).sum(axis=1) / (1 / variance).sum(axis=1)
        return means, norm.logpdf(value, means[:, None], np.sqrt(variance)).sum(axis=1)

    def rates(self, mean, sd):
        """Posterior mean of each group's value, and the ends of its 95 % interval."""
        share = np.where(self.seen, sd**2 / (sd**2 + self.se**2), 0.0)
        centre = mean + share * np.where(self.seen, self.value - mean, 0.0)
        width = NORMAL_95 * sd * np.sqrt(1 - share)
        return centre, centre - width, centre + width

    def typical(self, mean, sd):
        """The value of a group whose effect is zero, and the sd of all groups' values."""
        return mean, sd
