"""How a model is trained: Keras's own fit, and a schedule that ends it when it has converged."""

import gc
import math
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fairmedl_lite.layers import keras

MIN_EPOCHS, MIN_STEPS = 20, 1600
LONGEST = 4  # times the shortest training
ANNEALED = 0.2  # the share of epochs at the lower learning rate
TOLERANCE = 0.02  # nats a row, between one quarter of the epochs and the next
AVERAGING = 0.98  # momentum of the weights' moving average


def train(model, x, y, sample_weight, *, epochs, batch_size, learning_rate, loss=None):
    """Fit a model by Adam with averaged weights.

    Args:
        model: A `keras.Model`.
        x: Its inputs.
        y: Its targets.
        sample_weight: Array of shape `(rows,)`, or `None`.
        epochs: Integer, or `None` to stop once the task's loss no longer falls: at least 20
            epochs and 1,600 steps, at most four times that.
        batch_size: Integer. Rows of a step.
        learning_rate: Float. Cut to a fifth for the last fifth of the epochs.
        loss: Name of a Keras loss, for a model that has none of its own.

    Returns:
        Dictionary of each loss term's values by epoch.

    Warns:
        ConvergenceWarning: If the loss still falls when the longest training ends.
    """
    rows = len(x["x"] if isinstance(x, dict) else x)
    steps = math.ceil(rows / batch_size)
    shortest = epochs or max(MIN_EPOCHS, math.ceil(MIN_STEPS / steps))
    schedule = Anneal(shortest, shortest if epochs else LONGEST * shortest)
    compile_model(model, steps, learning_rate, loss)
    fitted = model.fit(
        x,
        y,
        sample_weight=sample_weight,
        batch_size=batch_size,
        epochs=schedule.longest,
        callbacks=[schedule],
        verbose=0,
    )
    # The compiled graph takes more memory than the weights; the next model can have it.
    model.train_function = None
    gc.collect()
    if epochs is None and not schedule.converged:
        warnings.warn(
            f"The loss still fell after {len(fitted.epoch)} epochs. Pass epochs= for more, or a "
            "larger learning_rate.",
            ConvergenceWarning,
            stacklevel=4,
        )
    return fitted.history


def compile_model(model, steps, learning_rate, loss=None):
    """Compile for Adam with averaged weights, in the way that is fastest on a CPU.

    Args:
        model: A `keras.Model`.
        steps: Integer. Steps of an epoch: TensorFlow runs them as one graph, JAX would unroll.
        learning_rate: Float.
        loss: Name of a Keras loss, or `None`.
    """
    backend = keras.backend.backend()
    model.compile(
        keras.optimizers.Adam(learning_rate, use_ema=True, ema_momentum=AVERAGING),
        loss=loss,
        jit_compile=backend == "jax",
        steps_per_execution=steps if backend == "tensorflow" else 1,
    )


class Anneal(keras.callbacks.Callback):
    """Lowers the learning rate once the task's loss is flat, and stops soon after.

    The task's loss is L(y, y_M) plus the KL: the adversaries' terms need not fall.

    Args:
        shortest: Integer. Epochs before which training does not stop.
        longest: Integer. Epochs after which it does.
    """

    def __init__(self, shortest, longest):
        super().__init__()
        self.shortest, self.longest = shortest, longest
        self.losses, self.last, self.converged = [], None, False

    def on_epoch_end(self, epoch, logs=None):
        """Keras calls this with the epoch's mean loss terms."""
        self.losses.append(logs.get("mixed", logs["loss"]) + logs.get("kl", 0.0))
        done = epoch + 1
        if self.last is None:
            self.converged = self._is_flat()
            first, limit = (int((1 - ANNEALED) * n) for n in (self.shortest, self.longest))
            if done >= limit:
                self._lower_learning_rate(self.longest)
            elif done >= first and self.converged:
                last = max(self.shortest, math.ceil(done / (1 - ANNEALED)))
                self._lower_learning_rate(last)
        elif done >= self.last:
            self.model.stop_training = True

    def _lower_learning_rate(self, last):
        self.last = last
        optimizer = self.model.optimizer
        optimizer.learning_rate = float(np.asarray(optimizer.learning_rate)) / 5

    def _is_flat(self):
        quarter = len(self.losses) // 4
        if not quarter:
            return False
        before, after = self.losses[-2 * quarter : -quarter], self.losses[-quarter:]
        return np.mean(before) - np.mean(after) < TOLERANCE
