"""What comes in is checked, sorted and coded."""

import pandas as pd
import pytest

from fairmedl_lite.checks import check_binary, check_groups, check_weights


@pytest.mark.parametrize(
    "y, classes, codes",
    [
        ([1, 0, 1], [0, 1], [1, 0, 1]),
        (["no", "yes", "no"], ["no", "yes"], [0, 1, 0]),
        ([True, False, True], [False, True], [1, 0, 1]),
        ([2.5, -1.0, 2.5], [-1.0, 2.5], [1, 0, 1]),
        (pd.Categorical(["b", "a", "b"]), ["a", "b"], [1, 0, 1]),
    ],
)
def test_the_larger_class_is_the_positive_one(y, classes, codes):
    found, outcome = check_binary(y)
    assert found.tolist() == classes and outcome.tolist() == codes


def test_groups_are_sorted_and_coded():
    table = pd.DataFrame({"sex": ["m", "f", "f"], "band": [2, 10, 2]})
    groups, codes = check_groups(table)
    assert {name: part.tolist() for name, part in groups.items()} == {
        "sex": ["f", "m"],
        "band": [2, 10],
    }
    assert codes.tolist() == [[1, 0], [0, 1], [0, 0]]


def test_weights_are_scaled_to_a_mean_of_one():
    assert check_weights([1, 3, 0, 4]).tolist() == [0.5, 1.5, 0, 2]
    assert check_weights(None) is None
