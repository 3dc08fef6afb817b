"""What a clever student tries, with a sandbox and without one.

Each attack stands in the first answer of assignment 03; the other answers are missing. An attack on
the machine only looks whether it could, and says so in its error.
"""

import os
import socket
import sqlite3
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader")
if sys.platform == "win32":
    pytest.skip("grading is made for Linux and macOS", allow_module_level=True)

import psutil

from tools import ROOT
from tools.classroom import execution, grading, sandbox
from tools.lessons import assignments

NAME = "03_measuring_fairness"
ASKED = next(iter(assignments.wrong_answers(NAME)))
LIMITS = execution.Limits(disk=60, processes=40, megabytes=900)
TRY = """
def attack():
{attack}

try:
    attack()
    told = "it could"
except Exception as error:
    told = f"it could not: {{type(error).__name__}}"

def missed(*_, **__):
    raise ValueError(told)
"""
# Of these the tests are the target: they end as "pass whatever is answered" in either case.
ON_THE_TESTS = {
    "check redefined": "import fairmedl_lite.course.exercises as exercises\n"
    "for name in dir(exercises):\n"
    "    if callable(getattr(exercises, name)) and not name.startswith('__'):\n"
    "        setattr(exercises, name, lambda *_, **__: 'Right: all.')\n"
    "import fairmedl_lite\nfairmedl_lite.check = lambda *_, **__: print('Right: all.')\n"
    "check = fairmedl_lite.check\nmissed = lambda *_, **__: None",
    "asserts dropped": "import ast\n"
    "class Drop(ast.NodeTransformer):\n"
    "    def visit_Assert(self, node):\n"
    "        return ast.copy_location(ast.Pass(), node)\n"
    "get_ipython().ast_transformers.append(Drop())\n"
    "def missed(*_, **__):\n    return pd.Series(0.5, index=['x'])",
}
# These look for what is not theirs.
ON_OTHERS = {
    "reads the solutions": "open({solutions!r}).read()",
    "edits the library": "open({library!r} + '/attack.txt', 'w').close()",
    "changes the gradebook": "import sqlite3\nbook = sqlite3.connect({gradebook!r})\n"
    "book.execute('create table attack (x)')\nbook.commit()",
    "ends the run": "import os\nos.kill({grader}, 0)",
    "reads another's work": "open({other!r}).read()",
    "uses the network": "import socket\nsocket.create_connection(('127.0.0.1', {port}), 5)",
    "reads a secret": "import os\nos.environ['SECRET_OF_THE_TEST']",
    "reads a home folder": "open({home!r}).read()",
}
# These do harm, and are stopped.
HARM = {
    "fills the disk": (
        "import time\nfor i in range(20):\n    open(f'{i}', 'wb').write(b'x' * 10**7)\n"
        "time.sleep(100)",
        "it wrote more than 60 MB",
    ),
    "starts many processes": (
        "import subprocess, time\n"
        "many = [subprocess.Popen(['sleep', '98765']) for _ in range(80)]\n"
        "time.sleep(100)",
        "more than 40 processes",
    ),
}
# Wrong answers that look right to a careless test.
FORGED = {
    "errors hidden": "from ipykernel.zmqshell import ZMQInteractiveShell\n"
    "ZMQInteractiveShell.run_cell_async_old = ZMQInteractiveShell.run_cell_async\n"
    "async def calm(self, raw_cell, *given, **named):\n"
    "    quiet = 'try:\\n' + '\\n'.join('    ' + l for l in raw_cell.splitlines())\n"
    "    quiet += '\\nexcept BaseException: pass'\n"
    "    return await self.run_cell_async_old(quiet, *given, **named)\n"
    "ZMQInteractiveShell.run_cell_async = calm\n"
    "def missed(*_, **__):\n    return None",
    "prints that it is right": "def missed(*_, **__):\n    print('Right: the shares.')\n",
    "equals everything": "class Yes(float):\n    __eq__ = lambda *_: True\n    __hash__ = None\n"
    "    __sub__ = __rsub__ = __abs__ = lambda *_: 0.0\n    __array__ = lambda *_, **__: 1 / 0\n"
    "def missed(sick, warned, groups):\n    return {name: Yes() for name in set(groups)}",
    "empties outputs in the background": "import subprocess, sys\n"
    "subprocess.Popen([sys.executable, '-c', '''\n"
    "import glob, json, tempfile, time\n"
    "for _ in range(400):\n"
    "    time.sleep(0.05)\n"
    '    for path in glob.glob(tempfile.gettempdir() + "/grade_*/autograded/*/*/*.ipynb"):\n'
    "        try:\n"
    "            text = json.load(open(path))\n"
    '            for cell in text["cells"]:\n'
    '                cell["outputs"] = [] if cell["cell_type"] == "code" else None\n'
    '            json.dump(text, open(path, "w"))\n'
    "        except Exception:\n"
    "            pass\n"
    "'''], start_new_session=True)\ndef missed(*_, **__):\n    return None",
}
SAFE = [
    pytest.param(True, id="sandbox"),
    pytest.param(False, id="none"),
]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    grading.release(NAME, folder)
    (folder / "other.txt").write_text("another student's work")
    return folder


