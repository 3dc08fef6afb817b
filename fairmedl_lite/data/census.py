"""US census microdata: income above 50,000 dollars, clustered by occupation."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from fairmedl_lite.checks import check_choice
from fairmedl_lite.data import reading
from fairmedl_lite.data.clustered import ClusteredData, Swap

_MARITAL_STATUS = ("never married", "married", "divorced", "separated", "widowed")
_SEX = {1: "Male", 2: "Female"}
ACS_LABELS = {
    "COW": {
        1: "private company",
        2: "private not-for-profit",
        3: "local government",
        4: "state government",
        5: "federal government",
        6: "self-employed, not incorporated",
        7: "self-employed, incorporated",
        8: "family business, unpaid",
    },
    "MAR": dict(zip((5, 1, 3, 4, 2), _MARITAL_STATUS, strict=True)),
    "POBP": {code: str(code) for code in range(1, 555)},
    "RELP": dict(
        enumerate(
            "Reference person;Husband/wife;Biological child;Adopted child;Stepchild;Sibling;Parent;"
            "Grandchild;Parent-in-law;Child-in-law;Other relative;Roomer or boarder;"
            "Housemate or roommate;Unmarried partner;Foster child;Other nonrelative;"
            "Institution;Other group quarters".split(";")
        )
    ),
    "SEX": _SEX,
    "RAC1P": {
        1: "White",
        2: "Black",
        **dict.fromkeys((3, 4, 5), "American Indian or Alaska Native"),
        6: "Asian",
        7: "Pacific Islander",
        8: "Other",
        9: "Two or more",
    },
}
# The first and the last code of each group, 2018 Census Occupation Code List.
MAJOR_GROUPS = {
    "Management": (10, 440),
    "Business operations": (500, 750),
    "Finance": (800, 960),
    "Computer and mathematical": (1005, 1240),
    "Architecture and engineering": (1305, 1560),
    "Science": (1600, 1980),
    "Community and social service": (2001, 2060),
    "Legal": (2100, 2180),
    "Education and library": (2205, 2555),
    "Arts, sports and media": (2600, 2920),
    "Healthcare practitioners": (3000, 3550),
    "Healthcare support": (3601, 3655),
    "Protective service": (3700, 3960),
    "Food preparation and serving": (4000, 4160),
    "Cleaning and maintenance": (4200, 4255),
    "Personal care": (4330, 4655),
    "Sales": (4700, 4965),
    "Office and administration": (5000, 5940),
    "Farming, fishing and forestry": (6005, 6130),
    "Construction": (6200, 6765),
    "Extraction": (6800, 6950),
    "Installation and repair": (7000, 7640),
    "Production": (7700, 8990),
    "Transportation": (9005, 9760),
    "Military": (9800, 9830),
}
# Large occupations of the list before 2018 that it split or moved.
_RETIRED = (50, 100, 430, 1020)
_NO_OCCUPATION = {"OCC": (0, 9920), "OCC1990": (0, 991, 999)}
_ACS_COLUMNS = ["AGEP", "COW", "SCHL", "MAR", "OCCP", "POBP", "RELP", "WKHP", "SEX", "RAC1P"]
_IPUMS = {
    "CLASSWKR": {1: "self-employed", 2: "works for wages"},
    "MARST": dict(zip((6, 1, 4, 3, 5), _MARITAL_STATUS, strict=True)) | {2: "separated"},
    "SEX": _SEX,
    "RACE": {
        1: "White",
        2: "Black",
        3: "American Indian or Alaska Native",
        **dict.fromkeys((4, 5, 6), "Asian or Pacific Islander"),
        7: "Other",
        **dict.fromkeys((8, 9), "Two or more"),
    },
}


def load_acs_income(
    *, clusters: str = "major", place_of_birth: bool = True, sensitive_in_x: bool = True
) -> ClusteredData:
    """Load the American Community Survey 2018: does a person earn more than 50,000 dollars a year?

    The rows are persons aged 17 or more who worked, as Ding et al. (2021, "Retiring Adult")
    chose them. They are read from a file `acs_income_2018*.parquet` in the folder that the
    environment variable `FAIRMEDL_DATA` names; where there is none, fairlearn downloads and
    keeps all 1,664,500 rows. The state is left out, because fairlearn's table has none. The
    person's weight PWGTP becomes the `weights` of the data where the file has it. The armed
    forces are a major group; persons without an occupation in the last five years (code 9920)
    are dropped and counted.

    The columns of x: age, class_of_worker, education (1 to 24, rising: the code SCHL),
    marital_status, place_of_birth (the code POBP), relationship (to the reference person),
    hours_per_week, sex and race. The race column holds the seven groups that are compared; codes
    3, 4 and 5 of RAC1P are one, American Indian or Alaska Native.

    Args:
        clusters: `"major"`, the 25 major occupation groups of the 2018 code list, or `"fine"`,
            the single code as a string.
        place_of_birth: Whether `x` keeps the place of birth, 554 codes.
        sensitive_in_x: Whether `x` keeps age, race, sex and marital status. Without them
            `relationship` (Husband/wife) still tells who is married.

    Returns:
        A `ClusteredData`. Columns of x, clusters and groups are categorical: 16 bytes a row.

    Raises:
        ValueError: If the file is damaged, lacks a column, or has a code of another year.

    Example:
        >>> data = load_acs_income(place_of_birth=False)  # doctest: +SKIP
        >>> data.clusters.nunique(), data.x.shape[1]  # doctest: +SKIP
        (25, 8)
    """
    check_choice("clusters", clusters, ("major", "fine"))
    table = _acs_table()
    reading.check_columns(
        table, _ACS_COLUMNS, "The ACS of 2018", "From 2019 on RELP is called RELSHIPP."
    )
    table, dropped = reading.drop(table, {"no occupation in five years": table["OCCP"] == 9920})
    occupation = _occupation(table, clusters)
    x = pd.DataFrame(
        {
            "age": reading.number(table, "AGEP", 17, 99),
            "class_of_worker": reading.label(table, "COW", ACS_LABELS["COW"]),
            "education": reading.number(table, "SCHL", 1, 24),
            "marital_status": reading.label(table, "MAR", ACS_LABELS["MAR"]),
            "place_of_birth": reading.label(table, "POBP", ACS_LABELS["POBP"]),
            "relationship": reading.label(table, "RELP", ACS_LABELS["RELP"]),
            "hours_per_week": reading.number(table, "WKHP", 1, 99),
            "sex": reading.label(table, "SEX", ACS_LABELS["SEX"]),
            "race": reading.label(table, "RAC1P", ACS_LABELS["RAC1P"]),
        }
    )
    x = x if place_of_birth else x.drop(columns="place_of_birth")
    weights = reading.number(table, "PWGTP", 1, 9999, "float64") if "PWGTP" in table else None
    y, options = _acs_outcome(table), (dropped, sensitive_in_x, weights)
    return persons(x, y, occupation, "ACS 2018", *options)


def load_ipums(
    path: str | Path, *, year: int | None = None, sensitive_in_x: bool = True
) -> ClusteredData:
    """Load your own IPUMS USA extract: does a person earn more than 50,000 dollars a year?

    IPUMS data may not be passed on: order an extract of the American Community Survey at
    usa.ipums.org, as CSV. The columns YEAR, AGE, SEX, RACE, MARST, EDUC, OCC (or OCC1990, if
    there is no OCC), CLASSWKR, UHRSWORK and INCTOT are read, and PERWT, if it is there, as the
    `weights` of the data; all others are ignored, STATEFIP among them. Rows are dropped, and
    counted, for another year than `year`, an age under 17, no occupation, no income reported
    and no usual hours, in this order. Unlike ACS Income, incomes of 100 dollars or less stay.

    The columns of x: age, class_of_worker, education (0 to 11, rising: the code EDUC),
    marital_status, hours_per_week, sex and race. RACE joins Asians other than Chinese and
    Japanese with Pacific Islanders, so all of them are the group Asian or Pacific Islander; the
    other groups are those of `load_acs_income`. A married person whose spouse is absent counts
    as separated, which the ACS's own code cannot tell. The clusters are the single codes of the
    occupation, as strings.

    Args:
        path: The extract, `.csv` or `.csv.gz`. It is read in pieces, ten numbers a row.
        year: The year to take from an extract of several.
        sensitive_in_x: Whether `x` keeps age, race, sex and marital status.

    Returns:
        A `ClusteredData`.

    Raises:
        ValueError: If the file is cut off, lacks a column, has a value that is no code of its
            column (the line is named), or several years and no `year`.

    Example:
        >>> columns = "YEAR AGE SEX RACE MARST EDUC OCC CLASSWKR UHRSWORK INCTOT".split()
        >>> adult = (2018, 40, 2, 1, 6, 10, 5120, 2, 40, 61_000)
        >>> child = (2018, 15, 1, 1, 6, 3, 4760, 2, 10, 2_000)
        >>> pd.DataFrame([adult, child], columns=columns).to_csv("extract.csv", index=False)
        >>> data = load_ipums("extract.csv")
        >>> data.y.tolist(), data.dropped["age under 17"]
        ([1], 1)
    """
    table, occupation = _ipums_table(path)
    year = _choose_year(sorted(table["YEAR"].unique().tolist()), year)
    no_occupation = table[occupation].isin(_NO_OCCUPATION[occupation]) | (table["CLASSWKR"] == 0)
    table, dropped = reading.drop(
        table,
        {
            "another year": table["YEAR"] != year,
            "age under 17": table["AGE"] < 17,
            "no occupation": no_occupation,
            "no income reported": table["INCTOT"].isin((9_999_998, 9_999_999)),
            "no usual hours": table["UHRSWORK"] == 0,
        },
    )
    x = pd.DataFrame(
        {
            "age": reading.number(table, "AGE", 17, 135),
            "class_of_worker": reading.label(table, "CLASSWKR", _IPUMS["CLASSWKR"]),
            "education": reading.number(table, "EDUC", 0, 11),
            "marital_status": reading.label(table, "MARST", _IPUMS["MARST"]),
            "hours_per_week": reading.number(table, "UHRSWORK", 1, 99),
            "sex": reading.label(table, "SEX", _IPUMS["SEX"]),
            "race": reading.label(table, "RACE", _IPUMS["RACE"]),
        }
    )
    jobs = table[occupation].astype(str).astype("category")
    rich = (table["INCTOT"] > 50_000).astype("uint8")
    weights = table["PERWT"] if "PERWT" in table else None
    return persons(x, rich, jobs, f"IPUMS {year}", dropped, sensitive_in_x, weights)


def _acs_table():
    path = reading.local_file("acs_income_2018*.parquet")
    if path:
        return reading.read_parquet(path)
    from fairlearn.datasets import fetch_acs_income

    return reading.download(fetch_acs_income, "acs_income_2018.parquet").frame.reset_index(
        drop=True
    )


def _acs_outcome(table):
    if "PINCP_gt_50k" in table:
        return reading.number(table, "PINCP_gt_50k", 0, 1)
    reading.check_columns(
        table, ["PINCP"], "The ACS of 2018", "PINCP_gt_50k, 0 or 1, would do too."
    )
    return (reading.number(table, "PINCP", -19_999, 9_999_999, "float64") > 50_000).astype("uint8")


def _occupation(table, clusters):
    codes = table["OCCP"]
    major = {code: name for name, (low, high) in MAJOR_GROUPS.items() for code in range(low, high)}
    major |= {high: name for name, (_, high) in MAJOR_GROUPS.items()}
    for code in _RETIRED:
        del major[code]
    groups = reading.label(
        table, "OCCP", major, "The file must use the codes of 2018: take that year's."
    )
    return groups if clusters == "major" else codes.astype("int64").astype(str).astype("category")


def _ipums_table(path):
    header = reading.csv_columns(path)
    occupation = "OCC" if "OCC" in header else "OCC1990"
    columns = ["YEAR", "AGE", "SEX", "RACE", "MARST", "EDUC", occupation]
    columns += ["CLASSWKR", "UHRSWORK", "INCTOT"]
    advice = "Names are upper case; add missing variables to the extract on usa.ipums.org."
    reading.check_columns(header, columns, f"An IPUMS extract ({path})", advice)
    weight = [name for name in ("PERWT",) if name in header]
    pieces = reading.read_csv(path, usecols=columns + weight, chunksize=200_000)
    tables = [reading.whole_numbers(piece, columns, path, weight) for piece in pieces]
    return pd.concat(tables), occupation


def _choose_year(found, year):
    if (year is None and len(found) != 1) or (year is not None and year not in found):
        raise ValueError(
            f"The extract must be of one year, or year= must name one of its years. Received: "
            f"year={year!r}, a file of {found}. Occupation codes and dollars differ by year."
        )
    return found[0] if year is None else year


def persons(x, y, clusters, name, dropped, sensitive_in_x, weights=None):
    """People whose outcome is a high income and whose cluster is the occupation."""
    x, y, clusters = (part.reset_index(drop=True) for part in (x, y, clusters))
    weights = None if weights is None else weights.reset_index(drop=True)
    y, clusters = y.rename("income_over_50k"), clusters.rename("occupation")
    options = {"task": "classification", "dropped": dropped, "sensitive_in_x": sensitive_in_x}
    options["weights"] = weights
    data = reading.people(x, y, clusters, name=name, **options)
    return replace(data, swaps=_without_spouse(data.swaps)) if "relationship" in x else data


def _without_spouse(swaps):
    """Who is swapped to another marital status than married is no longer a husband or wife."""
    if "marital_status" not in swaps:
        return swaps
    values = swaps["marital_status"].values
    no_spouse = {"relationship": {"Husband/wife": "Unmarried partner"}}
    linked = {group: no_spouse for group in values if group != "married"}
    return swaps | {"marital_status": Swap("marital_status", values, linked)}
