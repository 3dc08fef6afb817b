"""The instructor's kit of each lesson: goals, misconceptions and rubric, from the lesson itself."""

import ast
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
from nbgrader.utils import is_grade, is_solution

from fairmedl_lite.course import bank
from tools.lessons import assignments, slides, sources
from tools.lessons.run import title_of
from tools.lessons.times import MEASURED

TIME = re.compile(r"Time: ([^.]+)\.")
CHECK = re.compile(r'^check\("(\d\d\.\w+)"', re.MULTILINE)
HEADS = ("where", "misconception", "what to say", "points lost")


@dataclass(frozen=True)
class Mistake:
    """A misconception, where it shows, and what to say about it."""

    where: str
    name: str
    say: str
    loses: int = 0

    @property
    def sentence(self) -> str:
        """What to say, as a sentence of its own."""
        return self.say[0].upper() + self.say[1:]


def strings(tree) -> list[str]:
    """The strings of a piece of code; what a number is put into has dots in its place."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(part.value if is_text(part) else "…" for part in node.values))
        elif is_text(node):
            found.append(node.value)
    return found


def is_text(node) -> bool:
    """Whether a piece of code is a plain string."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def in_lesson(notebook) -> list[Mistake]:
    """The misconceptions of a lesson's guesses, quizzes and exercises."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return [mistake for source in code for mistake in (*guessed(source), *exercised(source))]


def guessed(source: str) -> list[Mistake]:
    """The misconceptions of the guesses and quizzes of a cell."""
    return [
        Mistake(f"{question.kind}: {question.text} “{option}”", name, say)
        for question in slides.questions(source)
        for option, (name, say) in question.wrong.items()
    ]


def exercised(source: str) -> list[Mistake]:
    """The misconceptions that the checks of a cell tell apart."""
    exercises = [bank.find(name, "what") for name in CHECK.findall(source)]
    return [
        Mistake(f"exercise: {exercise['what']}", *hint.split(": ", 1))
        for exercise in exercises
        for hint in exercise["hints"]
        if ": " in hint
    ]


def in_assignment(name: str) -> list[Mistake]:
    """The misconceptions of an assignment's questions, and the points each loses."""
    tests, found = hidden_tests(name), []
    for question, answers in assignments.wrong_answers(name).items():
        told = strings(ast.parse(tests[question]))
        for one in answers:
            start = f"{one['misconception']}: "
            say = next(text for text in told if text.startswith(start)).removeprefix(start)
            found.append(Mistake(question, one["misconception"], say, one["loses"]))
    return found


def hidden_tests(name: str) -> dict:
    """Question to the code of its tests."""
    tests = {}
    for cell in filter(is_grade, assignments.read(name).cells):
        question = assignments.question(cell.metadata.nbgrader.grade_id)
        tests[question] = f"{tests.get(question, '')}\n{cell.source}"
    return tests


def grid(heads, rows) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    cells = [[escape(str(cell), quote=False).replace("|", "/") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def written(name: str) -> str:
    """The written question's solution, rubric and graded samples."""
    cells = [cell for cell in assignments.read(name).cells if is_grade(cell) and is_solution(cell)]
    return "\n\n".join(cell.source for cell in cells)


def chapter(path: Path, notebook) -> str:
    """A lesson's part of the page."""
    text = slides.prose(notebook)
    parts = [
        f"## {title_of(notebook)}",
        f"**{slides.PROMISE.search(text)[1]}**",
        f'<a href="slides/{path.stem}.html">Slides of {path.stem[:2]}</a>. '
        f"For a reader, estimated: {' '.join(TIME.search(text)[1].split())}.",
        f"After this lesson students can\n{slides.GOALS.search(text)[1]}",
        "### In the lesson",
        grid(HEADS[:3], [(m.where, m.name, m.sentence) for m in in_lesson(notebook)]),
    ]
    for name in assignments.names(path.stem):
        rows = [(m.where, m.name, m.sentence, m.loses) for m in in_assignment(name)]
        parts += [f"### Assignment {name[:2]}", grid(HEADS, rows)]
        parts += [f"The written question of {name}, answered, with its rubric:", written(name)]
    return "\n\n".join(parts)


def chapters() -> str:
    """All lessons' parts, after what each lesson takes to run."""
    paths = sorted(sources.NOTEBOOKS.glob("[0-9]*.ipynb"))
    return "\n\n".join([measured(), *(chapter(path, sources.read(path)) for path in paths)]) + "\n"


def measured() -> str:
    """A Markdown table of what each lesson takes to run, as `benchmarks/lessons.py` measured it."""
    rows = pd.read_csv(MEASURED, dtype=str)
    return grid(rows.columns, rows.itertuples(index=False))
