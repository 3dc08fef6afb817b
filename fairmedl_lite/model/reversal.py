"""Gradient reversal: what stands between a network and its adversary (lesson 04)."""

from fairmedl_lite.model.backend import PACKAGE, keras, ops


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

    Example:
        >>> np.asarray(GradientReversal(2.0)(np.array([3.0])))  # its gradient is -2
        array([3.], dtype=float32)
    """

    def __init__(self, weight: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= weight < float("inf"):
            raise ValueError(f"weight must be zero or more, and finite. Received: {weight!r}.")
        self.weight = float(weight)

    def call(self, inputs):
        @ops.custom_gradient
        def reverse(inputs):
            return inputs, lambda gradient: -self.weight * gradient

        return reverse(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape
