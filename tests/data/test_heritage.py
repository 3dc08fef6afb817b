"""The loader of Heritage Health gives what its docstring says, and refuses damaged files."""

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite import load_heritage_health

CLAIMS = """\
MemberID,ProviderID,Vendor,PCP,Year,Specialty,PlaceSvc,PayDelay,LengthOfStay,DSFS,\
PrimaryConditionGroup,CharlsonIndex,ProcedureGroup,SupLOS
11,501,1,1,Y1,Surgery,Inpatient Hospital,30,2 days,0- 1 month,TRAUMA,0,SCS,0
11,502,1,1,Y1,Internal,Office,162+,1- 2 weeks,1- 2 months,ARTHSPIN,1-2,EM,0
11,502,1,1,Y1,Internal,Office,30,,1- 2 months,TRAUMA,0,EM,0
11,502,1,1,Y2,Internal,Office,30,,1- 2 months,TRAUMA,0,EM,0
11,502,1,1,Y2,Internal,Office,30,,1- 2 months,ARTHSPIN,5+,EM,0
12,503,1,1,Y1,Laboratory,Independent Lab,30,,2- 3 months,METAB3,0,PL,0
12,,1,1,Y1,,,30,,,MISCL1,0,,1
13,503,1,1,Y3,Pediatrics,Home,30,26+ weeks,2- 3 months,RESPR4,3-4,EM,0
14,503,1,1,Y3,Emergency,Urgent Care,30,1 day,2- 3 months,,0,EM,0
15,504,1,1,Y1,Emergency,Ambulance,30,6 days,2- 3 months,HEART2,0,EM,0
16,504,1,1,Y1,Emergency,Other,30,4- 8 weeks,2- 3 months,HEART2,0,EM,0
"""
MEMBERS = (
    "MemberID,AgeAtFirstClaim,Sex\n11,40-49,F\n12,0-9,M\n13,80+,M\n14,20-29,M\n15,,F\n16,30-39,\n"
)
DRUGS = (
    "MemberID,Year,DSFS,DrugCount\n11,Y1,0- 1 month,2\n11,Y1,1- 2 months,7+\n"
    "99,Y1,0- 1 month,1\n13,Y3,0- 1 month,1\n"
)
LABS = "MemberID,Year,DSFS,LabCount\n11,Y2,0- 1 month,10+\n13,Y3,0- 1 month,3\n"
FILES = {"Claims": CLAIMS, "Members": MEMBERS, "DrugCount": DRUGS, "LabCount": LABS}


@pytest.fixture
def heritage(tmp_path):
    """Write the four files, with changes, and load them."""

    def load(changes=None, **options):
        for name, text in (FILES | (changes or {})).items():
            (tmp_path / f"{name}.csv").write_text(text)
        return load_heritage_health(tmp_path, **options)

    return load


def test_heritage_counts_what_it_drops(heritage):
    data = heritage()
    assert data.dropped == {
        "length of stay suppressed": 1,
        "no condition group": 1,
        "unknown age": 1,
        "unknown sex": 1,
    }
    assert len(data) + sum(data.dropped.values()) == 7
    assert data.x.index.tolist() == [(11, 1), (11, 2), (13, 3)]
    assert data.x.index.names == ["member", "year"]
    assert (data.task, data.name) == ("regression", "Heritage Health")


def test_heritage_takes_the_longest_stay_and_the_dominant_condition(heritage):
    data = heritage()
    np.testing.assert_allclose(data.y, np.log1p([11, 0, 180]))
    assert data.clusters.tolist() == ["TRAUMA", "ARTHSPIN", "RESPR4"]  # a tie: the alphabet


