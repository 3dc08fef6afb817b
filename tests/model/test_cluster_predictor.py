"""The cluster predictor gives shares of the clusters."""

import numpy as np

from fairmedl_lite.model.cluster_predictor import ClusterPredictor


def test_cluster_predictor_gives_shares_and_comes_back_from_its_config():
    x = np.random.default_rng(0).normal(size=(30, 3)).astype("float32")
    model = ClusterPredictor(4, hidden=(6,), seed=2)
    shares = np.asarray(model(x))
    assert shares.shape == (30, 4) and (shares > 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    again = ClusterPredictor.from_config(model.get_config())
    np.testing.assert_array_equal(np.asarray(again(x)), shares)
