"""Grades a class of thirty: right, wrong in known ways, and broken in every way we thought of.

    python -m benchmarks.classroom            writes build/class_of_thirty, and prints both tables

The item analysis must name the misconceptions that were planted most often.
"""

import argparse
import shutil
import time
from copy import deepcopy

import nbformat
import numpy as np
from nbgrader.utils import is_solution

from tools import ROOT
from tools.classroom import grading, items
from tools.classroom.execution import Limits
from tools.lessons import assignments

NAME = "03_measuring_fairness"
FOLDER = ROOT / "build" / "class_of_thirty"
WRONG = 18
HARM = {
    "loop": "while True:\n    pass",
    "stubborn loop": "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "while True:\n    pass",
    "hog": "block = []\nwhile True:\n    block.append(bytearray(b'x') * 10**8)",
    "ends the kernel": "import os\nos._exit(0)",
    "syntax": "def missed(sick, warned groups):",
}


def solutions():
    """The right answers, by question."""
    cells = filter(is_solution, assignments.read(NAME).cells)
    return {cell.metadata.nbgrader.grade_id: cell.source for cell in cells}


def planted(random):
    """Answers of a student who errs in half the questions, mostly by the first misconception."""
    answers = {}
    for asked, wrong in assignments.wrong_answers(NAME).items():
        shares = np.array([3.0] + [1.0] * (len(wrong) - 1))
        if random.random() < 0.5:
            answers[asked] = wrong[random.choice(len(wrong), p=shares / shares.sum())]
    return answers


def hand_in(release, student, answers, file=NAME, left_out=()):
    """Writes a student's folder."""
    notebook, folder = deepcopy(release), FOLDER / "submissions" / student
    assignments.answer(notebook, answers)
    roles = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in notebook.cells]
    kept = [not role or not role.startswith(tuple(left_out) or "none") for role in roles]
    notebook.cells = [c for c, keep in zip(notebook.cells, kept, strict=True) if keep]
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{file}.ipynb")


def make_class(release):
    """Thirty submissions; the misconceptions that were planted come back, with the points."""
    random, right, counts = np.random.default_rng(0), solutions(), {}
    for number in range(WRONG):
        wrong = planted(random)
        for asked, one in wrong.items():
            key = (asked, one["misconception"])
            counts[key] = counts.get(key, 0) + one["loses"]
        answers = right | {asked: one["code"] for asked, one in wrong.items()}
        hand_in(release, f"student {number:02}", answers)
    for student, code in HARM.items():
        hand_in(release, student, right | {"missed": code})
    hand_in(release, "right", right)
    hand_in(release, "untouched", {})
    hand_in(release, "renamed", right, file="final (2)")
    hand_in(release, "deleted cells", right, left_out=["gaps", "patients"])
    (FOLDER / "submissions" / "nothing handed in").mkdir()
    whole = nbformat.writes(release)
    for student, text in {"cut off": whole[: len(whole) // 2], "empty file": ""}.items():
        (FOLDER / "submissions" / f"{student}.ipynb").write_text(text, encoding="utf-8")
    return counts


def main():
    """Makes the class, grades it, and holds the item analysis to what was planted."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    grading.release(NAME, FOLDER)
    release = nbformat.read(FOLDER / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    counts, start = make_class(release), time.monotonic()
    limits = Limits(cell=30, seconds=150, megabytes=1000)
    table = grading.grade(NAME, FOLDER / "submissions", FOLDER, limits)
    print(table.drop(columns="assignment").to_string(index=False))
    found = items.analyse(table)
    found = found[found["misconception"] != items.OTHER]
    print(f"\n{found.to_string(index=False)}\n\nstudents: {table['student'].nunique()}")
    lost = found.set_index(["question", "misconception"])["lost"].to_dict()
    print(f"seconds: {time.monotonic() - start:.0f}; as planted: {lost == counts}")


if __name__ == "__main__":
    main()
