"""The estimator keeps scikit-learn's promises, its own seed's, and the model's arithmetic."""

import pickle
import random
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import sklearn
from conftest import TINY, fit, make_rows
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_validate

from fairmedl_lite.estimator.estimators import FairMEDLClassifier, ladder
from fairmedl_lite.model.random_effects import SPEED

PLAIN = {"random_effects": None, "cluster_adversary": 0, "fairness": 0}


def positive(model, data, **options):
    return model.predict_proba(data.x, clusters=data.clusters, **options)[:, 1]


@pytest.fixture(scope="module")
def new():
    """Rows that were not fitted; every third one in a cluster that was not either."""
    data = make_rows(60, seed=8)
    data.clusters.iloc[::3] = "west"
    return data


@pytest.fixture(scope="module")
def is_new(new):
    return (new.clusters == "west").to_numpy()


@pytest.fixture(scope="module")
def odd(tiny):
    """String classes, numbered clusters, and an attribute with no positive row in one group."""
    old = (tiny.sensitive["band"] == "old").to_numpy()
    y = pd.Series(np.where(tiny.y.to_numpy().astype(bool) & ~old, "yes", "no"))
    clusters = tiny.clusters.map({"east": 30, "north": 10, "south": 20})
    settings = TINY | {"random_effects": "intercept", "cluster_adversary": 0, "epochs": 1}
    model = FairMEDLClassifier(**settings)
    return model.fit(tiny.x, y, clusters=clusters, sensitive_features=tiny.sensitive[["band"]])


def test_clone_get_params_and_set_params():
    model = FairMEDLClassifier(hidden=(3,), fairness=0.7)
    copy = clone(model)
    assert copy is not model and copy.get_params() == model.get_params()
    assert copy.set_params(fairness=0.1, seed=5) is copy
    assert (copy.fairness, copy.seed, model.fairness) == (0.1, 5, 0.7)
    with pytest.raises(ValueError, match="Invalid parameter 'lambda_f'"):
        copy.set_params(lambda_f=1)


def test_an_unfitted_estimator_can_be_pickled():
    model = FairMEDLClassifier(hidden=(3,), fairness=0.7)
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()


def test_fit_returns_itself_and_leaves_its_params_alone(full):
    assert full.hidden == (4,) and full.epochs == 2
    assert clone(full).get_params() == full.get_params()
    assert not hasattr(clone(full), "model_")


def test_what_fit_learned_has_scikit_learns_names(full):
    assert full.classes_.tolist() == [0, 1]
    assert full.feature_names_in_.tolist() == ["age", "score", "job"]
    assert full.n_features_in_ == 3
    labels = {name: part.tolist() for name, part in full.clusters_.items()}
    assert labels == {"region": ["east", "north", "south"]}
    groups = {name: part.tolist() for name, part in full.groups_.items()}
    assert groups == {"sex": ["f", "m"], "band": ["middle", "old", "young"]}


@pytest.mark.usefixtures("shared_graphs")
def test_cross_validation_passes_clusters_and_attributes_on(tiny):
    with sklearn.config_context(enable_metadata_routing=True):
        model = FairMEDLClassifier(**TINY | {"random_effects": "intercept", "cluster_adversary": 0})
        model.set_fit_request(clusters=True, sensitive_features=True)
        model.set_score_request(clusters=True)
        done = cross_validate(
            model,
            tiny.x,
            tiny.y,
            cv=2,
            params={"clusters": tiny.clusters, "sensitive_features": tiny.sensitive},
            return_estimator=True,
            return_indices=True,
            error_score="raise",
        )
    for number, fitted in enumerate(done["estimator"]):
        part = tiny.take(done["indices"]["test"][number])
        predicted = fitted.predict(part.x, clusters=part.clusters)
        assert done["test_score"][number] == accuracy_score(part.y, predicted)
        assert list(fitted.groups_) == ["sex", "band"]


