"""Probes: columns that only follow the cluster. How much does a model lean on them?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import mean_squared_error, roc_auc_score

from fairmedl_lite.data.clustered import ClusteredData
from fairmedl_lite.data.split import Split

NUMBER = 5
PROBES = tuple(f"probe_{number}" for number in range(1, NUMBER + 1))
NOISE = 0.7
DRAWS = 20  # of what a new cluster's probes are
PERMUTATIONS = 5


def cluster_levels(train):
    """The level of each cluster's outcome, from training rows alone.

    Args:
        train: A `ClusteredData`.

    Returns:
        Series by cluster. Of a classification the log odds, with half a case more of each class
        so that they are finite; of a regression the mean outcome, in standard deviations.
    """
    clusters = train.y.groupby(train.first_clusters.astype(object))
    if train.task == "regression":
        return (clusters.mean() - train.y.mean()) / train.y.std()
    table = clusters.agg(["sum", "size"])
    return np.log((table["sum"] + 0.5) / (table["size"] - table["sum"] + 0.5))


def add_probes(data: Split, *, seed: int, noise: float = NOISE) -> Split:
    """Add five probes to every part of a split: the level of the row's cluster, and noise.

    A probe knows nothing of the row. Levels come from training rows; nobody knows that of an
    unseen cluster, so it is drawn from a normal distribution with the mean and the standard
    deviation of the seen ones, whatever its labels are.

    Args:
        data: A `Split`.
        seed: Integer.
        noise: Float. The noise's standard deviation, in log odds; for a regression in standard
            deviations of the outcome.

    Returns:
        A `Split` whose x has the columns `probe_1` to `probe_5` too.

    Raises:
        ValueError: If x has such columns already.

    Example:
        >>> parts = split(simulate_linear(seed=0).data, unseen_clusters=0.2, seed=0)
        >>> add_probes(parts, seed=0).train.x.columns.tolist()
        ['x1', 'x2', 'probe_1', 'probe_2', 'probe_3', 'probe_4', 'probe_5']
    """
    levels = cluster_levels(data.train)
    return Split(
        **{
            name: _with_probes(part, levels, np.random.default_rng([seed, number]), noise)
            for number, (name, part) in enumerate(data.parts.items())
        },
        moved=data.moved,
    )


def importance(
    model,
    data: ClusteredData,
    blocks: dict,
    *,
    seed: int | Sequence[int],
    times: int = PERMUTATIONS,
    effects: str = "mixed",
    unseen: str = "fixed",
) -> pd.DataFrame:
    """How much worse a fitted model gets when blocks of columns are permuted over the rows.

    Columns of one block move together. Permuted one by one, columns that repeat each other
    stand in for one another, and none seems to matter.

    Args:
        model: A fitted model: any that `compare` takes.
        data: A `ClusteredData`, of rows that were not fitted.
        blocks: Dictionary of name to columns of x.
        seed: Integer. Every block is permuted in the same ways.
        times: Integer. Permutations to take the mean over.
        effects: As in the model's `predict`.
        unseen: As in the model's `predict`.

    Returns:
        DataFrame of `block`, `importance` (the fall of the AUROC, or for a regression the rise
        of the MSE) and `rank`, of which 1 is the largest.

    Raises:
        ValueError: If a block names columns that x has not.

    Example:
        >>> from types import SimpleNamespace
        >>> data = simulate_linear(seed=0).data
        >>> model = SimpleNamespace(predict=lambda x, **options: x["x1"])  # it reads one column
        >>> importance(model, data, {"first": ["x1"], "second": ["x2"]}, seed=0)[["block", "rank"]]
            block  rank
        0   first   1.0
        1  second   2.0
    """
    absent = sorted({name for columns in blocks.values() for name in columns} - set(data.x))
    if absent:
        raise ValueError(f"blocks must name columns of x. Received: {absent}, not among them.")
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(data)) for _ in range(times)]

    def performance(x):
        return _performance(model, data, x, effects, unseen)

    whole, sign = performance(data.x), 1 if data.task == "regression" else -1
    table = pd.DataFrame({"block": list(blocks)})
    table["importance"] = [
        sign * (np.mean([performance(_permuted(data.x, block, order)) for order in orders]) - whole)
        for block in blocks.values()
    ]
    return table.assign(rank=table["importance"].rank(ascending=False))


def probe_report(
    model, data: Split, *, seed: int, draws: int = DRAWS, times: int = PERMUTATIONS
) -> pd.DataFrame:
    """Fit a model without and with probes: what it makes of them, and what they cost.

    Args:
        model: An unfitted model with a `seed`: any that `compare` takes.
        data: A `Split`.
        seed: Integer. The model's, the probes' and the permutations'.
        draws: Integer. How often the probes of unseen clusters are drawn anew; the mean over
            them is reported.
        times: Integer. Permutations on seen clusters; on unseen ones there is one for each draw.

    Returns:
        DataFrame of `probes`, `part` (`seen` or `unseen`), `metric`, `block`, `value`. `probes`
        is `"without"`, `"with"` or `"change"`: with minus without. Metrics are `auroc` or `mse`,
        and with probes
        - `importance`: of each column alone on seen clusters, and of the five `probes` together;
        - `rank`: of the `probes` together among them and the other columns, and of the
          `best single probe` among all columns.

    Example:
        >>> parts = split(simulate_linear(seed=0).data, unseen_clusters=0.2, seed=0)
        >>> model = ladder(FairMEDLRegressor, epochs=1)["NNet"]
        >>> report = probe_report(model, parts, seed=0, draws=2, times=1)
        >>> report.loc[report["probes"] == "change", ["part", "metric"]].to_numpy().tolist()
        [['seen', 'mse'], ['unseen', 'mse']]
    """
    probed, levels = add_probes(data, seed=seed), cluster_levels(data.train)
    plain, fitted = (_fitted(model, part.train, seed) for part in (data, probed))
    rows = [("without", "seen", *_figure(plain, data.test_seen))]
    rows += [("with", "seen", *row) for row in _on_seen(fitted, probed.test_seen, seed, times)]
    if len(data.test_unseen):
        new = data.test_unseen
        rows += [("without", "unseen", *_figure(plain, new))]
        rows += [("with", "unseen", *row) for row in _on_unseen(fitted, new, levels, seed, draws)]
    table = pd.DataFrame(rows, columns=["probes", "part", "metric", "block", "value"])
    return pd.concat([table, _change(table)], ignore_index=True)


def _change(table):
    """What the probes change of a model's performance, in rows of the same form."""
    keys = ["part", "metric", "block"]
    table = table[table["metric"].isin(("auroc", "mse"))]
    wide = table.pivot(index=keys, columns="probes", values="value")
    change = (wide["with"] - wide["without"]).rename("value").reset_index()
    return change.assign(probes="change")[table.columns]


