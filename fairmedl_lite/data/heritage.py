"""Years of members of a health plan (Heritage Health Prize), clustered by condition."""

from pathlib import Path

import numpy as np
import pandas as pd

from fairmedl_lite.data import reading
from fairmedl_lite.data.clustered import ClusteredData

_CLAIMS = [
    *["MemberID", "ProviderID", "Year", "Specialty", "PlaceSvc", "LengthOfStay"],
    *["PrimaryConditionGroup", "CharlsonIndex", "SupLOS"],
]
_CARE = {
    "Specialty": (
        "Anesthesiology;Diagnostic Imaging;Emergency;General Practice;Internal;Laboratory;"
        "Obstetrics and Gynecology;Other;Pathology;Pediatrics;Rehabilitation;Surgery"
    ).split(";"),
    "PlaceSvc": (
        "Ambulance;Home;Independent Lab;Inpatient Hospital;Office;Other;Outpatient Hospital;"
        "Urgent Care"
    ).split(";"),
}
_DAYS = {
    **{"": 0, "1 day": 1, **{f"{days} days": days for days in range(2, 7)}},
    **{"1- 2 weeks": 11, "2- 4 weeks": 21, "4- 8 weeks": 42, "26+ weeks": 180},
}
_CHARLSON = {"0": 0, "1-2": 1, "3-4": 3, "5+": 5}
_AGES = {f"{low}-{low + 9}": low + 5 for low in range(0, 80, 10)} | {"80+": 85, "": np.nan}
_NO_COUNTS = dict.fromkeys(("drug_count", "drug_months", "lab_count", "lab_months"), 0)
_COUNTS = {
    "DrugCount": {str(count): count for count in range(1, 7)} | {"7+": 7},
    "LabCount": {str(count): count for count in range(1, 10)} | {"10+": 10},
}


def load_heritage_health(folder: str | Path, *, sensitive_in_x: bool = True) -> ClusteredData:
    """Load your own copy of the Heritage Health Prize data: how long was the longest stay?

    The data may not be passed on; this reads release 3 (`Claims.csv`, `Members.csv`,
    `DrugCount.csv` and `LabCount.csv`). A row is a member's year. The outcome is log(1 + days) of
    its longest stay, 0 days if no claim has one; a stay in weeks counts as 11 (1-2 weeks), 21
    (2-4), 42 (4-8) or 180 days (26 or more). The cluster is the condition group of most of the
    year's claims, and of several the first in the alphabet.

    Columns of x: age, sex, the numbers of claims, providers, specialties and condition groups,
    charlson_index (the largest; 1-2 counts as 1, 3-4 as 3, 5+ as 5), claims of each specialty and
    of each place of service, drug_count and lab_count over the year with the months they were
    counted in (7+ counts as 7, 10+ as 10, none as 0). LengthOfStay and SupLOS are left out, but
    claims from an inpatient hospital tell that there was a stay. An age is the middle of its
    bracket of ten years, 80+ is 85, and its band that of the middle: 40-49 counts as 45-59.

    Years are dropped, and counted, for a stay whose length was suppressed (the longest is then
    unknown), no known condition group, an unknown age and an unknown sex, in this order. The index
    names member and year, so that a member's years can be kept in one part.

    Args:
        folder: Where the files are.
        sensitive_in_x: Whether `x` keeps age and sex.

    Returns:
        A `ClusteredData`.

    Raises:
        FileNotFoundError: If a file is absent.
        ValueError: If a file is cut off, lacks a column, or has a word that is unknown; the line
            is named.

    Example:
        >>> data = load_heritage_health("release3")  # doctest: +SKIP
        >>> members = data.x.index.get_level_values("member")  # doctest: +SKIP
        >>> split(data, unseen_clusters=0.2, seed=0, keep_together=members)  # doctest: +SKIP
        Split(train ..., validation ..., test_seen ..., test_unseen ... rows)
    """
    table = _member_years(_claims(folder))
    for kind in _COUNTS:
        table = table.join(_counts(folder, kind))
    table = _with_members(table, folder)
    table, dropped = reading.drop(
        table,
        {
            "length of stay suppressed": table["suppressed"],
            "no condition group": table["condition"].isna(),
            "unknown age": table["age"].isna(),
            "unknown sex": table["sex"].isna(),
        },
    )
    x = table.drop(columns=["suppressed", "days", "condition"]).fillna(_NO_COUNTS)
    x = x.astype({column: "int32" for column in x if column != "sex"})
    y = np.log1p(table["days"].astype("float64")).rename("log_days")
    condition = table["condition"].astype("category")
    options = {"task": "regression", "dropped": dropped, "sensitive_in_x": sensitive_in_x}
    return reading.people(x, y, condition, name="Heritage Health", **options)


