"""The two layers that Keras does not have: gradient reversal and random effects."""

import math

try:
    import keras
except ImportError as error:
    raise ImportError(
        "Keras found no backend to compute with. Install one: "
        "pip install 'fairmedl_lite[cpu]' (TensorFlow for a CPU), 'fairmedl_lite[tensorflow]', or "
        "'fairmedl_lite[jax]' together with the environment variable KERAS_BACKEND=jax."
    ) from error
from keras import ops

PACKAGE = "fairmedl_lite"


@keras.saving.register_keras_serializable(package=PACKAGE)
class GradientReversal(keras.layers.Layer):
    """Passes its input on unchanged and sends back its gradient times `-weight`.

    It stands between a network and its adversary, so that one backward pass trains both: the
    adversary to succeed, the network to make it fail (Ganin et al. 2016). The weight is the
    lambda of the adversary's term in the paper's loss.

    Args:
        weight: Float, zero or more. How strongly the network works against the adversary.

    Input shape:
        Any.

    Output shape:
        That of the input.

    Raises:
        ValueError: If the weight is negative or not finite.
    """

    def __init__(self, weight=1.0, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= weight < float("inf"):
            raise ValueError(f"weight must be zero or more, and finite. Received: {weight!r}.")
        self.weight = float(weight)

    def call(self, inputs):
        return ops.stop_gradient((1 + self.weight) * inputs) - self.weight * inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable(package=PACKAGE)
class RandomEffects(keras.layers.Layer):
    """A random intercept and random slopes for each cluster, with a Gaussian posterior.

    The effects of cluster j are `u_j = sigma * v_j`, with prior `v_j ~ N(0, 1)`, a learned
    scale `sigma` for each effect, and posterior `q(v_j) = N(m_j, s_j^2)`: the non-centred form,
    mean-field. The output for a row is `u_j . (1, features)`. In training it is sampled, once
    for each row (the sum of Gaussian effects is Gaussian); otherwise it is the posterior mean.

    Args:
        num_clusters: Integer. How many clusters have effects.
        initial_scale: Float, above zero. Where `sigma` starts.
        seed: Integer. Seeds the draws.

    Call arguments:
        features: Tensor of shape `(batch, slopes)`; with no slopes `(batch, 0)`.
        clusters: Integer tensor of shape `(batch,)`: the cluster of each row, where -1 stands
            for one without effects (its mean is zero); or float tensor of shape
            `(batch, num_clusters)`: a soft membership, whose mean effects are averaged.
        training: Whether to sample.

    Output shape:
        `(batch, 1)`, on the link scale.
    """

    def __init__(self, num_clusters, initial_scale=0.3, seed=None, **kwargs):
        super().__init__(**kwargs)
        if num_clusters < 2:
            raise ValueError(f"num_clusters must be at least 2. Received: {num_clusters}.")
        if not initial_scale > 0:
            raise ValueError(f"initial_scale must be above zero. Received: {initial_scale!r}.")
        self.num_clusters = int(num_clusters)
        self.initial_scale = float(initial_scale)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, features_shape, clusters_shape=None):
        effects = features_shape[-1] + 1
        table = (self.num_clusters, effects)
        self.posterior_mean = self.add_weight(shape=table, initializer="zeros", name="mean")
        self.posterior_log_scale = self.add_weight(
            shape=table,
            initializer=keras.initializers.Constant(math.log(0.3)),
            name="log_scale",
        )
        self.prior_log_scale = self.add_weight(
            shape=(effects,),
            initializer=keras.initializers.Constant(math.log(self.initial_scale)),
            name="prior_log_scale",
        )

    def call(self, features, clusters, training=False):
        mean, _ = self.standardised_posterior()
        design = self._scaled_design(features)  # (batch, effects)
        output = ops.sum(design * self._of_rows(mean, clusters), axis=-1, keepdims=True)
        if not training:
            return output
        noise = keras.random.normal(ops.shape(output), seed=self.seed_generator)
        return output + self._deviation(design, clusters) * noise

    def posterior_scale(self, features, clusters):
        """Standard deviation of the effect on each row under the posterior: `(batch, 1)`."""
        return self._deviation(self._scaled_design(features), clusters)

    def _deviation(self, design, clusters):
        _, scale = self.standardised_posterior()
        parts = ops.square(design * self._of_rows(scale, clusters))
        return ops.sqrt(ops.sum(parts, axis=-1, keepdims=True) + keras.config.epsilon())

    def kl(self):
        """KL(q(U) || p(U)), summed over clusters and effects, in nats."""
        mean, scale = self.standardised_posterior()
        return 0.5 * ops.sum(ops.square(mean) + ops.square(scale) - 1) - ops.sum(ops.log(scale))

    def prior_scale(self, features):
        """Standard deviation of a new cluster's effect on each row: `(batch, 1)`."""
        return ops.norm(self._scaled_design(features), axis=-1, keepdims=True)

    def posterior(self):
        """Mean and standard deviation of u for each cluster: `(clusters, effects)` each."""
        scale = ops.exp(self.prior_log_scale)
        return tuple(scale * part for part in self.standardised_posterior())

    def standardised_posterior(self):
        """Mean and standard deviation of v: `(clusters, effects)` each."""
        return self.posterior_mean, ops.exp(self.posterior_log_scale)

    def _scaled_design(self, features):
        one = ops.ones((ops.shape(features)[0], 1), dtype=self.compute_dtype)
        return ops.concatenate([one, features], axis=-1) * ops.exp(self.prior_log_scale)

    def _of_rows(self, table, clusters):
        if len(clusters.shape) == 2:
            return ops.matmul(clusters, table)
        known = ops.cast(clusters >= 0, table.dtype)[:, None]
        return ops.take(table, ops.maximum(clusters, 0), axis=0) * known

    def compute_output_shape(self, features_shape, clusters_shape=None):
        return (features_shape[0], 1)

    def get_config(self):
        return {
            **super().get_config(),
            "num_clusters": self.num_clusters,
            "initial_scale": self.initial_scale,
            "seed": self.seed,
        }
