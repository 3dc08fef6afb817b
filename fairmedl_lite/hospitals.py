"""Hospital stays: how long they last, clustered by specialty, patient or condition."""

from pathlib import Path

import numpy as np
import pandas as pd

from fairmedl_lite import sources
from fairmedl_lite.datasets import AGE_BANDS, ClusteredData, age_band
from fairmedl_lite.inputs import check_choice

_SPECIALTIES = (
    "Cardiology;Emergency/Trauma;Endocrinology;Family/GeneralPractice;Gastroenterology;"
    "Hematology/Oncology;InternalMedicine;Nephrology;Neurology;ObstetricsandGynecology;Oncology;"
    "Orthopedics;Orthopedics-Reconstructive;Otolaryngology;Pediatrics;Pediatrics-Endocrinology;"
    "PhysicalMedicineandRehabilitation;Podiatry;Psychiatry;Psychology;Pulmonology;Radiologist;"
    "Surgery-Cardiovascular/Thoracic;Surgery-General;Surgery-Neuro;Surgery-Thoracic;"
    "Surgery-Vascular;Urology"
).split(";")
_OTHER_SOURCE = "Take the raw table of OpenML, data set 4541; fairlearn's lacks the patient."
_NOT_MEASURED = {"None": "not measured", "?": "not measured"}


def _same(words):
    return {word: word for word in words}


# The table's columns that become categories: new name, and label of each code.
_DIABETES_LABELS = {
    "race": (
        "race",
        {
            **_same(["Caucasian", "Asian", "Hispanic", "Other"]),
            "AfricanAmerican": "African American",
            "?": "Unknown",
        },
    ),
    "gender": ("sex", _same(["Female", "Male"])),
    "admission_type_id": (
        "admission_type",
        {1: "emergency", 2: "urgent", 3: "elective", 4: "newborn", 7: "trauma center"}
        | dict.fromkeys((5, 6, 8)),
    ),
    "admission_source_id": (
        "admission_source",
        dict.fromkeys((1, 2, 3), "referral")
        | dict.fromkeys((4, 5, 6, 10, 18, 19, 22, 25, 26), "transfer")
        | {7: "emergency room"}
        | dict.fromkeys((8, 11, 12, 13, 14, 23, 24), "other")
        | dict.fromkeys((9, 15, 17, 20, 21)),
    ),
    "payer_code": (
        "payer",
        _same("BC CH CM CP DM FR HM MC MD MP OG OT PO SI SP UN WC".split()) | {"?": None},
    ),
    "max_glu_serum": ("glucose", _NOT_MEASURED | _same(["Norm", ">200", ">300"])),
    "A1Cresult": ("a1c", _NOT_MEASURED | _same(["Norm", ">7", ">8"])),
    "insulin": ("insulin", _same(["No", "Down", "Steady", "Up"])),
    "change": ("medication_change", {"No": "No", "Ch": "Yes"}),
    "diabetesMed": ("diabetes_medication", _same(["No", "Yes"])),
}
_DIABETES_NUMBERS = {
    "num_lab_procedures": "lab_procedures",
    "num_procedures": "procedures",
    "num_medications": "medications",
    "number_outpatient": "outpatient_visits",
    "number_emergency": "emergency_visits",
    "number_inpatient": "inpatient_visits",
    "number_diagnoses": "diagnoses",
}
_MIDDLE_AGES = {f"[{low}-{low + 10})": low + 5 for low in range(0, 100, 10)}
# First and last code of a chapter of ICD-9, the codes for its symptoms among them.
_CHAPTERS = {
    "circulatory": ((390, 459), (785, 785)),
    "respiratory": ((460, 519), (786, 786)),
    "digestive": ((520, 579), (787, 787)),
    "diabetes": ((250, 250),),
    "injury": ((800, 999),),
    "musculoskeletal": ((710, 739),),
    "genitourinary": ((580, 629), (788, 788)),
    "neoplasm": ((140, 239),),
}
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


