"""Solutions are run with their lesson, leave no trace in it, and are held to what was stored."""

import nbformat
import pytest

from tools.lessons import questions, sources
from tools.lessons.run import Budget, run_course

LESSON = """# Tiny

```{code-cell}
import numpy as np

random, seed = np.random.default_rng(0), 3
```

```{exercise} drawn
**1.** Draw.
:starter:
drawn = None
:answer drawn: the draw
- `drawn + 1`: One more: no.
:solution:
seed = 4
drawn = random.integers(100) + seed
```

```{code-cell}
print(random.integers(100), seed, drawn, "HERE" in dir())
```
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Runs the lesson, and writes it and its bank first if asked to."""
    monkeypatch.setattr(sources, "SOURCES", tmp_path)
    monkeypatch.setattr(sources, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(questions, "BANK", tmp_path)
    # The kernel reads the package's own bank, which has no lesson 99.
    text = LESSON.replace("drawn = None\n", "drawn = None\ncheck = lambda name, value: None\n")
    (tmp_path / "99_tiny.md").write_text(text, encoding="utf-8")

    def run(write):
        path = tmp_path / f"99_tiny.{'md' if write else 'ipynb'}"
        (result,) = run_course([path], Budget(), tmp_path / "pages", write)
        return result

    return run


def test_a_solution_is_run_without_a_trace_and_its_value_is_held(course, tmp_path):
    run = course(write=True)
    assert run.failures == [] and len(run.cells) == 4
    notebook = nbformat.read(tmp_path / "99_tiny.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    assert code[-1].outputs[0].text == "85 3 None False\n"  # the first draw of seed 0
    stored = questions.stored(tmp_path / "99_tiny.md")["drawn"]
    assert (stored["expected"], stored["wrong"]) == (89, [90])
    assert course(write=False).failures == []
    bank = (tmp_path / "99.json").read_text().replace("89", "88")
    (tmp_path / "99.json").write_text(bank)
    (said,) = course(write=False).failures
    assert said == "the solution of 'drawn' gives 89, the bank expects 88: run `make lessons`"


def test_a_solution_that_raises_fails_the_lesson_and_is_named(course, tmp_path):
    source = tmp_path / "99_tiny.md"
    source.write_text(source.read_text().replace("seed = 4", "seed = 1 / 0"))
    (said,) = course(write=True).failures
    assert "the solution of 'drawn' raised ZeroDivisionError" in said
    assert not (tmp_path / "99_tiny.ipynb").exists()
