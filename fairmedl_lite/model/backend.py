"""Keras, as the rooms of the model import it: one message where no backend is installed."""

import os

try:
    import keras
except (ImportError, ValueError) as error:  # the latter of a name that is no backend's
    raise ImportError(
        "Keras found no backend to compute with. Asked for by KERAS_BACKEND: "
        f"{os.environ.get('KERAS_BACKEND', 'none')}. Received: {error}. Install one: "
        "pip install 'fairmedl_lite[cpu]' (TensorFlow for a CPU), 'fairmedl_lite[tensorflow]', or "
        "'fairmedl_lite[jax]' together with the environment variable KERAS_BACKEND=jax."
    ) from error
ops, PACKAGE = keras.ops, "fairmedl_lite"
