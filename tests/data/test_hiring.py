"""Simulated hiring: the counterfactuals follow from the equations, and each way can be shut."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from fairmedl_lite import kitagawa_decomposition, simulate_hiring

NO_DISPARITY = {"direct": 0, "mediated": 0, "segregation": 0, "minority_effect": 0}
OUTCOMES = ["hired", "salary"]


def by_hand(x, sex, mediated):
    """Abduction of what is a row's own, action, prediction: from x and the equations alone."""
    was, becomes = mediated * (x["sex"] == "Female"), mediated * (sex == "Female")
    own_education = (x["education"] - 14) / 2 - was
    own_experience = (x["experience"] - 20) / 4 - was
    return x.assign(
        sex=sex,
        education=14 + 2 * (becomes + own_education),
        experience=20 + 4 * (becomes + own_experience),
    )


def index(x, simulated):
    """The sum that the mechanism of the docstring makes of x, written out."""
    effect = simulated.data.clusters.map(simulated.truth["effects"])
    slopes = simulated.truth["coefficients"]
    group = slopes["sex"] * (x["sex"] == "Female")
    group += slopes["ethnicity"] * (x["ethnicity"] == "minority")
    columns = 0.8 * x["skill"] + 0.3 * x["education"] + 0.1 * x["experience"]
    return -6.2 + group + columns + effect


def disparity(expected, data, attribute="sex", first="Female"):
    is_first = data.sensitive[attribute] == first
    return kitagawa_decomposition(expected, clusters=data.clusters, is_first=is_first)


def test_the_data_have_clusters_groups_and_swaps():
    data = simulate_hiring(3, [5, 1, 30], seed=0).data
    assert data.clusters.value_counts(sort=False).to_dict() == {"f00": 5, "f01": 1, "f02": 30}
    assert list(data.x) == ["sex", "ethnicity", "skill", "education", "experience", "probe"]
    pd.testing.assert_frame_equal(data.sensitive, data.x[["sex", "ethnicity"]])
    assert data.task == "classification" and set(data.y) == {0, 1}
    assert data.swaps["sex"].column == "sex"
    assert data.swaps["sex"].values == {"Female": "Female", "Male": "Male"}
    assert simulate_hiring(3, 5, outcome="salary", seed=0).data.task == "regression"


def test_the_seed_owns_every_draw():
    np.random.seed(1)
    state = np.random.get_state()[1].copy()
    first, again, other = [simulate_hiring(5, 20, seed=seed) for seed in (0, 0, 1)]
    assert np.array_equal(np.random.get_state()[1], state)
    pd.testing.assert_frame_equal(first.data.x, again.data.x)
    pd.testing.assert_series_equal(first.data.y, again.data.y)
    pd.testing.assert_series_equal(first.truth["expected"], again.truth["expected"])
    assert not first.data.x["skill"].equals(other.data.x["skill"])


def test_two_simulations_differ_by_their_settings_alone():
    plain, other = [simulate_hiring(20, 20, mediated=value, seed=0).data for value in (0, -1)]
    held = ["sex", "ethnicity", "skill", "probe"]
    pd.testing.assert_frame_equal(plain.x[held], other.x[held])
    gap = (other.x["experience"] - plain.x["experience"]).groupby(plain.x["sex"]).mean()
    assert gap.round(9).to_dict() == {"Female": -4, "Male": 0}


def test_a_counterfactual_is_abduction_action_and_prediction():
    simulated = simulate_hiring(10, 50, mediated=-0.7, seed=0)
    x, worlds = simulated.data.x, simulated.truth["counterfactuals"]["sex"]
    for group, world in worlds.items():
        pd.testing.assert_frame_equal(world, by_hand(x, group, -0.7))
    back = by_hand(worlds["Male"], x["sex"], -0.7)
    pd.testing.assert_frame_equal(back, x)


@pytest.mark.parametrize("attribute", ["sex", "ethnicity"])
def test_the_counterfactual_to_ones_own_group_is_x_exactly(attribute):
    simulated = simulate_hiring(10, 50, seed=0)
    for group, world in simulated.truth["counterfactuals"][attribute].items():
        own = simulated.data.sensitive[attribute] == group
        assert own.any() and (world[attribute] == group).all()
        pd.testing.assert_frame_equal(world[own], simulated.data.x[own], check_exact=True)
        expected = simulated.truth["counterfactual_expected"][attribute][group]
        assert expected[own].equals(simulated.truth["expected"][own])


@pytest.mark.parametrize("attribute, mediated", [("sex", 0.0), ("ethnicity", -0.8)])
def test_without_a_mediator_a_counterfactual_is_an_attribute_swap(attribute, mediated):
    simulated = simulate_hiring(10, 50, mediated=mediated, seed=0)
    swap = simulated.data.swaps[attribute]
    for group, world in simulated.truth["counterfactuals"][attribute].items():
        swapped = simulated.data.x.assign(**{swap.column: swap.values[group]})
        pd.testing.assert_frame_equal(world, swapped, check_exact=True)


