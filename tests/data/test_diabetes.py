"""The loader of Diabetes 130 gives what its docstring says, and refuses damaged files."""

import os

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from sklearn.utils import Bunch

from fairmedl_lite import load_diabetes_hospital
from fairmedl_lite.data.split import split

WORDS = {
    "race": ["Caucasian", "AfricanAmerican", "?", "Asian", "Hispanic", "Other", "Caucasian"],
    "gender": ["Female", "Male", "Female", "Male", "Unknown/Invalid", "Female", "Male"],
    "age": ["[0-10)", "[20-30)", "[30-40)", "[40-50)", "[50-60)", "[60-70)", "[90-100)"],
    "medical_specialty": ["Cardiology", "?", "Urology", "Urology", "Urology", "Speech", "Podiatry"],
    "payer_code": ["MC", "?", "SP", "MC", "MC", "MC", "HM"],
    "diag_1": ["250.83", "428", "V57", "?", "E909", "786", "8"],
    "max_glu_serum": ["None", ">200", "Norm", ">300", "None", "None", "None"],
    "A1Cresult": [">7", "None", ">8", "Norm", "None", "None", "None"],
    "insulin": ["No", "Up", "Steady", "Down", "No", "No", "No"],
    "change": ["Ch", "No", "No", "No", "No", "No", "Ch"],
    "diabetesMed": ["Yes", "No", "Yes", "No", "Yes", "Yes", "Yes"],
    "readmitted": ["NO", "<30", ">30", "NO", "NO", "NO", "NO"],
}
NUMBERS = {
    "patient_nbr": [0, 1, 2, 2, 3, 4, 0],
    "admission_type_id": [1, 2, 3, 6, 1, 1, 7],
    "admission_source_id": [7, 1, 4, 9, 7, 7, 8],
    "discharge_disposition_id": [1, 2, 3, 4, 5, 6, 11],
    "num_lab_procedures": [10, 20, 30, 40, 50, 60, 70],
    "num_procedures": [0, 1, 2, 3, 4, 5, 6],
    "num_medications": [1, 2, 3, 4, 5, 6, 81],
    "number_outpatient": [0, 0, 0, 1, 0, 0, 42],
    "number_emergency": [0, 0, 0, 0, 1, 0, 76],
    "number_inpatient": [0, 0, 2, 0, 0, 0, 0],
    "number_diagnoses": [9, 8, 7, 6, 5, 4, 16],
    "time_in_hospital": [1, 2, 3, 4, 5, 6, 14],
}
real = pytest.mark.skipif("FAIRMEDL_DATA" not in os.environ, reason="FAIRMEDL_DATA names no folder")


def stays():
    return pd.DataFrame(NUMBERS).astype("int64").assign(**WORDS)


@pytest.fixture
def diabetes(tmp_path, monkeypatch):
    """Write a table where the loader looks for it; return the loader."""
    monkeypatch.setenv("FAIRMEDL_DATA", str(tmp_path))

    def load(table, **options):
        table.to_parquet(tmp_path / "diabetes130_compact.parquet", engine="fastparquet")
        return load_diabetes_hospital(**options)

    return load


@pytest.fixture
def openml(monkeypatch):
    """Stand in for the download: missing words are missing values, patients have real numbers."""
    monkeypatch.delenv("FAIRMEDL_DATA", raising=False)
    table = stays().replace("?", None)
    table = table.assign(patient_nbr=table["patient_nbr"] * 7 + 8_222_157, weight=None)
    table = table.astype({name: "category" for name in WORDS})
    asked = {}

    def fetch(**options):
        asked.update(options)
        return Bunch(frame=table)

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    return asked


def test_diabetes_counts_what_it_drops(diabetes):
    data = diabetes(stays())
    assert data.dropped == {
        "unknown specialty": 1,
        "specialty of fewer than 100 rows": 1,
        "unknown sex": 1,
    }
    assert len(data) + sum(data.dropped.values()) == 7
    assert (data.task, data.name) == ("regression", "Diabetes 130")
    assert data.clusters.tolist() == ["Cardiology", "Urology", "Urology", "Podiatry"]
    np.testing.assert_allclose(data.y, np.log([1, 3, 4, 14]))


