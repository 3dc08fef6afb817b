"""The cells that debiasing compares: each group of an attribute at each level of the outcome."""

from dataclasses import dataclass

import numpy as np

LEVEL_WEIGHTS = (0.25, 0.75)  # of the rows with a 0/1 outcome of 0 and of 1


@dataclass(frozen=True)
class Cells:
    """The cell of each training row, and what debiasing must know of the cells.

    Args:
        codes: Int32 array of shape `(rows, attributes)`, as `cell_codes` numbers them.
        shares: Float32 array of shape `(attributes, levels, most groups)`, as in `cell_shares`.
        level_weights: Floats that add up to one: what each level of the outcome weighs.
        group_counts: Integers. How many groups each attribute has.
    """

    codes: np.ndarray
    shares: np.ndarray
    level_weights: tuple
    group_counts: tuple

    @classmethod
    def learn(cls, groups, group_counts, outcome, sample_weight=None):
        """Learn the cells of training rows. Arguments as in the functions below."""
        level, level_weights = outcome_levels(outcome)
        codes = cell_codes(groups, level, group_counts)
        shape = (len(group_counts), len(level_weights), max(group_counts))
        shares = cell_shares(codes, shape, sample_weight)
        return cls(codes, shares, level_weights, tuple(group_counts))

    def chance_level(self):
        """The loss, in nats, of an adversary that learns nothing, where groups weigh the same.

        At each level it is the logarithm of how many groups occur there.
        """
        counts = (self.shares > 0).sum(axis=2)  # (attributes, levels)
        of_attribute = np.log(np.maximum(counts, 1)) @ np.array(self.level_weights)
        return float(np.mean(attribute_weights(self.group_counts) * of_attribute))


def cell_codes(groups, level, group_counts):
    """Number each row's cell of each attribute: level x most groups + group.

    Args:
        groups: Integer array of shape `(rows, attributes)`.
        level: Integer array of shape `(rows,)`.
        group_counts: Integers. How many groups each attribute has.
    """
    return (groups + max(group_counts) * level[:, None]).astype("int32")


def cell_shares(cells, shape, sample_weight=None):
    """The share of the rows, or of their weight, that each cell holds.

    Args:
        cells: Integer array of shape `(rows, attributes)`.
        shape: Attributes, levels, most groups.
        sample_weight: Array of shape `(rows,)`, or `None`.

    Returns:
        Float32 array of that shape. Of each attribute they add up to one.
    """
    counts = [np.bincount(column, sample_weight, shape[1] * shape[2]) for column in cells.T]
    counts = np.reshape(counts, shape)
    return (counts / counts.sum(axis=(1, 2), keepdims=True)).astype("float32")


def outcome_levels(outcome):
    """The level of each row's outcome, and what each level weighs in debiasing.

    Of a 0/1 outcome, positive rows weigh three quarters, since true positive rates rest on few
    rows: a choice made on validation rows. A continuous one is cut at its quartiles.

    Args:
        outcome: Array of shape `(rows,)`.

    Returns:
        Integer array of shape `(rows,)`, and a tuple of weights that add up to one.
    """
    if set(np.unique(outcome)) <= {0, 1}:
        return outcome.astype(int), LEVEL_WEIGHTS
    cuts = np.unique(np.quantile(outcome, [0.25, 0.5, 0.75]))
    levels = np.unique(np.searchsorted(cuts, outcome), return_inverse=True)[1]
    count = levels.max() + 1
    return levels, (1 / count,) * count


def attribute_weights(group_counts):
    """How much each attribute weighs in debiasing: K - 1, with a mean of 1."""
    differences = np.array(group_counts) - 1
    return differences / differences.mean()
