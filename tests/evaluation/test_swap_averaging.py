"""Averaging over swaps: by hand, exact, for both tasks, and under the call of `compare`."""

import numpy as np
import pandas as pd
import pytest
from conftest import make_rows
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator

from fairmedl_lite import (
    FairMEDLClassifier,
    FairMEDLRegressor,
    SwapAveraging,
    attribute_swap,
    compare,
    load_adult,
    load_wage_panel,
    simulate_hiring,
)
from fairmedl_lite.data.clustered import Swap

EXACT = {"hidden": (), "random_effects": "intercept", "cluster_adversary": 0, "fairness": 0}
SEX = Swap(
    "sex", {"f": "f", "m": "m"}, {"f": {"title": {"Mr": "Ms"}}, "m": {"title": {"Ms": "Mr"}}}
)


class Known(BaseEstimator):
    """A regressor that knows its formula."""

    def fit(self, X, y, *, sample_weight=None, **groups):
        self.fitted_ = True
        self.sample_weight_ = sample_weight
        return self

    def predict(self, X, **options):
        return 2.0 * X["school"] + 3 * (X["sex"] == "m") + 5 * (X["title"] == "Mr")


@pytest.fixture
def people():
    return pd.DataFrame(
        {
            "school": [10, 12, 9, 11],
            "sex": ["f", "m", "m", "f"],
            "title": ["Ms", "Mr", "Dr", "Ms"],
        }
    )


def learn(model, data):
    return model.fit(data.x, data.y, clusters=data.clusters, sensitive_features=data.sensitive)


def change(model, data, attribute, **predict):
    swap, groups = data.swaps[attribute], data.sensitive[attribute]
    options = {"groups": groups, "linked": swap.linked, "clusters": data.clusters} | predict
    return attribute_swap(model, data.x, swap.column, swap.values, **options)["change"]


def test_by_hand_with_what_goes_along_and_weights(people):
    model = SwapAveraging(Known(), "sex", SEX, share=0.5)
    weight = [1.0, 1, 2, 4]  # f 5/8, m 3/8
    model.fit(people, [0, 1, 2, 3], sensitive_features=people[["sex"]], sample_weight=weight)
    assert model.shares_ == {"f": 5 / 8, "m": 3 / 8}
    assert model.estimator_.sample_weight_ == weight
    # Row 0 is 20 as f and 28 as m: half of 20, and half of 5/8 * 20 + 3/8 * 28. A Dr stays one.
    averages = [20 + 3, 24 + 3, 18 + 9 / 8, 22 + 3]
    plain = [20, 32, 21, 22]
    np.testing.assert_allclose(model.predict(people), (np.array(plain) + averages) / 2)


def test_a_share_of_nothing_changes_nothing_and_one_of_all_leaves_no_swap(people):
    rows = {"sensitive_features": people[["sex"]]}
    for share in (0.0, 1.0):
        model = SwapAveraging(Known(), "sex", SEX, share).fit(people, [0, 1, 2, 3], **rows)
        found = attribute_swap(model, people, "sex", SEX.values, linked=SEX.linked)["change"]
        assert found == pytest.approx((1 - share) * (3 + 5 * 3 / 4), abs=1e-12)


@pytest.mark.parametrize("share", [0.3, 0.56])
def test_the_swap_of_numbers_falls_by_the_share(share):
    data = load_wage_panel().take(range(800))
    fitted = learn(FairMEDLRegressor(**EXACT), data)
    swap = data.swaps["ethnicity"]
    model = learn(SwapAveraging(FrozenEstimator(fitted), "ethnicity", swap, share), data)
    assert model.estimator_.estimator is fitted
    before = change(fitted, data, "ethnicity")
    assert before > 0.01
    assert change(model, data, "ethnicity") == pytest.approx((1 - share) * before, rel=1e-4)


def test_the_swap_of_probabilities_falls_by_the_share_with_columns_that_go_along():
    data = load_adult().take(range(0, 46_000, 40))
    fitted = learn(FairMEDLClassifier(**EXACT), data)
    model = SwapAveraging(FrozenEstimator(fitted), "sex", data.swaps["sex"], share=0.4)
    model = learn(model, data)
    for effects in ("fixed", "mixed"):
        before = change(fitted, data, "sex", effects=effects)
        after = change(model, data, "sex", effects=effects)
        assert before > 0.005
        assert after == pytest.approx(0.6 * before, rel=1e-4)
    chances = model.predict_proba(data.x, clusters=data.clusters)
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-6)
    labels = model.predict(data.x, clusters=data.clusters)
    np.testing.assert_array_equal(labels, (chances[:, 1] >= 0.5).astype(int))


def test_it_is_fitted_with_its_seed_and_works_in_compare():
    data = simulate_hiring(firms=6, rows=40, outcome="salary", seed=0).data
    plain = FairMEDLRegressor(**EXACT)
    models = {
        "plain": plain,
        "averaged": SwapAveraging(plain, "sex", data.swaps["sex"], share=0.5),
    }
    table = compare(models, data, seeds=[3], unseen_clusters=0.2, jobs=1)
    assert (table["error"] == "").all()
    kept = table.query("metric == 'attribute_swap' and attribute == 'sex'")
    both = kept.pivot(index=["part", "effects"], columns="model", values="value")
    np.testing.assert_allclose(both["averaged"], both["plain"] / 2, rtol=1e-4)
    model = clone(models["averaged"]).set_params(seed=7)
    assert learn(model, data).estimator_.seed == 7
    assert model.random_effects == "intercept"
    assert not hasattr(model, "predict_proba")


def test_what_cannot_be_averaged_is_refused(people):
    y, rows = [0, 1, 2, 3], {"sensitive_features": people[["sex"]]}
    with pytest.raises(ValueError, match="share must lie between 0 and 1. Received: 1.5"):
        SwapAveraging(Known(), "sex", SEX, share=1.5).fit(people, y, **rows)
    for swap in (Swap("sex", {"f": "f"}), Swap("gender", SEX.values)):
        with pytest.raises(ValueError, match="swap must set a column of X to each group of 'sex'"):
            SwapAveraging(Known(), "sex", swap).fit(people, y, **rows)
    with pytest.raises(ValueError, match="must have the attribute 'sex'"):
        data = make_rows()
        learn(
            SwapAveraging(Known(), "sex", SEX),
            data.__class__(
                data.x, data.y, data.clusters, data.sensitive[["band"]], data.task, data.name
            ),
        )
