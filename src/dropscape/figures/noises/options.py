"""The options of a figure of kind ``noises``."""

from typing import ClassVar, Literal

from dropscape.figures.settings import StageFigure


class Noises(StageFigure):
    """Flatness, loss and accuracy after trainings with different noise (paper C, appendix D)."""

    experiment_tables: ClassVar = ("noises",)
    caption: ClassVar = "Training with different noise ends at different flatness, loss and accuracy ({reference})."
    kind: Literal["noises"]
