"""Each statistic on tables whose answer is known."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dropscape.artifacts.tables import NotMeasuredError
from dropscape.claims.judge import HOLDS, NOT_JUDGED, judged
from dropscape.claims.statistic import Run, statistic_named
from tests.claims.conftest import noisy_power_law, projection, spectrum_and_interval
from tests.claims.experiments import measure

VARIANCES = np.logspace(0, -6, 30)


def both_seeds(values):
    return {0: values, 1: values}


@pytest.mark.parametrize(("power", "expected"), [(-0.5, -1.0), (2.0, 1.0)])
def test_monotone_pairs_have_a_rank_correlation_of_one(power, expected, tables, run):
    found = tables(**spectrum_and_interval(both_seeds(VARIANCES), both_seeds(VARIANCES**power)))
    measured = measure("variance_flatness_rank", found, run, sample="gradients")
    assert (measured.value, measured.low, measured.high) == pytest.approx((expected,) * 3)
    assert (measured.units, measured.points, measured.note) == (2, 30, "")
    found = tables(projection=projection(both_seeds(list(zip(VARIANCES, VARIANCES**power, strict=True)))))
    measured = measure("projected_variance_rank", found, run, sample="gradients")
    assert (measured.value, measured.low, measured.high) == pytest.approx((expected,) * 3)
    assert (measured.units, measured.points) == (2, 30)


def test_rank_correlations_of_seeds_are_averaged_by_fishers_transform(tables, run):
    x, y = noisy_power_law(40, -0.5, 2.0)
    widths = {0: y, 1: y[::-1].copy()}
    found = tables(**spectrum_and_interval(both_seeds(x), widths))
    measured = measure("variance_flatness_rank", found, run, sample="gradients")
    transformed = np.arctanh([stats.spearmanr(x, widths[seed]).statistic for seed in (0, 1)])
    low, high = stats.ttest_1samp(transformed, 0).confidence_interval(0.95)
    expected = np.tanh([transformed.mean(), low, high])
    assert (measured.value, measured.low, measured.high) == pytest.approx(tuple(expected))


def test_leading_directions_only(tables, run):
    """The first ten directions fall, the others rise."""
    widths = np.concatenate([np.arange(1, 11), 1 / np.arange(11, 31)])
    found = tables(
        **spectrum_and_interval(both_seeds(VARIANCES), both_seeds(widths)),
        projection=projection(both_seeds(list(zip(VARIANCES, widths, strict=True)))),
    )
    for statistic in ("variance_flatness_rank", "projected_variance_rank"):
        measured = measure(statistic, found, run, sample="gradients", leading=10)
        assert (measured.value, measured.points) == (pytest.approx(-1), 10)
        assert measure(statistic, found, run, sample="gradients").value > 0


def test_undefined_widths_and_numerical_zeros_are_left_out_and_not_counted_as_points(tables, run):
    variances = np.append(VARIANCES, [1e-12, 0.0])
    widths = np.append(VARIANCES**-0.5, [1e-9, 1e-9])
    widths[3] = math.nan
    found = tables(**spectrum_and_interval({0: variances}, {0: widths}))
    measured = measure("variance_flatness_rank", found, run, sample="gradients")
    assert (measured.value, measured.points) == (pytest.approx(-1), 29)


def test_held_out_variances_leave_out_what_is_not_positive_there(tables, run):
    given = spectrum_and_interval({0: VARIANCES}, {0: VARIANCES**-0.5})
    given["spectrum"]["held_out"] = VARIANCES[::-1].copy()
    given["spectrum"].loc[:4, "held_out"] = [-1e-3, 0.0, math.nan, -1.0, -2.0]
    measured = measure("variance_flatness_rank", tables(**given), run, sample="gradients", held_out=True)
    assert (measured.value, measured.points) == (pytest.approx(1), 25)


def test_eigenvalues_that_are_not_positive_or_numerically_zero_are_left_out(tables, run):
    pairs = [(1.0, 1.0), (0.1, 0.2), (1e-3, 0.1), (9e-9, 50.0), (0.0, 60.0), (-0.5, 70.0)]
    measured = measure("projected_variance_rank", tables(projection=projection({0: pairs})), run, sample="gradients")
    assert (measured.value, measured.points) == (pytest.approx(1), 3)


def test_one_sample_is_not_the_other(tables, run):
    pairs = list(zip(VARIANCES, VARIANCES, strict=True))
    table = pd.concat([projection({0: pairs}), projection({0: pairs[::-1]}, "trajectory")])
    measured = measure("projected_variance_rank", tables(projection=table), run, sample="trajectory")
    assert (measured.value, measured.points) == (pytest.approx(1), 30)
    nothing = measure("projected_variance_rank", tables(projection=projection({0: pairs})), run, sample="trajectory")
    assert math.isnan(nothing.value) and (nothing.units, nothing.note) == (0, "no defined point")


def test_a_measured_direction_weighs_as_much_as_the_indices_that_it_stands_for(tables, run):
    """The fit and the ranks of log-spaced directions are those of all where each repeats the nearest measured one."""
    measured = np.array([1, 2, 3, 5, 9, 16, 30])
    nearest = [min(measured, key=lambda one: (abs(one - index), one)) for index in range(1, 31)]
    x, y = noisy_power_law(30, -0.5, 1.0)
    given = spectrum_and_interval({0: y}, {0: x})
    given["interval"] = given["interval"][given["interval"]["index"].isin(measured)]
    every = spectrum_and_interval({0: y[np.array(nearest) - 1]}, {0: x[np.array(nearest) - 1]})
    sparse = tables(**given)
    found = {
        name: measure(name, sparse, run, sample="gradients")
        for name in ("variance_flatness_rank", "variance_flatness_power")
    }
    leading = measure("variance_flatness_rank", sparse, run, sample="gradients", leading=10)
    dense = tables(**every)
    for name, one in found.items():
        assert one.value == pytest.approx(measure(name, dense, run, sample="gradients").value)
        assert one.points == 7
    cut = np.array(nearest[:10]) - 1
    assert leading.value == pytest.approx(stats.spearmanr(x[cut], y[cut]).statistic) and leading.points == 5


@pytest.mark.parametrize(
    ("stationary", "sample"), [(True, "trajectory"), (False, "trajectory"), (False, "trajectory_quadratic")]
)
def test_nothing_is_judged_on_a_trajectory_that_drifts_but_it_points_somewhere(stationary, sample, tables, run):
    seeds = dict.fromkeys((0, 1, 2), VARIANCES)
    given = spectrum_and_interval(seeds, {seed: VARIANCES**-0.5 for seed in seeds}, sample=sample)
    given["drift"] = pd.DataFrame({"seed": [0, 1, 2], "linear_share": 0.97, "loss_fall": 0.3, "stationary": stationary})
    statistic = statistic_named({"name": "variance_flatness_rank", "sample": sample})
    ((_, _, measured),) = statistic.by_run(tables(**given), run.experiment)
    verdict = judged(measured, {"below": 0})
    assert verdict.points_to == HOLDS
    if stationary or sample != "trajectory":
        assert verdict.verdict == HOLDS
    else:
        assert verdict.verdict == NOT_JUDGED
        assert verdict.reason.startswith("the trajectory is not stationary: a straight line explains 97.0% of")


def test_relations_are_judged_by_the_drift_of_their_own_steps(tables, run):
    pairs = {seed: list(zip(VARIANCES, VARIANCES, strict=True)) for seed in (0, 1, 2)}
    drift = pd.DataFrame({"seed": [0, 1, 2], "linear_share": 0.97, "loss_fall": 0.3})
    given = {"drift": drift.assign(stationary=True), "projection_drift": drift.assign(stationary=False)}
    found = tables(projection=projection(pairs, "trajectory"), **given)
    statistic = statistic_named({"name": "projected_variance_rank", "sample": "trajectory"})
    ((_, _, measured),) = statistic.by_run(found, run.experiment)
    assert judged(measured, {"above": 0}).verdict == NOT_JUDGED


def test_the_drift_of_a_trajectory_and_the_accuracy_over_its_steps(tables):
    drift = pd.DataFrame({"seed": [0, 1], "linear_share": [0.5, 0.7], "displacement": [2.0, 8.0], "stationary": False})
    history = pd.DataFrame({"seed": [0, 1] * 4, "step": [0, 0, 50, 50, 80, 80, 100, 100]})
    history["train_accuracy"] = [0.1, 0.2, 0.5, 0.5, 0.9, 1.0, 0.95, 0.8]
    sampled = Run("mnist", "keep0.8", True, settings={"trajectory_steps": 30})
    found = tables(drift=drift, history=history)
    share = measure("trajectory_drift", found, sampled, quantity="linear_share")
    assert (share.value, share.units, share.note) == (pytest.approx(0.6), 2, "stationary in 0 of 2 seeds")
    assert measure("trajectory_drift", found, sampled, quantity="displacement").value == pytest.approx(4)
    assert measure("window_accuracy", found, sampled).value == pytest.approx(0.85)  # of 0.9 and 0.8
    assert measure("window_accuracy", found, sampled, steps="first").value == pytest.approx(0.15)


@pytest.mark.parametrize("noise", [0.0, 0.5, 2.0])
def test_r_squared_is_the_planted_one(noise, tables, run):
    """Of the log-log fit; scipy's linregress is the oracle."""
    x, y = noisy_power_law(50, -0.7, noise)
    found = tables(**spectrum_and_interval({0: y}, {0: x}), projection=projection({0: list(zip(x, y, strict=True))}))
    kept = y > 1e-8 * y.max()
    expected = stats.linregress(np.log(x[kept]), np.log(y[kept])).rvalue ** 2
    for statistic in ("variance_flatness_power", "projected_variance_power"):
        measured = measure(statistic, found, run, sample="gradients")
        assert measured.value == pytest.approx(expected)
        assert math.isnan(measured.low) and (measured.units, measured.points) == (1, kept.sum())
    assert noise > 0 or expected == pytest.approx(1)


