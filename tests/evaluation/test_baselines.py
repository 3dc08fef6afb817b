"""The methods beside ours keep their definitions, and the call of our estimators."""

import sys
from importlib.util import find_spec

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import TINY, make_rows
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from fairmedl_lite.estimator.estimators import FairMEDLClassifier
from fairmedl_lite.evaluation.baselines import Method, Reweighing, ThresholdPostProcessing
from fairmedl_lite.evaluation.compare import compare
from fairmedl_lite.evaluation.peers import FairlearnAdversary, GPBoost


class Linear(Method):
    """Logistic regression on the score alone, which keeps what it was fitted with."""

    def __init__(self, seed=0):
        self.seed = seed

    def fit(self, X, y, *, sample_weight=None, **options):
        self.rows_, self.y_, self.sample_weight_ = X.index, y, sample_weight
        self.options_ = options
        self.model_ = LogisticRegression().fit(X[["score"]], y, sample_weight)
        self.classes_ = self.model_.classes_
        return self

    def _positive(self, X, clusters, effects, unseen):
        return self.model_.predict_proba(X[["score"]])[:, 1]


def learn(model, data):
    return model.fit(data.x, data.y, clusters=data.clusters, sensitive_features=data.sensitive)


def decide(model, data, **options):
    groups = {"clusters": data.clusters, "sensitive_features": data.sensitive}
    return model.predict_decisions(data.x, **groups, **options)


@pytest.fixture(scope="module")
def new():
    return make_rows(2000, seed=5)


def test_thresholds_are_those_of_fairlearn_on_the_rows_that_were_kept(tiny, new):
    model = learn(ThresholdPostProcessing(Linear(), "band", seed=3), tiny)
    inner = model.estimator_
    kept = tiny.x.index.difference(inner.rows_)
    assert len(kept) == len(tiny) / 4
    optimizer = ThresholdOptimizer(
        estimator=inner.model_,
        constraints="equalized_odds",
        objective="balanced_accuracy_score",
        prefit=True,
        predict_method="predict_proba",
    )
    bands = tiny.sensitive.loc[kept, "band"]
    optimizer.fit(tiny.x.loc[kept, ["score"]], tiny.y[kept], sensitive_features=bands)
    expected = optimizer.predict(
        new.x[["score"]], sensitive_features=new.sensitive["band"], random_state=3
    )
    decisions = decide(model, new)
    assert decisions.tolist() == expected.tolist()
    assert decisions.tolist() == decide(model, new).tolist()
    assert set(decisions) == {0, 1}


def test_the_kept_quarter_has_every_group_and_outcome_in_its_share(tiny):
    model = learn(ThresholdPostProcessing(Linear(), "band", seed=1), tiny)
    kept = tiny.x.index.difference(model.estimator_.rows_)
    whole = pd.crosstab(tiny.sensitive["band"], tiny.y)
    share = pd.crosstab(tiny.sensitive["band"][kept], tiny.y[kept])
    assert (abs(share - whole / 4) < 1).all(axis=None)
    other = learn(ThresholdPostProcessing(Linear(), "band", seed=2), tiny)
    assert list(other.estimator_.rows_) != list(model.estimator_.rows_)


def test_thresholds_of_their_own_bring_equal_rates_where_one_threshold_does_not():
    random = np.random.default_rng(0)
    rows = 20_000
    group, y = random.choice(["a", "b"], rows), random.integers(0, 2, rows)
    score = y + 1.5 * (group == "a") + random.normal(size=rows)
    x, sensitive = pd.DataFrame({"score": score}), pd.DataFrame({"group": group})
    model = ThresholdPostProcessing(Linear(), "group").fit(x, y, sensitive_features=sensitive)

    def gap(decisions):
        rates = pd.Series(decisions).groupby([y, group]).mean().unstack()
        return abs(rates["a"] - rates["b"]).max()

    assert gap(model.predict(x)) > 0.3
    assert gap(model.predict_decisions(x, sensitive_features=sensitive)) < 0.05


def test_post_processing_leaves_the_probabilities_of_every_effect_alone(tiny):
    settings = TINY | {"cluster_adversary": 0, "fairness": 0, "epochs": 1}
    model = learn(ThresholdPostProcessing(FairMEDLClassifier(**settings), "sex"), tiny)
    for effects in ("fixed", "mixed", "random"):
        options = {"clusters": tiny.clusters, "effects": effects}
        inner = model.estimator_.predict_proba(tiny.x, **options)
        np.testing.assert_allclose(model.predict_proba(tiny.x, **options), inner)
        assert len(decide(model, tiny, effects=effects)) == len(tiny)
    assert model.random_effects == "slopes"


