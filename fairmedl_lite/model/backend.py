"""Keras, as the rooms of the model import it: one message where no backend is installed."""

try:
    import keras
except ImportError as error:
    raise ImportError(
        "Keras found no backend to compute with. Install one: "
        "pip install 'fairmedl_lite[cpu]' (TensorFlow for a CPU), 'fairmedl_lite[tensorflow]', or "
        "'fairmedl_lite[jax]' together with the environment variable KERAS_BACKEND=jax."
    ) from error
from keras import ops

__all__ = ["PACKAGE", "keras", "ops"]
PACKAGE = "fairmedl_lite"
