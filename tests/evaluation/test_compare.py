"""The experiment engine: what it measures, what it writes, and that a killed run goes on."""

import functools
import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from conftest import make_rows
from pandas.testing import assert_frame_equal
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score

from fairmedl_lite import ladder
from fairmedl_lite.data.clustered import Swap
from fairmedl_lite.data.split import split
from fairmedl_lite.evaluation import compare as compare_module
from fairmedl_lite.evaluation.compare import compare
from fairmedl_lite.evaluation.figures import Measured, measure
from fairmedl_lite.evaluation.records import Records
from fairmedl_lite.metrics.disparity import disparity_split
from fairmedl_lite.metrics.performance import youden_threshold
from fairmedl_lite.metrics.random_effect import random_effect_spread
from fairmedl_lite.metrics.rates import fairness_report, group_report
from fairmedl_lite.metrics.swap import attribute_swap

UNSEEN = {"unseen_clusters": ["east"]}


class Quick(BaseEstimator):
    """A noisy slope and each cluster's mean outcome: three predictions, in no time."""

    def __init__(self, slope=1.0, random_effects="intercept", log=None, broken=None, seed=0):
        self.slope = slope
        self.random_effects = random_effects
        self.log = log
        self.broken = broken
        self.seed = seed

    def fit(self, X, y, *, clusters, sensitive_features):
        if self.log:
            time.sleep(0.05)
            with open(self.log, "a") as file:
                file.write(f"{self.slope} {self.seed}\n")
        if self.broken and Path(self.broken).exists():
            raise FloatingPointError("the loss is not a number")
        self.means_ = (y - y.mean()).groupby(clusters).mean()
        self.noise_ = np.random.default_rng(self.seed).normal()
        return self

    def predict(self, X, *, clusters, effects="mixed", unseen=None):
        parts = {
            "fixed": self.slope * X["score"] + self.noise_ * (X["sex"] == "f"),
            "random": 3 * clusters.map(self.means_).fillna(0.0),
        }
        chosen = parts.values() if effects == "mixed" else [parts[effects]]
        return sum(chosen).to_numpy()

    def predict_proba(self, X, **options):
        positive = expit(self.predict(X, **options))
        return np.column_stack([1 - positive, positive])


class Decider(Quick):
    """Decides by the person's group."""

    def predict_decisions(self, X, *, clusters, sensitive_features, effects, unseen):
        return (sensitive_features["sex"] == "f").astype(int).to_numpy()


class Lonely(Quick):
    """Fails if another is fitted meanwhile."""

    fitting = 0

    def fit(self, X, y, **options):
        Lonely.fitting += 1
        time.sleep(0.02)
        assert Lonely.fitting == 1
        Lonely.fitting -= 1
        return super().fit(X, y, **options)


class Talker(Quick):
    """Warns in three ways, of which two differ in a number and a name alone."""

    def fit(self, X, y, **options):
        warnings.warn(f"{self.seed} steps.", ConvergenceWarning, stacklevel=2)
        warnings.warn(f"{self.seed + 1} rows miss 'sex'.", stacklevel=2)
        warnings.warn("1.5 rows miss 'score'.", stacklevel=2)
        return super().fit(X, y, **options)


class Regressor(Quick):
    predict_proba = property()  # hides that of its parent


def make_data(rows=900):
    data = make_rows(rows)
    x = data.x.assign(sex=data.sensitive["sex"])
    return replace(data, x=x, swaps={"sex": Swap("sex", {"f": "f", "m": "m"})})


@pytest.fixture(scope="module")
def data():
    return make_data()


def study(output, log):
    """Two models, four seeds, two processes: what the kill test runs and kills."""
    models = {"gentle": Quick(0.5, None, log), "steep": Quick(2.0, log=log)}
    options = {"measure": auroc_alone, "swap_rows": 0} | UNSEEN
    return compare(models, make_data(), seeds=range(4), output=output, jobs=2, **options)


def run(models, data, **options):
    options = {"seeds": [3], "jobs": 1} | UNSEEN | options
    return compare(models, data, **options)


def timeless(table):
    return table.drop(columns="seconds")


def pick(table, **wanted):
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table


def value(table, **wanted):
    return pick(table, **{"effects": "mixed", "group": ""} | wanted)["value"].item()


def auroc_alone(rows, score, decisions):
    return [Measured("auroc", roc_auc_score(rows.y, score))]


def count_rows(rows, score, decisions):
    """A measure of one's own: how many rows of each cluster."""
    counts = rows.clusters.value_counts().items()
    return [Measured("rows", count, group=cluster) for cluster, count in counts]


@pytest.fixture(scope="module")
def cut(data):
    return split(data, seed=3, **UNSEEN)


@pytest.fixture(scope="module")
def table(data):
    return run({"quick": Quick(), "plain": Quick(random_effects=None)}, data)


@pytest.fixture(scope="module")
def model(cut):
    train = cut.train
    return Quick(seed=3).fit(train.x, train.y, clusters=train.clusters, sensitive_features=None)


def scores(model, rows, effects="mixed"):
    return model.predict_proba(rows.x, clusters=rows.clusters, effects=effects)[:, 1]


@pytest.mark.parametrize("effects", ["fixed", "random", "mixed"])
def test_figures_of_seen_clusters_are_those_of_the_metrics(table, model, cut, effects):
    rows = pick(table, model="quick", part="seen", effects=effects)
    test, score = cut.test_seen, scores(model, cut.test_seen, effects)
    assert value(rows, metric="auroc", effects=effects) == roc_auc_score(test.y, score)
    threshold = youden_threshold(cut.validation.y, scores(model, cut.validation, effects))
    options = {"sensitive_features": test.sensitive, "threshold": threshold}
    report = fairness_report(test.y, score, **options).set_index(["attribute", "metric"])
    key = {"threshold": "youden", "attribute": "band", "effects": effects}
    for name, column in {"sd": "sd", "worst": "worst_rate"}.items():
        expected = report.loc[("band", "tpr"), column]
        assert value(rows, metric=f"tpr_{name}", **key) == expected
    spread = random_effect_spread(group_report(test.y, score, **options))
    expected = pick(spread, attribute="band", metric="tpr")["sd_rate"].item()
    assert value(rows, metric="tpr_sd_random_effect", **key) == expected


def test_noise_that_knows_the_clusters(data, table, model, cut):
    known = run({"quick": Quick()}, data, independent="clusters")
    test, score = cut.test_seen, scores(model, cut.test_seen, "fixed")
    threshold = youden_threshold(cut.validation.y, scores(model, cut.validation, "fixed"))
    options = {"sensitive_features": test.sensitive, "clusters": test.clusters}
    report = fairness_report(test.y, score, threshold=threshold, **options)
    key = {"threshold": "youden", "attribute": "sex", "part": "seen", "model": "quick"}
    key |= {"effects": "fixed", "metric": "positive_rate_sd_noise_removed"}
    expected = pick(report, attribute="sex", metric="positive_rate")["sd_noise_removed"].item()
    assert value(known, **key) == expected != value(table, **key)
    assert value(known, **key | {"metric": "tpr_sd"}) == value(table, **key | {"metric": "tpr_sd"})
    assert "independent='clusters'" in table.attrs["note"] and not known.attrs["note"]


def test_a_file_of_other_noise_is_refused(data, tmp_path):
    options = {"models": {"quick": Quick()}, "data": data, "output": tmp_path / "fits.jsonl"}
    run(**options)
    with pytest.raises(ValueError, match="measure"):
        run(**options, independent="clusters")


def test_disparities_of_weighted_data_are_weighted(data):
    weights = pd.Series(np.random.default_rng(0).uniform(size=len(data)), data.x.index)
    rows = replace(data, weights=weights)
    score = np.random.default_rng(1).uniform(size=len(data))
    found = {
        each.attribute + each.metric + str(each.group): each.value
        for each in measure(rows, score, {})
    }
    expected = disparity_split(
        {"": score},
        clusters=rows.clusters,
        sensitive_features=rows.sensitive,
        positive_rate=np.average(rows.y, weights=weights),
        sample_weight=weights,
    )
    first = expected.iloc[0]
    key = first["attribute"] + "disparity_total" + str(first["group"])
    assert found[key] == first["total"]


def test_three_predictions_with_random_effects_and_one_without(table):
    parts = table[table["effects"] != ""].groupby(["model", "part"])["effects"].unique()
    assert {key: set(names) for key, names in parts.items()} == {
        ("quick", "seen"): {"mixed", "fixed", "random"},
        ("quick", "unseen"): {"mixed", "fixed"},
        ("plain", "seen"): {"mixed"},
        ("plain", "unseen"): {"mixed"},
    }


