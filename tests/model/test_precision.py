"""Keras's own contract: its layer test, and every policy of precision."""

import keras
import numpy as np
import pytest
from conftest import make_rows
from keras.src import testing

from fairmedl_lite.estimator.estimators import FairMEDLClassifier, FairMEDLRegressor
from fairmedl_lite.model.random_effects import RandomEffects
from fairmedl_lite.model.reversal import GradientReversal

POLICIES = ["mixed_bfloat16", "mixed_float16"]
if keras.backend.backend() != "jax":  # it has no double precision, unless it starts with it
    POLICIES.append("float64")


# Saving, symbolic and eager calls, gradients, mixed precision: Keras tests its own layers by it.
run_layer_test = testing.TestCase("setUp").run_layer_test


def test_the_reversal_passes_keras_layer_test():
    run_layer_test(
        GradientReversal,
        init_kwargs={"weight": 0.5},
        input_shape=(4, 3),
        expected_output_shape=(4, 3),
        expected_num_trainable_weights=0,
        run_training_check=False,  # it learns nothing
    )


class OfFourRows(RandomEffects):
    """Knows its rows' clusters: Keras's test calls a layer with one input."""

    def build(self, features_shape):
        super().build(features_shape)

    def compute_output_shape(self, features_shape):
        return super().compute_output_shape(features_shape)

    def call(self, features, training=False):
        return super().call(features, np.array([0, 2, -1, 1], "int32"), training)


@pytest.mark.parametrize("correlated", [False, True])
def test_random_effects_pass_keras_layer_test(correlated):
    run_layer_test(
        OfFourRows,
        init_kwargs={"num_clusters": 3, "correlated": correlated, "seed": 0},
        input_data=np.random.default_rng(0).normal(size=(4, 2)).astype("float32"),
        expected_output_shape=(4, 1),
        expected_num_trainable_weights=5 if correlated else 3,
        expected_num_non_trainable_variables=1,  # the state of its draws
        expected_num_seed_generators=1,
        custom_objects={"OfFourRows": OfFourRows},
    )


@pytest.fixture(params=POLICIES)
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("correlated", [False, True])
def test_a_soft_membership_may_be_sampled(policy, correlated):
    layer = RandomEffects(3, correlated=correlated, seed=0)
    features, share = np.ones((4, 2), "float32"), np.full((4, 3), 1 / 3, "float32")
    one = layer(features, share, training=True)
    assert one.shape == (4, 1) and one.dtype == layer.compute_dtype
    scales = layer.posterior_scale(features, share), layer.prior_scale(features)
    assert all(np.isfinite(np.asarray(scale, "float64")).all() for scale in scales)


SETTINGS = [
    {"hidden": (4,), "cluster_predictor": True},
    {"hidden": (4,), "debias": "equalized_odds", "cluster_adversary_reads": "standardised"},
    {"hidden": (4,), "debias": "correlation", "random_effects": ["score"]},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_part_is_trained_under_every_policy(policy, settings):
    data, kind = (
        make_rows(120),
        FairMEDLClassifier if settings is SETTINGS[0] else FairMEDLRegressor,
    )
    y = data.y if kind is FairMEDLClassifier else data.x["score"]
    model = kind(epochs=1, seed=0, **settings)
    model.fit(data.x, y, clusters=data.clusters, sensitive_features=data.sensitive)
    ends = model.predict_interval(data.x, unseen="prior", draws=5)
    effects = model.cluster_effects(data.x, clusters=data.clusters)[["mean", "sd"]]
    assert np.isfinite(ends).all(axis=None) and np.isfinite(effects).all(axis=None)
    assert np.isfinite(model.history_).all(axis=None)
    if model.cluster_predictor:
        share = model.membership(data.x)
        np.testing.assert_allclose(share.sum(axis=1), 1, atol=0.02)
