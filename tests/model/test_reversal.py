"""Gradient reversal, against a step worked out by hand."""

import keras
import numpy as np
import pytest

from fairmedl_lite.model.reversal import GradientReversal

FEATURES = np.array([[2.0, -1.0], [0.5, 3.0], [1.0, 1.0]], dtype="float32")


def one_step(middle, rows=FEATURES):
    """The kernel after one step on the sum of what `middle` passes on, from a kernel of 1."""
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((rows.shape[1],)), layer, *middle])
    model.compile(keras.optimizers.SGD(0.1), loss=lambda y, y_pred: keras.ops.sum(y_pred))
    model.fit(rows, np.zeros((len(rows), 1)), batch_size=len(rows), epochs=1, verbose=0)
    return np.asarray(layer.kernel)[:, 0]


@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0, 5.0])
def test_reversal_passes_its_input_on(weight):
    output = np.asarray(GradientReversal(weight)(FEATURES))
    np.testing.assert_allclose(output, FEATURES, rtol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.3, 2.0])
def test_reversal_sends_back_the_gradient_times_minus_its_weight(weight):
    gradient = FEATURES.sum(axis=0)
    np.testing.assert_allclose(one_step([]), 1 - 0.1 * gradient, rtol=1e-5)
    reversed_ = one_step([GradientReversal(weight)])
    np.testing.assert_allclose(reversed_, 1 + 0.1 * weight * gradient, rtol=1e-5)


@pytest.mark.parametrize("weight", [-0.1, float("inf"), float("nan")])
def test_reversal_refuses_other_weights(weight):
    with pytest.raises(ValueError, match="weight must be zero or more, and finite. Received"):
        GradientReversal(weight)


def test_reversal_keeps_shape_and_has_no_weights():
    layer = GradientReversal(0.5)
    assert layer.compute_output_shape((None, 3)) == (None, 3)
    layer(FEATURES)
    assert layer.count_params() == 0


def test_reversal_comes_back_from_its_config():
    layer = GradientReversal(0.3, name="r")
    stored = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(stored)
    assert type(again) is type(layer) and again.get_config() == layer.get_config()
