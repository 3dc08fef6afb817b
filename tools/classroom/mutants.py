"""Solutions broken in one place each: a question whose tests do not notice is no question.

    python -m tools.classroom mutants [03]

A mutant that keeps all points must stand in notebooks/assignments/equal.yaml with the proof that it
answers as the solution does, wherever the question can be asked.
"""

import ast
import contextlib
import copy
import io
import signal
import warnings
from collections import defaultdict

import numpy as np
import pandas as pd
import yaml
from nbgrader.utils import is_grade, is_locked, is_solution

from tools.lessons import assignments

SECONDS = 5.0  # of CPU, for all tests of one mutant
SWAPS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LtE: ast.Lt,
    ast.Lt: ast.LtE,
    ast.GtE: ast.Gt,
    ast.Gt: ast.GtE,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
NAMES = {"mean": "median", "max": "min", "min": "max", "sum": "mean", "std": "var", "var": "std"}
NAMES |= {"idxmin": "idxmax", "size": "mean", "first": "last", "sem": "std", "expm1": "exp"}
NAMES |= {"nunique": "count", "permutation": "choice", "len": "max"}
# Given as the first line of a mutant that does not read this argument.
IGNORED = """
def _ignored(value):
    if hasattr(value, "iloc"):
        first = value.iloc[[0] * len(value)]
        return first.set_axis(value.index) if value.ndim == 1 else first
    if isinstance(value, str):
        return "seen"
    if hasattr(value, "shape"):
        return value * 0 + value[0]
    if callable(value):
        return lambda *_: 0.0
    return type(value)(not value) if isinstance(value, bool) else type(value)(1)
"""
UNCHANGED = "not to be changed"  # what a docstring says of an argument
SPOIL = """
for _given in ({names},):
    if hasattr(_given, "iloc") and getattr(_given, "ndim", 0) == 2:
        _given[_given.columns[-1]] = 0
"""


class Late(Exception):
    """A mutant went on for too long."""


def mutants(source: str) -> dict[str, str]:
    """Each way to break a solution in one place: what was done, to its source.

    Args:
        source: Source of one function.
    """
    tree, found = ast.parse(source), {}
    for number, node in enumerate(ast.walk(tree)):
        for kind, change in enumerate(changes(node)):
            broken = copy.deepcopy(tree)
            other = next(n for i, n in enumerate(ast.walk(broken)) if i == number)
            where = ast.unparse(_statement(tree, node)).splitlines()[0]
            list(changes(other))[kind][1](broken)
            text = ast.unparse(ast.fix_missing_locations(broken))
            if text != ast.unparse(tree):
                found.setdefault(f"{where}: {change[0]}", text)
    return found | whole(tree)


def changes(node):
    """What can be done to a node: words, and a function that does it to the tree it stands in."""
    made = []
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
        other = SWAPS[type(node.op)]
        words = f"{ast.unparse(node)} with {other.__name__}"
        made.append((words, lambda _: setattr(node, "op", other())))
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        other_op = SWAPS[type(node.ops[0])]
        words = f"{ast.unparse(node)} with {other_op.__name__}"
        made.append((words, lambda _: node.ops.__setitem__(0, other_op())))
    if isinstance(node, ast.UnaryOp):
        words = f"{ast.unparse(node.operand)} for {ast.unparse(node)}"
        made.append((words, lambda t: _put(t, node, node.operand)))
    if isinstance(node, ast.Constant):
        made += _constants(node)
    if isinstance(node, ast.Call):
        made += _calls(node)
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        words = f"{NAMES[node.attr]} for {ast.unparse(node)}"
        made.append((words, lambda _: setattr(node, "attr", NAMES[node.attr])))
    if isinstance(node, ast.Name) and node.id in NAMES and isinstance(node.ctx, ast.Load):
        words = f"{NAMES[node.id]} for {node.id}"
        made.append((words, lambda _: setattr(node, "id", NAMES[node.id])))
    return made


def _constants(node):
    """Another number, or the opposite."""
    value = node.value
    if isinstance(value, bool):
        others = [not value]
    elif isinstance(value, int | float):
        others = [value + 1, value * 0.9] if value else [1]
    else:
        return []
    return [
        (f"{other!r} for {value!r}", lambda _, other=other: setattr(node, "value", other))
        for other in others
    ]


def _calls(node):
    """Without a keyword, or without the call: its first argument, or what it is a method of."""
    made = []
    for place, keyword in enumerate(node.keywords):
        words = f"{ast.unparse(node)} without {keyword.arg}"
        made.append((words, lambda _, place=place: node.keywords.pop(place)))
    inner = node.args[-1] if node.args else None
    if isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Name):
        inner = node.func.value
    if inner is not None and not isinstance(inner, ast.Starred):
        words = f"{ast.unparse(inner)} for {ast.unparse(node)}"
        made.append((words, lambda t: _put(t, node, inner)))
    return made


