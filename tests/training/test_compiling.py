"""Graphs are kept for models that differ in data and seed alone, and change no result."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import fit

from fairmedl_lite.model.cluster_predictor import ClusterPredictor
from fairmedl_lite.model.fair_medl import FairMEDL
from fairmedl_lite.training import compiling
from fairmedl_lite.training.train import NETWORK, train


def fit_predictor(rows=64, seed=0, **settings):
    """A small cluster predictor, and the history of its fit."""
    random = np.random.default_rng(seed)
    model = ClusterPredictor(**{"num_clusters": 3, "hidden": (2,), "seed": seed} | settings)
    model.build((None, 2))
    x = random.normal(size=(rows, 2)).astype("float32")
    recipe = replace(NETWORK, batch_size=64, learning_rate=0.01 * (seed + 1))
    how = {"seed": seed, "epochs": 2, "loss": "sparse_categorical_crossentropy"}
    history = train(model, x, random.integers(0, 3, rows), None, recipe, **how)
    return model, history


def weights_of(model):
    return np.concatenate([np.ravel(weight) for weight in model.get_weights()])


def test_a_kept_graph_trains_as_a_new_one_does(twins):
    alone, history = fit_predictor(rows=60)
    assert not twins.models and not hasattr(alone, "run_epoch")
    with twins.shared():
        first, _ = fit_predictor(rows=50, seed=3)
        before = weights_of(first)
        second, shared = fit_predictor(rows=60)
    np.testing.assert_array_equal(weights_of(second), weights_of(alone))
    np.testing.assert_array_equal(shared, history)
    np.testing.assert_array_equal(weights_of(first), before)
    (twin,) = twins.models.values()
    assert twin is not first and twin is not second


def test_graphs_are_kept_while_they_are_shared_only(twins):
    with pytest.raises(KeyError), twins.shared():
        with twins.shared():
            pass
        fit_predictor()
        raise KeyError
    kept = list(twins.models)
    assert len(kept) == 1
    fit_predictor(num_clusters=4)
    assert list(twins.models) == kept


def test_the_twin_that_was_used_last_is_kept(twins):
    twins.most = 2
    counts = []
    with twins.shared():
        for count in (3, 4, 3, 5):
            fit_predictor(num_clusters=count)
            counts.append([twin.settings["num_clusters"] for twin in twins.models.values()])
    assert counts == [[3], [3, 4], [4, 3], [3, 5]]


BASE = {
    "num_rows": 50,
    "num_clusters": (3,),
    "group_counts": (2, 3),
    "hidden": (4, 4),
    "random_effects": ("intercept",),
}


def key_of(columns=2, parts=2, loss=None, **changed):
    model = FairMEDL(**BASE | changed)
    variables = len(model.settings["num_clusters"])
    model.build({"x": (None, columns), "clusters": ((None,),) * variables})
    return compiling.graph_key(model, parts, loss)


@pytest.mark.parametrize("changed", [{"num_rows": 9}, {"base_rate": 0.1}, {"seed": 7}])
def test_models_that_differ_in_data_and_seed_alone_share_a_graph(changed):
    assert key_of(**changed) == key_of()


def test_a_standardised_adversary_shares_a_graph_and_is_saved_like_any_other(twins, tiny, tmp_path):
    def predicted(model):
        return model.predict_proba(tiny.x, clusters=tiny.clusters)

    strict = {"cluster_adversary_reads": "standardised"}
    alone = fit(tiny, **strict)
    with twins.shared():
        fit(tiny, **strict, seed=1)
        np.testing.assert_array_equal(predicted(fit(tiny, **strict)), predicted(alone))
    alone.save(tmp_path / "model")
    loaded = type(alone).load(tmp_path / "model")
    np.testing.assert_array_equal(predicted(loaded), predicted(alone))
    assert (predicted(fit(tiny)) != predicted(alone)).any()


OTHERS = [
    {"columns": 3},
    {"parts": 3},
    {"loss": "mse"},
    {"num_clusters": (4,)},
    {"num_clusters": (3, 3), "random_effects": ("intercept", "slopes")},
    {"family": "gaussian"},
    {"group_counts": (3, 2)},
    {"hidden": (4,)},
    {"random_effects": ("slopes",)},
    {"random_effects": ()},
    {"cluster_adversary": 0.2},
    {"cluster_adversary_reads": "standardised"},
    {"fairness": 0.5},
    {"fairness_on": ("mixed", "fixed")},
    {"debias": "correlation"},
    {"debias": "equalized_odds"},
    {"level_weights": (0.5, 0.5)},
    {"fixed_loss": 0.5},
    {"kl_weight": 0.5},
    {"added_clusters": (2,)},
    {"attribute_weights": (0.5, 1.5)},
]


def test_models_of_other_settings_do_not_share():
    keys = [key_of(), *(key_of(**changed) for changed in OTHERS)]
    assert len(set(keys)) == len(keys)


def test_every_setting_of_the_model_is_held_or_in_the_key():
    named = {name for changed in OTHERS for name in changed}
    assert set(FairMEDL(**BASE).get_config()) <= named | set(compiling.HELD)
