"""The page of the study: its figures, its roundings, its verdicts, and what it says of bars."""

import json
import math
import re

import pandas as pd
import pytest
from made_up import CHOSEN, benchmark, frontier, write_results

from fairmedl_lite import plot_frontier
from study import bars, words
from study.paper import verdict
from study.report import ROOT, main
from study.results import Results
from study.sections import experiments, others
from study.words import FAIR, FITS, NETWORK, PLAIN, number


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    write_results(folder)
    return folder


def page_of(results, tmp_path):
    main(["--results", str(results), "--docs", str(tmp_path / "docs")])
    return (tmp_path / "docs" / "study.md").read_text(encoding="utf-8")


def cells(text, title, start):
    """The cells of a table's row, by column: the first table below the title."""
    header, _, *rows = text.split(title)[1].split("\n| ", 1)[1].split("\n\n")[0].splitlines()
    row = next(row for row in rows if row.startswith(f"| {start} |"))
    names, values = ([cell.strip() for cell in line.split("|")] for line in ("| " + header, row))
    return dict(zip(names, values, strict=True))


def written(row, column, low, high, form):
    return f"{row[column]:{form}} [{row[low]:{form}}, {row[high]:{form}}]"


def of(path, **where):
    """The row of a table."""
    found = pd.read_csv(path, keep_default_na=False)
    for column, value in where.items():
        found = found[found[column] == value]
    (row,) = found.to_dict("records")
    return row


def test_the_ladder_is_the_table_rounded(results, tmp_path):
    path = results / "study_adult.csv"
    row = cells(page_of(results, tmp_path), "### The ladder", FAIR)
    where = {"model": FAIR, "metric": "auroc", "part": "unseen"}
    assert row["AUROC, unseen"] == written(of(path, **where), "mean", "low", "high", ".3f")
    where = {"model": FAIR, "part": "seen", "metric": "tpr_sd_noise_removed", "attribute": "sex"}
    expected = of(path, **where, threshold="youden")
    assert row["sex"] == written(expected, "mean", "low", "high", ".3f")


@pytest.mark.parametrize(
    ("threshold", "name"), [("equal_rate", "equal rate"), ("averaged", "mean of five")]
)
def test_a_form_is_shown_at_each_threshold(results, tmp_path, threshold, name):
    row = cells(page_of(results, tmp_path), "### Forms", f"adversary 1 | {name}")
    where = {"model": CHOSEN, "part": "seen", "threshold": threshold}
    path = results / "study_adult_change.csv"
    age = of(path, **where, metric="tpr_sd_noise_removed", attribute="age")
    assert row["age"] == written(age, *words.PERCENT, "+.0f")
    table = pd.read_csv(path, keep_default_na=False).query(
        "model == @CHOSEN and part == 'seen' and threshold == @threshold and metric == 'tpr'"
    )
    worst = table.loc[table["difference"].idxmin()]
    said = f"{worst['group']} {worst['difference']:+.3f}"
    assert row["largest fall of a TPR"] == said


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


def test_bars_are_told_by_the_numbers(results, capsys):
    path, start = results / "study_adult_change.csv", {"model": CHOSEN, "part": "seen"}
    changes = pd.read_csv(path, keep_default_na=False)
    spread = changes["metric"] == "tpr_sd_noise_removed"
    changes.loc[spread, ["percent", "percent_low"]] = -59.0, -59.9
    changes.to_csv(path, index=False)
    sex = {"metric": "tpr_sd_noise_removed", "threshold": "youden", "attribute": "sex"}
    edit(path, {"percent": -80.0}, **start, **sex)
    for lost, said in ((0.0099, "1 of 4 |"), (0.0101, "1 of 4, past the budget |")):
        edit(path, {"low": -lost}, **start, metric="auroc")
        bars.main(["--results", str(results)])
        text = capsys.readouterr().out
        row = next(line for line in text.splitlines() if line.startswith("| adversary 1 |"))
        assert row.endswith(said) and f"| {lost:.4f} |" in row
        assert "| -59 |" in row and row.count("reached") == 1
    edit(path, {"percent_low": -60.0}, **start, **sex | {"attribute": "age"})
    bars.main(["--results", str(results)])
    assert re.search(r"\| adversary 1 \|.* open \|", capsys.readouterr().out)


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
    probes = "`results/adult_probes_ladder.csv` is not there: "
    probes += "`python -m study.experiments.probes`"
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
    probes.to_csv(results / "adult_probes_ladder.csv", index=False)
    text = page_of(results, tmp_path)
    said = f"{PLAIN}, weight 0.3 is the best of the weights of the cluster adversary in {PLAIN}"
    assert f"{said}: 0.860 [0.100, 0.900]." in text
    assert "| NNet | – | – | 0.870 [0.100, 0.900] | – |" in text


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
    change, percent = "-0.200 [-0.300, -0.100]", "-60 [-70, -50]"
    assert f"| for age: Fair | – | {percent} | – |" in text
    assert f"| for sex: Fair | {change} | {percent} | – |" in text


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
    mse, swap, residual = "-60.0 [-70.0, -50.0]", "-60 [-70, -50]", "-0.200 [-0.300, -0.100]"
    assert table[2].startswith(f"| Fair | {mse} | – | {swap} |")
    assert table[3].startswith(f"| blind | {mse} | – | – | {residual} |")


