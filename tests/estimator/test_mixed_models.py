"""Named slopes, several cluster variables, within and between: what a mixed model is asked for."""

import numpy as np
import pandas as pd
import pytest
from conftest import TINY, make_rows
from scipy.special import expit, logit
from sklearn.exceptions import ConvergenceWarning

from fairmedl_lite import FairMEDLClassifier, FairMEDLRegressor, simulate_linear
from fairmedl_lite.estimator.outcome import Binary
from fairmedl_lite.model.random_effects import SPEED

LINEAR = {"hidden": (), "cluster_adversary": 0, "fairness": 0}
EFFECTS = {"region": ["score"], "shift": "intercept"}


def make_crossed(rows=240, seed=0):
    """The rows of the tiny data set, and a second cluster variable that crosses the first."""
    data = make_rows(rows, seed)
    shift = np.random.default_rng(seed + 9).choice([1, 2, 3, 4], rows)
    return data, pd.DataFrame({"region": data.clusters, "shift": shift})


@pytest.fixture(scope="module")
def crossed():
    return make_crossed()


@pytest.fixture(scope="module")
def model(crossed):
    """Every part, with a slope for regions and an intercept for shifts, both wide enough to see."""
    data, clusters = crossed
    settings = TINY | {"random_effects": EFFECTS, "cluster_predictor": True}
    model = FairMEDLClassifier(**settings, within_between=["score"])
    return widen(
        model.fit(data.x, data.y, clusters=clusters, sensitive_features=data.sensitive),
        data,
        clusters,
    )


def widen(model, data, clusters):
    """Give the random effects wide priors and posteriors, and write the tables anew."""
    random = np.random.default_rng(3)
    for layer in model.model_.random_effects:
        for weight in layer.trainable_variables:
            weight.assign(random.normal(0, 0.5, weight.shape) / SPEED)
    x, ids = model.rows_.read(data.x, clusters)
    model._summarise(x, ids, data.y.to_numpy("float32"), None)
    return model


@pytest.fixture(scope="module")
def new():
    """Rows of which some have a new region, some a new shift, some both."""
    data, clusters = make_crossed(60, seed=8)
    clusters.loc[::3, "region"] = "west"
    clusters.loc[::4, "shift"] = 9
    return data.x, clusters


def logits(model, x, clusters=None, **options):
    return logit(model.predict_proba(x, clusters=clusters, **options)[:, 1])


def effects_by_table(model, x, clusters):
    """What the table of random effects gives each row, by cluster variable; new ones zero."""
    found = {}
    for variable in clusters:
        table = model.random_effects_
        table = table[table["variable"] == variable]
        u = table.pivot(index="cluster", columns="effect", values="mean")
        u = u.reindex(clusters[variable]).fillna(0.0).set_axis(x.index)
        slopes = [u[name] * x[name] for name in u if name != "intercept"]
        found[variable] = (u["intercept"] + sum(slopes)).to_numpy()
    return found


def test_each_variable_has_the_effects_it_was_given(model):
    score = model.encoder_.feature_names.index("score")
    assert model.model_.settings["random_effects"] == ((score,), "intercept")
    assert model.model_.settings["num_clusters"] == (3, 4)
    tables = model.random_effects_.groupby("variable")["effect"].unique().map(list).to_dict()
    assert tables == {"region": ["intercept", "score"], "shift": ["intercept"]}
    assert {name: labels.tolist() for name, labels in model.clusters_.items()} == {
        "region": ["east", "north", "south"],
        "shift": [1, 2, 3, 4],
    }
    assert len(model.cluster_predictors_) == 2


def test_one_setting_serves_all_variables(crossed):
    data, clusters = crossed
    settings = TINY | {"cluster_adversary": 0, "fairness": 0, "epochs": 1}
    found = FairMEDLClassifier(**settings, random_effects=["job", "score"])
    found.fit(data.x, data.y, clusters=clusters)
    places = tuple(place for name in ("job", "score") for place in found.encoder_.positions(name))
    assert found.model_.settings["random_effects"] == (places, places)
    names = ["intercept", "job_cook", "job_nurse", "job_smith", "score"]
    for covariance in found.effect_covariances_.values():
        assert list(covariance) == names


def test_effects_in_the_table_are_those_of_the_prediction(model, crossed):
    data, clusters = crossed
    parts = effects_by_table(model, data.x, clusters)
    found = logits(model, data.x, clusters, effects="random")
    assert min(np.abs(part).max() for part in parts.values()) > 0.1
    np.testing.assert_allclose(found, sum(parts.values()), rtol=1e-3, atol=1e-4)


def test_a_row_whose_clusters_are_partly_known_gets_what_is_known(model, new):
    x, clusters = new
    parts = effects_by_table(model, x, clusters)
    fixed = logits(model, x, clusters, effects="fixed")
    found = logits(model, x, clusters, unseen="fixed")
    np.testing.assert_allclose(found, fixed + sum(parts.values()), rtol=1e-3, atol=1e-4)


def prior_variances(model, x, variables):
    """The variance that new clusters give each row, from the covariances of the effects."""
    variances = []
    for variable in variables:
        covariance = model.effect_covariances_[variable]
        design = np.column_stack([np.ones(len(x)), *(x[name] for name in list(covariance)[1:])])
        variances.append(np.einsum("ri,ij,rj->r", design, covariance, design))
    return np.array(variances)


def average_by_draws(centre, variance):
    draws = np.random.default_rng(0).normal(size=20_000)
    drawn = expit(centre[:, None] + np.sqrt(variance)[:, None] * draws)
    return drawn.mean(axis=1), 5 * drawn.std(axis=1) / len(draws) ** 0.5


def test_unseen_prior_averages_over_the_variables_that_are_new(model, new):
    x, clusters = new
    is_new = np.array([clusters["region"] == "west", clusters["shift"] == 9])
    variance = np.sum(prior_variances(model, x, clusters) * is_new, axis=0)
    centre = logits(model, x, clusters, unseen="fixed")
    mean, error = average_by_draws(centre, variance)
    found = model.predict_proba(x, clusters=clusters, unseen="prior")[:, 1]
    assert (np.abs(found - mean) <= error + 1e-5).all()


def test_population_averages_over_all_clusters_whichever_a_row_is_in(model, crossed):
    data, clusters = crossed
    variance = prior_variances(model, data.x, clusters).sum(axis=0)
    fixed = logits(model, data.x, clusters, effects="fixed")
    mean, error = average_by_draws(fixed, variance)
    options = {"clusters": clusters, "effects": "population"}
    found = model.predict_proba(data.x, **options)[:, 1]
    assert (np.abs(found - mean) <= error + 1e-5).all()
    conditional = expit(fixed)
    assert np.abs(found - conditional).max() > 0.02
    assert (np.abs(found - 0.5) < np.abs(conditional - 0.5)).all()
    again = model.predict_proba(data.x, unseen="predict", **options)[:, 1]
    np.testing.assert_array_equal(again, found)


@pytest.mark.parametrize("scale", np.linspace(0.1, 2.5, 25))
def test_a_population_probability_is_never_above_one(scale):
    average = Binary(np.array([0, 1])).probability(np.array([40.0, 200.0]), np.full(2, scale))
    assert average == pytest.approx(1) and average.max() <= 1


def test_population_is_the_fixed_effects_where_clusters_do_not_differ(plain, tiny):
    found = plain.predict_proba(tiny.x, effects="population")
    np.testing.assert_array_equal(found, plain.predict_proba(tiny.x, effects="fixed"))


