"""Scorers for scikit-learn's searches, which know the cluster and the groups of each row."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score

from fairmedl_lite import checks
from fairmedl_lite.metrics.performance import youden_threshold
from fairmedl_lite.metrics.rates import fairness_report, regression_fairness_report

METRICS = ("auroc", "log_loss", "mse", "spread")


def cluster_scorer(
    metric: str,
    *,
    clusters: pd.Series | pd.DataFrame,
    sensitive_features: pd.DataFrame | None = None,
    effects: str = "mixed",
    unseen: str | None = "fixed",
) -> Callable:
    """A scorer for `GridSearchCV` and its like, whose own pass no clusters to a prediction.

    A row's cluster is found by its index, so every row has one of its own. A higher score is
    better: losses and the spread are negative.

    Args:
        metric: `"auroc"`, `"log_loss"`, `"mse"`; or `"spread"`, the mean over the attributes of
            `sd_noise_removed`: of the TPR at Youden's threshold of the scored rows, or for a
            regressor of the mean residual.
        clusters: Series or DataFrame of all rows, as in `fit`.
        sensitive_features: DataFrame of all rows. Needed for `"spread"`.
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
        predict = {"clusters": clusters.loc[X.index], "effects": effects, "unseen": unseen}
        groups = None if sensitive_features is None else sensitive_features.loc[X.index]
        if hasattr(estimator, "predict_proba"):
            positive = np.asarray(y == estimator.classes_[1], dtype=int)
            return _of_chances(metric, positive, estimator.predict_proba(X, **predict), groups)
        return _of_numbers(metric, y, estimator.predict(X, **predict), groups)

    return score


def _of_chances(metric, positive, chances, groups):
    checks.check_choice("metric of a classifier", metric, ("auroc", "log_loss", "spread"))
    score = chances[:, 1]
    if metric == "auroc":
        return roc_auc_score(positive, score)
    if metric == "log_loss":
        return -log_loss(positive, score)
    options = {"sensitive_features": groups, "threshold": youden_threshold(positive, score)}
    return _spread(fairness_report(positive, score, **options), "tpr")


def _of_numbers(metric, y, predicted, groups):
    checks.check_choice("metric of a regressor", metric, ("mse", "spread"))
    if metric == "mse":
        return -mean_squared_error(y, predicted)
    report = regression_fairness_report(y, predicted, sensitive_features=groups)
    return _spread(report, "mean_residual")


def _spread(report, metric):
    """Minus the mean spread of the attributes that have two groups with enough cases."""
    return -report.loc[report["metric"] == metric, "sd_noise_removed"].mean()
