"""What the build computed of an exercise survives JSON, and `check` takes it for the same."""

import json

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import check
from fairmedl_lite.course import bank, exercises

TABLE = pd.DataFrame({"x": [1.5, 2.0], "y": [0.25, 4.0]}, index=["a", "b"])
VALUES = [
    3,
    np.int64(3),
    np.float32(2.5),
    np.inf,
    "text",
    False,
    np.bool_(True),
    [1, 2.5],
    ("a", "b"),
    {"b", "a"},
    np.arange(4.0).reshape(2, 2),
    {"a": 1.0, "b": 2.0},
    TABLE["x"],
    TABLE,
    TABLE.set_index([["u", "v"], [1, 2]])["y"],
]


def stored(value):
    return bank.decode(json.loads(json.dumps(bank.encode(value))))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_survives_the_bank(value):
    assert exercises.verdict("it", value, stored(value)) == "Right: it."


@pytest.mark.parametrize("wrong", [4, [1, 2.6], {"a", "c"}, TABLE + 1, TABLE["y"], "no", True])
def test_another_value_does_not_pass_for_it(wrong):
    for value in VALUES:
        if type(value) is type(wrong):
            assert exercises.verdict("it", wrong, stored(value)).startswith("Not yet")


def test_digits_that_differ_from_machine_to_machine_are_left_out():
    assert bank.encode(0.1 + 0.2) == 0.3 and bank.encode(1234.56789012345) == 1234.56789


def test_what_no_exercise_can_ask_for_is_refused():
    with pytest.raises(TypeError, match="must be a number, .* Received: object"):
        bank.encode([object()])


ENTRY = {
    "what": "the odds",
    "tolerance": 0.01,
    "hints": ["Upside down: turn it.", "Share: no odds."],
    "expected": 3.0,
    "wrong": [0.3333333333, [0.75, 0.25]],
}


@pytest.fixture
def lesson(monkeypatch):
    """A lesson 09 of one exercise that was solved, and of one that was not."""
    new = {key: ENTRY[key] for key in ("what", "tolerance", "hints")}
    monkeypatch.setattr(bank, "lesson", {"09": {"odds": ENTRY, "new": new}}.get)


@pytest.mark.parametrize(
    "value, said",
    [
        (3.005, "Right: the odds."),
        (1 / 3, "Not yet: the odds. Upside down: turn it."),
        ([0.75, 0.25], "Not yet: the odds. Share: no odds."),
        (2, "Not yet: the odds. Your value is too small."),
        (None, "Not filled in yet: the odds. Put"),
    ],
)
def test_an_exercise_of_a_lesson_has_a_name(lesson, capsys, value, said):
    check("09.odds", value)
    assert capsys.readouterr().out.startswith(said)


def test_an_exercise_that_was_never_solved_still_says_that_it_is_not_filled_in(lesson, capsys):
    check("09.new", None)
    assert capsys.readouterr().out.startswith("Not filled in yet: the odds.")


def test_a_name_that_no_exercise_has_says_which_there_are(lesson):
    with pytest.raises(ValueError, match="Lesson 09 has: odds, new. Received: '09.x'"):
        check("09.x", 1)


def test_a_lesson_without_questions_has_an_empty_bank():
    assert bank.lesson("99") == {}
