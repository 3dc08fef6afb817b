"""The study's tables and figures, each counted by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import make_rows

from fairmedl_lite import group_report, spread_report
from study.measures import POSITIVE_RATES, averaged, measure, measure_whole
from study.plan import ADULT_WEIGHTS, STUDIES, debiased, stages
from study.study import seconds_kept
from study.tables import DISPARITIES, headline_runs, what_random_effects_add
from study.words import FAIR, PLAIN

COLUMNS = ["model", "seed", "part", "effects", "threshold", "metric", "attribute", "group", "value"]


def fits(*rows, seconds):
    """A table as compare returns it; seconds are by model and seed."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    taken = [
        seconds[model, seed] for model, seed in zip(table["model"], table["seed"], strict=True)
    ]
    return table.assign(test_to_train=0.5, seconds=taken, error="")


def test_what_the_random_effects_add_is_mixed_minus_fixed():
    metric = DISPARITIES[0]
    rows = [
        (PLAIN, seed, part, effects, "", metric, "sex", "f", value)
        for seed, extra in ((0, 0.0), (1, 0.2))
        for part in ("seen", "unseen")
        for effects, value in (("fixed", 0.1), ("mixed", 0.3 + extra), ("random", 9.0))
    ]
    seconds = {(PLAIN, 0): 1.0, (PLAIN, 1): 1.0}
    table = what_random_effects_add(fits(*rows, seconds=seconds), PLAIN)
    assert table["difference"].tolist() == [pytest.approx(0.3)]
    assert table["model"].tolist() == [PLAIN] and table["resamples"].tolist() == [2]


def test_headlines_are_of_the_ladder_whole_predictions_and_all_rows():
    kept = (FAIR, 0, "seen", "mixed", "", "auroc", "", "", 0.9)
    others = [
        ("GPBoost", 0, "seen", "mixed", "", "auroc", "", "", 0.8),
        (FAIR, 0, "seen", "fixed", "", "auroc", "", "", 0.7),
        (FAIR, 0, "seen", "mixed", "equal_rate", "tpr_sd", "age", "", 0.6),
        (FAIR, 0, "seen", "mixed", "youden", "tpr", "age", "old", 0.5),
    ]
    seconds = {(FAIR, 0): 1.0, ("GPBoost", 0): 1.0}
    table = headline_runs(fits(kept, *others, seconds=seconds))
    assert table.to_dict("records") == [
        {"model": FAIR, "seed": 0, "part": "seen", "metric": "auroc", "attribute": "", "value": 0.9}
    ]


@pytest.fixture(scope="module")
def scored():
    """Rows, a score that knows their outcome a little, and decisions at one threshold."""
    rows = make_rows(rows=600, seed=3)
    score = rows.y.to_numpy() + np.random.default_rng(0).normal(size=600)
    return rows, score, {"youden": score > 0.5}


def values(found, **where):
    chosen = [figure for figure in found if all(getattr(figure, k) == v for k, v in where.items())]
    return [figure.value for figure in chosen]


def test_figures_are_those_of_the_reports(scored):
    rows, score, decisions = scored
    found = measure(rows, score, decisions)
    report = group_report(rows.y, score, sensitive_features=rows.sensitive, threshold=0.5)
    expected = spread_report(report).set_index(["attribute", "metric"]).loc[("sex", "tpr")]
    place = {"threshold": "youden", "attribute": "sex"}
    assert values(found, metric="tpr_sd", **place) == [pytest.approx(expected["sd"])]
    options = {"sensitive_features": rows.sensitive, "threshold": 0.5, "clusters": rows.clusters}
    report = spread_report(group_report(rows.y, score, **options))
    expected = report.set_index(["attribute", "metric"])["sd_noise_removed"]["sex", "tpr"]
    assert values(found, metric="tpr_sd_clusters_removed", **place) == [pytest.approx(expected)]
    whole = {figure.metric for figure in measure_whole(*scored)} - {f.metric for f in found}
    assert whole == {"tpr_sd_random_effect", *DISPARITIES}


def test_the_mean_of_five_is_over_thresholds_of_given_positive_rates(scored):
    rows, score, _ = scored
    found = averaged(rows, score)
    sds, tprs, balanced = [], [], []
    for rate in POSITIVE_RATES:
        decision = score >= np.sort(score)[::-1][round(rate * 600) - 1]
        assert decision.sum() == rate * 600
        table = pd.DataFrame({"d": decision, "y": rows.y.to_numpy()})
        table["sex"] = rows.sensitive["sex"].to_numpy()
        of_group = table[table["y"] == 1].groupby("sex")["d"].mean()
        sds.append(of_group.std(ddof=0))
        tprs.append(of_group["f"])
        rates = table.groupby("y")["d"].mean()
        balanced.append((rates[1] + 1 - rates[0]) / 2)
    assert values(found, metric="tpr_sd", attribute="sex") == [pytest.approx(np.mean(sds))]
    assert values(found, metric="tpr", group="f") == [pytest.approx(np.mean(tprs))]
    assert values(found, metric="balanced_accuracy") == [pytest.approx(np.mean(balanced))]


def test_stages_hold_the_ladder_and_what_was_chosen():
    adult, methods = STUDIES[0], STUDIES[-1]
    choices = [("weighted_odds", "both", 0.8), ("adversary", "ME", 1.5), ("adversary", "both", 1.0)]
    choices = pd.DataFrame(choices, columns=["form", "place", "weight"])
    found = stages(adult, choices)
    assert list(found) == ["ladder", "forms", "clusters"] and len(found["ladder"]) == 6
    network = "Fair NNet, weighted_odds 0.8"
    assert set(found["forms"]) == {"weighted_odds on both, 0.8", network, "adversary on both, 1"}
    model = debiased(adult, "weighted_odds", "both", 0.8)
    assert model.debias == "equalized_odds" and model.attribute_weights == ADULT_WEIGHTS
    assert list(stages(methods, choices)) == ["methods"]


def test_seconds_that_are_kept_are_of_whole_lines_and_the_last_try(tmp_path):
    path = tmp_path / "fits.jsonl"
    assert seconds_kept(path) == []
    records = [("a", 0, 1.0), ("a", 1, 2.0), ("a", 0, 4.0)]
    lines = [
        json.dumps(dict(zip(("model", "seed", "seconds"), one, strict=True))) for one in records
    ]
    path.write_text("\n".join(lines) + "\n" + lines[0][:20])
    assert seconds_kept(path) == [4.0, 2.0]
