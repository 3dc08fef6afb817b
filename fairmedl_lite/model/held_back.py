"""Rows that training leaves out for most of its epochs, to see what it does for new ones."""

import numpy as np

from fairmedl_lite.model.backend import keras, ops

SHARE, MOST = 0.1, 1000  # of the rows
RISE = 0.02  # nats a row that are no accident, if they are two standard errors too


class HeldBack:
    """A tenth of the rows, and the losses of the task on them so far.

    A rise of their loss is overfitting, but for what the loss of the other rows rises by: an
    adversary that presses on the prediction raises both.

    Args:
        data: Inputs, targets and, if there are any, sample weights.
        rows: Integer. How many rows there are.
        seed: Integer. Seeds which are held back.
        any_rows: Whether any are.
    """

    def __init__(self, data, rows, seed, any_rows=True):
        order = np.random.default_rng(seed).permutation(rows).astype("int32")
        held = min(int(SHARE * rows), MOST) if any_rows else 0
        self.kept, self.held = np.sort(order[held:]), held
        self.data = keras.tree.map_structure(
            lambda part: ops.take(part, order[:held], axis=0), data
        )
        self.looks = []

    def look(self, model, training_loss):
        """Note the loss of each row, and the mean loss of the other rows."""
        if not self.held:
            return
        x, y, *weights = self.data
        losses = ops.convert_to_numpy(model.task_loss(x, y))
        for weight in weights:
            losses = losses * ops.convert_to_numpy(weight)
        self.looks.append((losses, training_loss))

    def overfits(self):
        """Whether their loss has risen since it was lowest."""
        if len(self.looks) < 2:
            return False
        best, then = min(self.looks, key=lambda look: look[0].mean())
        last, now = self.looks[-1]
        rise = last - best - max(0.0, now - then)
        return rise.mean() > max(RISE, 2 * rise.std() / self.held**0.5)
