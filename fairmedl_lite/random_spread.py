"""How far groups lie apart, by a random effect of the group: no floor, and no group dropped."""

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline
from scipy.stats import chi2

from fairmedl_lite.group_likelihoods import RandomLogits, RandomValues
from fairmedl_lite.groups import by_metric

DROP = chi2.ppf(0.95, df=1) / 2  # of the log likelihood, at the ends of the 95 % interval
LARGEST = 10.0  # sd tried, in logits; of a continuous metric in sds of the groups' values
STEPS = np.linspace(0, 8, 65)  # of the sds tried: LARGEST * sinh(step) / sinh(8)


def random_effect_spread(report):
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
    """
    rows = []
    for (attribute, metric), part in by_metric(report):
        model, fit = _fit(part)
        fit = {name: fit[name] for name in ("sd", "low", "high", "sd_rate", "typical_rate")}
        rows.append({"attribute": attribute, "metric": metric, **fit, "groups": model.groups})
    return pd.DataFrame(rows)


def random_effect_rates(report):
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
    """
    parts = []
    for _, part in by_metric(report):
        model, fit = _fit(part)
        rates = model.rates(fit["mean"], fit["sd"]) if model.known else [np.nan] * 3
        parts.append(part.assign(**dict(zip(("shrunken", "low", "high"), rates, strict=True))))
    return pd.concat(parts)


def _fit(report):
    """The model of one attribute and metric, and its numbers at the largest likelihood."""
    model = RandomValues(report) if "se" in report else RandomLogits(report)
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
