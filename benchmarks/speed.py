"""Time of one Fair MEDL fit over one plain-network fit: same FE, batch and epochs, interleaved.

    python -m benchmarks.speed

Both models are compiled and run once before the clock starts. Then five pairs of fits on Adult's
training rows; what is printed is the median of the five ratios.
"""

import math
import time

import numpy as np

from fairmedl_lite import ladder, load_adult, split
from fairmedl_lite.checks import check_groups
from fairmedl_lite.estimator.encoding import TableEncoder
from fairmedl_lite.model.cells import cell_codes, cell_shares
from fairmedl_lite.model.compiling import compile_model
from fairmedl_lite.model.fair_medl import FairMEDL
from fairmedl_lite.model.training import NETWORK

UNSEEN = ["Sales", "Transport-moving", "Tech-support", "Protective-serv"]
PAIRS, EPOCHS = 5, 20


def arrays():
    """Adult's training rows as the model reads them."""
    data = split(load_adult(), unseen_clusters=UNSEEN, seed=0).train
    groups, codes = check_groups(data.sensitive)
    counts = [len(names) for names in groups.values()]
    outcome = data.y.to_numpy("float32")
    x = {
        "x": TableEncoder().fit(data.x).transform(data.x),
        "clusters": (data.clusters.astype("category").cat.codes.to_numpy("int32"),),
    }
    cells = cell_codes(codes, outcome.astype(int), counts)
    return x, {"outcome": outcome[:, None], "cells": cells}, counts


def compiled(settings, x, cells, counts):
    """A model in the settings of one rung, ready to fit."""
    names = ("hidden", "cluster_adversary", "fairness", "fairness_on")
    effects = settings.random_effects
    model = FairMEDL(
        num_rows=len(x["x"]),
        num_clusters=(int(x["clusters"][0].max()) + 1,),
        group_counts=counts,
        base_rate=0.25,
        random_effects=(effects,) if effects else (),
        **{name: getattr(settings, name) for name in names},
    )
    model.build({"x": (None, x["x"].shape[1]), "clusters": ((None,),)})
    if model.debiasing:
        model.debiasing.cell_shares.assign(cell_shares(cells, model.debiasing.shape))
    steps = math.ceil(len(x["x"]) / NETWORK.batch_size)
    compile_model(model, steps, NETWORK.learning_rate)
    return model


def seconds(model, x, y, epochs):
    start = time.perf_counter()
    model.fit(x, y, batch_size=NETWORK.batch_size, epochs=epochs, verbose=0)
    return time.perf_counter() - start


def main():
    x, y, counts = arrays()
    rungs = ladder()
    names = ("NNet", "Fair MEDL-NNet")
    models = [compiled(rungs[name], x, y["cells"], counts) for name in names]
    targets = [{"outcome": y["outcome"]}, y]  # the plain network is not made to carry cells
    fits = list(zip(models, targets, strict=True))
    first = [seconds(model, x, target, 1) for model, target in fits]
    pairs = [[seconds(model, x, target, EPOCHS) for model, target in fits] for _ in range(PAIRS)]
    pairs = np.array(pairs)
    print(f"{len(x['x'])} rows, {EPOCHS} epochs, batch {NETWORK.batch_size}")
    for name, compiling, times in zip(names, first, pairs.T, strict=True):
        print(f"{name}: median {np.median(times):.2f} s a fit; first epoch {compiling:.1f} s")
    ratios = pairs[:, 1] / pairs[:, 0]
    print(f"ratios {np.round(ratios, 2).tolist()}, median {np.median(ratios):.2f}")


if __name__ == "__main__":
    main()
