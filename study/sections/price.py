"""The ladder, what fairness costs at each threshold, and the bars."""

import math

from fairmedl_lite import plot_frontier
from study.words import (
    FAIR,
    FORMS,
    LADDER,
    NETWORK,
    PLAIN,
    REGRESSIONS,
    THRESHOLDS,
    cell,
    label,
    markdown,
    number,
    p_value,
    source,
    words,
)

# The falls in per cent that we set out to reach: of which measure, within which budget.
ADULT_FALLS = {"age": 60, "race": 55, "sex": 80, "marital_status": 50}
ACS_FALLS = {"age": 86, "race": 58, "sex": 55, "marital_status": 36}
BARS = {
    "adult": ("tpr_sd_noise_removed", 0.010, ADULT_FALLS),
    "acs_major": ("tpr_sd", 0.010, ACS_FALLS),
    "diabetes": ("attribute_swap", 1.0, {"sex": 56}),
}


def overall(study):
    """What a model is to keep, and the column and form of its change."""
    return ("mse", "percent", "+.1f") if study in REGRESSIONS else ("auroc", "difference", "+.4f")


def spread_of(study):
    """The spread that a data set's tables show."""
    return "attribute_swap" if study in REGRESSIONS else BARS.get(study, ("tpr_sd",))[0]


def ladder(results, study):
    """The six models: performance seen and unseen, then the spread by attribute."""
    kept, metric = overall(study)[0], spread_of(study)
    rows = []
    for model in LADDER:
        row = {"model": model}
        for part in ("seen", "unseen"):
            row[f"{words(kept)}, {part}"] = results.mean(study, model, kept, part=part)
        for attribute in results.attributes(study):
            row[words(attribute)] = results.mean(study, model, metric, attribute)
        rows.append(row)
    said = f"By attribute: {words(metric)}, seen clusters, over {resamples(results, study)}."
    return [said, markdown(rows), source(f"study_{study}")]


def resamples(results, study):
    """How many resamples a data set's figures rest on, and what is left of it."""
    count = results.table(f"study_{study}")["resamples"].max()
    planned = results.recipe(study).get("seeds", count)
    old = study in results.of_earlier_fits()
    said = f"{count:.0f} resamples"
    if old:
        said += ", of earlier fits"
    elif count < planned:
        said += f" of {planned} planned"
    left = old or count < planned
    return said + (f" (`python -m study --only {study}` fits the rest)" if left else "")


def settings(results, study):
    """Fair MEDL-NNet at its default and by each chosen setting: name on the page, and model."""
    table = results.choices(study)
    chosen = table[(table["place"] == "both") & (table["budget"] == budget_of(results, study))]
    found = {"the default": FAIR}
    for row in chosen.to_dict("records"):
        found[f"{row['form']} {row['weight']:g}"] = label(row["form"], "both", row["weight"])
    kept = overall(study)[0]
    return {name: model for name, model in found.items() if results.change(study, model, kept)}


def budget_of(results, study):
    """How much performance may be lost."""
    return results.recipe(study)["budgets"][0]


def forms(results, study):
    """Each form's price and what it gives, at each threshold, seen and at Youden's unseen."""
    chosen, table = settings(results, study), results.choices(study)
    absent = [
        form for form in FORMS if form not in set(table.loc[table["place"] == "both", "form"])
    ]
    blocks = [said_of_forms(results, study, absent)]
    thresholds = {"youden": ""} if study in REGRESSIONS else THRESHOLDS
    rows = [
        form_row(results, study, name, model, threshold)
        for name, model in chosen.items()
        for threshold in thresholds
    ]
    blocks.append(markdown(rows))
    unseen = [
        form_row(results, study, name, model, "youden", "unseen") for name, model in chosen.items()
    ]
    at = "" if study in REGRESSIONS else ", at Youden's threshold"
    blocks += [f"On unseen clusters{at}:", markdown(unseen), source(f"study_{study}_change")]
    return blocks


def said_of_forms(results, study, absent):
    """What stands in the table of forms."""
    budget = budget_of(results, study)
    name = f"{budget:g} % of the MSE" if study in REGRESSIONS else f"{budget:.3f} of AUROC"
    said = f"Weights chosen to lose at most {name}, upper end, on validation rows; figures are of "
    said += f"test rows, seen clusters, against {PLAIN}. By attribute: the change of the "
    said += f"{words(spread_of(study))} in per cent."
    if absent:
        said += f" Not tried here, or never within the budget: {', '.join(absent)}."
    return said


def form_row(results, study, name, model, threshold, part="seen"):
    """One form at one threshold."""
    where = {"threshold": threshold, "part": part}
    metric, column, form = overall(study)
    row = {"form, weight": name}
    if study not in REGRESSIONS and part == "seen":
        row["threshold"] = THRESHOLDS[threshold]
    found = results.change(study, model, metric, part=part)
    row[words(metric)] = cell(found, column, form) if threshold == "youden" else "same"
    if study not in REGRESSIONS:
        found = results.change(study, model, "balanced_accuracy", **where)
        row["balanced accuracy"] = number(found and found["difference"], "+.3f")
    for attribute in results.attributes(study):
        found = results.change(study, model, spread_of(study), attribute, **where)
        row[words(attribute)] = cell(found, "percent")
    if study not in REGRESSIONS:
        row["largest fall of a TPR"] = largest_fall(results, study, model, threshold, part)
    return row


def largest_fall(results, study, model, threshold, part):
    """The group whose TPR falls most, and how far."""
    table = results.table(f"study_{study}_change")
    table = table[(table["model"] == model) & (table["against"] == PLAIN) & (table["part"] == part)]
    table = table[(table["metric"] == "tpr") & (table["group"] != "")]
    table = table[(table["threshold"] == threshold) & (table["effects"] == "mixed")]
    table = table.dropna(subset="difference")
    if not len(table):
        return "–"
    worst = table.loc[table["difference"].idxmin()]
    return f"{worst['group']} {number(worst['difference'], '+.3f')}"


