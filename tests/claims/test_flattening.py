"""Flatness of trainings under different noise, and the edge of stability, from tables worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from dropscape.artifacts.tables import NotMeasuredError
from tests.claims.experiments import NAME, SEEDS, Experiment, bounds, history, interval, measure

WIDTHS = {"plain": [1.0, 2.0, 4.0], "dropout": [4.0, 8.0, 8.0], "noise": [2.0, 4.0, 4.0]}
PEAKS = {"plain": [16.0, 20.0, 24.0], "dropout": [4.0, 5.0, 12.0], "noise": [8.0, 8.0, 8.0]}


def slice_widths(widths):
    """Two directions whose geometric mean is the width, the third without one; another rise is not judged."""
    rows = [
        {"seed": seed, "direction": direction, "half_width": width * factor, "judged": judged}
        for seed, width in zip(SEEDS, widths, strict=True)
        for judged, scale in ((True, 1.0), (False, 9.0))
        for direction, factor in enumerate((0.5 * scale, 2.0 * scale, math.nan))
    ]
    return pd.DataFrame(rows[::-1])


@pytest.fixture
def tables(tmp_path):
    experiment = Experiment(tmp_path)
    rows = []
    for name, widths in WIDTHS.items():
        experiment.add(
            name, keep_prob=1.0 if name == "plain" else 0.8, learning_rate=0.1,
            history=history(loss=[0.1, 0.1, 0.1]), slice_widths=slice_widths(widths),
        )  # fmt: skip
        for seed, peak in zip(SEEDS, PEAKS[name], strict=True):
            for step, factor in ((0, 0.1), (5, 1.0), (9, 0.5)):
                row = {"run": name, "seed": seed, "step": step, "eigenvalue": factor * peak, "trace": 3 * factor * peak}
                rows.append(row | {"dropout_eigenvalue": math.nan if name == "plain" else 2 * factor * peak})
    return experiment.add_experiment_table("sharpness", pd.DataFrame(rows[::-1])).tables


def flattening(tables, run, **arguments):
    return measure("flattening", tables, NAME, run=run, **({"against": "plain"} | arguments))


def test_widths_are_compared_seed_by_seed_and_the_mean_is_geometric(tables):
    found = flattening(tables, "dropout")
    assert bounds(found) == interval([4.0, 4.0, 2.0], np.log, np.exp)
    assert found.note == "training losses 0.1 and 0.1"


@pytest.mark.parametrize(
    ("flatness", "expected"), [("eigenvalue", [4.0, 4.0, 2.0]), ("peak", [4.0, 4.0, 2.0]), ("trace", [4.0, 4.0, 2.0])]
)
def test_curvatures_count_inversely_at_the_end_or_at_their_largest(tables, flatness, expected):
    assert bounds(flattening(tables, "dropout", flatness=flatness)) == interval(expected, np.log, np.exp)


def test_a_share_is_of_the_logarithm_of_another_flattening(tables):
    found = flattening(tables, "noise", share_of="dropout")
    shares = [math.log(2) / math.log(4), math.log(2) / math.log(4), 0.0]
    assert bounds(found) == interval(shares)
    none = flattening(tables, "noise", against="dropout", share_of="plain")
    assert math.isnan(none.value) and none.note == "plain is not flatter than dropout in each seed"


def test_what_is_not_measured_is_said(tables):
    with pytest.raises(NotMeasuredError, match="no run 'hessian'"):
        flattening(tables, "hessian")


def test_the_edge_is_two_over_the_learning_rate(tables):
    plain, dropout = (tables.named_run(NAME, name) for name in ("plain", "dropout"))
    assert bounds(measure("edge_share", tables, plain)) == interval([0.8, 1.0, 1.2], np.log, np.exp)
    found = measure("edge_share", tables, dropout, of="dropout")
    assert bounds(found) == interval([0.4, 0.5, 1.2], np.log, np.exp)
    with pytest.raises(NotMeasuredError, match="no such Hessian"):
        measure("edge_share", tables, plain, of="dropout")
