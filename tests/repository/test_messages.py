"""Every error of the library says what was expected, what was received, and what to do."""

import ast

import pytest

from tools import ROOT

LIBRARY = ROOT / "fairmedl_lite"
LONGEST, MEDIAN = 420, 220  # characters, with {} for what is filled in


def text_of(node):
    """The text of a string or of an f-string, with {} for what is filled in; else nothing."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    return "{}" if isinstance(node, ast.FormattedValue | ast.Name) else ""


def messages():
    """File, line and text of each ValueError that is raised with words of its own."""
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            raised = node.exc if isinstance(node, ast.Raise) else None
            name = getattr(getattr(raised, "func", None), "id", "")
            if name == "ValueError" and raised.args:
                where = f"{path.relative_to(LIBRARY).as_posix()}:{node.lineno}"
                yield where, text_of(raised.args[0])


MESSAGES = dict(messages())
# Parts of a longer sentence, which `load` puts around them.
INNER = {where for where, text in MESSAGES.items() if where.startswith("estimator/file.py")}


@pytest.mark.parametrize("where", sorted(set(MESSAGES) - INNER))
def test_an_error_names_what_was_expected_what_was_received_and_what_to_do(where):
    expected, received, rest = MESSAGES[where].partition("Received")
    assert expected and received, MESSAGES[where]
    assert rest.strip(" ."), MESSAGES[where]
    assert len(MESSAGES[where]) <= LONGEST


def test_errors_are_short():
    lengths = sorted(map(len, MESSAGES.values()))
    assert lengths[len(lengths) // 2] <= MEDIAN
