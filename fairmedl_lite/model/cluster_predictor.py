"""The cluster predictor: a soft membership over the seen clusters, from x."""

from fairmedl_lite.model.backend import PACKAGE, keras
from fairmedl_lite.model.parts import arguments, dense, hidden_layers, part_seed


@keras.saving.register_keras_serializable(package=PACKAGE)
class ClusterPredictor(keras.Model):
    """Infers a soft membership over the seen clusters from x (the Z-predictor), trained apart.

    Args:
        num_clusters: Integer. How many clusters are seen.
        hidden: Integers. Units of the hidden layers.
        seed: Integer. Seeds the initial weights.

    Call arguments:
        inputs: Float tensor of shape `(batch, columns)`.

    Returns:
        Probabilities of shape `(batch, num_clusters)`.

    Example:
        >>> shares = ClusterPredictor(num_clusters=3)(np.zeros((2, 5)))
        >>> np.asarray(shares).sum(axis=1).round(3)
        array([1., 1.], dtype=float32)
    """

    def __init__(self, num_clusters: int, hidden=(64, 32), seed: int = 0, **kwargs):
        settings = arguments(locals())
        super().__init__(**kwargs)
        self.settings = settings
        self.hidden_layers = hidden_layers(hidden, seed, "cluster predictor")
        start = part_seed(seed, "membership")
        self.membership = dense(num_clusters, start, activation="softmax")

    def build(self, input_shape):
        self.built_shape = input_shape
        widths = [input_shape[-1], *self.settings["hidden"]]
        for layer, units in zip([*self.hidden_layers, self.membership], widths, strict=True):
            layer.build((None, units))
        self.built = True

    def call(self, inputs):
        for layer in self.hidden_layers:
            inputs = layer(inputs)
        return self.membership(inputs)

    def get_config(self):
        return dict(self.settings)
