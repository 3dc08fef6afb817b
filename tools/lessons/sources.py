"""One source per lesson: notebooks/sources/NN_name.md, of which the notebook is the executed copy.

`make lessons` executes a source and writes the notebook. Questions and exercises are blocks of the
source (`questions.py`). A cell with the tag `fold` stays folded wherever a lesson is read.
"""

import re
from pathlib import Path

import jupytext
import nbformat

from tools import ROOT
from tools.lessons import questions

NOTEBOOKS = ROOT / "notebooks"
SOURCES = NOTEBOOKS / "sources"
FORM = "md:myst"
FOLD = "fold"
TITLE = re.compile(r"\A# (?!@title)(.+)")  # Colab shows this line of a folded cell
KEPT = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def source_of(path: Path) -> Path:
    """Where the source of a notebook stands."""
    return SOURCES / f"{path.stem}.md"


def notebook_of(path: Path) -> Path:
    """Where the executed copy of a source stands; a notebook's own path stays as it is."""
    return NOTEBOOKS / f"{path.stem}.ipynb" if path.suffix == ".md" else path


def read(path: Path):
    """The notebook at this path; of a source the cells are named by their order."""
    if path.suffix != ".md":
        return nbformat.read(path, as_version=4)
    notebook = jupytext.read(path, fmt=FORM)
    notebook.metadata = nbformat.from_dict(KEPT)
    notebook.cells = questions.expanded(notebook.cells, path.stem[:2])
    for position, cell in enumerate(notebook.cells):
        cell.id = f"l{path.stem[:2]}-{position:03}"
        cell.metadata.pop("lines_to_next_cell", None)
        if FOLD in cell.metadata.get("tags", []):
            fold(cell)
    return notebook


def fold(cell) -> None:
    """Hides a cell's code in JupyterLab, in the book and on Colab until a reader opens it."""
    cell.metadata.tags.append("hide-input")
    cell.metadata.jupyter = {"source_hidden": True}
    cell.metadata.cellView = "form"
    cell.source = TITLE.sub(r"# @title \1", cell.source)


def difference(path: Path) -> str:
    """Where a notebook and its source say different things, in words; empty if nowhere."""
    if not source_of(path).exists():
        return f"{source_of(path).name} is missing"
    stored, source = read(path), read(source_of(path))
    for position, (ours, theirs) in enumerate(zip(stored.cells, source.cells, strict=False)):
        if _said(ours) != _said(theirs):
            return f"cell {position} differs: {ours.source[:60]!r} and {theirs.source[:60]!r}"
    if len(stored.cells) != len(source.cells):
        return f"{len(stored.cells)} cells, the source has {len(source.cells)}"
    return ""


def _said(cell):
    folded = cell.metadata.get("jupyter", {})
    return cell.cell_type, cell.source.strip(), cell.metadata.get("tags", []), folded
