"""FairMEDLClassifier: Fair MEDL for people with a DataFrame, as scikit-learn users expect it."""

import io
import json
import math
import random
import zipfile
from contextlib import contextmanager

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import entropy, norm
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from fairmedl_lite import inputs

EFFECTS = ("fixed", "random", "mixed")
UNSEEN = (None, "fixed", "prior", "predict")
FILE_FORMAT = "fairmedl_lite 1"
CHUNK = 65_536  # rows predicted at once
PRIOR_NODES = 32
PREDICTOR_LOSS = "sparse_categorical_crossentropy"


class FairMEDLClassifier(ClassifierMixin, BaseEstimator):
    """Fair MEDL for a two-class outcome and rows in clusters (arXiv 2310.03146).

    A weight of 0 leaves a part out: `ladder` gives the paper's six ablations. After `fit`, the
    attribute `history_` holds every term of the loss by epoch, and `chance_levels_` what an
    adversary that learns nothing would reach: one at its chance level has been beaten, or has
    collapsed.

    Args:
        hidden: Integers. Units of the hidden layers.
        random_effects: `"slopes"` (an intercept and slopes on the last hidden layer for each
            cluster), `"intercept"` or `None`.
        cluster_adversary: Float, zero or more (lam_g). What FE keeps shall not tell the cluster.
        fairness: Float, zero or more (lam_FE = lam_ME). The prediction, once the outcome is
            known, shall not tell the sensitive attributes.
        fairness_on: Which predictions fairness is asked of: `"fixed"`, `"mixed"`.
        cluster_predictor: Whether to train a cluster predictor, for `unseen="predict"`.
        epochs: Integer, or `None` to train until converged: at least 20 epochs and 1,600 steps.
        batch_size: Integer. Rows of a step.
        learning_rate: Float. Adam's, cut to a fifth for the last fifth of the epochs.
        fixed_loss: Float lam_F. `None` is 1 with an adversary and 0 without one.
        seed: Integer. The same seed gives the same model.
    """

    def __init__(
        self,
        hidden=(64, 32, 16),
        random_effects="slopes",
        cluster_adversary=0.1,
        fairness=1.0,
        fairness_on=("fixed", "mixed"),
        cluster_predictor=False,
        epochs=None,
        batch_size=256,
        learning_rate=1e-3,
        fixed_loss=None,
        seed=0,
    ):
        self.hidden = hidden
        self.random_effects = random_effects
        self.cluster_adversary = cluster_adversary
        self.fairness = fairness
        self.fairness_on = fairness_on
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
            y: Series of shape `(rows,)` with two classes; the larger one is the positive class.
            clusters: Series of shape `(rows,)`. Needed by every part but the plain network.
            sensitive_features: DataFrame of shape `(rows, attributes)`. Needed if `fairness > 0`.
            sample_weight: Array of shape `(rows,)`, zero or more.

        Returns:
            The fitted estimator.

        Raises:
            ValueError: If the settings or the data cannot be used; the message says what to do.

        Warns:
            ConvergenceWarning: If the loss still falls when the longest training ends.
        """
        self._check_settings()
        inputs.check_rows(
            X=X,
            y=y,
            clusters=clusters,
            sensitive_features=sensitive_features,
            sample_weight=sample_weight,
        )
        self.classes_, outcome = inputs.check_binary(y)
        self.encoder_ = inputs.TableEncoder().fit(X)
        x = self.encoder_.transform(X)
        self.clusters_, ids = self._learn_clusters(clusters, len(x))
        self.groups_, groups = self._learn_groups(sensitive_features)
        if sample_weight is not None:
            sample_weight = inputs.check_weights(sample_weight, outcome)
        self._set_columns()
        with _seeded(self.seed):
            rate = np.average(outcome, weights=sample_weight)
            self._assemble(self._model_config(len(x), rate))
            targets = {"outcome": outcome[:, None]}
            if self.fairness:
                targets["groups"] = self._group_targets(groups, outcome, sample_weight)
            fitted = self._train(self.model_, {"x": x, "clusters": ids}, targets, sample_weight)
            if self.cluster_predictor:
                self._train(self.cluster_predictor_, x, ids, sample_weight, PREDICTOR_LOSS)
        watched = ids if self.cluster_adversary else None
        self.chance_levels_ = _chance_levels(watched, groups, outcome, sample_weight)
        self.history_ = pd.DataFrame(fitted).rename_axis("epoch")
        return self

    def predict_proba(self, X, *, clusters=None, effects="mixed", unseen=None):
        """Probabilities of the two classes.

        Args:
            X: DataFrame of shape `(rows, columns)`, with the columns of `fit`.
            clusters: Series of shape `(rows,)`; `None` if no row's cluster is known.
            effects: `"mixed"` (the whole model), `"fixed"` (what serves every cluster) or
                `"random"` (the cluster's effect alone, around a logit of 0).
            unseen: What a row of a new cluster gets. `"fixed"`: no random effect. `"prior"`: the
                probability averaged over clusters drawn from the prior, which is nearer to one
                half because a new cluster is uncertain. `"predict"`: the effects of the clusters
                it resembles, as the cluster predictor weighs them. `None` raises instead.

        Returns:
            Array of shape `(rows, 2)`.

        Raises:
            ValueError: If a cluster is new and `unseen` is `None`, or the input does not fit.
        """
        logit, scale = self._logits(X, clusters, effects, unseen)
        positive = _average_over_prior(logit, scale) if unseen == "prior" else _sigmoid(logit)
        return np.column_stack([1 - positive, positive])

    def predict(self, X, *, clusters=None, effects="mixed", unseen=None):
        """The likelier class of each row: threshold 0.5. Arguments as in `predict_proba`."""
        positive = self.predict_proba(X, clusters=clusters, effects=effects, unseen=unseen)[:, 1]
        return self.classes_[(positive >= 0.5).astype(int)]

    def score(self, X, y, *, clusters=None, effects="mixed", unseen=None, sample_weight=None):
        """Accuracy. Arguments as in `predict_proba` and `fit`."""
        predicted = self.predict(X, clusters=clusters, effects=effects, unseen=unseen)
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def cluster_effects(self, X, *, clusters, level=0.9):
        """The random effect of each cluster, averaged over its rows, with a posterior interval.

        The posterior is mean-field, so the interval leaves out what the effects share.

        Args:
            X: DataFrame of shape `(rows, columns)`.
            clusters: Series of shape `(rows,)`, of seen clusters.
            level: Float in (0, 1). The probability that the interval holds.

        Returns:
            DataFrame with `cluster`, `rows`, and on the logit scale `mean`, `sd`, `low`, `high`.
        """
        check_is_fitted(self, "model_")
        if not self.random_effects:
            raise ValueError("cluster_effects needs random effects. Received: a model without.")
        inputs.check_rows(X=X, clusters=clusters)
        ids = self._cluster_ids(clusters, None, len(X))
        activations = self.model_.activations(self.encoder_.transform(X))
        features = pd.DataFrame(np.asarray(self.model_.slope_features(activations))).groupby(ids)
        average = features.mean().to_numpy("float32")
        present = np.unique(ids)
        mean = np.asarray(self.model_.random_effects(average, present))[:, 0]
        sd = np.asarray(self.model_.random_effects.posterior_scale(average, present))[:, 0]
        half = norm.ppf((1 + level) / 2) * sd
        return pd.DataFrame(
            {
                "cluster": self.clusters_[present],
                "rows": np.bincount(ids)[present],
                "mean": mean,
                "sd": sd,
                "low": mean - half,
                "high": mean + half,
            }
        )

    def save(self, path):
        """Write the fitted model to one file: a zip of JSON and arrays.

        Args:
            path: Where to write.
        """
        check_is_fitted(self, "model_")
        description = {
            "format": FILE_FORMAT,
            "params": self.get_params(),
            "classes": self.classes_.tolist(),
            "clusters": self.clusters_.tolist(),
            "groups": {name: groups.tolist() for name, groups in self.groups_.items()},
            "columns": self.encoder_.get_config(),
            "model": self.model_.get_config(),
            "chance_levels": self.chance_levels_,
            "history": self.history_.to_dict("list"),
        }
        parts = {"model": self.model_, "cluster_predictor": self.cluster_predictor_}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("model.json", json.dumps(description, default=_to_json))
            for name, part in parts.items():
                if part is not None:
                    file.writestr(f"{name}.npz", _pack(part.get_weights()))

    @classmethod
    def load(cls, path):
        """Read a model that `save` wrote. Nothing in the file is run.

        Args:
            path: The file.

        Raises:
            ValueError: If the file is not such a model, or is damaged.
        """
        try:
            with zipfile.ZipFile(path) as file:
                description = json.loads(file.read("model.json"))
                if description["format"] != FILE_FORMAT:
                    raise ValueError(f"its format is {description['format']!r}")
                weights = {
                    name: _unpack(file.read(name))
                    for name in file.namelist()
                    if name.endswith(".npz")
                }
            return cls._restore(description, weights)
        except OSError:
            raise
        except Exception as error:  # whatever a foreign file makes its readers raise
            raise ValueError(
                f"The file must be a model written by save ({FILE_FORMAT!r}). "
                f"Received: {str(path)!r}, which cannot be read as one: {error}."
            ) from error

    @classmethod
    def _restore(cls, description, weights):
        params = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in description["params"].items()
        }
        self = cls(**params)
        self.classes_ = np.array(description["classes"])
        self.clusters_ = pd.Index(description["clusters"])
        self.groups_ = {name: np.array(part) for name, part in description["groups"].items()}
        self.encoder_ = inputs.TableEncoder.from_config(description["columns"])
        self.chance_levels_ = description["chance_levels"]
        self.history_ = pd.DataFrame(description["history"]).rename_axis("epoch")
        self._set_columns()
        self._assemble(description["model"])
        self.model_.set_weights(weights["model.npz"])
        if self.cluster_predictor:
            self.cluster_predictor_.set_weights(weights["cluster_predictor.npz"])
        return self

    def _check_settings(self):
        inputs.check_choice("random_effects", self.random_effects, ("slopes", "intercept", None))
        unknown = set(self.fairness_on) - {"fixed", "mixed"}
        if isinstance(self.fairness_on, str) or unknown or (self.fairness and not self.fairness_on):
            raise ValueError(
                "fairness_on must name one or both of 'fixed' and 'mixed' in a tuple. "
                f"Received: {self.fairness_on!r}. To leave fairness out pass fairness=0."
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

    def _learn_clusters(self, clusters, rows):
        """The seen clusters, and the number of each row's one; -1 for all if none are needed."""
        needed = [
            name
            for name in ("random_effects", "cluster_adversary", "cluster_predictor")
            if getattr(self, name)
        ]
        if not needed:
            return pd.Index([]), np.full(rows, -1, dtype="int32")
        if clusters is None:
            raise ValueError(
                f"clusters must be given for {', '.join(needed)}. Received: None. "
                "Pass clusters=..., or leave these parts out."
            )
        ids, labels = pd.factorize(inputs.check_labels(clusters, "clusters"), sort=True)
        if len(labels) < 2:
            raise ValueError(
                f"There must be at least two clusters for {', '.join(needed)}. Received: only "
                f"{labels.tolist()}. Leave these parts out, or pass another cluster column."
            )
        return pd.Index(labels), ids.astype("int32")

    def _learn_groups(self, sensitive_features):
        if not self.fairness:
            return {}, None
        if sensitive_features is None:
            raise ValueError(
                f"sensitive_features must be given for fairness={self.fairness}. Received: None. "
                "Pass a DataFrame of attributes, or fairness=0."
            )
        return inputs.check_groups(sensitive_features)

    def _set_columns(self):
        self.feature_names_in_ = np.array(list(self.encoder_.columns), dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)

    def _model_config(self, rows, base_rate):
        parts = (
            "hidden",
            "random_effects",
            "cluster_adversary",
            "fairness",
            "fairness_on",
            "fixed_loss",
            "seed",
        )
        return {
            "num_rows": rows,
            "num_clusters": len(self.clusters_),
            "group_counts": tuple(len(groups) for groups in self.groups_.values()),
            "base_rate": float(base_rate),
            **{name: getattr(self, name) for name in parts},
        }

    def _group_targets(self, groups, outcome, sample_weight):
        from fairmedl_lite.models import balanced_targets

        counts = [len(labels) for labels in self.groups_.values()]
        return balanced_targets(groups, outcome, counts, sample_weight)

    def _assemble(self, config):
        """Make the models, with their weights in place."""
        from fairmedl_lite.models import ClusterPredictor, FairMEDL

        columns = len(self.encoder_.feature_names)
        self.model_, self.cluster_predictor_ = FairMEDL(**config), None
        self.model_.build({"x": (None, columns), "clusters": (None,)})
        if self.cluster_predictor:
            self.cluster_predictor_ = ClusterPredictor(len(self.clusters_), seed=self.seed)
            self.cluster_predictor_.build((None, columns))

    def _train(self, model, x, y, sample_weight, loss=None):
        from fairmedl_lite.training import train

        return train(
            model,
            x,
            y,
            sample_weight,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            loss=loss,
        )

    def _logits(self, X, clusters, effects, unseen):
        """Logits, and the prior's standard deviation where the cluster is new: `(rows,)` each."""
        check_is_fitted(self, "model_")
        inputs.check_choice("effects", effects, EFFECTS)
        inputs.check_choice("unseen", unseen, UNSEEN)
        inputs.check_rows(X=X, clusters=clusters)
        x = self.encoder_.transform(X)
        if effects == "random" and not self.random_effects:
            raise ValueError(
                "effects='random' needs random effects. Received: a model without them. "
                "Pass effects='fixed'."
            )
        if effects == "fixed" or not self.random_effects:
            ids = np.full(len(x), -1, dtype="int32")
            return self._run(x, ids)["fixed"], np.zeros(len(x))
        ids = self._cluster_ids(clusters, unseen, len(x))
        outputs = self._run(x, ids)
        new = ids < 0
        if unseen == "predict" and new.any():
            outputs[effects][new] = self._run(x[new], self._membership(x[new]))[effects]
        return outputs[effects], outputs["prior_scale"] * new

    def _cluster_ids(self, clusters, unseen, rows):
        """The number of each row's cluster, -1 for a new one."""
        if clusters is None:
            ids = np.full(rows, -1, dtype="int32")
        else:
            labels = inputs.check_labels(clusters, "clusters")
            ids = self.clusters_.get_indexer(labels).astype("int32")
        new = ids < 0
        if unseen is None and new.any():
            names = "all unknown" if clusters is None else labels[new].unique()[:5].tolist()
            raise ValueError(
                f"Every cluster must be one of the {len(self.clusters_)} of the training rows. "
                f"Received: {int(new.sum())} rows of new clusters ({names}). Say what such rows "
                "get: unseen='fixed', 'prior' or 'predict'."
            )
        return ids

    def _membership(self, x):
        if self.cluster_predictor_ is None:
            raise ValueError(
                "unseen='predict' needs a cluster predictor. Received: a model without one. "
                "Fit with cluster_predictor=True, or pass unseen='fixed' or 'prior'."
            )
        chunks = [
            self.cluster_predictor_(x[start : start + CHUNK]) for start in range(0, len(x), CHUNK)
        ]
        return np.concatenate([np.asarray(chunk) for chunk in chunks])

    def _run(self, x, clusters):
        chunks = [
            self.model_({"x": x[rows], "clusters": clusters[rows]}, training=False)
            for rows in (slice(start, start + CHUNK) for start in range(0, len(x), CHUNK))
        ]
        return {
            name: np.concatenate([np.asarray(chunk[name])[:, 0] for chunk in chunks])
            for name in chunks[0]
        }


def ladder(**settings):
    """The paper's ladder of ablations: six settings of one class.

    Args:
        **settings: Arguments of `FairMEDLClassifier` that all six share. `random_effects`,
            `cluster_adversary` and `fairness` set the parts where a rung has them.

    Returns:
        Dictionary of name to unfitted `FairMEDLClassifier`, from NNet to Fair MEDL-NNet.
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
        name: FairMEDLClassifier(
            **settings | {part: value for part, value in off.items() if part not in parts}
        )
        for name, parts in rungs.items()
    }


@contextmanager
def _seeded(seed):
    """Seed what Keras draws from, and give Python and NumPy their own state back after."""
    from fairmedl_lite.layers import keras

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
    if ids is not None:
        levels["cluster_adversary"] = float(entropy(np.bincount(ids, weights=sample_weight)))
    if groups is not None:
        levels["fairness"] = _fairness_chance(groups, outcome)
    return levels


def _fairness_chance(groups, outcome):
    """The same where the groups weigh the same: the logarithm of how many there are."""
    from fairmedl_lite.models import OUTCOME_SHARES, attribute_weights

    counts = [[len(np.unique(column[outcome == y])) for y in (0, 1)] for column in groups.T]
    weights = attribute_weights(groups.max(axis=0) + 1)
    return float(np.mean(weights * (np.log(counts) @ OUTCOME_SHARES)))


def _sigmoid(logit):
    return expit(logit.astype("float64"))


def _average_over_prior(logit, scale):
    """Mean of sigmoid(logit + e) over e ~ N(0, scale^2), by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(PRIOR_NODES)
    return _sigmoid(logit[:, None] + scale[:, None] * nodes) @ (weights / weights.sum())


def _to_json(value):
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        f"A model file holds numbers and strings. Received: {value!r} of {type(value)}. "
        "Convert it, for instance with .astype(str), and fit again."
    )


def _pack(arrays):
    buffer = io.BytesIO()
    np.savez(buffer, *arrays)
    return buffer.getvalue()


def _unpack(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return [arrays[f"arr_{number}"] for number in range(len(arrays.files))]
