"""A scorer of a search gives each row its cluster and its groups, wherever the fold has put it."""

import numpy as np
import pandas as pd
import pytest
from conftest import make_rows
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, KFold

from fairmedl_lite.evaluation.scoring import cluster_scorer
from fairmedl_lite.metrics.performance import youden_threshold
from fairmedl_lite.metrics.random_effect import random_effect_spread
from fairmedl_lite.metrics.rates import group_report


class Means(ClassifierMixin, BaseEstimator):
    """Knows each cluster's share of positives, and nothing else."""

    def __init__(self, slope=1.0):
        self.slope = slope

    def fit(self, X, y, *, clusters, sensitive_features):
        assert clusters.index.equals(X.index) and sensitive_features.index.equals(X.index)
        self.classes_ = np.unique(y)
        self.means_ = (y == self.classes_[1]).groupby(clusters).mean()
        return self

    def predict_proba(self, X, *, clusters, effects, unseen):
        assert clusters.index.equals(X.index) and (effects, unseen) == ("mixed", "fixed")
        positive = expit(clusters.map(self.means_).astype(float) + self.slope * X["score"])
        return np.column_stack([1 - positive, positive])


@pytest.fixture(scope="module")
def data():
    data = make_rows(600)
    return data.take(np.random.default_rng(0).permutation(600))


def test_a_search_scores_each_fold_by_its_own_rows(data):
    weights = pd.Series(np.random.default_rng(1).uniform(0.5, 2, len(data)), data.x.index)
    groups = {"clusters": data.clusters, "sensitive_features": data.sensitive}
    y = data.y.map({0: "no", 1: "yes"})
    names = ("auroc", "log_loss", "spread")
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(
        Means(),
        {"slope": [0.0, 1.0]},
        scoring={
            f"{name}{number}": cluster_scorer(name, **groups, sample_weight=given)
            for name in names
            for number, given in enumerate((None, weights))
        },
        refit="auroc0",
        cv=folds,
    ).fit(data.x, y, **groups)
    for number, (train, test) in enumerate(folds.split(data.x)):
        part, rows = data.take(train), data.take(test)
        model = Means(1.0).fit(
            part.x, y.iloc[train], clusters=part.clusters, sensitive_features=part.sensitive
        )
        options = {"clusters": rows.clusters, "effects": "mixed", "unseen": "fixed"}
        score = model.predict_proba(rows.x, **options)[:, 1]
        for given, weighted in enumerate(({}, {"sample_weight": weights.iloc[test]})):
            cut = {"threshold": youden_threshold(rows.y, score, **weighted)}
            report = group_report(
                rows.y, score, sensitive_features=rows.sensitive, **cut, **weighted
            )
            spread = random_effect_spread(report).query("metric == 'tpr'")["sd_rate"].mean()
            found = [search.cv_results_[f"split{number}_test_{name}{given}"][1] for name in names]
            assert found == pytest.approx(
                [
                    roc_auc_score(rows.y, score, **weighted),
                    -log_loss(rows.y, score, **weighted),
                    -spread,
                ],
                abs=1e-12,
            )
    assert search.best_params_ == {"slope": 1.0}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"metric": "f1"}, "metric must be one of .*'spread'"),
        ({"metric": "spread"}, "'spread' needs sensitive_features"),
        ({"clusters": pd.Series(["a", "b"], index=[0, 0])}, "index of its own. Received: 1 that"),
    ],
)
def test_a_scorer_that_cannot_be_made(options, message):
    usual = {"metric": "auroc", "clusters": pd.Series(["a", "b"])}
    with pytest.raises(ValueError, match=message):
        cluster_scorer(**usual | options)


def test_a_metric_of_another_task_is_refused(data):
    model = Means().fit(data.x, data.y, clusters=data.clusters, sensitive_features=data.sensitive)
    scorer = cluster_scorer("mse", clusters=data.clusters, sensitive_features=data.sensitive)
    with pytest.raises(ValueError, match="metric of a classifier must be one of .*'auroc'"):
        scorer(model, data.x, data.y)


def test_a_regressor_is_scored_by_its_error_and_its_spread(data):
    class Line:
        def predict(self, X, *, clusters, effects, unseen):
            return X["score"].to_numpy()

    sex, noise = data.sensitive["sex"], np.random.default_rng(2).normal(size=len(data))
    y = data.x["score"] + (sex == "f") + 0.01 * noise
    weights = 1.0 + (sex == "f")  # women count twice
    options = {"clusters": data.clusters, "sensitive_features": data.sensitive[["sex"]]}
    rows = slice(100, 400)
    part = data.x.iloc[rows], y.iloc[rows]
    women = (sex.iloc[rows] == "f").mean()
    assert cluster_scorer("mse", **options)(Line(), *part) == pytest.approx(-women, rel=0.01)
    assert cluster_scorer("spread", **options)(Line(), *part) == pytest.approx(-0.5, rel=0.01)
    scorer = cluster_scorer("mse", sample_weight=weights, **options)
    assert scorer(Line(), *part) == pytest.approx(-2 * women / (1 + women), rel=0.01)


def test_a_spread_exists_also_where_groups_have_few_cases(data):
    model = Means().fit(data.x, data.y, clusters=data.clusters, sensitive_features=data.sensitive)
    scorer = cluster_scorer("spread", clusters=data.clusters, sensitive_features=data.sensitive)
    assert scorer(model, data.x.iloc[:30], data.y.iloc[:30]) < 0
