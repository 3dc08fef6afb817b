"""FairMEDLClassifier and FairMEDLRegressor: Fair MEDL for people with a DataFrame."""

import math

import numpy as np
from scipy.special import expit, log_expit
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score

from fairmedl_lite import checks
from fairmedl_lite.estimator import summaries
from fairmedl_lite.estimator.base import LEARNED, FairMEDLEstimator
from fairmedl_lite.estimator.predicting import EFFECTS

NODES = 32  # of the quadrature over a normal distribution


class FairMEDLClassifier(ClassifierMixin, FairMEDLEstimator):
    """Fair MEDL for a two-class outcome and rows in clusters (arXiv 2310.03146)."""

    _is_binary, _centre, _scale = True, 0.0, 1.0
    _learned = (*LEARNED, "classes_")

    def predict_proba(self, X, *, clusters=None, effects="mixed", unseen=None):
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
        positive = _average_over_normal(expit, link, scale) if scale.any() else _sigmoid(link)
        return np.column_stack([1 - positive, positive])

    def predict(self, X, *, clusters=None, effects="mixed", unseen=None):
        """The likelier class of each row: threshold 0.5. Arguments as in `predict_proba`."""
        positive = self.predict_proba(X, clusters=clusters, effects=effects, unseen=unseen)[:, 1]
        return self.classes_[(positive >= 0.5).astype(int)]

    def score(self, X, y, *, clusters=None, effects="mixed", unseen=None, sample_weight=None):
        """Accuracy. Arguments as in `predict_proba` and `fit`."""
        predicted = self.predict(X, clusters=clusters, effects=effects, unseen=unseen)
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def _learn_outcome(self, y, sample_weight):
        self.classes_, outcome = checks.check_binary(y)
        if not 0 < np.average(outcome, weights=sample_weight) < 1:
            raise ValueError(
                "Both classes of y must have rows that weigh more than zero. "
                "Received: a sample_weight of 0 for every row of one class."
            )
        return outcome

    def _outcome_draws(self, drawn, seed):
        return _sigmoid(drawn)

    def _residual_variance(self):
        return summaries.LATENT_VARIANCE

    def _precision(self, link):
        return _sigmoid(link) * _sigmoid(-link)

    def _expected_log_likelihood(self, outcome, link, scale):
        """Mean of each row's log likelihood over the posterior of its effects."""
        turned = np.where(outcome == 1, link, -link)
        return _average_over_normal(log_expit, turned, scale)


class FairMEDLRegressor(RegressorMixin, FairMEDLEstimator):
    """Fair MEDL for a continuous outcome and rows in clusters (arXiv 2310.03146).

    The outcome is Gaussian, with a learned residual scale. It is standardised for the fit; all
    that is returned is in its own units.
    """

    _is_binary = False
    _learned = (*LEARNED, "outcome_mean_", "outcome_scale_")

    def predict(self, X, *, clusters=None, effects="mixed", unseen=None):
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
        centre = 0.0 if effects == "random" else self._centre
        return centre + self._scale * link.astype("float64")

    def score(self, X, y, *, clusters=None, effects="mixed", unseen=None, sample_weight=None):
        """R squared. Arguments as in `predict` and `fit`."""
        predicted = self.predict(X, clusters=clusters, effects=effects, unseen=unseen)
        return r2_score(y, predicted, sample_weight=sample_weight)

    @property
    def _centre(self):
        return self.outcome_mean_

    @property
    def _scale(self):
        return self.outcome_scale_

    def _learn_outcome(self, y, sample_weight):
        values, self.outcome_mean_, self.outcome_scale_ = checks.check_number(y, sample_weight)
        return ((values - self.outcome_mean_) / self.outcome_scale_).astype("float32")

    def _outcome_draws(self, drawn, seed):
        noise = np.random.default_rng([seed, 1]).normal(size=drawn.shape)
        return drawn + self.residual_sd_ * noise

    def _residual_variance(self):
        return self.residual_sd_**2

    @property
    def residual_sd_(self):
        """Standard deviation of the residual, in the units of y."""
        log_scale = self.model_.family.log_scale["mixed"]
        return self.outcome_scale_ * math.exp(float(np.asarray(log_scale)))

    def _expected_log_likelihood(self, outcome, link, scale):
        """Mean of each row's log likelihood over the posterior of its effects."""
        residual = self.residual_sd_ / self._scale
        error = np.square(outcome - link, dtype="float64") + scale**2
        return -0.5 * (error / residual**2 + math.log(2 * math.pi * self.residual_sd_**2))

    def _precision(self, link):
        return np.full(len(link), (self._scale / self.residual_sd_) ** 2)


def ladder(kind=FairMEDLClassifier, **settings):
    """The paper's ladder of ablations: six settings of one class.

    Args:
        kind: `FairMEDLClassifier` or `FairMEDLRegressor`.
        **settings: Arguments of it that all six share. `random_effects`, `cluster_adversary`
            and `fairness` set the parts where a rung has them.

    Returns:
        Dictionary of name to unfitted estimator, from NNet to Fair MEDL-NNet.
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


def _sigmoid(logit):
    return expit(logit.astype("float64"))


def _average_over_normal(function, mean, scale):
    """Mean of function(e) over e ~ N(mean, scale^2), by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    mean = mean.astype("float64")
    parts = zip(nodes, weights / weights.sum(), strict=True)
    return sum(weight * function(mean + node * scale) for node, weight in parts)
