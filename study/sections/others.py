"""Methods beside ours, one attribute alone, corrected comparisons, settings and times."""

import math

import pandas as pd

from fairmedl_lite import holm
from study.words import (
    FAIR,
    NETWORK,
    PLAIN,
    REGRESSIONS,
    TITLES,
    cell,
    markdown,
    named,
    number,
    p_value,
    source,
    words,
)

# The comparisons whose p values are corrected together: on seen rows, of each classification.
PRIMARY = [(FAIR, PLAIN), (FAIR, NETWORK)]
PRIMARY_METRICS = ("auroc", "tpr_sd_noise_removed")


def primary(results):
    """The named comparisons with p values corrected together."""
    found, missing = {}, []
    for study in TITLES:
        if study in (*REGRESSIONS, "acs_fine"):
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
            "Fair MEDL": f"minus {against}",
            "figure": words(attribute) if attribute else words(metric),
            "difference": cell(row, "difference"),
            "p": p_value(row["p"]),
            "p, Holm": p_value(p),
        }
        for ((study, model, against, metric, attribute), row), p in zip(
            known.items(), adjusted, strict=True
        )
    ]
    clear = sum(p < 0.05 for p in adjusted)
    said = f"{clear} of {len(rows)} comparisons stay below .05 when all are corrected together "
    said += (
        "(Holm 1979). Seen clusters, Youden's threshold; by attribute the SD of TPR, noise removed."
    )
    return [said, *missing, markdown(rows)]


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


def methods(results, study):
    """Methods beside ours."""
    name = f"{study}_methods"
    rows = [
        method_row(results, name, model)
        for model in results.table(f"study_{name}")["model"].unique()
    ]
    return [
        "Seen clusters; SD of the TPR, noise removed. Thresholds by a group mend one attribute, "
        "and need the person's group to decide: their AUROC is that of the scores before them. "
        "Fairlearn's defaults were chosen after a look at the test rows of seed 0.",
        markdown(rows),
        source(f"study_{name}"),
    ]


def method_row(results, study, model):
    """One method's figures."""
    row = {"method": model, "AUROC": results.mean(study, model, "auroc")}
    row["minus MEDL"] = cell(results.change(study, model, "auroc"), "difference")
    row["accuracy"] = results.mean(study, model, "accuracy")
    for attribute in results.attributes(study):
        found = results.find(f"study_{study}", model, "tpr_sd_noise_removed", attribute)
        row[words(attribute)] = number(found and found["mean"], ".3f")
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
        source("blind"),
    ]


def one_attribute(results, study):
    """Fair MEDL told of one attribute alone."""
    table = results.table("one_attribute")
    table = table[table["threshold"].isin(("", "youden"))]
    table["model"] = "for " + table["debiased_for"] + ": " + table["model"]
    columns = {"AUROC": ("auroc", "", "difference", "+.3f")}
    for attribute in results.attributes(study):
        columns[f"{words(attribute)}, %"] = "tpr_sd_noise_removed", attribute, "percent", "+.0f"
    return [
        f"SD of the TPR, noise removed, seen clusters, against {PLAIN}. Forms and weights were "
        "chosen for the least spread of this attribute within .010 of AUROC.",
        markdown(changes_by_model(table, columns)),
        source("one_attribute"),
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


def clusters(results, study):
    """Other settings of the cluster adversary, on unseen clusters."""
    table = results.table(f"study_{study}_change")
    rows = table[table["model"].str.startswith((f"{PLAIN}, cluster", "DA-NNet"))]
    rows = rows[(rows["part"] == "unseen") & (rows["metric"] == "auroc")]
    if not len(rows):
        return ["`python -m study` fits them last."]
    shown = [
        {"model": row["model"], "against": row["against"], "AUROC": cell(row, "difference", "+.4f")}
        for row in rows.to_dict("records")
    ]
    return ["AUROC on unseen clusters.", markdown(shown)]


def recipe(results):
    """Versions, sizes, and the chosen weights."""
    whole = results.whole_recipe()
    versions = [f"{key} {value}" for key, value in whole.items() if isinstance(value, str)]
    shown = ("rows", "clusters", "dropped")
    sizes = [
        {"data": name} | {key: size[key] for key in shown}
        for name, size in whole.get("data", {}).items()
    ]
    rows = [
        {
            "data": row["study"],
            "form": row["form"],
            "weight": f"{row['weight']:g}",
            "loss, upper end": number(row["loss"], ".4f"),
            "spread, %": number(row["change"], "+.0f"),
        }
        for row in results.table("study_choices").to_dict("records")
        if row["place"] == "both" and row["budget"] in (0.01, 1.0)
    ]
    return [
        f"Versions: {', '.join(versions)}. All settings: "
        "[study_recipe.json](../results/study_recipe.json).",
        markdown(sizes),
        "The chosen weights, with what they were chosen by: validation rows of tuning seeds.",
        markdown(rows),
    ]


def seconds(results):
    """What the study took."""
    table = results.table("study_seconds")
    total = f"Fits alone, without what measuring them took: {table['seconds'].sum() / 60:.0f} "
    return [f"{total}minutes of one process.", source("study_seconds")]
