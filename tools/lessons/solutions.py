"""Runs the solutions of a lesson's exercises while the lesson itself is run."""

import json
import re
import tempfile
from pathlib import Path

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from fairmedl_lite.course import bank
from fairmedl_lite.course.exercises import verdict
from tools.lessons import solving

CHECK = re.compile(r'^check\("\d\d\.(\w+)"', re.MULTILINE)
SOLVE = f"__import__('runpy').run_path({solving.__file__!r})['solve']"


class SolvingClient(NotebookClient):
    """Runs each exercise's solution before the cell that checks it, without a trace.

    `exercises` says which one an answer's name belongs to; `answers` is filled with what the
    kernel found: for each name what is expected, and the wrong values that have a hint.
    """

    exercises: dict = {}

    async def async_execute_cell(self, cell, cell_index, *arguments, **options):
        """Runs a cell, and first the solutions of what it checks."""
        asked = CHECK.findall(cell.source) if cell.cell_type == "code" else []
        for exercise in [self.exercises[name] for name in asked if name in self.exercises]:
            if exercise.answers[0].name not in self.answers:
                await self._solve(exercise, cell_index)
        return await super().async_execute_cell(cell, cell_index, *arguments, **options)

    async def _solve(self, exercise, cell_index):
        executed = self.code_cells_executed
        hooks = {name: getattr(self, name) for name in ("on_cell_execute", "on_cell_executed")}
        for name in hooks:
            setattr(self, name, None)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answers.json"
            code = f"{SOLVE}(get_ipython().user_ns, {exercise.code()!r}, {str(path)!r})"
            await super().async_execute_cell(new_code_cell(code), cell_index, store_history=False)
            self.answers |= json.loads(path.read_text(encoding="utf-8"))
        for name, hook in hooks.items():
            setattr(self, name, hook)
        self.code_cells_executed = executed


def changed(answers: dict, entries: dict) -> list[str]:
    """Where solutions that were run now give something else than the bank expects, in words."""
    return [
        f"the solution of {name!r} gives {found['expected']}, the bank expects "
        f"{entries.get(name, {}).get('expected')}: run `make lessons`"
        for name, found in answers.items()
        if not is_right(entries.get(name, {}), found["expected"])
    ]


def is_right(entry: dict, value) -> bool:
    """Whether a value is what the bank expects."""
    if "expected" not in entry:
        return False
    value, expected = bank.decode(value), bank.decode(entry["expected"])
    return verdict(entry["what"], value, expected, entry["tolerance"]).startswith("Right")
