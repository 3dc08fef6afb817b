"""The course runner tells what a lesson took, and fails one that raises, hangs or dies."""

import os
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.lessons.run import (
    Budget,
    Cell,
    Run,
    clean,
    headline,
    main,
    options,
    read_anew,
    run_course,
    table,
)
from tools.lessons.watching import Patience


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


def test_hanging_cell_is_stopped_and_named(lesson):
    run = lesson("import time; time.sleep(100_000)", "x = 1", patience=Patience(idle=1))
    assert run.result == "FAILED" and len(run.cells) == 1
    assert "cell [1] `import time; time.sleep(100_000)` was stopped: it used no CPU" in table([run])


@pytest.mark.parametrize(
    "run, told",
    [
        (Run("00", cells=[Cell("cell [1] `fit`", cpu=31)]), "cell [1] `fit` used 31.0 CPU seconds"),
        (Run("00", cpu=121), "the lesson used 121.0 CPU seconds, its budget is 120"),
        (Run("00", megabytes=851), "its kernel used 851.0 MB, its budget is 850"),
    ],
    ids=["cell", "lesson", "memory"],
)
def test_budgets_are_told_and_fail_if_strict(run, told):
    budget = Budget(cell=30, lesson=120, megabytes=850)
    run.judge(budget)
    assert run.result == "ok" and f"note 00: {told}" in table([run])
    run.judge(replace(budget, strict=True))
    assert run.result == "FAILED" and f"FAILED 00: {told}" in table([run])


def test_wall_time_is_told_and_never_judged():
    run = Run("00", cells=[Cell("cell [1] `fit`", seconds=1e6, cpu=1)], seconds=2e6, cpu=1)
    run.judge(Budget(strict=True))
    assert run.result == "ok" and not run.notes
    assert "2000000.0" in table([run]) and "1000000.0" in table([run])


def test_cpu_seconds_are_those_of_the_kernel_and_of_children_that_ended(lesson):
    busy = "import time\nends = time.process_time() + 1\nwhile time.process_time() < ends: pass"
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])"
    run = lesson(child, "import time\ntime.sleep(1)", busy)
    of_child, idle, own = (cell.cpu for cell in run.cells)
    assert min(of_child, own) > 0.9 > idle, run.cells
    assert of_child + idle + own <= run.cpu


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


def test_strict_is_one_switch():
    assert not options([]).strict and options(["--strict"]).strict
    assert not Budget().strict


def test_unknown_lesson_is_an_error():
    with pytest.raises(SystemExit, match="99"):
        main(["--only", "99"])
