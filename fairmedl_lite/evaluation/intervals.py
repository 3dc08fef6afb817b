"""What resamples allow to say: intervals, paired differences, corrected p values, tables."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

KEYS = ["part", "effects", "threshold", "metric", "attribute", "group"]
SHOWN = ("auroc", "accuracy", "mse", "tpr_sd", "fpr_sd", "positive_rate_sd", "mse_sd")
SHOWN += ("mean_prediction_sd", "mean_residual_sd", "attribute_swap")


def interval(values: ArrayLike, ratio: float, level: float = 0.95) -> pd.Series:
    """Mean and interval over resamples that share rows (Nadeau and Bengio 2003).

    Resamples of one data set train on much the same rows, so the variance of their mean is not
    s^2 / J but about s^2 (1 / J + tested / trained); Student's t has J - 1 degrees of freedom. A
    ratio of 0 is the usual interval, of independent values.

    Args:
        values: Array-like of shape `(resamples,)`. Missing values are left out.
        ratio: Float. Rows tested over rows trained on.
        level: Float in (0, 1).

    Returns:
        Series with `mean`, `low`, `high` and `resamples`; with one resample the ends are missing.

    Example:
        >>> auroc = [0.80, 0.82, 0.84]
        >>> interval(auroc, ratio=0).round(2).tolist()  # as if the resamples shared no rows
        [0.82, 0.77, 0.87, 3.0]
        >>> interval(auroc, ratio=1 / 3).round(2).tolist()
        [0.82, 0.75, 0.89, 3.0]
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1. Received: {level!r}.")
    mean, error, number = _mean_and_error(values, ratio)
    half = stats.t.ppf((1 + level) / 2, number - 1) * error if number > 1 else np.nan
    return pd.Series({"mean": mean, "low": mean - half, "high": mean + half, "resamples": number})


def paired(table: pd.DataFrame, model: str, baseline: str, *, level: float = 0.95) -> pd.DataFrame:
    """How a model differs from a baseline, paired by resample: one row for each figure.

    The intervals are those of `interval`. Its ratio is the table's `test_to_train`: rows over rows
    for seen clusters. On unseen clusters the replicate is the set of clusters that a resample holds
    out, so its ratio is clusters held out over clusters trained on; this is about other clusters
    only where the held-out ones rotate.

    A model without random effects has one prediction: it stands for its fixed effects too. So do
    decisions of a model's own for both thresholds.

    Args:
        table: What `compare` returned.
        model: Name of a model.
        baseline: Name of another.
        level: Float in (0, 1).

    Returns:
        DataFrame with `part`, `effects`, `threshold`, `metric`, `attribute`, `group`, the means
        `model` and `baseline`, and
        - `difference`, `low`, `high`: model minus baseline;
        - `percent`, `percent_low`, `percent_high`: the ratio of the means as a change in per
          cent, by the delta method: the interval of (model - r baseline) / mean(baseline), where
          r is the ratio. Not to be read where the baseline is near 0;
        - `effect_size`: the standardised paired difference (Cohen's d_z), mean over SD;
        - `p`: two-sided, of the corrected resampled t test;
        - `resamples`: in how many both have the figure.

    Raises:
        ValueError: If the table has no fit of one of the two, or none of a common seed.

    Example:
        >>> table = pd.DataFrame({"model": ["NNet"] * 3 + ["MEDL"] * 3, "seed": [0, 1, 2] * 2})
        >>> table = table.assign(value=[0.70, 0.72, 0.71, 0.80, 0.82, 0.84], test_to_train=1 / 3)
        >>> table = table.assign(part="seen", effects="mixed", metric="auroc")
        >>> table = table.assign(threshold="", attribute="", group="")
        >>> row = paired(table, "MEDL", "NNet")
        >>> row[["model", "baseline", "difference", "low", "high"]].round(2)
           model  baseline  difference   low  high
        0   0.82      0.71        0.11  0.05  0.17
    """
    pairs = _comparable(table, model).merge(
        _comparable(table, baseline), on=[*KEYS, "seed"], suffixes=("", "_baseline")
    )
    if not len(pairs):
        raise ValueError(
            "model and baseline must have fits of the same seeds. Received: none of "
            f"{model!r} and {baseline!r}, in a table of {table['model'].unique().tolist()}."
        )
    measured = table.loc[table["model"].isin((model, baseline)), "effects"]
    ratios, rows = _ratios(table), []
    for key, figures in pairs[pairs["effects"].isin(measured)].groupby(KEYS, sort=False):
        known = figures[["value", "value_baseline"]].dropna().to_numpy()
        rows.append(dict(zip(KEYS, key, strict=True)) | _difference(known, ratios[key[0]], level))
    return pd.DataFrame(rows)