def load_diabetes_hospital(*, clusters="specialty", sensitive_in_x=True):
    """Load stays of diabetic patients in 130 US hospitals: for how long did they stay?

    The outcome is the logarithm of the days in hospital, 1 to 14. The table is read from
    `diabetes130_compact.parquet` in the folder that the environment variable `FAIRMEDL_DATA`
    names; where there is none, scikit-learn downloads and keeps the raw one (OpenML 4541).
    Source: Strack et al. (2014), doi 10.1155/2014/781670, CC BY 4.0. There is no hospital in it.

    What is known only after the stay is left out: where the patient went, and whether the patient
    came back. The columns of x: age, race, sex, admission_type, admission_source, payer; glucose
    and a1c (tests of blood sugar), insulin, medication_change and diabetes_medication;
    lab_procedures, procedures and medications, which are counted during the stay and grow with
    it; outpatient_visits, emergency_visits and inpatient_visits of the year before; diagnoses
    (their number) and main_diagnosis, a chapter of ICD-9.

    An age is the middle of its bracket of ten years, and its band that of the middle: 40-49
    counts as 45-59. A race that was not recorded is a group of its own, Unknown, since who goes
    unrecorded is a question of fairness too; an unknown sex (3 rows of the whole table) is dropped
    and counted.

    A patient's stays are not independent. The index of the rows names patient and stay:

        patients = data.x.index.get_level_values("patient")
        parts = split(data, unseen_clusters=0.2, seed=0, keep_together=patients)

    Args:
        clusters: `"specialty"`, the 28 medical specialties with 100 rows or more in the whole
            table, which drops (and counts) rows of unknown and of rarer ones; or `"patient"`.
        sensitive_in_x: Whether `x` keeps age, race and sex.

    Returns:
        A `ClusteredData`.

    Raises:
        ValueError: If the file is damaged, lacks a column, or has an unknown code.
    """
    check_choice("clusters", clusters, ("specialty", "patient"))
    table = _diabetes_table()
    patient = pd.factorize(table["patient_nbr"])[0]
    table.index = pd.MultiIndex.from_arrays([patient, range(len(table))], names=["patient", "stay"])
    reasons = {"unknown sex": table["gender"] == "Unknown/Invalid"}
    if clusters == "specialty":
        specialty = table["medical_specialty"]
        reasons = {
            "unknown specialty": specialty == "?",
            "specialty of fewer than 100 rows": ~specialty.isin(_SPECIALTIES),
        } | reasons
    table, dropped = sources.drop(table, reasons)
    cluster = table.index.to_frame()["patient"]
    if clusters == "specialty":
        cluster = sources.label(table, "medical_specialty", _same(_SPECIALTIES))
    days = sources.number(table, "time_in_hospital", 1, 14, "float64")
    x = _diabetes_x(table)
    return _stays(x, np.log(days), cluster, "Diabetes 130", dropped, sensitive_in_x)


