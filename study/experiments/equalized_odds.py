"""Does a sharper aim at Youden's threshold help the penalty on equalized odds?

    python -m study.experiments.equalized_odds

The penalty reads a decision that is centred at the base rate, while the threshold that decides in
the end is Youden's. Four changes, on Adult (eight seeds) and ACS (four):

- weighted: attributes weigh unlike, as `attribute_weights` of an estimator has it;
- tracked: the centre of each reader climbs a soft Youden's J by .1 a step, and the decision grows
  sharper over the steps of training, from 3 to 6 (Adult) or 10 (ACS);
- tracked and weighted: both;
- balanced: tracked, with no penalty for 15 % of the steps, and then attributes that weigh one over
  the spread they have at that moment.

Each is compared with MEDL-NNet on the test rows of tuning seeds (1000 and up), paired: at Youden's
threshold, at an equal positive rate, and averaged over the five thresholds of study/measures.py.
The table goes to results/equalized_odds.csv; what was fitted is kept in build/equalized_odds.
"""

import argparse
import os

import pandas as pd

from fairmedl_lite import compare, ladder, paired
from fairmedl_lite.estimator import settings
from fairmedl_lite.model import debiasing
from fairmedl_lite.model.backend import keras, ops
from study.measures import measure
from study.plan import STUDIES, debiased
from study.words import PLAIN
from tools import ROOT

SEEDS = {"adult": 8, "acs_major": 4}
STEPS = {"adult": 1260, "acs_major": 430}  # of a fit, about
SHARPEST = {"adult": 6.0, "acs_major": 10.0}
RATE, WARM = 0.1, 0.15  # of the threshold a step; the share of steps without a penalty
# Form, weight of fairness on each data set, and whether attributes weigh as in the study's
# `weighted_odds`.
MODELS = {
    "as it is": ("equalized_odds", {"adult": 1.0, "acs_major": 1.0}, False),
    "weighted": ("equalized_odds", {"adult": 0.8, "acs_major": 1.0}, True),
    "tracked": ("tracked", {"adult": 0.9, "acs_major": 1.0}, False),
    "tracked and weighted": ("tracked", {"adult": 0.8, "acs_major": 1.0}, True),
    "balanced": ("balanced", {"adult": 1.2, "acs_major": 1.2}, False),
}
FIGURES = ["auroc", "balanced_accuracy", "tpr_sd", "tpr_sd_noise_removed", "fpr_sd"]
COLUMNS = ["data", "form", "part", "threshold", "metric", "attribute"]
COLUMNS += ["difference", "low", "high", "percent", "percent_low", "percent_high", "resamples"]


class Tracked(debiasing.EqualizedOdds):
    """The penalty at a threshold that follows Youden's, with a decision that grows sharper."""

    steps, sharpest, balances = 1000, 6.0, False

    def build(self, predictions_shape=None, outcome_shape=None):
        super().build()
        readers, attributes = len(self.readers), self.shape[0]
        self.threshold = self._add_state("threshold_of_reader", (readers, 1), self.start)
        self.step = self._add_state("step", ())
        if self.balances:
            self.attribute_weights = self._add_state("balance", (readers, attributes))

    def decision(self, predictions):
        share = ops.minimum(self.step / self.steps, 1.0)
        sharpness = self.sharpness + (self.sharpest - self.sharpness) * share
        return ops.tanh(sharpness / 2 * (predictions - self.threshold))

    def loss(self, predictions, outcome, cells, row_weights):
        self._track(predictions[..., 0], outcome[:, 0], row_weights)
        if self.balances:
            self._balance()
        self.step.assign(self.step + 1)
        return super().loss(predictions, outcome, cells, row_weights)

    def _track(self, predictions, outcome, row_weights):
        """A step up the slope of the mean decision of positive less that of negative rows."""
        slope = (1 - ops.square(self.decision(predictions))) * row_weights
        of_level = [
            ops.sum(slope * level, axis=1) / ops.maximum(ops.sum(level * row_weights), 1e-9)
            for level in (outcome, 1 - outcome)
        ]
        move = ops.stop_gradient(of_level[0] - of_level[1])[:, None]
        self.threshold.assign(self.threshold - RATE * move)

    def _balance(self):
        """Once the steps without a penalty are over: one over each spread, with a mean of 1."""
        pooled = ops.sum(self.sums, axis=-1, keepdims=True)
        pooled = pooled / ops.maximum(ops.sum(self.counts, axis=-1, keepdims=True), 1e-9)
        gap = self.sums / ops.maximum(self.counts, 1e-9) - pooled
        spread = ops.sum(self.cell_weights() * ops.square(gap), axis=(2, 3))
        inverse = 1 / ops.sqrt(spread + debiasing.SMALLEST_SPREAD**2)
        inverse = inverse / ops.mean(inverse, axis=1, keepdims=True)
        at = round(WARM * self.steps)
        now = ops.cast(ops.equal(self.step, at), "float32")
        self.attribute_weights.assign(now * inverse + (1 - now) * self.attribute_weights)


def register(name, **options):
    """Make a form known to estimators by this name."""
    kind = type(name, (Tracked,), options)
    debiasing.FORMS[name] = keras.saving.register_keras_serializable("study")(kind)
    settings.FORMS = (*settings.FORMS, name)


def models(study):
    """MEDL-NNet, and Fair MEDL-NNet by each form."""
    found = {PLAIN: ladder(study.kind, **study.settings)[PLAIN]}
    for name, (form, weight, weighted) in MODELS.items():
        weights = study.attribute_weights if weighted else None
        model = debiased(study, form, "both", weight[study.name])
        found[name] = model.set_params(attribute_weights=weights)
    return found


def changes(study, table):
    """Each form against MEDL-NNet, at each threshold; and of each group the largest fall."""
    found = [paired(table, name, PLAIN).assign(form=name) for name in MODELS]
    found = pd.concat(found).query("effects == 'mixed'").assign(data=study.name)
    found = found.rename(columns={"model": "value"})
    of_group = found[(found["metric"] == "tpr") & (found["group"] != "")]
    falls = of_group.groupby(["form", "part", "threshold"])["difference"].idxmin()
    falls = of_group.loc[falls].assign(metric="tpr_largest_fall", attribute=lambda t: t["group"])
    whole = found[found["metric"].isin(FIGURES) & (found["group"] == "")]
    return pd.concat([whole, falls])[COLUMNS]


def run(study, jobs):
    """The changes of one data set."""
    options = {"steps": STEPS[study.name], "sharpest": SHARPEST[study.name]}
    for name in ("tracked", "balanced"):
        register(name, **options, balances=name == "balanced")
    folder = ROOT / "build" / "equalized_odds"
    folder.mkdir(parents=True, exist_ok=True)
    table = compare(
        models(study),
        study.load(),
        seeds=range(1000, 1000 + SEEDS[study.name]),
        unseen_clusters=study.unseen,
        measure=measure,
        effects=("mixed",),
        swap_rows=0,
        output=folder / f"{study.name}.jsonl",
        jobs=jobs,
    )
    return changes(study, table)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    os.environ["PYTHONWARNINGS"] = "ignore::UserWarning"  # of categories no training row had
    # One process: another would not know the forms.
    tables = [run(study, jobs=1) for study in STUDIES if study.name in SEEDS]
    table = pd.concat(tables)
    table.round(5).to_csv(ROOT / "results" / "equalized_odds.csv", index=False)
    shown = table.query("part == 'seen' and metric == 'tpr_sd'")
    print(shown.pivot_table("percent", ["data", "threshold", "form"], "attribute").round(0))


if __name__ == "__main__":
    main()
