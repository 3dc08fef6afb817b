"""Calibration per group, by hand, and that a calibrated score reaches its noise floor only."""

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import group_calibration_report

SCORE = np.array([0.1, 0.3, 0.3, 0.9, 1.0, 0.2])
Y = np.array([0, 1, 0, 1, 0, 0])
SEX = pd.Series(["f", "f", "f", "f", "f", "m"], name="sex")


def test_every_figure_by_hand():
    f, m = group_calibration_report(Y, SCORE, sensitive_features=SEX, bins=4).itertuples(
        index=False
    )
    assert (f.attribute, f.group, f.cases, m.group, m.cases) == ("sex", "f", 5, "m", 1)
    assert f.mean_score == pytest.approx(2.6 / 5) and f.observed_rate == 2 / 5
    assert f.difference == pytest.approx(0.6 / 5)
    # Bins from 0 (.1: 0), .25 (.3, .3: 1 of 2) and .75 (.9, 1: 1 of 2).
    assert f.calibration_error == pytest.approx((0.1 + 0.4 + 0.9) / 5)
    floor = np.sqrt(2 / np.pi) * (0.3 + np.sqrt(0.42) + 0.3) / 5
    assert f.noise_floor == pytest.approx(floor)
    assert m.difference == m.calibration_error == pytest.approx(0.2)


def test_a_calibrated_score_reaches_the_noise_floor_and_a_shifted_one_exceeds_it():
    random = np.random.default_rng(0)
    score = random.uniform(0.1, 0.9, (200, 400))
    group = pd.Series(np.repeat(["a", "b"], 200), name="s")
    tables = [
        group_calibration_report(
            random.random(400) < row + 0.1 * (group == "b"), row, sensitive_features=group
        )
        for row in score
    ]
    mean = (
        pd.concat(tables)
        .groupby("group")[["calibration_error", "noise_floor", "difference"]]
        .mean()
    )
    assert mean.loc["a", "calibration_error"] == pytest.approx(
        mean.loc["a", "noise_floor"], rel=0.05
    )
    assert mean.loc["b", "calibration_error"] > 1.5 * mean.loc["b", "noise_floor"]
    assert mean["difference"].tolist() == pytest.approx([0, -0.1], abs=0.01)


def test_constant_scores_and_a_group_without_positives():
    report = group_calibration_report(
        [0, 0, 1, 1], [0.5] * 4, sensitive_features=pd.Series(list("aabb"))
    )
    assert report["difference"].tolist() == [0.5, -0.5]
    assert report["calibration_error"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("labels", [[True, False], [1, 0], [1.5, 0.5]])
@pytest.mark.parametrize("clusters", [None, [1, 2, 3, 1, 2, 3]])
def test_groups_are_named_by_labels_of_any_type(labels, clusters):
    options = {"bins": 4, "clusters": clusters}
    expected = group_calibration_report(Y, SCORE, sensitive_features=SEX, **options)
    groups = SEX.map(dict(zip("mf", labels, strict=True)))
    report = group_calibration_report(Y, SCORE, sensitive_features=groups, **options)
    names = report.columns.drop("group")
    assert report["group"].tolist() == labels[::-1]
    pd.testing.assert_frame_equal(
        report[names].sort_values("cases"), expected[names].sort_values("cases")
    )


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"y_score": [0.5, 1.2]}, "1 outside, such as 1.2. Take predict_proba's column 1"),
        ({"y_score": [0.5, np.nan]}, "1 not finite"),
        ({"y_true": [1, 2]}, "y_true must hold 0 and 1"),
        ({"y_true": [1]}, "one value for each row"),
        ({"sensitive_features": pd.Series(["a", None])}, "must have no missing values"),
        ({"bins": 0}, "bins must be an integer of 1 or more. Received: 0"),
        ({"bins": 2.5}, "bins must be an integer"),
    ],
)
def test_scores_that_cannot_be_calibrated_are_refused(settings, message):
    good = {"y_true": [1, 0], "y_score": [0.5, 0.5], "sensitive_features": pd.Series(["a", "b"])}
    with pytest.raises(ValueError, match=message):
        group_calibration_report(**good | settings)


