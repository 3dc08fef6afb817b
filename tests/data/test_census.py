"""The loaders of census data give what their docstrings say, and refuse files of another kind."""

import gzip
import os
import sys
import urllib.error
from pathlib import Path

import fairlearn.datasets
import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from fairmedl_lite import attribute_swap
from fairmedl_lite.data import census
from fairmedl_lite.data.census import load_acs_income, load_ipums
from fairmedl_lite.data.split import split

ACS = {
    "AGEP": [17, 29, 30, 44, 45, 60, 94, 50, 33],
    "COW": [1, 2, 3, 4, 5, 6, 7, 8, 1],
    "SCHL": [1, 16, 19, 20, 21, 22, 23, 24, 21],
    "MAR": [5, 1, 2, 3, 4, 1, 2, 1, 5],
    "OCCP": [10, 440, 500, 4720, 9830, 9760, 6800, 6765, 1021],
    "POBP": [6, 26, 303, 554, 1, 72, 6, 6, 210],
    "RELP": [2, 1, 0, 13, 12, 1, 16, 17, 0],
    "WKHP": [10, 40, 40, 40, 99, 60, 1, 40, 45],
    "SEX": [2, 1, 1, 2, 1, 2, 2, 1, 1],
    "RAC1P": [1, 2, 3, 4, 5, 6, 7, 8, 9],
}
INCOME = [4_000, 50_000, 50_001, 20_000, 90_000, 120_000, 104, 70_000, 150_000]
real = pytest.mark.skipif("FAIRMEDL_DATA" not in os.environ, reason="FAIRMEDL_DATA names no folder")


def acs():
    """Like the parquet file: small codes, a state, and the outcome."""
    table = pd.DataFrame(ACS).astype("uint16")
    return table.assign(ST=6, PINCP_gt_50k=(np.array(INCOME) > 50_000).astype("uint8"))


