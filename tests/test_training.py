"""When training lowers its learning rate, when it stops, and which weights it leaves."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from fairmedl_lite import training
from fairmedl_lite.training import ANNEALED, Anneal, train


def run(schedule, losses):
    """Feed the schedule one loss an epoch; return epochs run and the learning rate of each."""
    optimizer = SimpleNamespace(learning_rate=1.0)
    model = SimpleNamespace(optimizer=optimizer, stop_training=False)
    schedule.set_model(model)
    rates = []
    for epoch, loss in zip(range(schedule.longest), losses, strict=False):
        rates.append(optimizer.learning_rate)
        schedule.on_epoch_end(epoch, {"mixed": loss, "kl": 0.0, "loss": 99.0 - epoch})
        if model.stop_training:
            break
    return len(rates), rates


def test_a_flat_loss_stops_at_the_shortest():
    schedule = Anneal(20, 80)
    epochs, rates = run(schedule, [0.5] * 80)
    assert epochs == 20 and schedule.converged
    assert rates == [1.0] * 16 + [0.2] * 4


def test_a_loss_that_always_falls_goes_on_to_the_longest():
    schedule = Anneal(20, 80)
    epochs, rates = run(schedule, -np.arange(80.0))
    assert epochs == 80 and not schedule.converged
    assert rates == [1.0] * 64 + [0.2] * 16


def test_a_loss_that_falls_and_then_rests_stops_soon_after():
    schedule = Anneal(20, 80)
    epochs, rates = run(schedule, np.maximum(30.0 - np.arange(80), 0))
    assert 20 < epochs < 80 and schedule.converged
    first = rates.index(0.2)
    assert first > 30 and epochs == np.ceil(first / (1 - ANNEALED))


@pytest.mark.parametrize("longest", [1, 2, 3, 8, 13])
def test_any_number_of_epochs_is_kept(longest):
    epochs, rates = run(Anneal(longest, longest), -np.arange(float(longest)))
    assert epochs == longest
    assert longest == 1 or rates[-1] == 0.2


@pytest.mark.parametrize("longest", [5, 10, 20, 100])
def test_fixed_epochs_lower_the_rate_for_the_last_fifth(longest):
    epochs, rates = run(Anneal(longest, longest), -np.arange(float(longest)))
    assert epochs == longest
    assert rates == [1.0] * (longest * 4 // 5) + [0.2] * (longest // 5)


def test_the_kl_counts_and_the_adversaries_do_not():
    schedule = Anneal(8, 8)
    schedule.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=1.0)))
    schedule.on_epoch_end(0, {"mixed": 0.5, "kl": 0.25, "cluster_adversary": 7.0, "loss": 9.0})
    schedule.on_epoch_end(1, {"loss": 0.4})
    assert schedule.losses == [0.75, 0.4]


def line(seed=0):
    """A network of one weight, and the 64 rows of y = 3 x that it fits."""
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), layer])
    x = np.random.default_rng(seed).normal(size=(64, 1)).astype("float32")
    return model, x, 3 * x


def fit_line(**settings):
    model, x, y = line()
    options = {"epochs": 5, "batch_size": 64, "learning_rate": 0.1, "loss": "mse"} | settings
    return model, train(model, x, y, None, **options)


def test_the_averaged_weights_are_left_in_place():
    model, _ = fit_line(epochs=5)
    weight = float(np.asarray(model.layers[0].kernel)[0, 0])
    plain, x, y = line()
    plain.compile(keras.optimizers.Adam(0.1), loss="mse")
    weights = []
    for rate in (0.1, 0.1, 0.1, 0.1, 0.02):
        plain.optimizer.learning_rate = rate
        plain.train_on_batch(x, y)
        weights.append(float(np.asarray(plain.layers[0].kernel)[0, 0]))
    average = 0.0
    for number, value in enumerate(weights):
        average = value if number == 0 else 0.98 * average + 0.02 * value
    assert weights[-1] == pytest.approx(0.42, abs=0.01)  # the average lags far behind
    assert weight == pytest.approx(average, rel=1e-3)


def test_history_has_each_epoch():
    _, history = fit_line(epochs=3)
    assert len(history["loss"]) == 3 and history["loss"][0] > history["loss"][-1]


@pytest.mark.parametrize("rate, warns", [(0.05, True), (1e-6, False)])
def test_a_loss_that_still_falls_is_warned_of(monkeypatch, recwarn, rate, warns):
    monkeypatch.setattr(training, "MIN_EPOCHS", 10)
    monkeypatch.setattr(training, "MIN_STEPS", 1)
    _, history = fit_line(epochs=None, learning_rate=rate)
    found = [warning for warning in recwarn if warning.category is ConvergenceWarning]
    assert len(history["loss"]) == (40 if warns else 10)
    assert bool(found) == warns
    if warns:
        assert "still fell after 40 epochs. Pass epochs=" in str(found[0].message)


def test_unset_epochs_take_at_least_the_least_steps(monkeypatch):
    monkeypatch.setattr(training, "MIN_EPOCHS", 2)
    monkeypatch.setattr(training, "MIN_STEPS", 18)
    _, history = fit_line(epochs=None, batch_size=16, learning_rate=1e-6)
    assert len(history["loss"]) == 5  # 4 steps an epoch, 18 / 4 rounded up
