"""Do 90 % intervals of a mixed model hold the truth nine times in ten?

    python -m study.experiments.coverage

A set is one Gaussian simulation of 55 clusters of 20 rows, seeds 0-199. A random intercept is
fitted to 50 clusters; the last five are new. Measured, each as the share of a set that its
interval holds:

- level: the intercept plus the effect of each of the 50 clusters;
- effect: that effect alone. Its interval is the posterior given the fixed effects, and leaves out
  that the intercept is estimated: what the intercept gets wrong, every effect gets wrong too. So
  it holds the effect less often than nine times in ten, for this model as for the exact one;
- outcome: each row of the five new clusters, by `predict_interval` with `unseen="prior"`.

Beside them stand the exact intervals: the closed formula of the Gaussian posterior of u given y
(for a new row, of y), at the fixed effects and variance components of maximum likelihood. These
are found here, per set, from the profile likelihood in NumPy and SciPy, not taken from the model:
so the comparison also shows what the model's own estimates of them get wrong. Both kinds take
these estimates for the truth; neither is wider for not knowing them.

The sets are independent: the interval is the 95 % t interval over them. The table goes to
results/coverage.csv.
"""

import os

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from tqdm import tqdm

from fairmedl_lite import FairMEDLRegressor, interval, simulate_linear
from study.experiments.mundlak import LINEAR, fit
from tools import ROOT

KEYS = ["quantity", "interval"]
SETS, CLUSTERS, NEW, LEVEL = range(200), 50, 5, 0.9
HALF = norm.ppf((1 + LEVEL) / 2)


def cut(data):
    """The rows of the first clusters, and those of the last five."""
    old = data.clusters.isin(data.clusters.unique()[:CLUSTERS]).to_numpy()
    return [data.take(np.flatnonzero(rows)) for rows in (old, ~old)]


def maximum_likelihood(data):
    """Coefficients (intercept first), residual variance, and the ratio of the two variances."""
    rows = data.clusters.map(data.clusters.value_counts()).to_numpy()
    table = pd.DataFrame(np.column_stack([data.y, np.ones(len(data.y)), data.x]))
    means = table.groupby(data.clusters.to_numpy()).transform("mean").to_numpy()

    def profile(log_ratio):
        """What least squares finds at this ratio, and minus twice the log likelihood."""
        inflation = 1 + rows * np.exp(log_ratio)
        whitened = table.to_numpy() - (1 - inflation[:, None] ** -0.5) * means
        outcome, design = whitened[:, 0], whitened[:, 1:]
        beta = np.linalg.lstsq(design, outcome)[0]
        variance = np.mean((outcome - design @ beta) ** 2)
        return beta, variance, len(rows) * np.log(variance) + np.sum(np.log(inflation) / rows)

    best = minimize_scalar(lambda value: profile(value)[2], bounds=(-12, 8), method="bounded")
    return *profile(best.x)[:2], np.exp(best.x)


def exact(train, new):
    """Intervals at maximum likelihood: of effects and levels by cluster, of the new outcomes."""
    beta, variance, ratio = maximum_likelihood(train)
    residual = train.y - beta[0] - train.x @ beta[1:]
    groups = residual.groupby(train.clusters)
    inflation = 1 + ratio * groups.size()
    mean = ratio * groups.sum() / inflation
    sd = np.sqrt(variance * ratio / inflation)
    outcome = beta[0] + new.x @ beta[1:]
    spread = HALF * np.sqrt(variance * (1 + ratio))
    bounds = pd.DataFrame({"low": outcome - spread, "high": outcome + spread})
    return {**around(mean, sd, beta[0]), "outcome": bounds}


def fitted(train, new, seed):
    """The same three intervals from a default fit, and whether it warned."""
    model = FairMEDLRegressor(**LINEAR, seed=seed)
    warned = fit(model, train)
    effects = model.random_effects_.set_index("cluster")
    options = {"clusters": new.clusters, "unseen": "prior", "level": LEVEL, "seed": seed}
    bounds = model.predict_interval(new.x, **options).set_axis(new.x.index)
    return {**around(effects["mean"], effects["sd"], model.intercept_), "outcome": bounds}, warned


def around(mean, sd, intercept):
    effect = pd.DataFrame({"low": mean - HALF * sd, "high": mean + HALF * sd})
    return {"level": intercept + effect, "effect": effect}


def run_set(seed):
    """One row for each quantity and kind of interval."""
    made = simulate_linear(CLUSTERS + NEW, 20, seed=seed)
    train, new = cut(made.data)
    effect = made.truth["effects"]["intercept"].iloc[:CLUSTERS]
    truths = {"level": made.truth["intercept"] + effect, "effect": effect, "outcome": new.y}
    bounds, warned = fitted(train, new, seed)
    rows = []
    for name, kind in {"FairMEDLRegressor": bounds, "exact": exact(train, new)}.items():
        for quantity, truth in truths.items():
            low, high = kind[quantity].loc[truth.index].to_numpy().T
            held = np.mean((low <= truth) & (truth <= high))
            rows.append((quantity, name, held, np.mean(high - low), seed, warned))
    return pd.DataFrame(rows, columns=[*KEYS, "coverage", "width", "set", "warned"])


def summarise(runs):
    """Mean coverage and width, and the model's coverage minus the exact one, paired by set."""
    wide = runs.pivot(index=["quantity", "set"], columns="interval", values=["coverage", "width"])
    wide = wide.xs("FairMEDLRegressor", axis=1, level=1) - wide.xs("exact", axis=1, level=1)
    runs = pd.concat([runs, wide.reset_index().assign(interval="FairMEDLRegressor minus exact")])
    grouped = runs.groupby(KEYS, sort=False)
    table = grouped["coverage"].apply(interval, ratio=0).unstack()
    table = table.rename(columns={"mean": "coverage", "resamples": "sets"})
    return table.assign(mean_width=grouped["width"].mean()).reset_index().astype({"sets": int})


def main():
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    runs = Parallel(2, return_as="generator")(delayed(run_set)(seed) for seed in SETS)
    runs = pd.concat(tqdm(runs, total=len(SETS)))
    table = summarise(runs)
    table.round(6).to_csv(ROOT / "results" / "coverage.csv", index=False)
    print(table.round(4).to_string(index=False))
    warned = runs.groupby("set")["warned"].any()
    print(f"{warned.sum()} of {len(warned)} fits warned that they had not converged")


if __name__ == "__main__":
    main()
