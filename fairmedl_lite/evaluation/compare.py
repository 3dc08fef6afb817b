"""Many models on many resamples: one tidy table, written after each fit."""

import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterable
from contextlib import nullcontext
from functools import cache, partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from fairmedl_lite import checks
from fairmedl_lite.data.clustered import ClusteredData
from fairmedl_lite.data.split import split
from fairmedl_lite.estimator.base import FairMEDLEstimator
from fairmedl_lite.estimator.encoding import TableEncoder
from fairmedl_lite.evaluation import figures
from fairmedl_lite.evaluation.plan import Fit, Plan, hash_data
from fairmedl_lite.evaluation.records import Records
from fairmedl_lite.metrics.performance import youden_threshold

INDEPENDENT = (
    "Noise floors and random effects of the group take rows as independent. The rows come in "
    "clusters: pass independent='clusters'."
)
FIGURE = ["part", "effects", "threshold", "metric", "attribute", "group", "value"]
VARYING = re.compile(r"'.*?'|\(.*?\)|[\d.,]+")  # what differs between warnings of one kind
ONE_AT_A_TIME = threading.Lock()  # fits of one process share seeds and compiled graphs
ONE_THREAD = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def compare(
    models: dict,
    data: ClusteredData,
    *,
    seeds: Iterable[int],
    unseen_clusters: float | Collection | Callable,
    keep_together: ArrayLike | None = None,
    rows: str = "test",
    unseen: str | None = "fixed",
    measure: Callable = figures.measure,
    independent: str = "rows",
    effects: Collection = ("mixed", "fixed", "random"),
    swap_rows: int = 1000,
    output: str | Path | None = None,
    jobs: int = 2,
) -> pd.DataFrame:
    """Fit every model on every resample, and measure it on seen and on unseen clusters.

    A seed cuts the data and starts the models. The fits run in processes of one thread each. On a
    Dask cluster, whose workers should have one thread each too, the same call does:

        with joblib.parallel_config("dask"):  # after client = distributed.Client(address)
            compare(...)

    A model has `fit(X, y, *, clusters, sensitive_features)`, which takes `sample_weight` too where
    the data have weights, and `predict_proba(X, *, clusters, effects, unseen)`, for a regression
    `predict`, as the estimators here; and scikit-learn's `get_params`. One whose attribute
    `random_effects` is not `None` is measured by its fixed, its mixed and, where clusters are
    seen, its random effects; any other by `"mixed"` alone, its whole prediction. Decisions are
    taken at two thresholds from validation rows, of each kind of prediction its own: `"youden"`,
    and `"equal_rate"`, where as many validation rows are positive as truly are. A model that has
    `predict_decisions(X, *, clusters, sensitive_features, effects, unseen)` takes its `"own"`.

    Args:
        models: Dictionary of name to unfitted model. Its `seed` or `random_state` is set.
        data: A `ClusteredData`; the classes of a classification are 0 and 1.
        seeds: Integers, one for each resample.
        unseen_clusters: As in `split`; or, so that the held-out clusters rotate, a list of lists,
            of which seed s takes number s modulo its length, or a function of the seed.
        keep_together: As in `split`.
        rows: `"test"`; or `"validation"` to choose settings by: test rows are not read then, and
            thresholds come from the very rows that are measured.
        unseen: What the mixed prediction of a row of an unseen cluster rests on, as in
            `predict_proba`.
        measure: Function of `(rows, score, decisions)`, as `fairmedl_lite.evaluation.figures`
            has it.
        independent: `"rows"` or `"clusters"`: what the noise floors, and the random effects of the
            group, take as independent. By rows they are too low or too high wherever rows of one
            cluster are alike. `"clusters"` is passed to `measure`.
        effects: Which of these kinds of prediction are measured.
        swap_rows: Integer. How many rows, drawn by the seed, the attribute swaps are taken over;
            0 leaves them out.
        output: Path. Each fit is added to this file when it is done. The same call goes on
            where one that was killed stopped, and tries again what failed; models and seeds can
            be added. A file of other code is refused: of the models' classes and of `measure`,
            with what they name in their own modules. What these use of other modules, and of
            this library within one version, is not looked at.
        jobs: Integer. How many fits run at once.

    Returns:
        DataFrame with a row for each figure, in the order of models and seeds: `model`, `seed`,
        `part` (`seen`, `unseen` or `validation`), `effects`, `threshold`, `metric`, `attribute`,
        `group` and `value`; and of its fit `test_to_train`, what `interval` takes as its ratio:
        rows measured over rows trained on, of unseen clusters clusters over clusters; `seconds`;
        and `error`. A fit that failed is one row, of metric `error` with its reason. Where rows
        were taken as independent, `attrs["note"]` says so.

    Warns:
        ConvergenceWarning, UserWarning: As the fits did, once for each kind, with their number.

    Raises:
        ValueError: If `output` holds fits of other settings, code, data, models or seeds, is
            damaged, or is written to by another run; or if the outcome of a classification is not
            0 and 1.

    Example:
        >>> data = simulate_hiring(firms=5, rows=40, outcome="salary", seed=0).data
        >>> models = {"NNet": ladder(FairMEDLRegressor, epochs=1)["NNet"]}
        >>> table = compare(models, data, seeds=[0], unseen_clusters=0.2, jobs=1)
        >>> table.loc[table["metric"] == "r2", ["model", "part", "effects"]].to_numpy().tolist()
        [['NNet', 'seen', 'mixed'], ['NNet', 'unseen', 'mixed']]
    """
    checks.check_choice("rows", rows, ("test", "validation"))
    checks.check_choice("independent", independent, ("rows", "clusters"))
    if data.task == "classification" and set(data.y.unique()) != {0, 1}:
        raise ValueError(
            f"y of a classification must hold 0 and 1. Received: {data.y.unique()[:5].tolist()}. "
            "Compare it with the positive class first."
        )
    encoder = TableEncoder().fit(data.x) if any(map(_has_ours, models.values())) else None
    if independent == "clusters":
        measure = partial(measure, independent=independent)
    plan = Plan(keep_together, rows, unseen, measure, tuple(effects), swap_rows, encoder)
    shared = {"data": hash_data(data, keep_together), "measures": plan.hash()}
    fits = {
        (name, int(seed)): Fit.of(name, model, int(seed), unseen_clusters, shared)
        for name, model in models.items()
        for seed in seeds
    }
    with nullcontext() if output is None else Records(Path(output)) as file:
        records = file.read(fits) if file else {}
        left = [fit for key, fit in fits.items() if key not in records or records[key]["error"]]
        # Seeds vary fastest: a process tends to fit one model again, which is compiled already.
        running = joblib.Parallel(jobs, return_as="generator_unordered", batch_size=1)(
            joblib.delayed(_run)(data, plan, fit) for fit in left
        )
        for record in tqdm(running, total=len(fits), initial=len(fits) - len(left), unit="fit"):
            records[record["model"], record["seed"]] = record
            if file:
                file.append(record)
    records = {key: records[key] for key in fits}  # whichever ended first
    _warn_of_failures(records)
    _warn_as_fits_did(records)
    table = pd.concat([_table(records[key]) for key in fits], ignore_index=True)
    table.attrs["note"] = INDEPENDENT if independent == "rows" else ""
    return table


