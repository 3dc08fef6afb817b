"""Tables as the world has them: the right number, or a sentence that says what to do."""

import json
import zipfile
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from conftest import TINY, make_rows

from fairmedl_lite.estimator.clusters import cluster_table
from fairmedl_lite.estimator.encoding import TableEncoder
from fairmedl_lite.estimator.estimators import FairMEDLClassifier, FairMEDLRegressor
from fairmedl_lite.estimator.rows import Rows

LINEAR = {"hidden": (), "random_effects": "intercept", "cluster_adversary": 0, "fairness": 0}


def encoded(fitted, x=None):
    return TableEncoder().fit(fitted).transform(fitted if x is None else x)


@pytest.mark.parametrize("value", [0.3, 7, 1e9 + 0.1, True, -1e-30, 1e300])
def test_a_constant_column_says_nothing_of_any_row(value):
    fitted = pd.DataFrame({"a": [value] * 600, "b": range(600)})
    other = pd.DataFrame({"a": [0.0, 0.31, -1e6], "b": [0, 1, 2]})
    assert (encoded(fitted, other)[:, 0] == 0).all()
    encoder = TableEncoder().fit(fitted)
    again = TableEncoder.from_config(json.loads(json.dumps(encoder.get_config())))
    np.testing.assert_array_equal(again.transform(other), encoder.transform(other))


@pytest.mark.parametrize("unit", [1e-90, 1e-13, 1e13, 1e90])
def test_a_column_is_encoded_alike_in_any_unit(unit):
    a = np.random.default_rng(0).normal(size=50)
    ours, theirs = (encoded(pd.DataFrame({"a": part})) for part in (a, unit * a))
    np.testing.assert_allclose(theirs, ours, rtol=1e-6)


@pytest.mark.parametrize(
    "hold",
    [
        lambda x: x.astype(object),
        lambda x: x.map(lambda v: Decimal(repr(v))),
        lambda x: pd.DataFrame(x.to_numpy(dtype=object), columns=list(x)),
        lambda x: x.astype(object).where(x > -9, None),
        lambda x: x.convert_dtypes(),
    ],
)
def test_numbers_are_numbers_whatever_holds_them(hold):
    x = pd.DataFrame({"a": np.random.default_rng(0).normal(size=60), "b": np.arange(60) % 7})
    np.testing.assert_array_equal(encoded(hold(x)), encoded(x))
    np.testing.assert_array_equal(encoded(x, hold(x)), encoded(x))


@pytest.mark.parametrize(
    "column",
    [
        [1j] * 3,
        pd.Series([1j, 2, 3], dtype=object),
        pd.Series([pd.Timestamp(day) for day in range(3)], dtype=object),
        pd.Series(pd.period_range("2020", periods=3, freq="Y"), dtype=object),
        pd.to_timedelta([1, 2, 3], unit="D"),
        [b"a", b"b", b"c"],
    ],
)
def test_columns_that_are_neither_numbers_nor_words_are_refused(column):
    with pytest.raises(ValueError, match="Columns of X must hold numbers, booleans, strings or"):
        TableEncoder().fit(pd.DataFrame({"a": column}))


def test_a_number_too_far_from_training_rows_is_refused():
    with pytest.raises(ValueError, match=r"'a' of X must be like .*1e\+30 standard dev.*units"):
        encoded(pd.DataFrame({"a": [-1.0, 1.0]}), pd.DataFrame({"a": [1e30]}))


def test_a_missing_cluster_in_a_list_is_missing():
    with pytest.raises(ValueError, match="clusters must have no missing values. Received: 1 "):
        cluster_table(["a", np.nan, "b"])


BAD_FITS = {
    "a MultiIndex": (
        lambda d: {"X": d.x.set_axis(pd.MultiIndex.from_product([["x"], d.x]), axis=1)},
        "X must have columns of different names.*MultiIndex",
    ),
    "times as clusters": (
        lambda d: {"clusters": pd.Series(pd.to_datetime(d.clusters.factorize()[0], unit="D"))},
        "clusters must hold strings or numbers",
    ),
    "bands of no name": (
        lambda d: {"sensitive_features": pd.DataFrame({"age": pd.cut(d.x["score"], 3)})},
        "'age' must hold strings or numbers.*interval.*astype",
    ),
    "a column of y": (lambda d: {"y": d.y.to_frame()}, r"y must be dense, of 1 axes.*\(240, 1\)"),
    "weights of two axes": (
        lambda d: {"sample_weight": np.ones((240, 1))},
        "sample_weight must be dense, of 1 axes",
    ),
    "rows in another order": (
        lambda d: {"sensitive_features": d.sensitive.sample(frac=1, random_state=0)},
        "X and sensitive_features must have one index",
    ),
}


