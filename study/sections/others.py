"""Methods beside ours, one attribute alone, corrected comparisons, probes, settings and times."""

import json
import math

import pandas as pd

from fairmedl_lite import holm
from study.sections.price import settings
from study.words import (
    FAIR,
    NETWORK,
    PLAIN,
    REGRESSIONS,
    TITLES,
    cell,
    folded,
    markdown,
    named,
    number,
    p_value,
    words,
)

# The comparisons whose p values are corrected together: on seen rows, of each classification.
PRIMARY = [(FAIR, PLAIN), (FAIR, NETWORK)]
PRIMARY_METRICS = ("auroc", "tpr_sd_noise_removed")


def methods(results, study):
    """Methods beside ours."""
    beside = results.table(f"study_{study}_methods")["model"].unique()
    ours = [PLAIN, FAIR, *(row["model"] for row in settings(results, study, 0.010))]
    rows = [method_row(results, study, model) for model in dict.fromkeys(ours)]
    rows += [method_row(results, f"{study}_methods", model) for model in beside if model != PLAIN]
    return [
        "Seen clusters; SD with noise removed; AUROC minus that of the same seeds' "
        f"{PLAIN}. Thresholds by a group are that method's own, and need the person's group to "
        "decide: its AUROC is that of the scores before them. The defaults of fairlearn's "
        "adversary were chosen after a look at the test rows of seed 0, one of the resamples.",
        markdown(rows),
    ]


def method_row(results, study, model):
    """One method's figures."""
    row = {"method": model, "AUROC": results.mean(study, model, "auroc")}
    row["minus MEDL"] = cell(results.change(study, model, "auroc"), "difference")
    for metric in ("accuracy", "positive_rate"):
        row[words(metric)] = results.mean(study, model, metric)
    for attribute in results.attributes(study):
        found = results.mean(study, model, "tpr_sd_noise_removed", attribute)
        row[f"SD of TPR {words(attribute)}"] = found
    return row


def blind(results, study):
    """What models do that do not read a sensitive attribute."""
    table = results.table("blind")
    columns = {"MSE, %": ("mse", "", "percent", "+.1f")}
    for metric, form in (("attribute_swap", "+.0f"), ("mean_residual_sd", "+.3f")):
        change = "percent" if metric == "attribute_swap" else "difference"
        for attribute in results.attributes(study):
            title = named(metric, attribute) + (", %" if change == "percent" else "")
            columns[title] = (metric, attribute, change, form)
    return [
        f"Seen clusters, against {PLAIN} that reads all columns. A dash: where the attribute is "
        "left out of x, its swap is 0 whatever the model does, and is not measured.",
        markdown(changes_by_model(table[table["data"] == study], columns)),
    ]


def one_attribute(results, study):
    """Fair MEDL told of one attribute alone."""
    table = results.table("one_attribute")
    table = table[table["threshold"].isin(("", "youden"))]
    table["model"] = "for " + table["debiased_for"] + ": " + table["model"]
    columns = {"AUROC": ("auroc", "", "difference", "+.3f")}
    for attribute in results.attributes(study):
        metric = "tpr_sd_noise_removed"
        columns[f"{named(metric, attribute)}, %"] = (metric, attribute, "percent", "+.0f")
    return [
        f"Seen clusters, against {PLAIN}. Forms and weights were chosen for the least spread of "
        "this attribute within .010 of AUROC, as above on validation rows of the tuning seeds.",
        markdown(changes_by_model(table, columns)),
    ]


def changes_by_model(table, columns):
    """A row for each model, of its changes on seen clusters."""
    rows = {}
    for row in table[table["part"] == "seen"].to_dict("records"):
        rows.setdefault(row["model"], {})[row["metric"], row["attribute"]] = row
    return [
        {"model": model}
        | {title: cell(found.get(key[:2]), *key[2:]) for title, key in columns.items()}
        for model, found in rows.items()
    ]


def primary(results):
    """The named comparisons with p values corrected together."""
    found, missing = {}, []
    for study in TITLES:
        if study in REGRESSIONS:
            continue
        try:
            found |= primary_of(results, study)
        except FileNotFoundError as error:
            missing.append(str(error))
    known = {key: row for key, row in found.items() if not math.isnan(row["p"])}
    adjusted = holm(pd.Series([row["p"] for row in known.values()], index=range(len(known))))
    rows = [
        {
            "data": study,
            "comparison": f"{model} minus {against}",
            "figure": named(metric, attribute),
            "difference": cell(row, "difference"),
            "effect size": number(row["effect_size"], ".2f"),
            "p": p_value(row["p"]),
            "p, Holm": p_value(p),
        }
        for ((study, model, against, metric, attribute), row), p in zip(
            known.items(), adjusted, strict=True
        )
    ]
    start = f"{sum(adjusted < 0.05)} of {len(rows)} comparisons stay below .05 after Holm's"
    return [f"{start} correction over all of them. Seen clusters.", *missing, markdown(rows)]


