"""Predict, then see: a learner commits to a guess before the cell that answers."""

from html import escape
from string import ascii_uppercase

import ipywidgets
from IPython.display import HTML, display


class guess:  # noqa: N801 - learners call it as a function
    """Ask, keep the learner's guess, and answer it when the result is there.

    It shows the question with lettered answers, and radio buttons below, which work by mouse
    and by keyboard. Where no buttons work, pass `choice`. Nothing waits: a notebook that runs
    unattended goes on, and `see` then says that nobody guessed.

    Args:
        question: String.
        options: Dictionary of answer to explanation: what somebody who picks it may be
            thinking, and why the result differs. The right answer's says why it is right.
        choice: A letter, or `None` to use the buttons.

    Raises:
        ValueError: If there are fewer than two options, or `choice` is none of the letters.
    """

    def __init__(self, question, options, choice=None):
        if len(options) < 2:
            raise ValueError(f"options must hold two or more answers. Received: {len(options)}.")
        self.options = dict(options)
        self.letters = dict(zip(ascii_uppercase, self.options, strict=False))
        if choice is not None and choice not in self.letters:
            raise ValueError(
                f"choice must be one of {', '.join(self.letters)}. Received: {choice!r}."
            )
        labels = [(f"{letter}. {answer}", letter) for letter, answer in self.letters.items()]
        self.buttons = ipywidgets.RadioButtons(
            options=labels, value=choice, layout={"width": "max-content"}
        )
        items = "".join(f"<li>{escape(answer)}</li>" for answer in self.options)
        display(HTML(f"<p><b>{escape(question)}</b></p><ol type='A'>{items}</ol>"), self.buttons)

    def see(self, answer):
        """Print the answer, and what the guess says about it.

        Args:
            answer: One of the options, as the cell before computed it.

        Raises:
            ValueError: If it is none of the options.
        """
        if answer not in self.options:
            raise ValueError(
                f"answer must be one of {list(self.options)}. Received: {answer!r}. "
                "The result has changed: mend the options."
            )
        picked = self.letters.get(self.buttons.value)
        if picked is None:
            print(f"Answer: {answer}. You have not guessed: pick one above, then run this again.")
        elif picked == answer:
            print(f"Answer: {answer}. You guessed it.")
        else:
            print(f"Answer: {answer}. You guessed: {picked}. {self.options[picked]}")
        print(self.options[answer])
