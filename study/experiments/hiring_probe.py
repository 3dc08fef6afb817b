"""Hiring with a probe that has no effect: a network without and with it, on 20 simulated worlds.

    python -m study.experiments.hiring_probe

Each seed draws 80 firms of 60 applicants; in the last 20, which are held out whole, the probe tells
nothing of the firm's effect. Of the other firms' applicants 20 % test. The network is the ladder's
NNet, trained for eight epochs: past that it learns the rows by heart. An importance is the fall of
the AUROC when a column is permuted over the test rows, the mean of five permutations.

The seeds draw the worlds, the split, the initial weights and the permutations, so the replicates
are independent: the interval is the 95 % t interval over them. `negative` is the share of seeds
below 0. The table goes to results/hiring_probe.csv.
"""

import os
import warnings

import pandas as pd
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from fairmedl_lite import importance, interval, ladder, simulate_hiring, split
from tools import ROOT

KEYS = ["figure", "part"]
SEEDS = range(20)
EPOCHS = 8


def run_seed(seed):
    """One row for each figure of one world."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    world = simulate_hiring(firms=80, rows=60, new_firms=20, seed=seed)
    cut = split(world.data, unseen_clusters=world.truth["new_firms"], seed=seed)
    parts = {"seen": cut.test_seen, "unseen": cut.test_unseen}
    columns = {"without the probe": [*cut.train.x.columns.drop("probe")], "with it": [*cut.train.x]}
    rows = []
    for name, used in columns.items():
        model = ladder(seed=seed, epochs=EPOCHS)["NNet"].fit(cut.train.x[used], cut.train.y)
        rows += [
            (f"AUROC {name}", part, roc_auc_score(data.y, model.predict_proba(data.x[used])[:, 1]))
            for part, data in parts.items()
        ]
    found = importance(model, cut.test_seen, {name: [name] for name in used}, seed=seed)
    rows += [(f"importance of {row.block}", "seen", row.importance) for row in found.itertuples()]
    rows += [("rank of the probe", "seen", found.set_index("block")["rank"]["probe"])]
    return pd.DataFrame(rows, columns=[*KEYS, "value"]).assign(seed=seed)


def with_change(runs):
    """The runs, and what the probe changes of the AUROC."""
    wide = runs.pivot(index=["part", "seed"], columns="figure", values="value")
    change = wide["AUROC with it"] - wide["AUROC without the probe"]
    return pd.concat([runs, change.rename("value").reset_index().assign(figure="AUROC changes by")])


def main():
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    tasks = [delayed(run_seed)(seed) for seed in SEEDS]
    runs = Parallel(2, return_as="generator")(tasks)
    runs = with_change(pd.concat(tqdm(runs, total=len(tasks), unit="world")))
    rows = [
        dict(zip(KEYS, key, strict=True))
        | interval(group["value"], 0).rename({"resamples": "seeds"}).to_dict()
        | {"negative": (group["value"] < 0).mean()}
        for key, group in runs.groupby(KEYS, sort=False)
    ]
    table = pd.DataFrame(rows).astype({"seeds": int}).round(6)
    table.to_csv(ROOT / "results" / "hiring_probe.csv", index=False)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