def test_at_the_equal_rate_as_many_are_positive_as_truly_are(data):
    table = run({"quick": Quick()}, data, rows="validation")
    rate = split(data, seed=3, **UNSEEN).validation.y.mean()
    rates = pick(table, metric="positive_rate", attribute="", threshold="equal_rate")
    assert rates["value"].iloc[0] == pytest.approx(rate, abs=1e-12)
    assert set(table["part"]) == {"validation"}


def test_the_swap_is_that_of_the_metrics(table, model, cut):
    test = cut.test_unseen  # fewer rows than swap_rows
    report = attribute_swap(
        model, test.x, "sex", ["f", "m"], clusters=test.clusters, effects="fixed"
    )
    wanted = {"model": "quick", "part": "unseen", "effects": "fixed", "metric": "attribute_swap"}
    assert value(table, **wanted) == report["change"] > 0


def test_rows_of_a_swap_can_be_capped_and_left_out(data):
    def swapped(rows):
        return run({"quick": Quick()}, data, swap_rows=rows, measure=auroc_alone)

    capped, again, none = (swapped(rows) for rows in (20, 20, 0))
    assert_frame_equal(timeless(capped), timeless(again))
    swaps = "attribute_swap"
    assert swaps in set(capped["metric"]) and swaps not in set(none["metric"])


def test_how_much_is_tested_to_how_much_trained(table, cut):
    ratios = pick(table, model="plain").groupby("part")["test_to_train"].unique()
    assert ratios["seen"].tolist() == [len(cut.test_seen) / len(cut.train)]
    assert ratios["unseen"].tolist() == [1 / 2]  # clusters


def test_a_model_may_decide_itself(data, cut):
    table = run({"decider": Decider()}, data)
    seen = pick(table, part="seen", effects="mixed")
    assert set(seen["threshold"]) == {"", "own"}
    rate = (cut.test_seen.sensitive["sex"] == "f").mean()
    assert value(seen, metric="positive_rate", attribute="") == rate


def test_a_regression_has_its_own_figures(data):
    numbers = replace(data, y=data.x["score"] + 1.0, task="regression")
    table = run({"line": Regressor(random_effects=None)}, numbers)
    seen = pick(table, part="seen", effects="mixed")
    assert set(seen["threshold"]) == {""}
    names = {"mse", "r2", "mse_sd", "mean_prediction_sd", "mean_residual_sd", "attribute_swap"}
    assert names <= set(seen["metric"])
    noise = np.random.default_rng(3).normal()
    assert value(seen, metric="attribute_swap") == pytest.approx(abs(noise))


def test_a_seed_or_a_random_state_is_set(data):
    seeds = run({"quick": Quick(seed=9)}, data, seeds=[3, 4], measure=count_rows)
    assert set(seeds["error"]) == {""}
    swaps = pick(seeds, metric="attribute_swap", part="seen", effects="mixed")["value"]
    expected = run({"quick": Quick(seed=4)}, data, seeds=[4], measure=count_rows)
    assert swaps.iloc[1] == value(expected, metric="attribute_swap", part="seen")
    assert swaps.iloc[0] != swaps.iloc[1]


@pytest.mark.parametrize(
    "unseen_clusters",
    [
        [["east"], ["north", "south"]],
        lambda seed: ["east"] if seed % 2 == 0 else ["north", "south"],
    ],
)
def test_held_out_clusters_rotate_with_the_seed(data, unseen_clusters):
    options = {"unseen_clusters": unseen_clusters, "measure": count_rows}
    table = run({"quick": Quick()}, data, seeds=[4, 5], **options)
    unseen = pick(table, metric="rows", part="unseen", effects="mixed")
    labels = unseen.groupby("seed")["group"].unique()
    assert {seed: set(names) for seed, names in labels.items()} == {
        4: {"east"},
        5: {"north", "south"},
    }


def test_keep_together_reaches_the_split(data):
    person = np.arange(len(data)) // 2
    table = run({"quick": Quick()}, data, keep_together=person, measure=count_rows)
    expected = split(data, seed=3, keep_together=person, **UNSEEN).test_seen.clusters
    seen = pick(table, metric="rows", part="seen", effects="mixed").set_index("group")["value"]
    assert seen.to_dict() == expected.value_counts().to_dict()


