"""Intersections as in MAIHDA: what is more than the sum of the attributes, and in which strata."""

import numpy as np
import pandas as pd
from scipy.linalg import orth
from scipy.special import expit

from fairmedl_lite import tables
from fairmedl_lite.metrics.groups import by_metric, intersections
from fairmedl_lite.metrics.random_models import (
    NORMAL_95,
    Posterior,
    RandomLogits,
    RandomValues,
    likeliest_sd,
)
from fairmedl_lite.metrics.spread import are_shares, row_variance

LATENT_VARIANCE = np.pi**2 / 3  # of a row's logit: the standard logistic distribution's
DRAWS, ENDS = 2000, (0.025, 0.975)
EFFECTS = ("metric", "group", "cases", "rate", "additive", "shrunken", "effect", "sd")
EFFECTS += ("low", "high", "deviates")


def intersectional_spread(
    report: pd.DataFrame, sensitive_features: pd.DataFrame, *, seed: int = 0
) -> pd.DataFrame:
    """How much of what lies between intersections is more than the sum: a row per metric.

    It is the multilevel analysis of individual heterogeneity and discriminatory accuracy (MAIHDA;
    Evans, Williams, Onnela and Subramanian 2018). The strata are the crossing of the attributes.
    The null model has a random effect of the stratum alone, as `random_effect_spread`; the additive
    one has main effects of the attributes as fixed effects besides. What the additive model leaves
    to the strata is their interaction. Both are fitted by maximum likelihood, with the random
    effect integrated out: they are lme4's `glmer` of positives and cases, or for a continuous
    metric `lmer`, with one residual variance for all strata.

    Of a report that was given clusters or weights, a stratum counts for as many independent cases
    as know as much, as in `random_effect_spread`.

    Args:
        report: What `group_report` or `regression_group_report` returned of the intersections:
            `sensitive_features=intersections(sensitive_features)`. Of an outcome rather than a
            model, pass y in the place of the score as well: the outcome is then the metric
            `positive_rate` (with `threshold=0.5`) or `mean_prediction`.
        sensitive_features: DataFrame of shape `(rows, attributes)`, those that were joined.
        seed: Integer. Seeds the draws behind the interval of the PCV.

    Returns:
        DataFrame with `metric` and
        - `sd_null`, `sd_additive`: of the random effect, in logits or in the metric's units, with
          `sd_additive_low` and `sd_additive_high`, its 95 % interval at flat priors: it never
          holds 0, and where `sd_additive` is 0 it lies above;
        - `vpc_null`, `vpc_additive`: the variance partition coefficient, the share of the strata
          in the variance of single cases; of a share on the scale of the logit, where a case has
          a variance of pi^2 / 3;
        - `pcv`: the proportional change in variance, 1 - sd_additive^2 / sd_null^2. At 1 the main
          effects say everything. `pcv_low` and `pcv_high` are its 95 % interval, as that of the sd
          from draws of the additive model's parameters at flat priors, as if by MCMC;
        - `strata` with a case, and `empty` ones without.
        The numbers are missing where there are no more strata with cases than main effects, or
        where the data do not know an sd, as in `random_effect_spread`.

    Raises:
        ValueError: If the report is not of these intersections, or repeats a group.

    Example:
        >>> people = pd.DataFrame([(a, s, r) for a in "xyz" for s in "fm" for r in "kl"])
        >>> people = people.set_axis(["age", "sex", "race"], axis=1)
        >>> rates = pd.DataFrame({"group": intersections(people), "cases": 50})
        >>> rates = rates.assign(attribute="age / sex / race", metric="tpr")
        >>> rates["rate"] = np.linspace(0.2, 0.8, 12)  # age tells most
        >>> found = intersectional_spread(rates, people)
        >>> found[["sd_null", "sd_additive", "pcv", "strata", "empty"]].round(2)
           sd_null  sd_additive  pcv  strata  empty
        0     0.77          0.0  1.0      12      0
    """
    crossing, rows = _crossing(sensitive_features), []
    for metric, part in _by_metric(report, crossing):
        known = part[_is_known(part)]
        counts = {"strata": len(known), "empty": len(crossing) - int((part["cases"] > 0).sum())}
        rows.append({"metric": metric, **_spread(known, crossing, seed), **counts})
    spread = pd.DataFrame(rows)
    spread.attrs |= report.attrs
    return spread


