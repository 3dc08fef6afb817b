"""Is what lies between intersections more than the sum of the attributes?

    python -m study.experiments.intersections               # all of it
    python -m study.experiments.intersections --only truth  # or adult, acs_major

**truth**: strata with known effects. Main effects are drawn, and an interaction of each stratum, so
that the strata's logits have a standard deviation of .8 and the PCV is .9 or .6. There are 12
strata (2 x 2 x 3), 24 (2 x 3 x 4) or 160 (4 x 4 x 2 x 5), of 100 cases on average, log-normal: half
have fewer than 50. Told are the mean PCV beside the truth, and how often 95 % intervals hold the
truth: of the PCV, of the additive model's sd, and of a stratum's effect; and among strata that are
said to deviate, the share whose effect has the other sign. The table goes to
results/intersections_truth.csv.

**adult**, **acs_major**: the crossing of age, race, sex and marital status. Of the outcome, with
all rows; and of the TPR, FPR and positive rate of models on the test rows of occupations they know,
at Youden's threshold of the validation rows, in the study's splits: the exact mixed logistic
regression (seeds 0-2, ACS 0-1), and on Adult MEDL-NNet and Fair MEDL-NNet (seeds 0-2). Each once
with rows taken as independent and once with occupations. Means over seeds go to
results/intersections.csv (`fitted`: in how many the data knew the sds), and the strata whose
outcome deviates, rows independent, to results/intersections_strata.csv.
"""

import argparse
import warnings
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import expit
from tqdm import tqdm

from fairmedl_lite import (
    FairMEDLClassifier,
    group_report,
    intersectional_effects,
    intersectional_spread,
    intersections,
    ladder,
    split,
    youden_threshold,
)
from study.plan import load_acs, load_adult
from study.words import FAIR, PLAIN
from tools import ROOT

LAYOUTS, PCVS, SETS = ((2, 2, 3), (2, 3, 4), (4, 4, 2, 5)), (0.9, 0.6), 100
SD, MEAN, CASES = 0.8, -0.5, 100  # of the logits; cases of a stratum, on average
EXACT = FairMEDLClassifier(hidden=(), random_effects="intercept", cluster_adversary=0, fairness=0)
LOGISTIC = "mixed logistic"
# Loader, share of clusters held out, and how many seeds each model has.
DATA = {
    "adult": (load_adult, 4 / 14, {LOGISTIC: 3, PLAIN: 3, FAIR: 3}),
    "acs_major": (load_acs, 0.2, {LOGISTIC: 2}),
}
KEYS = ["data", "model", "independent", "metric"]
FILES = ("intersections.csv", "intersections_strata.csv")


def simulate(levels, pcv, seed):
    """A report of strata, their attributes, and each one's mean and effect on the logit."""
    random = np.random.default_rng([seed, *levels, round(100 * pcv)])
    names = [f"attribute {number}" for number in range(len(levels))]
    strata = pd.DataFrame(product(*map(range, levels)), columns=names)
    effects = pd.get_dummies(strata.astype("category"), dtype=float).to_numpy()
    additive = effects @ random.normal(size=effects.shape[1])
    additive = SD * np.sqrt(pcv) * (additive - additive.mean()) / additive.std()
    own = SD * np.sqrt(1 - pcv) * random.normal(size=len(strata))
    size = np.exp(1.2 * random.normal(size=len(strata)))
    cases = random.multinomial(CASES * len(strata), size / size.sum())
    hits = random.binomial(cases, expit(MEAN + additive + own))
    report = {"attribute": "all", "metric": "tpr", "group": intersections(strata)}
    report = pd.DataFrame(report | {"rate": hits / np.maximum(cases, 1), "cases": cases})
    return report, strata, additive, own


def run_set(levels, pcv, seed):
    """What is found in one simulated set, beside the truth."""
    report, strata, additive, own = simulate(levels, pcv, seed)
    found = intersectional_spread(report, strata, seed=seed).iloc[0]
    effects, has_cases = intersectional_effects(report, strata), report["cases"] > 0
    sd, explained = SD * np.sqrt(1 - pcv), additive[has_cases].var()
    truth = explained / (explained + sd**2)
    held, deviates = effects["low"].le(own) & effects["high"].ge(own), effects["deviates"]
    return {
        "strata": len(strata),
        "true_pcv": truth,
        "pcv": found["pcv"],
        "sd_additive": found["sd_additive"],
        "pcv_held": found["pcv_low"] <= truth <= found["pcv_high"],
        "sd_held": found["sd_additive_low"] <= sd <= found["sd_additive_high"],
        "effect_held": held[has_cases].mean(),
        "deviate": deviates.mean(),
        "wrong_sign": np.mean(np.sign(effects["effect"])[deviates] != np.sign(own)[deviates])
        if deviates.any()
        else np.nan,
    }


