"""What is to be fitted, and what tells whether a record of a file is of the same fit."""

from collections.abc import Callable
from dataclasses import dataclass

import joblib
import numpy as np
import pandas as pd
from pandas.api.types import is_list_like
from sklearn.base import clone

from fairmedl_lite import __version__
from fairmedl_lite.estimator.encoding import TableEncoder
from fairmedl_lite.evaluation.code import hash_code


@dataclass(frozen=True)
class Plan:
    """What all fits share, besides the data; see `compare` for its parts."""

    keep_together: object
    rows: str
    unseen: str | None
    measure: Callable
    effects: tuple
    swap_rows: int
    encoder: TableEncoder | None  # of all rows: networks of one width share their graphs

    def hash(self):
        """What changes with any of it, but for `keep_together`, which is hashed with the data."""
        measure = hash_code(self.measure)
        options = self.rows, self.unseen, measure, self.effects, self.swap_rows
        return joblib.hash([__version__, *options])

    def parts(self, cut):
        """The parts of a split that are measured, by name."""
        if self.rows == "validation":
            return {"validation": cut.validation}
        parts = {"seen": cut.test_seen, "unseen": cut.test_unseen}
        return {name: part for name, part in parts.items() if len(part)}


@dataclass(frozen=True)
class Fit:
    """One model, one seed, and what tells whether a record is of the same fit."""

    name: str
    seed: int
    model: object
    held_out: object
    settings: dict

    @classmethod
    def of(cls, name, model, seed, unseen_clusters, shared):
        """The fit of a model on a seed, with what is `shared` by all among its settings."""
        model = clone(model)
        for parameter in {"seed", "random_state"} & set(model.get_params()):
            model.set_params(**{parameter: seed})
        params = {key: hash_code(value) for key, value in model.get_params().items()}
        held_out = _held_out(unseen_clusters, seed)
        settings = {
            "model": joblib.hash([hash_code(type(model)), params]),
            "unseen_clusters": repr(np.asarray(held_out).tolist()),
        }
        return cls(name, seed, model, held_out, settings | shared)


def _held_out(unseen_clusters, seed):
    """The sorted labels, or the share, of the clusters that this seed holds out."""
    if callable(unseen_clusters):
        unseen_clusters = unseen_clusters(seed)
    elif is_list_like(unseen_clusters) and any(map(is_list_like, unseen_clusters)):
        unseen_clusters = unseen_clusters[seed % len(unseen_clusters)]
    return sorted(unseen_clusters, key=str) if is_list_like(unseen_clusters) else unseen_clusters


def hash_data(data, keep_together):
    """A hash of a `ClusteredData` and of the rows that are kept together."""
    parts = [data.x, data.y, data.clusters, data.sensitive]
    parts += [] if keep_together is None else [pd.Series(np.asarray(keep_together))]
    parts += [] if data.weights is None else [data.weights.rename("weights")]
    values = [pd.util.hash_pandas_object(part, index=False).to_numpy() for part in parts]
    return joblib.hash([values, list(data.x), list(data.sensitive), data.task, repr(data.swaps)])
