"""A table of one's own becomes clustered data, and what may be wrong with it is named."""

from dataclasses import replace

import pandas as pd
import pytest

from fairmedl_lite.data.own import doubts, from_table

TABLE = pd.DataFrame(
    {
        "hired": ["yes", "no", "no", "yes", None, "no"],
        "firm": ["a", "a", None, "b", None, "b"],
        "year": [1, 2, 1, 2, 1, 2],
        "sex": ["f", "m", "f", "m", "f", None],
        "age": [25, 40, 61, 33, 50, 30],
        "person": [1, 1, 2, 3, 3, 4],
        "count": [2.0, 1.0, 1.0, 3.0, 1.0, 1.0],
        "skill": [0.1, None, 0.3, 0.4, 0.5, 0.6],
    },
    index=[10, 11, 12, 13, 14, 15],
)
NAMED = {"outcome": "hired", "positive": "yes", "clusters": ["firm"], "sensitive": ["sex"]}


def test_rows_without_a_needed_value_are_dropped_and_counted_once():
    data = from_table(TABLE, **NAMED)
    assert data.x.index.tolist() == [10, 11, 13]
    assert data.dropped == {"no firm": 1, "no hired": 1, "no sex": 1}  # row 14 lacks two
    assert data.y.tolist() == [1, 0, 1] and data.clusters.tolist() == ["a", "a", "b"]
    assert data.x["skill"].isna().tolist() == [False, True, False]  # other gaps stay
    assert data.x.columns.tolist() == ["year", "sex", "age", "person", "count", "skill"]


def test_columns_with_a_part_of_their_own_are_no_covariates():
    own = {"weights": "count", "together": "person", "leave_out": ["skill"]}
    data = from_table(TABLE, **NAMED | {"clusters": ["firm", "year"]}, **own)
    assert data.x.columns.tolist() == ["sex", "age"]
    assert data.weights.tolist() == [2.0, 1.0, 3.0]
    assert data.clusters.to_numpy().tolist() == [["a", "1"], ["a", "2"], ["b", "2"]]


def test_a_band_holds_its_lower_edge_and_the_covariate_stays_a_number():
    data = from_table(TABLE, **NAMED | {"sensitive": ["age"]}, bands={"age": [0, 33, 100]})
    assert data.sensitive["age"].tolist() == ["[0, 33)", "[33, 100)", "[33, 100)", "[0, 33)"]
    assert data.x["age"].tolist() == [25, 40, 33, 30]


def test_an_age_outside_of_all_bands_is_dropped():
    data = from_table(TABLE, **NAMED | {"sensitive": ["age"]}, bands={"age": [0, 35]})
    assert data.dropped["no age"] == 1 and len(data) == 3


def test_a_number_stays_as_it_is_in_a_regression():
    named = NAMED | {"outcome": "skill", "task": "regression"}
    assert from_table(TABLE, **named).y.tolist() == [0.1, 0.4]


@pytest.mark.parametrize(
    "changed, told",
    [
        ({"outcome": "fired"}, r"columns of the table. Received: \['fired'\]"),
        ({"leave_out": ["x", "b"]}, r"Received: \['b', 'x'\]"),
        ({"positive": "Yes"}, "outcome must vary. Received: 1 value in 3 rows, with .*'Yes'"),
    ],
)
def test_wrong_settings_are_told(changed, told):
    with pytest.raises(ValueError, match=told):
        from_table(TABLE, **NAMED | changed)


def with_column(data, name, values):
    return replace(data, x=data.x.assign(**{name: values}))


def said_of(data, name):
    """What is doubted of a column or an attribute."""
    return [found for found in doubts(data) if f" {name}" in found]


def test_a_column_that_tells_the_outcome_is_named(tiny):
    assert said_of(tiny, "score") == []
    found = said_of(with_column(tiny, "salary", 3 * tiny.y), "salary")
    assert found == ["column salary tells the outcome by itself: known only afterwards?"]
    missing = with_column(tiny, "salary", pd.Series(40.0, tiny.x.index).where(tiny.y == 1))
    assert said_of(missing, "salary") == found  # a gap may tell it too


def test_a_column_that_tells_a_number_is_named(tiny):
    number = replace(tiny, y=tiny.x["score"] * 2, task="regression")
    assert said_of(number, "score") and not said_of(number, "age")


def test_numbers_of_rows_names_of_clusters_and_weights_are_named(tiny):
    rows = range(len(tiny))
    assert "a case number?" in said_of(with_column(tiny, "case", rows), "case")[0]
    assert "names the cluster" in said_of(with_column(tiny, "area", tiny.clusters), "area")[0]
    assert "survey weight" in said_of(with_column(tiny, "pwgtp", 1.5), "pwgtp")[0]
    codes = [f"c{row % 60}" for row in rows]
    assert "60 categories" in said_of(with_column(tiny, "code", codes), "code")[0]


def test_attributes_with_many_or_small_groups_are_named(tiny):
    assert "only 3 clusters" in doubts(tiny)
    many = tiny.sensitive.assign(years=[str(row % 12) for row in range(len(tiny))])
    assert said_of(replace(tiny, sensitive=many), "years") == [
        "attribute years has 12 groups: cut it into bands"
    ]
    cases = tiny.sensitive["sex"][tiny.y == 1].value_counts()
    share = 20 / cases.min()
    assert not [found for found in doubts(tiny, tested=share + 0.001) if " sex" in found]
    few = [found for found in doubts(tiny, tested=share - 0.001) if " sex" in found]
    assert few == [f"attribute sex: fewer than 20 test cases in {cases.idxmin()}"]


def test_small_clusters_are_named(tiny):
    small = replace(tiny, clusters=pd.Series(range(len(tiny)), tiny.x.index).floordiv(3))
    assert "half of the clusters have under 5 rows" in doubts(small)


def test_rows_that_share_a_label_stay_as_many_as_they_are():
    data = from_table(TABLE.set_axis([7, 7, 7, 8, 8, 8]), **NAMED)
    assert data.x["age"].tolist() == [25, 40, 33] and data.x.index.tolist() == [7, 7, 8]
