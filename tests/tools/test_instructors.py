"""Every command of the instructor's guide runs, in its order, in a fresh clone.

`make test-guide` runs them, and so does CI; they take minutes.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt

pytest.importorskip("nbgrader")
if sys.platform == "win32":
    pytest.skip("the guide's commands are for Linux and macOS", allow_module_level=True)

from tools.lessons import assignments, kit, slides, sources
from tools.lessons.sources import ROOT
from tools.repository.address import address

GUIDE = ROOT / "docs" / "instructors.md"
ADDRESS = address()
MOVE = "make address URL="
LESSONS = sorted(path.stem for path in sources.NOTEBOOKS.glob("[0-9]*.ipynb"))
NAME, STUDY = "03_measuring_fairness", "07_evaluation"
PROGRAMS = {"cd", "cp", "docker", "export", "git", "jupyter", "make", "mkdir", "mv", "nbgrader"}
PROGRAMS |= {"pip", "podman", "py", "python", "python3", "rm", "source", "sudo", "uv"}
PROGRAMS |= {"tljh-config"}
SERVERS = {"make lab", "jupyter lab"}
STARTED = "is running at:"
PATIENCE = 3600  # seconds for one block of commands: no machine is so busy
QUIET_SERVER = {"allow_root": True, "open_browser": False, "port": 0}


def blocks(text):
    """The commands of each fenced block, a line each."""
    fences = [token for token in MarkdownIt().parse(text) if token.type == "fence"]
    return [token.content.splitlines() for token in fences if token.info == "sh"]


def looks_like_a_command(text):
    """Whether a piece of code starts with a program and says more than its name."""
    first, *more = text.removeprefix("!").split() or [""]
    return bool(more) and Path(first).name in PROGRAMS


def stray_commands(text):
    """Commands that stand where the test would not run them."""
    tokens, run = MarkdownIt().parse(text), {line for block in blocks(text) for line in block}
    for token in tokens:
        fenced = token.type == "fence" and token.info != "sh"
        if fenced or token.type in ("code_block", "html_block"):
            yield token.content
        for child in token.children or []:
            code = child.content if child.type in ("code_inline", "text") else ""
            prompt = code.startswith("$ ")
            named = child.type == "code_inline" and looks_like_a_command(code)
            if prompt or named and code not in run:
                yield code


def needs():
    """Why the commands cannot be run here; empty if they can."""
    missing = [program for program in ("git", "make", "bash") if not shutil.which(program)]
    if missing or not (ROOT / ".git").exists():
        return f"no {' and no '.join(missing or ['git checkout'])}"
    stamps = [Path(sys.prefix) / f"{name}.stamp" for name in ("lock", "package")]
    return "" if all(map(Path.exists, stamps)) else "the environment was not made by `make env`"


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    """The environment: the clone comes from here, and a server opens no browser."""
    home = tmp_path_factory.mktemp("home")
    config = json.dumps({"ServerApp": QUIET_SERVER})
    (home / "jupyter_server_config.json").write_text(config)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "JUPYTER_CONFIG_DIR": str(home),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
    }


def run(lines, folder, variables):
    """Runs a block as one script. A server, the last line, shall start, and is then ended."""
    script, log = "set -e\n" + "\n".join(lines), folder.parent / f"{folder.name}.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            env=variables,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait(process, log, lines[-1] in SERVERS)
        finally:
            end(process)
    return log.read_text()


def wait(process, log, serves):
    """Waits until a process has ended well, or its server answers."""
    ends = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < ends:
        if serves and STARTED in log.read_text():
            return
        time.sleep(0.1)
    assert process.poll() == 0 and not serves, log.read_text()


def end(process):
    """Ends a script with all that it started."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def lend_environment(clone):
    """Links this environment into a clone, and lets make believe that it is up to date."""
    (clone / ".venv").symlink_to(sys.prefix)
    for name in ("requirements.lock", "pyproject.toml"):
        os.utime(clone / name, (0, 0))


@pytest.fixture(scope="module")
def done(tmp_path_factory, variables):
    """The clone after all commands, and what each block printed."""
    if reason := needs():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("class")
    first, *others = blocks(GUIDE.read_text(encoding="utf-8"))
    said = [run(first, folder, variables)]
    clone = folder / ADDRESS.rsplit("/", 1)[1]
    lend_environment(clone)
    # The environment's own fairmedl_lite is that of this checkout; JAX may be on the path too.
    path = [str(clone), *filter(None, [os.environ.get("PYTHONPATH")])]
    of_clone = variables | {"PYTHONPATH": os.pathsep.join(path)}
    return clone, said + [run(block, clone, of_clone) for block in others]


def test_first_block_clones_and_no_command_stands_elsewhere():
    text = GUIDE.read_text(encoding="utf-8")
    assert blocks(text)[0] == [f"git clone {ADDRESS}"]
    assert list(stray_commands(text)) == []
    lines = [line for block in blocks(text) for line in block[:-1]]
    assert not SERVERS & set(lines), "what comes after a server never runs"
    # It touches pyproject.toml: a later make would install the clone into the environment.
    assert blocks(text)[-1][-1].startswith(MOVE) and text.count(MOVE) == 1


