"""Exact fits agree with lme4's on large, nested, crossed and weighted data, by default settings.

`lme4/large.json` holds what lme4 1.1-31 estimates of the sets in `lme4/simulate.py` and of two that
are read from the folder of real data: by maximum likelihood, restricted maximum likelihood,
Laplace's approximation or adaptive quadrature of 9 points, as `method` says.
"""

import importlib.util
import json
import os
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import FairMEDLClassifier, FairMEDLRegressor

FOLDER = Path(__file__).parent / "lme4"
LME4 = json.loads((FOLDER / "large.json").read_text(encoding="utf-8"))
LINEAR = {"hidden": (), "cluster_adversary": 0, "fairness": 0}
# Of each reference: outcome, columns, cluster variables, and what else is said.
CONTINUOUS = {
    "crossed_large": ("y", ["x"], ["pupil", "school"], {}),
    "nested": ("y", ["x"], ["school", "district"], {}),
    "slopes_large": ("y", ["x", "w"], "site", {"random_effects": ["x"]}),
    "few_clusters_ML": ("y", ["x", "size"], "clinic", {}),
    "few_clusters_REML": ("y", ["x", "size"], "clinic", {"reml": True}),
    "weighted_ML": ("v", ["x"], "site", {}),
    "patients": ("y", ["lab", "med", "age"], "patient", {}),
}
BINARY = {
    "acs_major": ("y", ["age", "hours", "male", "degree"], "major", {}),
    "acs_occupation": ("y", ["age", "hours", "male", "degree"], "occupation", {}),
    "slopes_binary": ("y", ["x"], "site", {"random_effects": ["x"]}),
    "crossed_binary": ("y", ["x"], ["person", "item"], {}),
    "weighted_glmer": ("y", ["x"], "site", {}),
}
LARGE_CLUSTERS = ["acs_major", "acs_occupation", "weighted_glmer"]
TRUE_SD = {
    "slopes_binary": {"site|(Intercept)|": 0.6**0.5, "site|x|": 0.3**0.5},
    "crossed_binary": {"person|(Intercept)|": 0.9, "item|(Intercept)|": 0.7},
}


