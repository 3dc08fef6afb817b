"""Each form of debiasing, against NumPy; where its gradient leads; and its life in an estimator."""

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import TINY, make_rows
from keras import ops
from scipy.special import log_softmax, logit

from fairmedl_lite import FairMEDLClassifier, FairMEDLRegressor
from fairmedl_lite.model import debiasing
from fairmedl_lite.model.cells import (
    LEVEL_WEIGHTS,
    attribute_weights,
    cell_codes,
    cell_shares,
    outcome_levels,
)
from fairmedl_lite.model.debiasing import FORMS, AbsoluteCorrelation, Debiasing, FairnessAdversary

ROWS, GROUPS = 40, (2, 3)
PENALTIES = ["correlation", "equalized_odds"]
SCALE = debiasing.SCALE
# What a penalty is where groups are equal.
LEAST = {"correlation": 0, "equalized_odds": 0.7 * SCALE * debiasing.SMALLEST_SPREAD}
# A 0/1 outcome and a continuous one: what they pass on to the layer.
BERNOULLI = {"level_weights": LEVEL_WEIGHTS, "threshold": logit(0.3), "sharpness": 3.0}
GAUSSIAN = {"level_weights": (0.25,) * 4, "threshold": 0.0, "sharpness": 2.0}


def make_batch(levels=2, readers=2, weighted=False, rows=ROWS, seed=0):
    """Predictions, outcome, cells and row weights; one cell does not occur."""
    random = np.random.default_rng(seed)
    level = random.integers(0, levels, rows)
    groups = np.column_stack([random.integers(0, count, rows) for count in GROUPS])
    groups[(groups[:, 1] == 2) & (level == 1), 1] = 0
    outcome = level if levels == 2 else level + random.random(rows)
    weights = random.random(rows) if weighted else np.ones(rows)
    return (
        random.normal(size=(readers, rows, 1)).astype("float32"),
        outcome[:, None].astype("float32"),
        cell_codes(groups, level, GROUPS),
        (weights / weights.mean()).astype("float32"),
    )


def make_layer(form, batch, **settings):
    """A built layer that knows the shares of the batch's cells."""
    predictions, _, cells, weights = batch
    settings = BERNOULLI | {"weight": 0.7, "seed": 1} | settings
    layer = FORMS[form](GROUPS, readers=("fixed", "mixed")[: len(predictions)], **settings)
    layer.build()
    layer.cell_shares.assign(cell_shares(cells, layer.shape, weights))
    return layer


def loss_of(layer, batch):
    return np.asarray(layer.loss(*map(ops.convert_to_tensor, batch)))


def part(batch, rows):
    predictions, *others = batch
    return predictions[:, rows], *(each[rows] for each in others)


# What follows works the three losses out by hand, cell by cell.


def decisions(predictions, levels):
    predictions = predictions[..., 0].astype("float64")
    return np.tanh(1.5 * (predictions - logit(0.3)) if levels == 2 else predictions)


def each_cell(batch, levels):
    """Attribute, level, group, weight and rows of each cell that occurs."""
    cells = batch[2]
    for attribute in range(len(GROUPS)):
        level, group = np.divmod(cells[:, attribute], max(GROUPS))
        for number in range(levels):
            groups = np.unique(group[level == number])
            of_level = 1 / levels if levels == 4 else LEVEL_WEIGHTS[number]
            for each in groups:
                rows = (level == number) & (group == each)
                yield attribute, number, each, of_level / len(groups), rows


def adversary_by_hand(layer, batch, levels):
    predictions, outcome, _, weights = batch
    found = []
    for reader, decision in enumerate(decisions(predictions, levels)):
        y = outcome[:, 0]
        hidden = np.column_stack([np.ones(len(y)), decision, y, decision * y])
        hidden = np.maximum(hidden @ np.asarray(layer.hidden_kernel)[reader].T, 0)
        scores = (hidden @ np.asarray(layer.head_kernel)[reader].T).reshape(-1, 2, max(GROUPS))
        loss = 0.0
        for attribute, _, group, weight, rows in each_cell(batch, levels):
            log_p = log_softmax(scores[:, attribute, : GROUPS[attribute]], axis=1)[:, group]
            weight *= (GROUPS[attribute] - 1) / 1.5
            loss -= weight * np.average(log_p[rows], weights=weights[rows])
        found.append(loss / 2)
    return found


