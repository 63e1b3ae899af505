"""The options of a figure of kind ``flow_errors``."""

from dropscape.figures.settings import FigureSettings


class FlowErrors(FigureSettings):
    """How far dropout's mean iterate is from the flows of paper B (eq. 6); draws its study's theory."""

    theory_table = "modified_flow"
    caption = (
        "Dropout's mean iterate, exact over all masks of small networks, is compared with the gradient flows of R_S + "
        "R₁, of R_S + R₁ + R₂ ({reference}), and of R_S + R₁ with the square of the mean gradient instead of "
        "R₂'s mean square. R₂ depends on whether the examples of a step share their masks."
    )