def test_probabilities_are_shares_of_the_two_classes(full, tiny):
    p = full.predict_proba(tiny.x, clusters=tiny.clusters)
    assert p.shape == (240, 2) and ((p > 0) & (p < 1)).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_classes_may_be_strings(odd, tiny):
    clusters = tiny.clusters.map({"east": 30, "north": 10, "south": 20})
    assert odd.classes_.tolist() == ["no", "yes"]
    assert odd.clusters_["region"].tolist() == [10, 20, 30]
    p = odd.predict_proba(tiny.x, clusters=clusters)[:, 1]
    predicted = odd.predict(tiny.x, clusters=clusters)
    np.testing.assert_array_equal(predicted, np.where(p >= 0.5, "yes", "no"))
    score = odd.score(tiny.x, predicted, clusters=clusters)
    assert score == 1


def test_score_is_weighted_accuracy(full, tiny):
    weight = np.arange(240)
    right = full.predict(tiny.x, clusters=tiny.clusters) == tiny.y
    assert 0 < right.mean() < 1
    score = full.score(tiny.x, tiny.y, clusters=tiny.clusters, sample_weight=weight)
    assert score == pytest.approx(np.average(right, weights=weight))


def test_same_seed_same_predictions_whatever_was_drawn_before(full, tiny):
    np.random.seed(123)
    random.seed(123)
    again = fit(tiny, cluster_predictor=True)
    for effects in ("fixed", "random", "mixed"):
        np.testing.assert_array_equal(
            positive(again, tiny, effects=effects), positive(full, tiny, effects=effects)
        )
    options = {"clusters": None, "unseen": "predict"}
    np.testing.assert_array_equal(
        again.predict_proba(tiny.x, **options), full.predict_proba(tiny.x, **options)
    )


def test_a_fit_on_kept_graphs_is_the_same(full, tiny, twins):
    with twins.shared():
        fit(make_rows(130, seed=5), cluster_predictor=True, seed=4)
        again = fit(tiny, cluster_predictor=True)
        assert len(twins.models) == 2  # the model's and the cluster predictor's
    for effects in ("fixed", "random", "mixed"):
        np.testing.assert_array_equal(
            positive(again, tiny, effects=effects), positive(full, tiny, effects=effects)
        )
    np.testing.assert_array_equal(
        again.predict_proba(tiny.x, unseen="predict"), full.predict_proba(tiny.x, unseen="predict")
    )
    pd.testing.assert_frame_equal(again.history_, full.history_)


@pytest.mark.usefixtures("shared_graphs")
def test_another_seed_gives_other_predictions(plain, tiny):
    other = FairMEDLClassifier(**TINY | PLAIN | {"seed": 1}).fit(tiny.x, tiny.y)
    assert not np.allclose(other.predict_proba(tiny.x), plain.predict_proba(tiny.x))


def test_fit_leaves_the_global_random_states_alone(tiny):
    np.random.seed(5)
    random.seed(5)
    expected = np.random.random(3), [random.random() for _ in range(3)]
    np.random.seed(5)
    random.seed(5)
    FairMEDLClassifier(**TINY | PLAIN | {"epochs": 1}).fit(tiny.x, tiny.y)
    np.testing.assert_array_equal(np.random.random(3), expected[0])
    assert [random.random() for _ in range(3)] == expected[1]


LOAD = """
import sys, numpy as np, pandas as pd
from fairmedl_lite import FairMEDLClassifier
model = FairMEDLClassifier.load(sys.argv[1])
x, clusters = pd.read_pickle(sys.argv[2]), pd.read_pickle(sys.argv[3])
out = {}
for effects in ("fixed", "random", "mixed"):
    for unseen in ("fixed", "prior", "predict"):
        out[f"{effects} {unseen}"] = model.predict_proba(
            x, clusters=clusters, effects=effects, unseen=unseen)
np.savez(sys.argv[4], **out)
"""


