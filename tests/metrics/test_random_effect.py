"""The random effect of the group, against integrals on a fine grid, our own model, and by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logit, logsumexp
from scipy.stats import norm

from fairmedl_lite import (
    FairMEDLClassifier,
    group_report,
    random_effect_rates,
    random_effect_spread,
    regression_group_report,
    spread_report,
)

FIGURES = ["sd", "low", "high", "sd_rate", "typical_rate"]
Z = np.linspace(-10, 10, 8001)
LOG_DENSITY = norm.logpdf(Z) + np.log(Z[1] - Z[0])


def counts(hits, cases):
    """A report of one metric: positives and cases of each group."""
    hits, cases = np.asarray(hits), np.asarray(cases)
    rate = hits / np.where(cases > 0, cases, np.nan)
    groups = [f"g{number:03}" for number in range(len(cases))]
    labels = {"attribute": "band", "metric": "tpr", "group": groups}
    return pd.DataFrame(labels | {"rate": rate, "cases": cases})


def numbers(value, se):
    return counts(np.zeros(len(value)), [9] * len(value)).assign(rate=value, se=se)


def log_likelihood(hits, cases, mean, sd):
    """Each group's z integrated out on a fine grid."""
    eta = mean + sd * Z
    return sum(
        logsumexp(hit * eta - case * np.logaddexp(0, eta) + LOG_DENSITY)
        for hit, case in zip(hits, cases, strict=True)
    )


def profile(hits, cases, sd):
    """The log likelihood at its best mean."""
    return -minimize_scalar(
        lambda mean: -log_likelihood(hits, cases, mean, sd), bracket=(-2, 0), tol=1e-8
    ).fun


@pytest.mark.parametrize(
    "hits, cases",
    [
        ([20, 30, 18, 0], [40, 40, 20, 19]),
        ([50, 300, 10], [200, 800, 60]),
        ([500, 900], [2000, 2500]),
        ([3000, 5200, 400, 90], [9000, 12000, 1500, 300]),
        ([0, 1, 2, 0, 5, 3], [1, 2, 9, 0, 5, 40]),
        ([1, 0, 0], [400, 300, 10]),
    ],
)
def test_logits_against_a_fine_grid(hits, cases):
    found = random_effect_spread(counts(hits, cases)).iloc[0]
    best = minimize(
        lambda both: -log_likelihood(hits, cases, *both),
        [logit(sum(hits) / sum(cases)), 0.5],
        method="Nelder-Mead",
        options={"xatol": 1e-6, "fatol": 1e-9},
    )
    mean, sd = best.x[0], abs(best.x[1])
    assert found["sd"] == pytest.approx(sd, rel=1e-3, abs=1e-3)
    assert found["typical_rate"] == pytest.approx(expit(mean), rel=1e-3)
    rate, weights = expit(mean + sd * Z), np.exp(LOG_DENSITY)
    assert found["sd_rate"] == pytest.approx(
        np.sqrt(weights @ (rate - weights @ rate) ** 2), rel=1e-3, abs=1e-3
    )
    for end in ("low", "high"):
        fall = -best.fun - profile(hits, cases, found[end])
        assert fall == pytest.approx(1.9207, abs=2e-3) or (found[end] == 0 and fall < 1.9207)


def test_rates_against_a_fine_grid():
    hits, cases = [20, 30, 18, 0], [40, 40, 20, 0]
    report = counts(hits, cases)
    spread, rates = random_effect_spread(report).iloc[0], random_effect_rates(report)
    eta = logit(spread["typical_rate"]) + spread["sd"] * Z
    for hit, case, row in zip(hits, cases, rates.itertuples(), strict=True):
        density = hit * eta - case * np.logaddexp(0, eta) + LOG_DENSITY
        density = np.exp(density - logsumexp(density))
        assert row.shrunken == pytest.approx(density @ expit(eta), rel=1e-4)
        centre = density @ eta
        half = 1.959964 * np.sqrt(density @ (eta - centre) ** 2)
        assert logit(row.low) == pytest.approx(centre - half, abs=1e-3)
        assert logit(row.high) == pytest.approx(centre + half, abs=1e-3)


@pytest.mark.filterwarnings("ignore:divide by zero")  # the column of zeros has no error
def test_it_is_our_own_mixed_model_turned_on_the_evaluation():
    random = np.random.default_rng(0)
    cases = random.integers(20, 80, 60)
    report = counts(random.binomial(cases, expit(-0.5 + 0.7 * random.normal(size=60))), cases)
    hits = np.round(report["rate"] * cases).astype(int)
    y = np.concatenate([np.arange(case) < hit for hit, case in zip(hits, cases, strict=True)])
    nothing, groups = pd.DataFrame({"zero": np.zeros(len(y))}), report["group"].repeat(cases)
    parts = {"hidden": (), "random_effects": "intercept", "cluster_adversary": 0, "fairness": 0}
    model = FairMEDLClassifier(**parts).fit(nothing, y.astype(int), clusters=groups)
    spread, rates = random_effect_spread(report).iloc[0], random_effect_rates(report)
    found = model.variance_components_["sd"].iloc[0]
    assert found == pytest.approx(spread["sd"], rel=0.03)
    assert expit(model.intercept_) == pytest.approx(spread["typical_rate"], abs=0.005)
    positive = model.predict_proba(nothing[:60], clusters=report["group"])[:, 1]
    np.testing.assert_allclose(positive, rates["shrunken"], atol=0.015)