@pytest.fixture(scope="module", params=SAFE)
def safe(request):
    if request.param and (why := sandbox.missing()):
        pytest.skip(why)
    return request.param


def machine(course, port):
    """Where what is not theirs stands on this machine."""
    return {
        "solutions": str(ROOT / "notebooks" / "assignments" / f"{NAME}.md"),
        "library": str(sandbox.LIBRARY),
        "gradebook": str(course / "gradebook.db"),
        "other": str(course / "other.txt"),
        "home": next((str(path) for path in Path.home().glob(".*") if path.is_file()), "/none"),
        "grader": os.getpid(),
        "port": port,
    }


def handed_in(places):
    """The first answer of each attacker."""
    tried = {}
    for student, attack in ON_OTHERS.items():
        lines = attack.format(**places).splitlines()
        tried[student] = TRY.format(attack="\n".join(f"    {line}" for line in lines))
    harm = {student: code for student, (code, _) in HARM.items()}
    return tried | ON_THE_TESTS | harm | FORGED


@pytest.fixture(scope="module")
def attacked(course, safe, tmp_path_factory):
    """The rows of a class of attackers, and an honest student among them."""
    folder = tmp_path_factory.mktemp("submissions")
    release = nbformat.read(course / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    with pytest.MonkeyPatch.context() as patch, socket.socket() as server:
        patch.setenv("SECRET_OF_THE_TEST", "known")
        server.bind(("127.0.0.1", 0))
        server.listen()
        places = machine(course, server.getsockname()[1])
        for student, code in handed_in(places).items():
            notebook = deepcopy(release)
            assignments.answer(notebook, {ASKED: code})
            nbformat.write(notebook, folder / f"{student}.ipynb")
        solution = course / "solution" / NAME / f"{NAME}.ipynb"
        (folder / "honest.ipynb").write_text(solution.read_text())
        table = grading.grade(NAME, folder, course, LIMITS, jobs=1, safe=safe)
    return table.set_index(["student", "question"])


@pytest.fixture(scope="module", autouse=True)
def tidy(course):
    """What the attacks without a sandbox have left goes again."""
    yield
    (sandbox.LIBRARY / "attack.txt").unlink(missing_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("student", ON_OTHERS)
def test_what_is_not_theirs_is_reached_without_a_sandbox_alone(attacked, safe, student):
    reason = attacked.loc[(student, ASKED), "reason"]
    expected = "ValueError: it could not: " if safe else "ValueError: it could"
    assert reason.startswith(expected) and ("could not" in reason) == safe, reason


@pytest.mark.slow
@pytest.mark.parametrize("student", ON_THE_TESTS)
def test_tests_that_were_disarmed_give_no_points(attacked, student):
    rows = attacked.loc[student]
    assert rows["points"].isna().all()
    assert rows["reason"].str.contains("pass whatever is answered").all(), rows["reason"].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("student", HARM)
def test_harm_is_stopped_and_leaves_no_process(attacked, student):
    rows = attacked.loc[student]
    assert rows["points"].isna().all()
    assert rows["reason"].str.contains(HARM[student][1]).all(), rows["reason"].tolist()
    assert not [p for p in psutil.process_iter() if "98765" in _line(p)]


def _line(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.slow
@pytest.mark.parametrize("student", FORGED)
def test_a_forged_answer_keeps_no_point_of_the_hidden_tests(attacked, student):
    assert attacked.loc[(student, ASKED), "points"] <= 1, attacked.loc[(student, ASKED), "reason"]


@pytest.mark.slow
def test_an_honest_student_keeps_every_point(attacked):
    rows = attacked.loc["honest"].iloc[:-1]
    assert (rows["points"] == rows["max"]).all()


@pytest.mark.slow
def test_the_gradebook_is_whole(attacked, course, safe):
    with sqlite3.connect(course / "gradebook.db") as book:
        tables = {name for (name,) in book.execute("select name from sqlite_master")}
        book.execute("drop table if exists attack")
    assert "grade" in tables and ("attack" in tables) == (not safe)
