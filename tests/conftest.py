"""A small clustered data set, and models fitted to it once for the whole session."""

import os

# As the package does, but before any test imports Keras: last digits depend on the second one.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# Workers and kernels share the cores: threads that wait for each other would only take time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite.data.clustered import ClusteredData
from fairmedl_lite.estimator.estimators import FairMEDLClassifier

# Two epochs are too few, and say so. Tests that are about this warning still see it.
TOO_FEW_EPOCHS = "ignore::sklearn.exceptions.ConvergenceWarning"

TINY = {"hidden": (4,), "epochs": 2, "batch_size": 64, "seed": 0}


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", TOO_FEW_EPOCHS)


def make_rows(rows=240, seed=0):
    """Numbers, strings and missing values; three clusters of unlike base rates; two attributes."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": random.integers(18, 80, rows).astype(float),
            "score": random.normal(size=rows),
            "job": random.choice(["cook", "nurse", "smith"], rows),
        }
    )
    clusters = pd.Series(random.choice(["east", "north", "south"], rows), name="region")
    base = clusters.map({"east": -1.0, "north": 0.0, "south": 1.0})
    y = (table["score"] + base + random.normal(size=rows) > 0).astype(int).rename("y")
    table.loc[::9, "age"] = np.nan
    sensitive = pd.DataFrame(
        {
            "sex": random.choice(["f", "m"], rows),
            "band": random.choice(["old", "middle", "young"], rows),
        }
    )
    return ClusteredData(table, y, clusters, sensitive, "classification", "tiny")


def fit(data, **settings):
    """A tiny classifier fitted to all of the data."""
    model = FairMEDLClassifier(**TINY | settings)
    return model.fit(data.x, data.y, clusters=data.clusters, sensitive_features=data.sensitive)


@pytest.fixture(scope="session")
def tiny():
    return make_rows()


@pytest.fixture(scope="session")
def full(tiny):
    """A model with every part."""
    return fit(tiny, cluster_predictor=True)


@pytest.fixture
def twins():
    """A keeper of compiled models, none to begin with."""
    from fairmedl_lite.training import compiling

    if compiling.keras.backend.backend() != "tensorflow":
        pytest.skip("graphs are kept on TensorFlow alone")
    return compiling.CompiledTwins()


@pytest.fixture(scope="session")
def kept():
    """Graphs that models which are alike share: compiling takes most of a tiny fit's time.

    That a kept graph trains as a new one does, `test_compiling.py` and others show.
    """
    from fairmedl_lite.training.compiling import CompiledTwins

    return CompiledTwins()


@pytest.fixture
def shared_graphs(kept):
    """For a test that fits several models, and is not about how they are compiled."""
    with kept.shared():
        yield


@pytest.fixture(scope="session")
def plain(tiny):
    """A plain network that never saw a cluster or an attribute."""
    model = FairMEDLClassifier(**TINY, random_effects=None, cluster_adversary=0, fairness=0)
    return model.fit(tiny.x, tiny.y)
