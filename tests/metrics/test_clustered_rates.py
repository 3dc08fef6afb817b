"""Standard errors of groups in clusters: by hand, against R, and what must hold of any rows."""

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import (
    fairness_report,
    group_differences,
    group_report,
    random_effect_spread,
    regression_fairness_report,
    regression_group_report,
)
from fairmedl_lite.metrics.clustered import ClusteredMeans, check_clusters, interval_of_mean

# 100 rows of twelve clusters, two groups in each.
SIZES = [4, 6, 5, 9, 12, 7, 5, 8, 15, 6, 10, 13]
Y = (
    "11110111011110111100000011111111011111111111001011"
    "01101011101000011010010111100100101101111111111111"
)
GROUPS = (
    "bbababbbbabbababaaaababbbbbaabbabbbbabaabbbabaabab"
    "bbabaabbbaaabbbaabbbaabaaabbbbbabababaaabaaaaaaaab"
)
WEIGHTS = (
    "23341343314123233114413331334221112131332244241423"
    "34244111321143123242314333132112331122112111221244"
)
CLUSTERS = np.repeat(np.arange(12), SIZES)
A, B, BOTH = np.array([1.0, 0]), np.array([0, 1.0]), np.array([1.0, -1])


def means(y, groups, clusters, weights=None):
    y, weights = np.asarray(y, float), None if weights is None else np.asarray(weights, float)
    codes = np.unique(groups, return_inverse=True)[1]
    return ClusteredMeans(y, codes, check_clusters(clusters), weights)


def digits(text):
    return np.array(list(text), float)


def test_standard_errors_by_hand():
    # Means 2, 4, 6 of clusters of two rows; without each the mean 4 becomes 5, 4, 3.
    found = means([1, 3, 4, 4, 5, 7], ["f"] * 6, [0, 0, 1, 1, 2, 2])
    se, freedom = found.contrast(np.ones(1))
    assert found.mean.item() == 4 and found.clusters.item() == 3
    assert se == pytest.approx(np.sqrt(2 / 3 * (1 + 0 + 1)))
    assert freedom == pytest.approx(2)  # as of three equal clusters


def test_unequal_clusters_by_hand():
    # A mean of 2.5; without the cluster of three rows 1, without that of one row 3.
    found = means([3, 3, 3, 1], ["f"] * 4, ["a", "a", "a", "b"])
    assert found.contrast(np.ones(1))[0] == pytest.approx(np.sqrt((1.5**2 + 0.5**2) / 2))


def test_against_clubsandwich():
    """R 4.2, clubSandwich 0.5.8.

    fit <- lm(y ~ 0 + g, data = d)
    vcovCR(fit, cluster = d$c, type = "CR3")
    coef_test(lm(y ~ 0 + g, data = d), vcov = "CR2", cluster = d$c, test = "Satterthwaite")$df
    coef_test(lm(y ~ g, data = d), vcov = "CR2", cluster = d$c, test = "Satterthwaite")$df
    """
    found = means(digits(Y), list(GROUPS), CLUSTERS)
    cr3 = [[0.010702143774, 0.006129144301], [0.006129144301, 0.008607137059]]
    np.testing.assert_allclose(found.covariance, 11 / 12 * np.array(cr3), rtol=1e-8)
    assert found.contrast(A)[1] == pytest.approx(7.627023341)
    assert found.contrast(B)[1] == pytest.approx(8.242864501)
    assert found.contrast(BOTH)[1] == pytest.approx(9.28, abs=0.005)


def test_against_survey():
    """R 4.2, survey 4.1-1, of weighted rows.

    design <- as.svrepdesign(svydesign(ids = ~c, weights = ~w, data = d), type = "JK1", mse = TRUE)
    means <- svyby(~y, ~g, design, svymean, covmat = TRUE)
    SE(means); vcov(svycontrast(means, c(a = 1, b = -1)))
    svyciprop(~y, subset(design, g == "a"), method = "xlogit", df = 9)
    """
    found = means(digits(Y), list(GROUPS), CLUSTERS, digits(WEIGHTS))
    assert found.contrast(A)[0] == pytest.approx(0.09287134635)
    assert found.contrast(B)[0] == pytest.approx(0.09005521216)
    assert found.contrast(BOTH)[0] == pytest.approx(np.sqrt(0.004988384557))
    ends = interval_of_mean(found.mean[0], found.contrast(A)[0], 9, is_share=True)
    assert ends == pytest.approx([0.5055084349, 0.9164136625])


def test_the_covariance_is_that_of_means_without_each_cluster():
    y, groups, weights = digits(Y), np.array(list(GROUPS)), digits(WEIGHTS)
    left = []
    for cluster in range(12):
        rows = cluster != CLUSTERS
        left.append(means(y[rows], groups[rows], CLUSTERS[rows], weights[rows]).mean)
    apart = np.array(left) - means(y, groups, CLUSTERS, weights).mean
    expected = 11 / 12 * apart.T @ apart
    np.testing.assert_allclose(means(y, groups, CLUSTERS, weights).covariance, expected)


