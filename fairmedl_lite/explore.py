"""Explorers: pick a setting, and see a figure and a sentence change."""


def clusters():
    """Rows in a cluster and intra-class correlation against false positives and power."""


def shrinkage():
    """Rows in a cluster and the two spreads against the pull to the pooled mean."""


def gradient_reversal():
    """Strength of the reversal against the predictor's and the adversary's losses."""


def fairness_weight(path="../results/study_adult_frontier.csv"):
    """Along the committed frontier: AUROC against the spread, for each form of debiasing."""


def thresholds(y, score, sensitive):
    """The threshold, or each group's own, against the groups' rates."""


def swap():
    """Attribute swap against the true counterfactual on simulated hiring."""
