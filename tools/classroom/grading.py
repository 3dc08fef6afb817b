"""Assignments for a class, with nbgrader: `release`, `grade`, `feedback`, `pool`, `mutants`.

    python -m tools.classroom release             of each assignment what students get, in
                                                  classroom/release, and the instructor's version
    python -m tools.classroom grade 03 FOLDER     grades FOLDER: a folder, or a notebook, a student
    python -m tools.classroom feedback 03         after grading by hand: a page for each student
    python -m tools.classroom pool 07             after grading: one table of all students' runs
    python -m tools.classroom mutants 03          breaks each solution; do its tests notice?

It all stands in classroom/: JupyterLab started there has nbgrader's form grader. `make clean`
leaves it alone.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
import pandas as pd
from joblib import Parallel, delayed
from nbgrader.converters import GenerateAssignment, GenerateFeedback, GenerateSolution
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log, is_grade
from tqdm import tqdm
from traitlets.config import Config

from tools import ROOT
from tools.classroom import gradebook, items, meddling, mutants, platforms, pool, sandbox
from tools.classroom.execution import Limits, NotGraded
from tools.classroom.gradebook import COLUMNS
from tools.classroom.submission import autograde, marks, sweep
from tools.lessons import assignments
from tools.lessons.watching import HOUR, PATIENT

RAW = argparse.RawDescriptionHelpFormatter
COURSE = ROOT / "classroom"
KERNEL = ["--log-level=ERROR", "--HistoryManager.hist_file=:memory:"]
NO_SCRIPTS = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'\">"
)


def release(name: str, course: Path = COURSE) -> None:
    """Builds the release and the instructor's version of an assignment."""
    source = course / "source" / name
    source.mkdir(parents=True, exist_ok=True)
    notebook = assignments.read(name)
    notebook.cells.insert(1, assignments.preparation(name))
    nbformat.write(notebook, source / f"{name}.ipynb")
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
    name: str,
    submissions: Path,
    course: Path = COURSE,
    limits: Limits | None = None,
    jobs: int = 2,
    safe: bool = False,
) -> pd.DataFrame:
    """Grades what a folder holds, several at once. The gradebook's rows of it come back.

    First the solution is graded: where it does not get all points, the machine is at fault.
    """
    entries = students(submissions, name)
    if not (course / "release" / name).exists():
        raise SystemExit(f"{course} holds no release of {name}. Run `release` first.")
    platforms.check(course)
    sweep(course)
    limits = limits or Limits()
    try_solution(name, course, limits, safe)
    # Each thread waits for a process. The gradebook is written by this one alone.
    tasks = (delayed(one)(entry, course, name, limits, safe) for entry in entries)
    results = Parallel(jobs, prefer="threads", return_as="generator_unordered")(tasks)
    tables = [
        keep(*result, name, course) for result in tqdm(results, total=len(entries), unit="student")
    ]
    write_tables(course)
    return pd.concat(tables).sort_values(COLUMNS[:2], kind="stable", ignore_index=True)


def students(submissions: Path, name: str = "") -> list[Path]:
    """What each student handed in: a folder, or a notebook, named as the platform does or else."""
    entries = platforms.latest(sorted(filter(platforms.from_student, submissions.iterdir())), name)
    names = list(map(student_of, entries))
    twice = sorted({student for student in names if names.count(student) > 1})
    if twice or not entries:
        raise SystemExit(
            f"{submissions} must hold one folder, or one notebook, for each student. "
            f"Received: {len(entries)}, twice: {', '.join(twice) or 'none'}."
        )
    return entries


def try_solution(name: str, course: Path, limits: Limits, safe: bool) -> None:
    """Ends the run if the solution does not get all points here and now: nobody would."""
    _, _, rows = one(course / "solution" / name, course, name, limits, safe)
    written = {asked for asked, row in ungraded(name).items() if row["written"]}
    lost = [row for row in rows if row["points"] != row["max"] and row["question"] not in written]
    if lost:
        told = "; ".join(f"{row['question']}: {row['reason']}" for row in lost)
        raise SystemExit(
            f"Nobody is graded: the solution of {name} itself does not get all points here, so "
            f"something is wrong with this machine or its limits, not with the class. {told}"
        )


def keep(student: str, notebook, rows: list[dict], name: str, course: Path) -> pd.DataFrame:
    """Writes down what one student earned, at once."""
    if notebook is not None:
        taken = gradebook.store(notebook, student, name, course)
        for row in rows:
            row["reason"] = "; ".join(filter(None, [taken.get(row["question"]), row["reason"]]))
        rows = gradebook.with_marks(rows, name, student, course)
    return gradebook.note(pd.DataFrame(rows, columns=COLUMNS), course)


def student_of(entry: Path) -> str:
    """The student's name, by that of the folder, or of the notebook itself."""
    return platforms.handed_in(entry).student