def test_a_fit_that_fails_is_a_row_and_is_tried_again(data, tmp_path):
    marker, output = tmp_path / "broken", tmp_path / "fits"
    marker.touch()
    models = {"good": Quick(), "bad": Quick(broken=str(marker))}
    with pytest.warns(UserWarning, match="1 of 2 fits failed.*'bad' at seed 3: FloatingPoint"):
        table = run(models, data, output=output)
    (row,) = pick(table, model="bad").to_dict("records")
    assert row["metric"] == "error" and np.isnan(row["value"])
    assert row["error"] == "FloatingPointError: the loss is not a number"
    marker.unlink()
    mended = run(models, data, output=output)
    assert_frame_equal(timeless(mended), timeless(run(models, data)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_warnings_of_fits_are_told_once_for_each_kind(data, tmp_path, jobs):
    models = {"one": Talker(), "two": Talker(2.0), "quiet": Quick()}
    options = {"seeds": [3, 4], "output": tmp_path / "fits", "jobs": jobs}
    for _ in range(2):  # the second time from the file
        with pytest.warns() as told:
            run(models, data, **options)
        told = [(each.category, str(each.message)) for each in told]
        assert [each for each in told if "fits warn" in each[1]] == [
            (ConvergenceWarning, "4 of 6 fits warn, such as 'one' at seed 3: 3 steps."),
            (UserWarning, "4 of 6 fits warn, such as 'one' at seed 3: 4 rows miss 'sex'."),
        ]


def fitted(log):
    return sorted(log.read_text().split("\n")[:-1])


def test_a_file_cut_anywhere_goes_on_without_losing_or_repeating_a_fit(data, tmp_path):
    log, output = tmp_path / "log", tmp_path / "fits"
    models = {"one": Quick(log=str(log)), "two": Quick(2.0, log=str(log))}
    options = {"seeds": [1, 2], "output": output, "measure": auroc_alone, "swap_rows": 0}
    whole = run(models, data, **options)
    content, all_fits = output.read_bytes(), fitted(log)
    assert_frame_equal(whole, run(models, data, **options))
    lines = content.splitlines(keepends=True)
    for cut_at in (0, 5, len(lines[0]) - 1, len(lines[0]), len(lines[0]) + 40, len(content) - 1):
        output.write_bytes(content[:cut_at])
        log.unlink()
        again = run(models, data, **options)
        assert_frame_equal(timeless(again), timeless(whole))
        assert len(fitted(log)) == 4 - content[:cut_at].count(b"\n")
        assert len(output.read_bytes().splitlines()) == len(all_fits) == 4


def test_models_and_seeds_can_be_added(data, tmp_path):
    log = tmp_path / "log"
    models = {"one": Quick(log=str(log)), "two": Quick(2.0, log=str(log))}
    options = {"measure": auroc_alone, "swap_rows": 0}
    run({"two": models["two"]}, data, seeds=[2], output=tmp_path / "fits", **options)
    table = run(models, data, seeds=[1, 2], output=tmp_path / "fits", **options)
    assert len(fitted(log)) == 4
    assert_frame_equal(timeless(table), timeless(run(models, data, seeds=[1, 2], **options)))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"models": {"quick": Quick(1.5)}}, "'quick' at seed 3 has other model"),
        ({"models": {"other": Quick()}}, "'quick' at seed 3, which is not asked for"),
        ({"seeds": [4]}, "'quick' at seed 3, which is not asked for"),
        ({"data": make_data(600)}, "has other data"),
        ({"unseen_clusters": ["north"]}, "has other unseen_clusters"),
        ({"swap_rows": 5, "rows": "validation"}, "has other measures"),
        ({"keep_together": np.arange(900) // 2}, "has other data"),
    ],
)
def test_a_file_of_other_settings_is_refused(data, tmp_path, change, message):
    asked = {"models": {"quick": Quick()}, "data": data, "output": tmp_path / "fits"}
    asked |= {"measure": auroc_alone}
    run(**asked)
    with pytest.raises(ValueError, match=f"output must be a new file, .*{message}"):
        run(**asked | change)


@pytest.mark.parametrize("content", ["model,seed\nquick,3\n", "a note without an end"])
def test_a_file_that_is_none_of_ours_is_left_alone(data, tmp_path, content):
    output = tmp_path / "fits"
    output.write_text(content)
    with pytest.raises(ValueError, match="output must be a new file"):
        run({"quick": Quick()}, data, output=output)
    assert output.read_text() == content


