"""Every fault that was found ends in a number or in a sentence of ours."""

import re

import pytest

from study.experiments.strangers import CASES, now

# A file that cannot be written keeps the kind of its error.
OURS = ("ValueError", "ImportError", "OSError", "FileNotFoundError", "PermissionError")


@pytest.mark.usefixtures("shared_graphs")
@pytest.mark.parametrize("what, case", [(what, case) for what, _, case in CASES])
def test_a_stranger_gets_a_number_or_a_sentence(what, case):
    said = now(case)
    error = re.match(r"\w*(Error|Exception|Warning)\b", said)
    assert said and (not error or error[0] in OURS)
    if error:
        assert "Received: " in said