def _run(data, plan, fit):
    """Fit and measure one model on one resample. Returns its record, or that of its failure."""
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    record = {"model": fit.name, "seed": fit.seed, "settings": fit.settings}
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("ignore", DeprecationWarning)
            found = _fit_and_measure(data, plan, fit)
        texts = [[each.category.__name__, str(each.message)] for each in told]
        return record | found | {"error": "", "warnings": texts}
    except Exception as error:  # whatever a model raises: the other fits go on
        return record | {"figures": [], "error": f"{type(error).__name__}: {error}"}


def _fit_and_measure(data, plan, fit):
    """The figures of one fit, and what describes it: its seconds, and each part's ratio."""
    together = plan.keep_together
    cut = split(data, unseen_clusters=fit.held_out, seed=fit.seed, keep_together=together)
    train, model = cut.train, clone(fit.model)
    model.widest_encoder = plan.encoder
    with ONE_AT_A_TIME, _graphs_shared(model):
        start = time.perf_counter()
        model.fit(train.x, train.y, **_groups(train), **_weights(train))
        seconds = time.perf_counter() - start
    effects = getattr(model, "random_effects", None)
    kinds = ("mixed",) if effects is None else plan.effects
    rows = [row for kind in kinds for row in _measure_effects(model, kind, cut, plan, fit.seed)]
    ratios = {
        part: _test_to_train(part, measured, train) for part, measured in plan.parts(cut).items()
    }
    return {"seconds": seconds, "test_to_train": ratios, "figures": rows}


