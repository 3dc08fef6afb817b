"""What a fit says of itself, where its numbers must not be believed."""

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import FairMEDLClassifier, FairMEDLRegressor

LINEAR = {"hidden": (), "cluster_adversary": 0, "fairness": 0}
ROWS, CLUSTERS = 400, 20


@pytest.fixture(scope="module")
def rows():
    """A cluster of each row, a column, noise, and an effect of each cluster."""
    random = np.random.default_rng(0)
    cluster = np.repeat(np.arange(CLUSTERS), ROWS // CLUSTERS)
    effect = random.normal(size=CLUSTERS)[cluster]
    x, noise = random.normal(size=(2, ROWS))
    return pd.DataFrame({"cluster": cluster, "effect": effect, "x": x, "noise": noise})


def verdict(kind, x, y, rows, random_effects="intercept"):
    model = kind(**LINEAR, random_effects=random_effects)
    return model.fit(x, y, clusters=rows["cluster"])


def test_a_plain_fit_converges_and_has_nothing_else_to_say(rows):
    y = rows["x"] + rows["effect"] + rows["noise"]
    for kind, outcome in ((FairMEDLRegressor, y), (FairMEDLClassifier, y > 0)):
        model = verdict(kind, rows[["x"]], outcome, rows)
        assert model.verdict_.keys() == {"converged"}
        assert "Converged: " in model.summary()


def test_effects_without_variance_are_singular(rows):
    y = rows["noise"] - rows["noise"].groupby(rows["cluster"]).transform("mean")
    model = verdict(FairMEDLRegressor, rows[["x"]], y, rows)
    assert "no variance of the intercept over 'cluster'" in model.verdict_["singular"]
    assert model.variance_components_["sd"].iloc[0] < 1e-3
    assert "Singular: " in model.summary()


def test_effects_that_go_together_are_singular(rows):
    line = np.column_stack([np.ones(ROWS), rows["x"]])
    noise = rows["noise"].to_numpy().copy()
    for _, place in rows.groupby("cluster").indices.items():
        noise[place] -= line[place] @ np.linalg.lstsq(line[place], noise[place], rcond=None)[0]
    y = rows["effect"] * (1 + rows["x"] / 2) + noise
    model = verdict(FairMEDLRegressor, rows[["x"]], y, rows, ["x"])
    assert "perfectly correlated" in model.verdict_["singular"]
    assert model.variance_components_["correlation"].iloc[1] == pytest.approx(1, abs=1e-3)


def test_a_combination_of_other_columns_gets_no_estimate(rows):
    x = rows[["x"]].assign(double=2 * rows["x"] + 3, other=rows["noise"].abs())
    y = rows["x"] + rows["effect"] + rows["noise"]
    model = verdict(FairMEDLRegressor, x, y, rows)
    alone = verdict(FairMEDLRegressor, x.drop(columns="double"), y, rows)
    assert model.verdict_["aliased"].startswith("double ")
    table = model.fixed_effects_.set_index("term")
    assert table.loc["double"].isna().all() and np.isnan(model.coef_["double"])
    pd.testing.assert_frame_equal(
        table.drop("double"), alone.fixed_effects_.set_index("term"), rtol=1e-5
    )
    np.testing.assert_allclose(
        model.predict(x, unseen="fixed"),
        alone.predict(x[["x", "other"]], unseen="fixed"),
        rtol=1e-4,
    )


def test_both_halves_of_a_dummy_and_two_codings_of_one_category(rows):
    job = pd.Series(["a", "b", "c", "d"] * (ROWS // 4))
    x = pd.DataFrame({"job": job, "again": job.map({"a": "p", "b": "q", "c": "r", "d": "r"})})
    y = rows["noise"] + rows["effect"]
    model = verdict(FairMEDLRegressor, x, y, rows)
    assert model.verdict_["aliased"].startswith("again_q, again_r ")


def test_a_column_that_tells_the_class_without_fail(rows):
    y = (rows["x"] + rows["effect"] + rows["noise"] > 0).astype(int)
    tells = (y == 1) & (rows["x"] > 0.5)
    model = verdict(FairMEDLClassifier, rows[["x"]].assign(tells=tells), y, rows)
    assert model.verdict_["separated"].startswith("tells tells it without fail")
    assert np.isfinite(model.fixed_effects_["estimate"]).all()


def test_an_outcome_that_does_not_vary_within_clusters(rows):
    classes = verdict(FairMEDLClassifier, rows[["x"]], rows["cluster"] % 2, rows)
    numbers = verdict(FairMEDLRegressor, rows[["x"]], rows["effect"], rows)
    for model in (classes, numbers):
        assert "hardly varies within 'cluster'" in model.verdict_["separated"]
    probability = classes.predict_proba(rows[["x"]], clusters=rows["cluster"])[:, 1]
    assert ((probability > 0.5) == rows["cluster"] % 2).all()
    np.testing.assert_allclose(
        numbers.predict(rows[["x"]], clusters=rows["cluster"]), rows["effect"], atol=1e-3
    )


def test_a_network_has_a_verdict_too(rows):
    model = FairMEDLRegressor(hidden=(4,), fairness=0, epochs=1)
    model.fit(rows[["x"]], rows["noise"], clusters=rows["cluster"])
    assert set(model.verdict_) & {"converged", "not converged"}
    assert "maximum" not in model.summary()  # which a network does not claim
