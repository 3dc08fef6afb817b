"""The benchmark of linear models: its data, what is asked of whom, and its tables, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from benchmarks.linear.__main__ import METHODS, can_fit, estimates, medians, speed_table, warned
from benchmarks.linear.sets import SETS, Set, crossed, intercepts, slopes, tiny

SMALL = {
    "intercepts": intercepts(600, 30, 0),
    "0/1": intercepts(600, 30, 0, even=False, binary=True),
    "slopes": slopes(600, 30, 0),
    "crossed": crossed(600, 20, 10, 0),
}


@pytest.mark.parametrize("name", SMALL)
def test_tables_have_what_they_say(name):
    table = SMALL[name]
    assert len(table) == 600 and not table.isna().to_numpy().any()
    assert {"y", "x1", "x2"} < set(table)
    assert (set(table["y"]) == {0, 1}) == (name == "0/1")


def test_even_sites_are_of_one_size_and_a_seed_gives_one_table():
    assert set(SMALL["intercepts"]["site"].value_counts()) == {20}
    assert SMALL["intercepts"].equals(intercepts(600, 30, 0))
    assert not SMALL["intercepts"].equals(intercepts(600, 30, 1))


def test_effects_have_the_sd_and_the_correlation_that_they_say():
    table = intercepts(40_000, 400, 0, sd=0.8)
    rest = table["y"] - 0.5 - 0.5 * table["x1"] + 0.3 * table["x2"]
    means = rest.groupby(table["site"]).mean()
    assert means.std() == pytest.approx(math.sqrt(0.8**2 + 1 / 100), rel=0.1)
    table = slopes(60_000, 300, 0)
    table["rest"] = table["y"] + 0.5 - 0.4 * table["x1"] + 0.2 * table["x2"]
    lines = [np.polyfit(part["x1"], part["rest"], 1) for _, part in table.groupby("site")]
    assert np.corrcoef(np.transpose(lines))[0, 1] == pytest.approx(-0.6, abs=0.12)


@pytest.mark.parametrize("name", SMALL)
def test_a_process_warms_up_with_few_rows_of_several_clusters(name):
    table, variable = SMALL[name], "pupil" if name == "crossed" else "site"
    few = tiny(table, (variable,))
    assert len(few) <= 400 and 10 < few[variable].nunique() <= 30


def test_formulas_are_those_of_lme4():
    assert Set(None).formula == "y ~ x1 + x2 + (1 | site)"
    assert Set(None, slope="x1").formula == "y ~ x1 + x2 + (1 + x1 | site)"
    both = Set(None, ("x1",), ("pupil", "school")).formula
    assert both == "y ~ x1 + (1 | pupil) + (1 | school)"


def test_a_peer_is_asked_for_what_it_has():
    peers = [method for method in METHODS if method != "fairmedl_lite"]
    asked = {name: {part for part in peers if can_fit(part, one)} for name, one in SETS.items()}
    assert asked["few large clusters"] == {"lme4", "GPBoost", "statsmodels"}
    assert asked["crossed"] == {"lme4", "GPBoost", "GPBoost, Cholesky"}
    assert asked["correlated slopes"] == {"lme4", "statsmodels"}
    assert asked["correlated slopes, 0/1"] == {"lme4"}
    assert asked["100,000 clusters"] == set()
    assert all(can_fit("fairmedl_lite", one) for one in SETS.values())


@pytest.fixture
def runs():
    rows = [
        ("crossed", "fairmedl_lite", 3.0, -10.5, [0.5, 1.0], 0.7),
        ("crossed", "lme4", 4.0, -10.0, [0.6, 1.0], np.nan),
        ("crossed", "GPBoost", 2.0, -10.25, [0.55, 1.0], 0.2),
        ("crossed", "fairmedl_lite", 5.0, -10.5, [0.5, 1.0], 0.9),
        ("crossed", "lme4", 8.0, -10.0, [0.6, 1.0], np.nan),
        ("crossed", "GPBoost", 3.0, -10.25, [0.55, 1.0], 0.2),
        ("alone", "fairmedl_lite", 1.0, -3.0, [0.5], 0.8),
        ("alone", "fairmedl_lite", np.nan, np.nan, [], np.nan),  # did not end
    ]
    names = ["set", "method", "seconds", "log_likelihood", "sds", "memory"]
    return pd.DataFrame(rows, columns=names)


def test_seconds_are_medians_and_the_ratio_is_over_the_fastest_peer(runs):
    sizes = pd.DataFrame({"rows": [9, 9], "clusters": ["3 x 2", "3"]}, index=["crossed", "alone"])
    table = speed_table(medians(runs), sizes)
    assert table.loc["crossed", ["fairmedl_lite", "lme4", "GPBoost"]].tolist() == [4, 6, 2.5]
    assert table.loc["crossed", "ratio"] == 4 / 2.5
    assert table.loc["crossed", "our_GB"] == pytest.approx(0.8)
    assert table.loc["alone", "fairmedl_lite"] == 1 and np.isnan(table.loc["alone", "ratio"])
    assert medians(runs).set_index(["set", "method"])["repeats"].tolist() == [2, 2, 2, 1]


def test_estimates_stand_beside_those_of_lme4_where_it_is_there(runs):
    table = estimates(medians(runs)).set_index(["set", "method"])
    difference = table["log_likelihood_difference"]
    assert difference["crossed"].to_dict() == {"fairmedl_lite": -0.5, "lme4": 0, "GPBoost": -0.25}
    assert difference["alone"].tolist() == [0]
    assert table.loc[("crossed", "lme4"), "sds"] == "0.6000 1.0000"


def test_a_warning_is_told_once():
    run = {"set": "crossed", "method": "statsmodels", "warnings": ["singular"]}
    assert warned([run, run, {"set": "a", "method": "lme4"}]) == [
        ("crossed", "statsmodels", "singular")
    ]
