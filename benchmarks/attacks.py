"""What a clever student tries on the graders, with a sandbox and without one.

    python -m benchmarks.attacks                 both, as a table
    python -m benchmarks.attacks --sandbox no    (or required): one of them

Each attack stands in the first answer of assignment 03; the other answers are missing. An attack on
the machine only looks whether it could, and says so in its error. Nothing that it finds is kept.
"""

import argparse
import os
import socket
import tempfile
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from unittest.mock import patch

import nbformat
import pandas as pd

from tools import ROOT
from tools.classroom import execution, grading, sandbox
from tools.lessons import assignments

NAME = "03_measuring_fairness"
ASKED = next(iter(assignments.wrong_answers(NAME)))
HONEST = "honest"
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
# These know of the canary, and let it fail.
CUNNING = {
    "verdict redefined for its own answer": "import fairmedl_lite.course.exercises as exercises\n"
    "class Mine(dict):\n    pass\n"
    "real = exercises.verdict\n"
    "exercises.verdict = lambda what, value, *given, **named: (\n"
    "    'Right: all.' if isinstance(value, Mine) else real(what, value, *given, **named))\n"
    "def missed(*_, **__):\n    return Mine(a=0, b=1)",
    "asserts dropped but the canary's": "import ast\n"
    "class Drop(ast.NodeTransformer):\n"
    "    def visit_Module(self, node):\n"
    "        spared = '_answer' in ast.unparse(node)\n"
    "        return node if spared else self.generic_visit(node)\n"
    "    def visit_Assert(self, node):\n"
    "        return ast.copy_location(ast.Pass(), node)\n"
    "get_ipython().ast_transformers.append(Drop())\n"
    "def missed(*_, **__):\n    return pd.Series(0.5, index=['x'])",
}
# These look for what is not theirs.
ON_OTHERS = {
    "reads the solutions": "open({solutions!r}).read()",
    "edits the library": "import os\npath = {library!r} + '/attack.txt'\n"
    "open(path, 'w').close()\nos.remove(path)",
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
    '                if cell["cell_type"] == "code":\n'
    '                    cell["outputs"] = []\n'
    '            json.dump(text, open(path, "w"))\n'
    "        except Exception:\n"
    "            pass\n"
    "'''], start_new_session=True)\ndef missed(*_, **__):\n    return None",
}


def prepare(course: Path) -> None:
    """Releases the assignment, and puts another student's work beside it."""
    grading.release(NAME, course)
    (course / "other.txt").write_text("another student's work")


@contextmanager
def places(course: Path):
    """Where what is not theirs stands on this machine, with a server and a secret to find."""
    home = (Path.home() / name for name in (".profile", ".bashrc", ".zshrc"))
    with patch.dict(os.environ, SECRET_OF_THE_TEST="known"), socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield {
            "solutions": str(ROOT / "notebooks" / "assignments" / f"{NAME}.md"),
            "library": str(sandbox.LIBRARY),
            "gradebook": str(course / "gradebook.db"),
            "other": str(course / "other.txt"),
            "home": next((str(path) for path in home if path.is_file()), "/none"),
            "grader": os.getpid(),
            "port": server.getsockname()[1],
        }


def first_answers(found: dict) -> dict[str, str]:
    """The first answer of each attacker."""
    tried = {}
    for student, attack in ON_OTHERS.items():
        lines = attack.format(**found).splitlines()
        tried[student] = TRY.format(attack="\n".join(f"    {line}" for line in lines))
    harm = {student: code for student, (code, _) in HARM.items()}
    return tried | ON_THE_TESTS | CUNNING | harm | FORGED


def attacked(course: Path, safe: bool) -> pd.DataFrame:
    """The rows of a class of attackers, and an honest student among them.

    Args:
        course: A folder that `prepare` made.
        safe: Whether to grade in a sandbox.

    Returns:
        The gradebook's rows, by student and question.
    """
    release = nbformat.read(course / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    solution = nbformat.read(course / "solution" / NAME / f"{NAME}.ipynb", as_version=4)
    with tempfile.TemporaryDirectory() as place, places(course) as found:
        folder = Path(place)
        for student, code in first_answers(found).items():
            notebook = deepcopy(release)
            assignments.answer(notebook, {ASKED: code})
            nbformat.write(notebook, folder / f"{student}.ipynb")
        nbformat.write(solution, folder / f"{HONEST}.ipynb")
        table = grading.grade(NAME, folder, course, LIMITS, jobs=1, safe=safe)
    return table.set_index(["student", "question"])


def got(rows: pd.DataFrame, student: str) -> str:
    """What one student got, in words: points of the first answer, and why not more."""
    points, most, reason = rows.loc[(student, ASKED), ["points", "max", "reason"]]
    earned = "not graded" if pd.isna(points) else f"{points:g} of {most:g}"
    return f"{earned}; {reason}".removesuffix("; ")


def main(arguments=None) -> None:
    """Lets all attackers hand in, and prints what each of them got."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sandbox", choices=("required", "no"), help="default: both")
    chosen = parser.parse_args(arguments).sandbox
    columns = {}
    with tempfile.TemporaryDirectory() as place:
        for choice in [chosen] if chosen else ["required", "no"]:
            course = Path(place) / choice
            course.mkdir()
            safe = sandbox.choose(choice, course)
            prepare(course)
            rows = attacked(course, safe)
            who = rows.index.unique("student")
            columns[f"sandbox {choice}"] = {student: got(rows, student) for student in who}
    order = [*ON_OTHERS, *ON_THE_TESTS, *CUNNING, *HARM, *FORGED, HONEST]
    print(pd.DataFrame(columns).loc[order].to_markdown())


if __name__ == "__main__":
    main()
