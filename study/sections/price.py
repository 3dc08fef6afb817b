"""The ladder, what fairness costs, and who pays."""

import math
from functools import partial

from fairmedl_lite import plot_frontier, plot_group_rates
from study.words import (
    CLASSIFICATION_CHANGES,
    FAIR,
    FORMS,
    LADDER,
    PLAIN,
    REGRESSION_CHANGES,
    REGRESSIONS,
    THRESHOLDS,
    capital,
    cell,
    folded,
    label,
    markdown,
    words,
)

MOST_LOST = 0.02  # of a group's TPR at an equal positive rate: more is levelling down
# The falls in per cent that we set out to reach: of which measure, within which budget.
ADULT_FALLS = {"age": 60, "race": 55, "sex": 80, "marital_status": 50}
ADULT_BAR = ("tpr_sd_noise_removed", 0.010, ADULT_FALLS)
ACS_BAR = ("tpr_sd", 0.015, {"age": 86, "race": 58, "sex": 55, "marital_status": 36})
BARS = {
    "adult": ADULT_BAR,
    "acs_major": ACS_BAR,
    "acs_fine": ACS_BAR,
    "diabetes": ("attribute_swap", 1.0, {"sex": 56}),
}


def ladder(results, study):
    """The six models, seen and unseen: performance, then the spread by attribute."""
    overall = ("mse", "r2") if study in REGRESSIONS else ("auroc", "accuracy")
    spreads = ("tpr_sd", "tpr_sd_noise_removed")
    if study in REGRESSIONS:
        spreads = ("mse_sd", "mean_residual_sd", "mean_residual_sd_noise_removed")
        spreads += ("mean_prediction_sd", "attribute_swap")
    blocks = []
    for part in ("seen", "unseen"):
        performance = {words(metric): (metric, "") for metric in overall}
        blocks += [f"On {part} clusters:", ladder_table(results, study, part, performance)]
        for metric in spreads:
            columns = {words(name): (metric, name) for name in results.attributes(study)}
            table = ladder_table(results, study, part, columns)
            blocks += [f"{capital(words(metric))}, {part} clusters:", table]
    return blocks


def ladder_table(results, study, part, columns):
    """A row for each model and kind of prediction."""
    rows = []
    for model in LADDER:
        for effects, name in (("mixed", "ME"), ("fixed", "FE"), ("random", "RE")):
            where = {"part": part, "effects": effects}
            cells = {
                title: results.mean(study, model, *figure, **where)
                for title, figure in columns.items()
            }
            if set(cells.values()) != {"–"}:
                rows.append({"model": model, "prediction": name} | cells)
    return markdown(rows)


def budgets(results, study):
    """The forms of debiasing within each budget."""
    blocks = []
    for budget in results.recipe(study)["budgets"]:
        chosen = settings(results, study, budget)
        name = f"{budget:g} % of MSE" if study in REGRESSIONS else f"{budget:.3f} of AUROC"
        blocks += [f"#### At most {name} lost", *one_budget(results, study, budget, chosen)]
    return blocks


def settings(results, study, budget, places=("both", "ME")):
    """The settings chosen within a budget, each with its model's name and its own in a table."""
    table = results.choices(study)
    table = table[(table["budget"] == budget) & table["place"].isin(places)]
    table = table.sort_values("place", key=lambda column: column != "both", kind="stable")
    rows = []
    for row in table.to_dict("records"):
        name = row["form"] if row["place"] == "both" else f"{row['form']} on {row['place']} alone"
        rows.append(row | {"name": name, "model": label(row["form"], row["place"], row["weight"])})
    return [row for row in rows if results.change(study, row["model"], performance(study))]


def performance(study):
    """What a model is to keep."""
    return "mse" if study in REGRESSIONS else "auroc"


def one_budget(results, study, budget, chosen):
    """What each form gives within a budget."""
    absent = [form for form in FORMS if form not in [row["form"] for row in chosen]]
    blocks = [f"No weight tried of {', '.join(absent)} stays within it."] if absent else []
    if not chosen:
        return blocks
    blocks.append(markdown([kept_budget(results, study, budget, row) for row in chosen]))
    blocks += bars(results, study, budget, chosen)
    for threshold, name in THRESHOLDS.items():
        if study not in REGRESSIONS or threshold == "youden":
            at = "" if study in REGRESSIONS else f", at {name}"
            table = attribute_table(results, study, chosen, threshold=threshold)
            blocks += [f"On seen clusters{at}, against {PLAIN}:", table]
    blocks += levelling_down(results, study, chosen)
    unseen = attribute_table(results, study, chosen, part="unseen")
    return [*blocks, folded("The same on unseen clusters", unseen)]


def kept_budget(results, study, budget, row):
    """A form's weight, what it costs on reported seeds, and whether that is within the budget."""
    change = partial(results.change, study, row["model"])
    start = {"form": row["name"], "weight": f"[{row['weight']:g}]({row['link']})"}
    if study in REGRESSIONS:
        cost = change("mse")
        lost = math.nan if cost is None else cost["percent_high"]
        start["MSE, %"] = cell(cost, "percent", "+.1f")
    else:
        cost = change("auroc")
        lost = math.nan if cost is None else -cost["low"]
        start |= {
            "AUROC": cell(cost, "difference"),
            "accuracy": cell(change("accuracy"), "difference"),
            "positive rate": cell(change("positive_rate"), "difference"),
        }
    return start | {"within the budget here": "yes" if lost <= budget else "no"}


