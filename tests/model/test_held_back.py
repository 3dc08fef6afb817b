"""Which rows are held back, and when their loss says that a network overfits."""

import numpy as np
import pytest

from fairmedl_lite.model.held_back import HeldBack

X = np.arange(100, dtype="float32")[:, None]


class Model:
    """Its loss of a row is one that was set, and it keeps the rows that it was shown."""

    def task_loss(self, x, y):
        self.seen = np.asarray(x)[:, 0]
        return self.loss * np.ones(len(self.seen), "float32")


def looked(losses, training, weight=None):
    data = (X, X[:, 0]) if weight is None else (X, X[:, 0], weight)
    held, model = HeldBack(data, 100, seed=0), Model()
    for model.loss, mean in zip(losses, training, strict=True):
        held.look(model, mean)
    return held, model


def test_a_tenth_is_held_back_and_the_rest_is_kept():
    held, model = looked([1.0], [1.0])
    assert held.held == 10 and sorted([*held.kept, *model.seen]) == list(range(100))
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


def test_a_rise_within_two_standard_errors_is_none():
    held, _ = looked([0.6], [0.5])
    for height, overfits in ((0.5, True), (5.0, False)):
        rise = np.zeros(10)
        rise[:6] = height
        rise[6:] = -height  # mean .2 of the height, sd .98 of it, standard error .31 of it
        held.looks[1:] = [(held.looks[0][0] + rise + (0.5 if overfits else 0), 0.4)]
        assert held.overfits() == overfits


def test_a_row_without_weight_counts_for_nothing():
    weight = np.zeros(100, "float32")
    assert not looked([0.6, 9.0], [0.5, 0.4], weight)[0].overfits()


def test_no_rows_are_held_back_where_none_shall_be():
    held = HeldBack((X, X), 100, 0, any_rows=False)
    held.look(None, 1.0)
    assert len(held.kept) == 100 and not held.overfits()
