"""New clusters that bring a few labels: what do they gain, and what becomes of fairness?

    python -m study.experiments.adapt                     # all of it, hours
    python -m study.experiments.adapt --tables adult --seeds 2

Split, held-out clusters and settings are those of the study. MEDL-NNet and Fair MEDL-NNet are
fitted to the rows of the seen clusters. Of each held-out cluster 100 rows are drawn to be labelled,
but no more than half of it; the others are tested, at each count the same ones. On Diabetes no
patient has rows on both sides. The model then adapts to the first 5, 20 or 100 of the labelled
rows of each cluster; at 0 it predicts by its fixed effects. Measured on the test rows: AUROC or
MSE, the rates of the groups and how far they lie apart (as in the study, noise removed), and the
mean loss of each group (`loss`: log loss, or squared error), which tells who gains.
Thresholds are those of the validation rows, of the same kind of prediction.

Intervals are over seeds, with the variance of resamples that share clusters (Nadeau and Bengio; the
ratio is clusters held out over clusters fitted). `change` is the figure less that at 0 rows, paired
by seed. The table goes to results/adapt.csv, that of a part of the run to build/adapt.csv; what was
fitted is kept in build/adapt, a file for each fit, so that a run that was stopped goes on.
"""

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from fairmedl_lite import interval, ladder, split, youden_threshold
from fairmedl_lite.evaluation.figures import Measured, measure
from study.plan import STUDIES
from study.words import FAIR, PLAIN
from tools import ROOT

COUNTS = (0, 5, 20, 100)
MODELS = (PLAIN, FAIR)
SEEDS = 10
TABLES = {
    study.name: study for study in STUDIES if study.name in ("adult", "acs_major", "diabetes")
}
PLACE = ["threshold", "metric", "attribute", "group"]
KEYS = ["table", "model", "labelled", *PLACE]
KEPT = ("auroc", "loss", "mse", "tpr", "fpr", "positive_rate", "mean_residual", "mean_prediction")
KEPT += tuple(f"{name}_sd_noise_removed" for name in KEPT[2:])
TOLD = ("auroc", "mse", "loss", "tpr_sd_noise_removed", "mean_residual_sd_noise_removed")


