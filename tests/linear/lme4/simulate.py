"""Simulated data sets, by name, of which large.json holds what lme4 finds in them."""

import numpy as np
import pandas as pd


def crossed_large():
    """40,000 rows of 800 pupils crossed with 300 schools, continuous."""
    r = np.random.default_rng(11)
    pupil, school = r.integers(0, 800, 40_000), r.integers(0, 300, 40_000)
    x = r.normal(size=40_000)
    y = 0.5 + 0.5 * x + 0.6 * r.normal(size=800)[pupil] + 0.8 * r.normal(size=300)[school]
    return pd.DataFrame({"y": y + r.normal(size=40_000), "x": x, "pupil": pupil, "school": school})


def nested():
    """24,000 rows: 40 districts, 20 schools in each, whose numbers are unique, 30 rows a school."""
    r = np.random.default_rng(12)
    school = np.repeat(np.arange(800), 30)
    district = school // 20
    x = r.normal(size=24_000)
    y = 1 + 0.3 * x + 0.4 * r.normal(size=40)[district] + 0.7 * r.normal(size=800)[school]
    return pd.DataFrame(
        {"y": y + r.normal(size=24_000), "x": x, "district": district, "school": school}
    )


def slopes_large():
    """30,000 rows of 1,000 sites that differ in size: correlated intercept and slope."""
    r = np.random.default_rng(13)
    site = r.choice(1000, 30_000, p=(w := r.gamma(1.5, size=1000)) / w.sum())
    x, w = 3 + 2 * r.normal(size=30_000), r.normal(size=30_000)
    u = r.multivariate_normal([0, 0], [[0.5, -0.12], [-0.12, 0.08]], 1000)
    y = 2 + 0.4 * x - 0.2 * w + u[site, 0] + u[site, 1] * x + 1.1 * r.normal(size=30_000)
    return pd.DataFrame({"y": y, "x": x, "w": w, "site": site})


def slopes_binary():
    """16,000 rows of 400 sites: correlated intercept and slope, 0/1."""
    r = np.random.default_rng(14)
    site = r.integers(0, 400, 16_000)
    x = r.normal(size=16_000)
    u = r.multivariate_normal([0, 0], [[0.6, 0.2], [0.2, 0.3]], 400)
    p = 1 / (1 + np.exp(-(-0.8 + 0.5 * x + u[site, 0] + u[site, 1] * x)))
    return pd.DataFrame({"y": (r.random(16_000) < p).astype(int), "x": x, "site": site})


def crossed_binary():
    """20,000 rows of 300 persons crossed with 60 items, 0/1."""
    r = np.random.default_rng(15)
    person, item = r.integers(0, 300, 20_000), r.integers(0, 60, 20_000)
    x = r.normal(size=20_000)
    eta = 0.2 + 0.6 * x + 0.9 * r.normal(size=300)[person] + 0.7 * r.normal(size=60)[item]
    y = (r.random(20_000) < 1 / (1 + np.exp(-eta))).astype(int)
    return pd.DataFrame({"y": y, "x": x, "person": person, "item": item})


def few_clusters():
    """600 rows of 8 clinics, continuous, a covariate of the clinic: where REML and ML differ."""
    r = np.random.default_rng(16)
    clinic = np.repeat(np.arange(8), 75)
    size, x = r.normal(size=8)[clinic], r.normal(size=600)
    y = 1 + 0.5 * x + 0.3 * size + 0.7 * r.normal(size=8)[clinic] + r.normal(size=600)
    return pd.DataFrame({"y": y, "x": x, "size": size, "clinic": clinic})


def weighted():
    """3,000 rows of 60 sites with whole-number weights 1 to 3 (copies), 0/1 and continuous."""
    r = np.random.default_rng(17)
    site, x = r.integers(0, 60, 3000), r.normal(size=3000)
    eta = 0.3 + 0.7 * x + 0.8 * r.normal(size=60)[site]
    y = (r.random(3000) < 1 / (1 + np.exp(-eta))).astype(int)
    return pd.DataFrame(
        {
            "y": y,
            "v": eta + r.normal(size=3000),
            "x": x,
            "copies": r.integers(1, 4, 3000),
            "site": site,
        }
    )