@pytest.mark.parametrize("relation", ["variance_flatness", "projected_variance"])
def test_gradients_are_more_linear_by_the_difference_of_both_fits(relation, tables, run):
    x, exact = noisy_power_law(40, -0.5, 0.0)
    _, noisy = noisy_power_law(40, -0.5, 1.5)
    if relation == "variance_flatness":
        tidy = spectrum_and_interval({0: exact}, {0: x})
        other = spectrum_and_interval({0: noisy}, {0: x}, sample="trajectory")
        found = tables(**{kind: pd.concat([tidy[kind], other[kind]]) for kind in tidy})
    else:
        pairs = [projection({0: list(zip(x, exact, strict=True))})]
        pairs.append(projection({0: list(zip(x, noisy, strict=True))}, "trajectory"))
        found = tables(projection=pd.concat(pairs))
    expected = 1 - stats.linregress(np.log(x), np.log(noisy)).rvalue ** 2
    measured = measure("gradients_more_linear", found, run, sample="trajectory", relation=relation)
    assert measured.value == pytest.approx(expected)
    assert math.isnan(measured.low) and measured.points == 40
    assert measured.note.startswith("1 against ")


def test_a_slope_that_does_not_depend_on_the_factor_is_not_sensitive(tables, run):
    """A factor that multiplies every width moves the line and not its slope; a power of the width changes it."""
    widths = VARIANCES**-0.5
    moved = {1.5: lambda width: 0.7 * width, 3.0: lambda width: 2 * width}
    found = tables(**spectrum_and_interval({0: VARIANCES}, {0: widths}, moved))
    assert measure("factor_sensitivity", found, run, sample="gradients").value == pytest.approx(0, abs=1e-9)
    # variance = (w^1.25)^(slope / 1.25): a fifth less steep. The largest change counts.
    bent = moved | {4.0: lambda width: width**1.25}
    measured = measure(
        "factor_sensitivity",
        tables(**spectrum_and_interval({0: VARIANCES}, {0: widths}, bent)),
        run,
        sample="gradients",
    )
    assert measured.value == pytest.approx(0.2) and measured.units == 1


