"""The study's tables from what compare returns, each counted by hand."""

import pandas as pd
import pytest

from study.tables import DISPARITIES, headline_runs, seconds_of, what_random_effects_add
from study.words import FAIR, PLAIN

COLUMNS = ["model", "seed", "part", "effects", "threshold", "metric", "attribute", "group", "value"]


def fits(*rows, seconds):
    """A table as compare returns it; seconds are by model and seed."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    taken = [
        seconds[model, seed] for model, seed in zip(table["model"], table["seed"], strict=True)
    ]
    return table.assign(test_to_train=0.5, seconds=taken, error="")


def test_seconds_are_counted_once_a_fit():
    rows = [
        ("a", seed, "seen", "mixed", "", metric, "", "", 0.5) for seed in (0, 1) for metric in "xyz"
    ]
    table = seconds_of(fits(*rows, seconds={("a", 0): 2.0, ("a", 1): 4.0}))
    assert table["mean"].tolist() == [3.0] and table["resamples"].tolist() == [2]
    assert table["high"].tolist() == [pytest.approx(3 + 12.7062, abs=1e-3)]  # t of one degree


def test_what_the_random_effects_add_is_mixed_minus_fixed():
    metric = DISPARITIES[0]
    rows = [
        (PLAIN, seed, part, effects, "", metric, "sex", "f", value)
        for seed, extra in ((0, 0.0), (1, 0.2))
        for part in ("seen", "unseen")
        for effects, value in (("fixed", 0.1), ("mixed", 0.3 + extra), ("random", 9.0))
    ]
    seconds = {(PLAIN, 0): 1.0, (PLAIN, 1): 1.0}
    table = what_random_effects_add(fits(*rows, seconds=seconds), PLAIN)
    assert table["difference"].tolist() == [pytest.approx(0.3)]
    assert table["model"].tolist() == [PLAIN] and table["resamples"].tolist() == [2]


def test_headlines_are_of_the_ladder_whole_predictions_and_all_rows():
    kept = (FAIR, 0, "seen", "mixed", "", "auroc", "", "", 0.9)
    others = [
        ("GPBoost", 0, "seen", "mixed", "", "auroc", "", "", 0.8),
        (FAIR, 0, "seen", "fixed", "", "auroc", "", "", 0.7),
        (FAIR, 0, "seen", "mixed", "equal_rate", "tpr_sd", "age", "", 0.6),
        (FAIR, 0, "seen", "mixed", "youden", "tpr", "age", "old", 0.5),
    ]
    seconds = {(FAIR, 0): 1.0, ("GPBoost", 0): 1.0}
    table = headline_runs(fits(kept, *others, seconds=seconds), {})
    assert table.to_dict("records") == [
        {"model": FAIR, "seed": 0, "part": "seen", "metric": "auroc", "attribute": "", "value": 0.9}
    ]
