"""The options of a figure of kind ``alignment_trace``."""

from dropscape.figures.settings import DropoutFigure


class AlignmentTrace(DropoutFigure):
    """Trace of Hessian times noise covariance along training without dropout (paper A, Fig. 4)."""

    run_tables = ("alignment",)
    needs = ("alignment",)
    caption = (
        "Tr(H Σ) is compared with the same trace for isotropic noise, along a training without dropout to which "
        "dropout is added tentatively ({reference}). Undefined values are counted by reason under the figure."
    )
