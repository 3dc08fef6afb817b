"""What both models are made of: dense layers, and the settings that a model keeps."""

from fairmedl_lite.model.backend import keras


def dense(units, seed, speed=1.0, **options):
    """A dense layer with weights of Glorot's size, divided by a speed.

    Args:
        units: Integer.
        seed: Integer. Seeds the initial weights.
        speed: Float. A layer whose weights are stored divided by it, and whose output is multiplied
            by it, learns faster by it.
        **options: Passed to `keras.layers.Dense`.
    """
    initializer = keras.initializers.VarianceScaling(
        1 / speed**2, "fan_avg", "uniform", seed=int(seed)
    )
    return keras.layers.Dense(units, kernel_initializer=initializer, **options)


def arguments(local):
    """What a constructor was called with, lists as tuples: of a model Keras does not keep it.

    Args:
        local: What `locals()` gives in the constructor's first line.
    """
    names = local.keys() - {"self", "kwargs", "__class__"}
    return {name: _as_tuple(local[name]) for name in sorted(names)}


def _as_tuple(value):
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value
