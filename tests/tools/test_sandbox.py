"""What a sandbox is made of, what it keeps out, and what is said where there can be none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")
if sys.platform == "win32":
    pytest.skip("grading is made for Linux and macOS", allow_module_level=True)

from tools import ROOT
from tools.classroom import sandbox

ENVIRONMENT = {"PATH": "/usr/bin", "PASSWORD": "secret", "KERAS_BACKEND": "jax"}


def pairs(line, option):
    """What follows each occurrence of an option: its two arguments."""
    return [tuple(line[i + 1 : i + 3]) for i, part in enumerate(line) if part == option]


def inside(path, places):
    return any(Path(path).is_relative_to(place) for place in places)


@pytest.fixture
def line(tmp_path):
    return sandbox.command(tmp_path, ["python", "-c", "pass"], ENVIRONMENT)


def test_the_program_comes_last_and_every_namespace_is_its_own(line, tmp_path):
    assert line[0] == "bwrap" and line[-4:] == ["--", "python", "-c", "pass"]
    assert {"--unshare-all", "--die-with-parent", "--new-session", "--clearenv"} <= set(line)
    assert "--share-net" not in line and "--dev-bind" not in line
    assert line[line.index("--cap-drop") + 1] == "ALL"
    assert line[line.index("--chdir") + 1] == str(tmp_path)
    assert line.index("--remount-ro") > max(i for i, part in enumerate(line) if "bind" in part)


def test_one_folder_alone_can_be_written_to(line, tmp_path):
    assert {source for source, _ in pairs(line, "--bind")} == {str(tmp_path)}
    assert {place for _, place in pairs(line, "--bind")} == {"/tmp", "/dev/shm", str(tmp_path)}
    assert all(source == place for source, place in pairs(line, "--ro-bind-try"))


@pytest.mark.parametrize(
    "hidden",
    [
        ROOT / "classroom",
        ROOT / "notebooks" / "assignments",
        ROOT / "tools",
        Path.home() / ".ssh",
        Path("/etc/shadow"),
        Path("/var"),
        Path("/run"),
    ],
    ids=str,
)
def test_what_a_student_must_not_see_is_not_mounted(line, hidden):
    # What is mounted, wherever it then appears: the clone itself may lie in /tmp.
    sources = [source for source, _ in pairs(line, "--ro-bind-try") + pairs(line, "--bind")]
    assert not inside(hidden, sources)


def test_the_library_and_the_packages_can_be_read():
    assert inside(ROOT / "fairmedl_lite" / "checks.py", [*sandbox.readable(), sandbox.LIBRARY])
    assert inside(sys.executable, sandbox.readable()) and inside(pytest.__file__, [sys.prefix])


def test_few_variables_come_in(line):
    given = dict(pairs(line, "--setenv"))
    assert given["KERAS_BACKEND"] == "jax" and "PASSWORD" not in given
    assert "secret" not in line


def test_folders_of_the_python_path_come_in_but_not_the_repository(tmp_path):
    added = {"PYTHONPATH": f"{tmp_path}:{sandbox.LIBRARY.parent}"}
    assert str(tmp_path) in sandbox.readable(added)
    assert str(sandbox.LIBRARY.parent) not in sandbox.readable(added)
    assert sandbox.variables("/x", added)["PYTHONPATH"].startswith(str(tmp_path))


def test_without_bubblewrap_the_reason_and_the_remedy_are_said(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sandbox, "PROGRAM", "no-such-program")
    assert not sandbox.choose("auto", tmp_path)
    said = capsys.readouterr().err
    assert "WARNING" in said and "all of your rights" in said and "SANDBOX=required" in said
    with pytest.raises(SystemExit, match="No sandbox, so nobody is graded"):
        sandbox.choose("required", tmp_path)


def test_a_sandbox_that_is_not_permitted_is_none(monkeypatch, tmp_path):
    program = tmp_path / "refuses"
    program.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sandbox, "PROGRAM", str(program))
    monkeypatch.setattr(sys, "platform", "linux")
    assert "cannot start here (bwrap: No permissions" in sandbox.missing()


def test_a_sandbox_that_leaks_stops_everything(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "missing", lambda: "")
    monkeypatch.setattr(sandbox, "leaks", lambda course: ["the network"])
    with pytest.raises(SystemExit, match="leaks, so nobody is graded.*the network"):
        sandbox.choose("auto", tmp_path)


def test_the_canary_sings_outside(tmp_path):
    found = sandbox.leaks(tmp_path, wrap=lambda folder, program: program)
    assert {"the network", "the class's folder", "the environment"} <= set(found)


def test_the_canary_is_silent_inside(tmp_path):
    if why := sandbox.missing():
        pytest.skip(why)
    assert sandbox.leaks(tmp_path) == []


SCRIPT = ROOT / "tools" / "classroom" / "container.sh"
DOCKER = (
    '#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done >> "$NOTED"\necho >> "$NOTED"\n'
)


def contained(folder, *arguments):
    """Runs the script with a program in Docker's place: how it ended, what it said, its calls."""
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    environment["NOTED"] = str(folder / "noted")
    done = subprocess.run(
        ["sh", SCRIPT, *arguments], env=environment, cwd=folder, capture_output=True, text=True
    )
    noted = (folder / "noted").read_text() if (folder / "noted").exists() else ""
    return done.returncode, done.stderr, [call.split("\n") for call in noted.split("\n\n")[:-1]]


def test_the_container_grades_without_a_network_and_as_the_one_who_calls(tmp_path):
    code, _, (build, prepare, grade) = contained(tmp_path, "03", "docs")
    assert code == 0 and build == ["build", "--tag", "grader", "-"]
    assert prepare[-3:] == ["make", "env", "VENV=/course/build/docker"]
    assert "--network=none" in grade and "--network=none" not in prepare
    assert {"ONLY=03", "FROM=docs", "SANDBOX=required", f"{ROOT}:/course"} <= set(grade)
    for call in (prepare, grade):
        assert call[call.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"


@pytest.mark.parametrize(
    "arguments, message",
    [([], "number of the assignment"), (["03"], "folder of submissions"), (["03", "/"], "within")],
)
def test_the_container_says_what_it_expects(arguments, message, tmp_path):
    code, said, calls = contained(tmp_path, *arguments)
    assert code == 2 and message in said and calls == []
