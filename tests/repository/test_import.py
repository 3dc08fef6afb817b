"""Importing the package is cheap, and a missing backend is named."""

import os
import subprocess
import sys

import pytest

import fairmedl_lite

BACKENDS = ("tensorflow", "jax", "torch", "keras")


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_import_loads_no_backend_and_no_data_library():
    done = run("import sys, fairmedl_lite; print(*sorted(sys.modules))")
    assert done.returncode == 0, done.stderr
    heavy = {*BACKENDS, "numpy", "pandas", "sklearn", "scipy", "fairlearn"}
    assert not heavy & set(done.stdout.split())


def test_data_and_metrics_need_no_backend():
    done = run(
        "import sys\n"
        "from fairmedl_lite import load_adult, split, fairness_report, FairMEDLClassifier, ladder\n"
        "ladder()\n"
        "print(*sorted(sys.modules))"
    )
    assert done.returncode == 0, done.stderr
    assert not set(BACKENDS) & set(done.stdout.split())


@pytest.mark.parametrize("name", fairmedl_lite.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    thing = getattr(fairmedl_lite, name)
    assert thing.__name__ == name and thing.__doc__
    assert name in dir(fairmedl_lite)


def test_an_unknown_name_is_answered_with_the_public_ones():
    with pytest.raises(AttributeError, match="no attribute 'FairMedl'. Public: .*'FairMEDL'"):
        _ = fairmedl_lite.FairMedl


def test_a_missing_backend_says_what_to_install():
    done = run(
        "import sys; sys.modules['tensorflow'] = None\nfrom fairmedl_lite import FairMEDL",
        KERAS_BACKEND="tensorflow",
    )
    assert done.returncode == 1
    assert "ImportError: Keras found no backend" in done.stderr
    assert "pip install 'fairmedl_lite[cpu]'" in done.stderr and "KERAS_BACKEND=jax" in done.stderr


@pytest.mark.parametrize("backend", ["jax", "theano"])
def test_the_backend_that_was_asked_for_and_the_cause_are_named(backend):
    done = run(
        "import sys; sys.modules['jax'] = None\nfrom fairmedl_lite import FairMEDL",
        KERAS_BACKEND=backend,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError") and f"Asked for by KERAS_BACKEND: {backend}. " in last
    assert "Received: " in last and backend in last.partition("Received: ")[2]


@pytest.mark.parametrize("name", ["FairMEDLClassifier", "FairMEDLRegressor"])
def test_an_estimator_says_what_it_is_and_then_what_both_share(name):
    text = getattr(fairmedl_lite, name).__doc__
    assert text.startswith("Fair MEDL for a ")  # without the indentation that Python 3.13 strips
    assert "\n\nA weight of 0 leaves a part out" in text
    assert "\n\nArgs:\n    hidden: Integers." in text and "\n\nAttributes:\n    " in text
    assert "What the two estimators share" not in text


def test_the_estimators_can_be_imported_without_docstrings():
    command = [sys.executable, "-OO", "-c", "import fairmedl_lite.estimator.estimators"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
