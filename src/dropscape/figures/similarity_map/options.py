"""The options of a figure of kind ``similarity_map``."""

from dropscape.figures.settings import CondensationFigure


class SimilarityMap(CondensationFigure):
    """Cosines between the input weights of a layer's neurons (paper B, Fig. 7a, b)."""

    run_tables = ("similarity",)
    caption = "The map shows the cosines between the input weights of a layer's neurons ({reference})."
