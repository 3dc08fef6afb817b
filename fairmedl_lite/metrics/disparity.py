"""How much of a disparity lies within clusters, and how much between them."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fairmedl_lite import checks, tables
from fairmedl_lite.metrics.groups import relative_weights


def kitagawa_decomposition(
    decision: ArrayLike,
    *,
    clusters: ArrayLike,
    is_first: ArrayLike,
    sample_weight: ArrayLike | None = None,
) -> pd.Series:
    """Split the difference in rate between two groups into within and between clusters.

    The decomposition of Kitagawa (1955), Oaxaca and Blinder: within is the difference in rate at
    the two groups' mean share of each cluster, between the difference in share at their mean
    rate. A cluster that holds one group only counts as having no difference within.

    Args:
        decision: Array of shape `(rows,)`: 0/1, a probability, or a continuous prediction, whose
            mean then stands for the rate.
        clusters: Series of shape `(rows,)`.
        is_first: Boolean array of shape `(rows,)`: whether a row is of the first group.
        sample_weight: Array of shape `(rows,)`, zero or more. Rates and shares are then weighted.

    Returns:
        Series with `within`, `between` and their sum `total`: the first group's rate minus the
        other's, exactly. All are missing where the rows of a group weigh nothing.

    Raises:
        ValueError: If lengths differ, a value is missing, or only one group occurs.

    Example:
        >>> hired = [1, 1, 1, 0, 0, 0]  # one firm hires all who apply, the other none
        >>> firm = pd.Series(["a", "a", "a", "b", "b", "b"])
        >>> is_man = np.array([True, True, False, True, False, False])
        >>> kitagawa_decomposition(hired, clusters=firm, is_first=is_man).round(2).to_dict()
        {'within': 0.0, 'between': 0.33, 'total': 0.33}
    """
    parts = {"decision": decision, "clusters": clusters, "is_first": is_first}
    tables.check_rows(**parts, sample_weight=sample_weight)
    weight = np.ones(len(is_first)) if sample_weight is None else relative_weights(sample_weight)
    decision = checks.check_values(decision, "decision")
    codes = pd.factorize(tables.check_labels(clusters, "clusters"))[0]
    cell = 2 * codes + _check_flags(is_first)
    size, total = (
        np.bincount(cell, each, 2 * (codes.max() + 1)).reshape(-1, 2)  # (clusters, groups)
        for each in (weight, weight * decision)
    )
    seen = size.any(axis=1)
    if not size.any(axis=0).all():
        return pd.Series(dict.fromkeys(("within", "between", "total"), np.nan))
    share = size[seen] / size.sum(axis=0)
    rate = np.divide(total, size, out=np.full(size.shape, np.nan), where=size > 0)[seen]
    rate = np.where(np.isnan(rate), rate[:, ::-1], rate)  # of a cluster of one group
    within = share.mean(axis=1) @ (rate[:, 1] - rate[:, 0])
    between = (share[:, 1] - share[:, 0]) @ rate.mean(axis=1)
    return pd.Series({"within": within, "between": between, "total": within + between})


def disparity_split(
    scores: dict[str, ArrayLike],
    *,
    clusters: ArrayLike,
    sensitive_features: pd.DataFrame | pd.Series,
    positive_rate: float | None,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """Each group's disparity within and between clusters, for several predictions alike.

    Does a cluster's random effect bring a difference between groups back? Each prediction
    declares the same share of all rows positive, the highest scores first; rows that tie at the
    threshold share what is left (Hardt, Price and Srebro 2016). A group is compared with all
    other rows, so that of two groups one is the other's mirror.

    Args:
        scores: Dictionary of name to array of shape `(rows,)`, such as the fixed, random and
            mixed prediction.
        clusters: Series of shape `(rows,)`.
        sensitive_features: DataFrame of shape `(rows, attributes)`, or Series.
        positive_rate: Float in (0, 1). `None` takes the scores as they are, as for a continuous
            outcome.
        sample_weight: As in `kitagawa_decomposition`; the share of rows is then one of weight.

    Returns:
        DataFrame with `effects` (the name), `attribute`, `group`, and the parts of
        `kitagawa_decomposition`: the group's rate minus that of all others, missing where either
        weighs nothing.

    Raises:
        ValueError: If the rate is not in (0, 1), an attribute has a single group, lengths differ
            or a value is missing.

    Example:
        >>> scores = {"fixed": [0.5] * 6, "mixed": [0.6, 0.6, 0.6, 0.4, 0.4, 0.4]}
        >>> firm = pd.Series(["a", "a", "a", "b", "b", "b"])
        >>> sex = pd.DataFrame({"sex": ["m", "m", "f", "m", "f", "f"]})
        >>> rows = disparity_split(scores, clusters=firm, sensitive_features=sex, positive_rate=0.5)
        >>> rows.round(2)
          effects attribute group  within  between  total
        0   fixed       sex     f     0.0     0.00   0.00
        1   fixed       sex     m     0.0     0.00   0.00
        2   mixed       sex     f     0.0    -0.33  -0.33
        3   mixed       sex     m     0.0     0.33   0.33
    """
    if positive_rate is not None and not 0 < positive_rate < 1:
        raise ValueError(f"positive_rate must lie in (0, 1). Received: {positive_rate!r}.")
    rows = {"sensitive_features": sensitive_features, "sample_weight": sample_weight}
    tables.check_rows(clusters=clusters, **rows, **scores)
    groups, codes = tables.check_groups(sensitive_features)
    clusters = pd.factorize(tables.check_labels(clusters, "clusters"))[0]  # faster than labels
    weight = np.ones(len(codes)) if sample_weight is None else relative_weights(sample_weight)
    rows = []
    for effects, score in scores.items():
        score = checks.check_values(score, f"scores[{effects!r}]")
        decision = _highest(score, positive_rate, weight)
        for attribute, code in zip(groups, codes.T, strict=True):
            for number, group in enumerate(groups[attribute]):
                options = {"is_first": code == number, "sample_weight": weight}
                parts = kitagawa_decomposition(decision, clusters=clusters, **options)
                rows.append({"effects": effects, "attribute": attribute, "group": group, **parts})
    return pd.DataFrame(rows)


def _check_flags(is_first):
    flags = np.asarray(is_first)
    values = pd.unique(flags.ravel())
    if flags.ndim != 1 or set(values) != {True, False}:
        raise ValueError(
            "is_first must be True or False for each row, and hold both groups. "
            f"Received: shape {flags.shape} with {values[:5].tolist()}. "
            "Compare a column with the group: groups == 'Male'."
        )
    return flags.astype(bool)


def _highest(score, positive_rate, weight):
    """One for the highest scores, a fraction at the threshold: their mean is the rate."""
    if positive_rate is None:
        return score
    wanted = positive_rate * weight.sum()
    order = np.argsort(-score, kind="stable")
    reached = np.cumsum(weight[order]) >= wanted * (1 - 1e-12)
    threshold = score[order[np.argmax(reached)]]
    above, at = score > threshold, score == threshold
    return above + at * (wanted - above @ weight) / (at @ weight)
