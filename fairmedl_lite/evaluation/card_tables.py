"""What a model card measures: a kind of prediction each, chances or numbers, on some rows."""

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss

from fairmedl_lite import checks
from fairmedl_lite.metrics.calibration import group_calibration_report
from fairmedl_lite.metrics.groups import group_means
from fairmedl_lite.metrics.performance import decide, performance_report, regression_report
from fairmedl_lite.metrics.random_effect import random_effect_rates, random_effect_spread
from fairmedl_lite.metrics.rates import group_report, regression_group_report
from fairmedl_lite.metrics.spread import MIN_CASES, spread_report

LEVEL, DRAWS = 0.9, 200  # of the intervals whose coverage is counted
SPREAD = ["attribute", "metric", "sd", "noise_floor", "sd_random_effect"]
SPREAD += ["worst_group", "worst_rate", "groups", "left_out"]


class Chances:
    """A fitted classifier, and the threshold at which its chances become decisions.

    Args:
        model: A fitted `FairMEDLClassifier`.
        threshold: Float.
    """

    new = ("prior",)  # what a new cluster's row may be told besides "fixed"

    def __init__(self, model, threshold):
        self.model, self.threshold = model, threshold

    @property
    def mean(self):
        """What the mean of the outcome is."""
        return f"share of {self.model.classes_.tolist()[1]!r}"

    def y(self, rows):
        """The outcome as 0 and 1."""
        classes = self.model.classes_.tolist()
        if strange := set(rows.y.unique()) - set(classes):
            raise ValueError(
                f"y must hold the classes that the model was fitted on, {classes}. Received: "
                f"{pd.Series(sorted(strange, key=str))[:5].tolist()} besides. Name them as in fit."
            )
        return (rows.y == classes[1]).to_numpy(int)

    def score(self, rows, **predict):
        """The chance of each row."""
        return self.model.predict_proba(rows.x, clusters=rows.clusters, **predict)[:, 1]

    def performance(self, rows, score):
        """Figures over all rows. What needs both classes is missing where there is one."""
        y, weights = self.y(rows), {"sample_weight": rows.weights}
        loss = log_loss(y, score, labels=[0, 1], **weights)
        if len(np.unique(y)) < 2:
            hits = np.average((score >= self.threshold) == y, weights=rows.weights)
            return {"auroc": np.nan, "log_loss": loss, "accuracy": hits}
        decision = (score >= self.threshold).astype(float)
        report = performance_report(y, decision, threshold=0.5, **weights)
        report["auroc"] = performance_report(y, score, threshold=self.threshold, **weights)["auroc"]
        return {"auroc": report["auroc"], "log_loss": loss, **report.drop("auroc")}

    def rates(self, rows, score):
        """Each group's rates, where the score reaches the threshold."""
        decision = decide(score, self.threshold).astype(float)
        return group_report(self.y(rows), decision, threshold=0.5, **_groups(rows))

    def calibration(self, rows, score, **_):
        """How far the chances of each group lie from what is observed."""
        return group_calibration_report(self.y(rows), score, **_groups(rows))


class Numbers:
    """A fitted regressor.

    Args:
        model: A fitted `FairMEDLRegressor`.
        seed: Integer. Of the draws that make its intervals.
    """

    new, mean = (), "mean"

    def __init__(self, model, seed):
        self.model, self.seed = model, seed

    def y(self, rows):
        """The outcome."""
        return checks.check_values(rows.y, "y")

    def score(self, rows, **predict):
        """The predicted number of each row."""
        return self.model.predict(rows.x, clusters=rows.clusters, **predict)

    def performance(self, rows, score):
        """Figures over all rows."""
        report = regression_report(self.y(rows), score, sample_weight=rows.weights)
        return {"rmse": report["mse"] ** 0.5, **report}

    def rates(self, rows, score):
        """Each group's error, mean prediction and mean residual."""
        return regression_group_report(self.y(rows), score, **_groups(rows))

    def calibration(self, rows, score, unseen=None):
        """In each group the share of outcomes that the intervals hold."""
        unseen = unseen and "prior"  # a new cluster's row: as wide as the clusters differ
        options = {"clusters": rows.clusters, "unseen": unseen, "level": LEVEL, "draws": DRAWS}
        ends = self.model.predict_interval(rows.x, **options, seed=self.seed)
        y = self.y(rows)
        inside = ((ends["low"] <= y) & (y <= ends["high"])).to_numpy(float)
        table = group_means({"coverage": inside}, **_groups(rows))
        table = table.drop(columns="metric")
        return table.rename(columns=lambda name: name.replace("rate", "coverage"))


def measure_part(kind, rows, name):
    """All tables of one part.

    Args:
        kind: A `Chances` or a `Numbers`.
        rows: A `ClusteredData`.
        name: `"seen"` or `"unseen"`.

    Returns:
        Dictionary of section to DataFrame, whose first column is the part.
    """
    predict = {"unseen": "fixed"} if name == "unseen" else {}
    score = kind.score(rows, **predict)
    rates = kind.rates(rows, score)
    tables = {
        "Performance": pd.DataFrame(
            {"prediction": prediction} | kind.performance(rows, found)
            for prediction, found in _predictions(kind, rows, score, name)
        ),
        "Groups": random_effect_rates(rates),
        "Spread": _spread(rates),
        "Calibration": kind.calibration(rows, score, **predict),
    }
    for table in tables.values():
        table.insert(0, "part", name)
    return tables


def _predictions(kind, rows, score, name):
    """Pairs of a kind of prediction and its scores: of a new cluster's row by what it rests on."""
    if not kind.model.model_.random_effects:
        yield "mixed", score
    elif name == "seen":
        yield "mixed", score
        yield "fixed", kind.score(rows, effects="fixed")
    else:
        yield "fixed", score
        for answer in kind.new + ("predict",) * bool(kind.model.cluster_predictors_):
            yield answer, kind.score(rows, unseen=answer)


def _spread(rates):
    table = spread_report(rates).merge(
        random_effect_spread(rates)[["attribute", "metric", "sd_rate"]], on=["attribute", "metric"]
    )
    return table.rename(columns={"sd_rate": "sd_random_effect"})[SPREAD]


def _groups(rows):
    return {
        "sensitive_features": rows.sensitive,
        "clusters": rows.clusters,
        "sample_weight": rows.weights,
    }


def gaps(parts, groups):
    """What was not measured: list of sentences.

    Args:
        parts: Dictionary of part to `ClusteredData`.
        groups: The table of the groups' rates.
    """
    few = groups[groups["cases"] < MIN_CASES]
    few = few.groupby(["part", "attribute", "group"], observed=True)["cases"].min().reset_index()
    names = [f"{row.group} ({row.attribute}, {row.part})" for row in few.itertuples()]
    shown = ", ".join(names[:20]) + f" and {len(names) - 20} more" * (len(names) > 20)
    return [
        f"Groups with fewer than {MIN_CASES} cases of a rate, which no spread but that of the "
        f"random effect counts: {shown or 'none'}.",
        "People of two groups at once; sensitive attributes that the data do not have.",
        "Other clusters, places and times than these."
        + " No cluster was held out." * ("unseen" not in parts),
        "How much these figures vary: they are of one fit and one set of test rows.",
        "What happens to people once the model is used.",
    ]
