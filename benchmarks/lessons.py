"""Measures what each lesson takes to run, one after the other: results/lessons.csv.

python -m benchmarks.lessons    minutes, on an idle machine
"""

import argparse
import sys

import pandas as pd

from tools import ROOT
from tools.lessons.run import PAGES, Budget, run_course, table
from tools.lessons.sources import NOTEBOOKS


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    runs = run_course(sorted(NOTEBOOKS.glob("[0-9]*.ipynb")), Budget(), PAGES)
    print(table(runs))
    if any(run.failures for run in runs):
        sys.exit("A lesson failed: nothing is written.")
    rows = [
        (run.name, round(run.seconds), round(run.longest), round(run.megabytes)) for run in runs
    ]
    columns = ["lesson", "seconds", "longest cell (s)", "peak MB"]
    pd.DataFrame(rows, columns=columns).to_csv(ROOT / "results" / "lessons.csv", index=False)


if __name__ == "__main__":
    main()