@pytest.mark.parametrize(
    "text",
    [
        "```\nmake book\n```",
        "```console\n$ make book\n```",
        "~~~bash\nls\n~~~",
        "Text:\n\n    make book\n",
        "Run `make book`.",
        "Run `nbgrader formgrader`.",
        "$ ls classroom",
        "- `.venv/bin/python -m tools.book`",
    ],
)
def test_a_command_that_stands_elsewhere_is_found(text):
    assert list(stray_commands(text))


def test_what_was_run_may_be_named():
    assert list(stray_commands("```sh\nmake book\n```\nIn `build/book`, by `make book`.")) == []


@pytest.mark.slow
def test_commands_do_what_the_guide_says(done):
    clone, said = done
    told = "\n".join(said)
    assert re.search(r"^07_evaluation +ok", told, re.M) and f"{NAME}: see release/" in told
    for page in ("instructors", "lesson_by_lesson", f"slides/{NAME}"):
        assert (clone / "build" / "book" / f"{page}.html").exists()
    whole = pd.read_csv(clone / "classroom" / "gradebook.csv").set_index(["student", "question"])
    rows, code = whole[whole["assignment"] == NAME], list(assignments.wrong_answers(NAME))
    ann, ben = rows.loc["ann"].loc[code], rows.loc["ben"].loc[code]
    assert (ann["points"] == ann["max"]).all() and (ben["points"] == 0).all()
    assert rows.loc["ann"].drop(code)["points"].isna().all()
    for student in ("ann", "ben"):
        assert (clone / "classroom" / "feedback" / student / NAME / f"{NAME}.html").exists()
    assert "<img alt=" in (clone / "classroom" / "items.html").read_text()
    study = whole[whole["assignment"] == STUDY].drop("letter", level="question")
    assert len(study) == 6 and (study["points"] == study["max"]).all()
    assert (pd.read_csv(clone / "classroom" / "pooled.csv")["students"] == 2).all()
    assert list((clone / "build" / "hub").rglob("kernel.json"))


@pytest.mark.slow
def test_nothing_of_the_class_would_be_committed(done, variables):
    def git(*words):
        command = ["git", *words]
        said = subprocess.run(command, cwd=done[0], env=variables, capture_output=True, text=True)
        return set(said.stdout.splitlines())

    new = git("ls-files", "--others", "--exclude-standard")
    assert new <= {".github/workflows/nbval.yml", ".venv"}
    fork = address(done[0])
    assert fork != ADDRESS and git("diff", "--name-only") == git("grep", "-l", fork[8:])


def test_guide_names_each_lesson():
    text = GUIDE.read_text(encoding="utf-8")
    assert [name for name in LESSONS if f"/{name}.ipynb)" not in text] == []


@pytest.mark.slow
def test_guide_names_what_the_class_folder_holds(done):
    text = GUIDE.read_text(encoding="utf-8")
    made = {path.name for path in (done[0] / "classroom").iterdir()}
    assert {name for name in made if f"`{name}`" not in text} == set()


def test_each_misconception_of_lessons_and_assignments_has_something_to_say():
    text, count = kit.chapters(), 0
    for name in assignments.names():
        assert f"### Assignment {name[:2]}" in text
        for question, answers in assignments.wrong_answers(name).items():
            for one in answers:
                start = f"| {question} | {one['misconception']} | "
                (row,) = [line for line in text.splitlines() if line.startswith(start)]
                say, loses = row.removeprefix(start).strip("| ").split(" | ")
                assert len(say.split()) > 3 and loses == str(one["loses"])
                count += 1
    assert count > 3 * len(assignments.names()) > 0
    assert text.count("**Rubric.**") == text.count("**Three samples.**") == len(assignments.names())


@pytest.mark.parametrize("name", LESSONS)
def test_each_lesson_has_its_chapter(name):
    path = sources.NOTEBOOKS / f"{name}.ipynb"
    notebook = sources.read(path)
    chapter = kit.chapter(path, notebook)
    assert f'href="slides/{name}.html"' in chapter and "After this lesson students can" in chapter
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        for question in slides.questions(cell.source):
            for misconception, _ in question.wrong.values():
                assert f"| {misconception} | " in chapter


def test_recurring_misconceptions_have_the_names_of_the_lessons():
    names = re.findall(r"^\| \*(.+?)\* \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    text = kit.chapters()
    assert len(names) > 3 and [name for name in names if text.count(f"| {name} | ") < 2] == []


def test_chapter_by_hand(monkeypatch):
    entry = {"what": "a sum", "hints": ["One too many: count again.", "no"]}
    monkeypatch.setattr(kit.bank, "lesson", {"09": {"x": entry}}.get)
    (mistake,) = kit.exercised('check("09.x", x)')
    assert (mistake.where, mistake.name) == ("exercise: a sum", "One too many")
    assert mistake.sentence == "Count again."
    assert kit.grid(["a"], [["x < | y"]]) == "| a |\n| --- |\n| x &lt; / y |"


def test_each_lesson_was_measured():
    assert pd.read_csv(kit.MEASURED)["lesson"].tolist() == LESSONS
