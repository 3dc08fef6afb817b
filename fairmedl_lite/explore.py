"""Explorers: change a setting, and see a figure and a sentence follow."""

from functools import cache, partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from scipy import stats
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from fairmedl_lite.data.hiring import simulate_hiring
from fairmedl_lite.explorer import Explorer
from fairmedl_lite.metrics.performance import check_scores
from fairmedl_lite.metrics.rates import group_report
from fairmedl_lite.metrics.spread import MIN_CASES, spread_report
from fairmedl_lite.metrics.swap import attribute_swap, counterfactual_change
from fairmedl_lite.plots import PALETTE, Figure

LOOKS = list(zip(sns.color_palette(PALETTE), "osD^v", ("-", "--", "-.", ":", "-"), strict=False))
CLUSTERS = 30
ROWS = [2, 5, 10, 20, 50, 100]
EFFECTS = {"cluster": 0.3, "row": 0.1}  # in standard deviations of the outcome and the covariate
AWARE = {"cluster": "cluster means", "row": "rows within clusters"}
NOISE = np.array([1.2, 0.5])  # of the toy's two features
READERS = ("predictor", "adversary")
SETTING = ["form", "weight"]
RULES = {
    "one for all groups": "",
    "each group's own, for equal positive rates": "positive_rate",
    "each group's own, for equal true positive rates": "tpr",
}
RATES = {"tpr": "TPR", "fpr": "FPR", "positive_rate": "positive rate"}
FEATURES = ("sex", "skill", "education", "experience", "probe")


def clusters():
    """Rows in a cluster and intra-class correlation against false alarms and power.

    There are 30 clusters. The 5 % test over all rows stands beside the right one: over cluster
    means for a covariate that is the same for all rows of a cluster, within clusters for one that
    differs between rows. The power is that for an effect of 0.3 and of 0.1 standard deviations.
    The rates are computed, not simulated: from the distributions of the test statistics.
    """
    covariates = {"the same for all rows of a cluster": "cluster", "differs between rows": "row"}
    controls = {
        "covariate": ("The covariate", covariates),
        "icc": ("Intra-class correlation", (0.0, 0.9, 0.05)),
        "rows": ("Rows of a cluster", (2, 100, 1)),
    }
    positions = [("cluster", 0.2, 20), ("cluster", 0.05, 50), ("row", 0.5, 20)]
    Explorer(controls, _draw_clusters, positions)


def _draw_clusters(covariate, icc, rows):
    effects, tests = (0, EFFECTS[covariate]), ("all rows", AWARE[covariate])
    sizes = sorted({*ROWS, rows})
    shares = {
        (test, effect): [100 * rate(covariate, size, icc, effect) for size in sizes]
        for test, rate in zip(tests, (_naive, _aware), strict=True)
        for effect in effects
    }
    figure, panels = plt.subplots(1, 2, figsize=(7.5, 2.6))
    for panel, effect, label in zip(panels, effects, ("false alarms", "power"), strict=True):
        _lines(panel, {test: (sizes, shares[test, effect]) for test in tests}, at=rows)
        panel.set(xlabel="rows of a cluster", ylabel=f"{label} (%)", ylim=(0, 105), xscale="log")
        panel.set_xticks(ROWS, ROWS)
        panel.minorticks_off()
    here = {key: values[sizes.index(rows)] for key, values in shares.items()}
    design = 1 + (rows - 1) * icc
    words = (
        f"{CLUSTERS} clusters of {rows} rows, intra-class correlation {icc:g}: design effect "
        f"{design:.1f}, so for a mean {CLUSTERS * rows:,} rows are worth "
        f"{CLUSTERS * rows / design:,.0f}; "
    )
    words += "; ".join(
        f"test over {test}: false alarms {here[test, 0]:.0f} %, "
        f"power {here[test, effects[1]]:.0f} %"
        for test in tests
    )
    if here["all rows", 0] > 10:
        words += ". A test that so often fires without an effect has no power worth the name"
    named = {
        f"{'power' if effect else 'false alarms'} (%), {test}": values
        for (test, effect), values in shares.items()
    }
    return _finish(figure, f"{words}.", pd.DataFrame({"rows": sizes, **named}))


