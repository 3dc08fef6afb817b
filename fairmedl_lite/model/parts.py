"""What both models are made of: dense layers, seeds of their own, and the settings they keep."""

from zlib import crc32

import numpy as np

from fairmedl_lite.model.backend import keras


def part_seed(seed, part):
    """The seed of one part, by its name and the model's seed, whatever other parts there are.

    So an ablation changes the part that is left out, and no other one's start.
    """
    if seed is None:
        return None
    return int(np.random.SeedSequence([seed, crc32(part.encode())]).generate_state(1)[0])


def hidden_layers(hidden, seed, part="hidden"):
    """Dense layers of so many rectified linear units each, one after the other."""
    return [
        dense(units, part_seed(seed, f"{part} {number}"), activation="relu")
        for number, units in enumerate(hidden)
    ]


def dense(units, seed, speed=1.0, **options):
    """A dense layer with weights of Glorot's size, divided by a speed: see `_fast_dense`."""
    initializer = keras.initializers.VarianceScaling(1 / speed**2, "fan_avg", "uniform", seed=seed)
    return keras.layers.Dense(units, kernel_initializer=initializer, **options)


def arguments(local):
    """What a constructor was called with, from its `locals()`: of a model Keras keeps nothing."""
    names = local.keys() - {"self", "kwargs", "__class__"}
    return {name: _as_tuple(local[name]) for name in sorted(names)}


def _as_tuple(value):
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value
