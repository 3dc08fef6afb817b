"""The loss is the paper's, term by term in NumPy, and each side's gradient has its sign."""

import keras
import numpy as np
import pytest
from scipy.special import expit, log_softmax, logit
from scipy.stats import norm
from sklearn.metrics import log_loss

from fairmedl_lite.model.cells import cell_codes, cell_shares, outcome_levels
from fairmedl_lite.model.debiasing import FORMS
from fairmedl_lite.model.fair_medl import FairMEDL, mix
from fairmedl_lite.model.random_effects import SPEED

ROWS, COLUMNS, CLUSTERS, GROUPS = 30, 3, 4, (2, 3)
SETTINGS = {
    "num_rows": 120,
    "num_clusters": (CLUSTERS,),
    "group_counts": GROUPS,
    "base_rate": 0.3,
    "hidden": (5, 4),
    "cluster_adversary": 0.7,
    "fairness": 0.4,
    "fixed_loss": 0.6,
    "kl_weight": 0.9,
}
OFF = {"random_effects": (), "cluster_adversary": 0, "fairness": 0}
EFFECTS = {"random_effects": ("slopes",)}


# The mixed effects model, its Gaussian form, and two cluster variables, one with named slopes.
CASES = {
    "bernoulli": {},
    "gaussian": {"family": "gaussian", "level_weights": (0.25,) * 4},
    "two variables": {"num_clusters": (CLUSTERS, 3), "random_effects": ("slopes", (0, 2))},
    "standardised": {"cluster_adversary_reads": "standardised"},
}


def make_batch(num_clusters=(CLUSTERS,), family="bernoulli", **_):
    """Inputs, targets and row weights of one batch."""
    random = np.random.default_rng(0)
    outcome = random.integers(0, 2, ROWS).astype("float32")
    groups = np.column_stack([random.integers(0, count, ROWS) for count in GROUPS])
    x = {
        "x": random.normal(size=(ROWS, COLUMNS)).astype("float32"),
        "clusters": tuple(random.integers(0, count, ROWS) for count in num_clusters),
    }
    if family == "gaussian":
        outcome += random.normal(size=ROWS).astype("float32")
    cells = cell_codes(groups, outcome_levels(outcome)[0], GROUPS)
    y = {"outcome": outcome[:, None], "cells": cells}
    return x, y, random.random(ROWS).astype("float32")


@pytest.fixture(scope="module")
def batch():
    return make_batch()


def build(kind=FairMEDL, narrow=True, **settings):
    """A model whose every weight is drawn by NumPy; a narrow posterior does not vary."""
    model = kind(**SETTINGS | settings)
    model.build(shape_of(model))
    random = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(random.normal(0, 0.7, weight.shape))
    for layer in model.random_effects:
        set_effects(layer, random, narrow)
    if model.debiasing:
        cells = make_batch(**model.settings)[1]["cells"]
        model.debiasing.cell_shares.assign(cell_shares(cells, model.debiasing.shape))
    return model


def set_effects(layer, random, narrow):
    tables = [random.normal(0, 0.7, weight.shape) for weight in layer.weights]
    if narrow:
        tables[1] = np.full(tables[1].shape, -9.0)
        tables[3:4] = [np.zeros(table.shape) for table in tables[3:4]]
    layer.set_weights([table / SPEED for table in tables])


def shape_of(model):
    return {"x": (None, COLUMNS), "clusters": ((None,),) * len(model.settings["num_clusters"])}


def loss_of(model, batch, sample_weight=None, training=True):
    x, y, _ = batch
    y_pred = model(x, training=training)
    loss = model.compute_loss(x, y, y_pred, sample_weight, training=training)
    return float(loss), {name: np.asarray(part) for name, part in y_pred.items()}


def array(weight):
    return np.asarray(weight, dtype="float64")


def dense(layer, inputs):
    return inputs @ array(layer.kernel) + (array(layer.bias) if layer.use_bias else 0)


