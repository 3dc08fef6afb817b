"""Writes docs/study.md from the files in results/ alone: python tools/study_report.py.

Typed here are the paper's numbers, the bars and the words; which words are used, the numbers
choose. What a missing file would say is replaced by the command that makes it.
"""

import argparse
import json
import math
from functools import cache, partial
from pathlib import Path

import pandas as pd

from fairmedl_lite import holm, plot_frontier, plot_group_rates

ROOT = Path(__file__).resolve().parent.parent
PLAIN, FAIR, NETWORK = "MEDL-NNet", "Fair MEDL-NNet", "Fair NNet"
LADDER = ("NNet", NETWORK, "DA-NNet", "Fair DA-NNet", PLAIN, FAIR)
FORMS = ("adversary", "correlation", "equalized_odds")
TITLES = {
    "adult": "Adult, 14 occupations",
    "acs_major": "American Community Survey, major groups of occupations",
    "acs_fine": "American Community Survey, fine occupations",
    "diabetes": "Diabetes: days in hospital",
    "wage_panel": "Wage panel: hourly wage",
}
REGRESSIONS = ("diabetes", "wage_panel")
PERCENT = ("percent", "percent_low", "percent_high")
ENDS = {"mean": ("low", "high"), "difference": ("low", "high"), "percent": PERCENT[1:]}
DIGITS = {"mean": ".3f", "difference": "+.3f", "percent": "+.0f"}
NUMBERS = ["mean", "value", "baseline", "difference", "low", "high", *PERCENT, "effect_size", "p"]
NUMBERS += ["weight", "budget", "loss", "change", "models", "seeds", "seconds", "resamples"]
KEYS = ["model", "against", "part", "effects", "threshold", "metric", "attribute", "group"]
AT_A_THRESHOLD = ("tpr", "fpr", "positive_rate", "accuracy")
THRESHOLDS = {"youden": "Youden's threshold", "equal_rate": "an equal positive rate"}
WHOLE = {"fixed": "FE", "mixed": "ME"}
KINDS = {part: WHOLE | {"random": "RE"} for part in ("within", "between")} | {"total": WHOLE}
MOST_LOST = 0.02  # of a group's TPR at an equal positive rate: more is levelling down

# arXiv 2310.03146 (v5), its tables on Adult, IPUMS and Heritage Health: data, rows, prediction,
# metric, attribute, MEDL, Fair MEDL, change in per cent where the values are not given.
PAPER = [
    ("Adult", "seen", "mixed", "auroc", "", 0.890, 0.882, None),
    ("Adult", "seen", "mixed", "accuracy", "", 0.813, 0.805, None),
    ("Adult", "seen", "mixed", "attribute_swap", "age", 0.101, 0.083, None),
    ("Adult", "seen", "mixed", "attribute_swap", "race", 0.024, 0.025, None),
    ("IPUMS", "seen", "mixed", "tpr_sd", "age", 0.162, 0.022, -86.4),
    ("IPUMS", "seen", "mixed", "tpr_sd", "race", 0.122, 0.051, -58.2),
    ("IPUMS", "seen", "mixed", "tpr_sd", "sex", 0.134, 0.061, -54.5),
    ("IPUMS", "seen", "mixed", "tpr_sd", "marital_status", None, None, -36.2),
    ("IPUMS", "seen", "mixed", "attribute_swap", "age", 0.040, 0.047, None),
    ("IPUMS", "unseen", "mixed", "tpr_sd", "age", 0.274, 0.076, -72.3),
    ("IPUMS", "unseen", "mixed", "tpr_sd", "sex", 0.182, 0.060, -67.0),
    ("IPUMS", "unseen", "fixed", "tpr_sd", "age", 0.272, 0.101, None),
    ("IPUMS", "unseen", "fixed", "tpr_sd", "sex", 0.177, 0.101, None),
    ("HHP", "seen", "mixed", "attribute_swap", "sex", 0.092, 0.040, -56.5),
    ("HHP", "seen", "mixed", "mse_sd", "age", None, None, -7.0),
]
OURS = {"Adult": ("adult",), "IPUMS": ("acs_major", "acs_fine"), "HHP": ("diabetes",)}

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

# The comparisons whose p values are corrected together: on seen rows, of each classification.
PRIMARY = [(FAIR, PLAIN), (FAIR, NETWORK)]
PRIMARY_METRICS = ("auroc", "tpr_sd_noise_removed")