def one(entry: Path, course: Path, name: str, limits: Limits, safe: bool = False):
    """Grades one student: the name, the graded notebook or None, and a row for each question."""
    student, wrong = student_of(entry), assignments.wrong_answers(name)
    named = {asked: [w["misconception"] for w in answers] for asked, answers in wrong.items()}
    try:
        notebook, notes = autograde(entry, course, name, limits, safe)
        given = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
        earned = meddling.withheld(marks(notebook, named), notebook, given)
    except NotGraded as problem:
        notebook, notes, earned = None, [str(problem)], ungraded(name)
    except Exception as error:  # none stops the others
        notebook, notes, earned = None, [f"{type(error).__name__}: {error}"], ungraded(name)
    rows = [
        {"student": student, "assignment": name, "question": asked} | row
        for asked, row in earned.items()
    ]
    notes = [platforms.LATE, *notes] if platforms.handed_in(entry).late else notes
    for row in rows:
        row["reason"] = "; ".join(filter(None, [*notes, row["reason"]]))
    return student, notebook, rows


def ungraded(name: str) -> dict:
    """Questions without points, of a submission that could not be graded."""
    empty = {}
    for cell in filter(is_grade, assignments.read(name).cells):
        said = cell.metadata.nbgrader
        row = {"points": float("nan"), "max": 0.0, "misconception": "", "reason": ""}
        row["written"] = bool(said.solution)
        empty.setdefault(assignments.question(said.grade_id), row)["max"] += said.points
    return empty


def feedback(name: str, course: Path = COURSE) -> pd.DataFrame:
    """Takes over the points that were given by hand, and writes a page for each student."""
    rows = gradebook.read(course)
    rows = rows[rows["assignment"] == name]
    tables = []
    for student, own in rows.groupby("student", sort=False):
        given = own.to_dict("records")
        if own["points"].notna().any():  # else what is stored is an older one
            given = gradebook.with_marks(given, name, student, course)
        tables += given
    convert(GenerateFeedback, name, course)
    for page in (course / "feedback").glob(f"*/{name}/*.html"):
        page.write_text(without_scripts(page.read_text(encoding="utf-8")), encoding="utf-8")
    table = gradebook.note(pd.DataFrame(tables, columns=COLUMNS), course)
    write_tables(course)
    return table


def write_tables(course: Path) -> None:
    """Writes what is read off the gradebook: items and the table for a platform."""
    whole = gradebook.read(course)
    items.write(whole, course)
    platforms.write(whole, course)


def without_scripts(page: str) -> str:
    """A page that runs nothing, whatever stands in it: nbgrader's own scripts go too."""
    page = re.sub(r"<script\b.*?</script\s*>", "", page, flags=re.DOTALL | re.IGNORECASE)
    page = re.sub(r"(?i)href\s*=\s*([\"'])\s*(javascript|vbscript):.*?\1", "", page)
    return page.replace("<head>", f"<head>{NO_SCRIPTS}", 1)


def pool_class(name: str, course: Path = COURSE) -> pd.DataFrame:
    """Pools the graded runs of an assignment; who is left out is printed."""
    if not any(map(pool.is_study, assignments.read(name).cells)):
        sys.exit(f"Students must have run a study, as in 07. Received: {name}, which has none.")
    runs, left_out = pool.collect(gradebook.read(course), name, course)
    if len(left_out):
        print(f"Left out: {len(left_out)}", left_out.to_string(index=False), "", sep="\n")
    try:
        return pool.write(runs, left_out, course)
    except ValueError as problem:
        sys.exit(str(problem))


def options(arguments=None):
    """The command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=RAW)
    parser.add_argument("task", choices=["release", "grade", "feedback", "pool", "mutants"])
    parser.add_argument("number", nargs="?", default="", help="of the assignment, such as 03")
    parser.add_argument("submissions", nargs="?", type=Path, help="the folder to grade")
    parser.add_argument("--course", type=Path, default=COURSE, help="default: classroom/")
    parser.add_argument("--jobs", type=int, default=2, help="how many are graded at once")
    told = "auto: where there can be one; required: else nobody is graded; no: never"
    parser.add_argument("--sandbox", choices=sandbox.CHOICES, default="auto", help=told)
    limits = {
        "cell": "CPU seconds that a cell may use",
        "seconds": "CPU seconds that a submission may use",
        "megabytes": "memory that a submission may use",
        "idle": "seconds in which a cell may use no CPU",
        "wall": "seconds of wall time that a submission may take",
        "disk": "megabytes that a submission may write",
        "processes": "processes that a submission may have at once",
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
    if not names or (chosen.task not in ("release", "mutants") and len(names) > 1):
        sys.exit(f"Name one assignment, such as 03. Received: {chosen.number!r}. See --help.")
    if chosen.task == "mutants":
        sys.exit(mutants.report(names) > 0)
    folder = chosen.submissions
    if chosen.task == "grade" and (folder is None or not folder.is_dir()):
        sys.exit(f"The folder of submissions must exist. Received: {folder}.")
    with gradebook.locked(course):
        run_task(chosen, course, names)


def run_task(chosen, course: Path, names: list[str]) -> None:
    """Runs the chosen task on a course that no other run writes to."""
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
    else:
        safe = sandbox.choose(chosen.sandbox, course)
        limits = Limits(**{limit: getattr(chosen, limit) for limit in Limits.__annotations__})
        table = grade(names[0], chosen.submissions, course, limits, chosen.jobs, safe)
    print(table.to_string(index=False), items.words(items.analyse(table)), sep="\n\n")
    whole = gradebook.read(course)
    seeds = pool.seeds(whole, names[0], course)
    print("", *platforms.told(whole, names[0], course, seeds), sep="\n")
    print(f"See gradebook.csv, grades.csv and items.html in {chosen.course}.")


if __name__ == "__main__":
    main()
