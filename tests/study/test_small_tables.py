"""The experiment on small tables: what is learned from and tested, and the figures, by hand."""

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import simulate_linear
from study.experiments.small_tables import (
    Fitted,
    Table,
    against_linear,
    cut,
    fit_constant,
    measures,
    shuffle_clusters,
    summarise,
    tasks,
    with_clusters,
)


@pytest.fixture
def data():
    return simulate_linear(10, 40, seed=0).data


def test_sizes_and_seeds_share_their_test_rows_and_no_training_row_is_among_them(data):
    cuts = [cut(data, size, seed, Table(None, ())) for size, seed in ((50, 0), (50, 1), (200, 0))]
    tested = {tuple(test.x.index) for _, test, _ in cuts}
    assert len(tested) == 1 and len(*tested) == 80
    assert [len(train) for train, *_ in cuts] == [50, 50, 200]
    assert [ratio for *_, ratio in cuts] == [50 / 270, 50 / 270, 200 / 120]
    assert not set(cuts[0][0].x.index) & set(*tested)
    assert set(cuts[0][0].x.index) != set(cuts[1][0].x.index)


def test_rows_that_are_kept_together_are_on_one_side(data):
    index = pd.MultiIndex.from_arrays([np.arange(400) // 4, range(400)], names=["patient", "stay"])
    for part in (data.x, data.y, data.clusters, data.sensitive):
        part.index = index
    train, test, _ = cut(data, 300, 0, Table(None, (), "patient"))
    patients = [set(part.x.index.get_level_values("patient")) for part in (train, test)]
    assert len(patients[1]) == 20 and not patients[0] & patients[1]


def test_a_panel_is_cut_anew_with_rows_of_every_cluster_on_both_sides(data):
    cuts = [cut(data, 300, seed, Table(None, (), fixed_test=False)) for seed in (0, 1)]
    for train, test, ratio in cuts:
        assert set(train.clusters.value_counts()) == {30}
        assert set(test.clusters.value_counts()) == {10}
        assert ratio == pytest.approx(1 / 3)
    assert set(cuts[0][1].x.index) != set(cuts[1][1].x.index)


def test_shuffled_labels_keep_their_counts_and_leave_their_rows(data):
    shuffled = shuffle_clusters(data, seed=0)
    assert shuffled.clusters.value_counts().to_dict() == data.clusters.value_counts().to_dict()
    assert (shuffled.clusters == data.clusters).mean() < 0.3  # by chance a tenth
    assert shuffled.y.equals(data.y)


def test_measures_by_hand():
    found = measures(Fitted(np.array([0.25, 0.5])), np.array([0, 1]))
    assert found["log_loss"] == pytest.approx(-(np.log(0.75) + np.log(0.5)) / 2)
    assert found["auroc"] == 1
    y, predicted = np.array([0.0, 1.0, 2.0, 5.0]), np.array([0.0, 1.0, 2.0, 3.0])
    found = measures(Fitted(predicted, predicted - 1, predicted + 1, share=0.2), y)
    assert found["mse"] == 1 and found["coverage"] == 0.75 and found["share"] == 0.2
    assert found["r2"] == pytest.approx(1 - 4 / 14)  # around the mean of 2: 4 + 1 + 0 + 9


def test_the_constant_is_the_training_rows_mean_with_their_normal_interval(data):
    train, test, _ = cut(data, 200, 0, Table(None, ()))
    fitted = fit_constant(train, test)
    assert fitted.predicted == pytest.approx(np.full(80, train.y.mean()))
    assert fitted.high - fitted.low == pytest.approx(np.full(80, 2 * 1.644854 * train.y.std()))


def test_trees_read_the_cluster_as_a_category_and_a_new_word_as_missing(data):
    train, test, _ = cut(data, 300, 0, Table(None, ()))
    train.x["word"], test.x["word"] = "old", ["new", *["old"] * 79]
    first, second = with_clusters(train, test)
    assert (first.dtypes == second.dtypes).all()
    assert second["word"].isna().tolist() == [True, *[False] * 79]
    assert (second["_cluster"].astype(str) == test.clusters).all()


def test_more_clusters_than_trees_take_are_left_out():
    data = simulate_linear(256, 2, seed=0).data
    assert list(with_clusters(data, data)[0]) == list(data.x)


def test_a_loss_is_compared_with_the_linear_model_of_the_same_rows_and_labels():
    keys = ["table", "rows", "seed", "method", "clusters", "measure", "value", "ratio"]
    rows = [
        ("adult", 500, seed, method, clusters, "log_loss", value, 0.5)
        for seed, method, clusters, value in [
            (0, "network", "true", 0.5),
            (1, "network", "true", 0.8),
            (0, "linear", "true", 0.4),
            (1, "linear", "true", 0.5),
            (0, "linear", "shuffled", 0.9),
        ]
    ]
    runs = pd.DataFrame(rows, columns=keys)
    assert against_linear(runs)["value"].tolist() == pytest.approx([0.1, 0.3])
    table = summarise(runs).set_index(["measure", "method", "clusters"])
    found = table.loc[("log_loss minus linear", "network", "true")]
    # Standard deviation .2 / sqrt 2, variance of the mean times (1 / 2 + .5); t of one degree.
    assert found["mean"] == pytest.approx(0.2)
    assert found["high"] - found["mean"] == pytest.approx(12.7062 * 0.02**0.5, rel=1e-4)


def test_what_is_fitted_to_shuffled_labels_and_where_fair_medl_is():
    found = tasks(["adult", "wage_panel"], [500, 3270], 1, ["Fair MEDL", "linear", "boosting"])
    assert found == [
        ("adult", 500, 0, "Fair MEDL", False),
        ("adult", 500, 0, "linear", False),
        ("adult", 500, 0, "linear", True),
        ("adult", 500, 0, "boosting", False),
        ("wage_panel", 3270, 0, "linear", False),
        ("wage_panel", 3270, 0, "linear", True),
        ("wage_panel", 3270, 0, "boosting", False),
    ]
