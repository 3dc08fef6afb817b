"""Time of a whole Fair MEDL fit over that of a plain Keras network: same FE, batch and epochs.

    python -m benchmarks.speed

Adult's training rows, 20 epochs. The plain network is Keras's own: `compile` with the steps of an
epoch in one execution, and `fit`. First each fit compiles; then each is run once more with what is
compiled already, as `compare` does. Five interleaved pairs of both; seconds are those of the CPU,
and what is printed is the median of the five ratios.
"""

import argparse
import math
import time

import numpy as np
from tqdm import tqdm

from fairmedl_lite import ladder, load_adult, split
from fairmedl_lite.estimator.encoding import TableEncoder
from fairmedl_lite.model.backend import keras
from fairmedl_lite.training.compiling import CompiledTwins
from fairmedl_lite.training.train import NETWORK

UNSEEN = ["Sales", "Transport-moving", "Tech-support", "Protective-serv"]
PAIRS, EPOCHS = 5, 20


def plain(x, y, hidden):
    """A function that fits a plain network, compiled when it is called first."""
    layers = [keras.layers.Dense(units, activation="relu") for units in hidden]
    model = keras.Sequential([keras.Input(x.shape[1:]), *layers, keras.layers.Dense(1)])
    model.compile(
        keras.optimizers.Adam(NETWORK.learning_rate),
        keras.losses.BinaryCrossentropy(from_logits=True),
        steps_per_execution=math.ceil(len(x) / NETWORK.batch_size),
    )
    return lambda: model.fit(x, y, batch_size=NETWORK.batch_size, epochs=EPOCHS, verbose=0)


def fair(data):
    """The same for Fair MEDL, from the table to the fitted estimator."""
    twins, model = CompiledTwins(), ladder(epochs=EPOCHS)["Fair MEDL-NNet"]

    def fit():
        with twins.shared():
            model.fit(data.x, data.y, clusters=data.clusters, sensitive_features=data.sensitive)

    return model, fit


def seconds(fit):
    start = time.process_time()
    fit()
    return time.process_time() - start


def pair(data):
    """CPU seconds: plain network and Fair MEDL, with compiling and without."""
    x, y = TableEncoder().fit(data.x).transform(data.x), data.y.to_numpy("float32")
    model, fit = fair(data)
    fits = plain(x, y, model.hidden), fit
    return [[seconds(fit) for fit in fits] for _ in range(2)]


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    data = split(load_adult(), unseen_clusters=UNSEEN, seed=0).train
    pair(data)  # the first fit of a process also loads the backend
    times = np.array([pair(data) for _ in tqdm(range(PAIRS))])
    print(f"{len(data)} rows, {EPOCHS} epochs, batch {NETWORK.batch_size}")
    for number, what in enumerate(("with compiling", "compiled")):
        network, ours = np.median(times[:, number], axis=0)
        ratios = times[:, number, 1] / times[:, number, 0]
        print(
            f"{what}: {ours:.2f} s over {network:.2f} s; ratios {np.round(ratios, 2).tolist()}, "
            f"median {np.median(ratios):.2f}"
        )


if __name__ == "__main__":
    main()