def by_hand(model, batch):
    """Loss terms of each row and the KL, from the weights alone."""
    x, y, _ = batch
    outcome = y["outcome"][:, 0].astype("float64")
    first = np.maximum(dense(model.hidden_layers[0], x["x"]), 0)
    second = np.maximum(dense(model.hidden_layers[1], first), 0)
    predictions = {"fixed": dense(model.fixed_head, second)[:, 0]}
    slopes = {"slopes": second, (0, 2): x["x"][:, [0, 2]]}
    parts = zip(model.random_effects, model.settings["random_effects"], x["clusters"], strict=True)
    effects = [effects_by_hand(layer, slopes[kind], ids) for layer, kind, ids in parts]
    predictions["mixed"] = predictions["fixed"] + sum(random for random, _ in effects)
    terms = {
        name: -log_likelihood(model, name, outcome, value) for name, value in predictions.items()
    }
    hidden = np.concatenate([first, second], axis=1)
    terms["cluster_adversary"] = clusters_by_hand(model, hidden, x["clusters"])
    for number, (name, value) in enumerate(predictions.items()):
        terms[f"fairness_{name}"] = fairness_by_hand(model, number, value, outcome, y["cells"])
    terms["kl"] = sum(kl for _, kl in effects)
    return terms


def effects_by_hand(layer, slopes, ids):
    """The effect on each row, and the KL: of one cluster after the other."""
    mean = array(layer.posterior_mean)
    prior = np.diag(np.exp(array(layer.prior_log_scale)))
    roots = np.stack([np.diag(np.exp(scale)) for scale in array(layer.posterior_log_scale)])
    if layer.correlated:
        prior += np.tril(array(layer.prior_lower), -1)
        roots += np.tril(array(layer.posterior_lower), -1)
    design = np.column_stack([np.ones(ROWS), slopes])
    kl = 0.0
    for m, root in zip(mean, roots, strict=True):
        covariance = root @ root.T
        kl += (np.trace(covariance) + m @ m - len(m) - np.linalg.slogdet(covariance)[1]) / 2
    return np.sum(design * (mean @ prior.T)[ids], axis=1), kl


def log_likelihood(model, name, outcome, value):
    if model.settings["family"] == "bernoulli":
        return np.log(expit((2 * outcome - 1) * value))
    return norm.logpdf(outcome, value, np.exp(array(model.family.log_scale[name])))


def clusters_by_hand(model, hidden, clusters):
    first = model.cluster_adversary.reader.layers[-1]
    speed = 1.0
    if model.settings["cluster_adversary_reads"] == "standardised":
        hidden = (hidden - hidden.mean(axis=0)) / np.sqrt(hidden.var(axis=0) + 1e-3)
        speed = SPEED
    hidden = speed * np.maximum(dense(first, hidden), 0)
    total = 0
    for ids, head in zip(clusters, model.cluster_adversary.heads, strict=True):
        guess = log_softmax(speed * dense(head, hidden), axis=1)
        total -= guess[np.arange(ROWS), ids]
    return total


def fairness_by_hand(model, number, value, outcome, cells):
    adversary = model.debiasing
    if model.settings["family"] == "bernoulli":
        decision = 2 * expit(3 * (value - logit(0.3))) - 1
    else:
        decision = np.tanh(value)
    hidden = np.column_stack([np.ones(ROWS), decision, outcome, decision * outcome])
    hidden = hidden @ array(adversary.hidden_kernel)[number].T
    scores = np.maximum(hidden, 0) @ array(adversary.head_kernel)[number].T
    scores = scores.reshape(ROWS, len(GROUPS), max(GROUPS))
    total = 0
    for attribute, count in enumerate(GROUPS):
        level, group = np.divmod(cells[:, attribute], max(GROUPS))
        log_p = log_softmax(scores[:, attribute, :count], axis=1)[np.arange(ROWS), group]
        weight = (count - 1) / 1.5 * balanced(level, group, model.settings["level_weights"])
        total -= weight * log_p
    return total / len(GROUPS)


def balanced(level, group, level_weights):
    """What each row weighs: its level's weight, shared among groups and then among rows."""
    weight = np.zeros(ROWS)
    for number, level_weight in enumerate(level_weights):
        groups = np.unique(group[level == number])
        for each in groups:
            rows = (level == number) & (group == each)
            weight[rows] = level_weight / len(groups) / rows.mean()
    return weight


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_training_loss_is_the_papers(case, weighted):
    batch, model = make_batch(**CASES[case]), build(**CASES[case])
    weight = batch[2] if weighted else np.ones(ROWS)
    loss, _ = loss_of(model, batch, batch[2] if weighted else None)
    terms = by_hand(model, batch)
    kl = terms.pop("kl") / 120
    means = {name: np.mean(weight * term) for name, term in terms.items()}
    # The reversal, not the loss, carries lam_g, lam_FE and lam_ME: all adversaries add up.
    expected = sum(means.values()) - 0.4 * means["fixed"] + 0.9 * kl
    assert loss == pytest.approx(expected, rel=2e-3)
    logged = {name: float(metric.result()) for name, metric in model.term_metrics.items()}
    assert logged == pytest.approx(means | {"kl": kl}, rel=2e-3)


