"""README's flow and the template of lesson 09 on three shapes of real data, unchanged.

    python -m study.experiments.shapes                 # all three, in full: an hour or more
    python -m study.experiments.shapes --rows 3000     # whole clusters of each, by seed 0
    python -m study.experiments.shapes --only wages

The shapes: many small clusters (Diabetes by patient), few groups in many clusters (ACS by
occupation), and a continuous outcome with two cluster variables (the wage panel by person and
year). Two things alone are exchanged: in README the line that loads the data, with the clusters it
holds out; in the lesson the cell that says what the columns are. Printed for each: rows, clusters,
seconds, warnings that a user sees, and the error, if one stopped it. What is not bundled is read as
`load_diabetes_hospital` and `load_acs_income` do.
"""

import argparse
import re
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from fairmedl_lite import load_acs_income, load_diabetes_hospital, load_wage_panel
from tools import ROOT
from tools.lessons import sources

LESSON = sources.SOURCES / "09_your_data.md"
CHANGED = "# ------------------------- change this cell, and no other"
MADE = "made = simulate_hiring("  # the cell that a reader with a file skips
WARNING = re.compile(r"\w*Warning: .*")
SAMPLE_SEED = 0
HEAD = ("data", "flow", "rows", "clusters", "seconds", "warnings", "error")
HIDDEN = (DeprecationWarning, PendingDeprecationWarning, ImportWarning)  # as Python hides them


def diabetes():
    """Stays in hospital, clustered by patient: most have one stay."""
    return load_diabetes_hospital(clusters="patient"), ["patient"]


def occupations():
    """People in 526 occupations."""
    return load_acs_income(clusters="fine", place_of_birth=False), ["occupation"]


def wages():
    """Men in years: two cluster variables, crossed."""
    data = load_wage_panel()
    year = pd.Series(1980 + np.arange(len(data)) % 8, data.x.index)  # eight rows a man, in order
    return replace(data, clusters=pd.DataFrame({"person": data.clusters, "year": year})), None


SHAPES = {"diabetes": diabetes, "occupations": occupations, "wages": wages}


def load(name, rows):
    """A data set with names for its clusters: all, or whole clusters of at most `rows` rows."""
    data, names = SHAPES[name]()
    if names:
        data = replace(data, clusters=data.clusters.rename(names[0]))
    if rows and rows < len(data):
        data = data.take(np.flatnonzero(in_whole_clusters(data.first_clusters, rows)))
    return data


def in_whole_clusters(clusters, rows):
    """Marks clusters in an order by the seed, as long as they have at most so many rows."""
    sizes = clusters.value_counts(sort=False)
    order = np.random.default_rng(SAMPLE_SEED).permutation(len(sizes))
    sizes = sizes.sort_index().iloc[order]
    return clusters.isin(sizes.index[sizes.cumsum() <= rows])


def binary(data):
    """A continuous outcome as above its median, or not: README's flow is about two classes."""
    if data.task == "classification":
        return data
    y = (data.y > data.y.median()).astype(int)
    return replace(data, y=y, task="classification")


def readme_code():
    """README's first flow, which reads `DATA` and holds out a quarter of its clusters."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    code = code.replace("data = load_adult()", "data = DATA")
    return re.sub(r"unseen_clusters=\[.*?\]", "unseen_clusters=0.25", code)


def readme(data, *_):
    """README's first flow on these data: its seconds, warnings and error."""
    code = readme_code()
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            exec(compile(code, "README.md", "exec"), {"DATA": binary(data)})
            error = ""
        except Exception as found:  # whatever stops a reader
            error = f"{type(found).__name__}: {found}"
    shown = [str(each.message) for each in caught if not issubclass(each.category, HIDDEN)]
    return time.perf_counter() - start, shown, error


def cell(data, name, folder):
    """The lesson's one cell to change, and the file that it names."""
    path, table = folder / f"{name}.csv", columns(data)
    table.to_csv(path, index=False)
    regression = data.task == "regression"
    settings = {
        "UNKNOWN": ["?"],
        "NAME": data.name,
        "TASK": data.task,
        "OUTCOME": "outcome",
        "POSITIVE": None if regression else 1,
        "CLUSTER": list(pd.DataFrame(data.clusters)),
        "WEIGHT": None if data.weights is None else "weight",
        "SENSITIVE": list(data.sensitive),
        "BANDS": {"age": [0, 30, 45, 60, 200]} if "age" in data.sensitive else {},
        "TOGETHER": None,
        "LEAVE_OUT": [],
        "SEEDS": [0, 1, 2],
        "UNSEEN": 0.25,
        "CHOSEN": "Fair MEDL-NNet",
        "PLAIN": "MEDL-NNet",
        "AGAINST": ["MEDL-NNet"],
        "SETTINGS": {"hidden": (16,)},
        "FAIRNESS": [0, 1],
        "WORDS": {},
    }
    lines = [f"{key} = {value!r}" for key, value in settings.items()]
    paths = [f"PATH = {str(path)!r}", f"FOLDER = Path({str(folder / 'results')!r})"]
    return "\n".join([*paths, *lines])


def columns(data):
    """One table, as a file has it: covariates, outcome, clusters, groups."""
    groups = [name for name in data.sensitive if name not in data.x]
    clusters = pd.DataFrame(data.clusters)
    parts = [data.x, data.y.rename("outcome"), clusters, data.sensitive[groups]]
    parts += [] if data.weights is None else [data.weights.rename("weight")]
    return pd.concat([part.reset_index(drop=True) for part in parts], axis=1)


def notebook_on(data, name, folder):
    """The lesson with these data named in its one cell, and the cell that makes ours left out."""
    notebook = sources.read(LESSON)
    (changed,) = (part for part in notebook.cells if part.source.startswith(CHANGED))
    (made,) = (part for part in notebook.cells if MADE in part.source and "to_csv" in part.source)
    changed.source, made.source = cell(data, name, folder), "pass"
    return notebook


def lesson(data, name, folder):
    """The lesson on these data, in a kernel of its own: its seconds, warnings and error."""
    notebook = notebook_on(data, name, folder)
    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(folder)}})
    start, error = time.perf_counter(), ""
    try:
        client.execute()
    except CellExecutionError as found:
        error = f"{found.ename}: {found.evalue}"
    outputs = [out for part in notebook.cells for out in part.get("outputs", [])]
    text = "\n".join(out.text for out in outputs if out.output_type == "stream")
    return time.perf_counter() - start, WARNING.findall(text), error


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=SHAPES)
    parser.add_argument("--rows", type=int, help="whole clusters of about so many rows")
    chosen = parser.parse_args(arguments)
    print(f"| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|", flush=True)
    for name in [chosen.only] if chosen.only else SHAPES:
        data = load(name, chosen.rows)
        for flow, run in {"README": readme, "lesson 09": lesson}.items():
            print(row(data, name, flow, run), flush=True)


def row(data, name, flow, run):
    """What became of a flow on these data."""
    counts = " and ".join(f"{count:,}" for count in pd.DataFrame(data.clusters).nunique())
    with tempfile.TemporaryDirectory() as folder:
        seconds, told, error = run(data, name, Path(folder))
    for kind, count in pd.Series(told).value_counts().items():
        print(f"    {count} x {kind[:200]}", file=sys.stderr)
    figures = [name, flow, f"{len(data):,}", counts, f"{seconds:.0f}", str(len(told))]
    return f"| {' | '.join([*figures, error[:300] or 'none'])} |"


if __name__ == "__main__":
    main()
