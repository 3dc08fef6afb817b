"""The tables of the study: which figures are kept, what is compared with what.

Kept is what the lessons and the page read; build/study has every figure of every fit.
"""

import pandas as pd

from fairmedl_lite import ladder, paired, summarise
from study.words import FAIR, NETWORK, PLAIN

WHOLE = ("auroc", "accuracy", "balanced_accuracy", "positive_rate", "mse", "r2", "attribute_swap")
SPREADS = ("tpr_sd", "tpr_sd_noise_removed", "tpr_sd_clusters_removed", "tpr_sd_random_effect")
SPREADS += ("fpr_sd", "positive_rate_sd", "mse_sd", "mean_residual_sd", "mean_prediction_sd")
SPREADS += ("mean_residual_sd_noise_removed", "tpr_worst")
OF_GROUPS = ("tpr", "mean_prediction")
HEADLINES = ("auroc", "mse", "tpr_sd", "tpr_sd_noise_removed", "fpr_sd", "mean_residual_sd")
DISPARITIES = ("disparity_within", "disparity_between", "disparity_total")
KEYS = ["model", "part", "effects", "threshold", "metric", "attribute", "group"]
MEANS = [*KEYS, "mean", "low", "high", "resamples"]
OF_FRONTIER = ("auroc", "balanced_accuracy", "mse", "attribute_swap", *SPREADS[:3])
FRONTIER = ["form", "place", "weight", *KEYS[3:6], "model", "baseline", "difference", "low", "high"]
FRONTIER += ["percent", "percent_low", "percent_high", "resamples"]
DIGITS = 4


def is_kept(table):
    """Which figures go into the tables."""
    metric, whole = table["metric"], table["group"] == ""
    kept = metric.isin(SPREADS) | (metric.isin(WHOLE) & whole) | (metric.isin(OF_GROUPS) & ~whole)
    ours = table["model"].isin((PLAIN, FAIR))
    kept |= metric.isin(DISPARITIES) & ours
    return kept & (table["effects"].isin(("", "mixed")) | ours)


def comparisons(models):
    """Pairs of a model and what it is compared with."""
    fair = [name for name in models if name not in (PLAIN, "NNet", NETWORK, "DA-NNet")]
    pairs = [(name, PLAIN) for name in fair if not name.startswith(f"{NETWORK}, ")]
    pairs += [(FAIR, NETWORK), (PLAIN, "NNet"), (NETWORK, "NNet"), ("DA-NNet", "NNet")]
    for name in models:
        if name.startswith(f"{NETWORK}, "):
            form, weight = name.removeprefix(f"{NETWORK}, ").split()
            pairs.append((f"{form} on both, {weight}", name))
    return [pair for pair in pairs if set(pair) <= set(models)]


def changes_of(table, pairs):
    """The paired differences of each pair of models: `model`, `against`, `value`, `baseline`."""
    changes = [paired(table, *pair).assign(model_name=pair[0], against=pair[1]) for pair in pairs]
    changes = pd.concat(changes, ignore_index=True)
    return changes.rename(columns={"model": "value", "model_name": "model"})


def report(study, table, models, folder):
    """Write the tables of the reported seeds."""
    summary = summarise(table[is_kept(table)])
    if study.name != "adult":  # a lesson reads how Adult's disparities lie in its occupations
        summary = summary[~summary["metric"].isin(DISPARITIES)]
    write(summary[MEANS], folder, study.name)
    kept = table[is_kept(table)]
    pairs = comparisons(models)
    if pairs:
        write(shown_changes(changes_of(kept, pairs)), folder, study.name + "_change")
    write(headline_runs(table), folder, study.name + "_runs")
    if study.name == "adult" and FAIR in models:
        found = [what_random_effects_add(table, name) for name in (PLAIN, FAIR)]
        write(pd.concat(found), folder, study.name + "_random_effects")


def shown_changes(changes):
    """The changes that are kept: of the mixed prediction and, of our headline, of the fixed."""
    ours = changes["model"].eq(FAIR) & changes["against"].eq(PLAIN) & changes["metric"].eq("tpr_sd")
    shown = changes["effects"].eq("mixed") | (changes["effects"].eq("fixed") & ours)
    shown &= ~changes["metric"].isin(DISPARITIES)
    shown &= changes["group"].eq("") | changes["against"].eq(PLAIN)
    order = ["model", "against", *KEYS[1:], "value", "baseline", "difference", "low", "high"]
    order += ["percent", "percent_low", "percent_high", "effect_size", "p", "resamples"]
    return changes.loc[shown, order]


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


def headline_runs(table):
    """Each resample's headline figures of the ladder: what intervals are taken over."""
    kept = table["metric"].isin(HEADLINES)
    kept &= table["model"].isin(ladder()) & table["effects"].eq("mixed")
    kept &= table["threshold"].isin(("", "youden")) & table["group"].eq("")
    return table.loc[kept, ["model", "seed", "part", "metric", "attribute", "value"]]


def write(table, folder, name):
    """Write a table to a small file."""
    folder.mkdir(parents=True, exist_ok=True)
    table.round(DIGITS).to_csv(folder / f"study_{name}.csv", index=False)