WORDS = {
    "auroc": "AUROC",
    "accuracy": "accuracy",
    "mse": "MSE",
    "r2": "R squared",
    "tpr": "TPR",
    "tpr_sd": "SD of TPR",
    "tpr_sd_noise_removed": "SD of TPR, noise removed",
    "tpr_worst": "worst group's TPR",
    "fpr_sd": "SD of FPR",
    "positive_rate": "positive rate",
    "positive_rate_sd": "SD of positive rate",
    "attribute_swap": "attribute swap",
    "mse_sd": "SD of MSE",
    "mean_residual_sd": "SD of mean residual",
    "mean_residual_sd_noise_removed": "SD of mean residual, noise removed",
    "mean_prediction_sd": "SD of mean prediction",
}
CLASSIFICATION_CHANGES = {
    "tpr_sd": "percent",
    "tpr_sd_noise_removed": "percent",
    "fpr_sd": "percent",
    "positive_rate_sd": "percent",
    "attribute_swap": "percent",
    "tpr_worst": "difference",
}
REGRESSION_CHANGES = {
    "attribute_swap": "percent",
    "mse_sd": "percent",
    "mean_residual_sd": "percent",
    "mean_residual_sd_noise_removed": "percent",
    "mean_prediction_sd": "percent",
}


class Results:
    """The files of results/, and where in them a figure stands.

    Args:
        folder: Path.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.table, self.index = cache(self.table), cache(self.index)

    def table(self, name):
        """A table of strings and numbers; `link` leads to each row's line."""
        path = self.folder / f"{name}.csv"
        if not path.exists():
            raise FileNotFoundError(f"`results/{path.name}` is not there: {command(name)}")
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        numbers = [column for column in NUMBERS if column in table]
        table[numbers] = table[numbers].apply(pd.to_numeric)
        links = [f"../results/{path.name}#L{line}" for line in range(2, len(table) + 2)]
        return table.assign(link=links)

    def index(self, name):
        """The rows of a table by their keys."""
        table = self.table(name)
        keys = [key for key in KEYS if key in table]
        rows = {tuple(row[key] for key in keys): row for row in table.to_dict("records")}
        if len(rows) < len(table):
            raise ValueError(f"Each row of {name}.csv must have its own keys. Received: doubles.")
        return rows

    def find(self, name, model, metric, attribute="", group="", **where):
        """The row of one figure of a summary or, with `against`, of a change; or `None`."""
        chosen = {"part": "seen", "effects": "mixed", "threshold": "youden"} | where
        threshold = chosen["threshold"] if metric.startswith(AT_A_THRESHOLD) else ""
        against = (chosen["against"],) if "against" in where else ()
        for name_of_threshold in (threshold, "own" if threshold else ""):
            place = chosen["part"], chosen["effects"], name_of_threshold
            row = self.index(name).get((model, *against, *place, metric, attribute, group))
            if row is not None:
                return row
        return None

    def mean(self, study, model, metric, attribute="", **where):
        """The cell of a mean."""
        return cell(self.find(f"study_{study}", model, metric, attribute, **where), "mean")

    def change(self, study, model, metric, attribute="", against=PLAIN, **where):
        """The row of a paired difference."""
        where |= {"against": against}
        return self.find(f"study_{study}_change", model, metric, attribute, **where)

    def attributes(self, study):
        """The sensitive attributes of a data set."""
        table = self.table(f"study_{study}")
        return list(table.loc[table["attribute"] != "", "attribute"].unique())

    def recipe(self, study):
        """What `study_recipe.json` says of a data set."""
        studies = self.whole_recipe()["studies"]
        if study not in studies:
            told = command(f"study_{study}")
            raise FileNotFoundError(f"`results/study_recipe.json` says nothing of it: {told}")
        return studies[study]

    def whole_recipe(self):
        """What `study_recipe.json` says."""
        path = self.folder / "study_recipe.json"
        if not path.exists():
            raise FileNotFoundError(f"`results/{path.name}` is not there: {command('study')}")
        return json.loads(path.read_text(encoding="utf-8"))

    def choices(self, study):
        """The settings that were chosen for a data set."""
        table = self.table("study_choices")
        return table[table["study"] == study]


def command(name):
    """How a missing table is made."""
    studies = [study for study in TITLES if name.startswith(f"study_{study}")]
    commands = {"adult_probes_ladder": "benchmarks/probes.py"}
    commands["acs_probes_ladder"] = "benchmarks/probes.py --data acs"
    commands |= {name: f"benchmarks/{name}.py" for name in ("blind", "one_attribute")}
    default = "tools/study.py" + (f" --only {studies[0]}" if studies else "")
    return f"`python {commands.get(name, default)}` makes it."


