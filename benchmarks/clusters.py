"""What many clusters cost: time over the plain network's, and memory.

    python -m benchmarks.clusters            # both, on a machine that does nothing else
    python -m benchmarks.clusters --memory   # memory alone

Time: 30,000 simulated rows of ten columns in 5,000 clusters. Each kind of random effects is fitted
beside the same network without any, in three interleaved pairs; printed is the median of the three
ratios. Fits are whole and with default settings, so the numbers of epochs may differ: they are
printed, and so is the ratio of the times of one epoch.

Memory: 200,000 rows of five columns in 100,000 clusters, each with a random intercept. Printed is
the largest resident memory of a process of its own, which makes the data and fits the model.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
from tqdm import tqdm

from fairmedl_lite import FairMEDLClassifier, FairMEDLRegressor, simulate_linear, simulate_logistic
from study.experiments.mundlak import fit

PAIRS = 3
OUTCOMES = {
    "0/1": (FairMEDLClassifier, simulate_logistic),
    "continuous": (FairMEDLRegressor, simulate_linear),
}
PLAIN = {"random_effects": None, "cluster_adversary": 0, "fairness": 0}
EFFECTS = {
    "intercepts": PLAIN | {"random_effects": "intercept"},
    "slopes": PLAIN | {"random_effects": "slopes"},
    "slopes, cluster adversary": {"fairness": 0},
}
FITTED = {"nothing": None, "linear model": {"hidden": ()}, "network": {}}


def measure(kind, settings, data):
    """Seconds and epochs of one fit, and whether it warned that it had not converged."""
    model = kind(**settings, seed=0)
    start = time.perf_counter()
    warned = fit(model, data)
    return time.perf_counter() - start, model.history_.index[-1] + 1, warned


def times(outcome, name):
    """Print the cost of one kind of random effects, for one kind of outcome."""
    kind, simulate = OUTCOMES[outcome]
    data = simulate(5000, 6, coefficients=np.linspace(-0.5, 0.5, 10), seed=0).data
    measure(kind, PLAIN, data)  # the first fit of a process also loads the backend
    pairs = [
        [measure(kind, settings, data) for settings in (PLAIN, EFFECTS[name])]
        for _ in tqdm(range(PAIRS), desc=f"{outcome}, {name}")
    ]
    seconds, epochs, warned = np.moveaxis(np.array(pairs), -1, 0)
    each = seconds / epochs
    plain, with_effects = np.median(seconds, axis=0)
    ratios = seconds[:, 1] / seconds[:, 0]
    print(
        f"{outcome} outcome, {name}: {with_effects:.1f} s ({epochs[0, 1]:.0f} epochs) over "
        f"{plain:.1f} s ({epochs[0, 0]:.0f} epochs); ratios {np.round(ratios, 2).tolist()}, "
        f"median {np.median(ratios):.2f}; an epoch {np.median(each[:, 1] / each[:, 0]):.2f}; "
        f"{warned.sum():.0f} of {warned.size} fits warned that they had not converged",
        flush=True,
    )


def memory(outcome, name):
    """Fit once; print this process's largest resident memory so far."""
    kind, simulate = OUTCOMES[outcome]
    data = simulate(100_000, 2, coefficients=np.linspace(-0.5, 0.5, 5), seed=0).data
    seconds, epochs, warned = 0.0, 0, False
    if FITTED[name] is not None:
        settings = EFFECTS["intercepts"] | FITTED[name]
        seconds, epochs, warned = measure(kind, settings, data)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(
        f"{outcome} outcome, {name} fitted: {peak / 1e9:.2f} GB, {seconds:.0f} s, {epochs} epochs"
        + warned * "; it warned that it had not converged"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", action="store_true", help="memory alone")
    parser.add_argument("--child", nargs=2, help="outcome and model, in a process of its own")
    chosen = parser.parse_args()
    if chosen.child:
        memory(*chosen.child)
        return
    # A process inherits the peak of the one that starts it: so this comes before any fit.
    for outcome in OUTCOMES:
        for name in FITTED:
            command = [sys.executable, "-m", "benchmarks.clusters", "--child", outcome, name]
            subprocess.run(command, check=True)
    for outcome in OUTCOMES if not chosen.memory else ():
        for name in EFFECTS:
            times(outcome, name)


if __name__ == "__main__":
    main()
