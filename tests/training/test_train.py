"""When training lowers its learning rate, when it stops, and which weights it leaves."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from fairmedl_lite.training import train as schedule
from fairmedl_lite.training.train import LINEAR, NETWORK, Anneal, batches, train

STEADY = replace(NETWORK, learning_rate=1.0)
COSINE = replace(LINEAR, learning_rate=1.0)


def run(schedule, losses):
    """Feed the schedule one loss an epoch; return epochs run and the learning rate of each."""
    rates = []
    for loss in losses:
        rates.append(schedule.learning_rate)
        schedule.observe({"mixed": loss, "kl": 0.0, "loss": 99.0 - schedule.epoch})
        if schedule.ended:
            break
    return len(rates), rates


def test_a_flat_loss_stops_at_the_shortest():
    schedule = Anneal(STEADY, 100, 20, 80)
    epochs, rates = run(schedule, [0.5] * 80)
    assert epochs == 20 and schedule.converged
    assert rates == [1.0] * 16 + [0.2] * 4


def test_a_loss_that_always_falls_goes_on_to_the_longest():
    schedule = Anneal(STEADY, 100, 20, 80)
    epochs, rates = run(schedule, -np.arange(80.0))
    assert epochs == 80 and not schedule.converged
    assert rates == [1.0] * 64 + [0.2] * 16


def test_a_loss_that_falls_and_then_rests_stops_soon_after():
    schedule = Anneal(STEADY, 100, 20, 80)
    epochs, rates = run(schedule, np.maximum(30.0 - np.arange(80), 0))
    assert 20 < epochs < 80 and schedule.converged
    first = rates.index(0.2)
    assert first > 30 and epochs == np.ceil(first / 0.8)


def test_a_linear_model_anneals_for_half_of_its_epochs_along_a_cosine():
    epochs, rates = run(Anneal(COSINE, 100, 20, 80), [0.5] * 80)
    assert epochs == 20 and rates[:10] == [1.0] * 10
    expected = (1 + np.cos(np.pi * np.arange(1, 11) / 10)) / 2
    np.testing.assert_allclose(rates[10:], expected, atol=1e-12)


@pytest.mark.parametrize(
    "recipe, rows, fall, flat",
    [
        (NETWORK, 100, 0.019, True),
        (NETWORK, 100, 0.021, False),
        (NETWORK, 10_000, 0.019, True),
        (LINEAR, 100, 0.009, True),
        (LINEAR, 100, 0.011, False),
        (LINEAR, 10_000, 0.00009, True),
        (LINEAR, 10_000, 0.00011, False),
    ],
)
def test_what_counts_as_flat(recipe, rows, fall, flat):
    schedule = Anneal(recipe, rows, 40, 40)
    run(schedule, np.repeat([9.0, 8.0, 1.0, 1.0 - fall], 5))
    assert schedule.converged == flat


@pytest.mark.parametrize("fall, flat", [(0.19, True), (0.21, False)])
def test_a_fall_within_two_standard_errors_counts_as_flat_for_a_linear_model(fall, flat):
    # Each of the last two quarters has two values and a variance of .01: the difference of their
    # means has the standard error (.01 / 2 + .01 / 2) ** .5 = .1.
    losses = [9, 9, 8, 8, 1.1, 0.9, 1.1 - fall, 0.9 - fall]
    schedule = Anneal(LINEAR, 10**9, 16, 16)
    run(schedule, losses)
    assert schedule.converged == flat
    strict = Anneal(replace(LINEAR, noise=0), 10**9, 16, 16)
    run(strict, losses)
    assert not strict.converged


@pytest.mark.parametrize("recipe", [STEADY, COSINE])
@pytest.mark.parametrize("longest", [1, 2, 3, 8, 13])
def test_any_number_of_epochs_is_kept(recipe, longest):
    epochs, rates = run(Anneal(recipe, 100, longest, longest), -np.arange(float(longest)))
    assert epochs == longest
    assert longest == 1 or rates[-1] < 1


@pytest.mark.parametrize("longest", [5, 10, 20, 100])
def test_fixed_epochs_lower_the_rate_for_the_last_fifth(longest):
    epochs, rates = run(Anneal(STEADY, 100, longest, longest), -np.arange(float(longest)))
    assert epochs == longest
    assert rates == [1.0] * (longest * 4 // 5) + [0.2] * (longest // 5)


def test_the_kl_counts_and_the_adversaries_do_not():
    schedule = Anneal(STEADY, 100, 8, 8)
    schedule.observe({"mixed": 0.5, "kl": 0.25, "cluster_adversary": 7.0, "loss": 9.0})
    schedule.observe({"loss": 0.4})
    assert schedule.losses == [0.75, 0.4]


def line(seed=0):
    """A network of one weight, and the 64 rows of y = 3 x that it fits."""
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), layer])
    x = np.random.default_rng(seed).normal(size=(64, 1)).astype("float32")
    return model, x, 3 * x


def fit_line(*, epochs=5, sample_weight=None, **changed):
    model, x, y = line()
    recipe = replace(NETWORK, **{"batch_size": 64, "learning_rate": 0.1} | changed)
    how = {"seed": 0, "epochs": epochs, "loss": "mse"}
    history = train(model, x, y, sample_weight, recipe, **how)
    return float(np.asarray(model.layers[0].kernel)[0, 0]), history


def test_the_averaged_weights_are_left_in_place():
    weight, _ = fit_line(epochs=5)
    plain, x, y = line()
    plain.compile(keras.optimizers.Adam(0.1), loss="mse", jit_compile=False)
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
    assert history.index.tolist() == [0, 1, 2] and history.index.name == "epoch"
    assert history["loss"][0] > history["loss"][2]


@pytest.mark.parametrize("epochs, longest", [(None, 40), (12, 12)])
@pytest.mark.parametrize("rate, warns", [(0.05, True), (1e-6, False)])
def test_a_loss_that_still_falls_is_warned_of(monkeypatch, recwarn, rate, warns, epochs, longest):
    monkeypatch.setattr(schedule, "MIN_EPOCHS", 10)
    _, history = fit_line(epochs=epochs, learning_rate=rate, min_steps=1)
    found = [warning for warning in recwarn if warning.category is ConvergenceWarning]
    assert len(history["loss"]) == (longest if warns else epochs or 10)
    assert bool(found) == warns
    if warns:
        message = str(found[0].message)
        assert f"still fell after {longest} epochs. Pass epochs= for more, or a larger" in message


def test_unset_epochs_take_at_least_the_least_steps(monkeypatch):
    monkeypatch.setattr(schedule, "MIN_EPOCHS", 2)
    how = {"batch_size": 16, "learning_rate": 1e-6, "min_steps": 18}
    _, history = fit_line(epochs=None, **how)
    assert len(history["loss"]) == 5  # 4 steps an epoch, 18 / 4 rounded up


ROWS = np.arange(100, dtype="int32")


def test_each_epoch_has_an_order_of_its_own_and_each_run_the_same():
    first, second, again, other = (
        batches(ROWS, 15, start) for start in ((0, 0), (0, 1), (0, 0), (1, 0))
    )
    assert first.shape == (7, 14) and len(np.unique(first)) == 98  # two rows wait
    np.testing.assert_array_equal(first, again)
    assert (first != second).any() and (first != other).any()
    assert set(first.ravel()) != set(second.ravel())  # others wait


def test_a_fit_takes_these_batches():
    """One weight per row, each moved by the steps that its row was in."""

    class Record(keras.Model):
        def __init__(self):
            super().__init__()
            self.table = self.add_weight(shape=(10,), initializer="zeros")

        def call(self, rows):
            return keras.ops.take(self.table, keras.ops.cast(rows, "int32"))

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return -keras.ops.mean(y_pred)

    rows = np.arange(10, dtype="float32")
    weights = []
    for seed in (0, 0, 1):
        model = Record()
        model.build((None,))
        how = {"seed": seed, "epochs": 2}
        train(model, rows, rows, None, replace(NETWORK, batch_size=4), **how)
        weights.append(np.asarray(model.table))
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()


def test_the_steps_are_those_of_keras():
    """An epoch of four batches, against Keras's own steps on them."""
    found, x, y = line()
    recipe = replace(NETWORK, batch_size=16, learning_rate=0.1)
    history = train(found, x, y, None, recipe, seed=3, epochs=1, loss="mse")
    plain, _, _ = line()
    optimizer = keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.98)
    plain.compile(optimizer, loss="mse", jit_compile=False)
    losses = [
        plain.train_on_batch(x[rows], y[rows])
        for rows in batches(np.arange(64, dtype="int32"), 16, (3, 0))
    ]
    optimizer.finalize_variable_values(plain.trainable_variables)
    np.testing.assert_allclose(found.get_weights(), plain.get_weights(), rtol=1e-5)
    assert history["loss"][0] == pytest.approx(np.mean(losses), rel=1e-5)


def test_hidden_kernels_decay_by_their_rows_and_nothing_else_does():
    """A loss of zero: what moves is what decays."""

    class Still(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden_layers = [keras.layers.Dense(2, bias_initializer="ones")]
            self.head = keras.layers.Dense(1)

        def call(self, x):
            return self.head(self.hidden_layers[0](x))

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 0.0 * keras.ops.mean(y_pred)

    model, x = Still(), np.ones((10, 3), "float32")
    model(x)
    before = model.get_weights()
    recipe = replace(NETWORK, learning_rate=0.1, weight_decay=lambda rows: 20 / rows)
    train(model, x, x[:, 0], None, recipe, seed=0, epochs=1)
    after = model.get_weights()
    np.testing.assert_allclose(after[0], (1 - 0.1 * 2) * before[0], rtol=1e-5)
    for one, other in zip(before[1:], after[1:], strict=True):
        np.testing.assert_array_equal(one, other)