def test_a_group_without_thresholds_is_refused(tiny):
    model = learn(ThresholdPostProcessing(Linear(), "band"), tiny)
    strange = tiny.sensitive.assign(band="unknown")
    with pytest.raises(ValueError, match=r"'band' must be among \['middle'.*Received: \['unk"):
        model.predict_decisions(tiny.x, sensitive_features=strange)


def test_a_group_with_too_few_rows_of_a_class_is_refused(tiny):
    few = tiny.sensitive.assign(sex=np.where(tiny.x.index == 0, "x", tiny.sensitive["sex"]))
    with pytest.raises(ValueError, match="must have 4 rows of each class.*'x', 0.*Pool small"):
        ThresholdPostProcessing(Linear(), "sex").fit(tiny.x, tiny.y, sensitive_features=few)


@pytest.mark.parametrize("groups", [None, pd.DataFrame({"other": ["a", "b"] * 120})])
def test_an_attribute_that_is_not_there_is_asked_for(tiny, groups):
    for model in (ThresholdPostProcessing(Linear(), "sex"), Reweighing(Linear(), ["sex"])):
        with pytest.raises(ValueError, match="must have the attribute 'sex'. Received"):
            model.fit(tiny.x, tiny.y, sensitive_features=groups)


def test_weights_by_hand():
    # Kamiran and Calders: P(s) P(y) / P(s, y). Of 10 rows 4 are f, 6 positive, 1 both.
    sex, y = ["f"] * 4 + ["m"] * 6, [1, 0, 0, 0, 1, 1, 1, 1, 1, 0]
    x = pd.DataFrame({"score": np.arange(10.0)})
    model = Reweighing(Linear(), ["sex"]).fit(x, y, sensitive_features=pd.DataFrame({"sex": sex}))
    f1, f0, m1, m0 = 4 * 6 / 10, 4 * 4 / 30, 6 * 6 / 50, 6 * 4 / 10
    weights = [f1, f0, f0, f0, m1, m1, m1, m1, m1, m0]
    np.testing.assert_allclose(model.estimator_.sample_weight_, weights)
    assert model.cells_["rows"].tolist() == [3, 1, 1, 5]
    np.testing.assert_allclose(model.cells_["weight"], [f0, f1, m0, m1])


def test_weights_make_the_outcome_independent_of_the_joint_group(tiny):
    model = learn(Reweighing(Linear(), ["sex", "band"]), tiny)
    weight = model.estimator_.sample_weight_
    table = tiny.sensitive.assign(weight=weight, positive=weight * tiny.y)
    sums = table.groupby(["sex", "band"])[["positive", "weight"]].sum()
    np.testing.assert_allclose(sums["positive"] / sums["weight"], tiny.y.mean())
    assert weight.sum() == pytest.approx(len(tiny))


def test_a_joint_group_with_one_outcome_keeps_the_share_of_that_outcome():
    y = [0, 0, 1, 1]
    x = pd.DataFrame({"score": [0.0, 1.0, 2.0, 3.0]})
    groups = pd.DataFrame({"sex": ["f", "m", "m", "m"]})
    model = Reweighing(Linear(), ["sex"]).fit(x, y, sensitive_features=groups)
    np.testing.assert_allclose(model.estimator_.sample_weight_, [0.5, 1.5, 0.75, 0.75])


def test_a_wrapper_gives_its_seed_and_all_parts_to_a_copy_of_the_estimator(tiny):
    inner = Linear(seed=1)
    model = learn(Reweighing(inner, ["sex"], seed=7), tiny)
    assert model.estimator_.seed == 7 and inner.seed == 1 and not hasattr(inner, "model_")
    assert model.estimator_.options_["clusters"] is tiny.clusters
    assert model.estimator_.options_["sensitive_features"] is tiny.sensitive


