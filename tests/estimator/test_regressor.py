"""A continuous outcome: the estimator's promises, its units, its tables and its intervals."""

import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import TINY, make_rows
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score

from fairmedl_lite import FairMEDLRegressor, ladder, simulate_linear

LINEAR = {"hidden": (), "cluster_adversary": 0, "fairness": 0}
SHORT = {"hidden": (), "cluster_adversary": 0, "fairness": 0, "epochs": 40}


def make_outcome(rows=240, seed=0):
    """The rows of the tiny data set, with an outcome in thousands."""
    data = make_rows(rows, seed)
    base = data.clusters.map({"east": -1.0, "north": 0.0, "south": 1.0})
    noise = np.random.default_rng(seed + 50).normal(size=rows)
    return data, (40 + 5 * (data.x["score"] + base + noise)).rename("pay")


@pytest.fixture(scope="module")
def tiny_pay():
    return make_outcome()


def fit(data, y, settings=None, **changed):
    arguments = {"clusters": data.clusters, "sensitive_features": data.sensitive} | changed
    return FairMEDLRegressor(**TINY | (settings or {})).fit(data.x, y, **arguments)


@pytest.fixture(scope="module")
def full(tiny_pay):
    """A model with every part."""
    return fit(*tiny_pay, {"cluster_predictor": True})


@pytest.fixture(scope="module")
def grouped():
    """A line with a category, some gaps, and correlated intercepts and slopes in clusters."""
    data = simulate_linear(20, 15, sd=(0.8, 0.5), correlation=0.4, intercept=3, seed=1).data
    random = np.random.default_rng(2)
    x = data.x.assign(job=random.choice(["cook", "nurse", "smith"], 300))
    y = data.y + x["job"].map({"cook": 0, "nurse": 1, "smith": -1})
    x.loc[::7, "x2"] = np.nan
    return x, y, data.clusters


@pytest.fixture(scope="module")
def line(grouped):
    x, y, clusters = grouped
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = FairMEDLRegressor(**LINEAR, random_effects=["x1"])
        return model.fit(x, y, clusters=clusters)


