"""Text alternatives state the finding, and what is drawn is what they state."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from fairmedl_lite import Figure, group_report, plot_group_rates
from fairmedl_lite.plots import rates
from fairmedl_lite.plots.figure import TEXT

SENSITIVE = pd.DataFrame({"ward": list("aabbcc"), "work_shift": list("dndndn")})
SCORE = [1, 1, 0, 0, 1, 1]


def report(y, score=SCORE):
    return group_report(y, score, sensitive_features=SENSITIVE, threshold=0.5)


def alternative(y):
    return plot_group_rates({"network": report(y)}).alt


@pytest.fixture
def drawn(monkeypatch):
    """The Matplotlib figures that would have been shown."""
    kept = []

    class Kept(Figure):
        def __init__(self, figure, *args):
            kept.append(figure)
            super().__init__(figure, *args)

    monkeypatch.setattr(rates, "Figure", Kept)
    return kept


def test_rates_in_words_by_hand():
    assert alternative([1, 0, 1, 0, 1, 1]) == (
        "Points show the share of positives found for each group. network: the widest gap is that "
        "of ward, from b 0.00 to c 1.00. All by ward: a 1.00, b 0.00, c 1.00; by work shift: "
        "d 0.67, n 1.00."
    )


def test_two_models_are_before_and_after_in_words_by_hand():
    y = [1, 0, 1, 0, 1, 1]
    two = {"network": report(y), "fair": report(y, [1, 1, 1, 0, 0, 1])}
    assert plot_group_rates(two).alt == (
        "Arrows show the share of positives found for each group, from network to fair. Of 5 "
        "groups 1 rise and 1 fall. network: the widest gap is that of ward, from b 0.00 to c 1.00. "
        "fair: the widest gap is that of ward, from c 0.50 to a 1.00. All by ward: a 1.00 to 1.00, "
        "b 0.00 to 1.00, c 1.00 to 0.50; by work shift: d 0.67 to 0.67, n 1.00 to 1.00."
    )


def test_a_group_without_a_rate_is_told_and_makes_no_gap():
    assert "from b 0.00 to a 1.00. All by ward: a 1.00, b 0.00, c nan" in alternative(
        [1, 0, 1, 0, 0, 0]
    )
    assert "no group has a rate." in alternative([0] * 6)


def test_panels_stand_in_one_column_on_an_axis_that_fits_in_letters_a_phone_can_show(drawn):
    y = [1, 0, 1, 0, 1, 1]
    table = report(y).assign(rate=lambda rows: 0.6 + rows["rate"] / 10)
    plot_group_rates({"network": table, "fair": table.assign(rate=table["rate"] + 0.05)})
    [figure] = drawn
    assert len({panel.get_position().x0 for panel in figure.axes}) == 1
    low, high = figure.axes[0].get_xlim()
    assert 0.5 < low < 0.6 and 0.75 < high < 0.8
    letters = [text for text in figure.findobj(plt.Text) if text.get_text()]
    assert min(text.get_fontsize() for text in letters) >= TEXT
    # 350 pixels are left to a figure on a phone, and a point is 1/72 inch.
    assert TEXT * 350 / (72 * figure.get_figwidth()) >= 9


def test_a_head_points_to_where_the_rate_went(drawn):
    y = [1, 0, 1, 0, 1, 1]
    plot_group_rates({"network": report(y), "fair": report(y, [1, 1, 1, 0, 0, 1])})
    heads = [line.get_marker() for line in drawn[0].axes[0].lines[1::2]]
    assert heads == [">", ">", "<"]


def test_markers_of_three_models_do_not_lie_on_each_other(drawn):
    table = report([1, 0, 1, 0, 1, 1])
    plot_group_rates({"one": table, "two": table, "three": table})
    points = [point for line in drawn[0].axes[0].lines for point in line.get_xydata().tolist()]
    assert len(set(map(tuple, points))) == len(points) == 9
    assert len({line.get_marker() for line in drawn[0].axes[0].lines}) == 3


def test_where_no_image_is_shown_the_text_is():
    assert (
        repr(Figure(plt.figure(), "A line that only rises.")) == "Figure('A line that only rises.')"
    )