def test_factor_sensitivity_uses_the_directions_that_every_factor_defines(tables, run):
    """The factor 4 bends the narrow widths only, which the factor 3 does not define."""
    widths = VARIANCES**-0.5
    lost = {3.0: lambda width: width if width > 100 else math.nan, 4.0: lambda width: max(width, 50.0)}
    found = tables(**spectrum_and_interval({0: VARIANCES}, {0: widths}, lost))
    assert measure("factor_sensitivity", found, run, sample="gradients").value == pytest.approx(0, abs=1e-9)


def test_random_directions_replace_the_principal_ones(tables, run):
    """The null: widths along random directions, which do not follow the variances."""
    tidy = spectrum_and_interval({0: VARIANCES}, {0: VARIANCES**-0.5})
    null = spectrum_and_interval({0: VARIANCES}, {0: VARIANCES**2}, sample="random")
    found = tables(spectrum=tidy["spectrum"], interval=pd.concat([tidy["interval"], null["interval"]]))
    assert measure("variance_flatness_rank", found, run, sample="gradients").value == pytest.approx(-1)
    random = {"sample": "gradients", "directions": "random"}
    assert measure("variance_flatness_rank", found, run, **random).value == pytest.approx(1)
    with pytest.raises(NotMeasuredError, match="no flatness along random directions"):
        measure("variance_flatness_rank", tables(**tidy), run, **random)
    table = projection({0: list(zip(VARIANCES, VARIANCES, strict=True))})
    with pytest.raises(NotMeasuredError, match="no variances along random directions"):
        measure("projected_variance_rank", tables(projection=table), run, **random)
    table["variance_random"] = VARIANCES[::-1]
    assert measure("projected_variance_rank", tables(projection=table), run, **random).value == pytest.approx(-1)


