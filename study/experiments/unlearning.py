"""What a beaten cluster adversary leaves behind: can a fresh one still tell the occupation?

    python -m study.experiments.unlearning            # Adult with five probes, seeds 0-9

A seed changes the split, the probes (fairmedl_lite.add_probes), the initial weights and the third
of the occupations that is held out, as in study/experiments/probes.py. The networks differ in their
cluster adversary alone: in its weight, at 0 there is none, and in what it reads
(`cluster_adversary_reads`).

The fresh adversary is a logistic regression. It reads the hidden activations of the finished
network, as the network's own adversary did, learns on the training rows and is judged on test rows
of seen occupations. Two controls: it reads the columns of x in place of the activations, or it
learns from occupations that were shuffled over the rows. A gain is by how many nats a row the
adversary's cross-entropy is better than chance; `size` is the standard deviation of the
activations. A change is a network's figure minus that of the one without an adversary, paired by
seed.

Intervals are Nadeau and Bengio's; on unseen occupations the replicate is their set. The table goes
to results/adult_unlearning.csv.
"""

import argparse
import os
import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import entropy
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from fairmedl_lite import add_probes, ladder, load_adult, split
from study.experiments.probes import ratios_of, summarise
from tools import ROOT

WEIGHTS = [0, 0.1, 0.3, 1, 3]  # the library's own is .1
CONDITIONS = [("activations", weight) for weight in WEIGHTS]
CONDITIONS += [("standardised", weight) for weight in WEIGHTS[1:]]
KEYS = ["reads", "weight", "figure"]


def fresh_gain(read, clusters, seed=None):
    """By how many nats a new adversary beats chance on test rows; with a seed, on shuffled ones."""
    learned = clusters["train"].astype(str)
    if seed is not None:
        learned = np.random.default_rng(seed).permutation(learned)
    opponent = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    opponent.fit(read["train"], learned)
    guessed = opponent.predict_proba(read["test"])
    loss = log_loss(clusters["test"].astype(str), guessed, labels=opponent.classes_)
    return chance(clusters["train"]) - loss


def chance(clusters):
    """The cross-entropy of an adversary that knows only how frequent each cluster is."""
    return entropy(clusters.value_counts())


def activations(model, x):
    """What the cluster adversary reads: `(rows, hidden units)`."""
    hidden = model.model_.activations(model.encoder_.transform(x))[1:]
    return np.concatenate([np.asarray(part) for part in hidden], axis=1)


def figures(cut, reads, weight, seed):
    """Figure to value, of one network."""
    parts = {"train": cut.train, "test": cut.test_seen}
    clusters = {name: rows.clusters for name, rows in parts.items()}
    settings = {"cluster_adversary": weight, "cluster_adversary_reads": reads}
    model = ladder(seed=seed, **settings)["DA-NNet"]
    model.fit(cut.train.x, cut.train.y, clusters=cut.train.clusters)
    read = {name: activations(model, rows.x) for name, rows in parts.items()}
    found = {"fresh gain": fresh_gain(read, clusters), "size": read["train"].std()}
    for name, rows in {"seen": cut.test_seen, "unseen": cut.test_unseen}.items():
        found[f"auroc {name}"] = roc_auc_score(rows.y, model.predict_proba(rows.x)[:, 1])
    if weight:
        gain = chance(cut.train.clusters) - model.history_["cluster_adversary"]
        return found | {"own gain": gain.iloc[-1], "lowest own gain": gain.min()}
    columns = {name: model.encoder_.transform(rows.x) for name, rows in parts.items()}
    found["fresh gain, columns of x"] = fresh_gain(columns, clusters)
    found["fresh gain, shuffled"] = fresh_gain(read, clusters, seed)
    return found | {"chance": chance(cut.train.clusters)}


def run(seed):
    """One row for each network and figure, with the ratio that its interval takes."""
    warnings.filterwarnings("ignore", message=".*no training row had", category=UserWarning)
    cut = add_probes(split(load_adult(), unseen_clusters=1 / 3, seed=seed), seed=seed)
    ratios = ratios_of(cut)
    found = {condition: figures(cut, *condition, seed) for condition in CONDITIONS}
    without = found[CONDITIONS[0]]
    rows = []
    for condition, row in found.items():
        for name, value in row.items():
            ratio = ratios["unseen" if name.endswith("unseen") else "seen"]
            rows.append((*condition, name, value, ratio))
            if condition[1] and name in without:
                rows.append((*condition, f"change of {name}", value - without[name], ratio))
    return pd.DataFrame(rows, columns=[*KEYS, "value", "ratio"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many; fewer go to build/")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    tasks = [delayed(run)(seed) for seed in range(chosen.seeds)]
    runs = Parallel(chosen.jobs, return_as="generator", batch_size=1)(tasks)
    runs = pd.concat(tqdm(runs, total=len(tasks), unit="seed"))
    table = summarise(runs, KEYS)
    folder = ROOT / ("results" if chosen.seeds == 10 else "build")
    folder.mkdir(exist_ok=True)
    table.round(6).to_csv(folder / "adult_unlearning.csv", index=False)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
