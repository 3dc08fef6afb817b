"""Builds the book: a static site of README, lessons, library, study and guide, offline."""

import re
import shutil
import sys
from pathlib import Path, PurePosixPath
from posixpath import normpath

import nbformat
from sphinx.cmd.build import build_main

from tools.lessons import api, figures, kit, learning, slides
from tools.lessons.sources import NOTEBOOKS, ROOT
from tools.repository.address import address

REPOSITORY = f"{address()}/blob/main"
STATIC = ROOT / "docs" / "book"
STRICT = ("-q", "-W", "--keep-going")
PAGES = ("README.md", "docs/*.md", "notebooks/[0-9]*.ipynb")
FILES = ("docs/figures/*.png", "fairmedl_lite/course/diagrams/*.svg")
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
REMOTE_BADGE = re.compile(r"^\[!\[.*\n", re.MULTILINE)
WIDGET = "application/vnd.jupyter.widget-view+json"


def places(root: Path = ROOT) -> dict[str, str]:
    """Where each file of the repository that the book shows stands in the book."""
    pages = [path for pattern in PAGES for path in sorted(root.glob(pattern))]
    files = [path for pattern in FILES for path in sorted(root.glob(pattern))]
    return {
        path.relative_to(root).as_posix(): path.name if path in pages else f"figures/{path.name}"
        for path in (*pages, *files)
    }


def targets() -> dict[str, str]:
    """Where a link to each of these files leads: the first page includes the README."""
    return places() | {"README.md": "index.md"}


def relinked(text: str, home: str, known: dict[str, str]) -> str:
    """Markdown whose links to files lead to the book's pages, or else to the repository."""

    def target(match):
        path = normpath(PurePosixPath(home).parent / match[1])
        return known.get(path, f"{REPOSITORY}/{path}")

    return LINK.sub(target, text)


def lesson(path: Path, home: str, known: dict[str, str]):
    """A stored lesson without what needs a kernel: what stands beside it serves readers."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = relinked(cell.source, home, known)
        else:
            cell.outputs = [output for output in cell.outputs if WIDGET not in str(output)]
    return notebook


def gather(source: Path) -> None:
    """Copies everything that the book is made of into one new folder."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(STATIC, source)
    known, seen = targets(), set()
    for home, place in places().items():
        path, copy = ROOT / home, source / place
        copy.parent.mkdir(exist_ok=True)
        if path.suffix == ".ipynb":
            notebook = lesson(path, home, known)
            learning.learn(notebook, path.stem, source, seen)
            nbformat.write(notebook, copy)
        elif path.suffix == ".md":
            text = REMOTE_BADGE.sub("", path.read_text(encoding="utf-8"))
            copy.write_text(relinked(text, home, known), encoding="utf-8")
        else:
            shutil.copyfile(path, copy)
    chapters = relinked(kit.chapters(), "notebooks/.", known)
    (source / "chapters.md").write_text(chapters, encoding="utf-8")
    (source / "api.rst").write_text(api.page(), encoding="utf-8")


def present(folder: Path) -> None:
    """Writes the slides of each lesson, whose links lead to the pages one folder above."""
    folder.mkdir()
    known = {home: f"../{PurePosixPath(place).stem}.html" for home, place in targets().items()}
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        notebook = lesson(path, path.relative_to(ROOT).as_posix(), known)
        page = slides.page(notebook, path.stem)
        (folder / f"{path.stem}.html").write_text(page, encoding="utf-8")


def build(folder: Path) -> int:
    """Builds the book in a folder; 0 if there was no warning."""
    source, pages = folder / "book-source", folder / "book"
    gather(source)
    shutil.rmtree(pages, ignore_errors=True)
    status = build_main([*STRICT, "-d", f"{folder}/book-trees", str(source), str(pages)])
    for page in pages.glob("*.html"):
        figures.legible(page)
    present(pages / "slides")
    return status


if __name__ == "__main__":
    sys.exit(build(ROOT / "build"))