@pytest.fixture(scope="module")
def drawn():
    """3,000 rows of 25 clusters that move all of three groups; scores about 0 and 1."""
    random = np.random.default_rng(7)
    clusters = random.integers(0, 25, 3000)
    groups = pd.Series(random.choice(list("xyz"), 3000, p=[0.6, 0.3, 0.1]), name="band")
    y = random.integers(0, 2, 3000)
    score = random.normal(size=3000) + 1.5 * random.normal(size=25)[clusters] + y
    return y, score, groups, clusters


def reports(drawn, clusters, rows=None, **options):
    """Each report of these rows, in their order."""
    y, score, groups, _ = drawn
    rows = np.arange(len(y)) if rows is None else rows
    clusters = None if clusters is None else clusters[rows]
    options |= {"sensitive_features": groups.iloc[rows].reset_index(drop=True)}
    options["clusters"] = clusters
    y, score = y[rows], score[rows]
    rates = group_report(y, score, threshold=0.5, **options)
    return {
        "rates": rates,
        "numbers": regression_group_report(y * 1.0, score, **options),
        "spread": fairness_report(y, score, threshold=0.5, **options),
        "spread of numbers": regression_fairness_report(y * 1.0, score, **options),
        "random": random_effect_spread(rates),
        "differences": group_differences(y, score, threshold=0.5, **options),
    }


def test_rows_that_are_clusters_of_their_own_change_nothing(drawn):
    alone, plain = reports(drawn, np.arange(3000)), reports(drawn, None)
    for name in ("numbers", "spread", "spread of numbers", "random"):
        columns = list(plain[name])
        pd.testing.assert_frame_equal(alone[name][columns], plain[name], rtol=1e-9, atol=1e-9)
    effects = alone["rates"][["design_effect", "design_effect_between"]]
    np.testing.assert_allclose(effects, 1)
    pd.testing.assert_frame_equal(alone["differences"], plain["differences"])


def test_the_order_of_rows_and_the_names_of_clusters_change_nothing(drawn):
    order = np.random.default_rng(0).permutation(3000)
    names = np.array([f"ward {number * 7 % 25}" for number in range(25)])[drawn[3]]
    one, other = reports(drawn, drawn[3]), reports(drawn, names, order)
    for name in one:
        pd.testing.assert_frame_equal(one[name], other[name], rtol=1e-9, atol=1e-9)


def test_weights_of_two_are_rows_twice(drawn):
    twice = np.repeat(np.arange(3000), 2)
    weighted = reports(drawn, drawn[3], sample_weight=np.full(3000, 2))
    rows = reports(drawn, drawn[3], twice)
    columns = ["rate", "se", "clusters", "df", "rate_low", "rate_high"]
    for name in ("rates", "numbers"):
        pd.testing.assert_frame_equal(weighted[name][columns], rows[name][columns], rtol=1e-9)
    pd.testing.assert_frame_equal(weighted["differences"], rows["differences"], rtol=1e-9)


def test_unequal_weights_are_rows_as_often(drawn):
    weights = np.random.default_rng(1).integers(0, 4, 3000)
    weighted = reports(drawn, drawn[3], sample_weight=weights)
    rows = reports(drawn, drawn[3], np.repeat(np.arange(3000), weights))
    columns = ["rate", "se", "clusters", "df"]
    for name in ("rates", "numbers"):
        pd.testing.assert_frame_equal(weighted[name][columns], rows[name][columns], rtol=1e-9)
    pd.testing.assert_frame_equal(weighted["differences"], rows["differences"], rtol=1e-9)


def test_what_moves_all_groups_is_no_noise_between_them(drawn):
    known, plain = reports(drawn, drawn[3]), reports(drawn, None)
    assert (known["rates"].query("group == 'x'")["design_effect"] > 5).all()
    floors = known["spread"]["noise_floor"] / plain["spread"]["noise_floor"]
    assert (floors < 1.6).all()
    assert list(plain["rates"]) == ["attribute", "metric", "group", "rate", "cases"]


def test_the_floor_is_half_the_mean_variance_of_a_difference(drawn):
    known = reports(drawn, drawn[3])
    pairs = known["differences"].eval("variance = se**2")
    pairs = pairs.groupby("metric", sort=False)["variance"].mean()
    rates = known["rates"].set_index("metric")
    variance = rates["se"] ** 2 / rates["design_effect"] * rates["design_effect_between"]
    found = variance.groupby("metric", sort=False).mean()
    np.testing.assert_allclose(found, pairs / 2)


