"""What is taken for the notebook that was handed in, and for its answers."""

import sys
from copy import deepcopy

import nbformat
import pytest

pytest.importorskip("nbgrader")
if sys.platform == "win32":
    pytest.skip("grading is made for Linux and macOS", allow_module_level=True)

from nbformat.v4 import new_code_cell
from nbgrader.utils import is_solution

from tools.classroom import grading, submission
from tools.classroom.execution import NotGraded
from tools.lessons import assignments, sources

NAME, OTHER = "03_measuring_fairness", "01_non_iid_confounding"
MINE = "def missed(sick, warned, groups):\n    return 1"
LETTER = "Dear all, we missed many."


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    for name in (NAME, OTHER):
        grading.release(name, folder)
    return folder


@pytest.fixture(scope="module")
def release(course):
    return read(course, NAME)


@pytest.fixture
def notebook(release):
    """A student's, with an answer and a letter."""
    given = deepcopy(release)
    assignments.answer(given, {"missed": MINE, "letter": LETTER})
    return given


def read(course, name):
    return nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)


def taken(notebook, release, folder):
    """The answers that are found in what a student handed in, and what is said of it."""
    nbformat.write(notebook, folder / f"{NAME}.ipynb")
    found, notes = submission.find(folder, release, NAME)
    notes += submission.restore(found, release)
    answers = {c.metadata.nbgrader.grade_id: c.source for c in filter(is_solution, found.cells)}
    return answers, notes


def place(notebook, grade_id):
    ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    return ids.index(grade_id)


def test_an_editor_that_drops_all_metadata_costs_nothing(notebook, release, tmp_path):
    for number, cell in enumerate(notebook.cells):
        cell.metadata, cell["id"] = {}, f"new-{number}"
    notebook.metadata = {}
    answers, notes = taken(notebook, release, tmp_path)
    assert answers["missed"] == MINE and answers["letter"] == LETTER
    graded = [cell for cell in release.cells if "nbgrader" in cell.metadata]
    assert notes == [f"metadata put back: {len(graded)} cells"]
    assert len(answers) == len(list(filter(is_solution, release.cells)))


def test_an_answer_in_a_cell_of_ones_own_counts_where_the_given_one_is_gone(
    notebook, release, tmp_path
):
    del notebook.cells[place(notebook, "missed")]
    notebook.cells += [new_code_cell("def missed(x): return 2"), new_code_cell(MINE)]
    answers, notes = taken(notebook, release, tmp_path)
    assert answers["missed"] == MINE and notes == ["metadata put back: 1 cells"]


def test_a_cell_of_ones_own_beside_the_given_answer_is_none(notebook, release, tmp_path):
    notebook.cells.insert(place(notebook, "missed"), new_code_cell("def missed(x): return 2"))
    assert taken(notebook, release, tmp_path)[0]["missed"] == MINE


def test_a_deleted_test_is_put_back_and_nothing_is_taken_for_it(notebook, release, tmp_path):
    there = place(notebook, "missed-hidden")
    notebook.cells[there] = new_code_cell("helper = 1")
    answers, notes = taken(notebook, release, tmp_path)
    assert notes == ["put back: missed-hidden"] and answers["missed"] == MINE


def test_of_two_notebooks_the_one_that_asks_the_same_questions_counts(
    notebook, release, course, tmp_path
):
    nbformat.write(notebook, tmp_path / "a.ipynb")
    nbformat.write(read(course, OTHER), tmp_path / "b.ipynb")  # it has a letter too, and is newer
    found, notes = submission.find(tmp_path, release, NAME)
    assert found.cells[place(found, "missed")].source == MINE and notes == ["handed in as a.ipynb"]


def test_a_lesson_is_no_answer(release, tmp_path):
    lesson = sources.read(sources.NOTEBOOKS / f"{NAME}.ipynb")
    nbformat.write(lesson, tmp_path / f"{NAME}.ipynb")
    with pytest.raises(NotGraded, match="holds no question of this assignment"):
        submission.find(tmp_path, release, NAME)
