"""Attribute swap against the true counterfactual, in a simulation."""

from functools import cache, partial

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from fairmedl_lite.course.explore.explorer import LOOKS, Explorer, _finish, shows
from fairmedl_lite.data.hiring import simulate_hiring
from fairmedl_lite.metrics.swap import attribute_swap, counterfactual_change

FEATURES = ("sex", "skill", "education", "experience", "probe")


@shows
def swap():
    """Attribute swap against the true counterfactual, on simulated hiring.

    A logistic regression is fitted to 5,000 applicants (`simulate_hiring`, without differences
    between firms). The swap changes their sex alone. The counterfactual also changes what
    follows from it: education and experience. Only a simulation knows that.
    """
    controls = {
        "direct": ("Direct effect of being a woman", (-1.0, 0.0, 0.2)),
        "mediated": ("Shift of her education and experience, in SD", (-1.0, 0.0, 0.2)),
        "columns": ("The model reads", {"all columns": FEATURES, "all but sex": FEATURES[1:]}),
    }
    positions = [(-0.4, -0.8, FEATURES), (-0.4, -0.8, FEATURES[1:]), (-0.4, 0.0, FEATURES)]
    stops = {"direct": (-0.8, -0.4, 0.0), "mediated": (-0.8, -0.4, 0.0)}
    return Explorer(controls, _draw_swap, positions, stops)


@cache
def _changes(direct, mediated, columns):
    """Mean change of the probability: swap and counterfactual of a model, and the truth."""
    apart = {"segregation": 0, "confounding": 0, "minority_effect": 0}
    simulated = simulate_hiring(50, 100, direct=direct, mediated=mediated, **apart, seed=0)
    data, truth = simulated.data, simulated.truth
    read = FunctionTransformer(partial(_numbers, columns=columns))
    model = make_pipeline(read, StandardScaler(), LogisticRegression()).fit(data.x, data.y)
    worlds, expected = (
        truth[name]["sex"] for name in ("counterfactuals", "counterfactual_expected")
    )
    groups = data.sensitive["sex"]
    return (
        attribute_swap(model, data.x, "sex", data.swaps["sex"].values)["change"],
        counterfactual_change(model, data.x, worlds, groups=groups)["change"],
        (expected["Female"] - expected["Male"]).abs().mean(),
    )


def _numbers(x, columns):
    return x.assign(sex=x["sex"] == "Female")[list(columns)].astype(float)


def _draw_swap(direct, mediated, columns):
    names = ["attribute swap,\nmodel", "true counterfactual,\nmodel", "true counterfactual,\ntruth"]
    changes = _changes(direct, mediated, columns)
    figure, axes = plt.subplots(figsize=(5.2, 2.2))
    axes.barh(names, changes, color=[look[0] for look in LOOKS[:3]])
    axes.invert_yaxis()
    axes.set(xlabel="mean change of the probability of being hired", xlim=(0, 0.4))
    reads = "reads all columns" if "sex" in columns else "does not read sex"
    return _finish(
        figure,
        f"Being a woman has the direct effect {direct:g}, and shifts education and experience by "
        f"{mediated:g} SD; the model {reads}. Swapping sex alone changes its probability by "
        f"{changes[0]:.3f} on average, the true counterfactual by {changes[1]:.3f}. In truth it "
        f"changes by {changes[2]:.3f}.",
    )
