"""What the study fits: each data set, its sweep of fairness weights, and its models."""

from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec

from fairmedl_lite import (
    FairMEDLClassifier,
    FairMEDLRegressor,
    ladder,
    load_acs_income,
    load_adult,
    load_diabetes_hospital,
    load_wage_panel,
)
from fairmedl_lite.evaluation.baselines import Reweighing, ThresholdPostProcessing
from fairmedl_lite.evaluation.peers import FairlearnAdversary, GPBoost
from study.words import FAIR, NETWORK, PLAIN, label

SWAP_ROWS = 400  # drawn from the test rows
STAGES = ("tune", "ladder", "forms", "clusters", "methods")
PLACES = {"FE": ("fixed",), "ME": ("mixed",), "both": ("fixed", "mixed")}
ATTRIBUTES = ("age", "race", "sex", "marital_status")
SMALL = {"hidden": (16,), "epochs": 150}
LARGE = {"epochs": 10, "batch_size": 2048, "learning_rate": 4e-3}


@dataclass(frozen=True)
class Study:
    """One data set: what is fitted on it, how often, and by what settings are chosen.

    Args:
        load: Function that returns the `ClusteredData`, and what `keep_together` takes.
        unseen: The share of the clusters that a seed holds out.
        seeds: How many reported seeds: 0, 1, ...
        tuning: How many tuning seeds: 1000, 1001, ...
        quick: How many reported seeds a quick study has.
        settings: What all models share.
        weights: For each place and form of debiasing the fairness weights that are tried.
        budgets: How much performance may be lost, upper end of the interval: of the AUROC, or of
            the MSE in per cent.
        attribute_weights: Those of the form `weighted_odds`, which is `equalized_odds` with them.
        methods: Whether it is the methods beside ours that are fitted.
    """

    name: str
    load: object
    unseen: float
    seeds: int
    tuning: int
    quick: int
    weights: dict
    settings: dict = field(default_factory=dict)
    budgets: tuple = (0.010,)
    attribute_weights: dict = None
    methods: bool = False
    kind: type = FairMEDLClassifier

    @property
    def is_regression(self):
        """Whether the outcome is continuous."""
        return self.kind is FairMEDLRegressor

    @property
    def objective(self):
        """The spread that settings are chosen by."""
        return "attribute_swap" if self.is_regression else "tpr_sd_noise_removed"


SWEEP = {
    "both": {
        "adversary": (0.5, 1.5, 2.5),
        "correlation": (1.0, 2.0),
        "equalized_odds": (0.6, 1.0, 1.4),
        "weighted_odds": (0.7, 1.0, 1.3),
    },
}
# Of a continuous outcome.
SHORT_SWEEP = {
    "both": {"adversary": (0.5, 1.5, 4.0), "equalized_odds": (0.5, 1.5, 4.0)},
}
# Where the adversary reads each prediction alone too.
WIDE_SWEEP = {
    "both": {
        "adversary": (0.5, 1.0, 1.5, 4.0),
        "correlation": (0.5, 1.0, 2.0),
        "equalized_odds": (0.4, 0.7, 1.0, 1.3),
        "weighted_odds": (0.6, 0.8, 1.0),
    },
    "FE": {"adversary": (0.5, 1.5, 4.0)},
    "ME": {"adversary": (0.5, 1.5, 4.0)},
}
# Other settings of the cluster adversary, for unseen clusters: its weight, and what it reads.
CLUSTER_ADVERSARIES = ((0.0, "activations"), (0.3, "activations"), (1.0, "activations"))
CLUSTER_ADVERSARIES += ((0.1, "standardised"), (0.3, "standardised"), (1.0, "standardised"))
# The place of birth, 554 codes, would be nine tenths of the columns.
load_acs = partial(load_acs_income, place_of_birth=False)


def diabetes():
    """The stays, and their patients: a patient's stays are kept together."""
    data = load_diabetes_hospital()
    return data, data.x.index.get_level_values("patient")


