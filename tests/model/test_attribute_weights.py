"""How much each attribute weighs in debiasing: by hand, in the layers and in an estimator."""

import numpy as np
import pytest
from conftest import fit
from test_debiasing import BERNOULLI, GROUPS, loss_of, make_batch, make_layer

from fairmedl_lite.model.debiasing import FORMS


def of_one(form, batch, attribute):
    """The loss where this attribute alone weighs, as it would among two."""
    alone = (2.0, 0.0) if attribute == 0 else (0.0, 2.0)
    return loss_of(make_layer(form, batch, attribute_weights=alone), batch)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.5, 1.5), (2.0, 0.0)])
def test_the_loss_is_the_weighted_mean_of_those_of_single_attributes(form, weights):
    batch = make_batch()
    found = loss_of(make_layer(form, batch, attribute_weights=weights), batch)
    parts = [of_one(form, batch, attribute) for attribute in range(len(GROUPS))]
    np.testing.assert_allclose(found, np.dot(weights, parts) / 2, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_all_alike_is_the_default(form):
    batch = make_batch(weighted=True)
    alike = loss_of(make_layer(form, batch, attribute_weights=(1.0, 1.0)), batch)
    np.testing.assert_array_equal(alike, loss_of(make_layer(form, batch, **BERNOULLI), batch))


def test_an_estimator_scales_them_to_a_mean_of_one_in_the_order_of_the_attributes(tiny):
    model = fit(tiny, attribute_weights={"band": 3, "sex": 1})
    assert list(model.groups_) == ["sex", "band"]
    np.testing.assert_allclose(model.model_.debiasing.attribute_weights, [0.5, 1.5])
    assert fit(tiny).model_.settings["attribute_weights"] == ()


def test_they_change_a_fit_and_outlast_a_file(tiny, tmp_path):
    model = fit(tiny, attribute_weights={"band": 3, "sex": 0}, fairness=3.0)
    alike = fit(tiny, fairness=3.0)
    rows = {"clusters": tiny.clusters}
    chances = model.predict_proba(tiny.x, **rows)
    assert not np.array_equal(chances, alike.predict_proba(tiny.x, **rows))
    model.save(tmp_path / "model.zip")
    again = type(model).load(tmp_path / "model.zip")
    assert again.attribute_weights == {"band": 3, "sex": 0}
    np.testing.assert_array_equal(again.predict_proba(tiny.x, **rows), chances)


@pytest.mark.parametrize(
    "weights",
    [{"sex": 1}, {"sex": 1, "band": -1}, {"sex": 0, "band": 0}, "balanced", (1, 2)],
)
def test_other_weights_are_refused(tiny, weights):
    with pytest.raises(ValueError, match=r"attribute_weights must name each.*\['sex', 'band'\]"):
        fit(tiny, attribute_weights=weights)


def test_without_fairness_they_are_not_asked_for(tiny):
    model = fit(tiny, fairness=0, attribute_weights={"sex": 1})
    assert model.model_.settings["attribute_weights"] == ()
