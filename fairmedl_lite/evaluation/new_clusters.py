"""Rows of unseen clusters: does the cluster predictor know them, and is its answer worth it?"""

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from fairmedl_lite import tables
from fairmedl_lite.estimator.clusters import cluster_table


def membership_report(
    membership: pd.DataFrame, clusters: pd.Series, *, bins: int = 10, seed: int = 0
) -> pd.DataFrame:
    """How well a cluster predictor knows the clusters, beside what chance alone would give.

    Two controls stand beside it. `shuffled` is the same memberships, shuffled among the rows: what
    they are worth if they know nothing of the row. `frequencies` gives every row the mean
    membership.

    Args:
        membership: DataFrame of shape `(rows, clusters)`, as `membership` of an estimator gives
            it: probabilities, whose columns are the clusters' labels.
        clusters: Series of shape `(rows,)`. The true clusters, all among the columns.
        bins: Integer. How many bins the calibration error is taken over.
        seed: Integer. Seeds the shuffling.

    Returns:
        DataFrame with one row for each of `predicted`, `shuffled` and `frequencies`, and
        - `accuracy`: how often the likeliest cluster is the true one (1 is best);
        - `log_loss`: mean negative log probability of the true cluster, in nats (0 is best);
        - `calibration_error`: mean distance between the probability of the likeliest cluster and
          how often it is the true one, over bins of that probability (0 is best).

    Raises:
        ValueError: If lengths differ, a cluster is missing or is none of the columns.

    Example:
        >>> share = pd.DataFrame({"east": [0.9, 0.8, 0.1, 0.2], "west": [0.1, 0.2, 0.9, 0.8]})
        >>> clusters = pd.Series(["east", "east", "west", "west"])
        >>> membership_report(share, clusters).round(2)
            membership  accuracy  log_loss  calibration_error
        0    predicted       1.0      0.16               0.15
        1     shuffled       0.5      1.06               0.35
        2  frequencies       0.5      0.69               0.00
    """
    true = _positions(membership, clusters)
    share = membership.to_numpy("float64")
    kinds = {
        "predicted": share,
        "shuffled": np.random.default_rng(seed).permutation(share),
        "frequencies": np.tile(share.mean(axis=0), (len(share), 1)),
    }
    rows = {name: _membership_scores(part, true, bins) for name, part in kinds.items()}
    return pd.DataFrame(rows).T.rename_axis("membership").reset_index()


def membership_calibration(
    membership: pd.DataFrame, clusters: pd.Series, *, bins: int = 10
) -> pd.DataFrame:
    """How often the likeliest cluster is the true one, by the probability that it was given.

    Args:
        membership: As in `membership_report`.
        clusters: As in `membership_report`.
        bins: Integer. Bins of equal width between 0 and 1; empty ones are left out.

    Returns:
        DataFrame with `probability` (the bin's mean), `accuracy` and `rows`. A calibrated
        predictor has an accuracy equal to the probability.

    Example:
        >>> share = pd.DataFrame({"east": [0.9, 0.9, 0.4], "west": [0.1, 0.1, 0.6]})
        >>> membership_calibration(share, pd.Series(["east", "west", "west"]))
           probability  accuracy  rows
        0          0.6       1.0     1
        1          0.9       0.5     2
    """
    true = _positions(membership, clusters)
    return _reliability(membership.to_numpy("float64"), true, bins)


