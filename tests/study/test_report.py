"""The page of the study: its links, its roundings, its verdicts, and what it says of a gap."""

import csv
import json
import math
import re

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import plot_frontier
from study import words
from study.paper import verdict
from study.report import ROOT, main
from study.results import Results
from study.sections import groups, others
from study.words import FAIR, LADDER, NETWORK, PLAIN, number

CHOSEN = "adversary on both, 1"
GROUPS = {"age": ["old", "young"], "sex": ["f", "m"]}
LINK = re.compile(r"\[([^\]]+)\]\(\.\./results/([\w.]+)#L(\d+)\)")
DISPARITIES = ("disparity_within", "disparity_between", "disparity_total")
SHAPES = [(".3f", "mean"), ("+.3f", "difference"), ("+.0f", "percent"), ("+.1f", "percent")]
SHAPES += [(".1f", "mean"), ("g", "weight")]


def figures():
    """Part, effects, threshold, metric, attribute and group of what a model is measured by."""
    for part in ("seen", "unseen"):
        yield part, "mixed", "", "auroc", "", ""
        yield part, "mixed", "youden", "accuracy", "", ""
        for attribute, names in GROUPS.items():
            yield part, "mixed", "", "attribute_swap", attribute, ""
            for threshold in ("youden", "equal_rate"):
                for metric in ("tpr_sd", "tpr_sd_noise_removed", "fpr_sd", "tpr_worst"):
                    yield part, "mixed", threshold, metric, attribute, ""
                for group in names:
                    yield part, "mixed", threshold, "tpr", attribute, group
                    if threshold == "youden":
                        for effects in ("mixed", "fixed", "random"):
                            for metric in DISPARITIES:
                                yield part, effects, "", metric, attribute, group


def table(first, random, ends):
    """Rows of these models with made-up numbers, each its own."""
    columns = [*first, "part", "effects", "threshold", "metric", "attribute", "group"]
    rows = [
        dict(zip(columns, (*key, *figure), strict=True))
        for key in zip(*first.values(), strict=True)
        for figure in figures()
    ]
    numbers = pd.DataFrame(random.uniform(-0.9, 0.9, (len(rows), len(ends))), columns=ends)
    return pd.concat([pd.DataFrame(rows), numbers], axis=1).assign(resamples=5).round(5)


def effects_added(random):
    """What the random effect adds to each disparity, in made-up numbers."""
    keys = [
        (model, metric, attribute, group)
        for model in (PLAIN, FAIR)
        for metric in DISPARITIES
        for attribute, groups in GROUPS.items()
        for group in groups
    ]
    rows = pd.DataFrame(keys, columns=["model", "metric", "attribute", "group"])
    ends = ["difference", "low", "high"]
    rows[ends] = random.uniform(-0.9, 0.9, (len(rows), 3)).round(5)
    return rows


@pytest.fixture
def results(tmp_path):
    """Tables of one small study, as study/study.py writes them."""
    random, folder = np.random.default_rng(0), tmp_path / "results"
    folder.mkdir()
    summary = table({"model": [*LADDER, CHOSEN]}, random, ["mean", "low", "high"])
    pairs = {"model": [FAIR, FAIR, CHOSEN], "against": [PLAIN, NETWORK, PLAIN]}
    ends = ["value", "baseline", "difference", "low", "high", "percent", "percent_low"]
    changes = table(pairs, random, [*ends, "percent_high", "effect_size", "p"])
    changes["p"] = changes["p"].abs()
    summary.to_csv(folder / "study_adult.csv", index=False)
    changes.to_csv(folder / "study_adult_change.csv", index=False)
    effects_added(random).to_csv(folder / "study_adult_random_effects.csv", index=False)
    choices = {"study": ["adult"], "form": ["adversary"], "place": ["both"], "budget": [0.01]}
    choices = pd.DataFrame(choices).assign(weight=1.0, loss=0.005, change=-20.0)
    choices.to_csv(folder / "study_choices.csv", index=False)
    seconds = {"study": ["adult"], "stage": ["test"], "models": [7], "seeds": [5], "seconds": [90]}
    pd.DataFrame(seconds).to_csv(folder / "study_seconds.csv", index=False)
    study = {"weights": {}, "methods": False, "budgets": [0.01], "defaults": {}}
    recipe = {"python": "3", "keras": "3", "pandas": "3", "studies": {"adult": study}}
    (folder / "study_recipe.json").write_text(json.dumps(recipe))
    return folder