def _naive(covariate, rows, icc, effect):
    """How often the 5 % test over all rows fires; the outcome's variance is 1."""
    total = CLUSTERS * rows
    if covariate == "row":
        return _two_sided(effect * np.sqrt(total), total - 2)
    design = 1 + (rows - 1) * icc
    middle = (np.arange(100) + 0.5) / 100  # the mean over equal shares of both sums of squares
    between = design * stats.chi2.ppf(middle, CLUSTERS - 2)
    within = (1 - icc) * stats.chi2.ppf(middle, CLUSTERS * (rows - 1))
    believed = np.sqrt((between[:, None] + within) / (total - 2) / design)
    limit, shift = stats.t.isf(0.025, total - 2) * believed, effect * np.sqrt(total / design)
    return (stats.norm.sf(limit - shift) + stats.norm.cdf(-limit - shift)).mean()


def _aware(covariate, rows, icc, effect):
    """How often the 5 % test over cluster means, or within clusters, fires."""
    if covariate == "cluster":
        shift = effect * np.sqrt(CLUSTERS * rows / (1 + (rows - 1) * icc))
        return _two_sided(shift, CLUSTERS - 2)
    free = CLUSTERS * (rows - 1)
    return _two_sided(effect * np.sqrt(free / (1 - icc)), free - 1)


def _two_sided(shift, free):
    limit = stats.t.isf(0.025, free)
    return stats.nct.sf(limit, free, shift) + stats.nct.cdf(-limit, free, shift)


def shrinkage():
    """Rows in a cluster and the two spreads against the pull to the mean of all.

    The cluster's own mean lies 1 above the mean of all. Partial pooling believes the share
    sd_u^2 / (sd_u^2 + sd_e^2 / rows) of it, with a 95 % posterior interval.
    """
    controls = {
        "rows": ("Rows of the cluster", (1, 32, 1)),
        "between": ("Standard deviation between clusters", (0.1, 2.0, 0.1)),
        "within": ("Standard deviation within a cluster", (0.1, 2.0, 0.1)),
    }
    positions = [(1, 0.4, 0.4), (8, 0.4, 0.4), (8, 0.1, 0.8)]
    Explorer(controls, _draw_shrinkage, positions)


def _draw_shrinkage(rows, between, within):
    counts = np.arange(1, 33)
    weights = between**2 / (between**2 + within**2 / counts)
    weight = weights[rows - 1]
    answers = {
        "none": (1.0, 1.96 * within / np.sqrt(rows)),
        "partial": (weight, 1.96 * between * np.sqrt(1 - weight)),
        "complete": (0.0, 0.0),
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.4))
    _lines(left, {"": (counts, weights)}, at=rows, markers=False)
    left.set(xlabel="rows of the cluster", ylabel="weight of its own mean", ylim=(0, 1.05))
    for (name, (answer, half)), (color, marker, _) in zip(answers.items(), LOOKS, strict=False):
        right.errorbar(answer, name, xerr=half, color=color, marker=marker, capsize=3)
    right.invert_yaxis()
    right.set(xlabel="above the mean of all", ylabel="pooling", xlim=(-1.2, 3.2))
    low, high = (weight + side * answers["partial"][1] for side in (-1, 1))
    return _finish(
        figure,
        f"A cluster of {rows} {'row' if rows == 1 else 'rows'}, whose mean lies 1.00 above the "
        f"mean of all; standard deviation {between:g} between clusters and {within:g} within. No "
        f"pooling answers 1.00, give or take {answers['none'][1]:.2f}; complete pooling 0.00; "
        f"partial pooling {weight:.2f}, between {low:.2f} and {high:.2f}.",
        pd.DataFrame({"rows": counts, "weight": weights}),
    )


def gradient_reversal():
    """Strength of the reversal against the predictor's and the adversary's losses.

    A toy in NumPy whose truth is known: one feature tells the outcome, the other one tells which
    of two clusters a row is from. In training, cluster and outcome agree in 80 % of the rows; in
    new rows they are independent, so the second feature deserves a weight of 0. An encoder
    weighs both into one number; a predictor and an adversary, each logistic, read it.
    """
    runs = {strength: _unlearn(strength) for strength in (0, 0.25, 0.5, 1, 2, 4, 8)}
    strengths = {f"{strength:g}": strength for strength in runs}
    controls = {"strength": ("Strength of the reversal", strengths)}
    Explorer(controls, lambda strength: _draw_reversal(strength, runs), [(1,), (0,), (8,)])


