"""Models beside ours, under the same call: fairlearn's adversary, boosted trees with GPBoost."""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from fairmedl_lite import checks, tables
from fairmedl_lite.estimator import encoding
from fairmedl_lite.estimator.clusters import ClusterIndex, cluster_table
from fairmedl_lite.evaluation.baselines import Method, attribute_of


class FairlearnAdversary(Method):
    """A plain network and fairlearn's adversary, for equalized odds of one attribute.

    Source: Zhang, Lemoine, Mitchell 2018. Of the predictor's gradient the part is taken out
    that would help the adversary. Needs Keras on TensorFlow. There are no random effects. The
    defaults were chosen on validation rows of Adult: fairlearn's own alpha of 1 is less stable.

    Args:
        attribute: The sensitive attribute.
        hidden: Integers. Units of the network's hidden layers.
        alpha: Float, zero or more. The adversary's weight.
        epochs: Integer.
        batch_size: Integer. A step costs the same whatever its size: it is run uncompiled.
        learning_rate: Float, Adam's.
        seed: Integer.

    Example:
        >>> data = simulate_hiring(firms=4, rows=25, seed=0).data
        >>> model = FairlearnAdversary("sex", epochs=1)  # doctest: +SKIP
        >>> fitted = model.fit(data.x, data.y, sensitive_features=data.sensitive)  # doctest: +SKIP
        >>> model.predict_proba(data.x).shape  # doctest: +SKIP
        (100, 2)
    """

    def __init__(
        self,
        attribute: str,
        hidden: Sequence[int] = (64, 32, 16),
        alpha: float = 0.1,
        epochs: int = 20,
        batch_size: int = 512,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ):
        self.attribute = attribute
        self.hidden = hidden
        self.alpha = alpha
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed

    def _learn(self, X, outcome, clusters, sensitive_features):
        from fairlearn.adversarial import AdversarialFairnessClassifier

        groups = attribute_of(sensitive_features, self.attribute)
        self.encoder_ = encoding.TableEncoder().fit(X)
        x, count = self.encoder_.transform(X), len(np.unique(groups))
        self.network_ = _network([x.shape[1], *self.hidden, 1], self.seed)
        AdversarialFairnessClassifier(
            backend="tensorflow",
            predictor_model=self.network_,
            adversary_model=_network([2, 32, 1 if count == 2 else count], [self.seed, 1]),
            predictor_optimizer=self._optimizer,
            adversary_optimizer=self._optimizer,
            constraints="equalized_odds",
            alpha=self.alpha,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            shuffle=True,
            random_state=self.seed,
        ).fit(x, outcome, sensitive_features=groups)

    def _optimizer(self, network):
        """Adam, of which every step runs as one graph: fairlearn itself compiles nothing."""
        import tensorflow as tf

        from fairmedl_lite.model.backend import keras

        adam, variables = keras.optimizers.Adam(self.learning_rate), network.trainable_variables
        adam.build(variables)
        apply = adam.apply
        step = tf.function(lambda gradients: apply(gradients, variables))
        adam.apply = lambda gradients, variables: step(gradients)
        return adam

    def _positive(self, X, clusters, effects, unseen):
        checks.check_choice("effects", effects, ("mixed", "fixed"))
        return np.asarray(self.network_(self.encoder_.transform(X)))[:, 0].astype("float64")


def _network(units, seed):
    """Layers up to probabilities; those that fairlearn makes for an adversary lack the softmax."""
    from fairmedl_lite.model.backend import keras

    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            "fairlearn's adversary needs Keras on TensorFlow. Received: "
            f"{keras.backend.backend()}. Set KERAS_BACKEND=tensorflow before the first import."
        )
    last = "sigmoid" if units[-1] == 1 else "softmax"
    activations = [*["relu"] * (len(units) - 2), last]
    seeds = np.random.SeedSequence(seed).generate_state(len(activations)).tolist()
    kernels = [keras.initializers.GlorotUniform(number) for number in seeds]
    layers = [
        keras.layers.Dense(count, activation, kernel_initializer=kernel)
        for count, activation, kernel in zip(units[1:], activations, kernels, strict=True)
    ]
    return keras.Sequential([keras.Input((units[0],)), *layers])


class GPBoost(Method):
    """Boosted trees with a random intercept for each cluster (Sigrist 2022, JMLR 23(232)).

    Needs `pip install 'fairmedl_lite[gpboost]'`. The effect of a new cluster is zero.

    Args:
        trees: Integer.
        leaves: Integer. The most that a tree has.
        learning_rate: Float.
        seed: Integer.

    Example:
        >>> data = simulate_hiring(firms=4, rows=25, seed=0).data
        >>> model = GPBoost(trees=5).fit(data.x, data.y, clusters=data.clusters)  # doctest: +SKIP
        >>> model.predict_proba(data.x, unseen="fixed").shape  # doctest: +SKIP
        (100, 2)
    """

    random_effects = "intercept"

    def __init__(
        self, trees: int = 200, leaves: int = 15, learning_rate: float = 0.1, seed: int = 0
    ):
        self.trees = trees
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.seed = seed

    def _learn(self, X, outcome, clusters, sensitive_features):
        gpboost = _import_gpboost()
        if clusters is None:
            raise ValueError("GPBoost needs clusters. Received: None. Pass clusters=...")
        self.clusters_ = ClusterIndex.learn(cluster_table(clusters), ["GPBoost"])
        self.encoder_ = encoding.TableEncoder().fit(X)
        effects = gpboost.GPModel(
            group_data=np.column_stack(self.clusters_.number(clusters, len(X))),
            likelihood="bernoulli_logit",
            num_parallel_threads=1,
            seed=self.seed,
        )
        settings = {"num_leaves": self.leaves, "learning_rate": self.learning_rate}
        self.booster_ = gpboost.train(
            {**settings, "seed": self.seed, "num_threads": 1, "verbose": -1},
            gpboost.Dataset(self.encoder_.transform(X), outcome),
            num_boost_round=self.trees,
            gp_model=effects,
        )

    def _positive(self, X, clusters, effects, unseen):
        checks.check_choice("effects", effects, ("mixed", "fixed", "random"))
        checks.check_choice("unseen", unseen, (None, "fixed"))
        tables.check_rows(X=X, clusters=clusters)
        ids = np.column_stack(self.clusters_.number(clusters, len(X)))
        if unseen is None and effects != "fixed" and (ids < 0).any():
            raise ValueError(
                "Every cluster must be one of the training rows'. Received: "
                f"{(ids < 0).any(axis=1).sum()} rows of new ones. Pass unseen='fixed'."
            )
        x = self.encoder_.transform(X)
        link = self.booster_.predict(data=x, group_data_pred=ids, pred_latent=True)
        parts = {"fixed": link["fixed_effect"], "random": link["random_effect_mean"]}
        return expit(sum(parts.values()) if effects == "mixed" else parts[effects])


def _import_gpboost():
    try:
        import gpboost
    except ImportError as error:
        raise ImportError(
            "GPBoost must be installed: pip install 'fairmedl_lite[gpboost]'."
        ) from error
    return gpboost
