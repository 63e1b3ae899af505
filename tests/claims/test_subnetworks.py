"""Statistics of paper D's claims from tables whose answers are known."""

import math

import pandas as pd
import pytest

from dropscape.artifacts.tables import NotMeasuredError
from tests.claims.experiments import NAME, Experiment, bounds, interval, measure
from tests.figures.of_networks import accuracies, distances, errors


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
            experiment.add_experiment_table(kind, table)
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
    measured = measure("subnetwork_gap", networks, NAME, network="visited", **arguments)
    assert (measured.value, measured.low, measured.high) == pytest.approx((gap, gap, gap))
    assert measured.note == f"{note}; full networks have 98.1 %"


def test_the_gap_is_late_in_training_and_its_interval_is_over_runs(of):
    table = accuracies(widths=(100,), shares=(0.5,), steps=(0, 50, 79, 80, 100))
    late = table["step"] >= 80
    table.loc[~late & (table["network"] == "visited"), "accuracy"] = 0.1
    visited = late & (table["network"] == "visited")
    table.loc[visited, "accuracy"] -= 0.01 * table["run"] + 0.02 * (table["step"] == 100)
    measured = measure("subnetwork_gap", of(accuracies=table), NAME, network="visited", over="mean")
    assert measured.value == pytest.approx(5 + 1 + 1)  # half of the late steps are 2 points further behind
    assert bounds(measured) == interval([6, 7, 8])


def test_random_subnetworks_count_with_every_mask(of):
    table = accuracies(widths=(100, 1000), shares=(0.8,), masks=3)
    measured = measure("subnetwork_gap", of(accuracies=table), NAME, network="random", over="largest", keep_prob=0.2)
    assert measured.value == pytest.approx(8 * 1.1)
    with pytest.raises(NotMeasuredError, match="has tested no networks 'random'"):
        measure("subnetwork_gap", of(accuracies=accuracies()), NAME, network="random", over="mean")
    assert math.isnan(
        measure("subnetwork_gap", of(accuracies=table), NAME, network="random", over="mean", keep_prob=0.5).value
    )


def test_networks_are_compared_with_others_at_the_widths_that_have_them(of):
    """Those trained alone are two points behind the full network, at the first width only."""
    table = accuracies(widths=(100, 1000), shares=(0.5,))
    alone = table[(table["network"] == "full") & (table["width"] == 100)]
    alone = alone.assign(network="full_alone", accuracy=alone["accuracy"] - 0.02)
    tables = of(accuracies=pd.concat([table, alone]))
    arguments = {"over": "mean", "widest": True}
    behind = measure("subnetwork_gap", tables, NAME, network="visited", reference="full_alone", **arguments)
    assert behind.value == pytest.approx(5 - 2) and behind.note.endswith("full alone networks have 96.1 %")
    ahead = {"network": "full_alone", "reference": "visited"} | arguments
    assert measure("subnetwork_gap", tables, NAME, **ahead).value == pytest.approx(-3)
    size = measure("subnetwork_gap", tables, NAME, **ahead | {"over": "largest"}, magnitude=True)
    assert size.value == pytest.approx(3)


def test_the_gap_changes_along_widths_and_shares(networks, of):
    along_width = measure("subnetwork_gap_change", networks, NAME, network="visited", along="width")
    assert along_width.value == pytest.approx(((0.5 - 5) + (0.8 - 8)) / 2)
    assert along_width.note == "6.50 at width 100, 0.65 at 1,000"
    along_share = measure("subnetwork_gap_change", networks, NAME, network="visited", along="dropped_share")
    assert along_share.value == pytest.approx(((8 - 5) + (0.8 - 0.5)) / 2)
    three = of(accuracies=accuracies(widths=(100, 200, 1000), shares=(0.5, 0.8), steps=(0, 50, 80, 100)))
    every = measure("subnetwork_gap_change", three, NAME, network="visited", along="width", between="largest")
    assert every.value == pytest.approx(0.65 - 3.25)  # the smaller of two steps down
    assert every.note == "6.50 at 100, 3.25 at 200, 0.65 at 1,000"
    alone = of(accuracies=accuracies(widths=(100,)))
    assert (
        measure("subnetwork_gap_change", alone, NAME, network="visited", along="width").note == f"{NAME} has one width"
    )


