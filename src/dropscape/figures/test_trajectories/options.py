"""The options of a figure of kind ``test_trajectories``."""

from dropscape.figures.settings import StageFigure


class TestTrajectories(StageFigure):
    """Test loss and accuracy along dropout, its equations and descent on the modified loss (paper C, Fig. 2)."""

    experiment_tables = ("trajectories",)
    caption = "Dropout, its equations and descent on the modified loss are compared on test data ({reference})."