def _unlearn(strength, steps=300, rows=400, seed=0):
    """The losses of predictor and adversary by step, the encoder's weights, and new accuracy."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, rows)
    cluster = np.where(random.random(rows) < 0.8, y, 1 - y)
    x = np.stack([2 * y - 1, 2 * cluster - 1], axis=1) + random.normal(size=(rows, 2)) * NOISE
    encoder, predictor, adversary = np.array([0.5, 0.5]), np.array([0.0, 1]), np.zeros(2)
    losses = []
    for _ in range(steps):
        code = np.stack([np.ones(rows), x @ encoder])
        p, q = expit(predictor @ code), expit(adversary @ code)
        losses.append([_log_loss(y, p), _log_loss(cluster, q)])
        p, q = (p - y) / rows, (q - cluster) / rows  # gradients of the losses by the logits
        encoder = encoder - 0.1 * x.T @ (predictor[1] * p - strength * adversary[1] * q)
        predictor, adversary = predictor - 0.1 * code @ p, adversary - 0.5 * code @ q
    return np.array(losses), encoder, _new_accuracy(encoder, predictor)


def _log_loss(truth, probability):
    return -np.log(np.where(truth == 1, probability, 1 - probability)).mean()


def _new_accuracy(encoder, predictor):
    """The share that is right, exactly, where the cluster is independent of the outcome."""
    signs = np.array([[y, cluster] for y in (-1, 1) for cluster in (-1, 1)])
    logit = predictor[0] + predictor[1] * signs @ encoder
    noise = np.abs(predictor[1]) * np.sqrt(((encoder * NOISE) ** 2).sum())
    return stats.norm.cdf(signs[:, 0] * logit / noise).mean()


def _draw_reversal(strength, runs):
    losses, encoder, accuracy = runs[strength]
    names = [f"{one:g}" for one in runs]
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.6))
    for name, loss, (color, _, style) in zip(READERS, losses.T, LOOKS, strict=False):
        left.plot(loss, color=color, linestyle=style, label=name)
    left.axhline(np.log(2), color="grey", linewidth=1, linestyle=":", label="chance")
    left.set(xlabel="step", ylabel="loss", ylim=(0, 1))
    right_in_new = [100 * run[2] for run in runs.values()]
    _lines(right, {"": (names, right_in_new)}, at=f"{strength:g}")
    right.set(xlabel="strength of the reversal", ylabel="right in new clusters (%)")
    return _finish(
        figure,
        f"Reversal of strength {strength:g}: the predictor's loss ends at {losses[-1, 0]:.2f}, the "
        f"adversary's at {losses[-1, 1]:.2f}, where {np.log(2):.2f} is chance. The feature that "
        f"tells the outcome gets the weight {encoder[0]:.2f}, the one that tells the cluster "
        f"{encoder[1]:.2f}. In new clusters {100 * accuracy:.1f} % are right, of at most "
        f"{100 * stats.norm.cdf(1 / NOISE[0]):.1f} %.",
        pd.DataFrame({"strength": names, "right in new clusters (%)": right_in_new}),
    )


def fairness_weight(path="../results/study_adult_frontier.csv"):
    """Along the study's frontier: AUROC against the groups' spread, for each form of debiasing.

    Args:
        path: The table that the study wrote, seen from the notebook's folder.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if not Path(path).exists():
        raise FileNotFoundError(
            f"path must lead to the study's frontier. Received: {path!r}. Start the notebook in "
            "its own folder, or pass the path of results/study_adult_frontier.csv."
        )
    frontier = pd.read_csv(path).query("place == 'both' and threshold != 'equal_rate'")
    spread = frontier.query("metric == 'tpr_sd_noise_removed'")
    points = spread.merge(frontier.query("metric == 'auroc'"), on=SETTING, suffixes=("", "_auroc"))
    points = points.sort_values(SETTING)
    most = points.groupby(["form", "attribute"]).size().max()
    controls = {
        "form": ("Form of debiasing", {name: name for name in points["form"].unique()}),
        "step": ("Weight, from the weakest, 1, to the strongest", (1, int(most), 1)),
        "attribute": ("Attribute", {name: name for name in points["attribute"].unique()}),
    }
    positions = [("adversary", 3, "age"), ("equalized_odds", 4, "age"), ("correlation", 4, "age")]
    Explorer(controls, partial(_draw_weight, points), positions)