def frontier():
    """One form at two weights: the AUROC falls by .002 and .008, the SD by 20 and 60 per cent."""
    rows = []
    for weight, loss, percent in ((0.5, 0.002, -20.0), (1.0, 0.008, -60.0)):
        ends = {"low": -loss - 0.001, "high": -loss + 0.001, "percent_low": percent - 5}
        start = {"form": "adversary", "place": "both", "weight": weight, "difference": -loss}
        start |= ends | {"percent": percent, "percent_high": percent + 5, "group": ""}
        for metric, attribute in (("auroc", ""), ("tpr_sd_noise_removed", "age")):
            threshold = "youden" if attribute else ""
            rows.append(start | {"metric": metric, "attribute": attribute, "threshold": threshold})
    return pd.DataFrame(rows)


def page_of(results, tmp_path):
    main(["--results", str(results), "--docs", str(tmp_path / "docs")])
    return (tmp_path / "docs" / "study.md").read_text(encoding="utf-8")


def test_each_number_is_that_of_the_line_it_links_to(results, tmp_path):
    links = LINK.findall(page_of(results, tmp_path))
    assert len(links) > 150
    for text, name, line in links:
        with open(results / name, newline="") as file:
            row = list(csv.DictReader(file))[int(line) - 2]
        said = [float(part) for part in re.findall(r"[-+]?\d+(?:\.\d+)?", text)]
        assert any(said == numbers for numbers in roundings(row)), (text, name, line)


def roundings(row):
    """What may be said of a row: each of its means with its ends, rounded."""
    ends = {"percent": ("percent_low", "percent_high"), "weight": ()}
    for shape, column in SHAPES:
        names = (column, *ends.get(column, ("low", "high")))
        if set(names) <= set(row):
            yield [float(format(float(row[name]), shape)) for name in names]
    if "seconds" in row:
        yield [round(float(row["seconds"]) / 60, 1)]


def test_a_cell_stands_in_the_row_and_column_of_its_figure(results, tmp_path):
    summary = pd.read_csv(results / "study_adult.csv", keep_default_na=False)
    wanted = {"model": FAIR, "part": "unseen", "metric": "tpr_sd", "attribute": "sex"}
    found = summary[summary["threshold"] == "youden"]
    for column, value in wanted.items():
        found = found[found[column] == value]
    (line,), (mean,) = found.index + 2, found["mean"]
    part = page_of(results, tmp_path).split("SD of TPR, unseen clusters:")[1]
    header, _, *rows = part.strip().splitlines()
    row = next(row for row in rows if row.startswith(f"| {FAIR} | ME"))
    cells = dict(zip(header.split(" | "), row.split(" | "), strict=True))
    assert cells["sex |"].startswith(f"[{mean:.3f} (")
    assert f"study_adult.csv#L{line})" in cells["sex |"]


def test_numbers_are_rounded_without_a_negative_zero():
    assert number(-0.0004, "+.3f") == "+0.000"
    assert number(0.12345, ".3f") == "0.123"
    assert number(-54.51, "+.0f") == "-55"
    assert number(math.nan, ".3f") == number(None, ".3f") == "–"


@pytest.mark.parametrize(
    ("ends", "paper", "said"),
    [
        ((-50, -60, -40), -54.5, "agrees"),
        ((-50, -60, -40), -86.4, "same direction, smaller"),
        ((-50, -60, -40), -18.0, "same direction, larger"),
        ((-5, -15, 5), -10.0, "undecided"),
        ((-5, -15, 5), -40.0, "no change shown"),
        ((20, 10, 30), -18.0, "opposite direction"),
        ((-5, math.nan, math.nan), -18.0, "no interval"),
    ],
)
def test_verdict_follows_sign_and_interval(ends, paper, said):
    row = dict(zip(words.PERCENT, ends, strict=True))
    assert verdict(row, paper) == said


def edit(path, values, **where):
    """Set values of the row that is there."""
    rows = pd.read_csv(path, keep_default_na=False)
    found = pd.Series(True, rows.index)
    for column, value in where.items():
        found &= rows[column] == value
    rows.loc[found, list(values)] = list(values.values())
    rows.to_csv(path, index=False)
    assert found.sum() == 1


def test_bars_levelling_down_and_budget_are_told_by_the_numbers(results, tmp_path):
    path, start = results / "study_adult_change.csv", {"model": CHOSEN, "part": "seen"}
    changes = pd.read_csv(path, keep_default_na=False)
    changes.loc[changes["metric"] == "tpr", "difference"] = 0.01
    changes.loc[changes["metric"] == "tpr_sd_noise_removed", "percent"] = -59.0
    changes.to_csv(path, index=False)
    edit(path, {"low": -0.0101}, **start, metric="auroc")
    text = page_of(results, tmp_path)
    assert "At an equal positive rate the TPR of no group falls by more than 0.02." in text
    assert "Reached: adversary 0 of 4." in text
    assert re.search(r"\| adversary \|.* no \|", text)
    sex = {"metric": "tpr_sd_noise_removed", "threshold": "youden", "attribute": "sex"}
    edit(path, {"percent": -80.0}, **start, **sex)
    edit(path, {"low": -0.0099}, **start, metric="auroc")
    harmed = {"metric": "tpr", "threshold": "equal_rate", "group": "young"}
    edit(path, {"difference": -0.021}, **start, **harmed)
    text = page_of(results, tmp_path)
    assert "the TPR falls by more than 0.02 of adversary: young." in text
    assert "Reached: adversary 1 of 4." in text and "1 of 4 (adversary)" in text
    assert re.search(r"\| adversary \|.* yes \|", text)


