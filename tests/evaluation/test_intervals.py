"""Intervals, paired differences and Holm's correction: by hand, against SciPy, by simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fairmedl_lite.evaluation.intervals import holm, interval, paired, paper_table, summarise

COLUMNS = ["model", "seed", "part", "effects", "threshold", "metric", "attribute", "group", "value"]
FAIR, PLAIN = [0.10, 0.12, 0.11, 0.15], [0.20, 0.26, 0.22, 0.24]


def rows(model, values, metric="tpr_sd", part="seen", effects="mixed", threshold="youden"):
    attribute = "age" if metric == "tpr_sd" else ""
    return [
        (model, seed, part, effects, threshold, metric, attribute, "", value)
        for seed, value in enumerate(values)
    ]


def build(*parts, ratios=(("seen", 1 / 3), ("unseen", 0.4))):
    """A table as `compare` returns it."""
    table = pd.DataFrame([line for part in parts for line in part], columns=COLUMNS)
    return table.assign(test_to_train=table["part"].map(dict(ratios)), seconds=2.0, error="")


@pytest.fixture
def table():
    return build(
        rows("fair", FAIR),
        rows("plain", PLAIN),
        rows("fair", [0.88, 0.87, 0.88, 0.89], "auroc", threshold=""),
    )


def test_interval_by_hand():
    # Mean 4, variance 20 / 3; standard error sqrt(20 / 3 (1 / 4 + 1 / 3)) = sqrt(35) / 3.
    result = interval([1, 3, 5, 7], ratio=1 / 3)
    half = 3.182446305284263 * np.sqrt(35) / 3  # the 97.5 % point of t with 3 degrees of freedom
    assert result["mean"] == 4 and result["resamples"] == 4
    assert result["low"] == pytest.approx(4 - half) and result["high"] == pytest.approx(4 + half)


def test_a_ratio_of_zero_is_the_usual_t_interval():
    values = np.random.default_rng(0).normal(size=12)
    usual = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    result = interval([*values, np.nan], ratio=0, level=0.9)
    assert (result["low"], result["high"]) == pytest.approx((usual.low, usual.high))


def test_one_resample_has_a_mean_and_no_interval():
    result = interval([0.5], ratio=1 / 3)
    assert result["mean"] == 0.5 and np.isnan(result[["low", "high"]].astype(float)).all()


def test_a_level_that_is_none_is_refused():
    with pytest.raises(ValueError, match="level must lie between 0 and 1. Received: 95"):
        interval([1, 2], ratio=0, level=95)


def test_the_correction_is_what_makes_intervals_of_correlated_resamples_hold():
    """Nadeau and Bengio take the values' correlation to be tested / (tested + trained)."""
    random, ratio, count = np.random.default_rng(1), 1 / 3, 10
    shared = ratio / (1 + ratio)
    common = random.normal(size=(1000, 1)) * np.sqrt(shared)
    values = common + random.normal(size=(1000, count)) * np.sqrt(1 - shared)
    coverage = {}
    for name, used in {"corrected": ratio, "naive": 0}.items():
        ends = pd.DataFrame([interval(line, used) for line in values])
        coverage[name] = ((ends["low"] <= 0) & (ends["high"] >= 0)).mean()
    assert coverage["corrected"] == pytest.approx(0.95, abs=0.02)
    assert coverage["naive"] < 0.8


def test_paired_by_hand(table):
    (row,) = paired(table, "fair", "plain").to_dict("records")
    difference = np.array([-0.10, -0.14, -0.11, -0.09])
    error = np.sqrt(np.var(difference, ddof=1) * (1 / 4 + 1 / 3))
    half = 3.182446305284263 * error
    assert (row["part"], row["metric"], row["attribute"]) == ("seen", "tpr_sd", "age")
    assert (row["model"], row["baseline"], row["difference"]) == pytest.approx((0.12, 0.23, -0.11))
    assert (row["low"], row["high"]) == pytest.approx((-0.11 - half, -0.11 + half))
    assert row["effect_size"] == pytest.approx(-0.11 / np.std(difference, ddof=1))
    assert row["p"] == pytest.approx(2 * stats.t.cdf(-0.11 / error, 3))
    # The ratio of the means is .12 / .23; the delta method's values are by hand, too.
    linear = (np.array(FAIR) - 12 / 23 * np.array(PLAIN)) / 0.23
    half = 3.182446305284263 * np.sqrt(np.var(linear, ddof=1) * (1 / 4 + 1 / 3))
    change = 100 * (12 / 23 - 1)
    assert row["percent"] == pytest.approx(change)
    ends = (row["percent_low"], row["percent_high"])
    assert ends == pytest.approx((change - 100 * half, change + 100 * half))
    assert row["resamples"] == 4


def test_the_percents_interval_is_nearly_that_of_a_bootstrap():
    random = np.random.default_rng(2)
    plain = random.normal(0.2, 0.02, 60)
    fair = 0.5 * plain + random.normal(0, 0.01, 60)
    table = build(rows("fair", fair), rows("plain", plain), ratios=[("seen", 0.0)])
    (row,) = paired(table, "fair", "plain").to_dict("records")
    drawn = random.integers(60, size=(4000, 60))
    changes = 100 * (fair[drawn].mean(axis=1) / plain[drawn].mean(axis=1) - 1)
    low, high = np.quantile(changes, [0.025, 0.975])
    assert (row["percent_low"], row["percent_high"]) == pytest.approx((low, high), abs=0.3)


