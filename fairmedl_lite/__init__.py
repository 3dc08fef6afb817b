"""Fair mixed effects deep learning for clustered data (arXiv 2310.03146), in Keras 3."""

import os
from importlib import import_module

__version__ = "0.1.0"

# TensorFlow reads both when it loads: a quiet start, and the same last digits everywhere.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

_HOME = {
    "data.clustered": ["ClusteredData"],
    "data.own": ["doubts", "from_table"],
    "data.bundled": ["load_adult", "load_wage_panel"],
    "data.census": ["load_acs_income", "load_ipums"],
    "data.diabetes": ["load_diabetes_hospital"],
    "data.heritage": ["load_heritage_health"],
    "data.simulate": ["Simulated", "simulate_linear", "simulate_logistic", "simulate_spirals"],
    "data.hiring": ["simulate_hiring"],
    "data.split": ["Split", "split"],
    "model.reversal": ["GradientReversal"],
    "model.random_effects": ["RandomEffects"],
    "model.debiasing": ["AbsoluteCorrelation", "EqualizedOdds", "FairnessAdversary"],
    "model.cluster_predictor": ["ClusterPredictor"],
    "model.fair_medl": ["FairMEDL", "mix"],
    "estimator.estimators": ["FairMEDLClassifier", "FairMEDLRegressor", "ladder"],
    "metrics.performance": ["performance_report", "regression_report", "youden_threshold"],
    "metrics.rates": [
        "fairness_report",
        "group_report",
        "regression_fairness_report",
        "regression_group_report",
    ],
    "metrics.differences": ["group_differences"],
    "metrics.groups": ["intersections"],
    "metrics.intersections": ["intersectional_effects", "intersectional_spread"],
    "metrics.spread": ["spread_report"],
    "metrics.random_effect": ["random_effect_rates", "random_effect_spread"],
    "metrics.calibration": ["group_calibration_report"],
    "metrics.disparity": ["disparity_split", "kitagawa_decomposition"],
    "metrics.swap": ["attribute_swap", "counterfactual_change"],
    "evaluation.compare": ["compare"],
    "evaluation.scoring": ["cluster_scorer"],
    "evaluation.intervals": ["holm", "interval", "paired", "paper_table", "summarise"],
    "evaluation.probes": ["add_probes", "importance", "probe_report"],
    "evaluation.new_clusters": [
        "membership_calibration",
        "membership_report",
        "new_cluster_report",
    ],
    "evaluation.model_card": ["model_card"],
    "evaluation.peers": ["FairlearnAdversary", "GPBoost"],
    "evaluation.baselines": ["Reweighing", "ThresholdPostProcessing"],
    "evaluation.swap_averaging": ["SwapAveraging"],
    "plots.figure": ["Figure"],
    "plots.rates": ["plot_group_rates"],
    "plots.frontier": ["plot_frontier"],
    "plots.residuals": ["plot_residual_quantiles"],
    "plots.clusters": ["plot_cluster_effects", "plot_membership_calibration"],
    "course.diagram": ["diagram"],
    "course.exercises": ["check"],
    "course.quiz": ["accessible_tables", "guess", "quiz"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE_OF)


def __getattr__(name):
    """Import a public name, or a module, when it is first used: the backend loads only then."""
    if name == "explore":
        return import_module(f"{__name__}.course.explore")
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}. Public: {__all__}")


def __dir__():
    return [*__all__, "__version__"]
