"""The data sets: seven to compare on, and two of 100,000 clusters. Each has a seed."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from fairmedl_lite import load_adult


@dataclass(frozen=True)
class Set:
    """A table with `y`, columns of numbers and cluster variables, and the model fitted to it.

    Args:
        make: Function that returns the table.
        columns: The fixed effects.
        clusters: The cluster variables, crossed if there are two.
        slope: The column that has a random slope, correlated with the intercept.
        alone: Whether our own model alone is fitted: the set is for its time and memory.
    """

    make: object
    columns: tuple = ("x1", "x2")
    clusters: tuple = ("site",)
    slope: str | None = None
    binary: bool = False
    alone: bool = False

    @property
    def formula(self):
        """The model in lme4's words."""
        effects = "1" if self.slope is None else f"1 + {self.slope}"
        parts = [*self.columns, *(f"({effects} | {name})" for name in self.clusters)]
        return f"y ~ {' + '.join(parts)}"


def outcome(link, binary, random):
    """Numbers with a residual sd of 1, or 0/1 with these log odds."""
    if binary:
        return (random.random(len(link)) < 1 / (1 + np.exp(-link))).astype(int)
    return link + random.normal(size=len(link))


def intercepts(rows, clusters, seed, *, sd=0.8, even=True, binary=False):
    """Rows of sites that differ in their intercept; sites of one size, or of unlike sizes."""
    random = np.random.default_rng(seed)
    shares = random.gamma(1.5, size=clusters)
    site = np.arange(rows) % clusters
    if not even:
        site = random.choice(clusters, rows, p=shares / shares.sum())
    x = random.normal(size=(2, rows))
    link = 0.5 + 0.5 * x[0] - 0.3 * x[1] + sd * random.normal(size=clusters)[site]
    y = outcome(link, binary, random)
    return pd.DataFrame({"y": y, "x1": x[0], "x2": x[1], "site": site})


def slopes(rows, clusters, seed, *, binary=False):
    """Rows of sites that differ in their intercept and in the slope of x1, correlation -.6."""
    random = np.random.default_rng(seed)
    shares = random.gamma(1.5, size=clusters)
    site = random.choice(clusters, rows, p=shares / shares.sum())
    x = random.normal(size=(2, rows))
    effects = random.multivariate_normal([0, 0], [[0.5, -0.17], [-0.17, 0.16]], clusters)[site]
    link = -0.5 + 0.4 * x[0] - 0.2 * x[1] + effects[:, 0] + effects[:, 1] * x[0]
    y = outcome(link, binary, random)
    return pd.DataFrame({"y": y, "x1": x[0], "x2": x[1], "site": site})


def crossed(rows, pupils, schools, seed):
    """Rows of pupils crossed with schools, both with their own intercepts."""
    random = np.random.default_rng(seed)
    pupil, school = random.integers(0, pupils, rows), random.integers(0, schools, rows)
    x = random.normal(size=(2, rows))
    effects = 0.6 * random.normal(size=pupils)[pupil] + 0.8 * random.normal(size=schools)[school]
    y = outcome(0.5 + 0.5 * x[0] - 0.3 * x[1] + effects, False, random)
    return pd.DataFrame({"y": y, "x1": x[0], "x2": x[1], "pupil": pupil, "school": school})


ADULT = ("age", "education_num", "capital_gain", "capital_loss", "hours_per_week")


def adult():
    """Adult's five columns of numbers, standardised: lme4 asks for that; clusters: occupations."""
    data = load_adult()
    x = data.x[list(ADULT)].astype(float)
    x = (x - x.mean()) / x.std()
    return x.assign(y=data.y.to_numpy(), site=data.clusters.to_numpy())


SETS = {
    "few large clusters": Set(partial(intercepts, 50_000, 26, 21, sd=0.3, even=False)),
    "many small clusters": Set(partial(intercepts, 30_000, 5_000, 22)),
    "crossed": Set(partial(crossed, 40_000, 800, 300, 23), clusters=("pupil", "school")),
    "correlated slopes": Set(partial(slopes, 30_000, 1_000, 24), slope="x1"),
    "Adult, 0/1": Set(adult, columns=ADULT, binary=True),
    "many small clusters, 0/1": Set(
        partial(intercepts, 30_000, 5_000, 25, binary=True), binary=True
    ),
    "correlated slopes, 0/1": Set(
        partial(slopes, 16_000, 400, 26, binary=True), slope="x1", binary=True
    ),
    "100,000 clusters": Set(partial(intercepts, 300_000, 100_000, 27), alone=True),
    "100,000 clusters, 0/1": Set(
        partial(intercepts, 300_000, 100_000, 28, binary=True), binary=True, alone=True
    ),
}


def tiny(table, clusters):
    """A few hundred rows of a table, of thirty clusters: what a process warms up with."""
    first = table[clusters[0]].drop_duplicates().head(30)
    return table[table[clusters[0]].isin(first)].head(400)
