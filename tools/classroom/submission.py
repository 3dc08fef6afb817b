"""Grades one submission in a process of its own, within limits, whatever is wrong with it."""

import asyncio
import math
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from nbclient.exceptions import DeadKernelError
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from nbgrader.utils import capture_log, determine_grade, is_grade, is_locked
from traitlets import Instance
from traitlets.config import Config

from tools.lessons.assignments import question
from tools.lessons.run import QUIET
from tools.lessons.watching import HOUR, PATIENT, Patience, Usage, kill

# A fork of a process that has loaded nbgrader takes half the time; Windows has no forks.
HOW = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PROCESSES = multiprocessing.get_context(HOW)
PROCESSES.set_forkserver_preload([__name__, "nbgrader.preprocessors"])
STOPPED = "KeyboardInterrupt"
STUDENT = "student"  # within the private folder: a real name may hold what nbgrader cannot take


class NotGraded(Exception):
    """Why a submission has no points: somebody has to look at it."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use. A busy machine is no student's fault: CPU seconds are counted.

    Args:
        cell: CPU seconds of a cell; one that uses more is stopped, and the next one is run.
        seconds: CPU seconds of the whole submission.
        megabytes: Memory of all its processes.
        idle: Seconds in which a cell may use no CPU.
        wall: Seconds of wall time, far beyond any that a right submission takes.
    """

    cell: float = 120
    seconds: float = 600
    megabytes: float = 2000
    idle: float = 120
    wall: float = HOUR


class Stopping(Execute):
    """nbgrader's execution; a cell is stopped for what it uses, not for the time that it takes."""

    patience = Instance(Patience, ()).tag(config=True)
    usage, reason = None, ""

    def preprocess(self, *arguments, **settings):
        """Runs a notebook; says why its kernel was ended, if a cell could not be stopped."""
        try:
            return super().preprocess(*arguments, **settings)
        except DeadKernelError as error:
            raise DeadKernelError(self.reason or str(error)) from error
        finally:
            if self.usage:
                self.usage.stop()
            self.usage = None

    def on_cell_execute(self, **_):
        """Counts anew. The first cell has just got its kernel."""
        if self.usage is None:
            self.usage = Usage()
            self.usage.watch(self.km.provisioner.pid, self.patience, self._stop)
        self.reason = ""
        self.usage.begin()

    def on_cell_executed(self, cell, **reply):
        """Writes into the error of a stopped cell why it was stopped."""
        self.usage.end()
        super().on_cell_executed(cell=cell, **reply)
        for output in cell.outputs:
            if output.get("ename") == STOPPED:
                output.evalue = self.reason

    def _stop(self, reason):
        if self.reason:  # It was interrupted before, and goes on.
            kill(self.km.provisioner.pid)
        else:
            self.reason = reason
            asyncio.run(self.km.interrupt_kernel())


def autograde(entry: Path, course: Path, name: str, limits: Limits):
    """The graded notebook of a student's folder, or file, and what was mended before.

    Raises:
        NotGraded: If no notebook could be read, or its run was stopped.
    """
    release = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    notebook, notes = find(entry, release, name)
    notes += restore(notebook, release)
    with tempfile.TemporaryDirectory(prefix="grade_", ignore_cleanup_errors=True) as place:
        private = Path(place)
        shutil.copy(course / "gradebook.db", private)
        handed_in = private / "submitted" / STUDENT / name
        handed_in.mkdir(parents=True)
        nbformat.write(notebook, handed_in / f"{name}.ipynb")
        run(private, name, limits)
        graded = private / "autograded" / STUDENT / name / f"{name}.ipynb"
        return nbformat.read(graded, as_version=4), notes


