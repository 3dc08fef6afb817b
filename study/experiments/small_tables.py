"""Small tables: how good is the default network, by default settings, where rows are few?

    python -m study.experiments.small_tables            # all of it, an hour or two
    python -m study.experiments.small_tables --tables adult --sizes 500 2000 --seeds 2

Models learn from 500, 2,000, 5,000 or 20,000 rows of Adult (clusters: occupations), from 2,000 or
20,000 of Diabetes (specialties), and from three quarters of the wage panel's rows (545 persons).
A fifth of Adult's rows, and of Diabetes' patients, is drawn once for testing; each seed draws its
training rows from the rest, so that no patient is on both sides. A seed cuts the panel anew, and
leaves rows of every person on both sides. Rows of clusters that training did not meet are not
tested. The models, all with their default settings:

- network: the default network without fairness, and "Fair MEDL" with it (on Adult);
- linear: the linear mixed model with random intercepts;
- constant: the training rows' mean;
- boosting: scikit-learn's HistGradientBoosting. The cluster is one more column of categories where
  there are at most 255 of them, the most that it takes: the panel's persons are left out.

"shuffled" is the same with the clusters' labels shuffled among all rows: no cluster then has an
effect. Measured on the test rows: the log loss and AUROC of a 0/1 outcome; the MSE, the R squared
and the coverage of 90 % intervals of a continuous one. These are `predict_interval`'s, the normal
one around the constant, and boosting's by two fits of the quantiles. `share` is the share of the
variance given to the clusters; `warned` whether `fit` warned; `seconds` are CPU seconds, the
predictions' too.

Intervals are 95 % t intervals over seeds, with the variance of draws that share rows (Nadeau and
Bengio; for n rows drawn from N the ratio is n / (N - n)). Adult's and Diabetes' test rows are
fixed: the interval is about other training rows. The figure of each seed goes to
results/small_tables.csv; of a part of the run, to build/small_tables.csv.
"""

import argparse
import os
import time
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import norm
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss, mean_squared_error, r2_score, roc_auc_score
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from fairmedl_lite import (
    FairMEDLClassifier,
    FairMEDLRegressor,
    interval,
    load_adult,
    load_diabetes_hospital,
    load_wage_panel,
)
from study.experiments.mundlak import LINEAR
from tools import ROOT

SEEDS, LEVEL, MOST_CATEGORIES = 5, 0.9, 255
ENDS = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
OURS = {"network": {"fairness": 0}, "Fair MEDL": {}, "linear": LINEAR}
METHODS = [*OURS, "constant", "boosting"]
SHUFFLED = ["network", "linear"]
KEYS = ["table", "rows", "method", "clusters", "measure"]
LOSSES = ["log_loss", "mse"]


@dataclass(frozen=True)
class Table:
    """A data set, how many rows are learned from, and the index level that is kept together."""

    load: object
    sizes: tuple
    together: str | None = None
    fixed_test: bool = True


TABLES = {
    "adult": Table(load_adult, (500, 2_000, 5_000, 20_000)),
    "diabetes": Table(load_diabetes_hospital, (2_000, 20_000), "patient"),
    "wage_panel": Table(load_wage_panel, (3_270,), fixed_test=False),
}


@dataclass(frozen=True)
class Fitted:
    """What a model says of the test rows. A 0/1 outcome has no interval."""

    predicted: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    share: float = np.nan
    warned: float = np.nan


def shuffle_clusters(data, seed):
    """The data whose rows have swapped their clusters' labels."""
    order = np.random.default_rng(seed).permutation(len(data))
    return replace(data, clusters=data.clusters.iloc[order].set_axis(data.x.index))


def cut(data, size, seed, table):
    """Rows to learn from, rows to test on, and the ratio that an interval over seeds takes."""
    if not table.fixed_test:
        options = {"train_size": size, "stratify": data.clusters, "random_state": seed}
        train, test = train_test_split(np.arange(len(data)), **options)
        return data.take(train), data.take(test), len(test) / len(train)
    together = np.arange(len(data))
    if table.together:
        together = data.x.index.get_level_values(table.together)
    folds = GroupShuffleSplit(1, test_size=0.2, random_state=0)
    pool, test = next(folds.split(data.x, data.y, together))
    drawn = np.random.default_rng(seed).permutation(pool)[:size]
    return data.take(drawn), data.take(test), size / (len(pool) - size)


