"""What the comparison with other packages says was measured stands in the study's tables."""

import re

import pandas as pd
import pytest

from tools import ROOT

TEXT = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([^|]+?)(?: \(ours[^)]*\))? \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", re.M)
ROWS = ROW.findall(TEXT)
TABLES = ("study_adult", "study_adult_methods")


@pytest.fixture(scope="module")
def study():
    found = pd.concat(pd.read_csv(ROOT / "results" / f"{name}.csv") for name in TABLES)
    return found[(found["part"] == "seen") & (found["effects"] == "mixed")].drop_duplicates()


def measured(study, model, metric, attribute=None):
    """The mean of a figure; rates are those at the model's own threshold, or else at Youden's."""
    rows = study[(study["model"] == model) & (study["metric"] == metric)]
    if attribute:
        own = rows["threshold"].eq("own").any()
        rows = rows[
            (rows["attribute"] == attribute) & (rows["threshold"] == ("own" if own else "youden"))
        ]
    return rows["mean"].iloc[0]


def test_there_are_rows_of_ours_and_of_peers():
    names = [row[0] for row in ROWS]
    assert len(names) == 8 and {"Fair MEDL-NNet", "GPBoost", "mixed logistic"} < set(names)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_is_the_studys(study, row):
    model, *said = row
    values = [
        measured(study, model, "auroc"),
        measured(study, model, "tpr_sd_noise_removed", "age"),
        measured(study, model, "tpr_sd_noise_removed", "marital_status"),
    ]
    assert said == [f"{value:.3f}" for value in values]


def test_the_words_about_thresholds_are_the_studys(study):
    def lost(attribute, metric):
        models = ("mixed logistic", f"thresholds by {attribute}")
        before, after = (measured(study, model, metric) for model in models)
        return before - after

    attributes = ("race", "age", "sex", "marital_status")
    assert {round(lost(attribute, "auroc"), 3) for attribute in attributes} == {0.001}
    falls = {attribute: round(lost(attribute, "accuracy"), 2) for attribute in attributes}
    assert min(falls.items(), key=lambda item: item[1]) == ("race", 0.0)
    assert max(falls.items(), key=lambda item: item[1]) == ("marital_status", 0.07)


def test_the_words_about_speed_are_those_of_the_benchmark():
    found = pd.read_csv(ROOT / "results" / "linear_speed.csv")
    seconds = found.pivot(index="set", columns="method", values="seconds")
    ours = seconds.pop("fairmedl_lite")
    with_peers = seconds.dropna(how="all").index
    assert (ours < seconds["lme4"])[with_peers].all()
    won = (ours < seconds.min(axis=1))[with_peers]
    assert set(won.index[won]) == {"crossed", "correlated slopes", "correlated slopes, 0/1"}
    assert (ours <= 2 * seconds["GPBoost"])[seconds["GPBoost"].notna()].all()
