"""Clustered data whose truth is known: what a model should find, and what misleads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd

from fairmedl_lite.data.clustered import ClusteredData


@dataclass(frozen=True)
class Simulated:
    """Simulated rows, and the truth that made them.

    Args:
        data: A `ClusteredData`; only `simulate_hiring` gives it sensitive attributes.
        truth: Dictionary of what was set and what was drawn. Each simulation lists its own.

    Example:
        >>> simulated = simulate_spirals(clusters=2, rows=5, seed=0)
        >>> simulated.data
        ClusteredData('simulated spirals': 10 rows, 2 columns, 2 clusters, sensitive [])
        >>> list(simulated.truth)
        ['radius', 'noiseless']
    """

    data: ClusteredData
    truth: dict


def simulate_linear(
    clusters: int = 50,
    rows: int | Sequence[int] = 20,
    *,
    intercept: float = 0.0,
    coefficients: float | Sequence[float] = (1.0, -0.5),
    sd: float | Sequence[float] = (0.8,),
    correlation: float = 0.0,
    residual_sd: float = 1.0,
    cluster_covariate: float | None = None,
    icc_x: float = 0.0,
    confounding: float = 0.0,
    seed: int,
) -> Simulated:
    """Simulate a Gaussian outcome with random intercepts and, if `sd` has two, random slopes.

    `y = intercept + x @ coefficients + u0 + u1 * x1 + residual`, with `u0` and `u1` those of
    the row's cluster. With one seed, and as many clusters, rows and coefficients, the same
    standard normal numbers are drawn: two simulations differ by their settings alone.

    Args:
        clusters: How many clusters. Their labels are `c00`, `c01`, ...
        rows: Rows of a cluster: an integer, or one integer for each cluster.
        intercept: The fixed intercept.
        coefficients: The fixed effects of the columns `x1`, `x2`, ..., all standard normal.
        sd: One number, the standard deviation of the random intercepts; or two, that and the
            standard deviation of the random slopes of `x1`.
        correlation: Correlation between a cluster's intercept and its slope, in [-1, 1].
        residual_sd: Standard deviation of the residual.
        cluster_covariate: The fixed effect of one more column, `w`, which is standard normal
            and constant within a cluster. 0 adds a column without effect, None adds none.
        icc_x: Share of the variance of `x1` that lies between clusters, in [0, 1).
        confounding: Correlation between a cluster's mean of `x1`, as far as `icc_x` sets it,
            and its random intercept, in [-1, 1].
        seed: Seed of every draw.

    Returns:
        A `Simulated`. Its truth holds the arguments `intercept`, `sd`, `correlation` and
        `residual_sd`; `coefficients`, a Series by column of x; and `effects`, a DataFrame of
        shape `(clusters, len(sd))` with the columns `intercept` and `x1`.

    Raises:
        ValueError: If an argument is out of its range, or if `correlation` or `confounding` has
            nothing to correlate.

    Example:
        >>> options = {"coefficients": [2.0], "sd": 0, "residual_sd": 0}  # a line, and no more
        >>> line = simulate_linear(clusters=3, rows=[1, 2, 3], **options, seed=0).data
        >>> line.clusters.tolist()
        ['c00', 'c01', 'c01', 'c02', 'c02', 'c02']
        >>> line.y.equals(2 * line.x["x1"])
        True
    """
    require(residual_sd >= 0, "residual_sd must be 0 or more", residual_sd)
    random = np.random.default_rng(seed)
    sizes = cluster_sizes(clusters, rows)
    fixed = (intercept, np.atleast_1d(coefficients), cluster_covariate)
    varying = (np.atleast_1d(sd), correlation, icc_x, confounding)
    x, labels, mean, truth = _mixed_model(random, sizes, *fixed, *varying)
    y = mean + residual_sd * random.normal(size=len(x))
    truth["residual_sd"] = residual_sd
    return _simulated(x, y, labels, "regression", "simulated linear", truth)


def simulate_logistic(
    clusters: int = 50,
    rows: int | Sequence[int] = 20,
    *,
    intercept: float = 0.0,
    coefficients: float | Sequence[float] = (1.0, -0.5),
    sd: float | Sequence[float] = (0.8,),
    correlation: float = 0.0,
    cluster_covariate: float | None = None,
    icc_x: float = 0.0,
    confounding: float = 0.0,
    seed: int,
) -> Simulated:
    """Simulate a 0/1 outcome with random intercepts and, if `sd` has two, random slopes.

    The arguments, the errors and the draws of x and of the effects are those of
    `simulate_linear`; the sum, without a residual, is the logit of the probability that y is 1.

    Returns:
        A `Simulated`. Its truth is that of `simulate_linear` without `residual_sd`, and with
        `probability`, a Series by row.

    Example:
        >>> coins = simulate_logistic(clusters=2, rows=3, coefficients=[0.0], sd=0, seed=0)
        >>> coins.truth["probability"].unique()  # the sigmoid of 0
        array([0.5])
    """
    random = np.random.default_rng(seed)
    sizes = cluster_sizes(clusters, rows)
    fixed = (intercept, np.atleast_1d(coefficients), cluster_covariate)
    varying = (np.atleast_1d(sd), correlation, icc_x, confounding)
    x, labels, logit, truth = _mixed_model(random, sizes, *fixed, *varying)
    probability = 1 / (1 + np.exp(-logit))
    y = (random.random(len(x)) < probability).astype(int)
    truth["probability"] = pd.Series(probability, name="probability")
    return _simulated(x, y, labels, "classification", "simulated logistic", truth)


def simulate_spirals(
    clusters: int = 10,
    rows: int | Sequence[int] = 100,
    *,
    radius_sd: float = 0.3,
    noise: float = 0.05,
    turns: float = 1.5,
    seed: int,
) -> Simulated:
    """Simulate two interleaved spirals, one for each class, of another size in each cluster.

    A cluster's radius is log-normal with median 1. The arms of a large cluster run through the
    gaps of a small one: a network that ignores the clusters meets both classes at one place,
    while one that knows the radius can tell them apart. The idea is that of the simulated
    example of ARMED (arXiv 2202.11783).

    Args:
        clusters: How many clusters. Their labels are `c00`, `c01`, ...
        rows: Rows of a cluster: an integer, or one integer for each cluster.
        radius_sd: Standard deviation of the logarithm of a cluster's radius.
        noise: Standard deviation of the noise in each coordinate.
        turns: How often a spiral winds around the centre.
        seed: Seed of every draw.

    Returns:
        A `Simulated` with the columns `x1` and `x2` and a 0/1 outcome. Its truth: `radius`, a
        Series by cluster, and `noiseless`, a DataFrame of each row's point on its spiral.

    Raises:
        ValueError: If a number is out of its range.

    Example:
        >>> clean = simulate_spirals(clusters=2, rows=50, noise=0, seed=0)
        >>> clean.data.x.equals(clean.truth["noiseless"])
        True
        >>> from_centre = np.hypot(clean.data.x["x1"], clean.data.x["x2"])
        >>> all(from_centre <= clean.data.clusters.map(clean.truth["radius"]))
        True
    """
    sizes = cluster_sizes(clusters, rows)
    require(radius_sd >= 0, "radius_sd must be 0 or more", radius_sd)
    require(noise >= 0, "noise must be 0 or more", noise)
    require(turns > 0, "turns must be more than 0", turns)
    random = np.random.default_rng(seed)
    labels = cluster_labels(sizes)
    radius = np.exp(radius_sd * random.normal(size=clusters))
    radius = pd.Series(radius, index=labels.unique(), name="radius")
    y = random.integers(0, 2, len(labels))
    # The root spreads the points evenly along an arm, which is longer further out.
    distance = np.sqrt(random.random(len(labels)))
    points = _spiral(distance, y, turns) * labels.map(radius).to_numpy()[:, None]
    noiseless = pd.DataFrame(points, columns=["x1", "x2"])
    x = noiseless + noise * random.normal(size=points.shape)
    truth = {"radius": radius, "noiseless": noiseless}
    return _simulated(x, y, labels, "classification", "simulated spirals", truth)


def _spiral(distance, arm, turns):
    """The points of radius 1 at these distances from the centre, shape `(rows, 2)`."""
    angle = 2 * np.pi * turns * distance + np.pi * arm
    return distance[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def _mixed_model(
    random, sizes, intercept, coefficients, w_coefficient, sd, correlation, icc_x, confounding
):
    """Draw x, the clusters and, of shape `(rows,)`, the sum of the effects on the link scale."""
    _check_effects(coefficients, sd, correlation, icc_x, confounding)
    labels, cluster = cluster_labels(sizes), np.repeat(np.arange(len(sizes)), sizes)
    first, second, third, w = random.normal(size=(4, len(sizes)))
    effects = np.column_stack([first, correlated(first, second, correlation)])[:, : len(sd)] * sd
    x = random.normal(size=(len(cluster), len(coefficients)))
    between = correlated(first, third, confounding)[cluster]
    x[:, 0] = np.sqrt(icc_x) * between + np.sqrt(1 - icc_x) * x[:, 0]
    names = [f"x{number + 1}" for number in range(len(coefficients))]
    if w_coefficient is not None:
        names, x = [*names, "w"], np.column_stack([x, w[cluster]])
        coefficients = np.append(coefficients, w_coefficient)
    varying = np.column_stack([np.ones(len(x)), x[:, 0]])[:, : len(sd)]
    total = intercept + x @ coefficients + (varying * effects[cluster]).sum(axis=1)
    truth = {
        "intercept": intercept,
        "coefficients": pd.Series(coefficients, names, float, "coefficient"),
        "effects": pd.DataFrame(effects, labels.unique(), ["intercept", "x1"][: len(sd)]),
        "sd": tuple(sd.tolist()),
        "correlation": correlation,
    }
    return pd.DataFrame(x, columns=names), labels, total, truth


def correlated(first, second, correlation):
    """A standard normal number with this correlation to the first of two independent ones."""
    return correlation * first + np.sqrt(1 - correlation**2) * second


def cluster_labels(sizes, name="cluster", letter="c"):
    """The label of each row's cluster, such as c00: a Series."""
    width = max(2, len(str(len(sizes) - 1)))
    names = [f"{letter}{number:0{width}}" for number in range(len(sizes))]
    return pd.Series(np.repeat(names, sizes), name=name)


