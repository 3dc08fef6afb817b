"""The words of the page: what models, data and figures are called, how a number is written."""

import math

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
AT_A_THRESHOLD = ("tpr", "fpr", "positive_rate", "accuracy")
THRESHOLDS = {"youden": "Youden's threshold", "equal_rate": "an equal positive rate"}
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


def command(name):
    """How a missing table is made."""
    studies = [study for study in TITLES if name.startswith(f"study_{study}")]
    commands = {"adult_probes_ladder": "study.experiments.probes"}
    commands["acs_probes_ladder"] = "study.experiments.probes --data acs"
    commands |= {name: f"study.experiments.{name}" for name in ("blind", "one_attribute")}
    default = "study" + (f" --only {studies[0]}" if studies else "")
    return f"`python -m {commands.get(name, default)}` makes it."


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
    """The name that study/study.py gives a setting."""
    return f"{form} on {place}, {weight:g}"
