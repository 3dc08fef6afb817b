"""How long a lesson is to read, and how much of its visible code is what the lesson is about.

    python -m tools.lessons.counts      a line for each lesson; --lines 06 lists what does not count

Words and questions are read at 230 a minute, visible lines of code at 20. A line is the lesson's
own unless it belongs to a question, a check, an import, an assertion, a text for a figure, or to a
statement that only shapes a table or a label for showing. Folded cells are not visible. Of the
answers a reader sees the reason of one.
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
WORD = re.compile(r"[^\W_](?:[\w'’-]*\w)?")
ASKS = {"guess", "quiz", "check", "accessible_tables"}
SHAPES = {
    *("add_prefix", "add_suffix", "astype", "fillna", "pivot", "pivot_table", "rename"),
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


def machinery(code: str) -> set:
    """The numbers of the lines that are not what the lesson is about."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if is_machinery(node):
            found |= set(range(node.lineno, node.end_lineno + 1))
    return found & filled(code)


def is_machinery(node) -> bool:
    """Whether a statement or an argument is no part of what the lesson is about."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
        return True
    if isinstance(node, ast.keyword):
        return node.arg == "alt"
    if not isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Return):
        return False
    calls = [part.func for part in ast.walk(node) if isinstance(part, ast.Call)]
    called = {getattr(call, "id", None) or getattr(call, "attr", None) for call in calls}
    return bool(called & (ASKS | SHAPES | {"see"})) or is_label(node)


def is_label(node) -> bool:
    """Whether a statement only makes texts of rounded numbers: it holds formats, and no call."""
    parts = list(ast.walk(node))
    formats = any(isinstance(part, ast.FormattedValue) and part.format_spec for part in parts)
    names = {getattr(part.func, "id", "") for part in parts if isinstance(part, ast.Call)}
    return formats and isinstance(node, ast.Assign | ast.Return) and names <= {"zip"}


def visible(notebook) -> list:
    """The code cells that a reader sees."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in code if not is_folded(cell)]


def words(text: str) -> int:
    """How many words a Markdown text has; those of folded parts and of addresses do not count."""
    return len(WORD.findall(LINK.sub("]", DETAILS.sub("", text))))


def asked(source: Path) -> str:
    """What a reader reads of a lesson's questions: options, and the reason of the right one."""
    found = [block for block in questions.blocks(source) if isinstance(block, questions.Question)]
    texts = [text for block in found for text in (block.ask, *block.options)]
    reasons = [why for block in found for why in block.options.values() if isinstance(why, str)]
    return "\n".join([*texts, *reasons])


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
    lines, other = (sum(len(of(text)) for text in code) for of in (filled, machinery))
    hidden = sum(len(filled(text)) for text in folded)
    return Count(words("\n".join([*prose, asked(source)])), lines, lines - other, hidden)


def listed(source: Path) -> str:
    """The visible lines that are not the lesson's own."""
    found = []
    for cell in visible(sources.read(source)):
        lines = cell.source.splitlines()
        found += [lines[at - 1] for at in sorted(machinery(cell.source))]
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
