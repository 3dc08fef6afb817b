"""Prints which of the falls that we set out to reach are reached: python -m study.bars."""

import argparse
from pathlib import Path

from study.results import Results
from study.sections.price import BARS, bars
from study.words import TITLES
from tools import ROOT


def main(arguments=None):
    """Prints the bars of each data set that has some, or how its table is made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="folder of tables")
    results = Results(parser.parse_args(arguments).results)
    for study in BARS:
        print(f"\n{TITLES[study]}")
        try:
            print(*bars(results, study), sep="\n\n")
        except FileNotFoundError as error:
            print(error)


if __name__ == "__main__":
    main()
