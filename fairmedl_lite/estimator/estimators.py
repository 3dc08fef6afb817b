"""FairMEDLClassifier and FairMEDLRegressor: Fair MEDL for people with a DataFrame."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score

from fairmedl_lite import checks
from fairmedl_lite.estimator.base import FairMEDLEstimator
from fairmedl_lite.estimator.outcome import Binary, Continuous
from fairmedl_lite.estimator.predicting import EFFECTS


class FairMEDLClassifier(ClassifierMixin, FairMEDLEstimator):
    """Fair MEDL for a two-class outcome and rows in clusters (arXiv 2310.03146).

    Example:
        >>> data = simulate_hiring(firms=4, rows=25, seed=0).data
        >>> model = FairMEDLClassifier(hidden=(4,), epochs=1)
        >>> model.fit(data.x, data.y, clusters=data.clusters, sensitive_features=data.sensitive)
        FairMEDLClassifier(epochs=1, hidden=(4,))
        >>> model.predict_proba(data.x, clusters=data.clusters).shape
        (100, 2)
        >>> model.cluster_effects(data.x, clusters=data.clusters)["cluster"].tolist()
        ['f00', 'f01', 'f02', 'f03']
    """

    _outcome = Binary

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    @property
    def classes_(self) -> np.ndarray:
        """Array of the two classes, the positive one last."""
        return self.outcome_.classes

    def predict_proba(self, X, *, clusters=None, effects="mixed", unseen=None) -> np.ndarray:
        """Probabilities of the two classes.

        Two of them are for a cluster one knows nothing of. `effects="fixed"` is the probability
        in a typical cluster, one whose random effect is zero (conditional, cluster-specific).
        `effects="population"` is the probability averaged over clusters (marginal,
        population-averaged): the random effects are integrated out. It is nearer to one half,
        since the sigmoid of a mean is not the mean of the sigmoid. Compare the first with the
        coefficients; compare the second with the share of positives among many new clusters.

        Args:
            X: DataFrame of shape `(rows, columns)`, with the columns of `fit`.
            clusters: As in `fit`; `None` if no row's cluster is known.
            effects: `"mixed"` (the whole model, at the effects' posterior mean), `"fixed"`,
                `"population"`, or `"random"` (the clusters' effects alone, around a logit of 0).
            unseen: What a row of a new cluster gets. `"fixed"`: no random effect. `"prior"`: the
                probability averaged over clusters drawn from the prior. `"predict"`: the effects
                of the clusters it resembles, as the cluster predictor weighs them; `"shuffled"`
                is its control: the same memberships, shuffled among the rows. `None` raises
                instead.

        Returns:
            Array of shape `(rows, 2)`.

        Raises:
            ValueError: If a cluster is new and `unseen` is `None`, or the input does not fit.
        """
        checks.check_choice("effects", effects, (*EFFECTS, "population"))
        link, scale = self._link(X, clusters, effects, unseen)
        positive = self.outcome_.probability(link, scale)
        return np.column_stack([1 - positive, positive])

    def predict(self, X, *, clusters=None, effects="mixed", unseen=None) -> np.ndarray:
        """The likelier class of each row: threshold 0.5. Arguments as in `predict_proba`."""
        positive = self.predict_proba(X, clusters=clusters, effects=effects, unseen=unseen)[:, 1]
        return self.classes_[(positive >= 0.5).astype(int)]

    def score(self, X, y, *, clusters=None, effects="mixed", unseen=None, sample_weight=None):
        """Accuracy. Arguments as in `predict_proba` and `fit`."""
        predicted = self.predict(X, clusters=clusters, effects=effects, unseen=unseen)
        return accuracy_score(y, predicted, sample_weight=sample_weight)


class FairMEDLRegressor(RegressorMixin, FairMEDLEstimator):
    """Fair MEDL for a continuous outcome and rows in clusters (arXiv 2310.03146).

    The outcome is Gaussian, with a learned residual scale. It is standardised for the fit; all
    that is returned is in its own units.

    Example:
        >>> data = simulate_linear(clusters=4, rows=25, seed=0).data
        >>> linear = {"hidden": (), "cluster_adversary": 0, "fairness": 0}
        >>> model = FairMEDLRegressor(random_effects="intercept", **linear, epochs=1)
        >>> fitted = model.fit(data.x, data.y, clusters=data.clusters)
        >>> model.coef_.index.tolist(), model.variance_components_["variable"].tolist()
        (['x1', 'x2'], ['cluster', 'residual'])
        >>> model.predict(data.x, unseen="fixed").shape
        (100,)
    """

    _outcome = Continuous

    @property
    def residual_sd_(self) -> float:
        """Standard deviation of the residual, in the units of y."""
        return self.outcome_.residual_sd

    def predict(self, X, *, clusters=None, effects="mixed", unseen=None) -> np.ndarray:
        """The expected outcome.

        Args:
            X: DataFrame of shape `(rows, columns)`, with the columns of `fit`.
            clusters: As in `fit`; `None` if no row's cluster is known.
            effects: `"mixed"` (the whole model), `"fixed"` (what serves every cluster) or
                `"random"` (the clusters' effects alone, around zero).
            unseen: What a row of a new cluster gets. `"fixed"`: no random effect. `"prior"`: the
                mean over clusters drawn from the prior, which for a mean is the same; its
                intervals differ. `"predict"`: the effects of the clusters it resembles, as the
                cluster predictor weighs them; `"shuffled"` is its control: the same memberships,
                shuffled among the rows. `None` raises instead.

        Returns:
            Array of shape `(rows,)`, in the units of y.

        Raises:
            ValueError: If a cluster is new and `unseen` is `None`, or the input does not fit.
        """
        checks.check_choice("effects", effects, EFFECTS)
        link, _ = self._link(X, clusters, effects, unseen)
        centre = 0.0 if effects == "random" else self.outcome_.centre
        return centre + self.outcome_.scale * link.astype("float64")

    def score(self, X, y, *, clusters=None, effects="mixed", unseen=None, sample_weight=None):
        """R squared. Arguments as in `predict` and `fit`."""
        predicted = self.predict(X, clusters=clusters, effects=effects, unseen=unseen)
        return r2_score(y, predicted, sample_weight=sample_weight)


def ladder(kind: type = FairMEDLClassifier, **settings) -> dict:
    """The paper's ladder of ablations: six settings of one class.

    Args:
        kind: `FairMEDLClassifier` or `FairMEDLRegressor`.
        **settings: Arguments of it that all six share. `random_effects`, `cluster_adversary`
            and `fairness` set the parts where a rung has them.

    Returns:
        Dictionary of name to unfitted estimator, from NNet to Fair MEDL-NNet.

    Example:
        >>> rungs = ladder(FairMEDLRegressor, epochs=10)
        >>> list(rungs)
        ['NNet', 'Fair NNet', 'DA-NNet', 'Fair DA-NNet', 'MEDL-NNet', 'Fair MEDL-NNet']
        >>> rungs["NNet"].random_effects, rungs["MEDL-NNet"].random_effects
        (None, 'slopes')
    """
    off = {"random_effects": None, "cluster_adversary": 0, "fairness": 0}
    rungs = {
        "NNet": (),
        "Fair NNet": ("fairness",),
        "DA-NNet": ("cluster_adversary",),
        "Fair DA-NNet": ("cluster_adversary", "fairness"),
        "MEDL-NNet": ("random_effects", "cluster_adversary"),
        "Fair MEDL-NNet": tuple(off),
    }
    return {
        name: kind(**settings | {part: value for part, value in off.items() if part not in parts})
        for name, parts in rungs.items()
    }