def test_experiments_are_shown_as_their_tables_have_them(results):
    where = {"part": "seen", "data": "wage_panel", "share": 0.5, "group": "", "attribute": ""}
    swap = [benchmark(metric=metric, **where) for metric in ("mse", "attribute_swap")]
    means = where | {"group": "black", "metric": "mean_prediction", "baseline": 1.6, "model": 1.7}
    pd.DataFrame([*swap, benchmark(**means)]).to_csv(results / "swap_averaging.csv", index=False)
    row = experiments.swap_averaging(Results(results))[1].splitlines()[2]
    assert row == "| wage_panel | 0.5 | -60.00 [-70.00, -50.00] | -60 [-70, -50] | – | " + (
        "black 1.600 to 1.700 |"
    )
    row = {"table": "adult", "model": PLAIN, "threshold": "", "metric": "auroc", "mean": 0.9}
    row |= {"attribute": "", "group": "", "change_low": 0.01, "change_high": 0.02, "resamples": 5}
    spread = {"model": FAIR, "threshold": "youden", "attribute": "sex"}
    spread = row | spread | {"metric": "tpr_sd_noise_removed"}
    table = [one | {"labelled": count} for one in (row, spread) for count in (0, 5, 100)]
    pd.DataFrame(table).to_csv(results / "adapt.csv", index=False)
    row = experiments.adapt(Results(results))[1].splitlines()[2]
    assert row == f"| adult | {PLAIN} | AUROC | 0.900" + 2 * " | 0.900 [+0.010, +0.020]" + " |"
    row = experiments.adapt(Results(results))[3].splitlines()[2]
    assert row == "| adult | sex | 0.900 | 0.900 [+0.010, +0.020] |"


def test_a_row_that_stands_twice_is_refused(results):
    path = results / "study_adult.csv"
    rows = pd.read_csv(path, keep_default_na=False)
    pd.concat([rows, rows.head(1)]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"study_adult\.csv must have its own keys"):
        Results(results).mean("adult", PLAIN, "auroc")


def test_page_has_figures_with_text_and_no_path_of_a_machine(results, tmp_path):
    frontier().to_csv(results / "study_adult_frontier.csv", index=False)
    text = page_of(results, tmp_path)
    assert "![The frontier; its points stand in the table below.](figures/frontier_adult" in text
    assert cells(text, "### The frontier", "adversary | 1")["spread, Youden's"] == "-60"
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
    assert len(committed.encode()) < 45_000
    for name in re.findall(r"\]\((figures/[\w.]+)\)", committed):
        assert (ROOT / "docs" / name).exists()


def test_data_sets_of_earlier_fits_are_named(results, tmp_path):
    path = results / "study_recipe.json"
    recipe = json.loads(path.read_text())
    sizes = {"rows": 1, "clusters": 1, "dropped": {}}
    recipe["data"] = {"adult": sizes | {"fits": FITS}, "diabetes": sizes}
    path.write_text(json.dumps(recipe))
    text = page_of(results, tmp_path)
    assert "Fitted by an earlier version, and not yet anew: diabetes." in text
