"""The cluster variables of a data set: their labels, numbered, and means of x within clusters."""

import numpy as np
import pandas as pd

from fairmedl_lite.checks import as_numbers, is_number
from fairmedl_lite.tables import as_series, check_columns, check_labels

FIRST = "cluster"  # the name of a cluster variable that has none


def cluster_table(clusters):
    """Return the cluster variables as a DataFrame without missing values.

    Args:
        clusters: Array-like of shape `(rows,)`, or DataFrame of shape `(rows, variables)`.

    Returns:
        DataFrame of shape `(rows, variables)`, with a new index.

    Raises:
        ValueError: If a label is missing, or two variables have one name.
    """
    if isinstance(clusters, pd.DataFrame):
        table = clusters.reset_index(drop=True)
    else:
        name = getattr(clusters, "name", None)
        name = FIRST if name is None else name
        table = pd.DataFrame({name: as_series(clusters, "clusters")})
    check_columns(table, "clusters")
    for variable in table:
        name = "clusters" if table.shape[1] == 1 else f"cluster variable {variable!r}"
        check_labels(table[variable], name, stored=True)
    return table


class ClusterIndex:
    """Numbers the clusters of each cluster variable.

    Args:
        labels: Dictionary of cluster variable to its labels, an `Index`.
    """

    def __init__(self, labels):
        self.labels = labels

    @classmethod
    def learn(cls, table, needed):
        """Learn the clusters of training rows; a variable of a single one is an error.

        Args:
            table: DataFrame of shape `(rows, variables)`.
            needed: Strings. What the clusters are needed for, to say so in an error.
        """
        labels = {variable: pd.Index(np.unique(table[variable])) for variable in table}
        for variable, found in labels.items():
            if len(found) < 2:
                raise ValueError(
                    f"There must be at least two clusters for {', '.join(needed)}. Received: only "
                    f"{found.tolist()} in {variable!r}. Leave these parts out, or pass another "
                    "cluster column."
                )
        return cls(labels)

    @property
    def counts(self):
        """How many clusters each variable has."""
        return tuple(len(labels) for labels in self.labels.values())

    def number(self, clusters, rows):
        """The number of each row's clusters, -1 for a new one.

        Args:
            clusters: As in `cluster_table`, or `None`: every cluster is new.
            rows: Integer. How many rows there are.

        Returns:
            Tuple of int32 arrays of shape `(rows,)`, one for each cluster variable.
        """
        if clusters is None:
            return tuple(np.full(rows, -1, dtype="int32") for _ in self.labels)
        table = self.named(cluster_table(clusters))
        return tuple(
            labels.get_indexer(table[variable]).astype("int32")
            for variable, labels in self.labels.items()
        )

    def extended(self, table):
        """The same with the new clusters of a table of other rows after those that are known."""
        labels = {}
        for variable, known in self.labels.items():
            here = pd.Index(np.unique(table[variable]))
            labels[variable] = known.append(here[known.get_indexer(here) < 0])
            check_labels(labels[variable], f"cluster variable {variable!r}", stored=True)
        return ClusterIndex(labels)

    def named(self, table):
        """The table with the learned names of its variables; a single one may have no name."""
        if len(self.labels) == table.shape[1] == 1 and FIRST in (*self.labels, *table):
            return table.set_axis(list(self.labels), axis=1)
        if not set(self.labels) <= set(table):
            raise ValueError(
                f"clusters must have the cluster variables {list(self.labels)}. Received: "
                f"{table.columns.tolist()}. Pass all of them; .rename(...) what is the same."
            )
        return table


class ClusterMeans:
    """Adds the cluster's mean of a column beside it (Mundlak 1978).

    A random intercept is assumed to be independent of x. Where a cluster's mean of x goes along
    with its intercept, the coefficient of x is biased; with the mean beside it, it is the
    coefficient within clusters, as fixed effects would give it.

    Args:
        columns: Names of columns of numbers.
        means: Dictionary of cluster variable to DataFrame of means, one row for each cluster.
    """

    def __init__(self, columns, means):
        self.columns, self.means = list(columns), means

    @classmethod
    def learn(cls, x, table, columns):
        """Learn the means of training rows, of columns that must be numbers, none missing."""
        _refuse([name for name in columns if name in x and x[name].isna().any()])
        return cls(columns, {variable: _means(x, table[variable], columns) for variable in table})

    def add(self, x, clusters):
        """Return x with the clusters' means beside it; of a new cluster, those of its rows here."""
        if not self.columns:
            return x
        if clusters is None:
            raise ValueError(
                "within_between needs the cluster of each row, new ones too: rows with the same "
                "label share a mean. Received: clusters=None. Pass clusters=..."
            )
        table = ClusterIndex(self.means).named(cluster_table(clusters))
        parts = [x]
        for variable, means in self.extended(x, table).means.items():
            part = means.reindex(table[variable].to_numpy()).set_axis(x.index)
            parts.append(part.add_suffix(f" (mean of {variable})"))
        return pd.concat(parts, axis=1)

    def extended(self, x, table):
        """The same with the means of the clusters that are new in other rows."""
        means = {}
        for variable, known in self.means.items():
            here = _means(x, table[variable], self.columns)
            means[variable] = pd.concat([known, here[~here.index.isin(known.index)]])
        return ClusterMeans(self.columns, means)

    def refuse_unknown(self):
        """Raise if a cluster has no mean of a column: a model file could not hold it."""
        for variable, means in self.means.items():
            bad = means.index[means.isna().any(axis=1)].tolist()
            if bad:
                raise ValueError(
                    f"Each cluster must have a row with a number in each of {self.columns}. "
                    f"Received: {len(bad)} without, such as {bad[0]!r} of {variable!r}. Leave "
                    "them out, or fill the missing values first."
                )


def _means(x, labels, columns):
    x = x[[name for name in columns if name in x]].apply(as_numbers)
    _refuse([name for name in columns if name not in x or not is_number(x[name])])
    return x.astype("float64").groupby(labels.to_numpy()).mean()


def _refuse(bad):
    if bad:
        raise ValueError(
            "within_between must name columns of X that hold numbers, none missing. "
            f"Received: {bad}. Leave them out, or encode and fill them first."
        )