def labelled_rows(clusters, together, seed, most=COUNTS[-1]):
    """Which place in its cluster's queue for labels each row has, and which rows are tested.

    Args:
        clusters: Series of shape `(rows,)`, of new clusters.
        together: Array of shape `(rows,)`. Rows with one value are not on both sides.
        seed: Integer.
        most: Integer. How many rows of a cluster are labelled, if that is half of it or less.

    Returns:
        Integer array of places from 0, and boolean array, both of shape `(rows,)`.
    """
    order = np.random.default_rng([seed, 2]).permutation(len(clusters))
    place = np.empty(len(clusters), int)
    place[order] = clusters.iloc[order].groupby(clusters.to_numpy()[order]).cumcount()
    size = clusters.map(clusters.value_counts()).to_numpy()
    queued = place < np.minimum(most, size // 2)
    place[~queued] = len(clusters)
    return place, ~queued & ~np.isin(together, together[queued])


def score(model, rows, **predict):
    """The probability of the positive class, or the predicted number."""
    if rows.task == "regression":
        return model.predict(rows.x, clusters=rows.clusters, **predict)
    return model.predict_proba(rows.x, clusters=rows.clusters, **predict)[:, 1]


def thresholds(rows, scores):
    """Youden's threshold, and the one above which as many rows are as truly are positive."""
    if rows.task == "regression":
        return {}
    return {
        "youden": youden_threshold(rows.y, scores),
        "equal_rate": np.quantile(scores, 1 - rows.y.mean()),
    }


def losses(rows, scores):
    """The mean loss of the rows, and of each group."""
    y = rows.y.to_numpy()
    loss = (y - scores) ** 2
    if rows.task == "classification":
        loss = -np.log(np.where(y == 1, scores, 1 - scores))
    found = [Measured("loss", loss.mean())]
    for attribute, groups in rows.sensitive.items():
        for group, mean in pd.Series(loss).groupby(groups.to_numpy()).mean().items():
            found.append(Measured("loss", mean, attribute=attribute, group=group))
    return found


def figures(model, parts, count, queue, tested):
    """All figures of the test rows after so many labelled rows of each new cluster."""
    new, rows = parts.test_unseen, parts.test_unseen.take(tested)
    how = {"effects": "fixed"}
    if count:
        few = new.take(queue < count)
        model, how = (
            model.adapt(few.x, few.y, clusters=few.clusters),
            {"effects": "mixed", "unseen": "fixed"},
        )
    cuts = thresholds(parts.validation, score(model, parts.validation, **how))
    scores = score(model, rows, **how).astype("float64")
    decisions = {name: scores >= cut for name, cut in cuts.items()}
    found = measure(rows, scores, decisions) + losses(rows, scores)
    table = pd.DataFrame(found).assign(labelled=count)
    return table[table["metric"].isin(KEPT)]


def fit(study, name, seed):
    """The figures of one fit: a row for each count of labelled rows and each figure."""
    data = study.load()
    data, together = data if isinstance(data, tuple) else (data, np.arange(len(data)))
    parts = split(data, unseen_clusters=study.unseen, seed=seed, keep_together=together)
    model = ladder(study.kind, **study.settings, seed=seed)[name]
    train, new = parts.train, parts.test_unseen
    groups = {"clusters": train.clusters, "sensitive_features": train.sensitive}
    model.fit(train.x, train.y, **groups)
    ids = pd.Series(np.asarray(together), data.x.index)
    queue, tested = labelled_rows(new.clusters, ids.loc[new.x.index].to_numpy(), seed)
    table = pd.concat(figures(model, parts, count, queue, tested) for count in COUNTS)
    ratio = new.clusters.nunique() / train.clusters.nunique()
    return table.assign(table=study.name, model=name, seed=seed, ratio=ratio)


def kept(study, name, seed, folder):
    """The same, from the file of that fit if there is one."""
    path = folder / f"{study.name}_{name.replace(' ', '_')}_{seed}.csv"
    if not path.exists():
        part = path.with_suffix(".part")
        fit(study, name, seed).to_csv(part, index=False)
        part.rename(path)
    return pd.read_csv(path, keep_default_na=False, dtype={"value": float})


def summarise(runs):
    """Mean and interval over seeds of each figure, and of its change from no labelled rows."""
    runs = runs.astype({"group": str, "attribute": str, "threshold": str})
    same = ["table", "model", "seed", *PLACE]
    none = runs.loc[runs["labelled"] == 0, [*same, "value"]]
    runs = runs.merge(none, on=same, suffixes=("", "_none"))
    rows = []
    for key, part in runs.groupby(KEYS, sort=False):
        ratio = part["ratio"].mean()
        change = interval(part["value"] - part["value_none"], ratio)[["mean", "low", "high"]]
        change.index = ["change", "change_low", "change_high"]
        found = interval(part["value"], ratio).to_dict() | change.to_dict()
        rows.append(dict(zip(KEYS, key, strict=True)) | found)
    return pd.DataFrame(rows).astype({"resamples": int})


def show(table):
    """Print performance and spreads: a row for each figure, a column for each count."""
    shown = (table["group"] == "") & table["threshold"].isin(["", "youden"])
    names = ("auroc", "mse", "tpr_sd_noise_removed", "mean_residual_sd_noise_removed")
    table = table[shown & table["metric"].isin(names)]
    ends = table.apply("[{change_low:+.4f}, {change_high:+.4f}]".format_map, axis=1)
    cell = table["mean"].map("{:.4f} ".format) + ends.where(table["labelled"] > 0, "")
    index = ["table", "metric", "attribute", "model"]
    wide = table.assign(cell=cell).pivot(index=index, columns="labelled", values="cell")
    with pd.option_context("display.width", 250, "display.max_columns", 20):
        print(wide.to_string())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)  # of categories no training row had
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    folder = Path(ROOT / "build" / "adapt")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [
        (TABLES[table], name, seed)
        for table in chosen.tables
        for seed in range(chosen.seeds)
        for name in MODELS
    ]
    runs = pd.concat([kept(*task, folder) for task in tqdm(wanted, unit="fit")])
    table = summarise(runs[runs["metric"].isin(TOLD)])
    whole = chosen.tables == list(TABLES) and chosen.seeds == SEEDS
    table.round(5).to_csv(ROOT / ("results" if whole else "build") / "adapt.csv", index=False)
    show(table)


if __name__ == "__main__":
    main()