def find(entry: Path, release, name: str):
    """The notebook that answers this assignment, by its questions: a file may be renamed."""
    files = [entry] if entry.is_file() else sorted(entry.rglob("*.ipynb"))
    files = [path for path in files if ".ipynb_checkpoints" not in path.parts]
    reason, found = "no notebook was handed in", []
    for path in files:
        try:
            notebook = nbformat.read(path, as_version=4)
            known = {_grade_id(cell) for cell in notebook.cells} & set(_graded_ids(release))
        except Exception as error:  # a student's file may hold anything
            reason = f"{path.name} is no notebook: {_line(str(error))}"
            continue
        if known:
            found.append((path.stem == name, path.stat().st_mtime, path.name, notebook))
        else:
            reason = f"{path.name} holds no question of this assignment"
    if not found:
        raise NotGraded(reason)
    exact, _, file, notebook = max(found, key=lambda one: one[:3])
    return notebook, [] if exact or entry.is_file() else [f"handed in as {file}"]


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


def run(private: Path, name: str, limits: Limits) -> None:
    """Runs nbgrader on the one submission of a private course folder."""
    process = PROCESSES.Process(target=_nbgrader, args=(private, name, limits))
    process.start()
    watch(process, limits)
    if process.exitcode:
        log = (private / "log").read_text(encoding="utf-8", errors="replace")
        raise NotGraded(f"nbgrader gave up: {_last_error(log)}")


def _nbgrader(private, name, limits):
    """Grades, in a process of its own; what it and its kernel say goes into a log."""
    os.environ.update(QUIET)
    with (private / "log").open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        place = CourseDirectory(root=str(private), assignment_id=name, student_id=STUDENT)
        patience = Patience(limits.cell, limits.idle, limits.wall)
        settings = PATIENT | {"timeout": None, "patience": patience}
        grader = Autograde(coursedir=place, config=Config({"Stopping": settings}))
        steps = grader.autograde_preprocessors
        grader.autograde_preprocessors = [Stopping if step is Execute else step for step in steps]
        done = capture_log(grader)
        log.write(done.get("log", done.get("error", "")))  # nbgrader may have nothing to say
    sys.exit(not done["success"])


def watch(process, limits: Limits) -> None:
    """Waits for a process; past a limit it is ended with all its children."""
    usage, patience = Usage(), Patience(limits.seconds, math.inf, limits.wall)
    usage.watch(process.pid)
    try:
        while process.is_alive():
            if usage.peak > limits.megabytes * 2**20:
                raise NotGraded(f"stopped: it took more than {limits.megabytes} MB of memory")
            if reason := usage.ended(patience):
                raise NotGraded(f"stopped: {reason}")
            process.join(0.1)
    finally:
        usage.stop()
        if process.is_alive():
            psutil.wait_procs(kill(process.pid), timeout=10)


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
    if given and not is_grade(cell) and any(o.get("ename") == STOPPED for o in cell.outputs):
        raise NotGraded(f"the given cell {_grade_id(cell)} was stopped: allow more with --cell")


def _judged(row, names):
    """A question's row with the misconception that its errors name, and the reason for a loss."""
    errors = row.pop("errors")
    told = [(name, text) for text in errors for name in names if name in text]
    reason = told[0][1] if told else (errors or ["not answered"])[0]
    if row["points"] != row["points"]:
        reason = "to be graded by hand"
    lost = row["points"] != row["max"]
    return row | {"misconception": told[0][0] if told and lost else "", "reason": reason * lost}


def _errors(cell):
    """The errors that a cell shows, a line each."""
    errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
    return [_said(error.ename, _line(error.evalue)) for error in errors]


def _said(kind, text):
    if kind == "NotImplementedError":
        return "not answered"
    if kind == STOPPED:
        return f"a cell was stopped: {text or 'it was interrupted'}"
    return text if kind == "AssertionError" and text else f"{kind}: {text}".rstrip(": ")


def _last_error(log):
    """The last line of a log that names an error."""
    lines = [line.strip() for line in log.splitlines() if line.strip()] or ["it left no log"]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return _line([*lines[-1:], *named][-1])


def _line(text):
    return re.sub(r"\s+", " ", text).strip()[:300]


def _grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _graded_ids(release):
    return filter(None, map(_grade_id, release.cells))
