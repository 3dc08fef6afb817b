"""How far the groups of an attribute lie apart: the spread of their rates, and its noise."""

import numpy as np
import pandas as pd

from fairmedl_lite.metrics.groups import by_metric

MIN_CASES = 20  # of a class, for a group's rate to count: of fewer a rate says little
HIGH_IS_WORSE = ("fpr", "mse")
SHARES = ("tpr", "fpr", "positive_rate")


def spread_report(rates: pd.DataFrame) -> pd.DataFrame:
    """How far the groups of each attribute lie apart: one row per attribute and metric.

    Args:
        rates: What `group_report` or `regression_group_report` returned.

    Returns:
        DataFrame as `fairness_report` describes it. Of a report that was given no clusters, its
        `attrs["note"]` says so.

    Raises:
        ValueError: If a group occurs twice, as where reports of several models were joined.

    Example:
        >>> rates = pd.DataFrame({"group": ["cook", "nurse", "smith"], "rate": [0.5, 0.9, 1.0]})
        >>> rates = rates.assign(attribute="job", metric="tpr", cases=[20, 20, 3])
        >>> spread_report(rates)[["sd", "worst_group", "groups", "left_out"]]
            sd worst_group  groups      left_out
        0  0.2        cook       2  {'smith': 3}
    """
    rows = [
        {"attribute": attribute, "metric": metric, **_spread(metric, part)}
        for (attribute, metric), part in by_metric(rates)
    ]
    report = pd.DataFrame(rows)
    report.attrs |= rates.attrs
    return report


def _spread(metric, rates):
    counted = rates[rates["cases"] >= MIN_CASES]
    left_out = rates[rates["cases"] < MIN_CASES].set_index("group")["cases"].to_dict()
    counts = {"groups": len(counted), "left_out": left_out}
    if len(counted) < 2:
        names = ("sd", "noise_floor", "sd_noise_removed", "largest_difference")
        numbers = dict.fromkeys(names, np.nan)
        return numbers | {"worst_group": None, "worst_rate": np.nan} | counts
    rate = counted["rate"]
    sd, noise = rate.std(ddof=0), sampling_variance(counted).mean(skipna=False)
    worst = counted.loc[_harm(metric, rate).idxmax()]
    return {
        "sd": sd,
        "noise_floor": np.sqrt(noise),
        "sd_noise_removed": np.sqrt(np.maximum(0.0, sd**2 - noise)),
        "largest_difference": rate.max() - rate.min(),
        "worst_group": worst["group"],
        "worst_rate": worst["rate"],
        **counts,
    }


def are_shares(rates):
    """Whether the rows of one metric are shares of cases, rather than means of numbers."""
    if "design_effect_between" in rates:
        return rates["metric"].iloc[0] in SHARES
    return "se" not in rates


def sampling_variance(rates):
    """Variance of each rate by sampling alone; of shares, if all groups had the pooled one.

    Of a report that knows the clusters it is that between groups: missing for a group that lies in
    one cluster.

    Args:
        rates: Rows of one attribute and metric of a report.
    """
    clustered = "design_effect_between" in rates
    effect = rates["design_effect_between"] if clustered else 1.0
    if are_shares(rates):
        pooled = np.average(rates["rate"], weights=rates["cases"])
        return pooled * (1 - pooled) / rates["cases"] * effect
    noise = row_variance(rates)
    return (noise * effect).where(noise != 0, 0.0)


def row_variance(rates):
    """Squared standard errors, were rows independent: 0 for a group whose values are alike."""
    if "design_effect" not in rates:
        return rates["se"] ** 2
    alike = rates["design_effect"].isna() & (rates["clusters"] > 1)
    return (rates["se"] ** 2 / rates["design_effect"]).mask(alike, 0.0)


def _harm(metric, rate):
    if metric == "mean_residual":
        return rate.abs()
    return rate if metric in HIGH_IS_WORSE else -rate
