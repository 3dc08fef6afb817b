"""Linear models agree with those of lme4, by default settings and without a warning.

`lme4/lme4.json` holds what lme4 1.1-31 estimates by maximum likelihood: `fixef`, their standard
errors `se`, standard deviations and correlations `sd_cor`, `logLik`, and the conditional modes
of the first 20 clusters, `ranef_first`. 0/1 outcomes were integrated over the random effect by
adaptive quadrature of 9 points. `bernoulli_*.csv.gz` are simulated: 50 sites of 20 rows, with a
covariate `w` that goes along with the site's effect; in `crossed.csv.gz` pupils and schools are
crossed.
"""

import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from fairmedl_lite import FairMEDLClassifier, FairMEDLRegressor, load_wage_panel

DATA = Path(__file__).parent / "lme4"
LME4 = json.loads((DATA / "lme4.json").read_text(encoding="utf-8"))
LINEAR = {"hidden": (), "cluster_adversary": 0, "fairness": 0}
BERNOULLI = ["bernoulli 0", "bernoulli 1", "bernoulli 2"]


def wage_panel(columns):
    data = load_wage_panel()
    return FairMEDLRegressor, data.x[columns], data.y, data.clusters


def simulated(kind, file, x, clusters):
    table = pd.read_csv(DATA / f"{file}.csv.gz")
    return kind, table[x], table["y"], table[clusters]


def load(name):
    """The kind of estimator, x, y and clusters."""
    if name == "wage panel":
        return wage_panel(["school", "exper", "black", "hisp", "married", "union"])
    if name == "wage panel, slopes":
        return wage_panel(["school", "exper", "black", "hisp"])
    if name == "crossed":
        return simulated(FairMEDLRegressor, "crossed", ["x"], ["pupil", "school"])
    return simulated(FairMEDLClassifier, name.replace(" ", "_"), ["x", "w"], "site")


@cache
def fitted(name):
    """The model by default settings, fitted once, when it is first asked for."""
    kind, x, y, clusters = load(name)
    random_effects = ["exper"] if name == "wage panel, slopes" else "intercept"
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        return kind(**LINEAR, random_effects=random_effects).fit(x, y, clusters=clusters)


def lme4(name, what):
    """Numbers by term, as a Series."""
    return pd.Series(LME4[name][what]).rename({"(Intercept)": "intercept"})


def component(model, variable, effect, what="sd"):
    table = model.variance_components_.set_index(["variable", "effect"])
    return table.loc[(variable, effect), what]


def slope_on_lme4(model, name, variable, effect="intercept"):
    """Slope of the regression of our first 20 clusters' effects on lme4's."""
    number = ["intercept", "exper"].index(effect)
    modes = {cluster: u[number] for cluster, u in LME4[name]["ranef_first"][variable].items()}
    ours = model.random_effects_.astype({"cluster": str})
    ours = ours[(ours["variable"] == variable) & (ours["effect"] == effect)]
    means = ours.set_index("cluster")["mean"].loc[list(modes)]
    return np.polyfit(list(modes.values()), means, 1)[0]


def check_coefficients(model, name, share_of_se, ratio_of_se):
    found = model.fixed_effects_.set_index("term")
    estimate, se = lme4(name, "fixef"), lme4(name, "se")
    assert found.index[0] == "intercept" and set(found.index) == set(se.index)
    distance = (found["estimate"] - estimate).abs() / se
    assert distance.max() < share_of_se, distance
    assert (found["se"] / se - 1).abs().max() < ratio_of_se, found["se"] / se


def test_wage_panel_with_intercepts():
    name, model = "wage panel", fitted("wage panel")
    expected = LME4[name]["sd_cor"]
    sd = component(model, "nr", "intercept")
    assert sd == pytest.approx(expected["nr|(Intercept)|"], rel=0.005)
    assert component(model, "residual", "") == pytest.approx(expected["Residual||"], rel=0.005)
    assert model.residual_sd_ == pytest.approx(expected["Residual||"], rel=0.005)
    check_coefficients(model, name, share_of_se=0.02, ratio_of_se=0.005)
    assert 0.995 < slope_on_lme4(model, name, "nr") < 1.005


def test_wage_panel_with_slopes():
    name, model = "wage panel, slopes", fitted("wage panel, slopes")
    expected = LME4[name]["sd_cor"]
    for effect, key in {"intercept": "nr|(Intercept)|", "exper": "nr|exper|"}.items():
        assert component(model, "nr", effect) == pytest.approx(expected[key], rel=0.005)
        assert 0.995 < slope_on_lme4(model, name, "nr", effect) < 1.005
    correlation = component(model, "nr", "exper", "correlation")
    assert correlation == pytest.approx(expected["nr|(Intercept)|exper"], abs=0.005)
    assert model.residual_sd_ == pytest.approx(expected["Residual||"], rel=0.005)
    check_coefficients(model, name, share_of_se=0.02, ratio_of_se=0.005)


@pytest.mark.parametrize("name", BERNOULLI)
def test_a_binary_outcome(name):
    model = fitted(name)
    expected = LME4[name]["sd_cor"]["site|(Intercept)|"]
    assert component(model, "site", "intercept") == pytest.approx(expected, rel=0.01)
    check_coefficients(model, name, share_of_se=0.05, ratio_of_se=0.1)
    assert 0.97 < slope_on_lme4(model, name, "site") < 1.03


def test_crossed_cluster_variables():
    name, model = "crossed", fitted("crossed")
    expected = LME4[name]["sd_cor"]
    for variable in ("pupil", "school"):
        sd = component(model, variable, "intercept")
        assert sd == pytest.approx(expected[f"{variable}|(Intercept)|"], rel=0.005)
        assert 0.995 < slope_on_lme4(model, name, variable) < 1.005
    assert model.residual_sd_ == pytest.approx(expected["Residual||"], rel=0.005)
    check_coefficients(model, name, share_of_se=0.02, ratio_of_se=0.005)


@pytest.mark.parametrize("name", LME4)
def test_the_lower_bound_lies_closely_below_the_log_likelihood(name):
    """Of a continuous outcome it is the log likelihood."""
    below = LME4[name]["logLik"] - fitted(name).lower_bound_
    assert 0 < below < 0.05 if name in BERNOULLI else abs(below) < 1e-3
