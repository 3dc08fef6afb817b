"""A guess is kept and answered with the misconception behind it; no header of a table is empty."""

import re

import ipywidgets
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from fairmedl_lite import Figure
from fairmedl_lite.course import quiz as module
from fairmedl_lite.course.quiz import PICK_FIRST, _mended, accessible_tables, guess, quiz

OPTIONS = {
    "up": "Adding rows helps.",
    "down": ("Noise taken for signal", "You may think of noise."),
    "same": ("More rows, no information.", "Not quite."),
}


@pytest.fixture
def shown(monkeypatch):
    """What was displayed."""
    things = []
    monkeypatch.setattr(module, "display", lambda *parts: things.extend(parts))
    return things


def test_right_guess(shown, capsys):
    guess("Which way?", OPTIONS, choice="A").see("up")
    assert capsys.readouterr().out == "Answer: up. You guessed it.\nAdding rows helps.\n"


def test_wrong_guess_is_told_its_misconception_and_the_reason(shown, capsys):
    guess("Which way?", OPTIONS, choice="B").see("up")
    assert capsys.readouterr().out == (
        "Answer: up. You guessed: down. Misconception: Noise taken for signal. "
        "You may think of\nnoise.\nAdding rows helps.\n"  # no line is longer than 90 letters
    )


def test_no_guess_goes_on_and_the_answer_is_folded(shown, capsys):
    guess("Which way?", OPTIONS).see("up")
    assert capsys.readouterr().out == ""
    told = shown[-1]
    assert repr(told) == f"{PICK_FIRST} Open the answer."
    before, folded = told._repr_html_().split("<details>")
    assert before == f'<p class="pick-first">{PICK_FIRST}</p>'
    assert folded.startswith("<summary>Open the answer</summary><p>Answer: up.<br>A. up: Right. ")
    assert "B. down: Misconception: Noise taken for signal. You may" in folded


def test_a_guess_by_button_counts(shown, capsys):
    asked = guess("Which way?", OPTIONS)
    asked.buttons.value = "C"
    asked.see("up")
    said = "You guessed: same. Misconception: More rows, no information. Not quite."
    assert said in capsys.readouterr().out


def test_buttons_have_every_option_and_none_is_picked_beforehand(shown):
    asked = guess("Which way?", OPTIONS)
    assert asked.buttons.options == (("A. up", "A"), ("B. down", "B"), ("C. same", "C"))
    assert asked.buttons.value is None and asked.buttons in shown


def test_what_is_shown_is_escaped_and_complete(shown):
    guess("Is a < b & c?", {"<b>yes</b>": "", "no": ("Name", "why")})
    html = shown[0].data
    assert "Is a &lt; b &amp; c?" in html
    assert "<p>A. &lt;b&gt;yes&lt;/b&gt;<br>B. no</p>" in html


def test_explanations_stay_hidden_until_the_answer(shown):
    guess("Which way?", OPTIONS)
    everything = " ".join(part for told in OPTIONS.values() for part in (told, *told)[-2:])
    assert "You may think of noise." in everything
    assert not re.search("helps|noise|Not quite|information", shown[0].data)


TWO_RIGHT = {"up": "", "down": ""}
NONE_RIGHT = {"up": ("Name", "why"), "down": ("Other", "why")}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"up": ""}, "2 to 26 answers. Received: 1"),
        ({str(number): "" for number in range(27)}, "2 to 26 answers. Received: 27"),
        (TWO_RIGHT, "exactly one right answer.* Received: 2 strings"),
        (NONE_RIGHT, "exactly one right answer.* Received: 0 strings"),
        ({"up": "", "down": ("Name",)}, r"'down' needs a pair.* Received: \('Name',\)"),
        ({"up": "", "down": ("", "why")}, r"the misconception's name.* Received: \('', 'why'\)"),
        ({"up": "", "down": None}, "'down' needs a pair.* Received: None"),
    ],
)
@pytest.mark.parametrize("ask", [guess, quiz])
def test_what_cannot_be_asked_is_refused(shown, ask, options, message):
    with pytest.raises(ValueError, match=message):
        ask("Which way?", options)
    assert not shown


@pytest.mark.parametrize("choice", ["D", "up", ""])
def test_a_choice_that_is_no_letter_is_refused(shown, choice):
    with pytest.raises(ValueError, match=f"one of A, B, C. Received: '{choice}'"):
        guess("Which way?", OPTIONS, choice=choice)


@pytest.mark.parametrize("answer", ["sideways", "down"])
def test_another_answer_than_the_right_one_says_the_result_has_changed(shown, answer):
    with pytest.raises(ValueError, match=f"'up'. Received: '{answer}'. The result has changed"):
        guess("Which way?", OPTIONS).see(answer)


ENTRY = {
    "ask": "How many?",
    "options": {"ten": ["Noise", "Not so."], "two": "Count.", "none": ["Nothing", "There are."]},
    "when": {"ten": "it > 5", "two": "1 < it < 5", "none": "max(it, 0) < 1"},
}