@cache
def _twins():
    """The compiled models of this process: models on other seeds share their graphs."""
    from fairmedl_lite.training.compiling import CompiledTwins

    return CompiledTwins()


def _has_ours(model):
    return any(isinstance(part, FairMEDLEstimator) for part in [model, *vars(model).values()])


def _graphs_shared(model):
    """Within it, this process compiles like models once. Keras is loaded for one of ours only."""
    return _twins().shared() if _has_ours(model) else nullcontext()


def _test_to_train(part, measured, train):
    if part == "unseen":
        return measured.first_clusters.nunique() / train.first_clusters.nunique()
    return len(measured) / len(train)


def _measure_effects(model, effects, cut, plan, seed):
    """All figures of one kind of prediction, as `FIGURE` names their parts."""
    predict = {"effects": effects, "unseen": plan.unseen}
    thresholds = _thresholds(model, cut.validation, predict)
    rows = []
    for part, measured in plan.parts(cut).items():
        if (part, effects) == ("unseen", "random"):
            continue
        score = _score(model, measured, predict)
        decisions = {name: score >= threshold for name, threshold in thresholds.items()}
        if hasattr(model, "predict_decisions"):
            own = model.predict_decisions(measured.x, **_groups(measured), **predict)
            decisions = {"own": own}
        found = plan.measure(measured, score, decisions)
        if plan.swap_rows and effects != "random":
            options = {"most": plan.swap_rows, "seed": seed, **predict}
            found = found + figures.measure_swaps(model, measured, **options)
        for figure in found:
            place = figure.threshold, figure.metric, figure.attribute, figure.group
            rows.append([part, effects, *map(str, place), float(figure.value)])
    return rows


def _groups(rows):
    return {"clusters": rows.clusters, "sensitive_features": rows.sensitive}


def _weights(rows):
    """The weights of rows, if they have some, of a mean of 1: they are no numbers of rows."""
    return {} if rows.weights is None else {"sample_weight": rows.weights / rows.weights.mean()}


def _score(model, rows, predict):
    if rows.task == "regression":
        return model.predict(rows.x, clusters=rows.clusters, **predict)
    return model.predict_proba(rows.x, clusters=rows.clusters, **predict)[:, 1]


def _thresholds(model, rows, predict):
    if rows.task == "regression" or hasattr(model, "predict_decisions"):
        return {}
    score = _score(model, rows, predict)
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights.to_numpy("float64")
    order = np.argsort(-score, kind="stable")
    wanted = np.searchsorted(np.cumsum(weights[order]), weights @ rows.y * (1 - 1e-12))
    youden = youden_threshold(rows.y, score, sample_weight=rows.weights)
    return {"youden": youden, "equal_rate": float(score[order[wanted]])}


def _warn_of_failures(records):
    if failed := [record for record in records.values() if record["error"]]:
        warnings.warn(
            f"{len(failed)} of {len(records)} fits failed; their rows say why. One is "
            f"{failed[0]['model']!r} at seed {failed[0]['seed']}: {failed[0]['error']}",
            stacklevel=3,
        )


def _warn_as_fits_did(records):
    """Warn once of each kind of warning of the fits: of those that differ in numbers and names."""
    found = {}
    for record in records.values():
        for category, text in record.get("warnings", []):
            kind = category, VARYING.sub("", text)
            found.setdefault(kind, {}).setdefault((record["model"], record["seed"]), text)
    for (category, _), texts in found.items():
        (name, seed), text = next(iter(texts.items()))
        warnings.warn(
            f"{len(texts)} of {len(records)} fits warn, such as {name!r} at seed {seed}: {text}",
            ConvergenceWarning if category == ConvergenceWarning.__name__ else UserWarning,
            stacklevel=3,
        )


def _table(record):
    rows = record["figures"] or [["", "", "", "error", "", "", np.nan]]
    table = pd.DataFrame(rows, columns=FIGURE)
    table.insert(0, "model", record["model"])
    table.insert(1, "seed", record["seed"])
    ratios = table["part"].map(record.get("test_to_train", {})).astype("float64")
    seconds = record.get("seconds", np.nan)
    return table.assign(test_to_train=ratios, seconds=seconds, error=record["error"])
