"""Runs every lesson in a clean kernel, measures it, and renders it as HTML."""

import argparse
import html
import os
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import nbformat
import pandas as pd
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter
from tqdm import tqdm

from fairmedl_lite import ladder
from tools import ROOT
from tools.lessons import questions, sources, times
from tools.lessons.solutions import SolvingClient, changed
from tools.lessons.watching import PATIENT, Patience, Usage, kill

PAGES = ROOT / "build" / "course"
HEADLINES = ("auroc", "tpr_sd")
STUDY = ROOT / "results" / "study_adult.csv"
WIDGET_BYTES = 100_000
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}


@dataclass(frozen=True)
class Budget:
    """CPU seconds and memory that a lesson may use; they are told, and judged if `strict`."""

    cell: float = 30
    lesson: float = 120
    course: float = 15 * 60
    megabytes: float = 850
    strict: bool = False
    patience: Patience = Patience()


class Cell(NamedTuple):
    """What a cell took, in seconds of wall time and of all its processors."""

    label: str
    seconds: float = 0.0
    cpu: float = 0.0


@dataclass
class Run:
    """What happened to one lesson."""

    name: str
    title: str = ""
    cells: list[Cell] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0
    megabytes: float = 0.0
    failures: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    answers: dict = field(default_factory=dict)

    @property
    def result(self) -> str:
        """One word: ok or FAILED."""
        return "FAILED" if self.failures else "ok"

    @property
    def longest(self) -> float:
        """Seconds of the slowest cell."""
        return max((cell.seconds for cell in self.cells), default=0.0)

    def hold(self, what: str, used: float, allowed: float, unit: str, strict: bool) -> None:
        """Notes, or counts as a failure if strict, that something used more than allowed."""
        if used > allowed:
            told = self.failures if strict else self.notes
            told.append(f"{what} used {used:.1f} {unit}, its budget is {allowed:g}")

    def judge(self, budget: Budget) -> None:
        """Holds CPU seconds and memory against the budget; wall time is told, never judged."""
        for cell in self.cells:
            self.hold(cell.label, cell.cpu, budget.cell, "CPU seconds", budget.strict)
        self.hold("the lesson", self.cpu, budget.lesson, "CPU seconds", budget.strict)
        self.hold("its kernel", self.megabytes, budget.megabytes, "MB", budget.strict)