def intersectional_effects(report: pd.DataFrame, sensitive_features: pd.DataFrame) -> pd.DataFrame:
    """What each intersection is more than the sum of its attributes: a row per metric and stratum.

    The model is the additive one of `intersectional_spread`. Its random effect is drawn towards 0
    as far as cases are few, so that no correction for many strata is needed (Gelman, Hill and
    Yajima 2012): with an sd of 0 no stratum deviates.

    Args:
        report: As in `intersectional_spread`.
        sensitive_features: As in `intersectional_spread`.

    Returns:
        DataFrame with `metric`, a column for each attribute, and, for every stratum of the
        crossing,
        - `group`, `cases`, and the observed `rate`;
        - `additive`: the rate, or value, that the main effects alone give it;
        - `shrunken`: the posterior mean of its rate, with its effect;
        - `effect` and its posterior `sd`, in logits or in the metric's units, with `low` and
          `high`, its 95 % interval. They know that the main effects are estimated, and take the sd
          of the random effect as known;
        - `deviates`: whether the interval leaves out 0.
        A stratum without cases has 0 `cases`, and all else is missing.

    Raises:
        ValueError: As `intersectional_spread`, or if an attribute has the name of such a column.

    Example:
        >>> people = pd.DataFrame([(a, s, r) for a in "xyz" for s in "fm" for r in "kl"])
        >>> people = people.set_axis(["age", "sex", "race"], axis=1)
        >>> rates = pd.DataFrame({"group": intersections(people), "cases": 500, "rate": 0.5})
        >>> rates = rates.assign(attribute="age / sex / race", metric="tpr")
        >>> rates.loc[5, "rate"] = 0.3
        >>> found = intersectional_effects(rates, people)
        >>> found.loc[found["deviates"], ["age", "sex", "race", "additive", "effect"]].round(2)
          age sex race  additive  effect
        5   y   f    l      0.41   -0.43
    """
    crossing, parts = _crossing(sensitive_features), []
    _refuse_names(crossing)
    for metric, part in _by_metric(report, crossing):
        known = part[_is_known(part)]
        observed = part.set_index("group")[["cases", "rate"]]
        table = crossing.join([observed, _effects(known, crossing)])
        table["cases"] = table["cases"].fillna(0)
        table["deviates"] = (table["low"] > 0) | (table["high"] < 0)
        table.insert(0, "metric", metric)
        parts.append(table.rename_axis("group").reset_index())
    return pd.concat(parts, ignore_index=True)


def _refuse_names(crossing):
    taken = [name for name in crossing if name in EFFECTS]
    if taken:
        raise ValueError(
            f"Attributes must not be named as what stands beside them, {list(EFFECTS)}. Received: "
            f"{taken}. Rename them: .rename(columns=...)."
        )


def _crossing(sensitive_features):
    """A row for each stratum, with a column for each attribute, by the name of `intersections`."""
    levels, _ = tables.check_groups(sensitive_features)
    crossing = pd.MultiIndex.from_product(levels.values(), names=levels).to_frame(index=False)
    return crossing.set_index(intersections(crossing))


def _by_metric(report, crossing):
    """Pairs of a metric and its part of the report."""
    parts = [(metric, part) for (_, metric), part in by_metric(report)]
    strange = sorted(set(report["group"]) - set(crossing.index), key=str)
    if strange:
        raise ValueError(
            f"The report's groups must be intersections, such as {crossing.index[0]!r}. Received: "
            f"{strange[:3]}. Pass sensitive_features=intersections(...) of the same attributes to "
            "the report."
        )
    return parts


def _is_known(report):
    """Whether a stratum has a case, and more than one cluster where clusters were given."""
    effect = report.get("design_effect_between", pd.Series(1.0, report.index))
    return (report["cases"] > 0) & (effect > 0)


def _main_effects(crossing):
    """What main effects can make of these strata, as orthogonal columns: `(strata, columns)`."""
    effects = pd.get_dummies(crossing.astype("category"), dtype="float64")
    return orth(effects.to_numpy())


def _pooled(report):
    """The report with standard errors of one residual variance, and this variance."""
    variance = row_variance(report) * report["cases"]
    freedom = (report["cases"] - 1).where(variance.notna(), 0)
    total = freedom.sum()
    residual = (variance.fillna(0) * freedom).sum() / total if total > 0 else np.nan
    report = report.assign(se=np.sqrt(residual / report["cases"]))
    return report.assign(design_effect=1.0) if "design_effect" in report else report, residual


def _spread(report, crossing, seed):
    names = ("sd_null", "sd_additive", "sd_additive_low", "sd_additive_high")
    names += ("vpc_null", "vpc_additive", "pcv", "pcv_low", "pcv_high")
    models = _models(report, crossing)
    if models is None:
        return dict.fromkeys(names, np.nan)
    null, additive, residual = models
    posterior = Posterior(additive)
    sds = likeliest_sd(null)[0], likeliest_sd(additive, posterior.likelihood)[0]
    vpcs = [sd**2 / (sd**2 + residual) for sd in sds]
    pcv = 1 - sds[1] ** 2 / sds[0] ** 2 if sds[0] > 0 else np.nan
    drawn, means = posterior.draw(DRAWS, seed)
    explained = means.var(axis=1)
    pcvs = np.quantile(explained / (explained + drawn**2), ENDS)
    return dict(zip(names, (*sds, *np.quantile(drawn, ENDS), *vpcs, pcv, *pcvs), strict=True))


def _models(report, crossing):
    """Null and additive model, and the variance of a single case; `None` if not to be fitted."""
    if report.empty:
        return None
    kind, residual = RandomLogits, LATENT_VARIANCE
    if not are_shares(report):
        kind, (report, residual) = RandomValues, _pooled(report)
    null, additive = kind(report), kind(report, _main_effects(crossing.loc[report["group"]]))
    return (null, additive, residual) if null.known and additive.known else None


def _effects(report, crossing):
    """What the additive model says of each stratum that it knows, indexed by the stratum."""
    names, models = ["additive", "shrunken", "effect", "sd"], _models(report, crossing)
    if models is None:
        return pd.DataFrame(np.nan, index=report["group"], columns=[*names, "low", "high"])
    found = Posterior(models[1]).effects()
    table = pd.DataFrame(dict(zip(names, found, strict=True)), index=report["group"])
    if are_shares(report):
        table["additive"] = expit(table["additive"])
    half = NORMAL_95 * table["sd"]
    return table.assign(low=table["effect"] - half, high=table["effect"] + half)
