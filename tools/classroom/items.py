"""Item analysis: which question, and which misconception, cost a class most."""

import re
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from fairmedl_lite import Figure
from tools.classroom.gradebook import BY_HAND

OTHER, NOBODY = "no known misconception", "Nobody has lost a point."
# What is no misconception has a row of its own; the first that a reason shows counts.
KINDS = {
    "not answered": r"(^|; )not answered$",
    "stopped": r"(^|; )a cell was stopped: ",
    "crashed": r"(^|; )(?!AssertionError)\w*(Error|Exception|Exit)(:|$)",
    BY_HAND: f"^{BY_HAND}$",
}


def analyse(gradebook: pd.DataFrame) -> pd.DataFrame:
    """Points lost by question and misconception, the dearest first.

    What was not answered, crashed, stopped or marked by hand stands apart, by that name.

    Args:
        gradebook: What `classroom.py` writes; rows without points are left out.

    Returns:
        DataFrame with `assignment`, `question`, `misconception`, `students` who lost points by
        it, `lost` (points, of all students) and `share` of all points of that question.
    """
    graded = gradebook.dropna(subset="points").reset_index(drop=True)
    graded["lost"] = graded["max"] - graded["points"]
    possible = graded.groupby(["assignment", "question"])["max"].sum()
    named = graded["misconception"].fillna("")
    named = named.where(named != "", graded["reason"].fillna("").map(kind))
    groups = graded[graded["lost"] > 0].assign(misconception=named)
    keys = ["assignment", "question", "misconception"]
    table = groups.groupby(keys)["lost"].agg(students="count", lost="sum").reset_index()
    whole = possible.loc[list(zip(table["assignment"], table["question"], strict=True))]
    table["share"] = table["lost"] / whole.to_numpy()
    return table.sort_values(["lost", *keys], ascending=[False, *[True] * 3], ignore_index=True)


def kind(reason: str) -> str:
    """What a loss without a named misconception is, by its reason."""
    return next((name for name, said in KINDS.items() if re.search(said, reason)), OTHER)


def words(table: pd.DataFrame) -> str:
    """The table as text; a sentence where there is nothing in it."""
    return NOBODY if table.empty else table.to_string(index=False)


def plot(table: pd.DataFrame) -> Figure:
    """A bar of lost points for each misconception, by question."""
    questions = _questions(table)
    labels = questions + ": " + table["misconception"].map(lambda name: textwrap.fill(name, 40))
    figure, axes = plt.subplots(figsize=(7, 1 + 0.4 * len(table)))
    hues = questions.rename("question")
    sns.barplot(x=table["lost"], y=labels, hue=hues, palette="colorblind", ax=axes)
    axes.set(xlabel="points lost by the class", ylabel="")
    sns.despine(figure)
    return Figure(figure, alternative(table), table)


def alternative(table: pd.DataFrame) -> str:
    """The plot in words: the dearest question and misconceptions."""
    questions = table.groupby(_questions(table))["lost"].sum()
    longest = zip(_questions(table).head(3), table.head(3).itertuples(), strict=True)
    told = [
        f"{row.misconception} ({asked}): {row.lost:g} points, {row.students} students"
        for asked, row in longest
    ]
    return (
        f"Bars of points lost by the class. Question {questions.idxmax()} cost most, "
        f"{questions.max():g} of {questions.sum():g} points. The longest bars: {'; '.join(told)}."
    )


def _questions(table):
    """A name for each question that no other assignment has too: 03 rates."""
    return table["assignment"].astype(str).str[:2] + " " + table["question"].astype(str)


def write(gradebook: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Writes items.csv, and items.html with the plot, and returns the table."""
    table = analyse(gradebook)
    table.round(3).to_csv(folder / "items.csv", index=False)
    shown = f"<p>{NOBODY}</p>" if table.empty else plot(table)._repr_html_()
    page = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Item analysis</title>'
    page += f"<h1>Item analysis</h1>{shown}</html>\n"
    (folder / "items.html").write_text(page, encoding="utf-8")
    return table
