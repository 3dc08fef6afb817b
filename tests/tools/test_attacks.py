"""What a clever student gets, with a sandbox and without: `benchmarks/attacks.py` has the tries."""

import re
import sqlite3
import sys

import pytest

pytest.importorskip("nbgrader")
if sys.platform == "win32":
    pytest.skip("grading is made for Linux and macOS", allow_module_level=True)

import psutil

from benchmarks import attacks
from tools.classroom import sandbox

ASKED = attacks.ASKED
SAFE = [
    pytest.param(True, id="sandbox"),
    pytest.param(False, id="none"),
]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    attacks.prepare(folder)
    return folder


@pytest.fixture(scope="module", params=SAFE)
def safe(request):
    if request.param and (why := sandbox.missing()):
        pytest.skip(why)
    return request.param


@pytest.fixture(scope="module")
def attacked(course, safe):
    return attacks.attacked(course, safe)


@pytest.mark.slow
@pytest.mark.parametrize("student", attacks.ON_OTHERS)
def test_what_is_not_theirs_is_reached_without_a_sandbox_alone(attacked, safe, student):
    reason = attacked.loc[(student, ASKED), "reason"]
    expected = "ValueError: it could not: " if safe else "ValueError: it could"
    assert reason.startswith(expected) and ("could not" in reason) == safe, reason


@pytest.mark.slow
@pytest.mark.parametrize("student", attacks.ON_THE_TESTS)
def test_tests_that_were_disarmed_give_no_points(attacked, student):
    rows = attacked.loc[student]
    assert rows["points"].isna().all()
    assert rows["reason"].str.contains("pass whatever is answered").all(), rows["reason"].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("student", attacks.CUNNING)
def test_who_knows_of_the_canary_waits_for_a_look(attacked, student):
    points, reason = attacked.loc[(student, ASKED), ["points", "reason"]]
    assert points != points and reason.startswith("look at it: it uses "), reason


@pytest.mark.slow
@pytest.mark.parametrize("student", attacks.HARM)
def test_harm_is_stopped_and_leaves_no_process(attacked, student):
    rows = attacked.loc[student]
    assert rows["points"].isna().all()
    assert rows["reason"].str.contains(attacks.HARM[student][1]).all(), rows["reason"].tolist()
    assert not [p for p in psutil.process_iter() if "98765" in _line(p)]


def _line(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.slow
@pytest.mark.parametrize("student", attacks.FORGED)
def test_a_forged_answer_keeps_no_point_of_the_hidden_tests(attacked, student):
    points, reason = attacked.loc[(student, ASKED), ["points", "reason"]]
    withheld = re.search(r"^look at it: .* They gave (\S+) of", reason)
    assert (float(withheld[1]) if withheld else points) <= 1, reason


@pytest.mark.slow
def test_an_honest_student_keeps_every_point(attacked):
    rows = attacked.loc[attacks.HONEST].iloc[:-1]
    assert (rows["points"] == rows["max"]).all()


@pytest.mark.slow
def test_the_gradebook_is_whole(attacked, course, safe):
    with sqlite3.connect(course / "gradebook.db") as book:
        tables = {name for (name,) in book.execute("select name from sqlite_master")}
        book.execute("drop table if exists attack")
    assert "grade" in tables and ("attack" in tables) == (not safe)
