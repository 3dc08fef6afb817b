"""Draws of random effects, from the posterior of known clusters and the prior of new ones."""

import numpy as np
import pandas as pd


def draw_effects(layer, design, ids, labels, *, unseen, membership=None, draws, random):
    """Draw one cluster variable's effect on each row; rows of one cluster share each draw.

    Args:
        layer: A built `RandomEffects`.
        design: Float array of shape `(rows, effects)`: ones, and what the slopes stand on.
        ids: Integer array of shape `(rows,)`: the number of each row's cluster, -1 for a new one.
        labels: Array of shape `(rows,)` that tells new clusters apart.
        unseen: What a new cluster gets. `"prior"`: effects drawn from the prior. `"fixed"`: none.
            Otherwise: those of a cluster drawn from its membership, for each row and draw.
        membership: Float array of shape `(new rows, clusters)`, for the last case.
        draws: Integer.
        random: A `numpy.random.Generator`.

    Returns:
        Float32 array of shape `(draws, rows)`, on the link scale.
    """
    new = ids < 0
    mean, root, entity = _entities(layer, ids, labels, everyone=membership is not None)
    silent = new if unseen == "fixed" else np.zeros_like(new)
    design = np.where(silent[:, None], 0.0, design)
    drawn = np.empty((draws, len(ids)), dtype="float32")
    for number in range(draws):
        noise = random.normal(size=mean.shape)
        effects = mean + np.einsum("kij,kj->ki", root, noise)  # (entities, effects)
        if membership is not None:
            entity[new] = _choose(membership, random)
        drawn[number] = np.sum(design * effects[entity], axis=1)
    return drawn


def _entities(layer, ids, labels, everyone):
    """Means and roots of all clusters that occur, and which of them each row belongs to."""
    new = ids < 0
    known = np.arange(layer.posterior_mean.shape[0]) if everyone else np.unique(ids[~new])
    mean, root = (np.asarray(part, "float64") for part in layer.posterior(known.astype("int32")))
    entity = np.searchsorted(known, ids)
    if everyone or not new.any():
        return mean, root, entity
    entity[new], others = pd.factorize(np.asarray(labels)[new])
    entity[new] += len(known)
    prior = np.asarray(layer.prior_scale_tril(), "float64")
    mean = np.concatenate([mean, np.zeros((len(others), len(prior)))])
    return mean, np.concatenate([root, np.tile(prior, (len(others), 1, 1))]), entity


def _choose(membership, random):
    """Draw one cluster for each row, with the probabilities of its membership."""
    below = np.cumsum(membership, axis=1) < random.random((len(membership), 1))
    return np.minimum(below.sum(axis=1), membership.shape[1] - 1)