@cache
def read_anew(package: str) -> None:
    """Lets the system forget what it holds of a package's libraries in memory.

    It holds those that were installed just now in large pieces, and each kernel maps them whole:
    of a copy of TensorFlow 37 MB more than after it was read anew.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    for path in Path(find_spec(package).origin).parent.rglob("*.so*"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Lesson(SolvingClient):
    """Executes a notebook, measures each of its cells, and ends the kernel of one that hangs."""

    def __init__(self, notebook, run: Run, usage: Usage, patience: Patience, tick, **options):
        options = PATIENT | {"timeout": None} | options
        super().__init__(notebook, kernel_name="python3", coalesce_streams=True, **options)
        self.record_timing = False
        self.extra_arguments = ["--log-level=ERROR"]  # The progress bar owns the terminal.
        self.log.disabled = True  # A failure is told once, in the table's words.
        self.stopped, self.answers = "", run.answers
        self.on_notebook_start = lambda notebook: usage.watch(
            self.km.provisioner.pid, patience, self._stop
        )
        self.on_cell_execute = lambda cell, cell_index: self._start(run, usage, cell)
        self.on_cell_executed = lambda cell, cell_index, execute_reply: self._end(run, usage, tick)

    def _start(self, run, usage, cell):
        first_line = cell.source.strip().splitlines()[0]
        run.cells.append(Cell(f"cell [{len(run.cells) + 1}] `{first_line}`"))
        usage.begin()
        self.started = time.perf_counter()

    def _end(self, run, usage, tick):
        seconds = time.perf_counter() - self.started
        run.cells[-1] = run.cells[-1]._replace(seconds=seconds, cpu=usage.end())
        tick()

    def _stop(self, reason):
        self.stopped = f"was stopped: {reason}"
        kill(self.km.provisioner.pid)


def execute(
    notebook, name: str, folder: Path, budget: Budget, tick=lambda: None, exercises=None
) -> Run:
    """Runs a notebook in a clean kernel; its outputs are stored in it. Never raises for a cell."""
    run, usage, start = Run(name, title_of(notebook) or name), Usage(), time.perf_counter()
    lesson = Lesson(
        notebook, run, usage, budget.patience, tick, resources={"metadata": {"path": str(folder)}}
    )
    lesson.exercises = exercises or {}
    try:
        lesson.execute()
    except CellExecutionError as error:
        run.failures.append(f"{run.cells[-1].label} raised {error.ename}: {error.evalue}")
    except DeadKernelError:
        why = lesson.stopped or "ended the kernel; was there too little memory?"
        run.failures.append(f"{run.cells[-1].label} {why}")
    run.megabytes, run.cpu = usage.stop(), usage.cpu
    run.seconds = time.perf_counter() - start
    run.judge(budget)
    return run


def title_of(notebook) -> str:
    """The first heading of a notebook."""
    lines = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown").splitlines()
    return next((line.lstrip("# ") for line in lines if line.startswith("# ")), "")


def clean(notebook) -> None:
    """Takes out what differs at every execution, and large states of widgets."""
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    if len(str(notebook.metadata.get("widgets", ""))) > WIDGET_BYTES:
        del notebook.metadata["widgets"]


def code_cells(notebook) -> int:
    """How many cells will be executed."""
    return sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells)


def render(notebook, run: Run, pages: Path) -> None:
    """Writes the executed notebook as a page."""
    exporter = HTMLExporter(embed_images=True)
    exporter.log.disabled = True
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": run.title}})
    (pages / f"{run.name}.html").write_text(page, encoding="utf-8")


def index(runs: list[Run]) -> str:
    """A page that links to every lesson."""
    items = "".join(
        f'<li><a href="{run.name}.html">{html.escape(run.title)}</a></li>\n' for run in runs
    )
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>The course</title>\n'
        f"<h1>The course</h1>\n<ol>\n{items}</ol>\n</html>\n"
    )


def prepare(source: Path, write: bool) -> dict:
    """The exercises of a source by name; its questions go into the bank before they are asked."""
    if write:
        questions.write(source)
    return questions.exercises(source) if source.exists() else {}


def run_course(paths: list[Path], budget: Budget, pages: Path, write: bool = False) -> list[Run]:
    """Runs the lessons one after the other, with a progress bar, and renders each."""
    pages.mkdir(parents=True, exist_ok=True)
    read_anew("tensorflow")
    notebooks = {path: sources.read(path) for path in paths}
    runs = []
    with tqdm(total=sum(map(code_cells, notebooks.values())), unit="cell") as bar:
        for path, notebook in notebooks.items():
            bar.set_description(path.stem)
            target, source = sources.notebook_of(path), sources.source_of(path)
            exercises = prepare(source, write)
            runs.append(execute(notebook, path.stem, target.parent, budget, bar.update, exercises))
            if not write:
                runs[-1].failures += changed(runs[-1].answers, questions.stored(source))
            clean(notebook)
            render(notebook, runs[-1], pages)
            if write and not runs[-1].failures:
                nbformat.write(notebook, target)
                questions.write(source, runs[-1].answers)
    (pages / "index.html").write_text(index(runs), encoding="utf-8")
    used = sum(run.cpu for run in runs)
    runs[-1].hold("the course", used, budget.course, "CPU seconds", budget.strict)
    return runs


def table(runs: list[Run]) -> str:
    """A line for each lesson and one for the course, then what went wrong."""
    width = max(len(run.name) for run in runs)
    lines = [f"{'lesson':{width}}  result  seconds  longest cell  CPU seconds  peak MB"]
    for run in runs:
        lines.append(
            f"{run.name:{width}}  {run.result:6}  {run.seconds:7.1f}"
            f"  {run.longest:12.1f}  {run.cpu:11.1f}  {run.megabytes:7.0f}"
        )
    seconds, cpu = sum(run.seconds for run in runs), sum(run.cpu for run in runs)
    lines.append(f"{'all':{width}}  {'':6}  {seconds:7.1f}  {'':12}  {cpu:11.1f}")
    for run in runs:
        lines += [f"FAILED {run.name}: {text}" for text in run.failures]
        lines += [f"note {run.name}: {text} (judged by --strict alone)" for text in run.notes]
    return "\n".join(lines)


def headline(path: Path) -> str:
    """The headline figures of the ladder, from the table that the study wrote."""
    if not path.exists():
        return f"No headline figures: {path.name} is not in the folder {path.parent.name}."
    rows = pd.read_csv(path).fillna({"threshold": "", "attribute": ""})
    rows = rows[(rows["effects"] == "mixed") & rows["metric"].isin(HEADLINES)]
    rows = rows[rows["model"].isin(ladder()) & rows["threshold"].isin(("", "youden"))]
    rows = rows.assign(figure=rows["metric"] + " " + rows["attribute"])
    order = rows["model"].unique()
    figures = rows.pivot(index="model", columns=["part", "figure"], values="mean").loc[order]
    return f"The ladder on Adult ({path.name}):\n{figures.round(3).to_string()}"


def options(arguments=None):
    """The command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="numbers of lessons, such as 00 06")
    parser.add_argument("--write", action="store_true", help="execute the sources into the lessons")
    parser.add_argument(
        "--strict", action="store_true", help="fail past a budget of CPU seconds or memory, as CI"
    )
    return parser.parse_args(arguments)


def main(arguments=None) -> int:
    """Runs the course; the exit status is 1 if a lesson failed, but not for being slow."""
    chosen = options(arguments)
    os.environ.update(QUIET)
    lessons = sources.SOURCES.glob("*.md") if chosen.write else sources.NOTEBOOKS.glob("*.ipynb")
    wanted = tuple(chosen.only) or tuple("0123456789")
    paths = sorted(path for path in lessons if path.name.startswith(wanted))
    if not paths:
        sys.exit(f"No lesson in notebooks/ starts with {' or '.join(chosen.only) or 'a number'}.")
    print(times.expectation([path.stem for path in paths]), flush=True)
    runs = run_course(paths, Budget(strict=chosen.strict), PAGES, chosen.write)
    times.remember(runs)
    print(table(runs), headline(STUDY), sep="\n\n")
    print(f"\nThe lessons as HTML: {(PAGES / 'index.html').relative_to(ROOT).as_posix()}")
    return int(any(run.failures for run in runs))


if __name__ == "__main__":
    sys.exit(main())
