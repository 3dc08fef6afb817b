"""The paper's study, redone: python -m study (make study), or --quick (make study-quick).

For each data set, in this order: settings are chosen on validation rows of tuning seeds (a sweep of
the fairness weight, for each form of debiasing, on FE, ME or both); then every model is fitted on
each reported seed, whose test rows are read once. What was fitted is kept in build/study, so that a
run that was stopped goes on; the tables go to results/, timings apart, and study/report.py
writes docs/study.md from them. A quick study takes the committed choices and few seeds, and writes
to build/study-quick alone.
"""

import argparse
import json
import os
import platform
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from scipy import stats

from fairmedl_lite import (
    compare,
    ladder,
    paired,
)
from study.plan import STUDIES, SWAP_ROWS, reported_models, sweep
from study.tables import DISPARITIES, is_kept, report, write
from study.words import PLAIN
from tools import ROOT


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
