"""Clusters are numbered as training rows say, and their means stand beside x."""

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite.estimator.clusters import ClusterIndex, ClusterMeans, cluster_table

TABLE = pd.DataFrame({"school": ["b", "a", "b", "c"], "year": [2001, 1999, 1999, 2001]})
NEEDED = ["random_effects", "cluster_predictor"]


@pytest.fixture
def index():
    return ClusterIndex.learn(TABLE, NEEDED)


@pytest.mark.parametrize(
    "clusters, name",
    [
        (["x", "y"], "cluster"),
        (np.array(["x", "y"]), "cluster"),
        (pd.Series(["x", "y"], index=[7, 3]), "cluster"),
        (pd.Series(["x", "y"], name="region"), "region"),
        (pd.Series(["x", "y"], name=0), 0),
        (pd.Categorical(["x", "y"]), "cluster"),
        (pd.DataFrame({"region": ["x", "y"]}, index=[7, 3]), "region"),
    ],
)
def test_one_cluster_variable_becomes_a_table(clusters, name):
    table = cluster_table(clusters)
    assert list(table) == [name] and table[name].tolist() == ["x", "y"]
    assert table.index.tolist() == [0, 1]


def test_several_cluster_variables_keep_their_names_and_order():
    pd.testing.assert_frame_equal(cluster_table(TABLE.set_index(np.arange(4)[::-1])), TABLE)


@pytest.mark.parametrize(
    "clusters, message",
    [
        (pd.Series(["x", None]), "^clusters must have no missing values. Received: 1"),
        (
            TABLE.assign(year=[2001, np.nan, np.nan, 1999]),
            "cluster variable 'year' must have no missing values. Received: 2 missing of 4",
        ),
        (
            TABLE.set_axis(["a", "a"], axis=1),
            r"columns of different names. Received: \['a', 'a'\]",
        ),
        (TABLE[[]], r"columns of different names. Received: \[\]"),
    ],
)
def test_clusters_that_are_no_table(clusters, message):
    with pytest.raises(ValueError, match=message):
        cluster_table(clusters)


def test_labels_are_sorted_and_counted(index):
    assert {name: labels.tolist() for name, labels in index.labels.items()} == {
        "school": ["a", "b", "c"],
        "year": [1999, 2001],
    }
    assert index.counts == (3, 2)


def test_a_variable_of_one_cluster_is_refused():
    with pytest.raises(ValueError, match=r"for random_effects, .*only \[7\] in 'year'. Leave"):
        ClusterIndex.learn(TABLE.assign(year=7), NEEDED)


def test_numbers_of_known_and_new_clusters(index):
    new = pd.DataFrame({"year": [1999, 2020, 2001], "school": ["c", "a", "z"], "other": 0})
    school, year = index.number(new, 3)
    assert school.tolist() == [2, 0, -1] and year.tolist() == [0, -1, 1]
    assert school.dtype == year.dtype == np.int32


def test_without_clusters_every_row_is_new(index):
    assert [part.tolist() for part in index.number(None, 2)] == [[-1, -1], [-1, -1]]


def test_a_single_variable_may_have_no_name_and_not_anothers():
    index = ClusterIndex.learn(TABLE[["school"]], NEEDED)
    for clusters in (["c", "z"], pd.Series(["c", "z"]), pd.Series(["c", "z"], name="school")):
        assert [part.tolist() for part in index.number(clusters, 2)] == [[2, -1]]
    with pytest.raises(ValueError, match=r"Received: \['place'\]. .*.rename.*what is the same"):
        index.number(pd.Series(["c", "z"], name="place"), 2)
    nameless = ClusterIndex.learn(TABLE[["school"]].set_axis(["cluster"], axis=1), NEEDED)
    assert nameless.number(pd.Series(["c", "z"], name="place"), 2)[0].tolist() == [2, -1]


def test_of_several_columns_a_single_variable_takes_its_own():
    index = ClusterIndex.learn(TABLE[["school"]], NEEDED)
    table = pd.DataFrame({"place": ["a", "a"], "school": ["c", "z"]})
    assert index.number(table, 2)[0].tolist() == [2, -1]


def test_absent_variables_are_named(index):
    with pytest.raises(ValueError, match=r"\['school', 'year'\]. Received: \['school'\]. Pass a"):
        index.number(TABLE[["school"]], 4)


X = pd.DataFrame({"age": [1.0, 2.0, 3.0, 10.0], "old": [False, True, True, True], "job": "cook"})


@pytest.fixture
def means():
    return ClusterMeans.learn(X, TABLE, ["age", "old"])


def test_means_by_hand(means):
    added = means.add(X.set_index(np.arange(4) + 5), TABLE)
    assert list(added) == [
        *["age", "old", "job", "age (mean of school)", "old (mean of school)"],
        *["age (mean of year)", "old (mean of year)"],
    ]
    assert added.index.tolist() == [5, 6, 7, 8]
    assert added["age (mean of school)"].tolist() == [2, 2, 2, 10]
    assert added["old (mean of school)"].tolist() == [0.5, 1, 0.5, 1]
    assert added["age (mean of year)"].tolist() == [5.5, 2.5, 2.5, 5.5]
    pd.testing.assert_frame_equal(added[list(X)], X.set_index(np.arange(4) + 5))


def test_known_clusters_keep_the_means_of_training_and_new_ones_get_those_of_their_rows(means):
    x = pd.DataFrame({"age": [100.0, 4.0, 6.0, 8.0], "old": True, "job": "smith"})
    clusters = pd.DataFrame({"school": ["b", "z", "z", "y"], "year": [1999, 1999, 1999, 1999]})
    added = means.add(x, clusters)
    assert added["age (mean of school)"].tolist() == [2, 5, 5, 8]
    assert added["age (mean of year)"].tolist() == [2.5] * 4


def test_without_columns_nothing_is_added():
    means = ClusterMeans.learn(X, TABLE, ())
    assert means.add(X, None) is X


def test_means_need_clusters(means):
    with pytest.raises(ValueError, match="within_between needs the cluster of each row.*clusters="):
        means.add(X, None)


@pytest.mark.parametrize("column", ["job", "pay", "gap"])
def test_columns_without_means_are_named(column):
    x = X.assign(gap=[1.0, np.nan, 2.0, 3.0])
    with pytest.raises(ValueError, match=rf"within_between must name .* Received: \['{column}'\]"):
        ClusterMeans.learn(x, TABLE, ["age", column])