def test_prediction_is_intercept_coefficients_and_the_clusters_effects(line, grouped):
    x, _, clusters = grouped
    assert list(line.coef_.index) == ["x1", "x2", "x2_missing", "job_nurse", "job_smith"]
    columns = x.fillna({"x2": x["x2"].median()}).assign(x2_missing=x["x2"].isna())
    columns = columns.assign(job_nurse=x["job"] == "nurse", job_smith=x["job"] == "smith")
    fixed = line.intercept_ + columns[line.coef_.index].astype(float) @ line.coef_
    np.testing.assert_allclose(line.predict(x, effects="fixed"), fixed, rtol=1e-4)
    u = line.random_effects_.pivot(index="cluster", columns="effect", values="mean").loc[clusters]
    effect = u["intercept"].to_numpy() + x["x1"] * u["x1"].to_numpy()
    options = {"clusters": clusters}
    np.testing.assert_allclose(
        line.predict(x, **options, effects="random"), effect, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(line.predict(x, **options), fixed + effect, rtol=1e-4, atol=1e-4)


def test_tables_after_the_fit(line, grouped):
    x, _, clusters = grouped
    table = line.random_effects_
    assert list(table) == ["variable", "cluster", "effect", "mean", "sd", "n"]
    assert len(table) == 40 and (table["variable"] == "cluster").all()
    assert (table["n"] == 15).all() and (table["sd"] > 0).all()
    components = line.variance_components_.set_index(["variable", "effect"])
    assert list(components.index)[-1] == ("residual", "")
    assert components["sd"].iloc[-1] == line.residual_sd_
    covariance = line.effect_covariances_["cluster"]
    assert list(covariance) == list(covariance.index) == ["intercept", "x1"]
    np.testing.assert_allclose(components["sd"].iloc[:2], np.sqrt(np.diag(covariance)))
    # The share is that of all effects of the variable, at the average row.
    design = np.column_stack([np.ones(300), x["x1"]])
    variance = np.mean(np.einsum("ri,ij,rj->r", design, covariance, design))
    share = variance / (variance + line.residual_sd_**2)
    np.testing.assert_allclose(components["share"], [share, share, 1 - share], rtol=1e-4)
    assert list(line.fixed_effects_["term"]) == ["intercept", *line.coef_.index]
    assert line.fixed_effects_["estimate"].tolist() == [line.intercept_, *line.coef_]


def test_standard_errors_are_those_of_generalised_least_squares(line, grouped):
    x, _, clusters = grouped
    columns = x.fillna({"x2": x["x2"].median()}).assign(x2_missing=x["x2"].isna())
    columns = columns.assign(job_nurse=x["job"] == "nurse", job_smith=x["job"] == "smith")
    design = columns[line.coef_.index].assign(intercept=1.0)[["intercept", *line.coef_.index]]
    design = design.to_numpy("float64")
    effects = np.column_stack([np.ones(300), x["x1"]])
    same = clusters.to_numpy()[:, None] == clusters.to_numpy()
    v = (effects @ line.effect_covariances_["cluster"].to_numpy() @ effects.T) * same
    v += line.residual_sd_**2 * np.eye(300)
    covariance = np.linalg.inv(design.T @ np.linalg.solve(v, design))
    se = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(line.fixed_effects_["se"], se, rtol=1e-3)
    z = line.fixed_effects_["estimate"] / line.fixed_effects_["se"]
    np.testing.assert_allclose(line.fixed_effects_["z"], z)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_lower_bound_is_the_average_over_posterior_draws(tiny_pay, full, weighted):
    data, y = tiny_pay
    weight = np.linspace(0.5, 1.5, 240) if weighted else np.ones(240)
    model = fit(data, y, sample_weight=weight) if weighted else full
    draws = model.posterior_draws(data.x, clusters=data.clusters, draws=2000)
    totals = norm.logpdf(y.to_numpy(), draws, model.residual_sd_) @ weight
    kl = float(model.model_.random_effects[0].kl())
    error = totals.std() / 2000**0.5
    assert model.lower_bound_ == pytest.approx(totals.mean() - kl, abs=5 * error)


@pytest.fixture(scope="module")
def units(grouped, kept):
    """One short fit to y, to y + 100 and to 20 y."""
    x, y, clusters = grouped
    outcomes = {"y": y, "y + 100": y + 100, "20 y": 20 * y}
    model = FairMEDLRegressor(**SHORT, random_effects=["x1"])
    with kept.shared():
        return {
            name: clone(model).fit(x, part, clusters=clusters) for name, part in outcomes.items()
        }


def sds_and_covariances(model):
    effects = model.random_effects_[["mean", "sd"]].to_numpy()
    return effects, model.variance_components_["sd"], model.effect_covariances_["cluster"]


def test_a_constant_on_the_outcome_shifts_intercept_and_predictions_alone(units, grouped):
    x, _, clusters = grouped
    plain, shifted = units["y"], units["y + 100"]
    close = {"rtol": 1e-3, "atol": 1e-4}
    assert shifted.intercept_ == pytest.approx(plain.intercept_ + 100, abs=1e-3)
    np.testing.assert_allclose(shifted.coef_, plain.coef_, **close)
    for one, other in zip(sds_and_covariances(shifted), sds_and_covariances(plain), strict=True):
        np.testing.assert_allclose(one, other, **close)
    assert shifted.residual_sd_ == pytest.approx(plain.residual_sd_, rel=1e-3)
    assert shifted.lower_bound_ == pytest.approx(plain.lower_bound_, abs=0.1)
    for effects, constant in {"fixed": 100, "mixed": 100, "random": 0}.items():
        one, other = (
            model.predict(x, clusters=clusters, effects=effects) for model in (shifted, plain)
        )
        np.testing.assert_allclose(one, other + constant, **close)
    one, other = (model.predict_interval(x, clusters=clusters) for model in (shifted, plain))
    np.testing.assert_allclose(one, other + 100, rtol=1e-4)


def test_a_factor_on_the_outcome_scales_all_that_has_its_units(units, grouped):
    x, _, clusters = grouped
    plain, scaled = units["y"], units["20 y"]
    close = {"rtol": 1e-3, "atol": 1e-3}
    assert scaled.intercept_ == pytest.approx(20 * plain.intercept_, rel=1e-3)
    np.testing.assert_allclose(scaled.coef_, 20 * plain.coef_, **close)
    one, other = sds_and_covariances(scaled), sds_and_covariances(plain)
    np.testing.assert_allclose(one[0], 20 * other[0], **close)
    np.testing.assert_allclose(one[1], 20 * other[1], **close)
    np.testing.assert_allclose(one[2], 400 * other[2], **close)
    assert scaled.residual_sd_ == pytest.approx(20 * plain.residual_sd_, rel=1e-3)
    shares = [model.variance_components_["share"] for model in (scaled, plain)]
    np.testing.assert_allclose(*shares, rtol=1e-3)
    for name in ("se", "z"):
        factor = {"se": 20, "z": 1}[name]
        found, expected = scaled.fixed_effects_[name], plain.fixed_effects_[name]
        np.testing.assert_allclose(found, factor * expected, **close)
    # A density of 20 y is a twentieth of that of y.
    expected = plain.lower_bound_ - 300 * np.log(20)
    assert scaled.lower_bound_ == pytest.approx(expected, abs=0.1)
    drawn = [model.posterior_draws(x, clusters=clusters, draws=3) for model in (scaled, plain)]
    np.testing.assert_allclose(drawn[0], 20 * drawn[1], **close)


def known_rows(grouped):
    """One row of each of the first three clusters."""
    x, _, clusters = grouped
    rows = [0, 15, 30]
    return x.iloc[rows], clusters.iloc[rows]


DRAWS = 20_000


def check_interval(found, mean, sd, level):
    """Against the quantiles of a normal; an empirical one errs by so much of the sd."""
    tail = (1 - level) / 2
    error = np.sqrt(tail * (1 - tail) / DRAWS) / norm.pdf(norm.ppf(tail))
    half = norm.ppf(1 - tail) * sd
    assert list(found) == ["low", "high"]
    assert np.abs((found["low"] - (mean - half)) / sd).max() < 5 * error
    assert np.abs((found["high"] - (mean + half)) / sd).max() < 5 * error


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_interval_of_a_known_cluster_has_exact_quantiles(line, grouped, level):
    x, clusters = known_rows(grouped)
    effects = line.cluster_effects(x, clusters=clusters)  # of one row each
    mean = line.predict(x, effects="fixed") + effects["mean"].to_numpy()
    sd = np.hypot(effects["sd"], line.residual_sd_).to_numpy()
    found = line.predict_interval(x, clusters=clusters, level=level, draws=DRAWS)
    check_interval(found, mean, sd, level)


def test_the_interval_of_a_new_cluster_is_as_wide_as_clusters_differ(line, grouped):
    x, _ = known_rows(grouped)
    fixed = line.predict(x, effects="fixed")
    plain = line.predict_interval(x, unseen="fixed", draws=DRAWS)
    check_interval(plain, fixed, line.residual_sd_, 0.9)
    design = np.column_stack([np.ones(3), x["x1"]])
    prior = np.einsum("ri,ij,rj->r", design, line.effect_covariances_["cluster"], design)
    wide = line.predict_interval(x, unseen="prior", draws=DRAWS)
    check_interval(wide, fixed, np.sqrt(prior + line.residual_sd_**2), 0.9)
    assert (wide["high"] - wide["low"] > 1.1 * (plain["high"] - plain["low"])).all()


def test_intervals_hold_as_often_as_they_say():
    """Of new rows in known clusters and of rows in new clusters, with the truth known."""
    whole = simulate_linear(300, 8, sd=(0.8,), seed=3).data
    number = whole.clusters.str[1:].astype(int).to_numpy()
    fitted = (number < 100) & (np.arange(2400) % 2 == 0)
    train, old = whole.take(fitted), whole.take((number < 100) & ~fitted)
    new = whole.take(number >= 100)
    model = FairMEDLRegressor(**LINEAR, random_effects="intercept")
    model.fit(train.x, train.y, clusters=train.clusters)
    for rows, unseen in ((old, None), (new, "prior")):
        found = model.predict_interval(rows.x, clusters=rows.clusters, unseen=unseen, level=0.8)
        inside = (rows.y >= found["low"].to_numpy()) & (rows.y <= found["high"].to_numpy())
        assert 0.75 < inside.mean() < 0.85


@pytest.mark.parametrize("level", [0, 1, 1.5])
def test_a_level_lies_between_0_and_1(line, grouped, level):
    x, clusters = known_rows(grouped)
    with pytest.raises(ValueError, match=f"level must lie between 0 and 1. Received: {level}"):
        line.predict_interval(x, clusters=clusters, level=level, draws=2)


def test_clone_score_and_ladder(full, tiny_pay):
    data, y = tiny_pay
    assert clone(full).get_params() == full.get_params()
    assert not hasattr(clone(full), "model_")
    predicted = full.predict(data.x, clusters=data.clusters)
    weight = np.arange(240)
    score = full.score(data.x, y, clusters=data.clusters, sample_weight=weight)
    assert score == pytest.approx(r2_score(y, predicted, sample_weight=weight))
    assert {type(model) for model in ladder(FairMEDLRegressor).values()} == {FairMEDLRegressor}


@pytest.mark.usefixtures("shared_graphs")
def test_same_seed_same_model_another_seed_another(full, tiny_pay):
    data, y = tiny_pay
    again, other = fit(data, y, {"cluster_predictor": True}), fit(data, y, {"seed": 1})
    expected = full.predict(data.x, clusters=data.clusters)
    np.testing.assert_array_equal(again.predict(data.x, clusters=data.clusters), expected)
    assert not np.allclose(other.predict(data.x, clusters=data.clusters), expected)
    options = {"clusters": data.clusters, "draws": 2}
    np.testing.assert_array_equal(
        again.posterior_draws(data.x, **options), full.posterior_draws(data.x, **options)
    )
    other_draws = full.posterior_draws(data.x, **options, seed=1)
    assert not np.allclose(other_draws, full.posterior_draws(data.x, **options))


def test_parts_add_up_and_unseen_gets_what_it_says(full, tiny_pay):
    data, _ = tiny_pay
    fixed, random, mixed = (
        full.predict(data.x, clusters=data.clusters, effects=effects)
        for effects in ("fixed", "random", "mixed")
    )
    assert np.abs(random).max() > 0
    np.testing.assert_allclose(mixed, fixed + random, rtol=1e-5, atol=1e-5)
    for unseen in ("fixed", "prior"):
        np.testing.assert_allclose(full.predict(data.x, unseen=unseen), fixed, rtol=1e-6)
    share = full.membership(data.x)
    assert list(share) == ["east", "north", "south"]
    each = [
        full.predict(data.x, clusters=[label] * 240, effects="random") for label in share.columns
    ]
    expected = fixed + np.sum(share.to_numpy() * np.transpose(each), axis=1)
    np.testing.assert_allclose(full.predict(data.x, unseen="predict"), expected, rtol=1e-5)


@pytest.mark.parametrize("which", ["full", "line"])
def test_a_loaded_model_is_the_saved_one(which, request, tmp_path, tiny_pay, grouped):
    model = request.getfixturevalue(which)
    data, _ = tiny_pay
    x, clusters = (data.x, data.clusters) if which == "full" else (grouped[0], grouped[2])
    model.save(tmp_path / "model")
    loaded = FairMEDLRegressor.load(tmp_path / "model")
    for effects in ("fixed", "random", "mixed"):
        one, other = (
            each.predict(x, clusters=clusters, effects=effects) for each in (loaded, model)
        )
        np.testing.assert_array_equal(one, other)
    assert loaded.residual_sd_ == model.residual_sd_ and loaded.lower_bound_ == model.lower_bound_
    for table in ("random_effects_", "variance_components_"):
        pd.testing.assert_frame_equal(getattr(loaded, table), getattr(model, table))
    options = {"clusters": clusters, "draws": 10}
    pd.testing.assert_frame_equal(
        loaded.predict_interval(x, **options), model.predict_interval(x, **options)
    )
    assert loaded.summary() == model.summary()
    assert (
        hasattr(model, "fixed_effects_") == (which == "line") == hasattr(loaded, "fixed_effects_")
    )
    if which == "line":
        pd.testing.assert_frame_equal(loaded.fixed_effects_, model.fixed_effects_)


def test_a_loaded_linear_model_has_its_coefficients(line, tmp_path):
    line.save(tmp_path / "model")
    loaded = FairMEDLRegressor.load(tmp_path / "model")
    assert loaded.intercept_ == line.intercept_
    pd.testing.assert_series_equal(loaded.coef_, line.coef_)


def test_history_and_chance_levels(full, tiny_pay):
    data, _ = tiny_pay
    assert set(full.history_) == {
        *["loss", "mixed", "fixed", "kl", "cluster_adversary"],
        *["fairness_fixed", "fairness_mixed"],
    }
    share = data.clusters.value_counts(normalize=True)
    levels = full.chance_levels_
    assert levels["cluster_adversary"] == pytest.approx(-np.sum(share * np.log(share)))
    # Every quarter of the outcome has all groups. log 2 weighs 1 of 3 and log 3 weighs 2.
    assert levels["fairness"] == pytest.approx((np.log(2) + 2 * np.log(3)) / 3)


@pytest.mark.usefixtures("shared_graphs")
def test_doubling_all_weights_doubles_the_rows_and_nothing_else(full, tiny_pay):
    data, y = tiny_pay
    model = fit(data, y, {"cluster_predictor": True}, sample_weight=np.full(240, 2.0))
    one, other = (each.predict(data.x, clusters=data.clusters) for each in (model, full))
    np.testing.assert_allclose(one, other, rtol=1e-4)
    assert model.outcome_.centre == pytest.approx(full.outcome_.centre)


@pytest.mark.usefixtures("shared_graphs")
def test_rows_of_weight_zero_have_no_influence(tiny_pay):
    data, y = tiny_pay
    silent = np.arange(240) % 4 == 0
    weight = np.where(silent, 0.0, 1.0)
    settings = {"fairness": 0, "batch_size": 240}
    clusters = data.clusters.where(~silent, "east")
    one = fit(data, y, settings, sample_weight=weight)
    other = fit(data, y.where(~silent, 1e3), settings, sample_weight=weight, clusters=clusters)
    np.testing.assert_allclose(
        one.predict(data.x, clusters=data.clusters),
        other.predict(data.x, clusters=data.clusters),
        rtol=1e-5,
    )
    assert one.outcome_.centre == pytest.approx(np.average(y, weights=weight))


BAD_OUTCOMES = {
    "missing": (lambda y: y.where(y.index > 1), "y must be known and finite. Received: 2 missing"),
    "infinite": (lambda y: y.where(y.index > 0, np.inf), "finite. Received: 1 missing or infinite"),
    "constant": (lambda y: 0 * y + 3, "y must vary. Received: (np.float64.)?3.0.? for all rows"),
    "strings": (lambda y: y.astype(str), "y must hold numbers. .*FairMEDLClassifier for two"),
    "short": (lambda y: y[:-1], "one value for each row.*'y': 239"),
}


@pytest.mark.parametrize("case", BAD_OUTCOMES)
def test_outcomes_that_cannot_be_fitted(tiny_pay, case):
    data, y = tiny_pay
    change, message = BAD_OUTCOMES[case]
    with pytest.raises(ValueError, match=message):
        fit(data, change(y))


def test_an_outcome_that_varies_only_where_nothing_weighs_is_refused(tiny_pay):
    data, y = tiny_pay
    weight = np.arange(240) < 100
    with pytest.raises(ValueError, match="y must vary"):
        fit(data, y.where(~weight, 1.0), sample_weight=weight.astype(float))


def test_population_is_for_probabilities(full, tiny_pay):
    with pytest.raises(ValueError, match=r"\['fixed', 'random', 'mixed'\]. Received: 'population'"):
        full.predict(tiny_pay[0].x, effects="population")


def fair_rows(rows=1200):
    """The sex, which a column gives away, lifts the outcome and so every honest prediction."""
    random = np.random.default_rng(0)
    male, site = random.integers(0, 2, rows), random.integers(0, 6, rows)
    x = pd.DataFrame(
        {"x1": random.normal(size=rows), "proxy": male + 0.3 * random.normal(size=rows)}
    )
    base = 0.5 * random.normal(size=6)[site]
    y = 10 + 3 * (x["x1"] + male + base + random.normal(size=rows))
    return x, y, pd.Series(site, name="site"), pd.DataFrame({"sex": np.where(male, "m", "f")})


def gap(predicted, y, sex):
    """Difference of the predictions between the groups, given the outcome."""
    design = np.column_stack([np.ones(len(y)), y, sex == "m"]).astype(float)
    return np.linalg.lstsq(design, predicted, rcond=None)[0][2]


def test_a_fairness_adversary_lowers_the_gap_of_predictions_given_the_outcome():
    x, y, site, sensitive = fair_rows()
    settings = {"hidden": (8,), "random_effects": "intercept", "cluster_adversary": 0}
    settings |= {"epochs": 60, "learning_rate": 0.005}
    gaps, scores = {}, {}
    for fairness in (0, 1):
        model = FairMEDLRegressor(**settings, fairness=fairness)
        model.fit(x, y, clusters=site, sensitive_features=sensitive)
        for effects in ("fixed", "mixed"):
            predicted = model.predict(x, clusters=site, effects=effects)
            gaps[effects, fairness] = gap(predicted, y, sensitive["sex"])
        scores[fairness] = model.score(x, y, clusters=site)
    assert abs(gaps["mixed", 1]) < 0.5 * gaps["mixed", 0]
    assert abs(gaps["fixed", 1]) < 0.75 * gaps["fixed", 0]
    assert scores[1] > scores[0] - 0.03
