"""A cell is stopped for the CPU that it used, or for using none; a slow machine stops nothing."""

import subprocess
import sys
from threading import Event

import psutil
import pytest

from tools.lessons.watching import MEASURABLE, TICK, Patience, Usage, kill

BUSY = "import time\nwhile time.process_time() < {seconds}: pass\n"


@pytest.fixture
def python():
    """Starts Python on some code; whatever is left of it is killed."""
    started = []

    def start(code):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started.append(subprocess.Popen([sys.executable, "-c", code], **pipes))
        return started[-1]

    yield start
    for process in started:
        kill(process.pid)
        process.communicate()


def looks(usage, count, patience=None, stop=None, each=0.0):
    """So many looks, before each of which so much CPU was used."""
    for _ in range(count):
        usage.cpu += each
        usage.look(patience, stop)


@pytest.mark.parametrize(
    "used, reason",
    [
        ((600, 120, 3600), ""),
        ((601, 0, 0), "it used more than 600 CPU seconds"),
        ((0, 121, 0), "it used no CPU for 120 seconds"),
        ((0, 0, 3601), "it took more than 3600 seconds"),
    ],
)
def test_patience_ends_for_a_reason(used, reason):
    assert Patience(600, 120, 3600).ended(*used) == reason


def test_what_computes_is_not_idle_however_few_turns_it_gets():
    usage, patience, stopped = Usage(), Patience(idle=1), []
    looks(usage, 100, patience, stopped.append, each=MEASURABLE / 5)
    assert not stopped
    looks(usage, round(1 / TICK) + 2, patience, stopped.append, each=MEASURABLE / 1000)
    assert stopped == ["it used no CPU for 1 seconds"]
    looks(usage, round(1 / TICK) + 2, patience, stopped.append)
    assert len(stopped) == 2, "what goes on is stopped again"


def test_a_new_cell_begins_anew_and_between_cells_nothing_is_stopped():
    usage, patience, stopped = Usage(), Patience(cpu=1.05), []
    looks(usage, 10, patience, stopped.append, each=0.1)
    usage.begin()
    looks(usage, 5, patience, stopped.append, each=0.1)
    assert usage.end() == pytest.approx(0.5) and usage.cpu == pytest.approx(1.5)
    looks(usage, 10, patience, stopped.append, each=0.1)
    assert not stopped


def test_cpu_seconds_agree_with_what_processes_say_of_themselves(python):
    run = f"subprocess.run([sys.executable, '-c', {BUSY.format(seconds=0.3)!r}])"
    lines = ["import os, subprocess, sys", f"for _ in range(3): {run}", BUSY.format(seconds=0.5)]
    lines += ["print(*os.times()[:4], flush=True)", "input()"]
    process, usage = python("\n".join(lines)), Usage()
    usage.watch(process.pid)
    said = sum(map(float, process.stdout.readline().split()))
    usage.sample()
    usage.stop()
    assert said > 1.3 and usage.cpu == pytest.approx(said, abs=0.2)
    assert usage.peak > 2**20


def test_reason_is_handed_over_and_children_are_killed_too(python):
    child = "print(1, flush=True); input()"
    process = python(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])")
    process.stdout.readline()  # The child has started.
    usage, told, reasons = Usage(), Event(), []
    usage.watch(process.pid, Patience(idle=0.5), lambda why: (reasons.append(why), told.set()))
    usage.begin()
    told.wait()
    usage.stop()
    assert reasons[0] == "it used no CPU for 0.5 seconds"
    family = kill(process.pid)
    assert len(family) == 2 and not psutil.wait_procs(family)[1]
    assert kill(process.pid) == []
