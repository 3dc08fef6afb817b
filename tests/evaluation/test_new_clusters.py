"""What is reported of new clusters, against values worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from conftest import fit
from sklearn.metrics import log_loss, roc_auc_score

from fairmedl_lite import (
    FairMEDLRegressor,
    membership_calibration,
    membership_report,
    new_cluster_report,
    plot_membership_calibration,
    simulate_linear,
)

SHARE = pd.DataFrame(
    [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.4, 0.4], [0.75, 0.25, 0.0]],
    columns=["east", "north", "south"],
)
TRUE = pd.Series(["east", "south", "north", "north"])


def test_membership_scores_by_hand():
    report = membership_report(SHARE, TRUE, bins=4).set_index("membership")
    found = report.loc["predicted"]
    assert found["accuracy"] == 2 / 4  # the likeliest: east, north, north, east
    expected = -np.mean(np.log([0.7, 0.1, 0.4, 0.25]))
    assert found["log_loss"] == pytest.approx(expected)
    # Bins from .25 (one row, right), .5 (one row, right) and .75 (two rows, both wrong).
    gaps = abs(0.4 - 1) + abs(0.7 - 1) + 2 * abs(np.mean([0.8, 0.75]) - 0)
    assert found["calibration_error"] == pytest.approx(gaps / 4)


def test_frequencies_give_every_row_the_mean_membership():
    report = membership_report(SHARE, TRUE).set_index("membership")
    mean = SHARE.mean()
    expected = -np.log(mean[TRUE]).mean()
    assert report.loc["frequencies", "log_loss"] == pytest.approx(expected)
    assert report.loc["frequencies", "accuracy"] == 1 / 4  # always east


def test_shuffled_memberships_know_nothing():
    random = np.random.default_rng(0)
    true = random.integers(0, 4, 4000)
    share = pd.DataFrame(np.eye(4)[true] * 0.6 + 0.1, columns=list("abcd"))
    labels = pd.Series(np.array(list("abcd"))[true])
    report = membership_report(share, labels, seed=1).set_index("membership")
    assert report.loc["predicted", "accuracy"] == 1
    assert report.loc["shuffled", "accuracy"] == pytest.approx(0.25, abs=0.03)
    assert report.loc["shuffled", "log_loss"] > report.loc["frequencies", "log_loss"]
    again = membership_report(share, labels, seed=1).set_index("membership")
    pd.testing.assert_frame_equal(report, again)
    other = membership_report(share, labels, seed=2).set_index("membership")
    assert other.loc["shuffled", "accuracy"] != report.loc["shuffled", "accuracy"]


def test_a_probability_of_zero_for_the_true_cluster_is_a_finite_loss():
    share = pd.DataFrame([[1.0, 0.0], [0.0, 1.0]], columns=["a", "b"])
    report = membership_report(share, pd.Series(["b", "b"])).set_index("membership")
    assert 40 < report.loc["predicted", "log_loss"] < 50


def test_calibration_table_by_hand():
    table = membership_calibration(SHARE, TRUE, bins=4)
    expected = pd.DataFrame(
        {"probability": [0.4, 0.7, 0.775], "accuracy": [1.0, 1.0, 0.0], "rows": [1, 1, 2]}
    )
    pd.testing.assert_frame_equal(table, expected)
    certain = pd.DataFrame([[1.0, 0.0]], columns=["a", "b"])
    assert membership_calibration(certain, pd.Series(["a"]))["accuracy"].tolist() == [1]


@pytest.mark.parametrize("report", [membership_report, membership_calibration])
@pytest.mark.parametrize(
    "clusters, message",
    [
        (["east", "west", "north", "north"], r"one of the 3 columns.*Received: \['west'\]"),
        (["east"], "rows"),
        (["east", None, "north", "north"], "missing"),
    ],
)
def test_clusters_that_cannot_be_compared_are_refused(report, clusters, message):
    with pytest.raises(ValueError, match=message):
        report(SHARE, pd.Series(clusters))


def test_each_answer_for_a_new_cluster_has_its_own_prediction(tiny, full):
    report = new_cluster_report(full, tiny.x, tiny.y, clusters=tiny.clusters)
    assert report["unseen"].tolist() == ["fixed", "prior", "predict", "shuffled"]
    for row in report.itertuples():
        score = full.predict_proba(tiny.x, unseen=row.unseen)[:, 1]
        assert row.auroc == pytest.approx(roc_auc_score(tiny.y, score))
        assert row.log_loss == pytest.approx(log_loss(tiny.y, score))
    assert report["log_loss"].nunique() == 4


def test_a_model_without_a_cluster_predictor_has_two_answers(tiny):
    model = fit(tiny, fairness=0, cluster_adversary=0)
    report = new_cluster_report(model, tiny.x, tiny.y)
    assert report["unseen"].tolist() == ["fixed", "prior"]


@pytest.fixture(scope="module")
def line():
    data = simulate_linear(20, 30, sd=(2.0,), seed=0).data
    settings = {"hidden": (), "cluster_adversary": 0, "fairness": 0}
    model = FairMEDLRegressor(**settings, random_effects="intercept")
    return data, model.fit(data.x, data.y, clusters=data.clusters)


def test_report_of_a_continuous_outcome(line):
    data, model = line
    report = new_cluster_report(model, data.x, data.y, clusters=data.clusters, seed=3)
    report = report.set_index("unseen")
    error = data.y - model.predict(data.x, unseen="fixed")
    assert report.loc["fixed", "rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert report.loc["prior", "rmse"] == pytest.approx(report.loc["fixed", "rmse"])
    interval = model.predict_interval(data.x, unseen="fixed", draws=200, seed=3)
    inside = (interval["low"] <= data.y) & (data.y <= interval["high"])
    assert report.loc["fixed", "coverage"] == inside.mean()
    # Clusters differ by twice what rows do: an interval that leaves that out is far too narrow.
    assert report.loc["fixed", "coverage"] < 0.65 < 0.8 < report.loc["prior", "coverage"]


def test_known_labels_are_taken_as_those_of_new_clusters(line):
    data, model = line
    named = new_cluster_report(model, data.x, data.y, clusters=data.clusters)
    renamed = new_cluster_report(model, data.x, data.y, clusters=data.clusters + " again")
    pd.testing.assert_frame_equal(named, renamed)


def test_lengths_must_agree(line):
    data, model = line
    with pytest.raises(ValueError, match="rows"):
        new_cluster_report(model, data.x, data.y.head(3))


def test_calibration_figure_says_every_point():
    figure = plot_membership_calibration({"predictor": membership_calibration(SHARE, TRUE, bins=4)})
    assert "0.40 gives 1.00, 0.70 gives 1.00, 0.78 gives 0.00" in figure.alt
