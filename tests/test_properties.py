"""Tables thrown at the whole flow: a finite answer for each row, or an error of ours.

A bounded number of examples, the same each time. EXAMPLES=5000 throws as many others:
`EXAMPLES=5000 python -m pytest tests/test_properties.py`.
"""

import os
import traceback
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

import fairmedl_lite
from fairmedl_lite.data.clustered import ClusteredData
from fairmedl_lite.data.split import split
from fairmedl_lite.estimator.base import FairMEDLEstimator
from fairmedl_lite.estimator.encoding import TableEncoder
from fairmedl_lite.estimator.estimators import FairMEDLClassifier, FairMEDLRegressor
from fairmedl_lite.metrics.calibration import group_calibration_report
from fairmedl_lite.metrics.disparity import disparity_split
from fairmedl_lite.metrics.random_effect import random_effect_spread
from fairmedl_lite.metrics.rates import group_report, regression_group_report
from fairmedl_lite.metrics.spread import spread_report

pytestmark = pytest.mark.filterwarnings("ignore")
OURS = str(Path(fairmedl_lite.__file__).parent)
EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
THROWN = settings(
    max_examples=EXAMPLES or 30,
    derandomize=not EXAMPLES,
    database=None,
    phases=(Phase.generate,),  # an example takes about a second: none is tried again and again
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", autouse=True)
def untrained():
    """Networks are set up and not trained: what is thrown at is the flow, not Adam."""
    with pytest.MonkeyPatch.context() as patch:
        history = pd.DataFrame({"loss": [0.0]})
        history.attrs["converged"] = True
        patch.setattr(FairMEDLEstimator, "_train", lambda *_: history)
        yield


class Stranger:
    """Makes tables of what hypothesis draws: the first of each choice is the simplest."""

    def __init__(self, data):
        self.data = data
        self.random = np.random.default_rng(self.one_of(*range(1000)))
        self.rows = self.data.draw(st.integers(6, 60))

    def one_of(self, *options):
        return self.data.draw(st.sampled_from(options))

    def seldom(self):
        return self.one_of(*[False] * 19, True)

    def numbers(self):
        random, rows = self.random, self.rows
        scale = 10.0 ** self.one_of(0, -13, 13, -120, 120, -90, 90)
        far = self.one_of(0.0, 1.0, 1e3, 1e9)
        usual = {
            "around zero": lambda: random.normal(size=rows),
            "of any scale": lambda: scale * (far + random.normal(size=rows)),
            "integers": lambda: random.integers(-5, 5, rows),
            "large integers": lambda: random.integers(-(2**62), 2**62, rows),
            "flags": lambda: random.integers(0, 2, rows).astype(bool),
            "constant": lambda: np.full(rows, self.one_of(0.3, 0.0, 7.0) * scale),
            "32 bits": lambda: random.normal(size=rows).astype("float32"),
            "one apart": lambda: np.where(np.arange(rows) == 0, scale, 0.3),
        }
        rare = {
            "largest": lambda: random.uniform(size=rows) * np.finfo(float).max,
            "complex": lambda: random.normal(size=rows) + 1j,
            "infinite": lambda: np.where(random.random(rows) < 0.2, np.inf, 1.0),
        }
        kinds = rare if self.seldom() else usual
        return pd.Series(kinds[self.one_of(*kinds)]())

    def words(self):
        random, rows = self.random, self.rows
        labels = random.choice(["a", "b", "ü", "", " a", "nan", "1", "A"], rows)
        kinds = {
            "strings": lambda: labels,
            "categories": lambda: pd.Categorical(labels),
            "objects": lambda: pd.Series(labels.tolist(), dtype=object),
            "bands": lambda: pd.cut(random.normal(size=rows), 3),
            "names of rows": lambda: [f"id {number}" for number in range(rows)],
            "words and numbers": lambda: pd.Series([1, "a", 2.5, "b"] * rows, dtype=object)[:rows],
            "codes": lambda: pd.Categorical(random.integers(0, 3, rows), categories=[2, 1, 0, 9]),
        }
        return pd.Series(kinds[self.one_of(*kinds)]())

    def others(self):
        random, rows = self.random, self.rows
        kinds = {
            "times": lambda: pd.to_datetime(random.integers(0, 99, rows), unit="D"),
            "durations": lambda: pd.to_timedelta(random.integers(0, 99, rows), unit="D"),
            "periods": lambda: pd.period_range("2000", periods=rows, freq="D"),
            "dictionaries": lambda: [{}] * rows,
            "bytes": lambda: ([b"a", b"b"] * rows)[:rows],
            "nothing": lambda: [None] * rows,
            "sparse": lambda: pd.arrays.SparseArray(random.integers(0, 2, rows)),
        }
        return pd.Series(kinds[self.one_of(*kinds)]())

    def column(self):
        """One column, perhaps with gaps, perhaps held as another type."""
        make = self.others if self.seldom() else self.one_of(self.numbers, self.words)
        made, gaps = make().reset_index(drop=True), self.random.random(self.rows) < 0.2
        hold = {
            "as it is": lambda: made,
            "gaps": lambda: made.where(~gaps),
            "objects": lambda: made.astype(object),
            "nullable": lambda: made.convert_dtypes(),
            "objects and None": lambda: made.astype(object).where(~gaps, None),
            "decimals": lambda: made.map(lambda v: Decimal(v) if type(v) is int else v),
        }
        try:
            return hold[self.one_of(*["as it is"] * 5, *hold)]()
        except (TypeError, ValueError):  # pandas cannot hold it so
            return made

    def table(self, rows=None):
        self.rows = rows or self.rows
        parts = [self.column() for _ in range(self.one_of(1, 2, 3, 4))]
        parts += [parts[0].copy()] * self.one_of(0, 0, 0, 1)  # aliased
        names = [f"x{number}" for number in range(len(parts))]
        if self.seldom():
            names = self.one_of(
                list(range(len(parts))), ["x"] * len(parts), [(n, 0) for n in names]
            )
        return pd.concat(parts, axis=1).set_axis(names, axis=1)

    def labels(self, most):
        codes = self.random.integers(0, max(2, most), self.rows)
        usual = {
            "numbers": lambda: pd.Series(codes),
            "strings": lambda: pd.Series([f"c{code}" for code in codes], name="site"),
            "fractions": lambda: pd.Series(codes / 4.0, name="site"),
            "categories": lambda: pd.Series([f"c{code}" for code in codes], dtype="category"),
            "flags": lambda: pd.Series(codes == 0),
            "nullable": lambda: pd.Series(codes).astype("Int64"),
            "one a row": lambda: pd.Series(range(self.rows), name="row"),
        }
        rare = {
            "gaps": lambda: pd.Series([f"c{code}" if code else None for code in codes]),
            "times": lambda: pd.Series(pd.to_datetime(codes, unit="D")),
            "mixed": lambda: pd.Series([code or "none" for code in codes.tolist()], dtype=object),
        }
        kinds = rare if self.seldom() else usual
        return kinds[self.one_of(*kinds)]()

    def outcome(self, task):
        if task == "regression":
            scale, far = 10.0 ** self.one_of(0, -13, 13, -60, 60), self.one_of(0, 1e3, 1e9)
            return pd.Series(scale * (far + self.random.normal(size=self.rows)))
        codes = self.random.integers(0, 2, self.rows)
        words = np.where(codes, "yes", "no")
        held = codes, codes.astype(bool), words, codes * 1.0, codes.astype(object)
        return pd.Series(held[self.one_of(*range(5))])

    def index(self):
        rows = self.rows
        kinds = {
            "positions": lambda: pd.RangeIndex(rows),
            "others": lambda: pd.RangeIndex(7, 7 + rows),
            "shuffled": lambda: pd.Index(self.random.permutation(rows)),
            "duplicate": lambda: pd.Index(self.random.integers(0, 3, rows)),
            "words": lambda: pd.Index([f"r{number}" for number in range(rows)]),
            "two levels": lambda: pd.MultiIndex.from_arrays([range(rows), [0] * rows]),
        }
        return kinds[self.one_of(*kinds)]()

    def parts(self):
        """A task, and x, y, clusters and sensitive attributes."""
        task = self.one_of("classification", "regression")
        clusters = self.labels(self.one_of(2, 5, self.rows // 2))
        if self.one_of(False, False, False, True):
            clusters = pd.DataFrame({"one": clusters, "two": self.labels(4)})
        sensitive = pd.DataFrame({name: self.labels(3) for name in ("s", "t")})
        index = self.index()
        found = [self.table(), self.outcome(task), clusters, sensitive]
        found = [part.set_axis(index) for part in found]
        if self.seldom():
            found[1] = found[1].sample(frac=1, random_state=1)
        return task, found

    def model(self, task):
        kind = FairMEDLRegressor if task == "regression" else FairMEDLClassifier
        hidden = self.one_of((), (4,))
        return kind(
            hidden=hidden,
            random_effects=self.one_of("intercept", "slopes", None),
            cluster_adversary=self.one_of(0, 0.1) if hidden else 0,
            fairness=self.one_of(0.0, 1.0),
            cluster_predictor=self.one_of(False, True),
            debias=self.one_of("adversary", "correlation", "equalized_odds"),
            within_between=self.one_of((), (), ("x0",)),
            seed=1,
        )


def said(action):
    """What an action gives, or `None` if it raises an error of ours: no other may come out."""
    try:
        return action()
    except ValueError as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        assert last.filename.startswith(OURS), f"not ours: {error!r} in {last}"
        assert "Received" in str(error), f"does not say what was received: {error}"
        event(str(error).split("Received")[0][:40])
        return None


def assert_finite(values, what):
    array = np.asarray(values, dtype="float64")
    assert np.isfinite(array).all(), f"{what} is not finite: {array[~np.isfinite(array)][:3]}"


@THROWN
@given(st.data())
def test_a_model_answers_every_row_or_says_why_not(tmp_path_factory, data):
    stranger = Stranger(data)
    task, (x, y, clusters, sensitive) = stranger.parts()
    model = stranger.model(task)
    groups = {"clusters": clusters, "sensitive_features": sensitive}
    if said(lambda: model.fit(x, y, **groups)) is None:
        return
    event("fitted")
    unseen = stranger.one_of(None, "fixed", "prior", *["predict"] * model.cluster_predictor)
    unseen = unseen if model.cluster_predictors_ else {"predict": None}.get(unseen, unseen)
    predict = {"clusters": clusters, "unseen": unseen}
    first = answers(model, x, predict)
    path = tmp_path_factory.mktemp("thrown") / "model"
    model.save(path)
    again = type(model).load(path)
    assert again.get_params() == model.get_params()
    for name, found in answers(again, x, predict).items():
        np.testing.assert_array_equal(found, first[name], err_msg=name)
    order = stranger.random.permutation(len(x))
    mixed = x.iloc[order, stranger.random.permutation(x.shape[1])]
    moved = answers(model, mixed, predict | {"clusters": clusters.iloc[order]})
    size = np.ptp(first["prediction"]) + model.outcome_.scale
    for name in ("prediction", "population"):
        apart = (moved[name] - first[name][order]) / size
        assert np.abs(apart).max() < 1e-4, name
    other = stranger.table(5)
    known = None if not model.within_between else clusters.iloc[:5]
    said(lambda: answers(model, other, {"clusters": known, "unseen": "fixed"}))


def answers(model, x, predict):
    """What a fitted model says of rows, all of it finite."""
    found = {"prediction": model.predict(x, **predict)}
    if hasattr(model, "predict_proba"):
        found["prediction"] = model.predict_proba(x, **predict)[:, 1]
        found["population"] = model.predict_proba(x, effects="population", **predict)[:, 1]
        assert ((found["population"] >= 0) & (found["population"] <= 1)).all()
    else:
        found["population"] = model.predict(x, effects="fixed", **predict)
    ends = model.predict_interval(x, draws=20, **predict)
    assert ends.index.equals(x.index) and (ends["low"] <= ends["high"]).all()
    found |= {"low": ends["low"].to_numpy(), "high": ends["high"].to_numpy()}
    if model.random_effects:
        found["effects"] = model.random_effects_[["mean", "sd"]].to_numpy()
        found["components"] = model.variance_components_[["sd", "share"]].to_numpy()
    for name, values in found.items():
        assert np.isfinite(values).all(), f"{name} is not finite: {values}"
    return found


@THROWN
@given(st.data())
def test_an_encoding_depends_on_neither_order_nor_unit(data):
    stranger = Stranger(data)
    x, encoder = stranger.table(), TableEncoder()
    if said(lambda: encoder.fit(x)) is None:
        return
    encoded = encoder.transform(x)
    assert np.isfinite(encoded).all()
    order = stranger.random.permutation(len(x))
    np.testing.assert_array_equal(encoder.transform(x.iloc[order]), encoded[order])
    mixed = TableEncoder().fit(x.iloc[order, ::-1])
    assert set(mixed.feature_names) == set(encoder.feature_names)
    back = TableEncoder.from_config([[name, mixed.columns[name]] for name in x])
    np.testing.assert_allclose(back.transform(x), encoded, rtol=1e-5, atol=1e-5)
    unit = 2.0 ** stranger.one_of(1, -30, 30)
    floats = [name for name in x if x[name].dtype == "float64"]
    scaled = x.assign(**{name: unit * x[name] for name in floats if isinstance(name, str)})
    again = said(lambda: TableEncoder().fit(scaled))
    if again is not None:
        np.testing.assert_allclose(again.transform(scaled), encoded, rtol=1e-5, atol=1e-5)


@THROWN
@given(st.data())
def test_a_split_loses_no_row_and_calls_seen_what_is_trained(data):
    stranger = Stranger(data)
    task, parts = stranger.parts()
    whole = said(lambda: ClusteredData(*parts, task, "thrown"))
    if whole is None:
        return
    together = stranger.one_of(None, None, stranger.random.integers(0, 12, len(whole)))
    share = stranger.one_of(0, 0.2, 0.6)
    parts = said(lambda: split(whole, unseen_clusters=share, seed=1, keep_together=together))
    if parts is None:
        return
    event("split")
    assert sum(map(len, parts.parts.values())) == len(whole)
    trained = pd.DataFrame(parts.train.clusters)
    for part in (parts.validation, parts.test_seen):
        for name, labels in pd.DataFrame(part.clusters).items():
            assert labels.isin(trained[name]).all()
    assert not parts.test_unseen.first_clusters.isin(parts.train.first_clusters).any()


@THROWN
@given(st.data())
def test_a_report_is_finite_or_missing_and_of_any_order(data):
    stranger = Stranger(data)
    _, (_, y, clusters, sensitive) = stranger.parts()
    random = stranger.random
    y = pd.Series(random.integers(0, 2, len(y)), index=sensitive.index)
    score, groups = random.uniform(size=len(y)), {"sensitive_features": sensitive}
    options = {
        "threshold": stranger.one_of(0.5, 0.0, 50, -1),
        "sample_weight": stranger.one_of(None, random.integers(0, 5, len(y))),
    }
    report = said(lambda: group_report(y, score, **groups, **options))
    if report is not None:
        assert report["rate"].dropna().between(-1e-9, 1 + 1e-9).all()
        assert (report["cases"] >= 0).all()
        order = random.permutation(len(y))
        if options["sample_weight"] is not None:
            options["sample_weight"] = options["sample_weight"][order]
        mixed = {"sensitive_features": sensitive.iloc[order]}
        again = group_report(y.iloc[order], score[order], **mixed, **options)
        pd.testing.assert_frame_equal(again, report, rtol=1e-9)
        for spread in (spread_report, random_effect_spread):
            assert (spread(report)["sd"].dropna() >= 0).all()
    said(lambda: regression_group_report(score, score[::-1], **groups))
    said(lambda: group_calibration_report(y, score, **groups))
    first = pd.DataFrame(clusters).iloc[:, 0]
    said(lambda: disparity_split({"a": score}, clusters=first, positive_rate=0.5, **groups))
