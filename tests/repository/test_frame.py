"""What the repository says about itself is true."""

import re
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import nbformat
import pytest
import yaml

import fairmedl_lite
from tools.repository.address import owner_and_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORGE = PROJECT["urls"]["Repository"]
OWNER_AND_NAME = owner_and_name(FORGE)
NAME = re.escape(OWNER_AND_NAME.split("/")[1])
LINK = re.compile(rf"(?:github\.com|mybinder\.org/v2/gh|codespaces\.new)/([\w.-]+/{NAME}[\w.-]*)")
TEXTS = [*ROOT.glob("*.md"), ROOT / "CITATION.cff", *ROOT.glob("notebooks/[0-9]*.ipynb")]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_link_to_the_forge_is_the_projects():
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        assert set(LINK.findall(text)) <= {OWNER_AND_NAME}, path


def test_readme_has_its_badges():
    assert f"{FORGE}/actions/workflows/test.yml/badge.svg" in read("README.md")
    binder = f"https://mybinder.org/v2/gh/{OWNER_AND_NAME}/main"
    assert f"{binder}?urlpath=lab/tree/notebooks/00_start_here.ipynb" in read("README.md")
    assert f"https://codespaces.new/{OWNER_AND_NAME}" in read("README.md")


def test_readme_links_to_files_that_exist_and_to_every_lesson():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", read("README.md"))
    assert not [link for link in links if not (ROOT / link).exists()]
    lessons = {f"notebooks/{path.name}" for path in ROOT.glob("notebooks/[0-9]*.ipynb")}
    assert lessons == {link for link in links if link.endswith(".ipynb")}


def test_the_map_of_the_course_says_what_the_readme_says():
    row = re.compile(r"^\| \[?(\d\d [^\]|]*?)(?:\]\([^)]*\))? \| ([^|]*) \|", re.M)
    first = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
    listed = row.findall(read("README.md"))
    assert len(listed) == 10
    assert row.findall("\n".join(cell.source for cell in first.cells)) == listed
    found = sorted(path.name[:2] for path in ROOT.glob("notebooks/[0-9]*.ipynb"))
    assert found == [title[:2] for title, _ in listed]


def test_citation_agrees_with_the_project():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["repository-code"] == FORGE
    assert str(citation["version"]) == PROJECT["version"]
    assert citation["license"] == PROJECT["license"] == "MIT"
    assert citation["authors"] == PROJECT["authors"]
    assert "2310.03146" in str(citation["references"])


def test_package_and_changelog_have_this_version():
    assert fairmedl_lite.__version__ == PROJECT["version"]
    assert f"## [{PROJECT['version']}]" in read("CHANGELOG.md")


def test_the_package_says_that_it_is_typed():
    assert files(fairmedl_lite).joinpath("py.typed").is_file()


EXAMPLES = re.findall(r"```python\n(.*?)```", read("README.md"), flags=re.DOTALL)


@pytest.mark.parametrize("number, printed", [(0, "tpr"), (1, "Log likelihood")])
def test_readme_example_runs(number, printed):
    done = subprocess.run([sys.executable, "-c", EXAMPLES[number]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout
