"""New clusters that bring labelled rows: their posterior, and that nothing else changes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from fairmedl_lite import FairMEDLClassifier, FairMEDLRegressor

DATA = Path(__file__).parents[1] / "linear" / "lme4"
LINEAR = {"hidden": (), "cluster_adversary": 0, "fairness": 0}
NETWORK = {"hidden": (4, 3), "fairness": 0, "epochs": 2}
# Printed by lme4/adapt.R: mean of intercept and slope, and their sd.
LME4 = {
    "s00": (0.408260, 0.025435, 0.113629, 0.056050),
    "s01": (0.080578, 0.036271, 0.113628, 0.054672),
    "s02": (-1.346925, -0.016489, 0.115324, 0.053754),
    "s03": (-1.702526, 0.065550, 0.109033, 0.054811),
    "s04": (-0.957191, 0.002718, 0.120416, 0.054766),
}
LME4_PREDICTIONS = [-1.004657, -0.549584, -1.900398, 1.072831, -0.314262]


class Case:
    """A fitted model, the rows of clusters that it knows, and rows of others."""

    def __init__(self, model, table, columns, clusters, new):
        self.table, self.columns, self.clusters = table, columns, clusters
        self.known, self.new = table[~new], table[new]
        self.model = model.fit(*self.rows(self.known), clusters=self.known[clusters])

    def rows(self, table):
        return table[self.columns], table["y"]

    def adapt(self, table=None, model=None, **options):
        table = self.new if table is None else table
        model = self.model if model is None else model
        return model.adapt(*self.rows(table), clusters=table[self.clusters], **options)

    def link(self, model, table, **options):
        options = {"clusters": table[self.clusters]} | options
        return model.posterior_draws(table[self.columns], draws=1, **options)[0]

    def predict(self, model, table, **options):
        options = {"clusters": table[self.clusters]} | options
        predict = getattr(model, "predict_proba", model.predict)
        return predict(table[self.columns], **options)

    def effects(self, model):
        """The posterior of the new clusters."""
        return model.random_effects_.iloc[len(self.model.random_effects_) :]


@pytest.fixture(scope="module")
def cases():
    schools = pd.read_csv(DATA / "crossed.csv.gz")
    sites = pd.read_csv(DATA / "bernoulli_0.csv.gz")
    new = schools["school"].isin([f"s0{number}" for number in range(5)])
    late = sites["site"].isin(sites["site"].unique()[40:])
    lines = FairMEDLRegressor(**LINEAR, random_effects=["x"])
    logistic = FairMEDLClassifier(**LINEAR, random_effects="intercept")
    return {
        "line": Case(lines, schools, ["x"], "school", new),
        "logistic": Case(logistic, sites, ["x", "w"], "site", late),
        "network": Case(FairMEDLClassifier(**NETWORK), sites, ["x", "w"], "site", late),
    }


@pytest.fixture(params=["line", "logistic", "network"])
def case(request, cases):
    return cases[request.param]


def test_the_posterior_is_that_of_lme4_at_fixed_parameters(cases):
    line = cases["line"]
    adapted = line.adapt()
    table = line.effects(adapted).pivot(index="cluster", columns="effect", values=["mean", "sd"])
    expected = np.array(list(LME4.values()))
    np.testing.assert_allclose(table.loc[list(LME4)], expected, atol=1e-4)
    np.testing.assert_allclose(line.predict(adapted, line.new)[:5], LME4_PREDICTIONS, atol=1e-4)


def test_a_binary_intercept_is_at_the_maximum_of_its_bound(cases):
    """The bound of one cluster, by a grid over its mean and sd and a sum of 100 nodes."""
    logistic = cases["logistic"]
    label = logistic.new["site"].iloc[0]
    rows = logistic.new[logistic.new["site"] == label]
    found = logistic.effects(logistic.adapt(rows)).iloc[0]
    link = logistic.link(logistic.model, rows, unseen="fixed")[:, None, None, None]
    sign = np.where(rows["y"] == 1, 1, -1)[:, None, None, None]
    prior = logistic.model.effect_covariances_["site"].iloc[0, 0] ** 0.5
    steps = np.linspace(-0.01, 0.01, 9)
    mean, sd = (found["mean"] + steps)[:, None, None], (found["sd"] + steps)[:, None]
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    terms = -np.logaddexp(0, -sign * (link + mean + sd * nodes)).sum(axis=0)
    expected = terms @ (weights / weights.sum())
    divergence = np.log(prior / sd) + (sd**2 + mean**2) / (2 * prior**2)
    bound = expected - divergence[..., 0]
    best = np.unravel_index(bound.argmax(), bound.shape)
    assert [abs(place - 4) <= 1 for place in best] == [True, True]


def test_nothing_else_changes(case):
    before = case.predict(case.model, case.known)
    adapted = case.adapt()
    np.testing.assert_array_equal(case.predict(case.model, case.known), before)
    np.testing.assert_array_equal(case.predict(adapted, case.known), before)
    for options in ({"effects": "fixed"}, {"unseen": "prior", "clusters": None}):
        own = case.predict(case.model, case.known, **options)
        np.testing.assert_array_equal(case.predict(adapted, case.known, **options), own)
    old = adapted.random_effects_.iloc[: len(case.model.random_effects_)]
    pd.testing.assert_frame_equal(old, case.model.random_effects_)
    pd.testing.assert_frame_equal(adapted.variance_components_, case.model.variance_components_)
    assert "adapted" not in case.model.verdict_
    with pytest.raises(ValueError, match="Every cluster must be one of"):
        case.predict(case.model, case.new)


def test_the_new_clusters_are_known_from_then_on(case):
    adapted = case.adapt()
    labels = case.new[case.clusters].unique()
    x, clusters = case.new[case.columns], case.new[case.clusters]
    effects = adapted.cluster_effects(x, clusters=clusters)
    assert set(effects["cluster"]) == set(case.effects(adapted)["cluster"]) == set(labels)
    assert effects["rows"].sum() == len(case.new)
    prior = case.model.predict_interval(x, clusters=clusters, unseen="prior", draws=400)
    own = adapted.predict_interval(x, clusters=clusters, draws=400)
    assert np.ptp(own, axis=1).mean() < np.ptp(prior, axis=1).mean()
    assert f"Adapted: {len(labels)} clusters" in adapted.summary()


def test_draws_have_the_mean_and_sd_of_the_posterior(case):
    adapted = case.adapt()
    x, clusters = case.new[case.columns], case.new[case.clusters]
    draws = adapted.posterior_draws(x, clusters=clusters, draws=4000)
    averaged = pd.DataFrame(draws).T.groupby(clusters.to_numpy()).mean()
    fixed = case.link(adapted, case.new, clusters=None, unseen="fixed")
    fixed = pd.Series(fixed).groupby(clusters.to_numpy()).mean()
    effects = adapted.cluster_effects(x, clusters=clusters).set_index("cluster")
    error = averaged.mean(axis=1) - fixed - effects["mean"]
    assert (error.abs() < 5 * effects["sd"] / 4000**0.5).all()
    np.testing.assert_allclose(averaged.std(axis=1), effects["sd"], rtol=0.08)


def test_a_saved_model_keeps_its_new_clusters(case, tmp_path):
    adapted = case.adapt()
    adapted.save(tmp_path / "model")
    loaded = type(adapted).load(tmp_path / "model")
    np.testing.assert_array_equal(case.predict(loaded, case.new), case.predict(adapted, case.new))
    pd.testing.assert_frame_equal(loaded.random_effects_, adapted.random_effects_)
    assert loaded.summary() == adapted.summary()
    assert clone(adapted).get_params() == case.model.get_params()
    assert not hasattr(clone(adapted), "model_")


def test_a_weight_of_two_counts_as_two_rows_and_order_does_not_matter(case):
    weights = np.random.default_rng(0).integers(0, 3, len(case.new))
    weights[case.new.groupby(case.clusters).cumcount() == 0] = 1
    copies = np.random.default_rng(1).permutation(np.repeat(np.arange(len(case.new)), weights))
    models = case.adapt(sample_weight=weights), case.adapt(case.new.iloc[copies])
    x, clusters = case.new[case.columns], case.new[case.clusters]
    one, other = (model.cluster_effects(x, clusters=clusters) for model in models)
    assert one["cluster"].tolist() == other["cluster"].tolist()
    np.testing.assert_allclose(one["mean"], other["mean"], atol=1e-5)
    np.testing.assert_allclose(one["sd"], other["sd"], atol=1e-5)


def test_without_labels_a_cluster_has_its_prior(cases):
    for name in ("line", "logistic"):
        case = cases[name]
        label = case.new[case.clusters].iloc[0]
        weights = (case.new[case.clusters] != label).to_numpy(float)
        table = case.effects(case.adapt(sample_weight=weights))
        own = table[table["cluster"] == label]
        prior = np.sqrt(np.diag(case.model.effect_covariances_[case.clusters]))
        np.testing.assert_allclose(own["mean"], 0, atol=1e-6)
        np.testing.assert_allclose(own["sd"], prior, rtol=1e-5)


def test_with_many_rows_it_is_near_what_a_fit_of_all_rows_gives(cases):
    line = cases["line"]
    table = line.table.assign(y=(line.table["y"] > line.table["y"].median()).astype(int))
    model = FairMEDLClassifier(**LINEAR, random_effects="intercept")
    binary = Case(model, table, ["x"], "school", table.index.isin(line.new.index))
    for case in (line, binary):
        adapted = case.predict(case.adapt(), case.new)
        whole = clone(case.model).fit(*case.rows(case.table), clusters=case.table[case.clusters])
        fixed = case.predict(case.model, case.new, unseen="fixed")
        full = case.predict(whole, case.new)
        assert np.abs(adapted - full).mean() < 0.1 * np.abs(fixed - full).mean()


def test_clusters_that_come_one_after_the_other(case):
    labels = case.new[case.clusters].unique()
    first = case.new[case.clusters] == labels[0]
    stepwise = case.adapt(case.new[~first], model=case.adapt(case.new[first]))
    at_once = case.adapt()
    one, other = (case.predict(model, case.new) for model in (stepwise, at_once))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_several_variables_and_a_known_cluster_keeps_its_effect():
    table = pd.read_csv(DATA / "crossed.csv.gz").head(2000)
    both = ["pupil", "school"]
    new = table["school"].isin(["s00", "s01"]) | table["pupil"].isin(["p00", "p01", "p02"])
    model = FairMEDLRegressor(**LINEAR, random_effects="intercept")
    case = Case(model, table, ["x"], both, new)
    adapted = case.adapt()
    np.testing.assert_array_equal(
        case.predict(adapted, case.known), case.predict(model, case.known)
    )
    # By hand: the posterior of all new effects at once, the known ones at their means.
    known = case.predict(model, case.new, unseen="fixed")
    sds = model.variance_components_.set_index("variable")["sd"]
    members = [pd.get_dummies(case.new[name]) for name in both]
    members = [
        part.drop(columns=case.known[part_of].unique(), errors="ignore")
        for part, part_of in zip(members, both, strict=True)
    ]
    design = np.column_stack(members).astype(float)
    prior = np.repeat(sds[both].to_numpy(), [part.shape[1] for part in members])
    precision = design.T @ design / sds["residual"] ** 2 + np.diag(prior**-2.0)
    covariance = np.linalg.inv(precision)
    mean = covariance @ design.T @ (case.new["y"] - known) / sds["residual"] ** 2
    found = case.effects(adapted)
    assert found["cluster"].tolist() == [*members[0], *members[1]]
    np.testing.assert_allclose(found["mean"], mean, atol=1e-5)
    np.testing.assert_allclose(found["sd"], np.sqrt(covariance.diagonal()), rtol=1e-4)


def test_the_clusters_means_of_a_new_cluster_are_those_of_its_rows(cases):
    table = cases["line"].table.head(2000)
    new = table["school"].isin(["s00", "s01"])
    options = {"random_effects": "intercept", "within_between": ["x"]}
    case = Case(FairMEDLRegressor(**LINEAR, **options), table, ["x"], "school", new)
    adapted = case.adapt()
    together = case.predict(adapted, case.new)
    alone = [case.predict(adapted, case.new.iloc[[row]])[0] for row in (0, 1, 2)]
    np.testing.assert_allclose(alone, together[:3], rtol=1e-6)


def test_a_cluster_predictor_names_the_clusters_of_the_fit(cases):
    network = cases["network"]
    model = FairMEDLClassifier(**NETWORK, cluster_predictor=True)
    case = Case(model, network.table, network.columns, "site", network.table.index >= 800)
    adapted = case.adapt()
    strangers = {"clusters": None, "unseen": "predict"}
    np.testing.assert_allclose(
        case.predict(adapted, case.new, **strangers),
        case.predict(model, case.new, **strangers),
        atol=1e-6,
    )
    share = adapted.membership(case.new[case.columns])
    assert share.shape[1] == case.known["site"].nunique()
    draws = adapted.posterior_draws(
        case.table[case.columns],
        clusters=case.table["site"].where(case.table.index % 2 == 0, "another"),
        unseen="predict",
        draws=2,
    )
    assert np.isfinite(draws).all()


def test_rows_of_known_clusters_alone_are_refused(case):
    with pytest.raises(ValueError, match="Received: 3 rows of known clusters alone. Leave them"):
        case.adapt(pd.concat([case.new, case.known.head(3)]))


def test_a_label_of_another_type_is_refused(cases):
    table = cases["line"].table.head(2000)
    numbers = table.assign(school=table["school"].str[1:].astype(int))
    options = {"model": FairMEDLRegressor(**LINEAR), "columns": ["x"], "clusters": "school"}
    case = Case(table=numbers, new=numbers["school"] < 2, **options)
    known = case.known.head(20)
    with (
        pytest.warns(UserWarning, match="Give labels one type"),
        pytest.raises(ValueError, match="strings or numbers, and not both"),
    ):
        case.adapt(known.assign(school=known["school"].astype(str)))


def test_an_outcome_that_fit_did_not_have_is_refused(cases):
    with pytest.raises(ValueError, match="classes of fit, .* 20 others, such as 2"):
        logistic = cases["logistic"]
        first = logistic.new["site"] == logistic.new["site"].iloc[0]
        logistic.adapt(logistic.new[first].assign(y=2))
    with pytest.raises(ValueError, match="y must have one finite number"):
        cases["line"].adapt(cases["line"].new.assign(y=np.nan))


def test_one_class_alone_is_enough(cases):
    logistic = cases["logistic"]
    rows = logistic.new[logistic.new["y"] == 1]
    assert (logistic.effects(logistic.adapt(rows))["mean"] > 0).all()


def test_a_model_without_random_effects_is_refused(cases):
    line = cases["line"]
    model = FairMEDLRegressor(**LINEAR, random_effects=None)
    model.fit(*line.rows(line.known))
    with pytest.raises(ValueError, match="adapt needs random effects"):
        line.adapt(model=model)


def test_adapt_without_clusters_is_refused(cases):
    line = cases["line"]
    with pytest.raises(ValueError, match="Received: clusters=None. Pass clusters="):
        line.model.adapt(*line.rows(line.new), clusters=None)
    one = line.model.adapt(*line.rows(line.new), clusters=["another"] * len(line.new))
    assert "Adapted: 1 cluster came after the fit. It changed nothing else." in one.summary()


def test_a_new_cluster_without_a_mean_is_refused(cases):
    table = cases["line"].table.head(2000)
    model = FairMEDLRegressor(**LINEAR, random_effects="intercept", within_between=["x"])
    case = Case(model, table, ["x"], "school", table["school"].isin(["s00", "s01"]))
    rows = case.new.assign(x=case.new["x"].where(case.new["school"] == "s00"))
    with (
        pytest.warns(UserWarning, match="miss 'x'"),
        pytest.raises(ValueError, match="a row with a number.*Received: 1 without, such as 's01'"),
    ):
        case.adapt(rows)
