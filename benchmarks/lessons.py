"""Measures what each lesson takes to run, one after the other: results/lessons.csv.

python benchmarks/lessons.py    minutes, on an idle machine
"""

import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.course import PAGES, Budget, run_course, table  # noqa: E402
from tools.sources import NOTEBOOKS  # noqa: E402


def main():
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
