"""Rates and errors by group, by hand and against fairlearn."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from known_groups import CELLS, build, draw
from sklearn.metrics import mean_squared_error

from fairmedl_lite.metrics.rates import (
    fairness_report,
    group_report,
    regression_fairness_report,
    regression_group_report,
)


@pytest.fixture(scope="module")
def drawn():
    """Scores of 2,000 rows in four bands and two sexes, at random."""
    random = np.random.default_rng(5)
    y = random.integers(0, 2, 2000)
    score = np.clip(0.3 * y + random.random(2000), 0, 1)
    bands = random.choice(["w", "x", "y", "z"], 2000, p=[0.5, 0.3, 0.15, 0.05])
    sex = random.choice(["f", "m"], 2000)
    return y, score, pd.DataFrame({"band": bands, "sex": sex})


@pytest.mark.parametrize("attribute", ["band", "sex"])
@pytest.mark.parametrize(
    "metric, reference",
    [
        ("tpr", true_positive_rate),
        ("fpr", false_positive_rate),
        ("positive_rate", selection_rate),
    ],
)
def test_rates_equal_fairlearns(drawn, metric, reference, attribute):
    y, score, sensitive = drawn
    frame = MetricFrame(
        metrics=reference,
        y_true=y,
        y_pred=(score >= 0.6).astype(int),
        sensitive_features=sensitive[attribute],
    )
    ours = group_report(y, score, sensitive_features=sensitive, threshold=0.6)
    ours = ours.query("attribute == @attribute and metric == @metric").set_index("group")
    assert ours["rate"].to_dict() == pytest.approx(frame.by_group.to_dict())
    report = fairness_report(y, score, sensitive_features=sensitive, threshold=0.6)
    row = report.query("attribute == @attribute and metric == @metric").iloc[0]
    assert row["largest_difference"] == pytest.approx(frame.difference())


def test_cases_of_each_rate(drawn):
    y, score, sensitive = drawn
    report = group_report(y, score, sensitive_features=sensitive[["sex"]], threshold=0.6)
    female = sensitive["sex"] == "f"
    expected = [np.sum(female & (y == 1)), np.sum(female & (y == 0)), np.sum(female)]
    assert report.loc[report["group"] == "f", "cases"].tolist() == expected


def test_a_group_without_positives_has_a_missing_tpr():
    y, score, groups = build({"a": (10, 20, 5, 20), "b": (0, 0, 5, 20)})
    report = group_report(y, score, sensitive_features=groups, threshold=0.5)
    b = report[report["group"] == "b"].set_index("metric")
    assert np.isnan(b.loc["tpr", "rate"]) and b.loc["tpr", "cases"] == 0
    assert b.loc["fpr", "rate"] == 0.25 and b.loc["positive_rate", "cases"] == 20


def test_no_positives_at_all_give_missing_rates():
    y, score, groups = build({"a": (0, 0, 5, 20), "b": (0, 0, 5, 20)})
    report = group_report(y, score, sensitive_features=groups, threshold=0.5)
    tpr = report[report["metric"] == "tpr"]
    assert tpr["rate"].isna().all() and tpr["cases"].tolist() == [0, 0]


def test_a_score_at_the_threshold_is_positive():
    report = group_report(
        [1, 1], [0.5, 0.4], sensitive_features=pd.DataFrame({"s": ["a", "b"]}), threshold=0.5
    )
    assert report.query("metric == 'positive_rate'")["rate"].tolist() == [1, 0]


def test_attributes_are_matched_by_row_where_nothing_else_names_the_rows():
    y, score, groups = build(CELLS)
    y, score = np.asarray(y), np.asarray(score)
    other = groups.set_axis(np.arange(len(groups))[::-1] + 7)
    options = {"y_true": y, "y_score": score, "threshold": 0.5}
    pd.testing.assert_frame_equal(
        group_report(**options, sensitive_features=other),
        group_report(**options, sensitive_features=groups),
    )


def test_a_series_is_one_attribute():
    y, score, groups = build(CELLS)
    report = group_report(y, score, sensitive_features=groups["sex"], threshold=0.5)
    assert set(report["attribute"]) == {"sex"}


def test_a_missing_threshold_is_refused():
    with pytest.raises(ValueError, match="threshold must be a number. Received: nan"):
        group_report([1, 0], [0.5, 0.1], sensitive_features=pd.Series([1, 2]), threshold=np.nan)


@pytest.mark.parametrize(
    "sensitive, message",
    [
        ({"s": ["a"]}, "one value for each row"),
        ({"s": ["a", None]}, "sensitive attribute 's' must have no missing values"),
    ],
)
def test_attributes_that_cannot_be_compared_are_refused(sensitive, message):
    with pytest.raises(ValueError, match=message):
        fairness_report(
            [1, 0], [0.5, 0.1], sensitive_features=pd.DataFrame(sensitive), threshold=0.5
        )


# By hand: residuals 1, -1 in a; 3, 1, 2 in b.
Y = np.array([4.0, 2.0, 13.0, 11.0, 12.0])
PREDICTED = np.array([3.0, 3.0, 10.0, 10.0, 10.0])
GROUP = pd.Series(["a", "a", "b", "b", "b"], name="sex")


def test_group_figures_by_hand():
    report = regression_group_report(Y, PREDICTED, sensitive_features=GROUP)
    assert list(report) == ["attribute", "metric", "group", "rate", "se", "cases"]
    assert (
        report["metric"].tolist()
        == np.repeat(["mse", "mean_prediction", "mean_residual"], 2).tolist()
    )
    assert report["rate"].tolist() == pytest.approx([1, 14 / 3, 3, 10, 0, 2])
    assert report["cases"].tolist() == [2, 3] * 3
    # Squares 9, 1, 4 about 14/3: variance (18.78 + 13.44 + .44) / 2, over 3, root.
    assert report["se"].tolist() == pytest.approx([0, (49 / 3 / 3) ** 0.5, 0, 0, 1, (1 / 3) ** 0.5])


def test_group_mse_equals_fairlearns():
    y, predicted, group = draw([40, 30, 50], [1, 2, 3], [0, 0.5, 1])
    frame = MetricFrame(
        metrics=mean_squared_error, y_true=y, y_pred=predicted, sensitive_features=group
    )
    report = regression_group_report(y, predicted, sensitive_features=group)
    mse = report[report["metric"] == "mse"].set_index("group")["rate"]
    assert mse.to_dict() == pytest.approx(frame.by_group.to_dict())


@pytest.mark.parametrize(
    "y, predicted, sensitive, message",
    [
        ([1, np.nan], [1, 2], ["a", "b"], "y_true must have one finite number.*1 not finite"),
        ([1, 2], [1, np.inf], ["a", "b"], "y_pred must have one finite number.*1 not finite"),
        ([1, 2], [[1], [2]], ["a", "b"], r"y_pred must have .* shape \(2, 1\)"),
        (["low", "high"], [1, 2], ["a", "b"], "y_true must have one finite number"),
        ([1, 2, 3], [1, 2], ["a", "b"], "one value for each row"),
        ([1, 2], [1, 2], ["a"], "one value for each row"),
        ([1, 2], [1, 2], ["a", None], "must have no missing values. Received: 1"),
        ([], [], [], "at least one row"),
    ],
)
def test_predictions_that_cannot_be_judged_are_refused(y, predicted, sensitive, message):
    with pytest.raises(ValueError, match=message):
        regression_fairness_report(y, predicted, sensitive_features=pd.Series(sensitive))


@pytest.mark.parametrize("unit", [1.0, 0.1, 250.0])
def test_weighted_rates_are_those_of_rows_repeated(unit):
    random = np.random.default_rng(0)
    y, score = random.integers(0, 2, 400), random.uniform(size=400)
    groups = pd.DataFrame({"s": random.choice(["f", "m", "x"], 400)})
    weights = random.integers(0, 4, 400)
    copies = np.repeat(np.arange(400), weights)
    options = {"threshold": 0.6, "sample_weight": unit * weights}
    weighted = group_report(y, score, sensitive_features=groups, **options)
    plain = group_report(
        y[copies], score[copies], sensitive_features=groups.iloc[copies], threshold=0.6
    )
    pd.testing.assert_frame_equal(
        weighted.drop(columns="cases"), plain.drop(columns="cases"), rtol=1e-6
    )
    part = (groups["s"] == "f") & (y == 1)
    expected = weights[part].sum() ** 2 / (weights[part] ** 2).sum()  # Kish's effective number
    found = weighted[(weighted["metric"] == "tpr") & (weighted["group"] == "f")]
    assert found["cases"].item() == pytest.approx(expected, abs=1e-5)
    numbers = regression_group_report(
        score, y * 1.0, sensitive_features=groups, sample_weight=unit * weights
    )
    means = regression_group_report(
        score[copies], y[copies] * 1.0, sensitive_features=groups.iloc[copies]
    )
    np.testing.assert_allclose(numbers["rate"], means["rate"], rtol=1e-6)


def test_equal_weights_change_nothing():
    y, score, groups = build(CELLS)
    for report, threshold in ((group_report, {"threshold": 0.5}), (regression_group_report, {})):
        plain = report(y, score, sensitive_features=groups, **threshold)
        same = report(
            y, score, sensitive_features=groups, sample_weight=np.full(len(y), 0.3), **threshold
        )
        pd.testing.assert_frame_equal(same, plain, check_dtype=False, rtol=1e-6)


def test_the_standard_error_of_a_weighted_mean_is_about_its_spread():
    random, rows = np.random.default_rng(0), 300 * 200
    groups = pd.Series(np.repeat(np.arange(300), 200), name="s")  # each a draw of its own
    y, weights = random.normal(size=rows), random.exponential(size=rows)
    report = regression_group_report(
        y, np.zeros(rows), sensitive_features=groups, sample_weight=weights
    )
    found = report[report["metric"] == "mean_residual"]
    assert len(found) == 300
    assert found["rate"].std() == pytest.approx(found["se"].mean(), rel=0.12)


@pytest.mark.parametrize(
    "threshold, word", [(50, "negative"), (-1, "positive"), (1.01, "negative")]
)
def test_a_threshold_beyond_all_scores_is_warned_of(threshold, word):
    y, score, groups = build(CELLS)
    with pytest.warns(UserWarning, match=f"all {len(y)} decisions are {word}: all groups seem"):
        fairness_report(y, score, sensitive_features=groups, threshold=threshold)


def test_rows_in_another_order_are_refused():
    y, score, groups = build(CELLS)
    order = np.random.default_rng(0).permutation(len(y))
    with pytest.raises(ValueError, match="must have one index"):
        group_report(pd.Series(y), score, sensitive_features=groups.iloc[order], threshold=0.5)


def test_a_continuous_attribute_is_warned_of():
    random = np.random.default_rng(0)
    groups = pd.DataFrame({"income": random.normal(size=300)})
    with pytest.warns(UserWarning, match="'income' has 300 groups in 300 rows.*pd.cut"):
        group_report(
            random.integers(0, 2, 300),
            random.uniform(size=300),
            sensitive_features=groups,
            threshold=0.5,
        )


def test_groups_may_be_true_and_false():
    y, score, groups = build(CELLS)
    flags, weights = groups[["sex"]] == "f", np.arange(len(y)) % 3
    named = pd.DataFrame({"sex": np.where(flags["sex"], "yes", "no")})
    options = {"threshold": 0.5, "sample_weight": weights}
    found, expected = (
        group_report(y, score, sensitive_features=each, **options) for each in (flags, named)
    )
    np.testing.assert_array_equal(found["rate"], expected["rate"])


@pytest.mark.parametrize("weights", [[-1.0, 1, 2, 1], [0.0] * 4, [np.nan, 1, 1, 1], [1.0, 1, 1]])
def test_weights_that_weigh_nothing_or_less_are_refused(weights):
    sex = pd.DataFrame({"sex": ["f", "m", "f", "m"]})
    options = {"sensitive_features": sex, "threshold": 0.5, "sample_weight": weights}
    with pytest.raises(ValueError, match="Received"):
        group_report([0, 1, 1, 0], [0.2, 0.8, 0.4, 0.6], **options)


def test_weights_of_a_survey_are_no_reason_to_warn(recwarn):
    sex = pd.DataFrame({"sex": ["f", "m", "f", "m"]})
    options = {"sensitive_features": sex, "threshold": 0.5, "sample_weight": [950, 120, 300, 80]}
    group_report([0, 1, 1, 0], [0.2, 0.8, 0.4, 0.6], **options)
    assert not recwarn.list
