"""The loss of the cluster adversary, exact for few clusters and sampled for many."""

import keras
import numpy as np
import pytest
from scipy.special import log_softmax

from fairmedl_lite.model import cluster_adversary
from fairmedl_lite.model.cluster_adversary import ClusterAdversary

ROWS, CLUSTERS = 6, 40
LABELS = np.array([0, 3, 39, 3, 17, 8], dtype="int32")


@pytest.fixture
def adversary():
    layer = ClusterAdversary((CLUSTERS,), 0.1, "activations", seed=0)
    layer.build((None, 5))
    layer.heads[0].bias.assign(np.random.default_rng(1).normal(size=CLUSTERS))
    return layer


HIDDEN = np.abs(np.random.default_rng(2).normal(size=(ROWS, 32))).astype("float32")


def exact(kernel, bias):
    scores = HIDDEN @ np.asarray(kernel) + np.asarray(bias)
    return -log_softmax(scores, axis=1)[np.arange(ROWS), LABELS]


def odds_of_others(loss):
    """The sum of exp(score) over the other clusters, over exp(score) of the row's own."""
    return np.expm1(np.asarray(loss))


def test_few_clusters_are_told_apart_exactly(adversary):
    head = adversary.heads[0]
    expected = exact(head.kernel, head.bias)
    np.testing.assert_allclose(adversary.loss(HIDDEN, [LABELS]), expected, rtol=1e-4)


def test_of_many_clusters_a_sample_gives_the_sum_without_bias(monkeypatch):
    monkeypatch.setattr(cluster_adversary, "NEGATIVES", 8)
    adversary = ClusterAdversary((CLUSTERS,), 0.1, "activations", seed=0)
    adversary.build((None, 5))
    table = np.random.default_rng(1).normal(size=(CLUSTERS, 33)) * ([0.3] * 32 + [1])
    adversary.heads[0].embeddings.assign(table)
    draws = np.array([odds_of_others(adversary.loss(HIDDEN, [LABELS])) for _ in range(500)])
    expected = odds_of_others(exact(table[:, :-1].T, table[:, -1]))
    error = draws.std(axis=0) / len(draws) ** 0.5
    assert np.all(np.abs(draws.mean(axis=0) - expected) < 4 * error)
    assert draws.std(axis=0).min() > 0


def test_of_two_cluster_variables_the_losses_add_up():
    both = ClusterAdversary((CLUSTERS, 3), 0.1, "activations", seed=0)
    both.build((None, 5))
    alone = [
        keras.losses.sparse_categorical_crossentropy(labels, head(HIDDEN), from_logits=True)
        for head, labels in zip(both.heads, (LABELS, LABELS % 3), strict=True)
    ]
    found = np.asarray(both.loss(HIDDEN, (LABELS, LABELS % 3)))
    np.testing.assert_allclose(
        found, np.sum([np.asarray(part) for part in alone], axis=0), rtol=1e-5
    )


@pytest.mark.parametrize("negatives", [8, 256])
def test_a_row_of_an_unknown_cluster_has_no_loss(monkeypatch, negatives):
    monkeypatch.setattr(cluster_adversary, "NEGATIVES", negatives)
    adversary = ClusterAdversary((CLUSTERS,), 0.1, "activations", seed=0)
    adversary.build((None, 5))
    labels = np.where(LABELS == 3, -1, LABELS).astype("int32")
    found = np.asarray(adversary.loss(HIDDEN, [labels]))
    np.testing.assert_array_equal(found == 0, labels == -1)
