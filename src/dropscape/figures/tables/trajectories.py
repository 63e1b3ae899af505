"""The training loss along dropout and its stochastic modified equations (paper C, Fig. 1a and appendix C)."""

from collections.abc import Mapping, Sequence
from typing import Any

from dropscape.figures.tables.content import Content
from dropscape.figures.tables.simulations import simulations

LOSS = "loss"
METHODS = ("dropout", "order_1", "order_2")


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """The risk R_S without dropout of the methods with noise; arguments and tables are those of ``simulations``."""
    return simulations(experiments, inputs, METHODS, {"loss": LOSS})
