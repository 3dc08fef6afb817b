"""How long a lesson is to read, and how much of its visible code is what the lesson is about.

    python -m tools.lessons.counts      a line for each lesson; --lines 06 lists what does not count

Words and questions are read at 230 a minute, visible lines of code at 20. A line is the lesson's
own unless it belongs to a question, a check, an import or an assertion, draws a figure, shapes a
table or a text of rounded numbers for showing, or names an option of a question. Folded cells are
not visible. Of the answers a reader sees the reason of one.
"""

import argparse
import ast
import re
from dataclasses import dataclass
from pathlib import Path

from tools.lessons import questions, sources

WORDS, LINES = 230, 20  # a minute
DETAILS = re.compile(r"<details>.*?</details>", re.DOTALL)
LINK = re.compile(r"\]\([^)]*\)|https?://\S+")
WORD = re.compile(r"[^\W_](?:[\w'’.,-]*\w)?")
DRAWERS = {"axes", "axis", "figure", "plt", "sns"}
MACHINES = DRAWERS | {
    *("guess", "see", "quiz", "check", "accessible_tables", "Figure"),
    *("add_prefix", "add_suffix", "fillna", "melt", "pivot", "pivot_table", "rename"),
    *("rename_axis", "reset_index", "set_index", "stack", "to_string", "unstack"),
}
SETUP = "remove-cell"


@dataclass(frozen=True)
class Count:
    """A lesson in numbers."""

    words: int
    lines: int
    own: int
    folded: int

    @property
    def share(self) -> float:
        """The lesson's own of the visible lines, in per cent."""
        return 100 * self.own / max(self.lines, 1)

    @property
    def minutes(self) -> float:
        """Minutes to read."""
        return self.words / WORDS + self.lines / LINES


def filled(code: str) -> set:
    """The numbers of the lines that are not empty."""
    return {at for at, line in enumerate(code.splitlines(), 1) if line.strip()}


def is_folded(cell) -> bool:
    """Whether a cell's code is hidden until a reader opens it."""
    return sources.FOLD in cell.metadata.get("tags", [])


def machinery(code: str, options=frozenset()) -> set:
    """The numbers of the lines that are not what the lesson is about."""
    found = set().union(*(_lines(node, options) for node in ast.parse(code).body))
    return found & filled(code)


def _lines(node, options) -> set:
    """The lines of a statement that do not count; all of a block if none of it counts."""
    inside = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.stmt)]
    whole = set(range(node.lineno, node.end_lineno + 1))
    if not inside:
        return whole if is_machinery(node, options) else set()
    parts = [_lines(part, options) for part in inside if not is_text(part)]
    return whole if all(parts) else set().union(*parts)


def is_text(node) -> bool:
    """Whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_machinery(node, options=frozenset()) -> bool:
    """Whether a simple statement is no part of what the lesson is about."""
    parts = list(ast.walk(node))
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
        return True
    texts = {part.value for part in parts if isinstance(part, ast.Constant)}
    return bool(called(parts) & MACHINES) or bool(texts & options) or is_label(node, parts)


def called(parts) -> set:
    """The names of the functions and methods that are called, and of what a method belongs to."""
    functions = [part.func for part in parts if isinstance(part, ast.Call)]
    names = {getattr(each, "id", None) or getattr(each, "attr", None) for each in functions}
    owners = {getattr(getattr(each, "value", None), "id", None) for each in functions}
    return names | owners & DRAWERS


def is_label(node, parts) -> bool:
    """Whether a statement only makes texts of rounded numbers: it holds formats, and no call."""
    formats = any(isinstance(part, ast.FormattedValue) and part.format_spec for part in parts)
    calls = called(parts) <= {"zip", "items", "itertuples"}
    return formats and calls and isinstance(node, ast.Assign | ast.Return)


def visible(notebook) -> list:
    """The code cells that a reader sees."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in code if not is_folded(cell)]


def words(text: str) -> int:
    """How many words a Markdown text has; those of folded parts and of addresses do not count."""
    return len(WORD.findall(LINK.sub("]", DETAILS.sub("", text))))


def asked(source: Path) -> list:
    """The questions of a lesson."""
    return [block for block in questions.blocks(source) if isinstance(block, questions.Question)]


def read_of(question) -> str:
    """What a reader reads of a question: its options, and the reason of the right one."""
    right = [why for why in question.options.values() if isinstance(why, str)]
    return "\n".join([question.ask, *question.options, *right])


def telling(asked: list) -> frozenset:
    """The options of questions; one of a single word may stand in any code."""
    found = (option for question in asked for option in question.options)
    return frozenset(option for option in found if " " in option)


def count(source: Path) -> Count:
    """A lesson in numbers, from its source."""
    notebook = sources.read(source)
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    code = [cell.source for cell in visible(notebook)]
    folded = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and is_folded(cell) and SETUP not in cell.metadata.tags
    ]
    options, lines = telling(asked(source)), sum(len(filled(text)) for text in code)
    other = sum(len(machinery(text, options)) for text in code)
    hidden = sum(len(filled(text)) for text in folded)
    text = "\n".join([*prose, *map(read_of, asked(source))])
    return Count(words(text), lines, lines - other, hidden)


def listed(source: Path) -> str:
    """The visible lines that are not the lesson's own."""
    found, options = [], telling(asked(source))
    for cell in visible(sources.read(source)):
        lines = cell.source.splitlines()
        found += [lines[at - 1] for at in sorted(machinery(cell.source, options))]
    return "\n".join(found)


def table(paths) -> str:
    """A line for each lesson."""
    lines = [f"{'lesson':24}  words  visible lines  own  own, %  folded lines  minutes"]
    for path in paths:
        one = count(path)
        lines.append(
            f"{path.stem:24}  {one.words:5}  {one.lines:13}  {one.own:3}  {one.share:6.0f}"
            f"  {one.folded:12}  {one.minutes:7.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", help="the number of a lesson whose other lines are listed")
    chosen = parser.parse_args().lines
    paths = sorted(sources.SOURCES.glob(f"{chosen or ''}*.md"))
    print(listed(paths[0]) if chosen else table(paths))