@pytest.fixture
def stored(monkeypatch):
    """A lesson 09 of one question and one exercise."""
    exercise = {"what": "a sum", "tolerance": 0.1, "hints": ["Odds: no."]}
    found = {"expected": 2.0, "wrong": [3.0]}
    entries = {"many": ENTRY, "sum": exercise | found, "new": exercise}
    monkeypatch.setattr(module.bank, "lesson", lambda number: entries if number == "09" else {})


def test_a_lessons_question_has_a_name_and_its_result_may_be_a_number(shown, stored, capsys):
    asked = guess("09.many", choice="A")
    assert list(asked.letters.values()) == ["ten", "two", "none"] and "How many?" in shown[0].data
    asked.see(2.5)
    assert "Answer: two. You guessed: ten. Misconception: Noise." in capsys.readouterr().out
    asked.see("two")
    for value in (7, 0, 5):
        with pytest.raises(ValueError, match=f"Received: {value}. The result has changed"):
            asked.see(value)


def test_a_lessons_quiz_has_a_name(shown, stored):
    quiz("09.many")
    assert "How many?" in shown[0].data and "B. two: Right. Count." in shown[-1]._repr_html_()


@pytest.mark.parametrize("name", ["09.sum", "09.x", "08.many", "many"])
@pytest.mark.parametrize("ask", [guess, quiz])
def test_a_name_that_no_question_has_is_refused(shown, stored, ask, name):
    with pytest.raises(ValueError, match=f"such as '00.who'.* Received: '{name}'"):
        ask(name)


def test_a_quiz_answers_at_once_in_a_spoken_region(shown):
    assert quiz("Which way?", OPTIONS) is None
    question, buttons, reply, _ = shown
    assert "Which way?" in question.data and buttons.value is None
    assert isinstance(reply, ipywidgets.HTML)
    assert reply.value == '<div role="status" aria-live="polite"></div>'
    buttons.value = "B"
    wrong = "Not so. Misconception: Noise taken for signal. You may think of noise."
    assert reply.value == f'<div role="status" aria-live="polite">{wrong}</div>'
    buttons.value = "A"
    assert ">Right. Adding rows helps.<" in reply.value
    buttons.value = None
    assert reply.value == '<div role="status" aria-live="polite"></div>'


def test_without_a_kernel_a_quiz_has_its_answers_folded(shown):
    quiz("Which way?", {"<up>": "So & so.", "down": ("Name", "Why.")})
    assert repr(shown[-1]) == "All answers."
    assert shown[-1]._repr_html_() == (
        "<details><summary>All answers</summary><p>A. &lt;up&gt;: Right. So &amp; so.<br>"
        "B. down: Misconception: Name. Why.</p></details>"
    )


def draw():
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1])
    return figure


def test_a_figure_has_its_data_folded_below_and_keeps_them():
    data = pd.DataFrame({"rate": [0.123456, 2.0]}, index=pd.Index(["<a>", "b"], name="group"))
    shown = Figure(draw(), "A line that rises from 0 to 1.", data)
    assert shown.data is data
    image, table = shown._repr_html_().split("<details>")
    assert image.startswith('<img alt="A line that rises from 0 to 1." src="data:image/png;base64,')
    assert table.startswith("<summary>Data behind the figure</summary><table")
    cells = re.findall("<t[hd]>(.*?)</t[hd]>", table)
    assert cells == ["group", "rate", "&lt;a&gt;", "0.1235", "b", "2"]


def test_a_figure_without_data_folds_nothing():
    shown = Figure(draw(), 'A line, called "the line", that rises.')
    assert shown.data is None and "<details>" not in shown._repr_html_()
    assert 'alt="A line, called &quot;the line&quot;, that rises."' in shown._repr_html_()


def test_a_long_table_is_cut_and_says_so():
    data = pd.DataFrame({"x": range(101)})
    html = Figure(draw(), "A line that rises from 0 to 1.", data)._repr_html_()
    assert "the first 100 of 101 rows" in html and "<td>99</td>" in html
    assert "<td>100</td>" not in html


def test_a_figure_takes_no_other_data():
    with pytest.raises(ValueError, match="data must be a DataFrame. Received: dict"):
        Figure(draw(), "A line that rises from 0 to 1.", {"x": [1]})


@pytest.fixture
def notebook():
    yield InteractiveShell.instance().display_formatter.formatters["text/html"]
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("index", [None, pd.Index(["a", "b"], name="ward")])
def test_no_header_is_empty(notebook, index):
    table = pd.DataFrame({"rate": [0.5, 1.0]}, index=index)
    assert "<th></th>" in table._repr_html_()
    accessible_tables()
    html = notebook(table)
    assert "<th></th>" not in html
    assert html.replace("<td></td>", "<th></th>") == table._repr_html_()


def test_outside_of_a_notebook_nothing_changes():
    table = pd.DataFrame({"rate": [0.5]})
    with pd.option_context("display.notebook_repr_html", False):
        assert _mended(table) is None


def test_importing_a_quiz_changes_no_table(notebook):
    import fairmedl_lite.course.quiz  # noqa: F401

    assert pd.DataFrame not in notebook.type_printers
