"""Disparities within and between clusters, by hand and by what must hold of any."""

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import disparity_split, kitagawa_decomposition


def draw(rows=600, groups=3, seed=0):
    random = np.random.default_rng(seed)
    clusters = pd.Series(random.choice(["cook", "nurse", "smith"], rows))
    group = pd.Series(random.choice(list("abcd")[:groups], rows), name="race")
    return random.random(rows), clusters, group


def test_split_by_hand():
    # Cluster x: 2 men of 3 (rate 1/2), 1 woman (rate 0); y: 1 man (rate 1), 2 women (rate 1/2).
    decision = [1, 0, 0, 1, 1, 0]
    clusters = ["x", "x", "x", "y", "y", "y"]
    men = np.array([True, True, False, True, False, False])
    found = kitagawa_decomposition(decision, clusters=clusters, is_first=men)
    # Shares of men 2/3 and 1/3, of women 1/3 and 2/3: mean 1/2 each, differences 1/3 and -1/3.
    assert found["within"] == pytest.approx(0.5 * 0.5 + 0.5 * 0.5)
    assert found["between"] == pytest.approx(1 / 3 * 0.25 - 1 / 3 * 0.75)
    assert found["total"] == pytest.approx(2 / 3 - 1 / 3)


def test_a_cluster_of_one_group_has_no_difference_within():
    # x: 1 man (rate 1), 1 woman (rate 0); y: 1 man (rate 1). Mean shares 3/4 and 1/4.
    found = kitagawa_decomposition(
        [1, 0, 1], clusters=["x", "x", "y"], is_first=[True, False, True]
    )
    assert found.tolist() == pytest.approx([0.75, 0.5 - 0.5 * 0.5, 1])


@pytest.mark.parametrize("seed", range(3))
def test_total_is_the_difference_also_with_clusters_of_one_group(seed):
    value, clusters, group = draw(40, seed=seed)
    first = (group == "a") | (clusters == "cook")
    found = kitagawa_decomposition(value, clusters=clusters, is_first=first)
    assert found["total"] == pytest.approx(value[first].mean() - value[~first].mean())


def test_a_difference_only_within_and_one_only_between():
    clusters = np.repeat(["x", "y"], 100)
    first = np.tile([True, False], 100)
    within = kitagawa_decomposition(first.astype(int), clusters=clusters, is_first=first)
    assert within.tolist() == pytest.approx([1, 0, 1])
    mixed = np.concatenate([np.arange(100) < 80, np.arange(100) < 20])
    between = kitagawa_decomposition(clusters == "x", clusters=clusters, is_first=mixed)
    assert between.tolist() == pytest.approx([0, 0.6, 0.6])


def test_every_group_stands_against_all_others():
    value, clusters, group = draw()
    table = disparity_split(
        {"fixed": value}, clusters=clusters, sensitive_features=group, positive_rate=None
    )
    assert list(table) == ["effects", "attribute", "group", "within", "between", "total"]
    for row in table.itertuples():
        inside = group == row.group
        assert row.total == pytest.approx(value[inside].mean() - value[~inside].mean())
        parts = kitagawa_decomposition(value, clusters=clusters, is_first=inside)
        assert (row.within, row.between) == pytest.approx((parts["within"], parts["between"]))


def test_of_two_groups_one_is_the_others_mirror():
    value, clusters, group = draw(groups=2)
    options = {"clusters": clusters, "sensitive_features": group, "positive_rate": 0.3}
    table = disparity_split({"mixed": value}, **options).set_index("group")
    parts = ["within", "between", "total"]
    np.testing.assert_allclose(
        table.loc["a", parts].astype(float), -table.loc["b", parts].astype(float)
    )


def test_predictions_are_compared_at_one_rate_whatever_their_scale():
    value, clusters, group = draw()
    both = group.to_frame().assign(sex=np.tile(["f", "m"], 300))
    scores = {"fixed": value, "mixed": 10 * value - 3}
    options = {"clusters": clusters, "sensitive_features": both, "positive_rate": 0.25}
    table = disparity_split(scores, **options).set_index(["effects", "attribute", "group"])
    pd.testing.assert_frame_equal(table.loc["fixed"], table.loc["mixed"])
    top = value >= np.sort(value)[-150]
    a = group == "a"
    assert table.loc[("fixed", "race", "a"), "total"] == pytest.approx(
        top[a].mean() - top[~a].mean()
    )