def _put(tree, old, new):
    """Puts a node where another one stands."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list):
                setattr(parent, field, [new if item is old else item for item in value])


def _statement(tree, node):
    """The smallest statement that holds a node."""
    holding = [s for s in ast.walk(tree) if isinstance(s, ast.stmt) and node in ast.walk(s)]
    return min(holding, key=lambda s: len(list(ast.walk(s))), default=tree)


def whole(tree) -> dict[str, str]:
    """A function that leaves a statement out, does not read an argument, or spoils one."""
    found, function = {}, tree.body[-1]
    said = ast.get_docstring(function) or ""
    arguments = [argument.arg for argument in function.args.args]
    for name in arguments:
        found[f"{name} is not read"] = IGNORED + _with(tree, f"{name} = _ignored({name})")
    for place, line in enumerate(function.body[1:-1], start=1):
        shorter = copy.deepcopy(tree)
        del shorter.body[-1].body[place]
        found[f"without {ast.unparse(line).splitlines()[0]}"] = ast.unparse(shorter)
    if UNCHANGED in said:
        given = ast.unparse(function.body[-1].value)
        body = [*function.body[1:-1], *ast.parse(f"_answer = {given}").body]
        body += ast.parse(SPOIL.format(names=", ".join(arguments))).body
        spoiled = copy.deepcopy(tree)
        spoiled.body[-1].body[1:] = [*body, *ast.parse("return _answer").body]
        found["an argument is changed in place"] = ast.unparse(ast.fix_missing_locations(spoiled))
    return found


def _with(tree, line):
    """The function with a line more, after its docstring."""
    longer = copy.deepcopy(tree)
    longer.body[-1].body[1:1] = ast.parse(line).body
    return ast.unparse(ast.fix_missing_locations(longer))


class Bench:
    """An assignment without a kernel: its cells run here, and each answer from the same start."""

    def __init__(self, name: str, cells=None):
        self.solutions, self.tests, self.start = {}, defaultdict(list), {}
        for cell in cells or assignments.read(name).cells:
            if cell.cell_type != "code" or "nbgrader" not in cell.metadata:
                continue
            asked = assignments.question(cell.metadata.nbgrader.grade_id)
            if is_solution(cell):
                self.solutions[asked] = cell.source
                exec(cell.source, self.start)
            elif is_grade(cell):
                points = cell.metadata.nbgrader.points
                self.tests[asked].append((compile(cell.source, asked, "exec"), points))
            elif is_locked(cell) and asked != "study":
                exec(cell.source, self.start)

    def earns(self, asked: str, source: str) -> float:
        """The points that an answer to a question gets."""
        place = dict(self.start)
        signal.signal(signal.SIGVTALRM, _late)
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            with _quiet():
                exec(source, place)
                return sum(points for test, points in self.tests[asked] if _passes(test, place))
        except BaseException:
            return 0.0
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def most(self, asked: str) -> float:
        """All points of a question's tests."""
        return sum(points for _, points in self.tests[asked])


def _passes(test, place):
    try:
        exec(test, place)
    except Late:
        raise
    except BaseException:
        return False
    return True


def _late(*_):
    raise Late


@contextlib.contextmanager
def _quiet():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield


def equal() -> dict:
    """Assignment, then question, to the mutants that are no errors, each with its proof."""
    path = assignments.FOLDER / "equal.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def survivors(name: str, bench: Bench | None = None) -> pd.DataFrame:
    """The mutants of an assignment's solutions that keep all points.

    Returns:
        DataFrame of `question`, `mutant`, `points`, `max` and `proof`, of all mutants.
    """
    bench, proofs, rows = bench or Bench(name), equal().get(name, {}), []
    for asked in bench.tests:
        for words, source in mutants(bench.solutions[asked]).items():
            proof = proofs.get(asked, {}).get(words, "")
            rows.append((asked, words, bench.earns(asked, source), bench.most(asked), proof))
    return pd.DataFrame(rows, columns=["question", "mutant", "points", "max", "proof"])


def report(names: list[str]) -> int:
    """Prints how many mutants keep all points, and which; returns the number without a proof."""
    left = 0
    for name in names:
        table = survivors(name)
        kept = table[table["points"] == table["max"]]
        for asked, rows in table.groupby("question", sort=False):
            alive = kept[kept["question"] == asked]
            unproved = alive[alive["proof"] == ""]
            left += len(unproved)
            print(
                f"{name[:2]} {asked}: {len(rows)} mutants, {len(alive)} keep all points, "
                f"{len(alive) - len(unproved)} of them equal by proof"
            )
            for words in unproved["mutant"]:
                print(f"    {words}")
    return left
