"""Assignments for a class, with nbgrader: `release`, `grade`, `feedback` and `pool`.

    python -m tools.classroom release             of each assignment what students get, in
                                                  classroom/release, and the instructor's version
    python -m tools.classroom grade 03 FOLDER     grades FOLDER: a folder, or a notebook, a student
    python -m tools.classroom feedback 03         after grading by hand: a page for each student
    python -m tools.classroom pool 07             after grading: one table of all students' runs

It all stands in classroom/: JupyterLab started there has nbgrader's form grader. `make clean`
leaves it alone.
"""

import argparse
import os
import sys
import warnings
from pathlib import Path

import nbformat
import pandas as pd
from joblib import Parallel, delayed
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import GenerateAssignment, GenerateFeedback, GenerateSolution
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log, determine_grade, is_grade
from sqlalchemy.exc import SAWarning
from tqdm import tqdm
from traitlets.config import Config

from tools import ROOT
from tools.classroom import items, pool
from tools.classroom.submission import Limits, NotGraded, autograde, marks
from tools.lessons import assignments
from tools.lessons.watching import HOUR, PATIENT

RAW = argparse.RawDescriptionHelpFormatter
COURSE = ROOT / "classroom"
# nbgrader calls alembic by name, and an environment has it beside its Python.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
KERNEL = ["--log-level=ERROR", "--HistoryManager.hist_file=:memory:"]
COLUMNS = ["student", "assignment", "question", "points", "max", "misconception", "reason"]


def release(name: str, course: Path = COURSE) -> None:
    """Builds the release and the instructor's version of an assignment."""
    source = course / "source" / name
    source.mkdir(parents=True, exist_ok=True)
    nbformat.write(assignments.read(name), source / f"{name}.ipynb")
    convert(GenerateAssignment, name, course)
    convert(GenerateSolution, name, course)


def convert(kind, name: str, course: Path) -> None:
    """Runs one of nbgrader's converters on all students of an assignment."""
    place = CourseDirectory(root=str(course), assignment_id=name)
    config = Config({"HTMLExporter": {"template_name": "feedback"}})
    config.Execute.update(PATIENT | {"timeout": HOUR, "extra_arguments": KERNEL})
    done = capture_log(kind(coursedir=place, config=config, force=True))
    if not done["success"]:
        raise RuntimeError(f"{name} could not be converted. nbgrader says:\n{done['log']}")


def grade(
    name: str, submissions: Path, course: Path = COURSE, limits: Limits | None = None, jobs: int = 2
) -> pd.DataFrame:
    """Grades what a folder holds, several at once. The gradebook's rows of it come back."""
    entries = sorted(
        path
        for path in submissions.iterdir()
        if not path.name.startswith(".") and (path.is_dir() or path.suffix == ".ipynb")
    )
    students = list(map(student_of, entries))
    twice = sorted({student for student in students if students.count(student) > 1})
    if twice or not entries:
        raise SystemExit(
            f"{submissions} must hold one folder, or one notebook, for each student. "
            f"Received: {len(entries)}, twice: {', '.join(twice) or 'none'}."
        )
    if not (course / "release" / name).exists():
        raise SystemExit(f"{course} holds no release of {name}. Run `release` first.")
    # Each thread waits for a process. The gradebook is written by this one alone.
    tasks = (delayed(one)(entry, course, name, limits or Limits()) for entry in entries)
    results = Parallel(jobs, prefer="threads", return_as="generator_unordered")(tasks)
    rows = []
    for student, notebook, row in tqdm(results, total=len(entries), unit="student"):
        rows += row
        if notebook is not None:
            store(notebook, student, name, course)
    return note(pd.DataFrame(rows, columns=COLUMNS), course)


def student_of(entry: Path) -> str:
    """The name of a student's folder, or of the notebook itself."""
    return entry.name if entry.is_dir() else entry.stem


def one(entry: Path, course: Path, name: str, limits: Limits):
    """Grades one student: the name, the graded notebook or None, and a row for each question."""
    student, wrong = student_of(entry), assignments.wrong_answers(name)
    named = {asked: [w["misconception"] for w in answers] for asked, answers in wrong.items()}
    try:
        notebook, notes = autograde(entry, course, name, limits)
        earned = marks(notebook, named)
    except NotGraded as problem:
        notebook, notes, earned = None, [str(problem)], ungraded(name)
    except Exception as error:  # none stops the others
        notebook, notes, earned = None, [f"{type(error).__name__}: {error}"], ungraded(name)
    rows = [
        {"student": student, "assignment": name, "question": asked} | row
        for asked, row in earned.items()
    ]
    for row in rows:
        row["reason"] = "; ".join(filter(None, [*notes, row["reason"]]))
    return student, notebook, rows


def ungraded(name: str) -> dict:
    """Questions without points, of a submission that could not be graded."""
    empty = {}
    for cell in filter(is_grade, assignments.read(name).cells):
        said = cell.metadata.nbgrader
        row = {"points": float("nan"), "max": 0.0, "misconception": "", "reason": ""}
        empty.setdefault(assignments.question(said.grade_id), row)["max"] += said.points
    return empty