def damaged(output, change):
    lines = output.read_text().splitlines()
    output.write_text("\n".join(change(lines)) + "\n")
    return output.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0], lines[1].replace("auroc", "AUROC"), lines[2]],
        lambda lines: [lines[0], lines[1][:-40], lines[2]],
        lambda lines: [lines[0], lines[1][:300] + lines[1], lines[2]],
        lambda lines: [lines[0], lines[1].replace('"seed": 2', '"seed": 3'), lines[2]],
        lambda lines: [lines[0], lines[1].rpartition(', "checksum"')[0] + "}", lines[2]],
        lambda lines: [lines[0], '{"model": "quick"}', lines[2]],
    ],
)
def test_a_line_that_was_changed_is_named_and_the_file_left_alone(data, tmp_path, change):
    output = tmp_path / "fits"
    options = {"seeds": [1, 2, 3], "measure": auroc_alone, "swap_rows": 0, "output": output}
    run({"quick": Quick()}, data, **options)
    content = damaged(output, change)
    with pytest.raises(ValueError, match="whose line 2 was changed or cut off. Delete line 2 to"):
        run({"quick": Quick()}, data, **options)
    assert output.read_bytes() == content


def test_a_file_is_of_one_run_at_a_time(data, tmp_path):
    options = {"measure": auroc_alone, "swap_rows": 0, "output": tmp_path / "fits"}
    pytest.importorskip("fcntl")
    with Records(tmp_path / "fits"):
        with pytest.raises(ValueError, match="to which another run is writing. Wait for it"):
            run({"quick": Quick()}, data, **options)
    assert set(run({"quick": Quick()}, data, **options)["error"]) == {""}


def written_module(path, monkeypatch, text):
    """A module of this text; each call gives another in the place of the last."""
    (path / "notes.py").write_text(text)
    spec = importlib.util.spec_from_file_location("notes", path / "notes.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "notes", module)
    exec(compile(text, str(path / "notes.py"), "exec"), module.__dict__)
    return module


NOTES = """
from test_compare import Measured, Quick

LEVEL = 0.5

def share(values):
    return (values > LEVEL).mean()

def measure(rows, score, decisions):
    '''What is measured.'''
    return [Measured("high", share(score))]

class Model(Quick):
    height = 1.0

    def predict(self, X, **options):
        return self.height * super().predict(X, **options)
"""


@pytest.mark.parametrize(
    "old, new",
    [
        ("share(score))", "1 - share(score))"),  # the function itself
        ("values > LEVEL", "values < LEVEL"),  # what it calls
        ("LEVEL = 0.5", "LEVEL = 0.6"),  # a constant it reads
        ("return self.height *", "return 2 *"),  # a model's method
        ("height = 1.0", "height = 3.0"),  # and its attribute
    ],
)
def test_fits_of_other_code_are_refused(data, tmp_path, monkeypatch, old, new):
    def run_notes(text):
        notes = written_module(tmp_path, monkeypatch, text)
        with joblib.parallel_config("threading"):
            options = {"measure": notes.measure, "swap_rows": 0, "output": tmp_path / "fits"}
            return run({"mine": notes.Model()}, data, **options)

    first = run_notes(NOTES)
    moved = "# a comment\n\n" + NOTES.replace("LEVEL = 0.5", "LEVEL = 0.5  # half")
    assert_frame_equal(run_notes(moved), first)  # of the file: even the seconds are the same
    with pytest.raises(ValueError, match="has other (model|measures)"):
        run_notes(NOTES.replace(old, new))


def test_functions_without_a_name_are_told_apart(data, tmp_path):
    def counted(number):
        return lambda rows, score, decisions: [Measured("rows", number * len(rows))]

    options = {"swap_rows": 0, "output": tmp_path / "fits"}
    with joblib.parallel_config("threading"):
        first = run({"quick": Quick()}, data, measure=counted(1), **options)
        assert_frame_equal(run({"quick": Quick()}, data, measure=counted(1), **options), first)
        with pytest.raises(ValueError, match="has other measures"):
            run({"quick": Quick()}, data, measure=counted(2), **options)
        with open(tmp_path / "other", "w") as file:
            part = functools.partial(measure_into, file)
            with pytest.raises(ValueError, match="must hold what can be compared.*by def"):
                run({"quick": Quick()}, data, measure=part, **options)


def measure_into(file, rows, score, decisions):
    return []


class Weighted(Quick):
    """Keeps what it was fitted with."""

    def fit(self, X, y, *, clusters, sensitive_features, sample_weight=None):
        assert sample_weight is not None and abs(sample_weight.mean() - 1) < 1e-12
        assert sample_weight.index.equals(X.index) and isinstance(clusters, pd.DataFrame)
        return super().fit(X, y, clusters=clusters["region"], sensitive_features=None)

    def predict(self, X, *, clusters, **options):
        return super().predict(X, clusters=clusters["region"], **options)


def test_two_cluster_variables_and_weights_go_through(data):
    random = np.random.default_rng(0)
    town = pd.Series(random.integers(0, 20, len(data)), data.x.index, name="town")
    rich = replace(
        data,
        clusters=pd.DataFrame({"region": data.clusters, "town": town}),
        weights=pd.Series(random.integers(1, 4, len(data)), data.x.index),
    )
    table = run({"weighted": Weighted()}, rich)
    assert set(table["error"]) == {""}
    test = split(rich, seed=3, **UNSEEN).test_seen
    copies = np.repeat(np.arange(len(test)), test.weights)
    model = Quick(seed=3)
    cut = split(rich, seed=3, **UNSEEN)
    train = cut.train
    model.fit(train.x, train.y, clusters=train.clusters["region"], sensitive_features=None)
    score = model.predict_proba(test.x, clusters=test.clusters["region"])[:, 1]
    auroc = roc_auc_score(test.y.iloc[copies], score[copies])
    assert value(pick(table, part="seen"), metric="auroc") == pytest.approx(auroc, abs=1e-12)
    threshold = youden_threshold(
        cut.validation.y,
        model.predict_proba(cut.validation.x, clusters=cut.validation.clusters["region"])[:, 1],
        sample_weight=cut.validation.weights,
    )
    rates = (score >= threshold)[copies].mean()
    wanted = {"part": "seen", "threshold": "youden", "attribute": ""}
    found = pick(table, **wanted)
    assert value(found, metric="positive_rate") == pytest.approx(rates, abs=1e-12)


def test_rows_must_be_known(data):
    with pytest.raises(ValueError, match="rows must be one of"):
        run({"quick": Quick()}, data, rows="train")


def test_threads_of_one_process_fit_one_after_the_other(data):
    with joblib.parallel_config("threading"):
        table = run({"lonely": Lonely()}, data, seeds=range(4), jobs=2, measure=auroc_alone)
    assert set(table["error"]) == {""} and table["seed"].nunique() == 4


def test_a_dask_cluster_gives_the_same_table(data, monkeypatch):
    from distributed import Client, LocalCluster

    options = {"seeds": [1, 2], "swap_rows": 20}
    local = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**local) as cluster, Client(cluster), joblib.parallel_config("dask"):
        table = run({"quick": Quick()}, data, jobs=2, **options)
    assert_frame_equal(timeless(table), timeless(run({"quick": Quick()}, data, **options)))


