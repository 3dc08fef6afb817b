"""What a stored lesson still lacks of the form that all shall have.

python -m tools.lessons.form        of every lesson; or: python -m tools.lessons.form 06
"""

import sys
from pathlib import Path

import nbformat

from tools.lessons import counts, eye, questions, sources
from tools.lessons.cleared import cleared

OWN, MINUTES, FOLDED = 75, 30, 30  # per cent at least; at most; lines at most


def told(notebook, source: Path):
    """Where a lesson tells an answer before it is committed to, in words."""
    pieces = eye.seen(notebook)
    for block in questions.blocks(source):
        is_exercise = isinstance(block, questions.Exercise)
        yield from (eye.solved_too_soon if is_exercise else eye.spoilers)(block, pieces)


def problems(path: Path) -> list[str]:
    """All in which a lesson, executed or cleared, does not have the form, in words."""
    source, notebook = sources.source_of(path), nbformat.read(path, as_version=4)
    found, count = {*told(notebook, source), *told(cleared(notebook), source)}, counts.count(source)
    found |= set(eye.unshown(notebook))
    if count.share < OWN:
        found.add(f"{count.share:.1f} % of the visible lines of code are the lesson's own")
    if count.minutes > MINUTES:
        found.add(f"{count.minutes:.1f} minutes by count")
    if count.folded > FOLDED:
        found.add(f"{count.folded} folded lines")
    return sorted(found)


if __name__ == "__main__":
    for lesson in sorted(sources.NOTEBOOKS.glob("[0-9]*.ipynb")):
        if lesson.name.startswith(tuple(sys.argv[1:]) or ""):
            print("\n    ".join([lesson.stem, *problems(lesson)]))
