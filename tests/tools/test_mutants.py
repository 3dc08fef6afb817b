"""Tests of a question notice every error that one can make in one place, and no right answer."""

import sys

import pytest
import yaml

pytest.importorskip("nbgrader")
if sys.platform == "win32":
    pytest.skip("a mutant that never ends is stopped by a signal", allow_module_level=True)

from tools.classroom import mutants
from tools.lessons import assignments

NAMES = assignments.names()
FORMS = yaml.safe_load((assignments.FOLDER / "forms.yaml").read_text(encoding="utf-8"))
SOURCE = '''
def share(values, least=2):
    """A share; values are not to be changed."""
    kept = values[values >= least]
    return abs(len(kept) - 1) / values.max()
'''


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def bench(name):
    return mutants.Bench(name)


def test_each_kind_of_mutant_is_made():
    found = mutants.mutants(SOURCE)
    made = "\n".join(found)
    for kind in ("with Gt", "with Add", "with Mult", "2 for 1", "min for values.max", "not read"):
        assert kind in made, kind
    assert "an argument is changed in place" in found and "len(kept) - 1 for abs" in made
    assert len(set(found.values())) == len(found)
    for source in found.values():
        compile(source, "mutant", "exec")


def test_a_mutant_that_never_ends_is_stopped(bench, monkeypatch):
    monkeypatch.setattr(mutants, "SECONDS", 0.2)
    asked = next(iter(bench.tests))
    assert bench.earns(asked, f"def {asked}(*_, **__):\n    while True:\n        pass") == 0


def test_the_solution_earns_all_and_so_does_each_right_answer_in_another_form(name, bench):
    for asked in bench.tests:
        assert bench.earns(asked, bench.solutions[asked]) == bench.most(asked), asked
        for code in FORMS.get(name, {}).get(asked, []):
            assert bench.earns(asked, code) == bench.most(asked), code


def test_each_wrong_answer_loses_its_points_without_a_notebook_around_it(name, bench):
    for asked, wrong in assignments.wrong_answers(name).items():
        for one in wrong:
            lost = bench.most(asked) - bench.earns(asked, one["code"])
            assert lost == one["loses"], one["misconception"]


@pytest.mark.slow
def test_no_mutant_keeps_all_points_but_those_that_are_equal_by_proof(name, bench):
    table = mutants.survivors(name, bench)
    kept = table[table["points"] == table["max"]]
    assert kept[kept["proof"] == ""].empty, kept["mutant"].tolist()
    proved = {words for known in mutants.equal().get(name, {}).values() for words in known}
    assert proved == set(kept["mutant"]), "equal.yaml names a mutant that is there no longer"
