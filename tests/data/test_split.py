"""A split is disjoint, complete, stratified, and the same for the same seed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite.data.clustered import ClusteredData
from fairmedl_lite.data.split import split

SEEN_PARTS = ("train", "validation", "test_seen")
PARTS = (*SEEN_PARTS, "test_unseen")


@pytest.fixture(scope="module")
def data():
    """Five clusters of 200 rows with outcome rates of .1, .2, ... .5, in mixed order."""
    clusters = np.repeat(list("abcde"), 200)
    y = np.concatenate([np.arange(200) < 20 * rate for rate in range(1, 6)]).astype(int)
    order = np.random.default_rng(3).permutation(1000)
    frame = pd.DataFrame({"z": np.arange(1000.0), "c": clusters, "y": y}).iloc[order]
    return ClusteredData(
        frame[["z"]], frame["y"], frame["c"], frame[["c"]], "classification", "five clusters"
    )


@pytest.fixture(scope="module")
def parts(data):
    return split(data, unseen_clusters=["e"], seed=0)


def index_of(parts):
    return {name: getattr(parts, name).x.index for name in PARTS}


def test_every_row_is_in_exactly_one_part(data, parts):
    rows = np.concatenate([list(index) for index in index_of(parts).values()])
    assert sorted(rows) == sorted(data.x.index)


def test_unseen_clusters_are_held_out_whole(data, parts):
    assert len(parts.test_unseen) == 200
    assert set(parts.test_unseen.clusters) == {"e"}
    for name in SEEN_PARTS:
        assert set(getattr(parts, name).clusters) == set("abcd")


def test_seen_rows_are_cut_60_20_20(parts):
    assert [len(getattr(parts, name)) for name in SEEN_PARTS] == [480, 160, 160]
    assert repr(parts) == "Split(train 480, validation 160, test_seen 160, test_unseen 200 rows)"


def test_each_part_has_each_clusters_size_and_outcome_rate(parts):
    rates = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    for name, size in zip(SEEN_PARTS, (120, 40, 40), strict=True):
        part = getattr(parts, name)
        assert part.clusters.value_counts().to_dict() == dict.fromkeys("abcd", size)
        assert part.y.groupby(part.clusters).mean().to_dict() == pytest.approx(rates)


@pytest.mark.parametrize("fraction, clusters", [(0, 0), (0.01, 1), (0.2, 1), (0.4, 2), (0.5, 3)])
def test_a_fraction_of_clusters_is_rounded_up(data, fraction, clusters):
    unseen = split(data, unseen_clusters=fraction, seed=1).test_unseen
    assert unseen.clusters.nunique() == clusters
    assert len(unseen) == 200 * clusters


def test_a_fraction_draws_other_clusters_for_other_seeds(data):
    drawn = {
        split(data, unseen_clusters=0.2, seed=seed).test_unseen.clusters.iloc[0]
        for seed in range(8)
    }
    assert len(drawn) > 1


def test_same_seed_same_split_and_another_seed_another(data, parts):
    again = index_of(split(data, unseen_clusters=["e"], seed=0))
    other = index_of(split(data, unseen_clusters=["e"], seed=1))
    for name in PARTS:
        assert again[name].equals(index_of(parts)[name])
    assert not other["train"].equals(again["train"])


def test_a_split_never_encodes(data, parts):
    taken = data.x.loc[parts.train.x.index]
    pd.testing.assert_frame_equal(parts.train.x, taken)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("visits", [2, 7])
def test_rows_kept_together_stay_in_one_part(data, visits, seed):
    patient = pd.Series(np.arange(1000) // visits, index=data.x.index)
    parts = split(data, unseen_clusters=[], seed=seed, keep_together=patient)
    of_row = pd.Series(patient.to_numpy(), index=data.x.index)
    patients = [set(of_row[getattr(parts, name).x.index]) for name in SEEN_PARTS]
    assert len(set.union(*patients)) == sum(map(len, patients)) == patient.nunique()
    assert len(parts.train) == pytest.approx(600, abs=60)


def test_strata_too_small_to_cut_lose_no_row_and_give_no_warning(data, recwarn):
    rare = data.clusters.copy()
    rare.iloc[:3], rare.iloc[3] = "tiny", "single"
    parts = split(replace(data, clusters=rare), unseen_clusters=["e"], seed=0)
    assert sum(len(getattr(parts, name)) for name in PARTS) == 1000
    assert not recwarn.list


def test_regression_is_stratified_by_cluster_alone(data):
    outcome = pd.Series(np.linspace(0, 1, 1000), index=data.x.index)
    parts = split(replace(data, y=outcome, task="regression"), unseen_clusters=[], seed=0)
    for name, size in zip(SEEN_PARTS, (120, 40, 40), strict=True):
        counts = getattr(parts, name).clusters.value_counts().to_dict()
        assert counts == dict.fromkeys("abcde", size)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"unseen_clusters": "e"}, r"Pass \['e'\]"),
        ({"unseen_clusters": 1.0}, r"must lie in \[0, 1\)"),
        ({"unseen_clusters": -0.1}, r"must lie in \[0, 1\)"),
        ({"unseen_clusters": ["e", "zoo"]}, r"\['zoo'\], not among \['a', 'b'"),
        ({"unseen_clusters": list("abcde")}, "At least one cluster must stay seen"),
        ({"keep_together": [1, 2]}, "a value for each of the 1000 rows. Received: 2"),
        ({"keep_together": [None, *range(999)]}, "no missing values. Received: 1"),
        ({"keep_together": [0, 1, 2, 3] * 250}, "at least 5 different values"),
    ],
)
def test_what_cannot_be_split_is_refused(data, settings, message):
    with pytest.raises(ValueError, match=message):
        split(data, **{"unseen_clusters": ["e"], "seed": 0} | settings)


def of_sizes(sizes, task="classification", seed=0):
    """Clusters of these sizes, in mixed order; a second variable, crossed, of ten clusters."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    random.shuffle(labels)
    index = pd.RangeIndex(1000, 1000 + len(labels))
    table = pd.DataFrame({"first": labels, "second": random.integers(0, 10, len(labels))}, index)
    y = pd.Series(random.integers(0, 2, len(labels)), index)
    x = pd.DataFrame({"z": random.normal(size=len(labels))}, index)
    groups = pd.DataFrame({"s": random.choice(["f", "m"], len(labels))}, index)
    weights = pd.Series(random.uniform(1, 3, len(labels)), index)
    return ClusteredData(x, y, table, groups, task, "small clusters", weights=weights)