def test_the_counterfactual_effect_of_one_firm_without_an_effect():
    simulated = simulate_hiring(
        1, 50, outcome="salary", direct=-0.5, mediated=-1.0, firm_sd=0.0, seed=0
    )
    expected = simulated.truth["counterfactual_expected"]["sex"]
    # 5 (direct + 2 x .3 mediated + 4 x .1 mediated) = 5 (-.5 - .6 - .4)
    np.testing.assert_allclose(expected["Female"] - expected["Male"], -7.5)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_is_expected_follows_the_equations_in_every_world(outcome):
    simulated = simulate_hiring(10, 50, outcome=outcome, minority_noise=2.0, seed=0)
    x, truth = simulated.data.x, simulated.truth
    worlds = [(x, truth["expected"])]
    for attribute, of_group in truth["counterfactuals"].items():
        expected = truth["counterfactual_expected"][attribute]
        worlds += [(world, expected[group]) for group, world in of_group.items()]
    assert len(worlds) == 5
    for world, expected in worlds:
        scale = np.where(world["ethnicity"] == "minority", 2.0, 1.0)
        hand = expit(index(world, simulated) / scale), 40 + 5 * index(world, simulated)
        np.testing.assert_allclose(expected, hand[OUTCOMES.index(outcome)])


def test_the_minority_has_its_share():
    ethnicity = simulate_hiring(100, 100, minority=0.3, seed=0).data.sensitive["ethnicity"]
    assert abs((ethnicity == "minority").mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 10_000)


def test_hiring_has_its_probability():
    simulated = simulate_hiring(50, 200, seed=0)
    probability = simulated.truth["expected"]
    error = np.sqrt((probability * (1 - probability)).sum())
    assert abs((simulated.data.y - probability).sum()) < 4 * error


def test_a_salary_is_noisier_in_the_minority():
    simulated = simulate_hiring(
        100, 100, outcome="salary", minority=0.3, minority_noise=2.0, seed=0
    )
    residual = simulated.data.y - simulated.truth["expected"]
    sd = residual.groupby(simulated.data.sensitive["ethnicity"]).std()
    assert abs(sd["majority"] - 5) < 0.25 and abs(sd["minority"] - 10) < 0.55


def test_without_the_three_ways_no_disparity_is_left():
    simulated = simulate_hiring(100, 1_000, **NO_DISPARITY, seed=0)
    for attribute, first in [("sex", "Female"), ("ethnicity", "minority")]:
        split = disparity(simulated.truth["expected"], simulated.data, attribute, first)
        assert split.abs().max() < 0.01


@pytest.mark.parametrize("way", ["direct", "mediated"])
def test_direct_and_mediated_discrimination_lie_within_firms(way):
    simulated = simulate_hiring(100, 1_000, **NO_DISPARITY | {way: -0.8}, seed=0)
    split = disparity(simulated.truth["expected"], simulated.data)
    assert split["within"] < -0.1 and abs(split["between"]) < 0.01


def test_segregation_lies_between_firms():
    simulated = simulate_hiring(100, 1_000, **NO_DISPARITY | {"segregation": 1.0}, seed=0)
    split = disparity(simulated.truth["expected"], simulated.data)
    assert split["between"] < -0.05 and abs(split["within"]) < 0.01
    share = (simulated.data.sensitive["sex"] == "Female").groupby(simulated.data.clusters).mean()
    np.testing.assert_allclose(share, expit(-simulated.truth["effects"]), atol=0.07)


@pytest.mark.parametrize("confounding", [-0.9, 0.0])
def test_confounding_ties_a_firms_mean_skill_to_its_effect(confounding):
    simulated = simulate_hiring(2_000, 10, confounding=confounding, seed=0)
    skill = simulated.data.x["skill"].groupby(simulated.data.clusters).mean()
    correlation = np.corrcoef(skill, simulated.truth["effects"])[0, 1]
    # A mean of ten rows has the variance .3 + .07, of which .3 follows the firm.
    assert abs(correlation - confounding * np.sqrt(0.3 / 0.37)) < 4 / np.sqrt(2_000)


def test_the_probe_follows_the_firm_but_not_in_a_new_one():
    simulated = simulate_hiring(600, 5, firm_sd=2.0, probe_noise=0.1, new_firms=300, seed=0)
    truth, data = simulated.truth, simulated.data
    assert truth["new_firms"] == data.clusters.unique()[300:].tolist()
    assert truth["coefficients"]["probe"] == 0
    probe = data.x["probe"].groupby(data.clusters).mean()
    old = probe.index[:300]
    assert np.abs(probe[old] - truth["effects"][old] / 2).max() < 4 * 0.1 / np.sqrt(5)
    new = truth["new_firms"]
    assert abs(np.corrcoef(probe[new], truth["effects"][new])[0, 1]) < 4 / np.sqrt(300)
    assert simulate_hiring(3, 5, seed=0).truth["new_firms"] == []


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"firms": 0}, "firms must be an integer of 1 or more. Received: 0"),
        ({"rows": [3, 4]}, "one for each of 100 firms"),
        ({"outcome": "fired"}, r"outcome must be one of \['hired', 'salary'\]. Received: 'fired'"),
        ({"direct": np.nan}, "direct must be a finite number. Received: nan"),
        ({"firm_sd": -1}, "firm_sd must be 0 or more. Received: -1"),
        ({"confounding": 1.5}, r"confounding must lie in \[-1, 1\]. Received: 1.5"),
        ({"minority": 0}, r"minority must lie in \(0, 1\). Received: 0"),
        ({"minority_noise": 0}, "minority_noise must be more than 0. Received: 0"),
        ({"probe_noise": -0.1}, "probe_noise must be finite, 0 or more. Received: -0.1"),
        ({"new_firms": 100}, "new_firms must be an integer of 0 or more, below 100. Received: 100"),
        ({"new_firms": 0.5}, "new_firms must be an integer"),
    ],
)
def test_an_argument_out_of_its_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        simulate_hiring(**settings, seed=0)