def fit_ours(method, train, test, seed):
    kind = FairMEDLClassifier if train.task == "classification" else FairMEDLRegressor
    model = kind(**OURS[method], seed=seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        groups = {"clusters": train.clusters, "sensitive_features": train.sensitive}
        model.fit(train.x, train.y, **groups)
    seen = {
        "share": 1 - model.variance_components_["share"].iloc[-1],
        "warned": float(bool(caught)),
    }
    if train.task == "classification":
        return Fitted(model.predict_proba(test.x, clusters=test.clusters)[:, 1], **seen)
    bounds = model.predict_interval(test.x, clusters=test.clusters, level=LEVEL, seed=seed)
    predicted = model.predict(test.x, clusters=test.clusters)
    return Fitted(predicted, *bounds.to_numpy().T, **seen)


def fit_constant(train, test):
    mean = np.full(len(test), train.y.mean())
    if train.task == "classification":
        return Fitted(mean)
    low, high = norm(train.y.mean(), train.y.std()).ppf(ENDS)
    return Fitted(mean, np.full(len(test), low), np.full(len(test), high))


def fit_boosting(train, test, seed):
    """Boosted trees; their interval is between two more fits, one for each quantile."""
    columns = with_clusters(train, test)
    options = {"categorical_features": "from_dtype", "random_state": seed}
    if train.task == "classification":
        model = HistGradientBoostingClassifier(**options).fit(columns[0], train.y)
        return Fitted(model.predict_proba(columns[1])[:, 1])
    losses = [{}, *({"loss": "quantile", "quantile": end} for end in ENDS)]
    models = [HistGradientBoostingRegressor(**options, **loss) for loss in losses]
    return Fitted(*(model.fit(columns[0], train.y).predict(columns[1]) for model in models))


def with_clusters(train, test):
    """The columns of both, with words and the cluster as categories that training has met."""
    columns = [part.x for part in (train, test)]
    if train.clusters.nunique() <= MOST_CATEGORIES:
        columns = [part.x.assign(_cluster=part.clusters.astype(str)) for part in (train, test)]
    words = columns[0].select_dtypes(exclude="number")
    known = {name: words[name].dropna().unique() for name in words}
    return [part.assign(**categories(part, known)) for part in columns]


def categories(table, known):
    """Columns of categories; a word that is not known is missing."""
    return {
        name: pd.Categorical(table[name].where(table[name].isin(words)), words)
        for name, words in known.items()
    }


def measures(fitted, y):
    """The figures of the test rows, by name."""
    if fitted.low is None:
        scores = {
            "log_loss": log_loss(y, fitted.predicted, labels=[0, 1]),
            "auroc": roc_auc_score(y, fitted.predicted),
        }
    else:
        scores = {
            "mse": mean_squared_error(y, fitted.predicted),
            "r2": r2_score(y, fitted.predicted),
            "coverage": np.mean((fitted.low <= y) & (y <= fitted.high)),
        }
    return scores | {"share": fitted.share, "warned": fitted.warned}


def run(name, size, seed, method, shuffled):
    """One row for each measure of one model and seed."""
    data = TABLES[name].load()
    data = shuffle_clusters(data, seed) if shuffled else data
    train, test, ratio = cut(data, size, seed, TABLES[name])
    test = test.take(test.clusters.isin(train.clusters.unique()).to_numpy())
    start = time.process_time()
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no training row had", category=UserWarning)
        fitted = fit(method, train, test, seed)
    seconds = time.process_time() - start
    found = pd.Series(measures(fitted, test.y.to_numpy()) | {"seconds": seconds}).dropna()
    key = {"table": name, "rows": size, "seed": seed, "method": method}
    key["clusters"] = "shuffled" if shuffled else "true"
    rows = found.rename_axis("measure").reset_index(name="value")
    return rows.assign(**key, tested=len(test), ratio=ratio)


def fit(method, train, test, seed):
    if method in OURS:
        return fit_ours(method, train, test, seed)
    return fit_constant(train, test) if method == "constant" else fit_boosting(train, test, seed)


def tasks(tables, sizes, seeds, methods):
    """Arguments of each `run`, the quickest tables first. Fair MEDL is fitted on Adult."""
    return [
        (name, size, seed, method, shuffled)
        for name in tables
        for size in TABLES[name].sizes
        for seed in range(seeds)
        for method in methods
        for shuffled in (False, True)
        if size in sizes
        and (name == "adult" or method != "Fair MEDL")
        and (method in SHUFFLED or not shuffled)
    ]


def against_linear(runs):
    """The loss of each method minus that of the linear model of the same rows."""
    losses = runs[runs["measure"].isin(LOSSES)]
    linear = losses[losses["method"] == "linear"]
    same = ["table", "rows", "seed", "clusters", "measure"]
    pairs = losses[losses["method"] != "linear"].merge(
        linear[[*same, "value"]], on=same, suffixes=("", "_linear")
    )
    difference = pairs["value"] - pairs["value_linear"]
    return pairs.assign(value=difference, measure=pairs["measure"] + " minus linear")


def summarise(runs):
    """Mean and interval over seeds of each measure, and of the losses' differences."""
    runs = pd.concat([runs, against_linear(runs)])
    rows = [
        dict(zip(KEYS, key, strict=True)) | interval(part["value"], part["ratio"].mean()).to_dict()
        for key, part in runs.groupby(KEYS, sort=False)
    ]
    return pd.DataFrame(rows).astype({"resamples": int})


def show(table):
    """Print the summary: a row for each measure and table, a column for each method."""
    ends = table.apply("[{low:.3f}, {high:.3f}]".format_map, axis=1)
    cells = table["mean"].map("{:.3f} ".format) + ends.where(table["resamples"] > 1, "")
    names = table["method"] + table["clusters"].map({"true": "", "shuffled": ", shuffled"})
    table = table.assign(cell=cells, method=names)
    index = ["measure", "table", "rows"]
    wide = table.pivot(index=index, columns="method", values="cell").fillna("")
    order = pd.MultiIndex.from_frame(table[index].drop_duplicates().sort_values(index))
    with pd.option_context("display.width", 250, "display.max_columns", 20):
        print(wide.loc[order, names.unique()].to_string())


def main():
    every = sorted({size for table in TABLES.values() for size in table.sizes})
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--sizes", nargs="+", type=int, choices=every, default=every)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
    wanted = tasks(chosen.tables, chosen.sizes, chosen.seeds, chosen.methods)
    found = Parallel(chosen.jobs, return_as="generator", batch_size=1)(
        delayed(run)(*task) for task in wanted
    )
    runs = pd.concat(tqdm(found, total=len(wanted), unit="model"), ignore_index=True)
    whole = wanted == tasks(TABLES, every, SEEDS, METHODS)
    folder = ROOT / ("results" if whole else "build")
    folder.mkdir(exist_ok=True)
    columns = ["table", "rows", "seed", "method", "clusters", "measure", "value", "tested"]
    runs[columns].round(6).to_csv(folder / "small_tables.csv", index=False)
    show(summarise(runs))


if __name__ == "__main__":
    main()
