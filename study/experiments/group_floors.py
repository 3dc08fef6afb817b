"""How far do the noise floors of Adult and ACS move, once they know the clusters?

    python -m study.experiments.group_floors

The exact mixed logistic regression (a random intercept of the occupation) is fitted to the study's
splits, of seeds 0-4 for Adult and 0-2 for ACS. It is measured at Youden's threshold of its
validation rows, on test rows of the occupations it knows and on those of held-out ones. The mean
over seeds is told of the SD over groups of TPR and FPR, its noise floor with rows taken as
independent and with clusters, what stays of the SD with each taken off, and the largest design
effect of a group's own rate and between groups. `unknown` counts the seeds where a group with 20
cases lies in one occupation alone: there is no floor by clusters then, and they are in no mean.
The table goes to results/group_floors.csv.
"""

import pandas as pd
from tqdm import tqdm

from fairmedl_lite import FairMEDLClassifier, group_report, split, spread_report, youden_threshold
from study.plan import load_acs, load_adult
from tools import ROOT

DATA = {"adult": (load_adult, 4 / 14, 5), "acs_major": (load_acs, 0.2, 3)}  # seeds
EXACT = {"hidden": (), "random_effects": "intercept", "cluster_adversary": 0, "fairness": 0}
KEYS = ["data", "part", "metric", "attribute"]


def floors(model, rows, threshold):
    """SD, floors and design effects of each attribute and metric on some rows."""
    score = model.predict_proba(rows.x, clusters=rows.clusters, unseen="fixed")[:, 1]
    options = {"sensitive_features": rows.sensitive, "threshold": threshold}
    by_rows, by_clusters = (
        group_report(rows.y, score, **options, clusters=clusters)
        for clusters in (None, rows.first_clusters)
    )
    names = ["attribute", "metric"]
    table = spread_report(by_rows).merge(
        spread_report(by_clusters)[[*names, "noise_floor", "sd_noise_removed"]],
        on=names,
        suffixes=("_rows", "_clusters"),
    )
    effects = by_clusters[by_clusters["cases"] >= 20].groupby(names)
    largest = effects[["design_effect", "design_effect_between"]].max()
    table = table.merge(largest.reset_index(), on=names)
    return table.drop(columns=["largest_difference", "worst_group", "worst_rate", "left_out"])


def run(name, data, held_out, seed):
    """The floors of one fit."""
    cut = split(data, unseen_clusters=held_out, seed=seed)
    model = FairMEDLClassifier(**EXACT, seed=seed)
    rows = cut.train
    model.fit(rows.x, rows.y, clusters=rows.clusters, sensitive_features=rows.sensitive)
    score = model.predict_proba(cut.validation.x, clusters=cut.validation.clusters)[:, 1]
    threshold = youden_threshold(cut.validation.y, score)
    parts = {"seen": cut.test_seen, "unseen": cut.test_unseen}
    tables = [floors(model, rows, threshold).assign(part=part) for part, rows in parts.items()]
    return pd.concat(tables).assign(data=name, seed=seed)


def main():
    runs = []
    for name, (load, held_out, seeds) in DATA.items():
        data = load()
        runs += [run(name, data, held_out, seed) for seed in tqdm(range(seeds), desc=name)]
    runs = pd.concat(runs).query("metric != 'positive_rate'")
    unknown = runs["noise_floor_clusters"].isna()
    grouped = runs[~unknown].drop(columns="seed").groupby(KEYS, sort=False)
    table = grouped.mean().drop(columns="groups")
    ratio = table["noise_floor_clusters"] / table["noise_floor_rows"]
    seeds = unknown.groupby([runs[key] for key in KEYS]).sum().rename("unknown")
    table = table.assign(ratio=ratio).join(seeds, how="outer")
    table.round(5).reset_index().to_csv(ROOT / "results" / "group_floors.csv", index=False)
    print(table.round(4).reset_index().to_string(index=False))


if __name__ == "__main__":
    main()
