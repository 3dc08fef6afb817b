"""Rows that say little: clusters that are all alike, weights of zero, labels from an index."""

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import (
    disparity_split,
    fairness_report,
    group_calibration_report,
    group_differences,
    group_report,
    kitagawa_decomposition,
    performance_report,
    random_effect_spread,
    regression_group_report,
    regression_report,
    spread_report,
    youden_threshold,
)
from fairmedl_lite.metrics.calibration import _mates


def two_groups():
    """Sixty cases each: in all clusters of a one rate, by a sum that rounding does not leave so."""
    random = np.random.default_rng(1)
    groups = pd.Series(np.repeat(["a", "b"], 60), name="s")
    score = np.tile([1.0] + 9 * [0.0], 12)
    score[60:] = random.integers(0, 2, 60)
    weights = np.tile(random.random(10), 12)
    return score, groups, np.tile(np.repeat(np.arange(6), 10), 2), weights


@pytest.mark.parametrize("weighted", [False, True])
def test_clusters_of_one_rate_have_no_standard_error_and_the_others_floor(weighted):
    score, groups, clusters, weights = two_groups()
    options = {"sensitive_features": groups, "threshold": 0.5, "clusters": clusters}
    options["sample_weight"] = weights if weighted else None
    report = group_report(np.ones(120), score, **options).query("metric == 'tpr'")
    a, b = report.to_dict("records")
    assert np.isnan([a["se"], a["rate_low"], a["design_effect"]]).all() and a["clusters"] == 6
    assert a["design_effect_between"] == b["design_effect_between"] > 0
    spread = fairness_report(np.ones(120), score, **options).iloc[0]
    pooled = (a["rate"] + b["rate"]) / 2
    floor = pooled * (1 - pooled) / b["cases"] * b["design_effect_between"]
    assert spread["noise_floor"] ** 2 == pytest.approx(floor)
    assert random_effect_spread(report)["groups"].item() == 2


@pytest.mark.parametrize("clustered", [False, True])
def test_predictions_that_are_constant_in_a_group_have_no_noise(clustered):
    groups = pd.Series(np.repeat(["a", "b", "c"], 28), name="s")
    predicted = groups.map({"a": 0.3, "b": 0.1, "c": 0.7})
    weights = np.random.default_rng(2).random(84)
    clusters = np.tile(np.repeat(range(4), 7), 3) if clustered else None
    options = {"sensitive_features": groups, "clusters": clusters, "sample_weight": weights}
    report = regression_group_report(np.arange(84.0), predicted, **options)
    report = report[report["metric"] == "mean_prediction"]
    assert (report["se"].fillna(0) == 0).all()
    assert spread_report(report)["noise_floor"].item() == 0
    if clustered:
        pairs = group_differences(np.arange(84.0), predicted, threshold=None, **options)
        assert pairs[pairs["metric"] == "mean_prediction"]["se"].isna().all()


@pytest.mark.parametrize("weights", [None, np.ones(8)])
def test_a_group_of_small_numbers_keeps_its_error_beside_one_of_large_numbers(weights):
    groups = pd.Series(list("aaaabbbb"), name="s")
    y = np.array([1.0, 2, 3, 4, 1e15, 2e15, 3e15, 4e15])
    options = {"sensitive_features": groups, "clusters": np.arange(8), "sample_weight": weights}
    report = regression_group_report(y, np.zeros(8), **options)
    report = report[report["metric"] == "mean_residual"]
    assert report["se"].to_numpy() * [1, 1e-15] == pytest.approx((5 / 3 / 4) ** 0.5)
    assert report["design_effect"].to_numpy() == pytest.approx(1)


def test_a_row_that_outweighs_all_others_is_one_cluster(recwarn):
    options = {"sensitive_features": pd.Series(["a"] * 4), "clusters": [1, 2, 3, 4]}
    options["sample_weight"] = [1e20, 1, 1, 1]
    report = group_report([1, 1, 1, 1], [1, 0, 1, 0], threshold=0.5, **options).iloc[0]
    assert report["rate"] == 1 and report["clusters"] == 1 and np.isnan(report["se"])
    assert not recwarn.list


def test_a_cluster_variable_given_twice_counts_once_and_none_is_refused():
    score, groups, clusters, _ = two_groups()
    options = {"sensitive_features": groups, "threshold": 0.5}
    once = group_report(np.ones(120), score, **options, clusters=clusters)
    table = pd.DataFrame({"ward": clusters})
    twice = pd.concat([table, table], axis=1)
    pd.testing.assert_frame_equal(
        group_report(np.ones(120), score, **options, clusters=twice), once
    )
    with pytest.raises(ValueError, match="clusters must have a column. Received: none"):
        group_report(np.ones(120), score, **options, clusters=table[[]])


