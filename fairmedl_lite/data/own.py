"""Data of your own: a table as clustered data, and what should be looked at before a fit."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fairmedl_lite.data.clustered import ClusteredData

SURE, CATEGORIES, CLUSTERS, ROWS, GROUPS, CASES = 0.95, 50, 10, 5, 10, 20


def from_table(
    table: pd.DataFrame,
    *,
    outcome: str,
    clusters: str | Sequence[str],
    sensitive: Sequence[str],
    task: str = "classification",
    positive=1,
    bands: Mapping | None = None,
    weights: str | None = None,
    together: str | None = None,
    leave_out: Sequence[str] = (),
    name: str = "own data",
) -> ClusteredData:
    """Make a table of your own into `ClusteredData`: say what its columns are.

    Rows without an outcome, a cluster, a group or a weight are dropped, each counted once in
    `dropped`. Gaps elsewhere stay. Columns that are not named are covariates, and so are those of
    the sensitive attributes; `leave_out` takes them away.

    Args:
        table: DataFrame of shape `(rows, columns)`.
        outcome: Name of the column of the outcome.
        clusters: Name of the column of the clusters, or a list of several.
        sensitive: List of the columns of the sensitive attributes.
        task: `"classification"` or `"regression"`.
        positive: The value of a classification's outcome that counts as 1; all others are 0.
        bands: Dictionary of a sensitive column of numbers to the edges that cut it into groups;
            a band holds its lower edge.
        weights: Name of the column that says how many people a row stands for.
        together: Name of a column of which rows with one value must stay on one side of a split,
            such as a person. It is no covariate, and rows without it are dropped. To `split` give
            `keep_together=table.loc[data.x.index, together]`, of a table without repeated labels.
        leave_out: Columns that are no covariates: case numbers, what is known only afterwards.
        name: What to call the data in a table.

    Returns:
        A `ClusteredData` with the table's index.

    Raises:
        ValueError: If a column is named that the table has not, or the outcome does not vary.

    Example:
        >>> table = pd.DataFrame({"hired": ["yes", "no", "no", None], "firm": ["a", "a", "b", "b"]})
        >>> table = table.assign(sex=["f", "m", "f", "m"], age=[25, 40, 61, 33], case=range(4))
        >>> data = from_table(
        ...     table,
        ...     outcome="hired",
        ...     positive="yes",
        ...     clusters="firm",
        ...     sensitive=["sex"],
        ...     leave_out=["case"],
        ... )
        >>> data.x.columns.tolist(), data.y.tolist(), data.dropped
        (['sex', 'age'], [1, 0, 0], {'no hired': 1})
    """
    bands, clusters, sensitive = dict(bands or {}), _names(clusters), _names(sensitive)
    keys = list(dict.fromkeys([outcome, *clusters, *filter(None, (together, weights))]))
    if absent := sorted({*keys, *sensitive, *bands, *leave_out} - set(table)):
        raise ValueError(f"Settings must name columns of the table. Received: {absent}.")
    cut = {column: pd.cut(table[column], edges, right=False) for column, edges in bands.items()}
    groups = table[sensitive].assign(**cut)
    gaps = pd.concat([table[keys], groups], axis=1).isna().T.groupby(level=0, sort=False).any().T
    short = gaps.any(axis=1)
    why = "no " + gaps.idxmax(axis=1)[short].astype(str)
    needed, groups = table[~short], groups[~short]
    y = needed[outcome] if task == "regression" else (needed[outcome] == positive).astype(int)
    if y.nunique() < 2:
        raise ValueError(
            f"The outcome must vary. Received: {y.nunique()} values in {len(y)} rows, with "
            f"positive={positive!r}. Name a value that the column holds."
        )
    return ClusteredData(
        x=needed.drop(columns=[*keys, *leave_out]),
        y=y,
        clusters=needed[clusters].astype(str).squeeze(axis=1),
        sensitive=groups.astype(str),
        task=task,
        name=name,
        dropped=why.value_counts().to_dict(),
        weights=needed[weights] if weights else None,
    )


def _names(columns):
    """Names of columns as a list; one may stand alone."""
    return [columns] if isinstance(columns, str) else list(columns)


def doubts(data: ClusteredData, *, tested: float = 0.2) -> list[str]:
    """What should be looked at before a model is trained, in words. You say whether it is right.

    A covariate is named if it tells the outcome by itself, differs in nearly every row, has more
    than 50 categories, names the cluster, or sounds like a survey weight; an attribute if it has
    more than 10 groups, or a group of which fewer than 20 cases will be among the test rows (a
    case is a positive, in a regression any row); clusters if they are fewer than 10 or small.

    Args:
        data: A `ClusteredData`.
        tested: Float in (0, 1). The share of the rows that will be tested.

    Returns:
        List of strings, empty if nothing was found.

    Raises:
        ValueError: If `tested` is no share.

    Example:
        >>> data = simulate_hiring(20, 200, seed=0).data
        >>> doubts(data)
        []
        >>> data.x["case"] = range(len(data))
        >>> doubts(data)
        ['column case differs in nearly every row: a case number?']
    """
    if not 0 < tested < 1:
        raise ValueError(f"tested must be between 0 and 1. Received: {tested!r}. Pass a share.")
    sizes = data.first_clusters.value_counts()
    found = [f"only {len(sizes)} clusters"] if len(sizes) < CLUSTERS else []
    found += [f"half of the clusters have under {ROWS} rows"] if sizes.median() < ROWS else []
    for name, column in data.x.items():
        found += [f"column {name} {why}" for why in _doubts_on_column(name, column, data)]
    return [*found, *_doubts_on_groups(data, tested)]


def _doubts_on_column(name, column, data):
    """Why a column may not belong among the covariates."""
    column = column.infer_objects()
    is_text = not pd.api.types.is_numeric_dtype(column)
    column = column.astype("string") if is_text else column
    values, clusters = column.nunique(), data.first_clusters
    of_cluster = column.groupby(clusters).nunique().max() <= 1 and values == clusters.nunique()
    many = values > 0.9 * len(data) and not pd.api.types.is_float_dtype(column)
    reasons = {
        "tells the outcome by itself: known only afterwards?": _strength(column, data) > SURE,
        "differs in nearly every row: a case number?": many,
        f"has {values} categories: names, dates, codes?": is_text and values > CATEGORIES,
        "names the cluster": of_cluster,
        "sounds like a survey weight": re.search(r"weight|wgt|wt\d*$", str(name).lower()),
    }
    return [why for why, is_so in reasons.items() if is_so]


def _strength(column, data):
    """How well a column alone tells the outcome, by a small tree: AUROC or R squared."""
    numbers = column if pd.api.types.is_numeric_dtype(column) else pd.factorize(column)[0]
    x = pd.Series(numbers).to_numpy("float64", na_value=np.nan)[:, None]
    x = np.where(np.isfinite(x), x, np.nan)
    parts = min(3, data.y.value_counts().min() if data.task == "classification" else len(x))
    if parts < 2:
        return 0.0
    if data.task == "regression":  # steps as fine as a sure guess of a number needs
        tree, scoring = DecisionTreeRegressor(max_depth=6, random_state=0), "r2"
    else:
        tree, scoring = DecisionTreeClassifier(max_depth=3, random_state=0), "roc_auc"
    return cross_val_score(tree, x, data.y, cv=parts, scoring=scoring).mean()


def _doubts_on_groups(data, tested):
    """Which attributes have many groups, and which groups will have too few cases."""
    cases = data.sensitive if data.task == "regression" else data.sensitive[data.y == 1]
    for name, column in data.sensitive.items():
        expected = tested * cases[name].value_counts().reindex(column.unique(), fill_value=0)
        if len(expected) > GROUPS:
            yield f"attribute {name} has {len(expected)} groups: cut it into bands"
        elif expected.min() < CASES:
            few = ", ".join(map(str, expected.index[expected < CASES]))
            yield f"attribute {name}: fewer than {CASES} test cases in {few}"
