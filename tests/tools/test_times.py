"""Before it starts, the course says how long it took: on idle cores, and here the last time."""

import json

import pandas as pd
import pytest

from tools.lessons import times
from tools.lessons.run import Run


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Where last times are kept; lessons 00 and 01 were measured, 02 was not."""
    measured = tmp_path / "lessons.csv"
    pd.DataFrame({"lesson": ["00_a", "01_b"], "seconds": [14, 60]}).to_csv(measured, index=False)
    monkeypatch.setattr(times, "MEASURED", measured)
    return tmp_path / "seconds" / "lessons.json"


def test_first_time_there_is_what_was_measured_and_later_what_it_took_here(path):
    idle = "1 min 14 s on two idle cores (results/lessons.csv)"
    assert times.expectation(["00_a", "01_b"], path).startswith(f"2 lessons: {idle}. Nothing")
    times.remember([Run("00_a", seconds=32.4)], path)
    assert times.expectation(["00_a"], path).split(" (")[0] == "1 lesson: 14 s on two idle cores"
    assert ", 32 s here the last time." in times.expectation(["00_a"], path)
    assert "here" not in times.expectation(["00_a", "01_b"], path)
    times.remember([Run("01_b", seconds=400)], path)
    assert f"{idle}, 7 min 12 s here the last time" in times.expectation(["00_a", "01_b"], path)


def test_what_was_never_timed_promises_nothing(path):
    assert times.expectation(["02_c"], path) == "1 lesson. Nothing fails for being slow."


def test_a_lesson_that_failed_leaves_the_last_time_as_it_was(path):
    times.remember([Run("00_a", seconds=20)], path)
    times.remember([Run("00_a", seconds=1, failures=["raised"])], path)
    assert json.loads(path.read_text()) == {"00_a": 20}


@pytest.mark.parametrize(
    "seconds, said", [(0.4, "0 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s")]
)
def test_seconds_as_one_says_them(seconds, said):
    assert times.spoken(seconds) == said
