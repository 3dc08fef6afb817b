"""The paper's study, redone: python tools/study.py (make study), or --quick (make study-quick).

For each data set, in this order: settings are chosen on validation rows of tuning seeds (a sweep of
the fairness weight, for each form of debiasing, on FE, ME or both); then every model is fitted on
each reported seed, whose test rows are read once. What was fitted is kept in build/study, so that a
run that was stopped goes on; the tables go to results/, timings apart, and tools/study_report.py
writes docs/study.md from them. A quick study takes the committed choices and few seeds, and writes
to build/study-quick alone.
"""

import argparse
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from scipy import stats

from fairmedl_lite import (
    FairMEDLClassifier,
    FairMEDLRegressor,
    compare,
    ladder,
    load_acs_income,
    load_adult,
    load_diabetes_hospital,
    load_wage_panel,
    paired,
    summarise,
)
from fairmedl_lite.evaluation.baselines import Reweighing, ThresholdPostProcessing
from fairmedl_lite.evaluation.peers import FairlearnAdversary, GPBoost

ROOT = Path(__file__).resolve().parent.parent
SWAP_ROWS = 400  # drawn from the test rows
PLACES = {"FE": ("fixed",), "ME": ("mixed",), "both": ("fixed", "mixed")}
FORMS = ("adversary", "correlation", "equalized_odds")
ATTRIBUTES = ("age", "race", "sex", "marital_status")
PLAIN, FAIR, NETWORK = "MEDL-NNet", "Fair MEDL-NNet", "Fair NNet"
SMALL = {"hidden": (16,), "epochs": 150}
LARGE = {"epochs": 10, "batch_size": 2048, "learning_rate": 4e-3}
KEPT = ("auroc", "accuracy", "mse", "r2", "attribute_swap", "tpr", "tpr_worst", "error")
KEPT += ("tpr_sd_random_effect", "mean_residual", "mean_prediction", "seconds", "test_to_train")
HEADLINES = (
    "auroc",
    "mse",
    "tpr_sd",
    "tpr_sd_noise_removed",
    "fpr_sd",
    "mse_sd",
    "mean_residual_sd",
)
DISPARITIES = ("disparity_within", "disparity_between", "disparity_total")
KEYS = ["model", "part", "effects", "threshold", "metric", "attribute", "group"]


@dataclass(frozen=True)
class Study:
    """One data set: what is fitted on it, how often, and by what settings are chosen.

    Args:
        load: Function that returns the `ClusteredData`, and what `keep_together` takes.
        unseen: The share of the clusters that a seed holds out.
        seeds: How many reported seeds: 0, 1, ...
        tuning: How many tuning seeds: 1000, 1001, ...
        quick: How many reported seeds a quick study has.
        settings: What all models share.
        weights: For each place and form of debiasing the fairness weights that are tried.
        budgets: How much performance may be lost, upper end of the interval: of the AUROC, or of
            the MSE in per cent.
        methods: Whether it is the methods beside ours that are fitted.
    """

    name: str
    load: object
    unseen: float
    seeds: int
    tuning: int
    quick: int
    weights: dict
    settings: dict = field(default_factory=dict)
    budgets: tuple = (0.010, 0.015)
    methods: bool = False
    kind: type = FairMEDLClassifier

    @property
    def is_regression(self):
        """Whether the outcome is continuous."""
        return self.kind is FairMEDLRegressor

    @property
    def objective(self):
        """The spread that settings are chosen by."""
        return "attribute_swap" if self.is_regression else "tpr_sd_noise_removed"