def test_diabetes_x_and_groups(diabetes):
    data = diabetes(stays())
    x = data.x.astype(object).where(data.x.notna(), None)
    assert not {"time_in_hospital", "readmitted", "discharge_disposition_id"} & set(x)
    assert x["age"].tolist() == [5, 35, 45, 95]
    assert x["main_diagnosis"].tolist() == ["diabetes", "other", None, "other"]
    assert x["admission_type"].tolist() == ["emergency", "elective", None, "trauma center"]
    assert x["admission_source"].tolist() == ["emergency room", "transfer", None, "other"]
    assert x["glucose"].tolist() == ["not measured", "Norm", ">300", "not measured"]
    assert x["lab_procedures"].tolist() == [10, 30, 40, 70]
    groups = data.sensitive.astype(str)
    assert groups["age"].tolist() == ["under 30", "30-44", "45-59", "60 and over"]
    assert groups["race"].tolist() == ["Caucasian", "Unknown", "Asian", "Caucasian"]
    assert groups["sex"].tolist() == ["Female", "Female", "Male", "Male"]
    assert data.swaps["age"].values["30-44"] == 35 and set(data.swaps) == {"age", "race", "sex"}


def test_diabetes_without_sensitive_columns(diabetes):
    data = diabetes(stays(), sensitive_in_x=False)
    assert not {"age", "race", "sex"} & set(data.x) and data.swaps == {}
    assert list(data.sensitive) == ["age", "race", "sex"]


def test_diabetes_by_patient_keeps_every_specialty(diabetes):
    data = diabetes(stays(), clusters="patient")
    assert data.dropped == {"unknown sex": 1}
    assert data.clusters.tolist() == [0, 1, 2, 2, 4, 0]
    assert data.x.index.get_level_values("patient").tolist() == data.clusters.tolist()


@pytest.mark.parametrize("clusters", ["specialty", "patient"])
def test_both_sources_of_diabetes_give_the_same(diabetes, openml, clusters, monkeypatch, tmp_path):
    downloaded = load_diabetes_hospital(clusters=clusters)
    assert openml["data_id"] == 4541
    monkeypatch.setenv("FAIRMEDL_DATA", str(tmp_path))
    local = diabetes(stays(), clusters=clusters)
    pd.testing.assert_frame_equal(downloaded.x, local.x)
    pd.testing.assert_frame_equal(downloaded.sensitive, local.sensitive)
    pd.testing.assert_series_equal(downloaded.y, local.y)
    pd.testing.assert_series_equal(downloaded.clusters, local.clusters)
    assert downloaded.dropped == local.dropped


def test_a_folder_without_the_file_leads_to_the_download(openml, monkeypatch, tmp_path):
    monkeypatch.setenv("FAIRMEDL_DATA", str(tmp_path))
    assert len(load_diabetes_hospital()) == 4


@pytest.mark.parametrize(
    "column, value, message",
    [
        ("gender", "X", "gender must hold a known code. Received: 'X' in stay 2 .1 in all"),
        ("age", "[0-100)", r"age must hold a bracket such as .*'\[0-100\)' in stay 2"),
        ("diag_1", "abc", "diag_1 must hold an ICD-9 code .*Received: 'abc' in stay 2"),
        ("time_in_hospital", 15, "time_in_hospital must hold a number from 1 to 14.*15 in stay 2"),
        ("admission_type_id", 9, "admission_type_id must hold a known code. Received: 9 in stay 2"),
    ],
)
def test_diabetes_refuses_unknown_codes(diabetes, column, value, message):
    table = stays()
    table.loc[2, column] = value
    with pytest.raises(ValueError, match=message):
        diabetes(table)


def test_diabetes_names_absent_columns(diabetes):
    with pytest.raises(ValueError, match="must have the columns patient_nbr, medical_specialty"):
        diabetes(stays().drop(columns=["patient_nbr", "medical_specialty"]))


def test_a_truncated_diabetes_file(diabetes, tmp_path):
    diabetes(stays())
    path = tmp_path / "diabetes130_compact.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="must be a whole parquet file.*copy it again"):
        load_diabetes_hospital()


def test_diabetes_clusters_are_a_choice():
    with pytest.raises(ValueError, match="clusters must be one of .*Received: 'hospital'"):
        load_diabetes_hospital(clusters="hospital")


@real
def test_the_real_diabetes_table_is_what_is_known_of_it():
    data = load_diabetes_hospital()
    assert data.clusters.nunique() == 28 and data.clusters.notna().all()
    assert len(data) + data.dropped["unknown sex"] == 50_892
    assert len(data) + sum(data.dropped.values()) == 101_766
    assert data.clusters.value_counts().min() == 100
    patients = data.x.index.get_level_values("patient")
    parts = split(data, unseen_clusters=["Urology"], seed=0, keep_together=patients)
    train, test = (set(part.x.index.get_level_values(0)) for part in (parts.train, parts.test_seen))
    assert not train & test


@real
def test_the_real_patients():
    data = load_diabetes_hospital(clusters="patient")
    assert (len(data), data.dropped) == (101_763, {"unknown sex": 3})
    assert data.clusters.nunique() == 71_515
