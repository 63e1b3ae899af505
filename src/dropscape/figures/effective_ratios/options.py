"""The options of a figure of kind ``effective_ratios``."""

from dropscape.figures.settings import CondensationFigure


class EffectiveRatios(CondensationFigure):
    """The share of neurons of different orientation along training (paper B, Fig. 7c)."""

    run_tables = ("condensation",)
    caption = "The effective ratio counts the different orientations of a layer's neurons ({reference})."
