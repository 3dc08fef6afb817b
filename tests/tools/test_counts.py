"""Words, lines and what of them is the lesson's own are counted as by hand."""

import pytest

from tools.lessons import counts

SOURCE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
    format_version: 0.13
---

# Two words

Read [this page](https://example.org/a/b). It's 0.5.

<details><summary>More</summary>

None of these words counts.

</details>

```{code-cell}
:tags: [fold, remove-cell]

# Installs.
setup = 1
```

```{code-cell}
:tags: [fold]

# Draws.
plot()
```

```{code-cell}
import numpy as np

x = np.arange(3)
assert x.size == 3
worth.see(x.mean())
```

```{guess} worth
How much is it?

- [x] about two
  It is so.
- [ ] one
  **Error.** No.
```
"""


def test_a_lesson_by_hand(tmp_path):
    path = tmp_path / "00_a.md"
    path.write_text(SOURCE, encoding="utf-8")
    # Two words; Read this page. It's 0.5. How much is it? about two. one. It is so.
    found = counts.count(path)
    assert (found.words, found.lines, found.own, found.folded) == (17, 5, 1, 2)
    assert found.share == 20 and found.minutes == pytest.approx(17 / 230 + 5 / 20)
    assert counts.listed(path).splitlines()[0] == "import numpy as np"


@pytest.mark.parametrize(
    "code, lines",
    [
        ("x = fit(y)\nprint(f'{x:.2f}')", set()),
        ("from a import (\n    b,\n    c,\n)\nb()", {1, 2, 3, 4}),
        ("table.pivot(index='a').round(2)", {1}),
        ("figure, axes = plt.subplots()\naxes.plot(x)\n\nFigure(figure, 'A line.')", {1, 2, 4}),
        ("def told(m):\n    '''Text.'''\n    return f'{m:.1f}'", {1, 2, 3}),
        ("def told(v):\n    m = v.mean()\n    return f'{m:.1f}'", {3}),
        ("for row in rows:\n    axes.text(row)", {1, 2}),
        ("answers = {1: 'about two'}", {1}),
        ("# A comment is the lesson's own.\nx = 1", set()),
    ],
)
def test_machinery_by_hand(code, lines):
    assert counts.machinery(code, frozenset({"about two"})) == lines


def test_short_options_are_words_like_others():
    question = counts.questions.Question("guess", "a", "?", {"both": "Why.", "no one": []}, {})
    assert counts.telling([question]) == {"no one"}