def test_floor_and_sd_agree_where_groups_are_alike_and_lie_between_clusters():
    random, squares, floors, naive = np.random.default_rng(2), [], [], []
    groups = pd.Series(np.repeat(list("abc"), 800), name="s")
    clusters = np.repeat(np.arange(60), 40)
    for _ in range(150):
        rate = random.beta(6, 4, 60)[clusters]  # an intra-cluster correlation of 1 / 11
        y = (random.random(2400) < rate).astype(float)
        options = {"sensitive_features": groups, "threshold": 0.5}
        ours = fairness_report(np.ones(2400), y, **options, clusters=clusters).iloc[0]
        squares.append(ours["sd"] ** 2 * 3 / 2)  # groups' own mean is taken off, of three
        floors.append(ours["noise_floor"] ** 2)
        naive.append(fairness_report(np.ones(2400), y, **options).iloc[0]["noise_floor"] ** 2)
    assert np.mean(floors) == pytest.approx(np.mean(squares), rel=0.2)
    assert np.mean(naive) < 0.4 * np.mean(squares)


def test_a_group_in_one_cluster_is_unknown_and_counted():
    groups = pd.Series(["f"] * 60 + ["m"] * 30, name="sex")
    clusters = [0] * 20 + [1] * 20 + [2] * 20 + [3] * 30
    y, score = np.ones(90), np.tile([1.0, 0.0, 1.0], 30)
    options = {"sensitive_features": groups, "threshold": 0.5, "clusters": clusters}
    report = group_report(y, score, **options).query("metric == 'tpr'").set_index("group")
    assert report["clusters"].tolist() == [3, 1] and report["cases"].tolist() == [60, 30]
    unknown = ["se", "df", "rate_low", "rate_high", "design_effect", "design_effect_between"]
    assert report.loc["m", unknown].isna().all() and report.loc["f", unknown].notna().all()
    spread = fairness_report(y, score, **options).iloc[0]
    assert spread["groups"] == 2 and spread[["noise_floor", "sd_noise_removed"]].isna().all()
    assert spread["sd"] >= 0
    pair = group_differences(y, score, **options).iloc[0]
    assert np.isfinite(pair["difference"]) and np.isnan(pair["se"])
    assert random_effect_spread(report.reset_index())["groups"].item() == 1


def test_cases_that_are_all_alike_have_no_standard_error_and_the_others_floor():
    random = np.random.default_rng(3)
    clusters, groups = np.tile(np.arange(10), 30), pd.Series(np.repeat(list("abc"), 100), name="s")
    score = np.where(groups == "c", 1.0, random.random(300) < random.random(10)[clusters])
    options = {"sensitive_features": groups, "threshold": 0.5, "clusters": clusters}
    report = group_report(np.ones(300), score, **options).query("metric == 'tpr'")
    report = report.set_index("group")
    assert np.isnan(report.loc["c", "se"]) and report.loc["c", "clusters"] == 10
    others = report.loc[["a", "b"], "design_effect_between"].mean()
    assert report.loc["c", "design_effect_between"] == pytest.approx(others)
    assert fairness_report(np.ones(300), score, **options).iloc[0]["noise_floor"] > 0


def test_of_nested_cluster_variables_the_coarser_counts(drawn):
    y, score, groups, coarse = drawn
    both = pd.DataFrame({"ward": np.arange(3000) % 4 + 4 * coarse, "hospital": coarse})
    one, nested = (
        regression_group_report(y * 1.0, score, sensitive_features=groups, clusters=clusters)
        for clusters in (coarse, both)
    )
    columns = ["rate", "se", "clusters", "design_effect_between"]
    np.testing.assert_allclose(nested[columns], one[columns], rtol=1e-9)


def test_crossed_cluster_variables_both_count():
    random, found, values = np.random.default_rng(4), [], []
    one, other = np.repeat(np.arange(20), 20), np.tile(np.arange(20), 20)
    table = pd.DataFrame({"one": one, "other": other})
    for _ in range(300):
        y = random.normal(size=20)[one] + random.normal(size=20)[other] + random.normal(size=400)
        mean = means(y, ["f"] * 400, table)
        found.append(mean.contrast(np.ones(1))[0] ** 2)
        values.append(mean.mean.item())
    assert np.mean(found) == pytest.approx(np.var(values), rel=0.2)
    assert np.var(values) == pytest.approx(0.1, rel=0.2)  # 1/20 + 1/20 + 1/400


@pytest.mark.parametrize(
    "clusters, message",
    [([0, 1, None, 1], "clusters must have no missing"), ([0, 1, 1], "one value for each row")],
)
def test_clusters_that_say_nothing_are_refused(clusters, message):
    sex = pd.Series(list("fmfm"), name="sex")
    with pytest.raises(ValueError, match=message):
        group_report(
            [0, 1, 1, 0], [0, 1, 0, 1], sensitive_features=sex, threshold=0.5, clusters=clusters
        )


def test_a_report_that_was_not_told_of_clusters_says_so(drawn):
    for name, report in reports(drawn, None).items():
        assert name == "differences" or "pass clusters=" in report.attrs["note"]
    assert not any(report.attrs.get("note") for report in reports(drawn, drawn[3]).values())
