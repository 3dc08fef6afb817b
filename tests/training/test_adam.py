"""Our Adam is Keras's Adam; of a table those rows move that were looked up."""

import keras
import numpy as np
import pytest

from fairmedl_lite.training.adam import AVERAGING, Adam

STEPS = 5


@pytest.fixture
def gradients():
    return np.random.default_rng(0).normal(size=(STEPS, 4, 3)).astype("float32")


def variable():
    return keras.Variable(np.random.default_rng(1).normal(size=(4, 3)).astype("float32"))


def test_the_steps_and_the_average_are_those_of_keras(gradients):
    ours, theirs = variable(), variable()
    optimizer = Adam([ours], learning_rate=0.01)
    reference = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=AVERAGING)
    optimizer.build([ours])
    for gradient in gradients:
        gradient = keras.ops.convert_to_tensor(gradient)
        optimizer.apply([gradient], [ours])
        reference.apply([gradient], [theirs])
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-5)
    optimizer.finalize_variable_values([ours])
    reference.finalize_variable_values([theirs])
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-5)


def test_what_is_not_averaged_ends_where_its_last_step_led(gradients):
    averaged, other = variable(), variable()
    optimizer = Adam([averaged])
    optimizer.build([averaged, other])
    for gradient in gradients:
        gradient = keras.ops.convert_to_tensor(gradient)
        optimizer.apply([gradient, gradient], [averaged, other])
    last = np.asarray(other)
    np.testing.assert_array_equal(np.asarray(averaged), last)
    optimizer.finalize_variable_values([averaged, other])
    np.testing.assert_array_equal(np.asarray(other), last)
    assert np.abs(np.asarray(averaged) - last).max() > 1e-4


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's sparse gradients")
def test_of_a_table_the_rows_that_were_looked_up_move_as_if_they_were_alone(gradients):
    import tensorflow as tf

    table, alone = variable(), keras.Variable(np.asarray(variable())[[1, 3]])
    untouched = np.asarray(table)[[0, 2]]
    optimizer, reference = Adam([]), keras.optimizers.Adam()
    optimizer.build([table])
    for gradient in gradients:
        # Row 1 is looked up twice: its gradients add up.
        looked_up = tf.IndexedSlices(gradient[:3], np.array([1, 3, 1]), (4, 3))
        optimizer.apply([looked_up], [table])
        added = np.stack([gradient[0] + gradient[2], gradient[1]])
        reference.apply([keras.ops.convert_to_tensor(added)], [alone])
    found = np.asarray(table)
    np.testing.assert_allclose(found[[1, 3]], np.asarray(alone), rtol=1e-5)
    np.testing.assert_array_equal(found[[0, 2]], untouched)
