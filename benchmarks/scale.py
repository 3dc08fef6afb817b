"""What all of the ACS costs: memory of a fit, and time of an epoch over the plain network's.

    python -m benchmarks.scale            # both, on a machine that does nothing else
    python -m benchmarks.scale --memory   # memory alone

1,664,500 rows in the layout of `load_acs_income(place_of_birth=False)`, 25 major groups as
clusters, are simulated: no file is needed. Shares follow those of the survey; columns are
independent of each other, and the outcome follows all of them. Fair MEDL has its default
settings, but for a batch of 2,048 rows, a learning rate of .004 and three epochs.

Memory: printed is the largest resident memory of a process of its own, which makes the data and
fits the model.

Time: fits of the plain network and of Fair MEDL, each in such a process, in three interleaved
pairs. An epoch is timed from its last step to the last one of the next, so compiling, which falls
into the first, does not count. Printed is the median of the three ratios.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from tqdm import tqdm

from fairmedl_lite import ladder
from fairmedl_lite.data.census import ACS_LABELS, MAJOR_GROUPS, persons
from fairmedl_lite.model.debiasing import FORMS
from fairmedl_lite.training import train as training

ROWS, PAIRS = 1_664_500, 3
SETTINGS = {"epochs": 3, "batch_size": 2048, "learning_rate": 4e-3, "seed": 0}
# Percent of the rows in each category, in the order of the loader; hundreds are not exact.
SHARES = {
    "class_of_worker": ("COW", (66, 8, 8, 4, 2, 8, 4, 0.3)),
    "marital_status": ("MAR", (34, 53, 10, 2, 2)),
    "relationship": (
        "RELP",
        (47, 23, 13, 0.3, 0.6, 2, 0.9, 0.7, 0.1, 0.8, 1, 0.7, 3, 4, 0.1, 1, 0.6, 2),
    ),
    "sex": ("SEX", (53, 47)),
    "race": ("RAC1P", (67, 5, 0.9, 14, 0.3, 9, 4)),
}
OCCUPATIONS = (11, 3, 2, 4, 3, 1, 2, 1, 6, 3, 5, 3, 2, 5, 4, 3, 10, 11, 1, 4, 0.1, 3, 5, 7, 0.3)
NUMBERS = {  # mean, standard deviation, lowest and highest
    "age": (43, 15, 17, 94),
    "education": (18.5, 3.8, 1, 24),
    "hours_per_week": (38, 13, 1, 99),
}
COLUMNS = [
    *("age", "class_of_worker", "education", "marital_status", "relationship"),
    *("hours_per_week", "sex", "race"),
]


def simulate(rows, seed):
    """Rows in the layout of the ACS."""
    random = np.random.default_rng(seed)
    logit = np.full(rows, -0.4)
    x = {name: draw_column(name, rows, logit, random) for name in COLUMNS}
    occupation = draw_category(list(MAJOR_GROUPS), OCCUPATIONS, rows, logit, random)
    rich = random.random(rows) < 1 / (1 + np.exp(-logit))
    y = pd.Series(rich.astype("uint8"))
    return persons(pd.DataFrame(x), y, occupation, "simulated ACS", {}, True)


def draw_column(name, rows, logit, random):
    """A column of x; what it does to the outcome is added to the logit in place."""
    if name in SHARES:
        code, shares = SHARES[name]
        labels = list(dict.fromkeys(ACS_LABELS[code].values()))
        return draw_category(labels, shares, rows, logit, random)
    mean, spread, low, high = NUMBERS[name]
    values = np.clip(random.normal(mean, spread, rows), low, high).astype("uint8")
    logit += 0.6 * (values - mean) / spread
    return pd.Series(values)


def draw_category(labels, shares, rows, logit, random):
    """The same for a column of categories."""
    shares = np.array(shares) / np.sum(shares)
    codes = random.choice(len(labels), rows, p=shares)
    logit += random.normal(0, 0.7, len(labels))[codes]
    return pd.Series(pd.Categorical.from_codes(codes, labels))


class Clock(training.Anneal):
    """Notes when each epoch ends."""

    ends = []

    def observe(self, terms, **options):
        self.ends.append(time.perf_counter())
        super().observe(terms, **options)


def fit(rung, form):
    """Make the data, fit once, and print what this process took, as JSON."""
    data = simulate(ROWS, seed=0)
    training.Anneal = Clock
    start = time.perf_counter()
    ladder(debias=form, **SETTINGS)[rung].fit(
        data.x, data.y, clusters=data.clusters, sensitive_features=data.sensitive
    )
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    taken = {
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9,
        "fit": time.perf_counter() - start,
        "epoch": float(np.median(np.diff(Clock.ends))),
    }
    print(json.dumps(taken))


def measure(rung, form="adversary"):
    """What a fit takes, in a process of its own: a dictionary of GB and seconds."""
    command = [sys.executable, "-m", "benchmarks.scale", "--child", rung, form]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", action="store_true", help="memory alone")
    parser.add_argument("--child", nargs=2, help="rung and form, in a process of its own")
    chosen = parser.parse_args()
    if chosen.child:
        fit(*chosen.child)
        return
    for form in FORMS:
        taken = measure("Fair MEDL-NNet", form)
        print(f"{form}: peak {taken['memory']:.2f} GB, fit {taken['fit']:.0f} s", flush=True)
    if chosen.memory:
        return
    rungs = ("NNet", "Fair MEDL-NNet")
    pairs = [[measure(rung)["epoch"] for rung in rungs] for _ in tqdm(range(PAIRS))]
    pairs = np.array(pairs)
    plain, fair = np.median(pairs, axis=0)
    ratios = pairs[:, 1] / pairs[:, 0]
    print(
        f"epoch: {fair:.1f} s over {plain:.1f} s; ratios {np.round(ratios, 2).tolist()}, "
        f"median {np.median(ratios):.2f}"
    )


if __name__ == "__main__":
    main()
