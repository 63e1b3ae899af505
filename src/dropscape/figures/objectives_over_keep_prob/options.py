"""The options of a figure of kind ``objectives_over_keep_prob``."""

from pydantic import Field

from dropscape.figures.settings import ObjectiveFigure
from dropscape.training.settings import Objective


class ObjectivesOverKeepProb(ObjectiveFigure):
    """What trainings on different objectives reach at each keep probability (paper B, Fig. 2 and 13)."""

    run_tables = ("history",)
    caption = "Trainings on different objectives are compared at each keep probability ({reference})."
    objectives: list[list[Objective]] | None = Field(
        None,
        description="Groups of objectives, a panel of accuracies each; null: one group of all. With one group R_S and "
        "R_1 are drawn beside it.",
        min_length=1,
    )
