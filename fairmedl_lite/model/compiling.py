"""How a model is compiled, and how models that are alike share one compiled graph."""

import ctypes
import gc
import math
from collections import OrderedDict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from fairmedl_lite.model.backend import keras

AVERAGING = 0.98  # momentum of the weights' moving average
TWINS = 3  # compiled models that a process keeps
HELD = ("num_rows", "base_rate", "seed")  # what a model holds in variables, not in its graph


@contextmanager
def compiled_once():
    """Within it, models that differ in data and seed alone are compiled once in this process.

    On TensorFlow compiling takes about as long as training on 20,000 rows, and a compiled graph
    keeps 15 to 40 MB: no fit outside of it adds one. JAX compiles quickly, and nothing is kept.
    """
    before, _keeper.on = _keeper.on, keras.backend.backend() == "tensorflow"
    try:
        yield
    finally:
        _keeper.on = before


@dataclass
class _Keeper:
    """The compiled twins of models, by all that their graphs hold as constants."""

    on: bool = False
    twins: OrderedDict = field(default_factory=OrderedDict)


_keeper = _Keeper()


def _compiled(model, steps, learning_rate, loss):
    """The model, compiled; within `compiled_once` a twin that is, in the model's state."""
    if not _keeper.on:
        compile_model(model, steps, learning_rate, loss)
        return model
    steps = 2 ** math.ceil(math.log2(steps))  # an execution ends with the epoch all the same
    key = _graph_key(model, steps, loss)
    if key not in _keeper.twins:
        twin = type(model).from_config(model.get_config())
        twin.build(model.built_shape)
        compile_model(twin, steps, learning_rate, loss)
        _keeper.twins[key] = twin
    _keeper.twins.move_to_end(key)
    while len(_keeper.twins) > TWINS:
        _keeper.twins.popitem(last=False)
    twin = _keeper.twins[key]
    _copy_state(model, twin)
    for variable in twin.optimizer.variables:
        variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
    twin.optimizer.learning_rate = learning_rate
    return twin


def _graph_key(model, steps, loss):
    """What two models must share to share a graph: all but what their variables hold."""
    config = {name: value for name, value in model.get_config().items() if name not in HELD}
    shapes = [tuple(variable.shape) for variable in model.variables]
    return repr((type(model), config, shapes, steps, loss))


def _copy_state(source, target):
    for one, other in zip(source.variables, target.variables, strict=True):
        other.assign(one)


def _finish(model, trainee):
    """Take the state over from a twin, or give the memory of the model's own graph back."""
    if trainee is model:
        model.train_function = None
    else:
        _copy_state(trainee, model)
    _release_memory()


def _release_memory():
    """Give the memory of a compiled graph back: it is more than that of the weights."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # glibc keeps what was freed, unless asked
        ctypes.CDLL(None).malloc_trim(0)


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
