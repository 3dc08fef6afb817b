"""Predict, then see: a learner commits to an answer, and hears what a wrong one was about."""

import re
import sys
from html import escape
from string import ascii_uppercase

import ipywidgets
import pandas as pd
from IPython.display import HTML, display

from fairmedl_lite.course import bank
from fairmedl_lite.course.exercises import say

PICK_FIRST = "Pick first: choose an answer above, then run this cell again."
PLAIN = {function.__name__: function for function in (abs, all, any, len, max, min, round, sum)}
_EMPTY_HEADER = re.compile(r"<th>\s*</th>")


class guess:  # noqa: N801 - learners call it as a function
    """Ask, keep the learner's guess, and answer it when the result is there.

    It shows the question with lettered answers, and radio buttons below, which work by mouse
    and by keyboard. Where no buttons work, pass `choice`. Nothing waits: a notebook that runs
    unattended goes on, and `see` then shows the answer folded.

    Args:
        question: String: the name of a lesson's question, such as `"00.who"`; or a question of
            your own.
        options: Of a question of your own, dictionary of answer to explanation. The right answer's
            is a string: why it is right. A wrong one's is a pair: the name of the misconception,
            and why one may think so and why it is not so.
        choice: A letter, or `None` to use the buttons.

    Raises:
        ValueError: If a lesson has no question of this name, there are fewer than two options,
            not exactly one is right, a wrong one names no misconception, or `choice` is none of
            the letters.

    Example:
        >>> options = {"0.75": "Three of four.", "3": ("Odds", "3 to 1 are odds.")}
        >>> guessed = guess("Three of four succeed. How probable is success?", options, choice="B")
        <IPython.core.display.HTML object>
        RadioButtons(...)
        >>> guessed.see("0.75")
        Answer: 0.75. You guessed: 3. Misconception: Odds. 3 to 1 are odds.
        Three of four.
    """

    def __init__(self, question: str, options: dict | None = None, choice: str | None = None):
        question, self.options, self.when = _asked(question, options)
        self.right = _right_answer(self.options)
        self.letters = _lettered(self.options)
        if choice is not None and choice not in self.letters:
            raise ValueError(
                f"choice must be one of {', '.join(self.letters)}. Received: {choice!r}."
            )
        self.buttons = _ask(question, self.letters, choice)

    def see(self, found) -> None:
        """Show the answer, and what the guess says about it; folded where nobody guessed.

        Args:
            found: What the cells before computed: the right answer's text, or a value that the
                lesson's question gives the answers for.

        Raises:
            ValueError: If it does not lead to the option that stands as the right one.
        """
        answer = self._answer(found)
        if answer != self.right:
            raise ValueError(
                f"The result must lead to the right one of {list(self.options)}: {self.right!r}. "
                f"Received: {found!r}. The result has changed: mend the options."
            )
        picked = self.letters.get(self.buttons.value)
        if picked is None:
            told = [f"Answer: {answer}.", *_told(self.options)]
            display(_Folded(PICK_FIRST, "Open the answer", told))
            return
        guessed = "You guessed it."
        if picked != answer:
            guessed = f"You guessed: {picked}. {_explained(self.options[picked])}"
        say(f"Answer: {answer}. {guessed}")
        say(self.options[answer])

    def _answer(self, found):
        """The one option that a result leads to; `None` if it leads to none or to more."""
        if isinstance(found, str):
            return found
        fitting = [
            option
            for option, rule in self.when.items()
            if eval(rule, {"__builtins__": PLAIN, "it": found})  # a rule of our own question bank
        ]
        return fitting[0] if len(fitting) == 1 else None


def quiz(question: str, options: dict | None = None) -> None:
    """Ask, and answer at once: choosing an option shows what it is about.

    The explanation stands in a region that screen readers speak. All answers stand folded below,
    for where no kernel runs.

    Args:
        question: String: the name of a lesson's question, or a question of your own.
        options: Of your own, dictionary of answer to explanation, as in `guess`.

    Raises:
        ValueError: As `guess`.

    Example:
        >>> options = {"0.75": "Three of four.", "3": ("Odds", "3 to 1 are odds.")}
        >>> quiz("Three of four succeed. How probable is success?", options)
        <IPython.core.display.HTML object> RadioButtons(...) ...
    """
    question, options, _ = _asked(question, options)
    right, letters = _right_answer(options), _lettered(options)
    buttons, reply = _ask(question, letters), ipywidgets.HTML(spoken(""))

    def respond(change):
        picked = letters.get(change["new"])
        verdict = "Right." if picked == right else "Not so."
        reply.value = spoken(f"{verdict} {_explained(options[picked])}" if picked else "")

    buttons.observe(respond, "value")
    display(reply, _Folded("", "All answers", list(_told(options))))


