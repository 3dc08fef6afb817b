"""Adam with averaged weights, in as few operations as TensorFlow allows."""

from fairmedl_lite.model.backend import keras, ops

AVERAGING = 0.98  # momentum of the weights' moving average
CONSTANTS = ("beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon")


class Adam(keras.optimizers.Adam):
    """Keras's Adam, quicker on TensorFlow for many small variables and for few rows of a large one.

    A variable's step is one operation in place of some forty. Where a step looked up some rows of a
    table, those alone move, and their moments. JAX needs no such help.

    Args:
        averaged: The variables whose moving average counts: not those of adversaries.
    """

    def __init__(self, averaged=(), **kwargs):
        super().__init__(**kwargs)
        self._counted = {id(variable) for variable in averaged}

    def build(self, variables):
        """Make the moments and the averages."""
        super().build(variables)
        self._averages = [
            self.add_variable_from_reference(variable, name="average")
            for variable in self._averaged()
        ]

    def _averaged(self):
        # An optimizer that held them would take them for variables of its own.
        return [variable for variable in self._trainable_variables if id(variable) in self._counted]

    def apply(self, grads, trainable_variables=None):
        """Move the variables, then their averages."""
        step = ops.cast(self.iterations + 1, "float32")
        self._powers = self.beta_1**step, self.beta_2**step
        share = ops.where(step > 1, 1 - AVERAGING, 1.0)
        super().apply(grads, trainable_variables)
        for variable, average in zip(self._averaged(), self._averages, strict=True):
            average.assign_add(ops.cast(share, variable.dtype) * (variable - average))

    def finalize_variable_values(self, var_list):
        """Put the averages in their place."""
        for variable, average in zip(self._averaged(), self._averages, strict=True):
            variable.assign(average)

    def update_step(self, gradient, variable, learning_rate):
        """Adam's step of one variable."""
        if keras.backend.backend() != "tensorflow":
            return super().update_step(gradient, variable, learning_rate)
        import tensorflow as tf

        moments = [
            table[self._get_variable_index(variable)].value
            for table in (self._momentums, self._velocities)
        ]
        if isinstance(gradient, tf.IndexedSlices):
            return self._update_rows(gradient, variable, *moments, learning_rate)
        constants = [*self._powers, learning_rate, self.beta_1, self.beta_2, self.epsilon]
        return tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=moments[0].handle,
            v=moments[1].handle,
            grad=ops.cast(gradient, variable.dtype),
            **dict(zip(CONSTANTS, (ops.cast(x, variable.dtype) for x in constants), strict=True)),
        )

    def _update_rows(self, gradient, table, momentum, velocity, learning_rate):
        """Adam's step of the rows that were looked up, each once."""
        import tensorflow as tf

        rows, places = tf.unique(gradient.indices)
        gradient = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
        m, v = (tf.gather(moment, rows) for moment in (momentum, velocity))
        m += (1 - self.beta_1) * (gradient - m)
        v += (1 - self.beta_2) * (gradient**2 - v)
        size = learning_rate * ops.sqrt(1 - self._powers[1]) / (1 - self._powers[0])
        momentum.scatter_update(tf.IndexedSlices(m, rows))
        velocity.scatter_update(tf.IndexedSlices(v, rows))
        table.scatter_sub(tf.IndexedSlices(size * m / (ops.sqrt(v) + self.epsilon), rows))
