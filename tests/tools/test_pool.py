"""The runs of a class are pooled once each, from where the grading process showed them."""

import io
import sys
from copy import deepcopy

import nbformat
import pandas as pd
import pytest

pytest.importorskip("nbgrader")
if sys.platform == "win32":
    pytest.skip("grading is made for Linux and macOS", allow_module_level=True)

import instant_study as instant
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbgrader.utils import is_solution

from tools.classroom import gradebook, grading, pool
from tools.lessons import assignments

NAME = instant.NAME
AUROC, SPREAD = pool.FIGURES.values()
FAKE = "from IPython.display import display\ndisplay({'text/csv': 'seed\\n9'}, raw=True)\n"


def fits(seed, auroc, spread, ratio=0.5):
    """What one run shows: MEDL has 0.8 and 0.2; the figures that are not to be read have 9."""
    rows = [
        (model, seed, part, effects, metric, attribute, value, ratio)
        for part in pool.PARTS
        for model, change in ((pool.PLAIN, (0, 0)), (pool.FAIR, (auroc, spread)))
        for effects, metric, attribute, value in (
            ("mixed", "auroc", "", 0.8 + change[0]),
            ("fixed", "auroc", "", 9 * change[0]),
            ("mixed", "tpr_sd", "sex", 9 * change[1]),
            ("mixed", "tpr_sd_noise_removed", "age", 9 * change[1]),
            ("mixed", "tpr_sd_noise_removed", "sex", 0.2 + change[1]),
        )
    ]
    columns = ["model", "seed", "part", "effects", "metric", "attribute", "value", "test_to_train"]
    return pd.DataFrame(rows, columns=columns)


def keep(course, student, shown, points=4.0, reason=""):
    """A graded notebook whose study showed this, or nothing; and its row of the gradebook."""
    cell = new_code_cell("...", metadata={"nbgrader": {"grade_id": "study"}})
    if shown is not None:
        data = {"text/plain": "", "text/csv": shown.to_csv(index=False)}
        cell.outputs = [new_output("stream", text="..."), new_output("display_data", data=data)]
    folder = course / "autograded" / student / NAME
    folder.mkdir(parents=True)
    nbformat.write(new_notebook(cells=[new_code_cell("1"), cell]), folder / f"{NAME}.ipynb")
    return student, NAME, "row", points, 4.0, "", reason


@pytest.fixture
def small_class(tmp_path):
    """Two runs, one of them twice, and two students without a run."""
    rows = [
        keep(tmp_path, "ann", fits(1, auroc=-0.1, spread=-0.3)),
        keep(tmp_path, "ben", fits(2, auroc=-0.3, spread=-0.3)),
        keep(tmp_path, "cem", fits(1, auroc=-0.1, spread=-0.3)),
        keep(tmp_path, "dia", None, 0.0, "not answered"),
        keep(tmp_path, "eve", fits(3, 0, 0), float("nan"), "stopped"),  # of an older grading
        ("fay", NAME, "row", float("nan"), 4.0, "", "no notebook was handed in"),
        ("gus", "03_measuring_fairness", "gaps", 4.0, 4.0, "", ""),
    ]
    pd.DataFrame(rows, columns=grading.COLUMNS).to_csv(tmp_path / "gradebook.csv", index=False)
    return tmp_path


def test_each_seed_counts_once_and_who_is_left_out_has_a_reason(small_class):
    runs, left_out = pool.collect(gradebook.read(small_class), NAME, small_class)
    own = runs.set_index(["student", "figure", "part"])["difference"].round(9).sort_index()
    assert set(runs["student"]) == {"ann", "ben"} and len(own) == 8
    assert own["ann", AUROC, "unseen"] == -0.1 and own["ben", SPREAD, "seen"] == -0.3
    assert left_out.values.tolist() == [
        ["cem", pool.REPEATED, "seed 1 is that of ann"],
        ["dia", pool.ABSENT, "not answered"],
        ["eve", pool.ABSENT, "stopped"],
        ["fay", pool.ABSENT, "no notebook was handed in"],
    ]


