"""What the study writes down of a prediction.

Less of each decision than `fairmedl_lite.evaluation.figures`, which a thousand fits would pay for;
the noise taken off by rows and by clusters; and the spread averaged over five thresholds, at which
10 to 50 % of the rows are positive: a figure that is good at one threshold may be so there alone.
"""

import numpy as np
from sklearn.metrics import roc_auc_score

from fairmedl_lite import (
    group_report,
    performance_report,
    random_effect_spread,
    regression_group_report,
    spread_report,
)
from fairmedl_lite.evaluation import figures
from fairmedl_lite.evaluation.figures import Measured
from fairmedl_lite.metrics.disparity import disparity_split
from fairmedl_lite.metrics.groups import COLUMNS
from fairmedl_lite.metrics.spread import MIN_CASES

POSITIVE_RATES = (0.1, 0.2, 0.3, 0.4, 0.5)
SPREADS = {"sd": "sd", "sd_noise_removed": "sd_noise_removed", "worst": "worst_rate"}


def measure(rows, score, decisions):
    """All figures of one kind of prediction: list of `Measured`. Arguments as in `figures`."""
    if rows.task == "regression":
        return figures.measure(rows, score, decisions) + of_numbers(rows, score)
    found = [Measured("auroc", roc_auc_score(rows.y, score))]
    for threshold, decision in decisions.items():
        found += [figure._replace(threshold=threshold) for figure in of_decisions(rows, decision)]
    return found + averaged(rows, score)


def measure_whole(rows, score, decisions):
    """The same, with the TPR's spread as a random effect, and disparities by clusters.

    How much of each group's disparity lies within clusters and between them, as in
    `disparity_split`.
    """
    found = measure(rows, score, decisions)
    if rows.task == "regression":
        return found
    found += random_effects(rows, np.asarray(decisions["youden"], dtype="float64"))
    table = disparity_split(
        {"": score},
        clusters=rows.first_clusters,
        sensitive_features=rows.sensitive.loc[:, rows.sensitive.nunique() > 1],
        positive_rate=rows.y.mean(),
    )
    return found + [
        Measured(f"disparity_{name}", row[name], attribute=row["attribute"], group=row["group"])
        for row in table.to_dict("records")
        for name in ("within", "between", "total")
    ]


def random_effects(rows, decision):
    """The SD of the TPR over groups as a random effect has it: no group is left out."""
    rates = group_report(rows.y, decision, sensitive_features=rows.sensitive, threshold=0.5)
    table = random_effect_spread(rates[rates["metric"] == "tpr"])
    return [
        Measured("tpr_sd_random_effect", row.sd_rate, "youden", row.attribute)
        for row in table.itertuples()
    ]


def of_numbers(rows, score):
    """The spreads of a continuous outcome, without the noise of clusters."""
    options = {"sensitive_features": rows.sensitive, "clusters": rows.clusters}
    return by_clusters(regression_group_report(rows.y, score, **options))


def of_decisions(rows, decision):
    """What decisions at one threshold lead to."""
    decision = np.asarray(decision, dtype="float64")
    report = performance_report(rows.y, decision, threshold=0.5).drop("auroc")
    report["positive_rate"] = decision.mean()
    options = {"sensitive_features": rows.sensitive, "threshold": 0.5}
    rates = group_report(rows.y, decision, **options, clusters=rows.clusters)
    found = [Measured(*figure) for figure in report.items()]
    for row in rates[rates["cases"] >= MIN_CASES].itertuples():
        found.append(Measured(row.metric, row.rate, attribute=row.attribute, group=row.group))
    independent = rates[list(COLUMNS)]
    for row in spread_report(independent).to_dict("records"):
        for name, column in SPREADS.items():
            metric = f"{row['metric']}_{name}"
            found.append(Measured(metric, row[column], attribute=row["attribute"]))
    return found + by_clusters(rates[rates["metric"] == "tpr"])


def by_clusters(rates):
    """The SD of rates, without what sampling of clusters would give."""
    return [
        Measured(f"{row.metric}_sd_clusters_removed", row.sd_noise_removed, attribute=row.attribute)
        for row in spread_report(rates).itertuples()
    ]


def averaged(rows, score):
    """Balanced accuracy, each group's TPR and the spreads: means over the five thresholds."""
    tables = [at_rate(rows, score, rate) for rate in POSITIVE_RATES]
    return [
        Measured(metric, np.mean([table[key] for table in tables]), "averaged", *place)
        for key in tables[0]
        for metric, *place in [key]
    ]


def at_rate(rows, score, rate):
    """The same at the threshold with this positive rate: dictionary of figure to number."""
    decision, y = score >= np.quantile(score, 1 - rate), rows.y.to_numpy()
    found = {
        ("balanced_accuracy", "", ""): (decision[y == 1].mean() + 1 - decision[y == 0].mean()) / 2
    }
    for attribute, groups in rows.sensitive.items():
        for metric, level in (("tpr", 1), ("fpr", 0)):
            chosen = y == level
            of_group = groups[chosen].to_numpy()
            names, codes, cases = np.unique(of_group, return_inverse=True, return_counts=True)
            hits = np.bincount(codes, decision[chosen])
            counted = cases >= MIN_CASES
            rates, pooled = (hits / cases)[counted], hits[counted].sum() / cases[counted].sum()
            sd, noise = rates.std(), np.mean(pooled * (1 - pooled) / cases[counted])
            found[f"{metric}_sd", attribute, ""] = sd
            found[f"{metric}_sd_noise_removed", attribute, ""] = max(0, sd**2 - noise) ** 0.5
            if metric == "tpr":
                named = zip(names[counted], rates, strict=True)
                found |= {("tpr", attribute, str(group)): value for group, value in named}
    return found
