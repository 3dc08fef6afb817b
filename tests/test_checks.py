"""What comes in is checked, sorted and coded."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import checks
from fairmedl_lite.checks import check_binary, check_number, check_weights


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


def test_weights_stay_as_they_are():
    assert check_weights([1, 3, 0, 4]).tolist() == [1, 3, 0, 4]
    assert check_weights(None) is None


def test_weights_of_a_survey_are_warned_about():
    with pytest.warns(UserWarning, match="mean of 97.5.*Divide a survey's weights"):
        weights = check_weights([95, 100])
    assert weights.tolist() == [95, 100]


@pytest.mark.parametrize("unit", [1e-90, 1e-13, 1.0, 1e90])
@pytest.mark.parametrize("far", [0.0, -3.0, 1e6])
def test_an_outcome_is_learned_in_any_unit(unit, far):
    y = unit * (far + np.random.default_rng(0).normal(size=50))
    values, mean, scale = check_number(y)
    assert mean / unit == pytest.approx(np.mean(y / unit), rel=1e-9)
    assert scale / unit == pytest.approx(np.std(y / unit), rel=1e-9)


@pytest.mark.parametrize("value", [0.3, 0.0, 1e9 + 0.1, -7, 1e300, 1e-300])
def test_what_is_the_same_in_all_rows_does_not_vary(value):
    assert checks.standard(np.full(600, value), "a")[1] == 0
    assert checks.standard(np.array([value, value * (1 + 1e-15)] * 300), "a")[1] == 0
    with pytest.raises(ValueError, match="y must vary"):
        check_number(np.full(600, value))


@pytest.mark.parametrize("unit", [1e-200, 1e200, 5e307])
def test_units_whose_square_is_no_number_are_refused(unit):
    with pytest.raises(ValueError, match="y must have a standard deviation.*in other units"):
        check_number(unit * np.array([1.0, 2.0, 3.0]))


def test_numbers_held_as_objects_are_numbers():
    for held in ([1, 2.5, None], [Decimal(1), Decimal("2.5"), pd.NA], [True, 2.5, np.nan]):
        column = checks.as_numbers(pd.Series(held, dtype=object))
        assert column.tolist()[:2] == [1, 2.5] and column.isna().tolist() == [False, False, True]
    words = pd.Series([1, "a"], dtype=object)
    assert checks.as_numbers(words) is words
    _, mean, _ = check_number(pd.Series([Decimal(1), Decimal(3)]))
    assert mean == 2


@pytest.mark.parametrize("y", [np.array([1j, 2.0]), pd.Series([1j, 2.0], dtype=object)])
def test_complex_outcomes_are_no_numbers(y):
    with pytest.raises(ValueError, match="y must hold numbers"):
        check_number(y)


@pytest.mark.filterwarnings("ignore")
def test_a_mean_that_is_no_number_is_refused():
    largest = pd.Series([0.9, 0.8, np.nan]) * np.finfo(float).max
    filled = largest.fillna(largest.median())  # the median of two is half their sum: infinite
    with pytest.raises(ValueError, match="a must have a standard deviation.*nan"):
        checks.standard(filled.to_numpy(), "a")
