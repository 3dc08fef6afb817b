"""Programs that could change the tests which run beside them: somebody has to look at these.

A student's cells and the tests share one process, so no sandbox parts them. What is looked for is
how one reaches the tests, in the text of the student's own cells, which no program can change. No
question needs any of it.
"""

import ast
import re

from IPython.core.inputtransformer2 import TransformerManager
from nbgrader.utils import is_locked

NAMES = {"get_ipython", "exec", "eval", "compile", "globals", "vars", "setattr", "delattr"}
MODULES = {"ast", "builtins", "code", "ctypes", "gc", "importlib", "inspect", "IPython", "nbgrader"}
MODULES |= {"sys", "tools", "types", "unittest", "fairmedl_lite.course"}
FREE = {"IPython.display"}
ATTRIBUTES = {"ast_transformers", "course", "exercises", "modules", "verdict"}
HIDDEN = re.compile(r"__\w+__")
OWN = {"__init__", "__repr__", "__name__", "__main__", "__doc__"}  # these change nothing of others
# Of IPython's commands these are common and change nothing: what follows them is looked at.
MAGIC = re.compile(
    r"^([ \t]*)%{1,2}(?:matplotlib|config|capture|time|timeit)\b[ \t]*", re.MULTILINE
)
LOOK = "look at it: it uses {}, with which one can change the tests. They gave {:g} of {:g}"


def uses(notebook, release) -> list[str]:
    """What a student's own cells use that could reach the tests, each once, in words."""
    found, imported, given = [], set(), {cell.source for cell in release.cells}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            nodes = list(ast.walk(parsed(cell.source)))
            for node in nodes:
                imported |= _bound(node, imported)
            if not is_locked(cell) and cell.source not in given:
                found += [word for node in nodes for word in sorted(_reaches(node, imported))]
    return list(dict.fromkeys(found))


def parsed(source: str) -> ast.Module:
    """A cell's program as IPython reads it; empty where it is none: then it does nothing."""
    for text in (MAGIC.sub(r"\1", source), source):
        try:
            return ast.parse(TransformerManager().transform_cell(text))
        except SyntaxError:
            continue
    return ast.Module([], [])


def withheld(earned: dict, notebook, release) -> dict:
    """The questions' rows, without points where somebody has to look before there are any."""
    words = ", ".join(uses(notebook, release))
    for row in earned.values() if words else ():
        if row["points"] > 0:
            told = LOOK.format(words, row["points"], row["max"])
            row.update(points=float("nan"), misconception="", reason=told)
    return earned


def _bound(node, imported):
    """The names that an import makes, and those that are only another name of one."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign) and _root(node.value) in imported:
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()


def _reaches(node, imported):
    """The words of a node that reach for the tests."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names if _closed(alias.name)}
    if isinstance(node, ast.ImportFrom):
        wholes = [f"{node.module}.{alias.name}" for alias in node.names]
        return {whole for whole in wholes if _closed(whole)}
    if isinstance(node, ast.Name):
        return {node.id} & NAMES | _hidden(node.id)
    if isinstance(node, ast.Attribute):
        stored = isinstance(node.ctx, ast.Store | ast.Del) and _root(node) in imported
        changed = {f"{ast.unparse(node)} = ..."} if stored else set()
        return {node.attr} & ATTRIBUTES | _hidden(node.attr) | changed
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _hidden(node.value)
    return _hidden(node.name) if isinstance(node, ast.FunctionDef) else set()


def _closed(module):
    """Whether a module, or one that holds it, is on the list."""
    parts = module.split(".")
    wholes = {".".join(parts[: end + 1]) for end in range(len(parts))}
    return bool(wholes & MODULES) and not wholes & FREE


def _hidden(text):
    """The names in a text that Python keeps for itself."""
    return set(HIDDEN.findall(text)) - OWN


def _root(node):
    """The name that a chain of attributes begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return getattr(node, "id", None)