def test_the_error_rate_is_the_slope_of_the_running_mean(of):
    tables = of(errors=errors(rate=-1.0), margins=margins())
    full = measure("error_rate", tables, NAME, network="full", over="largest")
    assert (full.value, full.low, full.high) == pytest.approx((-1, -1, -1))
    assert full.note.endswith(
        "T to 10,000; the theorem is stated for widths from 2.0e+09 to 8.0e+09, by keep probability"
    )
    assert measure("error_rate", tables, NAME, network="visited", over="mean").value == pytest.approx(-0.9)


def test_the_weakest_setting_decides_the_error_rate(of):
    table = pd.concat([errors(widths=(100,), rate=-1.0), errors(widths=(400,), rate=-0.5)])
    tables = of(errors=table, margins=margins())
    measured = measure("error_rate", tables, NAME, network="full", over="largest")
    assert measured.value == pytest.approx(-0.5)
    assert measured.note.startswith("width 400") and not measured.void
    assert measure("error_rate", tables, NAME, network="full", over="smallest").value == pytest.approx(-1)
    assert measure("error_rate", tables, NAME, network="full", over="smallest", widest=True).value == pytest.approx(
        -0.5
    )
    learnt = of(errors=table.assign(error_full=[0.1, *[0.0] * (len(table) - 1)]), margins=margins())
    assert "by itself" in measure("error_rate", learnt, NAME, network="full", over="largest").void
    zero = of(errors=table.assign(mean_error_full=0.0), margins=margins())
    assert "zero throughout" in measure("error_rate", zero, NAME, network="full", over="largest").note


def test_errors_and_distances_are_compared_with_their_bounds(of):
    trainings = margins().assign(error_bound=2.0, compression_bound=4.0, distance_bound=10.0, informative_steps=1e9)
    tables = of(errors=errors(rate=-0.5), distances=distances(widths=(100, 400)), margins=trainings)
    full = measure("bound_ratio", tables, NAME, of="full")
    assert full.value == pytest.approx(0.5 * 1.2 * 0.01 / 2)  # of the third seed, at the last of 10,000 steps
    assert full.note.startswith("0.006 of 2; the bound of the full network is below 1 from 1.0e+09 steps on")
    assert measure("bound_ratio", tables, NAME, of="full", worst=True).value == 0.5
    assert measure("bound_ratio", tables, NAME, of="visited").value == pytest.approx(0.6 * 10 ** (-0.4 * 4) / 4)
    assert measure("bound_ratio", tables, NAME, of="distance").value == pytest.approx(3.2 * 0.1 / 10)
    assert measure("bound_ratio", tables, NAME, of="distance", worst=True).value == 4


def test_the_distance_rate_is_minus_the_slope_over_widths(of):
    measured = measure("distance_rate", of(distances=distances(rate=-0.5)), NAME)
    assert (measured.value, measured.units, measured.points) == (pytest.approx(0.5), 3, 3)
    assert measured.note == "3 widths from 100 to 1,600; of the mean distance of the neurons 0.50"
    wide = of(distances=distances(widths=(100, 400, 1600, 6400), rate=-0.5))
    flipped = measure("distance_rate", wide, NAME, of="flipped")
    assert flipped.value == pytest.approx(0.5) and flipped.note == "3 widths from 400 to 6,400"
    few = measure("distance_rate", of(distances=distances()), NAME, of="flipped")
    assert few.note == "fewer than three widths at which less than 10% of the activations change"
    two = measure("distance_rate", of(distances=distances(widths=(100, 400))), NAME)
    assert math.isnan(two.value) and two.note == "2 widths; a slope needs three"


def test_projections_are_counted_at_the_end(of):
    never = measure("projections", of(distances=distances()), NAME)
    assert (never.value, never.units) == (0, 3) and never.note.endswith("largest norm is 0.25 of its bound")
    table = distances(projected=100)
    table.loc[(table["seed"] == 1), "projected"] = 0
    some = measure("projections", of(distances=table), NAME)
    assert bounds(some) == (100, 100, 100)  # what is counted has no sampling error


