"""The ladder of six models on Adult, four occupations held out: who gains what, at which price.

    python benchmarks/ladder.py             # seeds 0-9, test rows: what is reported
    python benchmarks/ladder.py --tune      # seeds 100-109, validation rows: what choices rest on

A seed changes the split and the initial weights; the held-out occupations stay. Each prediction
(fixed, mixed) has Youden's threshold from validation rows. On held-out occupations the mixed
prediction has no random effect to add, so it differs from the fixed one only in its threshold.
The table goes to results/adult_ladder.csv; that of any other choice of rows, rungs or weight to
build/.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from fairmedl_lite import (
    classification_report,
    fairness_report,
    group_report,
    interval,
    ladder,
    load_adult,
    split,
    youden_threshold,
)

ROOT = Path(__file__).resolve().parent.parent
UNSEEN = ["Sales", "Transport-moving", "Tech-support", "Protective-serv"]
KEYS = ["model", "part", "effects", "metric", "attribute", "group"]
ATTRIBUTES = ["age", "race", "sex", "marital_status"]
SHOWN = ["auroc", "accuracy", "balanced_accuracy", "positive_rate", "seconds", "tpr_worst"]
SHOWN += ["tpr_sd", "tpr_sd_noise_removed", "fpr_sd", "fpr_sd_noise_removed"]
SPREADS = {"sd": "sd", "sd_noise_removed": "sd_noise_removed", "worst_rate": "worst"}


def measure(y, score, sensitive, threshold):
    """All figures of one prediction: rows of metric, attribute, group, value."""
    options = {"sensitive_features": sensitive, "threshold": threshold}
    rows = [(name, "", "", value) for name, value in _performance(y, score, threshold)]
    for row in fairness_report(y, score, **options).itertuples():
        values = [(f"{row.metric}_{name}", getattr(row, key)) for key, name in SPREADS.items()]
        rows += [(metric, row.attribute, "", value) for metric, value in values]
    groups = group_report(y, score, **options)
    for row in groups[(groups["metric"] == "tpr") & (groups["cases"] >= 20)].itertuples():
        rows.append(("tpr", row.attribute, row.group, row.rate))
    return rows


def _performance(y, score, threshold):
    report = classification_report(y, score, threshold=threshold)
    return [*report.items(), ("positive_rate", (score >= threshold).mean())]


def run_seed(seed, names, tune, settings):
    """Fit the ladder on one split; return one row for each figure."""
    data = split(load_adult(), unseen_clusters=UNSEEN, seed=seed)
    parts = {"validation": data.validation} if tune else {"seen": data.test_seen}
    parts |= {} if tune else {"unseen": data.test_unseen}
    rows = []
    for name, model in ladder(seed=seed, **settings).items():
        if name not in names:
            continue
        start = time.perf_counter()
        train = data.train
        model.fit(train.x, train.y, clusters=train.clusters, sensitive_features=train.sensitive)
        seconds = time.perf_counter() - start
        for effects in ("fixed", "mixed"):
            scores = {
                part: model.predict_proba(
                    rows_.x, clusters=rows_.clusters, effects=effects, unseen="fixed"
                )[:, 1]
                for part, rows_ in {"threshold": data.validation, **parts}.items()
            }
            threshold = youden_threshold(data.validation.y, scores["threshold"])
            for part, rows_ in parts.items():
                figures = measure(rows_.y, scores[part], rows_.sensitive, threshold)
                rows += [(name, part, effects, *figure, seed) for figure in figures]
        rows.append((name, "train", "", "seconds", "", "", seconds, seed))
    return pd.DataFrame(rows, columns=[*KEYS, "value", "seed"])


def summarise(runs, ratio):
    """One row for each model, part, effects and figure."""
    grouped = runs.groupby(KEYS, sort=False)["value"]
    return grouped.apply(interval, ratio=ratio).unstack().reset_index().astype({"resamples": int})


def compare(runs, ratio, plain="MEDL-NNet", fair="Fair MEDL-NNet"):
    """Fair minus plain, paired by seed, with the plain mean and the change in per cent."""
    keys = [key for key in KEYS if key != "model"]
    wide = runs[runs["part"] != "train"].pivot(
        index=[*keys, "seed"], columns="model", values="value"
    )
    change = (wide[fair] - wide[plain]).groupby(keys, sort=False)
    table = change.apply(interval, ratio=ratio).unstack()
    base = wide[plain].groupby(keys, sort=False).mean()
    return table.assign(plain=base, per_cent=100 * table["mean"] / base).reset_index()


def show(table, comparison):
    """Print the figures, and the comparison that the claims rest on."""
    pd.set_option("display.width", 250, "display.max_rows", 2000, "display.max_columns", 40)
    for (part, effects), rows in table[table["metric"].isin(SHOWN)].groupby(["part", "effects"]):
        print(f"\n{part or 'training'}, {effects or 'all'} effects: mean [95 % interval]")
        cell = rows.apply(
            lambda row: f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]", axis=1
        )
        rows = rows.assign(cell=cell, figure=(rows["metric"] + " " + rows["attribute"]))
        print(rows.pivot(index="figure", columns="model", values="cell")[rows["model"].unique()])
    print("\nFair MEDL-NNet minus MEDL-NNet, paired by seed")
    rows = comparison[comparison["metric"].isin(SHOWN)]
    print(rows.drop(columns=["group", "resamples"]).round(3).to_string(index=False))
    print("\nThe group whose TPR falls most")
    rates = comparison[comparison["metric"] == "tpr"]
    worst = rates.loc[rates.groupby(["part", "effects"])["mean"].idxmin()]
    print(worst.drop(columns=["metric", "resamples"]).round(3).to_string(index=False))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tune", action="store_true", help="seeds 100-109, validation rows")
    parser.add_argument("--fairness", type=float, nargs="*", help="other weights to try")
    parser.add_argument("--only", nargs="*", default=list(ladder()), help="rungs to fit")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    seeds = range(100, 110) if chosen.tune else range(10)
    for weight in chosen.fairness or [None]:
        settings = {} if weight is None else {"fairness": weight}
        report(chosen, seeds, settings)


def report(chosen, seeds, settings):
    """Run all seeds, write the table, print it."""
    start = time.perf_counter()
    tasks = [delayed(run_seed)(seed, chosen.only, chosen.tune, settings) for seed in seeds]
    runs = Parallel(chosen.jobs, return_as="generator_unordered")(tasks)
    runs = pd.concat(tqdm(runs, total=len(seeds), file=sys.stderr)).sort_values(
        "seed", kind="stable"
    )
    ratio = 1 / 3  # 20 % of the seen rows test what 60 % trained
    table, comparison = summarise(runs, ratio), compare(runs, ratio)
    reported = not chosen.tune and not settings and set(chosen.only) == set(ladder())
    path = ROOT / ("results/adult_ladder.csv" if reported else "build/ladder_trial.csv")
    path.parent.mkdir(exist_ok=True)
    table[table["metric"] != "seconds"].round(6).to_csv(path, index=False)
    comparison.round(6).to_csv(path.with_stem(path.stem + "_change"), index=False)
    print(f"settings {settings or 'default'}, seeds {seeds[0]} to {seeds[-1]}")
    show(table, comparison)
    print(f"\n{len(seeds)} seeds in {time.perf_counter() - start:.0f} s; table: {path.name}")


if __name__ == "__main__":
    main()
