"""The settings of an estimator: what may not come in, and what the model is made with."""

import inspect
import math

from fairmedl_lite import checks
from fairmedl_lite.linear.exact import has_exact_fit

FORMS = ("adversary", "correlation", "equalized_odds")
READINGS = ("activations", "standardised")
NEED_CLUSTERS = ("random_effects", "cluster_adversary", "cluster_predictor", "within_between")


def check_settings(settings):
    """Raise if a setting of an estimator cannot be used."""
    _check_fairness_on(settings)
    checks.check_choice("debias", settings.debias, FORMS)
    checks.check_choice("cluster_adversary_reads", settings.cluster_adversary_reads, READINGS)
    if isinstance(settings.within_between, str):
        raise ValueError(
            "within_between must be a list of columns. Received: the string "
            f"{settings.within_between!r}. Pass [{settings.within_between!r}]."
        )
    for name in ("cluster_adversary", "fairness", "fixed_loss"):
        value = getattr(settings, name)
        if value is not None and not 0 <= value < math.inf:
            raise ValueError(f"{name} must be zero or more, and finite. Received: {value!r}.")
    for name in ("epochs", "batch_size", "learning_rate"):
        value = getattr(settings, name)
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be above zero. Received: {value!r}.")
    if settings.reml and not (has_exact_fit(settings) and settings._outcome.family == "gaussian"):
        raise ValueError(
            "reml=True needs the exact fit of a continuous outcome. Received: "
            f"{settings!r}. Pass FairMEDLRegressor(hidden=(), cluster_adversary=0, fairness=0), "
            "and no epochs, batch_size, learning_rate or fixed_loss."
        )
    if settings.cluster_adversary and not settings.hidden:
        raise ValueError(
            "A cluster adversary reads hidden layers. Received: hidden=(). "
            "Pass cluster_adversary=0, or name hidden units."
        )


def _check_fairness_on(settings):
    read = settings.fairness_on
    unknown = set(read) - {"fixed", "mixed"}
    if isinstance(read, str) or unknown or (settings.fairness and not read):
        raise ValueError(
            "fairness_on must name one or both of 'fixed' and 'mixed' in a tuple. "
            f"Received: {read!r}. To leave fairness out pass fairness=0."
        )


def model_settings(estimator, outcome, cells, sample_weight=None):
    """What the model is made with: the settings, and what was learned of the data.

    Args:
        estimator: One that has learned its rows and its outcome.
        outcome: Array of shape `(rows,)`.
        cells: A `Cells`, or `None` without fairness.
        sample_weight: Array of shape `(rows,)`, or `None`.
    """
    from fairmedl_lite.model.fair_medl import FairMEDL

    named = inspect.signature(FairMEDL).parameters
    shared = {name: value for name, value in estimator.get_params().items() if name in named}
    learned = {
        "num_rows": len(outcome) if sample_weight is None else float(sample_weight.sum()),
        "num_clusters": estimator.rows_.index.counts,
        "family": estimator.outcome_.family,
        "base_rate": estimator.outcome_.base_rate,
        "random_effects": _effect_kinds(estimator.random_effects, estimator.rows_),
    }
    learned["attribute_weights"] = ()
    if cells is not None:
        learned |= {"group_counts": cells.group_counts, "level_weights": cells.level_weights}
        learned["attribute_weights"] = _attribute_weights(estimator)
    return shared | learned


def _attribute_weights(estimator):
    """How much each attribute weighs beside the others, with a mean of 1; `()` if all the same."""
    given, attributes = estimator.attribute_weights, list(estimator.groups_)
    if given is None:
        return ()
    values = [given.get(name, -1) for name in attributes] if isinstance(given, dict) else []
    if set(given) != set(attributes) or min(values) < 0 or not 0 < sum(values) < math.inf:
        raise ValueError(
            "attribute_weights must name each sensitive attribute with a number of zero or more, "
            f"not all zero. Received: {given!r} for {attributes}. None weighs them alike."
        )
    return tuple(float(value) * len(values) / sum(values) for value in values)


def _effect_kinds(kinds, rows):
    """What random effects each cluster variable has, as the model takes them."""
    if kinds is None:
        return ()
    variables = rows.index.labels
    if not isinstance(kinds, dict):
        kinds = {variable: kinds for variable in variables}
    if set(kinds) != set(variables):
        raise ValueError(
            "random_effects must name each cluster variable, or be the same for all. "
            f"Received: {list(kinds)} for {list(variables)}."
        )
    return tuple(_effect_kind(kinds[variable], rows.encoder) for variable in variables)


def _effect_kind(kind, encoder):
    if isinstance(kind, list | tuple):
        return tuple(place for name in kind for place in encoder.positions(name))
    checks.check_choice("random_effects", kind, ("slopes", "intercept", None, "a list"))
    return kind
