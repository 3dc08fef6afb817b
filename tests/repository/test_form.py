"""Every lesson has the form: it tells nothing before a learner commits, and shows what it says."""

from collections import Counter
from string import ascii_uppercase

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from fairmedl_lite.course import bank, exercises
from tests.repository.test_lessons import LESSONS
from tools.lessons import eye, questions, sources
from tools.lessons.form import problems, told

LETTER = 0.4
SOURCES = [sources.source_of(path) for path in LESSONS]
BANK = {source.stem[:2]: questions.stored(source) for source in SOURCES}
ASKED = [entry for lesson in BANK.values() for entry in lesson.values() if "options" in entry]
SOLVED = {
    f"{number}.{name}": entry
    for number, lesson in BANK.items()
    for name, entry in lesson.items()
    if "what" in entry
}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_has_the_form(path):
    assert problems(path) == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_no_reason_is_visible(path):
    notebook, source = nbformat.read(path, as_version=4), sources.source_of(path)
    assert [problem for problem in told(notebook, source) if " says " in problem] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_bank_says_what_the_source_says(source):
    kept = {
        name: {key: value for key, value in entry.items() if key not in questions.COMPUTED}
        for name, entry in questions.stored(source).items()
    }
    assert kept == questions.entries(source), "run `python -m tools.lessons.questions`"
    for number, entry in BANK.items():
        assert bank.lesson(number) == entry


def test_no_letter_is_right_much_more_often_than_others():
    right = Counter(map(eye.letter, ASKED))
    assert len(ASKED) > 40 and set(right) <= set(ascii_uppercase)
    assert max(right.values()) <= LETTER * len(ASKED), right


@pytest.mark.parametrize("name", SOLVED)
def test_check_passes_the_solution_and_fails_each_named_wrong_value(name):
    entry = SOLVED[name]
    assert "expected" in entry, f"run `make lessons ONLY={name[:2]}`"
    expected = bank.decode(entry["expected"])
    assert exercises.verdict_of(entry, expected).startswith("Right")
    assert len(entry["wrong"]) == len(entry["hints"])
    for value in map(bank.decode, entry["wrong"]):
        said = exercises.verdict_of(entry, value)
        assert said.startswith("Not yet") and any(hint in said for hint in entry["hints"])


TEXT = """```{guess} who
Who?

- [x] the young ones here
  They are rare, and so the network misses them.
- [ ] the old
  **Size counts.** It is not the size of a group that makes it rare.
```

```{exercise} rate
**1.** Do it.
:starter:
rate = None
:answer rate: the rate
:solution:
rate = (found[young] == 1).mean()
```
"""
WHY = "They are rare, and so the network misses them."
FOLDED = f"<details><summary>Open</summary><p>{WHY}</p></details>"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "00_tiny.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


def lesson(*between, see="who.see(youngest)", starter="rate = None", output=FOLDED):
    """A lesson that asks, has something between, answers, and has an exercise."""
    shown = new_output("display_data", data={"text/html": output, "text/plain": "Open."})
    cells = [
        new_code_cell('who = guess("00.who")'),
        *between,
        new_code_cell(see, outputs=[shown]),
        new_code_cell(starter),
        new_code_cell('check("00.rate", rate)'),
    ]
    return new_notebook(cells=cells)


EVERY = "sizes = {'the young ones here': 3, 'the old': 4}"


@pytest.mark.parametrize(
    "notebook",
    [
        lesson(),
        lesson(new_markdown_cell("Then we look at the old.")),
        lesson(new_code_cell(EVERY)),
        lesson(new_code_cell("'the young ones here'", metadata={"tags": ["fold"]})),
        lesson(new_markdown_cell(f"{FOLDED}\n\nMore.")),
    ],
)
def test_what_tells_nothing_passes(source, notebook):
    assert list(told(notebook, source)) == []


@pytest.mark.parametrize(
    "notebook, problem",
    [
        (lesson(see="who.see('the young ones here')"), "who: cell 1 .code. names the right"),
        (lesson(new_markdown_cell("Look: *The young ones here*!")), "cell 1 .prose. names the"),
        (
            lesson(new_markdown_cell("They are rare, and so the\nnetwork misses them.")),
            "says 'They",
        ),
        (
            lesson(output=FOLDED.replace("<details>", "<details open>")),
            "cell 1 .output. says 'They",
        ),
        (lesson(output="It is not the size of a group that makes it rare."), "says 'It is not"),
        (lesson(starter="rate = (found[young]==1).mean()"), "rate: cell 2 holds its solution"),
        (lesson(starter="rate = None  # (found[young] == 1).mean()"), "cell 2 holds its solution"),
    ],
)
def test_what_tells_an_answer_is_found(source, notebook, problem):
    found = list(told(notebook, source))
    assert len(found) == 1
    assert found[0].replace("(", ".").replace(")", ".").find(problem.replace("(", ".")) >= 0, found


def cell(*outputs):
    return new_code_cell("show()", outputs=list(outputs))


TABLE = new_output("display_data", data={"text/html": "<table><td>1</td></table>"})
FIGURE = new_output("display_data", data={"text/html": '<img alt="x">'})
PRINTED = new_output("stream", name="stdout", text="a    1  2\nb    3  4\n")
LINE = new_output("stream", name="stdout", text="gap 0.1\n")


@pytest.mark.parametrize(
    "text, near, fine",
    [
        ("The table shows it.", cell(TABLE), True),
        ("The table shows it.", cell(PRINTED), True),
        ("The table shows it.", cell(LINE), False),
        ("The table shows it.", cell(FIGURE), False),
        ("Look at this figure.", cell(FIGURE), True),
        ("Look at this figure.", cell(TABLE), False),
        ("Each panel is one group.", cell(), False),
        ("We compare 20 figures. See the table of lesson 01.", cell(), True),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_table_that_is_spoken_of_stands_beside(text, near, fine, before):
    cells = [near, new_markdown_cell(text)][:: 1 if before else -1]
    assert (list(eye.unshown(new_notebook(cells=cells))) == []) == fine
