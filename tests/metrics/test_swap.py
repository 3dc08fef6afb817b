"""Attribute swap and true counterfactual, by hand, for probabilities and for numbers."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from fairmedl_lite.data.hiring import simulate_hiring
from fairmedl_lite.data.simulate import simulate_linear
from fairmedl_lite.estimator.estimators import FairMEDLRegressor
from fairmedl_lite.metrics.swap import attribute_swap, counterfactual_change


class Stub:
    """Its probability is age / 100, plus .1 for a wife, plus `shift`."""

    def predict_proba(self, X, shift=0.0):
        positive = X["age"] / 100 + 0.1 * (X["relation"] == "wife") + shift
        return np.column_stack([1 - positive, positive])


ROWS = pd.DataFrame(
    {
        "age": [20, 40, 60],
        "relation": ["wife", "husband", "child"],
        "sex": ["f", "m", "m"],
        "band": ["young", "middle", "old"],
    }
)
BANDS = {"young": 20, "middle": 40, "old": 65}


def test_swap_of_an_age_band_by_hand():
    # 20: to 40 and 65, .2 and .45; 40: to 20 and 65, .2 and .25; 60: to 20 and 40, .4 and .2.
    swap = attribute_swap(Stub(), ROWS, "age", BANDS, groups=ROWS["band"])
    assert swap["change"] == pytest.approx((0.325 + 0.225 + 0.3) / 3)
    assert swap["rows"] == 3 and swap["reads_column"]


def test_swap_of_a_column_that_holds_the_groups():
    swap = attribute_swap(Stub(), ROWS, "relation", ["wife", "husband", "child"])
    # The wife loses .1 both times; each of the others gains .1 in one of two swaps.
    assert swap["change"] == pytest.approx((0.1 + 0.05 + 0.05) / 3)


def test_a_model_that_does_not_read_the_column_scores_zero_and_says_so():
    swap = attribute_swap(Stub(), ROWS, "sex", ["f", "m"])
    assert swap["change"] == 0 and not swap["reads_column"]


class Wage:
    """It predicts 100 an age, and 7 for a husband: a regressor that has no probabilities."""

    def predict(self, X):
        return 100.0 * X["age"] + 7 * (X["relation"] == "husband")


def test_swap_of_a_regressor_is_in_the_units_of_y():
    swap = attribute_swap(Wage(), ROWS, "age", BANDS, groups=ROWS["band"])
    assert swap["change"] == pytest.approx(1e4 * (0.325 + 0.225 + 0.3) / 3)
    swap = attribute_swap(Wage(), ROWS, "relation", ["wife", "husband", "child"])
    assert swap["change"] == pytest.approx((7 / 2 + 7 + 7 / 2) / 3)


def test_linked_columns_change_with_the_attribute():
    linked = {"f": {"relation": {"husband": "wife"}}, "m": {"relation": {"wife": "husband"}}}
    swap = attribute_swap(Stub(), ROWS, "sex", ["f", "m"], linked=linked)
    assert swap["change"] == pytest.approx((0.1 + 0.1 + 0) / 3)


def test_swap_passes_arguments_on_and_leaves_x_alone():
    before = ROWS.copy()
    plain = attribute_swap(Stub(), ROWS, "age", BANDS, groups=ROWS["band"])
    shifted = attribute_swap(Stub(), ROWS, "age", BANDS, groups=ROWS["band"], shift=0.1)
    assert shifted["change"] == pytest.approx(plain["change"])
    with pytest.raises(TypeError, match="no_such_argument"):
        attribute_swap(Stub(), ROWS, "age", BANDS, groups=ROWS["band"], no_such_argument=1)
    pd.testing.assert_frame_equal(ROWS, before)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"column": "race"}, "column must be one of X's. Received: 'race'"),
        ({"column": "sex", "values": ["f"]}, "two or more groups"),
        ({"column": "sex", "values": ["f", "d"]}, r"rows have \['m'\] besides"),
        ({"column": "age", "values": BANDS}, "Name the rows' groups with groups="),
        ({"groups": ["young"]}, "one value for each row"),
    ],
)
def test_swaps_that_cannot_be_made_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        attribute_swap(Stub(), ROWS, **{"column": "sex", "values": ["f", "m"]} | settings)


class Column:
    """It predicts what a Keras model does: a column."""

    def predict(self, X):
        return X[["age"]].to_numpy(float)


def test_a_prediction_of_two_axes_is_refused():
    with pytest.raises(ValueError, match=r"predict must have one finite number.*shape \(9, 1\)"):
        attribute_swap(Column(), ROWS, "sex", ["f", "m"])


def test_a_linear_mixed_model_changes_by_its_coefficient():
    data = simulate_linear(clusters=3, rows=20, seed=0).data
    x = data.x.assign(sex=np.tile(["f", "m"], len(data.x) // 2))
    settings = {"hidden": (), "random_effects": "intercept", "cluster_adversary": 0, "fairness": 0}
    model = FairMEDLRegressor(**settings, epochs=2, seed=0).fit(x, data.y, clusters=data.clusters)
    for effects in ("mixed", "fixed"):
        swap = attribute_swap(model, x, "sex", ["f", "m"], clusters=data.clusters, effects=effects)
        assert swap["change"] == pytest.approx(abs(model.coef_["sex_m"]), rel=1e-4)
    assert attribute_swap(model, x, "sex", ["f", "m"], clusters=data.clusters, effects="random")[
        "change"
    ] == pytest.approx(0, abs=1e-9)


COUNTERFACTUALS = {"f": ROWS.assign(age=[20, 30, 50]), "m": ROWS.assign(age=[40, 40, 60])}


def test_counterfactual_change_by_hand():
    # Its own counterfactual does not count: .2 for the woman, .1 for each of the men.
    found = counterfactual_change(Stub(), ROWS, COUNTERFACTUALS, groups=ROWS["sex"])
    assert found["change"] == pytest.approx((0.2 + 0.1 + 0.1) / 3) and found["rows"] == 3


def test_counterfactuals_of_three_groups_are_averaged_over_the_other_two():
    tables = {band: ROWS.assign(age=age) for band, age in BANDS.items()}
    found = counterfactual_change(Stub(), ROWS, tables, groups=ROWS["band"], shift=0.1)
    swap = attribute_swap(Stub(), ROWS, "age", BANDS, groups=ROWS["band"])
    assert found["change"] == pytest.approx(swap["change"])


def test_a_model_that_reads_no_descendant_of_the_attribute_has_no_change():
    tables = {sex: ROWS.assign(sex=sex) for sex in "fm"}
    assert counterfactual_change(Stub(), ROWS, tables, groups=ROWS["sex"])["change"] == 0


class Logistic:
    """The logit is .4 for a man and .2 for each year of education, which follows from the sex."""

    def predict_proba(self, X):
        positive = expit(0.4 * (X["sex"] == "Male") + 0.2 * (X["education"] - 12))
        return np.column_stack([1 - positive, positive])


@pytest.mark.parametrize("mediated", [0.0, -0.8])
def test_a_swap_misses_what_follows_from_the_attribute(mediated):
    simulated = simulate_hiring(firms=20, rows=50, mediated=mediated, seed=0)
    x, worlds = simulated.data.x, simulated.truth["counterfactuals"]["sex"]
    swap = attribute_swap(Logistic(), x, "sex", list(worlds))["change"]
    change = counterfactual_change(Logistic(), x, worlds, groups=x["sex"])["change"]
    if mediated:
        assert change > 1.2 * swap
    else:
        assert change == pytest.approx(swap)


@pytest.mark.parametrize(
    "tables, groups, message",
    [
        ({"f": ROWS[:2], "m": ROWS}, ROWS["sex"], r"index and the columns of X.*\(2, 4\) for 'f'"),
        ({"f": ROWS[::-1], "m": ROWS}, ROWS["sex"], "Take the same rows"),
        ({"f": ROWS[["age"]], "m": ROWS}, ROWS["sex"], r"\(3, 1\) for 'f'"),
        ({"f": ROWS}, ROWS["sex"], "two or more groups"),
        (COUNTERFACTUALS, ["f", "m", None], r"rows have \[None\] besides"),
        (COUNTERFACTUALS, ["f", "m"], "one value for each row"),
    ],
)
def test_counterfactuals_that_cannot_be_compared_are_refused(tables, groups, message):
    with pytest.raises(ValueError, match=message):
        counterfactual_change(Stub(), ROWS, tables, groups=groups)


class Clustered(Stub):
    """It takes the clusters, and does not read them."""

    def predict_proba(self, X, clusters):
        return super().predict_proba(X)


def test_the_error_of_a_swap_is_that_of_its_mean_over_clusters():
    rows = pd.concat([ROWS] * 2, ignore_index=True)
    options = {"groups": rows["band"], "clusters": [0, 1, 2, 0, 1, 2]}
    swap = attribute_swap(Clustered(), rows, "age", BANDS, **options)
    changes = np.array([0.325, 0.225, 0.3])  # of the three clusters
    assert swap["change"] == pytest.approx(changes.mean())
    assert swap["se"] == pytest.approx(changes.std(ddof=1) / 3**0.5)
    assert swap["df"] == pytest.approx(2)
    worlds = {"young": rows.assign(age=20), "middle": rows.assign(age=40), "old": rows}
    other = counterfactual_change(Clustered(), rows, worlds, **options)
    assert other["se"] > 0


def test_weights_of_a_swap_are_rows_as_often():
    weights = [2, 0, 1]
    weighted = attribute_swap(
        Stub(), ROWS, "age", BANDS, groups=ROWS["band"], sample_weight=weights
    )
    assert weighted["change"] == pytest.approx((2 * 0.325 + 0.3) / 3)
    assert "se" not in weighted


def test_clusters_weights_and_groups_of_other_rows_than_x_are_refused():
    class Model:
        def predict(self, X, clusters=None):
            return X["age"].to_numpy(float) * (X["sex"] == "m")

    with pytest.raises(ValueError, match="one value for each row"):
        attribute_swap(Model(), ROWS, "sex", ["f", "m"], clusters=[0])
    rows = ROWS.set_axis(ROWS.index + 5)
    turned = pd.Series(1.0, index=rows.index[::-1])
    with pytest.raises(ValueError, match="X and sample_weight must have one index"):
        attribute_swap(Model(), rows, "sex", ["f", "m"], sample_weight=turned)
    with pytest.raises(ValueError, match="X and groups must have one index"):
        attribute_swap(Model(), rows, "age", BANDS, groups=rows["band"][::-1])
