"""Where Fair MEDL helps and where it harms, on simulated hiring: its true counterfactual is known.

    python -m study.experiments.hiring_map

In each world sex acts on hiring in one way alone, or in none: directly; by way of education and
experience (mediated), as much on the index; or since women apply to firms that hire few (between
firms). Nothing depends on ethnicity. MEDL and Fair MEDL, debiased on sex, are fitted on the same
50 firms of 400 applicants, ten of them held out, and measured on test rows: AUROC; the TPR of men
minus that of women, at Youden's threshold from validation rows; and how far the mixed prediction
moves by a swap of sex and by the true counterfactual, without its sign and, from woman to man, with
it. The model called "truth" is the probability of being hired.

A set is one simulation, seeds 0-4. The sets are independent, and the interval is the 95 % t
interval over them, of a difference paired by set. The table goes to results/hiring_map.csv.
"""

import os

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from fairmedl_lite import (
    attribute_swap,
    counterfactual_change,
    group_report,
    interval,
    ladder,
    simulate_hiring,
    split,
    youden_threshold,
)
from study.words import FAIR, PLAIN
from tools import ROOT

KEYS = ["world", "model", "part", "figure"]
SETS, ROWS, EPOCHS = range(5), 400, 42  # 1,596 steps, so that the random effects are learned
SIGNED = "as a man minus as a woman"
NOTHING = {"direct": 0, "mediated": 0, "segregation": 0, "minority_effect": 0}
WORLDS = {
    "no disparity": {},
    "direct": {"direct": -0.8},
    "mediated": {"mediated": -0.8},
    "between firms": {"segregation": 1.6},
}


def simulate(world, seed):
    """One world, and its split."""
    made = simulate_hiring(50, ROWS, **NOTHING | WORLDS[world], seed=seed)
    return made.truth, split(made.data, unseen_clusters=0.2, seed=seed)


def fit(model, train):
    """Fit, debiased on sex alone."""
    return model.fit(
        train.x, train.y, clusters=train.clusters, sensitive_features=train.sensitive[["sex"]]
    )


def run_sets(world, name):
    """Rows of world, model, part, figure, set, value; one process compiles a model once."""
    from fairmedl_lite.training.compiling import CompiledTwins  # loads the backend

    rows = []
    with CompiledTwins().shared():
        for seed in SETS:
            truth, parts = simulate(world, seed)
            model = fit(ladder(seed=seed, epochs=EPOCHS)[name], parts.train)
            for figures in (measure(model, truth, parts, part) for part in ("seen", "unseen")):
                rows += [(world, *figure[:-1], seed, figure[-1]) for figure in figures]
    return rows


def measure(model, truth, parts, part):
    """Rows of model, part, figure, value."""
    rows = parts.test_seen if part == "seen" else parts.test_unseen
    name = FAIR if model.fairness else PLAIN
    options = {"clusters": rows.clusters, "unseen": "fixed"}
    other = {group: x.loc[rows.x.index] for group, x in truth["counterfactuals"]["sex"].items()}
    swap = attribute_swap(model, rows.x, "sex", list(other), **options)
    true = counterfactual_change(model, rows.x, other, groups=rows.x["sex"], **options)
    yield name, part, "attribute swap", swap["change"]
    yield name, part, "true counterfactual", true["change"]
    as_man, as_woman = (score(model, rows, other[group]) for group in ("Male", "Female"))
    yield name, part, SIGNED, (as_man - as_woman).mean()
    for figure, value in performance(model, parts.validation, rows).items():
        yield name, part, figure, value
    if name == PLAIN:
        expected = truth["counterfactual_expected"]["sex"]
        gap = (expected["Male"] - expected["Female"]).loc[rows.x.index]
        yield "truth", part, "true counterfactual", np.abs(gap).mean()
        yield "truth", part, SIGNED, gap.mean()


def score(model, rows, x=None):
    """The mixed prediction of rows, or of what they would be."""
    x = rows.x if x is None else x
    return model.predict_proba(x, clusters=rows.clusters, unseen="fixed")[:, 1]


def performance(model, validation, rows):
    """AUROC, and the TPR of men minus that of women."""
    threshold = youden_threshold(validation.y, score(model, validation))
    found, sex = score(model, rows), rows.sensitive[["sex"]]
    report = group_report(rows.y, found, sensitive_features=sex, threshold=threshold)
    tpr = report[report["metric"] == "tpr"].set_index("group")["rate"]
    return {
        "AUROC": roc_auc_score(rows.y, found),
        "TPR, men minus women": tpr["Male"] - tpr["Female"],
    }


def add_differences(runs):
    """The same rows, and Fair MEDL minus MEDL of each set."""
    by_model = runs.set_index([*KEYS, "set"])["value"].unstack("model")
    difference = (by_model[FAIR] - by_model[PLAIN]).dropna().rename("value").reset_index()
    return pd.concat([runs, difference.assign(model="difference")], ignore_index=True)


def summarise(rows):
    """Mean and interval over sets, of each model and of the difference."""
    runs = add_differences(pd.DataFrame(rows, columns=[*KEYS, "set", "value"]))
    table = runs.groupby(KEYS, sort=False)["value"].apply(interval, ratio=0).unstack()
    return table.rename(columns={"resamples": "sets"}).reset_index().astype({"sets": int})


def main():
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    tasks = [delayed(run_sets)(world, name) for world in WORLDS for name in (PLAIN, FAIR)]
    done = Parallel(2, return_as="generator")(tasks)
    table = summarise([row for rows in tqdm(done, total=len(tasks)) for row in rows])
    table.round(5).to_csv(ROOT / "results" / "hiring_map.csv", index=False)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
