"""What the checks of the input add to a fit: their share of its CPU seconds.

    python -m benchmarks.checks              # 250,000 rows
    python -m benchmarks.checks --rows 5000

A profile of one fit counts what runs within `checks.py`, `tables.py`, and every function of the
library whose name says that it checks, refuses or warns; what these also convert is counted in,
so the share is rather too high. Two models on the layout of `benchmarks.scale`: a linear one, which
is fitted exactly and so is the fastest, and Fair MEDL with one epoch, where `fit` takes 20 or more.
TensorFlow has one thread.
"""

import argparse
import cProfile
import os
import pstats
import re
import time
from pathlib import Path

from benchmarks.scale import simulate
from fairmedl_lite import FairMEDLClassifier, checks, tables

CHECKING = re.compile("_?(check|refuse|warn|finite)")
CHECKS = [Path(checks.__file__), Path(tables.__file__)]
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
LINEAR = {"hidden": (), "random_effects": "intercept", "cluster_adversary": 0, "fairness": 0}
MODELS = {"linear": LINEAR, "Fair MEDL, one epoch": {"epochs": 1}}


def is_check(function):
    """Whether a function, as a profile names it, is one of the checks."""
    path, _, name = function
    path = Path(path)
    if "fairmedl_lite" not in path.parts:
        return False
    return path in CHECKS or bool(CHECKING.match(name))


def in_checks(profile):
    """Seconds from where anything else calls a check to where it returns."""
    return sum(
        seconds
        for function, (*_, callers) in pstats.Stats(profile).stats.items()
        for caller, (*_, seconds) in callers.items()
        if is_check(function) and not is_check(caller)
    )


def measure(settings, data):
    """CPU seconds of the checks, and of the whole fit."""
    profile = cProfile.Profile(time.process_time)
    parts = {"clusters": data.clusters, "sensitive_features": data.sensitive}
    start = time.process_time()
    profile.runcall(FairMEDLClassifier(**settings).fit, data.x, data.y, **parts)
    return in_checks(profile), time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=250_000)
    os.environ |= ONE_THREAD  # read when a first fit starts TensorFlow
    data = simulate(parser.parse_args().rows, seed=0)
    measure(LINEAR, data.take(range(1000)))  # the first fit of a process also loads the backend
    for name, settings in MODELS.items():
        seconds, whole = measure(settings, data)
        print(
            f"{name}: {seconds:.2f} s of {whole:.1f} s on {len(data):,} rows, {seconds / whole:.1%}"
        )


if __name__ == "__main__":
    main()
