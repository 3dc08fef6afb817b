"""The paper's numbers, and ours beside them."""

import math

from study.words import FAIR, PERCENT, PLAIN, cell, markdown, named, number

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
OURS = {"Adult": ("adult",), "IPUMS": ("acs_major",), "HHP": ("diabetes",)}


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
