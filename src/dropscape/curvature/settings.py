"""The job that computes the Hessian, for measurements that need its eigenpairs."""

from typing import TYPE_CHECKING

from dropscape.measurement import Task

if TYPE_CHECKING:
    from dropscape.resolved.run import ResolvedRun


def curvature_task(run: "ResolvedRun") -> Task:
    """Ask for all eigenpairs of the block's Hessian at the end point of the run."""
    settings = run.only("data", "model", "loss", "label_smoothing", "block", "seeds", "device")
    return Task("curvature", settings, on_device=True)
