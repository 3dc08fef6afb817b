"""Which rows are held back, and when their loss says that a network overfits."""

from types import SimpleNamespace

import numpy as np
import pytest

from fairmedl_lite.model.backend import keras
from fairmedl_lite.training.held_back import HeldBack

X = np.arange(100, dtype="float32")[:, None]


class Model:
    """Its loss of a row is one that was set, and it keeps the rows that it was shown."""

    def __init__(self):
        self.trainable_variables = [keras.Variable(0.0)]
        self.optimizer = SimpleNamespace(variables=[keras.Variable(0.0)])

    def task_loss(self, x, y):
        self.seen = np.asarray(x)[:, 0]
        return self.loss * np.ones(len(self.seen), "float32")


def looked(losses, training, weight=None):
    data = (X, X[:, 0]) if weight is None else (X, X[:, 0], weight)
    held, model = HeldBack(data, 100, seed=0), Model()
    for model.loss, mean in zip(losses, training, strict=True):
        model.trainable_variables[0].assign(mean)
        held.look(model, mean)
    return held, model


@pytest.mark.parametrize(
    "rows, held", [(100, 33), (500, 150), (3_000, 300), (50_000, 1_000), (2, 0)]
)
def test_a_tenth_is_held_back_or_what_tells_enough(rows, held):
    data = np.zeros((rows, 1), "float32")
    assert HeldBack((data, data), rows, seed=0).held == held


def test_the_rest_is_kept():
    held, model = looked([1.0], [1.0])
    assert sorted([*held.kept, *model.seen]) == list(range(100))
    again, other = HeldBack((X, X), 100, seed=0), HeldBack((X, X), 100, seed=1)
    np.testing.assert_array_equal(again.kept, held.kept)
    assert set(other.kept) != set(held.kept)


@pytest.mark.parametrize(
    "losses, training, overfits",
    [
        ([1.0], [1.0], False),
        ([0.7, 0.6, 0.61], [0.7, 0.5, 0.4], False),
        ([0.7, 0.6, 0.63], [0.7, 0.5, 0.4], True),
        ([0.7, 0.6, 0.63], [0.7, 0.5, 0.52], False),  # an adversary raises both
        ([0.7, 0.6, 0.63], [0.7, 0.5, 0.505], True),
        ([0.7, 0.9, 0.6], [0.7, 0.6, 0.5], False),
    ],
)
def test_a_rise_that_the_other_rows_do_not_share_is_overfitting(losses, training, overfits):
    assert looked(losses, training)[0].overfits() == overfits


@pytest.mark.parametrize("errors, overfits", [(0.5, True), (2, False)])
def test_a_rise_must_exceed_its_standard_errors(errors, overfits):
    held = HeldBack((X, X), 100, seed=0, errors=errors)
    rise = np.full(held.held, -0.9)
    rise[: held.held // 2 + 2] = 1.0  # a mean of .11, a standard error of .16
    held.best, held.last = (np.full(held.held, 0.6), 0.5), (0.6 + rise, 0.4)
    mean, error = held.rise()
    assert 0.5 * error < mean < 2 * error and held.overfits() == overfits


def test_the_best_state_is_gone_back_to_if_the_loss_has_risen():
    held, model = looked([0.7, 0.6, 0.65], [0.7, 0.5, 0.4])
    held.restore(model)
    assert float(model.trainable_variables[0]) == pytest.approx(0.5)
    held, model = looked([0.7, 0.6, 0.55], [0.7, 0.5, 0.4])
    held.restore(model)
    assert float(model.trainable_variables[0]) == pytest.approx(0.4)


def test_a_row_without_weight_counts_for_nothing():
    weight = np.zeros(100, "float32")
    assert not looked([0.6, 9.0], [0.5, 0.4], weight)[0].overfits()


def test_no_rows_are_held_back_where_none_shall_be():
    held = HeldBack((X, X), 100, 0, any_rows=False)
    held.look(None, 1.0)
    assert len(held.kept) == 100 and not held.overfits()