def test_a_model_does_not_differ_from_itself(table):
    result = paired(table, "fair", "fair").set_index("metric")
    zero = ["difference", "low", "high", "percent", "percent_low", "percent_high"]
    assert (result[zero].abs() < 1e-9).all(axis=None) and (result["p"] == 1).all()


def test_exchanging_the_two_turns_the_sign(table):
    one, other = (paired(table, *names).iloc[0] for names in (("fair", "plain"), ("plain", "fair")))
    assert one["difference"] == -other["difference"] and one["low"] == -other["high"]
    assert one["effect_size"] == -other["effect_size"] and one["p"] == other["p"]


def test_clusters_are_the_replicate_where_they_are_unseen():
    both = [rows(name, values, part="unseen") for name, values in (("a", FAIR), ("b", PLAIN))]
    (row,) = paired(build(*both), "a", "b").to_dict("records")
    difference = np.subtract(FAIR, PLAIN)
    half = 3.182446305284263 * np.sqrt(np.var(difference, ddof=1) * (1 / 4 + 0.4))
    assert row["high"] - row["difference"] == pytest.approx(half)


def test_only_resamples_that_both_have_are_paired(table):
    missing = table["model"].eq("plain") & table["seed"].eq(0) & table["metric"].eq("tpr_sd")
    row = paired(table[~missing], "fair", "plain").iloc[0]
    assert row["resamples"] == 3
    assert row["difference"] == pytest.approx(np.mean(np.subtract(FAIR, PLAIN)[1:]))


def test_what_has_one_prediction_is_compared_with_each_of_anothers():
    table = build(
        rows("medl", FAIR, effects="fixed"),
        rows("medl", PLAIN, effects="mixed"),
        rows("medl", PLAIN, effects="random"),
        rows("net", PLAIN, threshold="own"),
    )
    result = paired(table, "medl", "net").set_index("effects")
    assert result["difference"].to_dict() == pytest.approx({"fixed": -0.11, "mixed": 0.0})
    assert result["threshold"].unique().tolist() == ["youden"]


def test_a_model_that_is_not_there_is_named(table):
    with pytest.raises(ValueError, match="Received: none of 'fair' and 'medl', .*'plain'"):
        paired(table, "fair", "medl")


def test_a_table_without_its_ratios_is_refused(table):
    with pytest.raises(ValueError, match="the column test_to_train, as compare returns it"):
        paired(table.drop(columns="test_to_train"), "fair", "plain")


def test_holm_by_hand():
    # Sorted .01, .02, .03, .04, times 4, 3, 2, 1: .04, .06, .06 and .04, which may not fall.
    p = {"c": 0.03, "a": 0.01, "d": 0.04, "b": 0.02}
    assert holm(p).to_dict() == pytest.approx({"c": 0.06, "a": 0.04, "d": 0.06, "b": 0.06})
    assert holm({"x": 0.9, "y": 0.8}).to_dict() == {"x": 1.0, "y": 1.0}


def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni():
    p = pd.Series(np.random.default_rng(3).uniform(size=20))
    adjusted = holm(p)
    order = np.argsort(p.to_numpy())
    assert (np.diff(adjusted.to_numpy()[order]) >= 0).all()
    assert (adjusted >= p).all() and (adjusted <= np.minimum(1, 20 * p)).all()
    assert adjusted.iloc[order[0]] == min(1, 20 * p.min())


@pytest.mark.parametrize("wrong", [np.nan, -0.1, 1.1])
def test_holm_refuses_what_is_no_p_value(wrong):
    with pytest.raises(ValueError, match=r"p values must lie in \[0, 1\]. Received: {'b'"):
        holm({"a": 0.5, "b": wrong})


def test_summary_and_the_papers_table(table):
    summary = summarise(table)
    described = summary.set_index(["model", "metric"])
    expected = interval(FAIR, 1 / 3)
    assert described.loc[("fair", "tpr_sd"), "low"] == pytest.approx(expected["low"])
    shown = paper_table(summary)
    assert shown.index.tolist() == ["fair", "plain"]
    assert shown.columns.tolist() == [("auroc", ""), ("tpr_sd", "age")]
    text = f"0.120 ({expected['low']:.3f} to {expected['high']:.3f})"
    assert shown.loc["fair", ("tpr_sd", "age")] == text
    fixed = paper_table(summary, effects="fixed", metrics=["tpr_sd"])
    assert fixed.equals(shown[[("tpr_sd", "age")]])


def test_a_failed_fit_leaves_the_tables_alone(table):
    failed = table.iloc[[0]].assign(
        seed=9, part="", effects="", threshold="", metric="error", value=np.nan, error="it broke"
    )
    both = pd.concat([table, failed])
    pd.testing.assert_frame_equal(summarise(both), summarise(table))
    pd.testing.assert_frame_equal(paired(both, "fair", "plain"), paired(table, "fair", "plain"))