SWEEP = {
    "both": {
        "adversary": (0.5, 1.0, 1.2, 1.5, 2.5, 4.0),
        "correlation": (0.2, 0.5, 1.0, 1.7, 3.0),
        "equalized_odds": (0.3, 0.6, 0.8, 1.0, 1.2, 1.5, 2.2, 3.0),
    },
    "ME": {
        "adversary": (0.5, 1.5, 2.2, 3.0, 4.0),
        "equalized_odds": (0.3, 1.0, 1.3, 1.6, 1.9, 2.2, 3.0, 4.0),
    },
}
# Of a continuous outcome.
SHORT_SWEEP = {
    "both": {
        "adversary": (0.5, 1.5, 4.0),
        "correlation": (0.5, 1.5, 4.0),
        "equalized_odds": (0.5, 1.5, 4.0),
    },
}
# Where each form is asked for on each prediction alone.
WIDE_SWEEP = SWEEP | {
    "FE": {
        "adversary": (0.5, 1.5, 4.0),
        "correlation": (0.2, 1.0, 3.0),
        "equalized_odds": (0.3, 1.0, 2.2),
    },
    "ME": SWEEP["ME"] | {"correlation": (0.2, 1.0, 3.0)},
}


# The place of birth, 554 codes, would be nine tenths of the columns.
load_acs = partial(load_acs_income, place_of_birth=False)


def diabetes():
    """The stays, and their patients: a patient's stays are kept together."""
    data = load_diabetes_hospital()
    return data, data.x.index.get_level_values("patient")


REGRESSION = {"budgets": (1.0,), "kind": FairMEDLRegressor}
STUDIES = [
    Study("adult", load_adult, 4 / 14, 40, 5, 4, WIDE_SWEEP),
    Study("acs_major", load_acs, 0.2, 10, 5, 1, SWEEP, LARGE),
    Study("diabetes", diabetes, 0.2, 10, 5, 1, SHORT_SWEEP, LARGE, **REGRESSION),
    Study("wage_panel", load_wage_panel, 0.2, 10, 5, 2, SHORT_SWEEP, SMALL, **REGRESSION),
    Study("acs_fine", partial(load_acs, clusters="fine"), 0.2, 10, 5, 0, SWEEP, LARGE),
    Study("adult_methods", load_adult, 4 / 14, 40, 0, 1, {}, methods=True),
]


def sweep(study):
    """Fair MEDL by each form of debiasing, place and weight: dictionary of name to model."""
    return {
        label(form, place, weight): debiased(study, form, place, weight)
        for place, forms in study.weights.items()
        for form, weights in forms.items()
        for weight in weights
    }


def label(form, place, weight):
    """What a setting of debiasing is called."""
    return f"{form} on {place}, {weight:g}"


def debiased(study, form, place, weight, rung=FAIR):
    """A rung of the ladder with this form of debiasing."""
    options = {"debias": form, "fairness_on": PLACES[place], "fairness": weight}
    return ladder(study.kind, **options, **study.settings)[rung]


def tune(study, run):
    """Fit the sweep on the tuning seeds; the frontier, on validation rows."""
    models = {PLAIN: ladder(study.kind, **study.settings)[PLAIN]} | sweep(study)
    table = run(study, "tune", models, range(1000, 1000 + study.tuning), rows="validation")
    return frontier_of(table, [name for name in models if name != PLAIN])


def frontier_of(table, settings):
    """How the figures of each setting of debiasing differ from those of MEDL-NNet."""
    table = table[is_kept(table)]
    changes = [paired(table, name, PLAIN).assign(setting=name) for name in settings]
    frontier = pd.concat(changes, ignore_index=True)
    shown = frontier["effects"].eq("mixed") & frontier["group"].eq("")
    frontier = frontier[shown & ~frontier["metric"].isin(DISPARITIES)]
    parts = frontier["setting"].str.extract(r"(?P<form>\w+) on (?P<place>\w+), (?P<weight>.+)")
    return pd.concat(
        [parts.astype({"weight": float}), frontier.drop(columns=["setting", "group"])], axis=1
    )


