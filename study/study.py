"""The paper's study, redone: python -m study (make study), or --quick (make study-quick).

Each data set has stages, none of them longer than an hour and a half on two cores: `tune`, where
settings are chosen on validation rows of tuning seeds (a sweep of the fairness weight for each form
of debiasing); then `ladder`, `forms` and `clusters`, where models are fitted on each reported seed,
whose test rows are read once. What was fitted is kept in build/study, fit by fit, so that a run
that was killed goes on where it stopped: the same command again. `--left` tells what is left, and
about how many seconds it takes. Tables go to results/ after each stage, timings apart, and
study/report.py writes docs/study.md from them. A quick study takes the committed choices and few
seeds, and writes to build/study-quick alone.
"""

import argparse
import json
import os
import platform
import time
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from fairmedl_lite import (
    compare,
    ladder,
    paired,
)
from study.measures import measure, measure_whole
from study.plan import STAGES, STUDIES, SWAP_ROWS, stages, sweep
from study.tables import FRONTIER, OF_FRONTIER, report, write
from study.words import FITS, PLAIN
from tools import ROOT


def tune(study, run):
    """Fit the sweep on the tuning seeds; the frontier, on validation rows."""
    models = {PLAIN: ladder(study.kind, **study.settings)[PLAIN]} | sweep(study)
    table = run(study, "tune", models, range(1000, 1000 + study.tuning))
    return frontier_of(table, [name for name in models if name != PLAIN])


def frontier_of(table, settings):
    """How the figures of each setting of debiasing differ from those of MEDL-NNet."""
    shown = table["metric"].isin(OF_FRONTIER) & table["group"].eq("")
    table = table[shown & table["effects"].eq("mixed")]
    changes = [paired(table, name, PLAIN).assign(setting=name) for name in settings]
    frontier = pd.concat(changes, ignore_index=True)
    frontier = frontier[frontier["effects"] == "mixed"]  # of a network the one is the other too
    parts = frontier["setting"].str.extract(r"(?P<form>\w+) on (?P<place>\w+), (?P<weight>.+)")
    return pd.concat([parts.astype({"weight": float}), frontier], axis=1)[FRONTIER]


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

    def __call__(self, study, stage, models, seeds):
        """Fit these models on these seeds: the table of `compare`."""
        data, together = self.data_of(study)
        start = time.perf_counter()
        print(f"{study.name}, {stage}: {len(models)} models x {len(seeds)} seeds", flush=True)
        table = compare(
            models,
            data,
            seeds=seeds,
            unseen_clusters=study.unseen,
            keep_together=together,
            output=self.file(study.name, stage),
            jobs=self.jobs,
            **measuring(study, stage),
        )
        seconds = time.perf_counter() - start
        print(f"{study.name}, {stage}: {seconds:.0f} s", flush=True)
        self._note(study.name, stage, len(models), len(seeds), table)
        return table

    def file(self, name, stage):
        """The records of a stage."""
        return self.kept / f"{name}_{stage}.jsonl"

    def _note(self, *row):
        """Write down what the fits of a stage took, in place of what stood there for it."""
        columns = ["study", "stage", "models", "seeds", "seconds"]
        *row, table = row
        seconds = table.drop_duplicates(["model", "seed"])["seconds"].sum()
        path = self.folder / "study_seconds.csv"
        known = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=columns)
        other = known["stage"].isin(STAGES) & (known["stage"] != row[1])
        known = known[(known["study"] != row[0]) | other]
        new = pd.DataFrame([[*row, round(seconds)]], columns=columns)
        write(pd.concat([known, new]), self.folder, "seconds")

    def data_of(self, study):
        """The data of a study, and what rows are kept together."""
        if self.loaded[0] != study.name:
            loaded = study.load()
            self.loaded = study.name, loaded if isinstance(loaded, tuple) else (loaded, None)
            data = self.loaded[1][0]
            size = {"rows": len(data), "clusters": data.clusters.nunique(), "dropped": data.dropped}
            self.sizes[study.name] = size | {"fits": FITS}
        return self.loaded[1]


