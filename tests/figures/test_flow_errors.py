"""The figure of eq. (6), which is drawn from theory alone."""

import numpy as np
import pytest

from dropscape.theory.tables.modified_flow import table
from tests.figures.made import Made, check_page, footer, legends, titles


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    rows = table(3, [0.04, 0.02, 0.01], 0.1, [2, 3, 4], seed=0)
    return Made(tmp_path_factory.mktemp("flows"), "flow_errors", [], {"modified_flow": [rows]})


def test_summary_has_the_geometric_mean_of_the_networks_and_the_order_of_each_flow(made):
    where = "masks == 'shared' and iterate == 'step' and flow == 'with_square'"
    summary, points = made.summary.query(where), made.points.query(where)
    assert len(summary) == 3 and len(points) == 9
    first = points[points["learning_rate"] == 0.04]["value"]
    mean = summary.set_index("learning_rate").loc[0.04, "mean"]
    assert mean == pytest.approx(np.exp(np.log(first).mean()))
    slopes = [
        np.polyfit(np.log(one["learning_rate"]), np.log(one["value"]), 1)[0] for _, one in points.groupby("network")
    ]
    assert summary["slope"].to_numpy() == pytest.approx(np.mean(slopes))
    assert (summary["slope_low"] < summary["slope"]).all()


def test_a_panel_for_each_mean_and_mask_mode_with_the_slope_of_each_flow(made):
    figure = made.drawn()
    check_page(figure)
    assert len(figure.axes) == 5 and titles(figure)[:2] == ["one step; shared masks", "a fixed time; shared masks"]
    assert [len(axes.texts) for axes in figure.axes] == [3] * 5
    assert len(legends(figure)[0]) == 3 and "3 random networks" in footer(figure)
