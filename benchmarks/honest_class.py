"""Thirty honest students of assignment 01, graded twice, with a kill in between.

    python -m benchmarks.honest_class --sandbox required        (or no)

The first run is killed when ten are graded. The second one is timed. Then all letters get points by
hand, one student hands in another answer, another one an empty letter, and the class is graded once
more. What the gradebook held is printed before and after.
"""

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from copy import deepcopy

import nbformat
import pandas as pd
import yaml
from nbgrader.utils import is_solution

from tools import ROOT
from tools.classroom import gradebook, grading
from tools.lessons import assignments

NAME, STUDENTS, KILLED_AT = "01_non_iid_confounding", 30, 10
FOLDER = ROOT / "build" / "honest_class"
LETTER, CHANGED, EMPTIED = "letter", "student 03", "student 07"
WRONG = "def effective(scores, schools):\n    return len(scores)"


def right_answers() -> list[dict]:
    """Right answers by question, in as many forms as are known: the solution's is the first."""
    cells = filter(is_solution, assignments.read(NAME).cells)
    first = {cell.metadata.nbgrader.grade_id: cell.source for cell in cells}
    text = (assignments.FOLDER / "forms.yaml").read_text(encoding="utf-8")
    others = yaml.safe_load(text)[NAME]
    most = max(map(len, others.values()))
    return [first] + [
        first | {asked: forms[number % len(forms)] for asked, forms in others.items()}
        for number in range(most)
    ]


def hand_in(student: str, answers: dict) -> None:
    """Writes one student's notebook."""
    path = FOLDER / "release" / NAME / f"{NAME}.ipynb"
    notebook = deepcopy(nbformat.read(path, as_version=4))
    assignments.answer(notebook, answers)
    nbformat.write(notebook, FOLDER / "submissions" / f"{student}.ipynb")


def grade(sandbox: str, killed_at: int = 0) -> None:
    """Grades the class in a process of its own; one may be killed on the way."""
    line = [sys.executable, "-m", "tools.classroom", "grade", NAME[:2]]
    line += [str(FOLDER / "submissions"), "--course", str(FOLDER), "--sandbox", sandbox]
    start, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while run.poll() is None:
        if killed_at and gradebook.read(FOLDER)["student"].nunique() >= killed_at:
            os.kill(run.pid, signal.SIGKILL)
            run.wait()
        time.sleep(0.2)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    told = (
        f"{time.monotonic() - start:.0f} s, {cpu:.0f} CPU s of the command and what it waited for"
    )
    print(f"sandbox {sandbox}, {'killed' if run.returncode else 'ended'}: {told}", flush=True)


def mark_letters(points: float) -> None:
    """Gives every letter points by hand."""
    with gradebook.database(FOLDER) as book:
        for student in gradebook.read(FOLDER)["student"].unique():
            book.find_grade(LETTER, NAME, NAME, student).manual_score = points
        book.db.commit()


def show(title: str) -> pd.DataFrame:
    """Prints what the gradebook holds, a row for each way to fare."""
    table = gradebook.read(FOLDER)
    wide = table.pivot(index="student", columns="question", values="points")
    print(f"\n{title}: {len(wide)} students")
    print(wide.value_counts(dropna=False).rename("students").reset_index().to_string(index=False))
    print(flush=True)
    return table.set_index(["student", "question"])[["points", "reason"]]


def main(arguments=None) -> None:
    """Makes the class, and grades it three times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sandbox", choices=("required", "no"), default="required")
    parser.add_argument("--again", choices=("required", "no"), help="of the third run")
    chosen = parser.parse_args(arguments)
    shutil.rmtree(FOLDER, ignore_errors=True)
    grading.release(NAME, FOLDER)
    (FOLDER / "submissions").mkdir()
    answers = right_answers()
    for number in range(STUDENTS):
        hand_in(f"student {number:02}", answers[number % len(answers)])
    grade(chosen.sandbox, killed_at=KILLED_AT)
    show("after a kill")
    grade(chosen.sandbox)
    show("graded again")
    mark_letters(3)
    grading.feedback(NAME, FOLDER)
    before = show("with points by hand")
    hand_in(CHANGED, answers[0] | {"effective": WRONG})
    hand_in(EMPTIED, answers[0] | {LETTER: ""})
    grade(chosen.again or chosen.sandbox)
    after = show("two changed an answer, all graded once more")
    other = (before["points"].fillna(-1) != after["points"].fillna(-1)).to_numpy()
    changed = before[other].join(after[other], lsuffix=" before", rsuffix=" after")
    print(changed.to_string())


if __name__ == "__main__":
    main()
