"""What kind of outcome a model has: its likelihood, and how a prediction becomes a decision."""

import math

from fairmedl_lite.model.backend import keras, ops


class Bernoulli(keras.layers.Layer):
    """A 0/1 outcome, predicted on the logit scale.

    Args:
        base_rate: Float in (0, 1). The share of positive rows.
    """

    sharpness = 3.0  # of the soft decision that fairness is asked of

    def __init__(self, base_rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.threshold = math.log(base_rate / (1 - base_rate))

    def noise(self):
        """There is no residual scale: the probability says how noisy a class is."""

    def set_noise(self, scale):
        """Nothing is to be set."""

    def loss(self, outcome, prediction, name):
        """Negative log likelihood of each row: `(batch,)`.

        Args:
            outcome: Tensor of shape `(batch, 1)`.
            prediction: Tensor of shape `(batch, 1)`, on the link scale.
            name: Whose prediction it is: `"fixed"` or `"mixed"`.
        """
        outcome = ops.cast(outcome, prediction.dtype)
        return ops.squeeze(ops.softplus(prediction) - outcome * prediction, axis=-1)


class Gaussian(keras.layers.Layer):
    """A continuous outcome, standardised, with a learned residual scale.

    The prediction from fixed effects alone leaves more unexplained than the mixed one, so each
    has a residual scale of its own.

    Args:
        names: Whose predictions have a likelihood: `"fixed"`, `"mixed"`.
    """

    sharpness, threshold = 2.0, 0.0  # the soft decision is tanh(prediction)

    def __init__(self, names=("fixed", "mixed"), **kwargs):
        super().__init__(**kwargs)
        self.names = tuple(names)

    def build(self, input_shape=None):
        """Make a residual scale for each prediction."""
        self.log_scale = {
            name: self.add_weight(shape=(), initializer="zeros", name=f"{name}_log_scale")
            for name in self.names
        }

    def noise(self):
        """Standard deviation of the residual of the mixed prediction, as a float."""
        return math.exp(float(ops.convert_to_numpy(self.log_scale["mixed"])))

    def set_noise(self, scale):
        """Take over a standard deviation of that residual."""
        self.log_scale["mixed"].assign(math.log(scale))

    def loss(self, outcome, prediction, name):
        """Negative log likelihood of each row: `(batch,)`. Arguments as in `Bernoulli`."""
        log_scale = self.log_scale[name]
        outcome = ops.cast(outcome, prediction.dtype)
        error = ops.squeeze(outcome - prediction, axis=-1) * ops.exp(-log_scale)
        return 0.5 * ops.square(error) + log_scale + 0.5 * math.log(2 * math.pi)