def choose(study, frontier):
    """For each form and place, and within each budget, the setting with the least spread.

    The budget holds for the upper end of the interval of the loss, as wide as it would be with as
    many resamples as are reported; the spread is the mean over the attributes of its change in
    per cent. A form that never stays within the budget is left out.
    """
    keys = ["form", "place", "weight"]
    overall = frontier[frontier["attribute"] == ""].set_index([*keys, "metric"])
    if study.is_regression:
        rows, ends = overall.xs("mse", level="metric"), ("percent", "percent_high")
        loss, half = rows[ends[0]], rows[ends[1]] - rows[ends[0]]
    else:
        rows = overall.xs("auroc", level="metric")
        loss, half = -rows["difference"], rows["difference"] - rows["low"]
    loss = loss + half * width(study.seeds) / width(study.tuning)
    threshold = "" if study.is_regression else "youden"
    spread = frontier[
        (frontier["metric"] == study.objective) & (frontier["threshold"] == threshold)
    ]
    table = pd.DataFrame({"loss": loss, "change": spread.groupby(keys)["percent"].mean()})
    chosen = [
        table[table["loss"] <= budget].reset_index().sort_values("change").assign(budget=budget)
        for budget in study.budgets
    ]
    chosen = pd.concat(chosen).drop_duplicates(["form", "place", "budget"])
    chosen = chosen.sort_values(["place", "form", "budget"], key=lambda column: column.astype(str))
    return chosen[["form", "place", "budget", "weight", "loss", "change"]]


def width(resamples):
    """Half of an interval of `interval`, in standard deviations, where 20 % of the rows test."""
    return stats.t.ppf(0.975, resamples - 1) * (1 / resamples + 1 / 3) ** 0.5


def reported_models(study, choices):
    """The ladder and the chosen settings; or the methods beside ours."""
    models = ladder(study.kind, **study.settings)
    if study.methods:
        return {PLAIN: models[PLAIN]} | methods()
    choices = choices[
        (choices["place"] != "FE") & (choices["form"] + choices["place"] != "correlationME")
    ]
    for row in choices.itertuples():
        setting = row.form, row.place, row.weight
        models.setdefault(label(*setting), debiased(study, *setting))
    both = choices[(choices["place"] == "both") & (choices["budget"] == study.budgets[0])]
    for row in both[both["form"] != "adversary"].itertuples():
        network = debiased(study, row.form, row.place, row.weight, NETWORK)
        models[f"{NETWORK}, {row.form} {row.weight:g}"] = network
    return models


def methods():
    """Methods beside ours. GPBoost is there if it is installed."""
    off = {"random_effects": "intercept", "cluster_adversary": 0, "fairness": 0}
    logistic = FairMEDLClassifier(hidden=(), epochs=540, **off)  # the least steps, 1,600
    found = {"mixed logistic": logistic, "reweighing": Reweighing(logistic, list(ATTRIBUTES))}
    for attribute in ATTRIBUTES:
        found[f"thresholds by {attribute}"] = ThresholdPostProcessing(logistic, attribute)
    for attribute in ATTRIBUTES:
        found[f"fairlearn adversary on {attribute}"] = FairlearnAdversary(attribute)
    return found | ({"GPBoost": GPBoost()} if find_spec("gpboost") else {})


def is_kept(table):
    """Which figures go into the tables: performance, spreads, swaps, the groups' own rates."""
    metric, whole = table["metric"], table["group"] == ""
    spread = metric.str.endswith(("_sd", "_sd_noise_removed"))
    kept = spread | metric.isin(KEPT) | (metric.eq("positive_rate") & whole)
    kept &= table["effects"].isin(("", "mixed")) | table["model"].isin((PLAIN, FAIR))
    return kept | (metric.isin(DISPARITIES) & table["model"].isin((PLAIN, FAIR)))


def comparisons(models):
    """Pairs of a model and what it is compared with."""
    fair = [name for name in models if name not in (PLAIN, "NNet", NETWORK, "DA-NNet")]
    pairs = [(name, PLAIN) for name in fair]
    pairs += [(FAIR, NETWORK), (PLAIN, "NNet"), (NETWORK, "NNet"), ("Fair DA-NNet", NETWORK)]
    networks = [name for name in models if name.startswith(f"{NETWORK}, ")]
    for name in networks:
        form, weight = name.removeprefix(f"{NETWORK}, ").split()
        pairs.append((f"{form} on both, {weight}", name))
    return [pair for pair in pairs if pair[1] in models]


