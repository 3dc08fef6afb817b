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


def rows_of(index, **others):
    return {"X": pd.DataFrame({"a": range(len(index))}, index=index), **others}


SHUFFLED = [2, 0, 1]


@pytest.mark.parametrize(
    "parts",
    [
        rows_of([0, 1, 2], y=pd.Series([1, 2, 3], index=SHUFFLED)),  # reset on one side only
        rows_of(SHUFFLED, y=pd.Series([1, 2, 3])),
        rows_of(["a", "b", "c"], y=pd.Series([1, 2, 3], index=["b", "a", "c"])),
        rows_of([5, 6, 7], clusters=pd.DataFrame({"c": [1, 2, 3]}, index=[6, 7, 8])),  # two filters
        rows_of([5, 5, 6], sensitive_features=pd.Series([1, 2, 3], index=[5, 6, 5])),
    ],
)
def test_rows_that_two_indexes_name_unlike_are_refused(parts):
    with pytest.raises(ValueError, match="must have one index.*Align them by .loc.*reset_index"):
        check_rows(**parts)


@pytest.mark.parametrize(
    "parts",
    [
        rows_of([5, 6, 7], y=pd.Series([1, 2, 3], index=[5, 6, 7])),
        rows_of([5, 6, 7], y=pd.Series([1, 2, 3])),  # an index of positions says nothing of these
        rows_of([5, 6, 7], y=[1, 2, 3], clusters=np.array(["a", "b", "c"])),
        rows_of([1, 1, 2], y=pd.Series([1, 2, 3])),  # a bootstrap sample
        rows_of(SHUFFLED, y=pd.Series([1, 2, 3], index=SHUFFLED), clusters=None),
    ],
)
def test_rows_of_one_index_or_of_none_are_paired_by_position(parts):
    check_rows(**parts)


@pytest.mark.parametrize(
    "parts, message",
    [
        ({"X": sparse.eye(3).tocsr(), "y": [1, 2, 3]}, "X must be dense.*csr.*toarray"),
        ({"y": np.ones((3, 1))}, r"y must be dense, of 1 axes.*\(3, 1\). Pass one column"),
        ({"y": pd.DataFrame({"y": [1, 2]})}, r"y must be .*DataFrame of shape \(2, 1\)"),
        ({"sample_weight": np.ones((2, 2))}, "sample_weight must be dense, of 1 axes"),
        ({"X": np.ones((2, 2, 2))}, "X must be dense, of 2 axes"),
        ({"y": 3.0}, "y must be dense"),
        ({"clusters": "abc"}, r"clusters must be dense.*Received: str of shape \(\)"),
    ],
)
def test_parts_of_another_shape_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        check_rows(**parts)


UNKEPT = {
    "mixed": [1, "a", 1],
    "times": pd.to_datetime(["2020-01-01", "2021-01-01", "2020-01-01"]),
    "objects of time": [pd.Timestamp(0), pd.Timestamp(1), pd.Timestamp(0)],
    "dates": [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1), datetime.date(2020, 1, 1)],
    "periods": pd.period_range("2020", periods=3, freq="Y"),
    "intervals": pd.cut([1, 5, 9], 3),
    "durations": pd.to_timedelta([1, 2, 1], unit="D"),
    "complex": np.array([1j, 2j, 1j]),
    "bytes": [b"a", b"b", b"a"],
    "tuples": [(1, 2), (2, 1), (1, 2)],
}


@pytest.mark.parametrize("kind", UNKEPT)
def test_labels_that_no_model_file_holds_are_refused(kind):
    labels = UNKEPT[kind]
    for check in (
        lambda: checks.check_labels(labels, "clusters", stored=True),
        lambda: check_groups(pd.DataFrame({"s": labels}), stored=True),
        lambda: check_binary(labels),
    ):
        with pytest.raises(ValueError, match=r"strings or numbers, and not both.*\.astype\(str\)"):
            check()


@pytest.mark.parametrize("labels", [[1, 2], ["a", "b"], [True, False], [0.5, 2], [1, 2.5]])
def test_labels_that_a_model_file_holds(labels):
    assert checks.check_labels(labels, "clusters", stored=True).tolist() == labels
    kept = checks.check_labels(pd.Series(labels, dtype=object), "clusters", stored=True)
    assert kept.tolist() == labels


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA, pd.NaT, float("nan")])
@pytest.mark.parametrize("kind", [list, tuple, lambda v: pd.Series(v, dtype=object)])
def test_a_missing_label_is_missing_whatever_holds_it(missing, kind):
    with pytest.raises(ValueError, match="clusters must have no missing values. Received: 1 "):
        checks.check_labels(kind(["a", missing, "b"]), "clusters")
    with pytest.raises(ValueError, match="y must be known and finite. Received: 1 missing"):
        check_binary(kind(["a", missing, "b"]))




def test_weights_are_scaled_to_a_mean_of_one():
    assert check_weights([1, 3, 0, 4]).tolist() == [0.5, 1.5, 0, 2]
    assert check_weights(None) is None


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