def test_a_saved_model_predicts_identically_in_a_new_process(full, new, tmp_path):
    full.save(tmp_path / "model")
    new.x.to_pickle(tmp_path / "x")
    new.clusters.to_pickle(tmp_path / "clusters")
    paths = [str(tmp_path / name) for name in ("model", "x", "clusters", "out.npz")]
    done = subprocess.run([sys.executable, "-c", LOAD, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "out.npz") as out:
        assert len(out) == 9
        for name in out:
            effects, unseen = name.split()
            expected = positive(full, new, effects=effects, unseen=unseen)
            np.testing.assert_array_equal(out[name][:, 1], expected, err_msg=name)


@pytest.mark.parametrize("which", ["full", "odd", "plain"])
def test_a_loaded_model_is_the_saved_one(which, request, tmp_path):
    model = request.getfixturevalue(which)
    model.save(tmp_path / "model")
    loaded = FairMEDLClassifier.load(tmp_path / "model")
    assert loaded.get_params() == model.get_params()
    assert loaded.classes_.tolist() == model.classes_.tolist()
    assert list(loaded.clusters_) == list(model.clusters_)
    for variable, labels in model.clusters_.items():
        assert loaded.clusters_[variable].equals(labels)
    assert loaded.groups_.keys() == model.groups_.keys()
    assert loaded.chance_levels_ == model.chance_levels_
    pd.testing.assert_frame_equal(loaded.history_, model.history_)
    assert loaded.feature_names_in_.tolist() == model.feature_names_in_.tolist()


def test_fixed_and_random_effects_add_up_on_the_logit_scale(full, tiny):
    fixed, rand, mixed = (
        logit(positive(full, tiny, effects=effects)) for effects in ("fixed", "random", "mixed")
    )
    assert np.abs(rand).max() > 0
    np.testing.assert_allclose(mixed, fixed + rand, rtol=1e-4, atol=1e-6)


def test_fixed_effects_need_no_cluster(full, tiny):
    without = full.predict_proba(tiny.x, effects="fixed")[:, 1]
    np.testing.assert_array_equal(without, positive(full, tiny, effects="fixed"))


def test_a_model_without_cluster_parts_needs_no_clusters(plain, tiny):
    p = plain.predict_proba(tiny.x)
    np.testing.assert_array_equal(p, plain.predict_proba(tiny.x, clusters=tiny.clusters))
    np.testing.assert_array_equal(p, plain.predict_proba(tiny.x, effects="fixed"))


def test_unseen_fixed_is_the_fixed_effects_for_new_clusters_only(full, new, is_new):
    p = positive(full, new, unseen="fixed")
    np.testing.assert_allclose(p[is_new], positive(full, new, effects="fixed")[is_new], rtol=1e-6)
    seen = new.take(~is_new)
    np.testing.assert_allclose(p[~is_new], positive(full, seen), rtol=1e-6)


def test_no_clusters_means_that_all_are_new(full, new):
    p = full.predict_proba(new.x, clusters=None, unseen="fixed")
    np.testing.assert_allclose(p, full.predict_proba(new.x, effects="fixed"), rtol=1e-6)


@pytest.fixture(scope="module")
def wide(full, tmp_path_factory):
    """The full model with a prior so wide that averaging over it shows."""
    path = tmp_path_factory.mktemp("wide") / "model"
    full.save(path)
    model = FairMEDLClassifier.load(path)
    (effects,) = model.model_.random_effects
    mean, log_scale, _ = effects.get_weights()
    effects.set_weights([mean, log_scale, np.linspace(0, 0.5, 5) / SPEED])
    return model


def last_hidden(model, data):
    x = model.encoder_.transform(data.x)
    for layer in model.model_.hidden_layers:
        x = np.maximum(x @ np.asarray(layer.kernel) + np.asarray(layer.bias), 0)
    return x


def test_unseen_prior_is_the_average_over_clusters_drawn_from_it(wide, new, is_new):
    fixed = logit(positive(wide, new, effects="fixed"))
    scale = np.exp(np.asarray(wide.model_.random_effects[0].prior_log_scale))
    effects = np.random.default_rng(0).normal(size=(20_000, 5)) * scale
    design = np.column_stack([np.ones(len(new)), last_hidden(wide, new)])
    draws = expit(fixed[:, None] + design @ effects.T)
    error = draws.std(axis=1) / len(effects) ** 0.5
    p = positive(wide, new, unseen="prior")
    assert (np.abs(p - draws.mean(axis=1)) < 5 * error)[is_new].all()
    seen = new.take(~is_new)
    np.testing.assert_allclose(p[~is_new], positive(wide, seen), rtol=1e-6)


def test_unseen_prior_lies_nearer_to_one_half(wide, new, is_new):
    fixed = positive(wide, new, effects="fixed")[is_new] - 0.5
    prior = positive(wide, new, unseen="prior")[is_new] - 0.5
    assert (np.sign(prior) == np.sign(fixed)).all()
    assert (np.abs(prior) < np.abs(fixed)).all()


def test_unseen_predict_weighs_the_seen_clusters_effects(full, new, is_new):
    share = np.asarray(full.cluster_predictors_[0](full.encoder_.transform(new.x)))
    each = [
        logit(full.predict_proba(new.x, clusters=[label] * len(new), effects="random")[:, 1])
        for label in full.clusters_["region"]
    ]
    fixed = logit(positive(full, new, effects="fixed"))
    expected = expit(fixed + np.sum(share * np.transpose(each), axis=1))
    p = positive(full, new, unseen="predict")
    np.testing.assert_allclose(p[is_new], expected[is_new], rtol=1e-4)
    seen = new.take(~is_new)
    np.testing.assert_allclose(p[~is_new], positive(full, seen), rtol=1e-6)
    all_new = full.predict_proba(new.x, unseen="predict")[:, 1]
    np.testing.assert_allclose(all_new, expected, rtol=1e-4)


@pytest.mark.usefixtures("shared_graphs")
def test_doubling_all_weights_doubles_the_rows_and_nothing_else(full, tiny):
    model = FairMEDLClassifier(**TINY, cluster_predictor=True)
    model.fit(
        tiny.x,
        tiny.y,
        clusters=tiny.clusters,
        sensitive_features=tiny.sensitive,
        sample_weight=np.full(240, 2.0),
    )
    np.testing.assert_allclose(positive(model, tiny), positive(full, tiny), rtol=1e-3)
    assert model.chance_levels_ == pytest.approx(full.chance_levels_)
    assert float(model.model_.rows) == 480 and float(full.model_.rows) == 240


@pytest.mark.usefixtures("shared_graphs")
def test_rows_of_weight_zero_have_no_influence(tiny):
    """Their outcome, cluster and groups may change, and no prediction does."""
    silent = np.arange(240) % 4 == 0
    weight = np.where(silent, 0.0, 1.0)
    turned = pd.Series(np.where(silent, 1 - tiny.y, tiny.y))
    clusters = tiny.clusters.where(~silent, "east")
    sensitive = tiny.sensitive.where(~pd.Series(silent), tiny.sensitive.iloc[::-1].to_numpy())
    models = [
        FairMEDLClassifier(**TINY | {"batch_size": 240}).fit(
            tiny.x, y, clusters=z, sensitive_features=s, sample_weight=weight
        )
        for y, z, s in (
            (tiny.y, tiny.clusters, tiny.sensitive),
            (turned, clusters, sensitive),
        )
    ]
    for effects in ("fixed", "mixed"):
        first, second = (positive(model, tiny, effects=effects) for model in models)
        np.testing.assert_allclose(first, second, rtol=1e-5)


def test_weights_matter(plain, tiny):
    model = FairMEDLClassifier(**TINY | PLAIN)
    model.fit(tiny.x, tiny.y, sample_weight=np.where(tiny.y == 1, 5.0, 1.0))
    assert np.mean(model.predict_proba(tiny.x)[:, 1] - plain.predict_proba(tiny.x)[:, 1]) > 0


def test_order_of_columns_and_of_rows_does_not_matter(full, new):
    p = positive(full, new, unseen="prior")
    turned = full.predict_proba(
        new.x[["job", "score", "age"]], clusters=new.clusters, unseen="prior"
    )
    np.testing.assert_array_equal(turned[:, 1], p)
    np.testing.assert_allclose(
        positive(full, new.take(slice(None, None, -1)), unseen="prior"), p[::-1], rtol=1e-5
    )


def test_clusters_are_matched_by_row_not_by_index(full, tiny):
    """An index that one side alone has says nothing of the other's rows; two that differ do."""
    named = tiny.clusters.set_axis([f"row {number}" for number in range(240)])
    p = full.predict_proba(tiny.x, clusters=named)[:, 1]
    np.testing.assert_array_equal(p, positive(full, tiny))
    with pytest.raises(ValueError, match="must have one index"):
        full.predict_proba(tiny.x, clusters=tiny.clusters.set_axis(np.arange(240)[::-1]))


def test_history_has_a_column_for_each_term(full, plain, odd):
    assert set(full.history_) == {
        *["loss", "mixed", "fixed", "kl", "cluster_adversary"],
        *["fairness_fixed", "fairness_mixed"],
    }
    assert set(odd.history_) == {"loss", "mixed", "fixed", "kl", "fairness_fixed", "fairness_mixed"}
    assert set(plain.history_) == {"loss", "mixed"}
    assert full.history_.index.name == "epoch" and len(full.history_) == 2
    assert np.isfinite(full.history_).all(axis=None)


def test_chance_levels_by_hand(full, plain, odd, tiny):
    share = tiny.clusters.value_counts(normalize=True)
    levels = full.chance_levels_
    assert levels["cluster_adversary"] == pytest.approx(-np.sum(share * np.log(share)))
    # An attribute of K groups weighs K - 1: log 2 weighs 1 of 3, log 3 weighs 2 of 3, times 2 / 2.
    assert levels["fairness"] == pytest.approx((1 * np.log(2) + 2 * np.log(3)) / 3)
    # Positives carry three quarters; two of three groups have some.
    by_hand = 0.75 * np.log(2) + 0.25 * np.log(3)
    assert odd.chance_levels_["fairness"] == pytest.approx(by_hand)
    assert plain.chance_levels_ == {}


def test_ladder_switches_the_papers_parts():
    rungs = ladder(hidden=(3,), random_effects="intercept", cluster_adversary=0.3, fairness=0.4)
    parts = {
        name: (model.random_effects, model.cluster_adversary, model.fairness)
        for name, model in rungs.items()
    }
    assert parts == {
        "NNet": (None, 0, 0),
        "Fair NNet": (None, 0, 0.4),
        "DA-NNet": (None, 0.3, 0),
        "Fair DA-NNet": (None, 0.3, 0.4),
        "MEDL-NNet": ("intercept", 0.3, 0),
        "Fair MEDL-NNet": ("intercept", 0.3, 0.4),
    }
    assert list(parts)[0] == "NNet" and list(parts)[-1] == "Fair MEDL-NNet"
    assert {model.hidden for model in rungs.values()} == {(3,)}


def test_ladder_uses_the_classs_own_defaults():
    top = ladder()["Fair MEDL-NNet"]
    assert top.get_params() == FairMEDLClassifier().get_params()


def test_cluster_effects_are_those_of_the_prediction(full, tiny):
    effects = full.cluster_effects(tiny.x, clusters=tiny.clusters).set_index("cluster")
    random_logit = pd.Series(logit(positive(full, tiny, effects="random")))
    means = random_logit.groupby(tiny.clusters).mean()
    np.testing.assert_allclose(effects["mean"], means, rtol=1e-3, atol=1e-6)
    assert effects["rows"].to_dict() == tiny.clusters.value_counts().to_dict()
    np.testing.assert_allclose(
        effects["high"] - effects["mean"], 1.644854 * effects["sd"], rtol=1e-4
    )
    np.testing.assert_allclose(
        effects["mean"] - effects["low"], 1.644854 * effects["sd"], rtol=1e-4
    )


def test_cluster_effects_need_random_effects(plain, tiny):
    with pytest.raises(ValueError, match="cluster_effects needs random effects"):
        plain.cluster_effects(tiny.x, clusters=tiny.clusters)
