"""Predictions averaged over the groups of an attribute: its swap falls, without a new fit."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fairmedl_lite import checks, tables
from fairmedl_lite.data.clustered import Swap
from fairmedl_lite.estimator.encoding import as_table
from fairmedl_lite.evaluation.baselines import attribute_of
from fairmedl_lite.metrics.swap import set_group


class SwapAveraging(BaseEstimator):
    """Average each prediction over the groups the person might belong to (Lindholm et al. 2022).

    With f the estimator, c the `share` and p_g the share of group g among the training rows, it is

        (1 - c) f(x) + c * sum over g of p_g f(x with the attribute set to g),

    of probabilities, or of predicted numbers. At c = 1 it is the discrimination-free price of
    Lindholm, Richman, Tsanakas and Wüthrich. The attribute swap of this attribute falls by the
    share c exactly, where a swap leaves no trace of the group before: not where it joins values, as
    that of Adult's `marital_status` does. That is all it promises. Other columns still tell the
    group, and groups whose x differ keep unlike means: print them beside it.

    Args:
        estimator: A classifier or a regressor with the call of those here, not fitted; a fitted one
            in scikit-learn's `FrozenEstimator` is not fitted again.
        attribute: The sensitive attribute.
        swap: A `Swap`: how to set the attribute. Data sets have it in `swaps[attribute]`.
        share: Float c from 0, which changes nothing, to 1.
        seed: Integer, the estimator's too, if it has one.

    Attributes:
        estimator_: The fitted estimator.
        shares_: Dictionary of group to its share p_g of the training rows, by their weights.

    Example:
        >>> data = simulate_hiring(firms=4, rows=25, outcome="salary", seed=0).data
        >>> plain = FairMEDLRegressor(hidden=(), fairness=0, cluster_adversary=0)
        >>> swap, rows = data.swaps["sex"], {"clusters": data.clusters}
        >>> model = SwapAveraging(plain, "sex", swap, share=0.6)
        >>> model = model.fit(data.x, data.y, sensitive_features=data.sensitive, **rows)
        >>> one, other = (
        ...     attribute_swap(each, data.x, swap.column, swap.values, **rows)["change"]
        ...     for each in (model, model.estimator_)
        ... )
        >>> round(float(one / other), 4)
        0.4
    """

    def __init__(self, estimator, attribute: str, swap: Swap, share: float = 1.0, seed: int = 0):
        self.estimator = estimator
        self.attribute = attribute
        self.swap = swap
        self.share = share
        self.seed = seed

    @property
    def random_effects(self):
        """The estimator's."""
        return getattr(self.estimator, "random_effects", None)

    @property
    def classes_(self):
        """The estimator's."""
        return self.estimator_.classes_

    def fit(self, X, y, *, clusters=None, sensitive_features=None, sample_weight=None) -> Self:
        """Fit the estimator, and learn the groups' shares.

        Args:
            X: DataFrame of shape `(rows, columns)`, with the column of the swap.
            y: Series of shape `(rows,)`.
            clusters: Passed to the estimator.
            sensitive_features: DataFrame of shape `(rows, attributes)`, with the attribute.
            sample_weight: Array of shape `(rows,)`, or `None`.

        Returns:
            The fitted estimator.

        Raises:
            ValueError: If the share is not from 0 to 1, the column or the attribute is absent, or
                the swap does not say how to set a group.
        """
        groups = {"clusters": clusters, "sensitive_features": sensitive_features}
        tables.check_rows(X=X, y=y, **groups, sample_weight=sample_weight)
        weights = checks.check_weights(sample_weight)
        labels = attribute_of(sensitive_features, self.attribute)
        self._check(as_table(X), labels)
        weights = pd.Series(np.ones(len(labels)) if weights is None else weights)
        self.shares_ = (weights.groupby(labels).sum() / weights.sum()).to_dict()
        estimator = clone(self.estimator)
        if "seed" in estimator.get_params(deep=False):
            estimator.set_params(seed=self.seed)
        options = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator_ = estimator.fit(X, y, **groups, **options)
        return self

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))
    def predict_proba(self, X, **options) -> np.ndarray:
        """Averaged probabilities of the classes. Arguments are the estimator's."""
        check_is_fitted(self, "shares_")
        return self._averaged(self.estimator_.predict_proba, X, options)

    def predict(self, X, **options) -> np.ndarray:
        """Averaged numbers; of a classifier the likelier class of each row.

        Arguments are the estimator's.
        """
        check_is_fitted(self, "shares_")
        if hasattr(self, "predict_proba"):
            return self.classes_[(self.predict_proba(X, **options)[:, 1] >= 0.5).astype(int)]
        return self._averaged(self.estimator_.predict, X, options)

    def _averaged(self, predict, X, options):
        X, swap = as_table(X), self.swap
        average = 0.0
        for group, share in self.shares_.items():
            swapped = set_group(X, swap.column, swap.values[group], swap.linked.get(group, {}))
            average = average + share * predict(swapped, **options)
        return (1 - self.share) * predict(X, **options) + self.share * average

    def _check(self, X, labels):
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must lie between 0 and 1. Received: {self.share!r}.")
        unknown = sorted(set(labels) - set(self.swap.values), key=str)
        if unknown or self.swap.column not in X:
            raise ValueError(
                f"swap must set a column of X to each group of {self.attribute!r}. Received: the "
                f"column {self.swap.column!r}, of {list(X)}, and no value for {unknown}. Take "
                "data.swaps[attribute] of the data that X comes from."
            )
