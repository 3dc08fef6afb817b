"""Does the cluster adversary still work where clusters are thousands?

    python -m study.experiments.many_clusters            # 5,000 clusters, three seeds
    python -m study.experiments.many_clusters --clusters 1000 --seeds 1

Simulated: eight rows of each cluster, a 0/1 outcome with random intercepts, and ten covariates, a
third of whose variance is a level of the cluster that says nothing of the outcome. The networks
differ in their cluster adversary alone: its weight, and whether what it reads is standardised; of
more than 512 clusters it tells a row's own from 256 that are drawn.

The fresh adversary is a linear discriminant analysis. It reads the hidden activations of the
finished network, learns on the training rows and is judged on test rows of the same clusters: its
AUROC is the share of the other clusters that it holds for less likely than the row's own, .5 by
chance. Two controls: it reads the columns of x, or it learns from clusters that were shuffled.
Means and 95 % intervals over seeds, each of which draws the data, the split and the network anew.
"""

import argparse
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from fairmedl_lite import interval, ladder, simulate_logistic, split
from study.experiments.unlearning import activations

PLAIN, STANDARDISED = "activations", "standardised"
# Weight of the adversary and what it reads; the library's own are the second.
ADVERSARIES = [
    *((0, PLAIN), (0.1, PLAIN), (1.0, PLAIN), (3.0, PLAIN)),
    *((0.1, STANDARDISED), (1.0, STANDARDISED), (3.0, STANDARDISED)),
]
ROWS, BETWEEN, SLOPES = 8, 1 / 3, np.linspace(-0.5, 0.5, 10)
KEYS = ["weight", "reads", "figure"]


def fresh_auroc(read, clusters, seed=None):
    """The AUROC of a new adversary on test rows; with a seed, one that learned shuffled labels."""
    names, learned = np.unique(clusters["train"], return_inverse=True)
    if seed is not None:
        learned = np.random.default_rng(seed).permutation(learned)
    alike = np.full(len(names), 1 / len(names))  # where fewer rows train, more are tested
    opponent = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.01, priors=alike)
    opponent.fit(read["train"], learned)
    scores = opponent.decision_function(read["test"])  # (rows, clusters)
    own = scores[np.arange(len(scores)), np.searchsorted(names, clusters["test"])]
    return (scores < own[:, None]).sum() / (len(scores) * (len(names) - 1))


def figures(cut, weight, reads, seed):
    """Figure to value, of one network."""
    parts = {"train": cut.train, "test": cut.test_seen}
    clusters = {name: rows.clusters.to_numpy() for name, rows in parts.items()}
    settings = {"cluster_adversary": weight, "cluster_adversary_reads": reads}
    model = ladder(seed=seed, **settings)["DA-NNet"]
    model.fit(cut.train.x, cut.train.y, clusters=cut.train.clusters)
    read = {name: activations(model, rows.x) for name, rows in parts.items()}
    predicted = model.predict_proba(cut.test_seen.x)[:, 1]
    found = {"fresh AUROC": fresh_auroc(read, clusters)}
    found["AUROC of the outcome"] = roc_auc_score(cut.test_seen.y, predicted)
    if not weight:
        columns = {name: rows.x for name, rows in parts.items()}
        found["fresh AUROC, columns of x"] = fresh_auroc(columns, clusters)
        found["fresh AUROC, shuffled"] = fresh_auroc(read, clusters, seed)
    return found


def run(clusters, seed):
    """One row for each weight and figure."""
    data = simulate_logistic(clusters, ROWS, coefficients=SLOPES, seed=seed).data
    levels = np.random.default_rng(seed).normal(size=(clusters, len(SLOPES)))
    levels = levels[pd.factorize(data.clusters)[0]]
    x = BETWEEN**0.5 * levels + (1 - BETWEEN) ** 0.5 * data.x
    cut = split(replace(data, x=x), unseen_clusters=0, seed=seed)
    rows = [
        (weight, reads, name, value)
        for weight, reads in ADVERSARIES
        for name, value in figures(cut, weight, reads, seed).items()
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "value"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    chosen = parser.parse_args()
    seeds = tqdm(range(chosen.seeds), unit="seed")
    runs = pd.concat([run(chosen.clusters, seed) for seed in seeds])
    # Data of two seeds share no row: an interval takes no ratio of rows.
    rows = [
        dict(zip(KEYS, key, strict=True)) | interval(part["value"], 0).to_dict()
        for key, part in runs.groupby(KEYS, sort=False)
    ]
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
