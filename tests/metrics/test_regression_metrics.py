"""Reports of a continuous outcome, by hand, and by simulation where they claim something."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from sklearn.metrics import mean_squared_error

from fairmedl_lite.metrics.performance import (
    regression_fairness_report,
    regression_group_report,
    regression_report,
)

# By hand: residuals 1, -1 in a; 3, 1, 2 in b.
Y = np.array([4.0, 2.0, 13.0, 11.0, 12.0])
PREDICTED = np.array([3.0, 3.0, 10.0, 10.0, 10.0])
GROUP = pd.Series(["a", "a", "b", "b", "b"], name="sex")


def draw(sizes, noise, shift, seed=0):
    """Groups of these sizes, whose outcomes have this noise and are predicted too low by this."""
    random = np.random.default_rng(seed)
    group = pd.Series(np.repeat(np.arange(len(sizes)), sizes), name="band")
    predicted = random.normal(size=len(group))
    residual = np.repeat(shift, sizes) + np.repeat(noise, sizes) * random.normal(size=len(group))
    return predicted + residual, predicted, group


def test_performance_by_hand():
    report = regression_report(Y, PREDICTED)
    assert report["mse"] == pytest.approx((1 + 1 + 9 + 1 + 4) / 5)
    total = np.sum((Y - 8.4) ** 2)
    assert report["r2"] == pytest.approx(1 - 16 / total)


def test_r2_of_a_constant_outcome_is_missing():
    report = regression_report([1.0, 1.0], [1.0, 2.0])
    assert report["mse"] == 0.5 and np.isnan(report["r2"])


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
