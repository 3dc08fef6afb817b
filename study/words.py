"""The words of the page: what models, data and figures are called, how a number is written."""

import math

PLAIN, FAIR, NETWORK = "MEDL-NNet", "Fair MEDL-NNet", "Fair NNet"
LADDER = ("NNet", NETWORK, "DA-NNet", "Fair DA-NNet", PLAIN, FAIR)
FORMS = ("adversary", "correlation", "equalized_odds", "weighted_odds")
TITLES = {
    "adult": "Adult, 14 occupations",
    "acs_major": "American Community Survey (ACS), major occupations",
    "acs_fine": "ACS, fine occupations",
    "diabetes": "Diabetes: days in hospital",
    "wage_panel": "Wage panel: hourly wage",
}
FITS = 2  # one more where the library's fits change: which of them a table is of
REGRESSIONS = ("diabetes", "wage_panel")
PERCENT = ("percent", "percent_low", "percent_high")
ENDS = {"mean": ("low", "high"), "difference": ("low", "high"), "percent": PERCENT[1:]}
DIGITS = {"mean": ".3f", "difference": "+.3f", "percent": "+.0f"}
NUMBERS = ["mean", "value", "baseline", "difference", "low", "high", *PERCENT, "effect_size", "p"]
NUMBERS += ["weight", "budget", "loss", "change", "models", "seeds", "seconds", "resamples"]
AT_A_THRESHOLD = ("tpr", "fpr", "positive_rate", "accuracy", "balanced_accuracy")
THRESHOLDS = {
    "youden": "Youden's",
    "equal_rate": "equal rate",
    "averaged": "mean of five",
}
WORDS = {
    "auroc": "AUROC",
    "accuracy": "accuracy",
    "mse": "MSE",
    "r2": "R squared",
    "tpr": "TPR",
    "tpr_sd": "SD of TPR",
    "tpr_sd_noise_removed": "SD of TPR, noise removed",
    "tpr_sd_clusters_removed": "SD of TPR, noise of clusters removed",
    "balanced_accuracy": "balanced accuracy",
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


EXPERIMENTS = ("blind", "one_attribute", "equalized_odds", "adapt", "intersections")
EXPERIMENTS += ("swap_averaging",)


def command(name):
    """How a missing table is made."""
    studies = [study for study in TITLES if name.startswith(f"study_{study}")]
    commands = {"adult_probes_ladder": "study.experiments.probes"}
    commands |= {name: f"study.experiments.{name}" for name in EXPERIMENTS}
    default = "study" + (f" --only {studies[0]}" if studies else "")
    return f"`python -m {commands.get(name, default)}` makes it."


def number(value, form):
    """A number in this form, never "-0.000"; a dash where it is missing."""
    if value is None or math.isnan(value):
        return "–"
    digits = int(form.strip("+.f"))
    return format(round(value, digits) + 0.0, form)


def cell(row, column, form=None):
    """A figure with its interval."""
    if row is None:
        return "–"
    form = form or DIGITS[column]
    mean, low, high = (number(row[name], form) for name in (column, *ENDS[column]))
    return mean if "–" in (low, high) else f"{mean} [{low}, {high}]"


def source(*names):
    """Where the figures of a table stand."""
    links = ", ".join(f"[{name}](../results/{name}.csv)" for name in names)
    return f"From {links}."


def markdown(rows):
    """Dictionaries of like keys as a table."""
    if not rows:
        return "There are no rows."
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    head, *body = (f"| {' | '.join(map(str, line))} |" for line in lines)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


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
