"""The model card: its numbers are those of the reports, and what is missing is seen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from fairmedl_lite import (
    FairMEDLClassifier,
    FairMEDLRegressor,
    fairness_report,
    group_calibration_report,
    group_report,
    model_card,
    random_effect_spread,
    split,
)
from tests.conftest import make_rows

LINEAR = {"hidden": (), "random_effects": "intercept", "cluster_adversary": 0, "fairness": 0}


def fitted(data, kind=FairMEDLClassifier):
    """A linear model of two parts of a data set, and its split."""
    parts = split(data, unseen_clusters=1 / 3, seed=0)
    train = parts.train
    model = kind(**LINEAR).fit(train.x, train.y, clusters=train.clusters)
    return model, parts


@pytest.fixture(scope="module")
def classified():
    return fitted(make_rows(rows=900))


@pytest.fixture(scope="module")
def crossed():
    """A continuous outcome, two cluster variables and weights."""
    data = make_rows(rows=600)
    random = np.random.default_rng(1)
    clusters = pd.DataFrame({"region": data.clusters, "year": random.integers(1, 5, 600)})
    y = data.x["score"] + random.normal(size=600)
    weights = pd.Series(random.uniform(1, 50, 600))
    changed = {"y": y.rename("pay"), "clusters": clusters, "weights": weights}
    return fitted(replace(data, **changed, task="regression"), FairMEDLRegressor)


def test_performance_is_that_of_each_prediction(classified):
    model, parts = classified
    seen, unseen = parts.test_seen, parts.test_unseen
    table = model_card(model, seen, unseen, threshold=0.5).tables["Performance"]
    chances = {
        ("seen", "mixed"): (seen, {}),
        ("seen", "fixed"): (seen, {"effects": "fixed"}),
        ("unseen", "fixed"): (unseen, {"unseen": "fixed"}),
        ("unseen", "prior"): (unseen, {"unseen": "prior"}),
    }
    assert list(table[["part", "prediction"]].itertuples(index=False, name=None)) == list(chances)
    for row, (rows, options) in zip(table.itertuples(), chances.values(), strict=True):
        chance = model.predict_proba(rows.x, clusters=rows.clusters, **options)[:, 1]
        assert row.auroc == pytest.approx(roc_auc_score(rows.y, chance))
        assert row.log_loss == pytest.approx(log_loss(rows.y, chance))
        assert row.accuracy == pytest.approx(np.mean((chance >= 0.5) == rows.y))


def test_groups_spread_and_calibration_are_the_reports_own(classified):
    model, parts = classified
    rows = parts.test_seen
    tables = model_card(model, rows, threshold=0.4).tables
    chance = model.predict_proba(rows.x, clusters=rows.clusters)[:, 1]
    of = {"sensitive_features": rows.sensitive, "clusters": rows.clusters}
    rates = group_report(rows.y, chance, threshold=0.4, **of)
    shown = tables["Groups"][list(rates)]
    pd.testing.assert_frame_equal(shown, rates)
    spread = fairness_report(rows.y, chance, threshold=0.4, **of)
    np.testing.assert_array_equal(tables["Spread"]["noise_floor"], spread["noise_floor"])
    own = random_effect_spread(rates)["sd_rate"]
    np.testing.assert_array_equal(tables["Spread"]["sd_random_effect"], own)
    calibration = group_calibration_report(rows.y, chance, **of)
    pd.testing.assert_frame_equal(tables["Calibration"].drop(columns="part"), calibration)
    assert set(tables["Groups"]["part"]) == {"seen"}


def test_two_cluster_variables_and_weights_through_a_regressor(crossed):
    model, parts = crossed
    seen, unseen = parts.test_seen, parts.test_unseen
    card = model_card(model, seen, unseen)
    table = card.tables["Performance"].set_index(["part", "prediction"])
    error = seen.y - model.predict(seen.x, clusters=seen.clusters)
    assert table.loc[("seen", "mixed"), "mse"] == pytest.approx(
        np.average(error**2, weights=seen.weights)
    )
    women = (seen.sensitive["sex"] == "f").to_numpy()
    residual = np.average(error[women], weights=seen.weights[women])
    groups = card.tables["Groups"].query("part == 'seen' and metric == 'mean_residual'")
    assert groups.set_index("group").loc["f", "rate"] == pytest.approx(residual)
    coverage = card.tables["Calibration"]["coverage"]
    assert coverage.between(0.75, 1).all()  # of intervals of 90 %
    assert "region: 2, year: 4" in card.text and "all figures are weighted" in card.text


def test_text_has_the_interval_of_each_groups_calibration_in_brackets(classified):
    model, parts = classified
    card = model_card(model, parts.test_seen, threshold=0.5)
    first = card.tables["Calibration"].iloc[0]
    numbers = (first["difference"], first["difference_low"], first["difference_high"])
    assert " | {:.3g} [{:.3g}, {:.3g}] | ".format(*numbers) in card.text
    assert "design_effect" in card.tables["Calibration"] and "design_effect" not in card.text


def test_a_group_without_positives_stays_with_its_count(classified):
    model, parts = classified
    rows = parts.test_seen
    sensitive = rows.sensitive.assign(sex=np.where(rows.y == 0, "f", "m"))
    card = model_card(model, replace(rows, sensitive=sensitive), threshold=0.5)
    groups = card.tables["Groups"].query("attribute == 'sex' and metric == 'tpr'")
    assert groups["cases"].tolist() == [0, rows.y.sum()]
    assert np.isnan(groups["rate"].iloc[0])
    assert "| seen | sex | f | NaN (0) |" in card.text
    assert "f (sex, seen)" in card.text.partition("Not measured")[2]


def test_test_rows_of_one_class_have_no_auroc(classified):
    model, parts = classified
    rows = parts.test_seen.take(parts.test_seen.y == 0)
    table = model_card(model, rows, threshold=0.5).tables["Performance"]
    assert table["auroc"].isna().all() and table["log_loss"].notna().all()


def test_a_plain_network_has_one_prediction_and_no_variance():
    data = make_rows()
    settings = {**LINEAR, "random_effects": None}
    model = FairMEDLClassifier(**settings, epochs=2).fit(data.x, data.y)
    card = model_card(model, data, threshold=0.5)
    assert card.tables["Performance"]["prediction"].tolist() == ["mixed"]
    assert "Variance" not in card.tables


def test_the_text_has_the_authors_words_and_names_what_is_not_written(classified):
    model, parts = classified
    words = {"Intended use": "To try it.", "Limits and harms": " ", "Doubts": "None."}
    more = {"Table": pd.DataFrame({"a|b": [0.12345], "n": [1234]})}
    card = model_card(model, parts.test_seen, threshold=0.5, words=words | more)
    assert card.blanks == ["Limits and harms", "How to contest a decision"]
    titles = [line[3:] for line in card.text.splitlines() if line.startswith("## ")]
    assert titles[0] == "Intended use" and titles[-2:] == card.blanks
    assert titles.index("Not measured") < titles.index("Doubts") < titles.index("Table")
    assert card.text.count("*Not written yet.*") == 2
    assert "| a\\|b | n |\n| --- | --- |\n| 0.123 | 1,234 |" in card.text
    assert "converged" in card.text and "hidden=()" in card.text


def test_text_labels_of_the_outcome(classified):
    _, parts = classified
    train, test = (
        replace(part, y=part.y.map({0: "no", 1: "yes"})) for part in (parts.train, parts.test_seen)
    )
    model = FairMEDLClassifier(**LINEAR).fit(train.x, train.y, clusters=train.clusters)
    ours = model_card(classified[0], parts.test_seen, threshold=0.5).tables["Groups"]
    pd.testing.assert_frame_equal(model_card(model, test, threshold=0.5).tables["Groups"], ours)


def test_what_it_cannot_measure_is_refused(classified, crossed):
    model, parts = classified
    rows = parts.test_seen
    with pytest.raises(ValueError, match="A classifier needs a threshold. Received: None"):
        model_card(model, rows)
    with pytest.raises(ValueError, match="A regressor has no threshold. Received: 0.5"):
        model_card(crossed[0], crossed[1].test_seen, threshold=0.5)
    with pytest.raises(ValueError, match="y must hold the classes .* Received: \\[2\\] besides"):
        model_card(model, replace(rows, y=rows.y + 1), threshold=0.5)
    with pytest.raises(ValueError, match="(?i)cluster"):
        model_card(model, parts.test_unseen, threshold=0.5)
