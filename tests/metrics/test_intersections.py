"""Intersections: against lme4, against known truth, and by hand.

`lme4/intersections.R` printed what stands here of lme4.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from strata import adult_strata, wage_rows

from fairmedl_lite import (
    group_report,
    intersectional_effects,
    intersectional_spread,
    intersections,
    random_effect_spread,
    regression_group_report,
)
from fairmedl_lite.metrics.intersections import _main_effects, _pooled
from fairmedl_lite.metrics.random_models import RandomLogits, RandomValues, likeliest_sd

ATTRIBUTES = ["age", "race", "sex", "marital_status"]
PEOPLE = pd.DataFrame(
    [(a, r, s) for a in "uvwx" for r in "klm" for s in "fm"], columns=["age", "race", "sex"]
)
# sds by adaptive quadrature of 25 points; the conditional modes with their sds, given the fit.
ADULT = {"sd_null": 1.297424, "sd_additive": 0.373403, "pcv": 0.917169}
ADULT_LAPLACE = {"sd_null": 1.288958, "sd_additive": 0.373135, "pcv": 0.916198}
ADULT_MODES = {
    "under 30 / White / Female / married": (0.69732, 0.11304),
    "60 and over / White / Female / never married": (0.66120, 0.24874),
    "45-59 / White / Male / widowed": (0.65780, 0.20377),
    "60 and over / White / Male / married": (-0.58145, 0.04946),
    "30-44 / White / Female / married": (0.53422, 0.06514),
    "under 30 / White / Female / never married": (-0.53309, 0.14215),
}
WAGES = {"sd_null": 0.202127, "sd_additive": 0.059394, "pcv": 0.913656}
WAGE_MODES = {
    "Other / single / union / 12": (0.08458, 0.03143),
    "Black / married / none / 12": (-0.07703, 0.04936),
    "Other / married / union / below 12": (-0.06549, 0.04203),
}


def counted(hits, cases, people=PEOPLE):
    """A report of one rate."""
    report = pd.DataFrame({"group": intersections(people), "rate": hits / np.maximum(cases, 1)})
    return report.assign(attribute=" / ".join(people), metric="tpr", cases=cases)


def additive_logits(people=PEOPLE):
    return people["age"].map(dict(zip("uvwx", (-1, 0, 0.3, 0.7), strict=True))).to_numpy() + 0.4 * (
        people["sex"] == "m"
    )


@pytest.fixture(scope="module")
def adult():
    table = adult_strata()
    report = counted(table["hits"], table["cases"], table[ATTRIBUTES])
    return report, table[ATTRIBUTES]


def at_its_likeliest(model):
    """Mean and sd of each effect at the likeliest sd, as lme4 conditions on it."""
    sd = np.array([likeliest_sd(model)[0]])
    _, effect, spread = model.effects(model.profile(sd)[0], sd)
    return effect[0], spread[0]


def test_a_share_is_that_of_glmer(adult):
    report, people = adult
    found = intersectional_spread(report, people).iloc[0]
    for name, value in ADULT.items():
        assert found[name] == pytest.approx(value, rel=1e-3)
        assert found[name] == pytest.approx(ADULT_LAPLACE[name], rel=0.02)
    assert found["vpc_null"] == pytest.approx(1.297424**2 / (1.297424**2 + np.pi**2 / 3), rel=1e-3)
    assert (found["strata"], found["empty"]) == (148, 12)


def test_effects_of_shares_are_those_of_glmer(adult):
    report, people = adult
    effect, sd = at_its_likeliest(RandomLogits(report, _main_effects(people)))
    place = report["group"].to_numpy().tolist()
    for stratum, (mode, its_sd) in ADULT_MODES.items():
        # Ours is the mean of the conditional distribution, skewed where cases are few.
        assert effect[place.index(stratum)] == pytest.approx(mode, abs=0.1 * its_sd)
        assert sd[place.index(stratum)] == pytest.approx(its_sd, rel=0.02)


def test_a_continuous_outcome_is_that_of_lmer():
    rows = wage_rows()
    people = rows[["ethnicity", "married", "union", "school"]]
    report = regression_group_report(
        rows["wage"], rows["wage"], sensitive_features=rows["stratum"].rename("strata")
    ).query("metric == 'mean_prediction'")
    found = intersectional_spread(report, people).iloc[0]
    for name, value in WAGES.items():
        assert found[name] == pytest.approx(value, rel=0.02)
    strata = report["group"].to_numpy().tolist()
    of_strata = rows.drop_duplicates("stratum").set_index("stratum").loc[strata, list(people)]
    effect, sd = at_its_likeliest(RandomValues(_pooled(report)[0], _main_effects(of_strata)))
    for stratum, (mode, its_sd) in WAGE_MODES.items():
        assert effect[strata.index(stratum)] == pytest.approx(mode, rel=0.02)
        assert sd[strata.index(stratum)] == pytest.approx(its_sd, rel=0.02)


def test_the_null_model_is_the_random_effect_of_the_group():
    random = np.random.default_rng(0)
    report = counted(random.binomial(40, 0.3 + 0.4 * random.random(24)), np.full(24, 40))
    found, other = intersectional_spread(report, PEOPLE), random_effect_spread(report)
    assert found["sd_null"].item() == pytest.approx(other["sd"].item(), rel=1e-9)


def test_strata_that_only_add_up_have_nothing_more():
    cases = np.full(24, 100_000)
    report = counted(np.round(cases * expit(additive_logits())), cases)
    found = intersectional_spread(report, PEOPLE).iloc[0]
    assert found["sd_additive"] < 0.005 < 0.5 < found["sd_null"]
    assert 0.99 < found["pcv_low"] < found["pcv_high"] <= 1
    assert found["pcv"] == pytest.approx(1, abs=1e-3)


def test_known_effects_are_found_and_their_strata_named():
    random = np.random.default_rng(1)
    own = np.where(np.arange(24) % 7 == 3, 0.9, 0.0) + 0.05 * random.normal(size=24)
    logits, cases = additive_logits() + own, np.full(24, 20_000)
    effects = intersectional_effects(counted(np.round(cases * expit(logits)), cases), PEOPLE)
    assert set(effects.index[effects["effect"] > 0.3]) == {3, 10, 17}
    # What main effects can take of the effects, they take: the rest is projected.
    design = _main_effects(PEOPLE)
    rest = own - design @ (design.T @ own)
    np.testing.assert_allclose(effects["effect"], rest, atol=0.03)
    np.testing.assert_allclose(effects["shrunken"], expit(logits), atol=0.002)


def test_noise_alone_is_not_said_to_deviate():
    random, cases = np.random.default_rng(2), np.full(24, 60)
    flagged = [
        intersectional_effects(
            counted(random.binomial(cases, expit(additive_logits())), cases), PEOPLE
        )["deviates"].mean()
        for _ in range(10)
    ]
    assert np.mean(flagged) < 0.02


def test_the_order_of_attributes_and_levels_does_not_matter():
    random, cases = np.random.default_rng(3), np.arange(20, 44)
    hits = random.binomial(cases, expit(additive_logits() + random.normal(size=24)))
    one = intersectional_spread(counted(hits, cases), PEOPLE)
    turned = PEOPLE[["sex", "age", "race"]].replace({"u": "z"})
    other = intersectional_spread(counted(hits, cases, turned), turned)
    point = ["sd_null", "sd_additive", "sd_additive_low", "pcv"]
    np.testing.assert_allclose(one[point], other[point], rtol=1e-6)


def test_a_stratum_without_cases_is_shown_as_such():
    cases = np.where(np.arange(24) == 5, 0, 50)
    report = counted(cases // 2, cases)
    for shown in (report, report[report["cases"] > 0]):
        found = intersectional_effects(shown, PEOPLE)
        assert len(found) == 24
        assert found["cases"][5] == 0
        assert not found["deviates"][5]
        assert found.loc[5, ["additive", "shrunken", "effect", "sd", "low", "high"]].isna().all()
        assert found["effect"].drop(5).notna().all()
        spread = intersectional_spread(shown, PEOPLE).iloc[0]
        assert (spread["strata"], spread["empty"]) == (23, 1)


def test_a_group_without_a_positive_keeps_all_numbers_finite():
    cases = np.full(24, 50)
    hits = np.where(PEOPLE["age"] == "u", 0, np.arange(24) + 5)
    report = counted(hits, cases)
    assert np.isfinite(intersectional_spread(report, PEOPLE).drop(columns="metric")).all(axis=None)
    effects = intersectional_effects(report, PEOPLE)
    assert np.isfinite(effects[["additive", "effect", "low", "high"]]).all(axis=None)
    assert effects.loc[PEOPLE["age"] == "u", "additive"].max() < 0.02


def test_as_many_main_effects_as_strata_leave_nothing_to_say():
    people = pd.DataFrame([(a, b) for a in "kl" for b in "fm"], columns=["a", "b"])
    report = counted(np.array([5, 9, 3, 8]), np.full(4, 20), people)
    assert np.isfinite(intersectional_spread(report, people)["pcv"].item())  # 4 strata, 3 columns
    few = report.iloc[:3]
    found = intersectional_spread(few, people).iloc[0]
    assert np.isnan(found["pcv"])
    assert found["strata"] == 3
    assert intersectional_effects(few, people)["effect"].isna().all()


def test_weights_and_clusters_count_as_in_the_report():
    random = np.random.default_rng(4)
    people = PEOPLE.loc[random.integers(0, 24, 3000)].reset_index(drop=True)
    y = random.binomial(1, expit(additive_logits(people)))
    options = {"sensitive_features": intersections(people), "threshold": 0.5}

    def of(**more):
        report = group_report(y, y, **options, **more).query("metric == 'positive_rate'")
        return intersectional_spread(report, people, seed=1).iloc[0]

    plain, weighted = of(), of(sample_weight=np.full(3000, 7.0))
    for name in ("sd_null", "pcv_low"):
        assert weighted[name] == pytest.approx(plain[name], rel=1e-6)
    few = of(clusters=np.repeat(np.arange(300), 10) % 300)
    assert few["sd_null"] == pytest.approx(plain["sd_null"], rel=0.2)
    assert few["strata"] == plain["strata"]


def test_a_report_of_other_groups_is_refused():
    report = counted(np.full(24, 5), np.full(24, 9))
    with pytest.raises(
        ValueError, match="must be intersections, such as 'u / k'. Received: .*'u /"
    ):
        intersectional_spread(report, PEOPLE[["age", "race"]])


@pytest.mark.parametrize("name", ["group", "rate", "sd"])
def test_an_attribute_named_as_a_column_of_the_result_is_refused(name):
    people = PEOPLE.rename(columns={"sex": name})
    report = counted(np.full(24, 5), np.full(24, 9), people)
    assert intersectional_spread(report, people)["strata"].item() == 24
    with pytest.raises(ValueError, match=f"Attributes must not .* Received: .*{name}.*. Rename"):
        intersectional_effects(report, people)


def test_strata_of_one_case_know_no_sd(recwarn):
    single = counted(np.arange(24) % 2, np.ones(24, int))
    report = regression_group_report(
        np.arange(24.0), np.zeros(24), sensitive_features=intersections(PEOPLE)
    )
    for found in (intersectional_spread(single, PEOPLE), intersectional_spread(report, PEOPLE)):
        assert found[["sd_null", "sd_additive", "pcv"]].isna().all(axis=None)
        assert (found["strata"] == 24).all()
    assert not [each for each in recwarn.list if each.category is RuntimeWarning]
