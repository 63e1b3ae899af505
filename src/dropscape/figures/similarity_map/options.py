"""The options of a figure of kind ``similarity_map``."""

from typing import ClassVar, Literal

from dropscape.figures.settings import CondensationFigure


class SimilarityMap(CondensationFigure):
    """Cosines between the input weights of a layer's neurons (paper B, Fig. 7a, b)."""

    run_tables: ClassVar = ("similarity",)
    caption: ClassVar = "The map shows the cosines between the input weights of a layer's neurons ({reference})."
    kind: Literal["similarity_map"]
