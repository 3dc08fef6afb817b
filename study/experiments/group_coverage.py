"""Do 95 % intervals of a group's rate hold the truth, where rows come in clusters?

    python -m study.experiments.group_coverage

A cell is 1,000 simulated test sets of 10, 14, 30 or 100 clusters, of 40 rows on average (log-normal
sizes, with a standard deviation of 24). In each cluster the chance of a 1 is drawn from a beta
distribution, whose intra-cluster correlation is 0, .05 or .2. There are two groups, with rates of
.75 and .6, or of .9 and .8:

- within: about half of each cluster is of either group;
- between: every second cluster is of one group alone;
- along: the first group's share rises from .05 to .95, and with it the chances (correlation .5 of
  normal scores), as where a group is found in the clusters that do well.

Measured are each group's rate and their difference, over new clusters. Beside the intervals of
`group_report` and `group_differences` (ours) stand: naive, as if rows were independent; CR1 with
n - 1 degrees of freedom; CR2 and CR3 with those of Bell and McCaffrey; the jackknife with these,
but not on the scale of the logit; and percentiles of 200 draws of whole clusters, each
as often as a Poisson number says (bootstrap).
The table goes to results/group_coverage.csv. A coverage of .95 comes out between .936 and .964
nineteen times in twenty.
"""

from itertools import product

import numpy as np
import pandas as pd
from scipy.special import stdtrit
from scipy.stats import beta, norm
from tqdm import tqdm

from fairmedl_lite.metrics.clustered import OneWay, interval_of_mean
from tools import ROOT

SETS, DRAWS, ROWS, SPREAD, TOGETHER = 1000, 200, 40, 0.6, 0.5
PLACES, CLUSTERS, CORRELATIONS = ("within", "between", "along"), (10, 14, 30, 100), (0, 0.05, 0.2)
RATES = ((0.75, 0.6), (0.9, 0.8))
QUANTITIES = {"first rate": (1, 0), "second rate": (0, 1), "difference": (1, -1)}
KEYS = ["rates", "groups", "icc", "clusters", "quantity"]
LOW, HIGH, NORMAL_95 = 0.93, 0.97, norm.ppf(0.975)


def chances(score, rate, icc):
    """The chance of a 1 in clusters of this standard normal score."""
    if not icc:
        return np.full(score.shape, rate)
    size = (1 - icc) / icc
    return beta.ppf(norm.cdf(score), rate * size, (1 - rate) * size)


def shares(score):
    """The first group's share where it goes along with the clusters."""
    return 0.05 + 0.9 * norm.cdf(score)


def mix(score, other):
    return TOGETHER * score + np.sqrt(1 - TOGETHER**2) * other


def truth(place, icc, rates):
    """The groups' rates over all clusters there could be."""
    if place != "along":
        return np.array(rates)
    grid = norm.ppf((np.arange(300) + 0.5) / 300)
    score, other = np.meshgrid(grid, grid)
    first = shares(score)
    weights = (first, 1 - first)
    own = (chances(mix(score, other), rate, icc) for rate in rates)
    return np.array([np.average(p, weights=w) for p, w in zip(own, weights, strict=True)])


def draw(place, clusters, icc, rates, random):
    """Rows and ones of each group and cluster, in each set: `(sets, groups, clusters)` twice."""
    shape = SETS, clusters
    deviation = np.sqrt(np.log(1 + SPREAD**2))
    sizes = ROWS * np.exp(deviation * random.normal(size=shape) - deviation**2 / 2)
    sizes = np.maximum(2, np.round(sizes)).astype(int)
    place_score, score = random.normal(size=(2, *shape))
    first = {
        "within": random.beta(8, 8, shape),
        "between": np.broadcast_to(np.arange(clusters) % 2 == 0, shape).astype(float),
        "along": shares(place_score),
    }[place]
    score = mix(place_score, score) if place == "along" else score
    own = random.binomial(sizes, first)
    rows = np.stack([own, sizes - own], axis=1)
    p = np.stack([chances(score, rate, icc) for rate in rates], axis=1)
    return rows.astype(float), random.binomial(rows, p).astype(float)


def bootstrap(rows, ones, random):
    """The two rates in each of many draws of whole clusters: `(draws, groups)`."""
    counts = random.poisson(1, (DRAWS, rows.shape[1])).astype(float)
    with np.errstate(invalid="ignore"):
        return (counts @ ones.T) / (counts @ rows.T)


def intervals(way, rows, drawn, contrast):
    """The ends of each kind of interval of a contrast of the two rates."""
    used = contrast != 0
    clusters = (rows[used].sum(axis=0) > 0).sum()
    freedom, estimate = way.degrees_of_freedom(contrast), contrast @ way.mean
    factor = np.sqrt(1 - 1 / way.clusters)[:, None]
    root = np.sqrt(1 - way.share)
    errors = {"CR1": root**2 / factor * np.sqrt(clusters / (clusters - 1)), "CR2": root / factor}
    errors |= {"CR3": 1 / factor, "jackknife": np.ones_like(root)}
    found = {}
    for name, scale in errors.items():
        error = np.sqrt(((contrast @ (way.moves * scale)) ** 2).sum())
        half = stdtrit(clusters - 1 if name == "CR1" else freedom, 0.975) * error
        found[name] = estimate - half, estimate + half
    is_share = used.sum() == 1
    ours = interval_of_mean(estimate, error, freedom, is_share=is_share)  # of the jackknife
    variance = way.mean * (1 - way.mean) / way.weight
    half = NORMAL_95 * np.sqrt(contrast**2 @ variance)
    naive = estimate - half, estimate + half
    ends = tuple(np.nanquantile(drawn @ contrast, (0.025, 0.975)))
    return {"ours": ours, "naive": naive, **found, "bootstrap": ends}


def run_cell(rates, place, icc, clusters):
    """The coverage of each kind of interval, by quantity."""
    seed = [int(100 * rates[0]), PLACES.index(place), int(100 * icc), clusters]
    random = np.random.default_rng(seed)
    true, held = truth(place, icc, rates), []
    for rows, ones in zip(*draw(place, clusters, icc, rates, random), strict=True):
        way, drawn = OneWay(rows, ones), bootstrap(rows, ones, random)
        for quantity, contrast in QUANTITIES.items():
            contrast = np.array(contrast, float)
            ends = intervals(way, rows, drawn, contrast)
            inside = {k: low <= contrast @ true <= high for k, (low, high) in ends.items()}
            held.append({"quantity": quantity, **inside})
    table = pd.DataFrame(held).groupby("quantity", sort=False).mean().reset_index()
    place = {"rates": "{} and {}".format(*rates), "groups": place, "icc": icc}
    return table.assign(**place, clusters=clusters)


def main():
    cells = list(product(RATES, PLACES, CORRELATIONS, CLUSTERS))
    table = pd.concat([run_cell(*cell) for cell in tqdm(cells)])
    kinds = [name for name in table if name not in KEYS]
    table = table[[*KEYS, *kinds]]
    table.round(4).to_csv(ROOT / "results" / "group_coverage.csv", index=False)
    print(table.round(3).to_string(index=False))
    enough = table[table["clusters"] >= 14]
    for rates, part in enough.groupby("rates", sort=False):
        print(f"\nFrom 14 clusters on, rates of {rates}, {len(part)} coverages:")
        outside = ((part[kinds] < LOW) | (part[kinds] > HIGH)).sum()
        summary = part[kinds].agg(["min", "mean", "max"]).round(3)
        print(summary.T.assign(outside=outside).to_string())


if __name__ == "__main__":
    main()