def test_heritage_x(heritage):
    x = heritage().x
    first = x.loc[(11, 1)]
    known = {"age": 45, "sex": "Female", "claims": 3, "providers": 2, "specialties": 2}
    known |= {"condition_groups": 2, "charlson_index": 1, "specialty_internal": 2}
    known |= {"place_office": 2, "place_inpatient_hospital": 1, "place_home": 0}
    known |= {"drug_count": 9, "drug_months": 2, "lab_count": 0, "lab_months": 0}
    assert {name: first[name] for name in known} == known
    assert x["lab_count"].tolist() == [0, 10, 3] and x["charlson_index"].tolist() == [1, 5, 3]
    assert x.shape == (3, 31) and not x.isna().any(axis=None)
    assert x.drop(columns="sex").dtypes.eq("int32").all()
    assert not [name for name in x if "los" in name.lower() or "stay" in name or "days" in name]


def test_heritage_groups_and_swaps(heritage):
    data = heritage()
    assert data.sensitive["age"].tolist() == ["45-59", "45-59", "60 and over"]
    assert data.sensitive["sex"].tolist() == ["Female", "Female", "Male"]
    assert data.swaps["age"].values == {"45-59": 45, "60 and over": 85}
    bare = heritage(sensitive_in_x=False)
    assert not {"age", "sex"} & set(bare.x) and bare.swaps == {}


def test_heritage_reads_in_pieces(heritage, monkeypatch):
    whole = heritage()
    read = pd.read_csv
    monkeypatch.setattr(pd, "read_csv", lambda *a, **o: read(*a, **(o | {"chunksize": 2})))
    pieces = heritage()
    pd.testing.assert_frame_equal(whole.x, pieces.x)
    pd.testing.assert_series_equal(whole.clusters, pieces.clusters)


@pytest.mark.parametrize(
    "name, old, new, message",
    [
        ("Claims", "26+ weeks", "8-12 weeks", "LengthOfStay must .*'8-12 weeks' in line 9.*relea"),
        ("Claims", "Surgery", "Magic", "Specialty must hold a known code.*'Magic' in line 2"),
        ("Claims", "Y3,Ped", "Y4,Ped", r"Year must hold one of .*Received: 'Y4' in line 9"),
        ("Claims", ",5+,", ",6,", "CharlsonIndex must .*Received: '6' in line 6"),
        ("Claims", "12,503", "x,503", "MemberID must hold a whole number. Received: 'x' in line 7"),
        ("Claims", ",SupLOS", "", "Claims.csv must have the column SupLOS"),
        ("Claims", "15,504,1,1,Y1,Emergency", "15,504", "in line 11"),
        ("Members", "80+", "80-89", "AgeAtFirstClaim must .*'80-89' in line 4"),
        ("Members", ",F", ",W", "Sex must hold a known code. Received: 'W' in line 2"),
        ("Members", "16,30-39,\n", "", r"Members.csv must have every member.*\[16\].*cut off"),
        ("DrugCount", "7+", "8", "DrugCount must .*Received: '8' in line 3"),
        ("LabCount", "LabCount\n", "Count\n", "LabCount.csv must have the column LabCount"),
        ("DrugCount", "13,Y3,0- 1 month,1\n", "13,Y3,0- 1 mon", "must end with a line break"),
        ("LabCount", "13,Y3,0- 1 month,3\n", "13,Y3\n", "LabCount must .*Received: '' in line 3"),
        (
            "LabCount",
            "11,Y2",
            "\n11,Y2",
            "MemberID must hold a whole number. Received: '' in line 2",
        ),
    ],
)
def test_heritage_refuses_damaged_files(heritage, name, old, new, message):
    assert old in FILES[name]
    with pytest.raises(ValueError, match=message):
        heritage({name: FILES[name].replace(old, new)})


def test_heritage_names_an_absent_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="There must be a file .*Claims.csv"):
        load_heritage_health(tmp_path)


def test_heritage_refuses_a_member_twice(heritage):
    with pytest.raises(ValueError, match="one line a member. Received: 1 .*for member 11"):
        heritage({"Members": MEMBERS + "11,40-49,F\n"})
