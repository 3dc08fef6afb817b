"""Seen and unseen clusters; train, validation and test rows."""

import math
import warnings
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from fairmedl_lite import tables
from fairmedl_lite.data.clustered import ClusteredData

FOLDS = 5  # one fold tests, one validates, three train: 60 / 20 / 20


@dataclass(frozen=True)
class Split:
    """Four parts of one data set. No row is in two of them.

    Args:
        train: Rows to fit on, from seen clusters.
        validation: Rows to choose thresholds and settings on, from seen clusters.
        test_seen: Rows to report on, from seen clusters.
        test_unseen: All rows of the clusters that were held out whole.
        moved: Rows that were moved into training since it had no other of their cluster.

    Example:
        >>> data = simulate_linear(clusters=5, rows=10, seed=0).data
        >>> parts = split(data, unseen_clusters=0.2, seed=0)
        >>> parts.train.clusters.nunique(), parts.test_unseen.clusters.nunique()
        (4, 1)
        >>> len(parts.train.x.index.intersection(parts.test_seen.x.index))
        0
    """

    train: ClusteredData
    validation: ClusteredData
    test_seen: ClusteredData
    test_unseen: ClusteredData
    moved: int = 0

    @property
    def parts(self) -> dict[str, ClusteredData]:
        """The four parts by name."""
        return {name: part for name, part in vars(self).items() if name != "moved"}

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {len(part):,}" for name, part in self.parts.items())
        return f"Split({parts} rows)"


def split(
    data: ClusteredData,
    *,
    unseen_clusters: float | Collection,
    seed: int,
    keep_together: ArrayLike | None = None,
) -> Split:
    """Hold out whole clusters, then cut the seen ones 60 / 20 / 20.

    Rows of seen clusters are stratified by cluster and, for a classification, by outcome. A
    cluster is seen if it has training rows: one that is too small to have a row everywhere has
    one in training, so that clusters of a single row are never tested as seen.

    Args:
        data: A `ClusteredData`. Of several cluster variables clusters of the first are held out
            and stratified by; those of all are seen.
        unseen_clusters: Labels of the clusters to hold out, or a fraction of the clusters in
            `[0, 1)`, of which at least one is drawn if the fraction is above 0.
        seed: Integer. The same seed gives the same split.
        keep_together: Series or array of shape `(rows,)`. Rows with the same value (a patient)
            stay in one part, as far as the seen clusters go.

    Returns:
        A `Split`.

    Raises:
        ValueError: If a label is no cluster of the data, no cluster would stay seen, none could be
            both trained on and tested, or `keep_together` has missing values, another length or
            index, or fewer than five values.

    Example:
        >>> data = simulate_linear(clusters=5, rows=10, seed=0).data
        >>> split(data, unseen_clusters=["c04"], seed=0)
        Split(train 24, validation 8, test_seen 8, test_unseen 10 rows)
        >>> patients = np.arange(50) // 2  # of two rows each
        >>> parts = split(data, unseen_clusters=0, seed=0, keep_together=patients)
        >>> set(patients[parts.train.x.index]) & set(patients[parts.test_seen.x.index])
        set()
    """
    clusters = data.first_clusters
    unseen = _choose_unseen(clusters, unseen_clusters, np.random.default_rng(seed))
    is_unseen = clusters.isin(unseen).to_numpy()
    seen = np.flatnonzero(~is_unseen)
    groups = _check_keep_together(keep_together, data, seen)
    strata = clusters.astype(str)
    if data.task == "classification":
        strata = strata + " / " + data.y.astype(str)
    fold = _folds(strata.iloc[seen], groups, seed)
    moved = _train_every_cluster(fold, pd.DataFrame(data.clusters).iloc[seen], groups, seed)
    return Split(
        train=data.take(seen[fold >= 2]),
        validation=data.take(seen[fold == 1]),
        test_seen=data.take(seen[fold == 0]),
        test_unseen=data.take(np.flatnonzero(is_unseen)),
        moved=moved,
    )


def _choose_unseen(clusters, unseen_clusters, random):
    labels = pd.unique(clusters)
    if isinstance(unseen_clusters, str):
        raise ValueError(
            "unseen_clusters must be a list of labels or a fraction. "
            f"Received: the string {unseen_clusters!r}. Pass [{unseen_clusters!r}]."
        )
    if np.isscalar(unseen_clusters):
        if not 0 <= unseen_clusters < 1:
            raise ValueError(
                "unseen_clusters as a fraction must lie in [0, 1). "
                f"Received: {unseen_clusters!r}. To hold out named clusters pass a list."
            )
        unseen = random.permutation(labels)[: math.ceil(unseen_clusters * len(labels))]
    else:
        unseen = list(unseen_clusters)
    unknown = sorted(set(unseen) - set(labels), key=str)
    if unknown:
        raise ValueError(
            f"unseen_clusters must be clusters of the data. Received: {unknown}, "
            f"not among {sorted(labels, key=str)[:10]}."
        )
    if len(set(unseen)) == len(labels):
        raise ValueError(
            f"At least one cluster must stay seen. Received: all {len(labels)} as unseen."
        )
    return unseen


def _check_keep_together(keep_together, data, seen):
    if keep_together is None:
        return None
    values = tables.as_series(keep_together, "keep_together")
    if len(values) != len(data):
        raise ValueError(
            f"keep_together must have a value for each of the {len(data)} rows. "
            f"Received: {len(values)}."
        )
    tables.check_rows(data=data.y, keep_together=keep_together)
    if values.isna().any():
        raise ValueError(
            "keep_together must have no missing values. "
            f"Received: {int(values.isna().sum())} missing. Give such rows a value of their own."
        )
    if values.iloc[seen].nunique() < FOLDS:
        raise ValueError(
            f"keep_together needs at least {FOLDS} different values among the seen clusters. "
            f"Received: {values.iloc[seen].nunique()}."
        )
    return values.iloc[seen].to_numpy()


def _folds(strata, groups, seed):
    """Number the fold of each row; a stratum smaller than the folds goes where it fits."""
    if len(strata) < FOLDS:
        raise ValueError(
            f"Seen clusters must have at least {FOLDS} rows. Received: {len(strata)}. Hold fewer "
            "clusters out."
        )
    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    counts = strata.map(strata.value_counts())
    strata = strata.where(counts >= FOLDS, "rare")
    fold = np.empty(len(strata), dtype=int)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        parts = splitter(FOLDS, shuffle=True, random_state=seed).split(strata, strata, groups)
        for number, (_, rows) in enumerate(parts):
            fold[rows] = number
    return fold


def _train_every_cluster(fold, clusters, groups, seed):
    """Move a row of each cluster without training rows there, in place; returns how many moved."""
    order, before = np.random.default_rng([seed, 1]).permutation(len(fold)), (fold >= 2).sum()
    for variable in clusters:
        codes = pd.factorize(clusters[variable])[0]
        strange = order[~np.isin(codes[order], codes[fold >= 2])]
        chosen = strange[np.unique(codes[strange], return_index=True)[1]]
        fold[chosen if groups is None else np.isin(groups, groups[chosen])] = 2
    if {0, 1} - set(fold):
        raise ValueError(
            "Seen clusters must have rows to train on and others to test on. Received: clusters of "
            "one row, or of one value of keep_together, each. Hold whole clusters out with "
            "unseen_clusters, and keep together what is smaller than a cluster."
        )
    return int((fold >= 2).sum() - before)
