"""Spirals of another size in each cluster: a network, one that is told the cluster, and MEDL.

    python -m study.experiments.spirals

There are 20 clusters of 200 rows, of which five are held out whole; of the others' rows 20 % test.
The networks are alike but for the part named: "cluster as input" has the cluster's label as one
more column, which for a new cluster says nothing. MEDL has random slopes and the cluster adversary.
"MEDL, no cluster adversary" keeps the fixed effects' own loss (lam_F = 1), as MEDL has it; "MEDL,
neither" lacks that too, as the library does by default without an adversary.

What MEDL answers for a new cluster: the fixed effects alone ("fixed"), the probability averaged
over clusters ("prior"), or the effects of the clusters that a row resembles ("predict"), with its
control, the resemblances shuffled among the rows ("shuffled").

The figure is the accuracy at threshold .5. There "fixed" and "prior" decide alike: averaging over
clusters moves a probability towards one half, never across it. Seeds 0-9 draw the data, the split
and the initial weights, so the replicates are independent: the interval is the 95 % t interval
over them. Differences are paired by seed. The table goes to results/spirals.csv.
"""

import os
import warnings
from dataclasses import replace

import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from fairmedl_lite import FairMEDLClassifier, interval, simulate_spirals, split
from study.experiments.mundlak import fit
from tools import ROOT

KEYS = ["model", "answer", "part"]
SEEDS = range(10)
INFORMED = "network, cluster as input"
NETWORK = {"random_effects": None, "cluster_adversary": 0}
MODELS = {
    "network": NETWORK,
    INFORMED: NETWORK,
    "MEDL": {"cluster_predictor": True},
    "MEDL, no cluster adversary": {"cluster_adversary": 0, "fixed_loss": 1},
    "MEDL, neither": {"cluster_adversary": 0},
}


def with_cluster(data):
    """The same rows with the cluster's label as one more column of x."""
    return replace(data, x=data.x.assign(cluster=data.clusters))


def answers(model):
    """What a model can answer for a new cluster; a network without effects has one answer."""
    if model.random_effects is None:
        return [""]
    return ["fixed", "prior"] + ["predict", "shuffled"] * model.cluster_predictor


def run_seed(seed):
    """One row for each model, answer and part: its accuracy."""
    warnings.filterwarnings("ignore", message=".*no training row had", category=UserWarning)
    data = split(simulate_spirals(20, 200, seed=seed).data, unseen_clusters=0.25, seed=seed)
    rows = []
    for name, settings in MODELS.items():
        see = with_cluster if name == INFORMED else lambda part: part
        train, seen, unseen = map(see, (data.train, data.test_seen, data.test_unseen))
        model = FairMEDLClassifier(**settings, fairness=0, seed=seed)
        warned = fit(model, train)
        accuracy = model.score(seen.x, seen.y, clusters=seen.clusters)
        rows.append((name, "", "seen", accuracy, seed, warned))
        for answer in answers(model):
            options = {"clusters": unseen.clusters, "unseen": answer or None}
            accuracy = model.score(unseen.x, unseen.y, **options)
            rows.append((name, answer, "unseen", accuracy, seed, warned))
    return pd.DataFrame(rows, columns=[*KEYS, "value", "seed", "warned"])


def difference(runs, first, second):
    """The first model's accuracy minus that of the second's fixed effects, paired by seed."""
    base = runs[(runs["model"] == second) & runs["answer"].isin(["", "fixed"])]
    base = base.set_index(["part", "seed"])["value"]
    rows = runs[runs["model"] == first]
    change = rows["value"] - base.loc[list(zip(rows["part"], rows["seed"], strict=True))].to_numpy()
    return rows.assign(model=f"{first} minus {second}", value=change)


def summarise(runs):
    """Mean accuracy and interval, of each model and of the differences."""
    pairs = [("MEDL", name) for name in MODELS if name != "MEDL"]
    runs = pd.concat([runs, *(difference(runs, *pair) for pair in pairs)])
    table = runs.groupby(KEYS, sort=False)["value"].apply(interval, ratio=0).unstack()
    return table.rename(columns={"resamples": "seeds"}).reset_index().astype({"seeds": int})


def main():
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    runs = Parallel(2, return_as="generator")(delayed(run_seed)(seed) for seed in SEEDS)
    runs = pd.concat(tqdm(runs, total=len(SEEDS)))
    table = summarise(runs)
    table.round(6).to_csv(ROOT / "results" / "spirals.csv", index=False)
    print(table.round(3).to_string(index=False))
    warned = runs.groupby(["model", "seed"], sort=False)["warned"].any().groupby("model").sum()
    print(f"fits of {len(SEEDS)} that warned that they had not converged: {warned.to_dict()}")


if __name__ == "__main__":
    main()
