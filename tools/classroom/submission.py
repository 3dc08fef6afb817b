"""Grades one submission in a process of its own, within limits, whatever is wrong with it."""

import hashlib
import re
import shutil
import tempfile
import textwrap
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import nbformat
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat.v4 import new_markdown_cell
from nbgrader.utils import determine_grade, is_grade, is_locked

from tools.classroom.execution import ALIVE, STOPPED, STUDENT, Limits, NotGraded, run
from tools.classroom.platforms import notebooks
from tools.lessons.assignments import question

# What says something of the machine, and nothing of a student.
NOT_JUDGED = ("ImportError", "ModuleNotFoundError", "FileNotFoundError", "MemoryError")
# What pandas and matplotlib show, without what could run in a browser.
TAGS = "a b blockquote br code col colgroup dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p"
TAGS = (TAGS + " pre s span strong sub sup table tbody td tfoot th thead tr u ul").split()
ATTRIBUTES = {"*": ["align", "class", "colspan", "rowspan", "scope", "title"]}
ATTRIBUTES |= {"a": ["href"], "img": ["alt"]}
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
SAFE = {"text/plain", "text/latex", "text/csv", "application/json", "image/png", "image/jpeg"}


def autograde(entry: Path, course: Path, name: str, limits: Limits, sandbox: bool = False):
    """The graded notebook of a student's folder, or file, and what was mended before.

    Raises:
        NotGraded: If no notebook could be read, or its run was stopped.
    """
    release = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    notebook, notes = find(entry, release, name)
    notes += restore(notebook, release)
    with tempfile.TemporaryDirectory(prefix=prefix(course), ignore_cleanup_errors=True) as place:
        private = Path(place)
        shutil.copy(course / "gradebook.db", private)
        handed_in = private / "submitted" / STUDENT / name
        handed_in.mkdir(parents=True)
        nbformat.write(notebook, handed_in / f"{name}.ipynb")
        run(private, name, limits, sandbox)
        graded = private / "autograded" / STUDENT / name / f"{name}.ipynb"
        return explained(harmless(nbformat.read(graded, as_version=4))), notes


def explained(notebook):
    """Before each test that failed, the sentence for the student: what follows is test code."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and is_grade(cell) and (said := _errors(cell)):
            asked = question(_grade_id(cell))
            told = textwrap.indent("\n".join(said), "    ")  # as a block: it may hold anything
            cells.append(new_markdown_cell(f"**{asked}:** this test found\n\n{told}"))
        cells.append(cell)
    notebook.cells = cells
    return notebook


def prefix(course: Path) -> str:
    """How the private folders of this course's submissions begin, in the temporary folder."""
    return f"grade_{hashlib.sha256(str(course.resolve()).encode()).hexdigest()[:12]}_"


def sweep(course: Path) -> None:
    """Removes what a run that was killed has left; no other run may go on."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix(course)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def harmless(notebook):
    """A notebook without scripts: whoever opens it, or its page, runs nothing."""
    options = {"tags": TAGS, "attributes": ATTRIBUTES, "strip": True, "safe_output_keys": SAFE}
    cleaner = SanitizeHTML(enabled=True, **options)
    notebook.metadata = {"kernelspec": dict(KERNEL)}
    for cell in notebook.cells:
        if cell.cell_type == "code" or "<" in cell.source:
            cleaner.preprocess_cell(cell, {}, 0)
        if cell.cell_type != "code":  # a link of Markdown is no tag yet
            cell.source = re.sub(r"(?i)(javascript|vbscript)\s*:", r"\1 ", cell.source)
        cell.metadata = {key: cell.metadata[key] for key in cell.metadata if key == "nbgrader"}
        cell.pop("attachments", None)
    return nbformat.from_dict(notebook)


def find(entry: Path, release, name: str):
    """The notebook that answers this assignment, by its questions: a file may be renamed."""
    reason, found = "no notebook was handed in", []
    for path in notebooks(entry):
        try:
            notebook = nbformat.read(path, as_version=4)
            notes = adopt(notebook, release)
            known = {_grade_id(cell) for cell in notebook.cells} & set(_graded_ids(release))
        except Exception as error:  # a student's file may hold anything
            reason = f"{path.name} is no notebook: {_line(str(error))}"
            continue
        if known:
            found.append(
                (path.stem == name, len(known), path.stat().st_mtime, path.name, notebook, notes)
            )
        else:
            reason = f"{path.name} holds no question of this assignment"
    if not found:
        raise NotGraded(reason)
    exact, *_, file, notebook, notes = max(found, key=lambda one: one[:4])
    return notebook, notes if exact or entry.is_file() else [f"handed in as {file}", *notes]


def adopt(notebook, release) -> list[str]:
    """Gives cells back the role that an editor has dropped, or that is lost with a deleted cell."""
    there, before, number = set(map(_grade_id, notebook.cells)), "", 0
    for cell in release.cells:
        if _grade_id(cell) and _grade_id(cell) not in there:
            twin = _twin(cell, before, notebook)
            if twin is not None:
                twin.metadata, number = deepcopy(cell.metadata), number + 1
        before = cell.source
    return [f"metadata put back: {number} cells"] if number else []


def _twin(cell, before, notebook):
    """The cell without a role that stands for this one, or None.

    A test has the same text; an answer defines the same function, or comes after the same text.
    Ids say nothing: a lesson's cells have the same ones.
    """
    free = [other for other in notebook.cells if other.cell_type == cell.cell_type]
    free = [other for other in free if not _grade_id(other)]
    if is_locked(cell):
        return next((other for other in free if _same(other.source, cell.source)), None)
    head = f"def {question(_grade_id(cell))}("
    follows = [id(b) for a, b in pairwise(notebook.cells) if _same(a.source, before)]
    defining = [other for other in free if head in other.source][-1:]
    return next(iter(defining + [other for other in free if id(other) in follows]), None)


def _same(text, other):
    return text.strip() == other.strip() != ""


def restore(notebook, release) -> list[str]:
    """Puts deleted cells back where they were, and each cell's role; nbgrader then mends tests."""
    missing, kept, place = [], set(), 0
    for cell in filter(_grade_id, release.cells):
        same = [i for i, other in enumerate(notebook.cells) if _grade_id(other) == _grade_id(cell)]
        if not same:
            notebook.cells.insert(place, deepcopy(cell))
            missing.append(_grade_id(cell))
        place = same[0] if same else place
        notebook.cells[place].metadata = deepcopy(cell.metadata)
        kept.add(id(notebook.cells[place]))
        place += 1
    for cell in notebook.cells:
        if id(cell) not in kept:
            cell.metadata.pop("nbgrader", None)
    return [f"put back: {', '.join(missing)}"] if missing else []


