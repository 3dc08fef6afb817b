"""Every stored lesson is whole: run in order, quiet, compared, and with figures in words."""

import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools.lessons import sources

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9]*.ipynb"))
CHECKED_SHARE = 0.6
ALT_LENGTH = 20
FOLDERS = ("home", "Users", "root", "tmp", "private", "work", "mnt", "opt")
MACHINE_PATH = re.compile(rf"(?<![\w.:/-])/(?:{'|'.join(FOLDERS)})/|\b[A-Z]:\\")
DATA_URI = re.compile(r"data:[\w/+;,=-]*;base64,[A-Za-z0-9+/=\s]*")
WIDGET = "application/vnd.jupyter.widget-view+json"


class Images(HTMLParser):
    """Collects the alternative texts of a page's images."""

    def __init__(self, text):
        super().__init__()
        self.alts = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("img", "svg"):
            named = dict(attrs)
            self.alts.append(named.get("alt" if tag == "img" else "aria-label") or "")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def is_checked(cell):
    marked = "nbval-check-output" in cell.metadata.get("tags", [])
    return marked or "# NBVAL_CHECK_OUTPUT" in cell.source


def data_of(output):
    """An output's forms, by MIME type; printed text counts as text/plain."""
    if output.output_type == "stream":
        return {"text/plain": output.text}
    return output.get("data", {})


def prints(cell):
    """Whether a cell shows text that can be compared: not only a figure or a widget."""
    shown = [data_of(output) for output in cell.outputs]
    return any(
        "text/plain" in data and WIDGET not in data and "<img" not in data.get("text/html", "")
        for data in shown
    )


def order_problems(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"its cells did not run in order from a clean kernel: {counts}"


def checking_problems(notebook):
    cells = code_cells(notebook)
    for cell in cells:
        if is_checked(cell) and not cell.outputs:
            yield f"cell [{cell.execution_count}] shall be compared but stores no output"
    printing = [cell for cell in cells if prints(cell)]
    checked = sum(map(is_checked, printing))
    if checked < CHECKED_SHARE * len(printing):
        yield f"only {checked} of {len(printing)} printing cells are compared"


def noise_problems(output):
    if output.output_type == "error":
        yield f"stores an error: {output.ename}"
    if output.get("name") == "stderr":
        yield "stores stderr output"
    for kind, text in data_of(output).items():
        text = DATA_URI.sub("", str(text))
        if "Warning" in text:
            yield f"stores a warning in {kind}"
        if found := MACHINE_PATH.search(text):
            yield f"names a path of one machine in {kind}: {text[found.start() :][:40]!r}"


def figure_problems(output):
    data = data_of(output)
    if any(kind.startswith("image/") for kind in data):
        yield "stores a bare image; show an HTML <img> with an alt"
    for alt in Images(str(data.get("text/html", ""))).alts:
        if len(alt.strip()) < ALT_LENGTH:
            yield f"has a figure whose alt is no sentence: {alt!r}"


def problems(notebook):
    """All that is wrong with a stored lesson, in words."""
    found = [*order_problems(notebook), *checking_problems(notebook)]
    for cell in code_cells(notebook):
        for output in cell.outputs:
            for problem in (*noise_problems(output), *figure_problems(output)):
                found.append(f"cell [{cell.execution_count}] {problem}")
    return found


def test_there_are_lessons():
    assert LESSONS, "notebooks/ has no lesson"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_is_whole(path):
    assert problems(nbformat.read(path, as_version=4)) == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_says_what_its_source_says(path):
    assert not sources.difference(path), f"run `make lessons ONLY={path.stem[:2]}`"


def test_every_source_has_its_lesson():
    found = {path.stem for path in sources.SOURCES.glob("*.md")}
    assert found == {path.stem for path in LESSONS}


PAIR = """# Pair

```{code-cell}
:tags: [kept]

1 + 1
```
"""


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A lesson and its source, in a folder of their own."""
    monkeypatch.setattr(sources, "SOURCES", tmp_path)
    (tmp_path / "00_pair.md").write_text(PAIR, encoding="utf-8")
    nbformat.write(sources.read(tmp_path / "00_pair.md"), tmp_path / "00_pair.ipynb")
    return tmp_path / "00_pair.ipynb"


def test_a_pair_comes_back_whole(pair):
    assert sources.difference(pair) == ""


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("1 + 1", "1 + 2", "cell 1 differs: '1 \\+ 1' and '1 \\+ 2'"),
        ("[kept]", "[lost]", "cell 1 differs"),
        ("[kept]", "[kept, fold]", "cell 1 differs"),
        ("# Pair", "# Other", "cell 0 differs"),
        ("1 + 1\n```\n", "1 + 1\n```\n\nmore\n", "2 cells, the source has 3"),
    ],
)
def test_a_pair_that_drifted_is_found(pair, old, new, said):
    source = sources.source_of(pair)
    text = source.read_text(encoding="utf-8")
    assert old in text
    source.write_text(text.replace(old, new), encoding="utf-8")
    assert re.search(said, sources.difference(pair))


def notebook_of(*outputs, count=1, tags=("nbval-check-output",), source="show()"):
    cell = new_code_cell(
        source, execution_count=count, outputs=list(outputs), metadata={"tags": list(tags)}
    )
    return new_notebook(cells=[cell])


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def shown(kind, text):
    return new_output("display_data", data={kind: text, "text/plain": "<object>"})


GOOD_ALT = '<img alt="Bars: women are missed more often." src="data:image/png;base64,/home/">'
BROKEN = {
    "did not run in order": notebook_of(printed("1\n"), count=2),
    "in order": notebook_of(printed("1\n"), count=None),
    "stores no output": notebook_of(),
    "0 of 1 printing": notebook_of(printed("1\n"), tags=()),
    "stores stderr": notebook_of(printed("x\n", name="stderr")),
    "stores a warning": notebook_of(printed("UserWarning: x\n")),
    "stores an error": notebook_of(new_output("error", ename="E", evalue="", traceback=[])),
    "'/home/": notebook_of(printed("saved in /home/ann/x\n")),
    "'C:": notebook_of(shown("text/html", "in C:\\temp")),
    "bare image": notebook_of(shown("image/png", "")),
    "no sentence: ''": notebook_of(shown("text/html", '<img src="a.png">')),
    "no sentence: 'bars'": notebook_of(shown("text/html", '<img alt="bars" src="a.png">')),
}


@pytest.mark.parametrize("expected", BROKEN)
def test_broken_lesson_is_found(expected, tmp_path):
    nbformat.write(BROKEN[expected], tmp_path / "00_broken.ipynb")
    found = problems(nbformat.read(tmp_path / "00_broken.ipynb", as_version=4))
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize(
    "notebook",
    [
        notebook_of(printed("AUROC 0.91\n")),
        notebook_of(printed("AUROC 0.91\n"), tags=(), source="# NBVAL_CHECK_OUTPUT\nshow()"),
        notebook_of(shown("text/html", GOOD_ALT), tags=()),
        notebook_of(shown(WIDGET, "{}"), tags=()),
        notebook_of(tags=()),
    ],
)
def test_good_lesson_passes(notebook):
    assert problems(notebook) == []
