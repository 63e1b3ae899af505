"""Statistics of paper D's claims from tables whose answers are known."""

import math

import pandas as pd
import pytest

from dropscape.claims.subnetworks import (
    active_width_excess,
    distance_rate,
    error_rate,
    projections,
    subnetwork_gap,
    subnetwork_gap_change,
)
from dropscape.claims.tables import NotMeasured
from tests.claims.experiments import NAME, Experiment
from tests.figures.of_networks import accuracies, distances, errors

CLAIM = "some-claim"


def margins(required_width=1e9, active_bound=60.0):
    """For the trainings of ``errors``."""
    trainings = errors()[["width", "keep_prob", "seed"]].drop_duplicates()
    return trainings.assign(required_width=required_width * 800 / trainings["width"], active_bound=active_bound)


@pytest.fixture
def of(tmp_path):
    """Tables of one experiment as a whole."""

    def made(**tables):
        experiment = Experiment(tmp_path)
        for kind, table in tables.items():
            experiment.add_whole(kind, table)
        return experiment.tables

    return made


@pytest.fixture
def networks(of):
    """Behind by 10 points times the dropped share times 100 over the width, in all runs."""
    return of(accuracies=accuracies(widths=(100, 1000), shares=(0.5, 0.8), steps=(0, 50, 80, 100)))


@pytest.mark.parametrize(
    ("arguments", "gap", "note"),
    [
        ({"over": "largest"}, 8.0, "width 100, dropped share 0.8"),
        ({"over": "smallest"}, 0.5, "width 1,000, dropped share 0.5"),
        ({"over": "mean"}, (5 + 8 + 0.5 + 0.8) / 4, "mean of 4 settings"),
        ({"over": "mean", "widest": True, "keep_prob": 0.2}, 0.8, "width 1,000, dropped share 0.8"),
        ({"over": "largest", "keep_prob": 0.5}, 5.0, "width 100, dropped share 0.5"),
    ],
)
def test_the_gap_is_that_of_the_chosen_networks(networks, arguments, gap, note):
    measured = subnetwork_gap(networks, NAME, CLAIM, "visited", **arguments)
    assert (measured.value, measured.low, measured.high) == pytest.approx((gap, gap, gap))
    assert measured.note == f"{note}; full networks have 98.1 %"


def test_the_gap_is_late_in_training_and_its_interval_is_over_runs(of):
    table = accuracies(widths=(100,), shares=(0.5,), steps=(0, 50, 79, 80, 100))
    late = table["step"] >= 80
    table.loc[~late & (table["network"] == "visited"), "accuracy"] = 0.1
    visited = late & (table["network"] == "visited")
    table.loc[visited, "accuracy"] -= 0.01 * table["run"] + 0.02 * (table["step"] == 100)
    measured = subnetwork_gap(of(accuracies=table), NAME, CLAIM, "visited", "mean")
    assert measured.value == pytest.approx(5 + 1 + 1)  # half of the late steps are 2 points further behind
    assert 5.99 < measured.low < measured.value < measured.high < 8.01 and measured.points == 3


def test_random_subnetworks_count_with_every_mask(of):
    table = accuracies(widths=(100, 1000), shares=(0.8,), masks=3)
    measured = subnetwork_gap(of(accuracies=table), NAME, CLAIM, "random", "largest", keep_prob=0.2)
    assert measured.value == pytest.approx(8 * 1.1)
    with pytest.raises(NotMeasured, match="has tested no random sub-networks"):
        subnetwork_gap(of(accuracies=accuracies()), NAME, CLAIM, "random", "mean")
    assert math.isnan(subnetwork_gap(of(accuracies=table), NAME, CLAIM, "random", "mean", keep_prob=0.5).value)


def test_the_gap_changes_along_widths_and_shares(networks, of):
    along_width = subnetwork_gap_change(networks, NAME, CLAIM, "visited", "width")
    assert along_width.value == pytest.approx(((0.5 - 5) + (0.8 - 8)) / 2)
    assert along_width.note == "6.50 at width 100, 0.65 at 1,000"
    along_share = subnetwork_gap_change(networks, NAME, CLAIM, "visited", "dropped_share")
    assert along_share.value == pytest.approx(((8 - 5) + (0.8 - 0.5)) / 2)
    alone = of(accuracies=accuracies(widths=(100,)))
    assert subnetwork_gap_change(alone, NAME, CLAIM, "visited", "width").note == f"{NAME} has one width"


def test_the_error_rate_is_the_slope_of_the_running_mean(of):
    tables = of(errors=errors(rate=-1.0), margins=margins())
    full = error_rate(tables, NAME, CLAIM, "full", "largest")
    assert (full.value, full.low, full.high) == pytest.approx((-1, -1, -1))
    assert full.note.endswith("T to 10,000; the theorem is stated for widths from 2.0e+09")
    assert error_rate(tables, NAME, CLAIM, "visited", "mean").value == pytest.approx(-0.9)


def test_the_weakest_setting_decides_the_error_rate(of):
    table = pd.concat([errors(widths=(100,), rate=-1.0), errors(widths=(400,), rate=-0.5)])
    tables = of(errors=table, margins=margins(math.nan))
    measured = error_rate(tables, NAME, CLAIM, "full", "largest")
    assert measured.value == pytest.approx(-0.5)
    assert measured.note.startswith("width 400") and measured.note.endswith("the margin is not known")
    assert error_rate(tables, NAME, CLAIM, "full", "smallest").value == pytest.approx(-1)
    assert error_rate(tables, NAME, CLAIM, "full", "smallest", widest=True).value == pytest.approx(-0.5)
    zero = of(errors=table.assign(mean_error_full=0.0), margins=margins())
    assert "zero throughout" in error_rate(zero, NAME, CLAIM, "full", "largest").note


def test_the_distance_rate_is_minus_the_slope_over_widths(of):
    measured = distance_rate(of(distances=distances(rate=-0.5)), NAME, CLAIM)
    assert (measured.value, measured.points) == (pytest.approx(0.5), 6)
    assert measured.note == "3 widths from 100 to 1,600; of the mean distance of the neurons 0.50"
    two = distance_rate(of(distances=distances(widths=(100, 400))), NAME, CLAIM)
    assert math.isnan(two.value) and two.note == "2 widths; a slope needs three"


def test_projections_are_counted_at_the_end(of):
    never = projections(of(distances=distances()), NAME, CLAIM)
    assert (never.value, never.points) == (0, 18) and never.note.endswith("largest norm is 0.25 of its bound")
    table = distances(projected=100)
    table.loc[(table["seed"] == 1), "projected"] = 0
    some = projections(of(distances=table), NAME, CLAIM)
    assert (some.value, some.low, some.high) == (100, 0, 100)


def test_active_neurons_are_compared_with_the_bound_of_their_own_width(of):
    table = errors(widths=(100, 400), keep_probs=(0.5,))
    bounds = margins()
    bounds["active_bound"] = bounds["width"].map({100: 58.0, 400: 240.0})
    measured = active_width_excess(of(errors=table, margins=bounds), NAME, CLAIM)
    assert measured.value == pytest.approx(4 / 8)  # seed 2 keeps four neurons more than half
    assert (measured.low, measured.points) == (0, 6)
    table.loc[table.index[-1], "active_width"] = 250
    assert active_width_excess(of(errors=table, margins=bounds), NAME, CLAIM).value == pytest.approx(50 / 40)
