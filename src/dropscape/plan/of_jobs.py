"""What one job costs, by its rule.

The jobs of a run are counted in ``of_runs``, those of an experiment that is one job in ``of_experiments``, all others
here from the merged settings and the job's wildcards. A rule that is nowhere is listed as not counted.
"""

from collections.abc import Callable, Mapping

from dropscape.config.settings import Settings
from dropscape.plan import of_experiments, of_runs
from dropscape.plan.cost import Cost, Passes, started
from dropscape.plan.rates import CLAIM, CLAIM_OF_DIRECTIONS, OF_DIRECTIONS, PREPARED_EXAMPLE, THEORY_NETWORK
from dropscape.plan.run import run_of

# Examples of a release or of what stands in for it, train and test together, and the bytes of one.
RELEASED = {"mnist": 70_000, "cifar10": 60_000, "cifar100": 60_000, "multi30k": 30_000}
EMBEDDED = {"mnist": 5_000, "cifar10": 5_000, "cifar100": 5_000, "multi30k": 4_500}
EXAMPLE_BYTES = {"mnist": 785, "cifar10": 3_073, "cifar100": 3_073, "multi30k": 250}


def cost_of(rule: str, settings: Settings, wildcards: Mapping[str, str]) -> Cost:
    """The cost of the job of a rule with these wildcards.

    Raises:
        LookupError: nobody has counted it: an unknown rule, or a network of the user's own.
    """
    if rule in of_runs.COSTS:
        return of_runs.COSTS[rule](run_of(settings, wildcards))
    if rule in of_experiments.COSTS:
        experiment = settings.experiment(wildcards["experiment"])
        if "width" in wildcards:
            experiment = experiment.model_copy(update={"widths": [int(wildcards["width"])]})
        return of_experiments.COSTS[rule](experiment)
    return COSTS[rule](settings, wildcards)


def _data(settings: Settings, wildcards: Mapping[str, str]) -> Cost:
    name = wildcards["dataset"]
    examples = (EMBEDDED if settings.user.source_of(name) == "embedded" else RELEASED).get(name, 0)
    size = examples * EXAMPLE_BYTES.get(name, 0)
    return started("torch", examples * PREPARED_EXAMPLE, memory=3 * size, disk=size)


def _flatness_interpolations(settings: Settings, wildcards: Mapping[str, str]) -> Cost:
    asked = settings.experiment(wildcards["experiment"]).interpolations
    run = run_of(settings, {**wildcards, "run": asked.pairs[0][0]})
    points = run.seeds * len(asked.pairs) * asked.points
    return run.on_the_processor(Passes(points * run.examples, calls=run.calls(points)), disk=100 * points)


def _theory(settings: Settings, wildcards: Mapping[str, str]) -> Cost:
    table = wildcards["table"]
    asked = getattr(settings.studies[wildcards["study"]].theory, table)
    networks = getattr(asked, "networks", 0) * len(getattr(asked, "sizes", [None]))
    networks *= len(asked.keep_probs) if table == "closed_forms" else 1  # elsewhere they take them in turn
    return started("torch", networks * THEORY_NETWORK.get(table, 0.0), memory=50e6, disk=500 * networks)


def _claims(settings: Settings, wildcards: Mapping[str, str]) -> Cost:
    judged = [claim for claim in settings.claims.values() if claim.study in settings.selected_studies]
    figures = [
        settings.studies[claim.study].figures[claim.figure]
        for claim in judged
        if claim.statistic.startswith(OF_DIRECTIONS)
    ]
    experiments = [settings.experiment(name) for figure in figures for name in figure.experiments]
    seeds = sum(len(one.runs) * len(one.seeds) for one in experiments)
    return started("tables", len(judged) * CLAIM + seeds * CLAIM_OF_DIRECTIONS, memory=60e6, disk=100e3)


COSTS: dict[str, Callable[[Settings, Mapping[str, str]], Cost]] = {
    "data": _data,
    "flatness_interpolations": _flatness_interpolations,
    "theory": _theory,
    "claims": _claims,
    "figures_table": lambda settings, wildcards: started("tables", disk=500e3),
    "figures": lambda settings, wildcards: started("drawing", disk=300e3),
    "report": lambda settings, wildcards: started("tables", disk=20e3),
}