def _simulated(x, y, labels, task, name, truth):
    y = pd.Series(y, name="y")
    data = ClusteredData(x, y, labels, pd.DataFrame(index=x.index), task, name)
    return Simulated(data, truth)


def cluster_sizes(clusters, rows, name="clusters"):
    """The rows of each cluster, shape `(clusters,)`."""
    whole = isinstance(clusters, Integral) and clusters > 0
    require(whole, f"{name} must be an integer of 1 or more", clusters)
    sizes = np.full(clusters, rows) if np.ndim(rows) == 0 else np.asarray(rows)
    whole = sizes.shape == (clusters,) and sizes.dtype.kind in "iu" and (sizes > 0).all()
    expected = f"rows must be an integer of 1 or more, or one for each of {clusters} {name}"
    require(whole, expected, rows)
    return sizes


def _check_effects(coefficients, sd, correlation, icc_x, confounding):
    columns = coefficients.ndim == 1 and len(coefficients) > 0
    require(columns, "coefficients must be one number or more, one for each column", coefficients)
    spread = sd.shape in [(1,), (2,)] and (sd >= 0).all()
    require(spread, "sd must be one number (intercept) or two (and slope of x1), 0 or more", sd)
    require(-1 <= correlation <= 1, "correlation must lie in [-1, 1]", correlation)
    paired = correlation == 0 or len(sd) == 2
    require(paired, "correlation must be 0 without random slopes (sd of two numbers)", correlation)
    require(0 <= icc_x < 1, "icc_x must lie in [0, 1)", icc_x)
    require(-1 <= confounding <= 1, "confounding must lie in [-1, 1]", confounding)
    apart = confounding == 0 or (icc_x > 0 and sd[0] > 0)
    require(apart, "confounding must be 0 unless both icc_x and sd are above 0", confounding)


def require(fine, expected, received):
    """Raise a ValueError that says what was expected, unless it is fine."""
    if not fine:
        raise ValueError(f"{expected}. Received: {received!r}.")
