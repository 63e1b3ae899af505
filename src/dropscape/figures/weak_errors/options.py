"""The options of a figure of kind ``weak_errors``."""

from dropscape.figures.settings import StageFigure


class WeakErrors(StageFigure):
    """How far the equations' expected ends are from dropout's (paper C, Fig. 1b, c)."""

    experiment_tables = ("weak_errors",)
    caption = "The expected parameters of the modified equations are compared with dropout's ({reference})."
