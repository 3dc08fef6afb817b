"""How an epoch becomes one compiled graph, and how models that are alike share it."""

from contextlib import contextmanager
from contextvars import ContextVar

from fairmedl_lite.model.backend import keras, ops
from fairmedl_lite.training.adam import Adam

TWINS = 3  # compiled models that are kept
HELD = ("num_rows", "base_rate", "seed")  # what a model holds in variables, not in its graph

_twins = ContextVar("twins", default=None)


def compile_epoch(model, data, loss=None):
    """Compile for Adam with averaged weights, and an epoch as one graph of Keras's own steps.

    Keras's `fit` feeds each batch from outside, which takes a small network longer than its
    arithmetic. Here the rows are resident, and each step takes its own.

    Args:
        model: A `keras.Model`. It gets `run_epoch`, a function of data and of the rows of each
            step, an int32 array of shape `(steps, batch)`; it returns the epoch's mean loss terms.
        data: Its inputs, targets and, if there are any, sample weights.
        loss: Name of a Keras loss, or `None`.
    """
    adversaries = getattr(model, "adversaries", ())
    against = {id(weight) for part in adversaries for weight in part.trainable_variables}
    optimizer = Adam([w for w in model.trainable_variables if id(w) not in against])
    model.compile(optimizer, loss=loss, auto_scale_loss=False)
    optimizer.build(model.trainable_variables)
    kernels = {id(layer.kernel) for layer in getattr(model, "hidden_layers", ())}
    others = [weight for weight in model.trainable_variables if id(weight) not in kernels]
    optimizer.exclude_from_weight_decay(var_list=others)
    optimizer.weight_decay = keras.Variable(0.0, trainable=False)  # no constant of the graph
    make = _tensorflow_epoch if keras.backend.backend() == "tensorflow" else _jax_epoch
    model.run_epoch = make(model, data)


def _tensorflow_epoch(model, data):
    import tensorflow as tf

    @tf.autograph.experimental.do_not_convert
    def step(data, rows):
        model.train_step(keras.tree.map_structure(lambda part: tf.gather(part, rows), data))

    def epoch(data, order):
        model.reset_metrics()
        for rows in order:
            step(data, rows)
        return model.get_metrics_result()

    def any_rows(part):
        return tf.TensorSpec((None, *part.shape[1:]), part.dtype)

    signature = keras.tree.map_structure(any_rows, data)
    signature = signature, tf.TensorSpec((None, None), "int32")
    return tf.function(epoch).get_concrete_function(*signature)


def _jax_epoch(model, data):
    import jax

    variables = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )

    @jax.jit
    def epoch(state, data, order):
        def step(state, rows):
            batch = keras.tree.map_structure(lambda part: part[rows], data)
            return model.train_step(state, batch)[1], None

        *state, terms = state
        state = (*state, [ops.zeros_like(term) for term in terms])
        return jax.lax.scan(step, state, order)[0]

    def run(data, order):
        state = tuple([variable.value for variable in group] for group in variables)
        state = epoch(state, data, order)
        keras.tree.map_structure(lambda variable, value: variable.assign(value), variables, state)
        return model.get_metrics_result()

    return run


class CompiledTwins:
    """Compiled models, one for all models that differ in data and seed alone.

    On TensorFlow compiling takes about as long as training on 20,000 rows, and a compiled graph
    keeps 15 to 40 MB. A twin is trained in the model's place, in its state. JAX compiles for each
    number of rows, and nothing is kept.

    Args:
        most: Integer. How many are kept: those that were used last.
    """

    def __init__(self, most=TWINS):
        self.most, self.models = most, {}

    @contextmanager
    def shared(self):
        """Within it, what is trained in this thread shares these graphs."""
        token = _twins.set(self if keras.backend.backend() == "tensorflow" else None)
        try:
            yield
        finally:
            _twins.reset(token)

    def of(self, model, data, loss):
        """A compiled twin in the model's state, with a fresh optimizer."""
        key = graph_key(model, len(data), loss)
        twin = self.models.pop(key, None) or self._new(model, data, loss)
        self.models[key] = twin  # the last one
        while len(self.models) > self.most:
            del self.models[next(iter(self.models))]
        _copy_state(model, twin)
        for variable in twin.optimizer.variables:
            variable.assign(ops.zeros(variable.shape, variable.dtype))
        return twin

    def _new(self, model, *how):
        twin = type(model).from_config(model.get_config())
        twin.build(model.built_shape)
        compile_epoch(twin, *how)
        return twin


def graph_key(model, parts, loss):
    """What two models must share to share a graph: all but what their variables hold."""
    settings = {name: value for name, value in model.get_config().items() if name not in HELD}
    shapes = tuple(tuple(variable.shape) for variable in model.variables)
    return type(model), tuple(sorted(settings.items())), shapes, parts, loss


@contextmanager
def compiled(model, data, loss):
    """The compiled model to train: itself, or a twin whose state it takes over at the end.

    Its own graph is let go of then: it is larger than the weights. Arguments as in
    `compile_epoch`.
    """
    twins = _twins.get()
    if twins is not None:
        twin = twins.of(model, data, loss)
        yield twin
        _copy_state(twin, model)
        return
    compile_epoch(model, data, loss)
    yield model
    del model.run_epoch


def _copy_state(source, target):
    for one, other in zip(source.variables, target.variables, strict=True):
        other.assign(one)
