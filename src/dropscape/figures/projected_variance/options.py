"""The options of a figure of kind ``projected_variance``."""

from dropscape.figures.settings import SampleFigure


class ProjectedVariance(SampleFigure):
    """Variance along the Hessian's eigenvectors against its eigenvalues (paper A, Fig. 3)."""

    run_tables = ("projection",)
    caption = (
        "The variance of the noise along each eigenvector of the Hessian is shown against its eigenvalue "
        "({reference}). Negative and numerically zero eigenvalues cannot be drawn on logarithmic axes; they are "
        "counted by reason under the figure."
    )
