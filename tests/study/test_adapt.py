"""The experiment on new clusters: which rows are labelled and tested, and the figures, by hand."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import FairMEDLRegressor, simulate_linear
from study.experiments.adapt import COUNTS, kept, labelled_rows, losses, summarise
from study.plan import Study
from study.words import PLAIN

CLUSTERS = pd.Series(["a"] * 300 + ["b"] * 21 + ["c"])


def simulated(clusters, rows):
    """Linear data with two groups, one row after the other."""
    data = simulate_linear(clusters, rows, seed=0).data
    groups = pd.DataFrame({"sex": np.tile(["f", "m"], len(data) // 2)}, data.x.index)
    return replace(data, sensitive=groups)


def test_no_more_than_a_hundred_rows_and_half_of_a_cluster_are_labelled():
    place, tested = labelled_rows(CLUSTERS, np.arange(322), seed=0)
    queued = pd.Series(place[~tested]).groupby(CLUSTERS[~tested].to_numpy())
    assert queued.size().to_dict() == {"a": 100, "b": 10}
    assert all(sorted(places) == list(range(len(places))) for _, places in queued)
    assert tested.sum() == 322 - 110
    assert (place[tested] >= 100).all()


def test_a_patient_with_a_labelled_row_is_not_tested():
    patients = np.arange(322) // 2
    place, tested = labelled_rows(CLUSTERS, patients, seed=0)
    assert tested.any() and not set(patients[place < 100]) & set(patients[tested])


def test_the_loss_of_each_group_by_hand():
    data = simulated(2, 2)
    found = losses(data, data.y.to_numpy() + np.array([1.0, 2.0, 3.0, 0.0]))
    assert [(figure.attribute, figure.group) for figure in found] == [
        ("", ""),
        ("sex", "f"),
        ("sex", "m"),
    ]
    assert [figure.value for figure in found] == pytest.approx([14 / 4, 10 / 2, 4 / 2])


def test_a_change_is_paired_by_seed():
    keys = {"table": "t", "model": "m", "threshold": "", "metric": "mse", "attribute": ""}
    runs = pd.DataFrame(
        {"seed": [0, 1, 0, 1], "labelled": [0, 0, 5, 5], "value": [1.0, 3.0, 0.9, 2.7]}
    )
    table = summarise(runs.assign(**keys, group="", ratio=0.25)).set_index("labelled")
    assert table.loc[5, "mean"] == pytest.approx(1.8)
    assert table.loc[5, "change"] == pytest.approx(-0.2)
    # The differences -.1 and -.3: sd .02 ** .5, t with one degree of freedom 12.7062.
    half = 12.7062 * (0.02 * (1 / 2 + 0.25)) ** 0.5
    assert table.loc[5, "change_high"] == pytest.approx(-0.2 + half, rel=1e-4)
    assert table.loc[0, "change"] == 0


def test_a_fit_is_kept_and_labels_help(tmp_path):
    settings = {"hidden": (4,), "epochs": 10}
    study = Study(
        "tiny", partial(simulated, 10, 200), 0.3, 1, 0, 0, {}, settings, kind=FairMEDLRegressor
    )
    table = kept(study, PLAIN, 0, tmp_path)
    mse = table[table["metric"] == "mse"].query("group == ''").set_index("labelled")["value"]
    assert mse.index.tolist() == list(COUNTS)
    assert mse[100] < mse[5] < mse[0]
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text().replace("mse", "MSE"))
    assert "MSE" in set(kept(study, PLAIN, 0, tmp_path)["metric"])  # it was not fitted again