REGRESSION = {"budgets": (1.0,), "kind": FairMEDLRegressor}
# More for the attributes whose spread is cut least in per cent when all weigh the same.
ADULT_WEIGHTS = {"age": 1.7, "race": 0.4, "sex": 0.5, "marital_status": 1.0}
ACS_WEIGHTS = {"age": 2.2, "race": 0.8, "sex": 0.8, "marital_status": 0.3}
STUDIES = [
    Study("adult", load_adult, 4 / 14, 40, 5, 4, WIDE_SWEEP, attribute_weights=ADULT_WEIGHTS),
    Study("acs_major", load_acs, 0.2, 10, 5, 1, SWEEP, LARGE, attribute_weights=ACS_WEIGHTS),
    Study("diabetes", diabetes, 0.2, 10, 5, 1, SHORT_SWEEP, LARGE, **REGRESSION),
    Study("wage_panel", load_wage_panel, 0.2, 10, 5, 2, SHORT_SWEEP, SMALL, **REGRESSION),
    Study(
        "acs_fine",
        partial(load_acs, clusters="fine"),
        *(0.2, 10, 5, 0, SWEEP, LARGE),
        attribute_weights=ACS_WEIGHTS,
    ),
    Study("adult_methods", load_adult, 4 / 14, 40, 0, 1, {}, methods=True),
]


def sweep(study):
    """Fair MEDL by each form of debiasing, place and weight: dictionary of name to model."""
    return {
        label(form, place, weight): debiased(study, form, place, weight)
        for place, forms in study.weights.items()
        for form, weights in forms.items()
        for weight in weights
    }


def debiased(study, form, place, weight, rung=FAIR):
    """A rung of the ladder with this form of debiasing."""
    options = {"debias": form, "fairness_on": PLACES[place], "fairness": weight}
    if form == "weighted_odds":
        options |= {"debias": "equalized_odds", "attribute_weights": study.attribute_weights}
    return ladder(study.kind, **options, **study.settings)[rung]


def stages(study, choices):
    """What is fitted on the reported seeds, in parts: dictionary of name to models.

    `ladder`: the six models. `forms`: the chosen settings, and a network debiased alike.
    `clusters`: other settings of the cluster adversary. Or `methods`, those beside ours.
    """
    models = ladder(study.kind, **study.settings)
    if study.methods:
        return {"methods": {PLAIN: models[PLAIN]} | methods()}
    found = {"ladder": models, "forms": chosen_forms(study, choices)}
    if not study.is_regression:
        found["clusters"] = cluster_adversaries(study)
    return found


def chosen_forms(study, choices):
    """Fair MEDL-NNet and, but for the adversary, Fair NNet by each chosen setting on both."""
    found = {}
    for row in choices[choices["place"] == "both"].itertuples():
        setting = row.form, row.place, row.weight
        found[label(*setting)] = debiased(study, *setting)
        if row.form in ("equalized_odds", "weighted_odds"):
            found[f"{NETWORK}, {row.form} {row.weight:g}"] = debiased(study, *setting, NETWORK)
    return found


def cluster_adversaries(study):
    """MEDL-NNet by each setting of the cluster adversary but its default."""
    found = {}
    for weight, reads in CLUSTER_ADVERSARIES:
        options = study.settings | {"cluster_adversary": weight, "cluster_adversary_reads": reads}
        found[f"{PLAIN}, cluster adversary {weight:g}, {reads}"] = study.kind(**options, fairness=0)
    return found


def methods():
    """Methods beside ours. GPBoost is there if it is installed."""
    off = {"random_effects": "intercept", "cluster_adversary": 0, "fairness": 0}
    logistic = FairMEDLClassifier(hidden=(), **off)
    found = {"mixed logistic": logistic, "reweighing": Reweighing(logistic, list(ATTRIBUTES))}
    for attribute in ATTRIBUTES:
        found[f"thresholds by {attribute}"] = ThresholdPostProcessing(logistic, attribute)
    for attribute in ATTRIBUTES:
        found[f"fairlearn adversary on {attribute}"] = FairlearnAdversary(attribute)
    return found | ({"GPBoost": GPBoost()} if find_spec("gpboost") else {})