@pytest.mark.parametrize("case", BAD_FITS)
def test_what_no_file_holds_or_no_row_names_is_found_at_fit(tiny, case):
    change, message = BAD_FITS[case]
    parts = {"clusters": tiny.clusters, "sensitive_features": tiny.sensitive}
    with pytest.raises(ValueError, match=message):
        FairMEDLClassifier(**TINY).fit(**{"X": tiny.x, "y": tiny.y} | parts | change(tiny))


@pytest.fixture(scope="module")
def far():
    """A regressor of seconds since 1970, fitted to rows in another order than their index."""
    data = make_rows().take(np.random.default_rng(1).permutation(240))
    noise = np.random.default_rng(2).normal(size=240)
    y = 1.7e9 + 60 * data.x["score"] + 85 * noise
    model = FairMEDLRegressor(**LINEAR, seed=0)
    return data, y, model.fit(data.x[["score"]], y, clusters=data.clusters)


def test_intervals_of_a_far_off_outcome_hold_it(far):
    data, y, model = far
    ends = model.predict_interval(data.x[["score"]], clusters=data.clusters, draws=400)
    assert 0.84 <= ((ends["low"] <= y) & (y <= ends["high"])).mean() <= 0.96
    near = FairMEDLRegressor(**LINEAR, seed=0)
    near.fit(data.x[["score"]], y - 1.7e9, clusters=data.clusters)
    same = near.predict_interval(data.x[["score"]], clusters=data.clusters, draws=400)
    np.testing.assert_allclose(ends - 1.7e9, same, atol=0.1)
    drawn = model.posterior_draws(data.x[["score"]], clusters=data.clusters, draws=20)
    near = near.posterior_draws(data.x[["score"]], clusters=data.clusters, draws=20)
    np.testing.assert_allclose(drawn - 1.7e9, near, atol=0.1)


@pytest.mark.usefixtures("shared_graphs")
@pytest.mark.parametrize("unit", [1e-80, 1e-13, 1e80])
def test_an_outcome_in_another_unit_gives_the_same_model(far, unit):
    data, y, model = far
    x, y = data.x[["score"]], y - 1.7e9
    ours, theirs = (
        FairMEDLRegressor(**LINEAR, epochs=3, seed=0).fit(x, u * y, clusters=data.clusters)
        for u in (1.0, unit)
    )
    for predict in ("predict", "predict_interval", "cluster_effects"):
        first, second = (getattr(m, predict)(x, clusters=data.clusters) for m in (ours, theirs))
        if predict == "cluster_effects":
            first, second = (part.set_index("cluster")[["mean", "low"]] for part in (first, second))
        np.testing.assert_allclose(second / unit, first, rtol=1e-4)


def test_every_frame_of_rows_has_the_index_of_x(far, full, tiny):
    data, y, model = far
    x = data.x[["score"]]
    assert model.predict_interval(x, clusters=data.clusters, draws=5).index.equals(x.index)
    mixed = x.sample(frac=1, random_state=3)
    joined = mixed.assign(low=model.predict_interval(mixed, unseen="prior", draws=200)["low"])
    inside = joined["low"] <= y.loc[mixed.index]  # assigned by index: still the rows' own
    assert inside.mean() > 0.8
    named = tiny.x.set_axis([f"row {number}" for number in range(240)])
    assert full.membership(named).index.equals(named.index)


@pytest.fixture(scope="module")
def rows():
    """What three sites, 1 to 3, taught."""
    x, clusters = pd.DataFrame({"a": np.arange(9.0)}), pd.Series([1, 2, 3] * 3, name="site")
    return Rows.learn(x, clusters, needed=["random_effects"], within_between=())


