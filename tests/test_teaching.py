"""A guess is kept, answered with what its author may have thought, and never waits."""

import pytest

from fairmedl_lite import teaching
from fairmedl_lite.teaching import guess

OPTIONS = {"up": "Adding rows helps.", "down": "You may think of noise.", "same": "Not quite."}


@pytest.fixture
def shown(monkeypatch):
    """What was displayed."""
    things = []
    monkeypatch.setattr(teaching, "display", lambda *parts: things.extend(parts))
    return things


def test_right_guess(shown, capsys):
    guess("Which way?", OPTIONS, choice="A").see("up")
    assert capsys.readouterr().out == "Answer: up. You guessed it.\nAdding rows helps.\n"


def test_wrong_guess_is_told_its_misconception_and_the_reason(shown, capsys):
    guess("Which way?", OPTIONS, choice="B").see("up")
    assert capsys.readouterr().out == (
        "Answer: up. You guessed: down. You may think of noise.\nAdding rows helps.\n"
    )


def test_no_guess_goes_on_and_says_so(shown, capsys):
    guess("Which way?", OPTIONS).see("up")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Answer: up. You have not guessed") and second == "Adding rows helps."


def test_a_guess_by_button_counts(shown, capsys):
    asked = guess("Which way?", OPTIONS)
    asked.buttons.value = "C"
    asked.see("same")
    assert "You guessed it." in capsys.readouterr().out


def test_buttons_have_every_option_and_none_is_picked_beforehand(shown):
    asked = guess("Which way?", OPTIONS)
    assert asked.buttons.options == (("A. up", "A"), ("B. down", "B"), ("C. same", "C"))
    assert asked.buttons.value is None and asked.buttons in shown


def test_what_is_shown_is_escaped_and_complete(shown):
    guess("Is a < b & c?", {"<b>yes</b>": "", "no": ""})
    html = shown[0].data
    assert "Is a &lt; b &amp; c?" in html
    assert "<li>&lt;b&gt;yes&lt;/b&gt;</li><li>no</li>" in html


def test_explanations_stay_hidden_until_the_answer(shown):
    guess("Which way?", OPTIONS)
    assert not any(explanation in shown[0].data for explanation in OPTIONS.values())


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"options": {"up": ""}}, "two or more answers. Received: 1"),
        ({"choice": "D"}, "one of A, B, C. Received: 'D'"),
        ({"choice": "up"}, "one of A, B, C. Received: 'up'"),
    ],
)
def test_what_cannot_be_asked_is_refused(shown, settings, message):
    with pytest.raises(ValueError, match=message):
        guess("Which way?", **{"options": OPTIONS} | settings)


def test_an_answer_that_is_no_option_says_the_result_has_changed(shown):
    with pytest.raises(ValueError, match="Received: 'sideways'. The result has changed"):
        guess("Which way?", OPTIONS).see("sideways")