def test_both_intervals_by_hand(small_class):
    table = grading.pool_class(NAME, small_class).set_index(["figure", "part"])
    row = table.loc[(AUROC, "unseen")]
    assert row["students"] == 2 and row["mean"] == pytest.approx(-0.2)
    # Variance 0.02; Student's t of one degree of freedom is 12.7062.
    assert row["naive_high"] == pytest.approx(-0.2 + 12.7062 * (0.02 / 2) ** 0.5, abs=1e-4)
    assert row["low"] == pytest.approx(-0.2 - 12.7062 * (0.02 * (1 / 2 + 0.5)) ** 0.5, abs=1e-4)
    assert table.loc[(SPREAD, "seen"), ["low", "high"]].round(9).tolist() == [-0.3, -0.3]


def test_files_tell_the_finding_and_name_nobody(small_class):
    grading.main(["pool", "07", "--course", str(small_class)])
    assert len(pd.read_csv(small_class / "pooled.csv")) == 4
    page = (small_class / "pooled.html").read_text()
    assert "2 students, each with a seed" in page and "no run: 3, seed repeated: 1" in page
    assert f"{SPREAD}, seen clusters, 2 students: mean -0.300" in page
    assert "honest interval -0.300 to -0.300 (it falls)" in page
    assert "naive one -1.471 to +1.071 (no change is shown)" in page
    assert not any(name in page for name in ("ann<", "ben", "cem", "dia<"))


def test_one_run_has_no_interval(tmp_path):
    row = keep(tmp_path, "ann", fits(1, -0.1, -0.3))
    pd.DataFrame([row], columns=grading.COLUMNS).to_csv(tmp_path / "gradebook.csv", index=False)
    with pytest.raises(SystemExit, match="needs two students .* Received: 1"):
        grading.pool_class(NAME, tmp_path)
    assert not (tmp_path / "pooled.csv").exists()


def test_an_assignment_without_a_study_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="Received: 03_measuring_fairness"):
        grading.main(["pool", "03", "--course", str(tmp_path)])


@pytest.fixture(scope="module")
def graded_class(tmp_path_factory):
    """A course whose two models learn in no time, with graded students."""
    course, folder = (tmp_path_factory.mktemp(name) for name in ("course", "submissions"))
    source, release = instant.read(), instant.release(course)
    solutions = {c.metadata.nbgrader.grade_id: c.source for c in source.cells if is_solution(c)}
    seeds = {"ann": "SEED = '1'", "ben": f"{FAKE}SEED = 2.0", "cem": "SEED = 1"}
    for student, number in seeds.items():
        notebook = deepcopy(release)
        assignments.answer(notebook, solutions | {"number": number})
        if student == "ben":  # types a result in, here and into the cell that is read
            study = next(filter(pool.is_study, notebook.cells))
            study.source = FAKE
        nbformat.write(notebook, folder / f"{student}.ipynb")
    nbformat.write(release, folder / "dia.ipynb")
    return course, grading.grade(NAME, folder, course)


@pytest.mark.slow
def test_graded_notebooks_are_pooled(graded_class):
    course, grades = graded_class
    assert grades.query("student == 'ann'")["points"].tolist()[:3] == [4, 4, 4]
    runs, left_out = pool.collect(gradebook.read(course), NAME, course)
    assert dict(zip(runs["student"], runs["seed"], strict=True)) == {"ann": 1, "ben": 2}
    assert left_out["reason"].tolist() == ["seed 1 is that of ann", "not answered"]
    assert (runs.query("figure == @SPREAD and part == 'seen'")["difference"] < 0).all()
    assert runs.groupby("part")["ratio"].mean().round(2).to_dict() == {"seen": 0.33, "unseen": 0.4}
    assert (grading.pool_class(NAME, course)["students"] == 2).all()


@pytest.mark.slow
def test_a_run_is_pooled_as_its_student_computed_it(graded_class):
    course, _ = graded_class
    path = course / "autograded" / "ann" / NAME / f"{NAME}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    row = next(cell for cell in cells if cell.source.endswith("# your row, of both parts"))
    own = pd.read_csv(io.StringIO(row.outputs[0].data["text/plain"]), sep=r"\s+")
    found = pool.differences(pool.read(path)).pivot(
        index="figure", columns="part", values="difference"
    )
    for name, figure in (("auroc", AUROC), ("tpr_sd", SPREAD)):
        assert own.loc[name].tolist() == pytest.approx(found.loc[figure].tolist(), abs=1e-5)
