"""Exercises answer back: what is right, what is missing, and what a wrong value may come from."""

import textwrap

import numpy as np
import pandas as pd

from fairmedl_lite.course import bank

NUMBER = "a number"
KINDS = {"b": "True or False", "i": NUMBER, "u": NUMBER, "f": NUMBER}


def check(
    what: str, value, expected=None, tolerance: float = 0.005, hints: dict | None = None
) -> None:
    """Print whether an exercise's answer is right, or what may be wrong with it.

    A lesson's exercise has a name, and what is right is known: `check("01.union_rows", rows)`. Of
    an exercise of your own say what is expected. No answer makes it raise.

    Args:
        what: String: an exercise's name; or what the answer is, such as `"the design effect"`.
        value: The learner's answer; `None` or `...` where it is not filled in yet.
        expected: The right answer: a number, a string, True or False; or several of one kind as
            a list, an array, a set, a dictionary, a Series or a DataFrame. Where both have
            labels, these are compared, and their order does not matter. An exercise that has a
            name takes none.
        tolerance: How far a number may lie from the expected one, in its own units.
        hints: Dictionary of wrong answer to hint: the misconception's name, a colon, and what
            was computed instead. Of several numbers the wrong answer is a tuple.

    Raises:
        ValueError: If nothing is expected and no exercise has this name.

    Example:
        >>> check("the odds of 0.75", 3.0, expected=3.0)
        Right: the odds of 0.75.
        >>> hints = {0.33: "Upside down: you divided the failures by the successes."}
        >>> check("the odds of 0.75", 0.33, expected=3.0, hints=hints)
        Not yet: the odds of 0.75. Upside down: you divided the failures by the successes.
    """
    if expected is None:
        say(verdict_of(bank.find(what, "what"), value))
    else:
        say(verdict(what, value, expected, tolerance, hints))


def verdict_of(exercise: dict, value) -> str:
    """What `check` prints of an exercise of the question bank."""
    expected, wrong = bank.decode(exercise.get("expected")), exercise.get("wrong", [])
    hints = list(zip(map(bank.decode, wrong), exercise["hints"], strict=False))
    return verdict(exercise["what"], value, expected, exercise["tolerance"], hints)


def verdict(what, value, expected, tolerance=0.005, hints=None) -> str:
    """What `check` prints, of the same arguments: "Right" comes first where the value is."""
    if value is None or value is ...:
        return f"Not filled in yet: {what}. Put your answer in, then run this cell again."
    problem = _problem(value, expected, tolerance)
    if not problem:
        return f"Right: {what}."
    pairs = hints.items() if isinstance(hints, dict) else hints or ()
    fitting = [hint for wrong, hint in pairs if not _problem(value, wrong, tolerance)]
    return f"Not yet: {what}. {[*fitting, problem][0]}"


def say(text):
    """Print a paragraph in lines that a small window holds: a notebook breaks words in two."""
    print(textwrap.fill(text, 90, break_on_hyphens=False))


def _problem(value, expected, tolerance):
    """What tells a value from the expected one, in words; empty if nothing does."""
    try:
        return _difference(_labelled(value), _labelled(expected), tolerance)
    except Exception:  # a learner's value may be anything
        return f"Expected: {_kind(_array(expected))}. Received: {type(value).__name__}."


def _difference(value, expected, tolerance):
    if isinstance(expected, pd.Series) and isinstance(value, pd.DataFrame):
        value = value.squeeze("columns")  # a table of one column says the same
    if hasattr(value, "reindex_like") and type(value) is type(expected):
        if set(value.index) != set(expected.index):
            return f"Expected: the labels {list(expected.index)}. Received: {list(value.index)}."
        value = value.reindex_like(expected)
    places = _labels(expected)
    given, wanted = _array(value), _array(expected)
    if given.shape != wanted.shape or _kind(given) != _kind(wanted):
        shape = f", shape {given.shape}" if given.shape else ""
        return f"Expected: {_kind(wanted)}. Received: {type(value).__name__}{shape}."
    if NUMBER not in _kind(wanted):
        return _where(given != wanted, "not it", places)
    if np.isnan(given.astype(float)).any():
        return _where(np.isnan(given.astype(float)), "missing (nan)", places)
    wrong = ~np.isclose(given, wanted, rtol=0, atol=tolerance)
    how = "too large" if (given > wanted)[wrong][:1].any() else "too small"
    return _where(wrong, how, places)


def _labelled(value):
    return pd.Series(value) if isinstance(value, dict) else value


def _array(value):
    """An array of numbers, of booleans or of strings, with as many axes as the value."""
    array = np.asarray(sorted(value, key=str) if isinstance(value, set) else value)
    if array.dtype.kind != "O":
        return array
    return array.astype(str if any(isinstance(part, str) for part in array.flat) else float)


def _kind(array):
    kind = KINDS.get(array.dtype.kind, "text")
    return f"{kind}, shape {array.shape}" if array.shape else kind


def _labels(expected):
    """The labels along each axis: those of a dictionary, a Series or a DataFrame, else none."""
    return [list(map(str, labels)) for labels in getattr(expected, "axes", [])]


def _where(wrong, how, labels=()):
    """Which values are wrong, and how the first one is."""
    if not wrong.any():
        return ""
    if not wrong.shape:
        return f"Your value is {how}."
    first = np.argwhere(wrong)[0]
    first = [names[place] for names, place in zip(labels, first, strict=True)] if labels else first
    first = ", ".join(map(str, first))
    return f"{wrong.sum()} of {wrong.size} values are wrong. The first, at [{first}], is {how}."