def store(notebook, student: str, name: str, course: Path) -> None:
    """Keeps a graded notebook and its points where nbgrader's form grader looks for them."""
    folder = course / "autograded" / student / name
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    with warnings.catch_warnings(), Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        warnings.simplefilter("ignore", SAWarning)  # nbgrader's own, of objects half made
        book.update_or_create_student(student)
        book.update_or_create_submission(name, student)
        for cell in filter(is_grade, notebook.cells):
            mark = book.find_grade(cell.metadata.nbgrader.grade_id, name, name, student)
            mark.auto_score, _ = determine_grade(cell)
            mark.needs_manual_grade = mark.auto_score is None
        book.db.commit()


def note(rows: pd.DataFrame, course: Path) -> pd.DataFrame:
    """Writes rows into gradebook.csv in place of older ones of these students, and the items."""
    old, keys = gradebook(course), COLUMNS[:3]
    same = old.set_index(keys[:2]).index.isin(rows.set_index(keys[:2]).index)
    whole = pd.concat([old[~same], rows]) if len(old) else rows
    whole.sort_values(keys[:2], kind="stable").to_csv(course / "gradebook.csv", index=False)
    items.write(whole, course)
    return rows.sort_values(keys[:2], kind="stable", ignore_index=True)


def gradebook(course: Path = COURSE) -> pd.DataFrame:
    """What was graded so far. Points are missing where somebody has to look."""
    path = course / "gradebook.csv"
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    texts = ["student", "misconception", "reason"]
    return pd.read_csv(path, dtype=dict.fromkeys(texts, str)).fillna(dict.fromkeys(texts[1:], ""))


def feedback(name: str, course: Path = COURSE) -> pd.DataFrame:
    """Takes over the points that were given by hand, and writes a page for each student."""
    rows = gradebook(course)
    rows = rows[rows["assignment"] == name].set_index(COLUMNS[:3])
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        for student in rows.index.unique("student"):
            for asked, points in by_hand(book, name, student).items():
                rows.loc[(student, name, asked), ["points", "reason"]] = points, "graded by hand"
    convert(GenerateFeedback, name, course)
    return note(rows.reset_index(), course)


def by_hand(book: Gradebook, name: str, student: str) -> dict:
    """Question to points, of a student's questions that somebody has graded in part or whole."""
    try:
        marks = book.find_submission_notebook(name, name, student).grades
    except MissingEntry:  # it could not be graded by the machine
        return {}
    rows = [(assignments.question(m.name), m.score, m.manual_score is not None) for m in marks]
    scores = pd.DataFrame(rows, columns=["question", "points", "by_hand"]).groupby("question")
    return scores["points"].sum()[scores["by_hand"].any()].to_dict()


def pool_class(name: str, course: Path = COURSE) -> pd.DataFrame:
    """Pools the graded runs of an assignment; who is left out is printed."""
    if not any(map(pool.is_study, assignments.read(name).cells)):
        sys.exit(f"Students must have run a study, as in 07. Received: {name}, which has none.")
    runs, left_out = pool.collect(gradebook(course), name, course)
    if len(left_out):
        print(f"Left out: {len(left_out)}", left_out.to_string(index=False), "", sep="\n")
    try:
        return pool.write(runs, left_out, course)
    except ValueError as problem:
        sys.exit(str(problem))


def options(arguments=None):
    """The command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=RAW)
    parser.add_argument("task", choices=["release", "grade", "feedback", "pool"])
    parser.add_argument("number", nargs="?", default="", help="of the assignment, such as 03")
    parser.add_argument("submissions", nargs="?", type=Path, help="the folder to grade")
    parser.add_argument("--course", type=Path, default=COURSE, help="default: classroom/")
    parser.add_argument("--jobs", type=int, default=2, help="how many are graded at once")
    limits = {
        "cell": "CPU seconds that a cell may use",
        "seconds": "CPU seconds that a submission may use",
        "megabytes": "memory that a submission may use",
        "idle": "seconds in which a cell may use no CPU",
        "wall": "seconds of wall time that a submission may take",
    }
    for limit, text in limits.items():
        default = getattr(Limits, limit)
        text = f"{text}; default: {default}"
        parser.add_argument(f"--{limit}", type=int, default=default, help=text)
    return parser.parse_args(arguments)


def main(arguments=None) -> None:
    """Runs one task and prints the table that it ends with."""
    chosen = options(arguments)
    course, names = chosen.course.resolve(), assignments.names(chosen.number)
    if not names or (chosen.task != "release" and len(names) > 1):
        sys.exit(f"Name one assignment, such as 03. Received: {chosen.number!r}. See --help.")
    if chosen.task == "release":
        for name in names:
            release(name, course)
            print(f"{name}: see release/ and solution/ in {chosen.course}")
        return
    if chosen.task == "pool":
        print(pool_class(names[0], course).round(4).to_string(index=False))
        print(f"\nSee pooled.csv and pooled.html in {chosen.course}.")
        return
    if chosen.task == "feedback":
        table = feedback(names[0], course)
    elif chosen.submissions is None or not chosen.submissions.is_dir():
        sys.exit(f"The folder of submissions must exist. Received: {chosen.submissions}.")
    else:
        limits = Limits(chosen.cell, chosen.seconds, chosen.megabytes, chosen.idle, chosen.wall)
        table = grade(names[0], chosen.submissions, course, limits, chosen.jobs)
    print(table.to_string(index=False), items.analyse(table).to_string(index=False), sep="\n\n")
    print(f"\nSee gradebook.csv and items.html in {chosen.course}.")


if __name__ == "__main__":
    main()
