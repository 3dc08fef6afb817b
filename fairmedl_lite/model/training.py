"""How a model is trained: epoch by epoch, by a schedule that ends when it has converged."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from fairmedl_lite.model.backend import keras, ops
from fairmedl_lite.model.compiling import compiled

MIN_EPOCHS = 20
LONGEST = 4  # times the shortest training


@dataclass(frozen=True)
class Recipe:
    """How a kind of model is trained, unless the user says otherwise.

    Args:
        batch_size: Integer. The most rows of a step.
        min_steps: Integer. Steps before which training does not stop.
        learning_rate: Float. Adam's, until the loss is flat.
        weight_decay: Function of the rows to the share of a hidden kernel that a step at a
            learning rate of 1 takes away.
        annealed: Float in (0, 1). The share of epochs after that.
        decay: Function of the annealed share done, in (0, 1], to a factor of the learning rate.
        tolerance: Function of the rows to nats a row: how far the loss may fall from one quarter
            of the shortest training to the next, and count as flat.
        noise: Float. How many standard errors of that fall count as flat too.
    """

    batch_size: int
    min_steps: int
    learning_rate: float
    weight_decay: Callable
    annealed: float
    decay: Callable
    tolerance: Callable
    noise: float


# Of few rows a network would learn each by heart: the fewer, the faster its weights decay.
DECAY = 15_000
NETWORK = Recipe(
    batch_size=256,
    min_steps=600,
    learning_rate=1e-3,
    weight_decay=lambda rows: DECAY / rows,
    annealed=0.2,
    decay=lambda done: 0.2,
    tolerance=lambda rows: 0.02,
    noise=0,
)
# A linear model has one optimum, the maximum of the likelihood: it is trained until it is there.
LINEAR = Recipe(
    batch_size=8192,
    min_steps=1600,
    learning_rate=6e-3,
    weight_decay=lambda rows: 0,
    annealed=0.5,
    decay=lambda done: (1 + cos(pi * done)) / 2,
    tolerance=lambda rows: 1 / rows,
    noise=2,
)


def train(model, x, y, sample_weight, recipe, *, seed, epochs=None, loss=None):
    """Fit a model by Adam with averaged weights.

    Args:
        model: A `keras.Model`.
        x: Its inputs.
        y: Its targets.
        sample_weight: Array of shape `(rows,)`, or `None`.
        recipe: A `Recipe`.
        seed: Integer. Seeds the order of the rows, a new one each epoch.
        epochs: Integer, or `None` to stop once the task's loss no longer falls: at least 20
            epochs and the recipe's steps, at most four times that.
        loss: Name of a Keras loss, for a model that has none of its own.

    Returns:
        DataFrame of each loss term by epoch.

    Warns:
        ConvergenceWarning: If the loss still falls when the longest training ends.
    """
    rows = len(keras.tree.flatten(x)[0])
    steps = math.ceil(rows / recipe.batch_size)
    shortest = epochs or max(MIN_EPOCHS, math.ceil(recipe.min_steps / steps))
    schedule = Anneal(recipe, rows, shortest, epochs or LONGEST * shortest)
    data = (x, y) if sample_weight is None else (x, y, sample_weight)
    data = keras.tree.map_structure(ops.convert_to_tensor, data)
    with compiled(model, data, loss) as trainee:
        trainee.optimizer.weight_decay.assign(recipe.weight_decay(rows))
        while not schedule.ended:
            trainee.optimizer.learning_rate = schedule.learning_rate
            schedule.observe(trainee.run_epoch(data, batches(rows, steps, seed, schedule.epoch)))
        trainee.optimizer.finalize_variable_values(trainee.trainable_variables)
    if not schedule.converged:
        warnings.warn(
            f"The loss still fell after {schedule.epoch} epochs. Pass epochs= for more, or a "
            "larger learning_rate.",
            ConvergenceWarning,
            stacklevel=4,
        )
    history = pd.DataFrame(schedule.history).rename_axis("epoch")
    history.attrs["converged"] = schedule.converged
    return history


def batches(rows, steps, seed, epoch):
    """The rows of each step of an epoch, in an order of its own.

    Batches are of one size, so that an epoch leaves out fewer rows than it has steps.

    Returns:
        Int32 array of shape `(steps, batch)`.
    """
    order = np.random.default_rng((seed, epoch)).permutation(rows).astype("int32")
    return order[: rows - rows % steps].reshape(steps, -1)


class Anneal:
    """Lowers the learning rate once the task's loss is flat, and stops soon after.

    The task's loss is L(y, y_M) plus the KL: the adversaries' terms need not fall.

    Args:
        recipe: A `Recipe`.
        rows: Integer. How many rows are fitted.
        shortest: Integer. Epochs before which training does not stop.
        longest: Integer. Epochs after which it does.
    """

    def __init__(self, recipe, rows, shortest, longest):
        self.recipe, self.tolerance = recipe, recipe.tolerance(rows)
        self.shortest, self.longest = shortest, longest
        self.learning_rate = recipe.learning_rate
        self.history, self.losses = [], []
        self.first, self.last, self.converged, self.ended = None, None, False, False

    @property
    def epoch(self):
        """How many epochs are done."""
        return len(self.history)

    def observe(self, terms):
        """Take an epoch's mean loss terms, and set the learning rate of the next one."""
        self.history.append({name: float(value) for name, value in terms.items()})
        terms = self.history[-1]
        self.losses.append(terms.get("mixed", terms["loss"]) + terms.get("kl", 0.0))
        if self.last is None:
            self.converged = self._is_flat()
            kept = 1 - self.recipe.annealed
            first, limit = (int(kept * epochs) for epochs in (self.shortest, self.longest))
            if self.epoch >= limit:
                self.first, self.last = self.epoch, self.longest
            elif self.epoch >= first and self.converged:
                self.first = self.epoch
                self.last = max(self.shortest, math.ceil(self.epoch / kept))
        if self.last is not None:
            self.ended = self.epoch >= self.last
            share = (self.epoch + 1 - self.first) / max(1, self.last - self.first)
            self.learning_rate = self.recipe.decay(min(share, 1.0)) * self.recipe.learning_rate

    def _is_flat(self):
        quarter = min(len(self.losses), self.shortest) // 4
        if not quarter:
            return False
        before, after = self.losses[-2 * quarter : -quarter], self.losses[-quarter:]
        fall = np.mean(before) - np.mean(after)
        noise = self.recipe.noise * math.sqrt((np.var(before) + np.var(after)) / quarter)
        return fall < self.tolerance + noise