def _on_seen(model, data, seed, times):
    """Rows of metric, block, value."""
    blocks = {name: [name] for name in data.x} | {"probes": list(PROBES)}
    found = importance(model, data, blocks, seed=seed, times=times)
    falls = found.set_index("block")["importance"]
    joint = falls.drop(list(PROBES)).rank(ascending=False)["probes"]
    single = falls.drop("probes").rank(ascending=False)[list(PROBES)].min()
    return [
        _figure(model, data),
        *(("importance", *fall) for fall in falls.items()),
        ("rank", "probes", joint),
        ("rank", "best single probe", single),
    ]


def _on_unseen(model, data, levels, seed, draws):
    """Rows of metric, block, value: means over draws of the probes."""
    found, falls = [], []
    for draw in range(draws):
        probed = _with_probes(data, levels, np.random.default_rng([seed, draw, 1]), NOISE)
        found.append(_figure(model, probed))
        fall = importance(model, probed, {"probes": PROBES}, seed=[seed, draw], times=1)
        falls.append(fall["importance"].iloc[0])
    metric, block, _ = found[0]
    performance = np.mean([value for *_, value in found])
    return [(metric, block, performance), ("importance", "probes", np.mean(falls))]


def _with_probes(data, levels, random, noise):
    taken = [name for name in PROBES if name in data.x]
    if taken:
        raise ValueError(f"x must not have columns named like probes. Received: {taken}.")
    labels = data.first_clusters.astype(object)
    new = sorted(set(labels) - set(levels.index), key=str)
    drawn = pd.Series(random.normal(levels.mean(), levels.std(), len(new)), new)
    level = labels.map(pd.concat([levels, drawn])).to_numpy("float64")
    values = level[:, None] + noise * random.normal(size=(len(data), NUMBER))
    probes = pd.DataFrame(values, columns=list(PROBES), index=data.x.index)
    return replace(data, x=pd.concat([data.x, probes], axis=1))


def _permuted(x, columns, order):
    return x.assign(**{name: x[name].array[order] for name in columns})


def _figure(model, data):
    metric = "mse" if data.task == "regression" else "auroc"
    return metric, "", _performance(model, data, data.x)


def _performance(model, data, x, effects="mixed", unseen="fixed"):
    options = {"clusters": data.clusters, "effects": effects, "unseen": unseen}
    if data.task == "regression":
        return mean_squared_error(data.y, model.predict(x, **options))
    return roc_auc_score(data.y, model.predict_proba(x, **options)[:, 1])


def _fitted(model, train, seed):
    model = clone(model).set_params(seed=seed)
    options = {"clusters": train.clusters, "sensitive_features": train.sensitive}
    return model.fit(train.x, train.y, **options)
