"""What becomes of strangers' tables: each fault, what it gave when it was found, and what now.

    python -m study.experiments.strangers             # the table, some minutes

`before` is what was written down when the fault was found. `now` is what the library does when the
case is run: the start of its error or warning, or the numbers.
"""

import re
import warnings

from study.experiments.stranger_cases import CASES

LONGEST = 240  # characters of what is said


def now(case):
    """The start of what the library says, of what it warns of, or the numbers it gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            said = str(case())
        except Exception as error:  # a raw error is a finding too
            said = f"{type(error).__name__}: {error}"
    told = [f"warns: {each.message}" for each in caught if each.category is UserWarning]
    text = re.sub(r"'/\S*/file(/\S*)?',? ?", "", " ".join((told[0] if told else said).split()))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def main():
    print("| what | before | now |\n|---|---|---|")
    for what, before, case in CASES:
        print(f"| {what} | {before} | {now(case)} |", flush=True)


if __name__ == "__main__":
    main()
