"""Rows of a DataFrame and their clusters, as the arrays that a model reads."""

import warnings
from numbers import Real

import numpy as np
import pandas as pd

from fairmedl_lite import tables
from fairmedl_lite.estimator.clusters import ClusterIndex, ClusterMeans, cluster_table
from fairmedl_lite.estimator.encoding import TableEncoder, as_table


def _spelled(label):
    whole = isinstance(label, Real) and label == label // 1
    return str(int(label) if whole else label).strip().casefold().removesuffix(".0")


class Rows:
    """Turns X and clusters into arrays, as learned from training rows.

    Args:
        index: A `ClusterIndex`.
        means: A `ClusterMeans`.
        encoder: A fitted `TableEncoder`.
    """

    def __init__(self, index, means, encoder):
        self.index, self.means, self.encoder = index, means, encoder

    @classmethod
    def learn(cls, X, clusters, *, needed, within_between):
        """Learn clusters and encoding. No cluster is numbered if nothing needs them.

        Args:
            X: DataFrame of shape `(rows, columns)`.
            clusters: As in `cluster_table`, or `None`.
            needed: Strings. What the clusters are needed for.
            within_between: Names of the columns whose means in the clusters stand beside them.

        Raises:
            ValueError: If clusters are needed and not given, or a part cannot be used.
        """
        if needed and clusters is None:
            raise ValueError(
                f"clusters must be given for {', '.join(needed)}. Received: None. "
                "Pass clusters=..., or leave these parts out."
            )
        table = cluster_table(clusters) if needed else pd.DataFrame(index=range(len(X)))
        index = ClusterIndex.learn(table, needed)
        X = as_table(X)
        means = ClusterMeans.learn(X, table, within_between)
        return cls(index, means, TableEncoder().fit(means.add(X, table)))

    def read(self, X, clusters, *, refuse_new=False):
        """Encode rows, and number their clusters.

        Args:
            X: DataFrame with the columns that were learned.
            clusters: As in `cluster_table`, or `None`: every cluster is new.
            refuse_new: Whether a new cluster is an error.

        Returns:
            Float32 array of shape `(rows, columns)`, and for each cluster variable an int32 array
            of shape `(rows,)`: the number of each row's cluster, -1 for a new one.

        Raises:
            ValueError: If lengths or columns differ, or a cluster is new and may not be.
        """
        tables.check_rows(X=X, clusters=clusters)
        x = self.encoder.transform(self.means.add(as_table(X), clusters))
        ids = self.index.number(clusters, len(x))
        if refuse_new:
            self._refuse_new(ids, clusters)
        elif clusters is not None:
            self._warn_of_twins(ids, self.labels(clusters))
        return x, ids

    def extended(self, X, clusters):
        """The same with the new clusters of other rows known. Arguments as in `read`."""
        table = self.labels(clusters)
        means = self.means.extended(as_table(X), table)
        means.refuse_unknown()
        return Rows(self.index.extended(table), means, self.encoder)

    def _warn_of_twins(self, ids, table):
        """Warn of new labels that training rows had in another type or spelling."""
        for (variable, known), part in zip(self.index.labels.items(), ids, strict=True):
            new = table[variable][part < 0]
            spelled = {_spelled(label): label for label in known if len(new)}
            twins = [label for label in new.unique() if _spelled(label) in spelled]
            if twins:
                warnings.warn(
                    f"{new.isin(twins).sum()} rows count as of new clusters: their {variable!r} "
                    f"is {twins[0]!r}, where training rows had {spelled[_spelled(twins[0])]!r}. "
                    "Give labels one type and spelling.",
                    stacklevel=4,
                )

    def _refuse_new(self, ids, clusters):
        for (variable, labels), part in zip(self.index.labels.items(), ids, strict=True):
            new = part < 0
            if new.any():
                names = "all unknown"
                if clusters is not None:
                    names = self.labels(clusters).loc[new, variable].unique()[:5].tolist()
                raise ValueError(
                    f"Every cluster must be one of the {len(labels)} of the training rows. "
                    f"Received: {int(new.sum())} rows of new clusters ({names}). Say what such "
                    "rows get: unseen='fixed', 'prior' or 'predict'."
                )

    def labels(self, clusters, rows=None):
        """The cluster labels of rows, a column for each cluster variable.

        Args:
            clusters: As in `cluster_table`, or `None`: each row is a cluster of its own.
            rows: Integer. How many rows there are, where no clusters are given.
        """
        if clusters is None:
            return pd.DataFrame({name: np.arange(rows) for name in self.index.labels})
        return self.index.named(cluster_table(clusters))

    def get_config(self):
        """What was learned, as a model file holds it."""
        return {
            "clusters": list(self.index.labels.items()),
            "cluster_means": self.means.means,
            "columns": self.encoder.get_config(),
        }

    @classmethod
    def from_config(cls, config, within_between):
        """Rebuild what was learned.

        Args:
            config: A dictionary that holds what `get_config` returned.
            within_between: As in `learn`.
        """
        labels = {name: pd.Index(found) for name, found in config["clusters"]}
        means = ClusterMeans(within_between, config["cluster_means"])
        return cls(ClusterIndex(labels), means, TableEncoder.from_config(config["columns"]))