def test_with_many_cases_two_logits_lie_an_sd_from_their_middle():
    spread = random_effect_spread(counts([300_000, 500_000], [1_000_000] * 2)).iloc[0]
    assert spread["sd"] == pytest.approx((logit(0.5) - logit(0.3)) / 2, rel=1e-3)


def test_positives_and_negatives_are_alike():
    hits, cases = np.array([20, 30, 18, 3]), np.array([40, 40, 20, 19])
    one, other = (random_effect_spread(counts(k, cases)).iloc[0] for k in (hits, cases - hits))
    np.testing.assert_allclose(
        one[FIGURES[:4]].astype(float), other[FIGURES[:4]].astype(float), rtol=1e-5
    )
    rates = [random_effect_rates(counts(k, cases))["shrunken"] for k in (hits, cases - hits)]
    np.testing.assert_allclose(rates[0], 1 - rates[1], rtol=1e-5)


def test_a_group_without_cases_changes_nothing_and_gets_what_a_new_group_would():
    hits, cases = [20, 30, 18], [40, 40, 20]
    alone, more = counts(hits, cases), counts([*hits, 0], [*cases, 0])
    spread = random_effect_spread(more)
    pd.testing.assert_frame_equal(spread, random_effect_spread(alone))
    assert spread["groups"].tolist() == [3]
    new = random_effect_rates(more).iloc[-1]
    eta = logit(spread["typical_rate"][0]) + spread["sd"][0] * Z
    assert new["shrunken"] == pytest.approx(np.exp(LOG_DENSITY) @ expit(eta), rel=1e-4)


def test_small_groups_are_drawn_further_and_known_less():
    rates = random_effect_rates(counts([5, 50, 500, 1500], [10, 100, 1000, 6000]))
    distance = rates["rate"][:3] - rates["shrunken"][:3]
    assert distance.is_monotonic_decreasing and (distance > 0).all()
    assert (rates["high"] - rates["low"]).is_monotonic_decreasing
    assert rates["shrunken"].between(rates["low"], rates["high"]).all()


def test_groups_too_small_for_the_sd_count_here():
    random = np.random.default_rng(1)
    report = counts(random.binomial(15, expit(random.normal(size=80))), [15] * 80)
    assert spread_report(report)["groups"].tolist() == [0]
    spread = random_effect_spread(report).iloc[0]
    assert spread["groups"] == 80 and spread["low"] < 1 < spread["high"]
    assert spread["sd"] == pytest.approx(1, abs=0.25)


def test_noise_alone_is_no_spread():
    random = np.random.default_rng(2)
    cases = [900, 80, 60, 40]
    lows, sds = np.array(
        [
            random_effect_spread(counts(random.binomial(cases, 0.3), cases))[["low", "sd"]].iloc[0]
            for _ in range(200)
        ]
    ).T
    assert np.mean(lows == 0) > 0.95 and np.median(sds) == 0


@pytest.mark.parametrize(
    "cases, least, most", [([900, 80, 60, 40], 0.7, 0.9), ([300] * 20, 0.9, 1)]
)
def test_intervals_hold_the_truth_too_seldom_with_few_groups(cases, least, most):
    random, inside = np.random.default_rng(3), []
    for _ in range(150):
        hits = random.binomial(cases, expit(-0.5 + 0.3 * random.normal(size=len(cases))))
        spread = random_effect_spread(counts(hits, cases)).iloc[0]
        inside.append(spread["low"] <= 0.3 <= spread["high"])
    assert least < np.mean(inside) < most


@pytest.mark.parametrize(
    "hits, cases, groups",
    [
        ([3], [9], 1),
        ([3, 0], [9, 0], 1),
        ([0, 0], [0, 0], 0),
        ([0, 0, 0], [9, 30, 5], 3),
        ([9, 30, 5], [9, 30, 5], 3),
        ([0, 1, 1], [1, 1, 1], 3),  # of single cases any sd is as likely
    ],
)
def test_what_does_not_know_the_sd_is_missing(hits, cases, groups):
    spread = random_effect_spread(counts(hits, cases)).iloc[0]
    assert spread[FIGURES].isna().all() and spread["groups"] == groups
    rates = random_effect_rates(counts(hits, cases))
    assert rates[["shrunken", "low", "high"]].isna().all(axis=None)


def test_groups_of_opposite_rates_bound_the_sd_from_below_only():
    spread = random_effect_spread(counts([0, 20], [20, 20])).iloc[0]
    assert spread["low"] > 2 and spread["high"] == np.inf


