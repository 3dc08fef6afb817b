"""Random effects, against values worked out by hand or by NumPy and SciPy."""

import keras
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from fairmedl_lite.model.random_effects import SPEED, RandomEffects

FEATURES = np.array([[2.0, -1.0], [0.5, 3.0], [1.0, 1.0]], dtype="float32")
DESIGN = np.column_stack([np.ones(3), FEATURES])
CLUSTERS = np.array([1, 0, 2], dtype="int32")


@pytest.mark.parametrize(
    "layer",
    [
        RandomEffects(3, initial_scale=0.5, seed=4, name="u"),
        RandomEffects(2, correlated=True, name="v"),
    ],
)
def test_config_round_trip(layer):
    stored = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(stored)
    assert type(again) is type(layer) and again.get_config() == layer.get_config()


def effects(seed=0, slopes=2):
    """Three clusters whose posterior and prior are drawn once, by NumPy."""
    layer = RandomEffects(3, seed=seed)
    layer.build((None, slopes))
    random = np.random.default_rng(7)
    mean = random.normal(size=(3, slopes + 1))
    mean -= mean.mean(axis=0)
    log_scale = random.normal(-1, 0.3, (3, slopes + 1))
    prior = random.normal(-0.5, 0.3, slopes + 1)
    layer.set_weights([part / SPEED for part in (mean, log_scale, prior)])
    return layer, mean, np.exp(log_scale), np.exp(prior)


@pytest.fixture
def known():
    return effects()


def test_the_means_are_centred_over_the_clusters(known):
    layer, mean, *_ = known
    raw, *rest = layer.get_weights()
    layer.set_weights([raw + np.array([1.0, -2.0, 3.0], "float32"), *rest])
    np.testing.assert_allclose(np.asarray(layer.posterior_mean), mean, rtol=1e-4)
    np.testing.assert_allclose(np.asarray(layer.posterior(CLUSTERS)[0]).sum(axis=0), 0, atol=1e-5)


def test_output_is_the_design_times_the_clusters_effects(known):
    layer, mean, _, prior = known
    expected = [DESIGN[row] @ (prior * mean[cluster]) for row, cluster in enumerate(CLUSTERS)]
    output = np.asarray(layer(FEATURES, CLUSTERS))
    assert output.shape == (3, 1) == layer.compute_output_shape((3, 2))
    np.testing.assert_allclose(output[:, 0], expected, rtol=1e-5)


def test_a_row_without_a_cluster_gets_zero(known):
    layer = known[0]
    output = np.asarray(layer(FEATURES, np.array([-1, 0, -1], dtype="int32")))[:, 0]
    assert output[0] == output[2] == 0 != output[1]


def test_soft_membership_averages_the_effects(known):
    layer = known[0]
    share = np.array([[0.2, 0.5, 0.3], [1, 0, 0], [0, 0, 1]], dtype="float32")
    each = np.stack(
        [np.asarray(layer(FEATURES, np.full(3, j, dtype="int32")))[:, 0] for j in range(3)], 1
    )
    output = np.asarray(layer(FEATURES, share))[:, 0]
    np.testing.assert_allclose(output, (share * each).sum(axis=1), rtol=1e-5)


def test_without_slopes_it_is_an_intercept():
    layer, mean, _, prior = effects(slopes=0)
    output = np.asarray(layer(np.zeros((3, 0), "float32"), CLUSTERS))[:, 0]
    np.testing.assert_allclose(output, prior[0] * mean[CLUSTERS, 0], rtol=1e-5)


def test_kl_equals_the_formula_of_two_gaussians_and_an_average_over_draws(known):
    layer, mean, scale, _ = known
    formula = np.sum(np.log(1 / scale) + (scale**2 + mean**2) / 2 - 0.5)
    assert float(layer.kl()) == pytest.approx(formula, rel=1e-5)
    q = multivariate_normal(mean.ravel(), np.diag(scale.ravel() ** 2))
    p = multivariate_normal(np.zeros(mean.size), np.eye(mean.size))
    draws = q.rvs(100_000, random_state=0)
    log_ratio = q.logpdf(draws) - p.logpdf(draws)
    error = log_ratio.std() / len(draws) ** 0.5
    assert float(layer.kl()) == pytest.approx(log_ratio.mean(), abs=5 * error)