def number(value, form):
    """A number in this form, never "-0.000"; a dash where it is missing."""
    if value is None or math.isnan(value):
        return "–"
    digits = int(form.strip("+.f"))
    return format(round(value, digits) + 0.0, form)


def cell(row, column, form=None):
    """A figure with its interval, linked to its row."""
    if row is None:
        return "–"
    form = form or DIGITS[column]
    mean, low, high = (number(row[name], form) for name in (column, *ENDS[column]))
    return f"[{mean}{'' if '–' in (low, high) else f' ({low} to {high})'}]({row['link']})"


def markdown(rows):
    """Dictionaries of like keys as a table."""
    if not rows:
        return "There are no rows."
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def folded(title, *blocks):
    """What opens on a click."""
    return "\n\n".join([f"<details><summary>{title}</summary>", *blocks, "</details>"])


def words(name):
    """An attribute or a metric as a reader says it."""
    return WORDS.get(name, name.replace("_", " "))


def capital(text):
    """With a capital first."""
    return text[:1].upper() + text[1:]


def named(metric, attribute):
    """A figure as a reader says it."""
    return f"{words(metric)}, {words(attribute)}" if attribute else words(metric)


def p_value(p):
    """A p value, none of them 0."""
    return "<0.0001" if p < 0.0001 else number(p, ".4f")


def label(form, place, weight):
    """The name that tools/study.py gives a setting."""
    return f"{form} on {place}, {weight:g}"


def introduction():
    """What was done, and how to read it."""
    return [
        "This page is written by `python tools/study_report.py` from the files in "
        "[results](../results) alone; `make study` makes both anew.",
        "## What was done",
        "Every model was fitted on many resamples of each data set. A seed cuts the rows into "
        "training, validation and test rows, holds some clusters out whole (unseen), and starts "
        "the weights. Choices were made on validation rows of tuning seeds, 1000 and up. The "
        "reported seeds are others, 0 and up, and their test rows were read once.",
        "- A link leads to the row of the table that a figure stands in. Behind a mean or a "
        "difference stands its 95 % interval (Nadeau and Bengio 2003); on unseen clusters the "
        "replicate is the set of held-out clusters.\n"
        "- SD: the population standard deviation of the groups' rates. Noise removed: without "
        "what sampling alone would give. Less is fairer.\n"
        "- FE, RE, ME: the fixed, the random and the mixed prediction. Where nothing is said it "
        "is ME, at Youden's threshold from validation rows. At an equal positive rate, as many "
        "validation rows are positive as truly are.\n"
        "- Attribute swap: how far a prediction moves when the attribute is changed and all else "
        "is held; the paper calls it counterfactual fairness.\n"
        "- A budget is the most performance that a setting may lose against "
        f"{PLAIN}, at the upper end of the interval.",
    ]


def verdict(row, paper):
    """How our change agrees with the paper's, in per cent both."""
    change, low, high = (row[name] for name in PERCENT)
    if math.isnan(low):
        return "no interval"
    if low <= 0 <= high:
        return "undecided" if low <= paper <= high else "no change shown"
    if (change > 0) != (paper > 0):
        return "opposite direction"
    if low <= paper <= high:
        return "agrees"
    return f"same direction, {'larger' if abs(change) > abs(paper) else 'smaller'}"


def beside_paper(results):
    """Our figures beside the paper's, row by row."""
    rows, missing = [], []
    for data, *figure in PAPER:
        for study in OURS[data]:
            try:
                rows.append(paper_row(results, data, study, *figure))
            except FileNotFoundError as error:
                missing.append(str(error))
    return [
        "The paper's figures are those of arXiv 2310.03146 (v5). IPUMS stands beside the American "
        "Community Survey of one year and two states; Heritage Health, which may not be passed "
        "on, beside the stays of Diabetes: the data differ, so the changes are to be compared, "
        f"not the values. Ours is {FAIR} at its default weight.",
        *sorted(set(missing)),
        markdown(rows),
        *not_replicated(rows),
    ]


