"""Five probes that only follow the occupation: which models lean on them, and what then?

    python -m study.experiments.probes                # Adult, seeds 0-9
    python -m study.experiments.probes --data acs     # the American Community Survey: FAIRMEDL_DATA

A probe is the occupation's log odds of a high income plus normal noise of standard deviation .7
(fairmedl_lite.add_probes). Each model is fitted without and with the probes. A seed changes the
split, the initial weights, the probes and the third of the occupations that is held out: on Adult
five of 14, on the survey nine of 25 major groups. On unseen occupations the probes are drawn 20
times for each fitted model, and its figures averaged.

An importance is the fall of the AUROC when a block of columns is permuted over the test rows, the
mean of five permutations (on unseen rows, one for each draw). A block is one column of x, or the
five probes together; rank 1 is the largest fall. The best single probe is ranked among all
columns. All figures are those of the mixed prediction, which on unseen occupations is the fixed
one.

Intervals are Nadeau and Bengio's. On seen occupations the resamples share rows; on unseen ones the
replicate is the set of held-out occupations, and the sets share occupations. MEDL-NNet is fitted
with other weights of the cluster adversary too: its own is .1.

The table goes to results/adult_probes_ladder.csv, and the plain network's rows of it, in another
form, to results/adult_probes.csv; those of the survey to build/acs_probes_ladder.csv.
"""

import argparse
import os
import warnings

import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from fairmedl_lite import ladder, load_acs_income, load_adult, probe_report, split
from fairmedl_lite.evaluation.intervals import interval
from tools import ROOT

RUNGS = ["NNet", "Fair NNet", "DA-NNet", "MEDL-NNet", "Fair MEDL-NNet"]
WEIGHTS = [0.03, 0.3, 1.0]
KEYS = ["model", "probes", "part", "metric", "block"]
LARGE = {"epochs": 10, "batch_size": 2048, "learning_rate": 4e-3}
LOAD = {"adult": load_adult, "acs": load_acs_income}
SETTINGS = {"adult": {}, "acs": LARGE}
NETWORKS = {
    "without": "without probes",
    "with": "with probes",
    "change": "with minus without",
}


def models(settings):
    """The rungs, and MEDL-NNet with other weights of its cluster adversary."""
    rungs = ladder(**settings)
    others = {
        f"MEDL-NNet, weight {weight:g}": ladder(cluster_adversary=weight, **settings)["MEDL-NNet"]
        for weight in WEIGHTS
    }
    return {name: rungs[name] for name in RUNGS} | others


def run(name, model, data, seed):
    """One row for each figure of one model and seed, with the ratio that its interval takes."""
    warnings.filterwarnings("ignore", message=".*no training row had", category=UserWarning)
    cut = split(data, unseen_clusters=1 / 3, seed=seed)
    table = probe_report(model, cut, seed=seed)
    return table.assign(model=name, seed=seed, ratio=table["part"].map(ratios_of(cut)))


def ratios_of(cut):
    """By part, what an interval takes: rows tested over trained on; of unseen ones, clusters."""
    return {
        "seen": len(cut.test_seen) / len(cut.train),
        "unseen": cut.test_unseen.clusters.nunique() / cut.train.clusters.nunique(),
    }


def summarise(runs, keys):
    """Mean and interval of each figure."""
    rows = [
        dict(zip(keys, key, strict=True))
        | interval(group["value"], group["ratio"].mean()).to_dict()
        for key, group in runs.groupby(keys, sort=False)
    ]
    return pd.DataFrame(rows).astype({"resamples": int})


def plain_network(table):
    """The rows of NNet, as lesson 01 reads them: one column's importance each, no probe's."""
    rows = table[(table["model"] == "NNet") & ~table["block"].str.startswith("probe_")]
    rows = rows.assign(probes=rows["probes"].map(NETWORKS)).rename(columns={"probes": "network"})
    return rows.drop(columns="model")


def show(table):
    """Print what the claims rest on."""
    pd.set_option("display.width", 250, "display.max_columns", 40)
    cells = table.apply(
        lambda row: f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]", axis=1
    )
    table = table.assign(cell=cells)
    shown = table[(table["metric"] != "importance") | (table["block"] == "probes")]
    names = shown[["probes", "part", "metric", "block"]].agg(" ".join, axis=1)
    wide = shown.assign(figure=names).pivot(index="figure", columns="model", values="cell")
    order = shown["model"].unique()
    print(wide[order].loc[names.unique()].T.to_string())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=LOAD, default="adult")
    parser.add_argument("--seeds", type=int, default=10, help="how many; fewer go to build/")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    data, fits = LOAD[chosen.data](), models(SETTINGS[chosen.data])
    tasks = [
        delayed(run)(name, model, data, seed)
        for name, model in fits.items()
        for seed in range(chosen.seeds)
    ]
    runs = Parallel(chosen.jobs, return_as="generator", batch_size=1)(tasks)
    table = summarise(pd.concat(tqdm(runs, total=len(tasks), unit="model")), KEYS)
    whole = chosen.seeds == 10 and chosen.data == "adult"
    folder = ROOT / ("results" if whole else "build")
    folder.mkdir(exist_ok=True)
    table.round(6).to_csv(folder / f"{chosen.data}_probes_ladder.csv", index=False)
    if chosen.data == "adult":
        plain_network(table).round(6).to_csv(folder / "adult_probes.csv", index=False)
    show(table)


if __name__ == "__main__":
    main()