class TestLabels:
    """What a row's cluster is called at fit, and later."""

    @pytest.mark.parametrize("write", [str, "{}.0".format, " {} ".format])
    def test_labels_of_another_type_or_spelling_are_counted(self, rows, write):
        labels = [write(label) for label in (1, 2, 3, 3)] + ["elsewhere"]
        with pytest.warns(UserWarning, match="4 rows count as of new clusters: their 'site' is"):
            _, (ids,) = rows.read(pd.DataFrame({"a": np.arange(5.0)}), labels)
        assert (ids == -1).all()

    def test_words_of_another_case_are_counted(self):
        x = pd.DataFrame({"a": np.arange(4.0)})
        options = {"needed": ["random_effects"], "within_between": ()}
        rows = Rows.learn(x, ["East", "West"] * 2, **options)
        with pytest.warns(UserWarning, match="2 rows count .* is 'east', where .* had 'East'"):
            rows.read(x, ["east", "east", "West", "north"])

    def test_clusters_that_are_new_are_no_mistake(self, rows, recwarn):
        x = pd.DataFrame({"a": np.arange(3.0)})
        assert (rows.read(x, [7, 8, 9])[1][0] == -1).all()
        assert rows.read(x, [1.0, 2.0, 4.0])[1][0].tolist() == [0, 1, -1]  # one number either way
        assert not recwarn.list

    def test_another_variable_is_refused(self, rows):
        x = pd.DataFrame({"a": np.arange(3.0)})
        with pytest.raises(ValueError, match=r"variables \['site'\]. Received: \['town'\]"):
            rows.read(x, pd.Series([1, 2, 3], name="town"))


@pytest.fixture(scope="module")
def saved(full, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    full.save(path)
    return path


def rewritten(saved, path, change):
    """The model file with its description changed."""
    with zipfile.ZipFile(saved) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    description = json.loads(parts["model.json"])
    change(description)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in (parts | {"model.json": json.dumps(description)}).items():
            file.writestr(name, content)
    return path


NAN = float("nan")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["params"].update(epochs=NAN),
        lambda d: d["params"].update(learning_rate=NAN),
        lambda d: d["columns"][0][1].update(mean=NAN),
        lambda d: d["model"].update(base_rate=NAN),
        lambda d: d.update(zeros=" " * 90_000_000),
    ],
)
def test_a_description_of_no_numbers_or_of_no_end_is_refused(saved, tmp_path, change):
    path = rewritten(saved, tmp_path / "bad", change)
    with pytest.raises(
        ValueError, match="must be a model written by save.*(NaN|above zero|unpack)"
    ):
        FairMEDLClassifier.load(path)


def test_weights_that_are_no_numbers_are_refused(saved, tmp_path):
    model = FairMEDLClassifier.load(saved)
    weights = model.model_.get_weights()
    weights[0] = np.full_like(weights[0], np.nan)
    model.model_.set_weights(weights)
    model.save(tmp_path / "model")
    with pytest.raises(ValueError, match="a number of it is NaN"):
        FairMEDLClassifier.load(tmp_path / "model")


def test_a_file_that_would_fill_the_memory_is_refused_before_it_is_read(saved, tmp_path):
    with zipfile.ZipFile(saved) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    inner = tmp_path / "inner"
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("arr_0.npy", bytes(120_000_000))
    for name, content in {"model.npz": inner.read_bytes(), "other": bytes(120_000_000)}.items():
        with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as file:
            for each, part in (parts | {name: content}).items():
                file.writestr(each, part)
        assert (tmp_path / "bomb").stat().st_size < 1_000_000
        with pytest.raises(ValueError, match="would unpack to 12.,...,... bytes"):
            FairMEDLClassifier.load(tmp_path / "bomb")


def test_clusters_may_be_true_and_false():
    x = pd.DataFrame({"a": np.arange(8.0)})
    options = {"needed": ["random_effects"], "within_between": ["a"]}
    flags = x["a"] > 2
    found, expected = (
        Rows.learn(x, each, **options).read(x, each)[0]
        for each in (flags.to_numpy(), np.where(flags, "yes", "no"))
    )
    np.testing.assert_array_equal(found, expected)