def paper_row(results, data, study, part, effects, metric, attribute, plain, fair, percent):
    """One row: the paper's figure, ours, and whether they agree."""
    percent = 100 * (fair / plain - 1) if percent is None else percent
    where = {"part": part, "effects": effects}
    row = results.change(study, FAIR, metric, attribute, **where)
    form = "+.1f" if metric in ("auroc", "accuracy") else "+.0f"
    return {
        "paper": data,
        "ours": study,
        "rows": f"{part}, {'FE' if effects == 'fixed' else 'ME'}",
        "figure": named(metric, attribute),
        "paper: MEDL": number(plain, ".3f"),
        "paper: Fair MEDL": number(fair, ".3f"),
        "paper: change, %": number(percent, form),
        "MEDL": results.mean(study, PLAIN, metric, attribute, **where),
        "Fair MEDL": results.mean(study, FAIR, metric, attribute, **where),
        "change, %": cell(row, "percent", form),
        "verdict": "not measured" if row is None else verdict(row, percent),
    }


def not_replicated(rows):
    """The rows whose sign or interval disagrees with the paper's change."""
    meanings = {
        "opposite direction": "The change has the opposite sign, and its interval leaves 0 out",
        "no change shown": "The interval holds 0, and leaves the paper's change out",
        "undecided": "The interval holds both 0 and the paper's change",
        "same direction, smaller": "The sign agrees; the change is smaller than the paper's",
        "same direction, larger": "The sign agrees; the change is larger than the paper's",
        "no interval": "There is no interval: one resample, or a value of 0 without debiasing",
        "not measured": "There is no such figure of ours",
    }
    agree = sum(row["verdict"] == "agrees" for row in rows)
    lines = [f"In {agree} of {len(rows)} rows sign and interval agree with the paper's change."]
    for name, meaning in meanings.items():
        found = [
            f"{row['ours']} {row['figure']} ({row['rows']})"
            for row in rows
            if row["verdict"] == name
        ]
        lines += [f"{meaning}: {', '.join(found)}."] if found else []
    return ["### What did not replicate", "\n".join(f"- {line}" for line in lines)]


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
    said = "Each point is a weight, on validation rows of the tuning seeds; thin lines are "
    blocks = [
        f"{said}intervals. The points stand in [their table]({link}).",
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


def against_network(results, study):
    """Question 3: what MEDL adds to a network that is debiased alike."""
    changes = results.table(f"study_{study}_change")
    pairs = changes.loc[changes["against"].str.startswith(NETWORK), ["model", "against"]]
    blocks = []
    for model, against in pairs.drop_duplicates().itertuples(index=False):
        table = markdown(pair_rows(results, study, model, against))
        title = f"{model} minus {against}"
        blocks.append(f"{title}:\n\n{table}" if model == FAIR else folded(title, table))
    return blocks


def pair_rows(results, study, model, against):
    """Differences of two models, seen and unseen."""
    metrics = ("tpr_sd", "tpr_sd_noise_removed")
    if study in REGRESSIONS:
        metrics = ("mse_sd", "mean_residual_sd", "attribute_swap")
    figures = [(name, attribute) for name in metrics for attribute in results.attributes(study)]
    rows = []
    for metric, attribute in [("mse" if study in REGRESSIONS else "auroc", ""), *figures]:
        row = {"figure": named(metric, attribute)}
        for part in ("seen", "unseen"):
            found = results.change(study, model, metric, attribute, against=against, part=part)
            row[part] = cell(found, "difference")
            row[f"{part}: effect size"] = number(found["effect_size"], ".2f") if found else "–"
            row[f"{part}: p"] = p_value(found["p"]) if found else "–"
        rows.append(row)
    return rows


def within_between(results, study):
    """Question 4: each disparity within and between clusters, for FE, RE and ME."""
    changes = results.table(f"study_{study}_random_effects")
    groups = changes[["attribute", "group"]].drop_duplicates()
    two = groups["attribute"].map(groups["attribute"].value_counts()) == 2
    groups = groups[~(two & groups.duplicated("attribute"))]  # Of two groups one mirrors the other.
    rate = "mean prediction" if study in REGRESSIONS else "positive rate"
    blocks = [
        f"A group's {rate} minus that of all others, within clusters and between them. Does the "
        "random effect bring a difference back? ME minus FE is paired by resample."
    ]
    for model in (PLAIN, FAIR):
        found = [
            disparity_row(results, study, model, *group) for group in groups.itertuples(index=False)
        ]
        blocks += [brought_back(model, found), markdown([row for row, _ in found])]
    return blocks


def disparity_row(results, study, model, attribute, group):
    """One group's row of the table, and where the random effect moves its disparity.

    Returns:
        The row, and for each part +1 (away from 0), -1 (towards it) or 0 (the interval of the
        change holds 0).
    """
    row, moves = {"attribute": words(attribute), "group": group}, {}
    for part in ("within", "between", "total"):
        figure = f"disparity_{part}", attribute, group
        means = {
            name: results.find(f"study_{study}", model, *figure, effects=effects)["mean"]
            for effects, name in KINDS[part].items()
        }
        row |= {f"{name} {part}": number(mean, ".3f") for name, mean in means.items()}
        change = results.index(f"study_{study}_random_effects")[(model, *figure)]
        row[f"ME - FE {part}"] = cell(change, "difference")
        clear = change["low"] > 0 or change["high"] < 0
        moves[part] = math.copysign(1, means["FE"] * change["difference"]) if clear else 0
    return row, moves


def brought_back(model, found):
    """In words: how many disparities the random effect makes larger and smaller."""
    said = []
    for part in ("within", "between", "total"):
        moved = [moves[part] for _, moves in found]
        said.append(f"{part} {moved.count(1)} larger and {moved.count(-1)} smaller")
    return (
        f"{model}: of {len(found)} disparities the random effect makes, with an interval that "
        f"holds no 0: {'; '.join(said)}."
    )


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


def in_short(results):
    """What debiasing costs, what MEDL adds to it, and the bars, one line for each data set."""
    rows, missing = [], []
    for study in TITLES:
        try:
            rows.append(short_row(results, study))
        except FileNotFoundError as error:
            missing.append(str(error))
    return [markdown(rows), *missing]


def short_row(results, study):
    """The line of one data set."""
    metric, column = ("mse", "percent") if study in REGRESSIONS else ("auroc", "difference")
    form = "+.1f" if study in REGRESSIONS else "+.3f"
    row = {"data": TITLES[study], "measure": "MSE, %" if study in REGRESSIONS else "AUROC"}
    for against in (PLAIN, NETWORK):
        for part in ("seen", "unseen"):
            found = results.change(study, FAIR, metric, against=against, part=part)
            row[f"Fair MEDL minus {against}, {part}"] = cell(found, column, form)
    return row | {"bars reached": most_bars(results, study)}


def most_bars(results, study):
    """The form that reaches most bars within their budget."""
    if study not in BARS:
        return "no bar"
    _, budget, goals = BARS[study]
    counts = reached(bar_rows(results, study, settings(results, study, budget)))
    if not counts:
        return "no weight stays within the budget"
    best = max(counts, key=counts.get)
    return f"{counts[best]} of {len(goals)} ({best})"


def section(title, write, *arguments):
    """A part of the page, or how its missing table is made."""
    try:
        return [title, *write(*arguments)]
    except FileNotFoundError as error:
        return [title, str(error)]


def of_data_set(results, study, folder):
    """All parts on one data set."""
    parts = [("The ladder", ladder, ()), ("Forms of debiasing within a budget", budgets, ())]
    parts.append(("The frontier", frontier, (folder,)))
    parts.append(("Does Fair MEDL beat Fair NNet?", against_network, ()))
    parts.append(("Within and between clusters", within_between, ()))
    if study == "adult":
        parts.append(("One attribute alone", one_attribute, ()))
        parts.append(("Methods beside ours", methods, ()))
    if study in REGRESSIONS:
        parts.append(("An attribute left out of x", blind, ()))
    blocks = []
    for title, write, more in parts:
        blocks += section(f"### {title}", write, results, study, *more)
    return blocks


def page(results, folder):
    """The whole page; its figures are written to `folder`."""
    blocks = ["# The paper's study, redone", *introduction()]
    blocks += section("## In short", in_short, results)
    blocks += section("## Beside the paper", beside_paper, results)
    blocks += section("## The primary comparisons", primary, results)
    for study in TITLES:
        blocks += section(f"## {TITLES[study]}", of_data_set, results, study, folder)
    blocks += ["## Probes"]
    blocks += section("### Adult", probes, results, "adult")
    blocks += section("### American Community Survey", probes, results, "acs")
    blocks += section("## The recipe", recipe, results)
    blocks += section("## Seconds", seconds, results)
    return "\n\n".join(blocks) + "\n"


def main(arguments=None):
    """Writes the page and its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="folder of tables")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="folder to write to")
    chosen = parser.parse_args(arguments)
    chosen.docs.mkdir(parents=True, exist_ok=True)
    text = page(Results(chosen.results), chosen.docs)
    (chosen.docs / "study.md").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
