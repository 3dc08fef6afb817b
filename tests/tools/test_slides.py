"""Each lesson has slides: its questions answered, its figures with their text, and no network."""

import base64
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.lessons import slides, sources

pytest.importorskip("nbgrader", reason="the book's pages read the assignments")

from tools.lessons import book

LESSONS = sorted(path.stem for path in sources.NOTEBOOKS.glob("[0-9]*.ipynb"))
PIXEL = "data:image/png;base64," + base64.b64encode(b"x").decode()
ASKED = """asked = guess("How many, a < b?", {
    "one": "Why.", "two": ("Two taken for one.", "Why not."),
})"""
PROMISE = """# 00 A title

**You will see
it.**

After this lesson you can
- **do** it,
- and more.

Time: 5 minutes."""
END = (
    "## In short\n- That, see [it](01.ipynb).\n\n**What could mislead you.** This.\n\n**Next:** no."
)


class Page(HTMLParser):
    """A page's headings, images, and everything that it names or loads."""

    def __init__(self, text):
        super().__init__()
        self.headings, self.alts, self.linked, self.loaded, self.tags = [], [], [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.tags[tag] = named
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.alts.append(named.get("alt"))
        if tag == "a":
            self.linked.append(named["href"])
        elif "src" in named or "href" in named:
            self.loaded.append(named.get("src") or named.get("href"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Name to text of each lesson's slides."""
    folder = tmp_path_factory.mktemp("book") / "slides"
    book.present(folder)
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}


@pytest.fixture
def small():
    """A lesson of one question and one figure."""
    figure = {"text/html": f'<p>x</p><img alt="Bars &amp; lines." src="{PIXEL}">'}
    cells = [
        new_markdown_cell(PROMISE),
        new_markdown_cell("## A question\nWho?\n\n## Guess *first*\nText."),
        new_code_cell(ASKED),
        new_code_cell("plot()", outputs=[new_output("display_data", figure)]),
        new_markdown_cell(END),
    ]
    return new_notebook(cells=cells)


def test_outline_by_hand(small):
    found = slides.outline(small)
    assert [heading for heading, _ in found] == [
        "A question",
        "Guess first",
        "Answer: one",
        "Guess <em>first</em>",
        "What could mislead you",
        "In short",
    ]
    bodies = [body for _, body in found]
    assert bodies[0] == "<p>Who?</p>\n"
    assert bodies[1] == "<p>How many, a &lt; b?</p><ol><li>one</li><li>two</li></ol>"
    assert bodies[2].startswith("<p>Why.</p>")
    assert "<q>two</q> <strong>Two taken for one.</strong> Why not." in bodies[2]
    assert bodies[3] == f'<img src="{PIXEL}" alt="Bars &amp; lines.">'
    assert bodies[4] == "<p>This.</p>\n" and "<li>That, see" in bodies[5]


def test_first_slide_holds_title_promise_and_goals(small):
    first = slides.page(small, "00_name").split("</section>")[0]
    for part in ("<h1>00 A title</h1>", "You will see\nit.", "<strong>do</strong> it"):
        assert part in first


def test_every_lesson_has_slides(pages):
    assert sorted(pages) == LESSONS


@pytest.mark.parametrize("name", LESSONS)
def test_every_figure_and_question_is_shown_with_its_words(name, pages):
    notebook, page = sources.read(sources.NOTEBOOKS / f"{name}.ipynb"), Page(pages[name])
    html = [
        output.data["text/html"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    assert page.alts == [alt for text in html for alt in Page(text).alts]
    assert page.alts and all(len(alt.split()) > 4 for alt in page.alts)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    asked = re.findall(r"\b(?:guess|quiz)\(", code)
    assert pages[name].count("<h2>Answer: ") == len(asked) > 0


@pytest.mark.parametrize("name", LESSONS)
def test_links_lead_to_pages_of_the_book_or_elsewhere(name, pages):
    known = {f"../{place.rsplit('.', 1)[0]}.html" for place in book.targets().values()}
    links = [link.split("#")[0] for link in Page(pages[name]).linked]
    assert f"../{name}.html" in links
    assert [link for link in links if "://" not in link and link not in known] == []


@pytest.mark.parametrize("name", LESSONS)
def test_page_needs_no_network_and_is_in_order(name, pages):
    page = Page(pages[name])
    assert all(
        source.startswith(("data:image/png;base64,", "data:image/svg+xml;base64,"))
        for source in page.loaded
    )
    assert "script" not in page.tags and "url(" not in pages[name]
    assert page.headings[0] == 1 and set(page.headings[1:]) == {2}
    assert all(below - above <= 1 for above, below in pairwise(page.headings))
    assert page.tags["html"]["lang"] == "en" and {"main", "title"} <= set(page.tags)
    assert pages[name].count("<section>") == len(page.headings)
