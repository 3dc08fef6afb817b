"""The questions and exercises of a lesson: blocks in its source, data in the library's bank.

    ```{guess} who                        also {quiz}; a lesson's names are unique
    Whom does the network miss?

    - [x] the young
      :when: it["young"] < 0.5            optional: the rule that `who.see(value)` looks at
      Why this is right.
    - [ ] the old
      **A misconception.** Why one may think so, and why it is not so.
    ```

    ```{exercise} rate
    **1. A rate.** What to do.
    :starter:
    rate = None  # your turn
    :answer rate: the rate of the young    what `check` calls it; as many answers as you like
    :tolerance: 0.005                     optional
    - `1 - found`: Upside down: that is the share that was missed.
    :also:
    found = decided.mean()                optional: code for the wrong values alone
    :solution:
    rate = decided[young].mean()
    :because:
    Why so, as Markdown.                  optional
    ```

`python -m tools.lessons.questions` writes the bank from the sources, but for what solutions give:
`python -m tools.lessons --write` runs these.
"""

import ast
import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell

from tools import ROOT

BANK = ROOT / "fairmedl_lite" / "course" / "questions"
BLOCK = re.compile(r"^(`{3,})\{(guess|quiz|exercise)\} (\w+)\n(.*?)^\1 *$", re.M | re.DOTALL)
OPTION = re.compile(r"^- \[([x ])\] ", re.MULTILINE)
WHEN = re.compile(r"^ *:when: (.+)\n", re.MULTILINE)
NAMED = re.compile(r"\*\*(.+?)\*\*\s+(.+)", re.DOTALL)
PART = re.compile(r"^:(starter|answer|tolerance|also|solution|because)(?: (\w+))?: *", re.MULTILINE)
HINT = re.compile(r"^- `([^`]+)`: ", re.MULTILINE)
COMPARED = {"tags": ["nbval-check-output"]}
COMPUTED = ("expected", "wrong")


def joined(text: str) -> str:
    """A paragraph as one line."""
    return " ".join(text.split())


@dataclass
class Question:
    """A guess or a quiz."""

    kind: str
    name: str
    ask: str
    options: dict
    when: dict

    def cells(self, lesson: str) -> list:
        """The one cell that asks."""
        call = f'{self.kind}("{lesson}.{self.name}")'
        code = f"{self.name} = {call}" if self.kind == "guess" else call
        return [new_code_cell(code, metadata=COMPARED)]

    def entries(self, order: list) -> dict:
        """What the bank holds of it: the options in the order in which they are asked."""
        entry = {"ask": self.ask, "options": {option: self.options[option] for option in order}}
        return {self.name: entry | ({"when": self.when} if self.when else {})}


@dataclass
class Answer:
    """One name that an exercise asks for, and the wrong values that have a hint."""

    name: str
    what: str
    tolerance: float = 0.005
    hints: list = field(default_factory=list)


@dataclass
class Exercise:
    """A task, its starter, what is asked for, and its solution."""

    name: str
    task: str
    answers: list
    starter: str = ""
    also: str = ""
    solution: str = ""
    because: str = ""

    def cells(self, lesson: str) -> list:
        """Task, starter, check, and the solution, folded."""
        checks = [f'check("{lesson}.{each.name}", {each.name})' for each in self.answers]
        parts = [f"```python\n{self.solution}\n```", *filter(None, [self.because])]
        folded = "\n\n".join(["<details><summary>Solution</summary>", *parts, "</details>"])
        return [
            new_markdown_cell(self.task, metadata={"tags": ["exercise"]}),
            new_code_cell(self.starter),
            new_code_cell("\n".join(checks), metadata=COMPARED),
            new_markdown_cell(folded, metadata={"tags": ["solution"]}),
        ]

    def entries(self) -> dict:
        """What the bank holds of it before the solution was run."""
        return {
            each.name: {
                "what": each.what,
                "tolerance": each.tolerance,
                "hints": [say for _, say in each.hints],
            }
            for each in self.answers
        }

    def code(self) -> dict:
        """What a kernel must run and find out."""
        wrong = {each.name: [value for value, _ in each.hints] for each in self.answers}
        return {"name": self.name, "solution": self.solution, "also": self.also, "wrong": wrong}


def question(kind: str, name: str, body: str) -> Question:
    """A question of a block's text."""
    ask, *parts = OPTION.split(body)
    options, when = {}, {}
    for mark, text in zip(parts[::2], parts[1::2], strict=True):
        option, _, why = text.partition("\n")
        for rule in WHEN.findall(why):
            ast.parse(rule, mode="eval")
            when[option.strip()] = rule
        options[option.strip()] = _reason(name, mark, joined(WHEN.sub("", why)))
    right = [option for option, why in options.items() if isinstance(why, str)]
    if len(right) != 1 or len(options) < 2 or len(options) != len(parts) / 2:
        raise ValueError(
            f"The question {name!r} must have two or more different options, one of them marked "
            f"with [x]. Received: {list(options)}, of these right: {right}."
        )
    return Question(kind, name, joined(ask), options, when)


