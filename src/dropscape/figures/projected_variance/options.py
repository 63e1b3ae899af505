"""The options of a figure of kind ``projected_variance``."""

from typing import Any

from dropscape.figures.settings import SampleFigure, Scatter


class ProjectedVariance(SampleFigure):
    """Variance along the Hessian's eigenvectors against its eigenvalues (paper A, Fig. 3)."""

    run_tables = ("projection",)
    optional_run_tables = ("projection_drift",)
    needs = ("projection", "gradients")
    scatter = Scatter(
        x="eigenvalue",
        x_label="Hessian eigenvalue λ [loss / parameter²]",
        y="variance",
        y_label="variance along the eigenvector",
        by="estimate",
        names={"run": "run", "seed": "seed", "index": "direction"},
    )
    caption = (
        "The variance of the noise along each eigenvector of the Hessian is shown against its eigenvalue "
        "({reference}), each run by itself; for a trajectory also without its drift, a parabola of the step in each "
        "parameter. Negative and numerically zero eigenvalues cannot be drawn on logarithmic axes; they are "
        "counted by reason under the figure."
    )

    def experiment_details(self, experiment: Any) -> dict[str, Any]:
        """As many samples as are projected."""
        details = super().experiment_details(experiment)
        return details | {"samples": min(details["samples"], experiment.settings.projection.samples)}
