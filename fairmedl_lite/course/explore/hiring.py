"""A hundred applicants to five firms: who is hired, and whom debiasing lets in or out."""

from functools import cache, partial
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from fairmedl_lite.course.explore.explorer import LOOKS, Explorer, _finish, shows
from fairmedl_lite.data.hiring import simulate_hiring

FIRMS, SHOWN, TRAINED, OTHERS = 5, 20, 1000, 1000  # and how many of a firm's applicants
COLUMNS = ["skill", "education", "experience", "probe"]
WEIGHTS = (0, 0.1, 0.2, 0.5, 1, 5)
WIDE = 4  # dots side by side in a firm
SEXES = {"Female": ("women", "^"), "Male": ("men", "o")}
MOVES = ("enter", "leave")


@shows
def applicants():
    """Places and debiasing weight against who of a hundred applicants is hired.

    Twenty applicants to each of five firms (`simulate_hiring` without direct effects: the outcome
    tells who would do well). A logistic regression learned from 5,000 others to the same firms;
    the weight is that of a penalty on the gap between women and men, in the mean probability of
    those who would do well and of those who would not: equalized odds. As many are hired as there
    are places, the likeliest first, so for each who enters another one leaves. A hundred people
    are few: the sentence also has the rates of 5,000 more applicants, of whom the same share is
    hired.
    """
    controls = {
        "places": ("Places, of 100 applicants", (5, 95, 5)),
        "weight": ("Weight of debiasing", {str(weight): weight for weight in WEIGHTS}),
    }
    draw = partial(_draw_applicants, {weight: _scored(weight) for weight in WEIGHTS})
    positions = [(30, 1), (30, 0), (60, 1)]
    return Explorer(controls, draw, positions, {"places": (10, 20, 30, 45, 60)})


class People(NamedTuple):
    """Applicants: their firms, who is a woman, who would do well, and what a model reads."""

    firm: np.ndarray
    woman: np.ndarray
    y: np.ndarray
    x: np.ndarray


@cache
def _people():
    """Those shown, those to learn from, and others."""
    rows = SHOWN + TRAINED + OTHERS
    data = simulate_hiring(FIRMS, rows, direct=0.0, minority_effect=0.0, seed=0).data
    woman = (data.x["sex"] == "Female").to_numpy()
    x = (data.x[COLUMNS] - data.x[COLUMNS].mean()) / data.x[COLUMNS].std()
    x = np.column_stack([np.ones(len(x)), woman, x])
    everyone = People(data.clusters.to_numpy(), woman, data.y.to_numpy(), x)
    order = np.arange(len(woman)) % rows
    parts = (order < SHOWN, (order >= SHOWN) & (order < SHOWN + TRAINED), order >= rows - OTHERS)
    return [People(*(each[part] for each in everyone)) for part in parts]


def _scored(weight):
    """The probabilities that a model gives those shown and the others."""
    shown, trained, others = _people()
    start = np.zeros(trained.x.shape[1])
    fit = minimize(_loss, start, args=(trained, weight), jac=True, method="BFGS")
    return expit(shown.x @ fit.x), expit(others.x @ fit.x)


def _loss(slopes, people, weight):
    """The log loss and the penalty, and their gradient."""
    p = expit(people.x @ slopes)
    loss = -np.log(np.where(people.y == 1, p, 1 - p)).mean()
    gradient = people.x.T @ (p - people.y) / len(p)
    for outcome in (0, 1):
        alike = people.y == outcome
        sign = alike * np.where(people.woman, 1, -1)
        share = sign / np.where(people.woman, *(_count(alike, people.woman, s) for s in (1, 0)))
        gap = share @ p
        loss += weight * gap**2
        gradient = gradient + 2 * weight * gap * people.x.T @ (share * p * (1 - p))
    return loss, gradient


def _count(alike, woman, sex):
    return (alike & (woman == sex)).sum()


def _hired(score, places):
    """Whether each is among the likeliest, as many as there are places."""
    hired = np.zeros(len(score), bool)
    hired[np.argsort(-score, kind="stable")[:places]] = True
    return hired


