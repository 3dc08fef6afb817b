"""How a model is trained: Keras's own fit, and a schedule that ends it when it has converged."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from fairmedl_lite.model.backend import keras
from fairmedl_lite.model.compiling import compiled

MIN_EPOCHS, MIN_STEPS = 20, 1600
LONGEST = 4  # times the shortest training
TILED_PASSES, TILED_ROWS = 40, 200_000  # of small data in one epoch


@dataclass(frozen=True)
class Recipe:
    """How a kind of model is trained, unless the user says otherwise.

    Args:
        batch_size: Integer. Rows of a step; data with no more rows take whole steps.
        learning_rate: Float. Adam's, until the loss is flat.
        annealed: Float in (0, 1). The share of epochs after that.
        decay: Function of the annealed share done, in (0, 1], to a factor of the learning rate.
        tolerance: Function of the rows to nats a row: how far the loss may fall from one quarter
            of the shortest training to the next, and count as flat.
        noise: Float. How many standard errors of that fall count as flat too.
    """

    batch_size: int
    learning_rate: float
    annealed: float
    decay: Callable
    tolerance: Callable
    noise: float


# A network overfits when it is trained for long, so it stops as soon as the loss hardly falls.
NETWORK = Recipe(256, 1e-3, 0.2, lambda done: 0.2, lambda rows: 0.02, 0)
# A linear model has one optimum, the maximum of the likelihood: it is trained until it is there.
LINEAR = Recipe(8192, 0.006, 0.5, lambda done: (1 + cos(pi * done)) / 2, lambda rows: 1 / rows, 2)


def train(model, x, y, sample_weight, recipe, *, epochs=None, loss=None):
    """Fit a model by Adam with averaged weights.

    On TensorFlow a seeded Keras draws one order of the rows, and every epoch has the same batches.

    Args:
        model: A `keras.Model`.
        x: Its inputs.
        y: Its targets.
        sample_weight: Array of shape `(rows,)`, or `None`.
        recipe: A `Recipe`.
        epochs: Integer, or `None` to stop once the task's loss no longer falls: at least 20
            epochs and 1,600 steps, at most four times that.
        loss: Name of a Keras loss, for a model that has none of its own.

    Returns:
        DataFrame of each loss term by epoch.

    Warns:
        ConvergenceWarning: If the loss still falls when the longest training ends.
    """
    rows = len(keras.tree.flatten(x)[0])
    passes = _passes(rows, recipe.batch_size, epochs)
    data = keras.tree.map_structure(lambda part: _repeated(part, passes), (x, y))
    steps = passes * math.ceil(rows / recipe.batch_size)
    shortest = math.ceil(epochs / passes) if epochs else max(MIN_EPOCHS, -(-MIN_STEPS // steps))
    schedule = Anneal(recipe, rows, shortest, shortest if epochs else LONGEST * shortest)
    with compiled(model, steps, recipe.learning_rate, loss) as trainee:
        fitted = trainee.fit(
            *data,
            sample_weight=None if sample_weight is None else _repeated(sample_weight, passes),
            batch_size=min(rows, recipe.batch_size),
            shuffle=rows > recipe.batch_size,
            epochs=schedule.longest,
            steps_per_epoch=steps,  # unless told, Keras sets each epoch's data up twice
            callbacks=[schedule],
            verbose=0,
        )
    if not schedule.converged:
        warnings.warn(
            f"The loss still fell after {passes * len(fitted.epoch)} epochs. Pass epochs= for "
            "more, or a larger learning_rate.",
            ConvergenceWarning,
            stacklevel=4,
        )
    history = pd.DataFrame(
        fitted.history, index=pd.Index(passes * np.array(fitted.epoch), name="epoch")
    )
    history.attrs["converged"] = schedule.converged
    return history


def _passes(rows, batch_size, epochs):
    """How often small data are repeated in what Keras calls an epoch, which costs time of its own.

    Data that fill one batch are then not shuffled, so that each step sees each row once.
    """
    if rows > batch_size:
        return 1
    return min(TILED_PASSES, epochs or TILED_PASSES, max(1, TILED_ROWS // rows))


def _repeated(rows, passes):
    return rows if passes == 1 else np.concatenate([rows] * passes)


class Anneal(keras.callbacks.Callback):
    """Lowers the learning rate once the task's loss is flat, and stops soon after.

    The task's loss is L(y, y_M) plus the KL: the adversaries' terms need not fall.

    Args:
        recipe: A `Recipe`.
        rows: Integer. How many rows are fitted.
        shortest: Integer. Epochs before which training does not stop.
        longest: Integer. Epochs after which it does.
    """

    def __init__(self, recipe, rows, shortest, longest):
        super().__init__()
        self.recipe, self.tolerance = recipe, recipe.tolerance(rows)
        self.shortest, self.longest = shortest, longest
        self.losses, self.first, self.last, self.converged = [], None, None, False

    def on_epoch_end(self, epoch, logs=None):
        """Keras calls this with the epoch's mean loss terms."""
        self.losses.append(logs.get("mixed", logs["loss"]) + logs.get("kl", 0.0))
        done = epoch + 1
        if self.last is None:
            self.converged = self._is_flat()
            kept = 1 - self.recipe.annealed
            first, limit = (int(kept * epochs) for epochs in (self.shortest, self.longest))
            if done >= limit:
                self.first, self.last = done, self.longest
            elif done >= first and self.converged:
                self.first, self.last = done, max(self.shortest, math.ceil(done / kept))
        elif done >= self.last:
            self.model.stop_training = True
        if self.last is not None:
            share = (done + 1 - self.first) / max(1, self.last - self.first)
            self._set_learning_rate(self.recipe.decay(min(share, 1.0)))

    def _set_learning_rate(self, factor):
        self.model.optimizer.learning_rate = factor * self.recipe.learning_rate

    def _is_flat(self):
        quarter = min(len(self.losses), self.shortest) // 4
        if not quarter:
            return False
        before, after = self.losses[-2 * quarter : -quarter], self.losses[-quarter:]
        fall = np.mean(before) - np.mean(after)
        noise = self.recipe.noise * math.sqrt((np.var(before) + np.var(after)) / quarter)
        return fall < self.tolerance + noise
