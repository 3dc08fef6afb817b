"""A ClusteredData keeps its parts together, and bands of age end where they say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite.data.clustered import ClusteredData, age_band


@pytest.mark.parametrize(
    "age, band",
    [
        (17, "under 30"),
        (29, "under 30"),
        (30, "30-44"),
        (44, "30-44"),
        (45, "45-59"),
        (59, "45-59"),
        (60, "60 and over"),
        (90, "60 and over"),
    ],
)
def test_age_bands_at_their_edges(age, band):
    assert age_band(pd.Series([age])).tolist() == [band]


def test_take_by_position_and_by_mask(tiny):
    by_position, mask = tiny.take([5, 2]), np.zeros(len(tiny), dtype=bool)
    mask[[2, 5]] = True
    assert by_position.x.index.tolist() == [5, 2]
    assert by_position.y.tolist() == tiny.y.iloc[[5, 2]].tolist()
    assert tiny.take(mask).clusters.index.tolist() == [2, 5]
    assert tiny.take(mask).sensitive.index.tolist() == [2, 5]
    assert by_position.name == tiny.name and len(by_position) == 2


@pytest.mark.parametrize("part", ["y", "clusters", "sensitive"])
def test_parts_with_another_index_are_refused(tiny, part):
    parts = {name: getattr(tiny, name) for name in ("x", "y", "clusters", "sensitive")}
    parts[part] = parts[part].iloc[::-1]
    with pytest.raises(ValueError, match=f"x and {part} must share one index"):
        ClusteredData(**parts, task="classification", name="reversed")


def test_unknown_task_is_refused(tiny):
    with pytest.raises(ValueError, match="task must be .*Received: 'ranking'"):
        ClusteredData(tiny.x, tiny.y, tiny.clusters, tiny.sensitive, "ranking", "tiny")


@pytest.mark.parametrize(
    "part, kind", [("x", "DataFrame"), ("y", "Series"), ("sensitive", "DataFrame")]
)
def test_a_part_of_another_type_is_refused(tiny, part, kind):
    parts = {name: getattr(tiny, name) for name in ("x", "y", "clusters", "sensitive")}
    parts[part] = parts[part].to_numpy()
    with pytest.raises(ValueError, match=f"{part} must be a {kind}. Received: ndarray"):
        ClusteredData(**parts, task="classification", name="of another type")


@pytest.mark.parametrize("part, count", [("y", 1), ("clusters", 1), ("sensitive", 2)])
def test_missing_values_are_counted_and_refused(tiny, part, count):
    parts = {name: getattr(tiny, name) for name in ("x", "y", "clusters", "sensitive")}
    parts[part] = parts[part].astype(object).copy()
    parts[part].iloc[0] = None
    with pytest.raises(ValueError, match=f"{part} must have no missing .*Received: {count}"):
        ClusteredData(**parts, task="classification", name="with a gap")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"weights": [1.0] * 240}, "weights must be a Series. Received: list"),
        ({"weights": -1.0}, "zero or more"),
        ({"weights": np.nan}, "weights must have no missing values. Received: 240"),
        ({"clusters": [["a"] * 240, "cc"]}, "clusters must have columns of different names"),
        ({"clusters": "a"}, "clusters must be a Series or a DataFrame. Received: str"),
    ],
)
def test_weights_and_cluster_variables_that_cannot_be_used(tiny, change, message):
    ((part, value),) = change.items()
    if isinstance(value, float):
        value = pd.Series(value, index=tiny.x.index)
    elif part == "clusters" and isinstance(value, list):
        value = pd.DataFrame([["a", "b"]] * 240, columns=list(value[1]))
    with pytest.raises(ValueError, match=message):
        replace(tiny, **{part: value})
