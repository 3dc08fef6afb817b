"""What a class earned: what survives a new run, a kill, a spreadsheet; and who may write."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from copy import deepcopy
from pathlib import Path

import nbformat
import pandas as pd
import pytest

pytest.importorskip("nbgrader")
if sys.platform == "win32":
    pytest.skip("grading is made for Linux and macOS", allow_module_level=True)

import psutil
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import ROOT
from tools.classroom import gradebook, grading, submission
from tools.lessons import assignments

NAME = "03_measuring_fairness"
WRITTEN, CODED = "letter", "missed"
RIGHT = {"points": 4.0, "max": 4.0, "misconception": "", "reason": ""}


def graded(answer="warned", score=4.0):
    """A graded notebook, as far as the gradebook looks at it."""
    told = {"grade": False, "solution": True, "locked": False, "task": False, "schema_version": 3}
    code = {"grade_id": CODED, "cell_type": "code"} | told
    test = {"grade_id": f"{CODED}-hidden", "points": 3} | code | told
    test |= {"grade_id": f"{CODED}-hidden", "grade": True, "solution": False, "locked": True}
    letter = {"grade_id": WRITTEN, "points": 4, "cell_type": "markdown"} | told | {"grade": True}
    cell = new_code_cell("assert True", metadata={"nbgrader": test}, execution_count=1)
    if not score:
        cell.outputs = [new_output("error", ename="AssertionError", evalue="", traceback=[])]
    cells = [new_code_cell(answer, metadata={"nbgrader": code}), cell]
    return new_notebook(
        cells=[*cells, new_markdown_cell("Dear all", metadata={"nbgrader": letter})]
    )


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    grading.release(NAME, folder)
    return folder


def by_hand(course, student, cell, points):
    with gradebook.database(course) as book:
        book.find_grade(cell, NAME, NAME, student).manual_score = points
        book.db.commit()


def marks(course, student):
    return gradebook.by_hand(NAME, student, course)


def test_points_by_hand_survive_a_second_run_of_the_same_answer(released):
    gradebook.store(graded(), "ann", NAME, released)
    by_hand(released, "ann", WRITTEN, 2.5)
    by_hand(released, "ann", f"{CODED}-hidden", 1)
    assert gradebook.store(graded(), "ann", NAME, released) == {}
    assert marks(released, "ann")[WRITTEN] == 2.5 and marks(released, "ann")[CODED] == 1


def test_points_by_hand_of_a_changed_answer_are_taken_back_and_told(released):
    gradebook.store(graded(), "ben", NAME, released)
    by_hand(released, "ben", WRITTEN, 4)
    by_hand(released, "ben", f"{CODED}-hidden", 1)
    blank = graded()
    blank.cells[-1].source = ""
    told = gradebook.store(blank, "ben", NAME, released)
    assert told == {WRITTEN: gradebook.TAKEN_BACK.format(4)}
    assert WRITTEN not in marks(released, "ben") and marks(released, "ben")[CODED] == 1
    told = gradebook.store(graded("other"), "ben", NAME, released)
    assert CODED in told and CODED not in marks(released, "ben")


def test_points_by_hand_go_where_the_machine_now_says_something_else(released):
    gradebook.store(graded(), "cem", NAME, released)
    by_hand(released, "cem", f"{CODED}-hidden", 3)
    assert CODED in gradebook.store(graded(score=0), "cem", NAME, released)


def test_the_table_shows_points_by_hand_and_why_they_went(released):
    rows = [RIGHT | {"student": "dia", "assignment": NAME, "question": q} for q in (CODED, WRITTEN)]
    rows[1] |= {"points": float("nan"), "reason": "to be graded by hand"}
    grading.keep("dia", graded(), deepcopy(rows), NAME, released)
    by_hand(released, "dia", WRITTEN, 3)
    table = grading.keep("dia", graded(), deepcopy(rows), NAME, released)
    assert table["points"].tolist() == [4, 3] and table["reason"].iloc[1] == gradebook.BY_HAND
    blank = graded()
    blank.cells[-1].source = ""
    grading.keep("dia", blank, deepcopy(rows), NAME, released)
    table = gradebook.read(released).query("student == 'dia'")
    assert pd.isna(table["points"].iloc[1]) and "taken back" in table["reason"].iloc[1]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-ann", "@sum", "'quoted", "plain", "nan", "\tx"])
def test_no_cell_is_a_formula_and_each_comes_back(text, tmp_path):
    row = RIGHT | {"student": text, "assignment": NAME, "question": CODED, "reason": text}
    gradebook.note(pd.DataFrame([row], columns=gradebook.COLUMNS), tmp_path)
    cells = pd.read_csv(tmp_path / "gradebook.csv", dtype=str, keep_default_na=False)
    assert not cells["student"][0].startswith(("=", "+", "-", "@", "\t"))
    back = gradebook.read(tmp_path)
    assert back["student"].tolist() == back["reason"].tolist() == [text]
    assert back["points"].tolist() == [4.0]


def test_each_student_is_written_down_at_once(tmp_path):
    row = RIGHT | {"assignment": NAME, "question": CODED}
    for number, student in enumerate(["ann", "ben", "ann"]):
        grading.keep(student, None, [row | {"student": student}], NAME, tmp_path)
        assert len(gradebook.read(tmp_path)) == min(number + 1, 2)


def test_two_runs_at_once_refuse_and_the_lock_goes_with_its_process(tmp_path):
    code = "import sys, time; from pathlib import Path; from tools.classroom import gradebook\n"
    code += (
        f"with gradebook.locked(Path({str(tmp_path)!r})): print('in', flush=True); time.sleep(99)"
    )
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"in\n"
    with pytest.raises(SystemExit, match="Another run"), gradebook.locked(tmp_path):
        pass
    other.kill()
    other.wait()
    with gradebook.locked(tmp_path):
        pass


EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)><a href='javascript:alert(3)'>b</a>"


def test_a_page_runs_nothing(released):
    notebook = graded()
    shown = {"text/html": f"<table><tr><td>kept</td></tr></table>{EVIL}", "text/plain": "x"}
    shown |= {"application/javascript": "alert(4)", "image/svg+xml": f"<svg>{EVIL}</svg>"}
    notebook.cells[0].outputs = [new_output("display_data", shown)]
    notebook.cells[0].outputs += [new_output("stream", name="stdout", text=EVIL)]
    notebook.cells[-1].source = f"A letter. {EVIL} [x](javascript:alert(5))"
    gradebook.store(submission.harmless(notebook), "eli", NAME, released)
    row = RIGHT | {"student": "eli", "assignment": NAME, "question": CODED}
    gradebook.note(pd.DataFrame([row], columns=gradebook.COLUMNS), released)
    grading.feedback(NAME, released)
    page = (released / "feedback" / "eli" / NAME / f"{NAME}.html").read_text()
    assert "kept" in page and "A letter." in page and grading.NO_SCRIPTS in page
    for active in ("<script", "<img src=x", "<a href='javascript", '<a href="javascript', "<svg"):
        assert active not in page.lower(), active


def test_a_machine_that_lacks_something_costs_nobody_a_point():
    row = {"points": 0.0, "max": 4.0, "errors": ["ModuleNotFoundError: No module named 'polars'"]}
    found = submission._judged(row, [])
    assert pd.isna(found["points"]) and found["reason"].startswith("not judged: ModuleNotFound")


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_nothing_and_the_next_one_goes_on(released, tmp_path):
    folder = tmp_path / "submissions"
    folder.mkdir()
    solution = nbformat.read(released / "solution" / NAME / f"{NAME}.ipynb", as_version=4)
    nbformat.write(solution, folder / "a.ipynb")
    assignments.answer(solution, {CODED: "import time\ntime.sleep(98765)"})
    nbformat.write(solution, folder / "b.ipynb")
    line = [sys.executable, "-m", "tools.classroom", "grade", "03", str(folder), "--jobs", "1"]
    run = subprocess.Popen([*line, "--course", str(released)], cwd=ROOT, start_new_session=True)
    wait_for(lambda: "a" in set(gradebook.read(released)["student"]))
    wait_for(lambda: places(released))
    family = psutil.Process(run.pid).children(recursive=True)
    assert family
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    wait_for(lambda: not places(released))
    wait_for(lambda: not [p for p in family if p.is_running() and p.name() != "sleep"])
    assert (
        gradebook.read(released).query("student == 'a' and question == 'missed'")["points"] == 4
    ).all()
    (folder / "b.ipynb").unlink()
    assert subprocess.run([*line, "--course", str(released)], cwd=ROOT).returncode == 0


def places(course):
    """The private folders that a course's runs have in the temporary folder."""
    return list(Path(tempfile.gettempdir()).glob(f"{submission.prefix(course)}*"))


def wait_for(happened, seconds=300):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.2)
