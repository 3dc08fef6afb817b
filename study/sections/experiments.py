"""What experiments beside the study found: each from its own table."""

import pandas as pd

from study.words import FAIR, PLAIN, cell, markdown, number, source, words

THRESHOLDS = {"youden": "Youden's", "equal_rate": "equal rate", "averaged": "mean of five"}
SHARES = ("0.5", "0.56", "1.0")


def probes(results, name):
    """What each model makes of five probes that only follow the cluster."""
    table = results.table(f"{name}_probes_ladder")
    keys = ["model", "probes", "part", "metric", "block"]
    found = {tuple(row[key] for key in keys): row for row in table.to_dict("records")}
    columns = {
        "AUROC, seen": ("with", "seen", "auroc", ""),
        "joint rank": ("with", "seen", "rank", "probes"),
        "AUROC, unseen": ("with", "unseen", "auroc", ""),
        "what the probes change, unseen": ("change", "unseen", "auroc", ""),
    }
    rows = [
        {"model": model}
        | {title: cell(found.get((model, *key)), "mean") for title, key in columns.items()}
        for model in table["model"].unique()
    ]
    unseen = table[(table["probes"] == "with") & (table["part"] == "unseen")]
    unseen = unseen[(unseen["metric"] == "auroc") & unseen["model"].str.startswith(PLAIN)]
    said = "Five columns that only follow the cluster are added. Rank 1 is the most important."
    if len(unseen):
        best = unseen.loc[unseen["mean"].idxmax()]
        said += f" By the AUROC on unseen clusters, {best['model']} is the best of the weights of "
        said += f"the cluster adversary in {PLAIN}: {cell(best, 'mean')}."
    return [said, markdown(rows), source(f"{name}_probes_ladder")]


def equalized_odds(results):
    """Four changes of the penalty, at three thresholds."""
    table = results.table("equalized_odds")
    table = table[table["part"] == "seen"]
    blocks = [
        "The penalty `equalized_odds` as it is, and with changes, on test rows of tuning seeds "
        "(Adult eight, ACS four), against "
        f"{PLAIN}: attributes that weigh unlike, a threshold that follows Youden's while the "
        "decision grows sharper, both, and attributes that weigh one over their spread. Change of "
        "the SD of the TPR in per cent, of age and on average over the attributes."
    ]
    rows = [odds_row(part, *key) for key, part in table.groupby(["data", "form"], sort=False)]
    said = "Kept are the weights: they move age at every threshold, and the other changes gain at "
    said += "Youden's alone, or not at all. This was decided by these rows."
    return [*blocks, markdown(rows), said, source("equalized_odds")]


def odds_row(part, data, form):
    """One form: what it costs, and the fall of the spread of age and of all four on average."""
    auroc = part.loc[part["metric"] == "auroc", "difference"].mean()
    row = {"data": data, "form": form, "AUROC": number(auroc, "+.4f")}
    spread = part[part["metric"] == "tpr_sd"]
    for attributes, name in ((["age"], "age"), (list(spread["attribute"].unique()), "mean")):
        chosen = spread[spread["attribute"].isin(attributes)]
        for threshold, title in THRESHOLDS.items():
            percent = chosen.loc[chosen["threshold"] == threshold, "percent"].mean()
            row[f"{name}, {title}"] = number(percent, "+.0f")
    fall = part[(part["metric"] == "tpr_largest_fall") & (part["threshold"] == "equal_rate")]
    return row | {"largest fall, equal rate": number(fall["difference"].min(), "+.3f")}


def swap_averaging(results):
    """What averaging over an attribute's groups costs, and what it mends."""
    table = results.table("swap_averaging")
    table = table[table["share"].isin(SHARES)]
    rows = []
    for (data, share), part in table[table["part"] == "seen"].groupby(
        ["data", "share"], sort=False
    ):
        found = {row["metric"]: row for row in part[part["group"] == ""].to_dict("records")}
        means = part[part["metric"] == "mean_prediction"].to_dict("records")
        rows.append(
            {
                "data": data,
                "share": share,
                "MSE, %": cell(found.get("mse"), "percent", "+.2f"),
                "swap, %": cell(found.get("attribute_swap"), "percent"),
                "SD of means, %": cell(found.get("mean_prediction_sd"), "percent"),
                "means": ", ".join(means_of(row) for row in means),
            }
        )
    return [
        f"{PLAIN}, averaged over the groups of sex (Diabetes) and ethnicity (wage panel); seen "
        "clusters. The swap falls by the share, exactly; the groups' mean predictions need not.",
        markdown(rows),
        source("swap_averaging"),
    ]


def means_of(row):
    """A group's mean prediction before and after."""
    before, after = (number(float(row[name]), ".3f") for name in ("baseline", "model"))
    return f"{row['group']} {before} to {after}"


def adapt(results):
    """What new clusters gain by a few labelled rows, and what becomes of the groups."""
    table = results.table("adapt")
    table = table[(table["group"] == "") & table["threshold"].isin(("", "youden"))]
    spreads = ("tpr_sd_noise_removed", "mean_residual_sd_noise_removed")
    ends = table["labelled"].isin(("0", "100"))
    spreads = table[table["metric"].isin(spreads) & (table["model"] == FAIR) & ends]
    return [
        "Held-out clusters bring 0, 5, 20 or 100 labelled rows each, and `adapt` learns their "
        f"effects. In brackets the change from 0 rows, over {table['resamples'].max():.0f} splits.",
        by_labels(table[table["metric"].isin(("auroc", "mse"))], ["table", "model", "metric"]),
        f"How far the groups of {FAIR} lie apart, noise removed: SD of the TPR, or of the mean "
        "residual where the outcome is a number.",
        by_labels(spreads, ["table", "attribute"]),
        source("adapt"),
    ]


def by_labels(table, keys):
    """A row for each of these keys, with a column for each number of labelled rows."""
    rows = {}
    for row in table.to_dict("records"):
        key = tuple(row[name] for name in keys)
        shown = {name.replace("table", "data"): words(row[name]) for name in keys}
        rows.setdefault(key, shown)[f"{row['labelled']} rows"] = adapted(row)
    return markdown(list(rows.values()))


def adapted(row):
    """A figure, and the interval of its change."""
    mean = number(row["mean"], ".3f")
    ends = [number(float(row[name]), "+.3f") for name in ("change_low", "change_high")]
    return mean if row["labelled"] == "0" else f"{mean} [{', '.join(ends)}]"


def intersections(results):
    """How much of what lies between strata is more than the sum of the attributes."""
    table = results.table("intersections")
    table = table[table["metric"].isin(("outcome", "tpr"))]
    columns = [name for name in ("sd_null", "sd_additive", "pcv") if name in table]
    numbers = table[columns].apply(pd.to_numeric, errors="coerce")
    keys = ["data", "model", "metric", "independent"]
    rows = [
        row | {name: number(value, ".3f") for name, value in found.items()}
        for row, found in zip(
            table[keys].to_dict("records"), numbers.to_dict("records"), strict=True
        )
    ]
    return [
        "The strata are the crossing of age, race, sex and marital status. `pcv` is the share of "
        "the variation between strata that the attributes' sum explains; `sd_additive` is what "
        "is left, in logits.",
        markdown(rows),
        source("intersections"),
    ]
