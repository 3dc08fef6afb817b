"""Debias for one attribute alone: how far does its spread fall, and what becomes of the others?

    python -m study.experiments.one_attribute         # age, of Adult; others with --attributes

The study debiases for four attributes at once. Here Fair MEDL-NNet is given one of them, which
takes the whole of the fairness term. Form and weight are chosen as in study/study.py: on validation
rows of five tuning seeds the setting with the least spread of this attribute's true positive rates,
noise removed, whose loss of AUROC against MEDL-NNet is at most .010 at the upper end of its
interval. The chosen ones, one for each form, are then fitted on the study's 40 reported seeds.

The table goes to results/one_attribute.csv, the frontier to build/one_attribute/frontier.csv.
What was fitted is kept in build/one_attribute, so that a run that was stopped goes on.
"""

import argparse
import os
from dataclasses import replace

import pandas as pd

from fairmedl_lite import compare, ladder
from fairmedl_lite.evaluation.baselines import Wrapper
from study.plan import STUDIES, debiased, sweep
from study.study import choose, frontier_of
from study.tables import changes_of
from study.words import PLAIN, label
from tools import ROOT

WEIGHTS = {"both": {"adversary": (0.3, 0.6, 1.2, 2.0), "equalized_odds": (0.2, 0.4, 0.7, 1.1, 1.6)}}
STUDY = replace(STUDIES[0], weights=WEIGHTS, budgets=(0.010,))
FIGURES = ["auroc", "tpr_sd", "tpr_sd_noise_removed", "fpr_sd", "tpr_worst"]
COLUMNS = ["debiased_for", "model", "part", "threshold", "metric", "attribute", "value", "baseline"]
COLUMNS += ["difference", "low", "high", "percent", "percent_low", "percent_high", "resamples"]


class DebiasedFor(Wrapper):
    """An estimator that is told of one sensitive attribute alone."""

    def __init__(self, estimator, attribute, seed=0):
        self.estimator = estimator
        self.attribute = attribute
        self.seed = seed

    def _learn(self, X, outcome, clusters, sensitive_features):
        options = {"clusters": clusters, "sensitive_features": sensitive_features[[self.attribute]]}
        self._fit_estimator(X, outcome, **options)


def fit(name, models, jobs, rows):
    """The table of `compare`: validation rows of the tuning seeds, or test rows of the reported."""
    tuning = range(1000, 1000 + STUDY.tuning)
    kept = ROOT / "build" / "one_attribute"
    kept.mkdir(parents=True, exist_ok=True)
    return compare(
        models,
        STUDY.load(),
        seeds=tuning if rows == "validation" else range(STUDY.seeds),
        unseen_clusters=STUDY.unseen,
        rows=rows,
        swap_rows=0,
        output=kept / f"{name}_{rows}.jsonl",
        jobs=jobs,
    )


def run(attribute, plain, jobs):
    """The frontier of one attribute, and the changes of the chosen settings."""
    models = {name: DebiasedFor(model, attribute) for name, model in sweep(STUDY).items()}
    table = pd.concat([plain["validation"], fit(attribute, models, jobs, "validation")])
    frontier = frontier_of(table, list(models))
    choices = choose(STUDY, frontier[frontier["attribute"].isin(("", attribute))])
    print(choices.round(3).to_string(index=False), flush=True)
    settings = list(choices[["form", "place", "weight"]].itertuples(index=False, name=None))
    chosen = {label(*one): DebiasedFor(debiased(STUDY, *one), attribute) for one in settings}
    table = pd.concat([plain["test"], fit(attribute, chosen, jobs, "test")])
    changes = changes_of(table, [(name, PLAIN) for name in chosen])
    shown = changes["metric"].isin(FIGURES) & changes["effects"].eq("mixed")
    changes = changes[shown & changes["group"].eq("")].assign(debiased_for=attribute)
    return frontier.assign(debiased_for=attribute), changes[COLUMNS]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attributes", nargs="+", default=["age"])
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    os.environ["PYTHONWARNINGS"] = "ignore::UserWarning"  # of categories no training row had
    plain = {PLAIN: ladder(STUDY.kind, **STUDY.settings)[PLAIN]}
    plain = {rows: fit("plain", plain, chosen.jobs, rows) for rows in ("validation", "test")}
    found = [run(attribute, plain, chosen.jobs) for attribute in chosen.attributes]
    frontiers, changes = (pd.concat(tables) for tables in zip(*found, strict=True))
    frontiers = frontiers[frontiers["metric"].isin(FIGURES)]
    kept = ROOT / "build" / "one_attribute"
    frontiers.round(5).to_csv(kept / "frontier.csv", index=False)
    changes.round(5).to_csv(ROOT / "results" / "one_attribute.csv", index=False)
    shown = changes["part"].eq("seen") & changes["threshold"].isin(("", "youden"))
    print(changes[shown].round(3).to_string(index=False))


if __name__ == "__main__":
    main()