def correlation_by_hand(layer, batch, levels):
    predictions, _, cells, weights = batch
    found = []
    for decision in decisions(predictions, levels):
        loss = 0.0
        for attribute, count in enumerate(GROUPS):
            for group in range(count):
                member = cells[:, attribute] % max(GROUPS) == group
                covariance = np.cov(decision, member, aweights=weights)
                loss += abs(covariance[0, 1]) / np.sqrt(covariance.diagonal().prod())
        found.append(SCALE * 0.7 * loss / sum(GROUPS))
    return found


def odds_by_hand(layer, batch, levels):
    predictions, _, cells, weights = batch
    found = []
    for decision in decisions(predictions, levels):
        squares = np.full(len(GROUPS), debiasing.SMALLEST_SPREAD**2)
        for attribute, level, _, weight, rows in each_cell(batch, levels):
            same = cells[:, attribute] // max(GROUPS) == level
            mean, all_mean = (
                np.average(decision[chosen], weights=weights[chosen]) for chosen in (rows, same)
            )
            squares[attribute] += weight * (mean - all_mean) ** 2
        found.append(SCALE * 0.7 * np.mean(np.sqrt(squares)))
    return found


BY_HAND = {
    "adversary": adversary_by_hand,
    "correlation": correlation_by_hand,
    "equalized_odds": odds_by_hand,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("readers", [1, 2])
@pytest.mark.parametrize("family", [BERNOULLI, GAUSSIAN], ids=["bernoulli", "gaussian"])
def test_the_loss_is_the_one_worked_out_by_hand(form, weighted, readers, family):
    levels = len(family["level_weights"])
    batch = make_batch(levels, readers, weighted)
    layer = make_layer(form, batch, **family)
    found, expected = loss_of(layer, batch), BY_HAND[form](layer, batch, levels)
    assert found.shape == (readers,) and (found > 0).all()
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_forms_are_those_an_estimator_knows(tiny):
    with pytest.raises(ValueError) as raised:
        FairMEDLClassifier(debias="penalty").fit(tiny.x, tiny.y)
    assert str(raised.value).startswith(f"debias must be one of {list(FORMS)}. Received: 'penalty'")


@pytest.mark.parametrize("form", FORMS)
def test_config_round_trip(form):
    layer = make_layer(form, make_batch(4), **GAUSSIAN, name="debiasing")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is FORMS[form] and again.get_config() == layer.get_config()
    again.cell_shares.assign(layer.cell_shares)
    for one, other in zip(again.get_weights(), layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# What cells weigh.


def row_weights(groups, outcome, counts, weight=None):
    """What each row weighs in the adversary's loss, beside its own weight, as the row's group."""
    level, level_weights = outcome_levels(outcome)
    layer = Debiasing(counts, level_weights)
    layer.build()
    cells = cell_codes(groups, level, counts)
    layer.cell_shares.assign(cell_shares(cells, layer.shape, weight))
    shares = np.asarray(layer.cell_shares)
    of_cell = np.asarray(layer.cell_weights()) / np.where(shares > 0, shares, 1)
    of_cell *= attribute_weights(counts)[:, None, None]
    return np.sum(np.asarray(layer.members(cells)) * of_cell, axis=2)


def test_row_weights_by_hand():
    groups = np.array([[0], [0], [0], [1], [1], [0]])
    outcome = np.array([1, 1, 1, 1, 0, 0])
    # Of a weight of 6, positives carry 4.5: 2.25 for three rows, 2.25 for one; negatives .75 each.
    expected = [[0.75, 0], [0.75, 0], [0.75, 0], [0, 2.25], [0, 0.75], [0.75, 0]]
    np.testing.assert_allclose(row_weights(groups, outcome, [2])[:, 0], expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_groups_of_one_outcome_weigh_the_same(weighted):
    random = np.random.default_rng(2)
    groups = np.column_stack([random.choice(3, 500, p=[0.8, 0.15, 0.05]), random.choice(2, 500)])
    outcome = random.integers(0, 2, 500)
    outcome[groups[:, 0] == 2] = 0  # a cell that does not occur
    weight = random.random(500) if weighted else np.ones(500)
    weight /= weight.mean()
    found = row_weights(groups, outcome, [3, 2], weight if weighted else None)
    assert found.shape == (500, 2, 3) and not found[:, 1, 2].any()
    shares = {0: [[1 / 12, 1 / 12, 1 / 12], [3 / 8, 3 / 8, 0]], 1: [[1 / 8, 1 / 8], [3 / 8, 3 / 8]]}
    for attribute, attribute_weight in enumerate((4 / 3, 2 / 3)):
        of_row = found[:, attribute].sum(axis=1) * weight
        for y in (0, 1):
            rows = outcome == y
            sums = np.bincount(groups[rows, attribute], of_row[rows], len(shares[attribute][y]))
            expected = 500 * attribute_weight * np.array(shares[attribute][y])
            np.testing.assert_allclose(sums, expected, rtol=1e-4)


def test_cells_whose_rows_all_weigh_zero_weigh_nothing():
    groups, outcome = np.array([[0], [1], [0], [1]]), np.array([0, 0, 1, 1])
    found = row_weights(groups, outcome, [2], np.array([1, 0, 1, 2]))
    np.testing.assert_allclose(found[:, 0], [[1, 0], [0, 0], [1.5, 0], [0, 0.75]])


def test_row_weights_of_a_continuous_outcome_by_hand():
    groups = np.array([[0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 1]]).reshape(-1, 1)
    found = row_weights(groups, np.arange(16.0), [2])[:, 0].reshape(4, 4, 2)
    # Each quarter of the rows has a weight of 4, of which each group that occurs has the same.
    np.testing.assert_allclose(found[0], [[2 / 3, 0], [2 / 3, 0], [2 / 3, 0], [0, 2]])
    np.testing.assert_allclose(found[1], [[1, 0]] * 4)
    np.testing.assert_allclose(found[2], [[0, 1], [0, 1], [1, 0], [1, 0]])
    np.testing.assert_allclose(found[3], [[2, 0], [0, 2 / 3], [0, 2 / 3], [0, 2 / 3]])


# The adversary.


@pytest.fixture
def adversary():
    return FairnessAdversary(
        GROUPS, threshold=logit(0.25), sharpness=3, readers=("fixed", "mixed"), seed=0
    )


@pytest.fixture(scope="module")
def logits():
    return np.random.default_rng(4).normal(size=(2, ROWS, 1))


def read(adversary, logits, outcome=None):
    outcome = np.ones((ROWS, 1), "float32") if outcome is None else outcome
    return np.asarray(adversary(logits.astype("float32"), outcome))


def test_fairness_adversary_speaks_of_real_groups_only(adversary, logits):
    p = np.exp(read(adversary, logits))
    assert p.shape == (2, 2, 3, ROWS)
    np.testing.assert_allclose(p.sum(axis=2), 1, rtol=1e-5)
    assert not p[:, 0, 2].any() and (p[:, 1] > 0).all()


def test_fairness_adversaries_share_nothing(adversary, logits):
    before = read(adversary, logits)
    changed = logits.copy()
    changed[1] += 1
    after = read(adversary, changed)
    np.testing.assert_array_equal(after[0], before[0])
    assert not np.allclose(after[1], before[1])


def test_fairness_adversary_reads_outcome_and_a_bounded_decision(adversary, logits):
    zeros = np.zeros((ROWS, 1), "float32")
    assert not np.allclose(read(adversary, logits, zeros), read(adversary, logits))
    np.testing.assert_allclose(
        read(adversary, 1e3 * np.sign(logits)), read(adversary, 1e6 * np.sign(logits)), atol=1e-6
    )


def test_a_restored_adversary_reverses_by_its_weight(adversary):
    config = FairnessAdversary(GROUPS, weight=0.3).get_config()
    assert FairnessAdversary.from_config(config).reversal.weight == 0.3


# The penalties.


def equal_batch(repeated=1):
    """Every group has the same predictions at one outcome; one group may have more positives."""
    grid = np.array(np.meshgrid([0, 1], [0, 1, 2], [0, 1], [-1.0, 0.2, 2.0])).reshape(4, -1).T
    more = grid[(grid[:, 1] == 2) & (grid[:, 2] == 1)]
    grid = np.concatenate([grid] + [more] * (repeated - 1))
    groups, level = grid[:, :2].astype(int), grid[:, 2].astype(int)
    predictions = (grid[:, 3] + level)[None, :, None].astype("float32")
    outcome, weights = level[:, None].astype("float32"), np.ones(len(grid), "float32")
    return predictions, outcome, cell_codes(groups, level, GROUPS), weights


@pytest.mark.parametrize("form", PENALTIES)
def test_equal_groups_have_the_least_penalty(form):
    found = loss_of(make_layer(form, equal_batch()), equal_batch())
    np.testing.assert_allclose(found, LEAST[form], atol=1e-6)


def test_unequal_base_rates_are_the_correlations_matter_alone():
    found = {form: loss_of(make_layer(form, equal_batch(4)), equal_batch(4)) for form in PENALTIES}
    np.testing.assert_allclose(found["equalized_odds"], LEAST["equalized_odds"], atol=1e-6)
    assert found["correlation"] > 0.01


def test_a_decision_that_is_the_group_has_a_correlation_of_one():
    group = np.array([0, 0, 0, 1, 1, 0])
    layer = AbsoluteCorrelation((2,), weight=0.7)
    layer.build()
    predictions = np.where(group, -9.0, 9.0)[None, :, None].astype("float32")
    found = layer.loss(predictions, None, group[:, None], np.ones(6, "float32"))
    np.testing.assert_allclose(np.asarray(found), [0.7 * SCALE], rtol=1e-4)


class Free(keras.Model):
    """Predictions of its own for each row, which debiasing alone moves."""

    def __init__(self, layer, batch):
        super().__init__()
        self.layer, self.start = layer, batch[0]
        self.shift = self.add_weight(shape=self.start.shape, initializer="zeros")

    def call(self, rows):
        return ops.take(self.shift + self.start, rows, axis=1)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.sum(self.layer.loss(y_pred, y["outcome"], y["cells"], y["weights"]))


def descend(layer, batch, rate, batch_size=None):
    """How far one epoch of gradient descent moves the predictions."""
    model, (_, outcome, cells, weights) = Free(layer, batch), batch
    model.compile(keras.optimizers.SGD(rate), jit_compile=False)
    rows, y = np.arange(len(cells)), {"outcome": outcome, "cells": cells, "weights": weights}
    model.fit(rows, y, batch_size=batch_size or len(rows), shuffle=False, verbose=0)
    return np.asarray(model.shift)


def slopes_by_hand(form, batch, step=1e-4):
    """The gradient of the penalty of the whole data, by central differences."""
    predictions, *others = batch
    found = np.zeros(predictions.shape)
    for place in np.ndindex(*predictions.shape):
        ends = [predictions.astype("float64") for _ in range(2)]
        ends[0][place] += step
        ends[1][place] -= step
        high, low = (sum(BY_HAND[form](None, (end, *others), 2)) for end in ends)
        found[place] = (high - low) / (2 * step)
    return found


@pytest.mark.parametrize("form", PENALTIES)
def test_the_gradient_is_that_of_the_penalty(form):
    batch = make_batch(weighted=True)
    found = descend(make_layer(form, batch), batch, 1e-3) / -1e-3
    np.testing.assert_allclose(found, slopes_by_hand(form, batch), rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("form", PENALTIES)
def test_a_step_lowers_each_readers_penalty(form):
    batch = make_batch()
    after = batch[0] + descend(make_layer(form, batch), batch, 0.5)
    before, then = (
        loss_of(make_layer(form, batch), (predictions, *batch[1:]))
        for predictions in (batch[0], after)
    )
    assert (then < before).all()


@pytest.fixture
def small_group():
    """Whole data in which one group has few rows: most batches of ten have none."""
    predictions, outcome, cells, weights = make_batch(rows=120, seed=5)
    rare = (cells[:, 1] % 3 == 2) & (np.arange(120) > 20)
    cells[rare, 1] -= 2
    assert 0 < np.sum(cells[:, 1] % 3 == 2) < 12
    return predictions, outcome, cells, weights


def test_the_gradient_over_batches_is_that_of_the_whole_data(small_group, monkeypatch):
    layer = make_layer("equalized_odds", small_group)
    loss_of(layer, small_group)
    monkeypatch.setattr(debiasing, "MEMORY", 1.0)  # the running means stay those of the whole
    found = descend(layer, small_group, 1e-3, batch_size=10) / (-1e-3 * 12)
    expected = slopes_by_hand("equalized_odds", small_group)
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-6)


def test_with_running_means_it_is_close(small_group):
    layer, random = make_layer("equalized_odds", small_group), np.random.default_rng(0)
    for _ in range(2):
        loss_of(layer, small_group)
    picked = np.concatenate([random.permutation(120) for _ in range(60)])
    moved = descend(layer, part(small_group, picked), 1e-3, batch_size=10) / (-1e-3 * 720)
    found = np.zeros_like(small_group[0])
    np.add.at(found, (slice(None), picked), moved)
    expected = slopes_by_hand("equalized_odds", small_group)
    assert np.linalg.norm(found - expected) < 0.1 * np.linalg.norm(expected)


def test_a_level_that_weighs_nothing_has_no_part_in_it():
    *rest, cells, weights = make_batch(4)
    batch = (*rest, cells, np.where(cells[:, 0] // 3 == 1, 0, weights).astype("float32"))
    layer = make_layer("equalized_odds", batch, **GAUSSIAN)
    layer.counts.assign(np.zeros(layer.shape))  # what counts of nothing fade to
    assert (loss_of(layer, batch) > 0).all()
    assert np.isfinite(descend(layer, batch, 0.1)).all()


def test_running_means_by_hand():
    whole = make_batch(rows=120, weighted=True)
    layer = make_layer("equalized_odds", whole)
    batches = [part(whole, slice(start, start + ROWS)) for start in (0, ROWS, 2 * ROWS)]
    found = [loss_of(layer, batch) for batch in batches]
    for last in range(3):
        # A batch that is k steps old weighs MEMORY ** k: as rows of that weight would.
        age = np.repeat(last - np.arange(last + 1), ROWS)
        *others, weights = part(whole, slice((last + 1) * ROWS))
        old = (*others, weights * debiasing.MEMORY**age)
        np.testing.assert_allclose(found[last], odds_by_hand(layer, old, 2), rtol=1e-3)


def test_a_fit_updates_the_running_means():
    batch = make_batch()
    layer, eager = (make_layer("equalized_odds", batch) for _ in range(2))
    descend(layer, batch, 0.0, batch_size=10)
    for start in range(0, ROWS, 10):
        loss_of(eager, part(batch, slice(start, start + 10)))
    for one, other in ((layer.sums, eager.sums), (layer.counts, eager.counts)):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-5, atol=1e-8)
    assert np.asarray(layer.sums).any()


# In an estimator.


def fit(kind, form, data, **settings):
    """A fit of the one outcome or of the other, debiased in one form."""
    settings = {"random_effects": "intercept", "cluster_adversary": 0} | settings
    y = data.y if kind is FairMEDLClassifier else 40 + 5 * (data.y + data.x["score"])
    model = kind(**TINY | settings, debias=form)
    return model.fit(data.x, y, clusters=data.clusters, sensitive_features=data.sensitive)


def predicted(model, data):
    method = getattr(model, "predict_proba", model.predict)
    return method(data.x, clusters=data.clusters)


@pytest.fixture(scope="module", params=[FairMEDLClassifier, FairMEDLRegressor])
def kind(request):
    return request.param


@pytest.fixture(scope="module", params=PENALTIES)
def form(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(kind, form, tiny):
    """A model debiased by a penalty; the adversary is every other test's."""
    return fit(kind, form, tiny)


def test_an_estimator_hands_the_data_on(fitted, kind, form, tiny):
    layer = fitted.model_.debiasing
    levels = 2 if kind is FairMEDLClassifier else 4
    assert isinstance(layer, FORMS[form]) and layer.shape == (2, levels, 3)
    sex = tiny.sensitive["sex"].value_counts(normalize=True)
    shares = np.asarray(layer.cell_shares)
    np.testing.assert_allclose(shares[0].sum(axis=0), [sex["f"], sex["m"], 0], rtol=1e-5)
    base = tiny.y.mean() if levels == 2 else 0.5
    np.testing.assert_allclose(np.asarray(layer.threshold), logit(base), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(shares.sum(axis=2)[:, -1], base if levels == 2 else 0.25, rtol=1e-5)


def test_penalties_are_in_the_history_and_have_no_chance_level(fitted):
    penalties = fitted.history_[["fairness_fixed", "fairness_mixed"]]
    assert np.isfinite(penalties).all(axis=None) and (penalties > 0).all(axis=None)
    assert fitted.chance_levels_ == {}


def test_a_loaded_model_is_the_saved_one(fitted, kind, form, tiny, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = kind.load(tmp_path / "model")
    assert loaded.debias == form
    assert loaded.model_.get_config() == fitted.model_.get_config()
    np.testing.assert_array_equal(predicted(loaded, tiny), predicted(fitted, tiny))
    pairs = zip(loaded.model_.get_weights(), fitted.model_.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_fit_on_a_kept_graph_is_the_same(fitted, kind, form, tiny, twins):
    with twins.shared():
        fit(kind, form, make_rows(130, seed=5), seed=4)
        again = fit(kind, form, tiny)
        assert len(twins.models) == 1
    np.testing.assert_array_equal(predicted(again, tiny), predicted(fitted, tiny))
    pd.testing.assert_frame_equal(again.history_, fitted.history_)
