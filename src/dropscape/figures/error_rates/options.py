"""The options of a figure of kind ``error_rates``."""

from dropscape.figures.settings import StageFigure


class ErrorRates(StageFigure):
    """Mean errors of the iterates of Algorithm 1 by their number (paper D, Theorems 4.1 and 4.2)."""

    experiment_tables = ("errors", "margins")
    several_experiments = True
    caption = "The mean error of the iterates of Algorithm 1 is shown by their number ({reference})."