def truth():
    """The table of the simulations: a row for each cell."""
    rows = []
    for levels, pcv in product(LAYOUTS, PCVS):
        runs = [run_set(levels, pcv, seed) for seed in tqdm(range(SETS), desc=f"{levels}, {pcv}")]
        mean = pd.DataFrame(runs).astype(float).mean()
        rows.append({"main_effects": " x ".join(map(str, levels)), "sets": SETS, **mean})
    table = pd.DataFrame(rows).astype({"strata": int})
    table.round(4).to_csv(ROOT / "results" / "intersections_truth.csv", index=False)
    print(table.round(3).to_string(index=False))


def spreads(rows, scores, threshold, **labels):
    """`intersectional_spread` of some rows, with rows and with occupations independent."""
    options = {"sensitive_features": intersections(rows.sensitive), "threshold": threshold}
    tables = []
    for independent, clusters in {"rows": None, "clusters": rows.first_clusters}.items():
        report = group_report(rows.y, scores, **options, clusters=clusters)
        found = intersectional_spread(report, rows.sensitive)
        tables.append(found.assign(independent=independent, **labels))
    return pd.concat(tables)


def of_model(model, data, held_out, seed):
    """The spreads of a model's rates on the test rows of a split."""
    cut = split(data, unseen_clusters=held_out, seed=seed)
    rows, model = cut.train, model.set_params(seed=seed)
    model.fit(rows.x, rows.y, clusters=rows.clusters, sensitive_features=rows.sensitive)
    scores = [
        model.predict_proba(part.x, clusters=part.clusters)[:, 1]
        for part in (cut.validation, cut.test_seen)
    ]
    threshold = youden_threshold(cut.validation.y, scores[0])
    return spreads(cut.test_seen, scores[1], threshold)


def of_data(name):
    """The rows of both tables about one data set."""
    load, held_out, seeds = DATA[name]
    data = load()
    models = {LOGISTIC: EXACT} | ladder()
    outcome = spreads(data, data.y, 0.5, model="outcome").query("metric == 'positive_rate'")
    tables = [outcome.assign(metric="outcome")]
    for model, count in seeds.items():
        for seed in tqdm(range(count), desc=f"{name}, {model}"):
            tables.append(of_model(models[model], data, held_out, seed).assign(model=model))
    runs = pd.concat(tables).assign(data=name)
    grouped = runs.groupby(KEYS, sort=False)
    counts = {"seeds": grouped.size(), "fitted": grouped["pcv"].count()}
    table = grouped.mean().assign(**counts).reset_index()
    report = group_report(
        data.y, data.y, sensitive_features=intersections(data.sensitive), threshold=0.5
    ).query("metric == 'positive_rate'")
    strata = intersectional_effects(report, data.sensitive).query("deviates")
    strata = strata.sort_values("effect").drop(columns=[*data.sensitive, "metric", "deviates"])
    return table, strata.assign(data=name)


def write(table, names, path):
    """Write a table, and keep what an earlier run wrote of other data sets."""
    if path.exists():
        earlier = pd.read_csv(path)
        table = pd.concat([earlier[~earlier["data"].isin(names)], table])
    first = [column for column in ("data", "model") if column in table]
    table = table[[*first, *table.columns.difference(first, sort=False)]]
    table.round(4).to_csv(path, index=False)
    print(table.round(3).to_string(index=False))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=["truth", *DATA], default=["truth", *DATA])
    chosen = parser.parse_args().only
    warnings.filterwarnings("ignore", category=UserWarning)  # of categories no training row had
    if "truth" in chosen:
        truth()
    names = [name for name in DATA if name in chosen]
    tables = [of_data(name) for name in names]
    for parts, file in zip(zip(*tables, strict=True), FILES, strict=False):
        write(pd.concat(parts), names, ROOT / "results" / file)


if __name__ == "__main__":
    main()
