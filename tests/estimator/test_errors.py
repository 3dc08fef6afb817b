"""Bad input is stopped by an error, or passed with a warning, that says what to do."""

import io
import json
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
from conftest import TINY
from sklearn.exceptions import NotFittedError

from fairmedl_lite.estimator.estimators import FairMEDLClassifier


def replaced(column, row, value):
    """The column with one value replaced."""
    column = column.astype(object if isinstance(value, str) or value is None else column.dtype)
    column = column.copy()
    column.iloc[row] = value
    return column


def fit(data, settings=None, **changed):
    """Fit with some arguments changed; nothing trains if a check stops it."""
    arguments = {
        "X": data.x,
        "y": data.y,
        "clusters": data.clusters,
        "sensitive_features": data.sensitive,
    } | changed
    return FairMEDLClassifier(**TINY | (settings or {})).fit(**arguments)


BAD_DATA = {
    "short y": (lambda d: {"y": d.y[:-1]}, "one value for each row.*'y': 239"),
    "short clusters": (lambda d: {"clusters": d.clusters[1:]}, "each row.*'clusters': 239"),
    "short attributes": (
        lambda d: {"sensitive_features": d.sensitive[2:]},
        "each row.*'sensitive_features': 238",
    ),
    "short weights": (lambda d: {"sample_weight": np.ones(3)}, "each row.*'sample_weight': 3"),
    "empty": (
        lambda d: {"X": d.x[:0], "y": d.y[:0], "clusters": None, "sensitive_features": None},
        "at least one row",
    ),
    "no columns": (lambda d: {"X": d.x[[]]}, "X must have columns"),
    "missing y": (
        lambda d: {"y": replaced(d.y.astype(float), 3, np.nan)},
        "y must be known and finite. Received: 1 missing.*Drop these rows",
    ),
    "missing label in y": (lambda d: {"y": replaced(d.y, 3, None)}, "Received: 1 missing"),
    "infinite y": (
        lambda d: {"y": replaced(d.y.astype(float), 3, np.inf)},
        "y must be known and finite. Received: 1",
    ),
    "one class": (lambda d: {"y": d.y * 0}, r"exactly two classes. Received: 1, \[0\]"),
    "three classes": (
        lambda d: {"y": replaced(d.y, 0, 2)},
        r"Received: 3, \[0, 1, 2\].*compare one class with the rest",
    ),
    "missing cluster": (
        lambda d: {"clusters": replaced(d.clusters, 0, None)},
        "clusters must have no missing values. Received: 1 .*give them a label of their own",
    ),
    "no clusters": (
        lambda d: {"clusters": None},
        "clusters must be given for random_effects, cluster_adversary.*leave these parts out",
    ),
    "one cluster": (
        lambda d: {"clusters": d.clusters.where(d.clusters == "east", "east")},
        r"at least two clusters.*only \['east'\].*Leave these parts out",
    ),
    "no attributes": (
        lambda d: {"sensitive_features": None},
        "sensitive_features must be given for fairness=.*or fairness=0",
    ),
    "one group": (
        lambda d: {"sensitive_features": d.sensitive.assign(sex="f")},
        r"'sex' must have at least two groups. Received: only \['f'\]. Leave it out",
    ),
    "missing group": (
        lambda d: {
            "sensitive_features": d.sensitive.assign(sex=replaced(d.sensitive.sex, 1, None))
        },
        "attribute 'sex' must have no missing values. Received: 1",
    ),
    "infinite X": (
        lambda d: {"X": d.x.assign(score=-np.inf)},
        "X must be finite. Received: 240 infinite values in 'score'. Replace them",
    ),
    "datetime column": (
        lambda d: {"X": d.x.assign(born=pd.Timestamp("2000-01-01"))},
        "Received: datetime64.* in 'born'. Turn it into one of these",
    ),
    "all missing column": (
        lambda d: {"X": d.x.assign(age=np.nan)},
        "Columns of X must have known values. Received: none in 'age'. Drop it",
    ),
    "negative weight": (
        lambda d: {"sample_weight": replaced(pd.Series(np.ones(240)), 1, -1.0)},
        "finite, zero or more, and not all zero. Received: 1 weights",
    ),
    "infinite weight": (
        lambda d: {"sample_weight": replaced(pd.Series(np.ones(240)), 1, np.inf)},
        "Received: 1 weights that are negative, missing or infinite",
    ),
    "missing weight": (
        lambda d: {"sample_weight": replaced(pd.Series(np.ones(240)), 1, np.nan)},
        "Received: 1 weights that are negative, missing or infinite",
    ),
    "weights of zero": (lambda d: {"sample_weight": np.zeros(240)}, "not all zero"),
    "a class that weighs nothing": (
        lambda d: {"sample_weight": d.y.to_numpy(float)},
        "Both classes of y must have rows that weigh more than zero",
    ),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_data_that_cannot_be_fitted(tiny, case):
    change, message = BAD_DATA[case]
    with pytest.raises(ValueError, match=message):
        fit(tiny, **change(tiny))


@pytest.mark.parametrize("part", ["random_effects", "cluster_adversary", "cluster_predictor"])
def test_the_part_that_needs_clusters_is_named(tiny, part):
    off = {"random_effects": None, "cluster_adversary": 0, "cluster_predictor": False}
    on = {"random_effects": "slopes", "cluster_adversary": 0.1, "cluster_predictor": True}
    with pytest.raises(ValueError, match=f"clusters must be given for {part}. Received: None"):
        fit(tiny, off | {part: on[part]}, clusters=None)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"random_effects": "slope"}, "must be one of .*'slopes', 'intercept'.*'slope'"),
        ({"random_effects": True}, "random_effects must be one of"),
        ({"fairness_on": ("both",)}, r"fairness_on must name .*'fixed'.*\('both',\)"),
        ({"fairness_on": "fixed"}, "in a tuple. Received: 'fixed'"),
        ({"fairness_on": ()}, "To leave fairness out pass fairness=0"),
        ({"fairness": -0.1}, "fairness must be zero or more, and finite. Received: -0.1"),
        ({"fairness": np.inf}, "fairness must be zero or more, and finite. Received: inf"),
        ({"fairness": np.nan}, "fairness must be zero or more, and finite. Received: nan"),
        ({"cluster_adversary": -1}, "cluster_adversary must be zero or more"),
        ({"cluster_adversary_reads": "units"}, "reads must be one of .*'standardised'.*'units'"),
        ({"fixed_loss": -1}, "fixed_loss must be zero or more"),
        ({"epochs": 0}, "epochs must be above zero. Received: 0"),
        ({"batch_size": -5}, "batch_size must be above zero"),
        ({"learning_rate": 0.0}, "learning_rate must be above zero"),
        ({"hidden": ()}, "Pass cluster_adversary=0, or name hidden units"),
    ],
)
def test_settings_that_cannot_be_fitted(tiny, settings, message):
    with pytest.raises(ValueError, match=message):
        fit(tiny, settings)


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="lambda_f"):
        FairMEDLClassifier(lambda_f=1)


