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


def test_weights_stay_as_they_are():
    assert check_weights([1, 3, 0, 4]).tolist() == [1, 3, 0, 4]
    assert check_weights(None) is None


def test_weights_of_a_survey_are_warned_about():
    with pytest.warns(UserWarning, match="mean of 97.5.*Divide a survey's weights"):
        weights = check_weights([95, 100])
    assert weights.tolist() == [95, 100]
