"""Whatever is handed in is graded, or has a reason; wrong answers lose their points."""

import re
import subprocess
import sys
from copy import deepcopy

import nbformat
import pandas as pd
import pytest
import yaml

pytest.importorskip("nbgrader")
if sys.platform == "win32":
    pytest.skip("grading is made for Linux and macOS", allow_module_level=True)

import instant_study as instant
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook
from nbgrader.utils import is_grade, is_locked, is_solution

from tools.classroom import execution, grading, items, submission
from tools.lessons import assignments
from tools.lessons.sources import ROOT
from tools.lessons.watching import PATIENT, Patience

NAMES = assignments.names()
FIRST = NAMES[0]
# nbgrader gives each student a kernel of its own: of the other assignments `make test-guide` asks.
WITH_NBGRADER = [
    name if name == FIRST else pytest.param(name, marks=pytest.mark.slow) for name in NAMES
]
LOOP = "import time\nwhile True:\n    time.sleep(1)"
LIMITS = execution.Limits(idle=20)


def read(name):
    """The source of an assignment; the one with a study has one that takes no time."""
    return instant.read() if name == instant.NAME else assignments.read(name)


def grade_id(cell):
    return cell.metadata.nbgrader.grade_id


def asked_by(cell):
    return assignments.question(grade_id(cell))


def solutions(name):
    cells = filter(is_solution, assignments.read(name).cells)
    return {cell.metadata.nbgrader.grade_id: cell.source for cell in cells}


def tamper(notebook):
    """Tests that always pass, and points for nothing."""
    for cell in notebook.cells:
        if is_test(cell):
            cell.source = "100"
            cell.metadata.nbgrader.update(points=100, locked=False, solution=True)


def is_test(cell):
    return is_grade(cell) and not is_solution(cell)


