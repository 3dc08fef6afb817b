"""Breaks the library on purpose, and prints which unit tests and which lessons notice.

    python -m tools.repository.mutations            # all of them
    python -m tools.repository.mutations --only kl  # those whose name holds a word

Each mutation changes one place of a copy of the project. The unit tests named with it are run on
the copy, and the lessons that teach it are compared with their stored outputs; both must fail. The
table goes to results/mutations.csv.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tools import ROOT

COPIED = ("fairmedl_lite", "study", "tests", "notebooks", "results", "tools", "pyproject.toml")
NBVAL = ("--nbval-lax", "--nbval-current-env", "--nbval-kernel-startup-timeout=2000")


@dataclass(frozen=True)
class Mutation:
    """One wrong line, and who should notice.

    Args:
        name: What is wrong, in words.
        file: File of the library, with its room.
        old: The right code; it occurs once.
        new: The wrong code.
        tests: Files whose tests are run, named as the library's without `.py`.
        lessons: Numbers of the lessons that are run.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple
    lessons: tuple

    def apply(self, root):
        """Write the wrong line into a copy of the project."""
        path = root / "fairmedl_lite" / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} must hold once: {self.old!r}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


MUTATIONS = (
    Mutation(
        "sign of the means flipped in the KL",
        "model/random_effects.py",
        "0.5 * ops.sum(ops.square(mean) + ops.exp(2 * log_scale) - 1)",
        "0.5 * ops.sum(ops.exp(2 * log_scale) - ops.square(mean) - 1)",
        ("model/random_effects",),
        ("02",),
    ),
    Mutation(
        "KL not divided by the number of rows",
        "model/fair_medl.py",
        'terms["kl"] = kl / self.rows',
        'terms["kl"] = kl',
        ("model/fair_medl",),
        ("02",),
    ),
    Mutation(
        "gradient not reversed",
        "model/reversal.py",
        "lambda gradient: -self.weight * gradient",
        "lambda gradient: self.weight * gradient",
        ("model/reversal",),
        ("04", "05"),
    ),
    Mutation(
        "adversary without the weights 1 / n(s, y)",
        "model/debiasing.py",
        "of_cell = self.cell_weights() / ops.maximum(self.cell_shares, EPSILON)",
        "of_cell = ops.ones_like(self.cell_weights() / ops.maximum(self.cell_shares, EPSILON))",
        ("model/debiasing",),
        ("05",),
    ),
    Mutation(
        "accuracy for balanced accuracy",
        "metrics/performance.py",
        "balanced_accuracy_score(y_true, predicted, **weights)",
        "accuracy_score(y_true, predicted, **weights)",
        ("metrics/performance",),
        ("00", "03"),
    ),
    Mutation(
        "training rows in the test set",
        "data/split.py",
        "test_seen=data.take(seen[fold == 0])",
        "test_seen=data.take(seen[(fold == 0) | (fold == 4)])",
        ("data/split",),
        ("00", "03"),
    ),
    Mutation(
        "ddof changed in the spread of the groups",
        "metrics/spread.py",
        "rate.std(ddof=0)",
        "rate.std(ddof=1)",
        ("metrics/spread",),
        ("03", "08"),
    ),
    Mutation(
        "noise floor from all rows, not from the cases of the class",
        "metrics/spread.py",
        'return pooled * (1 - pooled) / rates["cases"]',
        'return pooled * (1 - pooled) / rates["cases"].sum()',
        ("metrics/spread",),
        ("03",),
    ),
    Mutation(
        "threshold chosen on test rows",
        "evaluation/compare.py",
        "thresholds = _thresholds(model, cut.validation, predict)",
        "thresholds = _thresholds(model, cut.test_seen, predict)",
        ("evaluation/compare",),
        ("09",),
    ),
    Mutation(
        "intervals without what resamples share",
        "evaluation/intervals.py",
        "(1 / len(values) + ratio)",
        "(1 / len(values))",
        ("evaluation/intervals",),
        ("07", "09"),
    ),
    Mutation(
        "probe rates from held-out rows too",
        "evaluation/probes.py",
        "levels = cluster_levels(data.train)\n    return Split(",
        "levels = cluster_levels(data.test_seen)\n    return Split(",
        ("evaluation/probes",),
        ("01",),
    ),
    Mutation(
        "random effects in the fixed prediction",
        "model/fair_medl.py",
        'outputs |= {"random": random, "mixed": mix(fixed, random)}',
        'outputs |= {"random": random, "fixed": fixed + random, "mixed": mix(fixed, random)}',
        ("model/fair_medl",),
        ("02", "06"),
    ),
    Mutation(
        "attribute swap averages over the own group too",
        "metrics/swap.py",
        "return total / (len(names) - 1)",
        "return total / len(names)",
        ("metrics/swap",),
        ("03", "07"),
    ),
)


def copy(folder):
    """A copy of the project in a folder."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)


def failures(root, *arguments):
    """Names of the tests that failed on a copy."""
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [*command, *arguments], cwd=root, env=environment, capture_output=True, text=True
    )
    if done.returncode > 1:
        raise RuntimeError(f"pytest {' '.join(arguments)}\n{done.stdout[-2000:]}{done.stderr}")
    return re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, flags=re.MULTILINE)


def tests_of(name):
    """The tests of a file of the library: `model/reversal` to `tests/model/test_reversal.py`."""
    room, file = name.split("/")
    return f"tests/{room}/test_{file}.py"


def judge(mutation):
    """Run what should notice a mutation: its row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copy(root)
        mutation.apply(root)
        tests = failures(root, *map(tests_of, mutation.tests))
        lessons = {
            number: failures(root, *NBVAL, *map(str, (root / "notebooks").glob(f"{number}_*")))
            for number in mutation.lessons
        }
    return {
        "mutation": mutation.name,
        "tests": len(tests),
        "first": tests[0].split("::")[-1] if tests else "",
        "lessons": " ".join(number for number, cells in lessons.items() if cells),
        "cells": sum(map(len, lessons.values())),
        "missed_by": " ".join(number for number, cells in lessons.items() if not cells),
    }


def main(arguments=None):
    """Judges the mutations; the exit status is 1 if one went unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a word of the names")
    chosen = parser.parse_args(arguments)
    mutations = [mutation for mutation in MUTATIONS if chosen.only in mutation.name]
    rows = []
    for mutation in mutations:
        rows.append(judge(mutation))
        print(*rows[-1].values(), sep=" | ", flush=True)
    table = pd.DataFrame(rows)
    if not chosen.only:
        table.to_csv(ROOT / "results" / "mutations.csv", index=False)
    print(table.to_string(index=False))
    unnoticed = table[(table["tests"] == 0) | (table["cells"] == 0)]
    return int(len(unnoticed) > 0)


if __name__ == "__main__":
    sys.exit(main())
