"""The job that computes the Hessian for measurements that need its eigenpairs, and the settings of the sharpness."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from dropscape.measurement import Measurement, Task
from dropscape.schema import Count

if TYPE_CHECKING:
    from dropscape.config.experiment import ExperimentSettings
    from dropscape.resolved.experiment import TrainedExperiment
    from dropscape.resolved.run import ResolvedRun


def curvature_task(run: "ResolvedRun") -> Task:
    """Ask for all eigenpairs of the block's Hessian at the end point of the run."""
    settings = run.only("data", "model", "loss", "label_smoothing", "block", "seeds", "device")
    return Task("curvature", settings, on_device=True)


class SharpnessSettings(Measurement):
    """Sharpest curvature of the loss in all parameters along training."""

    section: ClassVar = "sharpness"
    summary: ClassVar = "The Hessian's largest eigenvalue and trace along training; null leaves them out."

    recorded_steps: Count = Field(
        description="Steps of the training at which it is measured, half log-spaced, half even."
    )

    def check(self, experiment: "ExperimentSettings") -> None:
        """Refuse other networks than the piecewise linear ones of one dropout layer."""
        model = experiment.model
        layers = [run.dropout_after or experiment.dropout.dropout_after for run in experiment.runs.values()]
        if not model.is_fully_connected or model.activation == "tanh" or any(isinstance(one, list) for one in layers):
            raise ValueError(
                "sharpness needs a fully-connected network with the activation relu and dropout after one layer: leave "
                "the section out"
            )

    def experiment_tasks(self, experiment: "TrainedExperiment") -> Sequence[Task]:
        """Ask for the sharpness of all runs, whose start would take longer than many a measurement."""
        runs = list(experiment.runs.values())
        settings = runs[0].only("model", "loss", "label_smoothing", "seeds", "device")
        settings["runs"] = {
            run.name: run.only("data", "dropout_after") | {"keep_prob": run.keep_probs[0] if run.has_noise else 1}
            for run in runs
        }
        return (Task("curvature_sharpness", settings, {"sharpness": "curvature"}, on_device=True),)
