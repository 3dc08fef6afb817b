"""What the two estimators share: encoding, fitting, random effects, summaries, files."""

import math
import random
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import entropy, norm
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from fairmedl_lite import inputs, posterior, storage, summaries
from fairmedl_lite.cells import attribute_weights, cell_codes, cell_shares, outcome_levels
from fairmedl_lite.clusters import ClusterIndex, ClusterMeans, cluster_table

EFFECTS = ("fixed", "random", "mixed")
UNSEEN = (None, "fixed", "prior", "predict", "shuffled")
CHUNK = 8_192  # rows predicted at once
PREDICTOR_LOSS = "sparse_categorical_crossentropy"
CROSSED = (
    "With several cluster variables the posterior is mean-field across them: the intervals of "
    "the effects are too narrow."
)

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


class FairMEDLEstimator(BaseEstimator):
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
        inputs.check_rows(
            X=X,
            y=y,
            clusters=clusters,
            sensitive_features=sensitive_features,
            sample_weight=sample_weight,
        )
        sample_weight = inputs.check_weights(sample_weight)
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

    def cluster_effects(self, X, *, clusters, variable=None, level=0.9):
        """The random effect of each cluster, averaged over its rows, with a posterior interval.

        The interval leaves out that the fixed effects are estimated too.

        Args:
            X: DataFrame of shape `(rows, columns)`.
            clusters: Series of shape `(rows,)`, of seen clusters, or DataFrame as in `fit`.
            variable: Which cluster variable; `None` if there is one.
            level: Float in (0, 1). The probability that the interval holds.

        Returns:
            DataFrame with `cluster`, `rows`, and on the link scale `mean`, `sd`, `low`, `high`.
        """
        number = self._variable(variable, "cluster_effects")
        x, every_id = self._inputs(X, clusters, unseen=None)
        layer, ids = self.model_.random_effects[number], every_id[number]
        features = self._features(x)[number]
        average = pd.DataFrame(features).groupby(ids).mean().to_numpy("float32")
        present = np.unique(ids)
        mean = self._scale * np.asarray(layer(average, present))[:, 0]
        sd = self._scale * np.asarray(layer.posterior_scale(average, present))[:, 0]
        half = norm.ppf((1 + level) / 2) * sd
        return pd.DataFrame(
            {
                "cluster": list(self.clusters_.values())[number][present],
                "rows": np.bincount(ids)[present],
                "mean": mean,
                "sd": sd,
                "low": mean - half,
                "high": mean + half,
            }
        )

    def posterior_draws(self, X, *, clusters=None, unseen=None, draws=1000, seed=0):
        """Draws of each row's prediction on the link scale; rows of one cluster share an effect.

        Args:
            X: DataFrame of shape `(rows, columns)`.
            clusters: As in `fit`; new clusters with one label share an effect, and without
                clusters each row is a new cluster.
            unseen: As in `predict`. `"predict"` draws a seen cluster for each row and draw.
            draws: Integer.
            seed: Integer.

        Returns:
            Float32 array of shape `(draws, rows)`. The fixed effects are estimates and do not
            vary, nor does the residual.
        """
        x, ids = self._inputs(X, clusters, unseen)
        generator = np.random.default_rng(seed)
        rows = np.arange(len(x))
        table = pd.DataFrame({name: rows for name in self.clusters_})
        table = table if clusters is None else self.cluster_index_.named(cluster_table(clusters))
        drawn = np.tile(self._run(x, ids)["fixed"], (draws, 1))
        for number, features in enumerate(self._features(x)):
            new = ids[number] < 0
            soft = unseen in ("predict", "shuffled") and new.any()
            drawn += posterior.draw_effects(
                self.model_.random_effects[number],
                _with_ones(features),
                ids[number],
                table[list(self.clusters_)[number]].to_numpy(),
                unseen=unseen,
                membership=self._membership(x[new], number, unseen) if soft else None,
                draws=draws,
                random=generator,
            )
        return self._centre + self._scale * drawn

    def predict_interval(self, X, *, clusters=None, unseen=None, level=0.9, draws=1000, seed=0):
        """Interval from posterior draws: what is not known of a row, given the fixed effects.

        For a 0/1 outcome it is that of the probability of the positive class: how little is known
        of the row's cluster. For a continuous one it is that of the outcome, the residual too.
        With `unseen="prior"` a new cluster's row gets the width of the clusters' differences.

        Args:
            X: DataFrame of shape `(rows, columns)`.
            clusters: As in `posterior_draws`.
            unseen: As in `posterior_draws`.
            level: Float in (0, 1). The probability that the interval holds.
            draws: Integer.
            seed: Integer.

        Returns:
            DataFrame with `low` and `high`, of shape `(rows, 2)`.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1. Received: {level!r}.")
        drawn = self.posterior_draws(X, clusters=clusters, unseen=unseen, draws=draws, seed=seed)
        ends = [(1 - level) / 2, (1 + level) / 2]
        low, high = np.quantile(self._outcome_draws(drawn, seed), ends, axis=0)
        return pd.DataFrame({"low": low, "high": high})

    def membership(self, X, *, clusters=None, variable=None):
        """How the cluster predictor shares each row out over the seen clusters.

        Args:
            X: DataFrame of shape `(rows, columns)`.
            clusters: As in `fit`; needed with `within_between` only.
            variable: Which cluster variable; `None` if there is one.

        Returns:
            DataFrame of shape `(rows, clusters)`, whose rows add up to one. Compare it with the
            true clusters by `membership_report`.
        """
        number = self._variable(variable, "membership")
        x, _ = self._inputs(X, clusters, unseen="predict")
        labels = list(self.clusters_.values())[number]
        return pd.DataFrame(self._membership(x, number, "predict"), columns=labels)

    @property
    def intercept_(self):
        """The intercept, in the units of the data. Linear models have one."""
        return float(self.fixed_effects_["estimate"].iloc[0])

    @property
    def coef_(self):
        """Series of the coefficient of each term, in the units of the data."""
        table = self.fixed_effects_.set_index("term")["estimate"].iloc[1:]
        return table.rename("coefficient").rename_axis(None)

    def summary(self):
        """What a reader of a mixed model's summary looks for, as text.

        The log likelihood's lower bound (ELBO), the variance components with the number of
        clusters, and with `hidden=()` the coefficients with standard errors.
        """
        check_is_fitted(self, "model_")
        rows = self.model_.config["num_rows"]
        title = (
            f"{type(self).__name__}: {rows:,} rows, fixed effects "
            f"{'linear' if not self.hidden else f'a network of {self.hidden} units'}\n"
            f"Log likelihood: at least {self.lower_bound_:.1f}"
        )
        counts = dict(zip(self.clusters_, self.cluster_index_.counts, strict=True))
        notes = [CROSSED] if len(self.model_.random_effects) > 1 else []
        return summaries.write(
            title,
            counts,
            getattr(self, "variance_components_", None),
            getattr(self, "fixed_effects_", None),
            notes,
        )

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
        storage.write(path, description, weights)

    @classmethod
    def load(cls, path):
        """Read a model that `save` wrote. Nothing in the file is run.

        Args:
            path: The file.

        Raises:
            ValueError: If the file is not such a model, or is damaged.
        """
        return storage.read(path, cls._restore)

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
        self.encoder_ = inputs.TableEncoder.from_config(description["columns"])
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
        inputs.check_choice("debias", self.debias, ("adversary", "correlation", "equalized_odds"))
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
        X = inputs.as_table(X)
        self.feature_names_in_ = np.array(list(X), dtype=object)
        self.n_features_in_ = X.shape[1]
        self.cluster_means_ = ClusterMeans.learn(X, table, self.within_between)
        X = self.cluster_means_.add(X, table)
        self.encoder_ = inputs.TableEncoder().fit(X)
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
        return inputs.check_groups(sensitive_features)

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
        inputs.check_choice("random_effects", kind, ("slopes", "intercept", None, "a list"))
        return kind

    def _model_config(self, rows, base_rate, level_weights):
        kinds = self._effect_kinds() if self.random_effects is not None else ()
        parts = ("hidden", "cluster_adversary", "fairness", "fairness_on", "debias")
        parts += ("fixed_loss", "seed")
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
        from fairmedl_lite.models import ClusterPredictor, FairMEDL

        columns, counts = len(self.encoder_.feature_names), self.cluster_index_.counts
        self.model_ = FairMEDL(**config)
        self.model_.build({"x": (None, columns), "clusters": ((None,),) * len(counts)})
        self.cluster_predictors_ = [
            ClusterPredictor(count, seed=self.seed) for count in counts if self.cluster_predictor
        ]
        for predictor in self.cluster_predictors_:
            predictor.build((None, columns))

    def _train(self, model, x, y, sample_weight, loss=None):
        from fairmedl_lite.training import LINEAR, NETWORK, train

        recipe = NETWORK if self.hidden or self.fairness or loss else LINEAR
        for name in ("batch_size", "learning_rate"):
            if getattr(self, name) is not None:
                recipe = replace(recipe, **{name: getattr(self, name)})
        return train(model, x, y, sample_weight, recipe, epochs=self.epochs, loss=loss)

    def _summarise(self, x, ids, outcome, sample_weight):
        """Set the attributes that say what was learned."""
        sample_weight = np.ones(len(x)) if sample_weight is None else sample_weight
        outputs = self._run(x, ids)
        kl = sum(float(layer.kl()) for layer in self.model_.random_effects)
        variance = _in_chunks(self._posterior_variance, x, *ids)
        expected = self._expected_log_likelihood(outcome, outputs["mixed"], np.sqrt(variance))
        self.lower_bound_ = float(sample_weight @ expected) - kl
        if self.model_.random_effects:
            self._summarise_effects(x, ids, outputs["prior_scale"])
        if not self.hidden:
            self._summarise_coefficients(x, ids, outputs["mixed"], sample_weight)

    def _posterior_variance(self, x, *ids):
        """Variance of the sum of each row's effects under the posterior: `(rows,)`."""
        features = self.model_.slope_features(self.model_.activations(x))
        layers = zip(self.model_.random_effects, features, ids, strict=False)
        scales = [np.asarray(layer.posterior_scale(*parts))[:, 0] for layer, *parts in layers]
        return sum(map(np.square, scales), np.zeros(len(x)))

    def _summarise_effects(self, x, ids, prior_scale):
        tables, self.effect_covariances_ = [], {}
        variances = self._scale**2 * np.mean(np.square(prior_scale, dtype="float64"), axis=0)
        for number, (variable, labels) in enumerate(self.clusters_.items()):
            layer, rows = self.model_.random_effects[number], np.bincount(ids[number])
            shown = self._shown_effects(number, x, ids[number], variances[number])
            names, matrix, self.effect_covariances_[variable] = shown
            table = summaries.posterior_table(layer, matrix, names, labels, rows)
            tables.append(table.assign(variable=variable))
        tables = pd.concat(tables, ignore_index=True)
        self.random_effects_ = tables[["variable", *tables.columns.drop("variable")]]
        self.variance_components_ = summaries.variance_table(
            self.effect_covariances_, variances, self._residual_variance()
        )

    def _shown_effects(self, number, x, ids, variance):
        """Names of the effects shown, how they follow from the layer's, and their covariance."""
        kind = self.model_.config["random_effects"][number]
        if kind == "slopes" and self.hidden:
            means = pd.DataFrame(self._features(x)[number]).groupby(ids).mean().to_numpy()
            names, matrix = [summaries.AVERAGE], self._scale * _with_ones(means)[:, None]
            covariance = variance.reshape(1, 1)
        else:
            columns = {"slopes": range(x.shape[1]), "intercept": ()}.get(kind, kind)
            names, matrix = summaries.effect_map(self.encoder_, columns)
            matrix = self._scale * matrix
            prior = self.model_.random_effects[number].prior_scale_tril()
            root = matrix @ np.asarray(prior, "float64")
            covariance = root @ root.T
        return names, matrix, pd.DataFrame(covariance, index=names, columns=names)

    def _summarise_coefficients(self, x, ids, link, sample_weight):
        names, matrix, keep = summaries.coefficient_map(self.encoder_)
        kernel, bias = (np.asarray(part, "float64") for part in self.model_.fixed_head.weights)
        estimate = self._scale * matrix @ np.concatenate([bias, kernel[:, 0]])
        estimate[0] += self._centre
        precision = self._precision(link) * sample_weight
        design = _with_ones(x)
        effects = [
            (part, _with_ones(features) @ np.asarray(layer.prior_scale_tril()))
            for part, features, layer in zip(
                ids, self._features(x), self.model_.random_effects, strict=False
            )
        ]
        covariance = summaries.coefficient_covariance(design[:, keep], precision, effects)
        mapping = self._scale * matrix[:, keep]
        covariance = mapping @ covariance @ mapping.T
        self.fixed_effects_ = summaries.coefficient_table(names, estimate, covariance)

    def _variable(self, variable, what):
        """The number of a cluster variable that has random effects or a predictor."""
        check_is_fitted(self, "model_")
        if what == "cluster_effects" and not self.model_.random_effects:
            raise ValueError(f"{what} needs random effects. Received: a model without.")
        names = list(self.clusters_)
        if variable is None and len(names) == 1:
            return 0
        inputs.check_choice("variable", variable, names)
        return names.index(variable)

    def _inputs(self, X, clusters, unseen):
        """The encoded rows, and the numbers of their clusters, -1 where a cluster is new."""
        check_is_fitted(self, "model_")
        inputs.check_choice("unseen", unseen, UNSEEN)
        inputs.check_rows(X=X, clusters=clusters)
        X = inputs.as_table(X)
        x = self.encoder_.transform(self.cluster_means_.add(X, clusters))
        ids = self.cluster_index_.number(clusters, len(x))
        if unseen is None and self.model_.random_effects:
            self._refuse_new(ids, clusters)
        return x, ids

    def _refuse_new(self, ids, clusters):
        for (variable, labels), part in zip(self.clusters_.items(), ids, strict=True):
            new = part < 0
            if not new.any():
                continue
            names = "all unknown"
            if clusters is not None:
                table = self.cluster_index_.named(cluster_table(clusters))
                names = table.loc[new, variable].unique()[:5].tolist()
            raise ValueError(
                f"Every cluster must be one of the {len(labels)} of the training rows. "
                f"Received: {int(new.sum())} rows of new clusters ({names}). Say what such rows "
                "get: unseen='fixed', 'prior' or 'predict'."
            )

    def _link(self, X, clusters, effects, unseen):
        """Predictions on the link scale, and the standard deviation of what is yet unknown.

        The latter is that of the effects of new clusters if `unseen="prior"`, else 0.
        """
        check_is_fitted(self, "model_")
        if effects == "random" and not self.model_.random_effects:
            raise ValueError(
                "effects='random' needs random effects. Received: a model without them. "
                "Pass effects='fixed'."
            )
        plain = effects in ("fixed", "population") or not self.model_.random_effects
        x, ids = self._inputs(X, clusters, "fixed" if plain else unseen)
        outputs = self._run(x, ids)
        nothing = np.zeros(len(x))
        if not self.model_.random_effects:
            return outputs["mixed"], nothing
        if plain:
            everyone = np.linalg.norm(outputs["prior_scale"], axis=1)
            return outputs["fixed"], everyone if effects == "population" else nothing
        link, new = outputs[effects], np.column_stack(ids) < 0
        if unseen in ("predict", "shuffled"):
            self._add_predicted(link, x, new, unseen)
        scale = np.linalg.norm(outputs["prior_scale"] * new, axis=1)
        return link, scale if unseen == "prior" else nothing

    def _add_predicted(self, link, x, new, unseen):
        """Add, in place, the effects of the clusters that rows of new clusters resemble."""
        for number, layer in enumerate(self.model_.random_effects):
            rows = np.flatnonzero(new[:, number])
            for part in (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)):
                share = self._membership(x[part], number, unseen)
                features = self._features(x[part])[number]
                link[part] += np.asarray(layer(features, share))[:, 0]

    def _membership(self, x, number, unseen):
        if not self.cluster_predictors_:
            raise ValueError(
                f"unseen={unseen!r} needs a cluster predictor. Received: a model without one. "
                "Fit with cluster_predictor=True, or pass unseen='fixed' or 'prior'."
            )
        share = _in_chunks(self.cluster_predictors_[number], x)
        if unseen == "shuffled":
            share = np.random.default_rng(self.seed).permutation(share)
        return share

    def _features(self, x):
        """What the slopes of each cluster variable stand on: list of arrays `(rows, slopes)`."""
        model = self.model_
        return [
            _in_chunks(lambda part, n=n: model.slope_features(model.activations(part))[n], x)
            for n in range(len(model.random_effects))
        ]

    def _run(self, x, ids):
        chunks = [
            self.model_({"x": x[rows], "clusters": tuple(part[rows] for part in ids)})
            for rows in (slice(start, start + CHUNK) for start in range(0, len(x), CHUNK))
        ]
        outputs = {
            name: np.concatenate([np.asarray(chunk[name]) for chunk in chunks])
            for name in chunks[0]
        }
        return {
            name: part if name == "prior_scale" else part[:, 0] for name, part in outputs.items()
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


def _with_ones(features):
    return np.column_stack([np.ones(len(features)), features])


def _in_chunks(function, *arrays):
    starts = range(0, len(arrays[0]), CHUNK)
    parts = [function(*(array[start : start + CHUNK] for array in arrays)) for start in starts]
    return np.concatenate([np.asarray(part) for part in parts])
