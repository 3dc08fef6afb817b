"""The rooms of the library: who may import whom, how long a page is, what a room's door loads."""

import ast

import pytest

from tools import ROOT

LIBRARY = ROOT / "fairmedl_lite"
FILES = sorted(LIBRARY.rglob("*.py"))
# Besides its own files, a room imports from these alone: what data flow through before it.
MAY = {
    "tables": set(),
    "checks": {"tables"},
    "plots": set(),
    "data": {"checks", "tables"},
    "model": set(),
    "training": {"model"},
    "linear": {"model"},
    "summaries": {"model", "linear"},
    "metrics": {"checks", "tables"},
    "estimator": {"checks", "tables", "model", "training", "linear", "summaries"},
    "evaluation": {"checks", "tables", "data", "model", "training", "metrics", "estimator"},
    "course": {"checks", "data", "metrics", "plots"},
}
PAGE, MODEL, TRAINING, CORE, TABLES, FIT, FITS = 300, 1300, 540, 3300, 150, 250, 620  # lines


def length(path):
    """How many lines a file has."""
    return len(path.read_text(encoding="utf-8").splitlines())


def room_of(path):
    """The room of a file, or the name of a file that stands alone."""
    first = path.relative_to(LIBRARY).parts[0]
    return first.removesuffix(".py")


def imported(text, rooms):
    """The rooms that a file imports from, wherever in it the import stands."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names]
    return {part[1] for part in parts if part[0] == "fairmedl_lite" and part[1] in rooms}


def breaches(text, room):
    """The rooms that a file of this room imports from and may not."""
    return imported(text, MAY) - MAY[room] - {room}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(LIBRARY).as_posix())
def test_no_import_goes_through_a_wall(path):
    text = path.read_text(encoding="utf-8")
    if path == LIBRARY / "__init__.py":
        assert not imported(text, MAY)  # the face finds every name when it is first used
        return
    assert not breaches(text, room_of(path))
    assert len(text.splitlines()) <= PAGE


@pytest.mark.parametrize(
    ("line", "room"),
    [
        ("from fairmedl_lite.estimator.base import FairMEDLEstimator", "model"),
        ("import fairmedl_lite.model.fair_medl", "metrics"),
        ("from fairmedl_lite import plots", "data"),
        ("def late():\n    from fairmedl_lite.course import quiz", "evaluation"),
    ],
)
def test_a_breach_is_noticed(line, room):
    assert breaches(line, room)


def test_the_door_of_a_room_loads_nothing():
    for path in LIBRARY.glob("*/**/__init__.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path
        loaded = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
        assert all(getattr(node, "module", "") == "importlib" for node in loaded), path


def test_every_file_is_in_a_room_that_has_its_walls():
    assert {room_of(path) for path in FILES} == {*MAY, "__init__"}


def lines(*rooms):
    """How many lines these rooms have."""
    return sum(length(path) for path in FILES if room_of(path) in rooms)


def test_the_core_is_read_in_an_afternoon():
    assert lines("model") <= MODEL
    assert lines("training") <= TRAINING
    assert lines("model", "estimator", "checks") <= CORE
    assert lines("tables") <= TABLES


def test_the_exact_fits_are_read_in_an_hour():
    assert all(length(path) <= FIT for path in FILES if room_of(path) == "linear")
    assert lines("linear") <= FITS