def holm(p_values: dict | pd.Series) -> pd.Series:
    """Adjusted p values that keep the chance of any false finding (Holm 1979).

    Args:
        p_values: Dictionary or Series of a comparison's name to its p value.

    Returns:
        Series of adjusted p values in the same order: the k-th smallest of m is multiplied by
        m - k + 1, and none is smaller than one before it, or above 1.

    Raises:
        ValueError: If a p value does not lie in [0, 1].

    Example:
        >>> holm({"sex": 0.01, "age": 0.04, "race": 0.03}).to_dict()  # times 3, 1 and 2
        {'sex': 0.03, 'age': 0.06, 'race': 0.06}
    """
    p = pd.Series(p_values, dtype="float64")
    if not p.between(0, 1).all():
        wrong = p[~p.between(0, 1)].to_dict()
        raise ValueError(f"p values must lie in [0, 1]. Received: {wrong}. Leave these out.")
    smallest = p.sort_values(kind="stable")
    adjusted = (smallest * np.arange(len(p), 0, -1)).cummax().clip(upper=1.0)
    return adjusted.reindex(p.index)


def summarise(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Mean and interval of each figure of each model. The intervals are those of `paired`.

    Args:
        table: What `compare` returned.
        level: Float in (0, 1).

    Returns:
        DataFrame with `model`, `part`, `effects`, `threshold`, `metric`, `attribute`, `group`,
        `mean`, `low`, `high`, `resamples`. `paper_table` sets it out.

    Example:
        >>> table = pd.DataFrame({"model": ["NNet"] * 3 + ["MEDL"] * 3, "seed": [0, 1, 2] * 2})
        >>> table = table.assign(value=[0.70, 0.72, 0.71, 0.80, 0.82, 0.84], test_to_train=1 / 3)
        >>> table = table.assign(part="seen", effects="mixed", metric="auroc")
        >>> table = table.assign(threshold="", attribute="", group="")
        >>> summarise(table)[["model", "metric", "mean", "low", "high"]].round(2)
          model metric  mean   low  high
        0  NNet  auroc  0.71  0.67  0.75
        1  MEDL  auroc  0.82  0.75  0.89
    """
    ratios, rows = _ratios(table), []
    figures = table[table["metric"] != "error"]
    for key, values in figures.groupby(["model", *KEYS], sort=False)["value"]:
        described = interval(values, ratios[key[1]], level)
        rows.append(dict(zip(["model", *KEYS], key, strict=True)) | described.to_dict())
    return pd.DataFrame(rows).astype({"resamples": int})


def paper_table(
    summary: pd.DataFrame,
    *,
    part: str = "seen",
    effects: str = "mixed",
    threshold: str = "youden",
    metrics: Sequence[str] = SHOWN,
) -> pd.DataFrame:
    """Set figures out in the paper's form: a row for each model, "mean (low to high)".

    Args:
        summary: What `summarise` returned.
        part: `"seen"`, `"unseen"` or `"validation"`.
        effects: `"fixed"`, `"random"` or `"mixed"`. A model without random effects stands in both
            tables, of fixed and of mixed effects.
        threshold: `"youden"` or `"equal_rate"`.
        metrics: Names of those to show; what the table has not is passed over.

    Returns:
        DataFrame of strings. Its columns are `(metric, attribute)`.

    Example:
        >>> table = pd.DataFrame({"model": ["NNet"] * 3 + ["MEDL"] * 3, "seed": [0, 1, 2] * 2})
        >>> table = table.assign(value=[0.70, 0.72, 0.71, 0.80, 0.82, 0.84], test_to_train=1 / 3)
        >>> table = table.assign(part="seen", effects="mixed", metric="auroc")
        >>> table = table.assign(threshold="", attribute="", group="")
        >>> paper_table(summarise(table))
        metric                      auroc
        attribute
        model
        NNet       0.710 (0.675 to 0.745)
        MEDL       0.820 (0.750 to 0.890)
    """
    models = summary["model"].unique()
    rows = pd.concat([_comparable(summary, model).assign(model=model) for model in models])
    wanted = {"part": [part], "effects": [effects], "threshold": [threshold, ""], "group": [""]}
    for column, values in (wanted | {"metric": metrics}).items():
        rows = rows[rows[column].isin(values)]
    cells = [
        f"{row.mean:.3f} ({row.low:.3f} to {row.high:.3f})"
        for row in rows[["mean", "low", "high"]].itertuples()
    ]
    wide = rows.assign(cell=cells).pivot(
        index="model", columns=["metric", "attribute"], values="cell"
    )
    order = [column for metric in metrics for column in wide if column[0] == metric]
    return wide.loc[[model for model in models if model in wide.index], order]


def _mean_and_error(values, ratio):
    values = pd.Series(np.asarray(values, dtype="float64")).dropna()
    error = np.sqrt(values.var(ddof=1) * (1 / len(values) + ratio)) if len(values) else np.nan
    return values.mean(), error, len(values)


def _ratios(table):
    """Rows, or clusters, tested over those trained on, by part: the mean over the fits."""
    if "test_to_train" not in table:
        raise ValueError(
            "table must have the column test_to_train, as compare returns it. "
            f"Received: {list(table)}. Keep the column where you select others."
        )
    fits = table.drop_duplicates(["model", "seed", "part"])
    return fits.groupby("part")["test_to_train"].mean().to_dict()


def _comparable(table, model):
    """The figures of a model, under every name that another model's may have."""
    rows = table[(table["model"] == model) & (table["metric"] != "error")]
    return _at_both_thresholds(_as_fixed_effects_too(rows))


def _as_fixed_effects_too(rows):
    """The one prediction of a model without random effects stands for its fixed effects too."""
    if "fixed" in set(rows["effects"]):
        return rows
    return pd.concat([rows, rows[rows["effects"] == "mixed"].assign(effects="fixed")])


def _at_both_thresholds(rows):
    """Decisions that a model takes itself stand beside those at either threshold."""
    own = rows["threshold"] == "own"
    named = [rows[own].assign(threshold=name) for name in ("youden", "equal_rate")]
    return pd.concat([rows[~own], *named])


def _difference(known, ratio, level):
    """The figures of `paired` from an array `(resamples, 2)`: model, baseline."""
    difference = known[:, 0] - known[:, 1]
    mean, error, number = _mean_and_error(difference, ratio)
    ends = interval(difference, ratio, level)
    sd = np.std(difference, ddof=1) if number > 1 else np.nan
    average, base = known.mean(axis=0) if number else (np.nan, np.nan)
    return {
        "model": average,
        "baseline": base,
        "difference": mean,
        "low": ends["low"],
        "high": ends["high"],
        **_percent(known, average, base, ratio, level),
        "effect_size": mean / sd if sd else np.nan,
        "p": _p_value(mean, error, number),
        "resamples": number,
    }


def _percent(known, average, base, ratio, level):
    names = ("percent", "percent_low", "percent_high")
    if not base:
        return dict.fromkeys(names, np.nan)
    change = average / base
    ends = interval((known[:, 0] - change * known[:, 1]) / base + change - 1, ratio, level)
    return dict(zip(names, 100 * ends[["mean", "low", "high"]], strict=True))


def _p_value(mean, error, number):
    if number < 2:
        return np.nan
    if error == 0:
        return float(mean == 0)
    return 2 * stats.t.sf(abs(mean / error), number - 1)
