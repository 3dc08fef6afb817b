"""A learner's lessons tell nothing before they are run, and stay as the learner left them."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.lessons import cleared


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Writes a lesson of one cell in a course of its own."""
    monkeypatch.setattr(cleared, "EXECUTED", tmp_path / "notebooks")
    monkeypatch.setattr(cleared, "COPIES", tmp_path / "lessons")
    (tmp_path / "notebooks").mkdir()

    def write(code, folder="notebooks"):
        printed = new_output("stream", name="stdout", text="told")
        cells = [new_markdown_cell("# A"), new_code_cell(code, execution_count=1)]
        cells[1].outputs = [printed]
        notebook = new_notebook(cells=cells, metadata={"widgets": {"state": "told"}})
        nbformat.write(notebook, tmp_path / folder / "00_a.ipynb")

    write("x = 1")
    return write


def code(folder):
    return nbformat.read(folder / "00_a.ipynb", as_version=4).cells[1].source


def edit(path, change):
    notebook = nbformat.read(path, as_version=4)
    change(notebook.cells[1])
    nbformat.write(notebook, path)


def test_a_copy_tells_nothing_and_the_executed_lesson_stays(course, tmp_path):
    cleared.main([])
    copy = (tmp_path / "lessons" / "00_a.ipynb").read_text()
    assert "told" not in copy and '"execution_count": null' in copy and "x = 1" in copy
    assert "told" in (tmp_path / "notebooks" / "00_a.ipynb").read_text()
    nbformat.validate(nbformat.read(tmp_path / "lessons" / "00_a.ipynb", as_version=4))


def test_on_binder_the_lessons_themselves_are_cleared(course, tmp_path):
    cleared.main(["--here"])
    assert "told" not in (tmp_path / "notebooks" / "00_a.ipynb").read_text()
    assert not (tmp_path / "lessons").exists()


def test_what_a_learner_changed_is_never_overwritten(course, tmp_path, capsys):
    cleared.main([])
    edit(tmp_path / "lessons" / "00_a.ipynb", lambda cell: cell.update(source="mine"))
    cleared.main([])
    assert code(tmp_path / "lessons") == "mine" and capsys.readouterr().out == ""
    course("x = 2")
    cleared.main([])
    assert code(tmp_path / "lessons") == "mine"
    assert "00_a.ipynb is yours and stays; the course has a newer one" in capsys.readouterr().out


def test_what_was_only_run_follows_the_course(course, tmp_path, capsys):
    cleared.main([])
    outputs = [new_output("stream", name="stdout", text="ran")]
    edit(tmp_path / "lessons" / "00_a.ipynb", lambda cell: cell.update(outputs=outputs))
    cleared.main([])
    assert "ran" in (tmp_path / "lessons" / "00_a.ipynb").read_text()
    course("x = 2")
    cleared.main([])
    assert code(tmp_path / "lessons") == "x = 2" and capsys.readouterr().out == ""


def test_a_notebook_of_the_learners_own_with_a_lessons_name_stays(course, tmp_path):
    (tmp_path / "lessons").mkdir()
    course("own", "lessons")
    cleared.main([])
    assert code(tmp_path / "lessons") == "own"
