"""The settings of what is sampled under fresh masks at the end point of training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from dropscape.curvature.settings import curvature_task
from dropscape.measurement import Measurement, Task
from dropscape.schema import SPEED_ONLY, Count

if TYPE_CHECKING:
    from dropscape.resolved.run import ResolvedRun

Fewest = Annotated[int, Field(ge=4)]  # of a sample: a parabola of the steps leaves a variance of four


class GradientSettings(Measurement):
    """Gradients of the block at the end point of training, under fresh masks."""

    section: ClassVar = "gradients"
    summary: ClassVar = "Gradients at the end point; null leaves them out."

    samples: Count = Field(description="N, the number of sampled gradients.")
    held_out: Annotated[Fewest | None, SPEED_ONLY] = Field(
        None,
        description="Further gradients, of other masks: the variance along the principal directions of the N is "
        "measured on them too, with a relative standard error of sqrt(2 / held_out). Null means N.",
    )

    def tasks(self, run: "ResolvedRun") -> Sequence[Task]:
        """Ask for the gradients."""
        if not run.has_noise:
            return ()
        sizes = {"samples": self.samples, "held_out": self.held_out or self.samples}
        return (Task("sampling", run.settings | sizes, on_device=True),)


class ProjectionSettings(Measurement):
    """Variance of the samples along the Hessian's eigenvectors at the end point (paper A, section 6.2)."""

    section: ClassVar = "projection"
    summary: ClassVar = "Variance of the samples along the Hessian's eigenvectors; null leaves it out."

    samples: Fewest = Field(
        description="N, how many of each sample are projected: the last gradients and the last steps of the trajectory."
    )

    def tasks(self, run: "ResolvedRun") -> Sequence[Task]:
        """Ask for the projection where gradients are sampled, in whose space the random directions lie."""
        if not (run.has_noise and run.measures("gradients")):
            return ()
        settings = run.only("seeds") | {"samples": run.samples, "projected": self.samples}
        tables = ("projection", "projection_drift") if "trajectory" in run.samples else ("projection",)
        return curvature_task(run), Task("noise_projection", settings, dict.fromkeys(tables, "noise"))


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
