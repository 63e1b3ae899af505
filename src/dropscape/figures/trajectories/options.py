"""The options of a figure of kind ``trajectories``."""

from dropscape.figures.settings import StageFigure


class Trajectories(StageFigure):
    """Training loss along dropout and its modified equations (paper C, Fig. 1a)."""

    experiment_tables = ("trajectories",)
    caption = "The training loss of dropout is compared with that of its modified equations ({reference})."
