"""Each lesson in JupyterLab, as a learner goes through it: guess wrongly and rightly, explore."""

import re
import time
from collections import Counter

import pytest

from tests.browser.chromium import listening, violations
from tests.browser.conftest import FOLDER
from tests.browser.lab import OURS, ROOT, OpenLesson

LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
GUESS = re.compile(r"^(\w+) = guess\(", re.MULTILINE)
SEE = re.compile(r"^ *(\w+)\.see\(", re.MULTILINE)
QUIZ = re.compile(r"^quiz\(", re.MULTILINE)
EXPLORE = re.compile(r"^explore\.\w+\(", re.MULTILINE)
FIRST = ("00_start_here",)  # the one that `make test` runs too
# pandas leaves the header above row labels empty: a matter of practice, no failure of WCAG.
OF_PANDAS = "empty-table-header (minor)"


def commit_then_see(lesson, asked, seen):
    """A first answer, then the right one or, if that was it, a wrong one; both are spoken to."""
    options = lesson.answers(asked)
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
    moved_sentence, moved_picture = lesson.explored(at)
    assert moved_sentence != sentence and moved_picture != picture


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
        if QUIZ.search(source):
            answer_quiz(lesson, at)
            done["quizzes"] += 1
        if EXPLORE.search(source):
            move_explorer(lesson, at)
            done["explorers"] += 1
            done["at"] = at
    lesson.run(last + 1, len(lesson.sources) - 1)
    return done


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FIRST else pytest.mark.browser) for name in LESSONS],
)
def test_lesson_in_jupyterlab(name, page, address, log):
    start, errors = time.monotonic(), listening(page)
    lesson = OpenLesson(page, address, name)
    done = go_through(lesson)
    lesson.cell(done.pop("at", 1)).scroll_into_view_if_needed()
    page.screenshot(path=FOLDER / f"{name}.png")
    found, failures = violations(page, OURS), lesson.failures()
    counts = ", ".join(f"{count} {what}" for what, count in done.items())
    log(
        f"{name}: {len(lesson.sources)} cells, {counts}, {time.monotonic() - start:.0f} s; "
        f"errors: {len(errors)} of the console, {len(failures)} of cells; axe-core: {len(found)}",
        *(f"    {line}" for line in (*errors, *failures, *found)),
    )
    lesson.close()
    assert not failures and not errors
    assert not [line for line in found if not line.startswith(OF_PANDAS)]
    assert done["guesses"], "no guess was made"