def strange_rows(parts):
    """How many rows called seen are of a cluster that has no training row."""
    return sum(
        int((~part.clusters[name].isin(parts.train.clusters[name])).sum())
        for part in (parts.validation, parts.test_seen)
        for name in part.clusters
    )


SIZES = {
    "pairs": [2] * 300,
    "singles and more": [1] * 400 + [2] * 200 + [7] * 50,
    "triples beside a giant": [3] * 100 + [2000],
}


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("unseen", [0, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_every_cluster_that_is_called_seen_was_trained_on(sizes, unseen, seed):
    data = of_sizes(SIZES[sizes])
    parts = split(data, unseen_clusters=unseen, seed=seed)
    assert strange_rows(parts) == 0 and parts.moved > 0
    assert sum(map(len, parts.parts.values())) == len(data)
    first = {name: set(part.first_clusters) for name, part in parts.parts.items()}
    assert not first["test_unseen"] & first["train"]
    sizes = data.first_clusters.value_counts()
    tested = first["validation"] | first["test_seen"]
    assert tested and not tested & set(sizes.index[sizes == 1])


def test_seen_is_trained_where_rows_are_kept_together():
    data = of_sizes([9] * 40, "regression")
    family = np.arange(len(data)) // 3
    parts = split(data, unseen_clusters=0, seed=0, keep_together=family)
    assert strange_rows(parts) == 0
    of_row = pd.Series(family, data.x.index)
    found = [set(of_row[part.x.index]) for part in parts.parts.values()]
    assert len(set.union(*found)) == sum(map(len, found))


def test_large_clusters_are_cut_as_they_were(data):
    assert split(data, unseen_clusters=["e"], seed=0).moved == 0


@pytest.mark.parametrize(
    "sizes, options, message",
    [
        ([1] * 200, {}, "Seen clusters must have rows to train on and others to test on"),
        ([8] * 30, {"keep_together": "first"}, "keep together what is smaller than a cluster"),
        ([2, 2], {}, "must have at least 5 rows. Received: 4"),
    ],
)
def test_clusters_that_cannot_be_trained_and_tested_are_refused(sizes, options, message):
    data = of_sizes(sizes)
    options = {name: data.clusters[column] for name, column in options.items()}
    with pytest.raises(ValueError, match=message):
        split(data, unseen_clusters=0, seed=0, **options)


def test_rows_to_keep_together_in_another_order_are_refused(data):
    patient = pd.Series(range(1000), index=data.x.index[::-1])
    with pytest.raises(ValueError, match="data and keep_together must have one index"):
        split(data, unseen_clusters=0, seed=0, keep_together=patient)


def test_weights_and_both_variables_go_with_the_rows():
    data = of_sizes([20] * 30)
    train = split(data, unseen_clusters=0.2, seed=0).train
    pd.testing.assert_series_equal(train.weights, data.weights.loc[train.x.index])
    pd.testing.assert_frame_equal(train.clusters, data.clusters.loc[train.x.index])
    assert repr(data) == (
        "ClusteredData('small clusters': 600 rows, 1 columns, 30 and 10 clusters, sensitive ['s'])"
    )