@pytest.mark.parametrize("case", CASES)
def test_evaluation_loss_leaves_the_adversaries_out(case):
    batch, model = make_batch(**CASES[case]), build(**CASES[case], narrow=False)
    loss, _ = loss_of(model, batch, training=False)
    terms = by_hand(model, batch)
    expected = np.mean(terms["mixed"]) + 0.6 * np.mean(terms["fixed"]) + 0.9 * terms["kl"] / 120
    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"fixed_loss": None, "cluster_adversary": 0, "fairness": 0}, 0),
        ({"fixed_loss": None, "cluster_adversary": 0.1, "fairness": 0}, 1),
        ({"fixed_loss": None, "cluster_adversary": 0, "fairness": 0.1}, 1),
        ({"fixed_loss": 0.3, "cluster_adversary": 0, "fairness": 0}, 0.3),
    ],
)
def test_without_an_adversary_nothing_bends_the_likelihood(settings, expected):
    assert FairMEDL(**SETTINGS | settings).fixed_loss == expected


def test_plain_network_has_the_outcomes_loss_alone(batch):
    model = build(**OFF)
    loss, outputs = loss_of(model, batch)
    expected = log_loss(batch[1]["outcome"][:, 0], expit(outputs["mixed"][:, 0].astype(float)))
    assert loss == pytest.approx(expected, rel=1e-5)
    assert set(outputs) == {"fixed", "mixed"}


def test_outputs_add_up_and_adversaries_speak_only_in_training(batch):
    model = build()
    outputs = {name: np.asarray(part) for name, part in model(batch[0]).items()}
    assert set(outputs) == {"fixed", "random", "mixed", "prior_scale"}
    np.testing.assert_allclose(outputs["mixed"], outputs["fixed"] + outputs["random"], rtol=1e-5)
    assert "clusters" in model(batch[0], training=True)
    assert mix(2.0, -0.5) == 1.5


@pytest.mark.parametrize(
    "settings, weights",
    [
        (OFF, 6),  # two hidden layers and a head, a kernel and a bias each
        (OFF | {"random_effects": ("intercept",)}, 6 + 3),
        (OFF | {"random_effects": ("slopes",)}, 6 + 3),
        (OFF | {"random_effects": ((0, 1),)}, 6 + 5),  # two tables of covariances more
        (OFF | {"num_clusters": (4, 3), "random_effects": ("intercept",) * 2}, 6 + 3 + 3),
        (OFF | {"family": "gaussian"}, 6 + 1),  # a residual scale
        (OFF | {"family": "gaussian", "random_effects": ("slopes",)}, 6 + 3 + 2),
        (OFF | {"cluster_adversary": 0.1}, 6 + 3),
        (OFF | {"fairness": 0.1}, 6 + 2),
        (OFF | {"fairness": 0.1, "debias": "correlation"}, 6),
        (OFF | {"fairness": 0.1, "debias": "equalized_odds"}, 6),
        ({}, 6 + 3 + 3 + 2),
        (OFF | {"hidden": ()}, 2),
    ],
)
def test_a_part_left_out_has_no_weights(settings, weights):
    model = FairMEDL(**SETTINGS | settings)
    model.build(shape_of(model))
    assert len(model.trainable_variables) == weights


@pytest.mark.parametrize(
    "settings, effects",
    [
        ({"random_effects": ("intercept",)}, [1]),
        ({"random_effects": ("slopes",)}, [5]),
        ({"random_effects": ("slopes",), "hidden": ()}, [COLUMNS + 1]),
        ({"random_effects": ((0, 2),)}, [3]),
        ({"num_clusters": (4, 3), "random_effects": ("slopes", "intercept")}, [5, 1]),
    ],
)
def test_how_many_effects_a_cluster_has(settings, effects):
    model = FairMEDL(**SETTINGS | {"cluster_adversary": 0} | settings)
    model.build(shape_of(model))
    expected = list(zip(model.settings["num_clusters"], effects, strict=True))
    assert [layer.posterior_mean.shape for layer in model.random_effects] == expected
    named = [not isinstance(kind, str) for kind in model.settings["random_effects"]]
    assert [layer.correlated for layer in model.random_effects] == named