@pytest.mark.parametrize(
    "start, change, said",
    [
        (0.3, (0.1, 0.05, 0.15), "between 1 larger and 0 smaller"),
        (0.3, (-0.1, -0.15, -0.05), "between 0 larger and 1 smaller"),
        (-0.3, (-0.1, -0.15, -0.05), "between 1 larger and 0 smaller"),
        (0.3, (0.1, -0.05, 0.25), "between 0 larger and 0 smaller"),
    ],
)
def test_what_the_random_effect_brings_back_is_counted(results, start, change, said):
    place = "study_adult", PLAIN, "disparity_between", "age", "old"
    kept = Results(results)
    kept.find(*place, effects="fixed")["mean"] = start
    added = kept.index("study_adult_random_effects")[place[1:]]
    added |= dict(zip(("difference", "low", "high"), change, strict=True))
    row, moves = groups.disparity_row(kept, "adult", PLAIN, "age", "old")
    assert row["FE between"] == f"{start:.3f}" and f"{change[0]:+.3f}" in row["ME - FE between"]
    assert said in groups.brought_back(PLAIN, [(row, moves)])


def test_holm_is_over_all_primary_comparisons(results, tmp_path):
    changes = pd.read_csv(results / "study_adult_change.csv", keep_default_na=False)
    changes["p"] = 0.5
    smallest = changes["model"].eq(FAIR) & changes["against"].eq(NETWORK)
    changes.loc[smallest & changes["metric"].eq("auroc"), "p"] = 0.004
    changes.to_csv(results / "study_adult_change.csv", index=False)
    text = page_of(results, tmp_path)
    # Two pairs, the AUROC and two attributes: six comparisons, so .004 becomes .024.
    assert "1 of 6 comparisons stay below .05" in text
    assert re.search(r"minus Fair NNet \| AUROC \|.*\| 0\.0040 \| 0\.0240 \|", text)


def test_missing_files_are_named_with_the_command_that_makes_them(results, tmp_path):
    text = page_of(results, tmp_path)
    command = "is not there: `python -m study --only adult` makes it."
    assert f"`results/study_adult_frontier.csv` {command}" in text
    assert "says nothing of it: `python -m study --only diabetes` makes it." in text
    probes = "`results/acs_probes_ladder.csv` is not there: "
    probes += "`python -m study.experiments.probes --data acs`"
    assert probes in text
    assert (
        "`results/one_attribute.csv` is not there: `python -m study.experiments.one_attribute`"
        in text
    )
    (tmp_path / "empty").mkdir()
    empty = page_of(tmp_path / "empty", tmp_path)
    assert "`results/study_recipe.json` is not there" in empty and "](../results/s" not in empty


def test_best_weight_of_the_cluster_adversary_is_by_unseen_rows(results, tmp_path):
    rows = [(PLAIN, "seen", 0.9), (PLAIN, "unseen", 0.85), (f"{PLAIN}, weight 0.3", "seen", 0.8)]
    rows += [(f"{PLAIN}, weight 0.3", "unseen", 0.86), ("NNet", "unseen", 0.87)]
    probes = pd.DataFrame(rows, columns=["model", "part", "mean"])
    probes = probes.assign(probes="with", metric="auroc", block="", low=0.1, high=0.9)
    probes.to_csv(results / "acs_probes_ladder.csv", index=False)
    text = page_of(results, tmp_path)
    link = "[0.860 (0.100 to 0.900)](../results/acs_probes_ladder.csv#L5)"
    said = f"{PLAIN}, weight 0.3 is the best of the weights of the cluster adversary in {PLAIN}"
    assert f"{said}: {link}." in text
    assert re.search(r"\| NNet \| – \|.*\| \[0\.870 .*L6\) \| – \|", text)


def benchmark(**keys):
    """A row of changes, of seen clusters and Youden's threshold unless told."""
    row = {"model": "Fair", "part": "seen", "threshold": "youden", "difference": -0.2}
    row |= {"low": -0.3, "high": -0.1, "percent": -60.0, "percent_low": -70, "percent_high": -50}
    return row | keys


