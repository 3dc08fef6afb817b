"""Every figure of a fairness report, by hand, and by simulation where one claims something."""

import numpy as np
import pandas as pd
import pytest
from known_groups import CELLS, build, draw

from fairmedl_lite.metrics.rates import (
    fairness_report,
    regression_fairness_report,
    regression_group_report,
)


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


@pytest.mark.parametrize("score", [0.2, 0.8])
def test_constant_scores_have_no_spread(score):
    y, _, groups = build(CELLS)
    constant = np.full(len(y), score)
    report = fairness_report(y, constant, sensitive_features=groups, threshold=0.5)
    figures = report[["sd", "noise_floor", "sd_noise_removed", "largest_difference"]]
    assert not figures.to_numpy().any()
    assert (report["worst_rate"] == (score > 0.5)).all()


# By hand: residuals 1, -1 in a; 3, 1, 2 in b.
Y = np.array([4.0, 2.0, 13.0, 11.0, 12.0])
PREDICTED = np.array([3.0, 3.0, 10.0, 10.0, 10.0])
GROUP = pd.Series(["a", "a", "b", "b", "b"], name="sex")


def test_every_figure_of_the_spread():
    y, predicted, group = draw([40, 30, 19], [1, 2, 3], [0, -1, 5])
    options = {"sensitive_features": group}
    rates = regression_group_report(y, predicted, **options)
    report = regression_fairness_report(y, predicted, **options).set_index("metric")
    worst = {"mse": np.max, "mean_prediction": np.min, "mean_residual": lambda r: r[1]}
    for metric, part in rates.groupby("metric"):
        rate, se = part["rate"].to_numpy()[:2], part["se"].to_numpy()[:2]
        row, half = report.loc[metric], abs(rate[0] - rate[1]) / 2
        floor = np.sqrt((se[0] ** 2 + se[1] ** 2) / 2)
        assert row["sd"] == pytest.approx(half) and row["noise_floor"] == pytest.approx(floor)
        removed = np.sqrt(max(0, half**2 - floor**2))
        assert row["sd_noise_removed"] == pytest.approx(removed)
        assert row["largest_difference"] == pytest.approx(2 * half)
        assert row["worst_rate"] == pytest.approx(worst[metric](rate))
        assert row["groups"] == 2 and row["left_out"] == {2: 19}
    assert report.loc["mean_residual", "worst_group"] == 1


def test_noisier_groups_spread_the_mse_but_not_the_mean_residual():
    sizes, noise = [500] * 4, [1, 1, 3, 3]
    reports = [
        regression_fairness_report(*drawn[:2], sensitive_features=drawn[2])
        for drawn in (draw(sizes, noise, [0] * 4, seed) for seed in range(60))
    ]
    mean = (
        pd.concat(reports)
        .groupby("metric")[["sd", "noise_floor"]]
        .agg(lambda x: np.sqrt(np.mean(x**2)))
    )
    assert mean.loc["mse", "sd"] == pytest.approx(4, rel=0.05)  # of 1, 1, 9, 9
    # The variance of four means is their squared standard error, less a quarter (ddof 0).
    ratio = mean.loc["mean_residual", "sd"] / mean.loc["mean_residual", "noise_floor"]
    assert ratio == pytest.approx(np.sqrt(3 / 4), rel=0.1)


def test_a_group_of_one_row_has_no_standard_error_and_is_left_out_by_name():
    y, predicted, group = draw([30, 30, 1], [1, 1, 1], [0, 0, 0])
    rates = regression_group_report(y, predicted, sensitive_features=group)
    assert rates.query("group == 2")["se"].isna().all()
    assert (rates.query("group == 2")["cases"] == 1).all()
    report = regression_fairness_report(y, predicted, sensitive_features=group)
    assert report["left_out"].tolist() == [{2: 1}] * 3 and report["sd"].notna().all()


def test_a_single_group_has_missing_figures():
    report = regression_fairness_report(Y, PREDICTED, sensitive_features=GROUP.map(lambda _: "a"))
    assert report["sd"].isna().all() and (report["groups"] == 0).all()
