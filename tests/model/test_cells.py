"""Cells of equal group and outcome: their numbers, their shares, and what levels there are."""

import numpy as np
import pytest

from fairmedl_lite.model.cells import attribute_weights, cell_codes, cell_shares, outcome_levels

GROUPS = np.array([[0, 2], [1, 0], [0, 1], [1, 1]])
LEVEL = np.array([0, 0, 1, 1])


def test_a_cell_is_numbered_level_by_level():
    codes = cell_codes(GROUPS, LEVEL, (2, 3))
    assert codes.tolist() == [[0, 2], [1, 0], [3, 4], [4, 4]] and codes.dtype == "int32"


def test_every_cell_has_a_number_of_its_own():
    groups, level = np.divmod(np.arange(12), 4)
    codes = cell_codes(np.column_stack([groups % 2, groups]), level, (2, 3))
    assert sorted(codes[:, 1]) == list(range(12))
    assert len(set(codes[:, 0])) == 8


@pytest.mark.parametrize(
    "weight, first, second",
    [
        (None, [[1, 1, 0], [1, 1, 0]], [[1, 0, 1], [0, 2, 0]]),
        ([2.0, 1.0, 0.0, 1.0], [[2, 1, 0], [0, 1, 0]], [[1, 0, 2], [0, 1, 0]]),
    ],
)
def test_shares_are_those_of_the_rows_or_of_their_weight(weight, first, second):
    cells = cell_codes(GROUPS, LEVEL, (2, 3))
    shares = cell_shares(cells, (2, 2, 3), weight and np.array(weight))
    np.testing.assert_allclose(shares, np.array([first, second]) / 4)
    assert shares.dtype == "float32"


def test_an_attribute_weighs_what_its_differences_are():
    np.testing.assert_allclose(attribute_weights([2, 4, 5]), [3 / 8, 9 / 8, 12 / 8])


def test_a_0_1_outcome_has_itself_as_levels_and_positives_weigh_more():
    level, shares = outcome_levels(np.array([0.0, 1.0, 1.0], "float32"))
    assert level.tolist() == [0, 1, 1] and shares == (0.25, 0.75)


def test_a_continuous_outcome_is_cut_at_its_quartiles():
    level, shares = outcome_levels(np.array([5.0, 1.0, 2.0, 8.0, 3.0, 4.0, 6.0, 7.0]))
    assert level.tolist() == [2, 0, 0, 3, 1, 1, 2, 3] and shares == (0.25,) * 4


def test_levels_that_ties_leave_empty_are_left_out():
    level, shares = outcome_levels(np.array([0.0] * 6 + [1.0, 2.0]))  # cuts at 0 and .25
    assert level.tolist() == [0] * 6 + [1, 1] and shares == (0.5, 0.5)
