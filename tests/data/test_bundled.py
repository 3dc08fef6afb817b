"""Adult and the wage panel are what the design says they are."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fairmedl_lite
from fairmedl_lite.data.bundled import load_adult, load_wage_panel

BUNDLED = Path(fairmedl_lite.__file__).parent / "data" / "adult.csv.gz"


@pytest.fixture(scope="module")
def adult():
    return load_adult()


def test_adult_has_the_rows_and_clusters_of_the_design(adult):
    assert len(adult) == 46_033
    assert adult.dropped == {"unknown occupation": 2_809}
    assert adult.clusters.nunique() == 14 and adult.clusters.notna().all()
    assert (adult.task, adult.name) == ("classification", "Adult")
    assert "46,033 rows" in repr(adult) and "14 clusters" in repr(adult)


@pytest.mark.parametrize(
    "occupation, rows",
    [("Prof-specialty", 6_172), ("Sales", 5_504), ("Priv-house-serv", 242), ("Armed-Forces", 15)],
)
def test_adult_cluster_sizes(adult, occupation, rows):
    assert (adult.clusters == occupation).sum() == rows


def test_adult_outcome(adult):
    assert adult.y.value_counts().to_dict() == {0: 34_611, 1: 11_422}


def test_adult_x_holds_neither_outcome_nor_cluster_nor_weight(adult):
    assert set(adult.x) == {
        *["age", "workclass", "education", "education_num", "marital_status", "relationship"],
        *["race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country"],
    }
    assert not (adult.x == "?").any(axis=None)
    assert adult.x["native_country"].isna().any()


def test_adult_without_sensitive_columns():
    adult = load_adult(sensitive_in_x=False)
    assert not {"age", "race", "sex", "marital_status"} & set(adult.x)
    assert adult.x.shape == (46_033, 8)
    assert list(adult.sensitive) == ["age", "race", "sex", "marital_status"]
    assert adult.swaps == {}


def test_all_parts_of_adult_share_one_index(adult):
    for part in (adult.y, adult.clusters, adult.sensitive):
        assert part.index.equals(adult.x.index)
    assert adult.x.index.equals(pd.RangeIndex(46_033))


def test_age_bands_of_adult_follow_its_ages(adult):
    ages = adult.x["age"].groupby(adult.sensitive["age"]).agg(["min", "max"])
    assert ages.loc["under 30"].tolist() == [17, 29]
    assert ages.loc["30-44"].tolist() == [30, 44]
    assert ages.loc["45-59"].tolist() == [45, 59]
    assert ages.loc["60 and over"].tolist() == [60, 90]


@pytest.mark.parametrize(
    "attribute, raw_of_group",
    [
        (
            "race",
            {
                "White": {"White"},
                "Black": {"Black"},
                "Asian-Pac-Islander": {"Asian-Pac-Islander"},
                "Other": {"Other", "Amer-Indian-Eskimo"},
            },
        ),
        (
            "marital_status",
            {
                "never married": {"Never-married"},
                "married": {"Married-civ-spouse", "Married-AF-spouse"},
                "divorced": {"Divorced"},
                "separated": {"Separated", "Married-spouse-absent"},
                "widowed": {"Widowed"},
            },
        ),
        ("sex", {"Female": {"Female"}, "Male": {"Male"}}),
    ],
)
def test_groups_pool_what_the_design_pools(adult, attribute, raw_of_group):
    raw = adult.x[attribute].groupby(adult.sensitive[attribute]).agg(set)
    assert raw.to_dict() == raw_of_group


def test_an_age_band_swaps_to_its_median_age(adult):
    for band, value in adult.swaps["age"].values.items():
        ages = adult.x["age"][adult.sensitive["age"] == band]
        assert value == np.median(ages), band
    assert set(adult.swaps["age"].values) == set(adult.sensitive["age"])


def test_a_swap_changes_to_a_value_of_the_same_group(adult):
    for attribute in ("race", "sex", "marital_status"):
        swap = adult.swaps[attribute]
        for group, value in swap.values.items():
            rows = adult.x[swap.column] == value
            assert set(adult.sensitive.loc[rows, attribute]) == {group}


def test_columns_that_an_attribute_determines_are_linked(adult):
    assert adult.swaps["sex"].linked["Female"] == {"relationship": {"Husband": "Wife"}}
    assert adult.swaps["sex"].linked["Male"] == {"relationship": {"Wife": "Husband"}}
    linked = adult.swaps["marital_status"].linked
    assert "married" not in linked and len(linked) == 4
    assert set(linked["divorced"]["relationship"]) == {"Husband", "Wife"}


def test_bundled_file_is_small():
    assert BUNDLED.stat().st_size < 400_000


@pytest.mark.skipif("FAIRMEDL_DATA" not in os.environ, reason="FAIRMEDL_DATA names no folder")
def test_bundled_file_equals_the_source():
    source = pd.read_parquet(Path(os.environ["FAIRMEDL_DATA"]) / "adult.parquet")
    source = source.drop(columns=["split", "fnlwgt"]).rename(columns={"y": "income_over_50k"})
    bundled = pd.read_csv(BUNDLED)
    assert set(bundled) == set(source)
    for column in bundled:
        assert bundled[column].tolist() == source[column].tolist(), column


@pytest.fixture(scope="module")
def wages():
    return load_wage_panel()


def test_the_wage_panel_follows_each_man_for_eight_years(wages):
    assert (len(wages), wages.task, wages.name) == (4_360, "regression", "wage panel")
    assert wages.clusters.value_counts().eq(8).all() and wages.clusters.nunique() == 545
    assert wages.x["exper"].groupby(wages.clusters).diff().dropna().eq(1).all()
    assert list(wages.x) == ["school", "exper", "union", "married", "black", "hisp"]
    assert not wages.x.isna().any(axis=None) and wages.y.name == "wage"


def test_ethnicity_is_told_by_black_and_hisp(wages):
    men = wages.sensitive["ethnicity"].groupby(wages.clusters).first()
    assert men.value_counts().to_dict() == {"Other": 397, "Hispanic": 85, "Black": 63}
    found = wages.x[["black", "hisp"]].groupby(wages.sensitive["ethnicity"]).agg(set)
    assert found["black"].to_dict() == {"Black": {1}, "Hispanic": {0}, "Other": {0}}
    assert found["hisp"].to_dict() == {"Black": {0}, "Hispanic": {1}, "Other": {0}}


def test_a_swap_of_ethnicity_changes_both_columns(wages):
    swap = wages.swaps["ethnicity"]
    for group, columns in {"Black": (1, 0), "Hispanic": (0, 1), "Other": (0, 0)}.items():
        hisp = wages.x["hisp"].replace(swap.linked[group]["hisp"])
        assert (swap.values[group], *hisp.unique()) == columns


def test_the_wage_panel_without_sensitive_columns():
    wages = load_wage_panel(sensitive_in_x=False)
    assert list(wages.x) == ["school", "exper", "union", "married"]
    assert list(wages.sensitive) == ["ethnicity"] and wages.swaps == {}


def test_the_wage_panel_is_what_the_reference_was_fitted_to(wages):
    path = Path(os.environ.get("FAIRMEDL_DATA", "data")).parent / "oracle" / "wagepan.csv"
    if not path.exists():
        pytest.skip("there is no reference beside FAIRMEDL_DATA")
    source = pd.read_csv(path)
    assert wages.clusters.tolist() == source["nr"].tolist()
    pd.testing.assert_frame_equal(wages.x, source[list(wages.x)])
    np.testing.assert_allclose(wages.y, source["wage"], atol=1e-6)
