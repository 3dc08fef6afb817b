"""Means of groups whose rows come in clusters: what they vary by, and what two groups share.

A mean is a ratio of sums over clusters, sum w y / sum w, and the clusters are what was sampled. Its
variance is that of the jackknife: leave out one cluster after the other, and see how far the mean
moves. Of those tried it is the one whose intervals held the truth most evenly from 14 clusters on
(`study/experiments/group_coverage.py`).
"""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import expit, logit, stdtrit

from fairmedl_lite import tables
from fairmedl_lite.checks import FINEST

LEVEL = 0.975  # of the t distribution, for 95 % intervals


class OneWay:
    """Group means by one cluster variable, from the sums of each group and cluster.

    With h the share of a cluster in its group's weight, leaving it out moves the mean by
    h (mean of the group - mean of the group in the cluster) / (1 - h). The covariance of two
    groups is the sum over clusters of the products of what each moves by, times (n - 1) / n for n
    clusters of a group. Of clusters of one row each it is the usual squared standard error.

    Args:
        weight: Array of shape `(groups, clusters)`: the sum of the rows' weights.
        total: Array of that shape: the sum of weight times value.
        size: Float, or array of shape `(groups, 1)`: that of the values. Means that differ by no
            more than rounding do not differ.
    """

    def __init__(self, weight, total, size=1.0):
        self.weight = weight.sum(axis=1)  # (groups,)
        whole = np.where(self.weight > 0, self.weight, np.nan)[:, None]
        share = weight / whole  # (groups, clusters)
        self.clusters = np.where((share == 1).any(axis=1), 1, (weight > 0).sum(axis=1))
        self.known = self.clusters > 1
        self.mean = total.sum(axis=1) / whole[:, 0]
        self.share = np.where(self.known[:, None], share, np.nan)
        apart = (total - weight * self.mean[:, None]) / whole
        apart = np.where(np.abs(apart) > FINEST * size * share, apart, 0)
        factor = np.sqrt(1 - 1 / np.maximum(self.clusters, 1))[:, None]
        self.moves = factor * apart / (1 - self.share)
        self.covariance = self.moves @ self.moves.T  # (groups, groups)

    def degrees_of_freedom(self, contrast):
        """Those of Bell and McCaffrey (2002), for a sum of means times this contrast.

        The variance is a sum over clusters of squares that, were rows independent, had the
        covariance matrix G = diag(d) - U U'; they are trace(G)^2 / trace(G^2).
        """
        used = contrast != 0
        share, size = self.share[used], self.weight[used, None]
        part = contrast[used, None] ** 2 * share / (1 - share) / size  # (used, clusters)
        lost = part * share
        trace = part.sum() - lost.sum()
        common = np.sqrt(lost) @ np.sqrt(lost).T
        diagonal = part.sum(axis=0)
        square = (diagonal**2).sum() - 2 * (diagonal * lost).sum() + (common**2).sum()
        return trace**2 / square if square > 0 else np.nan


class ClusteredMeans:
    """Means of one value by group, with their covariance.

    Of several cluster variables, the covariance is that of Cameron, Gelbach and Miller (2011): the
    sum over the variables, minus that by their intersections, and so on; where clusters of one lie
    within those of another, that is the one of the coarser. The degrees of freedom are the fewest.

    Args:
        values: Float array of shape `(rows,)`, missing where a row is no case.
        groups: Integer codes of shape `(rows,)`.
        variables: List of (sign, codes of shape `(rows,)`), as `check_clusters` returns it.
        weights: Array of shape `(rows,)`, or `None`.
    """

    def __init__(self, values, groups, variables, weights=None):
        weights = np.ones(len(values)) if weights is None else weights
        rows = np.flatnonzero(np.isfinite(values) & (weights > 0))
        sizes, count = weights[rows], groups.max() + 1
        largest = np.zeros((count, 1))
        np.maximum.at(largest[:, 0], groups[rows], np.abs(values[rows]))
        self.signs, self.ways = [], []
        for sign, codes in variables:
            shape = count, codes.max() + 1
            cell = groups[rows] * shape[1] + codes[rows]
            sums = [
                np.bincount(cell, each, shape[0] * shape[1]).reshape(shape)
                for each in (sizes, sizes * values[rows])
            ]
            self.signs.append(sign)
            self.ways.append(OneWay(*sums, largest))
        self.mean = self.ways[0].mean
        self.clusters = np.min([way.clusters for way in self.ways], axis=0)
        self.known = self.clusters > 1
        self.covariance = self._covariance()

    def _covariance(self):
        """NaN for a group that lies in one cluster: nothing tells what it varies by."""
        total = sum(s * way.covariance for s, way in zip(self.signs, self.ways, strict=True))
        if len(self.ways) > 1 and self.known.any():  # a difference of variances may be negative
            some = np.ix_(self.known, self.known)
            roots, vectors = np.linalg.eigh(total[some])
            total[some] = vectors * np.maximum(roots, 0) @ vectors.T
        return np.where(self.known[:, None] & self.known, total, np.nan)

    def contrast(self, contrast):
        """Standard error and degrees of freedom of a sum of means times this contrast."""
        used = contrast != 0
        if not self.known[used].all():
            return np.nan, np.nan
        part = contrast[used]
        variance = part @ self.covariance[np.ix_(used, used)] @ part
        freedom = min(way.degrees_of_freedom(contrast) for way in self.ways)
        return (np.sqrt(variance), freedom) if variance > 0 else (np.nan, freedom)

    def between(self):
        """What each group adds to the variance of its differences: its quasi-variance.

        Groups share clusters, and what moves all of them makes no difference between any. So
        the variance of each difference is written as a sum of two groups' shares, by least squares
        (Firth and de Menezes 2004). With two groups, or where a share came out below zero, each
        keeps the same part of its own variance.
        """
        variance = np.diag(self.covariance)
        found = np.flatnonzero(variance > 0)
        shared = self.covariance[np.ix_(found, found)]
        own, groups = np.diag(shared), len(found)
        result = np.where(variance > 0, variance, np.nan)
        if groups < 2:
            return result
        off = shared - np.diag(own)
        mean = off.sum() / groups / (groups - 1)
        result[found] = own * (1 - mean / own.mean())
        if groups > 2:
            quasi = own - (2 * off.sum(axis=1) - groups * mean) / (groups - 2)
            result[found] = quasi if (quasi > 0).all() else result[found]
        return result


