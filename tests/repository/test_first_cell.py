"""The first cell of every lesson makes Colab work, and is silent elsewhere."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.repository.test_lessons import LESSONS, code_cells
from tools.lessons import sources
from tools.repository.address import address, owner_and_name

REPOSITORY = owner_and_name(address())
HOSTS = (
    f"https://mybinder.org/v2/gh/{REPOSITORY}/main?urlpath=lab/tree/notebooks/",
    f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/notebooks/",
)
SOURCES = [sources.read(sources.source_of(path)) for path in LESSONS]
CELL = code_cells(SOURCES[0])[0].source


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """An empty working folder; what is run is only noted, and a clone makes its folders."""
    noted = []

    def run(command, check=False):
        assert check, "a failure would pass unseen"
        noted.append(command)
        if command[:2] == ["git", "clone"]:
            for name in ("notebooks", "results"):
                Path(command[-1], name).mkdir(parents=True)

    home = tmp_path / "content"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setattr(subprocess, "run", run)
    return noted


@pytest.fixture
def colab(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))


def test_all_lessons_begin_with_the_same_cell():
    firsts = {(code_cells(each)[0].source, *code_cells(each)[0].metadata.tags) for each in SOURCES}
    assert firsts == {(CELL, "fold", "remove-cell", "hide-input")}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_each_lesson_links_to_itself(path):
    head = sources.read(sources.source_of(path)).cells[0].source
    assert all(f"({host}{path.name})" in head for host in HOSTS)


def test_elsewhere_it_does_nothing(calls, capsys):
    exec(CELL, {})
    assert not calls and capsys.readouterr().out == "" and Path.cwd().name == "content"


def test_on_colab_it_fetches_installs_and_enters(calls, colab, capsys):
    exec(CELL, {})
    assert [command[0] for command in calls] == ["git", sys.executable]
    assert calls[0][-2:] == [address(), "fairmedl_lite"]
    assert calls[1][1:] == ["-m", "pip", "install", "--quiet", "./fairmedl_lite"]
    assert Path.cwd().parts[-3:] == ("content", "fairmedl_lite", "notebooks")
    assert "Restart session" in capsys.readouterr().out


def test_on_colab_a_second_run_does_nothing(calls, colab, capsys):
    exec(CELL, {})
    calls.clear(), capsys.readouterr()
    exec(CELL, {})
    assert not calls and capsys.readouterr().out == ""


def test_on_colab_a_restarted_session_does_not_clone_again(calls, colab, monkeypatch, tmp_path):
    exec(CELL, {})
    calls.clear()
    monkeypatch.chdir(tmp_path / "content")
    exec(CELL, {})
    assert [command[0] for command in calls] == [sys.executable]
    assert Path.cwd().name == "notebooks"
