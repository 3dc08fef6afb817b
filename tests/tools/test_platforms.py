"""What platforms call files is read; the table that they import has all who are on the roster."""

from unicodedata import normalize

import pandas as pd
import pytest

pytest.importorskip("nbgrader")

from tools.classroom import gradebook, grading, platforms

NAME = "03_measuring_fairness"
CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,03_measuring_fairness (991)
    Points Possible,,,,,16
"Doe, Jane",101,u1,jdoe,A,
"Roe, Jo",102,u2,jroe,A,
"Poe, Al",103,u3,apoe,A,
"""
MOODLE = """\
Identifier,Full name,Email address,seed
Participant 201,Jane Doe,jane@x.org,1
Participant 202,Jo Roe,jo@x.org,2
"""


def book(*rows):
    """A gradebook of students and the points of their two questions."""
    table = [
        {"student": who, "assignment": NAME, "question": asked, "points": points, "max": 8.0}
        | {"misconception": "", "reason": reason}
        for who, reason, *both in rows
        for asked, points in zip("ab", both, strict=True)
    ]
    return pd.DataFrame(table, columns=gradebook.COLUMNS)


@pytest.mark.parametrize(
    "name, student, late",
    [
        ("doejane_101_5501_03_measuring_fairness", "doejane_101", False),
        ("doejane_LATE_101_5501_03_measuring_fairness-2", "doejane_101", True),
        ("Jane Doe_201_assignsubmission_file_", "Jane Doe_201", False),
        ("Jane Doe_201_assignsubmission_file_03_fair", "Jane Doe_201", False),
        ("Jane_Doe", "Jane_Doe", False),
        ("student 03", "student 03", False),
    ],
)
def test_names_of_platforms(name, student, late):
    assert platforms.read_name(name)[:2] == (student, late)


def test_a_student_who_handed_in_twice_is_one_and_the_last_counts(tmp_path):
    files = ["doejane_101_5501_03.ipynb", "doejane_LATE_101_5502_03-1.ipynb", "roejo_102_5_x.ipynb"]
    for file in files:
        (tmp_path / file).touch()
    assert [path.name for path in grading.students(tmp_path)] == files[1:]
    (tmp_path / f"doejane_101_1_{NAME}.ipynb").touch()
    assert len(grading.students(tmp_path, NAME)) == 2
    assert (tmp_path / f"doejane_101_1_{NAME}.ipynb") in grading.students(tmp_path, NAME)


def test_canvas_gets_its_own_columns_back(tmp_path):
    (tmp_path / "roster.csv").write_text(CANVAS)
    rows = book(("doejane_101", platforms.LATE, 8.0, 4.0), ("roejo_102", "", 8.0, None))
    table = platforms.write(rows, tmp_path)
    stored = pd.read_csv(tmp_path / "grades.csv", dtype=str, keep_default_na=False)
    own = "03_measuring_fairness (991)"
    assert stored.columns.tolist()[:6] == CANVAS.splitlines()[0].split(",")
    assert table[own].tolist()[:2] == [16.0, 12.0] and table[own].isna().tolist()[2:] == [True] * 2
    assert stored["late"].tolist() == ["", NAME, "", ""]
    assert platforms.told(rows, NAME, tmp_path, {}) == ["Nothing handed in: Poe, Al."]


def test_moodle_finds_participants_strangers_and_another_seed(tmp_path):
    (tmp_path / "roster.csv").write_text(MOODLE)
    rows = book(("Jo Roe_202", "", 1.0, 2.0), ("X Y_9", "", 1.0, 1.0))
    table = platforms.grades(rows, tmp_path)
    assert table["total"].isna().tolist() == [True, False] and table["total"][1] == 3
    said = platforms.told(rows, NAME, tmp_path, {"Jo Roe_202": 7, "X Y_9": 1})
    assert said == [
        "Nothing handed in: Participant 201.",
        "Not on the roster: X Y_9.",
        "Another SEED: Jo Roe_202 ran 7, not 2.",
    ]


def test_two_of_one_name_are_told_apart_by_their_numbers_alone(tmp_path):
    (tmp_path / "roster.csv").write_text("Identifier,Full name\n1,Jane Doe\n2,Jane Doe\n")
    table = platforms.grades(book(("Jane Doe_2", "", 1.0, 1.0)), tmp_path)
    assert table["total"].isna().tolist() == [True, False]
    assert platforms.grades(book(("Jane Doe", "", 1.0, 1.0)), tmp_path)["total"].isna().all()


def test_late_days_by_time_stamps(tmp_path):
    due = "2026-03-01T12:00"
    times = [("ann", due, "2026-03-01T11:59"), ("ben", due, "2026-03-02T12:01")]
    times = [(who, NAME, *when) for who, *when in times]
    columns = ["student", "assignment", "due", "handed_in"]
    pd.DataFrame(times, columns=columns).to_csv(tmp_path / "times.csv", index=False)
    table = platforms.grades(book(("ann", "", 1.0, 1.0), ("ben", "", 2.0, 2.0)), tmp_path)
    assert table["late days"].tolist() == [0, 2] and table["total"].tolist() == [2, 4]


def test_no_cell_of_the_table_is_a_formula(tmp_path):
    platforms.write(book(("=1+1", "", 1.0, 1.0)), tmp_path)
    assert pd.read_csv(tmp_path / "grades.csv")["student"].tolist() == ["'=1+1"]


ACCENTS = "Name,E-Mail\nZoë Núñez,zoe@x.org\nJörg Weiß,jw@x.org\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("sign", ",;\t")
def test_a_roster_of_any_spreadsheet_finds_names_with_accents(encoding, sign, tmp_path):
    (tmp_path / "roster.csv").write_bytes(ACCENTS.replace(",", sign).encode(encoding))
    # A disk may hold the accent as a sign of its own, and a platform leaves it out.
    rows = book((normalize("NFD", "Zoë Núñez"), "", 1.0, 2.0), ("weissjorg_7", "", 1.0, 0.0))
    table = platforms.grades(rows, tmp_path)
    assert table["Name"].tolist() == ["Zoë Núñez", "Jörg Weiß"]
    assert table["total"].tolist()[0] == 3
    assert platforms.told(rows, NAME, tmp_path, {})[0] == "Nothing handed in: Jörg Weiß."


@pytest.mark.parametrize(
    "file, text, message",
    [
        ("roster.csv", "Name,Email\nann,a\nben,a,b,c\n", "roster.csv must be a table"),
        ("roster.csv", "", "roster.csv must be a table"),
        ("times.csv", "student,due\nann,2026-03-01\n", "must have the columns student, assignment"),
        (
            "times.csv",
            f"student,assignment,due,handed_in\nann,{NAME},1 Mar,2\n",
            "the form 2026-03-01T",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_told_before_anybody_is_graded(file, text, message, tmp_path):
    (tmp_path / file).write_text(text)
    (tmp_path / "release" / NAME).mkdir(parents=True)
    (tmp_path / "ann.ipynb").touch()
    with pytest.raises(SystemExit, match=message):
        grading.grade(NAME, tmp_path, tmp_path)


def test_times_may_have_seconds_or_none_and_nothing_handed_in(tmp_path):
    lines = ["ann,2026-03-01T12:00,2026-03-01 12:00:01", "ben,2026-03-01T12:00Z,"]
    text = "\n".join(line.replace(",", f",{NAME},", 1) for line in lines)
    (tmp_path / "times.csv").write_text(f"student,assignment,due,handed_in\n{text}\n")
    table = platforms.grades(book(("ann", "", 1.0, 1.0), ("ben", "", 2.0, 2.0)), tmp_path)
    assert table["late days"].tolist() == [1, 0]


def test_whatever_a_platform_holds_is_one_student_and_the_notebook_counts(tmp_path):
    files = ["doejane_101_5501_03.ipynb", "doejane_LATE_101_5502_picture.png", "poeal_103_7_03.pdf"]
    files += ["roejo_102_6_03.ipynb.txt", "ann.ipynb.json", "readme.txt"]
    for file in files:
        (tmp_path / file).touch()
    for folder in ("file", "onlinetext"):
        (tmp_path / f"Jane Doe_201_assignsubmission_{folder}_").mkdir()
    (tmp_path / "Jane Doe_201_assignsubmission_file_" / "03.ipynb").touch()
    (tmp_path / "__MACOSX").mkdir()
    found = {grading.student_of(path): path.name for path in grading.students(tmp_path)}
    assert found == {
        "doejane_101": files[0],
        "poeal_103": files[2],
        "roejo_102": files[3],
        "ann": files[4],
        "Jane Doe_201": "Jane Doe_201_assignsubmission_file_",
    }
