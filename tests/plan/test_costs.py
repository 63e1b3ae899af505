"""Costs follow what is asked for, and every rule of the workflow has one."""

import re
from pathlib import Path

import pytest

from dropscape.config.load import load_settings
from dropscape.plan import of_experiments, of_jobs, of_runs
from dropscape.plan.of_jobs import cost_of
from dropscape.plan.rates import START_SECONDS

ROOT = Path(__file__).parents[2]
RUN = {"experiment": "mnist_fnn", "run": "keep0.9-lr0.1"}
START = START_SECONDS["torch"]


def configured(scale="quick", **experiment):
    overrides = {"noise_structure": {"experiments": {"mnist_fnn": experiment}}}
    return load_settings({"scale": scale, "overrides": overrides}, ROOT)


def cost(rule, wildcards=RUN, **experiment):
    return cost_of(rule, configured(**experiment), wildcards)


def test_every_rule_has_a_cost_and_every_cost_a_rule():
    rules = {
        name
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for name in re.findall(r"^rule (\w+):", path.read_text(), flags=re.MULTILINE)
    }
    counted = [*of_jobs.COSTS, *of_runs.COSTS, *of_experiments.COSTS]
    assert rules == set(counted)
    assert len(counted) == len(rules), "each in one place"


def test_seeds_cost_as_often_as_they_are():
    for rule in ("sampling", "curvature", "noise_spectrum", "noise_projection", "flatness"):
        one, three = (cost(rule, seeds=list(range(count))) for count in (1, 3))
        assert three.seconds - START == pytest.approx(3 * (one.seconds - START), rel=1e-9), rule
        assert three.disk == pytest.approx(3 * one.disk), rule


def test_a_training_costs_its_steps_and_seeds_that_share_their_calls_a_little_less_than_as_often():
    def seconds(steps, seeds=(0,)):
        training = {"flow_time": None, "steps": steps, "history_points": 1}
        return cost("training", training=training, seeds=list(seeds)).seconds - START

    one, two, three = map(seconds, (1000, 2000, 3000))
    assert three - two == pytest.approx(two - one) and two - one > 1
    assert 2 * one < seconds(1000, seeds=(0, 1, 2)) < 3 * one


@pytest.mark.parametrize(("micro_batch", "with_dropout", "without"), [(2000, 2, 3), (100, 3, 4)])
def test_second_order_objectives_cost_two_to_four_gradients(micro_batch, with_dropout, without):
    """More where not all examples are differentiated at once."""

    def seconds(objective):
        experiment = {
            "training": {"flow_time": None, "steps": 10_000, "history_points": 1, "micro_batch": micro_batch},
            "runs": {"keep0.9-lr0.1": {"objective": objective}},
        }
        return cost("training", **experiment).seconds - START

    # The other objectives go the general road, whose calls cost more than the stacked one's.
    assert seconds("dropout_plus_r2") == pytest.approx(with_dropout * seconds("risk"), rel=0.05)
    assert seconds("risk_plus_r2") == pytest.approx(without * seconds("risk"), rel=0.05)


def test_files_are_as_large_as_their_numbers():
    seeds, samples, size = 2, 800, 50 * 50
    assert cost("sampling").disk == seeds * samples * size * 4
    assert cost("curvature").disk == seeds * size**2 * 4
    assert cost("curvature").memory > 2 * 8 * size**2


def test_what_uses_a_gpu_says_how_long():
    assert cost("training").gpu_seconds < cost("training").seconds
    for rule in ("curvature", "noise_spectrum", "flatness"):
        assert cost(rule).gpu_seconds is None


def test_every_training_can_be_counted():
    """At every scale the cost of a training is positive and finite, whatever the network."""
    for scale in ("smoke", "quick", "paper"):
        settings = load_settings({"scale": scale}, ROOT)
        for study in settings.studies.values():
            for experiment in study.experiments:
                for run in study.experiments[experiment].runs:
                    counted = cost_of("training", settings, {"experiment": experiment, "run": run})
                    assert 0 < counted.seconds < 1e9 and counted.memory > 0 and counted.disk > 0


@pytest.mark.parametrize("scale", ["smoke", "quick", "paper"])
def test_experiments_of_a_stage_cost_more_with_more_seeds(scale):
    rules = {
        "trajectories": "equations",
        "noises": "equations_noises",
        "errors": "subnetworks_two_layer",
        "accuracies": "subnetworks_cnn",
    }
    one, three = (load_settings({"scale": scale, "seeds": list(range(count))}, ROOT) for count in (1, 3))
    for study in one.studies.values():
        for name, experiment in (study.equations | study.subnetworks).items():
            for rule in (rules[table] for table in experiment.tables if table in rules):
                costs = [cost_of(rule, settings, {"experiment": name}) for settings in (one, three)]
                beyond = [each.seconds - START for each in costs]
                assert beyond[1] == pytest.approx(3 * beyond[0]) and costs[1].disk == pytest.approx(3 * costs[0].disk)


def test_a_rule_that_nobody_has_counted_is_said_to_be_so():
    with pytest.raises(LookupError):
        cost("another_rule")
