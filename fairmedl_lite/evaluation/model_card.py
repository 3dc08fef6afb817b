"""A model card: what a fitted model is, whom it was measured on, and whom it fails, as text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from fairmedl_lite.data.clustered import ClusteredData
from fairmedl_lite.evaluation.card_tables import DRAWS, LEVEL, Chances, Numbers, gaps, measure_part

BLANKS = ("Intended use", "Limits and harms", "How to contest a decision")
OF_CLUSTERS = ["se", "clusters", "df", "design_effect", "design_effect_between"]
UNWRITTEN = "*Not written yet.*"
PREDICTIONS = (
    "`mixed` knows the row's cluster; `fixed` is the part that holds in every cluster; `prior` "
    "averages over the clusters that there might be."
)
CAPTIONS = {
    "Variance": "Of the clusters' effects, and of what is left (the residual).",
    "Performance": PREDICTIONS,
    "Spread": "How far the groups' rates lie apart (`sd`), what sampling alone would give, "
    "with rows of one cluster taken as alike (`noise_floor`), and the spread by a random effect of "
    "the group, which leaves no group out. `NaN`: fewer than two groups have enough cases, or all "
    "cases are alike.",
}


@dataclass(frozen=True)
class ModelCard:
    """The tables of a model card, and the text made of them. A notebook shows the text.

    Args:
        name: What the card is about.
        tables: Dictionary of section to DataFrame.
        captions: Dictionary of section to the sentences above its table.
        words: Dictionary of section to what the author wrote: a string, or a DataFrame.
    """

    name: str
    tables: dict[str, pd.DataFrame]
    captions: dict[str, str] = field(default_factory=dict)
    words: dict = field(default_factory=dict)

    @property
    def blanks(self) -> list[str]:
        """The sections that only the author can write, and has not written yet."""
        return [section for section in BLANKS if _is_blank(self.words.get(section))]

    @property
    def text(self) -> str:
        """The card in Markdown."""
        computed = [(title, self._section(title)) for title in self.tables]
        own = {title: UNWRITTEN if title in self.blanks else self.words[title] for title in BLANKS}
        first, *last = own.items()
        more = [(title, text) for title, text in self.words.items() if title not in BLANKS]
        sections = [first, *computed, *more, *last]
        parts = [f"## {title}\n\n{_markdown(text)}" for title, text in sections]
        return "\n\n".join([f"# Model card: {self.name}", *parts]) + "\n"

    def _section(self, title):
        table = self.tables[title]
        if title in SHORTER:
            table = SHORTER[title](table)
        return "\n\n".join(filter(None, [self.captions.get(title), _markdown(table)]))

    def _repr_markdown_(self):
        return self.text


def model_card(
    model,
    seen: ClusteredData,
    unseen: ClusteredData | None = None,
    *,
    threshold: float | None = None,
    words: Mapping | None = None,
    seed: int = 0,
) -> ModelCard:
    """Measure a fitted model on test rows, and write a model card (Mitchell and others 2019).

    Every number of the card is computed. Its purpose, its harms and how a decision is contested
    are not in the data: they are blanks until `words` fills them.

    Args:
        model: A fitted `FairMEDLClassifier` or `FairMEDLRegressor`.
        seen: A `ClusteredData`: test rows of clusters that the model was fitted on.
        unseen: A `ClusteredData`: rows of clusters that it was not fitted on, if there are some.
            They are predicted by `unseen="fixed"`.
        threshold: Float. Where a chance counts as positive, chosen on other rows, as by
            `youden_threshold`. A classifier needs it, a regressor has none.
        words: Dictionary of section to text: of `"Intended use"`, `"Limits and harms"` and
            `"How to contest a decision"`. Any other section, text or DataFrame, is added.
        seed: Integer. Seeds the draws of a regressor's intervals.

    Returns:
        A `ModelCard`: `text` is its Markdown, `blanks` names what is not written yet, and
        `tables` has the DataFrames
        - `Data` and `Model`: rows, clusters, settings, and what `verdict_` says of the fit;
        - `Variance`, if there are random effects: `variance_components_`;
        - `Performance` of each part and kind of prediction;
        - `Groups`: each group's rates and cases, as `random_effect_rates` has them. A group
          without a case stays, with a missing rate;
        - `Spread`: that of `fairness_report`, and `sd_random_effect`, the `sd_rate` of
          `random_effect_spread`;
        - `Calibration`: `group_calibration_report`; of a regressor how many outcomes its
          intervals of 90 % hold;
        - `Not measured`.
        Where the data have weights all figures are weighted.

    Raises:
        ValueError: If a classifier gets no threshold or a regressor gets one, if y holds other
            classes than the model's, or if `seen` has clusters that the model does not know.

    Example:
        >>> parts = split(simulate_hiring(5, 60, seed=0).data, unseen_clusters=0.2, seed=0)
        >>> train, test = parts.train, parts.test_seen
        >>> groups = {"clusters": train.clusters, "sensitive_features": train.sensitive}
        >>> model = FairMEDLClassifier(hidden=(4,), epochs=1).fit(train.x, train.y, **groups)
        >>> card = model_card(model, test, parts.test_unseen, threshold=0.5)
        >>> card.blanks
        ['Intended use', 'Limits and harms', 'How to contest a decision']
        >>> card.tables["Performance"][["part", "prediction"]].to_numpy().tolist()
        [['seen', 'mixed'], ['seen', 'fixed'], ['unseen', 'fixed'], ['unseen', 'prior']]
    """
    check_is_fitted(model, "model_")
    kind = _kind(model, threshold, seed)
    parts = {"seen": seen} | ({"unseen": unseen} if unseen is not None and len(unseen) else {})
    found = [measure_part(kind, rows, name) for name, rows in parts.items()]
    measured = {title: pd.concat([each[title] for each in found]) for title in found[0]}
    measured = {title: table.reset_index(drop=True) for title, table in measured.items()}
    tables = {"Data": _of_data(kind, parts), "Model": _of_model(model, threshold)}
    if model.model_.random_effects:
        tables["Variance"] = model.variance_components_
    tables |= measured
    tables["Not measured"] = pd.DataFrame({"what": gaps(parts, measured["Groups"])})
    return ModelCard(seen.name, tables, CAPTIONS | _captions(threshold), dict(words or {}))


def _is_blank(text):
    return text is None or (isinstance(text, str) and not text.strip())


def _kind(model, threshold, seed):
    if not hasattr(model, "predict_proba"):
        if threshold is not None:
            raise ValueError(
                f"A regressor has no threshold. Received: {threshold!r}. Leave threshold out."
            )
        return Numbers(model, seed)
    if threshold is None:
        raise ValueError(
            "A classifier needs a threshold. Received: None. Choose it on validation rows, as by "
            "youden_threshold(y, chances)."
        )
    return Chances(model, threshold)


def _captions(threshold):
    if threshold is None:
        groups = "Each rate with its cases in brackets. Above 0 a mean residual says: predicted "
        groups += "too low."
        held = f"The share of outcomes that intervals of {100 * LEVEL:.0f} % hold ({DRAWS} draws), "
        held += "with its interval of 95 %."
        return {"Groups": groups, "Calibration": held}
    groups = f"Each rate at the threshold {threshold:.3g}, with its cases in brackets: of a TPR "
    groups += "the positives, of an FPR the negatives. `NaN (0)`: no case, so no rate."
    return {
        "Groups": groups,
        "Calibration": "Mean chance and observed rate of each group, and their difference with its "
        "interval of 95 %. `noise_floor`: the calibration error that sampling alone would give.",
    }


def _of_data(kind, parts):
    first = parts["seen"]
    rows = {}
    for name, part in parts.items():
        clusters = pd.DataFrame(part.clusters).rename(columns={0: "cluster"})
        mean = np.average(kind.y(part), weights=part.weights)
        rows[f"test rows of {name} clusters"] = f"{len(part):,}; {_counts(clusters.nunique())}"
        rows[f"{first.y.name or 'y'}, {name} clusters"] = f"{kind.mean}: {_written(mean)}"
    rows["dropped from the source"] = _counts(first.dropped) or "none"
    rows["weights"] = "none" if first.weights is None else "all figures are weighted"
    return pd.DataFrame(rows.items(), columns=["what", "value"])


def _of_model(model, threshold):
    rows = {
        "kind": type(model).__name__,
        "fitted on": _counts(
            {"rows": model.model_.settings["num_rows"]}
            | {name: len(labels) for name, labels in model.clusters_.items()}
        ),
        "threshold": "none" if threshold is None else threshold,
        "settings": ", ".join(f"{name}={value!r}" for name, value in model.get_params().items()),
        **model.verdict_,
    }
    return pd.DataFrame(rows.items(), columns=["what", "value"])


def _counts(counts):
    return ", ".join(f"{name}: {count:,.0f}" for name, count in counts.items())


def _one_row_a_group(rates):
    """A row for each group, with its rates and their cases in brackets."""
    cells = rates["rate"].map(_written) + rates["cases"].map(" ({:,.0f})".format)
    keys = ["part", "attribute", "group"]
    wide = rates.assign(cell=cells).pivot(index=keys, columns="metric", values="cell")
    wide = wide.loc[pd.MultiIndex.from_frame(rates[keys].drop_duplicates())]
    return wide[rates["metric"].unique()].reset_index().rename_axis(columns=None)


def _with_intervals(calibration):
    """The table with its intervals in brackets, without what these were computed from."""
    table = calibration.drop(columns=OF_CLUSTERS, errors="ignore")
    for low in table.columns[table.columns.str.endswith("_low")]:
        name = low.removesuffix("_low")
        low, high = (table.pop(f"{name}_{end}").map(_written) for end in ("low", "high"))
        table[name] = table[name].map(_written) + " [" + low + ", " + high + "]"
    return table


SHORTER = {"Groups": _one_row_a_group, "Calibration": _with_intervals}


def _markdown(text):
    """A text as it is; a table of one column as a list, any other as a table."""
    if not isinstance(text, pd.DataFrame):
        return str(text)
    rows = [[_written(value) for value in row] for row in text.itertuples(index=False)]
    if text.shape[1] == 1:
        return "\n".join(f"- {value}" for (value,) in rows)
    rows = [[_written(name) for name in text], ["---"] * text.shape[1], *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _written(value):
    """A value in a cell: numbers to three digits, what is missing as NaN."""
    if isinstance(value, dict):
        return _counts(value) or "none"
    if value is None or value != value:
        return "NaN"
    if isinstance(value, Real):
        whole = isinstance(value, Integral) or abs(value) >= 1000
        return f"{value:,.0f}" if whole else f"{round(value, 12):.3g}"
    return " ".join(str(value).split()).replace("|", "\\|")
