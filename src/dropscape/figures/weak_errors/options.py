"""The options of a figure of kind ``weak_errors``."""

from typing import ClassVar, Literal

from dropscape.figures.settings import StageFigure


class WeakErrors(StageFigure):
    """How far the equations' expected ends are from dropout's (paper C, Fig. 1b, c)."""

    experiment_tables: ClassVar = ("weak_errors",)
    caption: ClassVar = "The expected parameters of the modified equations are compared with dropout's ({reference})."
    kind: Literal["weak_errors"]
