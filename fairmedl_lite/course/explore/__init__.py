"""Explorers: change a setting, and see a figure and a sentence follow. One file holds one."""

from importlib import import_module

_HOME = {
    "applicants": "hiring",
    "clusters": "design_effect",
    "shrinkage": "pooling",
    "thresholds": "decisions",
    "gradient_reversal": "reversal",
    "fairness_weight": "frontier",
    "swap": "counterfactual",
}
__all__ = sorted(_HOME)


def __getattr__(name):
    """Import an explorer when it is first used: figures and widgets load only then."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}. Public: {__all__}")


def __dir__():
    return __all__