BAD_ROWS = {
    "empty": (lambda d: {"X": d.x[:0], "clusters": d.clusters[:0]}, "at least one row"),
    "short clusters": (lambda d: {"clusters": d.clusters[:5]}, "each row.*'clusters': 5"),
    "missing cluster": (
        lambda d: {"clusters": replaced(d.clusters, 0, None), "unseen": "fixed"},
        "clusters must have no missing values. Received: 1",
    ),
    "new cluster": (
        lambda d: {"clusters": replaced(d.clusters, 0, "west")},
        r"1 rows of new clusters \(\['west'\]\).*unseen='fixed', 'prior' or 'predict'",
    ),
    "no clusters": (lambda d: {"clusters": None}, r"240 rows .*\(all unknown\).*unseen='fixed'"),
    "unknown word for unseen": (
        lambda d: {"unseen": "mean"},
        r"one of \[None, 'fixed', 'prior', 'predict', 'shuffled'\]. Received: 'mean'",
    ),
    "unknown word for effects": (
        lambda d: {"effects": "FE"},
        r"effects must be one of \['fixed', 'random', 'mixed', 'population'\]. Received: 'FE'",
    ),
    "missing column": (
        lambda d: {"X": d.x.drop(columns="job")},
        r"columns of the training data. Received: 1 missing \['job'\], 0 unknown",
    ),
    "unknown column": (lambda d: {"X": d.x.assign(pet="cat")}, r"0 missing .*1 unknown \['pet'\]"),
    "a column twice": (lambda d: {"X": d.x[[*d.x, "job"]]}, "columns of different names"),
    "a string for a number": (
        lambda d: {"X": d.x.assign(score="high")},
        "'score' of X held numbers in training. .*such as 'high'. Convert it with pd.to_numeric",
    ),
    "infinite X": (lambda d: {"X": d.x.assign(age=np.inf)}, "240 infinite values in 'age'"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_rows_that_cannot_be_predicted(full, tiny, case):
    change, message = BAD_ROWS[case]
    with pytest.raises(ValueError, match=message):
        full.predict_proba(**{"X": tiny.x, "clusters": tiny.clusters} | change(tiny))


def test_parts_that_the_model_does_not_have(plain, tiny):
    with pytest.raises(ValueError, match="a model without them. Pass effects='fixed'"):
        plain.predict_proba(tiny.x, effects="random")


def test_unseen_clusters_cannot_be_predicted_without_a_predictor(full, tiny, monkeypatch):
    monkeypatch.setattr(full, "cluster_predictors_", [])
    with pytest.raises(ValueError, match="Fit with cluster_predictor=True, or pass unseen='fixed'"):
        full.predict_proba(tiny.x, unseen="predict")


def test_categories_not_met_in_training_are_counted_and_prediction_goes_on(full, tiny):
    x = tiny.x.assign(job=tiny.x["job"].replace({"cook": "baker"}))
    rows = (x["job"] == "baker").sum()
    with pytest.warns(UserWarning, match=f"{rows} rows have a category of 'job'.*baker"):
        p = full.predict_proba(x, clusters=tiny.clusters)
    assert p.shape == (240, 2) and np.isfinite(p).all()


def test_gaps_not_met_in_training_are_counted_and_filled_by_the_median(full, tiny):
    x = tiny.x.assign(score=tiny.x["score"].where(tiny.x.index >= 7))
    filled = x.fillna({"score": tiny.x["score"].median()})
    with pytest.warns(UserWarning, match="7 rows miss 'score', which no training row did"):
        p = full.predict_proba(x, clusters=tiny.clusters)
    expected = full.predict_proba(filled, clusters=tiny.clusters)
    np.testing.assert_allclose(p, expected, rtol=1e-5)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_nothing_is_predicted_before_fit(tiny, method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(FairMEDLClassifier(), method)(tiny.x, clusters=tiny.clusters)


def test_nothing_is_saved_before_fit(tmp_path):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        FairMEDLClassifier().save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.fixture(scope="module")
def members(full, tmp_path_factory):
    """The parts of a good model file."""
    path = tmp_path_factory.mktemp("saved") / "model.zip"
    full.save(path)
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def write(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def pack(*arrays):
    buffer = io.BytesIO()
    np.savez(buffer, *arrays)
    return buffer.getvalue()


def changed_json(members, **changes):
    return {"model.json": json.dumps(json.loads(members["model.json"]) | changes)}


BAD_MEMBERS = {
    "no description": lambda m: {"model.json": None},
    "no weights": lambda m: {"model.npz": None},
    "no cluster predictor": lambda m: {"cluster_predictor_0.npz": None},
    "description is no JSON": lambda m: {"model.json": b"\xff\x00 not JSON"},
    "description is a list": lambda m: {"model.json": "[]"},
    "description has no format": lambda m: {"model.json": "{}"},
    "another format": lambda m: changed_json(m, format="fairmedl_lite 99"),
    "params of another kind": lambda m: changed_json(m, params=[1, 2]),
    "unknown params": lambda m: changed_json(m, params={"lambda_f": 1}),
    "columns of another kind": lambda m: changed_json(m, columns=7),
    "weights are no arrays": lambda m: {"model.npz": b"not arrays"},
    "weights are empty": lambda m: {"model.npz": b""},
    "weights are cut off": lambda m: {"model.npz": m["model.npz"][:200]},
    "weights of other shapes": lambda m: {"model.npz": pack(np.ones(3), np.ones((2, 2)))},
    "weights have other names": lambda m: {"model.npz": m["model.npz"].replace(b"arr_0", b"arr_x")},
}


@pytest.mark.parametrize("case", BAD_MEMBERS)
def test_a_damaged_model_file_is_refused(members, tmp_path, case):
    parts = members | BAD_MEMBERS[case](members)
    path = write(tmp_path / "bad", {name: part for name, part in parts.items() if part is not None})
    with pytest.raises(ValueError, match="must be a model written by save.*bad"):
        FairMEDLClassifier.load(path)


@pytest.mark.parametrize("content", [b"", b"a text file", b"PK\x03\x04 begins like a zip"])
def test_a_file_that_is_no_zip_is_refused(tmp_path, content):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(ValueError, match="must be a model written by save"):
        FairMEDLClassifier.load(tmp_path / "text")


@pytest.mark.parametrize("at", [0.3, 0.5, 0.7])
def test_a_file_with_flipped_bytes_is_refused(full, tmp_path, at):
    full.save(tmp_path / "model")
    content = bytearray((tmp_path / "model").read_bytes())
    start = int(at * len(content))
    content[start : start + 40] = bytes(255 - byte for byte in content[start : start + 40])
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(ValueError, match="must be a model written by save"):
        FairMEDLClassifier.load(tmp_path / "model")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        FairMEDLClassifier.load(tmp_path / "nowhere")


class Marker:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_loading_runs_no_code_from_the_file(members, tmp_path):
    marker = tmp_path / "marker"
    evil = pack(np.array([Marker(str(marker))], dtype=object))
    with np.load(io.BytesIO(evil), allow_pickle=True) as arrays:
        arrays["arr_0"]
    assert marker.exists(), "unpickling must leave a mark, or this test shows nothing"
    marker.unlink()
    for content in (evil, pickle.dumps(Marker(str(marker)))):
        path = write(tmp_path / "evil", members | {"model.npz": content})
        with pytest.raises(ValueError, match="must be a model written by save"):
            FairMEDLClassifier.load(path)
    assert not marker.exists()
