"""What one job costs, by its rule.

The jobs of a run are counted in ``run_jobs``, those of an experiment whose jobs are its own in ``experiment_jobs``, all
others here. A rule that is nowhere is listed as not counted.
"""

from collections.abc import Callable, Mapping

from dropscape.config.experiment import ExperimentSettings
from dropscape.config.user import DATASETS
from dropscape.cost_model import experiment_jobs, run_jobs
from dropscape.cost_model.cost import Cost, NetworkPasses, with_start
from dropscape.cost_model.rates import (
    CLAIM,
    CLAIM_OF_DIRECTIONS,
    LANCZOS_PRODUCTS,
    OF_DIRECTIONS,
    PASSES_OF_PRODUCT,
    PASSES_OF_TRACE,
    PREPARED_EXAMPLE,
    REPORTED_FIGURE,
    THEORY_NETWORK,
)
from dropscape.cost_model.run import RunWork
from dropscape.models.networks.resnet18 import ResNet18Settings
from dropscape.resolved.run import resolved_run
from dropscape.resolved.workflow import Workflow

# A custom network is counted as this one, the most expensive of the papers.
MOST_EXPENSIVE = {"model": ResNet18Settings(name="resnet18", classes=10), "block": ["conv1.weight"]}


def job_cost(rule: str, workflow: Workflow, wildcards: Mapping[str, str], custom_as_known: bool = False) -> Cost:
    """The cost of the job of a rule with these wildcards; ``custom_as_known`` counts custom networks as MOST_EXPENSIVE.

    Raises:
        LookupError: it cannot be counted: an unknown rule, or a custom network.
    """
    if rule in run_jobs.COSTS:
        experiment = workflow.trained[wildcards["experiment"]]
        return run_jobs.COSTS[rule](_run_work(workflow, experiment.settings, wildcards, custom_as_known))
    if rule in experiment_jobs.COSTS:
        experiment = workflow.experiments[wildcards["experiment"]].settings
        if "width" in wildcards:
            experiment = experiment.model_copy(update={"widths": [int(wildcards["width"])]})
        return experiment_jobs.COSTS[rule](experiment)
    if rule == "curvature_sharpness":
        return _curvature_sharpness(workflow, wildcards)
    if rule == "flatness_interpolations":
        return _flatness_interpolations(workflow, wildcards, custom_as_known)
    return COSTS[rule](workflow, wildcards)


def _run_work(
    workflow: Workflow, settings: ExperimentSettings, wildcards: Mapping[str, str], custom_as_known: bool
) -> RunWork:
    run = workflow.run(wildcards)
    if custom_as_known and settings.model.name == "custom":
        settings = settings.model_copy(update=MOST_EXPENSIVE)
        run = resolved_run(run.experiment, settings, run.name, workflow.user.device)
    return RunWork(run, settings)


def _data(workflow: Workflow, wildcards: Mapping[str, str]) -> Cost:
    name = wildcards["dataset"]
    if name not in DATASETS:
        raise LookupError(f"the custom dataset '{name}' is not counted")
    kind = DATASETS[name]
    source = workflow.user.source_of(name)
    # A folder of the user's is expected to hold the official files.
    examples = sum(kind.sizes.get("official" if source == "directory" else source, [0]))
    size = examples * kind.example_bytes
    return with_start("torch", examples * PREPARED_EXAMPLE, memory=3 * size, disk=size)


def _curvature_sharpness(workflow: Workflow, wildcards: Mapping[str, str]) -> Cost:
    experiment = workflow.trained[wildcards["experiment"]]
    runs = list(experiment.runs.values())
    work = RunWork(runs[0], experiment.settings)
    networks = work.seeds * experiment.settings.recorded_steps
    hessians = networks * sum(1 + run.has_noise for run in runs)
    passes = hessians * LANCZOS_PRODUCTS * PASSES_OF_PRODUCT + networks * len(runs) * PASSES_OF_TRACE
    on_gpu = work.gpu_seconds("forward", passes * work.examples)
    return work.on_either_device(NetworkPasses(passes * work.examples), on_gpu, disk=120 * networks * len(runs))


def _flatness_interpolations(workflow: Workflow, wildcards: Mapping[str, str], custom_as_known: bool) -> Cost:
    experiment = workflow.trained[wildcards["experiment"]].settings
    asked = experiment.interpolations
    work = _run_work(workflow, experiment, {**wildcards, "run": asked.pairs[0][0]}, custom_as_known)
    points = min(2, work.seeds) * work.seeds * len(asked.pairs) * asked.points  # also between two seeds
    passes = NetworkPasses(points * work.examples, calls=work.calls(points))
    return work.on_either_device(passes, work.gpu_seconds("forward", points * work.examples), disk=100 * points)


def _theory(workflow: Workflow, wildcards: Mapping[str, str]) -> Cost:
    table = wildcards["table"]
    asked = getattr(workflow.studies[wildcards["study"]].theory, table)
    networks = getattr(asked, "networks", 0) * len(getattr(asked, "sizes", [None]))
    networks *= len(asked.keep_probs) if table == "closed_forms" else 1  # elsewhere they take them in turn
    return with_start("torch", networks * THEORY_NETWORK.get(table, 0.0), memory=50e6, disk=500 * networks)


def _claims(workflow: Workflow, wildcards: Mapping[str, str]) -> Cost:
    study = workflow.studies[wildcards["study"]]
    about = [claim for claim in study.claims.values() if claim.statistic.name.startswith(OF_DIRECTIONS)]
    experiments = [workflow.experiments[name] for claim in about for name in study.figures[claim.figure].experiments]
    seeds = sum(len(one.settings.runs) * len(one.settings.seeds) for one in experiments)
    return with_start("tables", len(study.claims) * CLAIM + seeds * CLAIM_OF_DIRECTIONS, memory=60e6, disk=100e3)


def _report(workflow: Workflow, wildcards: Mapping[str, str]) -> Cost:
    return with_start("drawing", len(workflow.figures) * REPORTED_FIGURE, memory=60e6, disk=15e6)


COSTS: dict[str, Callable[[Workflow, Mapping[str, str]], Cost]] = {
    "data": _data,
    "theory": _theory,
    "claims": _claims,
    "claims_table": lambda workflow, wildcards: with_start("tables", disk=100e3),
    "figures": lambda workflow, wildcards: with_start("drawing", disk=900e3),
    "report": _report,
}
