"""Workflows, forms and the container are well formed, and run only commands that exist."""

import json
import re
from importlib.util import find_spec

import pytest
import yaml

from tools import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
TEXTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SUPPORT.md",
    *ROOT.glob("paper/*.md"),
]
CONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
# What runs in a shell: `make a b X=1` and `python -m a.b`, of which the rest are arguments.
MADE = re.compile(r"\bmake((?: [a-z][a-z-]*| [A-Z]+=\S+)+)")
RUN = re.compile(r"\bpython -m ([\w.]+)")
# In prose a command stands in backticks or, indented, on a line of its own.
COMMANDS = re.compile(r"`([^`]+)`|^ {4}(.+?)(?:  .*)?$", re.MULTILINE)


def loaded(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def unknown(command):
    """The targets and modules that a command names and that do not exist."""
    words = [word for made in MADE.findall(command) for word in made.split() if "=" not in word]
    modules = [name for name in RUN.findall(command) if find_spec(name) is None]
    return [word for word in words if word not in TARGETS] + modules


def steps(workflow):
    """Each step of each job, with the name of its job."""
    return [(name, step) for name, job in workflow["jobs"].items() for step in job["steps"]]


@pytest.mark.parametrize(
    "command, wrong",
    [
        ("make course STRICT=1 test-guide", []),
        ("make corse ONLY=06", ["corse"]),
        ("python -m tools.lessons --only 06", []),
        (".venv/bin/python -m tools.no_such_thing", ["tools.no_such_thing"]),
    ],
)
def test_a_command_that_does_not_exist_is_noticed(command, wrong):
    assert unknown(command) == wrong


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_yaml_and_runs_commands_that_exist(path):
    found = steps(loaded(path))
    assert found and all(("run" in step) != ("uses" in step) for _, step in found)
    assert not [unknown(step["run"]) for _, step in found if unknown(step.get("run", ""))]


def test_nobody_but_the_index_is_trusted_with_an_identity():
    jobs = {
        (path.stem, name): job for path in WORKFLOWS for name, job in loaded(path)["jobs"].items()
    }
    trusted = [key for key, job in jobs.items() if "id-token" in job.get("permissions", {})]
    assert set(trusted) == {("pages", "deploy"), ("release", "publish")}
    publish = jobs["release", "publish"]
    assert publish["needs"] == "build" and publish["environment"] == "release"
    assert all("run" not in step for step in publish["steps"])  # it builds nothing
    assert re.fullmatch(r"pypa/gh-action-pypi-publish@[0-9a-f]{40}", publish["steps"][-1]["uses"])
    assert "secrets." not in "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_asks_for_something(path):
    form = loaded(path)
    assert form["name"] and form["description"]
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert len({part["id"] for part in asked}) == len(asked) > 0
    assert any(part.get("validations", {}).get("required") for part in asked)


def test_support_names_every_form():
    text = (ROOT / "SUPPORT.md").read_text(encoding="utf-8").replace("\n", " ")
    assert len(FORMS) == 3
    assert all(f"*{loaded(path)['name']}*" in text for path in FORMS)


def test_the_container_is_made_by_the_projects_own_commands():
    commands = [value for key, value in CONTAINER.items() if key.endswith("Command")]
    assert commands[0] == "make copies" and not [
        unknown(command) for command in commands if unknown(command)
    ]
    (opened,) = CONTAINER["customizations"]["codespaces"]["openFiles"]
    lesson = ROOT / opened.replace("lessons/", "notebooks/")  # `make copies` copies these
    for path in (lesson, ROOT / ".devcontainer" / CONTAINER["build"]["dockerfile"]):
        assert path.is_file()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_command_in_the_texts_exists(path):
    found = ["".join(pair) for pair in COMMANDS.findall(path.read_text(encoding="utf-8"))]
    assert not [unknown(command) for command in found if unknown(command)]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(path):
    links = re.findall(r"\]\((?!http)([^)#]+)", path.read_text(encoding="utf-8"))
    assert not [link for link in links if not (path.parent / link).exists()]
