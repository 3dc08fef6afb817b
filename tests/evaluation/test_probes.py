"""Probes leak no label, and importances find what a model reads."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import TINY, make_rows
from sklearn.base import BaseEstimator

from fairmedl_lite.data.split import split
from fairmedl_lite.estimator.estimators import FairMEDLClassifier
from fairmedl_lite.evaluation.probes import (
    PROBES,
    add_probes,
    cluster_levels,
    importance,
    probe_report,
)

BLOCKS = {"age": ["age"], "score": ["score"], "job": ["job"], "probes": PROBES}


class Reader(BaseEstimator):
    """A model whose score is the sum of some columns, or none's where it has not got them."""

    def __init__(self, columns=PROBES, seed=0):
        self.columns = columns
        self.seed = seed

    def fit(self, X, y, **options):
        return self

    def predict(self, X, *, clusters, effects, unseen):
        found = [name for name in self.columns if name in X]
        return X[found].sum(axis=1).to_numpy()

    def predict_proba(self, X, **options):
        score = self.predict(X, **options)
        return np.column_stack([-score, score])


@pytest.fixture(scope="module")
def cut():
    return split(make_rows(1200, seed=3), unseen_clusters=["south"], seed=0)


def test_levels_by_hand(cut):
    # 3 of 4 rows positive: log(3.5 / 1.5). None of 2: log(0.5 / 2.5).
    rows = cut.train.take(range(6))
    clusters = pd.Series(list("aaaabb"), rows.x.index)
    y = pd.Series([1, 1, 1, 0, 0, 0], rows.x.index)
    levels = cluster_levels(replace(rows, clusters=clusters, y=y))
    np.testing.assert_allclose(levels[["a", "b"]], np.log([3.5 / 1.5, 0.5 / 2.5]))
    # Of a regression: means of 2 and 5, around 3, in standard deviations of the six.
    y = pd.Series([1.0, 2.0, 2.0, 3.0, 4.0, 6.0], rows.x.index)
    levels = cluster_levels(replace(rows, clusters=clusters, y=y, task="regression"))
    np.testing.assert_allclose(levels[["a", "b"]], np.array([-1, 2]) / y.std())


def test_probes_are_the_level_of_the_cluster_and_noise(cut):
    levels = cluster_levels(cut.train)
    exact = add_probes(cut, seed=1, noise=0)
    for part in (exact.train, exact.validation, exact.test_seen):
        for name in PROBES:
            np.testing.assert_allclose(part.x[name], part.clusters.map(levels))
    probes = add_probes(cut, seed=1).train
    noise = probes.x[list(PROBES)].sub(probes.clusters.map(levels), axis=0)
    assert abs(noise.to_numpy().std() - 0.7) < 0.05 and abs(noise.to_numpy().mean()) < 0.05
    off_diagonal = noise.corr().to_numpy()[~np.eye(len(PROBES), dtype=bool)]
    assert abs(off_diagonal).max() < 0.2


def test_an_unseen_cluster_has_one_drawn_level_a_seed(cut):
    def level(seed):
        part = add_probes(cut, seed=seed, noise=0).test_unseen
        assert part.x[list(PROBES)].nunique().tolist() == [1] * len(PROBES)
        return part.x["probe_1"].iloc[0]

    levels = cluster_levels(cut.train)
    drawn = np.array([level(seed) for seed in range(200)])
    assert abs(drawn.mean() - levels.mean()) < 4 * levels.std() / 200**0.5
    assert 0.8 < drawn.std() / levels.std() < 1.2


def test_no_label_but_the_training_rows_enters_a_probe(cut):
    turned = {
        name: replace(part, y=1 - part.y) for name, part in cut.parts.items() if name != "train"
    }
    probes, others = add_probes(cut, seed=1), add_probes(replace(cut, **turned), seed=1)
    for name in cut.parts:
        pd.testing.assert_frame_equal(getattr(probes, name).x, getattr(others, name).x)
    turned = add_probes(replace(cut, train=replace(cut.train, y=1 - cut.train.y)), seed=1)
    assert not np.allclose(turned.test_seen.x["probe_1"], probes.test_seen.x["probe_1"])


def test_probes_are_as_the_seed_has_them_and_leave_the_rest_alone(cut):
    first, again, other = (add_probes(cut, seed=seed) for seed in (1, 1, 2))
    for name, part in cut.parts.items():
        pd.testing.assert_frame_equal(getattr(first, name).x, getattr(again, name).x)
        assert not np.allclose(getattr(first, name).x["probe_1"], getattr(other, name).x["probe_1"])
        pd.testing.assert_frame_equal(getattr(first, name).x[list(part.x)], part.x)
        assert list(part.x) == ["age", "score", "job"]
    levels = cluster_levels(cut.train)
    train, seen = (
        (part.x["probe_1"] - part.clusters.map(levels)).to_numpy()[:100]
        for part in (first.train, first.test_seen)
    )
    assert abs(np.corrcoef(train, seen)[0, 1]) < 0.4
    with pytest.raises(ValueError, match=r"must not have columns named.*Received: \['probe_1'"):
        add_probes(first, seed=1)


def test_a_model_that_reads_only_the_probes_has_them_first(cut):
    data = add_probes(cut, seed=0).test_seen
    found = importance(Reader(), data, BLOCKS, seed=0).set_index("block")
    assert found["rank"]["probes"] == 1
    assert found["importance"].drop("probes").tolist() == [0, 0, 0]
    assert found["importance"]["probes"] > 0.02
    single = importance(Reader(), data, {name: [name] for name in PROBES}, seed=0)
    assert single["importance"].max() < found["importance"]["probes"]


def test_an_importance_by_hand():
    # A perfect score: the AUROC is 1, and .5 on average once the rows are permuted.
    rows = make_rows(240)
    data = replace(rows, x=pd.DataFrame({"good": rows.y * 2.0, "idle": rows.x["score"]}))
    blocks = {"good": ["good"], "idle": ["idle"]}
    found = importance(Reader(("good",)), data, blocks, seed=1, times=200)
    assert found["importance"].tolist() == pytest.approx([0.5, 0], abs=0.01)
    assert found["rank"].tolist() == [1, 2]
    # For a regression it is the rise of the MSE: of a permuted outcome, twice the variance.
    data = replace(data, task="regression", y=data.x["good"])
    found = importance(Reader(("good",)), data, blocks, seed=1, times=200)
    assert found["importance"][0] == pytest.approx(2 * data.y.var(ddof=0), rel=0.03)


def test_importances_have_their_seed_and_name_what_is_absent(cut):
    data = add_probes(cut, seed=0).test_seen
    first, again, other = (importance(Reader(), data, BLOCKS, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    alone = importance(Reader(), data, {"probes": PROBES}, seed=1)
    assert alone["importance"][0] == first["importance"][3]
    with pytest.raises(ValueError, match=r"blocks must name columns.*Received: \['height'\]"):
        importance(Reader(), data, {"tall": ["height"]}, seed=0)


def test_the_report_of_a_model_that_reads_only_the_probes(cut):
    table = probe_report(Reader(), cut, seed=0, draws=3, times=2)
    again = probe_report(Reader(), cut, seed=0, draws=3, times=2)
    pd.testing.assert_frame_equal(table, again)
    value = table.set_index(["probes", "part", "metric", "block"])["value"]
    assert value["with", "seen", "rank", "probes"] == 1
    assert value["with", "seen", "rank", "best single probe"] == 1
    assert value["without", "seen", "auroc", ""] == 0.5
    gain = value["with", "seen", "auroc", ""] - 0.5
    assert value["change", "seen", "auroc", ""] == pytest.approx(gain) and gain > 0.1
    blocks = table.query("part == 'seen' and metric == 'importance'")["block"]
    assert blocks.tolist() == ["age", "score", "job", *PROBES, "probes"]
    # One unseen cluster: its rows all have one level, so their probes are noise.
    assert abs(value["change", "unseen", "auroc", ""]) < 0.05
    assert abs(value["with", "unseen", "importance", "probes"]) < 0.05


def test_the_report_of_our_estimator(cut):
    model = FairMEDLClassifier(**TINY | {"epochs": 1, "fairness": 0})
    table = probe_report(model, cut, seed=1, draws=2, times=1)
    assert not table["value"].isna().any() and set(table["part"]) == {"seen", "unseen"}
    assert not hasattr(model, "model_")


def test_without_unseen_clusters_there_is_nothing_to_say_of_them():
    whole = split(make_rows(300), unseen_clusters=[], seed=0)
    table = probe_report(Reader(), whole, seed=0, times=1)
    assert set(table["part"]) == {"seen"}
