"""Statistics on objectives from tables whose answers are worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dropscape.artifacts.tables import NotMeasuredError
from tests.claims.experiments import NAME, SEEDS, Experiment, bounds, history, interval, measure


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path)


@pytest.fixture
def compared(experiment):
    """Two objectives at three keep probabilities, and the risk."""
    experiment.add("risk", "risk", 1.0, history=history(test_accuracy=(0.79, 0.80, 0.78)))
    accuracies = {
        0.2: ((0.88, 0.89, 0.90), (0.88, 0.89, 0.90)),
        0.5: ((0.90, 0.90, 0.90), (0.89, 0.91, 0.91)),  # the means differ by a third of a point
        0.8: ((0.91, 0.92, 0.93), (0.90, 0.92, 0.92)),  # two thirds
    }
    for keep_prob, values in accuracies.items():
        for name, objective, own in zip(("drop", "l1"), ("dropout", "risk_plus_r1"), values, strict=True):
            experiment.add(f"{name}-{keep_prob}", objective, keep_prob, history=history(test_accuracy=own))
    return experiment


def test_accuracy_difference_is_the_largest_of_the_means(compared):
    measured = measure("accuracy_difference", compared.tables, NAME, first="dropout", second="risk_plus_r1")
    assert measured.value == pytest.approx(2 / 3)
    assert measured.units == 3 and measured.note == "of 3 pairs drop-0.8 and l1-0.8: 92.0 % against 91.3 %"
    # The differences 1, -1, -1 of the middle keep probability reach farther than 1, 0, 1 of the last.
    margin = interval([1.0, -1.0, -1.0]).expected
    assert measured.low == 0 and measured.high == pytest.approx(-margin[1])


def test_accuracy_advantage_over_the_risk_has_the_same_partner_everywhere(compared):
    values = {
        over: measure("accuracy_advantage", compared.tables, NAME, first="risk_plus_r1", second="risk", over=over)
        for over in ("smallest", "mean", "largest")
    }
    means = 89.0 - 79, 100 * (0.89 + 0.91 + 0.91) / 3 - 79, 100 * (0.90 + 0.92 + 0.92) / 3 - 79
    assert values["smallest"].value == pytest.approx(means[0]) and values["largest"].value == pytest.approx(means[2])
    assert values["mean"].value == pytest.approx(sum(means) / 3)
    assert values["smallest"].note == "of 3 pairs l1-0.2 and risk: 89.0 % against 79.0 %"
    assert values["largest"].note.startswith("of 3 pairs l1-0.8 and risk")
    assert bounds(values["mean"]) == interval(
        [(88 + 89 + 90) / 3 - 79, (89 + 91 + 92) / 3 - 80, (90 + 91 + 92) / 3 - 78]
    )
    assert all(one.low <= one.value <= one.high for one in values.values())
    reverse = measure("accuracy_advantage", compared.tables, NAME, first="risk", second="risk_plus_r1", over="smallest")
    assert reverse.value == pytest.approx(-means[2])


def test_runs_of_another_learning_rate_are_no_partners(compared):
    compared.add("fast", "dropout", 0.5, 0.1, history=history(test_accuracy=(0.1, 0.1, 0.1)))
    measured = measure("accuracy_difference", compared.tables, NAME, first="dropout", second="risk_plus_r1")
    assert measured.value == pytest.approx(2 / 3)
    with pytest.raises(NotMeasuredError, match="has no runs on dropout and risk_plus_r1 to compare"):
        measure("accuracy_difference", compared.tables, NAME, first="dropout", second="risk_plus_r1", learning_rate=0.1)
    compared.add("l1-fast", "risk_plus_r1", 0.5, 0.1, history=history(test_accuracy=(0.3, 0.3, 0.3)))
    chosen = measure(
        "accuracy_difference", compared.tables, NAME, first="dropout", second="risk_plus_r1", learning_rate=0.1
    )
    assert (chosen.value, chosen.units) == (pytest.approx(20), 3)


def test_dropout_that_keeps_everything_is_the_risk(experiment):
    experiment.add("plain", "dropout", 1.0, history=history(test_accuracy=(0.5, 0.5)))
    experiment.add("drop", "dropout", 0.5, history=history(test_accuracy=(0.6, 0.7)))
    measured = measure("accuracy_advantage", experiment.tables, NAME, first="dropout", second="risk", over="mean")
    assert bounds(measured) == interval([10, 20])


def test_one_seed_has_no_interval(experiment):
    for name, objective in (("a", "dropout"), ("b", "risk_plus_r1")):
        experiment.add(name, objective, history=history(test_accuracy=(0.5,)))
    measured = measure("accuracy_difference", experiment.tables, NAME, first="dropout", second="risk_plus_r1")
    assert measured.value == 0 and math.isnan(measured.low) and math.isnan(measured.high)
    assert measured.counted == "1 seed"


@pytest.mark.parametrize(("term", "expected"), [("loss", 2 * 0.1 / 0.5), ("r1", 2 * 0.02 / 0.18)])
def test_term_difference_is_relative_to_the_mean_of_both(term, expected, experiment):
    # R_S is 0.2 and 0.3, R_1 0.1 and 0.08; at the other keep probability they are equal.
    tables = {
        "drop-0.2": ("dropout", 0.2, (0.2, 0.2, 0.2), (0.1, 0.1, 0.1)),
        "l1-0.2": ("risk_plus_r1", 0.2, (0.3, 0.3, 0.3), (0.08, 0.08, 0.08)),
        "drop-0.9": ("dropout", 0.9, (0.1, 0.1, 0.1), (0.2, 0.2, 0.2)),
        "l1-0.9": ("risk_plus_r1", 0.9, (0.1, 0.1, 0.1), (0.2, 0.2, 0.2)),
    }
    for name, (objective, keep_prob, loss, r1) in tables.items():
        experiment.add(name, objective, keep_prob, history=history(loss=loss, r1=r1))
    measured = measure("term_difference", experiment.tables, NAME, term=term, first="dropout", second="risk_plus_r1")
    assert measured.value == pytest.approx(expected)
    assert measured.units == 3 and measured.note.startswith("of 2 pairs drop-0.2 and l1-0.2: ")


@pytest.fixture
def penalised(experiment):
    """Two seeds are best at learning rate 0.05 and at weight 0.1, the third at 0.1 and 0.05."""
    accuracies = {
        ("dropout", 0.01): (0.40, 0.40, 0.40),
        ("dropout", 0.05): (0.50, 0.50, 0.42),
        ("dropout", 0.10): (0.45, 0.45, 0.45),
        ("dropout_plus_r2", 0.05): (0.40, 0.40, 0.50),
        ("dropout_plus_r2", 0.10): (0.48, 0.48, 0.45),
    }
    for (objective, value), own in accuracies.items():
        given = {"learning_rate": value} if objective == "dropout" else {"learning_rate": 0.01, "weight": value}
        ratio = value * (1.0 if objective == "dropout" else 2.0) * np.array([0.5, 1.0, 2.0])
        tables = {"history": history(test_accuracy=own), "ratios": {"seed": SEEDS, "ratio": ratio}}
        experiment.add(f"{objective}-{value}", objective, 0.8, **given, **tables)
    return experiment


def test_best_learning_rate_is_so_far_from_the_best_penalty(penalised):
    """Of the grid's six pairs all but (0.01, 0.05) and (0.01, 0.1) are within a factor of 2."""
    measured = measure("rate_to_penalty", penalised.tables, NAME)
    assert (measured.value, measured.low, measured.high) == pytest.approx((2, 2, 2))
    noted = "learning rates 0.05, 0.05, 0.1 of 3, penalties 0.1, 0.1, 0.05 of 2"
    assert measured.note == f"{noted}; chance comes as close in 67 % of pairs"
    factors = [5, 10, 1, 2, 2, 1]
    assert measure("rate_to_penalty", penalised.tables, NAME, chance=True).value == pytest.approx(stats.gmean(factors))