def test_posterior_draws_have_the_variances_of_the_tables(model, new):
    x, clusters = new
    draws = model.posterior_draws(x, clusters=clusters, unseen="prior", draws=4000)
    parts = effects_by_table(model, x, clusters)
    fixed = logits(model, x, clusters, effects="fixed")
    variance = posterior_variances(model, x, clusters)
    error = 5 * np.sqrt(variance / 4000)
    assert (np.abs(draws.mean(axis=0) - fixed - sum(parts.values())) < error + 1e-4).all()
    np.testing.assert_allclose(draws.var(axis=0), variance, rtol=0.15)


def posterior_variances(model, x, clusters):
    """Of a known cluster as `cluster_effects` says, row by row; of a new one the prior's."""
    total = np.zeros(len(x))
    for variable, prior in zip(clusters, prior_variances(model, x, clusters), strict=True):
        labels = model.clusters_[variable]
        for row in range(len(x)):
            label = clusters[variable].iloc[row]
            total[row] += (
                prior[row]
                if label not in labels
                else row_variance(model, x.iloc[[row]], clusters.iloc[[row]], variable)
            )
    return total


def row_variance(model, x, clusters, variable):
    known = clusters.assign(
        **{other: labels[0] for other, labels in model.clusters_.items() if other != variable}
    )
    return model.cluster_effects(x, clusters=known, variable=variable)["sd"].iloc[0] ** 2


def test_new_labels_share_their_draws_by_variable(model, new):
    x, clusters = new
    x = x.iloc[[0, 0, 0]]
    clusters = pd.DataFrame({"region": ["west", "west", "far"], "shift": [8, 8, 8]})
    draws = model.posterior_draws(x, clusters=clusters, unseen="prior", draws=5)
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])
    assert (draws[:, 0] != draws[:, 2]).all()
    alone = model.posterior_draws(x, clusters=clusters.assign(shift=[1, 2, 3]), unseen="prior")
    assert alone.shape == (1000, 3)


def test_predicted_clusters_are_weighed_by_variable(model, new):
    x, clusters = new
    found = logits(model, x, clusters, unseen="predict", effects="random")
    expected = sum(effects_by_table(model, x, clusters).values())
    for variable in clusters:
        share = model.membership(x, clusters=clusters, variable=variable)
        rows = (~clusters[variable].isin(model.clusters_[variable])).to_numpy()
        for label in share:
            every = clusters.assign(**{variable: label})
            expected = (
                expected
                + rows * share[label].to_numpy() * (effects_by_table(model, x, every)[variable])
            )
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_shuffled_memberships_are_those_of_other_rows(model, new):
    """Shifts have intercepts alone, so that shuffling memberships shuffles the effects."""
    x, clusters = new
    clusters = clusters.assign(region="east", shift=9)
    known = effects_by_table(model, x, clusters)["region"]
    shifts = {
        unseen: logits(model, x, clusters, unseen=unseen, effects="random") - known
        for unseen in ("predict", "shuffled")
    }
    assert np.abs(shifts["shuffled"] - shifts["predict"]).max() > 1e-3
    np.testing.assert_allclose(
        np.sort(shifts["shuffled"]), np.sort(shifts["predict"]), rtol=1e-3, atol=1e-4
    )
    again = logits(model, x, clusters, unseen="shuffled", effects="random") - known
    np.testing.assert_array_equal(again, shifts["shuffled"])


def test_cluster_effects_of_one_variable(model, crossed):
    data, clusters = crossed
    found = model.cluster_effects(data.x, clusters=clusters, variable="region")
    effects = pd.Series(effects_by_table(model, data.x, clusters)["region"])
    expected = effects.groupby(clusters["region"]).mean()
    assert found["cluster"].tolist() == expected.index.tolist()
    np.testing.assert_allclose(found["mean"], expected, rtol=1e-3, atol=1e-4)
    shifts = model.cluster_effects(data.x, clusters=clusters, variable="shift")
    table = model.random_effects_[model.random_effects_["variable"] == "shift"]
    np.testing.assert_allclose(shifts[["mean", "sd"]], table[["mean", "sd"]], rtol=1e-3, atol=1e-4)
    assert shifts["rows"].tolist() == table["n"].tolist()


