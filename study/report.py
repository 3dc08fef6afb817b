"""Writes docs/study.md from the files in results/ alone: python -m study.report.

Typed here are the paper's numbers, the bars and the words; which words are used, the numbers
choose. What a missing file would say is replaced by the command that makes it.
"""

import argparse
from pathlib import Path

from study.paper import beside_paper
from study.results import Results
from study.sections import experiments
from study.sections.others import blind, clusters, methods, one_attribute, primary, recipe, seconds
from study.sections.price import BARS, against_network, bars, forms, frontier, ladder
from study.words import FAIR, NETWORK, PLAIN, REGRESSIONS, TITLES, cell, markdown
from tools import ROOT

SHOWN = ("adult", "acs_major", "diabetes", "wage_panel")  # fine occupations stand in short


def introduction():
    """What was done, and how to read it."""
    return [
        "This page is written by `python -m study.report` from the files in "
        "[results](../results) alone; `make study` makes both anew.",
        "## What was done",
        "Every model was fitted on many resamples of each data set. A seed cuts the rows into "
        "training, validation and test rows, holds some clusters out whole (unseen), and starts "
        "the weights. Choices were made on validation rows of tuning seeds, 1000 and up. The "
        "reported seeds are others, 0 and up, and their test rows were read once.",
        "- In brackets stands the 95 % interval (Nadeau and Bengio 2003); on unseen clusters the "
        "replicate is the set of held-out clusters.\n"
        "- SD: the population standard deviation of the groups' rates. Noise removed: without "
        "what sampling alone would give. Less is fairer.\n"
        "- FE, RE, ME: the fixed, the random and the mixed prediction. Where nothing is said it "
        "is ME, at Youden's threshold from validation rows. At an equal positive rate, as many "
        "validation rows are positive as truly are. The mean of five is over the thresholds at "
        "which 10, 20, 30, 40 and 50 % of the measured rows are positive: a spread that is small "
        "at the one threshold it was tuned for may be so there alone.\n"
        "- Attribute swap: how far a prediction moves when the attribute is changed and all else "
        "is held; the paper calls it counterfactual fairness.\n"
        "- A budget is the most performance that a setting may lose against "
        f"{PLAIN}, at the upper end of the interval.",
    ]


def in_short(results):
    """What debiasing costs, what MEDL adds to it, and the bars, one line for each data set."""
    rows, missing = [], []
    for study in TITLES:
        try:
            rows.append(short_row(results, study))
        except FileNotFoundError as error:
            missing.append(str(error))
    old = ", ".join(results.of_earlier_fits())
    told = [f"Fitted by an earlier version, and not yet anew: {old}."] if old else []
    return [markdown(rows), *missing, *told]


def short_row(results, study):
    """The line of one data set."""
    metric, column = ("mse", "percent") if study in REGRESSIONS else ("auroc", "difference")
    form = "+.1f" if study in REGRESSIONS else "+.3f"
    row = {"data": TITLES[study], "measure": "MSE, %" if study in REGRESSIONS else "AUROC"}
    for against in (PLAIN, NETWORK):
        for part in ("seen", "unseen"):
            found = results.change(study, FAIR, metric, against=against, part=part)
            row[f"Fair MEDL minus {against}, {part}"] = cell(found, column, form)
    return row


def section(title, write, *arguments):
    """A part of the page, or how its missing table is made."""
    try:
        return [title, *write(*arguments)]
    except FileNotFoundError as error:
        return [title, str(error)]


def of_data_set(results, study, folder):
    """All parts on one data set."""
    parts = [("The ladder", ladder, ()), ("Forms of debiasing within the budget", forms, ())]
    if study in BARS:
        parts.append(("The bars", bars, ()))
    parts.append(("The frontier", frontier, (folder,)))
    parts.append(("Does Fair MEDL beat Fair NNet?", against_network, ()))
    if study not in REGRESSIONS:
        parts.append(("Other cluster adversaries", clusters, ()))
    if study == "adult":
        parts.append(("One attribute alone", one_attribute, ()))
        parts.append(("Methods beside ours", methods, ()))
    if study in REGRESSIONS:
        parts.append(("An attribute left out of x", blind, ()))
    blocks = []
    for title, write, more in parts:
        blocks += section(f"### {title}", write, results, study, *more)
    return blocks


def page(results, folder):
    """The whole page; its figures are written to `folder`."""
    blocks = ["# The paper's study, redone", *introduction()]
    blocks += section("## In short", in_short, results)
    blocks += section("## Beside the paper", beside_paper, results)
    blocks += section("## The primary comparisons", primary, results)
    for study in SHOWN:
        blocks += section(f"## {TITLES[study]}", of_data_set, results, study, folder)
    blocks += ["## Experiments"]
    blocks += section("### A sharper aim at the threshold", experiments.equalized_odds, results)
    blocks += section("### New clusters with a few labels", experiments.adapt, results)
    blocks += section("### Intersections", experiments.intersections, results)
    blocks += section("### Averaging over swaps", experiments.swap_averaging, results)
    blocks += section("### Probes, Adult", experiments.probes, results, "adult")
    blocks += section("## The recipe", recipe, results)
    blocks += section("## Seconds", seconds, results)
    return "\n\n".join(blocks) + "\n"


def main(arguments=None):
    """Writes the page and its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="folder of tables")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="folder to write to")
    chosen = parser.parse_args(arguments)
    chosen.docs.mkdir(parents=True, exist_ok=True)
    text = page(Results(chosen.results), chosen.docs)
    (chosen.docs / "study.md").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