def test_one_rate_and_one_penalty_are_always_the_best(experiment):
    for objective in ("dropout", "dropout_plus_r2"):
        experiment.add(objective, objective, 0.8, learning_rate=0.1, history=history(test_accuracy=(0.5, 0.5, 0.5)))
    assert measure("rate_to_penalty", experiment.tables, NAME).note == "there is one learning rate and one penalty"


def test_ratios_at_the_same_value_differ_by_their_factor(penalised):
    measured = measure("ratio_difference", penalised.tables, NAME)
    assert (measured.value, measured.low, measured.high) == pytest.approx((2, 2, 2))
    assert measured.units == 3 and measured.note == "at 2 values from 0.05 to 0.1"
    turned = measure("ratio_difference", penalised.tables, NAME, reverse=True)
    assert turned.value == pytest.approx(4)  # 0.05 meets twice 0.1


def test_without_penalties_there_is_nothing_to_compare(compared):
    for statistic in ("rate_to_penalty", "ratio_difference"):
        with pytest.raises(NotMeasuredError, match="no runs on dropout and dropout_plus_r2"):
            measure(statistic, compared.tables, NAME)


ALPHAS = np.linspace(0, 1, 13)


def between(curves, other_seeds=False):
    """Losses by (first, second, seed), to the second run's end point of that seed or of the other one."""
    return pd.concat(
        pd.DataFrame(
            {"first": first, "second": second, "seed": seed, "second_seed": 1 - seed if other_seeds else seed}
            | {"distance": 0.2 + 0.2 * seed, "alpha": ALPHAS, "loss": losses}
        )
        for (first, second, seed), losses in curves.items()
    )


