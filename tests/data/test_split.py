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
    patient = pd.Series(np.arange(1000) // visits)
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
