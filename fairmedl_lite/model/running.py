"""What a model makes of many rows, a chunk of them at a time."""

import numpy as np
import pandas as pd

CHUNK = 8_192  # rows


def outputs(model, x, ids):
    """A model's predictions of rows, by name: arrays of shape `(rows,)`.

    Only `prior_scale` has the shape `(rows, variables)`, as `FairMEDL` says.
    """
    chunks = [
        model({"x": x[rows], "clusters": tuple(part[rows] for part in ids)})
        for rows in (slice(start, start + CHUNK) for start in range(0, len(x), CHUNK))
    ]
    found = {
        name: np.concatenate([np.asarray(chunk[name]) for chunk in chunks]) for name in chunks[0]
    }
    return {name: part if name == "prior_scale" else part[:, 0] for name, part in found.items()}


def slope_features(model, x):
    """What the slopes of each cluster variable stand on: list of arrays `(rows, slopes)`."""
    return [
        in_chunks(lambda part, n=n: model.slope_features(model.activations(part))[n], x)
        for n in range(len(model.random_effects))
    ]


def average_design(model, x, ids, number):
    """What a cluster variable's effects stand on, averaged over the rows of each cluster here.

    Array of shape `(clusters, 1, effects)`, in the order of the clusters' numbers.
    """
    features = pd.DataFrame(slope_features(model, x)[number])
    return with_ones(features.groupby(ids).mean())[:, None]


def posterior_variance(model, x, *ids):
    """Variance of the sum of each row's effects under the posterior: `(rows,)`."""

    def variance(x, *ids):
        features = model.slope_features(model.activations(x))
        layers = zip(model.random_effects, features, ids, strict=False)
        scales = [np.asarray(layer.posterior_scale(*parts))[:, 0] for layer, *parts in layers]
        return sum(map(np.square, scales), np.zeros(len(x)))

    return in_chunks(variance, x, *ids)


def in_chunks(function, *arrays):
    """A function's values, of `CHUNK` rows at a time."""
    starts = range(0, len(arrays[0]), CHUNK)
    parts = [function(*(array[start : start + CHUNK] for array in arrays)) for start in starts]
    found = np.concatenate([np.asarray(part) for part in parts])
    return found.astype(np.promote_types(found.dtype, "float32"), copy=False)  # of 16 bits


def with_ones(features):
    """Features with a column of ones before them."""
    return np.column_stack([np.ones(len(features)), features])