def marks(notebook, misconceptions: dict) -> dict:
    """What a graded notebook earns: question to points, max, misconception and reason.

    Args:
        notebook: A notebook that nbgrader ran.
        misconceptions: Question to the names that its hidden tests may say.
    """
    earned, errors = {}, []
    for cell in notebook.cells:
        _check_run(cell)
        errors += _errors(cell)
        if not is_grade(cell):
            continue
        score, most = determine_grade(cell)
        row = {"points": 0.0, "max": 0.0, "errors": []}
        row = earned.setdefault(question(_grade_id(cell)), row)
        row["points"] += float("nan") if score is None else score
        row["max"] += most
        row["errors"] += errors
        errors = []
    return {name: _judged(row, misconceptions.get(name, [])) for name, row in earned.items()}


def _check_run(cell):
    """Raises where a cell that is not the student's own tells nothing about the student."""
    given = is_locked(cell) and cell.cell_type == "code"
    if given and cell.execution_count is None:
        raise NotGraded(f"the cell {_grade_id(cell)} was not run")
    names = [output.get("ename") for output in cell.get("outputs", [])]
    if ALIVE in names:
        raise NotGraded(
            f"the tests of {question(_grade_id(cell))} pass whatever is answered: something in "
            "this notebook changes them. Look at it"
        )
    if given and not is_grade(cell) and STOPPED in names:
        raise NotGraded(f"the given cell {_grade_id(cell)} was stopped: allow more with --cell")
    if given and not is_grade(cell) and (reason := _not_judged(_errors(cell))):
        raise NotGraded(f"not judged: the given cell {_grade_id(cell)} says {reason}")


def _judged(row, names):
    """A question's row with the misconception that its errors name, and the reason for a loss."""
    errors = row.pop("errors")
    told = [(name, text) for text in errors for name in names if name in text]
    reason = told[0][1] if told else (errors or ["not answered"])[0]
    if row["points"] != row["points"]:
        reason = "to be graded by hand"
    elif row["points"] < row["max"] and not told and _not_judged(errors):
        row["points"], reason = float("nan"), f"not judged: {_not_judged(errors)}"
    lost = row["points"] != row["max"]
    return row | {"misconception": told[0][0] if told and lost else "", "reason": reason * lost}


def _errors(cell):
    """The errors that a cell shows, a line each."""
    errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
    return [_said(error.ename, _line(error.evalue)) for error in errors]


def _not_judged(errors):
    """The first error that says something of this machine alone, or None."""
    return next((text for text in errors if text.startswith(NOT_JUDGED)), None)


def _said(kind, text):
    if kind == "NotImplementedError":
        return "not answered"
    if kind == STOPPED:
        return f"a cell was stopped: {text or 'it was interrupted'}"
    return text if kind == "AssertionError" and text else f"{kind}: {text}".rstrip(": ")


def _line(text):
    return re.sub(r"\s+", " ", text).strip()[:300]


def _grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _graded_ids(release):
    return filter(None, map(_grade_id, release.cells))
