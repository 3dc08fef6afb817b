"""Each lesson in JupyterLab, as a learner goes through it: guess wrongly and rightly, explore."""

import re
import time
from collections import Counter

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.repository.browser.chromium import listening, violations
from tests.repository.browser.conftest import FOLDER, ROOT
from tests.repository.browser.lab import OURS, OpenLesson
from tools.lessons import sources

ANSWERS = '{"one": "Why.", "two": ("Two taken for one", "Why not.")}'
TOOLS = (
    "from fairmedl_lite import explore, guess, quiz",
    f"asked = guess('How many?', {ANSWERS})",
    "asked.see('one')",
    f"quiz('How many?', {ANSWERS})",
    "explore.shrinkage()",
)
WRONG = (
    "1 / 0",
    "import sys; print('to stderr', file=sys.stderr)",
    'from IPython.display import HTML; HTML(\'<img src="data:,"><p style="color:#eee">pale</p>\')',
)
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
GUESS = re.compile(r"^(\w+) = guess\(", re.MULTILINE)
SEE = re.compile(r"^ *(\w+)\.see\(", re.MULTILINE)
QUIZ = re.compile(r"^quiz\(", re.MULTILINE)
EXPLORE = re.compile(r"^explore\.\w+\(", re.MULTILINE)
PATIENCE = 60  # half seconds


def commit_then_see(lesson, asked, seen):
    """No answer yet, a first one, then the right one or, if that was it, a wrong one."""
    options = lesson.answers(asked)
    lesson.run(seen)
    untold = lesson.printed(seen)
    assert "Pick first" in untold and "Open the answer" in untold, untold
    assert "Answer: " not in untold and "Misconception: " not in untold, untold
    lesson.pick(asked, 0)
    lesson.run(seen)
    reply = lesson.printed(seen)
    right = next(at for at, option in enumerate(options) if f"Answer: {option}. You" in reply)
    replies = {0 == right: reply}
    other = right or 1
    lesson.pick(asked, other)
    lesson.run(seen)
    replies[other == right] = lesson.printed(seen)
    assert "You guessed it." in replies[True], replies[True]
    assert "Misconception: " in replies[False], replies[False]


def answer_quiz(lesson, at):
    assert lesson.spoken(at) == ""
    verdicts = set()
    for order in range(len(lesson.answers(at))):
        lesson.pick(at, order)
        verdicts.add(lesson.spoken(at).split(".")[0])
    assert verdicts == {"Right", "Not so"}


def move_explorer(lesson, at):
    sentence, picture = lesson.explored(at)
    lesson.move(at)
    for _ in range(PATIENCE):  # a busy machine draws late
        moved_sentence, moved_picture = lesson.explored(at)
        if moved_sentence != sentence and moved_picture != picture:
            return
        lesson.page.wait_for_timeout(500)
    raise AssertionError(f"The explorer of cell {at} did not move. It says: {sentence}")


def go_through(lesson):
    """Runs the cells in order and does what a learner does at each; counts what was done."""
    done, asked, last = Counter(), {}, -1
    for at, source in enumerate(lesson.sources):
        if not any(kind.search(source) for kind in (GUESS, SEE, QUIZ, EXPLORE)):
            continue
        lesson.run(last + 1, at)
        last = at
        asked |= dict.fromkeys(GUESS.findall(source), at)
        for name in dict.fromkeys(SEE.findall(source)):
            commit_then_see(lesson, asked[name], at)
            done["guesses"] += 1
            done.setdefault("at", at)
        if QUIZ.search(source):
            answer_quiz(lesson, at)
            done["quizzes"] += 1
        if EXPLORE.search(source):
            move_explorer(lesson, at)
            done["explorers"] += 1
            done["at"] = at
    lesson.run(last + 1, len(lesson.sources) - 1)
    return done


def observed(name, page, address, log):
    """Goes through a lesson; what was done, and all that was wrong, line by line."""
    start, errors = time.monotonic(), listening(page)
    lesson = OpenLesson(page, address, name)
    done = go_through(lesson)
    lesson.cell(done.pop("at", 1)).scroll_into_view_if_needed()
    page.screenshot(path=FOLDER / f"{name}.png")
    found = [*violations(page, OURS), *lesson.speechless()]
    failures = lesson.failures()
    lesson.close()
    counts = ", ".join(f"{count} {what}" for what, count in done.items())
    log(
        f"{name}: {len(lesson.sources)} cells, {counts}, {time.monotonic() - start:.0f} s; "
        f"errors: {len(errors)} of console, {len(failures)} of cells; inaccessible: {len(found)}",
        *(f"    {line}" for line in (*errors, *failures, *found)),
    )
    return done, [*errors, *failures, *found]


@pytest.mark.browser
@pytest.mark.parametrize("name", LESSONS)
def test_lesson_in_jupyterlab(name, page, address, log):
    done, wrong = observed(name, page, address, log)
    assert not wrong
    assert done["guesses"], "no guess was made"


def write(course, name, *cells):
    path = course / "notebooks" / f"{name}.ipynb"
    notebook = new_notebook(cells=list(map(new_code_cell, cells)), metadata=sources.KEPT)
    nbformat.write(notebook, path)


def test_teaching_tools_in_jupyterlab(page, address, course, log):
    write(course, "tools", *TOOLS)
    done, wrong = observed("tools", page, address, log)
    assert not wrong
    assert done == {"guesses": 1, "quizzes": 1, "explorers": 1}


def test_what_is_wrong_is_noticed(page, address, course, log):
    write(course, "wrong", *WRONG)
    wrong = "\n".join(observed("wrong", page, address, log)[1])
    for each in ("ZeroDivisionError", "to stderr", "'Image'", "color-contrast"):
        assert each in wrong
