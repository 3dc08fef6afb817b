"""Random effects of clusters, with a Gaussian posterior (lesson 02)."""

import math

import numpy as np

from fairmedl_lite.model.backend import PACKAGE, keras, ops

# Adam moves every weight by about the learning rate a step, whatever its gradient. The random
# effects have further to go than a network's weights; theirs are stored as a tenth of what they
# stand for, and so move ten times as fast.
SPEED = 10.0


@keras.saving.register_keras_serializable(package=PACKAGE)
class RandomEffects(keras.layers.Layer):
    """A random intercept and random slopes for each cluster, with a Gaussian posterior.

    The effects of cluster j are `u_j = Lambda v_j`, with prior `v_j ~ N(0, I)` and posterior
    `q(v_j) = N(m_j, L_j L_j')`: the non-centred form. Lambda, learned, makes the prior of the
    effects `N(0, Lambda Lambda')`. Lambda is diagonal or, if the effects are correlated, lower
    triangular; so is L_j (mean-field or full). The output for a row is `u_j . (1, features)`. In
    training it is sampled, once for each row (the sum of Gaussian effects is Gaussian);
    otherwise it is the posterior mean.

    Args:
        num_clusters: Integer. How many clusters have effects.
        correlated: Whether the effects of a cluster have a full covariance in the prior, and then
            in the posterior too. For a few effects that mean something.
        full: Whether they have one in the posterior. `None`: if they are correlated.
        initial_scale: Float, above zero. Where the scales of the prior start.
        added: Integer. How many clusters came after the fit: numbered after the others.
        seed: Integer. Seeds the draws.

    Call arguments:
        features: Tensor of shape `(batch, slopes)`; with no slopes `(batch, 0)`.
        clusters: Integer tensor of shape `(batch,)`: the cluster of each row, where -1 stands
            for one without effects (its mean is zero); or float tensor of shape
            `(batch, num_clusters)`: a soft membership, whose mean effects are averaged.
        training: Whether to sample.

    Output shape:
        `(batch, 1)`, on the link scale.

    Example:
        >>> effects = RandomEffects(num_clusters=2)
        >>> np.asarray(effects(np.zeros((3, 0)), np.array([0, 1, -1]))).shape
        (3, 1)
    """

    def __init__(
        self,
        num_clusters,
        correlated=False,
        full=None,
        initial_scale=0.1,
        added=0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if num_clusters < 2:
            raise ValueError(f"num_clusters must be at least 2. Received: {num_clusters}.")
        if not initial_scale > 0:
            raise ValueError(f"initial_scale must be above zero. Received: {initial_scale!r}.")
        self.num_clusters = int(num_clusters)
        self.correlated = bool(correlated)
        self.full = self.correlated if full is None else bool(full)
        self.initial_scale, self.added = float(initial_scale), int(added)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, features_shape, clusters_shape=None):
        effects = features_shape[-1] + 1
        table = (self.num_clusters + self.added, effects)
        self._mean = self._add_table("mean", table)
        self._log_scale = self._add_table("log_scale", table, math.log(0.3))
        start = math.log(self.initial_scale)
        self._prior_log_scale = self._add_table("prior_log_scale", (effects,), start)
        if self.full:
            self._lower = self._add_table("lower", (*table, effects))
        if self.correlated:
            self._prior_lower = self._add_table("prior_lower", (effects, effects))

    def _add_table(self, name, shape, value=0.0):
        initializer = keras.initializers.Constant(value / SPEED)
        return self.add_weight(shape=shape, initializer=initializer, name=name)

    @property
    def posterior_mean(self):
        """m: `(clusters, effects)`, with a mean of zero over the clusters of the fit.

        At the likelihood's maximum it is zero. Stochastic steps would not find it: an intercept
        that rises while all effects fall changes the KL alone.
        """
        return self._centred(self._mean)

    def _centred(self, mean):
        return SPEED * (mean - self._centre())

    def _centre(self):
        mean = self._mean[: self.num_clusters] if self.added else self._mean
        return ops.mean(mean, axis=0)

    @property
    def posterior_log_scale(self):
        """Logarithm of the diagonals of L: `(clusters, effects)`."""
        return SPEED * self._log_scale

    @property
    def posterior_lower(self):
        """The rest of L, if full: `(clusters, effects, effects)`."""
        return SPEED * _strictly_lower(self._lower)

    @property
    def prior_log_scale(self):
        """Logarithm of the diagonal of Lambda: `(effects,)`."""
        return SPEED * self._prior_log_scale

    @property
    def prior_lower(self):
        """The rest of Lambda, if correlated: `(effects, effects)`."""
        return SPEED * _strictly_lower(self._prior_lower)

    def call(self, features, clusters, training=False):
        design = self._scaled_design(features)  # (batch, effects)
        effects = _of_rows(self._mean, clusters, self._centred)
        output = ops.sum(design * effects, axis=-1, keepdims=True)
        if not training:
            return output
        noise = keras.random.normal(ops.shape(output), dtype=output.dtype, seed=self.seed_generator)
        return output + self._deviation(design, clusters) * noise

    def posterior_scale(self, features, clusters):
        """Standard deviation of the effect on each row under the posterior: `(batch, 1)`."""
        return self._deviation(self._scaled_design(features), clusters)

    def _deviation(self, design, clusters):
        parts = design * _of_rows(self._log_scale, clusters, lambda rows: ops.exp(SPEED * rows))
        if self.full:
            lower = _of_rows(self._lower, clusters, lambda rows: SPEED * _strictly_lower(rows))
            parts = parts + ops.squeeze(ops.matmul(design[:, None], lower), axis=1)
        variance = ops.sum(ops.square(parts), axis=-1, keepdims=True)
        return ops.sqrt(variance + keras.config.epsilon())

    def kl(self):
        """KL(q(U) || p(U)), summed over clusters and effects, in nats."""
        mean, log_scale = self.posterior_mean, self.posterior_log_scale
        kl = 0.5 * ops.sum(ops.square(mean) + ops.exp(2 * log_scale) - 1) - ops.sum(log_scale)
        if self.full:
            kl = kl + 0.5 * ops.sum(ops.square(self.posterior_lower))
        return kl

    def prior_scale(self, features):
        """Standard deviation of a new cluster's effect on each row: `(batch, 1)`."""
        return ops.norm(self._scaled_design(features), axis=-1, keepdims=True)

    def prior_scale_tril(self):
        """Lambda, the root of the covariance of the effects: `(effects, effects)`."""
        scale = ops.diag(ops.exp(self.prior_log_scale))
        return scale + self.prior_lower if self.correlated else scale

    def posterior(self, clusters):
        """The posterior of u for these clusters.

        Args:
            clusters: Integer tensor of shape `(clusters,)`, none of them -1.

        Returns:
            Means of shape `(clusters, effects)`, and roots of the covariances, lower triangular,
            of shape `(clusters, effects, effects)`.
        """
        prior = self.prior_scale_tril()
        scale = ops.exp(ops.take(self.posterior_log_scale, clusters, axis=0))
        root = ops.eye(scale.shape[-1], dtype=scale.dtype) * scale[:, None]
        if self.full:
            root = root + ops.take(self.posterior_lower, clusters, axis=0)
        mean = ops.take(self.posterior_mean, clusters, axis=0)
        return ops.matmul(mean, ops.transpose(prior)), ops.matmul(prior, root)

    def set_posterior(self, prior, mean, covariance):
        """Take over a prior and a posterior that were found elsewhere.

        Args:
            prior: Lambda, of shape `(effects, effects)`, with a diagonal above zero.
            mean: m, of shape `(clusters, effects)`.
            covariance: L L', of shape `(clusters, effects, effects)`.
        """
        root = np.linalg.cholesky(covariance)
        self._mean.assign(mean / SPEED)
        self._log_scale.assign(np.log(np.diagonal(root, axis1=1, axis2=2)) / SPEED)
        self._prior_log_scale.assign(np.log(np.diagonal(prior)) / SPEED)
        if self.full:
            self._lower.assign(np.tril(root, -1) / SPEED)
        if self.correlated:
            self._prior_lower.assign(np.tril(prior, -1) / SPEED)

    def adopt(self, layer, mean, covariance):
        """Take over a layer that lacks the last clusters, and a posterior of these.

        Args:
            layer: A built `RandomEffects` with the same effects.
            mean: m of the last clusters, of shape `(clusters, effects)`.
            covariance: L L' of them, of shape `(clusters, effects, effects)`.
        """
        root = np.linalg.cholesky(covariance)
        mean = mean / SPEED + np.asarray(layer._centre())
        log_scale = np.log(np.diagonal(root, axis1=1, axis2=2)) / SPEED
        self._mean.assign(np.concatenate([np.asarray(layer._mean), mean]))
        self._log_scale.assign(np.concatenate([np.asarray(layer._log_scale), log_scale]))
        self._prior_log_scale.assign(layer._prior_log_scale)
        if self.full:
            own = np.zeros((layer._mean.shape[0], *root.shape[1:]))
            own = np.asarray(layer._lower) if layer.full else own
            self._lower.assign(np.concatenate([own, np.tril(root, -1) / SPEED]))
        if self.correlated:
            self._prior_lower.assign(layer._prior_lower)

    def _scaled_design(self, features):
        one = ops.ones((ops.shape(features)[0], 1), dtype=self.compute_dtype)
        design = ops.concatenate([one, features], axis=-1)
        design = ops.cast(design, self.prior_log_scale.dtype)  # outside call it is not cast
        if self.correlated:
            return ops.matmul(design, self.prior_scale_tril())
        return design * ops.exp(self.prior_log_scale)

    def compute_output_shape(self, features_shape, clusters_shape=None):
        return (features_shape[0], 1)


def _of_rows(table, clusters, stored):
    """What each row's cluster has in a table, worked out of what is stored; zero where it is -1.

    Looked up first and worked out then: a step costs what its rows touch, not what there is.
    """
    if len(clusters.shape) == 2:
        return ops.tensordot(clusters, stored(table[: clusters.shape[1]]), 1)
    entries = stored(ops.take(table, ops.maximum(clusters, 0), axis=0))
    known = ops.cast(clusters >= 0, entries.dtype)
    return entries * ops.reshape(known, (-1, *(1 for _ in table.shape[1:])))


def _strictly_lower(matrix):
    return ops.tril(matrix, k=-1)
