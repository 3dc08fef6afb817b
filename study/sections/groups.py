"""The groups' own rates, the network without clusters, and what clusters bring back."""

import math

from study.words import (
    FAIR,
    NETWORK,
    PLAIN,
    REGRESSIONS,
    cell,
    folded,
    markdown,
    named,
    number,
    p_value,
    words,
)

WHOLE = {"fixed": "FE", "mixed": "ME"}
KINDS = {part: WHOLE | {"random": "RE"} for part in ("within", "between")} | {"total": WHOLE}


def against_network(results, study):
    """Question 3: what MEDL adds to a network that is debiased alike."""
    changes = results.table(f"study_{study}_change")
    pairs = changes.loc[changes["against"].str.startswith(NETWORK), ["model", "against"]]
    blocks = []
    for model, against in pairs.drop_duplicates().itertuples(index=False):
        table = markdown(pair_rows(results, study, model, against))
        title = f"{model} minus {against}"
        blocks.append(f"{title}:\n\n{table}" if model == FAIR else folded(title, table))
    return blocks


def pair_rows(results, study, model, against):
    """Differences of two models, seen and unseen."""
    metrics = ("tpr_sd", "tpr_sd_noise_removed")
    if study in REGRESSIONS:
        metrics = ("mse_sd", "mean_residual_sd", "attribute_swap")
    figures = [(name, attribute) for name in metrics for attribute in results.attributes(study)]
    rows = []
    for metric, attribute in [("mse" if study in REGRESSIONS else "auroc", ""), *figures]:
        row = {"figure": named(metric, attribute)}
        for part in ("seen", "unseen"):
            found = results.change(study, model, metric, attribute, against=against, part=part)
            row[part] = cell(found, "difference")
            row[f"{part}: effect size"] = number(found["effect_size"], ".2f") if found else "–"
            row[f"{part}: p"] = p_value(found["p"]) if found else "–"
        rows.append(row)
    return rows


def within_between(results, study):
    """Question 4: each disparity within and between clusters, for FE, RE and ME."""
    changes = results.table(f"study_{study}_random_effects")
    groups = changes[["attribute", "group"]].drop_duplicates()
    two = groups["attribute"].map(groups["attribute"].value_counts()) == 2
    groups = groups[~(two & groups.duplicated("attribute"))]  # Of two groups one mirrors the other.
    rate = "mean prediction" if study in REGRESSIONS else "positive rate"
    blocks = [
        f"A group's {rate} minus that of all others, within clusters and between them. Does the "
        "random effect bring a difference back? ME minus FE is paired by resample."
    ]
    for model in (PLAIN, FAIR):
        found = [
            disparity_row(results, study, model, *group) for group in groups.itertuples(index=False)
        ]
        blocks += [brought_back(model, found), markdown([row for row, _ in found])]
    return blocks


def disparity_row(results, study, model, attribute, group):
    """One group's row of the table, and where the random effect moves its disparity.

    Returns:
        The row, and for each part +1 (away from 0), -1 (towards it) or 0 (the interval of the
        change holds 0).
    """
    row, moves = {"attribute": words(attribute), "group": group}, {}
    for part in ("within", "between", "total"):
        figure = f"disparity_{part}", attribute, group
        means = {
            name: results.find(f"study_{study}", model, *figure, effects=effects)["mean"]
            for effects, name in KINDS[part].items()
        }
        row |= {f"{name} {part}": number(mean, ".3f") for name, mean in means.items()}
        change = results.index(f"study_{study}_random_effects")[(model, *figure)]
        row[f"ME - FE {part}"] = cell(change, "difference")
        clear = change["low"] > 0 or change["high"] < 0
        moves[part] = math.copysign(1, means["FE"] * change["difference"]) if clear else 0
    return row, moves


def brought_back(model, found):
    """In words: how many disparities the random effect makes larger and smaller."""
    said = []
    for part in ("within", "between", "total"):
        moved = [moves[part] for _, moves in found]
        said.append(f"{part} {moved.count(1)} larger and {moved.count(-1)} smaller")
    return (
        f"{model}: of {len(found)} disparities the random effect makes, with an interval that "
        f"holds no 0: {'; '.join(said)}."
    )
