"""What a class earned: gradebook.csv, and nbgrader's database behind the form grader.

Both are written after each student. One run at a time may write.
"""

import os
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pandas as pd
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.utils import determine_grade, is_grade, is_solution
from sqlalchemy.exc import SAWarning

from tools.lessons import assignments

# nbgrader calls alembic by name, and an environment has it beside its Python.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
COLUMNS = ["student", "assignment", "question", "points", "max", "misconception", "reason"]
TEXTS = ["student", "assignment", "question", "misconception", "reason"]
BY_HAND = "graded by hand"
TAKEN_BACK = "the answer changed, so the points given by hand ({:g}) were taken back"
# A spreadsheet takes a cell that begins so for a formula. The apostrophe says that it is a text.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


@contextmanager
def locked(course: Path):
    """Lets one run at a time write to a course. The lock goes with its process, however it ends.

    Raises:
        SystemExit: If another run goes on.
    """
    course.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":  # it grades nobody there
        yield
        return
    import fcntl

    with (course / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(
                f"Another run of this command writes to {course}. Wait until it has ended."
            ) from None
        yield


@contextmanager
def database(course: Path):
    """The course's database, without nbgrader's own warnings of objects half made."""
    with warnings.catch_warnings(), Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        warnings.simplefilter("ignore", SAWarning)
        yield book


def store(notebook, student: str, name: str, course: Path) -> dict:
    """Keeps a graded notebook and its points where nbgrader's form grader looks for them.

    Points given by hand stay where the answer, and what the machine gives it, are as they were.

    Returns:
        Question to what was taken back, in words.
    """
    path = course / "autograded" / student / name / f"{name}.ipynb"
    before = answers(nbformat.read(path, as_version=4)) if path.exists() else {}
    now, taken = answers(notebook), {}
    with database(course) as book:
        book.update_or_create_student(student)
        book.update_or_create_submission(name, student)
        for cell in filter(is_grade, notebook.cells):
            asked = assignments.question(cell.metadata.nbgrader.grade_id)
            mark = book.find_grade(cell.metadata.nbgrader.grade_id, name, name, student)
            score, _ = determine_grade(cell)
            if before.get(asked) != now.get(asked) or mark.auto_score != score:
                taken |= take_back(mark, asked)
            mark.auto_score = score
            mark.needs_manual_grade = score is None and mark.manual_score is None
        book.db.commit()
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return taken


def answers(notebook) -> dict:
    """The text of each question's answer."""
    cells = filter(is_solution, notebook.cells)
    return {assignments.question(c.metadata.nbgrader.grade_id): c.source for c in cells}


def take_back(mark, asked: str) -> dict:
    """Takes points that were given by hand off a mark: question to what is said of it."""
    if mark.manual_score is None:
        return {}
    points, mark.manual_score, mark.extra_credit = mark.manual_score, None, None
    return {asked: TAKEN_BACK.format(points)}


def by_hand(name: str, student: str, course: Path) -> dict:
    """Question to points, of a student's questions that somebody has graded in part or whole."""
    with database(course) as book:
        try:
            marks = book.find_submission_notebook(name, name, student).grades
        except MissingEntry:  # it could not be graded by the machine
            return {}
        rows = [(assignments.question(m.name), m.score, m.manual_score) for m in marks]
    scores = pd.DataFrame(rows, columns=["question", "points", "manual"])
    scores = scores.assign(manual=scores["manual"].notna()).groupby("question")
    return scores["points"].sum()[scores["manual"].any()].to_dict()


def with_marks(rows: list[dict], name: str, student: str, course: Path) -> list[dict]:
    """A student's rows, with the points that were given by hand."""
    marks = by_hand(name, student, course)
    for row in rows:
        if row["question"] in marks:
            row.update(points=marks[row["question"]], reason=BY_HAND)
    return rows


def note(rows: pd.DataFrame, course: Path) -> pd.DataFrame:
    """Writes rows into gradebook.csv in place of older ones of these students."""
    old, keys = read(course), COLUMNS[:3]
    same = old.set_index(keys[:2]).index.isin(rows.set_index(keys[:2]).index)
    whole = pd.concat([old[~same], rows]) if len(old) else rows
    whole = whole.sort_values(keys[:2], kind="stable")
    safe = whole.assign(**{name: whole[name].map(as_text) for name in TEXTS})
    draft = course / ".gradebook.csv"  # whoever is killed while writing leaves the old one whole
    safe.to_csv(draft, index=False)
    draft.replace(course / "gradebook.csv")
    return rows.sort_values(keys[:2], kind="stable", ignore_index=True)


def read(course: Path) -> pd.DataFrame:
    """What was graded so far. Points are missing where somebody has to look."""
    path = course / "gradebook.csv"
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    table = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False)
    table = table.assign(**{name: table[name].map(from_text) for name in TEXTS})
    return table.assign(**{name: pd.to_numeric(table[name]) for name in ("points", "max")})


def as_text(value: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(FORMULA) else value


def from_text(cell: str) -> str:
    """The text that `as_text` wrote."""
    return cell.removeprefix("'")
