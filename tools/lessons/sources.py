"""One source per lesson: notebooks/sources/NN_name.md, of which the notebook is the executed copy.

`make lessons` executes a source and writes the notebook. `python -m tools.lessons.sources` goes the
other way, for somebody who edited a notebook in JupyterLab: it writes the sources from the
notebooks.
"""

from pathlib import Path

import jupytext
import nbformat

from tools import ROOT

NOTEBOOKS = ROOT / "notebooks"
SOURCES = NOTEBOOKS / "sources"
FORM = "md:myst"
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
    for position, cell in enumerate(notebook.cells):
        cell.id = f"l{path.stem[:2]}-{position:03}"
        cell.metadata.pop("lines_to_next_cell", None)
    return notebook


def write(notebook, path: Path) -> None:
    """Writes a notebook's cells and their tags as a source."""
    bare = nbformat.v4.new_notebook(metadata=KEPT)
    bare.cells = notebook.cells
    text = jupytext.writes(bare, fmt=FORM)
    text = "".join(line for line in text.splitlines(True) if "jupytext_version" not in line)
    path.write_text(text, encoding="utf-8", newline="\n")


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
    return cell.cell_type, cell.source.strip(), cell.metadata.get("tags", [])


if __name__ == "__main__":
    for lesson in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        write(read(lesson), source_of(lesson))
