"""Strangers' tables and what is done with them: see `study.experiments.strangers`."""

import os
import subprocess
import sys
import tempfile
import zipfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.model_selection import GridSearchCV

from fairmedl_lite import (
    ClusteredData,
    FairMEDLClassifier,
    FairMEDLRegressor,
    cluster_scorer,
    compare,
    fairness_report,
    ladder,
    load_wage_panel,
    simulate_hiring,
    split,
)
from fairmedl_lite.estimator.encoding import TableEncoder
from fairmedl_lite.evaluation.figures import Measured
from fairmedl_lite.evaluation.records import Records

LINEAR = {"hidden": (), "random_effects": "intercept", "cluster_adversary": 0, "fairness": 0}
ROWS = 600


def rows(seed=0):
    """Ten sites, two columns, an outcome of each kind."""
    random = np.random.default_rng(seed)
    site = pd.Series(random.integers(1, 11, ROWS), name="site")
    x = pd.DataFrame({"a": random.normal(size=ROWS), "b": random.normal(size=ROWS)})
    y = x["a"] + site / 5 + random.normal(size=ROWS)
    sex = pd.DataFrame({"sex": random.choice(["f", "m"], ROWS)})
    return x, y, site, sex


X, Y, SITE, SEX = rows()
FLAG = (Y > Y.median()).astype(int)


def linear(x=X, y=Y, clusters=SITE, kind=FairMEDLRegressor, **options):
    fit = {name: options.pop(name) for name in ("sample_weight",) if name in options}
    return kind(**LINEAR | options).fit(x, y, clusters=clusters, **fit)


def quick(x=X, y=FLAG, clusters=SITE, **options):
    settings = {"hidden": (4,), "epochs": 1, "cluster_adversary": 0, "fairness": 0}
    return FairMEDLClassifier(**settings).fit(x, y, clusters=clusters, **options)


def constant():
    encoder = TableEncoder().fit(pd.DataFrame({"a": np.full(ROWS, 0.3)}))
    return f"any value is encoded as {encoder.transform(pd.DataFrame({'a': [0.3, 0.31, 99]})).T}"


def aliased():
    male = (SEX["sex"] == "m").astype(float)
    model = linear(pd.DataFrame({"male": male, "female": 1 - male}))
    return model.fixed_effects_.to_string(index=False, float_format="{:.2g}".format)


def far_off():
    y = 1.7e9 + 85 * (Y - Y.mean()) / Y.std()
    ends = linear(y=y).predict_interval(X, clusters=SITE)
    return f"an interval of 90 % holds {((ends['low'] <= y) & (y <= ends['high'])).mean():.0%}"


def high(rows, score, decisions):
    return [Measured("high", float(np.mean(score > 0.5)))]


def low(rows, score, decisions):
    return [Measured("high", float(np.mean(score < 0.5)))]


DATA = simulate_hiring(firms=5, rows=40, seed=0).data
MODELS = {"NNet": ladder(hidden=(4,), epochs=1)["NNet"]}


def compared(output, measure=high):
    options = {"seeds": [0], "unseen_clusters": 0.2, "swap_rows": 0, "jobs": 1}
    return compare(MODELS, DATA, measure=measure, output=output, **options)


def in_folder(action):
    with tempfile.TemporaryDirectory() as folder:
        return action(Path(folder) / "file")


def stale(path):
    compared(path)
    return compared(path, low)


def edited(path):
    compared(path)
    path.write_text(path.read_text().replace("high", "HIGH"))
    return compared(path)


def two_runs(path):
    with Records(path):
        return compared(path)


def joined():
    mixed = X.sample(frac=1, random_state=0)
    ends = linear().predict_interval(mixed, unseen="prior")
    together = mixed.assign(low=ends["low"], high=ends["high"], y=Y)
    inside = (together["low"] <= together["y"]) & (together["y"] <= together["high"])
    return f"X's index; {inside.mean():.0%} inside"


def numbers_as_objects():
    x = X.assign(c=[Decimal(number) for number in range(ROWS)]).astype(object)
    return f"{len(TableEncoder().fit(x).feature_names)} columns of {x.shape[1]}"


def weighted():
    weights = np.random.default_rng(0).integers(1, 4, ROWS)
    copies = np.repeat(np.arange(ROWS), weights)
    first = linear(sample_weight=weights)
    second = linear(X.iloc[copies], Y.iloc[copies], SITE.iloc[copies])
    return "se {:.4f} against {:.4f}".format(
        *(m.fixed_effects_["se"].iloc[1] for m in (first, second))
    )


def not_a_number(path):
    model = quick()
    model.epochs = float("nan")
    model.save(path)
    return FairMEDLClassifier.load(path)


