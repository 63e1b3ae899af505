"""The options of a figure of kind ``effective_ratios``."""

from typing import ClassVar, Literal

from dropscape.figures.settings import CondensationFigure


class EffectiveRatios(CondensationFigure):
    """The share of neurons of different orientation along training (paper B, Fig. 7c)."""

    run_tables: ClassVar = ("condensation",)
    caption: ClassVar = "The effective ratio counts the different orientations of a layer's neurons ({reference})."
    kind: Literal["effective_ratios"]