def fairlearn_frame():
    """Like fairlearn's: floats, no state, the income itself, an index with gaps."""
    table = pd.DataFrame(ACS).astype("float64").assign(PINCP=INCOME)
    return table.set_axis([3 * row + 1 for row in range(len(table))])


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Write a table where the loader looks for it; return the loader."""
    monkeypatch.setenv("FAIRMEDL_DATA", str(tmp_path))

    def load(table=None, **options):
        table = acs() if table is None else table
        table.to_parquet(tmp_path / "acs_income_2018.parquet", engine="fastparquet")
        return load_acs_income(**options)

    return load


@pytest.fixture
def fetcher(monkeypatch):
    monkeypatch.delenv("FAIRMEDL_DATA", raising=False)
    fake = Bunch(frame=fairlearn_frame())
    monkeypatch.setattr(fairlearn.datasets, "fetch_acs_income", lambda as_frame: fake)
    return fake


def test_acs_x_holds_readable_labels(load):
    data = load()
    assert list(data.x) == [
        *["age", "class_of_worker", "education", "marital_status", "place_of_birth"],
        *["relationship", "hours_per_week", "sex", "race"],
    ]
    assert data.x["class_of_worker"].tolist()[:2] == ["private company", "private not-for-profit"]
    assert data.x["relationship"].tolist()[:4] == [
        *["Biological child", "Husband/wife", "Reference person", "Unmarried partner"]
    ]
    assert data.x["place_of_birth"].tolist()[:3] == ["6", "26", "303"]
    assert data.x["education"].tolist() == ACS["SCHL"]
    assert data.y.tolist() == [0, 0, 1, 0, 1, 1, 0, 1, 1] and data.y.name == "income_over_50k"
    assert (data.task, data.name) == ("classification", "ACS 2018")
    assert len(data) + sum(data.dropped.values()) == 9


def test_acs_groups(load):
    groups = load().sensitive
    assert groups["age"].tolist() == [
        *["under 30", "under 30", "30-44", "30-44", "45-59", "60 and over", "60 and over"],
        *["45-59", "30-44"],
    ]
    native = "American Indian or Alaska Native"
    assert groups["race"].tolist() == [
        *["White", "Black", native, native, native, "Asian", "Pacific Islander", "Other"],
        "Two or more",
    ]
    assert groups["sex"].tolist()[:2] == ["Female", "Male"]
    assert groups["marital_status"].tolist()[:5] == [
        *["never married", "married", "widowed", "divorced", "separated"]
    ]


def test_acs_clusters(load):
    assert load().clusters.tolist() == [
        *["Management", "Management", "Business operations", "Sales", "Military"],
        *["Transportation", "Extraction", "Construction", "Computer and mathematical"],
    ]
    assert load(clusters="fine").clusters.tolist() == [str(code) for code in ACS["OCCP"]]
    with pytest.raises(ValueError, match="clusters must be one of .*Received: 'coarse'"):
        load(clusters="coarse")


@pytest.mark.parametrize("clusters", ["major", "fine"])
def test_both_sources_of_acs_give_the_same(load, fetcher, clusters, monkeypatch, tmp_path):
    downloaded = load_acs_income(clusters=clusters)
    monkeypatch.setenv("FAIRMEDL_DATA", str(tmp_path))
    local = load(clusters=clusters)
    pd.testing.assert_frame_equal(downloaded.x, local.x)
    pd.testing.assert_frame_equal(downloaded.sensitive, local.sensitive)
    pd.testing.assert_series_equal(downloaded.y, local.y)
    pd.testing.assert_series_equal(downloaded.clusters, local.clusters)
    assert downloaded.dropped == local.dropped and downloaded.swaps == local.swaps
    assert local.x.index.equals(pd.RangeIndex(9))


def test_acs_columns_can_be_left_out(load):
    assert "place_of_birth" not in load(place_of_birth=False).x
    bare = load(sensitive_in_x=False)
    assert not set(bare.sensitive) & set(bare.x) and bare.swaps == {}
    assert list(bare.sensitive) == ["age", "race", "sex", "marital_status"]


def test_who_has_no_occupation_is_dropped_and_counted(load):
    table = acs()
    table.loc[4, ["OCCP", "COW"]] = [9920, 9]
    data = load(table)
    assert data.dropped == {"no occupation in five years": 1}
    assert len(data) == 8 and data.x.index.equals(pd.RangeIndex(8))


def test_acs_swaps_change_what_the_attribute_determines(load):
    data = load()
    assert data.swaps["age"].values == {
        **{"under 30": 23, "30-44": 33, "45-59": 47.5, "60 and over": 77}
    }
    for attribute in ("race", "sex", "marital_status"):
        groups = set(data.sensitive[attribute])
        assert data.swaps[attribute].values == {group: group for group in groups}
    linked = data.swaps["marital_status"].linked
    assert set(linked) == {"never married", "divorced", "separated", "widowed"}
    assert linked["widowed"] == {"relationship": {"Husband/wife": "Unmarried partner"}}


class CountsSpouses:
    """Predicts 1 for a husband or wife, and for a woman."""

    def predict_proba(self, X):
        score = ((X["relationship"] == "Husband/wife") | (X["sex"] == "Female")).to_numpy(float)
        return np.stack([1 - score, score], axis=1)


def test_an_attribute_swap_reads_the_swaps(load):
    data = load()
    swap = data.swaps["marital_status"]
    moved = attribute_swap(
        CountsSpouses(),
        data.x,
        swap.column,
        swap.values,
        groups=data.sensitive[swap.column],
        linked=swap.linked,
    )
    assert moved["change"] == pytest.approx(1 / 9)  # the one husband


@pytest.mark.parametrize(
    "column, value, message",
    [
        (
            "OCCP",
            430,
            "OCCP must hold a known code. Received: 430 in row 2 .1 in all.*codes of 2018",
        ),
        ("OCCP", 9990, "OCCP must hold a known code. Received: 9990 in row 2"),
        ("OCCP", 470, "OCCP must hold a known code. Received: 470 in row 2"),
        ("RELP", 25, "RELP must hold a known code. Received: 25 in row 2.*another year"),
        ("RAC1P", 0, "RAC1P must hold a known code. Received: 0 in row 2"),
        ("COW", 9, "COW must hold a known code. Received: 9 in row 2"),
        ("AGEP", 16, "AGEP must hold a number from 17 to 99. Received: 16 in row 2"),
        ("PINCP_gt_50k", 2, "PINCP_gt_50k must hold a number from 0 to 1. Received: 2 in row 2"),
    ],
)
def test_acs_refuses_unknown_codes(load, column, value, message):
    table = acs()
    table.loc[2, column] = value
    with pytest.raises(ValueError, match=message):
        load(table)


def test_acs_refuses_missing_values(fetcher):
    fetcher.frame.loc[4, "SCHL"] = np.nan
    with pytest.raises(ValueError, match="SCHL must hold a number from 1 to 24. Received: nan in"):
        load_acs_income()


def test_acs_of_another_year_names_the_column(load):
    with pytest.raises(ValueError, match="ACS of 2018 must have the column RELP.*RELSHIPP"):
        load(acs().rename(columns={"RELP": "RELSHIPP"}))
    with pytest.raises(ValueError, match="must have the column PINCP. .*PINCP_gt_50k"):
        load(acs().drop(columns="PINCP_gt_50k"))


def test_a_truncated_acs_file(load, tmp_path):
    load()
    path = tmp_path / "acs_income_2018.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="must be a whole parquet file.*copy it again"):
        load_acs_income()


def test_acs_without_a_parquet_engine(load, monkeypatch):
    load()
    for engine in ("fastparquet", "pyarrow"):
        monkeypatch.setitem(sys.modules, engine, None)
    with pytest.raises(ImportError, match="needs fastparquet. Install it: pip install"):
        load_acs_income()


def test_several_acs_files(load, tmp_path):
    acs().to_parquet(tmp_path / "acs_income_2018_CA.parquet", engine="fastparquet")
    with pytest.raises(
        ValueError, match="must be one acs_income_2018.*CA.parquet.*Move the others"
    ):
        load()


def test_a_folder_that_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("FAIRMEDL_DATA", str(tmp_path / "absent"))
    with pytest.raises(
        FileNotFoundError, match="FAIRMEDL_DATA must name a folder. Received: .*abs"
    ):
        load_acs_income()


def test_without_a_network(monkeypatch):
    def fetch(as_frame):
        raise urllib.error.URLError("no route")

    monkeypatch.delenv("FAIRMEDL_DATA", raising=False)
    monkeypatch.setattr(fairlearn.datasets, "fetch_acs_income", fetch)
    with pytest.raises(OSError, match="download failed.*acs_income_2018.parquet .*FAIRMEDL_DATA"):
        load_acs_income()


@real
def test_the_real_acs_is_what_is_known_of_it():
    data = load_acs_income()
    assert len(data) + sum(data.dropped.values()) == 245_673
    assert data.dropped == {"no occupation in five years": 0}
    assert data.clusters.nunique() == 25
    assert data.y.sum() == 97_196 and not data.x.isna().any(axis=None)
    parts = (data.x, data.sensitive, data.y.to_frame(), data.clusters.to_frame())
    size = sum(part.memory_usage(index=False, deep=True).sum() for part in parts)
    assert size / len(data) < 17
    halves = split(data, unseen_clusters=["Military"], seed=0)
    assert len(halves.test_unseen) == (data.clusters == "Military").sum() == 798


@real
def test_the_real_occupations():
    assert load_acs_income(clusters="fine").clusters.nunique() == 529


@real
def test_major_groups_are_those_of_the_labels():
    path = Path(os.environ["FAIRMEDL_DATA"]) / "occp_2018_labels.csv"
    if not path.exists():
        pytest.skip("there is no list of labels in FAIRMEDL_DATA")
    labels = pd.read_csv(path).query("OCCP != 9920")
    groups = census._occupation(labels, "major").astype(str)
    assert groups.groupby(labels["group"]).nunique().eq(1).all()
    assert labels["group"].groupby(groups).nunique().eq(1).all() and groups.nunique() == 25


IPUMS = """\
YEAR,SERIAL,STATEFIP,PERWT,SEX,AGE,MARST,RACE,EDUC,CLASSWKR,OCC,UHRSWORK,INCTOT
2018,1,6,101.0,1,17,6,1,6,2,4720,20,4000
2018,2,6,55.0,2,30,1,4,10,2,10,40,50001
2018,3,6,20.0,2,45,2,6,11,1,9830,60,50000
2018,4,26,9.0,1,60,4,8,0,2,4720,40,-5000
2018,5,26,9.0,1,16,6,2,3,2,4720,10,100
2018,6,26,9.0,2,20,6,2,6,0,0,0,0
2018,7,26,9.0,2,70,5,3,6,2,9920,0,30000
2018,8,26,9.0,2,40,3,7,6,2,4720,40,9999999
2018,9,26,9.0,2,40,3,7,6,2,4720,40,9999998
2018,10,26,9.0,2,40,3,5,6,2,4720,0,60000
2019,11,26,9.0,2,40,3,9,6,2,4720,40,60000
"""
ONE_YEAR = IPUMS[: IPUMS.index("2019,")]


@pytest.fixture
def ipums(tmp_path):
    def load(text=ONE_YEAR, **options):
        path = tmp_path / "usa_00001.csv"
        path.write_text(text)
        return load_ipums(path, **options)

    return load


def test_ipums_counts_what_it_drops(ipums):
    data = ipums()
    assert data.dropped == {
        "another year": 0,
        "age under 17": 1,
        "no occupation": 2,
        "no income reported": 2,
        "no usual hours": 1,
    }
    assert len(data) == 4 and len(data) + sum(data.dropped.values()) == 10
    assert data.y.tolist() == [0, 1, 0, 0]
    assert data.clusters.tolist() == ["4720", "10", "9830", "4720"]
    assert (data.task, data.name) == ("classification", "IPUMS 2018")


def test_ipums_x_and_groups(ipums):
    data = ipums()
    assert list(data.x) == [
        *["age", "class_of_worker", "education", "marital_status", "hours_per_week", "sex", "race"]
    ]
    assert data.x["class_of_worker"].tolist()[1:3] == ["works for wages", "self-employed"]
    assert data.sensitive["race"].tolist() == [
        *["White", "Asian or Pacific Islander", "Asian or Pacific Islander", "Two or more"]
    ]
    assert data.sensitive["marital_status"].tolist() == [
        *["never married", "married", "separated", "divorced"]
    ]
    assert data.sensitive["age"].tolist() == ["under 30", "30-44", "45-59", "60 and over"]
    assert data.swaps["sex"].values == {"Female": "Female", "Male": "Male"}
    bare = ipums(sensitive_in_x=False)
    assert list(bare.x) == ["class_of_worker", "education", "hours_per_week"] and not bare.swaps


def test_ipums_of_several_years(ipums):
    with pytest.raises(ValueError, match=r"year=None, a file of \[2018, 2019\]"):
        ipums(IPUMS)
    with pytest.raises(ValueError, match=r"year=2017, a file of \[2018\]"):
        ipums(year=2017)
    data = ipums(IPUMS, year=2018)
    assert data.dropped["another year"] == 1 and len(data) == 4
    assert len(data) + sum(data.dropped.values()) == 11


def test_ipums_with_occupations_of_1990(ipums):
    text = ONE_YEAR.replace("OCC,", "OCC1990,").replace(",9920,", ",991,").replace("4720", "274")
    data = ipums(text)
    assert data.clusters.tolist() == ["274", "10", "9830", "274"]
    assert data.dropped["no occupation"] == 2


def test_ipums_packed_and_in_pieces(ipums, tmp_path, monkeypatch):
    plain = ipums()
    path = tmp_path / "usa.csv.gz"
    path.write_bytes(gzip.compress(ONE_YEAR.encode()))
    read = pd.read_csv
    monkeypatch.setattr(pd, "read_csv", lambda *a, **o: read(*a, **(o | {"chunksize": 3})))
    packed = load_ipums(path)
    pd.testing.assert_frame_equal(plain.x, packed.x)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="must be a whole CSV file.*cut off"):
        load_ipums(path)


@pytest.mark.parametrize(
    "old, new, message",
    [
        (
            "2018,4,26,9.0,1,60,4,8,0,2,4720,40,-5000",
            "2018,4,26",
            "AGE must hold a whole number. Received: nan in line 5.*cut off",
        ),
        (",50000\n", ",\n", "INCTOT must hold a whole number. Received: nan in line 4.*cut off"),
        ("9.0,1,60", "9.0,1,sixty", "AGE must hold a whole number. Received: 'sixty' in line 5"),
        (",60000\n", ",600", "must end with a line break.*copy it again"),
        ("RACE,", "race,", "IPUMS extract .* must have the column RACE. .*upper case"),
        ("OCC,", "OCC2010,", "must have the column OCC1990"),
        ("1,4,10,2", "1,0,10,2", "RACE must hold a known code. Received: 0 in line 3"),
        ("2,30,1", "2,30,9", "MARST must hold a known code. Received: 9 in line 3"),
        ("4,10,2", "4,99,2", "EDUC must hold a number from 0 to 11. Received: 99 in line 3"),
        (ONE_YEAR, "", "must be a whole CSV file. Received: No columns"),
        ("2018,1,", '"2018,1,', "must be a whole CSV file|must have the column"),
    ],
)
def test_ipums_refuses_damaged_files(ipums, old, new, message):
    assert old in ONE_YEAR
    with pytest.raises(ValueError, match=message):
        ipums(ONE_YEAR.replace(old, new, 1))


def test_ipums_without_a_row_that_counts(ipums):
    with pytest.raises(ValueError, match="At least one row must stay.*'age under 17': 1"):
        ipums("\n".join([ONE_YEAR.split("\n")[0], ONE_YEAR.split("\n")[5], ""]))


def test_ipums_names_an_absent_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="There must be a file .*usa.csv"):
        load_ipums(tmp_path / "usa.csv")


def test_acs_person_weights_go_with_their_rows(load):
    assert load().weights is None
    table = acs().assign(PWGTP=np.arange(1, 10) * 10)
    table.loc[2, "OCCP"] = 9920  # dropped
    data = load(table)
    assert data.weights.tolist() == [10, 20, 40, 50, 60, 70, 80, 90]
    assert "PWGTP" not in data.x and data.weights.index.equals(data.x.index)
    with pytest.raises(ValueError, match="PWGTP must hold a number from 1 to 9999. Received: 0"):
        load(table.assign(PWGTP=0))


def test_ipums_person_weights_go_with_their_rows(tmp_path):
    columns = "YEAR AGE SEX RACE MARST EDUC OCC CLASSWKR UHRSWORK INCTOT PERWT".split()
    rows = [(2018, age, 2, 1, 6, 10, 5120, 2, 40, 61_000, 7.5 * age) for age in (40, 15, 50)]
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(tmp_path / "extract.csv", index=False)
    assert load_ipums(tmp_path / "extract.csv").weights.tolist() == [300.0, 375.0]
    table.drop(columns="PERWT").to_csv(tmp_path / "extract.csv", index=False)
    assert load_ipums(tmp_path / "extract.csv").weights is None
    table.assign(PERWT=["1.5", "?", "2"]).to_csv(tmp_path / "extract.csv", index=False)
    with pytest.raises(ValueError, match="PERWT must hold a weight. Received: '.' in line 3"):
        load_ipums(tmp_path / "extract.csv")