def _reason(name, mark, why):
    """Why an option is right, or a pair of misconception and reason."""
    if mark == "x":
        return why
    named = NAMED.fullmatch(why)
    if not named:
        raise ValueError(
            f"A wrong option of {name!r} must name its misconception, as in '**Name.** Why not.' "
            f"Received: {why!r}."
        )
    return [named[1].rstrip("."), named[2]]


def exercise(name: str, body: str) -> Exercise:
    """An exercise of a block's text."""
    task, *parts = PART.split(body)
    found, answers = {}, []
    for key, label, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if key == "answer":
            answers.append(_answer(label, text))
        elif key == "tolerance" and answers:
            number, *rest = HINT.split(text)
            answers[-1].tolerance = float(number)
            answers[-1].hints += _hints(rest)
        else:
            found[key] = text.strip("\n")
    for key in ("starter", "also", "solution"):
        ast.parse(found.get(key, ""))
    found.pop("tolerance", None)
    if not answers or not found.get("starter") or not found.get("solution"):
        raise ValueError(
            f"The exercise {name!r} must have a :starter:, an :answer name: and a :solution:. "
            f"Received: {', '.join(['task', *found])} and {len(answers)} answers."
        )
    return Exercise(name, task.strip(), answers, **found)


def _answer(name, text):
    what, *hints = HINT.split(text)
    return Answer(name, joined(what), hints=_hints(hints))


def _hints(parts):
    for value in parts[::2]:
        ast.parse(value, mode="eval")
    return [(v, joined(say)) for v, say in zip(parts[::2], parts[1::2], strict=True)]


def parsed(kind: str, name: str, body: str):
    """The question or the exercise of a block."""
    try:
        return exercise(name, body) if kind == "exercise" else question(kind, name, body)
    except SyntaxError as error:
        message = f"The block {name!r} holds code that Python cannot read: {error.text!r}."
        raise ValueError(message) from error


def expanded(cells: list, lesson: str) -> list:
    """A lesson's cells, each block in the place of the cells that it stands for."""
    new = []
    for cell in cells:
        if cell.cell_type != "markdown" or not BLOCK.search(cell.source):
            new.append(cell)
            continue
        start = 0
        for match in BLOCK.finditer(cell.source):
            new += _prose(cell.source[start : match.start()])
            new += parsed(*match.groups()[1:]).cells(lesson)
            start = match.end()
        new += _prose(cell.source[start:])
    return new


def _prose(text):
    return [new_markdown_cell(text.strip())] if text.strip() else []


def blocks(source: Path) -> list:
    """The questions and exercises of a source, in order."""
    text = source.read_text(encoding="utf-8")
    return [parsed(*match.groups()[1:]) for match in BLOCK.finditer(text)]


def exercises(source: Path) -> dict:
    """Each exercise of a source, by the names of its answers."""
    found = [block for block in blocks(source) if isinstance(block, Exercise)]
    return {answer.name: block for block in found for answer in block.answers}


def entries(source: Path) -> dict:
    """What the bank holds of a lesson, but for what its solutions give."""
    found, deck, dealer = {}, [], random.Random(source.stem[:2])
    for block in blocks(source):
        if isinstance(block, Exercise):
            new = block.entries()
        else:
            deck = deck or dealer.sample(range(3), 3)
            new = block.entries(shuffled(block, source.stem[:2], deck.pop()))
        if twice := set(new) & set(found):
            raise ValueError(f"{source.name} has two questions of the name {', '.join(twice)}.")
        found |= new
    return found


def shuffled(block: Question, lesson: str, place: int) -> list:
    """The options in an order of chance; of three, the right one comes at its place.

    The places of a lesson's questions are dealt from a deck of the three, so that no letter is
    right much more often than the others.
    """
    order, chance = list(block.options), random.Random(f"{lesson}.{block.name}")
    chance.shuffle(order)
    if len(order) == 3:
        right = next(option for option in order if isinstance(block.options[option], str))
        order.remove(right)
        order.insert(place, right)
    return order


def bank_of(source: Path) -> Path:
    """Where the library keeps a lesson's questions."""
    return BANK / f"{source.stem[:2]}.json"


def stored(source: Path) -> dict:
    """What the library's bank holds of a lesson."""
    path = bank_of(source)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(source: Path, computed: dict | None = None) -> None:
    """Writes a lesson's questions into the bank; what no solution gave now is kept as it was."""
    if not source.exists():
        return
    found, before = entries(source), stored(source)
    for name, entry in found.items():
        kept = {key: before.get(name, {})[key] for key in COMPUTED if key in before.get(name, {})}
        if len(kept.get("wrong", [])) == len(entry.get("hints", [])):
            entry |= kept
        entry |= (computed or {}).get(name, {})
    text = json.dumps(found, indent=1, ensure_ascii=False)
    bank_of(source).write_text(f"{text}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    for path in sorted((ROOT / "notebooks" / "sources").glob("*.md")):
        write(path)