def simulated(name):
    """A data set of `lme4/simulate.py`."""
    spec = importlib.util.spec_from_file_location("simulate", FOLDER / "simulate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)()


def real(file):
    """A file of the folder of real data; without one the test is left out."""
    folder = os.environ.get("FAIRMEDL_DATA")
    if not folder or not (Path(folder) / file).exists():
        pytest.skip(f"FAIRMEDL_DATA names no folder with {file}")
    path = Path(folder) / file
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def patients():
    data = real("diabetes130_compact.parquet")
    return pd.DataFrame(
        {
            "y": np.log(data["time_in_hospital"].astype(float)),
            "lab": (data["num_lab_procedures"] - 40.0) / 20,
            "med": (data["num_medications"] - 15.0) / 8,
            "age": data["age"].astype(str).astype("category").cat.codes - 6.0,
            "patient": data["patient_nbr"],
        }
    )


def acs():
    data, labels = real("acs_income_2018_CA_MI.parquet").iloc[::4], real("occp_2018_labels.csv")
    return pd.DataFrame(
        {
            "y": data["PINCP_gt_50k"],
            "age": (data["AGEP"] - 40.0) / 10,
            "hours": (data["WKHP"] - 40.0) / 10,
            "male": data["SEX"] == 1.0,
            "degree": data["SCHL"] >= 21.0,
            "occupation": data["OCCP"],
            "major": data["OCCP"].map(labels.set_index("OCCP")["group"]),
        }
    ).astype({"male": float, "degree": float})


def load(name):
    """The rows of a reference."""
    if name == "patients":
        return patients()
    if name.startswith("acs"):
        return acs()
    return simulated(name.removesuffix("_ML").removesuffix("_REML").removesuffix("_glmer"))


@cache
def fitted(name):
    """The model by default settings, fitted once, when it is first asked for."""
    kind = FairMEDLRegressor if name in CONTINUOUS else FairMEDLClassifier
    outcome, columns, clusters, settings = (CONTINUOUS | BINARY)[name]
    rows = load(name)
    model = kind(**LINEAR, **{"random_effects": "intercept", **settings})
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        weight = rows["copies"] if "copies" in rows else None
        return model.fit(
            rows[columns], rows[outcome], clusters=rows[clusters], sample_weight=weight
        )


def scales(model, name):
    """Our standard deviations and correlation, under lme4's keys."""
    table, found = model.variance_components_, {}
    for key in LME4[name]["sd_cor"]:
        variable, first, second = (f"{key}|".split("|") + [""])[:3]
        effect = {"(Intercept)": "intercept", "": ""}.get(second or first, second or first)
        what = "correlation" if second else "sd"
        if variable == "Residual":
            variable, effect = "residual", ""
        of_variable = table["variable"].isin([variable, "cluster"])
        found[key] = table.loc[of_variable & (table["effect"] == effect), what].item()
    return pd.Series(found)


def coefficients(model, name):
    """Ours, with lme4's estimates and standard errors."""
    reference = pd.DataFrame({key: LME4[name][key] for key in ("fixef", "se")})
    ours = model.fixed_effects_.set_index("term").rename({"intercept": "(Intercept)"})
    return reference.join(ours[["estimate", "se"]].add_prefix("our_"))


def effects(model, name):
    """For each cluster variable lme4's conditional modes and our posterior means, intercepts."""
    for variable, modes in LME4[name]["ranef_first"].items():
        table = model.random_effects_
        table = table[(table["variable"] == variable) & (table["effect"] == "intercept")]
        ours = table.set_index(table["cluster"].astype(str))["mean"].loc[list(modes)]
        yield [np.ravel(mode)[0] for mode in modes.values()], ours


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_continuous_outcome_has_the_likelihoods_maximum(name):
    model, reference = fitted(name), LME4[name]
    assert model.lower_bound_ == pytest.approx(reference["logLik"], abs=0.05)
    expected = pd.Series(reference["sd_cor"])
    np.testing.assert_allclose(scales(model, name)[expected.index], expected, rtol=0.005)
    found = coefficients(model, name)
    assert ((found["our_estimate"] - found["fixef"]).abs() / found["se"]).max() < 0.02
    np.testing.assert_allclose(found["our_se"], found["se"], rtol=0.005)
    for modes, means in effects(model, name):
        assert 0.995 < np.polyfit(modes, means, 1)[0] < 1.005


@pytest.mark.parametrize("name", BINARY)
def test_a_binary_outcome_has_the_bounds_maximum(name):
    model, expected = fitted(name), pd.Series(LME4[name]["sd_cor"])
    rtol = 0.01 if name in LARGE_CLUSTERS else 0.04
    np.testing.assert_allclose(scales(model, name)[expected.index], expected, rtol=rtol)
    found = coefficients(model, name)
    assert ((found["our_estimate"] - found["fixef"]).abs() / found["se"]).max() < 0.05
    np.testing.assert_allclose(found["our_se"], found["se"], rtol=0.02)
    for modes, means in effects(model, name):
        assert 0.95 < np.polyfit(modes, means, 1)[0] < 1.05


@pytest.mark.parametrize("name", CONTINUOUS | BINARY)
def test_it_says_that_it_converged(name):
    assert fitted(name).verdict_.keys() == {"converged"}


@pytest.mark.parametrize("kind", [FairMEDLRegressor, FairMEDLClassifier])
def test_a_weight_counts_copies_of_a_row(kind):
    """Standard errors and the bound too; a weight of 0 leaves a row out."""
    rows = simulated("weighted").iloc[:600].assign(extra=lambda d: d["copies"] - 1)
    copied = rows.loc[rows.index.repeat(rows["extra"])]
    outcome = "v" if kind is FairMEDLRegressor else "y"
    settings = LINEAR | {"random_effects": "intercept"}
    weighted = kind(**settings).fit(
        rows[["x"]], rows[outcome], clusters=rows["site"], sample_weight=rows["extra"]
    )
    plain = kind(**settings).fit(copied[["x"]], copied[outcome], clusters=copied["site"])
    tables = [model.fixed_effects_[["estimate", "se"]] for model in (weighted, plain)]
    np.testing.assert_allclose(*tables, rtol=1e-4)
    assert weighted.lower_bound_ == pytest.approx(plain.lower_bound_, abs=1e-3)
    sds = [model.variance_components_["sd"] for model in (weighted, plain)]
    np.testing.assert_allclose(*sds, rtol=1e-3)


def test_without_random_effects_it_is_least_squares():
    rows = simulated("few_clusters")
    model = FairMEDLRegressor(**LINEAR, random_effects=None).fit(rows[["x", "size"]], rows["y"])
    design = np.column_stack([np.ones(len(rows)), rows[["x", "size"]]])
    expected, squares, *_ = np.linalg.lstsq(design, rows["y"], rcond=None)
    np.testing.assert_allclose(model.fixed_effects_["estimate"], expected, rtol=1e-5)
    assert model.residual_sd_ == pytest.approx((squares.item() / len(rows)) ** 0.5, rel=1e-5)
