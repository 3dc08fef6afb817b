"""What the mutations break stands in the library, once, and what they make of it is Python."""

import ast
import shutil

import pytest

from tools import ROOT
from tools.repository.mutations import MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_can_be_made(mutation, tmp_path):
    copy = tmp_path / "fairmedl_lite" / mutation.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / "fairmedl_lite" / mutation.file, copy)
    right = copy.read_text(encoding="utf-8")
    mutation.apply(tmp_path)
    wrong = copy.read_text(encoding="utf-8")
    assert ast.dump(ast.parse(wrong)) != ast.dump(ast.parse(right))
