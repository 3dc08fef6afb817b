"""Leave a sensitive attribute out of x: what does a blind model cost, and what does it mend?

    python -m study.experiments.blind                 # seeds 0-9

A model that does not read an attribute has an attribute swap of 0, whatever else it does. On the
data sets with a continuous outcome MEDL-NNet and Fair MEDL-NNet are fitted with all columns, and
blind: without the attribute of the study's headline (Diabetes: sex; wage panel: ethnicity), on
Diabetes also without any of the three. All else is that of the study: split, held-out clusters,
settings, and debiasing for all attributes. The mixed prediction is compared with that of MEDL-NNet
that reads everything, paired by seed: the MSE, and for each attribute the swap (where it is still
among the columns) and the spread of the groups' mean residuals and mean predictions.

Intervals are Nadeau and Bengio's. The table goes to results/blind.csv; what was fitted is kept in
build/blind, so that a run that was stopped goes on.
"""

import argparse
import os
from dataclasses import replace

import pandas as pd

from fairmedl_lite import compare, ladder
from study.plan import STUDIES, SWAP_ROWS
from study.study import Runner
from study.tables import changes_of
from study.words import FAIR, PLAIN
from tools import ROOT

KEPT = ROOT / "build" / "blind"
HIDDEN = {"diabetes": [(), ("sex",), ("age", "race", "sex")], "wage_panel": [(), ("ethnicity",)]}
COLUMNS_OF = {"ethnicity": ["black", "hisp"]}
FIGURES = ["mse", "attribute_swap", "mean_residual_sd", "mean_prediction_sd"]
COLUMNS = ["model", "part", "metric", "attribute", "value", "baseline"]
COLUMNS += ["difference", "low", "high", "percent", "percent_low", "percent_high", "resamples"]


def without(data, hidden):
    """The data whose x lacks the columns of these attributes."""
    columns = [column for name in hidden for column in COLUMNS_OF.get(name, [name])]
    swaps = {name: swap for name, swap in data.swaps.items() if name not in hidden}
    return replace(data, x=data.x.drop(columns=columns), swaps=swaps)


def fitted(study, hidden, seeds, jobs):
    """The table of `compare` for both models."""
    data, together = Runner(KEPT, KEPT, jobs).data_of(study)
    rungs = ladder(study.kind, **study.settings)
    said = f", blind to {' and '.join(hidden)}" if hidden else ""
    return compare(
        {name + said: rungs[name] for name in (PLAIN, FAIR)},
        without(data, hidden),
        seeds=range(seeds),
        unseen_clusters=study.unseen,
        keep_together=together,
        swap_rows=SWAP_ROWS,
        output=KEPT / f"{'_'.join([study.name, *hidden])}.jsonl",
        jobs=jobs,
    )


def changes(study, seeds, jobs):
    """Each model against MEDL-NNet that reads everything."""
    table = pd.concat([fitted(study, hidden, seeds, jobs) for hidden in HIDDEN[study.name]])
    kept = table["metric"].isin(FIGURES) & (table["group"] == "")
    table = table[kept & (table["effects"] == "mixed")]
    others = [name for name in table["model"].unique() if name != PLAIN]
    found = changes_of(table, [(name, PLAIN) for name in others])
    return found.loc[found["metric"].isin(FIGURES), COLUMNS].assign(data=study.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many; fewer go to build/")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    chosen = parser.parse_args()
    os.environ["PYTHONWARNINGS"] = "ignore::UserWarning"  # of categories no training row had
    studies = [study for study in STUDIES if study.name in HIDDEN]
    table = pd.concat([changes(study, chosen.seeds, chosen.jobs) for study in studies])
    table = table[["data", *COLUMNS]]
    folder = ROOT / ("results" if chosen.seeds == 10 else "build")
    table.round(5).to_csv(folder / "blind.csv", index=False)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
