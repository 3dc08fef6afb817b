"""How a model is compiled, and how models that are alike share one compiled graph."""

import math
from collections import OrderedDict
from contextlib import contextmanager
from contextvars import ContextVar

from fairmedl_lite.model.backend import keras

AVERAGING = 0.98  # momentum of the weights' moving average
TWINS = 3  # compiled models that are kept
HELD = ("num_rows", "base_rate", "seed")  # what a model holds in variables, not in its graph

_twins = ContextVar("twins", default=None)


def compile_model(model, steps, learning_rate, loss=None):
    """Compile for Adam with averaged weights, in the way that is fastest on a CPU.

    Args:
        model: A `keras.Model`.
        steps: Integer. Steps of an epoch: TensorFlow runs them as one graph, JAX would unroll.
        learning_rate: Float.
        loss: Name of a Keras loss, or `None`.
    """
    backend = keras.backend.backend()
    model.compile(
        keras.optimizers.Adam(learning_rate, use_ema=True, ema_momentum=AVERAGING),
        loss=loss,
        jit_compile=backend == "jax",
        steps_per_execution=steps if backend == "tensorflow" else 1,
    )


class CompiledTwins:
    """Compiled models, one for all models that differ in data and seed alone.

    On TensorFlow compiling takes about as long as training on 20,000 rows, and a compiled graph
    keeps 15 to 40 MB. A twin is trained in the model's place, in its state. JAX compiles quickly,
    and nothing is kept.

    Args:
        most: Integer. How many are kept: those that were used last.
    """

    def __init__(self, most=TWINS):
        self.most, self.models = most, OrderedDict()

    @contextmanager
    def shared(self):
        """Within it, what is trained in this thread shares these graphs."""
        token = _twins.set(self if keras.backend.backend() == "tensorflow" else None)
        try:
            yield
        finally:
            _twins.reset(token)

    def of(self, model, steps, learning_rate, loss):
        """A compiled twin in the model's state, with a fresh optimizer."""
        steps = 2 ** math.ceil(math.log2(steps))  # an execution ends with the epoch all the same
        key = graph_key(model, steps, loss)
        if key not in self.models:
            twin = type(model).from_config(model.get_config())
            twin.build(model.built_shape)
            compile_model(twin, steps, learning_rate, loss)
            self.models[key] = twin
        self.models.move_to_end(key)
        while len(self.models) > self.most:
            self.models.popitem(last=False)
        twin = self.models[key]
        _copy_state(model, twin)
        for variable in twin.optimizer.variables:
            variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
        twin.optimizer.learning_rate = learning_rate
        return twin


def graph_key(model, steps, loss):
    """What two models must share to share a graph: all but what their variables hold."""
    settings = {name: value for name, value in model.get_config().items() if name not in HELD}
    shapes = tuple(tuple(variable.shape) for variable in model.variables)
    return type(model), tuple(sorted(settings.items())), shapes, steps, loss


@contextmanager
def compiled(model, steps, learning_rate, loss):
    """The compiled model to train: itself, or a twin whose state it takes over at the end.

    Its own graph is let go of then: it is larger than the weights. Arguments as in
    `compile_model`.
    """
    twins = _twins.get()
    if twins is not None:
        twin = twins.of(model, steps, learning_rate, loss)
        yield twin
        _copy_state(twin, model)
        return
    compile_model(model, steps, learning_rate, loss)
    yield model
    model.train_function = None


def _copy_state(source, target):
    for one, other in zip(source.variables, target.variables, strict=True):
        other.assign(one)