class OnlyAdversaries(FairMEDL):
    """Its loss in training is that of its adversaries."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training=True)
        return loss - super().compute_loss(x, y, y_pred, sample_weight, training=False)


def step(batch, settings):
    """One gradient step; the weights of both sides before and after, and the model."""
    model = build(OnlyAdversaries, **OFF | settings)
    sides = split_sides(model)
    before = [[array(weight) for weight in side] for side in sides]
    model.compile(keras.optimizers.SGD(0.01), run_eagerly=True)
    model.fit(batch[0], batch[1], batch_size=ROWS, epochs=1, verbose=0)
    after = [[array(weight) for weight in side] for side in sides]
    return model, before, after


@pytest.fixture(scope="module")
def stepped(batch):
    """The step of each of these settings, taken once."""
    steps = [step(batch, settings) for settings in ADVERSARIES]
    return lambda settings: steps[ADVERSARIES.index(settings)]


def split_sides(model):
    adversaries = [part for part in (model.cluster_adversary, model.debiasing) if part]
    theirs = [weight for part in adversaries for weight in part.trainable_variables]
    ids = {id(weight) for weight in theirs}
    return [weight for weight in model.trainable_variables if id(weight) not in ids], theirs


ADVERSARIES = [
    {"cluster_adversary": 1.0},
    {"cluster_adversary": 1.0, "cluster_adversary_reads": "standardised"},
    {"fairness": 1.0, "fairness_on": ("fixed",)},
    {"fairness": 1.0, "fairness_on": ("fixed", "mixed")},
]


@pytest.mark.parametrize("settings", ADVERSARIES)
def test_a_step_lowers_the_adversarys_loss_and_its_network_raises_it(batch, stepped, settings):
    model, before, after = stepped(settings)

    def loss_with(network, adversary):
        for side, values in zip(split_sides(model), (network, adversary), strict=True):
            for weight, value in zip(side, values, strict=True):
                weight.assign(value)
        return loss_of(model, batch)[0]

    start = loss_with(before[0], before[1])
    assert loss_with(before[0], after[1]) < start < loss_with(after[0], before[1])


@pytest.mark.parametrize("settings", ADVERSARIES[:3])
def test_the_weight_scales_what_the_network_does_and_not_the_adversary(batch, stepped, settings):
    half = settings | {name: 0.5 for name in ("cluster_adversary", "fairness") if name in settings}
    (_, before, whole), (_, _, halved) = stepped(settings), step(batch, half)
    for start, one, other in zip(before[0], whole[0], halved[0], strict=True):
        np.testing.assert_allclose(one - start, 2 * (other - start), rtol=1e-2, atol=1e-6)
    for one, other in zip(whole[1], halved[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_standardised_the_size_of_the_activations_tells_the_adversary_nothing():
    adversary = build(**OFF | ADVERSARIES[1]).cluster_adversary
    hidden = np.random.default_rng(0).normal(0, 10, (ROWS, 9)).astype("float32")
    one, other = (array(adversary(scale * hidden + 3, training=True)) for scale in (1, 50))
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(one).max())


def test_both_adversaries_start_as_the_same_function():
    plain, standardised = (
        FairMEDL(**SETTINGS | OFF | {"cluster_adversary": 1.0, "cluster_adversary_reads": reads})
        for reads in ("activations", "standardised")
    )
    for model in (plain, standardised):
        model.build(shape_of(model))
    parts = (model.cluster_adversary.trainable_variables for model in (plain, standardised))
    for one, other in zip(*parts, strict=True):
        np.testing.assert_allclose(array(one), SPEED * array(other), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("fairness_on", [("fixed",), ("mixed",), ("fixed", "mixed")])
@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_debiasing_adds_its_own_loss_of_what_it_reads(batch, form, fairness_on):
    model = build(**OFF | {"fairness": 0.4, "debias": form, "fairness_on": fairness_on} | EFFECTS)
    assert isinstance(model.debiasing, FORMS[form]) and model.debiasing.weight == 0.4
    twin = FORMS[form].from_config(model.debiasing.get_config())
    twin.build()
    twin.set_weights(model.debiasing.get_weights())
    loss, outputs = loss_of(model, batch, batch[2])
    y = batch[1]
    predictions = np.stack([outputs[name] for name in fairness_on])
    expected = np.asarray(twin.loss(predictions, y["outcome"], y["cells"], batch[2]))
    logged = {name: float(metric.result()) for name, metric in model.term_metrics.items()}
    found = {name: value for name, value in logged.items() if name.startswith("fairness")}
    names = [f"fairness_{name}" for name in fairness_on]
    assert found == pytest.approx(dict(zip(names, expected, strict=True)), rel=1e-4)
    rest = logged["mixed"] + 0.6 * logged["fixed"] + 0.9 * logged["kl"]
    assert loss == pytest.approx(rest + sum(expected), rel=1e-4)


def test_without_random_effects_debiasing_reads_the_one_prediction_once():
    model = FairMEDL(**SETTINGS | {"random_effects": ()})
    assert model.readers == ("fixed",) and model.debiasing.readers == ("fixed",)


def penalty(model, batch):
    """The debiasing of a batch by a layer that has seen no other."""
    layer = type(model.debiasing).from_config(model.debiasing.get_config())
    layer.build()
    layer.cell_shares.assign(model.debiasing.cell_shares)
    y, y_pred = batch[1], model(batch[0])
    predictions = np.stack([y_pred[name] for name in model.readers])
    return float(np.sum(layer.loss(predictions, y["outcome"], y["cells"], np.ones(ROWS, "f4"))))


@pytest.mark.parametrize("form", ["correlation", "equalized_odds"])
def test_a_step_lowers_the_penalty_and_a_penalty_has_nothing_to_train(batch, form):
    model, before, after = step(batch, {"fairness": 1.0, "debias": form} | EFFECTS)
    assert not before[1]
    losses = []
    for values in (before[0], after[0]):
        for weight, value in zip(model.trainable_variables, values, strict=True):
            weight.assign(value)
        losses.append(penalty(model, batch))
    assert losses[1] < losses[0]


def test_same_seed_same_initial_weights_and_config_round_trip():
    model = FairMEDL(**SETTINGS, seed=3)
    again = FairMEDL.from_config(model.get_config())
    other = FairMEDL(**SETTINGS, seed=4)
    for each in (model, again, other):
        each.build(shape_of(each))
    assert again.get_config() == model.get_config()
    for one, two in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    kernel, others = (array(each.hidden_layers[0].kernel) for each in (model, other))
    assert not np.allclose(kernel, others)


RUNGS = {
    "NNet": {"random_effects": (), "cluster_adversary": 0, "fairness": 0},
    "Fair NNet": {"random_effects": (), "cluster_adversary": 0},
    "DA-NNet": {"random_effects": (), "fairness": 0},
    "Fair DA-NNet": {"random_effects": ()},
    "MEDL-NNet": {"fairness": 0},
    "Fair MEDL-NNet": {},
    "fairness of the mixed prediction alone": {"fairness_on": ("mixed",)},
}


def starts(**settings):
    """The initial weights of each part of a model, by name; of each adversary apart."""
    model = FairMEDL(**SETTINGS | {"seed": 3} | settings)
    model.build(shape_of(model))
    layers = {f"hidden {number}": layer for number, layer in enumerate(model.hidden_layers)}
    layers |= {"head": model.fixed_head, "cluster adversary": model.cluster_adversary}
    layers |= {f"effects {number}": layer for number, layer in enumerate(model.random_effects)}
    parts = {name: layer.get_weights() for name, layer in layers.items() if layer}
    for number, reader in enumerate(model.readers if model.debiasing else ()):
        kernels = model.debiasing.hidden_kernel, model.debiasing.head_kernel
        parts[f"adversary of {reader}"] = [np.asarray(kernel)[number] for kernel in kernels]
    return parts


def test_a_part_starts_the_same_on_every_rung_that_has_it():
    rungs = [starts(**settings) for settings in RUNGS.values()]
    shared = [name for name in set().union(*rungs) if sum(name in rung for rung in rungs) > 1]
    assert {"hidden 0", "head", "cluster adversary", "effects 0"} <= set(shared)
    assert {"adversary of fixed", "adversary of mixed"} <= set(shared)
    for name in shared:
        first, *others = [rung[name] for rung in rungs if name in rung]
        for other in others:
            for one, same in zip(first, other, strict=True):
                np.testing.assert_array_equal(one, same)


def test_parts_do_not_start_alike():
    parts, others = starts(hidden=(COLUMNS, COLUMNS)), starts(hidden=(COLUMNS, COLUMNS), seed=4)
    assert (parts["hidden 0"][0] != parts["hidden 1"][0]).any()
    assert (parts["adversary of fixed"][0] != parts["adversary of mixed"][0]).any()
    assert (parts["hidden 0"][0] != others["hidden 0"][0]).any()
