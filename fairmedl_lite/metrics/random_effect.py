"""How far groups lie apart, by a random effect of the group: no floor, and no group dropped."""

import numpy as np
import pandas as pd

from fairmedl_lite.metrics.groups import by_metric
from fairmedl_lite.metrics.random_models import RandomLogits, RandomValues, likeliest_sd
from fairmedl_lite.metrics.spread import are_shares


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
        positive, where no group has more than one case, and where the values of a continuous
        metric do not vary within a group: such data do not know the sd.

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
        groups have one rate. A group without a case, or of a report with clusters one that lies
        in a single cluster, gets what a new group would. All three are missing where the sd is.

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
    sd, low, high = likeliest_sd(model)
    mean = model.profile(np.array([sd]))[0][0, 0]
    return model, dict(zip(names, (sd, low, high, mean, *model.typical(mean, sd)), strict=True))