def alignment(ratios, keep_probs=None, steps=range(8)):
    """``ratios[keep_prob][seed]``: Tr(H Sigma)/Tr(H Sigma-bar) at each step."""
    return pd.DataFrame(
        {"seed": seed, "step": step, "keep_prob": keep_prob, "trace_h_sigma": 3.0 * ratio, "trace_h_isotropic": 3.0}
        for keep_prob, by_seed in ratios.items()
        for seed, values in by_seed.items()
        for step, ratio in zip(steps, values, strict=True)
    )


def test_trace_ratio_is_the_minimum_of_the_weakest_keep_prob(tables, run):
    ratios = {
        0.9: {0: [9, 9, 9, 9, 9, 9, 9, 9], 1: [8, 9, 9, 9, 9, 9, 9, 9]},
        0.5: {0: [9, 9, 9, 4, 9, 9, 9, 9], 1: [99, 99, 99, 99, 99, 99, 9, 99]},
    }
    measured = measure("trace_ratio", tables(alignment=alignment(ratios)), run, over_steps="minimum")
    assert (measured.value, measured.units, measured.points) == (pytest.approx(6), 2, 8)  # the root of 4 times 9
    assert measured.low < 6 < measured.high
    assert measured.note == "keep_prob 0.5; the smallest single ratio is at step 3"


def test_trace_ratio_is_the_median_over_steps(tables, run):
    ratios = {0.9: {0: [1, 2, 4, 4, 5], 1: [11, 12, 16, 17, 18]}, 0.8: {0: [0.1, 20, 20, 20, 20], 1: [20] * 5}}
    measured = measure("trace_ratio", tables(alignment=alignment(ratios, steps=range(5))), run, over_steps="median")
    assert (measured.value, measured.points) == (pytest.approx(8), 5)
    assert measured.note.startswith("keep_prob 0.9")


def test_the_trace_ratio_of_parameters_that_vary_and_of_a_turned_covariance(tables, run):
    table = alignment({0.8: {0: [8.0] * 8}}).assign(trace_h_active=6.0)
    active = {"over_steps": "median", "baseline": "active"}
    assert measure("trace_ratio", tables(alignment=table), run, **active).value == pytest.approx(4)
    assert measure("trace_ratio", tables(alignment=table), run, **active, covariance="rotated").value == 1
    with pytest.raises(NotMeasuredError, match="trace_h_active"):
        measure("trace_ratio", tables(alignment=table.drop(columns="trace_h_active")), run, **active)


def cosines(by_seed, steps=(0, 1, 10, 100)):
    return pd.DataFrame(
        {"seed": seed, "step": step, "keep_prob": 0.8, "cosine": value, "cosine_unbiased": value + 0.01}
        for seed, values in by_seed.items()
        for step, value in zip(steps, values, strict=True)
    )


def test_alignment_minimum_is_the_mean_of_the_seeds_minima(tables, run):
    found = tables(alignment=cosines({0: [0.9, 0.7, 0.8, 0.95], 1: [0.9, 0.9, 0.5, 0.95]}))
    measured = measure("alignment_minimum", found, run, estimate="cosine")
    assert measured.value == pytest.approx(np.tanh(np.arctanh([0.7, 0.5]).mean()))
    assert measured.low < 0.5 < 0.7 < measured.high < 1
    assert (measured.units, measured.points, measured.note) == (2, 4, "smallest at step 10")
    assert measure("alignment_minimum", found, run, estimate="cosine_unbiased").value == pytest.approx(0.619, abs=1e-3)
    with pytest.raises(NotMeasuredError, match=r"no cosine_rotated: alignment\.mask_draws is 0"):
        measure("alignment_minimum", found, run, estimate="cosine_unbiased", rotated=True)


