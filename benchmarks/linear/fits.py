"""One fit, from the table to the printed summary, in a process of its own: JSON on the last line.

    python -m benchmarks.linear.fits METHOD SET FOLDER

FOLDER holds the set as table.csv and a few of its rows as tiny.csv. lme4 does the same in fit.R.
"""

import json
import math
import resource
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.linear.sets import SETS


def ours(table, chosen):
    """Our own model, by default settings."""
    from fairmedl_lite import FairMEDLClassifier, FairMEDLRegressor

    kind = FairMEDLClassifier if chosen.binary else FairMEDLRegressor
    effects = [chosen.slope] if chosen.slope else "intercept"
    model = kind(hidden=(), random_effects=effects, cluster_adversary=0, fairness=0)
    clusters = table[list(chosen.clusters)]
    model.fit(table[list(chosen.columns)], table["y"], clusters=clusters)
    print(model.summary())
    sds = model.variance_components_["sd"]
    return sds[: len(sds) - chosen.binary], model.lower_bound_


def gpboost(table, chosen, **options):
    """GPBoost by its default settings; its summary has standard errors, as the others' have."""
    import gpboost

    likelihood = "bernoulli_logit" if chosen.binary else "gaussian"
    model = gpboost.GPModel(
        group_data=table[list(chosen.clusters)].to_numpy(),
        likelihood=likelihood,
        num_parallel_threads=1,
        **options,
    )
    design = table[list(chosen.columns)].assign(intercept=1.0)
    model.fit(y=table["y"].to_numpy(float), X=design)
    model.summary()
    variances = np.ravel(model.get_cov_pars(format_pandas=False))[: len(chosen.clusters) + 1]
    if not chosen.binary:  # the residual is the first there
        variances = np.roll(variances, -1)
    return np.sqrt(variances), -model.get_current_neg_log_likelihood()


def statsmodels(table, chosen):
    """MixedLM by maximum likelihood; for 0/1 its variational Bayes, which has priors."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    if chosen.binary:
        return statsmodels_binary(table, chosen)
    design = table[list(chosen.columns)].assign(intercept=1.0)
    effects = design[["intercept", *([chosen.slope] if chosen.slope else [])]]
    model = MixedLM(table["y"], design, groups=table[chosen.clusters[0]], exog_re=effects)
    fitted = model.fit(reml=False)
    print(fitted.summary())
    sds = np.sqrt([*np.diag(fitted.cov_re), fitted.scale])
    return sds, fitted.llf


def statsmodels_binary(table, chosen):
    from scipy import sparse
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    ids = pd.factorize(table[chosen.clusters[0]])[0]
    effects = sparse.csr_matrix((np.ones(len(ids)), (np.arange(len(ids)), ids)))
    design = table[list(chosen.columns)].assign(intercept=1.0)
    same = np.zeros(effects.shape[1], int)
    fitted = BinomialBayesMixedGLM(table["y"], design, effects, same).fit_vb()
    print(fitted.summary())
    return np.exp(fitted.vcp_mean), math.nan


def is_for_users(warning):
    """Whether it is about the fit, not about what a library calls of another."""
    return issubclass(warning.category, UserWarning)


METHODS = {
    "fairmedl_lite": ours,
    "GPBoost": gpboost,
    "GPBoost, Cholesky": partial(gpboost, matrix_inversion_method="cholesky"),
    "statsmodels": statsmodels,
}


def main():
    method, name, folder = sys.argv[1:]
    chosen, fit = SETS[name], METHODS[method]
    tables = [pd.read_csv(Path(folder) / f"{part}.csv") for part in ("tiny", "table")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few rows
        fit(tables[0], chosen)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.process_time()
        sds, log_likelihood = fit(tables[1], chosen)
        seconds = time.process_time() - start
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    found = {
        "seconds": seconds,
        "log_likelihood": float(log_likelihood),
        "sds": np.asarray(sds, float).tolist(),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9,
        "warnings": sorted({str(one.message) for one in caught if is_for_users(one)}),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
