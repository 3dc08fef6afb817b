"""What the two estimators share: settings, encoding, fitting, files."""

import math
import random
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import entropy
from sklearn.utils.validation import check_is_fitted

from fairmedl_lite import checks
from fairmedl_lite.estimator import encoding
from fairmedl_lite.estimator.clusters import ClusterIndex, ClusterMeans, cluster_table
from fairmedl_lite.estimator.describing import Describing
from fairmedl_lite.estimator.file import read, write
from fairmedl_lite.model.cells import attribute_weights, cell_codes, cell_shares, outcome_levels

PREDICTOR_LOSS = "sparse_categorical_crossentropy"
LEARNED = (
    "feature_names_in_",
    "n_features_in_",
    "history_",
    "chance_levels_",
    "lower_bound_",
    "random_effects_",
    "variance_components_",
    "effect_covariances_",
    "fixed_effects_",
)


class FairMEDLEstimator(Describing):
    """What the two estimators share. Their documentation goes on with what follows.

    A weight of 0 leaves a part out: `ladder` gives the paper's six ablations. `hidden=()` with
    both adversaries left out is the linear mixed model of the statistics textbooks, fitted by
    (variational) maximum likelihood.

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
            finds the cluster (benchmarks/unlearning.py). After the second it finds less, the less
            the larger the weight.
        fairness: Float, zero or more (lam_FE = lam_ME). The prediction, once the outcome is
            known, shall not tell the sensitive attributes.
        fairness_on: Which predictions fairness is asked of: `"fixed"`, `"mixed"`.
        debias: How: by an `"adversary"` that reads prediction and outcome (the paper's), by the
            absolute `"correlation"` of prediction and groups (the paper's other form), or by the
            spread of the groups' rates itself, `"equalized_odds"`.
        within_between: Columns of numbers whose mean in the cluster enters beside them (Mundlak
            1978). The coefficient of the column is then the one within clusters, also where the
            random effects go along with it.
        cluster_predictor: Whether to train a cluster predictor, for `unseen="predict"`.
        epochs: Integer, or `None` to train until converged: at least 20 epochs and 1,600 steps.
        batch_size: Integer, rows of a step. `None`: 256, or for a linear model 8,192.
        learning_rate: Float, Adam's before it is lowered. `None`: .001, or for a linear model .006.
        fixed_loss: Float lam_F. `None` is 1 with an adversary and 0 without one.
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
        history_: Every term of the loss by epoch.
        chance_levels_: What an adversary that learns nothing would reach: one at its chance
            level has been beaten, or has collapsed.
    """

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls.__doc__ = (
            f"{cls.__doc__.strip()}\n\n    {FairMEDLEstimator.__doc__.split('    ', 1)[1]}"
        )

    def __init__(
        self,
        hidden=(64, 32, 16),
        random_effects="slopes",
        cluster_adversary=0.1,
        cluster_adversary_reads="activations",
        fairness=1.0,
        fairness_on=("fixed", "mixed"),
        debias="adversary",
        within_between=(),
        cluster_predictor=False,
        epochs=None,
        batch_size=None,
        learning_rate=None,
        fixed_loss=None,
        seed=0,
    ):
        self.hidden = hidden
        self.random_effects = random_effects
        self.cluster_adversary = cluster_adversary
        self.cluster_adversary_reads = cluster_adversary_reads
        self.fairness = fairness
        self.fairness_on = fairness_on
        self.debias = debias
        self.within_between = within_between
        self.cluster_predictor = cluster_predictor
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.fixed_loss = fixed_loss
        self.seed = seed

    def fit(self, X, y, *, clusters=None, sensitive_features=None, sample_weight=None):
        """Learn the encoding, the fixed effects and the random effects.

        Args:
            X: DataFrame of shape `(rows, columns)`: numbers, strings, categories, missing values.
            y: Series of shape `(rows,)`: numbers, or two classes of which the larger is positive.
            clusters: Series of shape `(rows,)`, or DataFrame with a column for each of several
                cluster variables, crossed or nested. Needed by every part but the plain network.
            sensitive_features: DataFrame of shape `(rows, attributes)`. Needed if `fairness > 0`.
            sample_weight: Array of shape `(rows,)`, zero or more.

        Returns:
            The fitted estimator.

        Raises:
            ValueError: If the settings or the data cannot be used; the message says what to do.

        Warns:
            ConvergenceWarning: If the loss still falls when training ends.
        """
        self._check_settings()
        checks.check_rows(
            X=X,
            y=y,
            clusters=clusters,
            sensitive_features=sensitive_features,
            sample_weight=sample_weight,
        )
        sample_weight = checks.check_weights(sample_weight)
        outcome = self._learn_outcome(y, sample_weight)
        x, ids = self._learn_inputs(X, clusters)
        self.groups_, groups = self._learn_groups(sensitive_features)
        with _seeded(self.seed):
            rate = np.average(outcome, weights=sample_weight) if self._is_binary else 0.5
            level, level_weights = outcome_levels(outcome)
            self._assemble(self._model_config(len(x), rate, level_weights))
            targets = {"outcome": outcome[:, None]}
            if self.fairness:
                targets["cells"] = self._learn_cells(groups, level, sample_weight)
            data = {"x": x, "clusters": ids}
            self.history_ = self._train(self.model_, data, targets, sample_weight)
            for predictor, labels in zip(self.cluster_predictors_, ids, strict=False):
                self._train(predictor, x, labels, sample_weight, PREDICTOR_LOSS)
        watched = ids if self.cluster_adversary else ()
        read = groups if self.debias == "adversary" else None
        self.chance_levels_ = _chance_levels(watched, read, outcome, sample_weight)
        self._summarise(x, ids, outcome, sample_weight)
        return self

    def save(self, path):
        """Write the fitted model to one file: a zip of JSON and arrays.

        Args:
            path: Where to write.
        """
        check_is_fitted(self, "model_")
        tables = {name: getattr(self, name) for name in self._learned if hasattr(self, name)}
        description = {
            "estimator": type(self).__name__,
            "params": self.get_params(),
            "clusters": list(self.clusters_.items()),
            "cluster_means": self.cluster_means_.means,
            "groups": self.groups_,
            "columns": self.encoder_.get_config(),
            "model": self.model_.get_config(),
            "learned": tables,
        }
        weights = {"model": self.model_.get_weights()}
        for number, predictor in enumerate(self.cluster_predictors_):
            weights[f"cluster_predictor_{number}"] = predictor.get_weights()
        write(path, description, weights)

    @classmethod
    def load(cls, path):
        """Read a model that `save` wrote. Nothing in the file is run.

        Args:
            path: The file.

        Raises:
            ValueError: If the file is not such a model, or is damaged.
        """
        return read(path, cls._restore)

    @classmethod
    def _restore(cls, description, weights):
        if description["estimator"] != cls.__name__:
            raise ValueError(f"it holds a {description['estimator']}, not a {cls.__name__}")
        params = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in description["params"].items()
        }
        self = cls(**params)
        for name, value in description["learned"].items():
            setattr(self, name, np.array(value) if isinstance(value, list) else value)
        self._set_clusters({name: pd.Index(labels) for name, labels in description["clusters"]})
        self.cluster_means_ = ClusterMeans(self.within_between, description["cluster_means"])
        self.groups_ = {name: np.array(part) for name, part in description["groups"].items()}
        self.encoder_ = encoding.TableEncoder.from_config(description["columns"])
        self._assemble(description["model"])
        self.model_.set_weights(weights["model"])
        for number, predictor in enumerate(self.cluster_predictors_):
            predictor.set_weights(weights[f"cluster_predictor_{number}"])
        return self

    def _check_settings(self):
        unknown = set(self.fairness_on) - {"fixed", "mixed"}
        if isinstance(self.fairness_on, str) or unknown or (self.fairness and not self.fairness_on):
            raise ValueError(
                "fairness_on must name one or both of 'fixed' and 'mixed' in a tuple. "
                f"Received: {self.fairness_on!r}. To leave fairness out pass fairness=0."
            )
        checks.check_choice("debias", self.debias, ("adversary", "correlation", "equalized_odds"))
        readings = ("activations", "standardised")
        checks.check_choice("cluster_adversary_reads", self.cluster_adversary_reads, readings)
        if isinstance(self.within_between, str):
            raise ValueError(
                "within_between must be a list of columns. Received: the string "
                f"{self.within_between!r}. Pass [{self.within_between!r}]."
            )
        for name in ("cluster_adversary", "fairness", "fixed_loss"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name} must be zero or more, and finite. Received: {value!r}.")
        for name in ("epochs", "batch_size", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be above zero. Received: {value!r}.")
        if self.cluster_adversary and not self.hidden:
            raise ValueError(
                "A cluster adversary reads hidden layers. Received: hidden=(). "
                "Pass cluster_adversary=0, or name hidden units."
            )

    def _learn_inputs(self, X, clusters):
        """Learn clusters and encoding; return the encoded rows and the numbers of their clusters.

        No cluster is numbered if no part needs them.
        """
        parts = ("random_effects", "cluster_adversary", "cluster_predictor", "within_between")
        needed = [name for name in parts if getattr(self, name)]
        if needed and clusters is None:
            raise ValueError(
                f"clusters must be given for {', '.join(needed)}. Received: None. "
                "Pass clusters=..., or leave these parts out."
            )
        table = cluster_table(clusters) if needed else pd.DataFrame(index=range(len(X)))
        self._set_clusters(ClusterIndex.learn(table, needed).labels)
        X = encoding.as_table(X)
        self.feature_names_in_ = np.array(list(X), dtype=object)
        self.n_features_in_ = X.shape[1]
        self.cluster_means_ = ClusterMeans.learn(X, table, self.within_between)
        X = self.cluster_means_.add(X, table)
        self.encoder_ = encoding.TableEncoder().fit(X)
        ids = self.cluster_index_.number(table, len(X)) if needed else ()
        return self.encoder_.transform(X), ids

    def _set_clusters(self, labels):
        self.clusters_, self.cluster_index_ = labels, ClusterIndex(labels)

    def _learn_groups(self, sensitive_features):
        if not self.fairness:
            return {}, None
        if sensitive_features is None:
            raise ValueError(
                f"sensitive_features must be given for fairness={self.fairness}. Received: None. "
                "Pass a DataFrame of attributes, or fairness=0."
            )
        return checks.check_groups(sensitive_features)

    def _effect_kinds(self):
        """What random effects each cluster variable has, as the model takes them."""
        kinds = self.random_effects
        if not isinstance(kinds, dict):
            kinds = {variable: kinds for variable in self.clusters_}
        if set(kinds) != set(self.clusters_):
            raise ValueError(
                "random_effects must name each cluster variable, or be the same for all. "
                f"Received: {list(kinds)} for {list(self.clusters_)}."
            )
        return tuple(self._effect_kind(kinds[variable]) for variable in self.clusters_)

    def _effect_kind(self, kind):
        if isinstance(kind, list | tuple):
            return tuple(place for name in kind for place in self.encoder_.positions(name))
        checks.check_choice("random_effects", kind, ("slopes", "intercept", None, "a list"))
        return kind

    def _model_config(self, rows, base_rate, level_weights):
        kinds = self._effect_kinds() if self.random_effects is not None else ()
        parts = ("hidden", "cluster_adversary", "cluster_adversary_reads", "fairness")
        parts += ("fairness_on", "debias", "fixed_loss", "seed")
        return {
            "num_rows": rows,
            "num_clusters": self.cluster_index_.counts,
            "family": "bernoulli" if self._is_binary else "gaussian",
            "group_counts": tuple(len(groups) for groups in self.groups_.values()),
            "base_rate": float(base_rate),
            "level_weights": level_weights,
            "random_effects": kinds,
            **{name: getattr(self, name) for name in parts},
        }

    def _learn_cells(self, groups, level, sample_weight):
        """The cell of each row: its group, of each attribute, at its level of the outcome."""
        debiasing = self.model_.debiasing
        cells = cell_codes(groups, level, debiasing.group_counts)
        debiasing.cell_shares.assign(cell_shares(cells, debiasing.shape, sample_weight))
        return cells

    def _assemble(self, config):
        """Make the models, with their weights in place."""
        from fairmedl_lite.model.cluster_predictor import ClusterPredictor
        from fairmedl_lite.model.fair_medl import FairMEDL

        columns, counts = len(self.encoder_.feature_names), self.cluster_index_.counts
        self.model_ = FairMEDL(**config)
        self.model_.build({"x": (None, columns), "clusters": ((None,),) * len(counts)})
        self.cluster_predictors_ = [
            ClusterPredictor(count, seed=self.seed) for count in counts if self.cluster_predictor
        ]
        for predictor in self.cluster_predictors_:
            predictor.build((None, columns))

    def _train(self, model, x, y, sample_weight, loss=None):
        from fairmedl_lite.model.training import LINEAR, NETWORK, train

        recipe = NETWORK if self.hidden or self.fairness or loss else LINEAR
        for name in ("batch_size", "learning_rate"):
            if getattr(self, name) is not None:
                recipe = replace(recipe, **{name: getattr(self, name)})
        return train(model, x, y, sample_weight, recipe, epochs=self.epochs, loss=loss)


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


def _chance_levels(ids, groups, outcome, sample_weight):
    """The cross-entropy, in nats, of an adversary that knows only how frequent each answer is."""
    levels = {}
    if len(ids):
        parts = [entropy(np.bincount(part, weights=sample_weight)) for part in ids]
        levels["cluster_adversary"] = float(np.sum(parts))
    if groups is not None:
        levels["fairness"] = _fairness_chance(groups, outcome)
    return levels


def _fairness_chance(groups, outcome):
    """The same where the groups weigh the same: the logarithm of how many there are."""
    level, shares = outcome_levels(outcome)
    counts = [
        [len(np.unique(column[level == number])) for number in range(len(shares))]
        for column in groups.T
    ]
    weights = attribute_weights(groups.max(axis=0) + 1)
    return float(np.mean(weights * (np.log(counts) @ np.array(shares))))
