"""What a study's claims are judged on."""

from typing import TYPE_CHECKING, Any

from dropscape.resolved.compared import claim_deviations
from dropscape.resolved.experiment import TrainedExperiment, table_files
from dropscape.resolved.run import ResolvedRun

if TYPE_CHECKING:
    from dropscape.resolved.workflow import Workflow


def claimed_experiment(workflow: "Workflow", study: str, claim: Any) -> str | None:
    """The experiment whose runs a claim is about; theory's claims have none."""
    if claim.figure is None:
        return None
    return claim.experiment or workflow.studies[study].figures[claim.figure].experiments[0]


def experiments_of_claim(workflow: "Workflow", study: str, claim: Any) -> list[str]:
    """The experiments that a claim is about and compares with, its own first; none for a claim about theory."""
    own = claimed_experiment(workflow, study, claim)
    statistics = (claim.statistic, claim.control_statistic)
    others = [getattr(one, "other_experiment", None) for one in statistics]
    others += [name for one in statistics for name in getattr(one, "other_experiments", ())]
    names = [own, *others, getattr(claim.control, "experiment", None)]
    return list(dict.fromkeys(name for name in names if name in workflow.experiments))


def claimed_experiments(workflow: "Workflow", study: str) -> list[str]:
    """The experiments that a study's claims are about or compare with, sorted by name."""
    claims = workflow.studies[study].claims.values()
    names = {name for claim in claims for name in experiments_of_claim(workflow, study, claim)}
    return [name for name in workflow.experiments if name in names]


def claim_settings(workflow: "Workflow", study: str) -> dict[str, Any]:
    """The claims in their order, and everything that they are judged on."""
    claims = workflow.studies[study].claims
    experiments = {name: workflow.experiments[name] for name in claimed_experiments(workflow, study)}
    trained = [one for one in experiments.values() if isinstance(one, TrainedExperiment)]
    theory = {claim.statistic.table for claim in claims.values() if claim.figure is None}
    return {
        "claims": [
            {"name": name, "study": study}
            | claim.model_dump(mode="json")
            | {"expected": claim.expected.model_dump(exclude_none=True)}
            | {"control_statistic": claim.control_statistic and claim.control_statistic.model_dump(mode="json")}
            for name, claim in claims.items()
        ],
        "experiments": {name: claimed_experiment(workflow, study, claim) for name, claim in claims.items()},
        "descriptions": {name: workflow.description(name) for name in experiments},
        "deviations": {
            name: claim_deviations(workflow, study, name, experiments_of_claim(workflow, study, claim))
            for name, claim in claims.items()
        },
        "scale": workflow.user.scale,
        "runs": [_described(one, run) for one in trained for run in one.runs.values()],
        "tables": table_files(
            workflow.paths,
            [(one, one.runs.values() if isinstance(one, TrainedExperiment) else ()) for one in experiments.values()],
            {table: workflow.paths.theory(study, table) for table in sorted(theory)},
        ),
    }


def _described(experiment: TrainedExperiment, run: ResolvedRun) -> dict[str, Any]:
    """What the claims know of one run."""
    keep_prob = run.settings["keep_prob"]
    return {
        "experiment": experiment.name,
        "name": run.name,
        "main": experiment.is_main(run),
        "plain": not (run.has_noise or run.noise),
        "settings": {
            "keep_prob": min(keep_prob) if isinstance(keep_prob, list) else keep_prob,
            "optimizer": run.optimizer,
            "learning_rate": run.learning_rate,
            "objective": run.objective,
            "gradient_penalty_weight": run.gradient_penalty_weight,
            "train_examples": run.train_examples,
            "trajectory_steps": run.training["trajectory_steps"],
        },
    }
