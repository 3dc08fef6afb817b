"""Learning platforms: the names of their files, the roster, and the wide table that they import.

Two files in the class's folder are read where they are there:

- `roster.csv`: everybody who should hand in, such as Canvas's exported gradebook or Moodle's
  grading worksheet. Any columns will do that hold names or numbers of students; a column `seed`
  says which seed a student was given.
- `times.csv`: `student`, `assignment`, `due` and `handed_in`, as the platform tells them.

`grades.csv` is written: the roster's own columns first, so that the platform knows its rows again.
"""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

import numpy as np
import pandas as pd

from tools.classroom.gradebook import as_text

CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<id>\d+)_(?P<submission>\d+)_(?P<file>.+)")
MOODLE = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(file|onlinetext)_?.*")
NOTEBOOK = ".ipynb"  # a browser may write .ipynb.txt or .ipynb.json
LATE, TOTAL, POSSIBLE = "handed in late", "total", "pointspossible"
DAY = pd.Timedelta(days=1)
TIMES = ["student", "assignment", "due", "handed_in"]


class HandedIn(NamedTuple):
    """What the name of a file or a folder tells."""

    student: str
    late: bool = False
    order: tuple = ()  # of two files of one student the larger one counts; none of an own name


def read_name(name: str) -> HandedIn:
    """What a file's name without its ending, or a folder's name, tells: Canvas's, Moodle's, or own.

    The platform's number stays in the student's name: two students may be called the same.
    """
    if found := CANVAS.fullmatch(name):
        again = re.search(r"-(\d+)$", found["file"])
        order = (int(found["submission"]), int(again[1]) if again else 0)
        return HandedIn(f"{found['name']}_{found['id']}", bool(found["late"]), order)
    if found := MOODLE.fullmatch(name):
        return HandedIn(f"{found['name']}_{found['id']}", order=(0,))
    return HandedIn(name)


def handed_in(entry: Path) -> HandedIn:
    """What the name of a folder or a file tells."""
    if entry.is_dir():
        return read_name(entry.name)
    return read_name(entry.name.partition(NOTEBOOK)[0] if NOTEBOOK in entry.name else entry.stem)


def from_student(entry: Path) -> bool:
    """Whether somebody handed this in: a folder, a notebook, or what a platform named so."""
    if entry.name.startswith((".", "__MACOSX")):
        return False
    return entry.is_dir() or NOTEBOOK in entry.name or bool(handed_in(entry).order)


def notebooks(entry: Path) -> list[Path]:
    """The files that may be notebooks: the one handed in, or those in a folder."""
    if entry.is_file():
        return [entry]
    files = sorted(path for path in entry.rglob(f"*{NOTEBOOK}*") if path.is_file())
    return [path for path in files if not {".ipynb_checkpoints", "__MACOSX"} & {*path.parts}]


def latest(entries: list[Path], name: str) -> list[Path]:
    """One of what a student handed in through a platform: the assignment's notebook, the last."""
    kept = {}
    for entry in entries:
        known = handed_in(entry)
        place = known.student if known.order else entry
        readable = entry.is_dir() and bool(notebooks(entry)) or NOTEBOOK in entry.name
        rank = (readable, name in entry.name, known.order)
        if place not in kept or rank > kept[place][0]:
            kept[place] = rank, entry
    return [entry for _, entry in kept.values()]


def read(course: Path, file: str) -> pd.DataFrame:
    """A table of the class's folder, all texts; empty if it is not there.

    Raises:
        SystemExit: If it is no table.
    """
    path = course / file
    if not path.exists():
        return pd.DataFrame()
    text = decoded(path.read_bytes())
    sign = max(",;\t", key=text.partition("\n")[0].count)  # a spreadsheet's language chooses it
    options = {"sep": sign, "dtype": str, "keep_default_na": False, "index_col": False}
    try:
        return pd.read_csv(StringIO(text), **options)
    except ValueError as error:
        raise SystemExit(
            f"{path} must be a table: a line of names, then as many cells in each line. Received: "
            f"{' '.join(str(error).split())}. Export it anew, or mend that line."
        ) from None


def decoded(data: bytes) -> str:
    """A file's text: UTF-8 with or without a mark, a spreadsheet's UTF-16, or Windows' letters."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def check(course: Path) -> None:
    """Reads the instructor's two files before anybody is graded.

    Raises:
        SystemExit: If one is no table, or holds no times where they should be.
    """
    read(course, "roster.csv")
    times = read(course, "times.csv")
    lacking = {*TIMES} - set(times.columns)
    if len(times) and lacking:
        raise SystemExit(
            f"{course / 'times.csv'} must have the columns {', '.join(TIMES)}. Received: "
            f"{', '.join(times.columns)}."
        )
    late_days(times)


def key(text: str) -> str:
    """A name or a number without case, accents, spaces and signs: *Doe, Zoë* is *doezoe*.

    A disk may hold an accent as a sign of its own, and a platform may leave it out.
    """
    return "".join(sign for sign in normalize("NFKD", text.casefold()) if sign.isalnum())


def people(roster: pd.DataFrame) -> dict:
    """What each row of a roster may be called: to the row's place, or to None where two are."""
    called = {}
    for place, row in enumerate(roster.to_dict("records")):
        names = [value for column, value in row.items() if "name" in column.casefold()]
        wholes = [*row.values(), " ".join(names[:2]), " ".join(names[1::-1])]
        for one in filter(None, {key(whole) for whole in wholes}):
            called[one] = place if called.get(one, place) == place else None
    return called


