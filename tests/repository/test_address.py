"""One command moves every link to a fork, and moves it back."""

import re
import shutil
import subprocess
import sys

import pytest

from tools import ROOT
from tools.lessons import sources
from tools.repository.address import HOSTS, address, owner_and_name, rewritten, tracked

if not shutil.which("git") or not (ROOT / ".git").exists():
    pytest.skip("this is no git checkout", allow_module_level=True)

HERE = address()
NAME = "some-one/their.fork"
FORK = f"https://github.com/{NAME}"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A repository of the files that git keeps here, as they are now."""
    folder = tmp_path_factory.mktemp("copy")
    for path in tracked(ROOT):
        place = folder / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["git", "add", "--all", "--force"], cwd=folder, check=True)
    return folder


def move(folder, *url):
    command = [sys.executable, "-m", "tools.repository.address", *url]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def contents(folder):
    """The bytes of each file that git keeps, by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in tracked(folder)}


def holding(files, url):
    """The names of the files that name this repository."""
    return {name for name, text in files.items() if owner_and_name(url).encode() in text}


@pytest.fixture(scope="module")
def moved(copy):
    """All files before, at the fork, there once more, and back again."""
    states = [contents(copy)]
    for url in (FORK, f"{FORK}.git", HERE):
        done = move(copy, url)
        assert done.returncode == 0, done.stderr
        states.append(contents(copy))
    return states


def test_every_file_names_the_fork_and_none_the_old_place(moved):
    before, fork, *_ = moved
    assert {"README.md", "CITATION.cff", "pyproject.toml"} < holding(before, HERE)
    assert holding(fork, HERE) == set()
    assert holding(fork, FORK) - holding(before, FORK) == holding(before, HERE)


def test_links_of_the_fork_are_well_formed(moved):
    fork = moved[1]
    for link in (
        f"({FORK}/actions/workflows/test.yml/badge.svg)",
        f"(https://mybinder.org/v2/gh/{NAME}/main?urlpath=lab/tree/notebooks/00_start_here.ipynb)",
        f"(https://codespaces.new/{NAME})",
    ):
        assert link.encode() in fork["README.md"]
    for lesson in sources.NOTEBOOKS.glob("[0-9]*.ipynb"):
        for file in (f"notebooks/{lesson.name}", f"notebooks/sources/{lesson.stem}.md"):
            place = f"https://colab.research.google.com/github/{NAME}/blob/main/notebooks"
            assert f"({place}/{lesson.name})".encode() in fork[file]
    ends = [re.findall(HOSTS + re.escape(NAME).encode() + rb"(.)", text) for text in fork.values()]
    assert {end for found in ends for end in found} <= {b"/", b'"', b"\\", b"\n", b"\r", b")"}


def test_again_changes_nothing_and_back_restores_every_byte(moved):
    before, fork, again, back = moved
    assert again == fork != before
    assert back == before


@pytest.mark.parametrize(
    "url",
    [
        "",
        "someone/their-fork",
        "https://github.com/someone",
        "https://github.com/OWNER/NAME",
        "https://gitlab.com/someone/their-fork",
        f"{FORK}/tree/main",
        f"{FORK} {FORK}",
    ],
)
def test_another_form_is_refused_with_the_expected_one(copy, moved, url):
    done = move(copy, url)
    assert done.returncode == 1 and contents(copy) == moved[-1]
    assert "in the form https://github.com/OWNER/NAME" in done.stderr
    assert f"got {url!r}" in done.stderr and "make address URL=" in done.stderr


@pytest.mark.parametrize(
    "text, led",
    [
        ("at github.com/a/b.", "at github.com/1/c."),
        ("github.com/a/b.c github.com/a/b-c github.com/a/bc", None),
        ("https://example.org/a/b and the folder a/b", None),
    ],
)
def test_only_links_to_the_repository_are_rewritten(text, led):
    assert rewritten(text.encode(), "a/b", "1/c") == (led or text).encode()