def test_rows_that_tie_at_the_threshold_share_what_is_left():
    # Of 10 rows 4 are to be positive: the two 9s, and half of each of the four 5s.
    score = np.array([9, 5, 5, 1, 1, 9, 5, 5, 1, 1])
    first = np.arange(10) < 4
    table = disparity_split(
        {"random": score}, clusters=["x"] * 10, sensitive_features=first, positive_rate=0.4
    )
    assert table["group"].tolist() == [False, True]
    assert table["total"].tolist() == pytest.approx([2 / 6 - 2 / 4, 2 / 4 - 2 / 6])


def test_a_share_of_no_whole_number_of_rows_is_met_by_a_fraction():
    # Of 4 rows 1.2 are to be positive: the highest, and a fifth of the next.
    scores, second = {"mixed": [1, 4, 3, 2]}, [False, False, True, False]
    options = {"clusters": ["x"] * 4, "sensitive_features": second, "positive_rate": 0.3}
    table = disparity_split(scores, **options)
    assert table["total"].tolist() == pytest.approx([1 / 3 - 0.2, 0.2 - 1 / 3])


def test_constant_scores_have_no_disparity():
    _, clusters, group = draw()
    table = disparity_split(
        {"fixed": np.ones(600)}, clusters=clusters, sensitive_features=group, positive_rate=0.3
    )
    assert np.abs(table[["within", "between", "total"]].to_numpy()).max() < 1e-12


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"decision": [1, np.nan]}, "decision must have one finite number.*1 not finite"),
        ({"clusters": ["x", None]}, "clusters must have no missing values"),
        ({"is_first": [True, True]}, r"hold both groups. Received: .* with \[True\]"),
        ({"is_first": ["True", "False"]}, r"with \['True', 'False'\]"),
        ({"is_first": [True, None]}, r"with \[True, None\]"),
        ({"is_first": [True]}, "one value for each row"),
    ],
)
def test_splits_that_cannot_be_made_are_refused(settings, message):
    good = {"decision": [1, 0], "clusters": ["x", "y"], "is_first": [True, False]}
    with pytest.raises(ValueError, match=message):
        kitagawa_decomposition(**good | settings)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"positive_rate": 0}, r"positive_rate must lie in \(0, 1\). Received: 0"),
        ({"positive_rate": 25}, "Received: 25"),
        ({"scores": {"mixed": [0.1, np.nan]}}, r"scores\['mixed'\] must have one finite number"),
        ({"scores": {"mixed": [0.1]}}, "one value for each row"),
        ({"sensitive_features": pd.Series(["a", "a"])}, "at least two groups"),
    ],
)
def test_disparities_that_cannot_be_split_are_refused(settings, message):
    good = {
        "scores": {"mixed": [0.1, 0.2]},
        "clusters": ["x", "y"],
        "sensitive_features": pd.Series(["a", "b"]),
        "positive_rate": 0.5,
    }
    with pytest.raises(ValueError, match=message):
        disparity_split(**good | settings)


@pytest.mark.parametrize("positive_rate", [None, 0.3])
def test_disparities_of_weighted_rows_are_those_of_rows_repeated(positive_rate):
    score, clusters, group = draw()
    weights = np.random.default_rng(1).integers(0, 4, 600)
    copies = np.repeat(np.arange(600), weights)
    options = {"sensitive_features": group, "positive_rate": positive_rate}
    weighted = disparity_split({"": score}, clusters=clusters, **options, sample_weight=weights)
    rows = {"clusters": clusters.iloc[copies], "sensitive_features": group.iloc[copies]}
    repeated = disparity_split({"": score[copies]}, **options | rows)
    pd.testing.assert_frame_equal(weighted, repeated, rtol=1e-9)
