"""Gradient reversal in a toy whose truth is known."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from fairmedl_lite.course.explore.explorer import LOOKS, Explorer, _finish, _lines, shows

NOISE = np.array([1.2, 0.5])  # of the toy's two features
READERS = ("predictor", "adversary")


@shows
def gradient_reversal():
    """Strength of the reversal against the predictor's and the adversary's losses.

    A toy in NumPy whose truth is known: one feature tells the outcome, the other one tells which
    of two clusters a row is from. In training, cluster and outcome agree in 80 % of the rows; in
    new rows they are independent, so the second feature deserves a weight of 0. An encoder
    weighs both into one number; a predictor and an adversary, each logistic, read it.
    """
    runs = {strength: _unlearn(strength) for strength in (0, 0.25, 0.5, 1, 2, 4, 8)}
    strengths = {f"{strength:g}": strength for strength in runs}
    controls = {"strength": ("Strength of the reversal", strengths)}
    return Explorer(
        controls, lambda strength: _draw_reversal(strength, runs), [(1,), (0,), (8,)], {}
    )


def _unlearn(strength, steps=300, rows=400, seed=0):
    """The losses of predictor and adversary by step, the encoder's weights, and new accuracy."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, rows)
    cluster = np.where(random.random(rows) < 0.8, y, 1 - y)
    x = np.stack([2 * y - 1, 2 * cluster - 1], axis=1) + random.normal(size=(rows, 2)) * NOISE
    encoder, predictor, adversary = np.array([0.5, 0.5]), np.array([0.0, 1]), np.zeros(2)
    losses = []
    for _ in range(steps):
        code = np.stack([np.ones(rows), x @ encoder])
        p, q = expit(predictor @ code), expit(adversary @ code)
        losses.append([_log_loss(y, p), _log_loss(cluster, q)])
        p, q = (p - y) / rows, (q - cluster) / rows  # gradients of the losses by the logits
        encoder = encoder - 0.1 * x.T @ (predictor[1] * p - strength * adversary[1] * q)
        predictor, adversary = predictor - 0.1 * code @ p, adversary - 0.5 * code @ q
    return np.array(losses), encoder, _new_accuracy(encoder, predictor)


def _log_loss(truth, probability):
    return -np.log(np.where(truth == 1, probability, 1 - probability)).mean()


def _new_accuracy(encoder, predictor):
    """The share that is right, exactly, where the cluster is independent of the outcome."""
    signs = np.array([[y, cluster] for y in (-1, 1) for cluster in (-1, 1)])
    logit = predictor[0] + predictor[1] * signs @ encoder
    noise = np.abs(predictor[1]) * np.sqrt(((encoder * NOISE) ** 2).sum())
    return stats.norm.cdf(signs[:, 0] * logit / noise).mean()


def _draw_reversal(strength, runs):
    losses, encoder, accuracy = runs[strength]
    names = [f"{one:g}" for one in runs]
    figure, (left, right) = plt.subplots(1, 2, figsize=(5.2, 2.6))
    for name, loss, (color, _, style) in zip(READERS, losses.T, LOOKS, strict=False):
        left.plot(loss, color=color, linestyle=style, label=name)
    left.axhline(np.log(2), color="grey", linewidth=1, linestyle=":", label="chance")
    left.set(xlabel="step", ylabel="loss", ylim=(0, 1))
    right_in_new = [100 * run[2] for run in runs.values()]
    _lines(right, {"": (names, right_in_new)}, at=f"{strength:g}")
    right.set(xlabel="strength of the reversal", ylabel="right in new clusters (%)")
    return _finish(
        figure,
        f"Reversal of strength {strength:g}: the predictor's loss ends at {losses[-1, 0]:.2f}, the "
        f"adversary's at {losses[-1, 1]:.2f}, where {np.log(2):.2f} is chance. The feature that "
        f"tells the outcome gets the weight {encoder[0]:.2f}, the one that tells the cluster "
        f"{encoder[1]:.2f}. In new clusters {100 * accuracy:.1f} % are right, of at most "
        f"{100 * stats.norm.cdf(1 / NOISE[0]):.1f} %.",
        pd.DataFrame({"strength": names, "right in new clusters (%)": right_in_new}),
    )
