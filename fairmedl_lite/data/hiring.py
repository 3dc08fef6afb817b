"""Hiring in many firms: a causal model whose discrimination and counterfactuals are known."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.special import expit

from fairmedl_lite.checks import check_choice
from fairmedl_lite.data.clustered import ClusteredData, Swap
from fairmedl_lite.data.simulate import (
    Simulated,
    cluster_labels,
    cluster_sizes,
    correlated,
    require,
)

GROUPS = {"sex": ("Female", "Male"), "ethnicity": ("majority", "minority")}
COEFFICIENTS = {"skill": 0.8, "education": 0.3, "experience": 0.1, "probe": 0.0}
INTERCEPT = -6.2  # 0 at a skill of 0, 14 years of education and 20 of experience
SKILL_ICC = 0.3  # the share of skill's variance that lies between firms


def simulate_hiring(
    firms: int = 100,
    rows: int | Sequence[int] = 100,
    *,
    outcome: str = "hired",
    direct: float = -0.4,
    mediated: float = -0.8,
    segregation: float = 0.8,
    firm_sd: float = 1.0,
    confounding: float = -0.6,
    minority: float = 0.08,
    minority_effect: float = -0.4,
    minority_noise: float = 1.0,
    probe_noise: float = 0.5,
    new_firms: int = 0,
    seed: int,
) -> Simulated:
    """Simulate applicants to many firms, hired or paid by a known mechanism.

    The structural causal model; each e is a standard normal number of its own:

        firm's effect     u = firm_sd f, with f ~ N(0, 1)
        woman             W ~ Bernoulli(sigmoid(-segregation f))
        minority          M ~ Bernoulli(minority)
        skill             = sqrt(.3) m + sqrt(.7) e, with one m ~ N(0, 1) for a firm,
                            and confounding the correlation of m and f
        education         = 14 + 2 (mediated W + e), in years
        experience        = 20 + 4 (mediated W + e), in years
        probe             = f + probe_noise e; in a new firm g + probe_noise e, g ~ N(0, 1)
        index             = -6.2 + direct W + minority_effect M
                            + .8 skill + .3 education + .1 experience + u
        hired             ~ Bernoulli(sigmoid(index / scale))
        salary            = 40 + 5 (index + scale e), in thousands
        scale             = minority_noise if M, else 1

    Three ways lead from sex to the outcome: the `direct` one; the one `mediated` by education
    and experience, which an attribute swap does not see and a counterfactual does; and the one
    between firms, since women apply to firms that hire few (`segregation`). Without the three
    and `minority_effect` there is no disparity; with one of them, that one alone. Skill is what
    the firm confounds: strict firms draw skilled applicants.

    A counterfactual changes one attribute, holds the firm and every random number, and computes
    again what follows: abduction, action, prediction (Kusner et al. 2017, section 2.2). With one
    seed, firms and rows, the random numbers are the same: two simulations differ by their
    settings alone.

    Args:
        firms: How many firms. Their labels are `f00`, `f01`, ...
        rows: Applicants of a firm: an integer, or one integer for each firm.
        outcome: `"hired"`, 0/1, or `"salary"`, the starting salary in thousands.
        direct: Effect of being a woman on the index, all else held: discrimination.
        mediated: How far women's education and experience lie above men's, in their standard
            deviations.
        segregation: How strongly the share of women falls as the firm's effect rises. At 0 it is
            one half in every firm.
        firm_sd: Standard deviation of the firms' effects on the index, 0 or more.
        confounding: Correlation of a firm's mean skill with its effect, in [-1, 1].
        minority: Share of the minority, in (0, 1).
        minority_effect: Effect of being of the minority on the index; nothing mediates it.
        minority_noise: How many times as noisy the minority's outcome is, more than 0. The noise
            pulls its probability of being hired towards one half.
        probe_noise: Standard deviation of what hides the firm's effect in `probe`, 0 or more.
        new_firms: In how many firms, the last ones, the probe tells nothing of the firm's effect.
            Hold them out to see what relying on it costs.
        seed: Seed of every draw.

    Returns:
        A `Simulated`. Its truth:
        - `intercept`, and `coefficients`, a Series by column: those of the index, where sex is
          1 for a woman and ethnicity 1 for the minority;
        - `effects`: Series by firm, and `new_firms`: the labels of those firms;
        - `expected`: Series by row, the probability of being hired or the expected salary;
        - `counterfactuals`: attribute to group to DataFrame, x had every row been of the group;
        - `counterfactual_expected`: attribute to group to Series, `expected` in that case.
        After a split, `.loc[part.x.index]` takes a part's rows of each.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> hiring = simulate_hiring(firms=4, rows=25, mediated=-0.8, seed=0)
        >>> hiring.data
        ClusteredData('simulated hiring': 100 rows, 6 columns, 4 clusters,
            sensitive ['sex', 'ethnicity'])
        >>> as_of = hiring.truth["counterfactuals"]["sex"]
        >>> lost = as_of["Male"]["education"] - as_of["Female"]["education"]
        >>> lost.round(1).unique()  # years: 0.8 standard deviations of 2
        array([1.6])
    """
    check_choice("outcome", outcome, ("hired", "salary"))
    sizes = cluster_sizes(firms, rows, "firms")
    slopes = {"sex": direct, "ethnicity": minority_effect, **COEFFICIENTS}
    _check_finite(direct=direct, mediated=mediated, segregation=segregation, firm_sd=firm_sd)
    _check_finite(minority_effect=minority_effect, minority_noise=minority_noise)
    _check_ranges(firm_sd, confounding, minority, minority_noise, probe_noise)
    _check_new_firms(new_firms, firms)
    random = np.random.default_rng(seed)
    labels = cluster_labels(sizes, "firm", "f")
    firm = _draw_firms(random, labels.unique(), confounding, new_firms)
    own = _draw_rows(random, firm.loc[labels], segregation, minority, probe_noise)
    slopes, effects = pd.Series(slopes, name="coefficient"), firm_sd * firm["strength"]
    mechanism = (slopes, labels.map(effects), minority_noise, outcome)
    x = _columns(own, mediated)
    truth = {
        "intercept": INTERCEPT,
        "coefficients": slopes,
        "effects": effects.rename("effect"),
        "new_firms": firm.index[firms - new_firms :].tolist(),
        "expected": _expected(x, *mechanism),
        **_counterfactuals(own, mediated, mechanism),
    }
    y = _draw_outcome(random, truth["expected"], _scale(x, minority_noise), outcome)
    return Simulated(_data(x, y, labels), truth)


def _draw_firms(random, names, confounding, new_firms):
    """Each firm's strength (its effect in standard deviations), mean skill and probe."""
    strength, skill, unrelated = random.normal(size=(3, len(names)))
    is_new = np.arange(len(names)) >= len(names) - new_firms
    return pd.DataFrame(
        {
            "strength": strength,
            "skill": correlated(strength, skill, confounding),
            "probe": np.where(is_new, unrelated, strength),
        },
        index=names,
    )


