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
from fairmedl_lite.training.compiling import compiled
from fairmedl_lite.training.held_back import HeldBack

MIN_EPOCHS, LOOKS = 20, 10  # in the shortest training
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
        holds_back: Whether rows are held back until the learning rate is lowered.
    """

    batch_size: int
    min_steps: int
    learning_rate: float
    weight_decay: Callable
    annealed: float
    decay: Callable
    tolerance: Callable
    noise: float
    holds_back: bool


# Few rows a network would learn by heart: the fewer, the faster its weights decay. The numbers are
# a compromise between subsamples of Adult and surveys, and spirals that need the kernels' size.
NETWORK = Recipe(
    batch_size=256,
    min_steps=600,
    learning_rate=1e-3,
    weight_decay=lambda rows: 2_000 / (rows + 800),
    annealed=0.2,
    decay=lambda done: 0.2,
    tolerance=lambda rows: 0.02,
    noise=0,
    holds_back=True,
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
    holds_back=False,
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
        ConvergenceWarning: If the loss still falls when the longest training ends; or, with
            `epochs` given, if that of rows that were held back has risen. Without them the model
            goes back to where it was lowest, and training soon ends.
    """
    rows = len(keras.tree.flatten(x)[0])
    steps = math.ceil(rows / recipe.batch_size)
    shortest = epochs or max(MIN_EPOCHS, math.ceil(recipe.min_steps / steps))
    schedule = Anneal(recipe, rows, shortest, epochs or LONGEST * shortest)
    data = (x, y) if sample_weight is None else (x, y, sample_weight)
    data = keras.tree.map_structure(ops.convert_to_tensor, data)
    every, look = np.arange(rows, dtype="int32"), max(1, shortest // LOOKS)
    any_rows = recipe.holds_back and hasattr(model, "task_loss")
    # Debiasing raises the loss on purpose: only what is no accident may take it back.
    held = HeldBack(data, rows, seed, any_rows, 2 if getattr(model, "debiasing", 0) else 0.5)
    with compiled(model, data, loss) as trainee:
        trainee.optimizer.weight_decay.assign(recipe.weight_decay(rows))
        while not schedule.ended:
            trainee.optimizer.learning_rate = schedule.learning_rate
            chosen = held.kept if schedule.last is None else every
            order = batches(chosen, recipe.batch_size, (seed, schedule.epoch))
            terms = trainee.run_epoch(data, order)
            if schedule.last is None and schedule.epoch % look == 0:
                held.look(trainee, float(terms.get("mixed", 0)))
            annealed = schedule.last is not None
            schedule.observe(terms, overfits=held.overfits() and not epochs)
            if not annealed and schedule.last is not None and not epochs:
                held.restore(trainee)
        trainee.optimizer.finalize_variable_values(trainee.trainable_variables)
    overfits = held.overfits() and bool(epochs)  # else the best state was gone back to
    if advice := _advice(schedule, overfits):
        warnings.warn(advice, ConvergenceWarning, stacklevel=4)
    history = pd.DataFrame(schedule.history).rename_axis("epoch")
    history.attrs = {"converged": schedule.converged, "overfits": overfits}
    return history


def _advice(schedule, overfits):
    """What to do about a training that went wrong, or `None`."""
    if overfits:
        return (
            f"The network overfits: after {schedule.epoch} epochs the loss of rows that were held "
            "back has risen. Pass fewer hidden units, fewer epochs, or hidden=()."
        )
    if not schedule.converged:
        return (
            f"The loss still fell after {schedule.epoch} epochs. Pass epochs= for more, or a "
            "larger learning_rate."
        )
    return None


def batches(rows, batch_size, seed):
    """The rows of each step of an epoch, in an order of its own.

    Batches are of one size, so that an epoch leaves out fewer rows than it has steps.

    Args:
        rows: Int32 array of shape `(rows,)`: which rows there are.
        batch_size: Integer. The most rows of a step.
        seed: Integers.

    Returns:
        Int32 array of shape `(steps, batch)`.
    """
    steps = math.ceil(len(rows) / batch_size)
    order = np.random.default_rng(seed).permutation(rows)
    return order[: len(rows) - len(rows) % steps].reshape(steps, -1)


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
        self.history, self.losses = [], []
        self.first, self.last, self.converged = None, None, False

    @property
    def epoch(self):
        """How many epochs are done."""
        return len(self.history)

    @property
    def ended(self):
        """Whether training has ended."""
        return self.last is not None and self.epoch >= self.last

    @property
    def learning_rate(self):
        """That of the next epoch."""
        if self.last is None:
            return self.recipe.learning_rate
        share = (self.epoch + 1 - self.first) / max(1, self.last - self.first)
        return self.recipe.decay(min(share, 1.0)) * self.recipe.learning_rate

    def observe(self, terms, overfits=False):
        """Take an epoch's mean loss terms, and whether to end as soon as can be."""
        self.history.append({name: float(value) for name, value in terms.items()})
        terms = self.history[-1]
        self.losses.append(terms.get("mixed", terms["loss"]) + terms.get("kl", 0.0))
        if self.last is not None:
            return
        self.converged = self._is_flat()
        kept = 1 - self.recipe.annealed
        first, limit = (int(kept * epochs) for epochs in (self.shortest, self.longest))
        soon = math.ceil(self.epoch / kept)
        if overfits:  # the loss that counts, of rows that were held back, is past its lowest
            self.first, self.last, self.converged = self.epoch, soon, True
        elif self.epoch >= limit:
            self.first, self.last = self.epoch, self.longest
        elif self.epoch >= first and self.converged:
            self.first, self.last = self.epoch, max(self.shortest, soon)

    def _is_flat(self):
        quarter = min(len(self.losses), self.shortest) // 4
        if not quarter:
            return False
        before, after = self.losses[-2 * quarter : -quarter], self.losses[-quarter:]
        fall = np.mean(before) - np.mean(after)
        noise = self.recipe.noise * math.sqrt((np.var(before) + np.var(after)) / quarter)
        return fall < self.tolerance + noise
