"""The options of a figure of kind ``test_trajectories``."""

from typing import ClassVar, Literal

from dropscape.figures.settings import StageFigure


class TestTrajectories(StageFigure):
    """Test loss and accuracy along dropout, its equations and descent on the modified loss (paper C, Fig. 2)."""

    experiment_tables: ClassVar = ("trajectories",)
    caption: ClassVar = (
        "Dropout, its equations and descent on the modified loss are compared on test data ({reference})."
    )
    kind: Literal["test_trajectories"]
