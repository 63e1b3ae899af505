"""Slopes of tables whose rates are known."""

import math

import numpy as np
import pandas as pd
import pytest

from dropscape.subnetworks.slopes import at_last_step, distance_slopes, error_slopes
from tests.figures.of_networks import distances, errors


def test_the_rate_of_errors_is_that_of_the_last_decade():
    table = errors(rate=-1.0)
    early = table["step"] * 10 < table["step"].max()
    table.loc[early, "mean_error_full"] = 0.4  # a plateau, as long as nothing is learned
    slopes = error_slopes(table, "mean_error_full")
    assert len(slopes) == 2 * 2 * 3
    np.testing.assert_allclose(slopes["slope"], -1.0, rtol=1e-9)
    np.testing.assert_allclose(error_slopes(table, "mean_error_visited")["slope"], -0.9, rtol=1e-9)


def test_each_training_has_its_own_last_decade():
    short = errors(seeds=(5,), last=100)
    slopes = error_slopes(pd.concat([errors(), short]), "mean_error_full").set_index("seed")["slope"]
    np.testing.assert_allclose(slopes.loc[5], -1.0, rtol=1e-9)


def test_errors_of_zero_have_no_slope():
    table = errors(seeds=(0, 1))
    table.loc[table["seed"] == 1, "mean_error_full"] = 0.0
    slopes = error_slopes(table, "mean_error_full").groupby("seed")["slope"]
    assert slopes.apply(lambda one: one.isna().all()).tolist() == [False, True]


def test_the_rate_of_distances_is_over_the_widths_at_the_last_step():
    slopes = distance_slopes(distances(rate=-0.5))
    assert slopes[["keep_prob", "seed"]].drop_duplicates().shape == (6, 2)
    np.testing.assert_allclose(slopes["slope"], -0.5, rtol=1e-9)
    noise = distances(rate=-0.5)
    noise.loc[noise["step"] == 10, "largest"] = noise["width"]
    np.testing.assert_allclose(distance_slopes(noise)["slope"], -0.5, rtol=1e-9)
    assert distance_slopes(distances(widths=(100, 400)))["slope"].isna().all(), "two widths are no power law"


def test_every_training_has_its_last_step():
    table = distances(seeds=(0, 1))
    table = table[(table["seed"] == 0) | (table["step"] == 10)]
    assert set(at_last_step(table).groupby("seed")["step"].unique().map(tuple)) == {(100,), (10,)}


@pytest.mark.parametrize("rate", [-0.5, -0.4])
def test_the_mean_distance_has_another_slope(rate):
    table = distances(rate=rate)
    slopes = distance_slopes(table.assign(largest=1.0), "mean")["slope"]
    assert slopes.map(lambda slope: math.isclose(slope, rate)).all()
