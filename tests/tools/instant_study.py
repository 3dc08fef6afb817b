"""Assignment 07 with two models that learn in no time; its own train two networks."""

from copy import deepcopy

import nbformat
import pytest

from tools.classroom import grading
from tools.lessons import assignments

NAME = "07_evaluation"
LADDER = "rungs = ladder(epochs=6, learning_rate=0.003)"
INSTANT = """from fairmedl_lite.evaluation.baselines import Method

    class Instant(Method):
        random_effects = "intercept"

        def __init__(self, bonus=0.0, seed=0):
            self.bonus, self.seed = bonus, seed

        def _learn(self, *rows):
            pass

        def _positive(self, X, clusters, effects, unseen):
            link = X["education_num"] + X["age"] / 20 - 13 + self.bonus * (X["sex"] == "Male")
            return 1 / (1 + np.exp(-link))

    rungs = {PLAIN: Instant(bonus=3.0), FAIR: Instant()}
    rows = replace(rows, sensitive=rows.sensitive[["sex"]])  # the one attribute that is read"""


def read():
    """The assignment's source."""
    source = assignments.read(NAME)
    (given,) = (cell for cell in source.cells if LADDER in cell.source)
    given.source = given.source.replace(LADDER, INSTANT)
    return source


def release(course):
    """Releases it into a course's folder: what students get."""
    source = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignments, "read", lambda name: deepcopy(source))
        grading.release(NAME, course)
    return nbformat.read(course / "release" / NAME / f"{NAME}.ipynb", as_version=4)