def check_clusters(clusters):
    """Signed cluster variables: each, and with several their intersections.

    Args:
        clusters: Labels of shape `(rows,)`, or DataFrame with a column for each variable.

    Returns:
        List of (sign, integer codes of shape `(rows,)`).

    Raises:
        ValueError: If a label is missing.
    """
    table = pd.DataFrame(clusters)
    if not table.shape[1]:
        raise ValueError("clusters must have a column. Received: none. Pass labels, or None.")
    labels = [tables.check_labels(column, "clusters") for _, column in table.items()]
    codes = pd.DataFrame({number: pd.factorize(each)[0] for number, each in enumerate(labels)})
    signed = []
    for size in range(1, len(labels) + 1):
        for names in combinations(codes, size):
            joint = codes.groupby(list(names), sort=False).ngroup().to_numpy()
            signed.append(((-1) ** (size + 1), joint))
    return signed


def interval_of_mean(mean, se, freedom, *, is_share):
    """The ends of the 95 % interval of a mean; of a share on the scale of its logit.

    Args:
        mean: Float.
        se: Its standard error.
        freedom: The degrees of freedom of the t distribution.
        is_share: Whether the mean lies between 0 and 1, as that of 0/1 values does.
    """
    half = stdtrit(freedom, LEVEL) * se
    if not is_share:
        return mean - half, mean + half
    with np.errstate(divide="ignore", invalid="ignore"):
        half = half / (mean * (1 - mean))
        return expit(logit(mean) - half), expit(logit(mean) + half)


def add_clusters(report, values, groups, clusters, weights=None):
    """A report of one attribute, with what clusters make of its standard errors.

    Args:
        report: DataFrame with `metric`, `group`, `rate`, `se` and `cases`, rows independent.
        values: DataFrame of shape `(rows, metrics)`, missing where a row is no case.
        groups: Series of shape `(rows,)`.
        clusters: As in `check_clusters`.
        weights: Array of shape `(rows,)`, or `None`.

    Returns:
        DataFrame with `se` replaced, and `clusters`, `df`, `rate_low`, `rate_high`,
        `design_effect` and `design_effect_between`.
    """
    variables = check_clusters(clusters)
    codes, names = pd.factorize(groups, sort=True)
    parts = []
    for metric, part in report.groupby("metric", sort=False):
        means = ClusteredMeans(values[metric].to_numpy("float64"), codes, variables, weights)
        place = pd.Index(names).get_indexer(part["group"])
        is_share = values[metric].dropna().isin((0, 1)).all()
        parts.append(part.assign(**_columns(means, part["se"].to_numpy() ** 2, place, is_share)))
    return pd.concat(parts, ignore_index=True)


def _columns(means, row_variance, place, is_share):
    found = [means.contrast(np.eye(len(means.mean))[group]) for group in place]
    se, freedom = np.array(found).T
    low, high = interval_of_mean(means.mean[place], se, freedom, is_share=is_share)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = means.between()[place] / row_variance
    # Values, or clusters, that are all alike tell no design effect: the others' mean stands for it.
    alike = means.known[place] & ~np.isfinite(se)
    typical = np.mean(between[np.isfinite(between)]) if np.isfinite(between).any() else np.nan
    return {
        "se": se,
        "clusters": means.clusters[place],
        "df": freedom,
        "rate_low": low,
        "rate_high": high,
        "design_effect": se**2 / np.where(row_variance > 0, row_variance, np.nan),
        "design_effect_between": np.where(alike, typical, between),
    }
