"""Five probes that only follow the occupation: does a plain network lean on them, and what then?

    python benchmarks/probes.py

A probe is the occupation's log odds of a high income plus normal noise of standard deviation .7.
The log odds come from training rows alone. For a held-out occupation nobody knows them, so they
are drawn: normal, with the mean and the standard deviation of the seen ones, whatever its labels.
They are drawn 20 times for each fitted network, and its figures on unseen rows averaged.
The plain network is fitted without and with the probes on seeds 0-9. A seed changes the split, the
initial weights and the five of the 14 occupations that are held out, drawn at random.

An importance is the fall of the AUROC when a block of columns is permuted over the test rows, the
mean of five permutations (on unseen rows, one for each draw). A block is one column of x, or the
five probes together; rank 1 of the 13 blocks is the largest fall. The best single probe is ranked
among all 17 columns.

Intervals are those of benchmarks/ladder.py. On seen occupations the resamples share rows: 20 % of
them test what 60 % trained. On unseen ones the replicate is the set of held-out occupations, and
the sets share occupations: five test what nine trained. The table is results/adult_probes.csv.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from ladder import interval
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from fairmedl_lite import ladder, load_adult, split

ROOT = Path(__file__).resolve().parent.parent
KEYS = ["network", "part", "metric", "block"]
HELD_OUT = 5
PROBES = [f"probe_{number}" for number in range(1, 6)]
PERMUTATIONS = 5
DRAWS = 20
RATIOS = {"seen": 1 / 3, "unseen": HELD_OUT / 9}  # tested over trained: rows, occupations


def training_log_odds(train):
    """Log odds of each seen occupation; half a case more of each class keeps them finite."""
    table = train.y.groupby(train.clusters).agg(["sum", "size"])
    return np.log((table["sum"] + 0.5) / (table["size"] - table["sum"] + 0.5))


def add_probes(x, clusters, log_odds, random):
    """The columns of x, and five noisy copies of the log odds of the row's cluster."""
    noise = 0.7 * random.normal(size=(len(x), len(PROBES)))
    return x.assign(**dict(zip(PROBES, clusters.map(log_odds).to_numpy() + noise.T, strict=True)))


def importance(model, x, y, columns, random, times=PERMUTATIONS):
    """Mean fall of the AUROC when the rows of these columns are permuted together."""
    whole = auroc(model, x, y)
    permuted = [
        x.assign(**{name: x[name].to_numpy()[order] for name in columns})
        for order in (random.permutation(len(x)) for _ in range(times))
    ]
    return whole - np.mean([auroc(model, one, y) for one in permuted])


def auroc(model, x, y):
    return roc_auc_score(y, model.predict_proba(x)[:, 1])


def run_seed(seed):
    """One row for each network, part and figure."""
    warnings.filterwarnings("ignore", message=".*no training row had", category=UserWarning)
    data = load_adult()
    random = np.random.default_rng(seed)
    held_out = list(random.permutation(sorted(data.clusters.unique()))[:HELD_OUT])
    data = split(data, unseen_clusters=held_out, seed=seed)
    train, seen, unseen = data.train, data.test_seen, data.test_unseen
    plain = ladder(seed=seed)["NNet"].fit(train.x, train.y)
    figures = [("without probes", "seen", "auroc", "", auroc(plain, seen.x, seen.y))]
    figures += [("without probes", "unseen", "auroc", "", auroc(plain, unseen.x, unseen.y))]

    odds = training_log_odds(train)
    probed = ladder(seed=seed)["NNet"]
    probed.fit(add_probes(train.x, train.clusters, odds, random), train.y)
    x = add_probes(seen.x, seen.clusters, odds, random)
    rows = [("seen", *row) for row in on_seen(probed, x, seen.y, random)]
    rows += [("unseen", *row) for row in on_unseen(probed, unseen, held_out, odds, random)]
    figures += [("with probes", *row) for row in rows]
    return pd.DataFrame(figures, columns=[*KEYS, "value"]).assign(seed=seed)


def on_seen(model, x, y, random):
    """Rows of metric, block, value: the AUROC, every block's importance, the probes' ranks."""
    falls = pd.Series({name: importance(model, x, y, [name], random) for name in x})
    blocks = falls.drop(PROBES)
    blocks["probes"] = importance(model, x, y, PROBES, random)
    best = falls.rank(ascending=False)[PROBES].min()
    ranks = {"probes": blocks.rank(ascending=False)["probes"], "best single probe": best}
    return [
        ("auroc", "", auroc(model, x, y)),
        *(("importance", *item) for item in blocks.items()),
        *(("rank", *item) for item in ranks.items()),
    ]


def on_unseen(model, part, held_out, odds, random):
    """Rows of metric, block, value: the AUROC and the probes' importance, over many draws."""
    areas, falls = [], []
    for _ in range(DRAWS):
        drawn = pd.Series(random.normal(odds.mean(), odds.std(), len(held_out)), held_out)
        x = add_probes(part.x, part.clusters, drawn, random)
        areas.append(auroc(model, x, part.y))
        falls.append(importance(model, x, part.y, PROBES, random, times=1))
    return [("auroc", "", np.mean(areas)), ("importance", "probes", np.mean(falls))]


def summarise(runs):
    """Mean and interval of each figure, and of the change that the probes bring."""
    auroc = runs[runs["metric"] == "auroc"]
    wide = auroc.pivot(index=["part", "metric", "block", "seed"], columns="network", values="value")
    change = (wide["with probes"] - wide["without probes"]).rename("value").reset_index()
    runs = pd.concat([runs, change.assign(network="with minus without")])
    tables = [
        rows.groupby(KEYS, sort=False)["value"].apply(interval, ratio=RATIOS[part]).unstack()
        for part, rows in runs.groupby("part", sort=False)
    ]
    return pd.concat(tables).reset_index().astype({"resamples": int})


def main():
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    runs = Parallel(2, return_as="generator")(delayed(run_seed)(seed) for seed in range(10))
    table = summarise(pd.concat(tqdm(runs, total=10)))
    table.round(6).to_csv(ROOT / "results" / "adult_probes.csv", index=False)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
