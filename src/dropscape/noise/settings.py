"""The settings of the alignment of Hessian and gradient covariance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from dropscape.measurement import Measurement, Task
from dropscape.schema import Count, KeepProb

if TYPE_CHECKING:
    from dropscape.resolved.run import ResolvedRun


class AlignmentSettings(Measurement):
    """Alignment of Hessian and gradient covariance along training."""

    section: ClassVar = "alignment"
    summary: ClassVar = "Alignment of Hessian and covariance along training; null leaves it out."

    recorded_steps: Count = Field(
        description="Steps of the training at which it is measured, half log-spaced, half even."
    )
    samples: Count = Field(description="N, gradients sampled at each recorded step.")
    keep_probs: list[KeepProb] | None = Field(
        None, description="Keep probabilities of the tentative dropout; null means the run's."
    )
    mask_draws: int = Field(
        0,
        ge=0,
        description="Draws of all examples' masks that the Hessian of L_S and the covariance of one example's gradient "
        "average over, paper C's and paper A's other readings; 0 leaves both out.",
    )
    eigenvector_steps: int = Field(
        0,
        ge=0,
        description="Of the recorded steps, evenly among them, so many at which the variance along every "
        "eigenvector of the Hessian is set against its eigenvalue; each takes a spectrum. 0 leaves it out.",
    )
    baseline_samples: int = Field(0, ge=0, description="Pairs of random matrices for the baseline at the end point.")

    def tasks(self, run: "ResolvedRun") -> Sequence[Task]:
        """Ask for the alignment along the run, and the baseline of random matrices where gradients are sampled."""
        tasks = []
        if run.has_noise or self.keep_probs:
            keep_probs = self.keep_probs or [run.settings["keep_prob"]]
            settings = {key: value for key, value in run.settings.items() if key != "keep_prob"}
            own = self.model_dump(include={"samples", "mask_draws", "eigenvector_steps"})
            settings |= own | {"keep_probs": keep_probs}
            tasks.append(Task("noise_alignment", settings, {"alignment": "noise"}, on_device=True))
        if run.has_noise and self.baseline_samples and run.measures("gradients"):
            settings = run.only("seeds") | {"baseline_samples": self.baseline_samples}
            tasks.append(Task("noise_baseline", settings, {"baseline": "noise"}))
        return tasks