def bars(results, study, budget, chosen):
    """Which of the falls that we set out to reach are reached."""
    metric, at, goals = BARS.get(study, ("", None, {}))
    if budget != at:
        return []
    rows = bar_rows(results, study, chosen)
    counts = ", ".join(f"{form} {count} of {len(goals)}" for form, count in reached(rows).items())
    return [f"The bars, {words(metric)}, seen clusters. Reached: {counts}.", markdown(rows)]


def bar_rows(results, study, chosen):
    """A row for each bar, a column for each form."""
    metric, _, goals = BARS[study]
    rows = []
    for attribute, goal in goals.items():
        row = {"attribute": words(attribute), "bar, %": f"-{goal}"}
        for setting in chosen:
            found = results.change(study, setting["model"], metric, attribute)
            row[setting["name"]] = f"{cell(found, 'percent')} {held_to(found, goal)}"
        rows.append(row)
    return rows


def held_to(row, goal):
    """Whether a fall in per cent reaches its bar."""
    if row is None or math.isnan(row["percent"]):
        return "not measured"
    return "reached" if row["percent"] <= -goal else "not reached"


def reached(rows):
    """How many bars each form reaches."""
    forms = [name for name in (rows[0] if rows else ()) if name not in ("attribute", "bar, %")]
    return {form: sum(row[form].endswith(") reached") for row in rows) for form in forms}


def attribute_table(results, study, chosen, **where):
    """Changes of fairness: a row for each form and attribute."""
    columns = REGRESSION_CHANGES if study in REGRESSIONS else CLASSIFICATION_CHANGES
    rows = []
    for setting in chosen:
        for attribute in results.attributes(study):
            row = {"form": setting["name"], "attribute": words(attribute)}
            for metric, column in columns.items():
                found = results.change(study, setting["model"], metric, attribute, **where)
                name = words(metric) + (", %" if column == "percent" else "")
                row[name] = cell(found, column)
            rows.append(row)
    return markdown(rows)


def levelling_down(results, study, chosen):
    """The group that loses most at an equal positive rate."""
    table = results.table(f"study_{study}_change")
    table = table[(table["metric"] == "tpr") & (table["threshold"] == "equal_rate")]
    table = table[(table["against"] == PLAIN) & (table["part"] == "seen")]
    rows, harmed = [], []
    for setting in chosen:
        groups = table[table["model"] == setting["model"]].dropna(subset="difference")
        for attribute, part in groups.groupby("attribute", sort=False):
            worst = part.loc[part["difference"].idxmin()]
            row = {"form": setting["name"], "attribute": words(attribute), "group": worst["group"]}
            rows.append(row | {"change of its TPR": cell(worst, "difference")})
            if worst["difference"] < -MOST_LOST:
                harmed.append(f"{setting['name']}: {worst['group']}")
    if not rows:
        return []
    said = f"by more than {MOST_LOST:.2f}"
    found = f"falls {said} of {', '.join(harmed)}" if harmed else f"of no group falls {said}"
    return [
        f"At an equal positive rate the TPR {found}. The group that loses most:",
        markdown(rows),
    ]


def frontier(results, study, folder):
    """The sweep as a figure, and the groups' rates before and after."""
    table = results.table(f"study_{study}_frontier")
    table = table[table["threshold"].isin(("", "youden"))]
    options = {}
    if study in REGRESSIONS:
        options = {"metric": "attribute_swap", "label": "change of the attribute swap (%)"}
    link = f"../results/study_{study}_frontier.csv"
    said = "Each point is a weight of debiasing on both, on validation rows; thin lines are "
    blocks = [
        f"{said}intervals. All points, also of FE or ME alone, stand in [their table]({link}).",
        image(plot_frontier(table, **options), f"frontier_{study}", folder),
    ]
    return blocks + ([] if study in REGRESSIONS else group_rates(results, study, folder))


def group_rates(results, study, folder):
    """The TPR of each group before and after."""
    chosen = settings(results, study, max(results.recipe(study)["budgets"]))
    best = [row["model"] for row in sorted(chosen, key=lambda row: row["change"])[:1]]
    table = results.table(f"study_{study}")
    table = table[(table["part"] == "seen") & (table["effects"] == "mixed")]
    table = table[(table["threshold"] == "youden") & (table["group"] != "")]
    reports = {
        name: table[table["model"] == name].rename(columns={"mean": "rate"})
        for name in (PLAIN, FAIR, *best)
    }
    return [image(plot_group_rates(reports), f"rates_{study}", folder)]


def image(figure, name, folder):
    """Save a figure; its Markdown, with its text."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    figure.save(folder / "figures" / f"{name}.png")
    return f"![{figure.alt}](figures/{name}.png)"
