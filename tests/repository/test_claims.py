"""Every number in a lesson's prose stands in one of its outputs, or is a setting in its code."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.repository.test_lessons import LESSONS, code_cells, data_of

NUMBER = re.compile(r"(?<![\w.])(\d[\d,]*(?:\.\d+)?|\.\d+)(?![\w]|\.\d)")
# What holds numbers that claim nothing: code, links, solutions, formulas, and references: lessons,
# sections, the years of sources, how long a lesson takes.
SILENT = (
    r"<details>.*?</details>",
    r"`[^`]*`",
    r"\$[^$]*\$",
    r"\[[^\]]*\]\([^)]*\)",
    r"https?://\S+",
    r"(?i)\b(?:lessons?|section|equation|table|figure|assignment)\s+\d+(?:(?:, | and | to )\d+)*",
    r"\(?\b(?:1[89]|20)\d\d\b\)?",
    r"(?i)time: .*?(?:\.|$)",
    r"(?i)arxiv[: ]\S+",
    r"(?m)^#+ .*$",
    r"(?m)^\s*\d+\. ",
    r"(?s)\*\*Further reading.*?(?:\n\n|$)",
)


def numbers(text):
    """The numbers of a text, written in one way: without thousands' commas or a leading zero."""
    found = (match.replace(",", "") for match in NUMBER.findall(text))
    return {f"{float(number):.10g}" for number in found}


def said(notebook):
    """The numbers that the prose of a lesson claims; a task's are settings."""
    texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    tasks = [cell for cell in texts if "exercise" in cell.metadata.get("tags", [])]
    prose = "\n\n".join(cell.source for cell in texts if cell not in tasks)
    for pattern in SILENT:
        prose = re.sub(pattern, " ", prose, flags=re.DOTALL if "details" in pattern else 0)
    return numbers(prose)


def backed(notebook):
    """The numbers that its outputs show, also as per cent, and those that its code sets."""
    cells = code_cells(notebook)
    shown = [str(text) for cell in cells for out in cell.outputs for text in data_of(out).values()]
    text = re.sub(r"base64,[A-Za-z0-9+/=\s]*", " ", "\n".join(shown))
    found = numbers("\n".join([text, *(cell.source for cell in cells)]))
    return found | {f"{float(number) * 100:.10g}" for number in found}


def unbacked(notebook):
    """Numbers of the prose that no output contains."""
    return sorted(said(notebook) - backed(notebook), key=float)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_numbers_in_prose_come_from_a_cell(path):
    assert unbacked(nbformat.read(path, as_version=4)) == []


def lesson(prose, printed, source="show()"):
    output = new_output("stream", name="stdout", text=printed)
    return new_notebook(cells=[new_markdown_cell(prose), new_code_cell(source, outputs=[output])])


@pytest.mark.parametrize(
    "prose, printed",
    [
        ("It rises by .048 to 0.91.", "0.048 .91"),
        ("Of 46,033 rows 24 % earn more.", "46033 rows, share 0.24"),
        ("See lesson 05 and [07](07_x.ipynb), Zhang 2018, `top 3`.", ""),
        ("Time: about 20 minutes.", ""),
        ("<details>The sum is\n\n17</details>", ""),
    ],
)
def test_backed_numbers_pass(prose, printed):
    assert unbacked(lesson(prose, printed)) == []


@pytest.mark.parametrize(
    "prose, printed, missing",
    [
        ("It rises by .048.", "0.04", ["0.048"]),
        ("Of 46,033 rows.", "46,034", ["46033"]),
        ("Women: 17 % less.", "1.7 and 170", ["17"]),
    ],
)
def test_unbacked_numbers_are_listed(prose, printed, missing):
    assert unbacked(lesson(prose, printed)) == missing


def test_settings_in_code_are_backed():
    assert unbacked(lesson("With 30 firms.", "", "firms = 30")) == []