def _draw_weight(points, form, step, attribute):
    points = points[points["attribute"] == attribute]
    of_form = points[points["form"] == form]
    row = of_form.iloc[min(step, len(of_form)) - 1]
    lines = {name: (-p["difference_auroc"], p["model"]) for name, p in points.groupby("form")}
    figure, axes = plt.subplots(figsize=(6, 3))
    _lines(axes, lines)
    axes.plot(-row["difference_auroc"], row["model"], "o", color="black", fillstyle="none", ms=13)
    axes.axhline(row["baseline"], color="grey", linewidth=1, linestyle=":")
    axes.set(xlabel="loss of AUROC", ylabel="SD of TPR", title=attribute)
    axes.set_ylim(0, 1.1 * max(row["baseline"], points["model"].max()))
    return _finish(
        figure,
        f"{form}, weight {row['weight']:g}, on validation rows of Adult: AUROC "
        f"{row['model_auroc']:.3f}, {-row['difference_auroc']:.3f} less than without debiasing "
        f"({-row['high_auroc']:.3f} to {-row['low_auroc']:.3f}). The SD of the TPR over groups of "
        f"{attribute}, noise removed, is {row['model']:.3f} in place of {row['baseline']:.3f}; "
        f"the change is {row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f}).",
        points[[*SETTING, "model_auroc", "model"]].set_axis(
            [*SETTING, "AUROC", "SD of TPR"], axis=1
        ),
    )


def thresholds(y, score, sensitive):
    """One threshold for all, or each group's own, against the groups' rates.

    Args:
        y: 0/1 array of shape `(rows,)`.
        score: Array of shape `(rows,)`: probabilities.
        sensitive: Series, or DataFrame of shape `(rows, attributes)`. Of each attribute, groups
            with 20 rows of each class are shown.

    Raises:
        ValueError: If a score lies outside [0, 1], or as `group_report`.
    """
    y, score = check_scores(y, score)
    if not ((0 <= score) & (score <= 1)).all():
        raise ValueError(
            f"score must lie in [0, 1]. Received: {score.min():g} to {score.max():g}. "
            "Pass probabilities."
        )
    table = pd.DataFrame(sensitive).reset_index(drop=True)
    controls = {
        "attribute": ("Attribute", {str(name): name for name in table}),
        "rule": ("Thresholds", RULES),
        "threshold": ("Threshold for all, or whose rate is met", (0.0, 1.0, 0.05)),
    }
    positions = [(table.columns[0], rule, 0.5) for rule in RULES.values()]
    Explorer(controls, partial(_draw_thresholds, y, score, table), positions)


def _draw_thresholds(y, score, table, attribute, rule, threshold):
    own = _own_thresholds(y, score, table[attribute], rule, threshold)
    decision = score >= table[attribute].map(own).to_numpy()
    report = group_report(y, decision, sensitive_features=table[[attribute]], threshold=1)
    spread = spread_report(report).set_index("metric")["sd"]
    rates = report.pivot(index="group", columns="metric", values="rate")[list(RATES)]
    rates = rates[report.groupby("group")["cases"].min() >= MIN_CASES]
    figure, axes = plt.subplots(figsize=(6, 0.4 * len(rates) + 1.2))
    places = [f"{group} (from {own[group]:.2f})" for group in rates.index]
    for (metric, name), (color, marker, _) in zip(RATES.items(), LOOKS, strict=False):
        axes.plot(rates[metric], places, marker, color=color, label=name)
    axes.set(xlabel="rate", xlim=(-0.03, 1.03))
    axes.margins(y=0.2)
    listed = [
        f"{group}, from {own[group]:.2f}: "
        + ", ".join(f"{name} {row[metric]:.2f}" for metric, name in RATES.items())
        for group, row in rates.iterrows()
    ]
    apart = ", ".join(f"{name} {spread[metric]:.3f}" for metric, name in RATES.items())
    how = next(words for words, value in RULES.items() if value == rule)
    return _finish(
        figure,
        f"{attribute}, threshold {threshold:.2f}, {how}: accuracy {(decision == y).mean():.3f}; "
        f"SD over groups: {apart}. {'; '.join(listed)}.",
        rates,
    )