def bars(results, study):
    """Which of the falls that we set out to reach are reached, within the budget."""
    metric, budget, goals = BARS[study]
    rows = []
    for name, model in settings(results, study).items():
        lost = cost_of(results, study, model)
        row = {"form, weight": name, "lost, upper end": number(lost, ".4f")}
        within = lost <= budget
        for attribute, goal in goals.items():
            found = results.change(study, model, metric, attribute)
            percent = number(found and found["percent"], "+.0f")
            row[f"{words(attribute)}, -{goal} %"] = percent + held(found, goal)
        reached = sum(str(value).endswith("reached") for value in row.values())
        row["bars"] = f"{reached} of {len(goals)}" + ("" if within else ", past the budget")
        rows.append(row)
    said = (
        f"Falls of the {words(metric)} in per cent, seen, Youden's threshold, at most {budget:g} "
    )
    said += "lost. Open: the interval above holds the bar."
    return [said, markdown(rows), *by_clusters(results, study)]


def by_clusters(results, study):
    """The same falls where the noise that is taken off is that of clusters, not of rows."""
    metric, rows = "tpr_sd_clusters_removed", []
    for name, model in settings(results, study).items():
        found = {key: results.change(study, model, metric, key) for key in BARS[study][2]}
        if any(found.values()):
            marks = {key: held(row, BARS[study][2][key]) for key, row in found.items()}
            row = {words(key): cell(row, "percent") + marks[key] for key, row in found.items()}
            reached = list(marks.values()).count(" reached")
            rows.append({"form, weight": name} | row | {"bars": f"{reached} of {len(marks)}"})
    said = "The same falls with the noise of clusters taken off, in place of that of rows:"
    return [said, markdown(rows)] if rows else []


def cost_of(results, study, model):
    """The upper end of what a model loses."""
    metric, column, _ = overall(study)
    found = results.change(study, model, metric)
    if found is None:
        return math.nan
    return found["percent_high"] if column == "percent" else -found["low"]


def held(row, goal):
    """Whether a fall in per cent reaches its bar, or the interval leaves it open."""
    if row is None or math.isnan(row["percent"]):
        return ""
    if row["percent"] <= -goal:
        return " reached"
    return " open" if row["percent_low"] <= -goal else ""


def frontier(results, study, folder):
    """The sweep as a figure, and in numbers at each threshold."""
    name = f"study_{study}_frontier"
    table = results.table(name)
    options = {}
    if study in REGRESSIONS:
        options = {"metric": "attribute_swap", "label": "change of the attribute swap (%)"}
    shown = table[table["threshold"].isin(("", "youden"))]
    count = f"{table['resamples'].max():.0f}"
    said = f"Validation rows of {count} tuning seeds. Spread: the mean change over the attributes "
    said += f"of the {words(spread_of(study))}, in per cent."
    said += "" if study in REGRESSIONS else " BA: change of the balanced accuracy."
    figure = plot_frontier(shown, **options)
    image = picture(figure, f"frontier_{study}", folder)
    both = table[table["place"] == "both"]
    rows = [frontier_row(study, part, *key) for key, part in by_setting(both)]
    return [said, image, markdown(rows), source(name)]


def by_setting(table):
    """The rows of each setting, in the table's order."""
    return table.groupby(["form", "place", "weight"], sort=False)


def frontier_row(study, part, form, _, weight):
    """One setting: its price and its spread, at each threshold."""
    metric, column, shape = overall(study)
    of_metric = part[(part["metric"] == metric) & (part["attribute"] == "")].iloc[0]
    row = {"form on both": form, "weight": f"{weight:g}"}
    row[words(metric)] = number(of_metric[column], shape)
    spread = part[part["metric"] == spread_of(study)]
    if study in REGRESSIONS:
        return row | {"spread": number(spread["percent"].mean(), "+.0f")}
    for threshold, name in list(THRESHOLDS.items())[:2]:
        found = spread.loc[spread["threshold"] == threshold, "percent"].mean()
        lost = part[(part["metric"] == "balanced_accuracy") & (part["threshold"] == threshold)]
        row[f"spread, {name}"] = number(found, "+.0f")
        row[f"BA, {name}"] = number(lost["difference"].mean(), "+.3f")
    return row


def picture(figure, name, folder):
    """Save a figure; its Markdown. Its points stand in the table below it."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    figure.save(folder / "figures" / f"{name}.png")
    return f"![The frontier; its points stand in the table below.](figures/{name}.png)"


def against_network(results, study):
    """What MEDL adds to a network that is debiased alike."""
    changes = results.table(f"study_{study}_change")
    pairs = changes.loc[changes["against"].str.startswith(NETWORK), ["model", "against"]]
    kept, column, shape = overall(study)
    rows = []
    for model, against in pairs.drop_duplicates().itertuples(index=False):
        row = {"difference": f"{model} minus {against}"}
        for part in ("seen", "unseen"):
            found = results.change(study, model, kept, against=against, part=part)
            row[f"{words(kept)}, {part}"] = cell(found, column, shape)
            row[f"p, {part}"] = p_value(found["p"]) if found else "–"
        for attribute in results.attributes(study):
            found = results.change(study, model, spread_of(study), attribute, against=against)
            row[words(attribute)] = cell(found, "difference")
        rows.append(row)
    said = f"Paired by resample; by attribute the {words(spread_of(study))}, seen clusters."
    return [said, markdown(rows)]