class _Folded:
    """Answers with their reasons, folded; as plain text they stay untold."""

    def __init__(self, before, summary, answers):
        self.before, self.summary, self.answers = before, summary, answers

    def __repr__(self):
        return f"{self.before} {self.summary}.".strip()

    def _repr_html_(self):
        before = f'<p class="pick-first">{self.before}</p>' if self.before else ""
        folded = f"<summary>{self.summary}</summary>{_lines(self.answers)}"
        return f"{before}<details>{folded}</details>"


def _told(options):
    """Each answer, and what there is to say about it."""
    for letter, answer in _lettered(options).items():
        right = "Right. " if isinstance(options[answer], str) else ""
        yield f"{letter}. {answer}: {right}{_explained(options[answer])}"


def spoken(text):
    """HTML of a text that a screen reader speaks when it changes."""
    return f'<div role="status" aria-live="polite">{escape(text)}</div>'


def _asked(question, options):
    """Question, options and the rules of its answers: those given, or of the question bank."""
    if options is not None:
        return question, dict(options), {}
    entry = bank.find(question, "options")
    given = {
        answer: why if isinstance(why, str) else tuple(why)
        for answer, why in entry["options"].items()
    }
    return entry["ask"], given, entry.get("when", {})


def _lettered(options):
    return dict(zip(ascii_uppercase, options, strict=False))


def _right_answer(options):
    right = [answer for answer, explanation in options.items() if isinstance(explanation, str)]
    if not 2 <= len(options) <= len(ascii_uppercase):
        raise ValueError(f"options must hold 2 to 26 answers. Received: {len(options)}.")
    if len(right) != 1:
        raise ValueError(
            "options must hold exactly one right answer, whose explanation is a string; a wrong "
            f"one has a pair (misconception, explanation). Received: {len(right)} strings."
        )
    for answer, explanation in options.items():
        if answer != right[0] and not _is_named(explanation):
            raise ValueError(
                f"The wrong answer {answer!r} needs a pair of strings, the misconception's name "
                f"and an explanation. Received: {explanation!r}."
            )
    return right[0]


def _is_named(explanation):
    is_pair = isinstance(explanation, tuple) and len(explanation) == 2
    return is_pair and all(isinstance(part, str) and part.strip() for part in explanation)


def _explained(explanation):
    if isinstance(explanation, str):
        return explanation
    name, why = explanation
    return f"Misconception: {name.rstrip('.')}. {why}"


def _ask(question, letters, choice=None):
    """Show a question and its answers; the radio buttons come back."""
    labels = [(f"{letter}. {answer}", letter) for letter, answer in letters.items()]
    buttons = ipywidgets.RadioButtons(options=labels, value=choice, layout={"width": "max-content"})
    answers = _lines(label for label, _ in labels)
    display(HTML(f"<p><b>{escape(question)}</b></p>{answers}"), buttons)
    return buttons


def _lines(texts):
    """HTML of one text a line: JupyterLab would take the letters out of a lettered list."""
    return f"<p>{'<br>'.join(map(escape, texts))}</p>"


def accessible_tables() -> None:
    """In a running notebook, show DataFrames without the empty header cell that pandas leaves.

    A screen reader stumbles over it. Outside of a notebook nothing changes.

    Example:
        >>> accessible_tables()  # in the first cell of a notebook
    """
    shell = "IPython" in sys.modules and sys.modules["IPython"].get_ipython()
    if shell:
        shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, _mended)


def _mended(table):
    """HTML of a DataFrame without empty header cells; `None` where pandas shows no HTML."""
    html = table._repr_html_()
    return html and _EMPTY_HEADER.sub("<td></td>", html)