def test_posterior_scale_is_that_of_each_rows_effect(known):
    layer, _, scale, prior = known
    expected = np.sqrt(np.sum((DESIGN * prior * scale[CLUSTERS]) ** 2, axis=1))
    found = np.asarray(layer.posterior_scale(FEATURES, CLUSTERS))[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_kl_is_zero_where_posterior_equals_prior():
    layer = effects()[0]
    zeros = np.zeros((3, 3))
    layer.set_weights([zeros, zeros, np.ones(3) / SPEED])
    assert float(layer.kl()) == pytest.approx(0, abs=1e-6)


def test_prior_scale_is_that_of_a_new_clusters_effect(known):
    layer, _, _, prior = known
    expected = np.sqrt(np.sum((DESIGN * prior) ** 2, axis=1))
    np.testing.assert_allclose(np.asarray(layer.prior_scale(FEATURES))[:, 0], expected, rtol=1e-5)


def test_posterior_is_on_the_link_scale(known):
    layer, mean, scale, prior = known
    found, root = (np.asarray(part) for part in layer.posterior(CLUSTERS))
    np.testing.assert_allclose(found, prior * mean[CLUSTERS], rtol=1e-5)
    expected = [np.diag(prior * scale[cluster]) for cluster in CLUSTERS]
    np.testing.assert_allclose(root, expected, rtol=1e-5)


def test_draws_have_the_posteriors_mean_and_variance(known):
    layer, mean, scale, prior = known
    many = 20_000
    rows, clusters = np.repeat(FEATURES, many, axis=0), np.repeat(CLUSTERS, many)
    draws = np.asarray(layer(rows, clusters, training=True)).reshape(3, many)
    variance = np.sum((DESIGN * prior * scale[CLUSTERS]) ** 2, axis=1)
    centre = np.sum(DESIGN * prior * mean[CLUSTERS], axis=1)
    np.testing.assert_allclose(draws.var(axis=1), variance, rtol=0.06)
    assert np.all(np.abs(draws.mean(axis=1) - centre) < 5 * np.sqrt(variance / many))


def test_rows_of_one_cluster_are_drawn_apart():
    layer = effects()[0]
    draws = np.asarray(layer(np.ones((50, 2), "float32"), np.zeros(50, "int32"), training=True))
    assert len(np.unique(draws)) > 40


def test_same_seed_same_draws_another_seed_others_and_no_draw_at_prediction():
    first, second, other = (effects(seed=seed)[0] for seed in (3, 3, 4))
    draw = np.asarray(first(FEATURES, CLUSTERS, training=True))
    np.testing.assert_array_equal(draw, np.asarray(second(FEATURES, CLUSTERS, training=True)))
    assert not np.allclose(draw, np.asarray(other(FEATURES, CLUSTERS, training=True)))
    assert not np.allclose(draw, np.asarray(first(FEATURES, CLUSTERS, training=True)))
    rest = [np.asarray(first(FEATURES, CLUSTERS)) for _ in range(2)]
    np.testing.assert_array_equal(*rest)


def test_saved_weights_come_back(tmp_path):
    def build():
        features, clusters = keras.Input((2,)), keras.Input((), dtype="int32")
        output = RandomEffects(3, seed=0)(features, clusters)
        return keras.Model([features, clusters], output)

    saved, loaded = build(), build()
    saved.set_weights(effects()[0].get_weights())
    path = str(tmp_path / "u.weights.h5")
    saved.save_weights(path)
    loaded.load_weights(path)
    before = np.asarray(saved([FEATURES, CLUSTERS]))
    assert np.abs(before).min() > 0
    np.testing.assert_array_equal(np.asarray(loaded([FEATURES, CLUSTERS])), before)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"num_clusters": 1}, "num_clusters must be at least 2. Received: 1"),
        ({"num_clusters": 3, "initial_scale": 0}, "above zero. Received: 0"),
        ({"num_clusters": 3, "initial_scale": -0.1}, "above zero. Received: -0.1"),
    ],
)
def test_random_effects_refuse_other_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        RandomEffects(**settings)


def test_a_layer_adopts_another_and_adds_clusters_that_do_not_move_it():
    layer, mean, scale, prior = effects()
    own = layer(FEATURES, CLUSTERS)
    added = np.array([[1.0, 0.5, -2.0], [3.0, 0.0, 1.0]])
    root = np.array([[0.5, 0.0, 0.0], [0.1, 0.4, 0.0], [-0.2, 0.3, 0.2]])
    larger = RandomEffects(3, full=True, added=2)
    larger.build((None, 2))
    larger.adopt(layer, added, np.stack([root @ root.T, np.eye(3)]))
    np.testing.assert_array_equal(larger(FEATURES, CLUSTERS), own)
    new = np.array([3, 4, -1], dtype="int32")
    expected = [DESIGN[0] @ (prior * added[0]), DESIGN[1] @ (prior * added[1]), 0]
    np.testing.assert_allclose(np.ravel(larger(FEATURES, new)), expected, rtol=1e-5)
    sds = [np.linalg.norm((DESIGN[0] * prior) @ root), np.linalg.norm(DESIGN[1] * prior)]
    found = np.ravel(larger.posterior_scale(FEATURES, new))
    np.testing.assert_allclose(found[:2], sds, rtol=1e-5)
    share = np.full((3, 3), 1 / 3, dtype="float32")  # over the clusters that the first layer had
    np.testing.assert_allclose(larger(FEATURES, share), layer(FEATURES, share), atol=1e-6)
