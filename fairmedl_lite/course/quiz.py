"""Predict, then see: a learner commits to an answer, and hears what a wrong one was about."""

import re
import sys
from html import escape
from string import ascii_uppercase

import ipywidgets
import pandas as pd
from IPython.display import HTML, display

from fairmedl_lite.course.exercises import say

_EMPTY_HEADER = re.compile(r"<th>\s*</th>")


class guess:  # noqa: N801 - learners call it as a function
    """Ask, keep the learner's guess, and answer it when the result is there.

    It shows the question with lettered answers, and radio buttons below, which work by mouse
    and by keyboard. Where no buttons work, pass `choice`. Nothing waits: a notebook that runs
    unattended goes on, and `see` then says that nobody guessed.

    Args:
        question: String.
        options: Dictionary of answer to explanation. The right answer's is a string: why it is
            right. A wrong one's is a pair: the name of the misconception, and why one may think
            so and why it is not so.
        choice: A letter, or `None` to use the buttons.

    Raises:
        ValueError: If there are fewer than two options, not exactly one is right, a wrong one
            names no misconception, or `choice` is none of the letters.

    Example:
        >>> options = {"0.75": "Three of four.", "3": ("Odds", "3 to 1 are odds.")}
        >>> guessed = guess("Three of four succeed. How probable is success?", options, choice="B")
        <IPython.core.display.HTML object>
        RadioButtons(...)
        >>> guessed.see("0.75")
        Answer: 0.75. You guessed: 3. Misconception: Odds. 3 to 1 are odds.
        Three of four.
    """

    def __init__(self, question: str, options: dict, choice: str | None = None):
        self.options, self.right = dict(options), _right_answer(options)
        self.letters = dict(zip(ascii_uppercase, self.options, strict=False))
        if choice is not None and choice not in self.letters:
            raise ValueError(
                f"choice must be one of {', '.join(self.letters)}. Received: {choice!r}."
            )
        self.buttons = _ask(question, self.letters, choice)

    def see(self, answer: str) -> None:
        """Print the answer, and what the guess says about it.

        Args:
            answer: The right answer, as the cell before computed it.

        Raises:
            ValueError: If it is not the option that stands as the right one.
        """
        if answer != self.right:
            raise ValueError(
                f"answer must be the right one of {list(self.options)}: {self.right!r}. "
                f"Received: {answer!r}. The result has changed: mend the options."
            )
        picked = self.letters.get(self.buttons.value)
        if picked is None:
            say(f"Answer: {answer}. You have not guessed: pick one above, then run this again.")
        elif picked == answer:
            say(f"Answer: {answer}. You guessed it.")
        else:
            say(f"Answer: {answer}. You guessed: {picked}. {_explained(self.options[picked])}")
        say(self.options[answer])


def quiz(question: str, options: dict) -> None:
    """Ask, and answer at once: choosing an option shows what it is about.

    The explanation stands in a region that screen readers speak. All answers stand folded below,
    for where no kernel runs.

    Args:
        question: String.
        options: Dictionary of answer to explanation, as in `guess`.

    Raises:
        ValueError: As `guess`.

    Example:
        >>> options = {"0.75": "Three of four.", "3": ("Odds", "3 to 1 are odds.")}
        >>> quiz("Three of four succeed. How probable is success?", options)
        <IPython.core.display.HTML object> RadioButtons(...) ...
    """
    right = _right_answer(options)
    letters = dict(zip(ascii_uppercase, options, strict=False))
    buttons, reply = _ask(question, letters), ipywidgets.HTML(spoken(""))

    def respond(change):
        picked = letters.get(change["new"])
        verdict = "Right." if picked == right else "Not so."
        reply.value = spoken(f"{verdict} {_explained(options[picked])}" if picked else "")

    buttons.observe(respond, "value")
    told = {
        f"{letter}. {answer}": ("Right. " if answer == right else "") + _explained(options[answer])
        for letter, answer in letters.items()
    }
    answers = _lines(f"{answer}: {words}" for answer, words in told.items())
    folded = f"<details><summary>All answers</summary>{answers}</details>"
    display(reply, HTML(folded))


def spoken(text):
    """HTML of a text that a screen reader speaks when it changes."""
    return f'<div role="status" aria-live="polite">{escape(text)}</div>'


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
