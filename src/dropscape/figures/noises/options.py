"""The options of a figure of kind ``noises``."""

from dropscape.figures.settings import StageFigure


class Noises(StageFigure):
    """Flatness, loss and accuracy along trainings with different noise (paper C, appendix D)."""

    experiment_tables = ("noises",)
    caption = "Trainings with different noise differ in flatness, loss and accuracy ({reference})."
