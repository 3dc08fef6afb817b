"""Simulated data are what their truth says. A tolerance is four standard errors."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from fairmedl_lite.data.simulate import simulate_linear, simulate_logistic, simulate_spirals

SIMULATIONS = [simulate_linear, simulate_logistic, simulate_spirals]
SLOPES = {"sd": (0.8, 0.4), "correlation": -0.5}


def total(simulated):
    """The sum of the effects on the link scale, from the truth alone."""
    x, truth = simulated.data.x, simulated.truth
    effects = truth["effects"].loc[simulated.data.clusters].set_index(x.index)
    varying = effects["intercept"] + effects.get("x1", 0.0) * x["x1"]
    return truth["intercept"] + x @ truth["coefficients"] + varying


def assert_sd(values, sd):
    """The mean is 0 and the standard deviation is `sd`, for Gaussian values."""
    assert abs(np.mean(values)) < 4 * sd / np.sqrt(len(values))
    assert abs(np.std(values) - sd) < 4 * sd / np.sqrt(2 * len(values))


def assert_correlation(first, second, correlation):
    error = (1 - correlation**2) / np.sqrt(len(first))
    assert abs(np.corrcoef(first, second)[0, 1] - correlation) < 4 * error + 1e-9


@pytest.mark.parametrize("simulate", SIMULATIONS)
def test_the_seed_owns_every_draw(simulate):
    np.random.seed(1)
    state = np.random.get_state()[1].copy()
    first, again, other = simulate(seed=0), simulate(seed=0), simulate(seed=1)
    assert np.array_equal(np.random.get_state()[1], state)
    pd.testing.assert_frame_equal(first.data.x, again.data.x)
    pd.testing.assert_series_equal(first.data.y, again.data.y)
    assert not first.data.x.equals(other.data.x) and not first.data.y.equals(other.data.y)


@pytest.mark.parametrize("simulate", SIMULATIONS)
def test_rows_may_differ_from_cluster_to_cluster(simulate):
    data = simulate(3, [5, 1, 30], seed=0).data
    assert data.clusters.value_counts(sort=False).to_dict() == {"c00": 5, "c01": 1, "c02": 30}
    assert data.sensitive.shape == (36, 0)


def test_labels_sort_in_the_order_of_the_clusters():
    for clusters, last in [(3, "c02"), (100, "c99"), (101, "c100")]:
        labels = simulate_linear(clusters, 1, seed=0).data.clusters
        assert labels.is_monotonic_increasing and labels.is_unique and labels.iloc[-1] == last


def test_the_outcome_is_the_sum_of_the_truth_and_a_residual():
    simulated = simulate_linear(
        40, 100, intercept=2.0, residual_sd=0.5, cluster_covariate=0.3, seed=0, **SLOPES
    )
    assert simulated.data.task == "regression"
    assert simulated.truth["coefficients"].to_dict() == {"x1": 1.0, "x2": -0.5, "w": 0.3}
    assert_sd(simulated.data.y - total(simulated), 0.5)
    exact = simulate_linear(intercept=2.0, residual_sd=0.0, seed=0, **SLOPES)
    np.testing.assert_allclose(exact.data.y, total(exact))


def test_the_probability_is_the_sigmoid_of_the_sum():
    simulated = simulate_logistic(40, 100, intercept=-1.0, seed=0, **SLOPES)
    probability, y = simulated.truth["probability"], simulated.data.y
    assert simulated.data.task == "classification" and set(y) == {0, 1}
    np.testing.assert_allclose(np.log(probability / (1 - probability)), total(simulated))
    error = np.sqrt((probability * (1 - probability)).sum())
    assert abs((y - probability).sum()) < 4 * error


def test_effects_have_their_sd_and_correlation():
    truth = simulate_linear(5_000, 1, seed=0, **SLOPES).truth
    assert list(truth["effects"]) == ["intercept", "x1"]
    assert_sd(truth["effects"]["intercept"], 0.8)
    assert_sd(truth["effects"]["x1"], 0.4)
    assert_correlation(truth["effects"]["intercept"], truth["effects"]["x1"], -0.5)
    assert (truth["sd"], truth["correlation"]) == ((0.8, 0.4), -0.5)


def test_random_intercepts_alone():
    truth = simulate_linear(sd=0.8, seed=0).truth
    assert truth["effects"].shape == (50, 1) and truth["sd"] == (0.8,)


@pytest.mark.parametrize("icc_x", [0.0, 0.4])
def test_the_share_of_x1_between_clusters(icc_x):
    data = simulate_linear(4_000, 5, icc_x=icc_x, cluster_covariate=0.0, seed=0).data
    means = data.x.groupby(data.clusters).mean()
    assert_sd(means["x1"], np.sqrt(icc_x + (1 - icc_x) / 5))
    assert_sd(data.x["x1"] - data.clusters.map(means["x1"]), np.sqrt((1 - icc_x) * 4 / 5))
    assert_sd(data.x["x2"], 1.0)
    assert_sd(means["w"], 1.0)
    assert data.x["w"].groupby(data.clusters).nunique().eq(1).all()


@pytest.mark.parametrize("confounding", [-1.0, 0.0, 0.7])
def test_confounding_ties_the_clusters_mean_of_x1_to_its_intercept(confounding):
    simulated = simulate_linear(4_000, 5, icc_x=0.4, confounding=confounding, seed=0)
    data, intercepts = simulated.data, simulated.truth["effects"]["intercept"]
    means = data.x["x1"].groupby(data.clusters).mean()
    # The mean of five rows is the cluster's part and a fifth of the variance within.
    reliability = np.sqrt(0.4 / (0.4 + 0.6 / 5))
    assert_correlation(means, intercepts, confounding * reliability)
    within = data.x["x1"] - data.clusters.map(means)
    assert_correlation(within, data.clusters.map(intercepts), 0.0)


def test_two_simulations_differ_by_their_settings_alone():
    plain = simulate_linear(seed=0)
    other = simulate_linear(seed=0, coefficients=(0.0, 0.0), cluster_covariate=0.0, sd=(0.4, 0.2))
    binary = simulate_logistic(seed=0)
    for simulated in (other, binary):
        pd.testing.assert_frame_equal(simulated.data.x[["x1", "x2"]], plain.data.x)
    halved = other.truth["effects"][["intercept"]]
    pd.testing.assert_frame_equal(2 * halved, plain.truth["effects"])
    residuals = [simulated.data.y - total(simulated) for simulated in (plain, other)]
    np.testing.assert_allclose(*residuals, atol=1e-12)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"clusters": 0}, "clusters must be an integer of 1 or more. Received: 0"),
        ({"clusters": 2.0}, "clusters must be an integer"),
        ({"rows": 0}, "rows must be an integer of 1 or more"),
        ({"rows": 2.5}, "rows must be .*Received: 2.5"),
        ({"rows": [3, 4]}, "one for each of 50 clusters"),
        ({"coefficients": ()}, "coefficients must be one number or more"),
        ({"sd": (1.0, 1.0, 1.0)}, "sd must be one number .* or two"),
        ({"sd": -1.0}, "sd must be"),
        ({"correlation": 2.0, "sd": (1.0, 1.0)}, r"correlation must lie in \[-1, 1\]"),
        ({"correlation": 0.5}, "correlation must be 0 without random slopes"),
        ({"icc_x": 1.0}, r"icc_x must lie in \[0, 1\)"),
        ({"confounding": 1.5, "icc_x": 0.5}, r"confounding must lie in \[-1, 1\]"),
        ({"confounding": 0.5}, "confounding must be 0 unless both icc_x and sd are above 0"),
        ({"confounding": 0.5, "icc_x": 0.5, "sd": 0.0}, "confounding must be 0 unless"),
    ],
)
@pytest.mark.parametrize("simulate", [simulate_linear, simulate_logistic])
def test_an_argument_out_of_its_range_is_refused(simulate, settings, message):
    with pytest.raises(ValueError, match=message):
        simulate(**settings, seed=0)


@pytest.mark.parametrize("name, value", [("radius_sd", -1), ("noise", -0.1), ("turns", 0)])
def test_a_spiral_out_of_its_range_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*Received: {value}"):
        simulate_spirals(**{name: value}, seed=0)


def test_a_negative_residual_sd_is_refused():
    with pytest.raises(ValueError, match="residual_sd must be 0 or more. Received: -1"):
        simulate_linear(residual_sd=-1, seed=0)


def test_a_point_divided_by_its_radius_lies_on_the_base_spiral():
    simulated = simulate_spirals(noise=0.0, turns=2.0, seed=0)
    data, radius = simulated.data, simulated.data.clusters.map(simulated.truth["radius"])
    pd.testing.assert_frame_equal(data.x, simulated.truth["noiseless"])
    base = data.x.div(radius, axis=0)
    distance = np.hypot(base["x1"], base["x2"])
    assert distance.between(0, 1).all() and distance.max() > 0.99
    angle = 2 * np.pi * 2.0 * distance + np.pi * data.y
    np.testing.assert_allclose(base["x1"], distance * np.cos(angle), atol=1e-12)
    np.testing.assert_allclose(base["x2"], distance * np.sin(angle), atol=1e-12)


def test_radius_and_noise_of_spirals_have_their_sd():
    simulated = simulate_spirals(3_000, 2, radius_sd=0.4, noise=0.1, seed=0)
    assert_sd(np.log(simulated.truth["radius"]), 0.4)
    for column in simulated.data.x:
        assert_sd(simulated.data.x[column] - simulated.truth["noiseless"][column], 0.1)


def test_the_spirals_need_the_radius_of_their_cluster():
    simulated = simulate_spirals(10, 400, seed=0)
    data, radius = simulated.data, simulated.data.clusters.map(simulated.truth["radius"])
    train = np.arange(len(data)) % 2 == 0

    def accuracy(x):
        model = KNeighborsClassifier(15).fit(x[train], data.y[train])
        return model.score(x[~train], data.y[~train])

    assert accuracy(data.x) < 0.9
    assert accuracy(data.x.div(radius, axis=0)) > 0.95
