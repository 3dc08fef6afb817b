"""Intersectional groups, and what the report of their spread says of small ones."""

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import fairness_report, intersections

TABLE = pd.DataFrame(
    {"race": ["Black", "White", "Black"], "sex": ["Female", "Male", "Male"], "age": [1, 1, 2]},
    index=[7, 3, 5],
)


def test_names_of_intersections():
    found = intersections(TABLE, ["race", "sex"])
    expected = ["Black / Female", "White / Male", "Black / Male"]
    pd.testing.assert_series_equal(found, pd.Series(expected, [7, 3, 5], name="race / sex"))
    assert intersections(TABLE)[7] == "Black / Female / 1"


def test_categories_are_named_too():
    found = intersections(TABLE.astype("category"), ["sex", "race"])
    assert found.tolist() == ["Female / Black", "Male / White", "Male / Black"]


def test_small_intersections_are_left_out_of_the_spread_by_name():
    sizes = {("Black", "Female"): 10, ("Black", "Male"): 40, ("White", "Female"): 60}
    rows = pd.DataFrame([pair for pair, size in sizes.items() for _ in range(size)])
    y = np.tile([0, 1], len(rows) // 2)
    groups = intersections(rows.set_axis(["race", "sex"], axis=1))
    report = fairness_report(y, y, sensitive_features=groups, threshold=0.5).set_index("metric")
    assert set(report["attribute"]) == {"race / sex"}
    assert report.loc["tpr", "left_out"] == {"Black / Female": 5}
    assert report.loc["positive_rate", "left_out"] == {"Black / Female": 10}
    assert (report["groups"] == 2).all()


@pytest.mark.parametrize(
    "table, attributes, message",
    [
        (TABLE[["sex"]], None, r"two or more columns.*Received: \['sex'\]"),
        (TABLE["sex"], None, "Pass all attributes in a DataFrame"),
        (TABLE, ["sex", "sex"], "two or more columns"),
        (TABLE, ["sex", "faith"], r"Received: \['sex', 'faith'\], of the columns \['race'"),
        (TABLE.replace({"Male": None}), ["race", "sex"], "'sex' must have no missing values"),
        (pd.DataFrame({"a": ["x / y", "x"], "b": ["z", "y / z"]}), None, "1 names for 2 groups"),
    ],
)
def test_intersections_that_cannot_be_named_are_refused(table, attributes, message):
    with pytest.raises(ValueError, match=message):
        intersections(table, attributes)
