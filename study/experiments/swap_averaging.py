"""Averaging predictions over an attribute's groups: what does it cost, and what does it mend?

    python -m study.experiments.swap_averaging

`SwapAveraging` brings the attribute swap down by any share, without a new fit. On the data sets
with a continuous outcome MEDL-NNet is fitted in the study's splits and settings (seeds 0-9), and
averaged over the groups of the study's headline (Diabetes: sex; wage panel: ethnicity) by the
shares 0.25, 0.5, 0.56, 0.75 and 1. Each is compared with MEDL-NNet as fitted, paired by seed:
the MSE, the swap, and, since a small swap is not equality, how far the groups' mean predictions and
mean residuals lie apart, and these means themselves.

Intervals are Nadeau and Bengio's. The table goes to results/swap_averaging.csv; what was measured
is kept in build/swap_averaging, a file for each fit, so that a run that was stopped goes on.
"""

import argparse
import os
import warnings

import pandas as pd
from sklearn.frozen import FrozenEstimator
from tqdm import tqdm

from fairmedl_lite import SwapAveraging, ladder, paired, split
from fairmedl_lite.evaluation.figures import measure, measure_swaps
from study.plan import STUDIES, SWAP_ROWS
from study.words import PLAIN
from tools import ROOT

KEPT = ROOT / "build" / "swap_averaging"
ATTRIBUTES = {"diabetes": "sex", "wage_panel": "ethnicity"}
SHARES, SEEDS = (0.25, 0.5, 0.56, 0.75, 1.0), 10
FIGURES = ("mse", "attribute_swap", "mean_prediction", "mean_residual")
FIGURES += ("mean_prediction_sd", "mean_residual_sd")
PREDICT = {"effects": "mixed", "unseen": "fixed"}
COLUMNS = ["data", "share", "part", "metric", "attribute", "group", "model", "baseline"]
COLUMNS += ["difference", "low", "high", "percent", "percent_low", "percent_high", "resamples"]


def loaded(study):
    """The data, and what `keep_together` takes."""
    data = study.load()
    return data if isinstance(data, tuple) else (data, None)


def figures(model, rows, seed):
    """What is measured of a model on some rows: DataFrame with a row for each figure."""
    score = model.predict(rows.x, clusters=rows.clusters, **PREDICT).astype("float64")
    found = measure(rows, score, {})
    found += measure_swaps(model, rows, most=SWAP_ROWS, seed=seed, **PREDICT)
    return pd.DataFrame(found).query("metric in @FIGURES")


def fit(study, data, together, seed):
    """The figures of one fit, as it is (share 0) and averaged, as a table like `compare`'s."""
    cut = split(data, unseen_clusters=study.unseen, seed=seed, keep_together=together)
    rows, attribute = cut.train, ATTRIBUTES[study.name]
    groups = {"clusters": rows.clusters, "sensitive_features": rows.sensitive}
    fitted = ladder(study.kind, seed=seed, **study.settings)[PLAIN].fit(rows.x, rows.y, **groups)
    models = {0.0: fitted}
    for share in SHARES:
        model = SwapAveraging(FrozenEstimator(fitted), attribute, data.swaps[attribute], share)
        models[share] = model.fit(rows.x, rows.y, **groups)
    clusters = cut.test_unseen.first_clusters.nunique() / rows.first_clusters.nunique()
    parts = {
        "seen": (cut.test_seen, len(cut.test_seen) / len(rows)),
        "unseen": (cut.test_unseen, clusters),
    }
    tables = [
        figures(model, part, seed).assign(model=share, part=name, test_to_train=ratio)
        for share, model in models.items()
        for name, (part, ratio) in parts.items()
    ]
    return pd.concat(tables).assign(seed=seed, effects="mixed")


def changes(study, seeds):
    """Each share against the model as it was fitted."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (data, together), tables = loaded(study), []
    for seed in tqdm(range(seeds), desc=study.name):
        file = KEPT / f"{study.name}_{seed}.csv"
        if not file.exists():
            fit(study, data, together, seed).to_csv(file, index=False)
        tables.append(pd.read_csv(file, keep_default_na=False))
    table = pd.concat(tables)
    kept = table["attribute"].isin(["", ATTRIBUTES[study.name]])
    found = [paired(table[kept], share, 0.0).assign(share=share) for share in SHARES]
    return pd.concat(found).query("effects == 'mixed'").assign(data=study.name)[COLUMNS]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many; fewer go to build/")
    seeds = parser.parse_args().seeds
    warnings.filterwarnings("ignore", category=UserWarning)  # of categories no training row had
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    table = pd.concat([changes(study, seeds) for study in STUDIES if study.name in ATTRIBUTES])
    folder = ROOT / ("results" if seeds == SEEDS else "build")
    table.round(5).to_csv(folder / "swap_averaging.csv", index=False)
    print(table.round(4).to_string(index=False))


if __name__ == "__main__":
    main()