def test_memberships_add_up_for_each_variable(model, crossed):
    data, clusters = crossed
    for variable, labels in model.clusters_.items():
        share = model.membership(data.x, clusters=clusters, variable=variable)
        assert list(share) == labels.tolist()
        np.testing.assert_allclose(share.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("method", ["cluster_effects", "membership"])
@pytest.mark.parametrize("variable", [None, "site"])
def test_which_variable_must_be_said(model, crossed, method, variable):
    data, clusters = crossed
    with pytest.raises(ValueError, match=r"variable must be one of \['region', 'shift'\]"):
        getattr(model, method)(data.x, clusters=clusters, variable=variable)


def test_the_lower_bound_is_the_average_over_posterior_draws(model, crossed):
    data, clusters = crossed
    draws = model.posterior_draws(data.x, clusters=clusters, draws=4000)
    signs = 2 * data.y.to_numpy() - 1
    totals = -np.logaddexp(0, -signs * draws.astype("float64")).sum(axis=1)
    kl = sum(float(layer.kl()) for layer in model.model_.random_effects)
    error = totals.std() / len(totals) ** 0.5
    assert model.lower_bound_ == pytest.approx(totals.mean() - kl, abs=5 * error)


def test_a_loaded_model_is_the_saved_one(model, new, tmp_path):
    x, clusters = new
    model.save(tmp_path / "model")
    loaded = FairMEDLClassifier.load(tmp_path / "model")
    for unseen in ("fixed", "prior", "predict", "shuffled"):
        one, other = (
            each.predict_proba(x, clusters=clusters, unseen=unseen) for each in (loaded, model)
        )
        np.testing.assert_array_equal(one, other)
    pd.testing.assert_frame_equal(loaded.random_effects_, model.random_effects_)
    assert loaded.random_effects == model.random_effects
    assert loaded.summary() == model.summary()
    for variable, covariance in model.effect_covariances_.items():
        pd.testing.assert_frame_equal(loaded.effect_covariances_[variable], covariance)


def test_the_summary_says_what_it_counts_and_that_intervals_are_narrow(model):
    text = model.summary()
    assert text.startswith("FairMEDLClassifier: 240 rows, fixed effects a network of (4,) units\n")
    assert f"Log likelihood: at least {model.lower_bound_:.1f}" in text
    assert "clusters: 3 of 'region', 4 of 'shift'" in text
    assert "the intervals of the effects are too narrow" in text
    assert "Fixed effects" not in text


@pytest.mark.parametrize(
    "effects, message",
    [
        ({"region": "slopes"}, r"must name each cluster variable.*\['region'\] for \['region', 's"),
        (EFFECTS | {"site": "slopes"}, "must name each cluster variable, or be the same for all"),
        (EFFECTS | {"shift": "slope"}, "random_effects must be one of .*Received: 'slope'"),
        (["pay"], "random_effects must name columns of X. Received: 'pay', not among"),
    ],
)
def test_effects_that_cannot_be_fitted(crossed, effects, message):
    data, clusters = crossed
    estimator = FairMEDLClassifier(**TINY | {"random_effects": effects, "fairness": 0})
    with pytest.raises(ValueError, match=message):
        estimator.fit(data.x, data.y, clusters=clusters)


def test_slopes_on_every_column_of_a_linear_model_are_in_the_datas_units(crossed):
    data, _ = crossed
    x = pd.DataFrame({"score": data.x["score"], "pay": 7 + 3 * data.x["score"] ** 2})
    estimator = FairMEDLClassifier(**LINEAR, random_effects="slopes", epochs=40)
    estimator.fit(x, data.y, clusters=data.clusters)
    covariance = estimator.effect_covariances_["region"]
    assert list(covariance) == ["intercept", "score", "pay"]
    clusters = data.clusters.to_frame()
    expected = effects_by_table(estimator, x, clusters)["region"]
    found = logits(estimator, x, clusters, effects="random")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def confounded(seed):
    return simulate_linear(100, 8, icc_x=0.5, confounding=0.8, seed=seed).data


def test_within_between_finds_the_coefficient_within_clusters():
    """As fixed effects for the clusters would; without it the clusters' intercepts leak in."""
    data = confounded(seed=2)
    centred, y = (part - part.groupby(data.clusters).transform("mean") for part in (data.x, data.y))
    within = np.linalg.lstsq(centred.to_numpy(), y, rcond=None)[0]
    found = {}
    for columns in ((), ("x1",)):
        estimator = FairMEDLRegressor(**LINEAR, random_effects="intercept", within_between=columns)
        estimator.fit(data.x, data.y, clusters=data.clusters)
        found[columns] = estimator.fixed_effects_.set_index("term")
    biased, corrected = (found[columns].loc["x1"] for columns in found)
    assert corrected["estimate"] == pytest.approx(within[0], abs=0.2 * corrected["se"])
    assert abs(corrected["estimate"] - 1) < 2 * corrected["se"]
    assert biased["estimate"] - 1 > 3 * biased["se"]
    between = found[("x1",)].loc["x1 (mean of cluster)"]
    assert between["estimate"] > 5 * between["se"]


def test_a_linear_model_that_has_not_converged_says_what_to_change():
    data = simulate_linear(20, 10, seed=0).data
    estimator = FairMEDLRegressor(**LINEAR, random_effects="intercept", epochs=40)
    with pytest.warns(ConvergenceWarning, match="after 40 epochs. Pass epochs= .* learning_rate"):
        estimator.fit(data.x, data.y, clusters=data.clusters)


def test_means_within_clusters_enter_and_need_the_clusters(model, new):
    x, clusters = new
    names = model.encoder_.feature_names
    assert "score (mean of region)" in names and "score (mean of shift)" in names
    assert model.feature_names_in_.tolist() == ["age", "score", "job"]
    with pytest.raises(ValueError, match="within_between needs the cluster of each row"):
        model.predict_proba(x, effects="fixed")


def test_a_new_clusters_rows_share_the_mean_of_the_rows_at_hand(model, new):
    x, clusters = new
    west = (clusters["region"] == "west").to_numpy()
    moved = x.assign(score=x["score"] + west * np.where(np.cumsum(west) == 1, 5.0, 0.0))
    before, after = (model.rows_.read(part[west], clusters[west])[0] for part in (x, moved))
    change = (after - before)[1:]  # of the rows whose own score stayed
    names = model.encoder_.feature_names
    shared = change[:, names.index("score (mean of region)")]
    assert len(change) > 10 and (shared > 0).all() and np.ptp(shared) < 1e-5
    assert not change[:, ["mean of" not in name for name in names]].any()
    links = (
        logits(model, part[west], clusters[west], unseen="fixed", effects="fixed")
        for part in (x, moved)
    )
    assert np.mean(np.not_equal(*links)[1:]) > 0.5  # where all hidden units are zero it stays


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"within_between": "score"}, r"list of columns. .* the string 'score'. Pass \['score'\]"),
        ({"within_between": ["job"]}, r"columns of X that hold numbers.*Received: \['job'\]"),
        ({"within_between": ["age"]}, r"numbers, none missing. Received: \['age'\]"),
    ],
)
def test_columns_whose_means_cannot_enter(tiny, settings, message):
    estimator = FairMEDLClassifier(**TINY | {"fairness": 0} | settings)
    with pytest.raises(ValueError, match=message):
        estimator.fit(tiny.x, tiny.y, clusters=tiny.clusters)


def test_within_between_alone_needs_clusters(tiny):
    off = {"random_effects": None, "cluster_adversary": 0, "fairness": 0}
    estimator = FairMEDLClassifier(**TINY | off | {"within_between": ["score"]})
    with pytest.raises(ValueError, match="clusters must be given for within_between"):
        estimator.fit(tiny.x, tiny.y)
