"""The hash of a model's code is the same in every process; and what compare does with effects."""

import os
import subprocess
import sys

import pytest
from conftest import TINY, make_rows

from fairmedl_lite import FairMEDLClassifier, compare
from fairmedl_lite.evaluation.code import hash_code

PRINT = "from fairmedl_lite import *; from fairmedl_lite.evaluation.code import hash_code; "
PRINT += "from fairmedl_lite.evaluation.figures import measure; "
PRINT += "print(*map(hash_code, (FairMEDLClassifier, FairMEDLRegressor, measure)))"


def test_code_has_the_same_hash_in_every_process():
    found = {
        subprocess.check_output(
            [sys.executable, "-c", PRINT], env=os.environ | {"PYTHONHASHSEED": seed}
        )
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_sets_in_code_count_whatever_their_order():
    def one(value):
        return value in {"a", "b", "c"}

    def same(value):
        return value in {"c", "a", "b"}

    def other(value):
        return value in {"a", "b", "d"}

    assert hash_code(one) == hash_code(same) != hash_code(other)


def test_only_the_effects_that_are_asked_for_are_measured(tmp_path):
    model = {"model": FairMEDLClassifier(**TINY)}
    options = {"seeds": [0], "unseen_clusters": 0.3, "jobs": 1, "swap_rows": 0}
    options["output"] = tmp_path / "fits.jsonl"
    table = compare(model, make_rows(), effects=["mixed"], **options)
    assert set(table["effects"]) == {"mixed"}
    with pytest.raises(ValueError, match="has other measures"):
        compare(model, make_rows(), **options)
