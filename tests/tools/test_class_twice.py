"""A small class from the first run to the last: killed, marked by hand, changed, graded again."""

import signal
import subprocess
import sys
import time
from copy import deepcopy

import nbformat
import pytest

pytest.importorskip("nbgrader")
if sys.platform == "win32":
    pytest.skip("grading is made for Linux and macOS", allow_module_level=True)

from nbgrader.utils import is_solution

from tools import ROOT
from tools.classroom import gradebook, grading, platforms
from tools.lessons import assignments

NAME = "01_non_iid_confounding"
CODE, LETTER = ["effective", "chance", "practised"], "letter"
TEXT = "to be graded by hand"
NAIVE = "More rows, more information"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    grading.release(NAME, folder)
    (folder / "submissions").mkdir()
    return folder


def answers():
    """The solution's answers, with a letter."""
    cells = filter(is_solution, assignments.read(NAME).cells)
    return {cell.metadata.nbgrader.grade_id: cell.source for cell in cells} | {LETTER: "Dear all"}


def wrong():
    """The first answer of somebody who counts pupils."""
    return next(
        one["code"]
        for one in assignments.wrong_answers(NAME)["effective"]
        if one["misconception"] == NAIVE
    )


def hand_in(course, student, given):
    release = nbformat.read(course / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    notebook = deepcopy(release)
    assignments.answer(notebook, given)
    nbformat.write(notebook, course / "submissions" / f"{student}.ipynb")


def start(course):
    line = [sys.executable, "-m", "tools.classroom", "grade", NAME[:2]]
    line += [str(course / "submissions"), "--course", str(course), "--jobs", "1"]
    return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL)


def points(course):
    """Student to the points of each question, in the assignment's order; None where missing."""
    table = gradebook.read(course).astype({"points": object})
    table = table.assign(points=table["points"].where(table["points"].notna(), None))
    return table.groupby("student")["points"].agg(list).to_dict()


def reasons(course):
    """Student and question to what is said of it, where something is."""
    table = gradebook.read(course).set_index(["student", "question"])["reason"]
    return table[table != ""].to_dict()


def mark(course, student, cell, given):
    with gradebook.database(course) as book:
        book.find_grade(cell, NAME, NAME, student).manual_score = given
        book.db.commit()


@pytest.fixture(scope="module")
def runs(course):
    """What the gradebook held after each step: points and reasons."""
    held = {}

    def look(step):
        held[step] = points(course), reasons(course)

    for student in ("ann", "ben", "cem"):
        hand_in(course, student, answers())
    hand_in(course, "ben", answers() | {"effective": wrong()})
    run = start(course)
    while run.poll() is None and not points(course):
        time.sleep(0.2)
    run.send_signal(signal.SIGKILL)
    run.wait()
    look("killed")
    assert start(course).wait() == 0
    look("graded")
    for student, given in {"ann": 3, "ben": 2.5, "cem": 1}.items():
        mark(course, student, LETTER, given)
    mark(course, "ben", "effective-hidden", 1)
    mark(course, "ann", "chance-hidden", 2)
    grading.feedback(NAME, course)
    look("by hand")
    hand_in(course, "ben", answers())
    assert start(course).wait() == 0
    look("changed")
    return held


@pytest.mark.slow
def test_after_a_kill_whoever_was_graded_stands_there_whole(runs):
    found, _ = runs["killed"]
    assert found and set(found) < {"ann", "ben", "cem"}
    assert found.items() <= runs["graded"][0].items()


@pytest.mark.slow
def test_the_next_run_grades_everybody(runs):
    found, said = runs["graded"]
    assert found == {"ann": [4, 4, 4, None], "ben": [0, 4, 4, None], "cem": [4, 4, 4, None]}
    assert said.pop(("ben", "effective")).startswith(f"Not yet: the effective rows. {NAIVE}")
    assert said == {(student, LETTER): TEXT for student in found}


@pytest.mark.slow
def test_points_by_hand_come_in_and_nothing_else_moves(runs):
    found, said = runs["by hand"]
    assert found == {"ann": [4, 3, 4, 3], "ben": [1, 4, 4, 2.5], "cem": [4, 4, 4, 1]}
    by_hand = [(student, LETTER) for student in found] + [("ann", "chance"), ("ben", "effective")]
    assert said == dict.fromkeys(by_hand, gradebook.BY_HAND)


@pytest.mark.slow
def test_one_changed_answer_is_graded_anew_and_nobody_elses(runs):
    found, said = runs["changed"]
    before, told = runs["by hand"]
    assert found == before | {"ben": [4, 4, 4, 2.5]}
    assert said == told | {("ben", "effective"): gradebook.TAKEN_BACK.format(1)}


@pytest.mark.slow
def test_the_platforms_table_has_the_same_totals(runs, course):
    totals = platforms.grades(gradebook.read(course), course).set_index("student")["total"]
    assert totals.to_dict() == {"ann": 14, "ben": 14.5, "cem": 13}
