"""How far the groups of an attribute lie apart: the spread of their rates, and its noise."""

import numpy as np
import pandas as pd

from fairmedl_lite.metrics.groups import by_metric

MIN_CASES = 20  # of a class, for a group's rate to count: of fewer a rate says little
HIGH_IS_WORSE = ("fpr", "mse")


def spread_report(rates: pd.DataFrame) -> pd.DataFrame:
    """How far the groups of each attribute lie apart: one row per attribute and metric.

    Args:
        rates: What `group_report` or `regression_group_report` returned.

    Returns:
        DataFrame as `fairness_report` describes it.

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
    return pd.DataFrame(rows)


def _spread(metric, rates):
    counted = rates[rates["cases"] >= MIN_CASES]
    left_out = rates[rates["cases"] < MIN_CASES].set_index("group")["cases"].to_dict()
    counts = {"groups": len(counted), "left_out": left_out}
    if len(counted) < 2:
        names = ("sd", "noise_floor", "sd_noise_removed", "largest_difference")
        numbers = dict.fromkeys(names, np.nan)
        return numbers | {"worst_group": None, "worst_rate": np.nan} | counts
    rate = counted["rate"]
    sd, noise = rate.std(ddof=0), np.mean(_sampling_variance(counted))
    worst = counted.loc[_harm(metric, rate).idxmax()]
    return {
        "sd": sd,
        "noise_floor": np.sqrt(noise),
        "sd_noise_removed": np.sqrt(max(0.0, sd**2 - noise)),
        "largest_difference": rate.max() - rate.min(),
        "worst_group": worst["group"],
        "worst_rate": worst["rate"],
        **counts,
    }


def _sampling_variance(rates):
    """Variance of each rate by sampling alone; of shares, if all groups had the pooled one."""
    if "se" in rates:
        return rates["se"] ** 2
    pooled = np.average(rates["rate"], weights=rates["cases"])
    return pooled * (1 - pooled) / rates["cases"]


def _harm(metric, rate):
    if metric == "mean_residual":
        return rate.abs()
    return rate if metric in HIGH_IS_WORSE else -rate
