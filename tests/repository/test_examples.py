"""Every public name shows an example, and each example does what it says."""

import doctest
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

import fairmedl_lite
from fairmedl_lite.data.reading import local_file

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# What an example needs that is not everywhere; its lines are skipped where it is absent.
NEEDS = {
    "FairlearnAdversary": "Keras on TensorFlow",
    "GPBoost": "the package gpboost",
    "load_acs_income": "a file of a million rows",
    "load_diabetes_hospital": "a file of 100,000 rows",
    "load_heritage_health": "data that may not be passed on",
}
PATTERNS = {
    "load_acs_income": "acs_income_2018*.parquet",
    "load_diabetes_hospital": "diabetes130_compact.parquet",
}


def is_here(name):
    """Whether what an example needs is at hand."""
    if name == "FairlearnAdversary":
        import keras

        return keras.backend.backend() == "tensorflow"
    if name == "GPBoost":
        return find_spec("gpboost") is not None
    return name in PATTERNS and local_file(PATTERNS[name]) is not None


def examples(thing, name):
    """The examples of a name, which may use the library's names, `np` and `pd`."""
    known = {public: getattr(fairmedl_lite, public) for public in fairmedl_lite.__all__}
    return doctest.DocTestFinder().find(thing, name, globs=known | {"np": np, "pd": pd})


def lines(tests):
    """Every line that the examples would run."""
    return [line for test in tests for line in test.examples]


def failures(tests):
    """What the examples print where they do not do what they say."""
    told, runner = [], doctest.DocTestRunner(optionflags=FLAGS)
    for test in tests:
        runner.run(test, out=told.append)
    return "".join(told)


@pytest.mark.usefixtures("shared_graphs")
@pytest.mark.parametrize("name", fairmedl_lite.__all__)
def test_example_of(name, tmp_path, monkeypatch):
    found = examples(getattr(fairmedl_lite, name), name)
    skipped = [line for line in lines(found) if line.options.get(doctest.SKIP)]
    assert lines(found), f"the docstring of {name} has no Example"
    assert bool(skipped) == (name in NEEDS)
    if skipped and is_here(name):
        for line in skipped:
            line.options[doctest.SKIP] = False
    monkeypatch.chdir(tmp_path)
    assert failures(found) == ""


def test_a_wrong_example_is_noticed():
    def double(x):
        """Twice x.

        Example:
            >>> 2 * 2
            5
        """

    assert "Expected:\n    5\nGot:\n    4\n" in failures(examples(double, "double"))