def start(output, log):
    code = f"import test_compare as test; test.study(test.Path({str(output)!r}), {str(log)!r})"
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TQDM_DISABLE": "1"}
    return subprocess.Popen(command, env=environment, start_new_session=True)


def written(output):
    return output.read_bytes().count(b"\n") if output.exists() else 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_run_goes_on_to_the_table_of_an_unbroken_one(tmp_path):
    output, log, chance = tmp_path / "fits", tmp_path / "log", random.Random()
    for target in (1, 4):
        process = start(output, log)
        while written(output) < target and process.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.1))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    before = written(output)
    table = study(output, str(log))
    unbroken = study(None, None)
    assert before >= 4 and written(output) == 8
    assert_frame_equal(timeless(table), timeless(unbroken))


def test_an_outcome_that_is_not_0_and_1_is_refused_before_any_fit(data):
    words = replace(data, y=data.y.map({0: "no", 1: "yes"}))
    with pytest.raises(
        ValueError, match=r"must hold 0 and 1. Received: \['(no|yes)', '(no|yes)'\]"
    ):
        run({"quick": Quick()}, words)


def test_a_rare_category_needs_no_graph_of_its_own(data, twins, monkeypatch):
    monkeypatch.setattr(compare_module, "_twins", lambda: twins)
    town = np.where(np.arange(len(data)) < 2, "rare", "usual")
    rare = replace(data, x=data.x.assign(town=town))
    cuts = [split(rare, unseen_clusters=["east"], seed=seed) for seed in range(3)]
    assert {cut.train.x["town"].nunique() for cut in cuts} == {1, 2}
    model = ladder(epochs=1, hidden=(2,))["NNet"]
    run({"NNet": model}, rare, seeds=range(3), measure=auroc_alone, swap_rows=0)
    assert len(twins.models) == 1
