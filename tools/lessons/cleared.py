"""Lessons as a learner opens them: without outputs, so that nothing is told before it is asked.

python -m tools.lessons.cleared           copies into lessons/; what was edited there stays
python -m tools.lessons.cleared --here    clears notebooks/ itself, as Binder does
"""

import argparse
import hashlib
from pathlib import Path

import nbformat

from tools import ROOT

EXECUTED = ROOT / "notebooks"
COPIES = ROOT / "lessons"
DIGEST = "copied"  # in a copy's metadata: what its cells said when it was made


def cleared(notebook):
    """A lesson without outputs, counts and states of widgets."""
    new = nbformat.from_dict(notebook)
    new.metadata.pop("widgets", None)
    for cell in new.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return new


def digest(notebook) -> str:
    """What the cells of a lesson say, in short; outputs do not count."""
    said = "\0".join(f"{cell.cell_type}\0{cell.source}" for cell in notebook.cells)
    return hashlib.sha256(said.encode()).hexdigest()


def copy(path: Path, folder: Path) -> str:
    """Puts a cleared lesson into a folder; an edited one stays, and a newer one is told."""
    fresh, target = cleared(nbformat.read(path, as_version=4)), folder / path.name
    fresh.metadata[DIGEST] = digest(fresh)
    if target.exists():
        there = nbformat.read(target, as_version=4)
        if fresh.metadata[DIGEST] in (digest(there), there.metadata.get(DIGEST)):
            return ""
        if digest(there) != there.metadata.get(DIGEST):
            return (
                f"{target} is yours and stays; the course has a newer one. Rename yours to get it."
            )
    nbformat.write(fresh, target)
    return ""


def main(arguments=None) -> None:
    """Copies or clears all lessons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--here", action="store_true", help="clear the lessons in notebooks/ itself"
    )
    here = parser.parse_args(arguments).here
    COPIES.mkdir(exist_ok=True) if not here else None
    for path in sorted(EXECUTED.glob("[0-9]*.ipynb")):
        if here:
            nbformat.write(cleared(nbformat.read(path, as_version=4)), path)
        elif told := copy(path, COPIES):
            print(told)


if __name__ == "__main__":
    main()
