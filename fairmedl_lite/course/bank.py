"""The question bank: what the build wrote of the lessons' questions, read when first needed."""

import json
import re
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

FOLDER = files("fairmedl_lite.course") / "questions"
NAME = re.compile(r"(\d\d)\.(\w+)")
DIGITS = 10


@cache
def lesson(number: str) -> dict:
    """The questions and exercises of a lesson, by name; empty if it has none."""
    path = FOLDER / f"{number}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def find(name: str, kind: str) -> dict:
    """A question or an exercise of a lesson.

    Args:
        name: String: the lesson's number, a dot, and the name, such as `"00.who"`.
        kind: What the entry must hold: `"options"` or `"what"`.

    Raises:
        ValueError: If there is none of this name and kind.
    """
    parts = NAME.fullmatch(name)
    entries = lesson(parts[1]) if parts else {}
    known = [each for each, entry in entries.items() if kind in entry]
    if not parts or parts[2] not in known:
        there = f"Lesson {parts[1]} has: {', '.join(known) or 'none'}." if parts else ""
        raise ValueError(
            "The name of a question is a lesson's number, a dot and a name, such as '00.who'. "
            f"{there} Received: {name!r}."
        )
    return entries[parts[2]]


def encode(value):
    """A value in a form that JSON can hold; `decode` gives back what `check` takes for the same."""
    if isinstance(value, pd.DataFrame):
        return {"frame": [encode(part) for part in (value.index, value.columns, value.to_numpy())]}
    if isinstance(value, pd.Series | dict):
        return {"series": [[encode(label), encode(each)] for label, each in value.items()]}
    if isinstance(value, set | frozenset):
        return {"set": sorted(map(encode, value), key=str)}
    if isinstance(value, list | tuple | np.ndarray | pd.Index):
        return [encode(each) for each in value]
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(
        "An answer must be a number, a string, True or False, or a list, set, dictionary, Series "
        f"or DataFrame of such. Received: {type(value).__name__}."
    )


def decode(value):
    """What `encode` was given: a Series for a dictionary, a tuple for a list."""
    if isinstance(value, list):
        return tuple(decode(each) for each in value)
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "set":
        return set(decode(held))
    if kind == "series":
        return pd.Series({decode(label): decode(each) for label, each in held})
    index, columns, rows = map(decode, held)
    return pd.DataFrame(rows, index=list(index), columns=list(columns))