def changes_of(table, pairs):
    """The paired differences of each pair of models: `model`, `against`, `value`, `baseline`."""
    changes = [paired(table, *pair).assign(model_name=pair[0], against=pair[1]) for pair in pairs]
    changes = pd.concat(changes, ignore_index=True)
    return changes.rename(columns={"model": "value", "model_name": "model"})


def report(study, table, models, folder):
    """Write the tables of the reported seeds."""
    summary = summarise(table)
    shown = is_kept(summary) & ~summary["metric"].isin(("seconds", "test_to_train"))
    write(summary[shown], folder, study.name)
    seconds = summary[summary["metric"] == "seconds"]
    write(seconds[["model", "mean", "low", "high", "resamples"]], folder, study.name + "_seconds")
    table = table[is_kept(table)]
    changes = changes_of(table, comparisons(models))
    ours = changes["model"].eq(FAIR) & changes["against"].eq(PLAIN)
    shown = changes["effects"].eq("mixed") | (changes["effects"].eq("fixed") & ours)
    shown &= ~changes["metric"].isin((*DISPARITIES, "seconds"))
    order = ["model", "against", *KEYS[1:], "value", "baseline", "difference", "low", "high"]
    order += ["percent", "percent_low", "percent_high", "effect_size", "p", "resamples"]
    write(changes[shown][order], folder, study.name + "_change")
    write(headline_runs(table, models), folder, study.name + "_runs")
    if not study.methods:
        found = [what_random_effects_add(table, name) for name in (PLAIN, FAIR)]
        write(pd.concat(found), folder, study.name + "_random_effects")


def what_random_effects_add(table, model):
    """The mixed prediction's disparities minus those of the fixed one, paired by resample."""
    table = table[table["model"] == model]
    shown = table["metric"].isin(DISPARITIES) & table["part"].eq("seen")
    rows = table[shown | table["metric"].eq("test_to_train")]
    kinds = [
        rows[rows["effects"].isin(("", kind))].assign(
            model=kind, effects=rows["effects"].where(rows["effects"] == "", "mixed")
        )
        for kind in ("mixed", "fixed")
    ]
    changes = paired(pd.concat(kinds), "mixed", "fixed").assign(model=model)
    columns = ["model", "metric", "attribute", "group", "difference", "low", "high", "resamples"]
    return changes.loc[changes["effects"] == "mixed", columns]


def headline_runs(table, models):
    """Each resample's headline figures of the ladder: what intervals are taken over."""
    kept = table["metric"].isin(HEADLINES)
    kept &= table["model"].isin(ladder()) & table["effects"].eq("mixed")
    kept &= table["threshold"].isin(("", "youden")) & table["group"].eq("")
    return table[kept].drop(columns=["effects", "threshold", "group", "error"])


def write(table, folder, name):
    """Write a table to a small file."""
    folder.mkdir(parents=True, exist_ok=True)
    table.round(5).to_csv(folder / f"study_{name}.csv", index=False)


class Runner:
    """Runs `compare`, keeps what was fitted, and times it.

    Args:
        kept: Folder of what was fitted.
        folder: Folder of the tables.
        jobs: Integer. Processes.
    """

    def __init__(self, kept, folder, jobs):
        self.kept, self.folder, self.jobs = kept, folder, jobs
        self.loaded, self.sizes = (None, None), {}
        kept.mkdir(parents=True, exist_ok=True)

    def __call__(self, study, stage, models, seeds, rows="test"):
        """Fit these models on these seeds: the table of `compare`."""
        data, together = self.data_of(study)
        output = self.kept / f"{study.name}_{stage}.jsonl"
        whole, start = not output.exists(), time.perf_counter()
        print(f"{study.name}, {stage}: {len(models)} models x {len(seeds)} seeds", flush=True)
        table = compare(
            models,
            data,
            seeds=seeds,
            unseen_clusters=study.unseen,
            keep_together=together,
            rows=rows,
            swap_rows=0 if rows == "validation" and not study.is_regression else SWAP_ROWS,
            output=output,
            jobs=self.jobs,
        )
        seconds = time.perf_counter() - start
        print(f"{study.name}, {stage}: {seconds:.0f} s", flush=True)
        if whole:  # the seconds of a run that went on are not those of the stage
            self._note(study.name, stage, len(models), len(seeds), round(seconds))
        return table

    def _note(self, *row):
        """Write down how long a stage took, in place of what stood there for it."""
        columns = ["study", "stage", "models", "seeds", "seconds"]
        path = self.folder / "study_seconds.csv"
        known = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=columns)
        known = known[(known["study"] != row[0]) | (known["stage"] != row[1])]
        table = pd.concat([known, pd.DataFrame([row], columns=columns)])
        write(table, self.folder, "seconds")

    def data_of(self, study):
        """The data of a study, and what rows are kept together."""
        if self.loaded[0] != study.name:
            loaded = study.load()
            self.loaded = study.name, loaded if isinstance(loaded, tuple) else (loaded, None)
            data = self.loaded[1][0]
            size = {"rows": len(data), "clusters": data.clusters.nunique(), "dropped": data.dropped}
            self.sizes[study.name] = size
        return self.loaded[1]