@pytest.fixture
def joined(experiment):
    """Runs on L_1 and L_2 at two keep probabilities."""
    for keep_prob in (0.2, 0.5):
        experiment.add(f"l1-{keep_prob}", "risk_plus_r1", keep_prob)
        experiment.add(f"l2-{keep_prob}", "risk_plus_r2", keep_prob)
    return experiment


def test_a_barrier_rises_above_the_higher_end(joined):
    curves = {
        ("l1-0.2", "l2-0.2", 0): 0.1 + 0.2 * ALPHAS,  # no barrier
        ("l1-0.2", "l2-0.2", 1): 0.1 + 0.2 * ALPHAS,
        ("l1-0.5", "l2-0.5", 0): 0.1 * ALPHAS + np.where(ALPHAS == 0.5, 0.25, 0),  # 0.3 in the middle, 0.1 at an end
        ("l1-0.5", "l2-0.5", 1): 0.1 * ALPHAS + np.where(ALPHAS == 0.5, 0.45, 0),
    }
    others = {ends: losses + 1 for ends, losses in curves.items()}  # above another initialisation
    table = pd.concat([between(curves), between(others, other_seeds=True)])
    tables = joined.add_experiment_table("interpolations", table).tables
    given = {"first": "risk_plus_r1", "second": "risk_plus_r2"}
    rise = measure("interpolation_barrier", tables, NAME, above="ends", **given)
    assert rise.value == pytest.approx(0.3)
    assert rise.low <= 0 and rise.high == interval([0.2, 0.4]).expected[2]
    assert rise.units == 2
    assert rise.note.startswith("largest of 2 pairs between l1-0.5 and l2-0.5, which end 0.3 of their norm apart")
    values = [
        measure("interpolation_barrier", tables, NAME, above="zero", other_seeds=other, **given).value
        for other in (False, True)
    ]
    assert values == pytest.approx([0.4, 1.4])  # 0.3 and 0.5 in the middle


@pytest.mark.parametrize("turned", [False, True])
def test_flatness_compares_the_second_derivatives_at_both_ends(turned, joined):
    """alpha^2 / 2 near 0 and 3 (1 - alpha)^2 / 2 near 1, on a slope, give (3 - 1) / (3 + 1) whichever way measured."""
    curve = np.where(ALPHAS < 0.5, 0.5 * ALPHAS**2, 1.5 * (1 - ALPHAS) ** 2) + 0.7 * ALPHAS
    straight = 0.5 * ALPHAS**2  # bends alike at both ends
    pairs = {}
    for seed in (0, 1):
        for keep_prob, losses in ((0.2, curve), (0.5, straight)):
            one, other = f"l1-{keep_prob}", f"l2-{keep_prob}"
            pairs[(other, one, seed) if turned else (one, other, seed)] = losses[::-1] if turned else losses
    measured = measure(
        "interpolation_flatness",
        joined.add_experiment_table("interpolations", between(pairs)).tables,
        NAME,
        first="risk_plus_r1",
        second="risk_plus_r2",
    )
    assert (measured.value, measured.low, measured.high) == pytest.approx((0.25,) * 3)
    assert measured.note == "2 pairs; mean second derivatives 1 and 2"


