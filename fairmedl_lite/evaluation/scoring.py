"""Scorers for scikit-learn's searches, which know the cluster and the groups of each row."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score

from fairmedl_lite import checks
from fairmedl_lite.metrics.performance import youden_threshold
from fairmedl_lite.metrics.random_effect import random_effect_spread
from fairmedl_lite.metrics.rates import group_report, regression_group_report

METRICS = ("auroc", "log_loss", "mse", "spread")


def cluster_scorer(
    metric: str,
    *,
    clusters: pd.Series | pd.DataFrame,
    sensitive_features: pd.DataFrame | None = None,
    sample_weight: pd.Series | None = None,
    effects: str = "mixed",
    unseen: str | None = "fixed",
) -> Callable:
    """A scorer for `GridSearchCV` and its like, whose own pass no clusters to a prediction.

    A row's cluster is found by its index, so every row has one of its own. A higher score is
    better: losses and the spread are negative.

    Args:
        metric: `"auroc"`, `"log_loss"`, `"mse"`; or `"spread"`, the mean over the attributes of
            `sd_rate` of `random_effect_spread`: of the TPR at Youden's threshold of the scored
            rows, or for a regressor of the mean residual.
        clusters: Series or DataFrame of all rows, as in `fit`.
        sensitive_features: DataFrame of all rows. Needed for `"spread"`.
        sample_weight: Series of all rows, or `None`. It weights the scores; `fit` is given its own.
        effects: As in the estimator's `predict`.
        unseen: As in the estimator's `predict`.

    Returns:
        Function of `(estimator, X, y)`.

    Raises:
        ValueError: If the metric is unknown or lacks its attributes, or rows share an index.

    Example:
        >>> from sklearn.model_selection import GridSearchCV
        >>> data = simulate_hiring(firms=4, rows=40, seed=0).data
        >>> groups = {"clusters": data.clusters, "sensitive_features": data.sensitive}
        >>> model = FairMEDLClassifier(hidden=(4,), epochs=1)
        >>> scoring = {name: cluster_scorer(name, **groups) for name in ("auroc", "spread")}
        >>> search = GridSearchCV(model, {"fairness": [0, 1]}, scoring=scoring, refit=False, cv=2)
        >>> table = search.fit(data.x, data.y, **groups).cv_results_
        >>> table["mean_test_auroc"].shape, table["mean_test_spread"].shape
        ((2,), (2,))
    """
    checks.check_choice("metric", metric, METRICS)
    if metric == "spread" and sensitive_features is None:
        raise ValueError("'spread' needs sensitive_features. Received: None. Pass a DataFrame.")
    if not clusters.index.is_unique:
        raise ValueError(
            "Each row must have an index of its own. Received: "
            f"{int(clusters.index.duplicated().sum())} that repeat one. Use .reset_index."
        )

    def score(estimator, X, y):
        rows = X.index
        predict = {"clusters": clusters.loc[rows], "effects": effects, "unseen": unseen}
        groups = None if sensitive_features is None else sensitive_features.loc[rows]
        weights = None if sample_weight is None else sample_weight.loc[rows]
        if hasattr(estimator, "predict_proba"):
            positive = np.asarray(y == estimator.classes_[1], dtype=int)
            chances = estimator.predict_proba(X, **predict)[:, 1]
            return _of_chances(metric, positive, chances, groups, weights)
        return _of_numbers(metric, y, estimator.predict(X, **predict), groups, weights)

    return score


def _of_chances(metric, positive, score, groups, weights):
    checks.check_choice("metric of a classifier", metric, ("auroc", "log_loss", "spread"))
    weighted = {"sample_weight": weights}
    if metric == "auroc":
        return roc_auc_score(positive, score, **weighted)
    if metric == "log_loss":
        return -log_loss(positive, score, **weighted)
    threshold = youden_threshold(positive, score, **weighted)
    options = {"sensitive_features": groups, "threshold": threshold, **weighted}
    return _spread(group_report(positive, score, **options), "tpr")


def _of_numbers(metric, y, predicted, groups, weights):
    checks.check_choice("metric of a regressor", metric, ("mse", "spread"))
    weighted = {"sample_weight": weights}
    if metric == "mse":
        return -mean_squared_error(y, predicted, **weighted)
    report = regression_group_report(y, predicted, sensitive_features=groups, **weighted)
    return _spread(report, "mean_residual")


def _spread(report, metric):
    """Minus the mean over the attributes of a random effect's spread: it leaves no group out."""
    return -random_effect_spread(report[report["metric"] == metric])["sd_rate"].mean()