def test_alignment_along_eigenvectors_counts_only_the_steps_whose_hessian_has_a_spectrum(tables, run):
    """Each seed's smallest of its two measured steps; the third has no spectrum and is not undefined."""
    table = pd.DataFrame(
        {"seed": seed, "step": step, "rank": rank, "r_squared": rank, "rank_rotated": 0.0, "eigenvectors": count}
        for seed, ranks in ((0, (0.9, 0.7)), (1, (0.5, 0.9)))
        for step, rank, count in zip((0, 5, 9), (*ranks, math.nan), (40, 40, math.nan), strict=True)
    )
    measured = measure("alignment_minimum", tables(alignment=table), run, estimate="rank")
    assert measured.value == pytest.approx(np.tanh(np.arctanh([0.7, 0.5]).mean()))
    assert (measured.points, measured.note) == (2, "smallest at step 0")
    assert measure("alignment_minimum", tables(alignment=table), run, estimate="r_squared").value == pytest.approx(0.6)
    assert measure("alignment_minimum", tables(alignment=table), run, estimate="rank", rotated=True).value == 0
    with pytest.raises(NotMeasuredError, match=r"no rank: alignment\.eigenvector_steps is 0"):
        measure("alignment_minimum", tables(alignment=table.drop(columns="rank")), run, estimate="rank")


def test_alignment_minimum_counts_what_is_undefined(tables, run):
    found = tables(alignment=cosines({0: [math.nan, 0.7, 0.8, 0.95], 1: [math.nan, math.nan, 0.9, 0.95]}))
    measured = measure("alignment_minimum", found, run, estimate="cosine")
    assert measured.value == pytest.approx(np.tanh(np.arctanh([0.7, 0.9]).mean()))
    assert measured.note == "smallest at step 1; 3 undefined"


def test_alignment_minimum_of_nothing_is_undefined(tables, run):
    measured = measure("alignment_minimum", tables(alignment=cosines({0: [math.nan] * 4})), run, estimate="cosine")
    assert math.isnan(measured.value)


def test_baseline_is_the_mean_of_its_kind_with_students_bounds(tables, run):
    values = np.random.default_rng(0).normal(7.8e-4, 1e-4, 50)
    table = pd.concat(
        pd.DataFrame({"eigenvectors": kind, "cosine": cosine, "expected": 1.25e-3})
        for kind, cosine in (("normalised", values), ("orthonormal", 3 * values))
    )
    measured = measure("baseline_cosine", tables(baseline=table), run, eigenvectors="normalised")
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (measured.value, measured.low, measured.high) == pytest.approx((values.mean(), low, high), rel=1e-5)
    assert measured.counted == "50 pairs"
    assert measured.note == "closed form for orthonormal eigenvectors: 0.00125"
    assert measure("baseline_cosine", tables(baseline=table), run, eigenvectors="orthonormal").value == pytest.approx(
        3 * values.mean()
    )


def test_the_sharpest_tenth_is_compared_with_the_other_nine(tables, run):
    """Of thirty directions the three sharpest have a hundred times the variance of the others."""
    variances = np.array([100.0] * 3 + [1.0] * 27)
    widths = np.arange(1.0, 31)
    found = tables(**spectrum_and_interval({0: variances}, {0: widths}))
    assert measure("variance_of_sharp_tenth", found, run, sample="gradients").value == pytest.approx(100)
    turned = tables(**spectrum_and_interval({0: variances}, {0: widths[::-1].copy()}))
    assert measure("variance_of_sharp_tenth", turned, run, sample="gradients").value < 1


def test_the_flatter_half_is_more_linear_where_the_noise_is_in_the_sharper_one(tables, run):
    x, exact = noisy_power_law(40, -0.5, 0.0)
    _, noisy = noisy_power_law(40, -0.5, 2.0)
    sharp = x < np.median(x)
    variances = np.where(sharp, noisy, exact)
    found = tables(**spectrum_and_interval({0: variances}, {0: x}))
    expected = 1 - stats.linregress(np.log(x[sharp]), np.log(noisy[sharp])).rvalue ** 2
    measured = measure("linearity_of_flat_half", found, run, sample="gradients")
    assert measured.value == pytest.approx(expected) and expected > 0.1


def test_the_cosine_over_that_of_a_turned_covariance(tables, run):
    table = cosines({0: [0.4, 0.8, 0.8, 0.9], 1: [0.9, 0.9, 0.1, 0.9]}).assign(cosine_rotated=0.01)
    measured = measure("cosine_over_baseline", tables(alignment=table), run)
    assert measured.value == pytest.approx(20) and measured.units == 2  # the root of 40 times 10
    with pytest.raises(NotMeasuredError, match="no cosine_rotated"):
        measure("cosine_over_baseline", tables(alignment=table.drop(columns="cosine_rotated")), run)
