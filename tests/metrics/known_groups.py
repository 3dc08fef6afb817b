"""Rows of groups whose rates or residuals are known."""

import numpy as np
import pandas as pd


def build(cells):
    """Outcome, score and group of `{group: (true positives, positives, false positives, n-)}`."""
    y, score, group = [], [], []
    for name, (hits, positives, alarms, negatives) in cells.items():
        y += [1] * positives + [0] * negatives
        score += [1.0] * hits + [0.0] * (positives - hits)
        score += [1.0] * alarms + [0.0] * (negatives - alarms)
        group += [name] * (positives + negatives)
    return np.array(y), np.array(score), pd.DataFrame({"sex": group})


CELLS = {"a": (20, 40, 5, 50), "b": (30, 40, 20, 50), "c": (18, 20, 10, 100), "d": (0, 19, 0, 19)}


def draw(sizes, noise, shift, seed=0):
    """Groups of these sizes, whose outcomes have this noise and are predicted too low by this."""
    random = np.random.default_rng(seed)
    group = pd.Series(np.repeat(np.arange(len(sizes)), sizes), name="band")
    predicted = random.normal(size=len(group))
    residual = np.repeat(shift, sizes) + np.repeat(noise, sizes) * random.normal(size=len(group))
    return predicted + residual, predicted, group