def test_values_by_hand():
    # Of equal standard errors: the variance of the values (ddof 0: 5) less the squared error.
    report = numbers([1.0, 3.0, 5.0, 7.0], [1.0] * 4)
    spread, rates = random_effect_spread(report).iloc[0], random_effect_rates(report)
    assert spread["sd"] == spread["sd_rate"] == pytest.approx(2, rel=1e-4)
    assert spread["typical_rate"] == pytest.approx(4)
    assert rates["shrunken"].tolist() == pytest.approx(
        [4 + 0.8 * d for d in (-3, -1, 1, 3)], rel=1e-4
    )
    assert (rates["high"] - rates["low"]).tolist() == pytest.approx(
        [2 * 1.959964 * 0.8**0.5] * 4, rel=1e-3
    )

    def likelihood(sd):
        return norm.logpdf(report["rate"], 4, np.sqrt(1 + sd**2)).sum()

    for end in ("low", "high"):
        assert likelihood(2) - likelihood(spread[end]) == pytest.approx(1.9207, abs=1e-3)


def test_values_of_unequal_errors_against_an_optimiser():
    value, se = np.array([0.2, -0.3, 1.5, 0.4]), np.array([0.1, 0.5, 0.6, 0.05])

    def negative(both):
        return -norm.logpdf(value, both[0], np.sqrt(both[1] ** 2 + se**2)).sum()

    best = minimize(negative, [0.3, 0.3], method="Nelder-Mead", options={"xatol": 1e-7}).x
    spread = random_effect_spread(numbers(value, se)).iloc[0]
    assert spread["typical_rate"] == pytest.approx(best[0], abs=1e-4)
    assert spread["sd"] == pytest.approx(abs(best[1]), abs=1e-4)


def test_values_below_their_noise_have_no_spread_and_one_rate():
    report = numbers([0.9, 1.0, 1.1], [1.0, 1.0, 1.0])
    spread, rates = random_effect_spread(report).iloc[0], random_effect_rates(report)
    assert spread["sd"] == spread["low"] == 0 < spread["high"] < 5
    assert rates["shrunken"].tolist() == pytest.approx([1, 1, 1])


def test_values_in_other_units_have_a_spread_in_these_units():
    value, se = np.array([0.2, -0.3, 1.5, 0.4]), np.array([0.1, 0.5, 0.6, 0.05])
    one, other = (random_effect_spread(numbers(k * value, k * se)).iloc[0] for k in (1, 1000))
    np.testing.assert_allclose(other[FIGURES].astype(float), 1000 * one[FIGURES].astype(float))


def test_a_group_of_one_row_has_no_error_and_gets_what_a_new_group_would():
    rates = random_effect_rates(numbers([1.0, 3.0, 5.0, 7.0, 99.0], [1.0] * 4 + [np.nan]))
    spread = random_effect_spread(numbers([1.0, 3.0, 5.0, 7.0, 99.0], [1.0] * 4 + [np.nan]))
    assert spread["groups"].tolist() == [4]
    assert rates.iloc[-1][["shrunken", "low", "high"]].tolist() == pytest.approx(
        [4, 4 - 2 * 1.959964, 4 + 2 * 1.959964], abs=1e-3
    )


def test_constant_values_do_not_know_their_spread():
    spread = random_effect_spread(numbers([1.0, 1.0], [0.0, 0.0])).iloc[0]
    assert spread[FIGURES].isna().all() and spread["groups"] == 2


def test_both_tasks_reports_enter_as_they_are():
    random = np.random.default_rng(4)
    groups = pd.DataFrame({"band": random.choice(list("xyz"), 900), "sex": ["f", "m"] * 450})
    shift = groups["band"].map({"x": 0.0, "y": 0.5, "z": 1.0}).to_numpy()
    y, score = random.integers(0, 2, 900), random.random(900) + shift
    rates = group_report(y, score, sensitive_features=groups, threshold=0.8)
    values = regression_group_report(score, shift, sensitive_features=groups)
    for report in (rates, values):
        spread = random_effect_spread(report)
        pairs = report[["attribute", "metric"]].drop_duplicates().reset_index(drop=True)
        pd.testing.assert_frame_equal(spread[["attribute", "metric"]], pairs)
        shrunken = random_effect_rates(report)
        pd.testing.assert_frame_equal(shrunken[list(report)], report)
    band = random_effect_spread(rates).query("attribute == 'band'")
    assert (band["low"] > 0.3).all()


@pytest.mark.parametrize("report_of", [spread_report, random_effect_spread, random_effect_rates])
def test_joined_reports_of_two_models_are_refused(report_of):
    one, other = counts([3, 9], [20, 30]), counts([5, 6], [20, 30])
    with pytest.raises(ValueError, match="one row for each.*Received: 2 that repeat one. Pass"):
        report_of(pd.concat([one.assign(model="a"), other.assign(model="b")]))


@pytest.mark.parametrize("report_of", [spread_report, random_effect_spread, random_effect_rates])
def test_what_is_no_report_is_refused(report_of):
    report = counts([3, 9], [20, 30])
    with pytest.raises(ValueError, match="Received: 1 rows, without .'group', 'rate', 'cases'.. P"):
        report_of(spread_report(report))
    with pytest.raises(ValueError, match="must have rows.*Received: 0 rows"):
        report_of(report[report["metric"] == "none"])