def test_active_neurons_are_compared_with_the_bound_of_their_own_width(of):
    table = errors(widths=(100, 400), keep_probs=(0.5,))
    bounds = margins()
    bounds["active_bound"] = bounds["width"].map({100: 58.0, 400: 240.0})
    measured = measure("active_width_excess", of(errors=table, margins=bounds), NAME)
    assert measured.value == pytest.approx(4 / 8)  # seed 2 keeps four neurons more than half
    assert (measured.low, measured.units) == (measured.value, 3)
    table.loc[table.index[-1], "most_active"] = 250
    assert measure("active_width_excess", of(errors=table, margins=bounds), NAME).value == pytest.approx(50 / 40)


def test_what_the_lemmas_bound_is_compared_with_their_bounds(of):
    trainings = margins().assign(gamma=0.1)
    table = errors().assign(mean_loss=0.3, loss_bound=0.6, competitors_loss=0.2, largest_linearised=10.0)
    table = table.assign(smallest_margin=0.1 - 0.001 * table["width"] ** 0.5, largest_margin=0.5)
    table.loc[table.index[-1], ["mean_loss", "largest_linearised"]] = 0.45, 30.0
    radii = table[["width", "keep_prob", "seed", "step"]].assign(bound=2.0)
    tables = of(errors=table, margins=trainings, distances=radii)
    loss = measure("lemma_ratio", tables, NAME, of="loss")
    assert loss.value == pytest.approx(0.75) and loss.units == 3
    assert loss.note == "0.45 of 0.6 at width 400, keep_prob 0.9, iterate 10,000; 0.75 at the last iterate at most"
    assert measure("lemma_ratio", tables, NAME, of="loss", wrong=True).value == pytest.approx(0.45 / 0.2)
    bound = 2 * math.sqrt(400) / math.log(2) + 1
    assert measure("lemma_ratio", tables, NAME, of="linearised").value == pytest.approx(30 / bound)
    # Each is a constant over the same bound, so that the first iterate is the nearest to its own.
    deviation = math.sqrt(2 * math.log(1 / 0.05) / 400)
    assert measure("lemma_ratio", tables, NAME, of="margin").value == pytest.approx(0.02 / deviation)
    assert measure("lemma_ratio", tables, NAME, of="margin", wrong=True).value == pytest.approx(0.6 / deviation)


def test_losses_of_subnetworks_are_compared_with_those_of_full_networks(of):
    table = errors(widths=(100, 400)).assign(loss_full=0.2, loss_small=0.4)
    table["loss_visited"] = 0.2 + 0.02 * table["seed"] + 1.0 / table["width"]
    tables = of(errors=table)
    measured = measure("jensen_ratio", tables, NAME)
    assert measured.value == pytest.approx(1 + (0.02 + 1 / 400) / 0.2) and measured.units == 3
    assert measured.note == "width 400, keep_prob 0.5; 29 iterates of each training"
    assert measure("jensen_ratio", tables, NAME, reference="small").value == pytest.approx(measured.value / 2)


def test_errors_are_compared_between_keep_probabilities(of):
    worse = errors(keep_probs=(0.5,), rate=-1.0).assign(mean_error_full=lambda table: 3 * table["mean_error_full"])
    table = pd.concat([worse, errors(keep_probs=(0.9,), rate=-1.0)])
    bound = margins().assign(error_bound=lambda table: 1 / table["keep_prob"])
    tables = of(errors=table, margins=bound)
    measured = measure("error_factor", tables, NAME, network="full")
    assert (measured.value, measured.units) == (pytest.approx(3), 3) and measured.note.endswith("differs by 1.8")
    assert measure("error_factor", tables, NAME, network="visited").value == pytest.approx(1)
    earlier = table[table["step"] <= 1000]["step"].max()
    factor = measure("error_factor", tables, NAME, network="full", between="iterates")
    assert factor.value == pytest.approx(10_000 / earlier)
    # A factor between any two counts, whichever is the larger one.
    between = errors(keep_probs=(0.7,), rate=-1.0).assign(mean_error_full=lambda table: table["mean_error_full"] / 5)
    assert measure(
        "error_factor", of(errors=pd.concat([table, between]), margins=bound), NAME, network="full"
    ).value == (pytest.approx(15))
    one = of(errors=errors(keep_probs=(0.5,)), margins=bound)
    assert measure("error_factor", one, NAME, network="full").note == f"{NAME} has one keep probability"