def test_pairs_that_were_not_joined_are_not_measured(joined):
    with pytest.raises(NotMeasuredError, match="has no table 'interpolations'"):
        measure("interpolation_barrier", joined.tables, NAME, above="zero", first="risk_plus_r1", second="risk_plus_r2")
    joined.add_experiment_table("interpolations", between({("l1-0.2", "l2-0.2", 0): ALPHAS}))
    with pytest.raises(NotMeasuredError, match="no losses between end points on risk_plus_r1 and dropout_minus_r2"):
        measure("interpolation_flatness", joined.tables, NAME, first="risk_plus_r1", second="dropout_minus_r2")


@pytest.fixture
def flat(experiment):
    """Runs on the risk, L_1 and L_2 with traces by seed at the end, and others before it."""
    traces = {
        "risk-0.05": (8.0, 8.0),
        "risk-0.005": (8.0, 8.0),
        "l1-0.2-0.05": (2.0, 4.0),
        "l1-0.2-0.005": (4.0, 4.0),
        "l2-0.2-0.05": (6.0, 12.0),
        "l1-0.5-0.05": (1.0, 1.0),
        "l2-0.5-0.05": (2.0, 8.0),
    }
    objectives = {"l1": "risk_plus_r1", "l2": "risk_plus_r2", "risk": "risk"}
    for name in traces:
        kind, *keep_prob, rate = name.split("-")
        experiment.add(name, objectives[kind], float(keep_prob[0]) if keep_prob else 1.0, float(rate))
    rows = [
        {"run": name, "seed": seed, "step": step, "trace": value if step else 99.0}
        for name, values in traces.items()
        for step in (50, 0)
        for seed, value in enumerate(values)
    ]
    return experiment.add_experiment_table("sharpness", rows).tables


def test_traces_of_the_hessian_are_compared_at_the_end_at_each_keep_probability(flat):
    found = measure("hessian_trace_ratio", flat, NAME, first="risk_plus_r1", second="risk_plus_r2")
    assert found.value == pytest.approx(3.0)  # 3 and 3 at keep 0.2, 2 and 8 at 0.5
    assert found.note == "of 2 pairs l1-0.2-0.05 and l2-0.2-0.05: 3 against 9"


def test_an_effect_is_compared_where_both_rates_have_the_keep_probability(flat):
    found = measure("effect_over_rates", flat, NAME, first="risk_plus_r1", second="risk")
    assert bounds(found) == interval([0.5, 1.0])  # 8 over 4 at 0.005, 8 over 2 and 8 over 4 at 0.05
    assert found.note == "0.693 at 0.005 and 1.04 at 0.05, 1 keep probabilities"
    with pytest.raises(NotMeasuredError, match="at two learning rates"):
        measure("effect_over_rates", flat, NAME, first="risk_plus_r2", second="risk")


def test_an_effect_that_is_not_told_from_none_has_no_ratio(flat, experiment):
    traces = {"risk-0.05": (4.0, 4.0, 4.0), "risk-0.005": (4.0, 4.0, 4.0)}
    traces |= {"l1-0.2-0.05": (2.0, 8.0, 4.0), "l1-0.2-0.005": (2.0, 2.1, 2.2), "l1-0.5-0.05": (2.0, 8.0, 4.0)}
    rows = [
        {"run": run, "seed": seed, "step": 50, "trace": trace}
        for run, by_seed in traces.items()
        for seed, trace in enumerate(by_seed)
    ]
    tables = experiment.add_experiment_table("sharpness", rows).tables
    found = measure("effect_over_rates", tables, NAME, first="risk_plus_r1", second="risk")
    assert math.isnan(found.value) and found.note.endswith("the effect at the largest rate is not told from none")
