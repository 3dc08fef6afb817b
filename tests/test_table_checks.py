"""Rows that belong together, and labels and names that a model can keep."""

import datetime

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from fairmedl_lite import tables
from fairmedl_lite.checks import check_binary
from fairmedl_lite.tables import check_groups, check_rows


def test_groups_are_sorted_and_coded():
    table = pd.DataFrame({"sex": ["m", "f", "f"], "band": [2, 10, 2]})
    groups, codes = check_groups(table)
    assert {name: part.tolist() for name, part in groups.items()} == {
        "sex": ["f", "m"],
        "band": [2, 10],
    }
    assert codes.tolist() == [[1, 0], [0, 1], [0, 0]]


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
        rows_of(pd.MultiIndex.from_product([["a"], [0, 1, 2]]), y=pd.Series([1, 2, 3])),
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
        lambda: tables.check_labels(labels, "clusters", stored=True),
        lambda: check_groups(pd.DataFrame({"s": labels}), stored=True),
        lambda: check_binary(labels),
    ):
        with pytest.raises(ValueError, match=r"strings or numbers, and not both.*\.astype\(str\)"):
            check()


@pytest.mark.parametrize("labels", [[1, 2], ["a", "b"], [True, False], [0.5, 2], [1, 2.5]])
def test_labels_that_a_model_file_holds(labels):
    assert tables.check_labels(labels, "clusters", stored=True).tolist() == labels
    kept = tables.check_labels(pd.Series(labels, dtype=object), "clusters", stored=True)
    assert kept.tolist() == labels


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA, pd.NaT, float("nan")])
@pytest.mark.parametrize("kind", [list, tuple, lambda v: pd.Series(v, dtype=object)])
def test_a_missing_label_is_missing_whatever_holds_it(missing, kind):
    with pytest.raises(ValueError, match="clusters must have no missing values. Received: 1 "):
        tables.check_labels(kind(["a", missing, "b"]), "clusters")
    with pytest.raises(ValueError, match="y must be known and finite. Received: 1 missing"):
        check_binary(kind(["a", missing, "b"]))


@pytest.mark.parametrize(
    "columns", [pd.MultiIndex.from_product([["a"], ["b", "c"]]), ["a", "a"], [("a", 1), "b"], []]
)
def test_names_that_no_model_file_holds_are_refused(columns):
    with pytest.raises(ValueError, match="columns of different names"):
        tables.check_columns(pd.DataFrame(np.ones((2, len(columns))), columns=columns), "X")


def test_two_attributes_of_one_name_are_refused():
    table = pd.DataFrame([["f", "m"], ["m", "f"]], columns=["sex", "sex"])
    with pytest.raises(ValueError, match="sensitive_features must have columns of different names"):
        check_groups(table)


@pytest.mark.parametrize("groups, warned", [(300, True), (600, True), (150, False), (20, False)])
def test_an_attribute_that_seems_continuous_is_warned_of(groups, warned, recwarn):
    labels = np.arange(600) % groups
    check_groups(pd.DataFrame({"income": labels}))
    check_groups(pd.DataFrame({"sex": np.arange(6)}))  # few rows are few, whatever they hold
    found = [str(each.message) for each in recwarn]
    assert len(found) == warned and all(
        "'income' has" in each and "pd.cut" in each for each in found
    )