def delete_tests(notebook):
    """One question's tests are gone, and those of the others always pass."""
    tests = [cell for cell in notebook.cells if is_test(cell)]
    gone = [cell for cell in tests if asked_by(cell) == asked_by(tests[0])]
    notebook.cells = [cell for cell in notebook.cells if cell not in gone]
    tamper(notebook)


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One course for all assignments: nbgrader takes seconds to make its database."""
    return tmp_path_factory.mktemp("course")


@pytest.fixture(scope="module")
def course(name, folder):
    """The release and the instructor's version. The networks are trained in the guide's test."""
    instant.release(folder) if name == instant.NAME else grading.release(name, folder)
    return folder


@pytest.fixture(scope="module")
def release(name, course):
    return nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def answers(name):
    """What wrong students answer: the solution, but for the question that one has in mind."""
    return [
        solutions(name) | {asked: one["code"] for asked, one in wrong.items() if one}
        for wrong in assignments.wrong_submissions(name)
    ]


@pytest.fixture(scope="module")
def graded(name, course, release, answers, tmp_path_factory):
    """The table of a class: a wrong answer; in the first, nothing done and odd cases too.

    Each run of nbgrader has a kernel of its own, and takes seconds.
    """
    folder = tmp_path_factory.mktemp("submissions")

    def hand_in(student, answers, change=None, file=name):
        notebook = deepcopy(release)
        assignments.answer(notebook, answers)
        if change:
            change(notebook)
        (folder / student).mkdir()
        nbformat.write(notebook, folder / student / f"{file}.ipynb")

    # Tests that were deleted or changed are put back; the file has another name.
    hand_in("wrong 0", answers[0], delete_tests, "copy")
    if name == FIRST:
        hand_in("untouched", {}, tamper)
        for number, wrong in enumerate(answers[1:], start=1):
            hand_in(f"wrong {number}", wrong)
        first = next(iter(assignments.wrong_answers(name)))
        hand_in("loop", solutions(name) | {first: LOOP})
        (folder / "empty").mkdir()
        (folder / "broken.ipynb").write_text('{"cells": [')
    return grading.grade(name, folder, course, LIMITS).set_index(["student", "question"])


@pytest.fixture(scope="module")
def kernel(folder):
    """One kernel for the wrong answers of all assignments: it starts and loads modules once."""
    options = PATIENT | {"timeout": None, "extra_arguments": grading.KERNEL, "allow_errors": True}
    options["resources"] = {"metadata": {"path": str(folder)}}
    client = NotebookClient(new_notebook(), kernel_name="python3", **options)
    with client.setup_kernel():
        yield client


@pytest.fixture(scope="module")
def earned(name, release, kernel):
    """What answers earn, by question, as all of them run in one kernel, one after the other.

    That it is what nbgrader gives them is tested too; a kernel each would take minutes.
    """
    source = {grade_id(cell): cell.source for cell in read(name).cells if is_locked(cell)}
    wrong = assignments.wrong_answers(name)
    named = {asked: [one["misconception"] for one in answers] for asked, answers in wrong.items()}

    def earn(answers):
        notebook = deepcopy(release)
        assignments.answer(notebook, answers)
        for cell in filter(is_locked, notebook.cells):
            cell.source = source[grade_id(cell)]
        execute(notebook, kernel)
        return submission.marks(notebook, named)

    return earn


@pytest.fixture(scope="module")
def tested(answers, earned):
    """What each wrong submission earns."""
    return list(map(earned, answers))


def execute(notebook, kernel):
    """Before a notebook the kernel forgets everything but the modules that it has loaded."""
    kernel.nb = new_notebook(cells=[new_code_cell("%reset -f"), *notebook.cells])
    for number, cell in enumerate(kernel.nb.cells):
        kernel.execute_cell(cell, number)


def of_code(table):
    """Without the written question, the last one."""
    return table.drop(index=table.index[-1])


def test_source_is_formatted(name, tmp_path):
    path = tmp_path / "source.ipynb"
    nbformat.write(assignments.read(name), path)
    config = f"--config={ROOT / 'pyproject.toml'}"
    # Hidden tests stand on their own: they import what other cells imported too (F811).
    for command in (["check", "--extend-ignore=F811"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, config, str(path)], capture_output=True
        )
        assert done.returncode == 0, done.stdout.decode()


def test_questions_have_wrong_answers_that_their_hidden_tests_name(name):
    cells = [cell for cell in assignments.read(name).cells if is_grade(cell)]
    wrong = assignments.wrong_answers(name)
    written = [cell for cell in cells if is_solution(cell)]
    assert 3 <= len(wrong) + len(written) <= 6 and len(written) == 1
    assert "**Rubric.**" in written[0].source and "**Three samples.**" in written[0].source
    for asked, answers in wrong.items():
        hidden = next(c.source for c in cells if c.metadata.nbgrader.grade_id == f"{asked}-hidden")
        hidden = re.sub(r'"\s*\n\s*"', "", hidden)  # strings that go on in the next line
        assert len(answers) >= 3
        for one in answers:
            assert f'"{one["misconception"]}:' in hidden, one["misconception"]


def test_release_gives_nothing_away(release):
    text = "".join(cell.source for cell in release.cells)
    assert "raise NotImplementedError()" in text and "YOUR ANSWER HERE" in text
    for mark in ("SOLUTION", "HIDDEN", "Rubric"):
        assert mark not in text


def test_what_students_get_runs_without_what_grades(release):
    code = [cell.source for cell in release.cells if cell.cell_type == "code"]
    assert "google.colab" in code[0]
    for line in "\n".join(code).splitlines():
        assert not re.match(r"\s*(from|import) (nbgrader|tools)\b", line), line


def test_solution_gets_full_marks(name, course):
    path = course / "solution" / name / f"{name}.ipynb"
    earned = submission.marks(nbformat.read(path, as_version=4), {})
    for row in of_code(pd.DataFrame(earned).T).itertuples():
        assert row.points == row.max and not row.reason, row


def test_untouched_release_gets_nothing(earned):
    rows = pd.DataFrame(earned({})).T
    assert (rows["points"] == 0).all() and (rows["reason"] == "not answered").all()
    assert rows["max"].max() < 100


@pytest.mark.parametrize("name", [FIRST], indirect=True)
def test_untouched_release_gets_nothing_though_its_tests_were_changed(graded):
    rows = graded.loc["untouched"]
    assert (rows["points"] == 0).all() and (rows["reason"] == "not answered").all()
    assert rows["max"].max() < 100


def test_each_wrong_answer_loses_its_points_and_is_named(name, tested):
    for wrong, rows in zip(assignments.wrong_submissions(name), tested, strict=True):
        for asked, one in wrong.items():
            row, expected = rows[asked], one or {"loses": 0}
            assert row["max"] - row["points"] == expected["loses"], (asked, one, row["reason"])
            assert row["misconception"] == expected.get("misconception", ""), row["reason"]


@pytest.mark.parametrize("name", WITH_NBGRADER, indirect=True)
def test_nbgrader_gives_a_wrong_submission_the_same(name, graded, tested):
    for number, rows in enumerate(tested if name == FIRST else tested[:1]):
        found = graded.loc[f"wrong {number}"]
        assert found.index.tolist() == list(rows)
        for (_, row), expected in zip(found.iterrows(), rows.values(), strict=True):
            assert row["points"] == pytest.approx(expected["points"], nan_ok=True)
            assert row[["max", "misconception"]].to_dict().items() <= expected.items()
            assert row["reason"].endswith(expected["reason"])


@pytest.mark.parametrize("name", WITH_NBGRADER, indirect=True)
def test_what_was_mended_is_told(graded):
    reasons = graded.loc["wrong 0", "reason"]
    assert reasons.str.contains("put back: .*-hidden").all()
    assert reasons.str.startswith("handed in as copy.ipynb").all()


@pytest.mark.parametrize("name", WITH_NBGRADER, indirect=True)
def test_written_answer_waits_for_a_person(graded, tested):
    *_, written = tested[2].values()
    assert pd.isna(written["points"]) and written["reason"] == "to be graded by hand"
    written = graded.loc["wrong 0"].iloc[-1]
    assert pd.isna(written["points"]) and written["reason"].endswith("; to be graded by hand")


@pytest.mark.parametrize("name", [FIRST], indirect=True)
def test_odd_submissions_have_a_reason_and_stop_nobody(graded):
    assert set(graded.loc["empty", "reason"]) == {"no notebook was handed in"}
    assert graded.loc["broken", "reason"].str.contains("broken.ipynb is no notebook").all()
    assert graded.loc[["empty", "broken"], "points"].isna().all()
    looped, *others = of_code(graded.loc["loop"]).itertuples()
    assert looped.points == 0
    assert looped.reason == "a cell was stopped: it used no CPU for 20 seconds"
    assert all(row.points == row.max for row in others)


@pytest.mark.parametrize("name", [FIRST], indirect=True)
def test_feedback_takes_points_given_by_hand(name, course, graded):
    (asked,) = set(graded.loc["wrong 0"].index) - set(assignments.wrong_answers(name))
    first = next(iter(assignments.wrong_answers(name)))
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        book.find_grade(asked, name, name, "wrong 0").manual_score = 2.5
        book.find_grade(f"{first}-hidden", name, name, "wrong 1").manual_score = 2
        book.db.commit()
    table = grading.feedback(name, course).set_index(["student", "question"])
    changed = table["points"].notna() & graded["points"].isna()
    assert table[changed].index.tolist() == [("wrong 0", asked)]
    assert table[changed]["points"].item() == 2.5
    overruled = ("wrong 1", first)
    assert table.loc[overruled, "points"] == graded.loc[overruled, "points"] + 2
    wrong = next(iter(assignments.wrong_submissions(name)[0].values()))
    page = course / "feedback" / "wrong 0" / name / f"{name}.html"
    assert wrong["misconception"] in page.read_text()
    assert "<img alt=" in (course / "items.html").read_text()


@pytest.mark.parametrize(
    "code, limits, reason",
    [
        ("while True: pass", {"seconds": 0.5}, "more than 0.5 CPU seconds"),
        ("import time; time.sleep(1e5)", {"wall": 0.5}, "more than 0.5 seconds"),
        ("x = bytearray(b'x') * 2**29; import time; time.sleep(1e5)", {"megabytes": 400}, "400 MB"),
        (
            "import subprocess, sys; subprocess.run([sys.executable, '-c', "
            "'x = bytearray(b\"x\") * 2**29; import time; time.sleep(1e5)'])",
            {"megabytes": 400},
            "400 MB",
        ),
    ],
    ids=["CPU", "wall", "memory", "memory of a child"],
)
def test_a_process_past_its_limits_is_ended(code, limits, reason):
    process = execution.PROCESSES.Process(target=exec, args=(code,))
    process.start()
    with pytest.raises(execution.NotGraded, match=reason):
        execution.watch(process, execution.Limits(**limits))
    process.join()
    assert process.exitcode < 0


def test_a_loop_that_cannot_be_interrupted_is_ended_and_names_the_reason(tmp_path):
    # A loop that catches the interruption lets it through, one time in fifteen.
    stubborn = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    notebook = new_notebook(cells=[new_code_cell(stubborn)])
    execute = execution.Stopping(timeout=None, patience=Patience(cpu=3))
    with pytest.raises(DeadKernelError, match="it used more than 3 CPU seconds"):
        execute.preprocess(notebook, {"metadata": {"path": str(tmp_path)}})


def test_a_given_cell_that_was_stopped_is_not_the_students_fault():
    role = {"grade_id": "data", "locked": True, "grade": False, "solution": False}
    stopped = nbformat.v4.new_output("error", ename="KeyboardInterrupt", evalue="", traceback=[])
    cell = new_code_cell("import this", metadata={"nbgrader": role}, execution_count=1)
    cell.outputs = [stopped]
    with pytest.raises(execution.NotGraded, match="--cell"):
        submission.marks(new_notebook(cells=[cell]), {})
    cell.update(outputs=[], execution_count=None)
    with pytest.raises(execution.NotGraded, match="was not run"):
        submission.marks(new_notebook(cells=[cell]), {})


def test_items_by_hand():
    rows = [
        ("a", "q", 1.0, "Chance taken for signal"),
        ("b", "q", 1.0, "Chance taken for signal"),
        ("c", "q", 4.0, ""),
        ("d", "q", None, ""),
        ("a", "r", 0.0, ""),
        ("b", "r", 2.0, ""),
    ]
    table = pd.DataFrame(rows, columns=["student", "question", "points", "misconception"])
    table["reason"] = ""
    most = table["question"].map({"q": 4, "r": 2})
    found = items.analyse(table.assign(assignment="01", max=most))
    assert found["question"].tolist() == ["q", "r"]
    assert found["misconception"].tolist() == ["Chance taken for signal", items.OTHER]
    assert found["students"].tolist() == [2, 1] and found["lost"].tolist() == [6, 2]
    assert found["share"].tolist() == [6 / 12, 2 / 4]
    alt = items.plot(found).alt
    assert (
        "Question 01 q cost most, 6 of 8 points" in alt and "Chance taken for signal (01 q)" in alt
    )


def test_nothing_lost_and_nothing_graded(tmp_path):
    columns = ["student", "assignment", "question", "points", "max", "misconception", "reason"]
    rows = pd.DataFrame([("a", "01", "q", 4.0, 4.0, "", ""), ("b", "01", "q", None, 4.0, "", "")])
    assert items.write(rows.set_axis(columns, axis=1), tmp_path).empty
    assert items.NOBODY in (tmp_path / "items.html").read_text()
    assert items.words(items.analyse(rows.set_axis(columns, axis=1))) == items.NOBODY


@pytest.mark.parametrize(
    "reason, kind",
    [
        ("not answered", "not answered"),
        ("handed in as copy.ipynb; not answered", "not answered"),
        ("a cell was stopped: it used no CPU for 20 seconds", "stopped"),
        ("KeyError: 'group'", "crashed"),
        ("put back: a-hidden; TypeError: 'int' object; not answered here", "crashed"),
        ("AssertionError", items.OTHER),
        ("Not yet: the shares. Your value is too large.", items.OTHER),
        ("graded by hand", "graded by hand"),
    ],
)
def test_what_is_no_misconception_stands_apart(reason, kind):
    row = {"assignment": "01", "question": "q", "points": 0.0, "max": 4.0, "misconception": ""}
    assert items.analyse(pd.DataFrame([row | {"reason": reason}]))["misconception"].item() == kind


def test_feedback_begins_with_the_sentence_for_the_student():
    role = {"grade_id": "rates-hidden", "grade": True, "solution": False, "locked": True}
    wrong = nbformat.v4.new_output("error", ename="AssertionError", evalue="Not yet: a <b>.")
    cells = [new_code_cell("assert False", metadata={"nbgrader": role}) for _ in range(2)]
    cells[0].outputs = [wrong]
    sentence, *rest = submission.explained(new_notebook(cells=list(cells))).cells
    assert sentence.source == "**rates:** this test found\n\n    Not yet: a <b>."
    assert sentence.cell_type == "markdown" and rest == cells


def test_the_instructors_workflow_runs_what_make_test_runs():
    workflow = yaml.safe_load((ROOT / "docs" / "classroom" / "nbval.yml").read_text())
    *_, last = workflow["jobs"]["lessons"]["steps"]
    flags = re.search(r"^NBVAL = (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert set(flags.split()) <= set(last["run"].split())


def test_two_of_one_name_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a.ipynb").touch()
    with pytest.raises(SystemExit, match="Received: 2, twice: a"):
        grading.grade(FIRST, tmp_path, tmp_path)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["grade", "03", "/nowhere"], "must exist. Received: /nowhere"),
        (["grade"], "Name one assignment|must exist"),
        (["release", "99"], "Received: '99'"),
    ],
)
def test_wrong_calls_are_explained(arguments, message):
    with pytest.raises(SystemExit, match=message):
        grading.main(arguments)


def test_grading_before_a_release_says_what_to_run(tmp_path):
    (tmp_path / "ann.ipynb").touch()
    with pytest.raises(SystemExit, match="holds no release of .*Run `release` first"):
        grading.grade(FIRST, tmp_path, course=tmp_path / "empty")
