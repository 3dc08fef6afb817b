"""What the book makes of a lesson's cells: questions, flip-books, folds, figures, glossary."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from fairmedl_lite.course.explore import explorer
from fairmedl_lite.course.explore.decisions import thresholds
from tools.lessons import figures, flipbook, glossary, learning, slides
from tools.repository.address import address, owner_and_name

OPTIONS = {"one": ("Two taken for one", "Count again."), "two": "There are two."}
ASK = f"asked = guess('How many?', {OPTIONS})"
FOLDED = "<p>Pick first.</p><details><summary>Open the answer</summary><p>two</p></details>"
TITLE = "# 99 A lesson\n\nA promise.\n\nOpen this lesson on\n[Binder](x)\nor [Colab](y).\n\nMore."


class Seen(HTMLParser):
    """The text that a reader sees before anything is picked or unfolded."""

    def __init__(self, html):
        super().__init__()
        self.inside, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "details"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        self.text += "" if self.inside else data


def html(cell):
    return "".join(learning.html_of(output) for output in cell.outputs)


def with_output(source, text, **metadata):
    output = new_output("display_data", data={"text/html": text}, metadata=metadata)
    return new_code_cell(source, outputs=[output])


def test_a_question_has_buttons_and_tells_nothing_before():
    cell = with_output(ASK, "<p><b>How many?</b></p>")
    learning.asked(cell)
    seen = Seen(html(cell)).text
    assert html(cell).count('type="radio" name="asked"') == 2
    assert "A. one" in seen and "B. two" in seen
    for told in ("There are two.", "Two taken for one", "Right", "Not so"):
        assert told not in seen


def test_a_reply_names_the_misconception_and_a_guess_then_hears_the_answer():
    guess, quiz = (slides.Question(kind, "How many?", OPTIONS) for kind in ("guess", "quiz"))
    wrong = ["Not so: one.", "Misconception: Two taken for one. Count again."]
    assert learning.reply(guess, "one") == [*wrong, "The answer is: two. There are two."]
    assert learning.reply(quiz, "one") == wrong  # one may pick again
    assert learning.reply(quiz, "two") == ["Right: two.", "There are two."]


def test_an_answer_waits_folded_under_the_name_of_its_question():
    cell = with_output("asked.see(2)", FOLDED)
    learning.asked(cell)
    assert html(cell).startswith('<div class="answer" data-name="asked"><details>')
    assert Seen(html(cell)).text == ""


def test_data_cannot_end_the_script_that_holds_them():
    question = slides.Question("quiz", "x", {"</script>": "y", "z": ("n", "</script>")})
    assert learning.form(question, "x").count("</script>") == 1


def test_a_button_runs_the_lesson_and_a_hidden_cell_is_folded(tmp_path):
    hidden = new_code_cell("x = 1", metadata={"jupyter": {"source_hidden": True}})
    notebook = new_notebook(cells=[new_markdown_cell(TITLE), hidden])
    learning.learn(notebook, "99_a", tmp_path, set())
    text = notebook.cells[0].source
    assert text.startswith("# 99 A lesson\n") and text.endswith("A promise.\n\nMore.")
    assert f"gh/{owner_and_name(address())}/main?urlpath=lab/tree/notebooks/99_a.ipynb" in text
    assert hidden.metadata["tags"] == ["hide-input"]


@pytest.fixture(scope="module")
def turned(tmp_path_factory):
    """A flip-book of two settings, drawn from what a notebook kept."""
    with pytest.MonkeyPatch.context() as patch:
        shown = []
        patch.setattr(explorer, "display", lambda *parts: shown.extend(parts))
        score, group = np.linspace(0.05, 0.95, 80), pd.DataFrame({"group": ["a", "b"] * 40})
        thresholds(np.tile([0, 1, 1, 0], 20), score, group)
        patch.setattr(flipbook, "KEPT", tmp_path_factory.mktemp("kept"))
        source = "explore.thresholds(test.y, score, test.sensitive)"
        cell = with_output(source, shown[1].data, **{"text/html": shown[1].metadata})
        folder = flipbook.drawn(cell)
        one = flipbook.opened(cell)
        assert flipbook.drawn(cell) == folder
    return one, folder, flipbook.page(folder, "03-7")


def test_a_flip_book_has_the_figure_of_every_stop(turned):
    one, folder, _ = turned
    told = json.loads((folder / "pages.json").read_text())
    pages = one.pages()
    assert len(pages) == len(told["sentences"]) == len(list(folder.glob("*.webp"))) == 1 * 3 * 5
    assert told["sentences"][7] == one.at(pages[7]).alt
    assert [pages[at] for at in told["positions"]] == one.positions
    sizes = {Image.open(path).size for path in folder.glob("*.webp")}
    assert sizes == {tuple(told["size"])}
    assert sum(path.stat().st_size for path in folder.glob("*.webp")) < 20_000 * len(pages)


def test_a_flip_book_starts_at_the_first_position_and_stands_without_a_script(turned):
    one, _, page = turned
    first = one.pages().index(one.positions[0])
    assert flipbook.stops_of(first, [1, 3, 5]) == [0, 0, 2]
    assert f'src="_static/flip-books/03-7/{first}.webp"' in page
    assert '<div class="settings" hidden>' in page and 'value="2" aria-valuetext="0.5"' in page
    assert re.search("<noscript>.*<img.*<img.*</noscript>", page)


def test_an_explorer_whose_arguments_were_not_kept_stays_as_it_is():
    cell = with_output("explore.thresholds(y, score, groups)", "<details></details>")
    assert flipbook.drawn(cell) is None
    assert flipbook.drawn(new_code_cell("print(1)")) is None


def test_a_figure_shrinks_until_its_text_has_nine_pixels(tmp_path):
    Image.new("RGB", (1000, 500)).save(tmp_path / "a.png")
    tag = figures.sized('<img alt="x" src="a.png" style="max-width: 100%">', tmp_path)
    # 10 points at 110 dots an inch are 15.28 pixels; 9 / 15.28 of 1000 are 589
    assert tag == '<img width="1000" height="500" style="min-width: 589px" alt="x" src="a.png">'
    assert figures.sized('<img src="a.svg">', tmp_path) == '<img src="a.svg">'


@pytest.mark.parametrize("wide, start", [(1000, '<p tabindex="0"><img'), (100, "<p><img")])
def test_a_figure_that_may_scroll_is_reached_by_keyboard(wide, start, tmp_path):
    Image.new("RGB", (wide, 50)).save(tmp_path / "a.png")
    page = tmp_path / "page.html"
    page.write_text('<p><img src="a.png"></p>')
    figures.legible(page)
    assert page.read_text().startswith(start)


def test_the_first_bold_use_of_a_term_is_a_link():
    seen = set()
    text = "**Power** and **design\neffect**, **no term**; **power**."
    assert glossary.linked(text, seen) == (
        "[**Power**](glossary.md#power) and [**design\neffect**](glossary.md#design-effect), "
        "**no term**; **power**."
    )
    assert seen == {"power", "design-effect"}
    assert glossary.terms()["icc"] == "intra-class-correlation-icc"
