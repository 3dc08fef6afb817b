"""What a model file holds comes back as it was; other files are refused, and harm nothing."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite.estimator.estimators import FairMEDLClassifier, FairMEDLRegressor
from fairmedl_lite.estimator.file import read, write

FRAME = pd.DataFrame(
    {"cluster": ["a", "b"], "sd": [0.1, np.nan], "n": [3, 4]}, index=pd.Index([7, 9], name="year")
)
WEIGHTS = {
    "model": [np.arange(3, dtype="float32"), np.ones((2, 2))],
    "empty": [],
    "scalar": [np.float32(2)],
}


def both(description, weights):
    return description, weights


def round_trip(path, description, weights=WEIGHTS):
    write(path, description, weights)
    return read(path, both)


def test_arrays_come_back_with_their_order_shape_and_type(tmp_path):
    _, found = round_trip(tmp_path / "model", {})
    assert set(found) == set(WEIGHTS)
    for name, arrays in WEIGHTS.items():
        assert len(found[name]) == len(arrays)
        for one, other in zip(found[name], arrays, strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype and one.shape == other.shape


def test_tables_come_back_with_gaps_and_index(tmp_path):
    description = {"tables": {"variance": FRAME, "plain": FRAME.reset_index(drop=True)}}
    found, _ = round_trip(tmp_path / "model", description)
    pd.testing.assert_frame_equal(found["tables"]["variance"], FRAME)
    pd.testing.assert_frame_equal(found["tables"]["plain"], FRAME.reset_index(drop=True))


def test_numpys_numbers_and_labels_become_pythons(tmp_path):
    description = {
        "number": np.float64(1 / 3),
        "count": np.int32(5),
        "flag": np.bool_(True),
        "labels": pd.Index(["a", "b"]),
        "years": np.array([1999, 2001]),
    }
    found, _ = round_trip(tmp_path / "model", description)
    assert found == {
        "format": "fairmedl_lite 2",
        "number": 1 / 3,
        "count": 5,
        "flag": True,
        "labels": ["a", "b"],
        "years": [1999, 2001],
    }


def test_a_model_file_is_json_and_arrays(tmp_path):
    write(tmp_path / "model", {"a": 1}, WEIGHTS)
    with zipfile.ZipFile(tmp_path / "model") as file:
        names = {"model.json", "model.npz", "empty.npz", "scalar.npz"}
        assert set(file.namelist()) == names
        assert json.loads(file.read("model.json")) == {"format": "fairmedl_lite 2", "a": 1}


def test_what_json_cannot_hold_is_named(tmp_path):
    label = pd.Timestamp("2000-01-01")
    with pytest.raises(TypeError, match=r"numbers and strings. Received: Timestamp.*astype\(str\)"):
        write(tmp_path / "model", {"labels": pd.Index([label])}, {})


def test_a_model_that_cannot_be_written_leaves_the_file_that_was_there(tmp_path):
    write(tmp_path / "model", {"a": 1}, {})
    with pytest.raises(TypeError):
        write(tmp_path / "model", {"a": object()}, {})
    assert read(tmp_path / "model", both)[0]["a"] == 1


def test_what_restoring_raises_is_told_as_a_damaged_file(tmp_path):
    write(tmp_path / "model", {}, {})

    def restore(description, weights):
        raise KeyError("columns")

    with pytest.raises(ValueError, match="written by save.*model.*'columns'") as raised:
        read(tmp_path / "model", restore)
    assert isinstance(raised.value.__cause__, KeyError)


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path):
    with pytest.raises(OSError):
        read(tmp_path, both)


def test_an_older_format_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "old", "w") as file:
        file.writestr("model.json", json.dumps({"format": "fairmedl_lite 1"}))
    with pytest.raises(ValueError, match="its format is 'fairmedl_lite 1'"):
        read(tmp_path / "old", both)


@pytest.mark.parametrize(
    "written, read",
    [(FairMEDLClassifier, FairMEDLRegressor), (FairMEDLRegressor, FairMEDLClassifier)],
)
def test_the_other_estimators_file_is_refused(tmp_path, written, read):
    write(tmp_path / "model", {"estimator": written.__name__}, {})
    message = f"it holds a {written.__name__}, not a {read.__name__}"
    with pytest.raises(ValueError, match=message):
        read.load(tmp_path / "model")
