"""The tables of the study: which figures are kept, what is compared with what."""

import pandas as pd

from fairmedl_lite import (
    interval,
    ladder,
    paired,
    summarise,
)
from study.words import FAIR, NETWORK, PLAIN

KEPT = ("auroc", "accuracy", "mse", "r2", "attribute_swap", "tpr", "tpr_worst", "error")
KEPT += ("tpr_sd_random_effect", "mean_residual", "mean_prediction")
HEADLINES = (
    "auroc",
    "mse",
    "tpr_sd",
    "tpr_sd_noise_removed",
    "fpr_sd",
    "mse_sd",
    "mean_residual_sd",
)
DISPARITIES = ("disparity_within", "disparity_between", "disparity_total")
KEYS = ["model", "part", "effects", "threshold", "metric", "attribute", "group"]


def is_kept(table):
    """Which figures go into the tables: performance, spreads, swaps, the groups' own rates."""
    metric, whole = table["metric"], table["group"] == ""
    spread = metric.str.endswith(("_sd", "_sd_noise_removed"))
    kept = spread | metric.isin(KEPT) | (metric.eq("positive_rate") & whole)
    kept &= table["effects"].isin(("", "mixed")) | table["model"].isin((PLAIN, FAIR))
    return kept | (metric.isin(DISPARITIES) & table["model"].isin((PLAIN, FAIR)))


def comparisons(models):
    """Pairs of a model and what it is compared with."""
    fair = [name for name in models if name not in (PLAIN, "NNet", NETWORK, "DA-NNet")]
    pairs = [(name, PLAIN) for name in fair]
    pairs += [(FAIR, NETWORK), (PLAIN, "NNet"), (NETWORK, "NNet"), ("Fair DA-NNet", NETWORK)]
    networks = [name for name in models if name.startswith(f"{NETWORK}, ")]
    for name in networks:
        form, weight = name.removeprefix(f"{NETWORK}, ").split()
        pairs.append((f"{form} on both, {weight}", name))
    return [pair for pair in pairs if pair[1] in models]


def changes_of(table, pairs):
    """The paired differences of each pair of models: `model`, `against`, `value`, `baseline`."""
    changes = [paired(table, *pair).assign(model_name=pair[0], against=pair[1]) for pair in pairs]
    changes = pd.concat(changes, ignore_index=True)
    return changes.rename(columns={"model": "value", "model_name": "model"})


def report(study, table, models, folder):
    """Write the tables of the reported seeds."""
    summary = summarise(table)
    write(summary[is_kept(summary)], folder, study.name)
    write(seconds_of(table), folder, study.name + "_seconds")
    table = table[is_kept(table)]
    changes = changes_of(table, comparisons(models))
    ours = changes["model"].eq(FAIR) & changes["against"].eq(PLAIN)
    shown = changes["effects"].eq("mixed") | (changes["effects"].eq("fixed") & ours)
    shown &= ~changes["metric"].isin(DISPARITIES)
    order = ["model", "against", *KEYS[1:], "value", "baseline", "difference", "low", "high"]
    order += ["percent", "percent_low", "percent_high", "effect_size", "p", "resamples"]
    write(changes[shown][order], folder, study.name + "_change")
    write(headline_runs(table, models), folder, study.name + "_runs")
    if not study.methods:
        found = [what_random_effects_add(table, name) for name in (PLAIN, FAIR)]
        write(pd.concat(found), folder, study.name + "_random_effects")


def seconds_of(table):
    """How long a fit of each model took: the mean, and an interval of independent fits."""
    fits = table.drop_duplicates(["model", "seed"]).groupby("model", sort=False)["seconds"]
    rows = [{"model": model, **interval(values, 0)} for model, values in fits]
    return pd.DataFrame(rows).astype({"resamples": int})


def what_random_effects_add(table, model):
    """The mixed prediction's disparities minus those of the fixed one, paired by resample."""
    table = table[table["model"] == model]
    rows = table[table["metric"].isin(DISPARITIES) & table["part"].eq("seen")]
    kinds = [
        rows[rows["effects"] == kind].assign(model=kind, effects="mixed")
        for kind in ("mixed", "fixed")
    ]
    changes = paired(pd.concat(kinds), "mixed", "fixed").assign(model=model)
    columns = ["model", "metric", "attribute", "group", "difference", "low", "high", "resamples"]
    return changes.loc[changes["effects"] == "mixed", columns]


def headline_runs(table, models):
    """Each resample's headline figures of the ladder: what intervals are taken over."""
    kept = table["metric"].isin(HEADLINES)
    kept &= table["model"].isin(ladder()) & table["effects"].eq("mixed")
    kept &= table["threshold"].isin(("", "youden")) & table["group"].eq("")
    return table.loc[kept, ["model", "seed", "part", "metric", "attribute", "value"]]


def write(table, folder, name):
    """Write a table to a small file."""
    folder.mkdir(parents=True, exist_ok=True)
    table.round(5).to_csv(folder / f"study_{name}.csv", index=False)
