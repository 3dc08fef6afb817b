"""Clustered data sets, each with its outcome, clusters and sensitive attributes."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fairmedl_lite import tables
from fairmedl_lite.checks import check_weights


@dataclass(frozen=True)
class Swap:
    """How to change one sensitive attribute of a row and hold the rest: an attribute swap.

    Args:
        column: The column of `x` that carries the attribute.
        values: For each group, the value that `column` gets.
        linked: For each group, the columns the attribute determines: `{column: {old: new}}`.
    """

    column: str
    values: dict
    linked: dict = field(default_factory=dict)


PARTS = {
    "x": (pd.DataFrame,),
    "y": (pd.Series,),
    "clusters": (pd.Series, pd.DataFrame),
    "sensitive": (pd.DataFrame,),
    "weights": (pd.Series,),
}


@dataclass(frozen=True)
class ClusteredData:
    """Rows in clusters, with an outcome and sensitive attributes. All parts share one index.

    Args:
        x: DataFrame of shape `(rows, columns)`. The covariates, not encoded.
        y: Series of shape `(rows,)`. The outcome.
        clusters: Series of shape `(rows,)`. The label of each row's cluster. Or DataFrame with a
            column for each of several cluster variables; clusters of the first are held out.
        sensitive: DataFrame of shape `(rows, attributes)`. The group of each row.
        task: `"classification"` or `"regression"`.
        name: What to call the data in a table.
        swaps: A `Swap` for each attribute that an attribute swap can change.
        dropped: Why rows of the source are not here, and how many.
        weights: Series of shape `(rows,)`, zero or more: how many people a row stands for. `None`
            if all weigh the same.

    Raises:
        ValueError: If a part is of another type or index, or if an outcome, a cluster, a group or
            a weight is missing.

    Example:
        >>> data = ClusteredData(
        ...     x=pd.DataFrame({"age": [25, 40, 61]}),
        ...     y=pd.Series([0, 1, 1]),
        ...     clusters=pd.Series(["cook", "cook", "nurse"]),
        ...     sensitive=pd.DataFrame({"sex": ["f", "m", "f"]}),
        ...     task="classification",
        ...     name="three people",
        ... )
        >>> data.take([0, 1])
        ClusteredData('three people': 2 rows, 1 columns, 1 clusters, sensitive ['sex'])
    """

    x: pd.DataFrame
    y: pd.Series
    clusters: pd.Series
    sensitive: pd.DataFrame
    task: str
    name: str
    swaps: dict[str, Swap] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    weights: pd.Series | None = None

    def __post_init__(self):
        for part in self._parts():
            self._check_part(part, getattr(self, part), PARTS[part])
        if self.weights is not None and len(self):
            check_weights(self.weights / self.weights.abs().mean())  # a survey's may be large
        tables.check_columns(pd.DataFrame(self.clusters), "clusters")
        if self.task not in ("classification", "regression"):
            raise ValueError(
                f"task must be 'classification' or 'regression'. Received: {self.task!r}."
            )

    def _parts(self):
        return [part for part in PARTS if part != "weights" or self.weights is not None]

    def _check_part(self, part, values, kinds):
        if not isinstance(values, kinds):
            names = " or a ".join(kind.__name__ for kind in kinds)
            raise ValueError(
                f"{part} must be a {names}. Received: {type(values).__name__}. "
                "Take it from the same DataFrame as x."
            )
        if not values.index.equals(self.x.index):
            raise ValueError(
                f"x and {part} must share one index. Received: {len(self.x)} rows of x and "
                f"{len(values)} of {part}. Build them from one DataFrame."
            )
        missing = 0 if part == "x" else int(np.sum(values.isna().to_numpy()))
        if missing:
            raise ValueError(
                f"{part} must have no missing values. Received: {missing}. Leave these rows out "
                "and count them in dropped=, or give them a group of their own, such as 'unknown'."
            )

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        counts = " and ".join(map(str, pd.DataFrame(self.clusters).nunique()))
        return (
            f"ClusteredData({self.name!r}: {len(self):,} rows, {self.x.shape[1]} columns, "
            f"{counts} clusters, sensitive {list(self.sensitive)})"
        )

    @property
    def first_clusters(self) -> pd.Series:
        """The clusters; of several cluster variables those of the first."""
        return self.clusters if self.clusters.ndim == 1 else self.clusters.iloc[:, 0]

    def take(self, rows: ArrayLike) -> Self:
        """Return the rows at these positions.

        Args:
            rows: Integer positions, or a boolean mask of length `len(self)`.
        """
        return replace(self, **{part: getattr(self, part).iloc[rows] for part in self._parts()})


AGE_BANDS = {"under 30": (0, 30), "30-44": (30, 45), "45-59": (45, 60), "60 and over": (60, 200)}


def age_band(age):
    """Cut ages in years into four bands: under 30, 30-44, 45-59, 60 and over.

    Args:
        age: Series of ages in years.

    Returns:
        Series of band names.
    """
    edges = [low for low, _ in AGE_BANDS.values()] + [200]
    return pd.cut(age, edges, right=False, labels=list(AGE_BANDS)).astype(str)
