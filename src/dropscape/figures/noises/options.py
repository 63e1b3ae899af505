"""The options of a figure of kind ``noises``."""

from dropscape.figures.settings import StageFigure


class Noises(StageFigure):
    """Flatness, loss and accuracy after trainings with different noise (paper C, appendix D)."""

    experiment_tables = ("noises",)
    caption = "Training with different noise ends at different flatness, loss and accuracy ({reference})."
