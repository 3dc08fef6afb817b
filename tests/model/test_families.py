"""A family's loss is the negative log likelihood of its outcome."""

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import norm

from fairmedl_lite.model.families import Bernoulli, Gaussian


@pytest.mark.parametrize("value", [-800.0, -3.0, 0.0, 0.5, 800.0])
@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_bernoulli_loss_is_the_negative_log_likelihood(outcome, value):
    expected = np.logaddexp(0, -value if outcome else value)
    row = np.array([[outcome]]), np.array([[value]], "float32")
    found = np.asarray(Bernoulli().loss(*row, "mixed"))
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


def test_gaussian_loss_is_the_negative_log_likelihood_at_each_predictions_scale():
    family = Gaussian(("fixed", "mixed"))
    family.build()
    outcome, prediction = np.array([[1.5]], "float32"), np.array([[-0.25]], "float32")
    for name, scale in {"fixed": 2.0, "mixed": 0.5}.items():
        family.log_scale[name].assign(np.log(scale))
        found = np.asarray(family.loss(outcome, prediction, name))
        np.testing.assert_allclose(found, [-norm.logpdf(1.5, -0.25, scale)], rtol=1e-5)


def test_what_fairness_is_asked_of_is_the_decision_around_the_base_rate():
    assert Bernoulli(0.2).threshold == pytest.approx(logit(0.2))
    assert Gaussian().threshold == 0
