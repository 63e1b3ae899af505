"""The settings of what is sampled under fresh masks at the end point of training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from dropscape.curvature.settings import curvature_task
from dropscape.measurement import Measurement, Task
from dropscape.schema import Count

if TYPE_CHECKING:
    from dropscape.resolved.run import ResolvedRun


class GradientSettings(Measurement):
    """Gradients of the block at the end point of training, under fresh masks."""

    section: ClassVar = "gradients"
    summary: ClassVar = "Gradients at the end point; null leaves them out."

    samples: Count = Field(description="N, the number of sampled gradients.")

    def tasks(self, run: "ResolvedRun") -> Sequence[Task]:
        """Ask for the gradients, and the projection of all samples on the Hessian's eigenvectors."""
        if not run.has_noise:
            return ()
        return (
            Task("sampling", run.settings | {"samples": self.samples}, on_device=True),
            curvature_task(run),
            Task("noise_projection", run.only("seeds") | {"samples": run.samples}, {"projection": "noise"}),
        )


class RatioSettings(Measurement):
    """Dropout loss against its squared gradient at the end point of training (paper B, section V.B)."""

    section: ClassVar = "ratio"
    summary: ClassVar = "Dropout loss against its squared gradient; null leaves it out."

    samples: Count = Field(description="N, masks whose mean stands for the expectations; 3,000 in the paper.")

    def tasks(self, run: "ResolvedRun") -> Sequence[Task]:
        """Ask for the ratio."""
        if not run.has_noise:
            return ()
        settings = run.settings | {"samples": self.samples}
        return (Task("sampling_ratio", settings, {"ratios": "sampling"}, on_device=True),)
