"""Stays of diabetic patients in US hospitals, clustered by specialty or by patient."""

import numpy as np
import pandas as pd

from fairmedl_lite.checks import check_choice
from fairmedl_lite.data import reading
from fairmedl_lite.data.clustered import ClusteredData

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


def load_diabetes_hospital(
    *, clusters: str = "specialty", sensitive_in_x: bool = True
) -> ClusteredData:
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

    A patient's stays are not independent. The index of the rows names patient and stay, so that
    a patient's stays can be kept in one part.

    Args:
        clusters: `"specialty"`, the 28 medical specialties with 100 rows or more in the whole
            table, which drops (and counts) rows of unknown and of rarer ones; or `"patient"`.
        sensitive_in_x: Whether `x` keeps age, race and sex.

    Returns:
        A `ClusteredData`.

    Raises:
        ValueError: If the file is damaged, lacks a column, or has an unknown code.

    Example:
        >>> data = load_diabetes_hospital()  # doctest: +SKIP
        >>> data.clusters.nunique()  # doctest: +SKIP
        28
        >>> data.x.index.get_level_values("patient").is_unique  # doctest: +SKIP
        False
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
    table, dropped = reading.drop(table, reasons)
    cluster = table.index.to_frame()["patient"]
    if clusters == "specialty":
        cluster = reading.label(table, "medical_specialty", _same(_SPECIALTIES))
    days = reading.number(table, "time_in_hospital", 1, 14, "float64")
    x = _diabetes_x(table)
    y = np.log(days).rename("log_days")
    options = {"task": "regression", "dropped": dropped, "sensitive_in_x": sensitive_in_x}
    return reading.people(x, y, cluster, name="Diabetes 130", **options)


def _diabetes_table():
    path = reading.local_file("diabetes130_compact.parquet")
    if path:
        table = reading.read_parquet(path)
    else:
        from sklearn.datasets import fetch_openml

        options = {"data_id": 4541, "parser": "auto"}
        table = reading.download(fetch_openml, "diabetes130_compact.parquet", **options).frame
    columns = ["patient_nbr", "age", "medical_specialty", "diag_1", "time_in_hospital"]
    columns += [*_DIABETES_LABELS, *_DIABETES_NUMBERS]
    reading.check_columns(table, columns, "The Diabetes table", _OTHER_SOURCE)
    table = table[columns].reset_index(drop=True)
    words = table.select_dtypes(exclude="number").columns
    # A missing word is "?" in one source and a missing value in the other.
    return table.assign(**{name: table[name].astype(object).fillna("?") for name in words})


def _diabetes_x(table):
    age = table["age"].map(_MIDDLE_AGES)
    reading.refuse(table, "age", age.isna(), "a bracket such as [50-60)", _OTHER_SOURCE)
    columns = {"age": age.astype("uint8")}
    for name, (new, labels) in _DIABETES_LABELS.items():
        columns[new] = reading.label(table, name, labels)
    for name, new in _DIABETES_NUMBERS.items():
        columns[new] = reading.number(table, name, 0, 255)
    columns["main_diagnosis"] = _diagnosis(table)
    return pd.DataFrame(columns)


def _diagnosis(table):
    codes = table["diag_1"]
    bad = ~codes.astype(str).str.fullmatch(r"\?|[EV]?\d+(\.\d*)?")
    reading.refuse(table, "diag_1", bad, "an ICD-9 code such as 250.83", _OTHER_SOURCE)
    chapters = {code: _chapter(code) for code in codes.unique() if code != "?"}
    return pd.Categorical(codes.map(chapters), categories=[*_CHAPTERS, "other"])


def _chapter(code):
    number = 0 if code[0] in "EV" else int(float(code))
    for name, ranges in _CHAPTERS.items():
        if any(low <= number <= high for low, high in ranges):
            return name
    return "other"
