"""The training loss along dropout and its stochastic modified equations (paper C, Fig. 1a and appendix C)."""

from dropscape.figures import simulations
from dropscape.figures.content import FigureContent, Settings, TableFiles

LOSS = "loss"
METHODS = ("dropout", "order_1", "order_2")


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The risk R_S without dropout of the methods with noise; arguments and columns as in ``simulations``."""
    return simulations.simulations(figure, tables, METHODS, {"loss": LOSS})
