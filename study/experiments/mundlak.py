"""A column that goes along with the cluster's effect: does the cluster's mean take the bias out?

    python -m study.experiments.mundlak

Between clusters x1 goes along with the random intercept (correlation .8 with the 30 % of its
variance that lie there); x2 does not. The bias of their coefficients is shown for least squares
without clusters ("pooled"), for a random intercept, and for one with the cluster's mean of x1
beside x1 (Mundlak 1978). There are 50 clusters, of 20 rows or of 5: the fewer the rows, the more
a random intercept is shrunk, and the larger the bias. Least squares within clusters (an intercept
for each, not shrunk) is unbiased: what it misses on average is the luck of the 50 sets.

A set is one simulation, seeds 0-49 for each design. The sets are independent, and the interval
is the 95 % t interval over them. The table goes to results/mundlak.csv.
"""

import os
import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from fairmedl_lite import FairMEDLRegressor, interval, simulate_linear
from tools import ROOT

KEYS = ["rows", "model", "term"]
ROWS, SETS = (20, 5), range(50)
LINEAR = {"hidden": (), "cluster_adversary": 0, "fairness": 0, "random_effects": "intercept"}


def fit(model, data):
    """Fit, and say whether training warned that it had not converged."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(data.x, data.y, clusters=data.clusters)
    others = [one for one in caught if not issubclass(one.category, ConvergenceWarning)]
    for one in others:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return len(caught) > len(others)


def least_squares(data, groups):
    """The coefficients of least squares with an intercept for each group of rows."""
    x, y = (part - part.groupby(groups).transform("mean") for part in (data.x, data.y))
    return pd.Series(np.linalg.lstsq(x.to_numpy(), y.to_numpy())[0], x.columns)


def run_set(rows, seed):
    """One row for each model and term: the error of its coefficient."""
    made = simulate_linear(50, rows, sd=(0.8,), icc_x=0.3, confounding=0.8, seed=seed)
    truth, data = made.truth["coefficients"], made.data
    everyone = np.zeros(len(data.x))
    figures = [
        ("pooled", least_squares(data, everyone), False),
        ("within clusters", least_squares(data, data.clusters.to_numpy()), False),
    ]
    for name, columns in {"random intercept": [], "with the cluster mean": ["x1"]}.items():
        model = FairMEDLRegressor(**LINEAR, within_between=columns, seed=seed)
        warned = fit(model, data)
        figures.append((name, model.coef_, warned))
    return pd.DataFrame(
        [
            (rows, name, term, estimate[term] - truth[term], seed, warned)
            for name, estimate, warned in figures
            for term in truth.index
        ],
        columns=[*KEYS, "error", "set", "warned"],
    )


def summarise(runs):
    """Mean error of each coefficient, with its interval over sets."""
    table = runs.groupby(KEYS, sort=False)["error"].apply(interval, ratio=0).unstack()
    names = {"mean": "mean_bias", "resamples": "sets"}
    return table.rename(columns=names).reset_index().astype({"sets": int})


def main():
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    tasks = [delayed(run_set)(rows, seed) for rows in ROWS for seed in SETS]
    runs = Parallel(2, return_as="generator")(tasks)
    runs = pd.concat(tqdm(runs, total=len(tasks)))
    table = summarise(runs)
    table.round(6).to_csv(ROOT / "results" / "mundlak.csv", index=False)
    print(table.round(4).to_string(index=False))
    fits = runs[~runs["model"].isin(["pooled", "within clusters"])]
    fits = fits.drop_duplicates(["rows", "model", "set"])
    print(f"{fits['warned'].sum()} of {len(fits)} fits warned that they had not converged")


if __name__ == "__main__":
    main()
