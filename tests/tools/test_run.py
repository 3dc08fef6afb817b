"""The course runner tells apart what went well, what was slow and what failed."""

import os

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.lessons.run import Budget, clean, headline, main, read_anew, run_course, table


@pytest.fixture
def lesson(tmp_path):
    """Writes a lesson of the given cells and runs it."""

    def run(*sources, write=False, **budget):
        path = tmp_path / "00_tiny.ipynb"
        cells = [new_markdown_cell("# Tiny"), *map(new_code_cell, sources)]
        nbformat.write(new_notebook(cells=cells), path)
        (result,) = run_course([path], Budget(**budget), tmp_path / "pages", write)
        return result

    return run


def test_good_lesson_is_measured_rendered_and_stored(lesson, tmp_path):
    run = lesson("x = 2", "print(x + 1)", write=True)
    assert run.result == "ok", table([run])
    assert 0 < run.longest < run.seconds and run.megabytes > 10
    assert "00_tiny.html" in (tmp_path / "pages" / "index.html").read_text()
    assert "Tiny" in (tmp_path / "pages" / "00_tiny.html").read_text(encoding="utf-8")
    stored = nbformat.read(tmp_path / "00_tiny.ipynb", as_version=4)
    assert [cell.get("execution_count") for cell in stored.cells] == [None, 1, 2]
    assert stored.cells[2].outputs[0].text == "3\n"
    assert "version" not in stored.metadata.language_info


def test_raising_cell_is_named_and_nothing_is_stored(lesson, tmp_path):
    run = lesson("x = 2", "y = x / 0\nprint(y)", write=True)
    assert run.result == "FAILED"
    assert "cell [2] `y = x / 0` raised ZeroDivisionError: division by zero" in table([run])
    assert not nbformat.read(tmp_path / "00_tiny.ipynb", as_version=4).cells[2].outputs


def test_slow_cell_warns(lesson):
    run = lesson("import time; time.sleep(0.6)", cell=0.3)
    assert run.result == "slow" and "its budget is 0.3 s" in table([run])


def test_far_too_slow_cell_is_stopped(lesson):
    run = lesson("import time; time.sleep(30)", cell=0.1)
    assert run.result == "FAILED" and run.seconds < 15
    assert "cell [1] `import time; time.sleep(30)` was stopped" in table([run])


def test_large_kernel_fails(lesson):
    run = lesson("import time; block = bytearray(90 * 2**20); time.sleep(0.3)", megabytes=100)
    assert run.result == "FAILED" and "the budget is 100 MB" in table([run])


def test_only_the_libraries_of_a_package_are_forgotten(tmp_path, monkeypatch):
    package, forgotten = tmp_path / "heavy", []
    (package / "deep").mkdir(parents=True)
    for name in ("__init__.py", "one.so", "deep/two.so.2", "deep/data.txt"):
        (package / name).write_bytes(b"kept")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        os, "posix_fadvise", lambda file, *_: forgotten.append(os.fstat(file).st_ino), raising=False
    )
    monkeypatch.setattr(os, "POSIX_FADV_DONTNEED", 4, raising=False)
    read_anew("heavy")
    libraries = [package / "one.so", package / "deep" / "two.so.2"]
    assert sorted(forgotten) == sorted(path.stat().st_ino for path in libraries)
    assert {path.read_bytes() for path in libraries} == {b"kept"}


def test_dead_kernel_fails(lesson):
    run = lesson("import os; os._exit(1)")
    assert "ended the kernel" in table([run])


def test_clean_drops_large_widget_states_only():
    notebook = new_notebook(metadata={"widgets": {"state": "x" * 200_000}})
    clean(notebook)
    assert "widgets" not in notebook.metadata
    notebook = new_notebook(metadata={"widgets": {"state": "x"}})
    clean(notebook)
    assert "widgets" in notebook.metadata


def test_headline_shows_the_ladder(tmp_path):
    assert "No headline figures" in headline(tmp_path / "study.csv")
    (tmp_path / "study.csv").write_text(
        "model,part,effects,threshold,metric,attribute,mean\n"
        "NNet,seen,mixed,,auroc,,0.9\nNNet,seen,fixed,,auroc,,0.8\n"
        "NNet,seen,mixed,youden,tpr_sd,age,0.1\nNNet,seen,mixed,equal_rate,tpr_sd,age,0.3\n"
        "DA-NNet,seen,mixed,,auroc,,0.7\nDA-NNet,seen,mixed,youden,tpr_sd,age,0.05\n"
        "GPBoost,seen,mixed,,auroc,,0.6\n"
    )
    text = headline(tmp_path / "study.csv")
    assert "tpr_sd age" in text
    *_, network, adversarial = map(str.split, text.splitlines())
    assert network == ["NNet", "0.9", "0.10"] and adversarial == ["DA-NNet", "0.7", "0.05"]


def test_unknown_lesson_is_an_error():
    with pytest.raises(SystemExit, match="99"):
        main(["--only", "99"])