def _own_thresholds(y, score, groups, rule, threshold):
    """The threshold of each group: where its rate is that of all rows at the threshold."""
    counted = y == 1 if rule == "tpr" else np.ones(len(y), bool)
    share = (score[counted] >= threshold).mean()
    own = dict.fromkeys(groups.unique(), threshold)
    for group in own if rule and share else ():
        of_group = score[counted & (groups == group).to_numpy()]
        if len(of_group):
            own[group] = np.quantile(of_group, 1 - share, method="higher")
    return own


def swap():
    """Attribute swap against the true counterfactual, on simulated hiring.

    A logistic regression is fitted to 5,000 applicants (`simulate_hiring`, without differences
    between firms). The swap changes their sex alone. The counterfactual also changes what
    follows from it: education and experience. Only a simulation knows that.
    """
    controls = {
        "direct": ("Direct effect of being a woman", (-1.0, 0.0, 0.2)),
        "mediated": ("Shift of her education and experience, in SD", (-1.0, 0.0, 0.2)),
        "columns": ("The model reads", {"all columns": FEATURES, "all but sex": FEATURES[1:]}),
    }
    positions = [(-0.4, -0.8, FEATURES), (-0.4, -0.8, FEATURES[1:]), (-0.4, 0.0, FEATURES)]
    Explorer(controls, _draw_swap, positions)


@cache
def _changes(direct, mediated, columns):
    """Mean change of the probability: swap and counterfactual of a model, and the truth."""
    apart = {"segregation": 0, "confounding": 0, "minority_effect": 0}
    simulated = simulate_hiring(50, 100, direct=direct, mediated=mediated, **apart, seed=0)
    data, truth = simulated.data, simulated.truth
    read = FunctionTransformer(partial(_numbers, columns=columns))
    model = make_pipeline(read, StandardScaler(), LogisticRegression()).fit(data.x, data.y)
    worlds, expected = (
        truth[name]["sex"] for name in ("counterfactuals", "counterfactual_expected")
    )
    groups = data.sensitive["sex"]
    return (
        attribute_swap(model, data.x, "sex", data.swaps["sex"].values)["change"],
        counterfactual_change(model, data.x, worlds, groups=groups)["change"],
        (expected["Female"] - expected["Male"]).abs().mean(),
    )


def _numbers(x, columns):
    return x.assign(sex=x["sex"] == "Female")[list(columns)].astype(float)


def _draw_swap(direct, mediated, columns):
    names = ["attribute swap,\nmodel", "true counterfactual,\nmodel", "true counterfactual,\ntruth"]
    changes = _changes(direct, mediated, columns)
    figure, axes = plt.subplots(figsize=(6, 2.2))
    axes.barh(names, changes, color=[look[0] for look in LOOKS[:3]])
    axes.invert_yaxis()
    axes.set(xlabel="mean change of the probability of being hired", xlim=(0, 0.4))
    reads = "reads all columns" if "sex" in columns else "does not read sex"
    return _finish(
        figure,
        f"Being a woman has the direct effect {direct:g}, and shifts education and experience by "
        f"{mediated:g} SD; the model {reads}. Swapping sex alone changes its probability by "
        f"{changes[0]:.3f} on average, the true counterfactual by {changes[1]:.3f}. In truth it "
        f"changes by {changes[2]:.3f}.",
    )


def _lines(axes, lines, at=None, markers=True):
    """Lines that differ in colour, marker and dashes, and a grey one at the position picked."""
    for (name, (x, y)), (color, marker, style) in zip(lines.items(), LOOKS, strict=False):
        look = {"color": color, "linestyle": style, "marker": marker if markers else ""}
        axes.plot(x, y, label=name, markersize=5, **look)
    if at is not None:
        axes.axvline(at, color="grey", linewidth=1)


def _finish(figure, words, data=None):
    """Put the legend of the first panel below all, and make the figure one with its sentence."""
    figure.tight_layout()
    handles, names = figure.axes[0].get_legend_handles_labels()
    if any(names):
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": len(names)}
        figure.legend(handles, names, **place)
    return Figure(figure, words, data)