@pytest.mark.parametrize(
    "model",
    [
        ThresholdPostProcessing(Linear(), "sex", constraint="demographic_parity"),
        Reweighing(Linear(), ["sex", "band"], seed=2),
        FairlearnAdversary("band", hidden=(3,), alpha=0.5),
        GPBoost(trees=3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_clone_and_set_params(model):
    copy = clone(model).set_params(seed=9)
    assert copy.seed == 9 and model.seed != 9
    params = {name: value for name, value in copy.get_params(deep=False).items()}
    assert set(params) == set(model.get_params(deep=False))


def test_predictions_are_classes_of_the_data(tiny):
    y = tiny.y.map({0: "no", 1: "yes"})
    model = Reweighing(Linear(), ["sex"]).fit(tiny.x, y, sensitive_features=tiny.sensitive)
    positive = model.predict_proba(tiny.x)[:, 1] >= 0.5
    assert model.predict(tiny.x).tolist() == np.where(positive, "yes", "no").tolist()


needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="fairlearn's adversary runs on TensorFlow"
)


@needs_tensorflow
@pytest.mark.parametrize("attribute", ["sex", "band"])
def test_the_adversary_is_fairlearns_and_has_its_seed(tiny, attribute):
    model = FairlearnAdversary(attribute, hidden=(4,), epochs=2, batch_size=64, seed=3)
    first = learn(clone(model), tiny).predict_proba(tiny.x)
    assert first.shape == (240, 2) and np.isfinite(first).all()
    np.testing.assert_array_equal(first, learn(clone(model), tiny).predict_proba(tiny.x))
    other = learn(clone(model).set_params(seed=4), tiny).predict_proba(tiny.x)
    assert not np.allclose(first, other)


@needs_tensorflow
def test_the_adversary_takes_away_what_tells_the_group():
    random = np.random.default_rng(0)
    rows = 1000
    group, signal = random.integers(0, 3, rows), random.normal(size=rows)
    y = (signal + group + random.normal(size=rows) > 1).astype(int)
    x = pd.DataFrame({"signal": signal, "group": group})
    sensitive = pd.DataFrame({"group": group.astype(str)})

    def gap(alpha):
        model = FairlearnAdversary("group", (8,), alpha, 6, batch_size=100, learning_rate=0.02)
        score = model.fit(x, y, sensitive_features=sensitive).predict_proba(x)[:, 1]
        assert roc_auc_score(y, score) > 0.7
        return pd.Series(score)[y == 1].groupby(group[y == 1]).mean().std(ddof=0)

    assert gap(1.0) < 0.5 * gap(0.0)


def test_gpboost_that_is_not_installed_says_so(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "gpboost", None)
    with pytest.raises(ImportError, match=r"pip install 'fairmedl_lite\[gpboost\]'"):
        learn(GPBoost(), tiny)


@pytest.fixture(scope="module")
def boosted(tiny):
    pytest.importorskip("gpboost", reason="the extra gpboost is not installed")
    return learn(GPBoost(trees=20, leaves=4), tiny)


def test_gpboost_adds_fixed_and_random_effects_on_the_logit_scale(boosted, tiny):
    def logit(effects):
        share = boosted.predict_proba(tiny.x, clusters=tiny.clusters, effects=effects)[:, 1]
        return np.log(share / (1 - share))

    np.testing.assert_allclose(logit("mixed"), logit("fixed") + logit("random"), atol=1e-9)
    by_cluster = pd.Series(logit("random")).groupby(tiny.clusters.to_numpy())
    assert by_cluster.nunique().tolist() == [1, 1, 1]
    assert by_cluster.first().index[by_cluster.first().argsort()].tolist() == [
        "east",
        "north",
        "south",
    ]


def test_gpboost_gives_a_new_cluster_no_effect_and_only_if_asked(boosted, tiny):
    west = pd.Series(["west"] * len(tiny))
    with pytest.raises(ValueError, match="Received: 240 rows of new ones. Pass unseen='fixed'"):
        boosted.predict_proba(tiny.x, clusters=west)
    mixed = boosted.predict_proba(tiny.x, clusters=west, unseen="fixed")
    fixed = boosted.predict_proba(tiny.x, effects="fixed")
    np.testing.assert_allclose(mixed, fixed)
    with pytest.raises(ValueError, match="unseen must be one of"):
        boosted.predict_proba(tiny.x, clusters=west, unseen="prior")


def test_the_experiments_take_every_method(tiny):
    methods = {
        "thresholds": ThresholdPostProcessing(Linear(), "sex"),
        "weights": Reweighing(Linear(), ["sex", "band"]),
        "adversary": FairlearnAdversary("sex", hidden=(2,), epochs=1),
        "boosting": GPBoost(trees=2),
    }
    if keras.backend.backend() != "tensorflow":
        methods.pop("adversary")
    if find_spec("gpboost") is None:
        methods.pop("boosting")
    table = compare(methods, make_rows(600), seeds=[0], unseen_clusters=["south"], jobs=1)
    assert table["error"].unique().tolist() == [""]
    found = table[table["metric"] == "accuracy"].groupby("model")["threshold"].unique()
    assert found.pop("thresholds").tolist() == ["own"]
    assert all("youden" in thresholds for thresholds in found)
    effects = table.groupby("model")["effects"].unique().map(set)
    assert effects["weights"] == {"mixed"}
    assert effects.get("boosting", {"fixed"}) >= {"fixed"}
