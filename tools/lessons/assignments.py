"""One source per assignment: notebooks/assignments/NN_name.md, and NN_name.yaml with wrong answers.

A cell's `nbgrader` says what it is, in short: `{grade_id: rates, solution: true}` is an answer,
`{grade_id: rates-hidden, points: 3}` tests it, `locked: true` alone is not to be changed. A written
answer has both `solution` and `points`. What stands before the dash is the question.
"""

from itertools import zip_longest

import yaml
from nbgrader.utils import is_solution

from tools.lessons import sources

FOLDER = sources.NOTEBOOKS / "assignments"


def names(start: str = "") -> list[str]:
    """The assignments whose name starts so."""
    return sorted(path.stem for path in FOLDER.glob(f"{start}*.md"))


def read(name: str):
    """An assignment as nbgrader's source: solutions and hidden tests stand in it."""
    notebook = sources.read(FOLDER / f"{name}.md")
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.update(_whole(cell))
    return notebook


def preparation(name: str):
    """The cell that prepares Google Colab, as in the lesson of the same name."""
    cells = sources.read(sources.SOURCES / f"{name}.md").cells
    found = next(cell for cell in cells if "google.colab" in cell.source)
    found.id = "colab"  # its own is an assignment's cell too
    return found


def wrong_answers(name: str) -> dict:
    """For each question its wrong answers: `misconception`, `loses` (points) and `code`."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def wrong_submissions(name: str) -> list[dict]:
    """The wrong answers dealt out to as few students as can be: question to answer, or None."""
    wrong = wrong_answers(name)
    return [dict(zip(wrong, row, strict=True)) for row in zip_longest(*wrong.values())]


def answer(notebook, answers: dict) -> None:
    """Writes the answers, by question, into the cells that ask for them."""
    for cell in notebook.cells:
        if is_solution(cell) and answers.get(cell.metadata.nbgrader.grade_id):
            cell.source = answers[cell.metadata.nbgrader.grade_id]


def question(grade_id: str) -> str:
    """The question that a graded cell belongs to."""
    return grade_id.split("-")[0]


def _whole(cell):
    """What nbgrader wants to know of a cell, from what the source says."""
    said = cell.metadata.nbgrader
    solution, grade = said.get("solution", False), "points" in said
    whole = {"solution": solution, "grade": grade, "locked": not solution, "task": False}
    return whole | {"schema_version": 3, "cell_type": cell.cell_type}
