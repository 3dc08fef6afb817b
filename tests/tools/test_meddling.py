"""What could change the tests is named, and no honest answer is taken for it."""

import sys

import pytest
import yaml

pytest.importorskip("nbgrader")
if sys.platform == "win32":
    pytest.skip("grading is made for Linux and macOS", allow_module_level=True)

from nbformat.v4 import new_code_cell, new_notebook

from benchmarks import attacks
from tools.classroom import meddling
from tools.lessons import assignments

FORMS = yaml.safe_load((assignments.FOLDER / "forms.yaml").read_text(encoding="utf-8"))
ANSWER = {"grade_id": "q", "grade": False, "solution": True, "locked": False}
TEST = ANSWER | {"grade_id": "q-hidden", "grade": True, "solution": False, "locked": True}


def used(*sources, role=ANSWER):
    cells = [new_code_cell(source, metadata={"nbgrader": dict(role)}) for source in sources]
    return meddling.uses(new_notebook(cells=cells), new_notebook())


@pytest.mark.parametrize("name", assignments.names())
def test_no_known_answer_right_or_wrong_is_taken_for_an_attack(name):
    notebook, given = assignments.read(name), assignments.preparation(name)
    notebook.cells.insert(1, given)
    assert meddling.uses(notebook, new_notebook(cells=[given])) == []
    wrong = assignments.wrong_answers(name).items()
    known = {asked: [one["code"] for one in answers] for asked, answers in wrong}
    for asked, answers in [*known.items(), *FORMS[name].items()]:
        for code in answers:
            assert used(code) == [], asked


@pytest.mark.parametrize(
    "source, word",
    [
        ("import pandas as pd\npd.Series.all = len", "pd.Series.all = ..."),
        ("import fairmedl_lite as f\ng = f\ng.check = print", "g.check = ..."),
        ("import fairmedl_lite.course.exercises", "fairmedl_lite.course.exercises"),
        ("from fairmedl_lite.course import exercises as e", "fairmedl_lite.course.exercises"),
        ("import fairmedl_lite as f\nf.course.x", "course"),
        ("from importlib import reload", "importlib.reload"),
        ("import sys", "sys"),
        ("get_ipython().ast_transformers", "get_ipython"),
        ("getattr(1, '__class__')", "__class__"),
        ("class Yes:\n    def __eq__(self, other): return True", "__eq__"),
        ("exec('x = 1')", "exec"),
        ("!ls", "get_ipython"),
        ("%run other.py", "get_ipython"),
        ("%timeit -n 1 exec('x = 1')", "get_ipython"),
        ("%%time\nexec('x = 1')", "exec"),
        (">>> exec('x = 1')", "exec"),
    ],
)
def test_what_reaches_for_the_tests_is_named(source, word):
    assert word in used(source)


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ.get('HOME')",
        "import pandas as pd\nt = pd.DataFrame({'a': [1]})\nt.columns = ['b']\nt['c'] = 2",
        "import matplotlib.pyplot as plt\nplt.rcParams['figure.dpi'] = 100",
        "%matplotlib inline\n%config InlineBackend.figure_format = 'retina'\nx = 1",
        "%%time\nx = 1",
        "from IPython.display import display\ndisplay(1)",
        "class Box:\n    def __init__(self):\n        self.x = 1",
        "if __name__ == '__main__':\n    print('no # comment says exec or get_ipython')",
        "def broken(:",
    ],
)
def test_what_is_usual_is_not(source):
    assert used(source) == []


def test_tests_may_use_what_they_like():
    assert used("import sys\nexec('x = 1')", role=TEST) == []


@pytest.mark.parametrize("student", [*attacks.ON_THE_TESTS, *attacks.CUNNING])
def test_each_attack_on_the_tests_is_named(student):
    code = (attacks.ON_THE_TESTS | attacks.CUNNING)[student]
    assert used(code)


def test_points_are_withheld_until_somebody_has_looked():
    row = {"points": 4.0, "max": 4.0, "misconception": "", "reason": ""}
    none = row | {"points": 0.0, "reason": "not answered"}
    cells = [new_code_cell("import sys", metadata={"nbgrader": dict(ANSWER)})]
    notebook, release = new_notebook(cells=cells), new_notebook()
    earned = meddling.withheld({"a": dict(row), "b": dict(none)}, notebook, release)
    assert earned["a"]["points"] != earned["a"]["points"]
    assert earned["a"]["reason"].startswith("look at it: it uses sys, ")
    assert earned["a"]["reason"].endswith("They gave 4 of 4") and earned["b"] == none
    assert meddling.withheld({"a": dict(row)}, notebook, notebook) == {"a": row}
