"""FairMEDL, one keras.Model with optional parts, and the cluster predictor."""

from fairmedl_lite.model.backend import PACKAGE, keras, ops
from fairmedl_lite.model.cells import LEVEL_WEIGHTS
from fairmedl_lite.model.cluster_adversary import ClusterAdversary
from fairmedl_lite.model.debiasing import FORMS
from fairmedl_lite.model.families import Bernoulli, Gaussian
from fairmedl_lite.model.parts import arguments, dense, hidden_layers, part_seed
from fairmedl_lite.model.random_effects import RandomEffects


def mix(fixed, random):
    """The mixing function f_M: fixed and random effects add up on the link scale.

    Example:
        >>> mix(1.0, -0.25)
        0.75
    """
    return fixed + random


@keras.saving.register_keras_serializable(package=PACKAGE)
class FairMEDL(keras.Model):
    """Fair mixed effects deep learning (arXiv 2310.03146).

    The fixed effects are a network, the random effects a layer for each cluster variable, and
    `mix` adds them up. `fit` minimises, in one pass for networks and adversaries,

        L(y, y_M) + lam_F L(y, y_F) + lam_K KL(q(U) || p(U)) / N
          - lam_g CCE(z, z_hat) - lam_FE CCE(s, s_hat of A_F) - lam_ME CCE(s, s_hat of A_M)

    where L is a negative log likelihood and every adversary minimises its own cross-entropy. The
    other forms of debiasing put a penalty in place of the last two terms. A part with weight 0 is
    left out. With several cluster variables the KL is the sum of theirs:
    the posterior is mean-field across them.

    Args:
        num_rows: Number N. How many training rows the posterior is learned from, or the sum of
            their weights.
        num_clusters: Integers. How many clusters of each cluster variable are seen.
        added_clusters: Integers. How many of each came after the fit; `()` for none.
        family: `"bernoulli"` (a 0/1 outcome, predictions are logits) or `"gaussian"` (a
            standardised outcome).
        group_counts: Integers. How many groups each sensitive attribute has.
        base_rate: Float in (0, 1). The share of positive training rows, for a 0/1 outcome.
        hidden: Integers. Units of the hidden layers; `()` makes the fixed effects linear.
        random_effects: For each cluster variable `"slopes"` (an intercept and slopes on the last
            hidden layer, uncorrelated), `"intercept"`, or integers: the columns of x on which
            slopes stand, correlated with the intercept. `()` for none at all.
        cluster_adversary: Float lam_g.
        cluster_adversary_reads: What it reads of the hidden layers: their `"activations"`, as in
            the paper, or `"standardised"` ones, and then it learns ten times as fast.
        fairness: Float lam_FE = lam_ME.
        fairness_on: Which predictions debiasing reads: `"fixed"`, `"mixed"`. Without random
            effects the two are one, and it is read once.
        debias: The form of debiasing: `"adversary"`, `"correlation"` or `"equalized_odds"`.
        attribute_weights: Floats. How much each attribute weighs in it, with a mean of 1; or `()`.
        level_weights: Floats that add up to one: what each level of the outcome weighs in it.
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

    Example:
        >>> model = FairMEDL(num_rows=100, num_clusters=(3,), group_counts=(2,))
        >>> rows = {"x": np.zeros((4, 2)), "clusters": (np.array([0, 1, 2, -1]),)}
        >>> {name: tuple(part.shape) for name, part in model(rows).items()}
        {'fixed': (4, 1), 'mixed': (4, 1), 'random': (4, 1), 'prior_scale': (4, 1)}
    """

    def __init__(
        self,
        *,
        num_rows: int,
        num_clusters,
        added_clusters=(),
        family: str = "bernoulli",
        group_counts=(),
        base_rate: float = 0.5,
        hidden=(64, 32, 16),
        random_effects=("slopes",),
        cluster_adversary: float = 0.1,
        cluster_adversary_reads: str = "activations",
        fairness: float = 1.0,
        fairness_on=("fixed", "mixed"),
        debias: str = "adversary",
        attribute_weights=(),
        level_weights=LEVEL_WEIGHTS,
        fixed_loss: float | None = None,
        kl_weight: float = 1.0,
        seed: int = 0,
        **kwargs,
    ):
        settings = arguments(locals())
        super().__init__(**kwargs)
        self.settings = settings
        likelihoods = ("fixed", "mixed") if random_effects else ("mixed",)
        self.family = Gaussian(likelihoods) if family == "gaussian" else Bernoulli(base_rate)
        self.hidden_layers = hidden_layers(hidden, seed)
        self.fixed_head = dense(1, part_seed(seed, "fixed head"))
        self.random_effects = _random_effects(
            num_clusters, added_clusters, random_effects, seed, full=not hidden or added_clusters
        )
        self.cluster_adversary = cluster_adversary and ClusterAdversary(
            num_clusters, cluster_adversary, cluster_adversary_reads, seed
        )
        self.readers = tuple(fairness_on) if random_effects else ("fixed",)
        self.debiasing = fairness and FORMS[debias](
            group_counts,
            level_weights=level_weights,
            threshold=self.family.threshold,
            sharpness=self.family.sharpness,
            readers=self.readers,
            weight=fairness,
            attribute_weights=attribute_weights,
            dtype="float32",  # a loss needs no fewer bits under mixed precision, and no more
            seed=part_seed(seed, "debiasing"),
        )
        adversarial = cluster_adversary > 0 or fairness > 0
        self.fixed_loss = float(adversarial if fixed_loss is None else fixed_loss)
        self.term_weights = {"fixed": self.fixed_loss, "kl": float(kl_weight)}
        self.term_metrics = {name: keras.metrics.Mean(name) for name in self._term_names()}

    def build(self, input_shape):
        self.built_shape = input_shape
        width = input_shape["x"][-1]
        widths = [width, *self.settings["hidden"]]
        for layer, units in zip(self.hidden_layers, widths[:-1], strict=True):
            layer.build((None, units))
        self.fixed_head.build((None, widths[-1]))
        self.family.build(None)
        for layer, kind in zip(self.random_effects, self.settings["random_effects"], strict=True):
            slopes = {"slopes": widths[-1], "intercept": 0}.get(kind, len(kind))
            layer.build((None, slopes))
        if self.cluster_adversary:
            self.cluster_adversary.build((None, sum(widths[1:])))
        if self.debiasing:
            self.debiasing.build()
        # Not a constant of the graph: one compiled model then serves any number of rows.
        self.rows = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.settings["num_rows"]),
            trainable=False,
            name="rows",
        )
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
        return {name: ops.cast(part, self.variable_dtype) for name, part in outputs.items()}

    @property
    def adversaries(self):
        """The layers that no prediction needs."""
        return [part for part in (self.cluster_adversary, self.debiasing) if part]

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
            for kind in self.settings["random_effects"]
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
            terms["kl"] = kl / self.rows  # lam_K KL / N
        # The adversaries' terms enter with a plus: the reversal turns their sign for FE and RE.
        if training and self.cluster_adversary:
            losses = self.cluster_adversary.loss(y_pred["clusters"], x["clusters"])
            terms["cluster_adversary"] = mean(losses)  # lam_g CCE
        if training and self.debiasing:
            losses = self._fairness_losses(y, y_pred, sample_weight)
            for number, name in enumerate(self.readers):
                terms[f"fairness_{name}"] = losses[number]  # lam_FE, lam_ME CCE
        terms = {name: ops.cast(value, self.variable_dtype) for name, value in terms.items()}
        for name, value in terms.items():
            self.term_metrics[name].update_state(value)
        return sum(self.term_weights.get(name, 1.0) * value for name, value in terms.items())

    def task_loss(self, x, y):
        """L(y, y_M) of each row, at the posterior mean: `(batch,)`."""
        return self.family.loss(y["outcome"], self(x)["mixed"], "mixed")

    def _fairness_losses(self, y, y_pred, sample_weight):
        """The loss of each reader of debiasing: `(readers,)`."""
        outcome = ops.cast(y["outcome"], "float32")
        predictions = ops.cast(ops.stack([y_pred[name] for name in self.readers]), "float32")
        weights = ops.ones_like(outcome[:, 0]) if sample_weight is None else sample_weight
        return self.debiasing.loss(predictions, outcome, y["cells"], weights)

    def _term_names(self):
        names = ["mixed"]
        if self.random_effects:
            names += ["fixed", "kl"]
        if self.cluster_adversary:
            names += ["cluster_adversary"]
        if self.debiasing:
            names += [f"fairness_{name}" for name in self.readers]
        return names

    def get_config(self):
        return dict(self.settings)


def _random_effects(num_clusters, added, kinds, seed, full):
    """One layer for each cluster variable; named slopes are correlated with the intercept.

    The posterior of a linear model's slopes is full within a cluster, that of a network's is not,
    but for clusters that came after the fit.
    """
    seeds = [part_seed(seed, f"random effects {number}") for number in range(len(kinds))]
    added = added or (0,) * len(kinds)
    return [
        RandomEffects(
            count,
            correlated=kind not in ("slopes", "intercept"),
            full=None if kind == "intercept" else bool(full) or None,
            added=more,
            seed=start,
        )
        for count, more, kind, start in zip(num_clusters, added, kinds, seeds, strict=False)
    ]


def _weighted_mean(weights):
    return ops.mean if weights is None else lambda loss: ops.mean(loss * weights)
