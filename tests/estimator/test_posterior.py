"""Draws of random effects have the moments of the Gaussians that they are drawn from."""

import numpy as np
import pytest

from fairmedl_lite.estimator.posterior import draw_effects
from fairmedl_lite.model.random_effects import SPEED, RandomEffects

DRAWS = 20_000
DESIGN = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, -1.0], [1.0, 0.5], [1.0, 0.5], [1.0, 0.5]])
LABELS = np.array(["a", "a", "c", "x", "x", "y"])
IDS = np.array([0, 0, 2, -1, -1, -1])


@pytest.fixture(scope="module", params=[False, True], ids=["diagonal", "correlated"])
def layer(request):
    """Three clusters with an intercept and a slope, every weight drawn by NumPy."""
    layer = RandomEffects(3, correlated=request.param)
    layer.build((None, 1))
    random = np.random.default_rng(5)
    layer.set_weights([random.normal(-0.3, 0.7, part.shape) / SPEED for part in layer.weights])
    return layer


def moments(layer):
    """Means and covariances of u in each cluster, and the prior's covariance, from the weights."""
    weights = [SPEED * np.asarray(weight, "float64") for weight in layer.weights]
    mean, log_scale, prior_log_scale = weights[:3]
    mean = mean - mean.mean(axis=0)
    prior, root = np.diag(np.exp(prior_log_scale)), np.exp(log_scale)[:, :, None] * np.eye(2)
    if layer.correlated:
        root, prior = root + np.tril(weights[3], -1), prior + np.tril(weights[4], -1)
    covariance = root @ root.transpose(0, 2, 1)
    return mean @ prior.T, prior @ covariance @ prior.T, prior @ prior.T


def draw(layer, unseen="prior", design=DESIGN, ids=IDS, labels=LABELS, **options):
    options = {"draws": DRAWS, "random": np.random.default_rng(0)} | options
    return draw_effects(layer, design, ids, labels, unseen=unseen, **options)


def check(draws, mean, variance):
    error = np.sqrt(variance / DRAWS)
    assert np.abs(draws.mean(axis=0) - mean).max() < 5 * error.max()
    np.testing.assert_allclose(draws.var(axis=0), variance, rtol=0.08)


def quadratic(design, covariance):
    return np.einsum("ri,rij,rj->r", design, covariance, design)


def test_moments_of_known_clusters_and_of_the_prior(layer):
    mean, covariance, prior = moments(layer)
    draws = draw(layer)
    assert draws.shape == (DRAWS, 6) and draws.dtype == np.float32
    expected = np.concatenate([np.sum(DESIGN[:3] * mean[IDS[:3]], axis=1), np.zeros(3)])
    covariances = np.concatenate([covariance[IDS[:3]], np.stack([prior] * 3)])
    check(draws, expected, quadratic(DESIGN, covariances))


def test_effects_of_one_cluster_covary_as_they_should(layer):
    """Rows that differ in what the slope stands on: their covariance is between the variances."""
    design = np.array([[1.0, 0.0], [0.0, 1.0]] * 2)
    draws = draw(layer, design=design, ids=np.array([1, 1, -1, -1]), labels=np.array(list("bbxx")))
    _, covariance, prior = moments(layer)
    found = np.cov(draws.T)
    for block, expected in ((found[:2, :2], covariance[1]), (found[2:, 2:], prior)):
        sds = np.sqrt(np.diag(expected))
        np.testing.assert_allclose(block, expected, atol=5 * DRAWS**-0.5 * np.max(sds) ** 2)
    assert np.abs(np.corrcoef(draws.T)[:2, 2:]).max() < 5 * DRAWS**-0.5


def test_rows_of_one_cluster_share_each_draw_and_others_do_not(layer):
    draws = draw(layer)
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])  # cluster a
    np.testing.assert_array_equal(draws[:, 3], draws[:, 4])  # x, a new one
    correlation = np.corrcoef(draws[:, [0, 2, 3, 5]].T) - np.eye(4)
    assert np.abs(correlation).max() < 5 * DRAWS**-0.5


def test_without_a_choice_for_new_clusters_there_is_no_effect(layer):
    draws = draw(layer, unseen="fixed", draws=50)
    assert not draws[:, 3:].any() and draws[:, :3].all()


SHARE = np.array([[0.6, 0.0, 0.4], [0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])


def test_a_membership_makes_a_mixture_of_the_clusters(layer):
    mean, covariance, _ = moments(layer)
    draws = draw(layer, unseen="predict", membership=SHARE)
    design = DESIGN[3:]
    each_mean = design @ mean.T  # (rows, clusters)
    each_variance = np.einsum("ri,kij,rj->rk", design, covariance, design)
    expected = np.sum(SHARE * each_mean, axis=1)
    between = (each_mean - expected[:, None]) ** 2
    check(draws[:, 3:], expected, np.sum(SHARE * (each_variance + between), axis=1))
    known, ids = DESIGN[:3], IDS[:3]
    check(draws[:, :3], np.sum(known * mean[ids], axis=1), quadratic(known, covariance[ids]))


def test_a_sure_membership_is_the_cluster_itself(layer):
    ids, design = np.array([1, -1]), np.array([[1.0, 0.5]] * 2)
    share = np.array([[0.0, 1.0, 0.0]])
    draws = draw(layer, "predict", design, ids, np.array(["b", "x"]), membership=share, draws=50)
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])


def test_a_membership_is_drawn_for_each_row_even_of_one_label(layer):
    share = np.array([[0.5, 0.5, 0.0]] * 3)
    draws = draw(layer, unseen="predict", membership=share, draws=100)
    assert (draws[:, 3] != draws[:, 4]).any()


def test_same_generator_same_draws(layer):
    first, second = (draw(layer, draws=3, random=np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = draw(layer, draws=3, random=np.random.default_rng(10))
    assert not np.allclose(first, other)
