"""The options of a figure of kind ``alignment_cosine``."""

from pydantic import Field

from dropscape.figures.settings import DropoutFigure


class AlignmentCosine(DropoutFigure):
    """Cosine of Hessian and noise covariance along training with dropout (paper C, Fig. 3)."""

    run_tables = ("alignment",)
    optional_run_tables = ("baseline",)
    needs = ("alignment",)
    caption = (
        "The cosine of the Hessian and the covariance of the dropout noise is shown along training ({reference}): the "
        "paper's plain estimate, which a finite number of samples makes too small, and an unbiased one. The panel at "
        "the right shows random matrices with the same spectra. Undefined values are counted by reason under the "
        "figure."
    )
    level: float | None = Field(None, description="The paper's cosine, drawn as a line.")