def test_clusters_may_be_named_as_their_index():
    rows = pd.DataFrame({"ward": [1, 1, 2, 2], "y": [0, 1, 1, 1], "sex": ["f", "f", "f", "f"]})
    indexed = rows.set_index("ward", drop=False)
    one, other = (
        group_calibration_report(
            table["y"],
            [0.2, 0.6, 0.9, 0.9],
            sensitive_features=table["sex"],
            clusters=table["ward"],
        )
        for table in (rows, indexed)
    )
    pd.testing.assert_frame_equal(one, other)


def test_a_row_finds_those_that_share_any_of_its_clusters():
    rows = pd.DataFrame({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "both": range(4), "weight": 1.0})
    assert _mates(rows, {"a": 1}) == 2
    assert _mates(rows, {"a": 1, "b": 1, "both": -1}) == 3  # itself, one of a, and one of b


def test_of_nested_clusters_the_coarser_makes_the_floor_of_the_calibration():
    random, school = np.random.default_rng(4), np.arange(400) // 20
    y = (random.random(400) < random.random(20)[school]).astype(int)
    score, sex = random.uniform(0.3, 0.7, 400), pd.Series(["f", "m"] * 200, name="sex")
    nested = pd.DataFrame({"school": school, "form": np.arange(400) // 5})
    one, other = (
        group_calibration_report(y, score, sensitive_features=sex, clusters=clusters)
        for clusters in (school, nested)
    )
    np.testing.assert_allclose(one["noise_floor"], other["noise_floor"])
    alone = group_calibration_report(y, score, sensitive_features=sex)
    assert (one["noise_floor"] > alone["noise_floor"]).all()


def test_a_group_that_weighs_nothing_is_shown_without_figures():
    sex, weights = pd.Series(["f", "f", "m", "m"], name="sex"), [1, 1, 0, 0]
    clusters, options = [1, 2, 1, 2], {"sensitive_features": sex, "sample_weight": weights}
    for known in (None, clusters):
        report = group_calibration_report(
            [1, 0, 1, 0], [0.9, 0.3, 0.5, 0.5], **options, clusters=known
        )
        f, m = report.to_dict("records")
        assert f["difference"] == pytest.approx(0.1) and f["cases"] == 2
        assert m["cases"] == 0 and np.isnan([m["difference"], m["noise_floor"]]).all()
    split = disparity_split({"": [1, 0, 1, 0]}, clusters=clusters, positive_rate=None, **options)
    assert split[["within", "between", "total"]].isna().all(axis=None)
    parts = kitagawa_decomposition(
        [1, 0, 1, 0], clusters=clusters, is_first=sex == "f", sample_weight=weights
    )
    assert parts.isna().all()


def test_a_class_that_weighs_nothing_cannot_be_told_from_the_other(recwarn):
    y, score, weights = [0, 0, 1, 1], [0.1, 0.7, 0.3, 0.9], [1, 1, 0, 0]
    report = performance_report(y, score, threshold=0.5, sample_weight=weights)
    assert report["accuracy"] == 0.5
    assert report[["auroc", "balanced_accuracy"]].isna().all()
    assert np.isnan(regression_report(y, score, sample_weight=weights)["r2"])
    with pytest.raises(ValueError, match="both classes. Received: only 0, of the rows that weigh"):
        youden_threshold(y, score, sample_weight=weights)
    assert not recwarn.list


def test_an_attribute_of_one_group_has_no_pairs():
    table = group_differences(
        [1, 0], [0.9, 0.1], sensitive_features=pd.Series(["f", "f"]), threshold=0.5
    )
    assert table.empty and "difference" in table


@pytest.mark.parametrize(
    "weights, message",
    [
        ([1, np.nan, 2, np.inf], "Received: 2 weights that are negative, missing or infinite"),
        ([1, -3, 2, 1], "Received: 1 weights"),
        ([1, "heavy", 2, 1], "sample_weight must hold numbers. Received: .*heavy"),
    ],
)
def test_the_weights_that_cannot_be_used_are_counted(weights, message, recwarn):
    sex = pd.Series(["f", "m", "f", "m"])
    with pytest.raises(ValueError, match=message):
        group_report(
            [0, 1, 1, 0],
            [0.2, 0.8, 0.4, 0.6],
            sensitive_features=sex,
            threshold=0.5,
            sample_weight=weights,
        )
    assert not recwarn.list
