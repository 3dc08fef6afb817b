"""Runs an exercise's solution in a lesson's kernel, in a copy of the lesson's names.

The kernel runs this file itself, so it imports nothing of `tools`.
"""

import contextlib
import io
import json
from pathlib import Path

import numpy as np

from fairmedl_lite.course.bank import encode


def solve(namespace: dict, exercise: dict, path: str) -> None:
    """Writes what each answer of an exercise shall be, and the wrong values that have a hint.

    Args:
        namespace: The lesson's names at this point; they stay as they are, and so do the states of
            its generators of random numbers.
        exercise: Dictionary: name, solution, also, and wrong: answer to a list of expressions.
        path: Where the JSON file goes.
    """
    names, states = dict(namespace), list(_states(namespace))
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(exercise["solution"], names)
            found = {name: {"expected": encode(names[name])} for name in exercise["wrong"]}
            exec(exercise["also"], names)
            for name, values in exercise["wrong"].items():
                found[name]["wrong"] = [encode(eval(value, names)) for value in values]
        except Exception as error:
            message = f"the solution of {exercise['name']!r} raised {error!r}"
            raise RuntimeError(message) from error
    for generator, state in states:
        generator.bit_generator.state = state
    Path(path).write_text(json.dumps(found), encoding="utf-8")


def _states(namespace):
    for value in namespace.values():
        if isinstance(value, np.random.Generator):
            yield value, value.bit_generator.state