def run_study(study, run, folder, choices, quick):
    """One data set, from the sweep to the tables. Returns its choices."""
    if choices is None and study.tuning:
        frontier = tune(study, run)
        write(frontier, folder, study.name + "_frontier")
        choices = choose(study, frontier)
    models = reported_models(study, choices)
    seeds = range(study.quick if quick else study.seeds)
    rungs = {name: model for name, model in models.items() if name in ladder()}
    others = {name: model for name, model in models.items() if name not in rungs}
    stages = {"ladder": rungs, "others": others}
    tables = [run(study, stage, part, seeds) for stage, part in stages.items() if part]
    report(study, pd.concat(tables, ignore_index=True), models, folder)
    return choices


def recipe(studies, quick, sizes):
    """What the study rests on: settings, seeds, sizes, versions."""
    described = {}
    for study in studies:
        config = {
            name: value for name, value in asdict(study).items() if name not in ("load", "kind")
        }
        defaults = study.kind(**study.settings).get_params()
        described[study.name] = config | {"estimator": study.kind.__name__, "defaults": defaults}
    versions = {name: version(name) for name in ("keras", "fairlearn", "scikit-learn")}
    versions = {"python": platform.python_version(), **versions}
    return {"quick": quick, **versions, "data": sizes, "studies": described}


def options(arguments=None):
    """The command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the committed choices, few seeds")
    parser.add_argument("--only", nargs="*", default=[], help="names of data sets")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--folder", type=Path, help="where what was fitted is kept")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Runs the study; a data set that cannot be had is passed over, and said so."""
    chosen = options(arguments)
    # Of categories that no training row had: a rare country is not news in each of 1,000 fits.
    os.environ["PYTHONWARNINGS"] = "ignore::UserWarning"
    kept = chosen.folder or ROOT / "build" / ("study-quick" if chosen.quick else "study")
    folder = kept if chosen.quick else ROOT / "results"
    studies = [study for study in STUDIES if not chosen.only or study.name in chosen.only]
    studies = [study for study in studies if study.quick or not chosen.quick]
    run, path = Runner(kept, folder, chosen.jobs), ROOT / "results" / "study_choices.csv"
    known = pd.read_csv(path) if path.exists() else pd.DataFrame({"study": []})
    for study in studies:
        own = known[known["study"] == study.name].drop(columns="study")
        choices = own if chosen.quick and study.tuning else None
        try:
            run.data_of(study)
        except OSError as error:
            print(f"{study.name}: passed over, its data cannot be had here ({error})")
            continue
        choices = run_study(study, run, folder, choices, chosen.quick)
        if choices is not None and not chosen.quick:
            others = known[known["study"] != study.name]
            known = pd.concat([others, choices.assign(study=study.name)], ignore_index=True)
            known.round(5).to_csv(path, index=False)
    path = folder / "study_recipe.json"
    before = json.loads(path.read_text(encoding="utf-8"))["data"] if path.exists() else {}
    text = json.dumps(recipe(STUDIES, chosen.quick, before | run.sizes), indent=1, default=str)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
