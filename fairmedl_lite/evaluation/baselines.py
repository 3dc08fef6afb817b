"""Methods beside ours, under the same call: thresholds of each group, weights of the rows."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from fairmedl_lite import checks, tables
from fairmedl_lite.estimator import encoding

QUARTERS = 4


class Method(ClassifierMixin, BaseEstimator):
    """What the methods share: the call of `FairMEDLClassifier`, for two classes."""

    random_effects: str | None = None

    def fit(self, X, y, *, clusters=None, sensitive_features=None) -> Self:
        """Learn from training rows. Arguments and errors as in `FairMEDLClassifier.fit`."""
        tables.check_rows(X=X, y=y, clusters=clusters, sensitive_features=sensitive_features)
        self.classes_, outcome = checks.check_binary(y)
        self._learn(encoding.as_table(X), outcome.astype(int), clusters, sensitive_features)
        return self

    def predict_proba(self, X, *, clusters=None, effects="mixed", unseen=None) -> np.ndarray:
        """Probabilities of the two classes. As `FairMEDLClassifier.predict_proba`."""
        check_is_fitted(self, "classes_")
        positive = self._positive(encoding.as_table(X), clusters, effects, unseen)
        return np.column_stack([1 - positive, positive])

    def predict(self, X, *, clusters=None, effects="mixed", unseen=None) -> np.ndarray:
        """The likelier class of each row: threshold 0.5. Arguments as in `predict_proba`."""
        positive = self.predict_proba(X, clusters=clusters, effects=effects, unseen=unseen)[:, 1]
        return self.classes_[(positive >= 0.5).astype(int)]


class Wrapper(Method):
    """A method that changes what goes into an estimator, or what its predictions lead to."""

    @property
    def random_effects(self):
        """The estimator's."""
        return self.estimator.random_effects

    def _fit_estimator(self, *data, **options):
        self.estimator_ = clone(self.estimator).set_params(seed=self.seed).fit(*data, **options)

    def _positive(self, X, clusters, effects, unseen):
        options = {"clusters": clusters, "effects": effects, "unseen": unseen}
        return self.estimator_.predict_proba(X, **options)[:, 1]


class ThresholdPostProcessing(Wrapper):
    """Thresholds of their own for the groups of one attribute (Hardt, Price, Srebro 2016).

    Three quarters of the training rows fit the estimator, the last one fairlearn's
    `ThresholdOptimizer`: on rows it was fitted to, an estimator looks better than it is. The
    quarter is drawn at random, stratified by group and outcome. The thresholds maximise the
    balanced accuracy, as Youden's does. Where no single threshold gives equal rates, a decision
    is drawn between two. To decide, the person's group must be known; probabilities stay as
    they are.

    Args:
        estimator: A classifier with the call of `FairMEDLClassifier`, not fitted.
        attribute: The sensitive attribute.
        constraint: What shall be equal: `"equalized_odds"`, `"true_positive_rate_parity"`,
            `"demographic_parity"`, or another word that `ThresholdOptimizer` knows.
        seed: Integer, the estimator's too.

    Example:
        >>> data = simulate_hiring(firms=4, rows=25, seed=0).data
        >>> model = ThresholdPostProcessing(ladder(epochs=1)["NNet"], "sex")
        >>> fitted = model.fit(data.x, data.y, sensitive_features=data.sensitive)
        >>> model.predict_decisions(data.x, sensitive_features=data.sensitive).shape
        (100,)
    """

    def __init__(
        self, estimator, attribute: str, constraint: str = "equalized_odds", seed: int = 0
    ):
        self.estimator = estimator
        self.attribute = attribute
        self.constraint = constraint
        self.seed = seed

    def _learn(self, X, outcome, clusters, sensitive_features):
        groups = attribute_of(sensitive_features, self.attribute)
        fitted, kept = self._cut(groups, outcome)
        x, y, z, s = (_rows(part, fitted) for part in (X, outcome, clusters, sensitive_features))
        self._fit_estimator(x, y, clusters=z, sensitive_features=s)
        x, y, z, groups = (_rows(part, kept) for part in (X, outcome, clusters, groups))
        kinds = ("fixed", "mixed") if self.random_effects is None else ("fixed", "mixed", "random")
        self.groups_ = np.unique(groups)
        self.optimizers_ = {
            effects: ThresholdOptimizer(
                estimator=_Scores(),
                constraints=self.constraint,
                objective="balanced_accuracy_score",
                prefit=True,
                predict_method="predict_proba",
            ).fit(
                self.predict_proba(x, clusters=z, effects=effects, unseen="fixed"),
                y,
                sensitive_features=groups,
            )
            for effects in kinds
        }

    def _cut(self, groups, outcome):
        """Positions of three quarters and of one quarter of the rows."""
        counts = pd.crosstab(groups, outcome).stack()
        if counts.min() < QUARTERS:
            raise ValueError(
                f"Every group of {self.attribute!r} must have {QUARTERS} rows of each class. "
                f"Received: {counts.to_dict()}. Pool small groups, or name another attribute."
            )
        cells = pd.factorize(pd.MultiIndex.from_arrays([groups, outcome]))[0]
        folds = StratifiedKFold(QUARTERS, shuffle=True, random_state=self.seed)
        return next(folds.split(cells, cells))

    def predict_decisions(
        self, X, *, sensitive_features, clusters=None, effects="mixed", unseen=None
    ) -> np.ndarray:
        """Decide by the thresholds of each row's group; draws are by `seed`.

        Args:
            X: DataFrame of shape `(rows, columns)`.
            sensitive_features: DataFrame of shape `(rows, attributes)`, with the attribute.
            clusters: As in `predict_proba`.
            effects: As in `predict_proba`.
            unseen: As in `predict_proba`.

        Returns:
            0/1 array of shape `(rows,)`.

        Raises:
            ValueError: If a group is none of the training rows'.
        """
        check_is_fitted(self, "optimizers_")
        checks.check_choice("effects", effects, self.optimizers_)
        tables.check_rows(X=X, sensitive_features=sensitive_features)
        groups = attribute_of(sensitive_features, self.attribute)
        unknown = sorted(set(groups) - set(self.groups_), key=str)
        if unknown:
            raise ValueError(
                f"Groups of {self.attribute!r} must be among {self.groups_.tolist()}: no other "
                f"has a threshold. Received: {unknown}. Leave these rows out."
            )
        scores = self.predict_proba(X, clusters=clusters, effects=effects, unseen=unseen)
        return self.optimizers_[effects].predict(
            scores, sensitive_features=groups, random_state=self.seed
        )


