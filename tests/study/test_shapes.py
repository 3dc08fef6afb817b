"""README's flow and lesson 09 are run as they stand, but for the data; what stops them is told."""

import ast
from dataclasses import replace

import pandas as pd
import pytest

from study.experiments import shapes
from tests.conftest import make_rows
from tools.lessons import sources


def test_readme_is_changed_in_the_data_alone():
    text = (shapes.ROOT / "README.md").read_text(encoding="utf-8")
    lines = shapes.readme_code().splitlines()
    changed = [line for line in lines if line and line not in text]
    assert len(changed) == 2
    assert changed[0].startswith("data = DATA")
    assert changed[1] == "parts = split(data, unseen_clusters=0.25, seed=0)"


def test_the_lesson_is_changed_in_two_cells_alone(tmp_path):
    before, after = sources.read(shapes.LESSON), shapes.notebook_on(make_rows(), "tiny", tmp_path)
    pairs = zip(before.cells, after.cells, strict=True)
    changed = [(old.source, new.source) for old, new in pairs if old.source != new.source]
    assert changed[0][1] == "pass"
    settings = [set(names(text)) for text in changed[1]]
    assert len(changed) == 2 and settings[0] == settings[1]


def names(code):
    """The names that a cell sets."""
    for node in ast.parse(code).body:
        for target in getattr(node, "targets", []):
            yield from (part.id for part in getattr(target, "elts", [target]))


def test_the_table_is_that_of_the_data(tmp_path):
    data = make_rows()
    clusters = pd.DataFrame({"region": data.clusters, "year": 1})
    data = replace(data, clusters=clusters, weights=pd.Series(2.0, data.x.index))
    shapes.cell(data, "tiny", tmp_path)
    table = pd.read_csv(tmp_path / "tiny.csv")
    assert list(table) == [*data.x, "outcome", "region", "year", "sex", "band", "weight"]
    assert table["outcome"].tolist() == data.y.tolist()


@pytest.mark.parametrize("name", ["wages"])
def test_a_sample_is_of_whole_clusters_and_the_same_each_time(name):
    first, second = (shapes.load(name, 50) for _ in range(2))
    assert first.x.index.equals(second.x.index)
    assert first.first_clusters.value_counts().tolist() == [8] * 6  # years of six men
    assert list(first.clusters) == ["person", "year"]
    assert shapes.binary(first).y.isin([0, 1]).all()


def test_what_stops_a_flow_is_told():
    data = make_rows()
    _, _, error = shapes.readme(replace(data, sensitive=data.sensitive.assign(sex="f")))
    assert error.startswith("ValueError: Sensitive attribute 'sex' must have at least two groups")
