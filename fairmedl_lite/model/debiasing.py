"""How predictions are pressed to treat groups alike: one term of the loss, in three forms."""

import numpy as np

from fairmedl_lite.model.backend import PACKAGE, keras, ops
from fairmedl_lite.model.cells import LEVEL_WEIGHTS, attribute_weights
from fairmedl_lite.model.families import Bernoulli
from fairmedl_lite.model.parts import part_seed
from fairmedl_lite.model.reversal import GradientReversal

MEMORY, EPSILON = 0.97, 1e-9  # of the running means; the smallest share
SMALLEST_SPREAD = 0.03  # a running mean's noise: below it the slope of a spread fades
SCALE = 0.3  # of the penalties: at a weight of 1 they cost .002 to .008 AUROC, an adversary .005


class Debiasing(keras.layers.Layer):
    """What the three forms share: cells of equal group and outcome, and a soft decision.

    A cell is a group at a level of the outcome. The prediction is read as the soft decision
    `tanh(sharpness / 2 (prediction - threshold))`. For a 0/1 outcome that is close to the
    decision whose rates are compared. It is bounded: a network that can scale up what is read
    can make the loss of its adversary as large as it likes.

    Args:
        group_counts: As in `FairnessAdversary`, and so are all.
    """

    def __init__(
        self,
        group_counts,
        level_weights=LEVEL_WEIGHTS,
        threshold=0.0,
        sharpness=Bernoulli.sharpness,
        readers=("mixed",),
        weight=1.0,
        attribute_weights=(),
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.group_counts = tuple(int(count) for count in group_counts)
        self.level_weights = tuple(level_weights)
        self.start, self.sharpness = float(threshold), float(sharpness)
        self.readers, self.weight, self.seed = tuple(readers), float(weight), seed
        self.shape = (len(self.group_counts), len(self.level_weights), max(self.group_counts))
        asked = attribute_weights or (1.0,) * len(self.group_counts)
        self.attribute_weights = np.array(asked, "float32")

    def build(self, predictions_shape=None, outcome_shape=None):
        # Not constants of the graph: one compiled model then serves any rows.
        self.threshold = self._add_state("threshold", (), self.start)
        self.cell_shares = self._add_state("cell_shares", self.shape, 1 / np.prod(self.shape[1:]))

    def learn(self, cells):
        """Take over how often each cell occurs among the training rows.

        Args:
            cells: A `Cells`.
        """
        self.cell_shares.assign(cells.shares)

    def _add_state(self, name, shape, value=0.0):
        initializer = keras.initializers.Constant(value)
        return self.add_weight(shape=shape, initializer=initializer, trainable=False, name=name)

    def decision(self, predictions):
        """The soft decision, between -1 and 1."""
        return ops.tanh(self.sharpness / 2 * (predictions - self.threshold))

    def members(self, cells):
        """One for the cell of each row: `(batch, attributes, levels, most groups)`."""
        _, levels, most = self.shape
        return ops.reshape(ops.one_hot(cells, levels * most), (-1, *self.shape))

    def cell_weights(self):
        """What each cell weighs in the loss: `(attributes, levels, most groups)`.

        Of an attribute all weigh one: its levels as `level_weights` says, and the groups at a
        level the same, however many rows they have.
        """
        occurs = ops.cast(self.cell_shares > 0, "float32")
        groups = ops.maximum(ops.sum(occurs, axis=2, keepdims=True), 1.0)
        return occurs / groups * np.array(self.level_weights, "float32")[:, None]


@keras.saving.register_keras_serializable(package=PACKAGE)
class FairnessAdversary(Debiasing):
    """Predicts the sensitive attributes from a prediction and the outcome (A_F, A_M).

    Reading the outcome too is what aims at equalized odds (Zhang, Lemoine, Mitchell 2018). Its
    gradient reaches the prediction reversed. Several adversaries, one for each prediction they
    read, share nothing but the step in which they are computed. A row weighs 1 / n(s, y) in its
    loss, so that the cells weigh as `cell_weights` says, and an attribute of K groups weighs K - 1:
    so many differences it can have.

    Args:
        group_counts: Integers. How many groups each attribute has.
        units: Integer. Hidden units.
        level_weights: Floats that add up to one: what each level of the outcome weighs.
        threshold: Float. The prediction in the middle: for logits that of the base rate.
        sharpness: Float. How fast the decision turns from -1 to 1.
        readers: Strings. The names of the predictions that are read: `"fixed"`, `"mixed"`.
        weight: Float, zero or more. The lambda of the term in the loss.
        attribute_weights: Floats. How much each attribute weighs beside the others, with a mean of
            1; `()` is 1 for each.
        seed: Integer. Seeds the initial weights.

    Call arguments:
        predictions: Tensor of shape `(readers, batch, 1)`: what each of them reads.
        outcome: Tensor of shape `(batch, 1)`.

    Output shape:
        `(readers, attributes, most groups, batch)`: log probabilities; an attribute with fewer
        groups has very negative ones in the rows beyond. The batch comes last: a processor adds
        up neighbours, and there are more rows than groups.

    Example:
        >>> adversary = FairnessAdversary(group_counts=(2, 3), seed=0)
        >>> tuple(adversary(np.zeros((1, 4, 1)), np.ones((4, 1))).shape)
        (1, 2, 3, 4)
    """

    def __init__(self, group_counts, units=32, **kwargs):
        super().__init__(group_counts, **kwargs)
        self.units = units
        self.reversal = GradientReversal(self.weight, dtype=self.dtype_policy)
        attributes, _, most = self.shape
        absent = np.arange(most)[:, None] >= np.array(self.group_counts)[:, None, None]
        self.absent = np.where(absent, -1e9, 0.0).astype("float32")  # (attributes, most groups, 1)

    def build(self, predictions_shape=None, outcome_shape=None):
        super().build()
        self.hidden_kernel = self._add_kernel("hidden", 4, self.units)
        self.head_kernel = self._add_kernel("head", self.units, self.absent.size)

    def _add_kernel(self, name, inputs, units):
        normal, seeds = keras.initializers.RandomNormal, self._seeds(name)
        starts = [normal(stddev=inputs**-0.5, seed=seed)((inputs, units)) for seed in seeds]
        return self.add_weight(
            shape=(len(starts), units, inputs),
            initializer=lambda shape, dtype: ops.transpose(ops.stack(starts), (0, 2, 1)),
            name=f"{name}_kernel",
        )

    def _seeds(self, name):
        return [part_seed(self.seed, f"{reader} {name}") for reader in self.readers]

    def call(self, predictions, outcome):
        decision = self.decision(self.reversal(predictions[..., 0]))  # (readers, batch)
        outcome = ops.broadcast_to(outcome[:, 0], ops.shape(decision))
        one = ops.ones_like(decision)
        reading = ops.stack([one, decision, outcome, decision * outcome], axis=1)
        hidden = ops.relu(ops.matmul(self.hidden_kernel, reading))  # (readers, units, batch)
        scores = ops.matmul(self.head_kernel, hidden)
        scores = ops.reshape(scores, (len(self.readers), *self.absent.shape[:2], -1)) + self.absent
        return scores - ops.logsumexp(scores, axis=2, keepdims=True)

    def loss(self, predictions, outcome, cells, row_weights):
        """Cross-entropy of each adversary, a mean over attributes: `(readers,)`.

        Args:
            predictions: Tensor of shape `(readers, batch, 1)`.
            outcome: Tensor of shape `(batch, 1)`.
            cells: Integer tensor of shape `(batch, attributes)`: level x most groups + group.
            row_weights: Tensor of shape `(batch,)`, with a mean of 1 over all rows.
        """
        attributes, levels, most = self.shape
        of_cell = self.cell_weights() / ops.maximum(self.cell_shares, EPSILON)
        of_attribute = attribute_weights(self.group_counts) * self.attribute_weights
        of_cell = of_cell * of_attribute[:, None, None].astype("float32")
        cells = ops.transpose(cells)  # (attributes, batch)
        first = levels * most * np.arange(attributes, dtype="int32")[:, None]
        of_row = ops.take(ops.reshape(of_cell, (-1,)), cells + first) * row_weights
        groups = ops.one_hot(cells % most, most, axis=1)  # (attributes, most groups, batch)
        targets = groups * of_row[:, None]
        losses = ops.sum(targets * self(predictions, outcome), axis=(1, 2))
        return -ops.mean(losses, axis=1) / len(self.group_counts)


@keras.saving.register_keras_serializable(package=PACKAGE)
class AbsoluteCorrelation(Debiasing):
    """The absolute correlation between the decision and each group's membership, in a batch.

    The paper's Fair(ACL), after Beutel et al. 2019, "Putting fairness principles into practice".
    It does not read the outcome, so it aims at demographic parity. The penalty is the mean over
    the groups of all attributes.

    Args:
        group_counts: As in `FairnessAdversary`, and so are all but `units`.

    Example:
        >>> penalty = AbsoluteCorrelation(group_counts=(2,))
        >>> penalty.build()
        >>> scores, cells = np.float32([[[-9], [9]]]), np.array([[0], [1]])  # one low, one high
        >>> np.asarray(penalty.loss(scores, None, cells, np.ones(2, "float32"))).round(2)
        array([0.3], dtype=float32)
    """

    def loss(self, predictions, outcome, cells, row_weights):
        """The penalty, times its weight: `(readers,)`. Arguments as in `FairnessAdversary`."""
        share = row_weights / ops.sum(row_weights)
        groups = ops.sum(self.members(cells), axis=2)  # (batch, attributes, most groups)
        groups = ops.reshape(groups, (-1, self.shape[0] * self.shape[2]))
        groups = _standardised(groups, share[:, None], axis=0)
        decision = _standardised(self.decision(predictions[..., 0]), share, axis=1)
        correlation = ops.abs(ops.matmul(decision * share, groups))  # (readers, groups)
        correlation = correlation * np.repeat(self.attribute_weights, self.shape[2])
        return SCALE * self.weight * ops.sum(correlation, axis=1) / sum(self.group_counts)


@keras.saving.register_keras_serializable(package=PACKAGE)
class EqualizedOdds(Debiasing):
    """The spread of the groups' mean decisions among rows of one outcome, as a direct penalty.

    The penalty of an attribute is the root of the mean over its cells of the squared gap between
    the cell's mean decision and that of all rows of its level of the outcome: equalized odds
    (Hardt, Price, Srebro 2016) with a soft decision, as Bechavod and Ligett 2017 and Donini et al.
    2018 penalise it. The root presses on small spreads as on large ones. A batch holds few rows of
    a small group, so each mean is a running one, while the gradient is that of the batch's rows
    over how many the cell has on average: right on average for small groups too.

    Args:
        group_counts: As in `FairnessAdversary`, and so are all but `units`.

    Example:
        >>> penalty = EqualizedOdds(group_counts=(2,))
        >>> penalty.build()
        >>> scores, cells = np.float32([[[-9], [9], [-9], [9]]]), np.array([[0], [1], [2], [3]])
        >>> np.asarray(penalty.loss(scores, None, cells, np.ones(4, "float32"))).round(2)
        array([0.3], dtype=float32)
    """

    def build(self, predictions_shape=None, outcome_shape=None):
        super().build()
        self.sums = self._add_state("sums", (len(self.readers), *self.shape))
        self.counts = self._add_state("counts", self.shape, EPSILON)

    def loss(self, predictions, outcome, cells, row_weights):
        """The penalty, times its weight: `(readers,)`. Arguments as in `FairnessAdversary`."""
        members = self.members(cells) * row_weights[:, None, None, None]
        sums = self._cell_sums(predictions, members)  # (readers, attributes, levels, groups)
        gap = self._running_gap(sums, ops.mean(members, axis=0))
        weighted = self.cell_weights() * gap
        # The root of an attribute's mean square: (readers, attributes, 1, 1)
        spread = ops.sqrt(ops.sum(weighted * gap, axis=(2, 3), keepdims=True) + SMALLEST_SPREAD**2)
        slope = ops.sum(weighted * self._pull(sums) / spread, axis=(2, 3))  # (readers, attributes)
        slope = ops.mean(self.attribute_weights * slope, axis=1)
        value = ops.mean(self.attribute_weights * spread[..., 0, 0], axis=1)
        # What is shown is the penalty; what is differentiated is its unbiased slope.
        return SCALE * self.weight * (ops.stop_gradient(value - slope) + slope)

    def _cell_sums(self, predictions, members):
        """The decisions of each cell's rows, added up, over the batch's rows."""
        decision = self.decision(predictions[..., 0])  # (readers, batch)
        flat = ops.reshape(members, (-1, int(np.prod(self.shape))))  # (batch, cells)
        rows = ops.cast(ops.shape(flat)[0], "float32")
        sums = ops.matmul(decision, flat) / rows  # (readers, cells)
        return ops.reshape(sums, (len(self.readers), *self.shape))

    def _running_gap(self, sums, counts):
        """How far each cell's running mean lies from that of its level."""
        for state, new in ((self.sums, sums), (self.counts, counts)):
            state.assign(MEMORY * state + (1 - MEMORY) * ops.stop_gradient(new))
        pooled = ops.sum(self.sums, axis=-1, keepdims=True)
        pooled = pooled / ops.maximum(ops.sum(self.counts, axis=-1, keepdims=True), EPSILON)
        return self.sums / ops.maximum(self.counts, EPSILON) - pooled

    def _pull(self, sums):
        """The batch's gaps, over how many rows the cell has on average: through it the gradient."""
        share = ops.maximum(self.cell_shares, EPSILON)  # (attributes, levels, groups)
        level = ops.maximum(ops.sum(self.cell_shares, axis=2, keepdims=True), EPSILON)
        return sums / share - ops.sum(sums, axis=-1, keepdims=True) / level


FORMS = {
    "adversary": FairnessAdversary,
    "correlation": AbsoluteCorrelation,
    "equalized_odds": EqualizedOdds,
}


def _standardised(values, share, axis):
    """Values less their mean, over their standard deviation; a constant stays zero."""
    centred = values - ops.sum(values * share, axis=axis, keepdims=True)
    variance = ops.sum(ops.square(centred) * share, axis=axis, keepdims=True)
    return centred / ops.sqrt(variance + 1e-6)
