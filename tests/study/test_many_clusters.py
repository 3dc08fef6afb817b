"""A fresh adversary of many clusters, judged by hand."""

import numpy as np

from study.experiments.many_clusters import fresh_auroc

CLUSTERS = np.repeat(np.array(["a", "b", "c"]), 20)
NOISE = np.random.default_rng(0).normal(size=(60, 2))


def judged(tested):
    """The AUROC of clusters at (0, 0), (9, 0) and (0, 9), of which these rows are tested."""
    centres = np.repeat([[0, 0], [9, 0], [0, 9]], 20, axis=0)
    read = {"train": centres + NOISE, "test": np.array(tested, dtype="float64")}
    return fresh_auroc(read, {"train": CLUSTERS, "test": np.array(["a", "b"])})


def test_each_row_counts_the_others_that_it_holds_for_less_likely():
    assert judged([[0, 0], [9, 0]]) == 1
    assert judged([[0, 0], [0, 9]]) == 0.5  # the second is nearest to c, then to a
    assert judged([[9, 1], [0, 9]]) == 0.25  # the first to b, then to a


def test_shuffled_labels_teach_next_to_nothing():
    rows = np.random.default_rng(1).normal(size=(2000, 3))
    clusters = np.repeat(np.arange(100), 20)
    read = {"train": rows, "test": rows + 1e-9}
    labels = {"train": clusters, "test": clusters}
    assert abs(fresh_auroc(read, labels, seed=0) - 0.5) < 0.02