def place_of(student: str, called: dict):
    """The place of a student in a roster, by the platform's number or by name; None if unknown."""
    name, _, number = student.rpartition("_")
    for one in (number, f"participant{number}", key(name), key(student)):
        if one and called.get(one) is not None:
            return called[one]
    return None


def totals(gradebook: pd.DataFrame) -> pd.DataFrame:
    """Points of each student (rows) in each assignment, and in all; missing where one is."""
    groups = gradebook.groupby(["student", "assignment"])["points"]
    wide = groups.agg(lambda points: points.sum(skipna=False)).unstack()
    return wide.assign(**{TOTAL: wide.sum(axis=1)})


def late_days(times: pd.DataFrame) -> pd.DataFrame:
    """How many days, begun ones whole, each student was late in each assignment."""
    if times.empty:
        return pd.DataFrame(columns=["student", "assignment", "days"])
    try:
        due, handed_in = (
            pd.to_datetime(times[name].str.strip(), utc=True, format="ISO8601")
            for name in TIMES[2:]
        )
    except ValueError as error:
        raise SystemExit(
            f"Times in times.csv must have the form 2026-03-01T12:00. Received: {error}."
        ) from None
    days = np.ceil((handed_in - due) / DAY).clip(lower=0)
    return times[["student", "assignment"]].assign(days=days)


def grades(gradebook: pd.DataFrame, course: Path) -> pd.DataFrame:
    """The wide table: of each student the roster's columns, points, a total and late days."""
    roster, wide = read(course, "roster.csv"), totals(gradebook)
    late = gradebook[gradebook["reason"].str.contains(LATE)].groupby("student")["assignment"]
    wide["late"] = late.unique().map(", ".join)
    days = late_days(read(course, "times.csv"))
    if len(days):
        found = people(pd.DataFrame({"student": wide.index}))
        rows = [place_of(student, found) for student in days["student"]]
        days = days.assign(student=[None if r is None else wide.index[r] for r in rows])
        wide["late days"] = days.groupby("student")["days"].sum()
    if roster.empty:
        return wide.reset_index()
    called = people(roster)
    wide["place"] = [place_of(student, called) for student in wide.index]
    return onto(roster, wide.reset_index(), gradebook)


def onto(roster: pd.DataFrame, wide: pd.DataFrame, gradebook: pd.DataFrame) -> pd.DataFrame:
    """The roster with the points in its own columns where it has them, else in new ones."""
    table, known = roster.copy(), wide.dropna(subset="place").astype({"place": int})
    known = known.drop_duplicates("place").set_index("place")
    most = gradebook.groupby(["student", "assignment"])["max"].sum().groupby("assignment").max()
    heading = [place for place, row in enumerate(roster.to_numpy()) if POSSIBLE in map(key, row)]
    for name in wide.columns.drop(["student", "place"]):
        column = next((own for own in roster.columns if name != TOTAL and name in own), name)
        table[column] = known[name].reindex(range(len(roster)))
        if name in most.index:
            table[column] = table[column].astype(object)
            table.loc[heading, column] = most[name]
    return table


def told(gradebook: pd.DataFrame, name: str, course: Path, seeds: dict) -> list[str]:
    """Sentences on who of the roster is missing, who is not on it, and whose seed is another's."""
    roster = read(course, "roster.csv")
    if roster.empty:
        return []
    students = gradebook.loc[gradebook["assignment"] == name, "student"].unique()
    places = {student: place_of(student, people(roster)) for student in students}
    absent = [
        next(filter(None, row), "").strip()
        for place, row in enumerate(roster.to_numpy())
        if place not in places.values() and POSSIBLE not in map(key, row)
    ]
    strangers = [student for student, place in places.items() if place is None]
    given = next((own for own in roster.columns if own.casefold() == "seed"), None)
    other = [
        f"{student} ran {seed}, not {roster[given].iloc[places[student]]}"
        for student, seed in seeds.items()
        if given and places.get(student) is not None
        if key(roster[given].iloc[places[student]]) != str(seed)
    ]
    lists = {"Nothing handed in": absent, "Not on the roster": strangers, "Another SEED": other}
    return [f"{what}: {'; '.join(who)}." for what, who in lists.items() if who]


def write(gradebook: pd.DataFrame, course: Path) -> pd.DataFrame:
    """Writes grades.csv, in which no cell is a formula, and returns it."""
    table = grades(gradebook, course)
    safe = table.map(lambda cell: as_text(cell) if isinstance(cell, str) else cell)
    safe.to_csv(course / "grades.csv", index=False)
    return table
