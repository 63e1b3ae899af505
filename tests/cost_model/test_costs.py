"""Costs follow what is asked for, and every job of the workflow has one."""

from pathlib import Path

import pytest

from dropscape.config.load import load_settings
from dropscape.cost_model.job_costs import job_cost
from dropscape.cost_model.rates import CNN_CALLS, GPU, START_SECONDS, GpuRate
from dropscape.resolved.workflow import Workflow
from dropscape.subnetworks.cnn_training import GROUP_BYTES

ROOT = Path(__file__).parents[2]
RUN = {"experiment": "mnist_fnn", "run": "keep0.9-lr0.1"}
START = START_SECONDS["torch"]


def configured(scale="quick", **experiment):
    overrides = {"noise_structure": {"experiments": {"mnist_fnn": experiment}}}
    return Workflow(load_settings({"scale": scale, "overrides": overrides}, ROOT))


def cost(rule, wildcards=RUN, **experiment):
    return job_cost(rule, configured(**experiment), wildcards)


@pytest.mark.parametrize("scale", ["smoke", "quick", "desktop", "paper"])
def test_every_job_has_a_cost(scale):
    workflow = Workflow(load_settings({"scale": scale}, ROOT))
    jobs = [
        (task.rule, {"experiment": name, "run": run.name})
        for name, experiment in workflow.trained.items()
        for run in experiment.runs.values()
        for task in run.tasks.values()
    ]
    jobs += [
        (task.rule, {"experiment": name, **task.wildcards})
        for name, experiment in workflow.experiments.items()
        for task in experiment.tasks
    ]
    jobs += [("theory", {"study": study, "table": table}) for study, table in workflow.theory]
    jobs += [("data", {"dataset": dataset}) for dataset in workflow.datasets]
    jobs += [("claims", {"study": study}) for study in workflow.studies]
    jobs += [("figures", {"figure": figure}) for figure in workflow.figures]
    jobs += [(rule, {}) for rule in ("claims_table", "report")]
    assert len(jobs) > 100
    for rule, wildcards in jobs:
        counted = job_cost(rule, workflow, wildcards)
        assert 0 < counted.seconds < 1e9 and counted.memory > 0 and counted.disk >= 0, (rule, wildcards)


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
            "training": {"flow_time": None, "steps": 10_000, "trajectory_steps": 8, "history_points": 1}
            | {"micro_batch": micro_batch},
            "runs": {"keep0.9-lr0.1": {"objective": objective}},
        }
        return cost("training", **experiment).seconds - START

    # The other objectives train on the general backend, whose calls cost more than the stacked one's.
    assert seconds("dropout_plus_r2") == pytest.approx(with_dropout * seconds("risk"), rel=0.05)
    assert seconds("risk_plus_r2") == pytest.approx(without * seconds("risk"), rel=0.05)


def test_files_are_as_large_as_their_numbers():
    seeds, samples, size = 3, 800 + 300, 50 * 50
    assert cost("sampling").disk == seeds * samples * size * 4
    assert cost("curvature").disk == seeds * size**2 * 4
    assert cost("curvature").memory > 2 * 8 * size**2


def test_what_uses_a_gpu_says_how_long_and_what_the_processor_does_meanwhile():
    for rule in ("training", "sampling", "curvature", "noise_alignment", "flatness"):
        counted = cost(rule)
        assert counted.gpu_seconds < counted.seconds - START, rule
        assert counted.beside_seconds == START
        assert counted.elapsed(gpu=True) == START + counted.gpu_seconds
        assert counted.elapsed(gpu=False) == counted.seconds
    for rule in ("noise_spectrum", "noise_projection"):
        assert cost(rule).gpu_seconds is None and cost(rule).elapsed(gpu=True) == cost(rule).seconds


def test_a_gpu_takes_the_longer_of_work_and_launches():
    gpu = GpuRate({"float32": 4.0, "tf32": 20.0}, bytes=10.0, call=0.5, replay=0.1, eigen=1.0, memory=1.0)
    assert gpu.seconds(flops=40, moved=20, calls=23) == 12
    assert gpu.seconds(flops=40, moved=20, calls=23, precision="tf32") == 11.5
    assert gpu.seconds(flops=40, moved=20, calls=23, precision="tf32", replayed=True) == 4


def test_the_precision_of_a_training_counts_on_a_gpu_and_that_of_measurements_is_float32():
    """Long enough that work and not launches decide; the same work on a core takes the same."""
    wildcards = {"experiment": "cifar10_resnet18", "run": "plain"}

    def costs(rule, precision, batch):
        training = {"precision": precision, "batch_size": batch, "micro_batch": batch, "ghost_batch_size": batch}
        overrides = {"implicit_regularization": {"experiments": {"cifar10_resnet18": {"training": training}}}}
        return job_cost(rule, Workflow(load_settings({"scale": "paper", "overrides": overrides}, ROOT)), wildcards)

    exact, faster, fastest = (costs("training", precision, 1000) for precision in ("float32", "tf32", "bfloat16"))
    assert 2 * fastest.gpu_seconds < 1.5 * faster.gpu_seconds < exact.gpu_seconds
    assert exact.seconds == faster.seconds
    # A small batch is its launches, which no precision shortens.
    exact, faster = (costs("training", precision, 4) for precision in ("float32", "tf32"))
    assert exact.gpu_seconds == pytest.approx(faster.gpu_seconds, rel=0.1)


def test_networks_of_a_group_share_their_launches():
    workflow = Workflow(load_settings({"scale": "paper"}, ROOT))
    narrow, wide = (
        job_cost("subnetworks_cnn", workflow, {"experiment": "mnist_cnn", "width": m}) for m in ("100", "250000")
    )
    networks, steps = 9 * 50, 25 * 938
    assert narrow.gpu_seconds < networks * steps * CNN_CALLS * GPU.call / 10
    assert wide.gpu_seconds > 10 * narrow.gpu_seconds
    assert wide.gpu_memory > GPU.memory * GROUP_BYTES.gpu > wide.memory


@pytest.mark.parametrize("scale", ["smoke", "quick", "desktop", "paper"])
def test_experiments_of_a_stage_cost_more_with_more_seeds(scale):
    rules = {"equations", "equations_noises", "subnetworks_two_layer", "subnetworks_cnn"}
    one, three = (Workflow(load_settings({"scale": scale, "seeds": list(range(n))}, ROOT)) for n in (1, 3))
    for name, experiment in one.experiments.items():
        for task in (task for task in experiment.tasks if task.rule in rules):
            wildcards = {"experiment": name, **task.wildcards}
            costs = [job_cost(task.rule, workflow, wildcards) for workflow in (one, three)]
            beyond = [each.seconds - START for each in costs]
            assert beyond[1] == pytest.approx(3 * beyond[0]) and costs[1].disk == pytest.approx(3 * costs[0].disk)


def test_a_dataset_of_the_users_is_not_counted():
    """Nothing is known of it, where it once cost nothing in silence."""
    workflow = Workflow(load_settings({"scale": "smoke", "datasets": {"rings": "my_rings:rings"}}, ROOT))
    with pytest.raises(LookupError, match="the custom dataset 'rings' is not counted"):
        job_cost("data", workflow, {"dataset": "rings"})


def test_a_rule_that_nobody_has_counted_is_said_to_be_so():
    with pytest.raises(LookupError):
        cost("another_rule")
