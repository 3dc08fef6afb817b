"""Made-up tables of a study, each number its own: what the page is tested on."""

import json

import numpy as np
import pandas as pd

from study.words import FAIR, LADDER, NETWORK, PLAIN

CHOSEN = "adversary on both, 1"
GROUPS = {"age": ["old", "young"], "sex": ["f", "m"]}
THRESHOLDS = ("youden", "equal_rate", "averaged")


def figures():
    """Part, effects, threshold, metric, attribute and group of what a model is measured by."""
    for part in ("seen", "unseen"):
        yield part, "mixed", "", "auroc", "", ""
        yield part, "mixed", "youden", "accuracy", "", ""
        for threshold in THRESHOLDS:
            yield part, "mixed", threshold, "balanced_accuracy", "", ""
        for attribute, names in GROUPS.items():
            yield part, "mixed", "", "attribute_swap", attribute, ""
            for threshold in THRESHOLDS:
                for metric in ("tpr_sd", "tpr_sd_noise_removed", "fpr_sd"):
                    yield part, "mixed", threshold, metric, attribute, ""
                for group in names:
                    yield part, "mixed", threshold, "tpr", attribute, group


def table(first, random, ends):
    """Rows of these models with made-up numbers, each its own."""
    columns = [*first, "part", "effects", "threshold", "metric", "attribute", "group"]
    rows = [
        dict(zip(columns, (*key, *figure), strict=True))
        for key in zip(*first.values(), strict=True)
        for figure in figures()
    ]
    numbers = pd.DataFrame(random.uniform(0.1, 90, (len(rows), len(ends))), columns=ends)
    return pd.concat([pd.DataFrame(rows), numbers], axis=1).assign(resamples=5).round(5)


def write_results(folder):
    """Tables of one small study, as study/study.py writes them."""
    random = np.random.default_rng(0)
    summary = table({"model": [*LADDER, CHOSEN]}, random, ["mean", "low", "high"])
    pairs = {"model": [FAIR, FAIR, CHOSEN], "against": [PLAIN, NETWORK, PLAIN]}
    ends = ["value", "baseline", "difference", "low", "high", "percent", "percent_low"]
    changes = table(pairs, random, [*ends, "percent_high", "effect_size", "p"])
    changes["p"] /= 100
    summary.to_csv(folder / "study_adult.csv", index=False)
    changes.to_csv(folder / "study_adult_change.csv", index=False)
    choices = {"study": ["adult"], "form": ["adversary"], "place": ["both"], "budget": [0.01]}
    choices = pd.DataFrame(choices).assign(weight=1.0, loss=0.005, change=-20.0)
    choices.to_csv(folder / "study_choices.csv", index=False)
    seconds = {"study": ["adult"], "stage": ["test"], "models": [7], "seeds": [5], "seconds": [90]}
    pd.DataFrame(seconds).to_csv(folder / "study_seconds.csv", index=False)
    study = {"weights": {}, "methods": False, "budgets": [0.01], "defaults": {}}
    recipe = {"python": "3", "keras": "3", "pandas": "3", "studies": {"adult": study}}
    (folder / "study_recipe.json").write_text(json.dumps(recipe))


def frontier():
    """One form at two weights: the AUROC falls by .002 and .008, the SD by 20 and 60 per cent."""
    rows = []
    for weight, loss, percent in ((0.5, 0.002, -20.0), (1.0, 0.008, -60.0)):
        ends = {"low": -loss - 0.001, "high": -loss + 0.001, "percent_low": percent - 5}
        start = {"form": "adversary", "place": "both", "weight": weight, "difference": -loss}
        start |= ends | {
            "percent": percent,
            "percent_high": percent + 5,
            "group": "",
            "resamples": 5,
        }
        for metric, attribute in (("auroc", ""), ("tpr_sd_noise_removed", "age")):
            threshold = "youden" if attribute else ""
            rows.append(start | {"metric": metric, "attribute": attribute, "threshold": threshold})
    return pd.DataFrame(rows)


def benchmark(**keys):
    """A row of changes, of seen clusters and Youden's threshold unless told."""
    row = {"model": "Fair", "part": "seen", "threshold": "youden", "difference": -0.2}
    row |= {"low": -0.3, "high": -0.1, "percent": -60.0, "percent_low": -70, "percent_high": -50}
    return row | keys