class _Scores(BaseEstimator):
    """Lets `ThresholdOptimizer` read scores in the place of covariates."""

    def fit(self, scores, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, scores):
        return scores


class Reweighing(Wrapper):
    """Weights that make the outcome independent of the groups (Kamiran and Calders 2012).

    A row weighs P(s) P(y) / P(s, y), where s is the joint group of the named attributes. In a
    small cell of (s, y) the weight can be large, and the fit then leans on few rows: see
    `cells_`. A joint group with a single outcome cannot be balanced; its rows weigh P(y).

    Args:
        estimator: A classifier with the call of `FairMEDLClassifier`, not fitted.
        attributes: The sensitive attributes.
        seed: Integer, the estimator's too.

    Attributes:
        cells_: DataFrame of the joint group, `outcome` (0/1), `rows`, `weight`.

    Example:
        >>> x, y = pd.DataFrame({"skill": [1.0, 2.0, 3.0, 4.0]}), pd.Series([1, 0, 0, 1])
        >>> sex = pd.DataFrame({"sex": ["f", "f", "f", "m"]})
        >>> model = Reweighing(ladder(epochs=1)["NNet"], ["sex"]).fit(x, y, sensitive_features=sex)
        >>> model.cells_  # three of four rows are f and half are 1: .75 * .5 / .25 is 1.5
          sex  outcome  rows  weight
        0   f        0     2    0.75
        1   f        1     1    1.50
        2   m        1     1    0.50
    """

    def __init__(self, estimator, attributes: Sequence[str], seed: int = 0):
        self.estimator = estimator
        self.attributes = attributes
        self.seed = seed

    def _learn(self, X, outcome, clusters, sensitive_features):
        names = list(self.attributes)
        table = pd.DataFrame({name: attribute_of(sensitive_features, name) for name in names})
        table["outcome"] = outcome
        group, label, cell = (
            table.groupby(keys)["outcome"].transform("size")
            for keys in (names, "outcome", [*names, "outcome"])
        )
        table["weight"] = group * label / (len(table) * cell)
        cells = table.groupby([*names, "outcome"])["weight"]
        self.cells_ = cells.agg(rows="size", weight="first").reset_index()
        options = {"clusters": clusters, "sensitive_features": sensitive_features}
        self._fit_estimator(X, outcome, sample_weight=table["weight"].to_numpy(), **options)


def attribute_of(sensitive_features, name):
    """The groups of one attribute as an array, none missing."""
    table = pd.DataFrame(sensitive_features)
    if name not in table:
        raise ValueError(
            f"sensitive_features must have the attribute {name!r}. Received: {list(table)}. "
            "Pass a DataFrame with a column of this name."
        )
    return tables.check_labels(table[name], f"sensitive attribute {name!r}").to_numpy()


def _rows(part, positions):
    return None if part is None else _safe_indexing(part, positions)
