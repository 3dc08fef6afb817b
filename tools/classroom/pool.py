"""The runs of a class: each student ran one seed, and the pooled table has an honest interval.

A run is read where the grading process showed it, below the given cell `study`: what students type
into cells of their own does not count. The table and its page name no student.
"""

import io
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import seaborn as sns

from fairmedl_lite import Figure, interval
from study.words import FAIR, PLAIN

FIGURES = {
    ("auroc", ""): "AUROC",
    ("tpr_sd_noise_removed", "sex"): "SD of the TPR of women and men, without noise",
}
PARTS = ["seen", "unseen"]
REPEATED, ABSENT = "seed repeated", "no run"
ENDS = {"naive": ("naive_low", "naive_high"), "honest": ("low", "high")}
WIDTHS = {"naive": 6, "honest": 2}  # of an interval's line
COLUMNS = ["figure", "part", "students", "mean", "low", "high", "naive_low", "naive_high"]
EXPLAINED = (
    "Fair MEDL minus MEDL. From low to high is the honest 95 % interval: the runs share rows, and "
    "on unseen clusters they share clusters. The naive one takes the runs as independent."
)


def collect(gradebook: pd.DataFrame, name: str, course: Path):
    """The graded runs of an assignment, each seed once.

    Args:
        gradebook: What `classroom.py` writes.
        name: The assignment.
        course: The folder that holds `autograded`.

    Returns:
        DataFrame of `student`, `seed`, `part`, `figure`, `difference` (Fair MEDL minus MEDL) and
        `ratio`; and DataFrame of `student`, `why` and `reason`, of those left out.
    """
    runs, left_out, owner = [], [], {}
    for student, rows in gradebook[gradebook["assignment"] == name].groupby("student"):
        fits = read(course / "autograded" / student / name / f"{name}.ipynb")
        if fits is None or rows["points"].isna().all():  # then the notebook is an older one
            left_out.append((student, ABSENT, rows["reason"].iloc[0]))
        elif (seed := fits["seed"].iloc[0]) in owner:
            left_out.append((student, REPEATED, f"seed {seed} is that of {owner[seed]}"))
        else:
            owner[seed] = student
            runs.append(differences(fits).assign(student=student, seed=seed))
    together = pd.concat(runs, ignore_index=True) if runs else pd.DataFrame(columns=["seed"])
    return together, pd.DataFrame(left_out, columns=["student", "why", "reason"])


def seeds(gradebook: pd.DataFrame, name: str, course: Path) -> dict:
    """Student to the seed that was run, in an assignment that has a study."""
    students = gradebook.loc[gradebook["assignment"] == name, "student"].unique()
    runs = {who: read(course / "autograded" / who / name / f"{name}.ipynb") for who in students}
    return {who: int(fits["seed"].iloc[0]) for who, fits in runs.items() if fits is not None}


def read(path: Path):
    """The fits that the cell `study` of a graded notebook shows, or None."""
    cells = nbformat.read(path, as_version=4).cells if path.exists() else []
    outputs = [output for cell in cells if is_study(cell) for output in cell.outputs]
    shown = [output.data["text/csv"] for output in outputs if "text/csv" in output.get("data", {})]
    return pd.read_csv(io.StringIO(shown[0])).fillna({"attribute": ""}) if shown else None


def is_study(cell) -> bool:
    """Whether this is the given cell that runs a student's seed."""
    return cell.metadata.get("nbgrader", {}).get("grade_id") == "study"


def differences(fits: pd.DataFrame) -> pd.DataFrame:
    """Each figure of one run: Fair MEDL minus MEDL, whole predictions, and the part's ratio."""
    whole = fits[fits["effects"] == "mixed"]
    value = whole.pivot(index=["part", "metric", "attribute"], columns="model", values="value")
    ratios = fits.groupby("part")["test_to_train"].first()
    found = (value[FAIR] - value[PLAIN]).rename("difference").reset_index()
    keys = zip(found["metric"], found["attribute"], strict=True)
    found = found.assign(figure=[FIGURES.get(key) for key in keys], ratio=found["part"].map(ratios))
    return found.dropna(subset="figure")[["part", "figure", "difference", "ratio"]]


