"""What both models are made of: dense layers, seeds of their own, and the settings they keep."""

from zlib import crc32

import numpy as np

from fairmedl_lite.model.backend import keras


def part_seed(seed, part):
    """The seed of one part of a model, whatever other parts there are.

    So an ablation changes the part that is left out, and no other one's start.

    Args:
        seed: Integer, the model's, or `None`, which is passed on.
        part: String, the part's name.
    """
    if seed is None:
        return None
    return int(np.random.SeedSequence([seed, crc32(part.encode())]).generate_state(1)[0])


def hidden_layers(hidden, seed, part="hidden"):
    """Dense layers of rectified linear units, one after the other.

    Args:
        hidden: Integers. Units of each.
        seed: Integer, the model's.
        part: String. What they are called.
    """
    return [
        dense(units, part_seed(seed, f"{part} {number}"), activation="relu")
        for number, units in enumerate(hidden)
    ]


def dense(units, seed, speed=1.0, **options):
    """A dense layer with weights of Glorot's size, divided by a speed.

    Args:
        units: Integer.
        seed: Integer. Seeds the initial weights.
        speed: Float. A layer whose weights are stored divided by it, and whose output is multiplied
            by it, learns faster by it.
        **options: Passed to `keras.layers.Dense`.
    """
    initializer = keras.initializers.VarianceScaling(1 / speed**2, "fan_avg", "uniform", seed=seed)
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
