"""The options of a figure of kind ``minima_over_keep_prob``."""

from dropscape.figures.settings import ObjectiveFigure


class MinimaOverKeepProb(ObjectiveFigure):
    """How flat the minima of trainings on different objectives are, and how they generalise (paper B, section VII)."""

    run_tables = ("history",)
    experiment_tables = ("sharpness",)
    needs = ("sharpness",)
    caption = (
        "The flatness of the minima of trainings on different objectives and their test errors are compared at each "
        "keep probability ({reference})."
    )
