"""FairMEDL, one keras.Model with optional parts, and the cluster predictor."""

import numpy as np

from fairmedl_lite.families import Bernoulli, Gaussian
from fairmedl_lite.layers import PACKAGE, GradientReversal, RandomEffects, keras, ops

ADVERSARY_UNITS = 32


def mix(fixed, random):
    """The mixing function f_M: fixed and random effects add up on the link scale."""
    return fixed + random


@keras.saving.register_keras_serializable(package=PACKAGE)
class FairnessAdversary(keras.layers.Layer):
    """Predicts the sensitive attributes from a prediction and the outcome (A_F, A_M).

    Reading the outcome too is what aims at equalized odds (Zhang, Lemoine, Mitchell 2018). Its
    gradient reaches the prediction reversed. What it reads is the soft decision
    `tanh(sharpness / 2 (prediction - threshold))`. For a 0/1 outcome that is close to the
    decision whose rates are compared. It is bounded: a network that can scale up what its
    adversary reads can make the adversary's loss as large as it likes. Several adversaries, one
    for each prediction they read, share nothing but the step in which they are computed.

    Args:
        group_counts: Integers. How many groups each attribute has.
        threshold: Float. The prediction in the middle: for logits that of the base rate.
        sharpness: Float. How fast the decision turns from -1 to 1.
        readers: Integer. How many adversaries.
        weight: Float, zero or more. The lambda of the term in the loss.
        units: Integer. Hidden units.
        seed: Integer. Seeds the initial weights.

    Call arguments:
        predictions: Tensor of shape `(readers, batch, 1)`: what each of them reads.
        outcome: Tensor of shape `(batch, 1)`.

    Output shape:
        `(readers, batch, attributes, most groups)`: log probabilities; an attribute with fewer
        groups has very negative ones in the columns beyond.
    """

    def __init__(
        self,
        group_counts,
        threshold=0.0,
        sharpness=Bernoulli.sharpness,
        readers=1,
        weight=1.0,
        units=32,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.group_counts = tuple(int(count) for count in group_counts)
        self.threshold, self.sharpness = float(threshold), float(sharpness)
        self.readers, self.units, self.seed = readers, units, seed
        self.weight = float(weight)
        self.reversal = GradientReversal(weight)
        most = np.arange(max(self.group_counts))
        absent = most >= np.array(self.group_counts)[:, None]  # (attributes, most groups)
        self.absent = np.where(absent, -1e9, 0.0).astype("float32")

    def build(self, predictions_shape, outcome_shape=None):
        self.hidden_kernel = self._add_kernel("hidden", 4, self.units, 0)
        self.head_kernel = self._add_kernel("head", self.units, self.absent.size, 1)

    def _add_kernel(self, name, inputs, units, number):
        seed = self.seed if self.seed is None else self.seed + number
        return self.add_weight(
            shape=(self.readers, inputs, units),
            initializer=keras.initializers.RandomNormal(stddev=inputs**-0.5, seed=seed),
            name=f"{name}_kernel",
        )

    def call(self, predictions, outcome):
        decision = ops.tanh(self.sharpness / 2 * (self.reversal(predictions) - self.threshold))
        outcome = ops.broadcast_to(outcome, ops.shape(decision))
        one = ops.ones_like(decision)
        reading = ops.concatenate([one, decision, outcome, decision * outcome], axis=-1)
        hidden = ops.relu(ops.matmul(reading, self.hidden_kernel))
        scores = ops.matmul(hidden, self.head_kernel)
        scores = ops.reshape(scores, (self.readers, -1, *self.absent.shape))
        return ops.log_softmax(scores + self.absent)

    def get_config(self):
        names = ("group_counts", "threshold", "sharpness", "readers", "weight", "units", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package=PACKAGE)
class FairMEDL(keras.Model):
    """Fair mixed effects deep learning (arXiv 2310.03146).

    The fixed effects are a network, the random effects a layer for each cluster variable, and
    `mix` adds them up. `fit` minimises, in one pass for networks and adversaries,

        L(y, y_M) + lam_F L(y, y_F) + lam_K KL(q(U) || p(U)) / N
          - lam_g CCE(z, z_hat) - lam_FE CCE(s, s_hat of A_F) - lam_ME CCE(s, s_hat of A_M)

    where L is a negative log likelihood and every adversary minimises its own cross-entropy. A
    part with weight 0 is left out. With several cluster variables the KL is the sum of theirs:
    the posterior is mean-field across them.

    Args:
        num_rows: Integer N. How many training rows the posterior is learned from.
        num_clusters: Integers. How many clusters of each cluster variable are seen.
        family: `"bernoulli"` (a 0/1 outcome, predictions are logits) or `"gaussian"` (a
            standardised outcome).
        group_counts: Integers. How many groups each sensitive attribute has.
        base_rate: Float in (0, 1). The share of positive training rows, for a 0/1 outcome.
        hidden: Integers. Units of the hidden layers; `()` makes the fixed effects linear.
        random_effects: For each cluster variable `"slopes"` (an intercept and slopes on the last
            hidden layer, uncorrelated), `"intercept"`, or integers: the columns of x on which
            slopes stand, correlated with the intercept. `()` for none at all.
        cluster_adversary: Float lam_g.
        fairness: Float lam_FE = lam_ME.
        fairness_on: Which predictions the fairness adversaries read: `"fixed"`, `"mixed"`.
            Without random effects the two are one, and one adversary reads it.
        fixed_loss: Float lam_F. `None` is 1 with an adversary and 0 without one, where any
            other weight would pull the likelihood's coefficients towards the pooled fit.
        kl_weight: Float lam_K. 1 is the likelihood's own.
        seed: Integer. Seeds initial weights and draws.

    Call arguments:
        inputs: Dictionary with `"x"`, float of shape `(batch, columns)`, and `"clusters"`, for
            each cluster variable one tensor as `RandomEffects` takes it.

    Returns:
        Dictionary of predictions on the link scale, of shape `(batch, 1)`: `"fixed"`,
        `"random"`, `"mixed"`, and `"prior_scale"` of shape `(batch, variables)`, the standard
        deviation of a new cluster's effect.
    """

    def __init__(
        self,
        *,
        num_rows,
        num_clusters,
        family="bernoulli",
        group_counts=(),
        base_rate=0.5,
        hidden=(64, 32, 16),
        random_effects=("slopes",),
        cluster_adversary=0.1,
        fairness=1.0,
        fairness_on=("fixed", "mixed"),
        fixed_loss=None,
        kl_weight=1.0,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.config = {
            "num_rows": int(num_rows),
            "num_clusters": tuple(num_clusters),
            "family": family,
            "group_counts": tuple(group_counts),
            "base_rate": float(base_rate),
            "hidden": tuple(hidden),
            "random_effects": tuple(
                kind if isinstance(kind, str) else tuple(kind) for kind in random_effects
            ),
            "cluster_adversary": float(cluster_adversary),
            "fairness": float(fairness),
            "fairness_on": tuple(fairness_on),
            "fixed_loss": fixed_loss,
            "kl_weight": float(kl_weight),
            "seed": seed,
        }
        adversarial = cluster_adversary > 0 or fairness > 0
        self.fixed_loss = float(adversarial if fixed_loss is None else fixed_loss)
        self.term_weights = {"fixed": self.fixed_loss, "kl": float(kl_weight)}
        seeds = np.random.SeedSequence(seed).generate_state(len(hidden) + 6).tolist()
        self.hidden_layers = [_dense(units, seeds.pop(), activation="relu") for units in hidden]
        self.fixed_head = _dense(1, seeds.pop())
        self.random_effects = _random_effects(num_clusters, random_effects, seeds.pop())
        self.cluster_adversary = cluster_adversary and keras.Sequential(
            [
                GradientReversal(cluster_adversary),
                _dense(ADVERSARY_UNITS, seeds.pop(), activation="relu", use_bias=False),
                _dense(sum(num_clusters), seeds.pop()),
            ]
        )
        likelihoods = ("fixed", "mixed") if random_effects else ("mixed",)
        self.family = Gaussian(likelihoods) if family == "gaussian" else Bernoulli(base_rate)
        self.readers = tuple(fairness_on) if random_effects else ("fixed",)
        self.fairness_adversary = fairness and FairnessAdversary(
            group_counts,
            self.family.threshold,
            self.family.sharpness,
            len(self.readers),
            fairness,
            seed=seeds.pop(),
        )
        self.term_metrics = {name: keras.metrics.Mean(name) for name in self._term_names()}

    def build(self, input_shape):
        width = input_shape["x"][-1]
        widths = [width, *self.config["hidden"]]
        for layer, units in zip(self.hidden_layers, widths[:-1], strict=True):
            layer.build((None, units))
        self.fixed_head.build((None, widths[-1]))
        self.family.build(None)
        for layer, kind in zip(self.random_effects, self.config["random_effects"], strict=True):
            slopes = {"slopes": widths[-1], "intercept": 0}.get(kind, len(kind))
            layer.build((None, slopes))
        if self.cluster_adversary:
            self.cluster_adversary.build((None, sum(widths[1:])))
        if self.fairness_adversary:
            self.fairness_adversary.build((None, None, 1))
        self.built = True

    def call(self, inputs, training=False):
        activations = self.activations(inputs["x"])
        fixed = self.fixed_head(activations[-1])
        outputs = {"fixed": fixed, "mixed": fixed}
        if self.random_effects:
            features = self.slope_features(activations)
            parts = zip(self.random_effects, features, inputs["clusters"], strict=True)
            random = sum(layer(*part, training=training) for layer, *part in parts)
            outputs |= {"random": random, "mixed": mix(fixed, random)}
            if not training:
                outputs["prior_scale"] = self.prior_scale(features)
        if training and self.cluster_adversary:
            outputs["clusters"] = self.cluster_adversary(ops.concatenate(activations[1:], axis=-1))
        return outputs

    def activations(self, x):
        """The input, and what each hidden layer makes of it: a list of `(batch, units)`."""
        activations = [x]
        for layer in self.hidden_layers:
            activations.append(layer(activations[-1]))
        return activations

    def slope_features(self, activations):
        """What the slopes of each cluster variable stand on: a list of `(batch, slopes)`."""
        features = {"slopes": activations[-1], "intercept": activations[-1][:, :0]}
        return [
            features[kind] if kind in features else ops.take(activations[0], kind, axis=1)
            for kind in self.config["random_effects"]
        ]

    def prior_scale(self, features):
        """Standard deviation of a new cluster's effect on each row: `(batch, variables)`."""
        parts = zip(self.random_effects, features, strict=True)
        return ops.concatenate([layer.prior_scale(part) for layer, part in parts], axis=-1)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        mean, outcome = _weighted_mean(sample_weight), y["outcome"]
        terms = {"mixed": mean(self.family.loss(outcome, y_pred["mixed"], "mixed"))}  # L(y, y_M)
        if self.random_effects:
            fixed = self.family.loss(outcome, y_pred["fixed"], "fixed")
            terms["fixed"] = mean(fixed)  # lam_F L(y, y_F)
            kl = sum(layer.kl() for layer in self.random_effects)
            terms["kl"] = kl / self.config["num_rows"]  # lam_K KL / N
        # The adversaries' terms enter with a plus: the reversal turns their sign for FE and RE.
        if training and self.cluster_adversary:
            losses = self._cluster_losses(x["clusters"], y_pred["clusters"])
            terms["cluster_adversary"] = mean(losses)  # lam_g CCE
        if training and self.fairness_adversary:
            losses = self._fairness_losses(y, y_pred)
            for number, name in enumerate(self.readers):
                terms[f"fairness_{name}"] = mean(losses[number])  # lam_FE, lam_ME CCE
        for name, value in terms.items():
            self.term_metrics[name].update_state(value)
        return sum(self.term_weights.get(name, 1.0) * value for name, value in terms.items())

    def _cluster_losses(self, clusters, scores):
        """Cross-entropy of each row, summed over the cluster variables: `(batch,)`."""
        total, start = 0.0, 0
        for labels, count in zip(clusters, self.config["num_clusters"], strict=True):
            total = total + _cross_entropy(labels, scores[:, start : start + count])
            start += count
        return total

    def _fairness_losses(self, y, y_pred):
        """Cross-entropy of each adversary and row, mean over attributes: `(readers, batch)`."""
        predictions = ops.stack([y_pred[name] for name in self.readers])
        guesses = self.fairness_adversary(predictions, y["outcome"])
        return -ops.sum(y["groups"] * guesses, axis=(2, 3)) / guesses.shape[2]

    def _term_names(self):
        names = ["mixed"]
        if self.random_effects:
            names += ["fixed", "kl"]
        if self.cluster_adversary:
            names += ["cluster_adversary"]
        if self.fairness_adversary:
            names += [f"fairness_{name}" for name in self.readers]
        return names

    def get_config(self):
        return self.config


def balanced_targets(groups, outcome, group_counts, sample_weight=None):
    """Targets of the fairness adversaries: one-hot groups, weighted by 1 / n(s, y).

    The groups of an attribute then weigh the same, however many rows they have. Of a 0/1
    outcome, positive rows carry three quarters of an attribute's weight, since true positive
    rates rest on few rows; a continuous one is cut at its quartiles, and the quarters weigh the
    same. An attribute of K groups weighs K - 1: so many differences it can have. The choices for
    a 0/1 outcome were made on validation rows.

    Args:
        groups: Integer array of shape `(rows, attributes)`.
        outcome: Array of shape `(rows,)`.
        group_counts: Integers. How many groups each attribute has.
        sample_weight: Array of shape `(rows,)` with mean 1, or `None`.

    Returns:
        Float32 array of shape `(rows, attributes, most groups)`. All its weights, times
        `sample_weight`, add up to one for each row and attribute.
    """
    targets = np.zeros((*groups.shape, max(group_counts)), dtype="float32")
    level, shares = outcome_levels(outcome)
    rows, levels = np.arange(len(groups)), len(shares)
    for number, weight in enumerate(attribute_weights(group_counts)):
        cell = groups[:, number] + group_counts[number] * level
        sizes = np.bincount(cell, sample_weight, levels * group_counts[number])
        share = np.array(shares) / np.count_nonzero(sizes.reshape(levels, -1), axis=1)
        sizes = np.where(sizes > 0, sizes, np.inf)  # a cell may hold rows of weight zero only
        targets[rows, number, groups[:, number]] = weight * len(rows) * share[level] / sizes[cell]
    return targets


def outcome_levels(outcome):
    """The level of each row's outcome, and what each level weighs in a fairness adversary's loss.

    Args:
        outcome: Array of shape `(rows,)`: 0/1, or continuous, which is cut at its quartiles.

    Returns:
        Integer array of shape `(rows,)`, and a tuple of shares that add up to one.
    """
    if set(np.unique(outcome)) <= {0, 1}:
        return outcome.astype(int), (0.25, 0.75)
    cuts = np.unique(np.quantile(outcome, [0.25, 0.5, 0.75]))
    levels = np.unique(np.searchsorted(cuts, outcome), return_inverse=True)[1]
    count = levels.max() + 1
    return levels, (1 / count,) * count


def attribute_weights(group_counts):
    """How much each attribute weighs in a fairness adversary's loss: K - 1, with a mean of 1."""
    differences = np.array(group_counts) - 1
    return differences / differences.mean()


@keras.saving.register_keras_serializable(package=PACKAGE)
class ClusterPredictor(keras.Model):
    """Infers a soft membership over the seen clusters from x (the Z-predictor), trained apart.

    Args:
        num_clusters: Integer. How many clusters are seen.
        hidden: Integers. Units of the hidden layers.
        seed: Integer. Seeds the initial weights.

    Call arguments:
        inputs: Float tensor of shape `(batch, columns)`.

    Returns:
        Probabilities of shape `(batch, num_clusters)`.
    """

    def __init__(self, num_clusters, hidden=(64, 32), seed=0, **kwargs):
        super().__init__(**kwargs)
        self.config = {"num_clusters": int(num_clusters), "hidden": tuple(hidden), "seed": seed}
        seeds = np.random.SeedSequence(seed).generate_state(len(hidden) + 1).tolist()
        self.hidden_layers = [_dense(units, seeds.pop(), activation="relu") for units in hidden]
        self.membership = _dense(num_clusters, seeds.pop(), activation="softmax")

    def build(self, input_shape):
        widths = [input_shape[-1], *self.config["hidden"]]
        for layer, units in zip([*self.hidden_layers, self.membership], widths, strict=True):
            layer.build((None, units))
        self.built = True

    def call(self, inputs):
        for layer in self.hidden_layers:
            inputs = layer(inputs)
        return self.membership(inputs)

    def get_config(self):
        return self.config


def _random_effects(num_clusters, kinds, seed):
    """One layer for each cluster variable; named slopes are correlated with the intercept."""
    return [
        RandomEffects(count, correlated=kind not in ("slopes", "intercept"), seed=seed + number)
        for number, (count, kind) in enumerate(zip(num_clusters, kinds, strict=False))
    ]


def _dense(units, seed, **options):
    initializer = keras.initializers.GlorotUniform(seed=int(seed))
    return keras.layers.Dense(units, kernel_initializer=initializer, **options)


def _cross_entropy(labels, logits):
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def _weighted_mean(sample_weight):
    if sample_weight is None:
        return ops.mean
    if isinstance(sample_weight, dict):  # Keras repeats the rows' weights for each target
        sample_weight = sample_weight["outcome"]
    return lambda loss: ops.mean(loss * sample_weight)