def load_heritage_health(folder, *, sensitive_in_x=True):
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
    names member and year, so that a member's years can stay in one part:

        members = data.x.index.get_level_values("member")
        parts = split(data, unseen_clusters=0.2, seed=0, keep_together=members)

    Args:
        folder: Where the files are.
        sensitive_in_x: Whether `x` keeps age and sex.

    Returns:
        A `ClusteredData`.

    Raises:
        FileNotFoundError: If a file is absent.
        ValueError: If a file is cut off, lacks a column, or has a word that is unknown; the line
            is named.
    """
    table = _member_years(_claims(folder))
    for kind in _COUNTS:
        table = table.join(_counts(folder, kind))
    table = _with_members(table, folder)
    table, dropped = sources.drop(
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
    outcome = np.log1p(table["days"].astype("float64"))
    condition = table["condition"].astype("category")
    return _stays(x, outcome, condition, "Heritage Health", dropped, sensitive_in_x)


def _stays(x, y, clusters, name, dropped, sensitive_in_x):
    band = pd.Categorical(age_band(x["age"]), categories=list(AGE_BANDS))
    groups = x[[name for name in ("race", "sex") if name in x]]
    sensitive = pd.DataFrame({"age": band, **groups}, index=x.index)
    return ClusteredData(
        x=x if sensitive_in_x else x.drop(columns=list(sensitive)),
        y=y.rename("log_days"),
        clusters=clusters,
        sensitive=sensitive,
        task="regression",
        name=name,
        swaps=sources.swaps(x, sensitive) if sensitive_in_x else {},
        dropped=dropped,
    )


def _diabetes_table():
    path = sources.local_file("diabetes130_compact.parquet")
    if path:
        table = sources.read_parquet(path)
    else:
        from sklearn.datasets import fetch_openml

        options = {"data_id": 4541, "parser": "auto"}
        table = sources.download(fetch_openml, "diabetes130_compact.parquet", **options).frame
    columns = ["patient_nbr", "age", "medical_specialty", "diag_1", "time_in_hospital"]
    columns += [*_DIABETES_LABELS, *_DIABETES_NUMBERS]
    sources.check_columns(table, columns, "The Diabetes table", _OTHER_SOURCE)
    table = table[columns].reset_index(drop=True)
    words = table.select_dtypes(exclude="number").columns
    # A missing word is "?" in one source and a missing value in the other.
    return table.assign(**{name: table[name].astype(object).fillna("?") for name in words})


def _diabetes_x(table):
    age = table["age"].map(_MIDDLE_AGES)
    sources.refuse(table, "age", age.isna(), "a bracket such as [50-60)", _OTHER_SOURCE)
    columns = {"age": age.astype("uint8")}
    for name, (new, labels) in _DIABETES_LABELS.items():
        columns[new] = sources.label(table, name, labels)
    for name, new in _DIABETES_NUMBERS.items():
        columns[new] = sources.number(table, name, 0, 255)
    columns["main_diagnosis"] = _diagnosis(table)
    return pd.DataFrame(columns)


def _diagnosis(table):
    codes = table["diag_1"]
    bad = ~codes.astype(str).str.fullmatch(r"\?|[EV]?\d+(\.\d*)?")
    sources.refuse(table, "diag_1", bad, "an ICD-9 code such as 250.83", _OTHER_SOURCE)
    chapters = {code: _chapter(code) for code in codes.unique() if code != "?"}
    return pd.Categorical(codes.map(chapters), categories=[*_CHAPTERS, "other"])


def _chapter(code):
    number = 0 if code[0] in "EV" else int(float(code))
    for name, ranges in _CHAPTERS.items():
        if any(low <= number <= high for low, high in ranges):
            return name
    return "other"


def _read(folder, name, columns):
    """Yield pieces of a file of release 3, with `member_year`, a number, where it has years."""
    path = Path(folder) / name
    advice = f"{path} should be the one of release 3."
    sources.check_columns(sources.csv_columns(path), columns, name, advice)
    options = {"usecols": columns, "dtype": str, "keep_default_na": False}
    for piece in sources.read_csv(path, chunksize=200_000, **options):
        member = sources.whole_numbers(piece, ["MemberID"], path)["MemberID"].astype("int64")
        if "Year" in columns:
            member = member * 10 + _known(piece, "Year", {"Y1": 1, "Y2": 2, "Y3": 3}, path)
        yield piece.assign(member=member), path


def _known(piece, column, values, path):
    bad = ~piece[column].isin(list(values))
    advice = f"{path} may be cut off or of another release: copy release 3 again."
    sources.refuse(piece, column, bad, f"one of {list(values)}", advice)
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
        labels = _same(words) | {"": None}
        columns[column] = sources.label(piece, column, labels, f"{path} may be cut off.")
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
        sex = sources.label(piece, "Sex", {"M": "Male", "F": "Female", "": None})
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