def pool(runs: pd.DataFrame) -> pd.DataFrame:
    """The mean of each figure, with the honest and the naive 95 % interval.

    Args:
        runs: As `collect` returns them.

    Returns:
        DataFrame of `figure`, `part`, `students`, `mean`, `low`, `high`, `naive_low` and
        `naive_high`. The naive interval takes the runs as independent.

    Raises:
        ValueError: If there are fewer than two runs.
    """
    if runs["seed"].nunique() < 2:
        raise ValueError(
            "An interval needs two students who ran different seeds. "
            f"Received: {runs['seed'].nunique()}. Grade more of them first."
        )
    rows = []
    for (figure, part), of_part in runs.groupby(["figure", "part"]):
        mean, low, high, students = interval(of_part["difference"], of_part["ratio"].mean())
        naive = interval(of_part["difference"], 0)
        ends = low, high, naive["low"], naive["high"]
        rows.append((figure, part, int(students), mean, *ends))
    return pd.DataFrame(rows, columns=COLUMNS)


def plot(runs: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """A tick for each student's own number, and both intervals above them."""
    figure, panels = plt.subplots(1, len(FIGURES), figsize=(11, 2.8), sharey=True)
    colors = dict(zip(ENDS, sns.color_palette("colorblind", 2), strict=True))
    for panel, name in zip(panels, FIGURES.values(), strict=True):
        own, pooled = (rows[rows["figure"] == name] for rows in (runs, table))
        ticks = {"marker": "|", "s": 12, "linewidth": 1.5, "color": "black", "jitter": False}
        sns.stripplot(own, x="difference", y="part", order=PARTS, ax=panel, **ticks)
        places = pooled["part"].map(PARTS.index)
        for kind, (low, high) in ENDS.items():
            ends = pooled[low], pooled[high]
            panel.hlines(places - 0.25, *ends, color=colors[kind], lw=WIDTHS[kind], label=kind)
        panel.axvline(0, color="grey", linewidth=1, linestyle="--")
        panel.locator_params(axis="x", nbins=5)
        panel.set(title=name, xlabel="Fair MEDL minus MEDL", ylabel="clusters", ylim=(1.4, -0.6))
    panels[-1].legend(title="95 % interval", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    return Figure(figure, alternative(table), runs.drop(columns="student"))


def alternative(table: pd.DataFrame) -> str:
    """The plot in words: what either interval shows of each figure."""
    told = [
        f"{row.figure}, {row.part} clusters, {row.students} students: mean {row.mean:+.3f}, honest "
        f"interval {row.low:+.3f} to {row.high:+.3f} ({shows(row.low, row.high)}), naive one "
        f"{row.naive_low:+.3f} to {row.naive_high:+.3f} ({shows(row.naive_low, row.naive_high)})"
        for row in table.itertuples()
    ]
    return (
        f"Each student's own number as a tick, and two intervals of their mean. {'; '.join(told)}."
    )


def shows(low: float, high: float) -> str:
    """What an interval of a difference shows."""
    return "it falls" if high < 0 else "it rises" if low > 0 else "no change is shown"


def write(runs: pd.DataFrame, left_out: pd.DataFrame, course: Path) -> pd.DataFrame:
    """Writes pooled.csv, and pooled.html with the plot, and returns the table."""
    table = pool(runs)
    table.round(5).to_csv(course / "pooled.csv", index=False)
    counts = [f"{why}: {number}" for why, number in left_out["why"].value_counts().items()]
    page = (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>The class, pooled</title>'
        f"<h1>The class, pooled</h1><p>{runs['seed'].nunique()} students, each with a seed of "
        f"their own. Left out: {', '.join(counts) or 'nobody'}.</p>"
        f"{table.round(4).to_html(index=False, border=0)}<p>{EXPLAINED}</p>"
        f"{plot(runs, table)._repr_html_()}</html>\n"
    )
    (course / "pooled.html").write_text(page, encoding="utf-8")
    return table
