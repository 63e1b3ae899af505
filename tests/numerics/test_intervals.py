import math

import numpy as np
import pytest

from dropscape.numerics.intervals import bootstrap_interval


def _mean(rows):
    return float(rows.mean())


def test_one_group_gives_the_standard_error_of_the_mean():
    # The bootstrap distribution of a mean has standard deviation s/sqrt(n): 95 % bounds at +-1.96 of it.
    rows = np.random.default_rng(0).standard_normal((400, 1))
    interval = bootstrap_interval(_mean, [rows], seed=1, purpose="mean", replicates=4000)
    half = 1.96 * rows.std() / 20
    assert interval.value == pytest.approx(rows.mean())
    # A quantile from 4,000 draws has a standard error of 2.4 % of the distribution's width here: 4 of them.
    assert interval.low == pytest.approx(rows.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(rows.mean() + half, abs=0.1 * half)
    assert interval.undefined == 0


def test_two_levels_add_the_variances_of_seeds_and_rows():
    # Variance of a replicate: (variance of the group means + mean variance of a group's mean) / groups.
    rng = np.random.default_rng(3)
    groups = [rng.standard_normal(20) + 3 * rng.standard_normal() for _ in range(40)]
    interval = bootstrap_interval(_mean, groups, seed=0, purpose="two levels", replicates=4000)
    variance = (np.var([g.mean() for g in groups]) + np.mean([g.var() / 20 for g in groups])) / 40
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * math.sqrt(variance), rel=0.08)
    assert interval.value == pytest.approx(np.mean([g.mean() for g in groups]))


def test_groups_weigh_the_same_whatever_their_size():
    interval = bootstrap_interval(_mean, [np.zeros(1), np.ones(999)], seed=0, purpose="weights")
    assert interval.value == 0.5
    assert {interval.low, interval.high} == {0.0, 1.0}


def test_depends_on_seed_and_purpose_only():
    rows = [np.arange(30.0)]
    first = bootstrap_interval(_mean, rows, seed=5, purpose="a", replicates=50)
    assert first == bootstrap_interval(_mean, rows, seed=5, purpose="a", replicates=50)
    assert first.low != bootstrap_interval(_mean, rows, seed=6, purpose="a", replicates=50).low
    assert first.low != bootstrap_interval(_mean, rows, seed=5, purpose="b", replicates=50).low


def test_rows_stay_whole():
    rows = np.column_stack([np.arange(50.0), 2 * np.arange(50.0)])
    interval = bootstrap_interval(lambda r: float(np.abs(r[:, 1] - 2 * r[:, 0]).max()), [rows], seed=0, purpose="x")
    assert interval.low == interval.high == 0


def test_undefined_replicates_are_counted():
    # 1 / (number of ones) is undefined when a replicate of two rows holds no one: probability 1/4.
    def statistic(rows):
        return 1 / rows.sum() if rows.sum() else math.nan

    interval = bootstrap_interval(statistic, [np.array([0.0, 1.0])], seed=0, purpose="nan", replicates=2000)
    assert abs(interval.undefined - 500) < 4 * math.sqrt(2000 * 3 / 16)
    assert (interval.value, interval.low, interval.high) == (1, 0.5, 1)
    never = bootstrap_interval(lambda rows: math.nan, [np.ones(3)], seed=0, purpose="never", replicates=10)
    assert math.isnan(never.value) and math.isnan(never.low) and never.undefined == 10


@pytest.mark.parametrize("groups", [[], [np.ones(3), np.ones(0)]])
def test_needs_rows(groups):
    with pytest.raises(ValueError, match="at least one group"):
        bootstrap_interval(_mean, groups, seed=0, purpose="empty")


def test_an_interval_holds_its_own_value_also_of_a_biased_statistic():
    # Among unrelated numbers R^2 is close to 0, and larger in nearly every replicate, which draws some of them twice.
    rows = np.random.default_rng(5).standard_normal((12, 2))

    def r_squared(sample):
        return float(np.corrcoef(sample.T)[0, 1] ** 2)

    centred = rows - rows.mean(axis=0)
    centred[:, 1] -= centred[:, 0] * (centred[:, 0] @ centred[:, 1]) / (centred[:, 0] @ centred[:, 0])
    uncorrelated = bootstrap_interval(r_squared, [centred], seed=0, purpose="uncorrelated")
    assert uncorrelated.low == uncorrelated.value < uncorrelated.high
