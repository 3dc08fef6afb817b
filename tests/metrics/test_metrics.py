"""Every figure of a fairness report, by hand and against fairlearn and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

from fairmedl_lite.metrics.performance import classification_report, youden_threshold
from fairmedl_lite.metrics.rates import fairness_report, group_report


def build(cells):
    """Outcome, score and group of `{group: (true positives, positives, false positives, n-)}`."""
    y, score, group = [], [], []
    for name, (hits, positives, alarms, negatives) in cells.items():
        y += [1] * positives + [0] * negatives
        score += [1.0] * hits + [0.0] * (positives - hits)
        score += [1.0] * alarms + [0.0] * (negatives - alarms)
        group += [name] * (positives + negatives)
    return np.array(y), np.array(score), pd.DataFrame({"sex": group})


CELLS = {"a": (20, 40, 5, 50), "b": (30, 40, 20, 50), "c": (18, 20, 10, 100), "d": (0, 19, 0, 19)}


@pytest.fixture(scope="module")
def report():
    y, score, groups = build(CELLS)
    return fairness_report(y, score, sensitive_features=groups, threshold=0.5).set_index("metric")


def test_report_has_a_row_for_each_attribute_and_metric(report):
    y, score, groups = build(CELLS)
    both = fairness_report(
        y, score, sensitive_features=groups.assign(copy=groups["sex"]), threshold=0.5
    )
    assert both["attribute"].tolist() == ["sex"] * 3 + ["copy"] * 3
    assert both["metric"].tolist() == ["tpr", "fpr", "positive_rate"] * 2
    assert both["sd"].tolist()[:3] == both["sd"].tolist()[3:] == report["sd"].tolist()


@pytest.mark.parametrize(
    "metric, rates, cases, worst",
    [
        # Rates by hand; d has 19 cases of each outcome, and so is left out of TPR and FPR.
        ("tpr", [0.5, 0.75, 0.9], [40, 40, 20], ("a", 0.5)),
        ("fpr", [0.1, 0.4, 0.1], [50, 50, 100], ("b", 0.4)),
        ("positive_rate", [25 / 90, 50 / 90, 28 / 120, 0], [90, 90, 120, 38], ("d", 0.0)),
    ],
)
def test_every_figure_of_a_row(report, metric, rates, cases, worst):
    row, rates, cases = report.loc[metric], np.array(rates), np.array(cases)
    mean = sum(rates) / len(rates)
    variance = sum((rate - mean) ** 2 for rate in rates) / len(rates)
    pooled = sum(rates * cases) / sum(cases)
    floor = (sum(pooled * (1 - pooled) / n for n in cases) / len(cases)) ** 0.5
    assert row["sd"] == pytest.approx(variance**0.5)
    assert row["noise_floor"] == pytest.approx(floor)
    assert row["sd_noise_removed"] == pytest.approx(max(0, variance - floor**2) ** 0.5)
    assert row["largest_difference"] == pytest.approx(max(rates) - min(rates))
    assert (row["worst_group"], row["worst_rate"]) == (worst[0], pytest.approx(worst[1]))
    assert row["groups"] == len(rates)


def test_two_figures_written_out(report):
    # TPR .5, .75, .9: mean .71667, squares .046944 + .001111 + .033611, over 3, root.
    assert report.loc["tpr", "sd"] == pytest.approx(0.164992, abs=1e-6)
    # Pooled 68 of 100; .68 * .32 = .2176 over 40, 40 and 20: mean .0072533, root.
    assert report.loc["tpr", "noise_floor"] == pytest.approx(0.085167, abs=1e-6)
    assert report.loc["tpr", "sd_noise_removed"] == pytest.approx(0.141312, abs=1e-6)


def test_groups_left_out_are_named_with_their_cases(report):
    assert report.loc["tpr", "left_out"] == {"d": 19}
    assert report.loc["fpr", "left_out"] == {"d": 19}
    assert report.loc["positive_rate", "left_out"] == {}


def test_twenty_cases_are_enough():
    y, score, groups = build({"a": (10, 20, 5, 20), "b": (5, 20, 5, 20)})
    report = fairness_report(y, score, sensitive_features=groups, threshold=0.5)
    assert report["groups"].tolist() == [2, 2, 2]


def test_a_spread_below_the_noise_is_zero():
    y, score, groups = build({"a": (50, 100, 50, 100), "b": (51, 100, 50, 100)})
    report = fairness_report(y, score, sensitive_features=groups, threshold=0.5)
    tpr = report.iloc[0]
    assert 0 < tpr["sd"] < tpr["noise_floor"] and tpr["sd_noise_removed"] == 0


def test_fewer_than_two_groups_give_missing_figures():
    y, score, groups = build({"a": (10, 30, 5, 30), "b": (5, 19, 5, 30)})
    tpr = fairness_report(y, score, sensitive_features=groups, threshold=0.5).iloc[0]
    figures = ["sd", "noise_floor", "sd_noise_removed", "largest_difference"]
    assert tpr[[*figures, "worst_group", "worst_rate"]].isna().all()
    assert tpr["groups"] == 1 and tpr["left_out"] == {"b": 19}


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


def test_attributes_are_matched_by_row_not_by_index():
    y, score, groups = build(CELLS)
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


@pytest.mark.parametrize("seed", range(4))
def test_youden_threshold_is_the_best_of_all(seed):
    random = np.random.default_rng(seed)
    y = np.append(random.integers(0, 2, 60), [0, 1])
    score = np.round(random.random(62) + 0.3 * y, 1)

    def youden(threshold):
        return np.mean(score[y == 1] >= threshold) - np.mean(score[y == 0] >= threshold)

    found = youden_threshold(y, score)
    assert found in score
    assert youden(found) == pytest.approx(max(youden(score_) for score_ in score))


def test_performance_by_hand():
    # Of 2 positives 1 is found, of 8 negatives 6: accuracy .7, balanced (.5 + .75) / 2.
    y = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    score = [0.9, 0.2, 0.8, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    report = classification_report(y, score, threshold=0.5)
    assert report["accuracy"] == pytest.approx(0.7)
    assert report["balanced_accuracy"] == pytest.approx(0.625)
    assert report["auroc"] == pytest.approx((8 + 6) / 16)


@pytest.mark.parametrize(
    "y, score, message",
    [
        ([1, 0], [0.5, np.nan], "1 not finite"),
        ([1, 0], [0.5, np.inf], "1 not finite"),
        ([1, 0], [[0.5, 0.5], [0.1, 0.9]], "from predict_proba take column 1"),
        (["yes", "no"], [0.5, 0.1], "Compare it with the positive class first"),
        ([2, 1], [0.5, 0.1], "y_true must hold 0 and 1"),
        ([1, 0, 1], [0.5, 0.1], "one value for each row"),
        ([], [], "at least one row"),
    ],
)
def test_scores_that_cannot_be_judged_are_refused(y, score, message):
    with pytest.raises(ValueError, match=message):
        youden_threshold(y, score)
    with pytest.raises(ValueError, match=message):
        classification_report(y, score, threshold=0.5)


@pytest.mark.parametrize(
    "y, score, message",
    [
        ([1, 0], ["high", "low"], "y_score must have one finite number.*could not convert"),
        ([[1], [0]], [0.5, 0.1], r"y_true must hold 0 and 1. Received: .*shape \(2, 1\)"),
        ([1, 1], [0.5, 0.1], "y_true must have both classes. Received: only 1"),
    ],
)
def test_a_threshold_needs_numbers_and_both_classes(y, score, message):
    with pytest.raises(ValueError, match=message):
        youden_threshold(y, score)


def test_a_missing_threshold_is_refused():
    with pytest.raises(ValueError, match="threshold must be a number. Received: nan"):
        group_report([1, 0], [0.5, 0.1], sensitive_features=pd.Series([1, 2]), threshold=np.nan)


@pytest.mark.parametrize("score", [0.2, 0.8])
def test_constant_scores_have_no_spread(score):
    y, _, groups = build(CELLS)
    constant = np.full(len(y), score)
    report = fairness_report(y, constant, sensitive_features=groups, threshold=0.5)
    figures = report[["sd", "noise_floor", "sd_noise_removed", "largest_difference"]]
    assert not figures.to_numpy().any()
    assert (report["worst_rate"] == (score > 0.5)).all()


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
