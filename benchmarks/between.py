"""Does the occupation bring the difference between the sexes back? MEDL and Fair MEDL on Adult.

    python benchmarks/between.py

For the fixed, random and mixed prediction, at one and the same share of people declared high
earners (that of the data), the difference between men and women, within and between occupations:
mean and interval over seeds 0-9, on test rows. The table goes to results/adult_between.csv.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from ladder import UNSEEN
from tqdm import tqdm

from fairmedl_lite import interval, ladder, load_adult, split, within_between

ROOT = Path(__file__).resolve().parent.parent
KEYS = ["model", "effects", "part"]


def run_seed(seed):
    """One row for each model, prediction and part of the difference."""
    data = split(load_adult(), unseen_clusters=UNSEEN, seed=seed)
    train, test = data.train, data.test_seen
    rows = []
    for name in ("MEDL-NNet", "Fair MEDL-NNet"):
        model = ladder(seed=seed)[name]
        model.fit(train.x, train.y, clusters=train.clusters, sensitive_features=train.sensitive)
        for effects in ("fixed", "random", "mixed"):
            score = model.predict_proba(test.x, clusters=test.clusters, effects=effects)[:, 1]
            decision = score >= np.quantile(score, 1 - train.y.mean())
            men = test.sensitive["sex"] == "Male"
            parts = within_between(decision, clusters=test.clusters, is_first=men)
            rows += [(name, effects, part, value, seed) for part, value in parts.items()]
    return pd.DataFrame(rows, columns=[*KEYS, "value", "seed"])


def main():
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    runs = Parallel(2, return_as="generator")(delayed(run_seed)(seed) for seed in range(10))
    runs = pd.concat(tqdm(runs, total=10))
    wide = runs.pivot(index=["model", "part", "seed"], columns="effects", values="value")
    change = (wide["mixed"] - wide["fixed"]).rename("value").reset_index()
    runs = pd.concat([runs, change.assign(effects="mixed minus fixed")])
    grouped = runs.groupby(KEYS, sort=False)["value"]
    table = grouped.apply(interval, ratio=1 / 3).unstack().reset_index()
    table.round(6).to_csv(ROOT / "results" / "adult_between.csv", index=False)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