def test_one_attribute_alone_is_told_on_seen_clusters_at_youdens_threshold(results, tmp_path):
    spread = {"metric": "tpr_sd_noise_removed", "attribute": "age"}
    rows = [
        benchmark(debiased_for="age", **spread | {"threshold": "equal_rate"}),
        benchmark(debiased_for="age", **spread | {"part": "unseen"}),
        benchmark(debiased_for="age", **spread),
        benchmark(debiased_for="sex", **spread),
        benchmark(debiased_for="sex", metric="auroc", attribute="", threshold=""),
    ]
    pd.DataFrame(rows).to_csv(results / "one_attribute.csv", index=False)
    text = page_of(results, tmp_path)
    change, percent = "[-0.200 (-0.300 to -0.100)", "[-60 (-70 to -50)"
    link = "](../results/one_attribute.csv#L"
    assert f"| for age: Fair | – | {percent}{link}4) | – |" in text
    assert f"| for sex: Fair | {change}{link}6) | {percent}{link}5) | – |" in text


def test_blind_models_stand_with_their_data_set(results):
    rows = [
        benchmark(data="wage_panel", metric="mse", attribute=""),
        benchmark(data="diabetes", metric="mse", attribute=""),
        benchmark(data="diabetes", metric="mse", attribute="", model="blind"),
        benchmark(data="diabetes", metric="attribute_swap", attribute="sex"),
        benchmark(data="diabetes", metric="mean_residual_sd", attribute="age", model="blind"),
    ]
    pd.DataFrame(rows).to_csv(results / "blind.csv", index=False)
    pd.read_csv(results / "study_adult.csv").to_csv(results / "study_diabetes.csv", index=False)
    table = others.blind(Results(results), "diabetes")[1].splitlines()
    link = "](../results/blind.csv#L"
    mse, swap, residual = (
        "[-60.0 (-70.0 to -50.0)",
        "[-60 (-70 to -50)",
        "[-0.200 (-0.300 to -0.100)",
    )
    assert table[2].startswith(f"| Fair | {mse}{link}3) | – | {swap}{link}5) |")
    assert table[3].startswith(f"| blind | {mse}{link}4) | – | – | {residual}{link}6) |")


def test_a_row_that_stands_twice_is_refused(results):
    path = results / "study_adult.csv"
    rows = pd.read_csv(path, keep_default_na=False)
    pd.concat([rows, rows.head(1)]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"study_adult\.csv must have its own keys"):
        Results(results).mean("adult", PLAIN, "auroc")


def test_page_has_figures_with_text_and_no_path_of_a_machine(results, tmp_path):
    frontier().to_csv(results / "study_adult_frontier.csv", index=False)
    text = page_of(results, tmp_path)
    alt = re.search(r"!\[(.+)\]\(figures/frontier_adult\.png\)", text)[1]
    assert "age -60 at 0.008 (adversary on both, weight 1)" in alt
    assert (tmp_path / "docs" / "figures" / "frontier_adult.png").read_bytes()[1:4] == b"PNG"
    assert str(tmp_path) not in text and str(ROOT) not in text
    assert text == page_of(results, tmp_path)


def test_frontier_of_a_regression_takes_the_whole_mse():
    table = frontier().replace({"auroc": "mse", "tpr_sd_noise_removed": "attribute_swap"})
    group = table[table["metric"] == "mse"].assign(attribute="age", group="old", percent=99.0)
    figure = plot_frontier(pd.concat([table, group]), metric="attribute_swap", label="change (%)")
    assert "the rise of the MSE (%)" in figure.alt
    assert "99" not in figure.alt and figure.alt.count("weight 1:") == 1


def test_a_frontier_shows_one_place_and_a_line_for_each_form():
    table = frontier()
    other = table.assign(place="ME", percent=-99.0)
    forms = [table.assign(form=form) for form in ("correlation", "equalized_odds")]
    alt = plot_frontier(pd.concat([table, other, *forms])).alt
    assert alt.count("weight 1:") == 3 and "on ME" not in alt


def test_frontier_without_its_metric_is_refused():
    with pytest.raises(ValueError, match="rows of the metric 'fpr_sd'.*Received: rows of"):
        plot_frontier(frontier(), metric="fpr_sd")


@pytest.mark.skipif(not (ROOT / "docs" / "study.md").exists(), reason="the study is not there yet")
def test_committed_page_is_what_the_committed_results_give(tmp_path):
    committed = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")
    assert page_of(ROOT / "results", tmp_path) == committed
    for name in re.findall(r"\]\((figures/[\w.]+)\)", committed):
        assert (ROOT / "docs" / name).exists()
