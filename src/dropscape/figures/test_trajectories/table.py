"""Test loss and accuracy along dropout, its equations and descent on the modified loss (paper C, Fig. 2)."""

from dropscape.figures import simulations
from dropscape.figures.content import FigureContent, Settings, TableFiles

LOSS, ACCURACY = "test loss", "test accuracy"
METHODS = ("dropout", "order_1", "order_2", "descent")


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Loss and accuracy on the test examples without dropout; arguments and columns as in ``simulations``."""
    return simulations.simulations(figure, tables, METHODS, {"test_loss": LOSS, "test_accuracy": ACCURACY})