def measuring(study, stage):
    """How a stage is measured: only what the page and the lessons read of it."""
    whole = stage == "ladder"
    return {
        "rows": "validation" if stage == "tune" else "test",
        "measure": measure_whole if whole else measure,
        "effects": ("mixed", "fixed", "random") if whole else ("mixed",),
        "swap_rows": SWAP_ROWS if whole or study.is_regression else 0,
    }


def run_study(study, run, choices, seeds, until=None):
    """The stages of one data set, each to its tables. Returns its choices.

    Args:
        study: A `Study`.
        run: A `Runner`.
        choices: DataFrame, or `None` where they are yet to be made.
        seeds: The reported seeds.
        until: The last stage.
    """
    if choices is None and study.tuning:
        frontier = tune(study, run)
        write(frontier, run.folder, study.name + "_frontier")
        choices = choose(study, frontier)
    tables, models = [], {}
    for stage, part in stages(study, choices).items():
        if until is None or STAGES.index(stage) <= STAGES.index(until):
            tables.append(run(study, stage, part, seeds))
            models |= part
            report(study, pd.concat(tables, ignore_index=True), models, run.folder)
    return choices


def left(studies, run, choices, quick):
    """What is left: a row for each stage, with its fits and about how many seconds they take.

    The seconds of a fit are the mean over those of the stage, or else of the whole file.
    """
    rows = []
    for study in studies:
        own = choices[choices["study"] == study.name]
        seeds = study.quick if quick else study.seeds
        wanted = (
            {} if quick or not study.tuning else {"tune": (1 + len(sweep(study)), study.tuning)}
        )
        wanted |= {name: (len(part), seeds) for name, part in stages(study, own).items()}
        for stage, (models, number) in wanted.items():
            done = seconds_kept(run.file(study.name, stage))
            rows.append([study.name, stage, models * number, len(done), np.mean(done or np.nan)])
    columns = ["study", "stage", "fits", "done", "seconds a fit"]
    table = pd.DataFrame(rows, columns=columns)
    of_study = table.groupby("study")["seconds a fit"].transform("mean")
    each = table["seconds a fit"].fillna(of_study).fillna(table["seconds a fit"].mean())
    return table.assign(left=((table["fits"] - table["done"]).clip(0) * each).round())


def seconds_kept(path):
    """The seconds of each fit that is kept: a list, of a model and seed the last."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="ascii").splitlines()
    found = {}
    for line in lines:
        with suppress(ValueError):  # a line that was cut off
            record = json.loads(line)
            found[record["model"], record["seed"]] = record.get("seconds", 0.0)
    return list(found.values())


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
    parser.add_argument("--until", choices=STAGES, help="the last stage that is run")
    parser.add_argument("--seeds", type=int, help="the first so many reported seeds")
    parser.add_argument("--left", action="store_true", help="tell what is left, and do nothing")
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
    if chosen.left:
        table = left(studies, run, known, chosen.quick)
        print(table.round(1).to_string(index=False))
        print(f"Left: about {table['left'].sum() / 60:.0f} minutes of one core.")
        return
    for study in studies:
        try:
            run.data_of(study)
        except OSError as error:
            print(f"{study.name}: passed over, its data cannot be had here ({error})")
            continue
        known = one_study(study, run, known, chosen)
        if not chosen.quick:
            known.round(5).to_csv(path, index=False)
    write_recipe(folder, chosen.quick, run.sizes)


def one_study(study, run, known, chosen):
    """One data set, by the command's arguments. Returns all choices, its own among them."""
    tuned = study.tuning and not chosen.quick
    own = known[known["study"] == study.name].drop(columns="study")
    seeds = range(chosen.seeds or (study.quick if chosen.quick else study.seeds))
    choices = run_study(study, run, None if tuned else own, seeds, chosen.until)
    others = known[known["study"] != study.name]
    return known if choices is None else pd.concat([others, choices.assign(study=study.name)])


def write_recipe(folder, quick, sizes):
    """Write down what the study rests on, beside what stands there of other data sets."""
    path = folder / "study_recipe.json"
    before = json.loads(path.read_text(encoding="utf-8"))["data"] if path.exists() else {}
    text = json.dumps(recipe(STUDIES, quick, before | sizes), indent=1, default=str)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
