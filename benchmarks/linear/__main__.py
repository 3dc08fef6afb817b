"""Linear mixed models beside lme4, GPBoost and statsmodels: CPU seconds, and whether they agree.

    python -m benchmarks.linear              # half an hour, on a machine that does nothing else
    python -m benchmarks.linear --sets crossed "Adult, 0/1" --repeats 1

Each fit has a process of its own, with one thread. What is timed is the CPU (user and system) from
the call of `fit` to the text of the summary. What comes before is left out for all alike: starting
the language, importing the library (Keras, here), reading the table, and a first fit of a few rows.
Methods are interleaved: each repeat goes once through all; printed are medians over the repeats.

All maximise the likelihood by their default settings: lme4 by `lmer(REML = FALSE)`, and `glmer`
with Laplace's approximation; GPBoost by `GPModel`, which solves crossed variables by iterations
from random vectors: beside it stands its Cholesky factor, which is exact as the others' are;
statsmodels by MixedLM, and for 0/1 by BinomialBayesMixedGLM's variational Bayes, which has priors.
Where one is not there, it cannot fit the model: GPBoost and BinomialBayesMixedGLM have no
correlation of slopes, MixedLM has crossed variables in dense matrices alone. A fit is stopped after
three minutes, and then not repeated.

Standard deviations and log likelihoods are printed beside the seconds, so that a fast wrong fit
shows. Of a 0/1 outcome a log likelihood is an approximation: ours a lower bound, the others'
Laplace's; so a difference does not say which fit is nearer to the truth.

GPBoost and statsmodels are installed into build/ from the project's locks. lme4 has to be there: on
Debian and Ubuntu `apt-get install r-cran-lme4`. Where it is not, it is left out. `--output` writes
results/linear_speed.csv.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.linear.sets import SETS, tiny
from tools import ROOT

OURS, LIMIT = "fairmedl_lite", 180  # seconds
METHODS = [OURS, "lme4", "GPBoost", "GPBoost, Cholesky", "statsmodels"]
INSTALLED = ("gpboost", "statsmodels")
THREADS = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
THREADS += ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"]


def can_fit(method, chosen):
    """Whether the method has this model, and is asked for it."""
    if chosen.alone:
        return method == OURS
    if method == "GPBoost":
        return chosen.slope is None
    if method == "GPBoost, Cholesky":
        return len(chosen.clusters) > 1
    if method == "statsmodels":
        return len(chosen.clusters) == 1 and not (chosen.binary and chosen.slope)
    return True


def install():
    """Put the Python peers into build/, each from its lock, where they are not there yet."""
    for name in INSTALLED:
        target = ROOT / "build" / name
        if not (target / name).exists():
            options = ["--require-hashes", "--only-binary", ":all:", "--no-deps"]
            lock = ["-r", str(ROOT / f"requirements-{name}.lock")]
            pip = [sys.executable, "-m", "pip", "install", "-qq", "--upgrade", *options]
            subprocess.run([*pip, "--target", str(target), *lock], check=True)


def has_lme4():
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "-e", "library(lme4)"]
    return subprocess.run(asked, capture_output=True).returncode == 0


def command(method, name, folder):
    """What a process runs for one fit."""
    if method != "lme4":
        return [sys.executable, "-m", "benchmarks.linear.fits", method, name, str(folder)]
    kind = "binary" if SETS[name].binary else "continuous"
    script = Path(__file__).with_name("fit.R")
    return ["Rscript", str(script), str(folder), SETS[name].formula, kind]


def measure(method, name, folder):
    """What one fit took and found; nothing but missing values where it did not end."""
    found = {"set": name, "method": method, "sds": []}
    found |= dict.fromkeys(("seconds", "log_likelihood", "memory"), np.nan)
    paths = [ROOT, *(ROOT / "build" / part for part in INSTALLED)]
    settings = os.environ | dict.fromkeys(THREADS, "1")
    settings["PYTHONPATH"] = os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")])
    options = {"cwd": ROOT, "env": settings, "capture_output": True, "text": True}
    try:
        run = subprocess.run(command(method, name, folder), timeout=LIMIT, **options)
    except subprocess.TimeoutExpired:
        tqdm.write(f"{method} was stopped on {name!r} after {LIMIT} seconds")
        return found
    if run.returncode:
        tqdm.write(f"{method} failed on {name!r}: {run.stderr.strip()[-300:]}")
        return found
    return found | json.loads(run.stdout.splitlines()[-1])


def measure_all(pairs, repeats, folder):
    """Each method and set so often, interleaved; what did not end is not tried again."""
    runs, ended = [], dict.fromkeys(pairs, True)
    for pair in tqdm(pairs * repeats):
        if ended[pair]:
            method, name = pair
            runs.append(measure(method, name, folder / name))
            tqdm.write(f"{name}, {method}: {runs[-1]['seconds']:.2f} s")
            ended[pair] = not np.isnan(runs[-1]["seconds"])
    return runs


def write_sets(names, folder):
    """Write each set as a table and a few of its rows; count rows and clusters."""
    sizes = {}
    for name in names:
        chosen, table = SETS[name], SETS[name].make()
        (folder / name).mkdir(parents=True)
        table.to_csv(folder / name / "table.csv", index=False)
        tiny(table, chosen.clusters).to_csv(folder / name / "tiny.csv", index=False)
        counts = [f"{table[part].nunique():,}" for part in chosen.clusters]
        sizes[name] = {"rows": len(table), "clusters": " x ".join(counts)}
    return pd.DataFrame.from_dict(sizes, orient="index")


def medians(runs):
    """The median of the repeats of each set and method, in the order of the first repeat."""
    kept = runs.assign(sds=runs["sds"].map(tuple))
    grouped = kept.groupby(["set", "method"], sort=False)
    numbers = ["seconds", "log_likelihood", "memory"]
    found = grouped[numbers].median().assign(sds=grouped["sds"].first())
    return found.assign(repeats=grouped["seconds"].count()).reset_index()


def speed_table(found, sizes):
    """Seconds of each method by set, and ours over those of the fastest peer."""
    seconds = found.pivot(index="set", columns="method", values="seconds")
    seconds = seconds.reindex(index=sizes.index, columns=METHODS)
    fastest = seconds.drop(columns=OURS).min(axis=1)
    memory = found[found["method"] == OURS].set_index("set")["memory"]
    return sizes.join(seconds).assign(ratio=seconds[OURS] / fastest, our_GB=memory)


def estimates(found):
    """Standard deviations, and the log likelihood beside lme4's, or else the first one's."""
    reference = {
        name: rows.set_index("method")["log_likelihood"].pipe(
            lambda known: known.get("lme4", known.iloc[0])
        )
        for name, rows in found.groupby("set")
    }
    above = found["log_likelihood"] - found["set"].map(reference)
    sds = found["sds"].map(lambda values: " ".join(f"{value:.4f}" for value in values))
    return found[["set", "method"]].assign(sds=sds, log_likelihood_difference=above)


def warned(runs):
    """Set, method and message of every warning, once. Those of R are not read."""
    said = [(run["set"], run["method"], one) for run in runs for one in run.get("warnings", ())]
    return list(dict.fromkeys(said))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", action="store_true", help="write results/linear_speed.csv")
    chosen = parser.parse_args()
    methods = list(chosen.methods)
    if set(methods) - {OURS, "lme4"}:
        install()
    if "lme4" in methods and not has_lme4():
        print("R or lme4 is not installed: lme4 is left out")
        methods.remove("lme4")
    pairs = [(part, name) for name in chosen.sets for part in methods if can_fit(part, SETS[name])]
    with tempfile.TemporaryDirectory() as folder:
        sizes = write_sets(chosen.sets, Path(folder))
        runs = measure_all(pairs, chosen.repeats, Path(folder))
    found = medians(pd.DataFrame(runs))
    pd.set_option("display.width", 250, "display.max_columns", 20)
    print(speed_table(found, sizes).round(2).to_string(na_rep="-"))
    print(estimates(found).round(3).to_string(index=False, na_rep="-"))
    for name, method, said in warned(runs):
        print(f"{method} warned on {name!r}: {said}")
    if chosen.output:
        table = found.merge(sizes, left_on="set", right_index=True)
        table.round(5).to_csv(ROOT / "results" / "linear_speed.csv", index=False)


if __name__ == "__main__":
    main()