def _draw_applicants(scores, places, weight):
    people, before = _people()[0], _hired(scores[0][0], places)
    hired = _hired(scores[weight][0], places)
    table = pd.DataFrame(
        {
            "firm": people.firm,
            "sex": np.where(people.woman, "women", "men"),
            "would do well": np.where(people.y == 1, "yes", "no"),
            "now": np.where(hired, "hired", "not hired"),
            "change": np.select([hired & ~before, before & ~hired], ["enter", "leave"], "none"),
            "score": scores[0][0],
        }
    )
    figure, axes = plt.subplots(figsize=(5.2, 4))
    _draw_dots(axes, table)
    words = f"{_in_words(table, places, weight)} {_of_others(scores, places, weight)}"
    return _finish(figure, words, table.drop(columns="score"))


def _draw_dots(axes, table):
    """Firms side by side; above a line those who would do well, the surest ones first."""
    table = table.sort_values("score", ascending=False)
    order = table.groupby(["firm", "would do well"]).cumcount()
    column = table["firm"].astype("category").cat.codes * (WIDE + 1) + order % WIDE
    up = table["would do well"] == "yes"
    row = np.where(up, 1 + order[up].max() // WIDE - order // WIDE, -1 - order // WIDE)
    for (sex, now), kind in table.groupby(["sex", "now"], sort=False).groups.items():
        marker = dict(SEXES.values())[sex]
        color, fill = LOOKS[0][0], LOOKS[0][0] if now == "hired" else "none"
        look = {"marker": marker, "edgecolors": [color], "facecolors": [fill], "s": 50}
        at = row[table.index.get_indexer(kind)]
        axes.scatter(column[kind], at, label=f"{sex}, {now}", **look)
    for change, marker, size in (("enter", "s", 150), ("leave", "x", 60)):
        of_change = (table["change"] == change).to_numpy()
        paint = {"edgecolors": "k", "facecolors": "none"} if marker == "s" else {"c": [LOOKS[3][0]]}
        look = {"marker": marker, "s": size, "linewidths": 1.8, "zorder": 3, **paint}
        axes.scatter(column[of_change], row[of_change], label=change, **look)
    axes.axhline(0, color="grey", linewidth=1)
    centre = np.arange(FIRMS) * (WIDE + 1) + (WIDE - 1) / 2
    axes.set_xticks(centre, [f"firm {number + 1}" for number in range(FIRMS)])
    places = [row.max() / 2 + 0.5, row.min() / 2 - 0.5]
    axes.set_yticks(places, ["would\ndo well", "would\nnot"])
    axes.set(xlim=(-1, FIRMS * (WIDE + 1) - 1), ylim=(row.min() - 0.8, row.max() + 0.8))
    axes.tick_params(length=0)


def _in_words(table, places, weight):
    """Who is hired of those shown, and who came and went, by sex."""
    parts = []
    for sex, of_sex in table.groupby("sex", sort=True):
        well = of_sex[of_sex["would do well"] == "yes"]
        counted = [(each["now"] == "hired").sum() for each in (of_sex, well)]
        moved = ", ".join(f"{(of_sex['change'] == how).sum()} {how}" for how in MOVES)
        parts.append(
            f"Of {len(of_sex)} {sex} {counted[0]} are hired, {counted[1]} of the {len(well)} who "
            f"would do well; {moved}."
        )
    start = (
        f"{places} places, debiasing weight {weight}, compared with weight 0 and as many places."
    )
    return f"{start} {' '.join(reversed(parts))}"


def _of_others(scores, places, weight):
    """The error rates of the other applicants, where the same share is hired."""
    people = _people()[2]
    hired = _hired(scores[weight][1], round(places / 100 * len(people.y)))
    rates = [
        f"of {name} {hired[(people.woman == woman) & (people.y == 1)].mean():.2f} and "
        f"{hired[(people.woman == woman) & (people.y == 0)].mean():.2f}"
        for name, woman in (("women", True), ("men", False))
    ]
    return (
        f"Among {len(people.y):,} others, {places} % of them hired, TPR and FPR: "
        f"{'; '.join(rates)}. Of those hired {people.y[hired].mean():.0%} would do well."
    )
