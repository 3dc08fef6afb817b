"""Performance by hand, and the threshold of Youden."""

import numpy as np
import pytest

from fairmedl_lite.metrics.performance import (
    performance_report,
    regression_report,
    youden_threshold,
)


@pytest.mark.parametrize("seed", range(4))
def test_youden_threshold_is_the_best_of_all(seed):
    random = np.random.default_rng(seed)
    y = np.append(random.integers(0, 2, 60), [0, 1])
    score = np.round(random.random(62) + 0.3 * y, 1)

    def youden(threshold):
        return np.mean(score[y == 1] >= threshold) - np.mean(score[y == 0] >= threshold)

    found = youden_threshold(y, score)
    assert found in score
    assert youden(found) == pytest.approx(max(youden(score_) for score_ in score))


def test_performance_by_hand():
    # Of 2 positives 1 is found, of 8 negatives 6: accuracy .7, balanced (.5 + .75) / 2.
    y = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    score = [0.9, 0.2, 0.8, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    report = performance_report(y, score, threshold=0.5)
    assert report["accuracy"] == pytest.approx(0.7)
    assert report["balanced_accuracy"] == pytest.approx(0.625)
    assert report["auroc"] == pytest.approx((8 + 6) / 16)


@pytest.mark.parametrize(
    "y, score, message",
    [
        ([1, 0], [0.5, np.nan], "1 not finite"),
        ([1, 0], [0.5, np.inf], "1 not finite"),
        ([1, 0], [[0.5, 0.5], [0.1, 0.9]], "from predict_proba take column 1"),
        (["yes", "no"], [0.5, 0.1], "Compare it with the positive class first"),
        ([2, 1], [0.5, 0.1], "y_true must hold 0 and 1"),
        ([1, 0, 1], [0.5, 0.1], "one value for each row"),
        ([], [], "at least one row"),
    ],
)
def test_scores_that_cannot_be_judged_are_refused(y, score, message):
    with pytest.raises(ValueError, match=message):
        youden_threshold(y, score)
    with pytest.raises(ValueError, match=message):
        performance_report(y, score, threshold=0.5)


@pytest.mark.parametrize(
    "y, score, message",
    [
        ([1, 0], ["high", "low"], "y_score must have one finite number.*could not convert"),
        ([[1], [0]], [0.5, 0.1], r"y_true must hold 0 and 1. Received: .*shape \(2, 1\)"),
        ([1, 1], [0.5, 0.1], "y_true must have both classes. Received: only 1"),
    ],
)
def test_a_threshold_needs_numbers_and_both_classes(y, score, message):
    with pytest.raises(ValueError, match=message):
        youden_threshold(y, score)


# By hand: residuals 1, -1 in a; 3, 1, 2 in b.
Y = np.array([4.0, 2.0, 13.0, 11.0, 12.0])
PREDICTED = np.array([3.0, 3.0, 10.0, 10.0, 10.0])


def test_regression_performance_by_hand():
    report = regression_report(Y, PREDICTED)
    assert report["mse"] == pytest.approx((1 + 1 + 9 + 1 + 4) / 5)
    total = np.sum((Y - 8.4) ** 2)
    assert report["r2"] == pytest.approx(1 - 16 / total)


def test_r2_of_a_constant_outcome_is_missing():
    report = regression_report([1.0, 1.0], [1.0, 2.0])
    assert report["mse"] == 0.5 and np.isnan(report["r2"])