def _draw_rows(random, firm, segregation, minority, probe_noise):
    """Each row's groups and what is its own: the part of x that no attribute changes."""
    firm = firm.reset_index(drop=True)
    is_woman = random.random(len(firm)) < expit(-segregation * firm["strength"])
    is_minority = random.random(len(firm)) < minority
    skill, education, experience, probe = random.normal(size=(4, len(firm)))
    return pd.DataFrame(
        {
            "sex": np.where(is_woman, "Female", "Male"),
            "ethnicity": np.where(is_minority, "minority", "majority"),
            "skill": np.sqrt(SKILL_ICC) * firm["skill"] + np.sqrt(1 - SKILL_ICC) * skill,
            "education": education,
            "experience": experience,
            "probe": firm["probe"] + probe_noise * probe,
        }
    )


def _columns(own, mediated):
    """The columns of x that follow from the groups and from what is a row's own."""
    shift = mediated * (own["sex"] == "Female")
    education, experience = own["education"] + shift, own["experience"] + shift
    return own.assign(education=14 + 2 * education, experience=20 + 4 * experience)


def _counterfactuals(own, mediated, mechanism):
    """What x and the expected outcome would be if every row were of a group, by group."""
    worlds = {
        attribute: {group: _columns(own.assign(**{attribute: group}), mediated) for group in groups}
        for attribute, groups in GROUPS.items()
    }
    expected = {
        attribute: {group: _expected(x, *mechanism) for group, x in of_group.items()}
        for attribute, of_group in worlds.items()
    }
    return {"counterfactuals": worlds, "counterfactual_expected": expected}


def _expected(x, slopes, effect, minority_noise, outcome):
    numbers = x.assign(sex=x["sex"] == "Female", ethnicity=x["ethnicity"] == "minority")
    index = INTERCEPT + numbers.astype(float) @ slopes + effect
    mean = 40 + 5 * index if outcome == "salary" else expit(index / _scale(x, minority_noise))
    return mean.rename("expected")


def _scale(x, minority_noise):
    return np.where(x["ethnicity"] == "minority", minority_noise, 1.0)


def _draw_outcome(random, expected, scale, outcome):
    if outcome == "hired":
        return (random.random(len(expected)) < expected).astype(int).rename(outcome)
    return (expected + 5 * scale * random.normal(size=len(expected))).rename(outcome)


def _data(x, y, labels):
    return ClusteredData(
        x=x,
        y=y,
        clusters=labels,
        sensitive=x[list(GROUPS)],
        task="classification" if y.name == "hired" else "regression",
        name="simulated hiring",
        swaps={name: Swap(name, {group: group for group in GROUPS[name]}) for name in GROUPS},
    )


def _check_finite(**numbers):
    for name, number in numbers.items():
        require(np.isfinite(number), f"{name} must be a finite number", number)


def _check_ranges(firm_sd, confounding, minority, minority_noise, probe_noise):
    require(firm_sd >= 0, "firm_sd must be 0 or more", firm_sd)
    require(-1 <= confounding <= 1, "confounding must lie in [-1, 1]", confounding)
    require(0 < minority < 1, "minority must lie in (0, 1)", minority)
    require(minority_noise > 0, "minority_noise must be more than 0", minority_noise)
    require(0 <= probe_noise < np.inf, "probe_noise must be finite, 0 or more", probe_noise)


def _check_new_firms(new_firms, firms):
    fine = isinstance(new_firms, Integral) and 0 <= new_firms < firms
    require(fine, f"new_firms must be an integer of 0 or more, below {firms}", new_firms)