def primary_of(results, study):
    """The rows of a data set's primary comparisons."""
    rows = {}
    for model, against in PRIMARY:
        for metric in PRIMARY_METRICS:
            for attribute in [""] if metric == "auroc" else results.attributes(study):
                row = results.change(study, model, metric, attribute, against=against)
                if row is not None:
                    rows[study, model, against, metric, attribute] = row
    return rows


PROBE_COLUMNS = {
    "AUROC with probes, seen": ("with", "seen", "auroc", ""),
    "joint rank": ("with", "seen", "rank", "probes"),
    "best single rank": ("with", "seen", "rank", "best single probe"),
    "joint importance": ("with", "seen", "importance", "probes"),
    "AUROC with probes, unseen": ("with", "unseen", "auroc", ""),
    "what the probes change, unseen": ("change", "unseen", "auroc", ""),
}


def probes(results, name):
    """What each model makes of five probes that only follow the cluster."""
    table = results.table(f"{name}_probes_ladder")
    keys = ["model", "probes", "part", "metric", "block"]
    found = {tuple(row[key] for key in keys): row for row in table.to_dict("records")}
    rows = []
    for model in table["model"].unique():
        cells = {
            title: cell(found.get((model, *key)), "mean") for title, key in PROBE_COLUMNS.items()
        }
        rows.append({"model": model} | cells)
    unseen = table[(table["probes"] == "with") & (table["part"] == "unseen")]
    unseen = unseen[(unseen["metric"] == "auroc") & unseen["model"].str.startswith(PLAIN)]
    best = unseen.loc[unseen["mean"].idxmax()] if len(unseen) else None
    said = "Rank 1 is the most important."
    if best is not None:
        said += f" By the AUROC on unseen clusters, {best['model']} is the best of the weights of "
        said += f"the cluster adversary in {PLAIN}: {cell(best, 'mean')}."
    return [said, markdown(rows)]


def recipe(results):
    """Settings, seeds, choices and seconds in full."""
    whole = results.whole_recipe()
    versions = {key: value for key, value in whole.items() if isinstance(value, str)}
    blocks = [f"Versions: {', '.join(f'{key} {value}' for key, value in versions.items())}."]
    sizes = [{"data": name, **size} for name, size in whole.get("data", {}).items()]
    blocks += [markdown(sizes)] if sizes else []
    for study, told in whole["studies"].items():
        design = {key: value for key, value in told.items() if key not in ("defaults", "settings")}
        pairs = design | told["defaults"]
        rows = [{"setting": key, "value": f"`{json.dumps(value)}`"} for key, value in pairs.items()]
        blocks.append(folded(TITLES.get(study, study), markdown(rows)))
    choices = results.table("study_choices")
    rows = [
        {
            "data": row["study"],
            "form": row["form"],
            "debiased": row["place"],
            "budget": f"{row['budget']:g}",
            "weight": f"[{row['weight']:g}]({row['link']})",
            "loss, upper end": number(row["loss"], ".4f"),
            "change of the spread, %": number(row["change"], "+.1f"),
        }
        for row in choices.to_dict("records")
    ]
    start = "The chosen weights, with what they were chosen by: validation rows of tuning seeds."
    return [*blocks, start, markdown(rows)]


def seconds(results):
    """What the study took."""
    table = results.table("study_seconds")
    rows = [
        {
            "data": row["study"],
            "stage": row["stage"],
            "models": f"{row['models']:.0f}",
            "seeds": f"{row['seeds']:.0f}",
            "minutes": f"[{row['seconds'] / 60:.1f}]({row['link']})",
        }
        for row in table.to_dict("records")
    ]
    total = f"These stages together: {table['seconds'].sum() / 60:.0f} minutes of fitting."
    untimed = sorted(set(results.whole_recipe()["studies"]) - set(table["study"]))
    if untimed:
        total += f" Not among them, as they were not fitted in one go: {', '.join(untimed)}."
    return [total, markdown(rows), *(fit_seconds(results, study) for study in TITLES)]


def fit_seconds(results, study):
    """Seconds of one fit of each model."""
    try:
        table = results.table(f"study_{study}_seconds")
    except FileNotFoundError as error:
        return str(error)
    rows = [
        {"model": row["model"], "seconds": cell(row, "mean", ".1f")}
        for row in table.to_dict("records")
    ]
    return folded(f"Seconds of one fit: {TITLES[study]}", markdown(rows))
