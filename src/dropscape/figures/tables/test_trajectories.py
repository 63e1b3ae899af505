"""Test loss and accuracy along dropout, its equations and descent on the modified loss (paper C, Fig. 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

from dropscape.figures.tables.content import Content
from dropscape.figures.tables.simulations import simulations

LOSS, ACCURACY = "test loss", "test accuracy"
METHODS = ("dropout", "order_1", "order_2", "descent")


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Loss and accuracy on the test examples without dropout; arguments and tables are those of ``simulations``."""
    return simulations(experiments, inputs, METHODS, {"test_loss": LOSS, "test_accuracy": ACCURACY})
