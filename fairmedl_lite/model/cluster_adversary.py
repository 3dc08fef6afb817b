"""The cluster adversary: guesses the cluster from the hidden layers (A_Z)."""

import math

from fairmedl_lite.model.backend import PACKAGE, keras, ops
from fairmedl_lite.model.parts import dense, part_seed
from fairmedl_lite.model.random_effects import SPEED
from fairmedl_lite.model.reversal import GradientReversal

UNITS = 32
READINGS = {"activations": 1.0, "standardised": SPEED}  # how fast an adversary of each learns
NEGATIVES = 256  # clusters a row's own is told from, where there are more than twice as many


@keras.saving.register_keras_serializable(package=PACKAGE)
class ClusterAdversary(keras.layers.Layer):
    """Guesses the cluster of each row from what the hidden layers make of it.

    A network fools an adversary that reads plain activations by making them ever larger: it moves
    faster than the adversary can follow. Standardised over the batch they have one size, and the
    faster adversary follows: its weights are stored divided by its speed.

    Args:
        num_clusters: Integers. How many clusters each cluster variable has.
        weight: Float lam_g.
        reads: `"activations"` or `"standardised"`.
        seed: Integer. Seeds initial weights and draws.

    Call arguments:
        activations: Tensor of shape `(batch, units)`.

    Returns:
        Tensor of shape `(batch, 32)`, what `loss` reads.
    """

    def __init__(self, num_clusters, weight, reads, seed, **kwargs):
        super().__init__(**kwargs)
        self.num_clusters, self.speed = num_clusters, READINGS[reads]
        scale = [keras.layers.BatchNormalization(center=False, scale=False)]
        hidden = dense(UNITS, part_seed(seed, "cluster adversary 0"), self.speed, use_bias=False)
        layers = [*scale * (reads == "standardised"), GradientReversal(weight), hidden]
        self.reader = keras.Sequential(layers)
        start = part_seed(seed, "cluster adversary 1")
        self.heads = [self._head(count, start) for count in num_clusters]
        self.seed_generator = keras.random.SeedGenerator(start)

    def build(self, activations_shape):
        self.reader.build(activations_shape)
        for head in self.heads:
            head.build((None, UNITS))
        self.built = True

    def _head(self, count, seed):
        """Scores of all clusters, or of many a table of weights, a bias last, to be looked up."""
        layer = dense(count, seed, self.speed)
        if count <= 2 * NEGATIVES:
            return layer
        return keras.layers.Embedding(count, UNITS + 1, layer.kernel_initializer)

    def call(self, activations):
        return ops.relu(self.speed * self.reader(activations))

    def loss(self, hidden, clusters):
        """Cross-entropy of each row, summed over the cluster variables: `(batch,)`.

        There is nothing to guess where a cluster is unknown, -1.
        """
        losses = 0
        for head, labels in zip(self.heads, clusters, strict=True):
            loss = self._cross_entropy(hidden, head, ops.maximum(labels, 0))
            losses += loss * ops.cast(labels >= 0, loss.dtype)
        return losses

    def _cross_entropy(self, hidden, head, labels):
        if isinstance(head, keras.layers.Dense):
            scores = self.speed * head(hidden)
            own = scores * ops.one_hot(labels, scores.shape[1], dtype=scores.dtype)
            return ops.logsumexp(scores, axis=1) - ops.sum(own, axis=1)
        # The sum over all clusters but the row's own is estimated from some of them.
        drawn = keras.random.randint((NEGATIVES,), 0, head.input_dim, seed=self.seed_generator)
        hidden = ops.concatenate([hidden, ops.ones_like(hidden[:, :1])], axis=1)  # (batch, 33)
        scores = hidden @ ops.transpose(self.speed * head(drawn))  # (batch, negatives)
        scores = ops.where(drawn == labels[:, None], -1e9, scores)
        own = ops.sum(hidden * (self.speed * head(labels)), axis=1)
        others = ops.logsumexp(scores, axis=1) + math.log(head.input_dim / NEGATIVES)
        return ops.softplus(others - own)
