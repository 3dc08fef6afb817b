"""A block of a source becomes cells that tell nothing, and an entry of the bank that tells all."""

import json

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from tools.lessons import questions, solving

TEXT = """Before.

```{guess} who
Whom does it
miss: "the 1st"?

- [ ] the old
  **Size: it counts.** No,
  it does not.
- [x] the young: yes
  :when: it > 1
  They are rare.
- [ ] nobody
  **Wish?** No.
```

Between.

````{exercise} rate
**1. A rate.** Do it.
:starter:
found = 1
rate, count = None, None  # your turn
:answer rate: the rate: of the young
:tolerance: 0.5
- `1 - found * factor`: Upside down: that is
  the rest.
:answer count: the count
:also:
factor = 3
:solution:
found = found + 1
rate = found / 4
count = {"a": found}
:because:
Why so:

```python
x
```
````

```{quiz} end
Sure?

- [x] yes
  Good.
- [ ] no
  **Doubt.** Bad.
```
"""
WHO = {
    "the old": ["Size: it counts", "No, it does not."],
    "the young: yes": "They are rare.",
    "nobody": ["Wish?", "No."],
}


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(questions, "BANK", tmp_path)
    path = tmp_path / "07_tiny.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_cells_by_hand():
    code = new_code_cell("1")
    cells = questions.expanded([new_markdown_cell(TEXT), code], "07")
    assert [cell.source for cell in cells] == [
        "Before.",
        'who = guess("07.who")',
        "Between.",
        "**1. A rate.** Do it.",
        "found = 1\nrate, count = None, None  # your turn",
        'check("07.rate", rate)\ncheck("07.count", count)',
        "<details><summary>Solution</summary>\n\n```python\nfound = found + 1\nrate = found / 4\n"
        'count = {"a": found}\n```\n\nWhy so:\n\n```python\nx\n```\n\n</details>',
        'quiz("07.end")',
        "1",
    ]
    assert cells[-1] is code


def test_entries_by_hand(source):
    found = questions.entries(source)
    assert list(found) == ["who", "rate", "count", "end"]
    assert found["who"]["ask"] == 'Whom does it miss: "the 1st"?'
    assert found["who"]["options"] == WHO and found["who"]["when"] == {"the young: yes": "it > 1"}
    rate = {"what": "the rate: of the young", "tolerance": 0.5}
    assert found["rate"] == rate | {"hints": ["Upside down: that is the rest."]}
    assert found["count"] == {"what": "the count", "tolerance": 0.005, "hints": []}
    assert found["end"]["options"] == {"yes": "Good.", "no": ["Doubt", "Bad."]}


def test_options_are_shuffled_by_name_and_places_are_dealt():
    found = [
        questions.shuffled(questions.Question("guess", f"q{at}", "?", WHO, {}), "00", at % 3)
        for at in range(30)
    ]
    assert [order.index("the young: yes") for order in found] == [0, 1, 2] * 10
    assert len({tuple(order) for order in found}) == 6
    first = questions.Question("guess", "q0", "?", WHO, {})
    assert questions.shuffled(first, "00", 0) == found[0]


def solved(source, tmp_path):
    """What a kernel with one name finds of the exercise, and this kernel's names."""
    namespace = {"found": 1}
    exercise = questions.exercises(source)["count"].code()
    solving.solve(namespace, exercise, str(tmp_path / "answers.json"))
    return json.loads((tmp_path / "answers.json").read_text()), namespace


def test_a_solution_is_run_in_a_copy_of_the_names(source, tmp_path):
    found, namespace = solved(source, tmp_path)
    assert namespace == {"found": 1}
    assert found["rate"] == {"expected": 0.5, "wrong": [-5]}
    assert found["count"] == {"expected": {"series": [["a", 2]]}, "wrong": []}


def test_what_a_solution_gave_is_kept_until_the_next_run(source, tmp_path):
    questions.write(source, solved(source, tmp_path)[0])
    questions.write(source)
    assert questions.stored(source)["rate"]["expected"] == 0.5
    hints = TEXT.replace(":answer count", "- `2`: Two: no.\n:answer count")
    source.write_text(hints, encoding="utf-8")
    questions.write(source)
    assert "expected" not in questions.stored(source)["rate"]
    assert "expected" in questions.stored(source)["count"]


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("[x] the young", "[ ] the young", "must name its misconception"),
        ("[ ] the old\n  **Size: it counts.**", "[x] the old\n", "of these right: \\['the old', "),
        ("**Wish?** No.", "Just no.", "wrong option of 'who' .* Received: 'Just no.'"),
        ("- [ ] nobody", "- [ ] the old", "two or more different options"),
        (":starter:", ":also:", "must have a :starter:, an :answer"),
        (":solution:", "Solution:", "'rate' holds code that Python cannot"),
        ("{quiz} end", "{quiz} rate", "two questions of the name rate"),
        ("it > 1", "it >", "'who' holds code that Python cannot read: 'it >'"),
    ],
)
def test_a_block_that_cannot_be_asked_is_refused(source, old, new, message):
    assert old in TEXT
    source.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        questions.entries(source)