def _read(folder, name, columns):
    """Yield pieces of a file of release 3, with `member_year`, a number, where it has years."""
    path = Path(folder) / name
    advice = f"{path} should be the one of release 3."
    reading.check_columns(reading.csv_columns(path), columns, name, advice)
    options = {"usecols": columns, "dtype": str, "keep_default_na": False}
    for piece in reading.read_csv(path, chunksize=200_000, **options):
        member = reading.whole_numbers(piece, ["MemberID"], path)["MemberID"].astype("int64")
        if "Year" in columns:
            member = member * 10 + _known(piece, "Year", {"Y1": 1, "Y2": 2, "Y3": 3}, path)
        yield piece.assign(member=member), path


def _known(piece, column, values, path):
    bad = ~piece[column].isin(list(values))
    advice = f"{path} may be cut off or of another release: copy release 3 again."
    reading.refuse(piece, column, bad, f"one of {list(values)}", advice)
    return piece[column].map(values)


def _claims(folder):
    return pd.concat([_claim_columns(*piece) for piece in _read(folder, "Claims.csv", _CLAIMS)])


def _claim_columns(piece, path):
    columns = {
        "member": piece["member"],
        "provider": pd.to_numeric(piece["ProviderID"], errors="coerce"),
        "condition": piece["PrimaryConditionGroup"].replace("", None),
        "charlson": _known(piece, "CharlsonIndex", _CHARLSON, path).astype("int8"),
        "days": _known(piece, "LengthOfStay", _DAYS, path).astype("uint8"),
        "suppressed": _known(piece, "SupLOS", {"0": False, "1": True}, path).astype(bool),
    }
    for column, words in _CARE.items():
        labels = {word: word for word in words} | {"": None}
        columns[column] = reading.label(piece, column, labels, f"{path} may be cut off.")
    return pd.DataFrame(columns)


def _member_years(claims):
    years = claims.groupby("member")
    table = years.agg(
        claims=("member", "size"),
        providers=("provider", "nunique"),
        specialties=("Specialty", "nunique"),
        condition_groups=("condition", "nunique"),
        charlson_index=("charlson", "max"),
        days=("days", "max"),
        suppressed=("suppressed", "any"),
    )
    for (column, words), start in zip(_CARE.items(), ("specialty_", "place_"), strict=True):
        counts = claims.groupby(["member", column], observed=True).size().unstack(fill_value=0)
        counts = counts.set_axis(counts.columns.astype(str), axis=1)
        counts = counts.reindex(index=table.index, columns=words, fill_value=0)
        table = table.join(counts.set_axis([start + _plain(word) for word in words], axis=1))
    return table.join(_dominant(claims))


def _plain(word):
    return word.lower().replace(" ", "_")


def _dominant(claims):
    """The condition group of most of a year's claims; of several, the first in the alphabet."""
    counts = claims.groupby(["member", "condition"]).size().rename("claims").reset_index()
    counts = counts.sort_values(["member", "claims", "condition"], ascending=[True, False, True])
    return counts.drop_duplicates("member").set_index("member")["condition"]


def _counts(folder, kind):
    pieces = [
        pd.DataFrame({"member": piece["member"], "count": _known(piece, kind, _COUNTS[kind], path)})
        for piece, path in _read(folder, f"{kind}.csv", ["MemberID", "Year", kind])
    ]
    name = kind.removesuffix("Count").lower()
    counts = pd.concat(pieces).groupby("member")["count"].agg(["sum", "size"])
    return counts.rename(columns={"sum": f"{name}_count", "size": f"{name}_months"})


def _with_members(table, folder):
    columns = ["MemberID", "AgeAtFirstClaim", "Sex"]
    pieces = []
    for piece, path in _read(folder, "Members.csv", columns):
        age = _known(piece, "AgeAtFirstClaim", _AGES, path)
        sex = reading.label(piece, "Sex", {"M": "Male", "F": "Female", "": None})
        pieces.append(pd.DataFrame({"member": piece["member"], "age": age, "sex": sex}))
    members = pd.concat(pieces).set_index("member")
    twice = members.index[members.index.duplicated()]
    if len(twice):
        raise ValueError(
            f"Members.csv must have one line a member. Received: {len(twice)} lines too many, one "
            f"for member {twice[0]}. Copy release 3 again."
        )
    years = pd.MultiIndex.from_arrays([table.index // 10, table.index % 10])
    table = table.set_axis(years.set_names(["member", "year"]))
    absent = table.index.get_level_values("member").difference(members.index)
    if len(absent):
        raise ValueError(
            f"Members.csv must have every member of Claims.csv. Received: {len(absent)} without a "
            f"line, {absent[:3].tolist()} among them. {path} may be cut off: copy it again."
        )
    member = table.index.get_level_values("member")
    parts = {name: members[name].loc[member].array for name in members}
    return pd.DataFrame(parts, index=table.index).join(table)
