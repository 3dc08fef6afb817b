"""The cluster predictor: a soft membership over the seen clusters, from x."""

import numpy as np

from fairmedl_lite.model.backend import PACKAGE, keras
from fairmedl_lite.model.parts import arguments, dense


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
    """

    def __init__(self, num_clusters, hidden=(64, 32), seed=0, **kwargs):
        settings = arguments(locals())
        super().__init__(**kwargs)
        self.settings = settings
        seeds = np.random.SeedSequence(seed).generate_state(len(hidden) + 1).tolist()
        self.hidden_layers = [dense(units, seeds.pop(), activation="relu") for units in hidden]
        self.membership = dense(num_clusters, seeds.pop(), activation="softmax")

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
