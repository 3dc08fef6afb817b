"""Rows that training leaves out for most of its epochs, to see what it does for new ones."""

import numpy as np

from fairmedl_lite.model.backend import keras, ops

SHARE, LEAST, MOST = 0.1, 150, 1000  # of the rows; but never more than a third
RISE = 0.02  # nats a row


class HeldBack:
    """A tenth of the rows, and the losses of the task on them so far.

    A rise of their loss is overfitting, but for what the loss of the other rows rises by: an
    adversary that presses on the prediction raises both.

    Args:
        data: Inputs, targets and, if there are any, sample weights.
        rows: Integer. How many rows there are.
        seed: Integer. Seeds which are held back.
        any_rows: Whether any are.
        errors: Float. By how many standard errors their loss must rise to count.
    """

    def __init__(self, data, rows, seed, any_rows=True, errors=0.5):
        order = np.random.default_rng(seed).permutation(rows).astype("int32")
        held = min(max(int(SHARE * rows), LEAST), rows // 3, MOST) if any_rows else 0
        self.kept, self.held = np.sort(order[held:]), held
        self.data = keras.tree.map_structure(
            lambda part: ops.take(part, order[:held], axis=0), data
        )
        self.errors = errors
        self.best = self.last = self.state = None

    def look(self, model, training_loss):
        """Note each row's loss, the mean loss of the others, and the state if it is the best."""
        if not self.held:
            return
        x, y, *weights = self.data
        losses = ops.convert_to_numpy(model.task_loss(x, y))
        for weight in weights:
            losses = losses * ops.convert_to_numpy(weight)
        self.last = losses, training_loss
        if self.best is None or losses.mean() <= self.best[0].mean():
            self.best = self.last
            self.state = [ops.convert_to_numpy(variable) for variable in _variables(model)]

    def rise(self):
        """How far their loss rose since it was lowest, in nats a row, and the standard error."""
        if self.best is None:
            return 0.0, 0.0
        (best, then), (last, now) = self.best, self.last
        rise = last - best - max(0.0, now - then)
        return float(rise.mean()), float(rise.std() / self.held**0.5)

    def overfits(self):
        """Whether it has risen by more than an accident."""
        rise, error = self.rise()
        return rise > max(RISE, self.errors * error)

    def restore(self, model):
        """Give the model back the state in which their loss was lowest, if it has risen since."""
        rise, error = self.rise()
        if rise > self.errors * error:
            for variable, value in zip(_variables(model), self.state, strict=True):
                variable.assign(value)


def _variables(model):
    """What a step changes: weights, their averages and the optimizer's moments."""
    return [*model.trainable_variables, *model.optimizer.variables]