def too_large(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("model.json", bytes(300_000_000))
    return FairMEDLClassifier.load(path)


def seen():
    data = load_wage_panel()
    few = data.take(np.flatnonzero(data.clusters.groupby(data.clusters).cumcount() < 3))
    parts = split(few, unseen_clusters=0.2, seed=0)
    strange = ~parts.test_seen.clusters.isin(parts.train.clusters)
    return f"{strange.mean():.1%} of the seen test rows; {parts.moved} rows moved to training"


def two_variables():
    both = pd.DataFrame({"site": SITE, "town": SITE.iloc[::-1].to_numpy()})
    data = ClusteredData(X, Y, both, SEX, "regression", "two variables")
    models = {"LMM": FairMEDLRegressor(**LINEAR, epochs=1)}
    table = compare(models, data, seeds=[0], unseen_clusters=0.2, jobs=1, swap_rows=0)
    return f"{data}; compared: {len(table)} figures, error {table['error'].unique().tolist()}"


def searched():
    model = FairMEDLClassifier(hidden=(4,), epochs=1)
    groups = {"clusters": SITE, "sensitive_features": SEX}
    scoring = cluster_scorer("auroc", **groups)
    search = GridSearchCV(model, {"fairness": [0, 1]}, scoring=scoring, cv=2, error_score="raise")
    return f"AUROC {search.fit(X, FLAG, **groups).cv_results_['mean_test_score'].round(2)}"


def alike():
    return len(fairness_report(FLAG, np.linspace(0, 1, ROWS), sensitive_features=SEX, threshold=50))


def saved_below(path):
    return linear(epochs=1).save(path / "model.zip")


def mixed_precision():
    code = (
        "import keras; keras.config.set_dtype_policy('mixed_bfloat16')\n"
        "from study.experiments.stranger_cases import quick, X, SITE\n"
        "print('fits;', 'finite' if (quick().predict_proba(X, clusters=SITE) >= 0).all() else '')"
    )
    return run(code)


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment
    )
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


PRINT_WAGES = "from fairmedl_lite import load_wage_panel; print(load_wage_panel())"
TIMES = pd.to_datetime(SITE, unit="D")
CASES = [  # what, what it gave before, what is run now
    ("a constant float column", "any other value predicts 0.0", constant),
    ("aliased columns", "both get a coefficient, se .036, z 45", aliased),
    ("a far-off outcome", "an interval of 90 % holds 69 %", far_off),
    ("compare on a file of another measure", "the old rows, as if new", lambda: in_folder(stale)),
    ("an interval joined to its rows", "RangeIndex; 22 % inside", joined),
    (
        "a missing cluster in a list",
        "a cluster called 'nan'",
        lambda: quick(clusters=[np.nan, *SITE.astype(str)[1:]]),
    ),
    (
        "labels of another type",
        "every row is new, in silence",
        lambda: linear(epochs=1).predict(X, clusters=SITE.astype(str), unseen="fixed")[:1],
    ),
    ("numbers as objects", "606 one-hot columns", numbers_as_objects),
    (
        "MultiIndex columns",
        "`save` works, `load` never can",
        lambda: quick(X.set_axis(pd.MultiIndex.from_product([["x"], X]), axis=1)),
    ),
    ("a threshold of 50", "every spread is 0", alike),
    (
        "a continuous attribute",
        "accepted",
        lambda: fairness_report(FLAG, Y, sensitive_features=X[["a"]], threshold=0).shape,
    ),
    (
        "rows in another order",
        "paired by position",
        lambda: quick(y=FLAG.sample(frac=1, random_state=0)),
    ),
    (
        "another cluster variable",
        "accepted",
        lambda: linear(epochs=1).predict(X, clusters=SITE.rename("town")),
    ),
    ("weights 1 to 3 against rows copied", "se .033 against .023", weighted),
    ("NaN in a model file", "loads, predicts NaN", lambda: in_folder(not_a_number)),
    ("a zip of .3 MB", "takes 572 MB", lambda: in_folder(too_large)),
    ("a file of fits, edited", "taken as it is", lambda: in_folder(edited)),
    ("two runs on one file", "a fit is lost", lambda: in_folder(two_runs)),
    ("seen test rows of clusters without training rows", "4.7 % of one panel's", seen),
    ("two cluster variables through split and compare", "refused", two_variables),
    ("a search that scores with clusters", "cannot pass clusters", searched),
    ("y of shape (n, 1)", "a raw error", lambda: quick(y=FLAG.to_frame())),
    ("sparse X", "a raw error", lambda: quick(csr_matrix(X.to_numpy()))),
    ("weights of two axes", "a raw error", lambda: quick(sample_weight=np.ones((ROWS, 1)))),
    ("labels of mixed type", "a raw error", lambda: quick(clusters=[1, "a"] * (ROWS // 2))),
    (
        "two attributes of one name",
        "a raw error",
        lambda: fairness_report(FLAG, Y, sensitive_features=SEX[["sex", "sex"]], threshold=0),
    ),
    ("labels that are times", "found at `save`, after the fit", lambda: quick(clusters=TIMES)),
    ("complex numbers", "a raw error", lambda: quick(X.assign(a=X["a"] + 1j))),
    (
        "y of scale 1e-13",
        "refused",
        lambda: f"residual sd {linear(y=1e-13 * Y, epochs=200).residual_sd_:.3g}",
    ),
    (
        "an outcome constant within clusters",
        "sd 19.6, P 0 or 1, no note",
        lambda: (
            linear(y=(SITE > 5).astype(int), kind=FairMEDLClassifier, epochs=400)
            .summary()
            .splitlines()[-1]
        ),
    ),
    ("mixed precision", "an error of types", mixed_precision),
    (
        "a backend that is absent",
        "Keras found none",
        lambda: run("import fairmedl_lite.model.fair_medl", KERAS_BACKEND="theano"),
    ),
    (
        "LC_ALL=C and no home folder",
        "a bare error",
        lambda: run(PRINT_WAGES, LC_ALL="C", HOME="/dev/null/nobody"),
    ),
    ("a folder that is not there", "a bare error", lambda: in_folder(saved_below)),
    ("a full disk", "a bare error", lambda: linear(epochs=1).save("/dev/full")),
]
