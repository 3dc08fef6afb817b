"""Killed five times at random, in `compare` and in a stage of the study: nothing lost or twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tools import ROOT

MODELS, SEEDS, KILLS = ("a", "b", "c"), 7, 5
SCRIPT = """
import sys, time
from dataclasses import replace
from pathlib import Path
import numpy as np
from sklearn.base import BaseEstimator
from conftest import make_rows
from fairmedl_lite import compare
from study.plan import STUDIES
from study.study import Runner


class Slow(BaseEstimator):
    def __init__(self, name="", seed=0):
        self.name, self.seed = name, seed

    def fit(self, X, y, *, clusters, sensitive_features):
        time.sleep(0.05)

    def predict_proba(self, X, *, clusters, effects, unseen):
        chances = np.random.default_rng([self.seed, ord(self.name)]).random(len(X))
        return np.column_stack([1 - chances, chances])


what, folder = sys.argv[1], Path(sys.argv[2])
models, seeds = {name: Slow(name) for name in "abc"}, range(7)
print("started", flush=True)
if what == "compare":
    options = {"unseen_clusters": 0.3, "swap_rows": 0, "jobs": 1}
    table = compare(models, make_rows(), seeds=seeds, output=folder / "fits.jsonl", **options)
else:
    study = replace(STUDIES[0], name="fits", load=make_rows, unseen=0.3)
    table = Runner(folder, folder, 1)(study, "forms", models, seeds)
table.drop(columns="seconds").to_csv(folder / "table.csv", index=False)
"""


def start(what, folder, script):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    command = [sys.executable, str(script), what, str(folder)]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    running = subprocess.Popen(command, env=environment, start_new_session=True, **quiet)
    assert running.stdout.readline() == b"started\n"
    return running


def lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(("what", "name"), [("compare", "fits"), ("stage", "fits_forms")])
def test_five_kills_lose_nothing_and_do_nothing_twice(what, name, tmp_path):
    script, draw, kept = tmp_path / "run.py", random.Random(0), [0]
    script.write_text(SCRIPT)
    folder, whole = tmp_path / "killed", tmp_path / "whole"
    for each in (folder, whole):
        each.mkdir()
    for _ in range(KILLS):
        running, wanted = start(what, folder, script), kept[-1] + draw.randint(0, 2)
        while lines(folder / f"{name}.jsonl") < wanted:
            time.sleep(0.01)
        time.sleep(draw.uniform(0.0, 0.15))  # anywhere in a fit, or while it is written
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        kept.append(lines(folder / f"{name}.jsonl"))
    assert kept == sorted(kept) and 0 < kept[-1] < len(MODELS) * SEEDS
    for each in (folder, whole):
        assert start(what, each, script).wait() == 0
    records = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
    done = [(record["model"], record["seed"]) for record in records]
    assert sorted(done) == [(model, seed) for model in MODELS for seed in range(SEEDS)]
    assert (folder / "table.csv").read_bytes() == (whole / "table.csv").read_bytes()