def new_cluster_report(
    model,
    X: pd.DataFrame,
    y: pd.Series,
    *,
    clusters: pd.Series | pd.DataFrame | None = None,
    level: float = 0.9,
    draws: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """What each answer for a new cluster is worth: one row for each value of `unseen`.

    Every row of X is treated as one of a new cluster. `shuffled`, the control of `predict`, has
    the same memberships shuffled among the rows: where it does as well, the cluster predictor's
    effects are worth nothing.

    Args:
        model: A fitted `FairMEDLClassifier` or `FairMEDLRegressor`.
        X: DataFrame of shape `(rows, columns)`.
        y: Series of shape `(rows,)`.
        clusters: As in `fit`, to tell the new clusters apart; known labels are taken as new.
        level: Float in (0, 1). Of the intervals of a continuous outcome.
        draws: Integer. For these intervals.
        seed: Integer. For these intervals.

    Returns:
        DataFrame with `unseen` and, for a classifier, `auroc` and `log_loss`; for a regressor
        `rmse` in the units of y, and `coverage`, the share of rows whose interval holds y.
        `predict` and `shuffled` are there if the model has a cluster predictor.

    Example:
        >>> data = simulate_linear(clusters=4, rows=25, seed=0).data
        >>> linear = {"hidden": (), "cluster_adversary": 0, "fairness": 0}
        >>> model = FairMEDLRegressor(cluster_predictor=True, **linear, epochs=1)
        >>> fitted = model.fit(data.x, data.y, clusters=data.clusters)
        >>> new_cluster_report(model, data.x, data.y)["unseen"].tolist()
        ['fixed', 'prior', 'predict', 'shuffled']
    """
    kinds = ["fixed", "prior"] + ["predict", "shuffled"] * bool(model.cluster_predictors_)
    tables.check_rows(X=X, y=y, clusters=clusters)
    strangers, y = _strangers(clusters), np.asarray(y)
    interval = {"level": level, "draws": draws, "seed": seed}
    rows = []
    for unseen in kinds:
        options = {"clusters": strangers, "unseen": unseen}
        binary = hasattr(model, "predict_proba")
        scores = (
            _binary(model, X, y, options) if binary else _number(model, X, y, options, interval)
        )
        rows.append({"unseen": unseen} | scores)
    return pd.DataFrame(rows)


def _positions(membership, clusters):
    """The column of each row's true cluster."""
    tables.check_rows(membership=membership, clusters=clusters)
    labels = tables.check_labels(clusters, "clusters")
    positions = membership.columns.get_indexer(labels)
    if (positions < 0).any():
        raise ValueError(
            f"Every cluster must be one of the {membership.shape[1]} columns of membership. "
            f"Received: {pd.unique(labels[positions < 0])[:5].tolist()} besides. "
            "Leave the rows of new clusters out: nobody could have named theirs."
        )
    return positions


def _membership_scores(share, true, bins):
    table = _reliability(share, true, bins)
    gaps = (table["probability"] - table["accuracy"]).abs()
    chosen = np.maximum(share[np.arange(len(share)), true], np.finfo("float32").tiny)
    return {
        "accuracy": np.mean(share.argmax(axis=1) == true),
        "log_loss": -np.mean(np.log(chosen)),
        "calibration_error": np.average(gaps, weights=table["rows"]),
    }


def _reliability(share, true, bins):
    table = pd.DataFrame(
        {
            "probability": share.max(axis=1),
            "accuracy": (share.argmax(axis=1) == true).astype(float),
            "rows": 1,
        }
    )
    number = np.minimum((bins * table["probability"]).astype(int), bins - 1)
    how = {"probability": "mean", "accuracy": "mean", "rows": "sum"}
    return table.groupby(number).agg(how).reset_index(drop=True)


def _binary(model, X, y, options):
    positive = y == model.classes_[1]
    score = model.predict_proba(X, **options)[:, 1]
    return {"auroc": roc_auc_score(positive, score), "log_loss": log_loss(positive, score)}


def _number(model, X, y, options, interval):
    error = y - model.predict(X, **options)
    low, high = model.predict_interval(X, **options, **interval).to_numpy().T
    inside = (low <= y) & (y <= high)
    return {"rmse": np.sqrt(np.mean(error**2)), "coverage": np.mean(inside)}


def _strangers(clusters):
    """The clusters under labels that no model knows; rows that shared one still do."""
    if clusters is None:
        return None
    table = cluster_table(clusters)
    return table.apply(lambda labels: "new " + labels.astype(str))