def test_whole_weights_are_copies_and_their_scale_does_not_matter():
    weights = np.array([2, 1, 3, 1, 2, 4])
    copies = np.repeat(np.arange(len(Y)), weights)
    options = {"bins": 4, "sensitive_features": SEX}
    report = group_calibration_report(Y, SCORE, sample_weight=weights, **options)
    scaled = group_calibration_report(Y, SCORE, sample_weight=50.0 * weights, **options)
    pd.testing.assert_frame_equal(report, scaled)
    options["sensitive_features"] = SEX.iloc[copies].reset_index(drop=True)
    copied = group_calibration_report(Y[copies], SCORE[copies], **options)
    same = ["mean_score", "observed_rate", "difference", "calibration_error"]
    pd.testing.assert_frame_equal(report[same], copied[same])
    assert report["cases"].tolist() == pytest.approx([81 / 19, 1])  # (sum w)^2 / sum w^2


def test_rows_of_no_weight_are_left_out():
    weights = np.array([1, 1, 1, 1, 0, 0])
    report = group_calibration_report(Y, SCORE, sensitive_features=SEX, sample_weight=weights)
    without = group_calibration_report(Y[:4], SCORE[:4], sensitive_features=SEX[:4])
    pd.testing.assert_frame_equal(report[:1], without, check_dtype=False)
    assert report.loc[1, ["group", "cases"]].tolist() == ["m", 0]


def draw_calibrated(rows=600, seed=0):
    random = np.random.default_rng(seed)
    score = random.uniform(0.1, 0.9, rows)
    groups = pd.Series(random.choice(list("ab"), rows), name="s")
    return (random.random(rows) < score).astype(int), score, groups, random


def test_rows_in_clusters_of_one_have_the_floor_of_independent_rows():
    y, score, groups, _ = draw_calibrated()
    plain = group_calibration_report(y, score, sensitive_features=groups)
    alone = group_calibration_report(y, score, sensitive_features=groups, clusters=np.arange(600))
    pd.testing.assert_frame_equal(alone[list(plain)], plain, check_dtype=False, rtol=1e-9)
    gaps = (score - y)[groups == "a"]
    assert alone["se"][0] == pytest.approx(gaps.std(ddof=1) / len(gaps) ** 0.5)
    assert "pass clusters=" in plain.attrs["note"] and not alone.attrs["note"]


def test_calibration_of_weighted_rows_is_that_of_rows_repeated():
    y, score, groups, random = draw_calibrated()
    weights, clusters = random.integers(0, 4, 600), random.integers(0, 30, 600)
    copies = np.repeat(np.arange(600), weights)
    weighted = group_calibration_report(
        y, score, sensitive_features=groups, clusters=clusters, sample_weight=weights
    )
    repeated = group_calibration_report(
        y[copies],
        score[copies],
        sensitive_features=groups.iloc[copies].reset_index(drop=True),
        clusters=clusters[copies],
    )
    same = ["mean_score", "observed_rate", "difference", "calibration_error", "se", "df"]
    pd.testing.assert_frame_equal(weighted[same], repeated[same], rtol=1e-9)


def test_clusters_that_shift_the_outcome_raise_the_floor_to_the_error():
    random, found = np.random.default_rng(1), []
    clusters, group = np.repeat(np.arange(60), 30), pd.Series(["a"] * 1800, name="s")
    for _ in range(100):
        score = random.uniform(0.3, 0.7, 1800)
        shift = random.uniform(-0.25, 0.25, 60)[clusters]  # as often up as down
        y = (random.random(1800) < score + shift).astype(int)
        for known in (None, clusters):
            report = group_calibration_report(y, score, sensitive_features=group, clusters=known)
            found.append(report.assign(known=known is not None))
    means = pd.concat(found).groupby("known")[["calibration_error", "noise_floor"]].mean()
    assert means.loc[True, "noise_floor"] == pytest.approx(
        means.loc[True, "calibration_error"], rel=0.06
    )
    assert means.loc[False, "noise_floor"] < 0.9 * means.loc[False, "calibration_error"]


def test_calibration_of_a_group_in_one_cluster_has_no_floor():
    y, score, groups, _ = draw_calibrated(60)
    clusters = np.where(groups == "a", 0, np.arange(60))
    report = group_calibration_report(y, score, sensitive_features=groups, clusters=clusters)
    a = report.set_index("group").loc["a"]
    assert a["clusters"] == 1 and a[["se", "noise_floor"]].isna().all()
    assert np.isfinite(a["calibration_error"])


def test_groups_may_be_true_and_false():
    flags = pd.Series(SEX == "f", name="first")
    report = group_calibration_report(Y, SCORE, sensitive_features=flags)
    named = group_calibration_report(Y, SCORE, sensitive_features=flags.astype(str))
    pd.testing.assert_frame_equal(report.drop(columns="group"), named.drop(columns="group"))
