"""What the two estimators share: their settings, and how they are fitted."""

import inspect
import random
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Self

import numpy as np
import pandas as pd
from scipy.stats import entropy
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from fairmedl_lite import checks, tables
from fairmedl_lite.estimator.adapting import Adapting
from fairmedl_lite.estimator.encoding import as_table
from fairmedl_lite.estimator.file import Saving
from fairmedl_lite.estimator.predicting import Predicting
from fairmedl_lite.estimator.rows import Rows
from fairmedl_lite.estimator.settings import (
    NEED_CLUSTERS,
    check_settings,
    model_settings,
)
from fairmedl_lite.linear.exact import fit_exactly, has_exact_fit
from fairmedl_lite.model.cells import Cells
from fairmedl_lite.summaries.describing import Describing
from fairmedl_lite.summaries.tables import identified
from fairmedl_lite.summaries.verdict import verdict

PREDICTOR_LOSS = "sparse_categorical_crossentropy"


class FairMEDLEstimator(Predicting, Describing, Adapting, Saving, BaseEstimator):
    """What the two estimators share. Their documentation goes on with what follows.

    A weight of 0 leaves a part out: `ladder` gives the paper's six ablations. `hidden=()` with
    both adversaries left out is the linear mixed model of the statistics textbooks, and is
    fitted exactly: by maximum likelihood, of a 0/1 outcome by the maximum of its variational bound.

    Args:
        hidden: Integers. Units of the hidden layers; `()` makes the fixed effects linear.
        random_effects: `"slopes"` (for each cluster an intercept and slopes on the last hidden
            layer), `"intercept"`, `None`, or a list of columns: `["exper"]` is lme4's
            `(1 + exper | cluster)`, an intercept and slopes with a full covariance. With several
            cluster variables one of these for all, or a dictionary of variable to one of them.
        cluster_adversary: Float, zero or more (lam_g). What FE keeps shall not tell the cluster.
        cluster_adversary_reads: Of the hidden layers `"activations"` (the paper's), or
            `"standardised"`, with an adversary that learns ten times as fast. The first changes
            what the prediction uses, but the network fools it: on Adult a new adversary still
            finds the cluster (results/adult_unlearning.csv). After the second it finds less, the
            less the larger the weight.
        fairness: Float, zero or more (lam_FE = lam_ME). The prediction, once the outcome is
            known, shall not tell the sensitive attributes.
        fairness_on: Which predictions fairness is asked of: `"fixed"`, `"mixed"`.
        debias: How: by an `"adversary"` that reads prediction and outcome (the paper's), by the
            absolute `"correlation"` of prediction and groups (the paper's other form), or by the
            spread of the groups' rates itself, `"equalized_odds"`.
        attribute_weights: Dictionary of sensitive attribute to how much it weighs in fairness,
            beside the others. `None` weighs them alike.
        within_between: Columns of numbers whose mean in the cluster enters beside them (Mundlak
            1978). The coefficient of the column is then the one within clusters, also where the
            random effects go along with it.
        cluster_predictor: Whether to train a cluster predictor, for `unseen="predict"`.
        epochs: Integer, or `None` to train until converged: at least 20 epochs and 600 steps. A
            linear model with any of these three given is trained by steps too, not exactly.
        batch_size: Integer, rows of a step. `None`: 256, or for a linear model 8,192.
        learning_rate: Float, Adam's before it is lowered. `None`: .001, or for a linear model .006.
        fixed_loss: Float lam_F. `None` is 1 with an adversary and 0 without one.
        reml: Whether an exact fit of a continuous outcome maximises the restricted likelihood,
            whose variances are not too small where there are few clusters.
        seed: Integer. The same seed gives the same model.

    Attributes:
        random_effects_: DataFrame of `variable`, `cluster`, `effect`, `mean`, `sd`, `n`: the
            posterior of each cluster's effects on the link scale, in the units of the data. Of
            slopes on a hidden layer it is their sum, averaged over the cluster's training rows.
        variance_components_: DataFrame of `variable`, `effect`, `sd`, `correlation` (with the
            intercept), `share`. The share is that of all the variable's effects together in what
            the fixed effects leave of the variance, at the average training row: with
            intercepts alone the intra-class correlation. The last row is the residual; a 0/1
            outcome has that of the latent logistic scale.
        effect_covariances_: For each cluster variable a DataFrame, the covariance of its effects.
        coef_, intercept_: With `hidden=()`: coefficients in the units of the data. A category's
            is its difference from the first one. `fixed_effects_` has their standard errors too.
        history_: Every term of the loss by epoch; of an exact fit minus the log likelihood a row,
            by step of the search.
        verdict_: Dictionary of what `summary` says of the fit, with what to do: "converged" or "not
            converged", and where it is so "overfitted", "singular", "separated", "aliased".
        chance_levels_: What an adversary that learns nothing would reach: one at its chance
            level has been beaten, or has collapsed.
    """

    widest_encoder = None  # `compare` sets it, so that the resamples' networks share one graph

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls.__doc__ = _joined(cls.__doc__, FairMEDLEstimator.__doc__)

    def __init__(
        self,
        hidden: Sequence[int] = (64, 32, 16),
        random_effects: str | Sequence[str] | dict | None = "slopes",
        cluster_adversary: float = 0.1,
        cluster_adversary_reads: str = "activations",
        fairness: float = 1.0,
        fairness_on: Sequence[str] = ("fixed", "mixed"),
        debias: str = "adversary",
        attribute_weights: dict | None = None,
        within_between: Sequence[str] = (),
        cluster_predictor: bool = False,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        fixed_loss: float | None = None,
        reml: bool = False,
        seed: int = 0,
    ):
        self.hidden = hidden
        self.random_effects = random_effects
        self.cluster_adversary = cluster_adversary
        self.cluster_adversary_reads = cluster_adversary_reads
        self.fairness = fairness
        self.fairness_on = fairness_on
        self.debias = debias
        self.attribute_weights = attribute_weights
        self.within_between = within_between
        self.cluster_predictor = cluster_predictor
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.fixed_loss = fixed_loss
        self.reml = reml
        self.seed = seed

    def fit(self, X, y, *, clusters=None, sensitive_features=None, sample_weight=None) -> Self:
        """Learn the encoding, the fixed effects and the random effects.

        Args:
            X: DataFrame of shape `(rows, columns)`: numbers, strings, categories, missing values.
            y: Series of shape `(rows,)`: numbers, or two classes of which the larger is positive.
            clusters: Series of shape `(rows,)`, or DataFrame with a column for each of several
                cluster variables, crossed or nested. Needed by every part but the plain network.
            sensitive_features: DataFrame of shape `(rows, attributes)`. Needed if `fairness > 0`.
            sample_weight: Array of shape `(rows,)`, zero or more. A weight of 2 counts as two
                rows that are alike.

        Returns:
            The fitted estimator.

        Raises:
            ValueError: If the settings or the data cannot be used; the message says what to do.

        Warns:
            ConvergenceWarning: If the loss still falls when training ends, or the network overfits:
                the loss of rows that were held back has risen.
        """
        check_settings(self)
        parts = {"clusters": clusters, "sensitive_features": sensitive_features}
        tables.check_rows(X=X, y=y, **parts, sample_weight=sample_weight)
        sample_weight = checks.check_weights(sample_weight)
        self.outcome_, outcome = self._outcome.learn(y, sample_weight)
        x, ids = self._learn_rows(X, clusters)
        cells = self._learn_cells(sensitive_features, outcome, sample_weight)
        with _seeded(self.seed):
            self._assemble(model_settings(self, outcome, cells, sample_weight))
            targets = {"outcome": outcome[:, None]}
            if cells is not None:
                self.model_.debiasing.learn(cells)
                targets["cells"] = cells.codes
            exact = self._fit_exactly(x, ids, outcome, sample_weight)
            if exact is None:
                data = {"x": x, "clusters": ids}
                self.history_ = self._train(self.model_, data, targets, sample_weight)
            for predictor, labels in zip(self.cluster_predictors_, ids, strict=False):
                self._train(predictor, x, labels, sample_weight, PREDICTOR_LOSS)
        self.outcome_.set_noise(self.model_.family.noise())
        self.chance_levels_ = self._chance_levels(ids, cells, sample_weight)
        self._summarise(x, ids, outcome, sample_weight, exact)
        state = {"converged": exact.converged} if exact else self.history_.attrs
        self.verdict_ = verdict(self, x, **state)
        return self

    @property
    def encoder_(self):
        """The `TableEncoder` that turns X into columns of numbers."""
        return self.rows_.encoder

    @property
    def clusters_(self):
        """Dictionary of cluster variable to the labels of its seen clusters."""
        return self.rows_.index.labels

    def _learn_rows(self, X, clusters):
        """Learn clusters and encoding; the encoded rows and the numbers of their clusters."""
        needed = [name for name in NEED_CLUSTERS if getattr(self, name)]
        self.rows_ = Rows.learn(X, clusters, needed=needed, within_between=self.within_between)
        if self.widest_encoder and self.hidden:
            self.encoder_.widen(self.widest_encoder)
        self.feature_names_in_ = np.array(list(as_table(X)), dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        return self.rows_.read(X, clusters)

    def _learn_cells(self, sensitive_features, outcome, sample_weight):
        """Learn the groups, and the cell of each row: its groups at its level of the outcome."""
        self.groups_ = {}
        if not self.fairness:
            return None
        if sensitive_features is None:
            raise ValueError(
                f"sensitive_features must be given for fairness={self.fairness}. Received: None. "
                "Pass a DataFrame of attributes, or fairness=0."
            )
        self.groups_, groups = tables.check_groups(sensitive_features, stored=True)
        counts = [len(found) for found in self.groups_.values()]
        return Cells.learn(groups, counts, outcome, sample_weight)

    def _assemble(self, settings):
        """Make the models, with their weights in place."""
        from fairmedl_lite.model.cluster_predictor import ClusterPredictor
        from fairmedl_lite.model.fair_medl import FairMEDL

        columns, counts = len(self.encoder_.feature_names), settings["num_clusters"]
        self.model_ = FairMEDL(**settings)
        self.model_.build({"x": (None, columns), "clusters": ((None,),) * len(counts)})
        self.cluster_predictors_ = [
            ClusterPredictor(count, seed=self.seed) for count in counts if self.cluster_predictor
        ]
        for predictor in self.cluster_predictors_:
            predictor.build((None, columns))

    def _fit_exactly(self, x, ids, outcome, sample_weight):
        """The exact fit, if there is one; the model's weights are set to it."""
        if not has_exact_fit(self):
            return None
        weights = np.ones(len(x)) if sample_weight is None else sample_weight
        kept = identified(self.encoder_, x, weights)
        fit = fit_exactly(self.model_, x, ids, outcome, weights, kept, self.reml)
        self.history_ = pd.DataFrame({"loss": -np.array(fit.values) / weights.sum()})
        self.history_.index.name = "step"
        if not fit.converged:
            warnings.warn(
                f"The search for the variances ended early, after {len(fit.values)} steps. See "
                "summary(): a column or a cluster of few rows may leave the likelihood flat.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return fit

    def _train(self, model, x, y, sample_weight, loss=None):
        from fairmedl_lite.training.train import LINEAR, NETWORK, train

        recipe = NETWORK if self.hidden or self.fairness or loss else LINEAR
        for name in ("batch_size", "learning_rate"):
            if getattr(self, name) is not None:
                recipe = replace(recipe, **{name: getattr(self, name)})
        if sample_weight is not None:
            sample_weight = (sample_weight / sample_weight.mean()).astype("float32")
        how = {"seed": self.seed, "epochs": self.epochs, "loss": loss}
        return train(model, x, y, sample_weight, recipe, **how)

    def _chance_levels(self, ids, cells, sample_weight):
        """The cross-entropy, in nats, of adversaries that know only how frequent answers are."""
        levels = {}
        if self.cluster_adversary and len(ids):
            parts = [entropy(np.bincount(part, weights=sample_weight)) for part in ids]
            levels["cluster_adversary"] = float(np.sum(parts))
        if cells is not None and self.debias == "adversary":
            levels["fairness"] = cells.chance_level()
        return levels


def _joined(own, shared):
    """A docstring that goes on with a shared one, but for its first paragraph, to its example."""
    if not own or not shared:  # python -OO keeps none
        return own
    start, mark, example = inspect.cleandoc(own).partition("\n\nExample:")
    _, rest = inspect.cleandoc(shared).split("\n\n", 1)
    return f"{start}\n\n{rest}{mark}{example}\n"


@contextmanager
def _seeded(seed):
    """Seed what Keras draws from, and give Python and NumPy their own state back after."""
    from fairmedl_lite.model.backend import keras

    states = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
