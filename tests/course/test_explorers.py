"""Explorers follow what is picked, speak it, and stand still where no kernel runs."""

import re
from html import unescape
from types import SimpleNamespace

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from scipy import stats

from fairmedl_lite import explore, simulate_linear
from fairmedl_lite.course.explore import (
    counterfactual,
    decisions,
    design_effect,
    explorer,
    frontier,
    hiring,
    pooling,
    reversal,
)
from tests.repository.test_lessons import Images, problems
from tools.lessons.run import WIDGET_BYTES

FRONTIER = """form,place,weight,threshold,metric,attribute,model,baseline,difference,low,high
adversary,both,1.0,,auroc,,.89,.9,-.01,-.02,.005
adversary,both,1.0,youden,tpr_sd_noise_removed,age,.04,.1,-.06,-.07,-.05
adversary,both,1.0,equal_rate,tpr_sd_noise_removed,age,.5,.5,0,0,0
adversary,FE,1.0,youden,tpr_sd_noise_removed,age,.5,.5,0,0,0
adversary,both,4.0,,auroc,,.85,.9,-.05,-.06,-.04
adversary,both,4.0,youden,tpr_sd_noise_removed,age,.02,.1,-.08,-.09,-.07
correlation,both,1.0,,auroc,,.88,.9,-.02,-.03,-.01
correlation,both,1.0,youden,tpr_sd_noise_removed,age,.08,.1,-.02,-.04,.01
equalized_odds,both,1.0,,auroc,,.895,.9,-.005,-.01,0
equalized_odds,both,1.0,youden,tpr_sd_noise_removed,age,.05,.1,-.05,-.06,-.04
"""


def open_one(name, *args):
    """What an explorer displays."""
    with pytest.MonkeyPatch.context() as patch:
        things = []
        patch.setattr(explorer, "display", lambda *parts: things.extend(parts))
        assert getattr(explore, name)(*args) is None
    box, folded = things
    *controls, sentence, picture = box.children
    return SimpleNamespace(
        controls={control.description: control for control in controls},
        sentence=sentence,
        picture=picture,
        folded=folded.data,
    )


def said(shown):
    """What a screen reader speaks."""
    match = re.fullmatch(r'<div role="status" aria-live="polite">(.+)</div>', shown.sentence.value)
    return unescape(match[1])


def other_value(control):
    """A value that the control does not have now; None if there is no other."""
    if isinstance(control, ipywidgets.RadioButtons):
        values = [value for _, value in control.options]
    else:
        values = [control.min, control.max]
    return next((value for value in values if value != control.value), None)


