"""Text alternatives state the finding."""

import matplotlib.pyplot as plt
import pandas as pd

from fairmedl_lite import Figure, group_report, plot_group_rates

SENSITIVE = pd.DataFrame({"ward": list("aabbcc"), "work_shift": list("dndndn")})


def alternative(y):
    report = group_report(y, [1, 1, 0, 0, 1, 1], sensitive_features=SENSITIVE, threshold=0.5)
    return plot_group_rates({"network": report}).alt


def test_rates_in_words_by_hand():
    assert alternative([1, 0, 1, 0, 1, 1]) == (
        "Points show the share of positives found for each group. network: the widest gap is that "
        "of ward, from b 0.00 to c 1.00. All by ward: a 1.00, b 0.00, c 1.00; by work shift: "
        "d 0.67, n 1.00."
    )


def test_a_group_without_a_rate_is_told_and_makes_no_gap():
    assert "from b 0.00 to a 1.00. All by ward: a 1.00, b 0.00, c nan" in alternative(
        [1, 0, 1, 0, 0, 0]
    )
    assert "no group has a rate." in alternative([0] * 6)


def test_where_no_image_is_shown_the_text_is():
    assert (
        repr(Figure(plt.figure(), "A line that only rises.")) == "Figure('A line that only rises.')"
    )
