"""An exercise's check says what is right, what is missing and what a wrong value may come from."""

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import check

HINTS = {4: "Off by one: the end was counted too.", (1.0, 3.0): "Swapped: the second is c."}
MEANS = pd.Series({"a": 1.0, "b": 2.0})


@pytest.fixture
def said(capsys):
    """What a check prints about a value."""

    def ask(value, expected, **settings):
        assert check("the answer", value, expected, **settings) is None
        output = capsys.readouterr()
        assert output.err == ""
        return output.out

    return ask


@pytest.mark.parametrize("value", [None, ...])
def test_an_untouched_starter_cell_is_told_so(said, value):
    assert said(value, 3).startswith("Not filled in yet: the answer. ")


@pytest.mark.parametrize(
    "value, expected",
    [
        (3, 3),
        (3.004, 3),
        (np.float32(2.996), 3),
        ("x", "x"),
        (np.True_, True),
        ({"b", "a"}, {"a", "b"}),
        ([1, 2.001], MEANS),
        (MEANS[::-1], MEANS),
        ({"b": 2, "a": 1}, MEANS),
        (MEANS, {"b": 2, "a": 1}),
        (MEANS.to_frame()[::-1], MEANS.to_frame()),
        (pd.Series(["u", "v"]), ["u", "v"]),
        (np.inf, np.inf),
    ],
)
def test_right(said, value, expected):
    assert said(value, expected) == "Right: the answer.\n"


@pytest.mark.parametrize(
    "value, expected, message",
    [
        (4, 3, "Off by one: the end was counted too."),
        ((1, 3), MEANS, "Swapped: the second is c."),
        (3.006, 3, "Your value is too large."),
        (-3, 3, "Your value is too small."),
        (np.nan, 3, "Your value is missing (nan)."),
        (3, np.nan, "Your value is too small."),
        ("3", 3, "Expected: a number. Received: str."),
        (True, 1, "Expected: a number. Received: bool."),
        (1, True, "Expected: True or False. Received: int."),
        (False, True, "Your value is not it."),
        ("y", "x", "Your value is not it."),
        ([3], 3, "Expected: a number. Received: list, shape (1,)."),
        ([[1], [2, 3]], 3, "Expected: a number. Received: list."),
        (check, 3, "Expected: a number. Received: function."),
        (1, MEANS, "Expected: a number, shape (2,). Received: int."),
        ([1, 0.5], MEANS, "1 of 2 values are wrong. The first, at [b], is too small."),
        ([2, 1], MEANS, "2 of 2 values are wrong. The first, at [a], is too large."),
        ([None, 2], MEANS, "1 of 2 values are wrong. The first, at [a], is missing (nan)."),
        ([[1, 2], [3, 5]], [[1, 2], [3, 4]], "The first, at [1, 1], is too large."),
        (["u", "w"], ["u", "v"], "1 of 2 values are wrong. The first, at [1], is not it."),
        ({"u": 1, "v": 4}, {"v": 2, "u": 1}, "The first, at [v], is too large."),
        ({"a": 1, "c": 2}, MEANS, "Expected: the labels ['a', 'b']. Received: ['a', 'c']."),
    ],
)
def test_wrong(said, value, expected, message):
    answer = said(value, expected, hints=HINTS)
    assert answer.startswith("Not yet: the answer. ") and answer.endswith(f"{message}\n")


def test_the_tolerance_is_absolute_and_holds_for_hints(said):
    assert said(110, 100, tolerance=10).startswith("Right")
    assert said(111, 100, tolerance=10, hints={115: "Close to it."}).endswith("Close to it.\n")
    assert said(111, 100, hints={115: "Close to it."}).endswith("too large.\n")
