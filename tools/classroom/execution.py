"""Runs one submission in a process of its own, in a sandbox where there is one, within limits."""

import asyncio
import ctypes
import math
import multiprocessing
import os
import shutil
import sys
import textwrap
import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

import psutil
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_output
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from nbgrader.utils import capture_log, is_grade, is_solution
from traitlets import Bool, Instance, Unicode
from traitlets.config import Config

from tools.classroom.sandbox import Sandboxed
from tools.lessons.assignments import question
from tools.lessons.run import QUIET
from tools.lessons.watching import HOUR, PATIENT, Patience, Usage, kill

# A fork of a process that has loaded nbgrader takes half the time; Windows has no forks.
HOW = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PROCESSES = multiprocessing.get_context(HOW)
PROCESSES.set_forkserver_preload([__name__, "nbgrader.preprocessors"])
STOPPED, ALIVE = "KeyboardInterrupt", "CanaryAlive"
PR_SET_CHILD_SUBREAPER = 36  # of <linux/prctl.h>
STUDENT = "student"  # within the private folder: a real name may hold what nbgrader cannot take
FOLDER = "answer"  # the one folder that a submission may write to
# The same test, of an answer that knows nothing: who has disarmed the tests passes this one too.
CANARY = """\
_answer, {asked} = {asked}, lambda *_, **__: None
try:
{test}
finally:
    {asked} = _answer
    del _answer
"""


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
        disk: Megabytes that it may write.
        processes: How many processes it may have at once.
    """

    cell: float = 120
    seconds: float = 600
    megabytes: float = 2000
    idle: float = 120
    wall: float = HOUR
    disk: float = 500
    processes: int = 100


class Stopping(Execute):
    """nbgrader's execution; a cell is stopped for what it uses, not for the time that it takes."""

    patience = Instance(Patience, ()).tag(config=True)
    sandbox = Bool(False).tag(config=True)
    folder = Unicode("").tag(config=True)
    usage, reason = None, ""

    def preprocess(self, nb, resources=None, km=None):
        """Runs a notebook; says why its kernel was ended, if a cell could not be stopped.

        What the notebook has started ends with it: it could change what is written next.
        """
        before = set(children())
        if self.folder:
            resources["metadata"]["path"] = self.folder
        # nbclient makes itself anew here, and would go back to its own kernels.
        self.kernel_manager_class = Sandboxed if self.sandbox else AsyncKernelManager
        try:
            return super().preprocess(nb, resources, km)
        except DeadKernelError as error:
            raise DeadKernelError(self.reason or str(error)) from error
        finally:
            if self.usage:
                self.usage.stop()
            self.usage = None
            for child in set(children()) - before:
                kill(child.pid)

    def create_kernel_manager(self):
        """Keeps the connection file in the folder that a sandbox shares with its kernel."""
        manager = super().create_kernel_manager()
        if self.sandbox:
            manager.connection_file = str(Path(self.folder) / "kernel.json")
        return manager

    def preprocess_cell(self, cell, resources, index):
        """Runs a cell. Before a test, the same test must fail on an answer that knows nothing."""
        alive = _is_test(cell) and not self._fails(canary(cell), index)
        cell, resources = super().preprocess_cell(cell, resources, index)
        if alive:
            cell.outputs.append(new_output("error", ename=ALIVE, evalue="", traceback=[]))
        return cell, resources

    def _fails(self, cell, index):
        self.execute_cell(cell, index, store_history=False)
        return any(output.output_type == "error" for output in cell.outputs)

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


def _is_test(cell):
    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def canary(cell):
    """A test's cell that asks an answer which knows nothing, in place of the student's."""
    asked, test = question(cell.metadata.nbgrader.grade_id), textwrap.indent(cell.source, "    ")
    return new_code_cell(CANARY.format(asked=asked, test=test))


def run(private: Path, name: str, limits: Limits, sandbox: bool = False) -> None:
    """Runs nbgrader on the one submission of a private course folder."""
    (private / FOLDER).mkdir()
    given = (private, name, limits, sandbox)
    process = PROCESSES.Process(target=_nbgrader, args=given, daemon=True)
    process.start()
    watch(process, limits, private)
    if process.exitcode:
        log = private / "log"  # a process that could not begin has none
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        raise NotGraded(f"nbgrader gave up: {last_error(text)}")


def _nbgrader(private, name, limits, sandbox):
    """Grades, in a process of its own; what it and its kernel say goes into a log."""
    import resource  # Windows has none, and grades nobody

    os.environ.update(QUIET)
    adopt_orphans()
    end_with_parent(private)
    most = int(limits.disk * 2**20)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # of one file, its kernel's too
    with (private / "log").open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        place = CourseDirectory(root=str(private), assignment_id=name, student_id=STUDENT)
        patience = Patience(limits.cell, limits.idle, limits.wall)
        settings = {"timeout": None, "patience": patience, "sandbox": sandbox}
        settings |= PATIENT | {"folder": str(private / FOLDER)}
        grader = Autograde(coursedir=place, config=Config({"Stopping": settings}))
        steps = grader.autograde_preprocessors
        grader.autograde_preprocessors = [Stopping if step is Execute else step for step in steps]
        done = capture_log(grader)
        log.write(done.get("log", done.get("error", "")))  # nbgrader may have nothing to say
    sys.exit(not done["success"])


def adopt_orphans() -> None:
    """Makes processes that lose their parent children of this one; Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def children() -> list[psutil.Process]:
    """The processes that this one has started, and those that these have."""
    return psutil.Process().children(recursive=True)


def end_with_parent(private: Path) -> None:
    """Ends this process, all its children and its folder when the process that grades is gone."""
    parent = multiprocessing.parent_process()

    def follow():
        wait([parent.sentinel])
        for child in children():
            kill(child.pid)
        shutil.rmtree(private, ignore_errors=True)
        os._exit(1)

    if parent:
        Thread(target=follow, daemon=True).start()


def watch(process, limits: Limits, private: Path | None = None) -> None:
    """Waits for a process; past a limit it is ended with all its children."""
    usage, patience = Usage(), Patience(limits.seconds, math.inf, limits.wall)
    usage.watch(process.pid)
    looked = time.monotonic()
    try:
        while process.is_alive():
            if usage.peak > limits.megabytes * 2**20:
                raise NotGraded(f"stopped: it took more than {limits.megabytes} MB of memory")
            if reason := usage.ended(patience):
                raise NotGraded(f"stopped: {reason}")
            if time.monotonic() - looked > 0.5:  # the disk is asked less often
                _look(process, limits, private)
                looked = time.monotonic()
            process.join(0.1)
    finally:
        usage.stop()
        family = [member for started in usage.left() for member in kill(started.pid)]
        psutil.wait_procs(family, timeout=10)


def _look(process, limits, private):
    """Raises if a submission holds too much of the disk, or too many processes."""
    if private and written(private) > limits.disk * 2**20:
        raise NotGraded(f"stopped: it wrote more than {limits.disk} MB")
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        return
    if len(family) > limits.processes:
        raise NotGraded(f"stopped: it had more than {limits.processes} processes")


def written(folder: Path) -> int:
    """The bytes that a folder's files take on the disk."""
    total = 0
    for place, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.lstat(os.path.join(place, file)).st_blocks * 512
            except OSError:  # it is gone
                continue
    return total


def last_error(log: str) -> str:
    """The last line of a log that names an error."""
    lines = [text.strip() for text in log.splitlines() if text.strip()] or ["it left no log"]
    named = [text for text in lines if text.split(":")[0].endswith(("Error", "Exception"))]
    return " ".join([*lines[-1:], *named][-1].split())[:300]