def scored():
    """Of each group 40 rows, half of them positive; the scores of b lie 0.2 below those of a."""
    score = np.tile(np.linspace(0.25, 0.95, 20), 4) - np.repeat([0, 0, 0.2, 0.2], 20)
    y, group = np.tile(np.repeat([1, 0], 20), 2), np.repeat(["a", "b"], 40)
    few = np.full(3, 0.5), np.array([1, 0, 1]), np.full(3, "few")
    score, y, group = (np.concatenate(pair) for pair in zip((score, y, group), few, strict=True))
    return y, score, pd.DataFrame({"group": group, "other": np.arange(83) % 2})


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Every explorer, opened once."""
    path = tmp_path_factory.mktemp("results") / "frontier.csv"
    path.write_text(FRONTIER)
    arguments = {"fairness_weight": [path], "thresholds": scored()}
    return {name: open_one(name, *arguments.get(name, [])) for name in NAMES}


NAMES = [
    "applicants",
    "clusters",
    "shrinkage",
    "gradient_reversal",
    "fairness_weight",
    "thresholds",
    "swap",
]
named = pytest.mark.parametrize("name", NAMES)


@named
def test_each_pick_changes_the_sentence_and_the_picture_and_can_be_undone(shown, name, capfd):
    one = shown[name]
    start, picture = said(one), one.picture.value
    for label, control in one.controls.items():
        assert len(label) > 5
        before, after = control.value, other_value(control)
        if after is None:
            continue
        control.value = after
        assert said(one) != start and one.picture.value != picture
        assert Images(one.picture.value).alts == [said(one)]
        control.value = before
    assert (said(one), one.picture.value) == (start, picture)
    assert capfd.readouterr() == ("", "")


@named
def test_main_positions_stand_folded_for_where_no_kernel_runs(shown, name):
    folded = shown[name].folded
    assert folded.startswith("<details><summary>") and folded.endswith("</details>")
    alts = Images(folded).alts
    assert len(set(alts)) == 3 and alts[0] == said(shown[name])
    assert re.findall("<p>(.*?)</p>", folded) == [alt.replace("'", "&#x27;") for alt in alts]


@named
def test_a_picture_is_small_enough_to_be_kept(shown, name):
    assert len(shown[name].picture.value) < 34_000  # 25 KB in base64


def simulated_rates(covariate, rows, icc, effect, sets=1500):
    """How often both tests fire, by drawing."""
    random = np.random.default_rng(0)
    shape = (sets, design_effect.CLUSTERS, rows)
    of_row = random.normal(size=(shape[0], shape[1], 1 if covariate == "cluster" else rows))
    x = np.broadcast_to(of_row, shape)
    u, e = random.normal(size=(*shape[:2], 1)), random.normal(size=shape)
    y = effect * x + np.sqrt(icc) * u + np.sqrt(1 - icc) * e
    naive = fires(x.reshape(sets, -1), y.reshape(sets, -1), 2)
    if covariate == "cluster":
        return naive, fires(x.mean(axis=2), y.mean(axis=2), 2)
    x, y = (v - v.mean(axis=2, keepdims=True) for v in (x, y))
    return naive, fires(x.reshape(sets, -1), y.reshape(sets, -1), design_effect.CLUSTERS + 1)


def fires(x, y, estimated):
    x, y = (v - v.mean(axis=1, keepdims=True) for v in (x, y))
    slope, free = (x * y).sum(axis=1) / (x * x).sum(axis=1), x.shape[1] - estimated
    left = ((y - slope[:, None] * x) ** 2).sum(axis=1)
    t = slope / np.sqrt(left / free / (x * x).sum(axis=1))
    return (2 * stats.t.sf(np.abs(t), free) < 0.05).mean()


@pytest.mark.parametrize(
    "setting",
    [
        ("cluster", 20, 0.2, 0.0),
        ("cluster", 5, 0.5, 0.3),
        ("row", 10, 0.5, 0.0),
        ("row", 10, 0.5, 0.1),
    ],
)
def test_rates_of_the_tests_agree_with_a_simulation(setting):
    computed = design_effect._naive(*setting), design_effect._aware(*setting)
    drawn = simulated_rates(*setting)
    # Four standard errors; a covariate that is drawn varies a little more than one that is given.
    np.testing.assert_allclose(computed, drawn, atol=4 * np.sqrt(0.25 / 1500) * 0.8)


@pytest.mark.parametrize("covariate", ["cluster", "row"])
def test_without_clusters_both_tests_keep_their_promise(covariate):
    for rate in (design_effect._naive, design_effect._aware):
        assert abs(rate(covariate, 20, 0.0, 0.0) - 0.05) < 5e-4


def test_the_naive_test_of_our_own_simulation_fires_as_often():
    """`simulate_linear` draws the world that the explorer describes."""
    fired = []
    for seed in range(150):
        data = simulate_linear(30, 20, sd=(0.5,), cluster_covariate=0.0, seed=seed).data
        rest = data.y - data.x[["x1", "x2"]] @ [1.0, -0.5]
        fired.append(stats.linregress(data.x["w"], rest).pvalue < 0.05)
    assert abs(np.mean(fired) - design_effect._naive("cluster", 20, 0.2, 0.0)) < 4 * 0.04


def test_clusters_say_the_design_effect(shown):
    # 1 + 19 x 0.2 = 4.8; 600 / 4.8 = 125
    assert "design effect 4.8, so for a mean 600 rows are worth 125;" in said(shown["clusters"])


def test_shrinkage_by_hand():
    # .16 / (.16 + .64 / 4) = .5; 1.96 x .4 x sqrt(1 - .5) = .55; 1.96 x .8 / sqrt(4) = .78
    figure = pooling._draw_shrinkage(rows=4, between=0.4, within=0.8)
    assert "1.00, give or take 0.78;" in figure.alt
    assert figure.alt.endswith("partial pooling 0.50, between -0.05 and 1.05.")


def test_reversal_hides_the_cluster_and_helps_until_it_is_too_strong():
    runs = {strength: reversal._unlearn(strength) for strength in (-1, 0, 1, 8)}
    adversary = {strength: losses[-1, 1] for strength, (losses, _, _) in runs.items()}
    assert adversary[-1] < adversary[0] < adversary[1] < adversary[8] < np.log(2)
    of_cluster = {strength: abs(encoder[1]) for strength, (_, encoder, _) in runs.items()}
    assert of_cluster[1] < 0.3 * min(of_cluster[0], of_cluster[8], of_cluster[-1])
    right = {strength: accuracy for strength, (_, _, accuracy) in runs.items()}
    assert right[-1] < right[0] < right[8] < right[1]


def test_accuracy_in_new_clusters_is_exact():
    assert reversal._new_accuracy(np.array([1.0, 0.0]), np.array([0.0, 2.0])) == pytest.approx(
        stats.norm.cdf(1 / 1.2)
    )
    random = np.random.default_rng(0)
    signs = random.choice([-1, 1], size=(100_000, 2))
    x = signs + random.normal(size=signs.shape) * reversal.NOISE
    drawn = ((0.3 + 0.5 * x @ [1.0, -0.7] > 0) == (signs[:, 0] > 0)).mean()
    computed = reversal._new_accuracy(np.array([1.0, -0.7]), np.array([0.3, 0.5]))
    assert abs(computed - drawn) < 4 * np.sqrt(0.25 / 100_000)


def test_fairness_weight_says_what_the_table_says(shown):
    one = shown["fairness_weight"]
    form, step, attribute = one.controls.values()
    assert [value for _, value in form.options] == ["adversary", "correlation", "equalized_odds"]
    assert (step.min, step.max, attribute.options) == (1, 2, (("age", "age"),))
    assert step.value == 2
    assert said(one).startswith("adversary, weight 4, on validation rows of Adult: AUROC 0.850,")
    step.value = 1
    assert said(one) == (
        "adversary, weight 1, on validation rows of Adult: AUROC 0.890, 0.010 less than without "
        "debiasing (-0.005 to 0.020). The SD of the TPR over groups of age, noise removed, is "
        "0.040 in place of 0.100; the change is -0.060 (-0.070 to -0.050)."
    )


def test_a_missing_frontier_says_where_to_start():
    with pytest.raises(FileNotFoundError, match="Received: 'absent.csv'. Start the notebook in"):
        frontier.fairness_weight("absent.csv")


def test_thresholds_by_hand(shown):
    """Half of the 20 positive scores of a lie at 0.6 or above, and five of those of b."""
    one = shown["thresholds"]
    _, rule, threshold = one.controls.values()
    threshold.value = 0.6
    assert "a, from 0.60: TPR 0.50, FPR 0.50, positive rate 0.50;" in said(one)
    assert "b, from 0.60: TPR 0.25, FPR 0.25, positive rate 0.25." in said(one)
    assert "few" not in said(one)
    for value, metric in [("positive_rate", "positive rate"), ("tpr", "TPR")]:
        rule.value = value
        rates = re.findall(rf"(?:a|b), from .*?{metric} (\d\.\d\d)", said(one))
        assert len(rates) == 2 and rates[0] == rates[1]


def test_own_thresholds_meet_the_rate_of_all():
    y, score, table = scored()
    own = decisions._own_thresholds(y, score, table["group"], "tpr", 0.6)
    # Of 42 positive rows 14 lie at 0.6 or above: a third, so about 7 of 20 in each group.
    assert own["a"] - own["b"] == pytest.approx(0.2)
    assert (score[(y == 1) & (table["group"] == "a")] >= own["a"]).sum() == 7
    assert decisions._own_thresholds(y, score, table["group"], "tpr", 0.99)["a"] == 0.99


@pytest.mark.parametrize(
    "y, score, message",
    [
        ([0, 1], [0.5, 1.5], r"score must lie in \[0, 1\]. Received: 0.5 to 1.5"),
        ([0, 2], [0.5, 0.5], "y_true must hold 0 and 1"),
        ([0, 1, 1], [0.5, 0.5], "rows"),
    ],
)
def test_what_has_no_thresholds_is_refused(y, score, message):
    with pytest.raises(ValueError, match=message):
        decisions.thresholds(y, score, pd.Series(["a", "b"]))


def test_a_swap_sees_no_mediator_and_a_blind_model_scores_zero():
    every, blind = counterfactual.FEATURES, counterfactual.FEATURES[1:]
    swapped, true, _ = counterfactual._changes(-0.4, 0.0, every)
    assert swapped == pytest.approx(true) and swapped > 0.05
    swapped, true, world = counterfactual._changes(-0.4, -0.8, blind)
    assert swapped == 0 and true > 0.1 and world > true
    assert counterfactual._changes(0.0, 0.0, every)[2] == 0


def test_for_each_applicant_who_enters_another_one_leaves():
    scores = {weight: hiring._scored(weight) for weight in (0, 1)}
    for places in (10, 45):
        table = hiring._draw_applicants(scores, places, 1).data
        counted = table["change"].value_counts()
        assert (table["now"] == "hired").sum() == places and len(table) == 100
        assert counted["enter"] == counted["leave"] > 0
    assert (hiring._draw_applicants(scores, 30, 0).data["change"] == "none").all()


def test_the_weight_brings_the_rates_of_other_applicants_together():
    others = hiring._people()[2]
    gaps = []
    for weight in (0, 0.5, 5):
        hired = hiring._hired(hiring._scored(weight)[1], 1500)
        assert hired.sum() == 1500
        rates = [hired[(others.woman == sex) & (others.y == 1)].mean() for sex in (True, False)]
        gaps.append(abs(rates[0] - rates[1]))
    assert gaps[0] > 0.2 > gaps[1] > gaps[2]


def test_the_gradient_of_the_penalised_loss_is_that_of_finite_differences():
    people = hiring.People(*(each[:200] for each in hiring._people()[1]))
    slopes, step = np.linspace(-1, 1, 6), 1e-6
    moved = [hiring._loss(slopes + step * unit, people, 3)[0] for unit in np.eye(6)]
    back = [hiring._loss(slopes - step * unit, people, 3)[0] for unit in np.eye(6)]
    slope = (np.array(moved) - back) / (2 * step)
    np.testing.assert_allclose(hiring._loss(slopes, people, 3)[1], slope, atol=1e-7)


def test_a_table_comes_back_as_it_was_packed():
    y, table = pd.Series([1, 0], name="y"), pd.DataFrame({"a": ["None", "b"], "c": [0.5, 0.25]})
    pd.testing.assert_series_equal(explorer.unpack(explorer.pack(y)), y)
    pd.testing.assert_frame_equal(explorer.unpack(explorer.pack(table)), table)


CELLS = """
from fairmedl_lite import explore, guess, quiz
import numpy as np
---
explore.clusters()
---
explore.thresholds(np.arange(80) % 2, np.linspace(0, 1, 80), np.repeat(["a", "b"], 40))
---
OPTIONS = {"up": "It is.", "down": ("Noise", "It is not.")}
quiz("Which way?", OPTIONS)
asked = guess("Which way?", OPTIONS)
"""


def test_a_notebook_keeps_its_explorers_and_is_quiet(tmp_path):
    cells = [new_code_cell(source.strip()) for source in CELLS.split("---")]
    cells[-1].metadata["tags"] = ["nbval-check-output"]
    notebook = new_notebook(cells=cells)
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert problems(notebook) == []
    for cell in cells[1:3]:
        assert [output.output_type for output in cell.outputs] == ["display_data"] * 2
    state = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert "description" in str(state) and len(str(state)) < WIDGET_BYTES
